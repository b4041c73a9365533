"""Run the checks, as `scripts/test` does."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from checkout import ROOT
from environments import prepare
from interpreters import find
from outcomes import Counts, Outcome
from private_hatch import hatch
from steps import Step, all_steps, quick_step

HELP = """\
./scripts/test                     every check: lint, types, docs, test (the matrix), solo, floor, wheels
./scripts/test ARGUMENTS           pytest with exactly these arguments, in one environment:
                                   this Python and the newest pandas
./scripts/test --only STEP,STEP    some of the checks: lint, types, docs, test, solo, floor, wheels, or one of
                                   --list, such as test.py3.12-pandas2; * matches anything.
                                   What follows goes to pytest.
./scripts/test --list              the names of all steps
./scripts/test --help              this

for example
  ./scripts/test -k deck packages/obs-core
  ./scripts/test packages/obs-core/tests/test_spans.py -x
  ./scripts/test --only lint,types
  ./scripts/test --only test.py3.13-pandas2 -k deck

lint    ruff check and ruff format over everything (`./scripts/hatch run lint:fix` mends what it can)
types   mypy --strict over the packages and their tests
docs    the docs site, where a warning is an error (`./scripts/hatch run docs:serve` shows it)
test    all tests, Python x pandas; those marked slow or browser run in the newest cell alone,
        those that need whylogs in the newest that has it (3.12), and with the older pandas those
        of the packages that depend on pandas
solo    each package with only what it declares, newest versions
floor   each package with the oldest versions that it declares
wheels  all packages, built and installed as users do

A Python of the matrix that is not on PATH is skipped; nothing is downloaded in its place. No compiler is
needed: `floor` wants Python 3.11, for which the oldest versions have wheels. All that is made
lies in .hatch/ of this checkout, which may be removed at any time. OBS_* variables do not reach the tests.
"""


class Done(NamedTuple):
    """A step that was run."""

    step: Step
    outcome: Outcome
    seconds: float

    @property
    def failed(self) -> bool:
        return self.outcome.status == "failed"

    def __str__(self) -> str:
        return f"{self.outcome.status:7} {self.seconds:7.1f} s  {self.step.name:22} {self.outcome.note}"


def main(arguments: list[str]) -> int:
    """Run what the arguments ask for and return the exit code."""
    match arguments:
        case ["-h" | "--help", *_]:
            print(HELP, end="")
            return 0
        case ["--list", *_]:
            print("\n".join(step.name for step in all_steps()))
            return 0
        case []:
            return run(all_steps())
        case ["--only"]:
            raise SystemExit("--only which? `./scripts/test --list` shows the steps: --only lint,types")
        case ["--only", wanted, *more]:
            return run(chosen(wanted, more), more)
        case [first, *more] if first.startswith("--only="):
            return run(chosen(first.removeprefix("--only="), more), more)
        case _:
            return pytest(arguments)


def pytest(arguments: Sequence[str]) -> int:
    """Run pytest once, in the caller's folder if the checkout holds it, so that paths mean the same."""
    step, here = quick_step(), Path.cwd()
    python = find(step.version)
    if python is None or prepare(step.name, python=python) is None:
        return 1
    command = ["run", f"{step.name}:{step.script}", f"--rootdir={ROOT}", *arguments]
    return hatch(command, python=python, cwd=here if here.is_relative_to(ROOT) else ROOT)


def chosen(wanted: str, more: Sequence[str]) -> list[Step]:
    """Return the steps that were asked for.

    Args:
        wanted: Names, or what stands before the dot of some, separated by commas.
        more: Arguments for pytest.

    Raises:
        SystemExit: When there is no such step, or one of them is not pytest and there are arguments.
    """
    steps, names = all_steps(), [name.strip() for name in wanted.split(",") if name.strip()]
    for name in names:
        if not any(_is(step, name) for step in steps):
            raise SystemExit(f"There is no step {name!r}. `./scripts/test --list` shows them all.")
    picked = [step for step in steps if any(_is(step, name) for name in names)]
    for step in picked:
        if more and not step.is_pytest:
            raise SystemExit(f"{step.name} is not pytest and takes no arguments, so not {' '.join(more)}")
    return picked


def _is(step: Step, name: str) -> bool:
    return fnmatchcase(step.name, name) or step.name.partition(".")[0] == name


def run(steps: Sequence[Step], more: Sequence[str] = ()) -> int:
    """Run steps, go on after one that fails, and end with a line for each.

    Returns:
        0 if none failed.
    """
    done: list[Done] = []
    try:
        for step in steps:
            done.append(_timed(step, more))
    except KeyboardInterrupt:
        print("\nInterrupted.")
    _summarize(done, len(steps))
    return int(len(done) < len(steps) or any(each.failed for each in done))


def _timed(step: Step, more: Sequence[str]) -> Done:
    print(f"\n--- {step.name}: {step.covers} ---", flush=True)
    start = time.monotonic()
    outcome = step.run(more)
    done = Done(step, outcome, time.monotonic() - start)
    print(f"--- {step.name} {outcome.status} in {done.seconds:.1f} s: {outcome.note}", flush=True)
    return done


def _summarize(done: Sequence[Done], planned: int) -> None:
    print(f"\n--- summary: {len(done)} of {planned} steps in {sum(each.seconds for each in done):.0f} s ---")
    print(*done, sep="\n")
    if any(each.step.is_pytest for each in done):
        print(_where_the_whole_ran(done))
    if failed := [each.step.name for each in done if each.failed]:
        print(f"Failed: {', '.join(failed)}. Again: ./scripts/test --only {','.join(failed)}")
    if any(each.step.is_pytest for each in done):
        print(sum((each.outcome.counts for each in done), Counts()))


def _where_the_whole_ran(done: Sequence[Done]) -> str:
    whole = [each.step.name for each in done if each.step.covers_all and each.outcome.counts.total]
    if not whole:
        return "No test marked slow or browser ran: they do in the newest cell of the matrix."
    return f"Tests marked slow or browser ran in {whole[0]} alone."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

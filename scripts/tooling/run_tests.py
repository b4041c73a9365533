"""Run the checks, as `scripts/test` does."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from changed import changed_steps
from checkout import LOGS, ROOT
from environments import prepare
from interpreters import find
from outcomes import Counts, Outcome
from private_hatch import hatch, install
from steps import WHYLOGS_UNTIL, Step, all_steps, nightly_steps, quick_step, with_whylogs

HELP = """\
./scripts/test                     every check: lint, types, docs, test, floor
./scripts/test --changed           what changed since main: ruff, and the own tests of each package that was touched,
                                   but slow and browser; of those that start a process, which take the most
                                   time, only those of the folders that were touched; of pages their Python
./scripts/test --nightly           all of it: every Python with every pandas, newest and oldest versions, all
                                   examples of each property, all pairs of packages
./scripts/test ARGUMENTS           pytest with exactly these arguments, in one environment:
                                   this Python and the newest pandas
./scripts/test --only STEP,STEP    some of the checks: lint, types, docs, test, floor, or one of --list, such as
                                   test.py3.13-pandas3; * matches anything. What follows goes to pytest.
./scripts/test --list              the names of all steps; with --nightly those of the night
./scripts/test --help              this

for example
  ./scripts/test -k deck packages/obs-core
  ./scripts/test packages/obs-core/tests/test_spans.py -x
  ./scripts/test --only lint,types
  ./scripts/test --only test.py3.13-pandas3 -k deck
  ./scripts/test --nightly --only solo.obs-core

lint    ruff check and ruff format over everything (`./scripts/hatch run lint:fix` mends what it can)
types   mypy --strict over the packages and their tests
docs    the docs site, where a warning is an error (`./scripts/hatch run docs:serve` shows it)
test    the newest Python: every test. The oldest Python: pandas 2, with the packages that know pandas.
        Those between: what looks behind Python's curtains; and all that needs whylogs, up to 3.12
floor   each package's wheel alone, with the oldest versions that it declares: its own tests. Where the oldest
        Python is missing, with the newest versions instead: solo
solo    by night: each package's wheel alone, with the newest versions

A Python of the matrix that is not on PATH is skipped; nothing is downloaded in its place. No compiler is
needed: `floor` wants Python 3.11, for which the oldest versions have wheels. All that is made lies in .hatch/
of this checkout, which may be removed at any time. OBS_* variables do not reach the tests.
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
    if arguments[:1] == ["--nightly"]:
        # pytest knows the option too: it then runs what is marked nightly, and properties with all their examples.
        steps, arguments = [replace(step, options=("--nightly",)) for step in nightly_steps()], arguments[1:]
    else:
        steps = all_steps()
    match arguments:
        case ["-h" | "--help", *_]:
            print(HELP, end="")
            return 0
        case ["--list", *_]:
            print("\n".join(step.name for step in steps))
            return 0
        case []:
            return run(steps)
        case ["--changed", *more]:
            return run(changed_steps(), more, again="--changed")
        case ["--only"]:
            raise SystemExit("--only which? `./scripts/test --list` shows the steps: --only lint,types")
        case ["--only", wanted, *more]:
            return run(chosen(steps, wanted, more), more)
        case [first, *more] if first.startswith("--only="):
            return run(chosen(steps, first.removeprefix("--only="), more), more)
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


def chosen(steps: list[Step], wanted: str, more: Sequence[str]) -> list[Step]:
    """Return the steps that were asked for.

    Args:
        steps: Those that there are.
        wanted: Names, or what stands before the dot of some, separated by commas.
        more: Arguments for pytest.

    Raises:
        SystemExit: When there is no such step, or one of them is not pytest and there are arguments.
    """
    names = [name.strip() for name in wanted.split(",") if name.strip()]
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


def run(steps: Sequence[Step], more: Sequence[str] = (), *, again: str = "") -> int:
    """Run steps, go on after one that fails, and end with a line for each.

    Environments are made two at a time, ahead of the steps that need them. Checks run two at a time, since each takes
    one core; so do packages that are tried alone, whose few tests do not keep all cores busy. What these print comes
    when they are done.

    Args:
        steps: What to run, in this order.
        more: Further arguments for pytest.
        again: The arguments that pick these steps once more; their names if empty.

    Returns:
        0 if none failed.
    """
    start, done = time.monotonic(), list[Done]()
    install()
    with ThreadPoolExecutor(2) as making, ThreadPoolExecutor(2) as two:
        ready = {step.name: making.submit(step.prepare, quietly=True) for step in steps}
        try:
            checks = [step for step in steps if not step.is_pytest]
            alone = [step for step in steps if step.package]
            done += two.map(lambda step: _aside(step, ready[step.name], more), checks)
            done += (_shown(step, ready[step.name], more) for step in steps if step not in (*checks, *alone))
            done += two.map(lambda step: _aside(step, ready[step.name], more), alone)
        except KeyboardInterrupt:
            print("\nInterrupted.")
            making.shutdown(wait=False, cancel_futures=True)
            two.shutdown(wait=False, cancel_futures=True)
    _summarize(done, len(steps), time.monotonic() - start, again)
    return int(len(done) < len(steps) or any(each.failed for each in done))


def _shown(step: Step, ready: Future[str], more: Sequence[str]) -> Done:
    """Run a step whose lines are seen as they come."""
    print(f"\n--- {step.name}: {step.covers} ---", flush=True)
    problem, start = ready.result(), time.monotonic()
    done = Done(step, step.run(more, problem=problem), time.monotonic() - start)
    print(f"--- {step.name} {done.outcome.status} in {done.seconds:.1f} s: {done.outcome.note}", flush=True)
    return done


def _aside(step: Step, ready: Future[str], more: Sequence[str]) -> Done:
    """Run a step beside another one: its lines are kept, and shown together."""
    problem, start = ready.result(), time.monotonic()
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"{step.name}.txt"
    with log.open("w") as file:
        outcome = step.run(more, problem=problem, log=file.fileno())
    done = Done(step, outcome, time.monotonic() - start)
    title = f"\n--- {step.name}: {step.covers} ---\n"
    end = f"--- {step.name} {done.outcome.status} in {done.seconds:.1f} s: {done.outcome.note}"
    print(f"{title}{log.read_text(errors='replace')}{end}", flush=True)
    return done


def _summarize(done: Sequence[Done], planned: int, seconds: float, again: str) -> None:
    print(f"\n--- summary: {len(done)} of {planned} steps in {seconds:.0f} s ---")
    print(*done, sep="\n")
    if any(each.step.is_pytest for each in done):
        print(_where_the_whole_ran(done))
        if not any(with_whylogs(each.step.version) for each in done if each.outcome.counts.total):
            print(f"Tests that need whylogs were left out: it has wheels up to Python {WHYLOGS_UNTIL}.")
    if failed := [each.step for each in done if each.failed]:
        for each in done:
            for reason in each.outcome.counts.reasons:
                print(f"{each.step.name}  {reason}")
        names, night = dict.fromkeys(step.name for step in failed), "--nightly " * ("--nightly" in failed[0].options)
        again = again or f"{night}--only {','.join(names)}"
        print(f"Failed: {', '.join(names)}. Again: ./scripts/test {again}")
    if any(each.step.is_pytest for each in done):
        print(sum((each.outcome.counts for each in done), Counts()))


def _where_the_whole_ran(done: Sequence[Done]) -> str:
    whole = [each.step.name for each in done if each.step.covers_all and each.outcome.counts.total]
    if not whole:
        return "No test marked slow or browser ran: they do in the newest cell of the matrix."
    return f"Tests marked slow or browser ran in {whole[0]} alone."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

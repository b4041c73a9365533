"""What `./scripts/test` runs."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import interpreters
from build_wheels import wheels
from checkout import RESULTS, ROOT, WHEELS
from distributions import distributions, with_siblings
from environments import install_wheels, packages, prepare, settings
from outcomes import Counts, Outcome, counts_of
from private_hatch import hatch

MOST_TESTS = "all but slow and browser"

INTERPRETER = (
    *(f"obs-core/tests/{folder}" for folder in ("journal", "recording", "tasks", "values")),
    "obs-core/tests/test_*.py",
    "obs-memray/tests",
)
"""The tests of what looks behind Python's own curtains (frames, threads, signals, forks, how a process ends), below
packages/: what it does may differ from one version to the next. Text, stores, reading, pages: the oldest and the
newest."""

CORE = "packages/obs-core/tests"

PYTHON_OF_PAGES = "tests/test_documented_code.py"

WHYLOGS_UNTIL = "3.12"
"""The newest Python that whylogs has wheels for: no test that needs it is left out there."""

_PANDAS = re.compile(r"pandas(?![\w.-])")
"""A requirement of pandas, rather than of pandas-stubs."""


@dataclass(frozen=True)
class Step:
    """One script of one hatch environment.

    Attributes:
        name: The environment: ``"floor.obs-core"``.
        script: The script, as hatch.toml has it.
        covers: What it looks at, in a few words.
        version: The Python from which its environment is made: ``"3.12"``.
        is_pytest: Whether it takes pytest's arguments and counts tests.
        package: The package that is tried alone, as its wheel, if it is about one.
        paths: What pytest looks into, unless it is told; everything if empty.
        options: Further arguments for pytest.
    """

    name: str
    script: str
    covers: str
    version: str = interpreters.RUNNING
    is_pytest: bool = True
    package: str = ""
    paths: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    @property
    def covers_all(self) -> bool:
        """Whether no test is left out."""
        return self.script == "all"

    @property
    def python(self) -> str | None:
        """The interpreter, if this machine has it."""
        return interpreters.find(self.version)

    def prepare(self, *, quietly: bool = False) -> str:
        """Make all that it needs; returns what went wrong, or an empty text.

        Args:
            quietly: Print only what went wrong.
        """
        python = self.python
        if python is None:
            return ""
        folder = prepare(self.name, python=python, quietly=quietly)
        if folder is None:
            return "its environment could not be made"
        if self.package:
            built = wheels(interpreters.default())
            wanted = with_siblings(self.package)
            if missing := [name for name in wanted if name not in built]:
                return f"{', '.join(missing)} does not build"
            if not install_wheels(folder, [built[name] for name in wanted], python=python):
                return "its wheel could not be installed, or asks for more than it declares"
        elif self.covers_all:
            wheels(interpreters.default())  # the smoke of all together takes these
        return ""

    def run(self, more: Sequence[str] = (), *, problem: str | None = None, log: int | None = None) -> Outcome:
        """Do it.

        Args:
            more: Further arguments for pytest.
            problem: What `prepare` returned, if it was called already.
            log: The file descriptor that gets what it prints, instead of the terminal.
        """
        if self.python is None:
            return Outcome("skipped", f"no Python {self.version} that runs is on PATH")
        if problem := self.prepare() if problem is None else problem:
            return Outcome("failed", problem)
        return self._pytest(self.python, more, log) if self.is_pytest else self._check(self.python, log)

    def _check(self, python: str, log: int | None) -> Outcome:
        code = hatch(["env", "run", "--force-continue", "--env", self.name, "--", self.script], python=python, log=log)
        return Outcome("failed" if code else "passed", self.covers)

    def _pytest(self, python: str, more: Sequence[str], log: int | None) -> Outcome:
        results = RESULTS / f"{self.name}.xml"
        results.unlink(missing_ok=True)
        told = any(not argument.startswith("-") and (ROOT / argument.partition("::")[0]).exists() for argument in more)
        paths = () if told else [str(ROOT / path) for path in self.paths]
        options = [f"--junitxml={results}", f"--numprocesses={_workers(self)}", *self.options]
        if self.covers_all:
            options.append(f"--wheels={WHEELS}")
        code = hatch(["run", f"{self.name}:{self.script}", *options, *paths, *more], python=python, log=log)
        counts = counts_of(results) or Counts()
        note = f"{counts}: {self.covers}" if counts.total else f"no test ran, exit code {code}"
        return Outcome("failed" if code or not counts.total else "passed", note, counts)


def all_steps() -> list[Step]:
    """Return what is checked each time, in the order in which it runs; what fails soonest comes first."""
    pythons, pandas = _axes()
    found = _found()
    oldest, newest = found[0], found[-1]
    cells = [_cell(newest, pandas[-1], "all", "every test")]
    last = _newest_with_whylogs(found)
    for version in reversed(found[:-1]):
        if version != oldest or version == last:
            # Older and newer ones run every test that starts a process.
            middle = _middle(version, pandas[-1], whylogs=version == last)
            cells.append(middle if version == oldest else replace(middle, options=_sparsely(CORE)))
    cells.append(_older_pandas(oldest, pandas[0]))
    cells += [_cell(version, pandas[-1], "most", MOST_TESTS) for version in pythons if version not in found]
    alone = map(_less_of_core, _alone("floor" if oldest == pythons[0] else "solo", found))
    return [*_checks(oldest), *cells, *alone]


def nightly_steps() -> list[Step]:
    """Return what is checked by night: every Python with every pandas, each package alone with newest and oldest."""
    pythons, pandas = _axes()
    found = _found()
    newest = found[-1]
    cells = [_cell(newest, pandas[-1], "all", "every test")]
    for version in reversed(pythons):
        if version != newest:
            whole = version == _newest_with_whylogs(found)
            covers = f"{MOST_TESTS}, and all of whylogs" if whole else MOST_TESTS
            cells.append(_cell(version, pandas[-1], "and-whylogs" if whole else "most", covers))
        cells += [_older_pandas(version, kind) for kind in pandas[:-1]]
    return [*_checks(found[0]), *cells, *_alone("solo", found), *_alone("floor", found)]


def quick_step() -> Step:
    """Return the cell for a few tests: the running Python, if the matrix has it, and the newest pandas."""
    found = _found()
    version = interpreters.RUNNING if interpreters.RUNNING in found else found[-1]
    return _cell(version, _axes()[1][-1], "pytest", "")


def quick_cell(paths: Sequence[str], options: Sequence[str] = ()) -> Step:
    """Return the same cell, for the tests in some folders."""
    return replace(quick_step(), script="most", covers=MOST_TESTS, paths=tuple(paths), options=tuple(options))


def python_of(pages: Sequence[str]) -> Step:
    """Return the same cell, for the Python of some pages, beside what is asked of every page."""
    named = " or ".join(f"[{page}]" for page in pages)
    options = ("-k", f"not (test_the_python_of_a_page_runs or test_the_examples_in_docstrings_run) or {named}")
    return replace(quick_step(), covers="the Python of pages", paths=(PYTHON_OF_PAGES,), options=options)


def lint() -> Step:
    """Return the step that is done soonest."""
    return Step("lint", "check", "ruff check, ruff format, workflows", is_pytest=False)


def _checks(oldest: str) -> list[Step]:
    return [
        lint(),
        Step("types", "check", "mypy", oldest, is_pytest=False),
        Step("docs", "build", "the docs site, strictly", is_pytest=False),
    ]


def _cell(version: str, pandas: str, script: str, covers: str, paths: Sequence[str] = ()) -> Step:
    return Step(f"test.py{version}-{pandas}", script, covers, version, paths=tuple(paths))


def _middle(version: str, pandas: str, *, whylogs: bool) -> Step:
    """Return the cell of a Python between the oldest and the newest: both have tried what is Python's least concern."""
    wanted = [*INTERPRETER, *(["obs-whylogs/tests", "obs-dask/tests"] if whylogs else [])]
    paths = [str(path.relative_to(ROOT)) for each in wanted for path in sorted(ROOT.glob(f"packages/{each}"))]
    script, covers = "most", "what depends on Python"
    if whylogs:
        paths += _together("mark.whylogs")
        script, covers = "and-whylogs", f"{covers}, and all of whylogs"
    return _cell(version, pandas, script, covers, paths)


def _older_pandas(version: str, pandas: str) -> Step:
    """Return a cell with an older pandas: what does not know pandas would only be tested once more."""
    names = [each.name for each in distributions() if any(map(_PANDAS.match, each.dependencies))]
    paths = [*(f"packages/{name}/tests" for name in names), *_together("import pandas")]
    return _cell(version, pandas, "most", f"{MOST_TESTS}, of packages that know pandas", paths)


def _together(word: str) -> list[str]:
    """Return the tests of several packages in which a word stands; the rest is about this checkout, or runs once."""
    files = sorted((ROOT / "tests").glob("test_*.py"))
    return [str(path.relative_to(ROOT)) for path in files if word in path.read_text(encoding="utf-8")]


def _alone(kind: str, found: list[str]) -> list[Step]:
    """Return a step for each package, whose wheel is tried alone with the newest versions, or the oldest."""
    # The oldest versions have wheels for the oldest Python; a newer one would have to compile them.
    version, of_what = (_axes()[0][0], "oldest versions") if kind == "floor" else (found[-1], "newest versions")
    covers = f"its wheel alone, {of_what}: its own but slow and browser"
    # Two run at a time: what takes longest begins first, so that the other one of the two has work until it is over.
    longest_first = sorted(packages(), key=_size_of_tests, reverse=True)
    return [Step(f"{kind}.{name}", "own", covers, version, package=name) for name in longest_first]


def _size_of_tests(package: str) -> int:
    """Return how many bytes of tests a package has, which is about as good as their time, and known beforehand."""
    return sum(path.stat().st_size for path in (ROOT / "packages" / package / "tests").rglob("*.py"))


def _sparsely(*paths: str) -> tuple[str, ...]:
    """Return the options with which of the tests there that start a process every third runs."""
    return tuple(f"--sparsely={ROOT / path}" for path in paths)


def _less_of_core(step: Step) -> Step:
    """Run fewer of obs-core's tests that start a process, where it is no matter of Python's version."""
    if step.package != "obs-core":
        return step
    folders = sorted(f"{CORE}/{path.name}" for path in (ROOT / CORE).glob("[a-z]*/"))
    return replace(step, options=_sparsely(*(path for path in folders if path.partition("/")[2] not in INTERPRETER)))


def with_whylogs(version: str) -> bool:
    """Tell whether whylogs has wheels for a Python."""
    return _number(version) <= _number(WHYLOGS_UNTIL)


def _newest_with_whylogs(found: list[str]) -> str:
    return max(filter(with_whylogs, found), key=_number, default="")


def _number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _workers(step: Step) -> int:
    """Return how many tests run at a time: more than there are cores, since many wait for a process or a page."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores if step.package else min(8, cores + max(1, cores // 2))


def _axes() -> tuple[list[str], list[str]]:
    """Return the Pythons and the pandas of the matrix, oldest first."""
    (matrix,) = settings()["test"]["matrix"]
    return matrix["python"], matrix["pandas"]


def _found() -> list[str]:
    """Return the versions of the matrix that this machine has, oldest first.

    Raises:
        SystemExit: When it has none.
    """
    pythons, _ = _axes()
    found = [version for version in pythons if interpreters.find(version)]
    if not found:
        raise SystemExit(f"obs is tested with Python {', '.join(pythons)}, and none of them runs on PATH.")
    return found

"""What `./scripts/test` runs, one step after the other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import interpreters
from checkout import RESULTS, ROOT
from distributions import distributions
from environments import packages, prepare, settings
from outcomes import Counts, Outcome, counts_of
from private_hatch import hatch

MOST_TESTS = "all but slow and browser"

WHYLOGS_UNTIL = "3.12"
"""The newest Python that whylogs has wheels for: no test that needs it is left out there."""

_PANDAS = re.compile(r"pandas(?![\w.-])")
"""A requirement of pandas, rather than of pandas-stubs."""


@dataclass(frozen=True)
class Step:
    """One script of one hatch environment.

    Attributes:
        name: The environment: ``"solo.obs-core"``.
        script: The script, as hatch.toml has it.
        covers: What it looks at, in a few words.
        version: The Python from which its environment is made: ``"3.12"``.
        is_pytest: Whether it takes pytest's arguments and counts tests.
        paths: What pytest looks into, unless it is told; everything if empty.
    """

    name: str
    script: str
    covers: str
    version: str = interpreters.RUNNING
    is_pytest: bool = True
    paths: tuple[str, ...] = ()

    @property
    def covers_all(self) -> bool:
        """Whether no test is left out."""
        return self.script == "all"

    def run(self, more: Sequence[str] = ()) -> Outcome:
        """Do it.

        Args:
            more: Further arguments for pytest.
        """
        python = interpreters.find(self.version)
        if python is None:
            return Outcome("skipped", f"no Python {self.version} that runs is on PATH")
        if prepare(self.name, python=python) is None:
            return Outcome("failed", "its environment could not be made")
        return self._pytest(python, more) if self.is_pytest else self._check(python)

    def _check(self, python: str) -> Outcome:
        code = hatch(["env", "run", "--force-continue", "--env", self.name, "--", self.script], python=python)
        return Outcome("failed" if code else "passed", self.covers)

    def _pytest(self, python: str, more: Sequence[str]) -> Outcome:
        results = RESULTS / f"{self.name}.xml"
        results.unlink(missing_ok=True)
        told = any(not argument.startswith("-") and (ROOT / argument.partition("::")[0]).exists() for argument in more)
        paths = () if told else [str(ROOT / path) for path in self.paths]
        code = hatch(["run", f"{self.name}:{self.script}", f"--junitxml={results}", *paths, *more], python=python)
        counts = counts_of(results) or Counts()
        note = f"{counts}: {self.covers}" if counts.total else f"no test ran, exit code {code}"
        return Outcome("failed" if code or not counts.total else "passed", note, counts)


def all_steps() -> list[Step]:
    """Return the steps in the order in which they run: what fails soonest comes first."""
    found, (pythons, _) = _found(), _axes()
    oldest, newest = found[0], found[-1]
    return [
        Step("lint", "check", "ruff check, ruff format", is_pytest=False),
        Step("types", "check", "mypy", oldest, is_pytest=False),
        Step("docs", "build", "the docs site, strictly", is_pytest=False),
        *_matrix(newest),
        *(_own(f"solo.{package}", "newest versions", newest) for package in packages()),
        # The oldest versions have wheels for the oldest Python; a newer one would have to compile them.
        *(_own(f"floor.{package}", "oldest versions", pythons[0]) for package in packages()),
        Step("wheels", "installed", f"{MOST_TESTS}, on built wheels"),
    ]


def quick_step() -> Step:
    """Return the cell for a few tests: the running Python, if the matrix has it, and the newest pandas."""
    found = _found()
    version = interpreters.RUNNING if interpreters.RUNNING in found else found[-1]
    return Step(f"test.py{version}-{_axes()[1][-1]}", "pytest", "", version)


def _matrix(newest: str) -> list[Step]:
    pythons, pandas = _axes()
    with_whylogs = max((version for version in _found() if _number(version) <= _number(WHYLOGS_UNTIL)), default="")
    return [
        Step(f"test.py{version}-{kind}", "and-whylogs", f"{MOST_TESTS}, and all that need whylogs", version)
        if version == with_whylogs != newest and kind == pandas[-1]
        else _cell(version, kind, whole=version == newest and kind == pandas[-1])
        for version in pythons
        for kind in pandas
    ]


def _number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _cell(version: str, pandas: str, *, whole: bool) -> Step:
    """Return a cell of the matrix: with an older pandas, what does not know pandas would only be tested once more."""
    name = f"test.py{version}-{pandas}"
    if whole:
        return Step(name, "all", "every test", version)
    if pandas == _axes()[1][-1]:
        return Step(name, "most", MOST_TESTS, version)
    return Step(name, "most", f"{MOST_TESTS}, of packages that know pandas", version, paths=_knowing_pandas())


def _knowing_pandas() -> tuple[str, ...]:
    """Return the tests of the packages that depend on pandas, and of what needs several packages."""
    names = [each.name for each in distributions() if any(map(_PANDAS.match, each.dependencies))]
    return (*(f"packages/{name}/tests" for name in names), "tests")


def _own(name: str, of_what: str, version: str) -> Step:
    return Step(name, "own", f"its own but slow and browser, {of_what}", version)


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

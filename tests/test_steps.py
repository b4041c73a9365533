"""What `./scripts/test` runs, on machines with different Pythons, and in continuous integration."""

from __future__ import annotations

import subprocess
import sys
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "scripts" / "tooling"))

import changed  # noqa: E402
import interpreters  # noqa: E402
import run_tests  # noqa: E402
import steps  # noqa: E402
from distributions import distributions, with_siblings  # noqa: E402
from outcomes import Outcome, counts_of  # noqa: E402

PACKAGES = [package.name for package in distributions()]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that gives this machine some Pythons and no other ones."""

    def has(*versions: str) -> None:
        monkeypatch.setattr(interpreters, "find", lambda version: f"/{version}" if version in versions else None)

    return has


def runs(found: list[steps.Step]) -> dict[str, str]:
    """Return what runs where this machine has the Python: the step's name and its script."""
    return {step.name: step.script for step in found if step.is_pytest and step.python}


def alone(kind: str) -> dict[str, str]:
    return {f"{kind}.{package}": "own" for package in PACKAGES}


def test_each_python_runs_what_the_others_do_not(machine: Any) -> None:
    machine("3.11", "3.12", "3.13")
    assert runs(steps.all_steps()) == {
        "test.py3.13-pandas3": "all",
        "test.py3.12-pandas3": "and-whylogs",
        "test.py3.11-pandas2": "most",
        **alone("floor"),
    }
    assert [step.name for step in steps.all_steps()][:4] == ["lint", "types", "docs", "test.py3.13-pandas3"]


@pytest.mark.parametrize("python", ["3.12", "3.13", "3.14"])
def test_one_python_is_enough_and_its_newest_versions_take_the_place_of_the_oldest(machine: Any, python: str) -> None:
    machine(python)
    assert runs(steps.all_steps()) == {
        f"test.py{python}-pandas3": "all",
        f"test.py{python}-pandas2": "most",
        **alone("solo"),
    }


def test_what_needs_whylogs_runs_whole_on_the_newest_python_that_has_it(machine: Any) -> None:
    for found, whole in (
        (["3.11"], "test.py3.11-pandas3: all"),
        (["3.11", "3.13"], "test.py3.11-pandas3: and-whylogs"),
        (["3.11", "3.12", "3.14"], "test.py3.12-pandas3: and-whylogs"),
        (["3.12", "3.13", "3.14"], "test.py3.12-pandas3: and-whylogs"),
    ):
        machine(*found)
        for listed in (steps.all_steps(), steps.nightly_steps()):
            assert whole in [f"{name}: {script}" for name, script in runs(listed).items()]


def test_of_the_packages_that_are_tried_alone_the_one_that_takes_longest_begins_first(machine: Any) -> None:
    machine("3.11", "3.12", "3.13")
    assert next(step.name for step in steps.all_steps() if step.package) == "floor.obs-core"


def test_the_night_runs_every_python_with_every_pandas_and_each_package_with_oldest_and_newest(machine: Any) -> None:
    machine("3.11", "3.12", "3.13", "3.14")
    cells = {f"test.py3.{minor}-pandas{pandas}" for minor in (11, 12, 13, 14) for pandas in (2, 3)}
    night = runs(steps.nightly_steps())
    assert set(night) == {*cells, *alone("solo"), *alone("floor")}
    assert set(runs(steps.all_steps())) <= set(night)


def test_a_python_between_tries_what_looks_behind_its_curtains(machine: Any) -> None:
    assert [each for each in steps.INTERPRETER if not list((ROOT / "packages").glob(each))] == []
    machine("3.11", "3.12", "3.13", "3.14")
    (between,) = [step for step in steps.all_steps() if step.name == "test.py3.13-pandas3"]
    assert {"packages/obs-core/tests/recording", "packages/obs-core/tests/test_limits.py"} <= set(between.paths)
    assert not any(path.startswith("packages/obs-core/tests/text") for path in between.paths)


def sparse(step: steps.Step) -> set[str]:
    """Return the folders and files of which a step runs every third test that starts a process."""
    found = [Path(option.removeprefix("--sparsely=")) for option in step.options if option.startswith("--sparsely=")]
    assert [path for path in found if not path.exists()] == []
    return {str(path.relative_to(ROOT)) for path in found}


def test_tests_that_start_a_process_run_whole_with_the_oldest_and_the_newest_python(machine: Any) -> None:
    machine("3.11", "3.12", "3.13")
    by_day = {step.name: sparse(step) for step in steps.all_steps() if step.python}
    floor = by_day.pop("floor.obs-core")
    assert {name: paths for name, paths in by_day.items() if paths} == {"test.py3.12-pandas3": {steps.CORE}}
    assert f"{steps.CORE}/text" in floor
    assert floor.isdisjoint(f"packages/{each}" for each in steps.INTERPRETER)
    assert [step.name for step in steps.nightly_steps() if sparse(step)] == []


def test_without_an_older_python_the_oldest_runs_every_test_that_starts_a_process(machine: Any) -> None:
    machine("3.12", "3.13")
    assert [step.name for step in steps.all_steps() if sparse(step)] == ["solo.obs-core"]


def test_every_package_that_knows_pandas_is_tried_with_the_older_one(machine: Any) -> None:
    machine("3.11", "3.12", "3.13")
    (older,) = [step for step in steps.all_steps() if step.name == "test.py3.11-pandas2"]
    assert {"packages/obs-renderers/tests", "packages/obs-pandera/tests", "tests/test_one_look.py"} <= set(older.paths)
    assert "packages/obs-core/tests" not in older.paths


def test_what_is_about_the_checkout_runs_once(machine: Any) -> None:
    machine("3.11", "3.12", "3.13")
    newest, middle, older = [step for step in steps.all_steps() if step.name.startswith("test.") and step.python]
    assert newest.paths == ()
    assert [each for each in (*middle.paths, *older.paths) if each in ("tests", "tests/test_packages.py")] == []
    assert "tests/test_documented_code.py" in middle.paths


def test_a_wheel_is_installed_with_those_of_this_checkout_that_it_depends_on() -> None:
    assert with_siblings("obs-core") == ["obs-core"]
    assert with_siblings("obs-wandb") == ["obs-core", "obs-wandb"]


def jobs(workflow: str, job: str) -> list[dict[str, str]]:
    read = yaml.safe_load((ROOT / ".github" / "workflows" / workflow).read_text())
    found: list[dict[str, str]] = read["jobs"][job]["strategy"]["matrix"]["include"]
    return found


@pytest.mark.parametrize("workflow", ["test.yml", "nightly.yml"])
def test_the_jobs_of_continuous_integration_leave_no_step_out(machine: Any, workflow: str) -> None:
    night = workflow == "nightly.yml"
    machine("3.11", "3.12", "3.13", *(["3.14"] if night else []))
    names = [step.name for step in (steps.nightly_steps() if night else steps.all_steps()) if step.python]
    asked = [name for job in jobs(workflow, "test") for name in job["steps"].split(",")]
    assert [name for name in names if not any(fnmatchcase(name, f"{each}.*") or name == each for each in asked)] == []
    # What one job leaves out of a cell, another one runs.
    parts = [job["pytest"] for job in jobs(workflow, "test") if "pytest" in job]
    assert sorted(parts) == ([] if night else ['-m "not browser"', "-m browser"])


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose main holds two packages, and a branch that has changed nothing yet."""
    for package in ("obs-core", "obs-wandb"):
        (tmp_path / "packages" / package).mkdir(parents=True)
        (tmp_path / "packages" / package / "README.md").write_text("Text.\n")
    for test in ("conftest.py", "journal/test_writer.py", "test_clock.py"):
        path = tmp_path / "packages" / "obs-core" / "tests" / test
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("# Text.\n")
    commands = (
        ["init", "--quiet", "--initial-branch=main"],
        ["add", "--all"],
        ["-c", "user.name=A", "-c", "user.email=a@example.com", "commit", "--quiet", "--message", "Begin"],
        ["switch", "--quiet", "--create", "work"],
    )
    for command in commands:
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    monkeypatch.setattr(changed, "ROOT", tmp_path)
    return tmp_path


def test_what_changed_since_main_is_checked_by_ruff_and_by_its_packages_tests(checkout: Path) -> None:
    (checkout / "packages" / "obs-wandb" / "new.py").touch()
    assert [(step.name.partition(".")[0], step.paths) for step in changed.changed_steps()] == [
        ("lint", ()),
        ("test", ("packages/obs-wandb/tests",)),
    ]
    (checkout / "hatch.toml").touch()
    assert changed.changed_steps()[1].paths == ("packages/obs-wandb/tests", "tests")


@pytest.mark.parametrize("page", ["docs/tasks.md", "packages/obs-wandb/README.md"])
def test_of_a_page_that_changed_its_python_runs_and_what_reads_pages(checkout: Path, page: str) -> None:
    assert [path for path in changed.READING_PAGES if not (ROOT / path).exists()] == []
    (checkout / page).parent.mkdir(exist_ok=True)
    (checkout / page).write_text("Changed.\n")
    ruff, reading, running = changed.changed_steps()
    assert (ruff.name, reading.paths) == ("lint", changed.READING_PAGES)
    # Each test of the pages' Python runs once: in the last step, of which the one before leaves the file out.
    left_out = f"--ignore={checkout / steps.PYTHON_OF_PAGES}"
    assert reading.options == (*(f"--whole={checkout / path}" for path in changed.READING_PAGES), left_out)
    assert running.paths == (steps.PYTHON_OF_PAGES,)
    assert running.options[-1].endswith(f" or [{page}]")


def test_with_python_that_changed_beside_a_page_no_test_of_pages_runs_twice(checkout: Path) -> None:
    (checkout / "hatch.toml").touch()
    (checkout / "packages" / "obs-wandb" / "README.md").write_text("Changed.\n")
    _, tests, running = changed.changed_steps()
    assert tests.paths == ("tests",)
    assert f"--ignore={checkout / running.paths[0]}" in tests.options


def test_what_failed_after_a_change_is_named_once_with_how_to_run_it_again(capsys: pytest.CaptureFixture[str]) -> None:
    both = (steps.quick_step(), steps.python_of(["a.md"]))
    failed = [run_tests.Done(step, Outcome("failed", ""), 1) for step in both]
    name = failed[0].step.name
    for again, advised in (("--changed", "--changed"), ("", f"--only {name}")):
        run_tests._summarize(failed, 2, 1, again)
        assert f"Failed: {name}. Again: ./scripts/test {advised}\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("file", "follows"),
    [
        ("src/obs_core/journal/writer.py", "packages/obs-core/tests/journal"),
        ("src/obs_core/clock.py", "packages/obs-core/tests/test_clock.py"),
        ("src/obs_core/model.py", "packages/obs-core/tests"),  # which has no tests of its own here
        ("tests/journal/test_reader.py", "packages/obs-core/tests/journal"),
        ("tests/conftest.py", "packages/obs-core/tests"),
        ("pyproject.toml", "packages/obs-core/tests"),
    ],
)
def test_of_tests_that_start_a_process_those_run_that_follow_what_changed(
    checkout: Path, file: str, follows: str
) -> None:
    path = checkout / "packages" / "obs-core" / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("# Changed.\n")
    assert changed.changed_steps()[1].options == (f"--whole={checkout / follows}",)


_IN_THE_PROCESS = """
import subprocess

import pytest


class Program:
    def run(self):
        return subprocess.run(["true"])


def helper():
    return Program().run()


@pytest.fixture
def program():
    return helper()


def test_alone():
    assert "subprocess" != "fork"


def test_by_name():
    subprocess.run(["true"])


def test_by_helper():
    helper()


def test_by_fixture(program):
    pass


@pytest.mark.parametrize("number", [1, 2])
def test_by_an_import_within(number):
    from multiprocessing import Process
"""


def test_tests_that_start_a_process_are_known_by_what_they_and_their_fixtures_and_helpers_name(tmp_path: Path) -> None:
    for folder in ("here", "there"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "test_some.py").write_text(_IN_THE_PROCESS)
    (tmp_path / "conftest.py").symlink_to(ROOT / "conftest.py")
    (tmp_path / "scripts").symlink_to(ROOT / "scripts")
    command = [sys.executable, "-m", "pytest", "--collect-only", "--quiet", "--rootdir", ".", "--import-mode=importlib"]

    def collected(*arguments: str) -> list[str]:
        shown = subprocess.run([*command, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
        return [line for line in shown.stdout.splitlines() if "::" in line]

    tests = collected("--whole=here")
    assert [test for test in tests if test.startswith("there")] == ["there/test_some.py::test_alone"]
    assert len([test for test in tests if test.startswith("here")]) == 6

    tests = collected("--sparsely=there")
    assert [test.partition("::")[2] for test in tests if test.startswith("there")] == [
        "test_alone",
        "test_by_name",
        "test_by_an_import_within[1]",
    ]
    assert len([test for test in tests if test.startswith("here")]) == 6
    named = "there/test_some.py::test_by_helper"
    assert collected("--sparsely=there", named) == [named]


def test_without_a_change_there_is_nothing_to_run(checkout: Path) -> None:
    with pytest.raises(SystemExit, match="Nothing changed since main"):
        changed.changed_steps()


def test_each_test_that_failed_is_told_at_the_end_with_why(tmp_path: Path) -> None:
    (tmp_path / "test_ends.py").write_text(
        """
import pytest

@pytest.fixture
def broken():
    raise KeyError("key")

def test_passes():
    pass

def test_fails():
    assert 1 + 1 == 3, "sums"

def test_is_not_begun(broken):
    pass
"""
    )
    junit = tmp_path / "ends.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={junit}", "test_ends.py"]
    subprocess.run(command, cwd=tmp_path, stdout=subprocess.DEVNULL, check=False, timeout=120)

    counts = counts_of(junit)

    assert counts is not None
    assert str(counts) == "1 passed, 2 failed"
    fails, is_not_begun = counts.reasons
    assert fails.startswith("test_ends::test_fails: AssertionError: sums")
    assert is_not_begun.startswith("test_ends::test_is_not_begun: ")
    assert "KeyError: 'key'" in is_not_begun

"""`scripts/new_package`, run into a copy of the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

OF_NEW_PACKAGES_ALONE = """
[[tool.mypy.overrides]]
module = ["obs_core.*"]
follow_imports = "silent"

[[tool.mypy.overrides]]
module = ["IPython.*", "numpy.*", "pandas.*", "polars.*"]
follow_imports = "skip"
follow_imports_for_stubs = true
"""
"""obs-core is checked elsewhere. What it alone imports would take nine tenths of the time: no new package names it."""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what the scripts look at, without what they make."""
    made = shutil.ignore_patterns("__pycache__", "dist")
    for folder in ("packages", "scripts", "docs"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=made)
    for file in ("README.md", "LICENSE", "pyproject.toml", "hatch.toml"):
        shutil.copy(ROOT / file, tmp_path)
    return tmp_path


def run(checkout: Path, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    source = checkout / "packages" / "obs-duckdb" / "src"
    variables = {**os.environ, "PYTHONPATH": str(source), "OBS_STRICT": "1"}
    command = [sys.executable, str(checkout / "scripts" / "tooling" / script), *arguments]
    return subprocess.run(command, cwd=checkout, env=variables, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("kind", "tests"),
    [
        pytest.param([], 4, id="default"),
        pytest.param(["renderer"], 8, id="renderer", marks=pytest.mark.slow),
        pytest.param(["tracker"], 8, id="tracker", marks=pytest.mark.slow),
        pytest.param(["engine"], 3, id="engine", marks=pytest.mark.slow),
        pytest.param(["command"], 2, id="command", marks=pytest.mark.slow),
    ],
)
def test_a_new_package_is_in_order_and_its_tests_pass(checkout: Path, kind: list[str], tests: int) -> None:
    made = run(checkout, "new_package.py", "obs-duckdb", *kind)
    assert (made.returncode, made.stderr) == (0, "")
    assert "./scripts/test packages/obs-duckdb/tests" in made.stdout

    checked = run(checkout, "check_packages.py", "obs-duckdb")
    assert (checked.returncode, checked.stdout) == (0, "1 packages are in order.\n")

    folder = checkout / "packages" / "obs-duckdb"
    variables = {**os.environ, "PYTHONPATH": str(folder / "src"), "OBS_STRICT": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={checkout}", str(folder)]
    done = subprocess.run(command, cwd=checkout, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert f"{tests} passed" in done.stdout


@pytest.mark.slow
def test_new_packages_of_all_kinds_pass_the_type_check(checkout: Path) -> None:
    pytest.importorskip("mypy")
    kinds = ("decorator", "renderer", "tracker", "engine", "command")
    for kind in kinds:
        run(checkout, "new_package.py", f"obs-new-{kind}", kind)

    with (checkout / "pyproject.toml").open("a") as settings:
        settings.write(OF_NEW_PACKAGES_ALONE)
    sources = [f"packages/obs-new-{kind}/src" for kind in kinds]
    tests = [f"packages/obs-new-{kind}/tests/test_{kind}.py" for kind in kinds]
    version = f"--python-version={sys.version_info.major}.{sys.version_info.minor}"
    paths = os.pathsep.join([*sources, "packages/obs-core/src"])
    command = [sys.executable, "-m", "mypy", version, *sources, *tests]
    variables = {**os.environ, "MYPYPATH": paths}
    done = subprocess.run(command, cwd=checkout, env=variables, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("Success: no issues found"), done.stdout + done.stderr


def test_readme_lists_the_package_among_its_like_and_the_docs_its_page(checkout: Path) -> None:
    run(checkout, "new_package.py", "duckdb")
    run(checkout, "new_package.py", "aim", "tracker")

    readme = (checkout / "README.md").read_text()
    assert "| [obs-duckdb](packages/obs-duckdb) | Duckdb |\n| **Data quality** | |\n" in readme
    assert "| [obs-aim](packages/obs-aim) | Aim |\n| **Engines** | |\n" in readme
    assert "| [obs-duckdb](duckdb.md) | `duckdb_observed` |\n" in (checkout / "docs/index.md").read_text()
    assert (checkout / "docs" / "duckdb.md").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Which package?"),
        (["obs-duckdb", "tracker", "engine"], "Which package?"),
        (["tracker"], "Which package?"),
        (["obs-Duck"], "'obs-Duck' does not fit"),
        (["obs-core"], "There is packages/obs-core already"),
        (["tasks"], "There is docs/tasks.md already"),
    ],
)
def test_a_name_that_does_not_fit_is_refused(checkout: Path, arguments: list[str], said: str) -> None:
    refused = run(checkout, "new_package.py", *arguments)

    assert refused.returncode == 1
    assert said in refused.stderr

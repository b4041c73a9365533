"""`scripts/release`, run in a repository of its own that is a copy of this one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "scripts" / "tooling"))

from distributions import distributions  # noqa: E402
from release import Plan, tell  # noqa: E402

NAME = "obs-duckdb"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("uv"), reason="uv is not on PATH; ./scripts/test puts it there"),
]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with obs-core and a package that is ready for its first release."""
    made = shutil.ignore_patterns("__pycache__", "dist")
    for folder in ("packages/obs-core", "scripts", "docs"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=made)
    for file in ("README.md", "LICENSE", "pyproject.toml", "conftest.py", "hatch.toml", ".gitignore"):
        shutil.copy(ROOT / file, tmp_path)
    edit(tmp_path / "pyproject.toml", 'repository = ""', 'repository = "https://example.org/someone/obs"')
    edit(tmp_path / "pyproject.toml", "owners = []", 'owners = ["@someone", "@somewhere/all"]')
    assert run(tmp_path, "new_package.py", NAME).returncode == 0
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "config", "user.name", "Someone")
    git(tmp_path, "config", "user.email", "someone@example.com")
    commit(tmp_path)
    return tmp_path


def git(checkout: Path, *arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=True).stdout.strip()


def commit(checkout: Path) -> None:
    git(checkout, "add", "--all")
    git(checkout, "commit", "--quiet", "--message", "A change")


def run(checkout: Path, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(checkout / "scripts" / "tooling" / script), *arguments]
    return subprocess.run(command, cwd=checkout, env={**os.environ}, capture_output=True, text=True, check=False)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_without_an_address_a_release_is_refused_and_a_dry_run_tries_everything_and_says_so(checkout: Path) -> None:
    edit(checkout / "pyproject.toml", 'repository = "https://example.org/someone/obs"', 'repository = ""')
    edit(checkout / "pyproject.toml", 'owners = ["@someone", "@somewhere/all"]', "owners = []")
    commit(checkout)

    refused = run(checkout, "release.py", NAME)
    assert refused.returncode == 1
    assert "Not released: repository is empty in [tool.obs] of the pyproject.toml at the root" in refused.stderr
    assert "Not released: owners is empty in [tool.obs]" in refused.stderr

    done = run(checkout, "release.py", NAME, "--dry-run")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No obs-core that obs-core<0.2,>=0.1 admits is published yet" in done.stdout
    assert done.stdout.count("4 passed") == 1
    said = "obs-duckdb-v0.1.0 can be released but for what follows.\nA release would be refused: repository is empty"
    assert said in done.stdout
    assert done.stdout.endswith("Nothing was written.\n")
    assert git(checkout, "status", "--porcelain") == ""
    assert git(checkout, "tag") == ""


def test_a_dry_run_says_what_can_be_released(capsys: pytest.CaptureFixture[str]) -> None:
    tell([Plan(package, "0.2.0") for package in distributions() if package.name == "obs-core"], [])
    assert capsys.readouterr().out == "obs-core-v0.2.0 can be released.\nNothing was written.\n"


def test_a_release_bumps_dates_commits_and_tags_and_tries_the_published_core(checkout: Path) -> None:
    git(checkout, "tag", "obs-core-v0.1.0")
    done = run(checkout, "release.py", NAME, "minor")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Testing obs_duckdb-0.2.0-py3-none-any.whl with oldest obs_core 0.1.0" in done.stdout
    assert "published yet" not in done.stdout
    assert git(checkout, "tag", "--points-at", "HEAD") == "obs-duckdb-v0.2.0"
    assert git(checkout, "log", "-1", "--format=%s") == "Release obs-duckdb 0.2.0"
    assert git(checkout, "status", "--porcelain") == ""
    assert (checkout / ".github" / "CODEOWNERS").read_text().endswith("\n* @someone @somewhere/all\n")
    folder = checkout / "packages" / NAME
    assert '__version__ = "0.2.0"' in (folder / "src" / "obs_duckdb" / "__about__.py").read_text()
    assert "## [Unreleased]\n\n## [0.2.0] - 20" in (folder / "CHANGELOG.md").read_text()

    again = run(checkout, "release.py", NAME, "patch")
    assert again.returncode == 1
    assert "Nothing is written below ## [Unreleased]" in again.stderr


def test_the_first_release_of_all_is_one_commit_in_the_order_in_which_they_need_each_other(checkout: Path) -> None:
    few = checkout / "packages" / "obs-core" / "tests"
    shutil.rmtree(few)
    few.mkdir()
    (few / "test_core.py").write_text("def test_it_is_there():\n    import obs_core\n")
    commit(checkout)
    before = git(checkout, "rev-parse", "HEAD")

    done = run(checkout, "release.py", "--first")

    assert done.returncode == 0, done.stdout + done.stderr
    assert git(checkout, "rev-parse", "HEAD~1") == before
    assert git(checkout, "tag", "--points-at", "HEAD").split() == ["obs-core-v0.1.0", "obs-duckdb-v0.1.0"]
    assert git(checkout, "log", "-1", "--format=%s") == "Release obs-core 0.1.0, obs-duckdb 0.1.0"
    pushes = ["  git push", "  git push origin obs-core-v0.1.0", "  git push origin obs-duckdb-v0.1.0"]
    assert done.stdout.splitlines()[-3:] == pushes

    again = run(checkout, "release.py", "--first", "--dry-run")
    assert (again.returncode, again.stdout) == (0, "Each package was released before.\nNothing was written.\n")


def test_red_tests_are_a_reason(checkout: Path) -> None:
    edit(checkout / "packages" / NAME / "tests" / "test_decorator.py", "== 0.93", "== 0.94")
    commit(checkout)

    done = run(checkout, "release.py", NAME)

    assert done.returncode == 1
    assert "Not released: the tests failed" in done.stderr
    assert git(checkout, "tag") == ""


def test_what_cannot_be_released_is_told(checkout: Path) -> None:
    (checkout / "stray.txt").touch()
    assert "The tree is dirty" in run(checkout, "release.py", NAME).stderr
    (checkout / "stray.txt").unlink()

    assert "There is no package 'obs-duck'" in run(checkout, "release.py", "obs-duck").stderr
    assert "obs-duckdb wants obs-core<0.2,>=0.1, which would not admit obs-core 0.2.0" in (
        run(checkout, "release.py", "obs-core", "minor").stderr
    )
    git(checkout, "tag", "obs-duckdb-v0.1.0")
    assert "The tag obs-duckdb-v0.1.0 is there already" in run(checkout, "release.py", NAME).stderr

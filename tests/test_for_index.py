"""`scripts/tooling/for_index.py`, run on a copy of the checkout: what an index shows leads somewhere."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = sorted(path.parent.name for path in ROOT.glob("packages/*/pyproject.toml"))
REPOSITORY = "https://example.org/somebody/obs"
LINKS = re.compile(r"""\]\(([^)#\s]+)|(?:src|srcset)="([^"]+)""")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = shutil.ignore_patterns("__pycache__", "dist")
    copy = tmp_path_factory.mktemp("checkout")
    for folder in ("packages", "scripts", "docs"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=made)
    shutil.copy(ROOT / "README.md", copy)
    (copy / "pyproject.toml").write_text(f'[tool.obs]\nrepository = "{REPOSITORY}/"\nowners = ["@somebody"]\n')
    return copy


def prepare(checkout: Path, package: str) -> subprocess.CompletedProcess[str]:
    script = checkout / "scripts" / "tooling" / "for_index.py"
    command = [sys.executable, str(script), f"packages/{package}", f"{package}-v9.8.7"]
    return subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("package", PACKAGES)
def test_a_packages_links_are_those_of_its_release(checkout: Path, package: str) -> None:
    done = prepare(checkout, package)
    assert (done.returncode, done.stderr) == (0, "")
    folder = checkout / "packages" / package

    urls = tomllib.loads((folder / "pyproject.toml").read_text())["project"]["urls"]
    shown = [link or source for link, source in LINKS.findall((folder / "README.md").read_text())]
    ours = [link for link in [*shown, *urls.values()] if link.startswith(f"{REPOSITORY}/")]
    paths = [found[1] for link in ours if (found := re.match(rf".*/(?:blob|tree|raw)/{package}-v9\.8\.7/(.*)", link))]

    assert list(urls) == ["Homepage", "Documentation", "Changelog", "Source", "Issues"]
    assert [link for link in shown if not link.startswith("https://")] == []
    assert [path for path in paths if not (ROOT / path).exists()] == []
    assert "README.md" in paths
    assert f"packages/{package}/CHANGELOG.md" in paths
    assert any(path.startswith("docs/") for path in paths)


@pytest.mark.parametrize("package", PACKAGES)
def test_an_index_shows_commands_that_install_from_it(checkout: Path, package: str) -> None:
    shutil.copytree(ROOT / "packages" / package, checkout / "packages" / package, dirs_exist_ok=True)
    assert prepare(checkout, package).returncode == 0
    shown = (checkout / "packages" / package / "README.md").read_text()
    assert re.search(rf'^pip install "?{package}', shown, re.MULTILINE)
    assert "./packages" not in shown
    assert "not on PyPI" not in shown


def test_without_an_address_nothing_is_made_ready(checkout: Path) -> None:
    settings = checkout / "pyproject.toml"
    filled = settings.read_text()
    settings.write_text('[tool.obs]\nrepository = ""\nowners = ["@somebody"]\n')
    refused = prepare(checkout, "obs-core")
    settings.write_text(filled)
    assert refused.returncode == 1
    assert "repository is empty in [tool.obs] of the pyproject.toml at the root" in refused.stderr


def test_a_package_is_made_ready_once(checkout: Path) -> None:
    prepare(checkout, "obs-core")
    again = prepare(checkout, "obs-core")
    assert again.returncode == 1
    assert "has [project.urls] already" in again.stderr


def test_code_is_left_alone_and_a_link_that_leads_nowhere_is_refused(checkout: Path) -> None:
    readme = checkout / "packages" / "obs-wandb" / "README.md"
    readme.write_text("# obs-wandb\n\n```python\nrows[0](CHANGELOG.md)\n```\n\n[Changes](CHANGELOG.md)\n")
    (checkout / "packages" / "obs-wandb" / "pyproject.toml").write_text("[project]\n")
    assert prepare(checkout, "obs-wandb").returncode == 0
    assert "rows[0](CHANGELOG.md)" in readme.read_text()
    assert "[Changes](https://" in readme.read_text()

    (checkout / "packages" / "obs-wandb" / "pyproject.toml").write_text("[project]\n")
    readme.write_text("[Gone](../nowhere.md)\n")
    refused = prepare(checkout, "obs-wandb")
    assert refused.returncode == 1
    assert "../nowhere.md leads nowhere" in refused.stderr

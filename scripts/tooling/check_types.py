"""Check the types of everything, sources and tests, in one run of mypy: `./scripts/hatch run types:check`.

Files of one name stand in the tests of several packages, and mypy knows a file by the name of its module. So the tests
are looked at through links that give each package's a name of its own: ``tests.obs_core.test_spans``. The settings in
pyproject.toml go by these names.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from checkout import PRIVATE, ROOT
from environments import packages
from interpreters import RUNNING

LINKS = PRIVATE / "types"
TOGETHER = "together"
"""The name under which the tests that need several packages are checked."""


def main() -> int:
    """Run mypy and return its exit code."""
    folders = link_tests()
    sources = [*(f"packages/{package}/src" for package in packages()), "scripts/tooling", "conftest.py"]
    # What the libraries for a newer Python declare cannot be read as 3.11, so it is the Python that runs this.
    command = [sys.executable, "-m", "mypy", f"--python-version={RUNNING}", *sources, str(LINKS)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    for link, folder in folders.items():
        done.stdout = done.stdout.replace(f"{link.relative_to(ROOT)}/", f"{folder.relative_to(ROOT)}/")
    print(done.stdout, end="", flush=True)
    return done.returncode


def link_tests() -> dict[Path, Path]:
    """Make the links anew, and return where each leads."""
    tests = LINKS / "tests"
    shutil.rmtree(LINKS, ignore_errors=True)
    tests.mkdir(parents=True)
    folders = {package.replace("-", "_"): ROOT / "packages" / package / "tests" for package in packages()}
    folders[TOGETHER] = ROOT / "tests"
    found = {tests / name: folder for name, folder in folders.items() if folder.is_dir()}
    for link, folder in found.items():
        link.symlink_to(folder)
    return found


if __name__ == "__main__":
    sys.exit(main())

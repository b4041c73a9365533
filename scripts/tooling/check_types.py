"""Check the types of everything: `./scripts/hatch run types:check`.

They are checked for the Python that runs this: what the libraries of a newer one declare cannot be read as 3.11.
All sources go through one strict run. Tests go package by package, since files of one name may stand in
several of them, and need no annotations: only the bodies of those that have them are checked.
"""

from __future__ import annotations

import subprocess
import sys

from checkout import ROOT
from environments import packages
from interpreters import RUNNING

LENIENT = (
    "--allow-untyped-defs",
    "--no-check-untyped-defs",
    "--allow-incomplete-defs",
    "--allow-untyped-decorators",
    "--allow-untyped-calls",
    "--ignore-missing-imports",
    "--no-warn-unreachable",
    "--explicit-package-bases",
    r"--exclude=/tests/.+/conftest\.py$",  # one module of a name a run
    "--cache-dir=.mypy_cache/tests",
)


def main() -> int:
    """Run mypy over all parts and return 1 if one of them has errors."""
    failed = [
        not _passes([*(f"packages/{package}/src" for package in packages()), "scripts/tooling"]),
        *[not _passes([*LENIENT, folder]) for folder in _test_folders()],
        _holds_python("tests") and not _passes([*LENIENT, "tests"]),
    ]
    return int(any(failed))


def _test_folders() -> list[str]:
    folders = (f"packages/{package}/tests" for package in packages())
    return [folder for folder in folders if _holds_python(folder)]


def _holds_python(folder: str) -> bool:
    """Tell whether there is anything to check; mypy takes an empty folder for a mistake."""
    return any(ROOT.joinpath(folder).rglob("*.py"))


def _passes(arguments: list[str]) -> bool:
    print("mypy", *(argument for argument in arguments if argument not in LENIENT), flush=True)
    command = [sys.executable, "-m", "mypy", f"--python-version={RUNNING}", *arguments]
    return subprocess.run(command, cwd=ROOT, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main())

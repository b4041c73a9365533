"""Check the packages where all of them are installed, as `scripts/check_packages` does."""

from __future__ import annotations

import os
import sys

from checkout import ROOT
from environments import prepare
from interpreters import find
from steps import quick_step


def main(arguments: list[str]) -> None:
    """Become the check, in the environment in which a few tests run."""
    step = quick_step()
    python = find(step.version)
    folder = prepare(step.name, python=python) if python else None
    if folder is None:
        raise SystemExit("The environment with all packages could not be made; the reason is above.")
    inside = str(folder / "bin" / "python")
    os.execv(inside, [inside, str(ROOT / "scripts" / "tooling" / "check_packages.py"), *arguments])


if __name__ == "__main__":
    main(sys.argv[1:])

"""Run the checkout's own hatch with the caller's arguments, as `scripts/hatch` does."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from checkout import ROOT
from interpreters import default
from private_hatch import PYTHON, install, surroundings


def main(arguments: list[str]) -> None:
    """Become hatch: in a package's folder for that package (`version`, `build`), else for the checkout."""
    install()
    of_checkout = [] if ROOT / "packages" in Path.cwd().parents else ["--project", "obs"]
    os.execve(PYTHON, [str(PYTHON), "-m", "hatch", *of_checkout, *arguments], surroundings(default()))


if __name__ == "__main__":
    main(sys.argv[1:])

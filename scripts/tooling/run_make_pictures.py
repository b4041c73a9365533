"""Make the pictures with all packages installed, as `scripts/make_pictures` does."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from environments import prepare
from interpreters import default, find
from steps import quick_step


def main(arguments: list[str]) -> None:
    """Become the script, in the environment in which a few tests run."""
    step = quick_step()
    folder = prepare(step.name, python=find(step.version) or default())
    if folder is None:
        raise SystemExit("The environment for the pictures could not be made; the reason is above.")
    python = str(folder / "bin" / "python")
    os.execv(python, [python, str(Path(__file__).with_name("pictures.py")), *arguments])


if __name__ == "__main__":
    main(sys.argv[1:])

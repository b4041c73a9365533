"""Release a package with the checkout's own tools, as `scripts/release` does."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from interpreters import default
from private_hatch import PYTHON, install, surroundings


def main(arguments: list[str]) -> None:
    """Become the release, in the environment that holds hatch and uv."""
    install()
    script = str(Path(__file__).with_name("release.py"))
    os.execve(PYTHON, [str(PYTHON), script, *arguments], surroundings(default()))


if __name__ == "__main__":
    main(sys.argv[1:])

"""Which Pythons this machine has: those that really run, whatever their names promise."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache

RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"
"""The version that runs this."""


def default() -> str:
    """Return the path of the interpreter that runs this, outside any virtual environment."""
    return os.path.realpath(sys.executable)


@cache
def find(version: str) -> str | None:
    """Return the path of an interpreter, or None if no folder of ``PATH`` has one that runs.

    Args:
        version: Such as ``"3.12"``.
    """
    if version == RUNNING:
        return default()
    return next((path for path in _candidates(version) if _version(path) == version), None)


def _candidates(version: str) -> Iterator[str]:
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    for name in (f"python{version}", "python3", "python"):
        paths = (os.path.join(folder, name) for folder in folders)
        yield from (path for path in paths if os.access(path, os.X_OK))


@cache
def _version(path: str) -> str | None:
    """Ask an interpreter for its version; None if it does not answer, as a version manager's place-holder."""
    command = [path, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()

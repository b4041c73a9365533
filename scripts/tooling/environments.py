"""The hatch environments: made when they are missing, and anew when what they were made from has changed."""

from __future__ import annotations

import hashlib
import shutil
import tomllib
from pathlib import Path
from typing import Any

from checkout import ENVIRONMENTS, ROOT, locked
from private_hatch import HATCH, UV, hatch

SOURCES = (
    "hatch.toml",
    "scripts/tooling/collector.py",
    "packages/*/pyproject.toml",
    "packages/*/src/*/__about__.py",
)
"""What an environment is made from. hatch itself does not notice that a sibling has a new version."""


def settings() -> dict[str, Any]:
    """Return the environments as hatch.toml has them."""
    environments: dict[str, Any] = tomllib.loads((ROOT / "hatch.toml").read_text())["envs"]
    return environments


def packages() -> list[str]:
    """Return the names of the checkout's packages, which are the names of their folders."""
    return sorted(path.parent.name for path in ROOT.glob("packages/*/pyproject.toml"))


def prepare(name: str, *, python: str) -> Path | None:
    """Make an environment ready for use.

    Args:
        name: As ``hatch env show`` lists it: ``"test.py3.12-pandas3"``.
        python: The interpreter from which it is made.

    Returns:
        Its folder, or None if it could not be made; hatch has then said why.
    """
    folder = ENVIRONMENTS / name
    with locked(name):
        if not _current(folder, python):
            shutil.rmtree(folder, ignore_errors=True)
            if hatch(["env", "create", name], python=python):
                return None
            _stamp(folder).write_text(_fingerprint(python))
    return folder


def _current(folder: Path, python: str) -> bool:
    stamp = _stamp(folder)
    return _python(folder).exists() and stamp.exists() and stamp.read_text() == _fingerprint(python)


def _python(folder: Path) -> Path:
    return folder / "bin" / "python"


def _stamp(folder: Path) -> Path:
    return folder / "made-from.txt"


def _fingerprint(python: str) -> str:
    digest = hashlib.sha256(f"{ROOT}\n{python}\n{UV}\n{HATCH}".encode())
    for pattern in SOURCES:
        for path in sorted(ROOT.glob(pattern)):
            digest.update(f"\n{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    return digest.hexdigest()

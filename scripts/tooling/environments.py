"""The hatch environments: made when they are missing, and anew when what they were made from has changed."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from checkout import ENVIRONMENTS, LOGS, ROOT, locked
from private_hatch import HATCH, UV, hatch, surroundings

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


def prepare(name: str, *, python: str, quietly: bool = False) -> Path | None:
    """Make an environment ready for use.

    Args:
        name: As ``hatch env show`` lists it: ``"test.py3.12-pandas3"``.
        python: The interpreter from which it is made.
        quietly: Print only what went wrong.

    Returns:
        Its folder, or None if it could not be made; hatch has then said why.
    """
    folder = ENVIRONMENTS / name
    with locked(name):
        if not _current(folder, python):
            shutil.rmtree(folder, ignore_errors=True)
            if _create(name, python, quietly=quietly):
                return None
            _stamp(folder).write_text(_fingerprint(python))
    return folder


def install_wheels(folder: Path, wheels: Sequence[Path], *, python: str) -> bool:
    """Put wheels into an environment that has what they depend on, and tell whether it has all that they ask for.

    Args:
        folder: The environment.
        wheels: Of packages of this checkout; they take the place of those that are there.
        python: The interpreter from which it was made.
    """
    inside = ["--python", str(_python(folder))]
    install = ["uv", "pip", "install", "--quiet", "--no-deps", "--reinstall", *inside, *map(str, wheels)]
    if subprocess.run(install, cwd=ROOT, env=surroundings(python), check=False).returncode:
        return False
    check = ["uv", "pip", "check", *inside]
    said = subprocess.run(check, cwd=ROOT, env=surroundings(python), stderr=subprocess.PIPE, text=True, check=False)
    ours = [line for line in said.stderr.splitlines() if line.startswith("The package `obs-")]
    print(*ours, sep="\n", end="\n" if ours else "", flush=True)
    return not ours


def _create(name: str, python: str, *, quietly: bool) -> int:
    if not quietly:
        return hatch(["env", "create", name], python=python)
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"{name}.environment.txt"
    with log.open("w") as file:
        code = hatch(["env", "create", name], python=python, log=file.fileno())
    if code:
        print(f"The environment {name} could not be made:\n{log.read_text()}", flush=True)
    return code


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

"""Every package as it is released, the sdist first and the wheel from that."""

from __future__ import annotations

import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from threading import Lock

from checkout import ROOT, WHEELS, locked
from distributions import distributions
from private_hatch import install, surroundings

_building = Lock()


def wheels(python: str) -> dict[str, Path]:
    """Return the wheels of all packages by name; they are built once in a run, and one that does not build is missing.

    Args:
        python: The interpreter that builds them.
    """
    with _building:
        return _built(python)


@cache
def _built(python: str) -> dict[str, Path]:
    install()
    with locked("wheels"), ThreadPoolExecutor(2) as two:
        shutil.rmtree(WHEELS, ignore_errors=True)
        names = [package.name for package in distributions()]
        built = two.map(lambda name: _build(name, python), names)
        return {name: wheel for name, wheel in zip(names, built, strict=True) if wheel}


def _build(name: str, python: str) -> Path | None:
    into = WHEELS / name
    command = ["uv", "build", "--quiet", "--python", python, "--out-dir", str(into), f"packages/{name}"]
    result = subprocess.run(command, cwd=ROOT, env=surroundings(python), capture_output=True, text=True, check=False)
    if result.returncode:
        print(f"{name} does not build:\n{result.stdout}{result.stderr}", flush=True)
        return None
    (wheel,) = into.glob("*.whl")
    return wheel

"""Where things are in this checkout, and how to be alone with one of them."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRIVATE = ROOT / ".hatch"
"""Everything that the scripts make; git ignores it, and removing it is always safe."""

ENVIRONMENTS = PRIVATE / "environments"
LOGS = PRIVATE / "logs"
RESULTS = PRIVATE / "results"
WHEELS = PRIVATE / "wheels"


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold a lock of this checkout, so that two runs at once do not make the same thing twice.

    Args:
        name: What is being made; also the name of the lock's file.
    """
    path = PRIVATE / "locks" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield

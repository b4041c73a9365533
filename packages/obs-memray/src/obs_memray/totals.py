"""How much was allocated in all: the one figure that only memray's own statistics have."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

__all__ = ["total_allocated"]

_STATISTICS = """
import sys
from memray._memray import compute_statistics
print(sum(compute_statistics(path, num_largest=1).total_memory_allocated for path in sys.argv[1:]))
"""


def total_allocated(paths: Sequence[str]) -> int | None:
    """Return the bytes that were allocated in all.

    memray's statistics look up frames that a capture does not hold where the process forked, and may then end their
    process with a segmentation fault (memray 1.20; its reader does not): so they have a process of their own.

    Args:
        paths: Captures.

    Returns:
        None if memray cannot say.
    """
    done = subprocess.run([sys.executable, "-c", _STATISTICS, *paths], capture_output=True, text=True, check=False)
    return int(done.stdout) if done.returncode == 0 else None

"""Memray in obs: where the memory went, also when the task was killed for it.

Importing this package does not import memray: a task that is profiled does.
"""

from __future__ import annotations

from obs_core import usable_bare
from obs_memray import profiling
from obs_memray.__about__ import __version__

__all__ = ["__version__", "memray_profiling"]

memray_profiling = usable_bare(profiling.memray_profiling)

"""obs-resources: what a task uses, and where its time goes.

Once it is installed, CPU, memory, I/O and GPU of every process that records are sampled each second, with what its
threads are doing. `cpu_profiling` adds a flame graph.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from obs_core.lazy import lazy_names
from obs_resources.__about__ import __version__

if TYPE_CHECKING:
    from obs_core import usable_bare
    from obs_resources import profiling

    cpu_profiling = usable_bare(profiling.cpu_profiling)

__all__ = ["__version__", "cpu_profiling"]

__getattr__, __dir__ = lazy_names(__name__, {"cpu_profiling": "profiling"})

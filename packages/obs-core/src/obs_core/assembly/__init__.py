"""Put the records of all writers of an execution together; drawn only when somebody looks (`drawing`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from obs_core.lazy import lazy_names

if TYPE_CHECKING:
    from obs_core.assembly.assembly import Assembly
    from obs_core.assembly.loading import ExecutionNotFoundError, find_execution

__all__ = ["Assembly", "ExecutionNotFoundError", "find_execution"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "Assembly": "assembly",
        "ExecutionNotFoundError": "loading",
        "find_execution": "loading",
    },
)

"""Read executions back from a store: lists, traces, decks, what tasks returned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from obs_core.lazy import lazy_names

if TYPE_CHECKING:
    from obs_core.reading.execution import Execution, load_execution
    from obs_core.reading.listing import list_executions

__all__ = ["Execution", "list_executions", "load_execution"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "Execution": "execution",
        "load_execution": "execution",
        "list_executions": "listing",
    },
)

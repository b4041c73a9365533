"""Traces to look at: where the time of an execution went."""

from __future__ import annotations

from typing import TYPE_CHECKING

from obs_core.lazy import lazy_names

if TYPE_CHECKING:
    from obs_core.trace.execution_span import ExecutionSpan

__all__ = ["ExecutionSpan"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "ExecutionSpan": "execution_span",
    },
)

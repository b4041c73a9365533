"""Where the running code is: the innermost open span or task, and all that runs in this process."""

from __future__ import annotations

import sys
from contextvars import ContextVar
from typing import TYPE_CHECKING, cast
from weakref import WeakSet

if TYPE_CHECKING:
    from collections.abc import Set
    from typing import Protocol

    from obs_core.recording.run import Scope, TaskState

    class RunningOperation(Scope, Protocol):
        """An operation of an engine, while it runs."""

        @property
        def parent(self) -> Scope:
            """What it runs under."""

    class OperationHolder(Protocol):
        """Holds the operations that an engine runs in this process."""

        @property
        def running(self) -> Set[RunningOperation]:
            """Those that run now; more may begin and end meanwhile."""


__all__ = ["active", "current", "operation_logs"]

current: ContextVar[Scope | None] = ContextVar("obs_core.current", default=None)
"""The innermost open span or task of this context."""

if sys.version_info < (3, 12):
    from obs_core.recording.finalizers import Guarded

    current = cast("ContextVar[Scope | None]", Guarded(current))

active: set[TaskState] = set()
"""The running tasks and executions of this process."""

operation_logs: WeakSet[OperationHolder] = WeakSet()
"""What holds the running operations of engines in this process."""

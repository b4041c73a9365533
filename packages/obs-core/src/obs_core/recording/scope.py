"""Where the running code is: the innermost open span or task, and all that runs in this process."""

from __future__ import annotations

import sys
from contextvars import ContextVar
from typing import TYPE_CHECKING, cast

from obs_core.locks import Register

if TYPE_CHECKING:
    from collections.abc import Set
    from typing import Protocol

    from obs_core.recording.run import Run, Scope, TaskState

    class OperationHolder(Protocol):
        """Holds the operations that an engine runs in this process."""

        @property
        def running(self) -> Set[Scope]:
            """Those that run now; more may begin and end meanwhile."""


__all__ = [
    "Innermost",
    "active",
    "close",
    "current",
    "entered",
    "going_on",
    "has_ended",
    "leave",
    "look_after",
    "operation_logs",
]

current: ContextVar[Scope | None] = ContextVar("obs_core.current", default=None)
"""The innermost open span or task of this context."""

if sys.version_info < (3, 12):
    from obs_core.recording.finalizers import Guarded

    current = cast("ContextVar[Scope | None]", Guarded(current))


class Innermost:
    """Names the context variable where what is pickled does: a class goes by its name, a context variable cannot."""

    current = current


entered: dict[int, Scope] = {}
"""The task that each thread entered last, by its ident, for those who look at it from outside: a context variable tells
only its own thread. Spans are here too while somebody asks for that (`obs_core.recording.spans.follow`)."""

active: set[TaskState] = set()
"""The running tasks and executions of this process."""

operation_logs: Register[OperationHolder] = Register()
"""What holds the running operations of engines in this process."""


def leave(scope: Scope) -> None:
    """Leave a span or task: whatever was entered in it is left with it, and what was around it is current again.

    Whoever is not inside of it stays where it is: a generator may be closed, used up or collected by code that has
    nothing to do with what it was begun in, and a block may be left in another context than it was entered in.
    """
    inside = current.get()
    while inside is not None:
        if inside is scope:
            current.set(scope.outside)
            return
        inside = inside.outside


def going_on(scope: Scope | None) -> Scope | None:
    """Return a scope, or the innermost around it whose execution has not ended; None if there is none.

    A context may name what has ended: a copy of it was handed to a thread or an asynchronous task that lives
    longer. What such code records belongs to a span or task that has ended as long as its execution goes on, and to
    none of an execution that has ended, not even to one that is still open: a generator may outlive it.
    """
    while scope is not None and has_ended(scope):
        scope = scope.outside
    return scope


def close(run: Run) -> None:
    """Let nothing that begins from now on be recorded in an execution, not even in what a thread still runs of it."""
    run.over()
    for task in list(active):
        if task.run is run:
            task.over = True


def look_after(run: Run) -> None:
    """Take note in a forked child of an end that its parent wrote."""
    if run.told is not None and run.has_ended_elsewhere and not run.root.over:
        close(run)


def has_ended(scope: Scope) -> bool:
    """Tell whether the execution of a span or task has ended, or what was carried here was left."""
    task = scope.task
    run = task.run
    if run.told is not None:  # few have forked
        look_after(run)
    joined_or_root = task.parent is None
    return task.over if joined_or_root else run.root.over

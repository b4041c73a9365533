"""Where the running code is: the innermost open span or task, and all that runs in this process."""

from __future__ import annotations

import sys
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar, cast

from obs_core.locks import Register

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Set
    from typing import Protocol, Self

    from obs_core.recording.run import Run, Scope, TaskState

    class Nested(Protocol):
        """What code can be inside of."""

        @property
        def outside(self) -> Self | None:
            """What was innermost where it was entered."""

        @property
        def over(self) -> bool:
            """Whether it was left."""

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
    "innermost_of",
    "leave",
    "let_go",
    "look_after",
    "new_variable",
    "operation_logs",
    "show",
]

E = TypeVar("E", bound="Nested")


def new_variable(name: str) -> ContextVar[Any]:
    """Return a context variable that finalizers may set; None before it is set."""
    variable: ContextVar[Any] = ContextVar(name, default=None)
    if sys.version_info < (3, 12):
        from obs_core.recording.finalizers import Guarded

        variable = cast("ContextVar[Any]", Guarded(variable))
    return variable


current: ContextVar[Scope | None] = new_variable("obs_core.current")
"""The innermost open span or task of this context."""

entered: dict[int, Scope | None] = {}
"""The task that each thread entered last, by its ident, for those who look at it from outside: a context variable tells
only its own thread. Spans are here too while somebody asks for that (`obs_core.recording.spans.follow`)."""


class Innermost:
    """Names these two where what is pickled does: a class goes by its name, a context variable and a dict cannot."""

    current = current
    entered = entered


active: set[TaskState] = set()
"""The running tasks and executions of this process."""

operation_logs: Register[OperationHolder] = Register()
"""What holds the running operations of engines in this process."""


def show(thread: int, scope: Scope | None) -> Scope | None:
    """Let those who look at a thread from outside see it in a task or span.

    Args:
        thread: The thread's ident.
        scope: The task or span; None if it is in none.

    Returns:
        Where it was seen before.
    """
    before = entered.get(thread)
    if scope is None:
        entered.pop(thread, None)
    else:
        entered[thread] = scope
    return before


def leave(scope: Scope, set_current: Callable[[Scope | None], object] = current.set) -> None:
    """Leave a span or task: whatever was entered in it is left with it, and what was around it is current again.

    Whoever is not inside of it stays where it is: a generator may be closed, used up or collected by code that has
    nothing to do with what it was begun in, and a block may be left in another context than it was entered in.

    Args:
        scope: The span or task.
        set_current: Makes another one current.
    """
    inside = current.get()
    while inside is not None:
        if inside is scope:
            set_current(scope.outside)
            return
        inside = inside.outside


def innermost_of(entries: Collection[E], here: E | None) -> E | None:
    """Return the one that a context is in, of what one shared object was entered as by several contexts.

    Where a block is left in another context than it was entered in (as web frameworks do with dependencies), it is the
    last one that was entered in what this context is in; where even that is none, the last one.

    Args:
        entries: Those that were not left yet, in the order in which they were entered.
        here: What is innermost in the context.
    """
    inside = here
    while inside is not None:
        if inside in entries and not inside.over:
            return inside
        inside = inside.outside
    while here is not None and here.over:
        here = here.outside
    still_open = [entry for entry in tuple(entries) if not entry.over]
    entered_here = [entry for entry in still_open if entry.outside is here]
    found = entered_here or still_open
    return found[-1] if found else None


def going_on(scope: Scope | None) -> Scope | None:
    """Return a scope, or the innermost around it that is still open; None if there is none.

    A context may name what has ended: a copy of it was handed to a thread, to an asynchronous task or to a callback,
    which live longer. None of an execution that has ended goes on, not even a span of it that is still open: a
    generator may outlive it.
    """
    while scope is not None and (scope.over or has_ended(scope)):
        scope = scope.outside or _entered(scope.parent)
    return scope


def let_go(scope: Scope) -> None:
    """Let a span or task that is open, and written, keep nothing of what has ended around it.

    Where each operation begins the next one and ends before that does, every one would be kept for ever.
    """
    around = scope.outside or scope.parent
    if around is not None and around.over and getattr(scope, "announced", True):
        scope.stands_in(going_on(around))


def _entered(parent: Scope | None) -> Scope | None:
    """Return what a scope is recorded under, unless no code is ever inside of it.

    So it is with the ambient execution: a task that is called there is not its child, but one of an execution of its
    own.
    """
    if parent is None or parent.parent is not None or parent.task is not parent:
        return parent
    return parent if parent in active else None


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

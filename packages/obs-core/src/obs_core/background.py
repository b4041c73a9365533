"""Threads of obs's own, which no signal strikes.

The kernel gives a process's signal to any thread that does not block it. One that the program blocks, to take it by
`signal.sigwait` or to let it wait, would strike a thread that the program does not know of, and end the process. And
one that a handler of Python's is to take would interrupt that thread, rather than what the main thread waits for.

So such a thread is born with all signals blocked: it inherits the mask of who starts it, who blocks them for that
moment. Were it the thread that blocks them first of all, it would stand open until it has Python's lock. What strikes
a thread itself stays open: a fault is an end to be told of (`faulthandler`).

Where greenlets stand in for threads (gevent, eventlet), nothing is blocked: there is no other thread to be struck, and
while one greenlet waits for what it started, the others run in the same thread, and would save, restore and hand to
their children what it has blocked.

What runs there inherits the mask too: a thread that a library starts, and a process, for which it may be wrong. So
code that is called in the program's stead stays in a thread with the program's own mask.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # functions of `signal` are Python's own: handlers would run in them
import _thread
import threading
from collections.abc import Callable
from types import BuiltinFunctionType
from typing import Any, TypeVar

__all__ = ["STRIKING", "Background", "are_greenlets", "start_bare", "take_signals", "unstruck"]

T = TypeVar("T")

_FAULTS = ("SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT", "SIGTRAP", "SIGSYS")
"""What a thread is struck by for what it does itself. Blocked, it ends the process without a handler."""

_mask: Callable[..., set[int]] | None = getattr(_signal, "pthread_sigmask", None)  # Windows has none
STRIKING = (
    frozenset(_signal.valid_signals()) - {getattr(_signal, name) for name in _FAULTS if hasattr(_signal, name)}
    if _mask is not None
    else frozenset()
)
"""All signals but those."""


class Background(threading.Thread):
    """A thread that does not keep the process, and that no signal strikes.

    Args:
        target: What it does.
        name: Begins with ``obs-``: by that it is known, and is no reason for a process to go on.
        args: What that is given.
    """

    def __init__(self, target: Callable[..., object], name: str, args: tuple[Any, ...] = ()) -> None:
        super().__init__(target=target, name=name, args=args, daemon=True)

    def start(self) -> None:
        """Start it; raises what `threading.Thread.start` does."""
        unstruck(super().start)


def start_bare(function: Callable[..., object], *args: object) -> int:
    """Start such a thread where nobody may be waited for, as `Thread.start` waits; returns its ident.

    Args:
        function: What it does.
        *args: What that is given.

    Raises:
        RuntimeError: The interpreter is ending, or threads are used up.
    """
    return unstruck(_thread.start_new_thread, function, args)


def are_greenlets() -> bool:
    """Tell whether greenlets stand in for threads here: gevent and eventlet replace what tells threads apart."""
    return type(_thread.get_ident) is not BuiltinFunctionType


def unstruck(start: Callable[..., T], *args: Any) -> T:
    """Call something by which a library may start a thread, so that no signal strikes that one.

    Args:
        start: What starts it.
        *args: What that is given.
    """
    if _mask is None or are_greenlets():
        return start(*args)
    before = _mask(_signal.SIG_BLOCK, ())
    # A handler may raise after each of these calls, and none is left out for that: CPython runs handlers after a call
    # into C, never right before one, and what was raised after the second call is raised within the `try`.
    try:
        _mask(_signal.SIG_BLOCK, STRIKING)
        return start(*args)
    finally:
        _mask(_signal.SIG_SETMASK, before)


def take_signals() -> None:
    """Block no signals any more: a process calls this first if one of these threads may have started it."""
    if _mask is not None:
        _mask(_signal.SIG_SETMASK, ())

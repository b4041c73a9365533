"""SIGTERM, where nobody handles it: what runs is recorded as failed before the signal ends the process.

The system's own action ends a process before any Python code runs, so what ran would seem lost. A handler of the
user's, set before or later, stays as it is. Python sets handlers in the main thread alone: what other threads begin
waits for that one to record something, and stays lost in a process where it never does.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType

from obs_core.journal import flusher
from obs_core.recording import faults

__all__ = ["Terminated", "at_sigterm", "forget", "traceback_to"]


class Terminated(BaseException):
    """The process was told to end by a signal."""


_endings: dict[object, Callable[[Terminated], None]] = {}
_process = os.getpid()


def at_sigterm(of: object, end: Callable[[Terminated], None]) -> None:
    """Call something in the main thread when SIGTERM comes that nobody else handles, before it ends the process.

    Args:
        of: What it ends; names it to `forget`.
        end: Called with the exception that stands for the signal; what began last is ended first.
    """
    _endings[of] = end
    if threading.current_thread() is threading.main_thread():
        _take()
    else:
        flusher.in_main_thread(_take)


def _take() -> None:
    if _endings:
        with contextlib.suppress(ValueError, OSError):  # another interpreter's main thread; no signals here
            if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL and not faults.handled_below_python():
                with faults.aside():
                    signal.signal(signal.SIGTERM, _terminated)


def forget(of: object) -> None:
    """Leave SIGTERM to the system again once nothing is left to end."""
    _endings.pop(of, None)
    if not _endings and threading.current_thread() is threading.main_thread():
        _give_back()


def _give_back() -> None:
    with contextlib.suppress(ValueError, OSError):
        if signal.getsignal(signal.SIGTERM) is _terminated:
            with faults.aside():
                signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _terminated(number: int, frame: FrameType | None) -> None:
    if signal.getsignal(number) is not _terminated:
        return  # a handler set later calls the one before: that would be the system's action, which nobody can call
    error = Terminated(signal.Signals(number).name).with_traceback(traceback_to(frame))
    try:
        # A forked child may be told to end before it has forgotten what is its parent's.
        while _endings and os.getpid() == _process:
            _endings.popitem()[1](error)
    finally:
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


def traceback_to(frame: FrameType | None) -> TracebackType | None:
    """Return the calls that led to where a thread is, as if an exception had been raised there."""
    traceback: TracebackType | None = None
    while frame is not None:
        # In the midst of a statement that has no line, Python knows none.
        traceback = TracebackType(traceback, frame, max(0, frame.f_lasti), frame.f_lineno or 0)
        frame = frame.f_back
    return traceback


def _after_fork() -> None:
    """Leave to the parent, in a forked child, what the parent has begun."""
    global _process
    _process = os.getpid()
    _endings.clear()
    _give_back()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

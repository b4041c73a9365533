"""SIGTERM, where nobody handles it: what runs is recorded as failed before the signal ends the process.

The system's own action ends a process before any Python code runs, so what ran would seem lost. A handler of the
user's, set before or later, stays as it is. Python sets handlers in the main thread alone: what other threads begin
waits for that one to record something, and stays lost in a process where it never does.

A signal that comes while an end is being written, or a journal, waits until that is done, for a second at most:
what it interrupts could not be finished any more, and would be lost. So come those by which a pool ends its workers.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # obs's own handler is seen there alone
import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType, TracebackType

from obs_core import fault_handlers
from obs_core.background import start_bare
from obs_core.interruptions import ignoring
from obs_core.journal import flusher
from obs_core.recording import faults
from obs_core.recording.process_end import is_child_of_multiprocessing
from obs_core.recording.unseen_handler import hide
from obs_core.store.descriptors import moved_up

__all__ = ["Terminated", "at_sigterm", "ending", "first", "forget", "instead", "last", "traceback_to"]


class Terminated(BaseException):
    """The process was told to end by a signal."""


first: list[Callable[[], None]] = []
"""What is called when the signal comes, before anything is ended by it."""

last: list[Callable[[], None]] = []
"""What is called when all is ended by it, right before it ends the process."""

_endings: dict[object, Callable[[Terminated], None]] = {}
_first_process = _process = os.getpid()
_ends_written: set[object] = set()  # those that are being written
_came = 0.0
_calls = 0
"""How often the handler was called."""

_PATIENCE = 1.0
"""Seconds that a signal waits for what it interrupted."""

_PAUSE = 0.02
"""Seconds after which it looks again, at first."""


@contextlib.contextmanager
def ending() -> Iterator[None]:
    """Let a signal wait while this thread writes an end."""
    this_one = object()
    try:
        _ends_written.add(this_one)
        yield
    finally:
        _ends_written.discard(this_one)


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
        with ignoring(ValueError, OSError):  # another interpreter's main thread; no signals here
            if _signal.getsignal(signal.SIGTERM) == _signal.SIG_DFL and not _is_handled_below():
                hide(_terminated, _take)
                with faults.aside():
                    _signal.signal(signal.SIGTERM, _terminated)
                if os.getpid() != _first_process or is_child_of_multiprocessing():
                    _listen()


def _is_handled_below() -> bool:
    return faults.handled_below_python() or fault_handlers.is_registered_by_program()


def instead(of: object, end: Callable[[Terminated], None]) -> None:
    """Call something else when SIGTERM comes, if anything is to be called of this.

    Args:
        of: What was named to `at_sigterm`.
        end: What is left to be done.
    """
    if of in _endings:
        _endings[of] = end


def forget(of: object) -> None:
    """Leave SIGTERM to the system again once nothing is left to end."""
    _endings.pop(of, None)
    if not _endings and threading.current_thread() is threading.main_thread():
        _give_back()


def _give_back() -> None:
    with ignoring(ValueError, OSError):
        if _signal.getsignal(signal.SIGTERM) is _terminated:
            faults.stand_aside()
            with faults.aside():
                _signal.signal(signal.SIGTERM, _signal.SIG_DFL)


def _terminated(number: int, frame: FrameType | None) -> None:
    global _calls
    _calls += 1
    if _signal.getsignal(number) is not _terminated:
        return  # a handler set later calls the one before: that would be the system's action, which nobody can call
    if os.getpid() == _process and _waits(number):
        return
    error = Terminated(signal.Signals(number).name).with_traceback(traceback_to(frame))
    try:
        for work in tuple(first) if os.getpid() == _process else ():
            work()
        # A forked child may be told to end before it has forgotten what is its parent's.
        while _endings and os.getpid() == _process:
            _endings.popitem()[1](error)
        for work in tuple(last) if os.getpid() == _process else ():
            work()
    finally:
        _signal.signal(number, _signal.SIG_DFL)
        os.kill(os.getpid(), number)


def _waits(number: int) -> bool:
    """Let the signal come again in a moment if it interrupted what has to be finished."""
    global _came
    if not (_ends_written or flusher.is_busy()):
        return False
    now = time.monotonic()
    _came = _came or now
    if now - _came >= _PATIENCE:
        return False
    try:
        start_bare(_send_again, number, _calls)  # takes no lock that the interrupted code may hold
    except RuntimeError:  # threads are used up, or the interpreter is ending
        return False
    return True


def _send_again(number: int, calls: int) -> None:
    """Send a signal until the handler is called."""
    pause = _PAUSE
    while True:
        time.sleep(pause)
        if calls != _calls:
            return
        os.kill(os.getpid(), number)
        if _signal.getsignal(number) not in (_terminated, _signal.SIG_DFL):
            return  # a handler set meanwhile has it
        pause *= 2  # each one may write a stack


_ear = _mouth = -1
"""A pipe into which Python writes the number of each signal that comes, before any handler is called."""

_calls_before = 0


def _listen() -> None:
    """Let the background thread hear of signals too.

    The main thread may be about to wait in C code, as workers of a pool do for work. A signal that comes between its
    last look and that wait interrupts nothing, and its handler is called after the wait, which may never end. A process
    that is no worker is left as it is: there, others ask for this pipe too, and Trio warns if somebody has it.
    """
    global _ear, _mouth
    if _ear >= 0 or not hasattr(os, "register_at_fork"):
        return
    ear, mouth = map(moved_up, os.pipe())
    for end in (ear, mouth):
        os.set_blocking(end, False)
    others = signal.set_wakeup_fd(mouth, warn_on_full_buffer=False)
    if others >= 0:
        signal.set_wakeup_fd(others)
        os.close(ear)
        os.close(mouth)
    else:
        _ear, _mouth = ear, mouth
        flusher.each_round(_repeat_what_is_unseen)


def _repeat_what_is_unseen() -> None:
    """Send SIGTERM again if it came, and the handler was not called in this round of the thread."""
    global _calls_before
    calls, before = _calls, _calls_before
    _calls_before = calls
    with contextlib.suppress(OSError):  # nothing came, or the program closed it
        came = signal.SIGTERM in os.read(_ear, 65536)
        if came and calls == before and _signal.getsignal(signal.SIGTERM) is _terminated:
            start_bare(_send_again, signal.SIGTERM, calls)


def _stop_listening() -> None:
    """Leave the parent's pipe in a forked child: what comes here is not for the parent to hear."""
    global _ear
    if _ear >= 0:
        _ear = -1  # it stays open: by now the number may be that of somebody else's file
        others = signal.set_wakeup_fd(-1)
        if others != _mouth:
            signal.set_wakeup_fd(others)


def traceback_to(frame: FrameType | None) -> TracebackType | None:
    """Return the calls that led to where a thread is, as if an exception had been raised there."""
    traceback: TracebackType | None = None
    while frame is not None:
        # In the midst of a statement that has no line, Python knows none.
        traceback = TracebackType(traceback, frame, max(0, frame.f_lasti), frame.f_lineno or 0)
        frame = frame.f_back
    return traceback


_lets_through: set[int] = set()
"""The threads that fork, and did not let SIGTERM wait before."""


def _before_fork() -> None:
    """Let SIGTERM wait until the child has left its parent's handlers: Python forgets what came to one of them earlier.

    A pool that ends young tells workers to end before they have run at all. Nor may those write to a file of the
    parent's.
    """
    if signal.SIGTERM not in signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM}):
        _lets_through.add(threading.get_ident())


def _let_through() -> None:
    me = threading.get_ident()
    if me in _lets_through:
        _lets_through.remove(me)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def _after_fork() -> None:
    """Leave to the parent, in a forked child, what the parent has begun."""
    global _process, _came, _calls, _calls_before
    _process, _came = os.getpid(), 0.0
    _calls = _calls_before = 0
    _endings.clear()
    first.clear()
    last.clear()
    _ends_written.clear()
    _give_back()
    _stop_listening()
    _let_through()
    _lets_through.clear()  # of threads that the child does not have


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_let_through, after_in_child=_after_fork)

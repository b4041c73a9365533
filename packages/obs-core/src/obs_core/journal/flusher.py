"""The one background thread of a process that writes all its journals out each second."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from obs_core.failsafe import ObsError

__all__ = [
    "Flushed",
    "at_exit_of_threads",
    "before_reading",
    "close_soon",
    "finish_before_reading",
    "flush_all",
    "watch",
    "watch_for_stragglers",
]


class Flushed(Protocol):
    """A journal, as the thread needs it."""

    items: list[Any]
    forked: bool

    def encode(self) -> None:
        """Turn everything appended so far into lines."""

    def flush(self, wait: bool = False) -> None:
        """Write everything appended so far."""

    def beat(self) -> None:
        """Write everything appended so far, or a sign of life after a silence."""

    def close_now(self) -> None:
        """Write what is left."""

    def after_fork(self) -> None:
        """Go on as a writer of our own."""


INTERVAL = 1.0
"""Seconds between two flushes: what a killed process loses at most."""

_journals: list[Flushed] = []
_before_reading: list[Callable[[], None]] = []
_MOST_CLOSING = 500
"""Executions that wait for the thread to write and close them; whoever ends one more does it himself."""

_closing: deque[Flushed] = deque()
_closed: weakref.WeakSet[Flushed] = weakref.WeakSet()
_wake = threading.Event()
_thread: threading.Thread | None = None


def watch(journal: Flushed) -> None:
    """Flush this journal each second from now on, and at the process's end."""
    _journals.append(journal)
    if _thread is None:
        _start()
        _flush_at_end_of_worker()


def watch_for_stragglers(journal: Flushed) -> None:
    """Flush a closed journal only if a thread that outlived its execution appends to it."""
    if journal in _journals:
        _journals.remove(journal)
    _closed.add(journal)


def close_soon(journal: Flushed) -> bool:
    """Let the thread close a journal within its second; False if that must be done now.

    A folder and a file for each of many tiny executions would otherwise be most of what a call costs.
    """
    if _thread is None or len(_closing) >= _MOST_CLOSING:
        return False
    _closing.append(journal)
    return True


def before_reading(work: Callable[[], None]) -> None:
    """Call something whenever this process is about to read executions: it finishes what they are to hold."""
    _before_reading.append(work)


def finish_before_reading() -> None:
    """Write what this process still has to write: somebody is about to read."""
    for work in _before_reading:
        work()
    _close_waiting()


def _close_waiting() -> None:
    while _closing:
        with contextlib.suppress(IndexError):  # the thread took the last one
            _closing.popleft().close_now()


def flush_all() -> None:
    """Write out every journal of this process."""
    _close_waiting()
    for journal in [*_journals, *_stragglers()]:
        journal.flush(wait=True)


def at_exit_of_threads(function: Callable[[], None]) -> None:
    """Call a function while the process ends, but can still start threads, as clients of shared stores do.

    `atexit` is too late for them; concurrent.futures ends its own pools by this hook too.
    """
    register = getattr(threading, "_register_atexit", None)
    if register is None:
        atexit.register(function)
        return
    with contextlib.suppress(RuntimeError):  # the process is past that point
        register(function)


def _stragglers() -> list[Flushed]:
    return [journal for journal in list(_closed) if journal.items]


def _start() -> None:
    global _thread
    if sys.is_finalizing():
        return  # a thread that is started now never runs, and whoever starts it waits for it
    _thread = threading.Thread(target=_flush_forever, name="obs-flusher", daemon=True)
    try:
        _thread.start()
    except RuntimeError:  # the interpreter is ending, or threads are used up: tasks flush at their ends all the same
        _thread = None


def _flush_forever() -> None:
    while True:
        _wake.wait(INTERVAL)
        with contextlib.suppress(ObsError):
            _close_waiting()
        for journal in [*_journals, *_stragglers()]:
            try:
                journal.beat()
            except ObsError:
                continue  # strict mode raises in the task; this thread must live on


def _after_fork() -> None:
    global _thread, _wake
    _thread = None
    _wake = threading.Event()
    _closing.clear()  # the parent does it
    for journal in _journals:
        journal.after_fork()
    if _journals:
        _start()
        _flush_at_end_of_child()


def _flush_at_end_of_worker() -> None:
    """Workers of multiprocessing may end without running `atexit`, but with finalizers of its own."""
    at_exit_of_threads(flush_all)
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        util.Finalize(None, flush_all, exitpriority=100)


def _flush_at_end_of_child() -> None:
    """As for any worker, once a forked child has cleared the finalizers of its parent."""
    _flush_at_end_of_worker()
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        # Its finalizers are cleared when the child begins; what is registered here runs right after that.
        util.register_after_fork(_wake, lambda _: util.Finalize(None, flush_all, exitpriority=100))


def _before_fork() -> None:
    """Stamp what was appended so far with a time before anything that the child appends."""
    for journal in _journals:
        journal.encode()


def _forked() -> None:
    for journal in _journals:
        journal.forked = True


atexit.register(flush_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_child=_after_fork, after_in_parent=_forked)

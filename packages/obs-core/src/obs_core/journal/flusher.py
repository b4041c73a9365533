"""The one background thread of a process that writes all its journals out each second.

In a child that another thread than the main one forked, that thread is all there is. When it ends, nothing of Python's
own end runs, and the process ends with its last thread: so obs's threads must not outlive it.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from typing import Protocol

from obs_core import clock
from obs_core.background import Background, are_greenlets
from obs_core.failsafe import ObsError, guarded
from obs_core.journal import abrupt_ends, uploads
from obs_core.locks import Register
from obs_core.quiet_handlers import undisturbed
from obs_core.store.descriptors import close_what_is_left, most_files
from obs_core.undisturbed import collect_as_before

__all__ = [
    "Flushed",
    "at_exit_of_threads",
    "at_last",
    "before_reading",
    "close_at_once",
    "close_later",
    "close_soon",
    "each_round",
    "finish_before_reading",
    "flush_all",
    "has_an_end",
    "in_a_moment",
    "in_main_thread",
    "is_busy",
    "keep",
    "keep_alive",
    "soon",
    "watch",
    "watch_for_stragglers",
    "write_at_end",
]


class Flushed(Protocol):
    """A journal, as the thread needs it."""

    forked: bool
    used: bool

    @property
    def is_busy(self) -> bool:
        """Whether this thread is in the midst of writing it."""

    @property
    def unwritten(self) -> bool:
        """Whether anything is left to be written."""

    def encode(self) -> bool:
        """Turn everything appended so far into lines."""

    def flush(self, wait: bool = False) -> bool:
        """Write everything appended so far."""

    def flush_at_last(self) -> None:
        """Write what can be written at once, whatever this thread was in the midst of."""

    def beat(self) -> None:
        """Write everything appended so far, or a sign of life after a silence."""

    def close_now(self) -> None:
        """Write what is left."""

    def after_fork(self) -> None:
        """Go on as a writer of our own."""


INTERVAL = 1.0
"""Seconds between two flushes: what a killed process loses at most."""

_SOON = 0.05
"""Seconds within which the thread does what cannot wait for its next round."""

_MOMENT = 0.25
"""Seconds after which a journal in a shared store is first written."""

_journals: list[Flushed] = []
_unused: Register[Flushed] = Register()
"""Journals of which nothing is encoded yet. Who records in one holds it: a begin that a timeout strikes leaves one that
nobody has."""

_before_reading: list[Callable[[], None]] = []
_each_round: list[Callable[[], None]] = [close_what_is_left, collect_as_before]
_SHARE_CLOSING = 4
"""Executions that wait for the thread to write and close them may have each fourth of the files that this process may
have open; whoever ends one more closes it himself."""

_LATE = 1_500_000_000
"""Nanoseconds after which the thread's next round is late."""

_for_main: list[Callable[[], None]] = []
_hurried: deque[Callable[[], None]] = deque()
_moments: deque[tuple[float, Callable[[], None]]] = deque()
_at_last: list[Callable[[], None]] = []
_closing: deque[Flushed] = deque()
_closed: Register[Flushed] = Register()
_thread: threading.Thread | None = None
last_round = clock.wall()
"""When the thread last went through the journals."""

_is_child = _is_forked = False
_starts_last = False
_exits = False
_wake = threading.Lock()  # held, unless the thread is to be woken: whoever wakes it never waits for it
_wake.acquire()
_forked_by_main = True
_survivor: _Survivor | None = None


def watch(journal: Flushed) -> None:
    """Flush this journal each second from now on, and at the process's end."""
    _unused.add(journal)
    if _thread is None:
        _flush_at_end_of_worker()
        abrupt_ends.precede(_write_what_is_there)
        _start()  # last: once there is a thread, none of this is done again


def keep(journal: Flushed) -> None:
    """Hold a journal until it is closed, since something of it waits to be written."""
    if journal not in _journals:
        _journals.append(journal)


def _open() -> list[Flushed]:
    return [*_journals, *(journal for journal in _unused if not journal.used)]


def _write_what_is_there(is_certain: bool) -> None:
    """Write what can be written at once: the process ends without a word."""
    for journal in [*_open(), *_stragglers()]:
        with contextlib.suppress(ObsError):
            if is_certain:
                journal.flush_at_last()
            else:
                journal.flush()


def keep_alive() -> None:
    """Start the thread again if something ended it."""
    if not _is_running():
        _start()


_threads: dict[int, threading.Thread] = getattr(threading, "_active", {})
"""The running threads that Python made, by their idents."""


def _is_running() -> bool:
    """Tell whether there is the thread.

    Before Python 3.13, a signal's handler that raises in the midst of `Thread.is_alive` makes Python take a thread that
    runs for one that has ended.
    """
    return _thread is not None and _threads.get(_thread.ident or 0) is _thread


def write_at_end() -> None:
    """Flush each second, and when this process ends: a child may have cleared what was registered before the fork."""
    global _is_child
    if _is_child:
        _is_child = False
        atexit.register(_flush_at_last)
        keep_alive()
    if _for_main and threading.current_thread() is threading.main_thread():
        while _for_main:
            _for_main.pop()()


def in_main_thread(work: Callable[[], None]) -> None:
    """Call something once the main thread records: Python does some things there alone."""
    if work not in _for_main:
        _for_main.append(work)


def watch_for_stragglers(journal: Flushed) -> None:
    """Flush a closed journal only if a thread that outlived its execution appends to it."""
    if journal in _journals:
        _journals.remove(journal)
    _closed.add(journal)


def close_soon(journal: Flushed) -> bool:
    """Let the thread close a journal within its second; False if that must be done now.

    A folder and a file for each of many tiny executions would otherwise be most of what a call costs. A thread that
    does not keep up, on a machine that is too busy for it, is helped by whoever ends one more.
    """
    if _exits or _thread is None or len(_closing) >= most_files() // _SHARE_CLOSING:
        return False
    if clock.wall() - last_round > _LATE:
        _close_waiting()
        return False
    _closing.append(journal)
    return True


def close_later(journal: Flushed) -> None:
    """Let the thread close a journal, which is in the midst of being written."""
    _closing.append(journal)


def before_reading(work: Callable[[], None]) -> None:
    """Call something whenever this process is about to read executions: it finishes what they are to hold."""
    if work not in _before_reading:
        _before_reading.append(work)


def soon(work: Callable[[], None]) -> bool:
    """Call something in the thread within a twentieth of a second; False if there is no thread that could."""
    if not _is_running():
        return False
    _hurried.append(work)
    _wake_up()
    return True


def in_a_moment(work: Callable[[], None]) -> None:
    """Call something in the thread after a part of its first second, once: what a process that is killed young leaves.

    An execution that ends within that time is not kept waiting for an upload that its last one does not need.
    """
    _moments.append((time.monotonic() + _MOMENT, work))
    _wake_up()


def _wake_up() -> None:
    with contextlib.suppress(RuntimeError):  # it is awake
        _wake.release()


def close_at_once() -> None:
    """Close journals at once from now on: the process ends, and may have no later moment."""
    global _exits
    _exits = True


def at_last(work: Callable[[], None]) -> None:
    """Call something when this process ends, before its journals are written; what was registered last is called first.

    Handlers of `atexit` that were registered later have run by then, and may have recorded something.
    """
    if work not in _at_last:
        _at_last.append(work)


def has_an_end() -> bool:
    """Tell whether what is registered by `at_last` will still be called; of a forked child nobody knows that."""
    return not _exits and not _is_forked


def is_busy() -> bool:
    """Tell whether this thread was interrupted in the midst of writing a journal."""
    return any(journal.is_busy for journal in [*_open(), *_closed])


def each_round(work: Callable[[], None]) -> None:
    """Call something each second in this thread; it must be quick, since all journals wait for it."""
    if work not in _each_round:
        _each_round.append(work)


def finish_before_reading() -> None:
    """Write what this process still has to write: somebody is about to read."""
    for work in _before_reading:
        work()
    _close_waiting()


def _close_waiting() -> None:
    for _ in range(len(_closing)):
        try:
            journal = _closing[0]
        except IndexError:  # another thread took the last one
            return
        # It is taken from the queue once it is closed, or waits in it anew: whatever a signal handler raises meanwhile,
        # it is closed in the end.
        try:
            journal.close_now()
        except ObsError:
            _taken(journal)
            raise
        except BaseException:
            _closing.rotate(-1)
            raise
        _taken(journal)


def _taken(journal: Flushed) -> None:
    with contextlib.suppress(ValueError):
        _closing.remove(journal)


def flush_all() -> None:
    """Write out every journal of this process."""
    with contextlib.suppress(ObsError):
        _close_waiting()
    for journal in [*_open(), *_stragglers()]:
        with contextlib.suppress(ObsError):  # the others are to be written all the same
            journal.flush(wait=True)


_flush_all_at_end = undisturbed(flush_all)


@undisturbed
def _flush_at_last() -> None:
    """Do what is to be done when nothing else of the process will run that obs could wait for."""
    close_at_once()
    for work in reversed(_at_last):
        with contextlib.suppress(ObsError), guarded("ending this process"):
            work()
    flush_all()


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
    return [journal for journal in _closed if journal.unwritten]


def _start() -> None:
    global _thread, last_round
    if sys.is_finalizing():
        return  # a thread that is started now never runs, and whoever starts it waits for it
    last_round = clock.wall()
    try:
        _thread = thread = Background(_flush_forever, "obs-flusher")
        thread.start()  # known by now: a timeout may be raised in here once it runs
    except RuntimeError:  # the interpreter is ending, or threads are used up: tasks flush at their ends all the same
        _thread = None


def _flush_forever() -> None:
    global last_round
    while True:
        _do_what_is_hurried_until(time.monotonic() + INTERVAL)
        last_round = clock.wall()
        # Strict mode raises in the task; memory may be short; somebody may raise an exception in each thread that there
        # is. This thread lives on: each journal is tried again in a second.
        with contextlib.suppress(BaseException):
            _close_waiting()
        _beat()
        for work in _each_round:
            with contextlib.suppress(BaseException):
                work()
        if _survivor is not None and not _survivor.is_there():
            _end_without_it()


def _beat() -> None:
    # Not in the thread's own frame: what that names lives until the next round, and a journal that lives has one.
    for journal in [*_open(), *_stragglers()]:
        with contextlib.suppress(BaseException):
            journal.beat()


def _do_what_is_hurried_until(due: float) -> None:
    while (now := time.monotonic()) < due:
        next_moment = _moments[0][0] if _moments else due
        if next_moment <= now:
            with contextlib.suppress(BaseException):
                _moments.popleft()[1]()
            continue
        with contextlib.suppress(BaseException):
            if not _wake.acquire(timeout=min(due, next_moment) - now):
                continue
        if _survivor is not None and not _survivor.is_there():
            return
        time.sleep(_SOON)
        while _hurried:
            with contextlib.suppress(BaseException):
                _hurried.popleft()()


class _Survivor:
    """The thread that forked this process, if that was not the main one: wakes the flusher when it ends."""

    def __init__(self) -> None:
        self._ident = threading.get_ident()
        self._local = threading.local()
        self._local.until_it_ends = _UntilItEnds()
        self._ended = weakref.ref(self._local.until_it_ends, lambda _: _wake_up())

    def is_there(self) -> bool:
        """Tell whether the thread, or one that it started, still runs."""
        if self._ended() is not None:
            return True
        running = sys._current_frames()
        return any(
            thread.ident in running and thread.ident != self._ident and not thread.name.startswith("obs-")
            for thread in threading.enumerate()
        )


class _UntilItEnds:
    """What a thread's local data holds: it goes with them."""


def _end_without_it() -> None:
    """Write everything, and end the process as the end of its last thread does: with 0, whatever ended that."""
    with contextlib.suppress(BaseException):
        _flush_at_last()
    with contextlib.suppress(OSError):
        ours = [thread for thread in threading.enumerate() if thread.name.startswith("obs-")]
        if len(os.listdir("/proc/self/task")) > len(ours) + 1:
            return  # a thread that is none of Python's; the first one stays listed
    os._exit(0)


def _after_fork() -> None:
    """Begin anew in a forked child, which has none of its parent's threads.

    All that says which thread is at work is reset: the child would wait for threads that it does not have.
    """
    global _thread, _is_child, _is_forked, _exits, _wake, _survivor, _unused
    _thread, _is_child, _is_forked, _exits = None, True, True, False
    _wake = threading.Lock()
    _wake.acquire()
    _survivor = None if _forked_by_main else _Survivor()
    _hurried.clear()
    _moments.clear()
    uploads.forget()
    _closing.clear()  # the parent does it
    _for_main.clear()
    _closed.after_fork()
    closed, unused = list(_closed), [journal for journal in _unused if not journal.used]
    _unused = Register()  # in the child each is unused again, also what is closed
    for journal in unused:
        if journal not in closed:
            _unused.add(journal)
    for journal in [*_open(), *closed]:
        journal.after_fork()
    close_what_is_left()  # of files that are the parent's
    if _open():
        if not _starts_last:
            _start_in_child()
        _flush_at_end_of_child()


def start_last_in_children() -> None:
    """Start the thread of forked children after what others do in a child, if they asked for that before this call.

    Until a tool that follows memory into children has its own file there, a thread that allocates spoils the one of
    the parent. Such a tool registers late, when it is first imported, and would come to its turn after the thread.
    """
    global _starts_last
    if not _starts_last and hasattr(os, "register_at_fork"):
        _starts_last = True
        os.register_at_fork(after_in_child=_start_in_child)


def _start_in_child() -> None:
    """Start the thread, unless that lets the parent's other greenlets run here, in a child that is to become a program.

    There the thread starts with what the child records first.
    """
    if _open() and not are_greenlets():
        keep_alive()


def _flush_at_end_of_worker() -> None:
    """Workers of multiprocessing may end without running `atexit`, but with finalizers of its own."""
    at_exit_of_threads(_flush_all_at_end)
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        util.Finalize(None, _flush_all_at_end, exitpriority=100)


def _flush_at_end_of_child() -> None:
    """As for any worker, once a forked child has cleared the finalizers of its parent."""
    _flush_at_end_of_worker()
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        # Its finalizers are cleared when the child begins; what is registered here runs right after that.
        util.register_after_fork(_Registered, lambda _: util.Finalize(None, _flush_all_at_end, exitpriority=100))


class _Registered:
    """What multiprocessing holds a weak reference to while it is to call back."""


def _before_fork() -> None:
    """Stamp what was appended so far with a time before anything that the child appends."""
    global _forked_by_main
    in_main = are_greenlets() or threading.get_ident() == threading.main_thread().ident
    _forked_by_main = _survivor is None and in_main
    for journal in _open():
        journal.encode()


def _forked() -> None:
    for journal in _open():
        journal.forked = True


atexit.register(_flush_at_last)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_child=_after_fork, after_in_parent=_forked)

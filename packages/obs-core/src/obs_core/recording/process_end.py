"""How this process ends: by which exception, or with which exit code, since nobody tells an `atexit` function.

What counts is what leaves the outermost frame of the main thread (the script, or what ``python -m`` or a console script
runs in). An exception that a console, a notebook or a test runner caught and printed left no such frame, whatever
``sys.last_exc`` says. The last word is that of ``sys.excepthook``: one that exits by itself decides with which code.

A child of multiprocessing ends as the ``run`` of its `Process` does: multiprocessing catches what leaves that, prints
it, and makes an exit code of it.

From Python 3.12 on `sys.monitoring` tells which exception leaves that frame, `SystemExit` included. In Python 3.11, and
where others have taken all monitoring tools, it is guessed (`obs_core.recording.guessed_end`).

What ends the process is kept in words alone. Python lets go of it before the process is over, and with it of the locals
of every call that it left: files are completed then that nobody has closed, and what waits for that may go on.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any, Protocol, cast

from obs_core.quiet_handlers import entered_for_certain
from obs_core.recording.exit_status import ended_well
from obs_core.recording.guessed_end import GuessedEnd
from obs_core.recording.monitoring import give_back, monitoring, tool
from obs_core.recording.raised import Told, failure_of

__all__ = ["ProcessEnd", "exit_of_worker", "follow_process_end", "is_child_of_multiprocessing", "outermost_frame"]

_MULTIPROCESSING = ("multiprocessing.process", "multiprocess.process", "billiard.process")
"""The standard library's module, and those of pathos and of Celery that were made of it."""


class ProcessEnd(Protocol):
    """Learns how this process ends, from its making on."""

    @property
    def is_unknown(self) -> bool:
        """Whether `error` found that an exit ended the process, and not with which code."""

    def error(self) -> Told | None:
        """Return what ends this process as a failure, to be asked while it ends; None if nothing does."""

    def close(self) -> None:
        """Give back what was taken."""


def follow_process_end(early: FrameType | None = None, tell: Callable[[Told | None], None] | None = None) -> ProcessEnd:
    """Begin to learn how this process ends, in any thread.

    Args:
        early: The outermost frame of the main thread as it was before, which is asked if this process ends already. Of
            an exit, only a constant is known then.
        tell: Called in the main thread as soon as a failure leaves the outermost frame, long before the process is
            over; and with None if that proves to be none. Python 3.11 does not tell, so it is never called there.

    Returns:
        What knows it in the end. Close it.
    """
    if getattr(threading, "_SHUTTING_DOWN", False) or not threading.main_thread().is_alive():
        return GuessedEnd(early, early, listens=False)
    outermost = outermost_frame()
    number = None if outermost is None else tool()
    if outermost is None or number is None:
        return GuessedEnd(outermost, _script_frame(), listens=outermost is not None)
    return _MonitoredEnd(_run_of_worker() or outermost, number, tell or _tell_nobody)


def _tell_nobody(_error: Told | None) -> None:
    """Wait to be asked."""


class _MonitoredEnd:
    """Is told by `sys.monitoring` what leaves the outermost frame."""

    is_unknown = False

    def __init__(self, outermost: FrameType, number: int, tell: Callable[[Told | None], None]) -> None:
        self._outermost = code = outermost.f_code
        self._tell = tell
        self._tool = number
        self._left_by: Told | None = None
        frame_id = id(outermost)  # the frame itself would keep its locals

        # Python calls it for each frame that an exception leaves, whosever it is: most are not this one. The code alone
        # does not tell: what a decorator makes of many functions has one. Nor is any of them one in which a signal's
        # handler may run.
        @entered_for_certain
        def unwound(left: CodeType, _offset: int, error: BaseException) -> None:
            if left is code and id(sys._getframe(1)) == frame_id:
                self._outermost_unwound(error)

        monitoring.register_callback(number, monitoring.events.PY_UNWIND, unwound)
        monitoring.set_events(number, monitoring.events.PY_UNWIND)

    def error(self) -> Told | None:
        """Return what ends this process as a failure; None if nothing does."""
        return self._left_by

    def close(self) -> None:
        """Give back the tool."""
        with contextlib.suppress(Exception):
            monitoring.set_events(self._tool, 0)
            monitoring.register_callback(self._tool, monitoring.events.PY_UNWIND, None)
            give_back()

    def _outermost_unwound(self, error: BaseException) -> None:
        if threading.current_thread() is threading.main_thread():
            self._left_by = failure_of(error)
            self._tell(self._left_by)
            monitoring.register_callback(self._tool, monitoring.events.PY_UNWIND, self._unwound_later)

    @entered_for_certain
    def _unwound_later(self, left: CodeType, _offset: int, error: BaseException) -> None:
        """Look out for what ends ``sys.excepthook``, or for another exception that leaves the outermost frame."""
        if left is self._outermost and _is_outermost(sys._getframe(1)):
            self._outermost_unwound(error)
        elif isinstance(error, SystemExit) and ended_well(error) and left is _code_of(sys.excepthook):
            self._left_by = None
            self._tell(None)


def _code_of(function: Any) -> CodeType | None:
    """Return the code of a function, of a method, or of what is called as one."""
    if not hasattr(function, "__code__"):
        function = getattr(type(function), "__call__", None)  # noqa: B004  # its code is wanted
    code = getattr(function, "__code__", None)
    return code if isinstance(code, CodeType) else None


def is_child_of_multiprocessing() -> bool:
    """Tell whether another process may end this one by a signal, or let it end without running `atexit`."""
    process = sys.modules.get("multiprocessing.process")
    return process is not None and process.parent_process() is not None


def exit_of_worker() -> Told | None:
    """Return the exit code with which multiprocessing is ending this process, if that is a failure.

    It is read where multiprocessing keeps it: in the frame that called ``run``, which waits for the other threads now.
    """
    frame, called = cast("FrameType | None", sys._getframe()), None
    while frame is not None and not _calls_run(frame):
        frame, called = frame.f_back, frame
    # It keeps none if asking the exit for its code raised: Python makes 1 of that.
    unkept = 1 if _code_of(threading._shutdown) is (called and called.f_code) else None  # type: ignore[attr-defined]
    code = None if frame is None else frame.f_locals.get("exitcode", unkept)
    return failure_of(SystemExit(code)) if isinstance(code, int) else None


def _run_of_worker() -> FrameType | None:
    """Return the frame of the ``run`` of a `Process`, if that runs in the main thread."""
    frame, called = _frame_of_main_thread(), None
    while frame is not None and not _calls_run(frame):
        frame, called = frame.f_back, frame
    return None if frame is None else called


def _calls_run(frame: FrameType) -> bool:
    return frame.f_code.co_name == "_bootstrap" and frame.f_globals.get("__name__") in _MULTIPROCESSING


def _is_outermost(frame: FrameType) -> bool:
    return frame.f_back is None or _calls_run(frame.f_back)


def outermost_frame() -> FrameType | None:
    """Return the frame of the script, or of what ``python -m`` or a console script runs in."""
    frame = _frame_of_main_thread()
    while frame is not None and frame.f_back is not None:
        frame = frame.f_back
    return frame


def _script_frame() -> FrameType | None:
    """Return the frame of the script; of what ``python -m`` runs that of its module, and not that of `runpy`."""
    frame, found = _frame_of_main_thread(), None
    while frame is not None:
        if frame.f_globals.get("__name__") != "runpy":
            found = frame
        frame = frame.f_back
    return found


def _frame_of_main_thread() -> FrameType | None:
    """Return the frame in which the main thread runs, or stands while a greenlet runs in its place."""
    greenlets = sys.modules.get("greenlet")
    if greenlets is not None and threading.current_thread() is threading.main_thread():
        current = greenlets.getcurrent()
        while current.parent is not None:
            current = current.parent
        if current.gr_frame is not None:  # else it runs itself
            return cast("FrameType", current.gr_frame)
    # Perhaps this function's own, which would keep itself and all that called it alive in a variable of its own.
    return sys._current_frames().get(threading.main_thread().ident or 0)

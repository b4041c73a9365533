"""A limit on how long somebody's code may take to draw a value: ``OBS_RENDER_TIMEOUT``.

A value is drawn in the thread that has it: in another one it would see other thread-locals and context variables, and
some objects refuse (a SQLite connection). So what hangs has to be ended from outside. One background thread looks on,
and when the limit is over it makes the hanging code raise `Overdue`:

- in the main thread by a signal, SIGURG, which also ends what waits in the system (``time.sleep``, a lock, a socket).
  Its default is to be ignored, and a handler of the program's own is left alone;
- in other threads, where there are no signals, or where SIGURG is taken, as exceptions are sent to threads
  (`PyThreadState_SetAsyncExc`): it arrives with the next instruction of Python.

Neither ends a call into C that runs on by itself, in a thread also none that waits; then only a line on standard error
says what hangs. Imports are never cut short: half a module would stay behind.

The one rule that must hold: nothing is raised once the drawing is over. `_Drawing.over` is set by a statement before
which CPython runs no handler and switches to no thread, and is looked at where the exception is raised (the handler),
or, for what was sent, the thread that drew waits for it to arrive.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

from obs_core.background import start_bare
from obs_core.interruptions import Overdue, interruption, traceback_of
from obs_core.settings import render_timeout
from obs_core.standard_error import written_at_once

__all__ = ["RenderTimeout", "limited"]

T = TypeVar("T")


class RenderTimeout(TimeoutError):
    """Somebody's code took longer to draw a value than `OBS_RENDER_TIMEOUT` allows, and was ended."""


class _Drawing:
    """What a thread draws now."""

    __slots__ = ("begun", "next_try", "over", "sending", "sent", "told")

    def __init__(self) -> None:
        self.begun = time.monotonic()
        self.over = self.sending = self.sent = self.told = False
        self.next_try = 0.0


_drawings: dict[int, _Drawing] = {}
"""By thread."""

_watcher: int | None = None
_main = threading.main_thread().ident
_listening = False


def limited(draw: Callable[[], T]) -> T:
    """Call something that draws a value, for as long as `OBS_RENDER_TIMEOUT` allows.

    Args:
        draw: Calls somebody's code. Inside another call of this one it has what is left of that one's time.

    Returns:
        What it returns.

    Raises:
        RenderTimeout: It took too long.

    Examples:
        >>> limited(lambda: str(7))
        '7'
    """
    me = threading.get_ident()
    around = _drawings.get(me)
    if around is not None and not around.over:
        return draw()
    if _watcher is None or (me == _main and not _listening):
        _look_on(me)
    drawing = _Drawing()
    try:
        try:
            _drawings[me] = drawing
            return draw()
        finally:
            drawing.over = True  # before anything that calls: see above
            if drawing.sending or drawing.sent:
                _let_arrive(drawing)
            _drawings.pop(me, None)
    except BaseException as error:
        if not isinstance(interruption(error, sys._getframe()), Overdue):
            raise
        where = _where_it_hung(error)
    # Outside of the except block: what ended the drawing is no part of this exception's story.
    raise RenderTimeout(f"it took longer than {render_timeout():g} s{where} (OBS_RENDER_TIMEOUT)")


def _where_it_hung(error: BaseException) -> str:
    """Return the innermost place at which a drawing was ended, in somebody's own code."""
    traceback, frame = traceback_of(error), None
    while traceback is not None:
        if traceback.tb_frame.f_code is not _end_drawing.__code__:
            frame, line = traceback.tb_frame, traceback.tb_lineno
        traceback = traceback.tb_next
    return "" if frame is None else _place(frame, line)


def _let_arrive(drawing: _Drawing) -> None:
    """Take in what was sent while the drawing came to its end: the task is not to get it."""
    try:
        _take_in(drawing)
    except BaseException:  # a signal's handler raised something right now
        _take_in(drawing)
        raise


def _take_in(drawing: _Drawing) -> None:
    with contextlib.suppress(Overdue):
        while drawing.sending:
            time.sleep(0.0005)
        for _ in range(10):
            pass  # it arrives at the turn of a loop


# ---- the thread that looks on -----------------------------------------------------------------------------------


def _look_on(me: int) -> None:
    global _watcher, _listening
    if me == _main and not _listening:
        _listening = True
        _listen()
    if _watcher is None and not sys.is_finalizing():
        with contextlib.suppress(RuntimeError):  # the interpreter is ending, or threads are used up: no limit then
            # `Thread.start` waits for the thread: a timeout of the task's that comes meanwhile spoils its books.
            _watcher = start_bare(_watch)


def _listen() -> None:
    """Let SIGURG end a drawing in the main thread, unless the program uses it."""
    import signal

    if hasattr(signal, "SIGURG"):
        with contextlib.suppress(ValueError, OSError):  # this is no main interpreter
            if signal.getsignal(signal.SIGURG) is signal.SIG_DFL:
                signal.signal(signal.SIGURG, _end_drawing)


def _end_drawing(_number: int, frame: FrameType | None) -> None:
    drawing = _drawings.get(threading.get_ident())
    if drawing is None or drawing.over or not _is_overdue(drawing) or not _may_be_ended(frame):
        return
    raise Overdue


def _is_overdue(drawing: _Drawing) -> bool:
    limit = render_timeout()
    return limit > 0 and time.monotonic() - drawing.begun > limit


def _may_be_ended(frame: FrameType | None) -> bool:
    """Tell whether a thread is drawing indeed (a greenlet may be at work instead), and is not importing."""
    while frame is not None:
        if frame.f_code is limited.__code__:
            return True
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return False
        frame = frame.f_back
    return False


def _watch() -> None:
    me = threading.get_ident()
    with contextlib.suppress(RuntimeError):  # Python makes no object of a thread where there is no `sys.excepthook`
        # By this name it is known to be obs's, and is no reason to go on.
        threading.current_thread().name = "obs-render-timeout"
    while _watcher in (None, me):  # whoever started us may have been interrupted, and started another one
        limit = render_timeout()
        time.sleep(min(1.0, max(0.005, limit / 4)) if limit > 0 else 1.0)
        # Somebody may raise an exception in each thread that there is; memory may be short.
        with contextlib.suppress(BaseException):
            now = time.monotonic()
            for thread, drawing in list(_drawings.items()):
                if now >= drawing.next_try and not drawing.over and _is_overdue(drawing):
                    drawing.next_try = now + min(1.0, limit)
                    _end(thread, drawing)


def _end(thread: int, drawing: _Drawing) -> None:
    frame = sys._current_frames().get(thread)
    if time.monotonic() - drawing.begun > 2 * render_timeout() + 1 and not drawing.told:
        drawing.told = True
        _tell_hanging(frame)
    if not _may_be_ended(frame):
        return
    if thread == _main and _listening and _signalled():
        return
    drawing.sending = True
    try:
        import ctypes

        if not drawing.over:
            drawing.sent = True
            # By its attribute, `obs_core.interruptions` knows that the program sends exceptions.
            send = ctypes.pythonapi["PyThreadState_SetAsyncExc"]
            send(ctypes.c_ulong(thread), ctypes.py_object(Overdue))
    finally:
        drawing.sending = False


def _signalled() -> bool:
    import signal

    if not hasattr(signal, "SIGURG") or signal.getsignal(signal.SIGURG) is not _end_drawing or _main is None:
        return False
    signal.pthread_kill(_main, signal.SIGURG)
    return True


def _tell_hanging(frame: FrameType | None) -> None:
    place = "" if frame is None else _place(frame, frame.f_lineno)
    # It may be closed, full or missing.
    with contextlib.suppress(OSError, ValueError, AttributeError), written_at_once():
        sys.stderr.write(f"obs: drawing a value takes longer than OBS_RENDER_TIMEOUT and cannot be ended{place}\n")


def _place(frame: FrameType, line: int | None) -> str:
    return f" in {frame.f_code.co_qualname} ({frame.f_code.co_filename}:{line})"


def _after_fork() -> None:
    """Begin anew in a forked child, which has none of its parent's threads but one."""
    global _watcher, _main
    _watcher, _main = None, threading.main_thread().ident
    me = threading.get_ident()
    for thread in list(_drawings):
        if thread != me:
            del _drawings[thread]
    if _drawings:
        _look_on(me)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

"""How this process ends: by which exception, or with which exit code, since nobody tells an `atexit` function.

What counts is what leaves the outermost frame of the main thread (the script, or what ``python -m`` or a console script
runs in). An exception that a console, a notebook or a test runner caught and printed left no such frame, whatever
``sys.last_exc`` says. Nothing is replaced but `sys.exit`, and that in Python 3.11 alone:

- From Python 3.12 on `sys.monitoring` tells which exception leaves that frame, `SystemExit` included.
- Python 3.11, or a process whose monitoring tools are all taken, tells an uncaught exception by the traceback of
  ``sys.last_value``, which begins in that frame. What `sys.exit` was called with is kept by a function that stands in
  its place as long as the ambient execution lasts; of a ``raise SystemExit(...)`` there, a constant is read.

Not known is the code of ``os._exit``, and in Python 3.11 that of a ``raise SystemExit(main())`` at the top of a script,
which is taken for a success.
"""

from __future__ import annotations

import contextlib
import functools
import sys
import threading
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

__all__ = ["ProcessEnd", "ended_well"]

_OBS_TOOLS = (3, 4)
"""Numbers of monitoring tools that no kind of tool is meant for."""


def ended_well(error: BaseException | None) -> bool:
    """Tell whether what left a block is no failure: nothing, or ``sys.exit()`` with the code of a success."""
    if error is None:
        return True
    return isinstance(error, SystemExit) and (error.code is None or (type(error.code) is int and error.code == 0))


class ProcessEnd:
    """Learns how this process ends, from its making on; make it in any thread."""

    def __init__(self) -> None:
        self._frame = _outermost_frame()
        self._left_by: BaseException | None = None
        self._exit: SystemExit | None = None
        self._stand_in: Callable[..., Any] | None = None
        self._tool = self._monitor()
        if self._tool is None and self._frame is not None:
            self._stand_in_for_exit()

    def error(self) -> BaseException | None:
        """Return what ends this process as a failure, to be asked while it ends; None if nothing does."""
        found = self._left_by if self._tool is not None else self._guessed()
        return None if ended_well(found) else found

    def close(self) -> None:
        """Give back what was taken."""
        if self._tool is not None:
            with contextlib.suppress(Exception):
                monitoring: Any = sys.monitoring  # type: ignore[attr-defined]  # from Python 3.12 on
                monitoring.set_events(self._tool, 0)
                monitoring.free_tool_id(self._tool)
        stand_in = self._stand_in
        if stand_in is not None and sys.exit is stand_in:  # else somebody has put something over it: that stays
            sys.exit = stand_in.__wrapped__  # type: ignore[attr-defined]

    # Python 3.12

    def _monitor(self) -> int | None:
        monitoring: Any = getattr(sys, "monitoring", None)
        if monitoring is None or self._frame is None:
            return None
        code = self._frame.f_code
        for tool in _OBS_TOOLS:
            if monitoring.get_tool(tool) is None:
                monitoring.use_tool_id(tool, "obs")
                event = monitoring.events.PY_UNWIND
                monitoring.register_callback(tool, event, functools.partial(self._unwound, code))
                monitoring.set_events(tool, event)
                return tool
        return None

    def _unwound(self, outermost: CodeType, code: CodeType, _offset: int, error: BaseException) -> None:
        if code is outermost and threading.current_thread() is threading.main_thread():
            self._left_by = error

    # Python 3.11

    def _stand_in_for_exit(self) -> None:
        original = sys.exit

        @functools.wraps(original)
        def exit(status: Any = None, /) -> Any:
            if threading.current_thread() is threading.main_thread():
                self._exit = SystemExit() if status is None else SystemExit(status)
            original(status)

        self._stand_in = exit
        sys.exit = exit

    def _guessed(self) -> BaseException | None:
        frame = self._frame
        if frame is None or _is_running(frame) or _has_returned(frame):
            return None
        last: Any = getattr(sys, "last_value", None)
        traceback = getattr(last, "__traceback__", None)
        if traceback is not None and traceback.tb_frame is frame:
            return last  # type: ignore[no-any-return]
        return self._exit or _constant_exit(frame)


def _outermost_frame() -> FrameType | None:
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    while frame is not None and frame.f_back is not None:
        frame = frame.f_back
    return frame


def _is_running(outermost: FrameType) -> bool:
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame is outermost:
            return True
        frame = frame.f_back
    return False


def _has_returned(frame: FrameType) -> bool:
    """Tell whether a frame that has ended ended by its return: that is its last instruction then."""
    import dis

    return frame.f_lasti >= 0 and dis.opname[frame.f_code.co_code[frame.f_lasti]].startswith("RETURN")


def _constant_exit(frame: FrameType) -> SystemExit | None:
    """Return what a constant in ``raise SystemExit(1)`` or ``exit(1)`` left a frame with."""
    import dis

    before = [one for one in dis.get_instructions(frame.f_code) if one.offset <= frame.f_lasti]
    while before and before[-1].opname in _OF_A_CALL:
        before.pop()
    return SystemExit(before[-1].argval) if before and before[-1].opname == "LOAD_CONST" else None


_OF_A_CALL = ("RAISE_VARARGS", "CALL", "PRECALL", "CACHE")
"""What comes after the last argument of a call."""

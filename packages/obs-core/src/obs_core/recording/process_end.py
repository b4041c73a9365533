"""How this process ends: by which exception, or with which exit code, since nobody tells an `atexit` function.

What counts is what leaves the outermost frame of the main thread (the script, or what ``python -m`` or a console script
runs in). An exception that a console, a notebook or a test runner caught and printed left no such frame, whatever
``sys.last_exc`` says. Nothing is replaced but `sys.exit` (and what `site` calls ``exit`` and ``quit``), and that in
Python 3.11 alone:

- From Python 3.12 on `sys.monitoring` tells which exception leaves that frame, `SystemExit` included.
- Python 3.11, or a process whose monitoring tools are all taken, tells an uncaught exception by the traceback of
  ``sys.last_value``, which begins in that frame. What `sys.exit` was called with is kept by a function that stands in
  its place as long as the ambient execution lasts; of a ``raise SystemExit(...)`` there, a constant is read.

The last word is that of ``sys.excepthook``: one that exits by itself decides with which code.

Not known is the code of ``os._exit``, and in Python 3.11 that of a ``raise SystemExit(main())`` at the top of a script,
which is taken for a success.
"""

from __future__ import annotations

import builtins
import contextlib
import functools
import sys
import threading
from collections.abc import Callable, Iterator
from types import CodeType, FrameType, TracebackType
from typing import Any, cast

from obs_core.recording.monitoring import give_back, monitoring, tool

__all__ = [
    "ProcessEnd",
    "closes_generator",
    "ended_well",
    "exit_status",
    "is_child_of_multiprocessing",
    "outermost_frame",
]

_STATUS = 0xFFFFFFFF if sys.platform == "win32" else 0xFF
"""What of an exit code whoever waits for the process gets to see."""

_LONG = 1 << (31 if sys.platform == "win32" else 63)
"""The first number that is too large for a ``long`` of C."""


def ended_well(error: BaseException | None) -> bool:
    """Tell whether what left a block is no failure.

    That is nothing, ``sys.exit()`` with the code of a success, or the end of a generator that its consumer left.
    """
    if error is None or (issubclass(type(error), SystemExit) and exit_status(cast("SystemExit", error)) == 0):
        return True
    return closes_generator(error)


def closes_generator(error: BaseException | None) -> bool:
    """Tell whether this closes a generator that was not used up: a `GeneratorExit` that came in at its ``yield``.

    One that the generator raises itself, or that leaves who threw it into another one, is a failure like any other.
    """
    traceback = error.__traceback__ if type(error) is GeneratorExit else None
    if traceback is None or not _is_of_generator(traceback):
        return False
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    code, at = traceback.tb_frame.f_code, traceback.tb_lasti
    return _is_of_generator(traceback) and code.co_code[at] == _PAUSED


def _is_of_generator(traceback: TracebackType) -> bool:
    flags = traceback.tb_frame.f_code.co_flags
    return bool(flags & _GENERATORS) and not flags & _ITERABLE_COROUTINE


# As `inspect` names them, whose import takes longer than all that is looked at here.
_GENERATORS = 0x20 | 0x200
_ITERABLE_COROUTINE = 0x100


def _instruction_of_a_pause() -> int:
    paused: Any = (number for number in (1, 2))
    next(paused)
    return int(paused.gi_code.co_code[paused.gi_frame.f_lasti])


_PAUSED = _instruction_of_a_pause()
"""The instruction at which a generator stands between two items; its number and kind differ between Pythons."""


def exit_status(error: SystemExit) -> int:
    """Return the status that a process ends with when this is what ends it.

    Any kind of int counts as the number that it is, as far as a status can hold it; what is no int is printed and
    counts as 1.

    Source: ``handle_system_exit`` in CPython's Python/pythonrun.c.
    """
    code: Any = getattr(error, "code", error)
    if code is None:
        return 0
    if not issubclass(type(code), int):  # as C code asks: what its `__class__` says is not asked
        return 1
    number = int.__int__(code)
    if not -_LONG <= number < _LONG:
        number = -1  # as C code reads what it cannot hold
    return number & _STATUS


def is_child_of_multiprocessing() -> bool:
    """Tell whether another process may end this one by a signal, or let it end without running `atexit`."""
    process = sys.modules.get("multiprocessing.process")
    return process is not None and process.parent_process() is not None


class ProcessEnd:
    """Learns how this process ends, from its making on; make it in any thread.

    Args:
        early: The outermost frame of the main thread as it was before, which is asked if this is made while the process
            ends already. Of an exit, only a constant is known then.
    """

    def __init__(self, early: FrameType | None = None) -> None:
        ends = getattr(threading, "_SHUTTING_DOWN", False) or not threading.main_thread().is_alive()
        self._frame = early if ends else outermost_frame()
        self._left_by: BaseException | None = None
        self._exit: SystemExit | None = None
        self._hook_exit: SystemExit | None = None  # by which `sys.excepthook` ended the process
        self._stand_ins: list[tuple[dict[str, Any], str, Any, Any]] = []
        """Where each is put, under which name, and what was there."""
        self._tool = None if ends else self._monitor()
        if self._tool is None and self._frame is not None and not ends:
            self._stand_in_for_exit()

    def error(self) -> BaseException | None:
        """Return what ends this process as a failure, to be asked while it ends; None if nothing does."""
        found = self._left_by if self._tool is not None else self._guessed()
        if ended_well(found) or (found is not None and self._hook_exit is not None and ended_well(self._hook_exit)):
            return None
        return found

    def close(self) -> None:
        """Give back what was taken."""
        if self._tool is not None:
            with contextlib.suppress(Exception):
                monitoring.set_events(self._tool, 0)
                monitoring.register_callback(self._tool, monitoring.events.PY_UNWIND, None)
                give_back()
        for namespace, name, stand_in, original in self._stand_ins:
            if namespace.get(name) is stand_in:  # else somebody has put something over it: that stays
                namespace[name] = original

    # Python 3.12

    def _monitor(self) -> int | None:
        number = None if self._frame is None else tool()
        if self._frame is None or number is None:
            return None
        outermost = self._frame.f_code

        # Python calls it for each frame that an exception leaves, whosever it is: most are none of the two.
        def unwound(code: CodeType, _offset: int, error: BaseException) -> None:
            if code is outermost or self._left_by is not None:
                self._unwound(code is outermost, code, error)

        monitoring.register_callback(number, monitoring.events.PY_UNWIND, unwound)
        monitoring.set_events(number, monitoring.events.PY_UNWIND)
        return number

    def _unwound(self, is_outermost: bool, code: CodeType, error: BaseException) -> None:
        if is_outermost and threading.current_thread() is threading.main_thread():
            self._left_by, self._hook_exit = error, None
        elif self._left_by is not None and isinstance(error, SystemExit) and code is _code_of(sys.excepthook):
            self._hook_exit = error

    # Python 3.11

    def _stand_in_for_exit(self) -> None:
        original = sys.exit

        @functools.wraps(original)
        def exit(status: Any = None, /) -> Any:
            self._is_called_with(status)
            original(status)

        self._put(vars(sys), "exit", exit)
        main = vars(sys.modules["__main__"])
        for name in [name for name, value in main.items() if value is original]:  # ``from sys import exit``
            self._put(main, name, exit)
        for name in ("exit", "quit"):  # those that `site` makes, for consoles; scripts call them all the same
            if type(found := vars(builtins).get(name)).__name__ == "Quitter":
                self._put(vars(builtins), name, _Quitter(found, self._is_called_with))

    def _put(self, namespace: dict[str, Any], name: str, stand_in: Any) -> None:
        self._stand_ins.append((namespace, name, stand_in, namespace[name]))
        namespace[name] = stand_in

    def _is_called_with(self, status: Any) -> None:
        if threading.current_thread() is threading.main_thread():
            error = SystemExit() if status is None else SystemExit(status)
            if self._frame is None or _is_running(self._frame):
                self._exit = error
            elif _is_running_code(_code_of(sys.excepthook)):
                self._hook_exit = error

    def _guessed(self) -> BaseException | None:
        frame = self._frame
        if frame is None or _is_running(frame) or _has_returned(frame):
            return None
        last: Any = getattr(sys, "last_value", None)
        traceback = getattr(last, "__traceback__", None)
        if traceback is not None and traceback.tb_frame is frame:
            return last  # type: ignore[no-any-return]
        return self._exit or _constant_exit(frame)


class _Quitter:
    """Stands in for what `site` calls ``exit`` and ``quit``."""

    def __init__(self, original: Any, tell: Callable[[Any], None]) -> None:
        self._original = original
        self._tell = tell

    def __call__(self, code: Any = None) -> Any:
        self._tell(code)
        self._original(code)

    def __repr__(self) -> str:
        return repr(self._original)


def outermost_frame() -> FrameType | None:
    """Return the frame of the script, or of what ``python -m`` or a console script runs in."""
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    while frame is not None and frame.f_back is not None:
        frame = frame.f_back
    return frame


def _is_running(outermost: FrameType) -> bool:
    return any(frame is outermost for frame in _frames())


def _is_running_code(code: CodeType | None) -> bool:
    return any(frame.f_code is code for frame in _frames())


def _frames() -> Iterator[FrameType]:
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        yield frame
        frame = frame.f_back


def _code_of(function: Any) -> CodeType | None:
    """Return the code of a function, of a method, or of what is called as one."""
    if not hasattr(function, "__code__"):
        function = getattr(type(function), "__call__", None)  # noqa: B004  # its code is wanted
    code = getattr(function, "__code__", None)
    return code if isinstance(code, CodeType) else None


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

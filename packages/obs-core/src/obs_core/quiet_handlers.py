"""Where what a signal's handler raises would reach nobody: as a block is left, and as the process ends.

A timer's handler may raise each millisecond. As the process ends, Python prints what is raised and goes on with the
next thing: what was struck is not done. So what obs does then is done with handlers that are called, and whose
exceptions are dropped. Ctrl-C stays as it is: by that somebody ends what hangs.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # functions of `signal` are Python's own: handlers would run in them
import contextlib
import functools
import math
import opcode
import time
from collections.abc import Callable
from types import FrameType, FunctionType
from typing import Any, TypeVar

from obs_core import fault_handlers
from obs_core.background import STRIKING
from obs_core.interruptions import signal_handlers

__all__ = ["block", "entered_for_certain", "let_handlers_raise", "quieten_handlers", "undisturbed"]

F = TypeVar("F", bound=Callable[..., Any])

_TRIES = 200
"""Handlers raise while they are made quiet too, of signals that come to another thread; fewer each time. On a busy
machine a timer strikes more than 30 times before it is quiet."""

_PATIENCE = 10.0
"""Seconds of writing after which they raise again: a pipe that nobody reads takes for ever, and somebody may know."""

_PART = 10
"""A handler may take one of so many parts of the time: called each time, a timer's may leave none to write in."""


def entered_for_certain(function: F) -> F:
    """Let no signal's handler run as a function is called, before its first statement.

    Python looks for signals as it enters a function. What a handler raised there would be raised in place of the call:
    of a ``with`` block that is left, nobody would hear. At the next call within the function it is raised within its
    `try`. So its instruction RESUME is told that it comes after an `await`, for which CPython does not look.

    Args:
        function: What makes no call before its `try`.
    """
    assert isinstance(function, FunctionType)
    code = function.__code__
    instructions = bytearray(code.co_code)
    entry = next((at for at in range(0, len(instructions), 2) if instructions[at] == _RESUME), None)
    if entry is not None and instructions[entry + 1] == _ON_ENTRY:
        instructions[entry + 1] = _AFTER_AWAIT
        function.__code__ = code.replace(co_code=bytes(instructions))
    return function


_RESUME = opcode.opmap.get("RESUME", -1)
_ON_ENTRY, _AFTER_AWAIT = 0, 3
"""What RESUME is given, https://docs.python.org/3/library/dis.html#opcode-RESUME."""


def undisturbed(function: Callable[..., object]) -> Callable[..., None]:
    """Make a function of one that is called as the process ends: it comes to its end whatever handlers raise.

    What the program's own functions see afterwards is as it was: handlers, and which signals are blocked.

    Args:
        function: What is called, in the main thread.
    """

    @entered_for_certain
    @functools.wraps(function)
    def does(*args: Any, **kwargs: Any) -> None:
        try:
            quieten_handlers(block())
            function(*args, **kwargs)
        finally:
            let_handlers_raise()

    return does


_mask: Callable[..., set[int]] = getattr(_signal, "pthread_sigmask", lambda *_: set())  # Windows has none
_BLOCK, _SET = getattr(_signal, "SIG_BLOCK", 0), getattr(_signal, "SIG_SETMASK", 0)


@entered_for_certain
def block() -> set[int] | None:
    """Block all signals in this thread: where a timer raises all the time, Python gets no further than one call into C.

    Returns:
        Those that it blocked before; None if handlers kept that from being known.
    """
    # Asked before: what blocks them raises what came until then, in place of what it found. They are blocked then.
    before: set[int] | None = _tried(_mask, (_BLOCK, ()))
    _tried(_mask, (_BLOCK, STRIKING), 1)
    return before


@entered_for_certain
def _unblock(before: set[int] | None) -> None:
    """Block what `block` found, and drop what handlers raise at that.

    Args:
        before: What it returned. If that is unknown, those that are handled are not blocked: none ends the process.
    """
    if before is None:
        before = _tried(_mask, (_BLOCK, ())) or set()
        before = before - {number for number, _ in signal_handlers()}
    _tried(_mask, (_SET, before), 1)


@entered_for_certain
def quieten_handlers(before: set[int] | None) -> None:
    """Drop what handlers raise from now on, and block signals as before.

    Args:
        before: What `block` returned.
    """
    _tried(_quieten)
    _tried(_unblock, (before,))


@entered_for_certain
def let_handlers_raise() -> None:
    """Put the handlers back; what strikes meanwhile is dropped as well, and never leaves one of them quiet."""
    before = block()
    _tried(_put_back)
    _tried(_unblock, (before,))


@entered_for_certain
def _tried(work: Callable[..., Any], args: tuple[Any, ...] = (), tries: int = _TRIES) -> Any:
    """Do something though handlers raise again and again.

    Python looks for signals at the turn of a loop, and after a call with a star (3.11): neither is outside the `try`.

    Args:
        work: What may be begun again.
        args: What it is given.
        tries: How often it is begun.

    Returns:
        What it returned; None if it was never done.
    """
    try:
        return work(*args)
    except BaseException:
        return _tried(work, args, tries - 1) if tries > 1 else None


class _Quiet:
    """A signal's handler whose exceptions are dropped, since nobody is left whom they could reach."""

    __slots__ = ("_next", "_until", "handler")

    def __init__(self, handler: Callable[[int, FrameType | None], object]) -> None:
        self._next = 0.0
        self._until = time.monotonic() + _PATIENCE
        self.handler = handler

    def __call__(self, number: int, frame: FrameType | None) -> None:
        begun = time.monotonic()
        if begun < self._next:
            return
        self._next = math.inf  # not within itself
        try:
            self.handler(number, frame)
        except BaseException:
            if begun > self._until:
                raise
        finally:
            now = time.monotonic()
            self._next = now + _PART * (now - begun)


def _quieten() -> None:
    with contextlib.suppress(ValueError):  # only the main thread sets handlers; in others none of them runs
        faults = _FAULTS if fault_handlers.is_enabled_by_anyone() else ()
        for number, handler in signal_handlers():
            if number not in faults and type(handler) is not _Quiet and not _is_left_alone(handler):
                _signal.signal(number, _Quiet(handler))


_FAULTS = frozenset(
    getattr(_signal, name) for name in ("SIGSEGV", "SIGFPE", "SIGABRT", "SIGBUS", "SIGILL") if hasattr(_signal, name)
)
"""What `faulthandler.enable` handles below Python; setting a handler of Python's would take it away."""


def _is_left_alone(handler: object) -> bool:
    """Tell whether a handler is that of Ctrl-C, by which somebody may end what hangs, or obs's own."""
    if handler is _signal.default_int_handler:
        return True
    return isinstance(handler, FunctionType) and str(handler.__module__).startswith("obs_core.")


def _put_back() -> None:
    for number, handler in signal_handlers():
        if type(handler) is _Quiet:
            _signal.signal(number, handler.handler)

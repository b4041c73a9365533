"""What of that which leaves a block is a failure: not the exit of a success, nor the close of a generator."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any, cast

from obs_core.interruptions import let_pass

__all__ = ["closes_generator", "ended_well", "exit_status"]

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
    try:
        code: Any = getattr(error, "code", error)
    except BaseException as failure:  # a class of its own may say anything
        let_pass(failure)
        return 1
    if code is None:
        return 0
    if not issubclass(type(code), int):  # as C code asks: what its `__class__` says is not asked
        return 1
    number = int.__int__(code)
    if not -_LONG <= number < _LONG:
        number = -1  # as C code reads what it cannot hold
    return number & _STATUS

"""How this process ends, where `sys.monitoring` does not tell: by what Python has left behind.

An uncaught exception is ``sys.last_value``, whose traceback begins in the outermost frame. An exit by `sys.exit`, or by
what `site` calls ``exit`` and ``quit``, tells it itself (`obs_core.recording.exits`). Of a ``raise SystemExit(...)`` in
the script, and of an ``exit(1)`` that nobody listened to, a constant or a variable is read from the instructions at
which the script ended. What else ended it is not known.

When Python 3.11 goes, `exits` goes, and of this what listens to it. The rest stays for what is first recorded while the
process ends.
"""

from __future__ import annotations

import contextlib
import sys
from types import FrameType
from typing import TYPE_CHECKING, Any

from obs_core.recording import exits
from obs_core.recording.raised import Told, failure_of

if TYPE_CHECKING:
    import dis

__all__ = ["GuessedEnd"]


class GuessedEnd:
    """Finds out how this process ended; a `ProcessEnd`.

    Args:
        outermost: The outermost frame of the main thread.
        script: The frame of the script.
        listens: Whether exits are still to come that tell of themselves.

    Attributes:
        is_unknown: Whether `error` found that the script ended by something that does not tell with which code.
    """

    def __init__(self, outermost: FrameType | None, script: FrameType | None, *, listens: bool) -> None:
        self.is_unknown = False
        self._outermost = outermost
        self._script = script
        self._exit: tuple[Told | None] | None = None
        """The exit that ended the process, as a failure or as none, once there is one."""
        if listens:
            exits.stand_in()
            exits.listeners.append(self._exits_by)

    def error(self) -> Told | None:
        """Return what ended this process as a failure, to be asked once the script is over; None if nothing did."""
        if self._outermost is None or self._script is None or _is_running(self._outermost):
            return None
        last: Any = getattr(sys, "last_value", None)
        traceback = getattr(last, "__traceback__", None)
        is_uncaught = traceback is not None and traceback.tb_frame is self._outermost
        if self._exit is not None:
            (failure,) = self._exit
            # One of `sys.excepthook` that is a failure too: what that was called with counts.
            return failure_of(last) if failure is not None and is_uncaught else failure
        if _has_returned(self._script):
            return None
        found = last if is_uncaught else _exit_of(self._script)
        self.is_unknown = found is None
        return failure_of(found)

    def close(self) -> None:
        """Listen to exits no more."""
        with contextlib.suppress(ValueError):
            exits.listeners.remove(self._exits_by)

    def _exits_by(self, error: SystemExit) -> None:
        self._exit = (failure_of(error),)


def _is_running(outermost: FrameType) -> bool:
    frame: FrameType | None = sys._getframe()
    while frame is not None and frame is not outermost:
        frame = frame.f_back
    return frame is not None


def _has_returned(frame: FrameType) -> bool:
    """Tell whether a frame that has ended ended by its return: that is its last instruction then."""
    import dis

    return frame.f_lasti >= 0 and dis.opname[frame.f_code.co_code[frame.f_lasti]].startswith("RETURN")


def _exit_of(script: FrameType) -> SystemExit | None:
    """Return the exit that a script ended at, if its code is a constant or a variable."""
    import dis

    steps = [one for one in dis.get_instructions(script.f_code) if one.offset <= script.f_lasti]
    steps = [one for one in steps if one.opname not in ("CACHE", "PRECALL", "PUSH_NULL")]
    if steps[-1].opname == "RAISE_VARARGS" and steps.pop().arg == 2:
        steps.pop()  # what it is raised from
    found = _last_value(steps, script)
    if found is SystemExit:
        return SystemExit()
    return found if isinstance(found, SystemExit) else None


def _last_value(steps: list[dis.Instruction], script: FrameType) -> Any:
    """Take the last expression off the instructions and return its value; `_NOT_KNOWN` if it is of another kind."""
    if not steps:
        return _NOT_KNOWN
    last = steps.pop()
    if last.opname in ("LOAD_CONST", "LOAD_SMALL_INT"):
        return last.argval
    if last.opname == "LOAD_NAME":
        return script.f_globals.get(last.argval, script.f_builtins.get(last.argval, _NOT_KNOWN))
    if last.opname in ("LOAD_METHOD", "LOAD_ATTR"):
        return vars(sys).get(last.argval) if _last_value(steps, script) is sys else _NOT_KNOWN
    if last.opname == "CALL" and last.arg in (0, 1):
        arguments = [_last_value(steps, script) for _ in range(last.arg)]
        if any(one is _NOT_KNOWN for one in arguments):
            return _NOT_KNOWN
        function = _last_value(steps, script)
        return SystemExit(*arguments) if function is SystemExit or exits.is_exit(function) else _NOT_KNOWN
    return _NOT_KNOWN


_NOT_KNOWN: Any = object()

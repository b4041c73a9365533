"""Keep obs's own failures away from the user's pipeline."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from types import FrameType, TracebackType

from obs_core.interruptions import interruption
from obs_core.settings import strict
from obs_core.standard_error import written_at_once

__all__ = ["ObsError", "ObsWarning", "guarded", "has_room", "keep_away", "strict", "warn"]


class ObsError(Exception):
    """Base of the errors that obs raises for wrong use."""


class ObsWarning(UserWarning):
    """Something in obs did not work; the pipeline goes on without it."""


def warn(message: str) -> None:
    """Warn the user, and never more: a filter that turns warnings into errors is not obeyed here.

    Nor does it matter whether there is anybody to tell: standard error may be closed, its encoding broken, or memory
    short.

    Args:
        message: What went wrong, in a sentence.
    """
    try:
        level = _place()
        with written_at_once():
            warnings.warn(message, ObsWarning, stacklevel=level)
    except ObsWarning:
        if strict():
            raise
    except BaseException as error:
        sent = interruption(error, sys._getframe(0))
        if sent is not None:
            try:
                raise sent from None
            finally:
                del sent  # as in `let_pass`


def _place() -> int:
    """Return how many calls above `warn` the user's code is: a warning is of use with the line that it is about.

    In a thread of obs there is none: then it is whoever called `warn`.
    """
    level = 2
    frame: FrameType | None = sys._getframe(level)
    while frame is not None and (name := str(frame.f_globals.get("__name__"))) != "threading":
        if name.partition(".")[0] != "obs_core":
            return level
        level, frame = level + 1, frame.f_back
    return 3


_PAUSES = 0x20 | 0x80 | 0x200
"""inspect.CO_GENERATOR, CO_COROUTINE, CO_ASYNC_GENERATOR"""


class guarded:
    """Turn an exception in obs's own work, or in code that it calls, into one warning and a note.

    Whatever it is: Rust libraries panic with what is no `Exception`, and clients call ``sys.exit()``. With
    ``OBS_STRICT=1`` the exception goes on. `KeyboardInterrupt` always does, and so does what a signal's handler raises:
    the timeouts of RQ, Celery and pytest.

    Args:
        doing: What is being tried, as it reads after "obs failed while": ``"rendering input x"``.
        note: Is told the message too, so that the report can show it.

    Examples:
        >>> with guarded("rendering input x"):
        ...     html = f"<p>{7}</p>"
    """

    __slots__ = ("_doing", "_note")

    def __init__(self, doing: str, note: Callable[[str], None] | None = None) -> None:
        self._doing = doing
        self._note = note

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        return error is not None and self.keeps_away(error, sys._getframe(1))

    def keeps_away(self, error: BaseException, inside: FrameType) -> bool:
        """Report an exception, and return whether it ends here; for context managers that do more than this one.

        Args:
            error: What was raised in the block.
            inside: The frame that the block stands in.

        Raises:
            BaseException: What ended the task meanwhile.
        """
        if strict() or (inside.f_code.co_flags & _PAUSES and not issubclass(type(error), Exception)):
            return False  # a body that pauses is cancelled or closed by whoever resumes it
        sent = interruption(error, inside)
        if sent is error:  # by a signal's handler or another thread: it is not of the guarded block's making
            return False
        if sent is not None:
            try:
                raise sent
            finally:
                del sent, error  # as in `let_pass`
        if sys.is_finalizing():
            return True  # modules are gone already: nobody can be told any more
        try:
            self._tell(error)
        except BaseException as untold:  # no room for deeper calls, or in memory; the program cleared `sys.modules`
            sent = interruption(untold, sys._getframe())
            if sent is not None:
                try:
                    raise sent from None
                finally:
                    del sent, error
        return True

    def _tell(self, error: BaseException) -> None:
        from obs_core.text.bounded_repr import describe_error
        from obs_core.text.masking import mask

        message = mask(f"obs failed while {self._doing}: {describe_error(error)}")
        warn(message)
        if self._note is not None:
            with guarded("noting that"):
                self._note(message)


def keep_away(error: BaseException, doing: str, note: Callable[[str], None] | None = None) -> None:
    """The same as `guarded`, where a ``with`` block would cost too much; call it first in an ``except BaseException``.

    Args:
        error: What was caught.
        doing: As for `guarded`.
        note: Likewise.

    Raises:
        BaseException: What was caught, or what ended the task meanwhile, if that is to go on.
    """
    try:
        kept = guarded(doing, note).keeps_away(error, sys._getframe(1))
    except RecursionError as deeper:
        if deeper is error:
            raise
        return  # there is no room left to tell of it
    if not kept:
        try:
            raise error
        finally:
            del error  # as in `let_pass`


_ROOM = 200
"""Calls within calls that obs may need for one thing that it does."""


def has_room() -> bool:
    """Tell whether obs can do something here without a `RecursionError`."""
    try:
        _sink(_ROOM)
    except RecursionError:
        return False
    return True


def _sink(calls: int) -> None:
    if calls:
        _sink(calls - 1)

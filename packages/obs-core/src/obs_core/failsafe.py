"""Keep obs's own failures away from the user's pipeline."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from types import TracebackType

from obs_core.interruptions import interruption
from obs_core.settings import strict

__all__ = ["ObsError", "ObsWarning", "guarded", "strict", "warn"]


class ObsError(Exception):
    """Base of the errors that obs raises for wrong use."""


class ObsWarning(UserWarning):
    """Something in obs did not work; the pipeline goes on without it."""


def warn(message: str) -> None:
    """Warn the user, and never more: a filter that turns warnings into errors is not obeyed here.

    Nor does it matter whether there is anybody to tell: standard error may be closed, its encoding broken, or memory
    short.
    """
    try:
        warnings.warn(message, ObsWarning, stacklevel=3)
    except ObsWarning:
        if strict():
            raise
    except Exception as error:
        sent = interruption(error, sys._getframe(0))
        if sent is not None:
            raise sent from None


class guarded:
    """Turn an exception in obs's own work into one warning and a note.

    With ``OBS_STRICT=1`` the exception goes on. `KeyboardInterrupt` and the like always do, and so does what a signal's
    handler raises: the timeouts of RQ, Celery and pytest.

    Args:
        doing: What is being tried, as it reads after "obs failed at": ``"rendering input x"``.
        note: Is told the message too, so that the report can show it.

    Examples:
        >>> with guarded("rendering input x"):
        ...     html = renderer.to_html(value)
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
        if error is None or not isinstance(error, Exception) or strict():
            return False
        sent = interruption(error, sys._getframe(1))
        if sent is not None:  # by a signal's handler or another thread: it is not of the guarded block's making
            raise sent
        if sys.is_finalizing():
            return True  # modules are gone already: nobody can be told any more
        from obs_core.text.bounded_repr import describe_error
        from obs_core.text.masking import mask

        message = mask(f"obs failed at {self._doing}: {describe_error(error)}")
        if self._note is not None:
            self._note(message)
        warn(message)
        return True

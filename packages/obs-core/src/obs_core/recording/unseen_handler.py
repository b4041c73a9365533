"""What `signal.getsignal` and `signal.signal` answer where obs's handler stands: that there is the system's own action.

Programs look at the handler that was there before theirs: to call it after theirs, to end by themselves if there was
none, or to set none where there is one, as Lightning does. With obs's handler in its place each of them would do
another thing than without obs. So neither function tells of it. And where the program sets the system's action back, as
it was told, obs's handler is put there again while something runs: it ends the process as that would.

Code that had bound ``from signal import getsignal`` before obs set a handler is out of reach: it sees obs's.
"""

from __future__ import annotations

import functools
import signal
from collections.abc import Callable
from types import FrameType
from typing import Any

from obs_core.failsafe import guarded

__all__ = ["hide"]

_hidden: Callable[[int, FrameType | None], None] | None = None


def hide(handler: Callable[[int, FrameType | None], None], put_back: Callable[[], None]) -> None:
    """Let the program not see a handler that obs is about to set where the system's own action is.

    Args:
        handler: The handler.
        put_back: Called when the program has set that action.
    """
    global _hidden
    if _hidden is None:
        _hidden = handler
        for name, answers in (("getsignal", _not_told_of), ("signal", functools.partial(_put_back_by, put_back))):
            setattr(signal, name, answers(getattr(signal, name)))


def _not_told_of(getsignal: Callable[[int], Any]) -> Callable[[int], Any]:
    @functools.wraps(getsignal)
    def told(signalnum: int) -> Any:
        found = getsignal(signalnum)
        return signal.SIG_DFL if found is _hidden else found

    return told


def _put_back_by(put_back: Callable[[], None], set_handler: Callable[[int, Any], Any]) -> Callable[[int, Any], Any]:
    @functools.wraps(set_handler)
    def sets(signalnum: int, handler: Any) -> Any:
        found = set_handler(signalnum, handler)
        if handler == signal.SIG_DFL:
            with guarded("handling SIGTERM"):
                put_back()
        return signal.SIG_DFL if found is _hidden else found

    return sets

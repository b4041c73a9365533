"""Recording in finalizers on CPython 3.11, where setting a context variable there may crash the interpreter.

Up to 3.11 garbage is collected wherever memory is asked for: in the midst of `ContextVar.set` too. A finalizer that
then sets a variable frees the very map that the interrupted call copies; later versions collect between two
instructions only. So what finalizers record while their thread collects garbage is written as ever, but does not become
current: what they record inside it stands beside it. Other threads go on as ever, also while a finalizer waits.
"""

from __future__ import annotations

import gc
import sys
import threading
from collections import OrderedDict
from contextvars import ContextVar
from functools import partial
from types import SimpleNamespace
from typing import Any

from obs_core.background import are_greenlets

__all__ = ["Guarded"]

start: Any = None
"""What the garbage collector said when it last began: another object each time."""

_seen: Any = None
_phases: OrderedDict[str, None] = OrderedDict(start=None, stop=None)
"""The phases of a collection, the last one last."""

_of_thread: Any = SimpleNamespace() if are_greenlets() else threading.local()
"""As `start`, of the collections of each thread. Greenlets are in one, and what is local to them is code of others'."""

# No Python code may run here: a signal handler might run in it, and what that raises would go nowhere, as in a
# finalizer. So the collector calls three functions of C with a phase and a dict about it.
gc.callbacks.append(partial(setattr, sys.modules[__name__]))
gc.callbacks.append(partial(setattr, _of_thread))
gc.callbacks.append(_phases.move_to_end)  # type: ignore[arg-type]  # the dict is true: to the end


class Guarded:
    """A context variable that is not set by a thread that collects garbage.

    Args:
        variable: The variable.
    """

    __slots__ = ("_reset", "_set", "get", "name")

    def __init__(self, variable: ContextVar[Any]) -> None:
        self.name = variable.name
        self.get = variable.get
        self._set, self._reset = variable.set, variable.reset

    def set(self, value: Any) -> Any:
        """Set the variable, unless this thread collects garbage."""
        if start is not _seen and _collects():
            return None
        return self._set(value)

    def reset(self, token: Any) -> None:
        """Reset the variable, if it was set."""
        if token is not None and not (start is not _seen and _collects()):
            self._reset(token)


def _collects() -> bool:
    """Tell whether this thread collects garbage; if nobody does, nobody asks again before the next collection."""
    global _seen
    began = start
    try:
        last = next(reversed(_phases))
    except RuntimeError:  # a collection began or ended in these two calls: not one that this code is a part of
        return False
    if last == "start":
        return getattr(_of_thread, "start", None) is began
    _seen = began
    return False

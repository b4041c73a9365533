"""Recording in finalizers on CPython 3.11, where setting a context variable there may crash the interpreter.

Up to 3.11 garbage is collected wherever memory is asked for: in the midst of `ContextVar.set` too. A finalizer that
then sets a variable frees the very map that the interrupted call is copying (later versions collect between two
instructions only). So while a thread collects garbage, what its finalizers record is written as ever, but does not
become current: what they record inside it stands beside it.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from contextvars import ContextVar
from threading import get_ident
from typing import Any

__all__ = ["Guarded"]


class Guarded:
    """A context variable that is not set while garbage is collected.

    Its methods are those of the variable, so that they cost nothing; they are exchanged while garbage is collected.

    Args:
        variable: The variable.
    """

    __slots__ = ("_collecting", "_reset", "_set", "get", "name", "reset", "set")

    def __init__(self, variable: ContextVar[Any]) -> None:
        self.name = variable.name
        self.get = variable.get
        self.set: Callable[[Any], Any] = variable.set
        self.reset: Callable[[Any], None] = variable.reset
        self._set, self._reset = variable.set, variable.reset
        self._collecting = 0
        gc.callbacks.append(self._on_collection)

    def _on_collection(self, phase: str, _info: dict[str, int]) -> None:
        if phase == "start":
            self._collecting = get_ident()
            self.set, self.reset = self._set_elsewhere, self._reset_elsewhere
        else:
            self.set, self.reset = self._set, self._reset

    def _set_elsewhere(self, value: Any) -> Any:
        # A finalizer may let other threads run: what they set counts.
        return None if self._collecting == get_ident() else self._set(value)

    def _reset_elsewhere(self, token: Any) -> None:
        if self._collecting != get_ident():
            self._reset(token)

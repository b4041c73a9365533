"""What `sys.exit` raises where nothing but the exit itself tells with which code a process ends: in Python 3.11.

Python asks the exit that ends a process for its code, after the last frame is over. An exit of a class of its own can
tell that it was asked. A callable that raises such ones stands in the place of `sys.exit`, and one in that of what
`site` calls ``exit`` and ``quit``. It is put there when obs is imported: ``sys.exit(main())`` takes `sys.exit` before
anything in ``main`` is recorded. Whoever took it before that keeps what it took, but for the script itself, whose own
name for it (``from sys import exit``) is put right.

This module goes when Python 3.11 goes.
"""

from __future__ import annotations

import builtins
import functools
import sys
import threading
from collections.abc import Callable
from types import BuiltinFunctionType
from typing import Any, NoReturn, cast

__all__ = ["is_exit", "listeners", "stand_in"]

listeners: list[Callable[[SystemExit], None]] = []
"""What is told of an exit that ends the process, or ``sys.excepthook``, when Python takes its code."""

_CODE: Any = vars(SystemExit)["code"]


class _TellingExit(SystemExit):
    @property
    def code(self) -> Any:
        if sys._getframe().f_back is None:  # nothing runs any more that could catch it
            for listener in list(listeners):
                listener(self)
        return _CODE.__get__(self)

    @code.setter
    def code(self, code: Any) -> None:
        _CODE.__set__(self, code)

    def __reduce__(self) -> Any:
        return SystemExit, *cast("tuple[Any, ...]", super().__reduce__())[1:]  # another process may not have obs


# As tracebacks show it.
_TellingExit.__module__, _TellingExit.__name__, _TellingExit.__qualname__ = "builtins", "SystemExit", "SystemExit"


class _Exit:
    """Stands in for a function that exits; no function itself, so that no class that holds one makes it a method."""

    def __init__(self, original: Any) -> None:
        self._original: Callable[..., NoReturn] = original
        functools.update_wrapper(cast("Any", self), original)
        self.__text_signature__ = getattr(original, "__text_signature__", None)

    def __call__(self, *status: Any, **named: Any) -> NoReturn:
        __tracebackhide__ = True
        is_of_tuple = status and isinstance(status[0], (tuple, SystemExit))
        # Python makes an exit of a tuple later, and raises an exit as it is. One that ends another thread ends no
        # process, and `threading` is silent about none but Python's own.
        if is_of_tuple or threading.current_thread() is not threading.main_thread():
            self._original(*status, **named)
        raise self._raised(status, named)  # no variable holds it: it goes as soon as whoever catches it lets it go

    def _raised(self, status: tuple[Any, ...], named: dict[str, Any]) -> SystemExit:
        try:
            self._original(*status, **named)
        except SystemExit as error:
            return _TellingExit(*error.args)

    def __repr__(self) -> str:
        return repr(self._original)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self._original.__reduce_ex__(protocol)  # by its name


def is_exit(function: Any) -> bool:
    """Tell whether this is `sys.exit`, or what `site` calls ``exit`` and ``quit``, or stands in for one."""
    is_of_sys = isinstance(function, BuiltinFunctionType) and function.__name__ == "exit" and function.__self__ is sys
    return is_of_sys or isinstance(function, _Exit) or type(function).__name__ == "Quitter"


def stand_in() -> None:
    """Let the listeners be told from now on."""
    original: Any = sys.exit
    if isinstance(original, _Exit) or not is_exit(original):
        return
    vars(sys)["exit"] = instead = _Exit(original)
    main = getattr(sys.modules.get("__main__"), "__dict__", {})
    for name in [name for name, value in main.items() if value is original]:
        main[name] = instead
    for name in ("exit", "quit"):
        if is_exit(found := vars(builtins).get(name)) and not isinstance(found, _Exit):
            vars(builtins)[name] = _Exit(found)


if sys.version_info < (3, 12):
    stand_in()

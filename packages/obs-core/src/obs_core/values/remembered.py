"""What is worked out once for each function, and is forgotten with it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable
from types import FunctionType, MethodType
from typing import Any, TypeVar

from obs_core.interruptions import let_pass

__all__ = ["answers_truly", "attribute", "is_instance", "remembered", "underlying"]

T = TypeVar("T")

_MEMORY = "__obs_memory__"


class _Memory(dict[Hashable, Any]):
    """What is remembered of a function, as an attribute of it: what refers back to the function dies with it.

    It is pickled and copied as an empty one. Decorators hand attributes on (`functools.wraps`), which is why it
    knows whose it is.
    """

    __slots__ = ("owner",)

    def __init__(self, owner: int = 0) -> None:
        super().__init__()
        self.owner = owner

    def __reduce__(self) -> tuple[Any, ...]:
        return _Memory, ()

    def __copy__(self) -> _Memory:
        return _Memory()

    def __deepcopy__(self, memo: Any) -> _Memory:
        return _Memory()


def remembered(function: Any, what: Hashable, make: Callable[[], T]) -> T:
    """Return what was made for a function before, or make it; a failure is not remembered.

    Args:
        function: Any callable. Of some (classes, objects whose `__call__` is not Python's) nothing is remembered.
        what: What it is, among all that is remembered of functions: something that a decorated function has in common
            with the one inside, as its signature and its hints.
        make: Makes it.
    """
    home: Any = function
    if not isinstance(function, FunctionType | functools.partial):
        if not isinstance(function, MethodType):
            if isinstance(function, type) or attribute(function, "__signature__") is not None:
                return make()
            if (wrapped := attribute(function, "__wrapped__")) is not None:
                return remembered(wrapped, what, make)  # objects of one class may be around different functions
        # A bound method is made anew each time, and an object is the user's: both leave it with their function.
        home = function.__func__ if isinstance(function, MethodType) else type(function).__call__
        what = (what, "bound")
        if not isinstance(home, FunctionType):
            return make()
    memory = vars(home).get(_MEMORY)
    if memory is None or memory.owner != id(home):
        memory = _Memory(id(home))
        setattr(home, _MEMORY, memory)
    try:
        made: T = memory[what]
    except KeyError as error:
        let_pass(error)
        made = memory[what] = make()
    return made


def attribute(value: Any, name: str, default: Any = None) -> Any:
    """Return an attribute of anything; the default if there is none, or if asking for it raises."""
    try:
        return getattr(value, name, default)
    except BaseException as error:
        let_pass(error)
        return default


def is_instance(value: object, kinds: tuple[type, ...]) -> bool:
    """Tell whether a value is of one of some classes, where one of these is abstract.

    An abstract class keeps the class of each value that it was asked about, and so hashes it: a metaclass may refuse.

    Args:
        value: Anything.
        kinds: The classes; put those that are not abstract first, which ask for nothing.

    Returns:
        False also where asking raises.
    """
    try:
        return isinstance(value, kinds)
    except BaseException as error:
        let_pass(error)
        return False


def answers_truly(value: Any) -> bool:
    """Tell whether a value has what it says it has: some answer to any name (proxies, mocks), or raise at any."""
    try:
        getattr(value, "__obs_no_such_name__")  # noqa: B009  # a name in a class would be mangled
    except AttributeError:
        return True
    except BaseException as error:
        let_pass(error)
    return False


def underlying(function: Callable[..., Any]) -> Any:
    """Return what names a callable and has its source: the function in a partial, the class of an object."""
    while isinstance(function, functools.partial):
        function = function.func
    if isinstance(attribute(function, "__name__"), str):
        return function
    # Not asked by its name: some objects answer to any.
    wrapped = attribute(function, "__dict__", {}).get("__wrapped__")
    return type(function) if wrapped is None else underlying(wrapped)

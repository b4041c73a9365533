"""What the annotations of a function say, also those that stand there as text or name what is not imported."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from types import CodeType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from obs_core.interruptions import let_pass
from obs_core.values.remembered import answers_truly, remembered

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["extras_of", "hints_of", "is_annotated", "members_of", "parts_of", "remember_names", "resolved", "types_of"]


def hints_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the type hints of a function with what `Annotated` adds to them.

    Args:
        function: The function; what decorators put around it does not matter.

    Returns:
        Hint by parameter, and that of the result under ``"return"``. A name that means nothing at run time
        (imported for type checking only) leaves a placeholder in its hint, and text that means nothing at all
        leaves its hint out.
    """
    if not answers_truly(function):
        return {}
    return remembered(function, "hints", lambda: _hints_of(_unwrapped(function)))


def _hints_of(innermost: Any) -> dict[str, Any]:
    namespace = _namespace(innermost)
    found: dict[str, Any] = {}
    for name, annotation in _annotations(innermost).items():
        try:
            found[name] = resolved(annotation, namespace)
        except Exception as error:
            let_pass(error)
    return found


def _annotations(innermost: Any) -> dict[str, Any]:
    found = getattr(innermost, "__annotations__", None)
    return found if isinstance(found, dict) else {}


def resolved(annotation: object, namespace: Mapping[str, Any]) -> Any:
    """Return what an annotation means, if it is text.

    Raises:
        Exception: Whatever evaluating the text raised.
    """
    return eval(annotation, {}, _Names(namespace)) if isinstance(annotation, str) else annotation


def is_annotated(function: Any) -> bool:
    """Tell whether a function has any annotation."""
    return answers_truly(function) and bool(_annotations(_unwrapped(function)))


def remember_names(function: Any) -> None:
    """Keep what the annotations of a nested function name in the function around it, which may be gone later.

    To be called while the function is being decorated. A name that has no value there yet is not kept.

    Args:
        function: The function.
    """
    if not answers_truly(function):
        return
    innermost = _unwrapped(function)
    texts = [text for text in _annotations(innermost).values() if isinstance(text, str)]
    code = getattr(innermost, "__code__", None)
    if not texts or code is None or "<locals>" not in getattr(innermost, "__qualname__", ""):
        return
    frame: FrameType | None = sys._getframe(1)
    while frame and code not in frame.f_code.co_consts:
        frame = frame.f_back
    if frame:
        around = frame.f_locals
        innermost.__obs_names__ = {name: around[name] for name in _names_in(texts) if name in around}


def _names_in(texts: list[str]) -> set[str]:
    names: set[str] = set()
    for text in texts:
        with suppress(SyntaxError):
            names.update(compile(text, "<annotation>", "eval").co_names)
    return names


def extras_of(hint: Any) -> Iterator[Any]:
    """Go through what ``Annotated[T, extra]`` adds, innermost last; also out of ``Annotated[...] | None``."""
    hint = _spelled_out(hint)
    for extra in reversed(getattr(hint, "__metadata__", ())):
        if not isinstance(extra, _Unknown):
            yield extra
    for member in members_of(hint):
        yield from extras_of(member)


def types_of(hint: Any) -> Iterator[type]:
    """Go through the classes that a hint names: of ``Annotated[Frame[Schema], ...] | None`` that is ``Frame``."""
    hint = _spelled_out(hint)
    for member in members_of(hint):
        yield from types_of(member)
    plain = getattr(hint, "__origin__", hint)
    if hasattr(hint, "__metadata__"):
        yield from types_of(plain)
    elif isinstance(plain, type):
        yield plain


def parts_of(hint: Any) -> Iterator[Any]:
    """Go through a hint and all hints of values in it: of ``dict[str, Annotated[Frame, ...] | None]`` all six.

    What a ``Callable`` takes and returns, and what a ``type`` is one of, are no values.
    """
    from typing import get_args, get_origin

    waiting, aliases = [hint], set[int]()
    while waiting:
        hint = waiting.pop(0)
        if type(hint).__name__ == "TypeAliasType":
            if id(hint) in aliases:  # ``type Tree = list[Tree]``
                continue
            aliases.add(id(hint))
        hint = _spelled_out(hint)
        yield hint
        if hasattr(hint, "__metadata__"):
            waiting.append(hint.__origin__)
        elif get_origin(hint) not in (Callable, type):
            waiting += get_args(hint)


def members_of(hint: object) -> tuple[Any, ...]:
    """Return the members of a union; none if it is no union."""
    from types import UnionType
    from typing import Union, get_args, get_origin

    return get_args(hint) if get_origin(hint) in (Union, UnionType) else ()


def _spelled_out(hint: Any) -> Any:
    return hint.__value__ if type(hint).__name__ == "TypeAliasType" else hint


def _unwrapped(function: Any) -> Any:
    """Return what has the annotations of a callable: the innermost function, or a class that is called."""
    while True:
        inner = function.func if isinstance(function, functools.partial) else getattr(function, "__wrapped__", None)
        if inner is None:
            inner = _called_by(function)
        if inner is None:
            return getattr(function, "__func__", function)
        function = inner


def _called_by(function: Any) -> Any:
    """Return the `__call__` of an object, whose own annotations are those of its fields; None of anything else."""
    if isinstance(function, type | FunctionType | MethodType):
        return None
    called = type(function).__call__
    return called if isinstance(called, FunctionType) else None


def _namespace(function: Any) -> dict[str, Any]:
    """Return what names mean to a function: those of its module, and those of the functions around it."""
    names = {**getattr(function, "__globals__", {}), **getattr(function, "__obs_names__", {})}
    code = getattr(function, "__code__", None)
    free = code.co_freevars if type(code) is CodeType else ()  # a mock of a function has one of a code
    for name, cell in zip(free, getattr(function, "__closure__", None) or (), strict=False):
        with suppress(ValueError):  # not assigned yet
            names[name] = cell.cell_contents
    return names


class _Unknown:
    """Stands for what a name in an annotation means, where that cannot be known."""

    def __getattr__(self, name: str) -> _Unknown:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __getitem__(self, item: object) -> _Unknown:
        return self

    def __or__(self, other: object) -> object:
        return other

    __ror__ = __or__


class _Names(dict[str, Any]):
    """The names in an annotation's text, of which some may be missing."""

    def __missing__(self, name: str) -> object:
        import builtins

        return getattr(builtins, name, _Unknown())

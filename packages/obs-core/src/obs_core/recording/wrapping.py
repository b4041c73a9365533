"""Run every call of a function inside a context manager, whatever kind of function it is."""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractContextManager
from typing import Any, Literal, ParamSpec, TypeVar, cast

from obs_core.recording.scope import current

P = ParamSpec("P")
T = TypeVar("T")

Manage = Callable[[tuple[Any, ...], dict[str, Any]], AbstractContextManager[Any]]
"""Makes the context manager of one call from its arguments.

What its ``__enter__`` returns may have a method `returned`, which is then given the call's result; as a
`Replacing` it may also change arguments and result."""


class Replacing:
    """A managed call whose arguments and result are what its manager makes of them.

    Attributes:
        call: Has `args` and `kwargs`, which the function gets, and `result`, which the caller gets once the
            manager is left.
    """

    __slots__ = ("call",)

    call: Any


Kind = Literal["function", "coroutine", "generator", "async generator"]

_GENERATOR, _COROUTINE, _ASYNC_GENERATOR = 0x20, 0x80, 0x200
"""Flags of code objects; inspect names them, and is slow to import."""


def kind_of(function: Callable[..., Any]) -> Kind:
    """Tell what calling a function gives: its result, or something to be awaited or iterated."""
    flags = _code_flags(function)
    if flags & _ASYNC_GENERATOR:
        return "async generator"
    if flags & _COROUTINE or getattr(function, "_is_coroutine_mark", None) is not None:
        return "coroutine"
    return "generator" if flags & _GENERATOR else "function"


def _code_flags(function: Any) -> int:
    while isinstance(function, functools.partial):
        function = function.func
    function = getattr(function, "__func__", function)
    code = getattr(function, "__code__", None)
    if code is None:
        code = getattr(type(function).__call__, "__code__", None)
    return int(code.co_flags) if code is not None else 0


def wrap(function: Callable[P, T], manage: Manage, body: Callable[..., Any] | None = None) -> Callable[P, T]:
    """Return a function that runs each call inside ``manage(args, kwargs)``.

    Decided once, here: sync or async, generator or not. The body of a generator sees its own context between
    its yields, and whoever iterates over it sees theirs.

    Args:
        function: The function, or any callable object.
        manage: Makes the context manager of one call.
        body: What is called instead of the function, and gives what it gives. Default: the function itself.

    Returns:
        A function with the same name, signature and kind.

    Raises:
        TypeError: `function` cannot be called.
    """
    _check_callable(function)
    wrapper = _WRAPPERS[kind_of(function)](body or function, manage)
    return cast("Callable[P, T]", functools.wraps(function)(wrapper))


def _check_callable(function: Any) -> None:
    if isinstance(function, (classmethod, property)) or not callable(function):
        raise TypeError(
            f"cannot decorate {function!r}: a function or another callable is needed"
            " (under @classmethod or @property, put the decorator below it)"
        )


def _wrap_function(function: Callable[..., Any], manage: Manage) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        with manage(args, kwargs) as managed:
            args, kwargs = _arguments(managed, args, kwargs)
            result = _returned(managed, function(*args, **kwargs))
        return _final(managed, result)

    return call


def _wrap_coroutine(function: Callable[..., Any], manage: Manage) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:
        with manage(args, kwargs) as managed:
            args, kwargs = _arguments(managed, args, kwargs)
            result = _returned(managed, await function(*args, **kwargs))
        return _final(managed, result)

    return call


def _wrap_generator(function: Callable[..., Any], manage: Manage) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        outside = current.get()
        with manage(args, kwargs) as managed:
            args, kwargs = _arguments(managed, args, kwargs)
            generator = function(*args, **kwargs)
            step: Callable[[], Any] = functools.partial(next, generator)
            while True:
                try:
                    value = step()
                except StopIteration as stop:
                    result = _returned(managed, stop.value)
                    break
                inside = current.get()
                current.set(outside)
                try:
                    sent = yield value
                except GeneratorExit:
                    current.set(inside)
                    generator.close()
                    raise
                except BaseException as error:
                    step = functools.partial(generator.throw, error)
                else:
                    step = functools.partial(generator.send, sent)
                outside = current.get()
                current.set(inside)
        return _final(managed, result)

    return call


def _wrap_async_generator(function: Callable[..., Any], manage: Manage) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        outside = current.get()
        with manage(args, kwargs) as managed:
            args, kwargs = _arguments(managed, args, kwargs)
            generator = function(*args, **kwargs)
            step: Callable[[], Any] = generator.__anext__
            while True:
                try:
                    value = await step()
                except StopAsyncIteration:
                    return
                inside = current.get()
                current.set(outside)
                try:
                    sent = yield value
                except GeneratorExit:
                    current.set(inside)
                    await generator.aclose()
                    raise
                except BaseException as error:
                    step = functools.partial(generator.athrow, error)
                else:
                    step = functools.partial(generator.asend, sent)
                outside = current.get()
                current.set(inside)

    return call


def _arguments(managed: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return (managed.call.args, managed.call.kwargs) if isinstance(managed, Replacing) else (args, kwargs)


def _final(managed: Any, result: Any) -> Any:
    return managed.call.result if isinstance(managed, Replacing) else result


def _returned(managed: Any, result: Any) -> Any:
    take = getattr(managed, "returned", None)
    if take is not None:
        take(result)
    return result


_WRAPPERS: dict[Kind, Callable[[Callable[..., Any], Manage], Callable[..., Any]]] = {
    "function": _wrap_function,
    "coroutine": _wrap_coroutine,
    "generator": _wrap_generator,
    "async generator": _wrap_async_generator,
}

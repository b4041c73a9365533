"""Run every call of a function inside a context manager, whatever kind of function it is."""

from __future__ import annotations

import functools
import gc
import sys
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager
from contextvars import Token
from sys import getrefcount
from threading import get_ident
from types import AsyncGeneratorType, CodeType, CoroutineType, FrameType, GeneratorType, MethodType, TracebackType
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar, cast
from weakref import getweakrefcount

from obs_core.interruptions import ignoring, let_pass, traceback_of
from obs_core.recording.scope import Innermost, show
from obs_core.recording.threads import noting, paused, resumed
from obs_core.recording.unended import Unended, end_unended
from obs_core.values.remembered import attribute, underlying

if TYPE_CHECKING:
    from obs_core.recording.run import Scope

__all__ = ["Manage", "Replacing", "calls_in", "kind_of", "managed_by", "wrap"]

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

_GENERATOR, _COROUTINE, _ITERABLE_COROUTINE, _ASYNC_GENERATOR = 0x20, 0x80, 0x100, 0x200
"""Flags of code objects; inspect names them, and is slow to import."""


def kind_of(function: Callable[..., Any]) -> Kind:
    """Tell what calling a function gives: its result, or something to be awaited or iterated.

    A function that says neither may give that all the same: `wrap` looks at what it returns.
    """
    flags = _code_flags(function)
    if flags & _ASYNC_GENERATOR:
        return "async generator"
    if flags & (_COROUTINE | _ITERABLE_COROUTINE) or _is_marked_coroutine(function):
        return "coroutine"
    return "generator" if flags & _GENERATOR else "function"


def _code_flags(function: Any) -> int:
    function = _plain(function)
    code = attribute(function, "__code__")
    if not isinstance(code, CodeType):  # some objects answer to any name
        code = None if isinstance(function, type) else attribute(type(function).__call__, "__code__")
    return int(code.co_flags) if isinstance(code, CodeType) else 0


def _is_marked_coroutine(function: Any) -> bool:
    """Tell whether `inspect.markcoroutinefunction` was called on it, or what did the same before Python 3.12."""
    function = _plain(function)
    return any(
        attribute(function, name) is mark
        for name, module, marker in _MARKS
        if (mark := getattr(sys.modules.get(module), marker, None)) is not None
    )


_MARKS = (
    ("_is_coroutine_marker", "inspect", "_is_coroutine_mark"),  # Python 3.13
    ("_is_coroutine_marker", "inspect", "_is_coroutine_marker"),  # Python 3.12
    ("_is_coroutine", "asyncio.coroutines", "_is_coroutine"),
)
"""By which attribute a function is marked, and where the only object is that counts there."""


def _plain(function: Any) -> Any:
    while isinstance(function, functools.partial):
        function = function.func
    return function.__func__ if isinstance(function, MethodType) else function


def wrap(function: Callable[P, T], manage: Manage, body: Callable[..., Any] | None = None) -> Callable[P, T]:
    """Return a function that runs each call inside ``manage(args, kwargs)``.

    Decided once, here: sync or async, generator or not. A function that claims to be none of these may make and return
    a coroutine, a generator or a future of asyncio all the same: its call then lasts until that is done. The body of a
    generator sees its own context between its yields, and whoever iterates over it sees theirs.

    Args:
        function: The function, or any callable object.
        manage: Makes the context manager of one call.
        body: What is called instead of the function, and gives what it gives. Default: the function itself.

    Returns:
        A function with the same name, signature and kind; a static method of one.

    Raises:
        TypeError: `function` cannot be called.
    """
    _check_callable(function)
    if isinstance(function, staticmethod):
        return cast("Callable[P, T]", staticmethod(wrap(function.__func__, manage, body)))
    wrapper = _WRAPPERS[kind_of(function)](body or function, manage)
    named = underlying(function)
    if named is not function:
        _take_attributes(wrapper, named, _NAMES)
    _take_attributes(wrapper, function, (*functools.WRAPPER_ASSIGNMENTS, *_OF_A_CACHE))
    wrapper.__dict__ |= attribute(function, "__dict__", {})
    wrapper.__wrapped__ = function  # type: ignore[attr-defined]
    return cast("Callable[P, T]", wrapper)


_NAMES = ("__module__", "__name__", "__qualname__", "__doc__")

_OF_A_CACHE = ("cache_info", "cache_clear", "cache_parameters")
"""What a function of `functools.lru_cache` has, and keeps in no ``__dict__``."""


def _take_attributes(wrapper: Any, function: Any, names: Iterable[str]) -> None:
    """Give a wrapper what a callable has of some attributes; what is not of their type there is left out."""
    for name in names:
        value = attribute(function, name, _MISSING)
        if value is not _MISSING:
            with ignoring(TypeError):
                setattr(wrapper, name, value)


_MISSING = object()


def _check_callable(function: Any) -> None:
    if isinstance(function, (classmethod, property)) or not callable(function):
        raise TypeError(
            f"cannot decorate {function!r}: a function or another callable is needed"
            " (under @classmethod or @property, put the decorator below it)"
        )


# `__tracebackhide__` lets IPython, pytest and pdb leave these calls out of the tracebacks that they show.


def _wrap_function(function: Callable[..., Any], manage: Manage) -> Callable[..., Any]:
    # It is pickled by value with a task of `__main__`, as the other wrappers are: what they name has a pickle too.
    def call(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        outside = Innermost.current.get()
        manager = manage(args, kwargs)
        managed = manager.__enter__()
        try:
            args, kwargs = _arguments(managed, args, kwargs)
            result = function(*args, **kwargs)
            try:
                is_done = type(result) in _NEVER_LATER
            except BaseException as error:  # a metaclass may refuse to be hashed
                let_pass(error)
                is_done = False
            kind = None if is_done else _later_kind(getrefcount(result), result)
            if kind is not None:
                return _Unfinished(manager, managed, outside).given(result, kind)
            _returned(managed, result)
        except BaseException as error:
            try:
                manager.__exit__(type(error), error, traceback_of(error))
            except BaseException:
                Unended.calls += ((managed, error),)
                end_unended()
                raise
            raise
        try:
            manager.__exit__(None, None, None)
        except BaseException as late:
            Unended.calls += ((managed, late),)
            end_unended()
            raise
        return _final(managed, result)

    return call


def _wrap_coroutine(function: Callable[..., Any], manage: Manage) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        managed: Any = None
        try:
            with manage(args, kwargs) as managed:
                args, kwargs = _arguments(managed, args, kwargs)
                result = _returned(managed, await function(*args, **kwargs))
        except BaseException as late:
            Unended.calls += ((managed, late),)
            try:  # noqa: SIM105  # it may be resumed where there is no room for any call
                end_unended()
            except RecursionError:
                pass
            raise
        return _final(managed, result)

    return call


# Python runs the body of a generator in the context of whoever resumes it. What is current there is put aside for as
# long as the body runs, and put back by the token of that resumption, whatever the body entered or left meanwhile: a
# token knows which context it is of, and is refused in any other. The same is done to where others see the thread,
# which may be another one at each item.


def _wrap_generator(function: Callable[..., Any], manage: Manage) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        __tracebackhide__ = True
        current, entered = Innermost.current, Innermost.entered
        around = current.get()
        token, thread = current.set(around), get_ident()
        outside = entered.get(thread)
        inside = around
        managed: Any = None
        is_seen = False
        step: Any = None
        try:
            with manage(args, kwargs) as managed:
                args, kwargs = _arguments(managed, args, kwargs)
                generator = function(*args, **kwargs)
                step = following = functools.partial(next, generator)
                noted = noting(current.get(), around)
                while True:
                    try:
                        value = step()
                    except StopIteration as stop:
                        result = _returned(managed, stop.value)
                        break
                    inside, seen = current.get(), entered.get(thread)
                    current.reset(token)
                    # Most are spans that nobody follows: then the thread is seen in the caller all the time.
                    is_seen = seen is not outside and inside is not None and (inside is seen or inside.task is seen)
                    if is_seen:
                        entered[thread] = outside
                    if noted is not None:
                        paused(noted)
                    try:
                        sent = yield value
                        step = following if sent is None else functools.partial(generator.send, sent)
                    except BaseException as error:  # one that closes it too: it may catch that, return or go on
                        step = functools.partial(generator.throw, error)
                    token = current.set(inside)
                    if is_seen:
                        thread = get_ident()
                        outside, entered[thread] = entered.get(thread), seen
                    if noted is not None:
                        resumed(noted)
        except BaseException as late:
            Unended.calls += ((managed, late),)
            try:  # noqa: SIM105  # it may be resumed where there is no room for any call
                end_unended()
            except RecursionError:
                pass
            raise
        finally:
            step = None  # it may name what the generator was left by, whose traceback keeps this frame
            _reset(token, inside)
            if is_seen:
                show(thread, outside)
        return _final(managed, result)

    return call


def _wrap_async_generator(function: Callable[..., Any], manage: Manage) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        __tracebackhide__ = True
        current, entered = Innermost.current, Innermost.entered
        inside = current.get()
        managed: Any = None
        token, thread = current.set(inside), get_ident()
        outside = entered.get(thread)
        step: Any = None
        try:
            with manage(args, kwargs) as managed:
                args, kwargs = _arguments(managed, args, kwargs)
                generator = function(*args, **kwargs)
                step = functools.partial(_first_step, generator)
                while True:
                    try:
                        value = await step()
                    except StopAsyncIteration:
                        return
                    inside, seen = current.get(), entered.get(thread)
                    _reset(token)
                    # What the event loop ran while the body awaited may be seen there instead: it stays.
                    is_seen = seen is not outside and inside is not None and (inside is seen or inside.task is seen)
                    if is_seen:
                        entered[thread] = outside
                    try:
                        sent = yield value
                        step = generator.__anext__ if sent is None else functools.partial(generator.asend, sent)
                    except BaseException as error:
                        step = functools.partial(generator.athrow, error)
                    token = current.set(inside)
                    if is_seen:
                        thread = get_ident()
                        outside, entered[thread] = entered.get(thread), seen
        except BaseException as late:
            Unended.calls += ((managed, late),)
            try:  # noqa: SIM105  # it may be resumed where there is no room for any call
                end_unended()
            except RecursionError:
                pass
            raise
        finally:
            step = None
            _reset(token, inside)

    return call


def _first_step(generator: Any) -> Any:
    """Return the first step of an async generator that is known to its wrapper alone.

    An event loop closes the generators that it knows when it shuts down, all at the same time, and each when it is
    garbage. It knows the wrapper, which closes what it is around: closed by both, that would be closed twice at a time.
    """
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, _left_to_its_wrapper)
    try:
        return generator.__anext__()
    finally:
        sys.set_asyncgen_hooks(*hooks)


def _left_to_its_wrapper(generator: Any) -> None:
    """Leave an async generator that is garbage as it is: with no hook at all, Python closes it without awaiting."""


def _reset(token: Token[Scope | None], inside: Scope | None = None) -> None:
    """Put back what was current before, unless that was in another context: an awaiting body may be closed in any.

    Args:
        token: Of the last resumption.
        inside: What was current in the body. It may be current still without a token of it, or no longer: what a
            signal's handler raised came between a pause and the next resumption.
    """
    try:  # a `with` block would cost as much as all of this
        Innermost.current.reset(token)
    except ValueError as error:
        let_pass(error)
    except RuntimeError as error:
        let_pass(error)
        if inside is not None and Innermost.current.get() is inside:
            Innermost.current.set(None if token.old_value is Token.MISSING else token.old_value)


class _Begun:
    """A call whose function has returned what was to be awaited or iterated over, and is by now: its context manager.

    It has no `__del__`, which would run where a task has ended: what a signal's handler raises there, Python forgets.
    And where it is garbage together with a generator around it, that may be closed only later.
    """

    __slots__ = ("_inside", "_later", "_managed", "_manager", "_outside", "_seen", "_token")

    def __init__(self, manager: AbstractContextManager[Any], managed: Any, outside: Scope | None) -> None:
        self._manager: AbstractContextManager[Any] | None = manager
        self._managed = managed
        self._inside = Innermost.current.get()
        self._outside = outside
        self._later: Any = None
        self._seen: Scope | None = None

    def given(self, result: Any, kind: Kind) -> Any:
        """Return what the caller gets instead of the function's result: the same for a future, its like otherwise."""
        if kind == "function":
            result.add_done_callback(self._done)
            given = result
        else:
            given = _WRAPPERS[kind](lambda *_, **__: result, lambda *_: self)()
            self._later = result
            for name in ("__name__", "__qualname__"):
                setattr(given, name, getattr(result, name, kind))
        self._step_out()
        return given

    def _step_out(self) -> None:
        """Leave what the call has entered until its result is begun."""
        Innermost.current.set(self._outside)
        if (noted := noting(self._inside, self._outside)) is not None:
            paused(noted)
        thread, scope = get_ident(), self._inside
        seen = Innermost.entered.get(thread)
        while scope is not None and scope is not self._outside:
            if scope is seen:
                self._seen = show(thread, getattr(self._manager, "seen_before", self._outside))
                return
            scope = scope.outside

    def __enter__(self) -> Any:
        self._later = None
        self.__class__ = _Begun
        self._token = Innermost.current.set(self._inside)
        if self._seen is not None:
            show(get_ident(), self._seen)
        if (noted := noting(self._inside, self._outside)) is not None:
            resumed(noted)
        return self._managed

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        manager, self._manager = self._manager, None
        if manager is not None:
            manager.__exit__(kind, error, traceback)
        _reset(self._token, self._inside)

    def _done(self, future: Any) -> None:
        """End the call with the future; its exception is only looked at, since whoever awaits it is to be told."""
        error = _cancelled() if future.cancelled() else getattr(future, "_exception", None)
        thread = get_ident()
        before = Innermost.entered.get(thread)
        self.__enter__()
        if error is None:
            _returned(self._managed, future.result())
            self.__exit__(None, None, None)
        else:
            self.__exit__(type(error), error, traceback_of(error))
        show(thread, before)


class _Unfinished(_Begun):
    """The same before it is begun. What never is ends the call as a generator does that is closed early."""

    __slots__ = ()

    def __del__(self) -> None:
        manager, self._manager = self._manager, None
        if isinstance(self._later, CoroutineType):
            self._later.close()  # Python says of what it was wrapped in that nobody awaited it, if that is so
        if manager is not None:
            error = GeneratorExit("it was never awaited or iterated over")
            manager.__exit__(GeneratorExit, error, None)


def _cancelled() -> BaseException:
    from asyncio import CancelledError  # imported already: there is a future of it

    return CancelledError()


_NEVER_LATER = frozenset((type(None), bool, int, float, str, bytes, list, dict, tuple, set))
"""Types of most results, which are looked at no further."""


def _later_kind(references: int, result: Any) -> Kind | None:
    """Tell what a result is that is still to be awaited or iterated over; None if its call is done.

    A coroutine or generator counts if this call made it: it is one of Python's own, nobody has begun it, and nobody
    else holds it, but for what keeps the calls that made it: a stored traceback, a debugger. One that somebody else
    holds goes on when the caller is done with it. An object that is more than that (aiohttp's requests are awaited or
    entered) or an awaitable of any other kind (of Ray, Dask or Prefect, say) is a result like any other. All these are
    handed on as they are.

    Args:
        references: How often it is referred to, as `sys.getrefcount` told where it was a local variable. Asked for
            first: an argument before it would be one reference more.
        result: What a function returned.
    """
    made = _MADE_LATER.get(id(type(result)))
    if made is not None:
        kind, frame, paused = made
        is_held = getweakrefcount(result) > 0 or (
            references > _UNSHARED and references - _kept_by_ended_calls(result) > _UNSHARED
        )
        is_new = not is_held and getattr(result, frame) is not None and not _is_begun(result, frame, paused)
        if kind == "generator" and result.gi_code.co_flags & _ITERABLE_COROUTINE:
            kind = "coroutine"
        return kind if is_new else None
    try:
        return "function" if hasattr(type(result), "_asyncio_future_blocking") else None
    except BaseException as error:  # a metaclass may raise anything
        let_pass(error)
        return None


def _kept_by_ended_calls(result: Any) -> int:
    """Count the references to an object by calls that have ended, whose frames somebody keeps.

    A frame is given to the garbage collector when its call ends, so one that has just ended is among its youngest.
    """
    if gc.get_count()[0] > _MOST_LOOKED_AT:
        return 0
    count = 0
    for frame in gc.get_objects(generation=0):
        if type(frame) is FrameType:
            held = gc.get_referents(frame)
            count += sum(one is result for one in held)
            if any(type(one) is dict for one in held):
                # Before Python 3.13 the dict of its variables stays with it, once somebody has asked for that.
                variables = frame.f_locals
                count += sum(one is result for kept in held if kept is variables for one in kept.values())
    return count


_MOST_LOOKED_AT = 10_000
"""Young objects among which frames are looked for; there are more only where the garbage collector is turned off."""


def _is_begun(result: Any, frame: str, paused: tuple[str, ...]) -> bool:
    """Tell whether the body of a coroutine or generator that has not ended has been entered."""
    if sys.version_info < (3, 12) and frame == "ag_frame":  # which does not tell there whether it is suspended
        found = result.ag_frame
        return bool(found.f_code.co_code[found.f_lasti] != _RETURN_GENERATOR)
    return any(getattr(result, name) for name in paused)


_MADE_LATER: dict[int, tuple[Kind, str, tuple[str, ...]]] = {
    id(CoroutineType): ("coroutine", "cr_frame", ("cr_running", "cr_suspended")),
    id(GeneratorType): ("generator", "gi_frame", ("gi_running", "gi_suspended")),
    id(AsyncGeneratorType): ("async generator", "ag_frame", ("ag_running", "ag_suspended")),
}
"""What is still to be awaited or iterated over, by the ids of the classes, since a metaclass may refuse to be hashed;
and the attributes that tell how far it is."""

_RETURN_GENERATOR = 75
"""In Python 3.11, the instruction at which a generator stands that was made and is not begun."""


def _references_to_new() -> int:
    result = object()
    return getrefcount(result)


_UNSHARED = _references_to_new()
"""What `sys.getrefcount` tells of an object that only a local variable refers to."""


def calls_in(frame: FrameType | None) -> Iterator[Any]:
    """Go through the decorated calls that a thread is in the midst of: what their managers returned, innermost first.

    Args:
        frame: The innermost frame of the thread.
    """
    while frame is not None:
        if frame.f_code.co_filename == __file__ and (managed := frame.f_locals.get("managed")) is not None:
            yield managed
        frame = frame.f_back


def managed_by(frame: FrameType) -> Any:
    """Return what the manager of a decorated call returned, by a frame that an exception has left; None of any other.

    Args:
        frame: One of a traceback of this thread.
    """
    if frame.f_code.co_filename != __file__ or frame.f_code.co_name != "call":
        return None
    variables = frame.f_locals
    managed = variables.get("managed")
    if isinstance(variables, dict):
        variables.clear()  # before Python 3.13 it is a copy that the frame keeps, in a circle with the exception
    return managed


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

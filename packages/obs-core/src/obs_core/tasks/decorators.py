"""Task decorators: how an integration wraps a task's body."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec, TypeVar, overload

from obs_core.failsafe import guarded
from obs_core.recording.own_work import is_decorated, layers, mark_decorated, own_work, undecorated
from obs_core.recording.scope import current, innermost_of, new_variable
from obs_core.recording.wrapping import Replacing, wrap
from obs_core.tasks.context import TaskContext, current_context
from obs_core.values.hints import hints_of, members_of, parts_of, remember_names, types_of
from obs_core.values.registry import Registration, check_target, imported_class
from obs_core.values.remembered import attribute

if TYPE_CHECKING:
    from typing import Protocol, Self

    from obs_core.decks.deck import Deck
    from obs_core.recording.artifacts import Kept
    from obs_core.recording.run import TaskState
    from obs_core.values.gantt import Bar

__all__ = ["TaskCall", "TaskDecorator", "decorated", "register_task_decorator", "usable_bare"]

P = ParamSpec("P")
T = TypeVar("T")


class TaskCall:
    """One call that a `TaskDecorator` is wrapped around.

    Attributes:
        context: The context of the task that runs (of the execution, outside any task).
        function: The decorated function; None in a ``with`` block.
        args: Its positional arguments; what is assigned before the ``yield`` is what the function gets.
        kwargs: Its keyword arguments; likewise.
        result: What it returned, once it has; what is assigned after the ``yield`` is what the caller gets.
    """

    __slots__ = ("args", "context", "function", "kwargs", "rejection", "result")

    def __init__(
        self,
        context: TaskContext,
        function: Callable[..., Any] | None = None,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> None:
        self.context = context
        self.function = function
        self.args = args
        self.kwargs = kwargs or {}
        self.result: Any = None
        self.rejection: BaseException | None = None

    @property
    def name(self) -> str:
        """The function's name, or the task's in a ``with`` block."""
        return getattr(self.function, "__name__", None) or self.context.task_name

    def link(self, name: str, url: str) -> None:
        """Attach a named address to the task, shown in its report and in the UI.

        Args:
            name: What it is called, such as ``"W&B run"``.
            url: The address. Only http and https can be clicked; anything else is shown as text.
        """
        self.context.link(name, url)

    def note(self, text: str) -> None:
        """Leave a note that everyone who reads the task's report sees.

        Args:
            text: A sentence of plain text. It counts as a check that warned.

        Examples:
            >>> call.note("12 of 336,776 rows had no tail number")  # doctest: +SKIP
        """
        self.context.note(text)

    def warn(self, message: str, category: type[Warning] = UserWarning, *, checked: bool = False) -> None:
        """Leave a note, and warn whoever runs the task; the warning points to the decorated function.

        Python's filters decide whether it is shown, or raised; those by module see the module of the function.

        Args:
            message: What is wrong.
            category: The class of the warning.
            checked: Whether a deck or a `check` of the task has a verdict on it; otherwise the note counts as a check
                that warned.

        Examples:
            >>> call.warn("3 of 200 rows are empty", RuntimeWarning)  # doctest: +SKIP
        """
        import inspect

        self.context.state.note(message, checked=checked)
        function: Any = inspect.unwrap(self.function) if self.function is not None else None
        code = getattr(function, "__code__", None)
        if code is None:  # a with block, or an object that can be called
            warnings.warn(message, category, stacklevel=2)
            return
        # Not the line of the call: of a coroutine, or on a worker of a cluster, there is none.
        names = function.__globals__
        registry = names.setdefault("__warningregistry__", {})
        warnings.warn_explicit(message, category, code.co_filename, code.co_firstlineno, function.__module__, registry)

    def deck(self, name: str) -> Deck:
        """Make a deck of the task.

        Args:
            name: The title of its tab.
        """
        from obs_core.decks.deck import Deck

        made: Deck = Deck.of(self.context.state, name)
        return made

    def arguments(self) -> dict[str, Any]:
        """Return the arguments by parameter, defaults included; empty in a ``with`` block.

        Raises:
            TypeError: The function cannot be called with them.
        """
        return {} if self.function is None else dict(self._bound().arguments)

    def replace_argument(self, name: str, value: Any) -> None:
        """Give the function another value for one of its parameters; call it before the ``yield``.

        Args:
            name: The parameter, as in `arguments`.
            value: What it gets.

        Raises:
            KeyError: There is no such parameter.
        """
        bound = self._bound()
        if name not in bound.arguments:
            raise KeyError(f"{self.name} has no parameter {name!r}; there are: {', '.join(bound.arguments)}")
        bound.arguments[name] = value
        self.args, self.kwargs = bound.args, bound.kwargs

    def hints(self) -> dict[str, Any]:
        """Return the function's type hints by parameter and ``"return"``, including `Annotated` metadata."""
        return {} if self.function is None else dict(hints_of(self.function))

    def may_be_none(self, name: str) -> bool:
        """Return whether the hint or the default of a parameter allows None.

        Args:
            name: A parameter, or ``"return"`` for the result.
        """
        import inspect

        hint = self.hints().get(name)
        plain = getattr(hint, "__origin__", hint) if hasattr(hint, "__metadata__") else hint
        if type(None) in members_of(plain):
            return True
        if name == "return" or self.function is None:
            return False
        parameter = inspect.signature(self.function).parameters.get(name)
        return parameter is not None and parameter.default is None

    def keep(self, name: str, value: Any, *, as_last: bool = True) -> None:
        """Keep a value with the task; see `TaskContext.keep`.

        Args:
            name: What it is called.
            value: The value, of a type that has a transformer.
            as_last: Whether `last` finds it in later executions.
        """
        self.context.keep(name, value, as_last=as_last)

    def last(self, name: str, *, sure: bool = False) -> Kept | None:
        """Return what the last successful call of this task kept under a name; see `TaskContext.last`.

        Args:
            name: What it was called.
            sure: Raise if the store cannot be read, instead of returning None.
        """
        return self.context.last(name, sure=sure)

    def spans(self) -> list[Bar]:
        """Return the task's longest operations so far, in the order in which they began; none without decks."""
        state = self.context.state
        state.journal.flush()
        return [] if state.bars is None else state.bars.bars()

    def report_html(self) -> str:
        """Return the task's current report as one HTML file."""
        from obs_core.recording.publishing import page_of

        return page_of(self.context.state)

    def reject(self, error: BaseException) -> NoReturn:
        """Refuse the call: the caller gets this error.

        Before the ``yield`` the function is not called; after it, its result is refused. Whatever else is
        raised in `TaskDecorator.around` is taken for a failure of the decorator, which the task survives. An
        exception of the function itself goes on, whatever is rejected then.

        Args:
            error: The error to raise.

        Examples:
            >>> if not schema.accepts(call.result):  # doctest: +SKIP
            ...     call.reject(ValueError(f"{call.name} returned what {schema} does not allow"))
        """
        self.rejection = error
        raise error

    def _bound(self) -> Any:
        import inspect

        assert self.function is not None
        bound = inspect.signature(self.function).bind(*self.args, **self.kwargs)
        bound.apply_defaults()
        return bound


class TaskDecorator:
    """Base of decorators that do something before and after a task's body.

    A subclass writes one generator method, `around`. It then works bare or with arguments, on functions,
    coroutines, generators and async generators, as a ``with`` block, above or below `task` and other
    decorators, and can be pickled by cloudpickle if its attributes can.

    Examples:
        >>> class announced(TaskDecorator):
        ...     def __init__(self, *, channel: str = "general") -> None:
        ...         self.channel = channel
        ...
        ...     def around(self, call: TaskCall) -> Iterator[None]:
        ...         print("begins", call.name)
        ...         yield
        ...         print("ended well", call.name)
        >>> @task
        ... @announced
        ... def train() -> None: ...
    """

    @overload
    def __new__(cls, function: Callable[P, T], /) -> Callable[P, T]: ...  # type: ignore[misc]  # no instance

    @overload
    def __new__(cls, *args: Any, **kwargs: Any) -> Self: ...

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """Make a decorator; called with nothing but a function, decorate that at once (``@announced``)."""
        if len(args) == 1 and callable(args[0]) and not kwargs:
            return cls()(args[0])
        return super().__new__(cls)

    def around(self, call: TaskCall) -> Iterator[Any]:
        """Run code before the task, yield once, then run code after it.

        The task's exception is raised at the ``yield``; it goes on to the caller whether or not it is caught
        here. An exception of this method's own never reaches the caller: it leaves a warning and a note, and the
        task runs as if it were not decorated. `TaskCall.reject` raises one on purpose. What is yielded is what
        ``with ... as`` gives (None, if this method failed before).

        Args:
            call: The call, and its task.
        """
        raise NotImplementedError(f"{type(self).__name__} must define around(self, call)")

    def __call__(self, function: Callable[P, T]) -> Callable[P, T]:
        """Decorate a function of any kind."""
        remember_names(function)
        settings = attribute(function, "__obs_task__")
        if settings is not None and attribute(settings, "wrapper") is function:
            task: Callable[P, T] = settings.surrounded(self._wrapped)
            return task
        return self._wrapped(function)

    def __enter__(self) -> Any:
        block = _Block(self, TaskCall(current_context()))
        block.__enter__()
        block.outside = _innermost_block()
        _block.set(block)
        self._blocks()[block] = None
        return block.value

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        blocks = self._blocks()
        block = innermost_of(blocks, _innermost_block())
        if block is not None:
            blocks.pop(block, None)
            block.over = True
            _block.set(_innermost_block())
            block.__exit__(kind, error, traceback)

    def _blocks(self) -> dict[_Block, None]:
        """Return the blocks that this object was entered as and that were not left yet, whoever is in them."""
        blocks: dict[_Block, None] = vars(self).setdefault("_open", {})
        return blocks

    async def __aenter__(self) -> Any:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, traceback)

    def _wrapped(self, function: Callable[P, T]) -> Callable[P, T]:
        return mark_decorated(wrap(function, partial(_surrounded, self, function)))


if TYPE_CHECKING:
    Q = ParamSpec("Q")
    D = TypeVar("D", bound=TaskDecorator, covariant=True)

    class _UsableBare(Protocol[Q, D]):
        """A decorator's class, as a type checker sees it: it takes a function, or the options."""

        @overload
        def __call__(self, function: Callable[P, T], /) -> Callable[P, T]: ...  # type: ignore[overload-overlap]

        @overload
        def __call__(self, *args: Q.args, **kwargs: Q.kwargs) -> D: ...


def usable_bare(decorator: Callable[Q, D]) -> _UsableBare[Q, D]:
    """Tell mypy that a `TaskDecorator` with its own ``__init__`` works bare too; return it unchanged.

    Where a class has an ``__init__``, mypy takes its parameters for all that the class can be called with, and refuses
    ``@announced`` without parentheses. Other type checkers need no help.

    Args:
        decorator: The class.

    Examples:
        >>> class Announced(TaskDecorator):
        ...     def __init__(self, *, channel: str = "general") -> None:
        ...         self.channel = channel
        ...
        ...     def around(self, call: TaskCall) -> Iterator[None]:
        ...         print("begins", call.name)
        ...         yield
        >>> announced = usable_bare(Announced)
    """
    return decorator  # type: ignore[return-value]  # `TaskDecorator.__new__` takes functions


def _surrounded(
    decorator: TaskDecorator, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> _Surrounded:
    return _Surrounded(decorator, TaskCall(current_context(), function, args, kwargs))


class _Surrounded(Replacing):
    """A call inside a decorator's `around`: the call's own exception always comes out of it as it was."""

    __slots__ = ("_is_around_body", "_manager", "_name", "value")

    def __init__(self, decorator: TaskDecorator, call: TaskCall) -> None:
        self.call = call
        self._name = type(decorator).__name__
        self._manager: AbstractContextManager[Any] | None = contextmanager(decorator.around)(call)
        self.value: Any = None

    def __enter__(self) -> _Surrounded:
        task = self.call.context.state
        is_around_body = self._is_around_body = self._is_around_body_of(task)
        if is_around_body:
            task.body_ends()
        with _survived(self.call, "beginning"), own_work(task, f"begin {self._name}"):
            self._begin()
        if is_around_body:
            task.body_begins()
            task.in_body = not any(map(is_decorated, layers(self.call.function)))
        return self

    def returned(self, result: Any) -> None:
        """Take note of the call's result."""
        self.call.result = result

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._manager is None:
            return
        task = self.call.context.state
        if self._is_around_body:
            task.body_ends()
            task.may_begin = task.in_body = False
        with _survived(self.call, "ending", error), own_work(task, f"end {self._name}"):
            self._end(self._manager, kind, error, traceback)

    def _is_around_body_of(self, task: TaskState) -> bool:
        """Tell whether this stands around the task's own function, rather than in it."""
        function = self.call.function
        if function is None or task.in_body or current.get() is not task:
            return False
        return undecorated(function) is task.body

    def _begin(self) -> None:
        manager, self._manager = self._manager, None
        assert manager is not None
        self.value = manager.__enter__()
        self._manager = manager

    def _end(self, manager: Any, kind: Any, error: BaseException | None, traceback: TracebackType | None) -> None:
        try:
            manager.__exit__(kind, error, traceback)
        except BaseException as raised:
            if raised is not error:
                raise
        finally:
            if error is not None:  # else it keeps the frame of `around`, in a circle with those that handed it there
                BaseException.with_traceback(error, traceback)


class _Block(_Surrounded):
    """A ``with`` block inside a decorator's `around`; one object may be entered by several contexts at a time.

    Attributes:
        outside: The block that it was entered in, of whatever decorator.
        over: Whether it was left.
    """

    __slots__ = ("outside", "over")

    def __init__(self, decorator: TaskDecorator, call: TaskCall) -> None:
        super().__init__(decorator, call)
        self.outside: _Block | None = None
        self.over = False


_block: ContextVar[_Block | None] = new_variable("obs_core.block")


def _innermost_block() -> _Block | None:
    """Return the innermost block of this context that was not left: a copy of the context may name one that was."""
    block = _block.get()
    while block is not None and block.over:
        block = block.outside
    return block


class _survived:
    """Keep a decorator's failure away from the task, unless it is what the decorator rejected the call with."""

    __slots__ = ("_call", "_doing", "_error")

    def __init__(self, call: TaskCall, doing: str, error: BaseException | None = None) -> None:
        self._call = call
        self._doing = doing
        self._error = error

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if raised is not None and raised is self._call.rejection:
            raised.__traceback__ = None  # how the decorator came to it would bury the line that made the call
            self._call.rejection = None  # its traceback has the call from here on
            return self._error is not None  # the function's own exception goes on instead
        guard = guarded(f"{self._doing} a decorator of {self._call.name!r}", self._call.context.note)
        return raised is not None and guard.keeps_away(raised, sys._getframe(1))


_registered: list[tuple[type | str, TaskDecorator]] = []


def register_task_decorator(python_type: type | str, decorator: TaskDecorator) -> Registration:
    """Decorate each task that has a parameter or a result annotated with a type.

    It stands directly below `task`. Tasks that were called before are not decorated any more.

    Args:
        python_type: The type; or its dotted name (``"pandera.typing.DataFrame"``), which is not imported. A
            subclass, a generic alias (``DataFrame[Schema]``), and a member of a union count too.
        decorator: The decorator; `TaskCall.hints` tells it where the type stands.

    Returns:
        The registration, to `unregister` it or to use it as a ``with`` block.

    Raises:
        TypeError: `python_type` is no type, or `decorator` is no `TaskDecorator`.
        ValueError: `python_type` is text that is no dotted name.

    Examples:
        >>> register_task_decorator("pandera.typing.DataFrame", validated())  # doctest: +SKIP
    """
    check_target(python_type)
    if not isinstance(decorator, TaskDecorator):
        raise TypeError(f"a TaskDecorator is needed, such as validated(), not {decorator!r}")
    entry = (python_type, decorator)
    _registered.append(entry)
    return Registration(lambda: _registered.remove(entry) if entry in _registered else None)


def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function inside the decorators that its annotations ask for, the first one outermost.

    Args:
        function: The function, possibly decorated already.

    Returns:
        The function itself if there are none.
    """
    with guarded(f"reading the annotations of {getattr(function, '__qualname__', function)!r}"):
        decorators = {id(decorator): decorator for decorator in _asked_for(hints_of(function))}
        for decorator in reversed(decorators.values()):
            function = decorator._wrapped(function)
    return function


def _asked_for(hints: dict[str, Any]) -> Iterator[TaskDecorator]:
    for hint in hints.values():
        for part in parts_of(hint):  # also of what a list or a tuple holds
            extras = reversed(getattr(part, "__metadata__", ()))
            yield from (extra for extra in extras if isinstance(extra, TaskDecorator))
        for kind in types_of(hint):
            yield from (decorator for target, decorator in _registered if _is_meant(target, kind))


def _is_meant(target: type | str, kind: type) -> bool:
    wanted = imported_class(target, vars_only=False) if isinstance(target, str) else target
    return wanted is not None and wanted in kind.__mro__

"""Task decorators: how an integration wraps a task's body."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from obs_core._wrapping import wrap
from obs_core.context import TaskContext, current_context

if TYPE_CHECKING:
    from obs_core.decks import Deck

__all__ = ["TaskCall", "TaskDecorator"]

P = ParamSpec("P")
T = TypeVar("T")


class TaskCall:
    """One call that a `TaskDecorator` is wrapped around.

    Attributes:
        context: The context of the task that runs (of the execution, outside any task).
        function: The decorated function; None in a ``with`` block.
        args: Its positional arguments.
        kwargs: Its keyword arguments.
        result: What it returned, once it has.
    """

    __slots__ = ("args", "context", "function", "kwargs", "result")

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

    @property
    def name(self) -> str:
        """The function's name, or the task's in a ``with`` block."""
        return getattr(self.function, "__name__", None) or self.context.task_name

    def link(self, name: str, url: str) -> None:
        """Attach a named address to the task."""
        self.context.link(name, url)

    def note(self, text: str) -> None:
        """Let everyone who reads the task's report know something."""
        self.context.note(text)

    def deck(self, name: str) -> Deck:
        """Make a deck of the task."""
        from obs_core.decks import Deck

        made: Deck = Deck._for(self.context, name)
        return made


class TaskDecorator:
    """Base of decorators that do something before and after a task's body.

    A subclass writes one generator method, `around`. It then works bare or with arguments, on functions,
    coroutines, generators and async generators, as a ``with`` block, above or below `task` and other
    decorators, and can be pickled by cloudpickle if its attributes can.

    Example:
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

    _open: Any = None

    def __new__(cls, function: Any = None, /, *args: Any, **kwargs: Any) -> Any:
        """Make a decorator; called with nothing but a function, decorate that at once (``@announced``)."""
        if callable(function) and not args and not kwargs:
            return cls()(function)
        return super().__new__(cls)

    def around(self, call: TaskCall) -> Iterator[Any]:
        """Do what comes before, yield once, do what comes after.

        The task's exception is raised at the ``yield``; it goes on to the caller whether or not it is caught
        here. What is yielded is what ``with ... as`` gives.

        Args:
            call: The call, and its task.
        """
        raise NotImplementedError(f"{type(self).__name__} must define around(self, call)")

    def __call__(self, function: Callable[P, T]) -> Callable[P, T]:
        """Decorate a function of any kind."""
        from obs_core.tasks import redecorated

        inside = redecorated(function, self)
        return inside if inside is not None else self._wrapped(function)

    def __enter__(self) -> Any:
        stack = self._open = self._open or []
        manager = _Surrounded(self, TaskCall(current_context()))
        stack.append(manager)
        manager.__enter__()
        return manager.value

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._open.pop().__exit__(kind, error, traceback)

    async def __aenter__(self) -> Any:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, traceback)

    def _wrapped(self, function: Callable[P, T]) -> Callable[P, T]:
        return wrap(
            function,
            lambda args, kwargs: _Surrounded(self, TaskCall(current_context(), function, args, kwargs)),
        )


class _Surrounded:
    """A call inside a decorator's `around`: the call's own exception always comes out of it as it was."""

    __slots__ = ("_call", "_manager", "value")

    def __init__(self, decorator: TaskDecorator, call: TaskCall) -> None:
        self._call = call
        self._manager: AbstractContextManager[Any] = contextmanager(decorator.around)(call)
        self.value: Any = None

    def __enter__(self) -> _Surrounded:
        self.value = self._manager.__enter__()
        return self

    def returned(self, result: Any) -> None:
        """Take note of the call's result."""
        self._call.result = result

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        from obs_core._failsafe import guarded

        with guarded(f"ending a decorator of {self._call.name!r}", self._call.context.note):
            self._finish(kind, error, traceback)

    def _finish(self, kind: Any, error: BaseException | None, traceback: TracebackType | None) -> None:
        try:
            self._manager.__exit__(kind, error, traceback)
        except BaseException as raised:
            if raised is not error:
                raise

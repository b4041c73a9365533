"""Spans: timed operations of a task."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from obs_core import clock
from obs_core._wrapping import wrap
from obs_core.context import TaskContext, current, innermost

if TYPE_CHECKING:
    from obs_core.carriers import RemoteSpan

__all__ = ["span"]

P = ParamSpec("P")
T = TypeVar("T")

_FRESH = 10_000
"""Nanoseconds for which a reading of the process clock is used again: it costs four times what the wall
clock does."""

_read_at = -_FRESH
_process_time = 0


class span:
    """A timed operation: a ``with`` or ``async with`` block, or a decorated function of any kind.

    Spans nest; they record wall and process time, and the type of the exception that left them. One span
    costs about three microseconds, its line in the journal included.

    Args:
        name: What is done, such as ``"join weather"``.
        attributes: Facts about it, of types that JSON knows (others are kept as text).

    Attributes:
        name: As given.
        attributes: As given and set; None if there are none.

    Example:
        >>> with span("read", path="flights.csv") as reading:
        ...     rows = read()
        ...     reading.set(rows=len(rows))
        >>> @span("fit")
        ... def fit(rows): ...

    Process time counts all threads of the process and is exact to 10 microseconds.
    """

    __slots__ = (
        "_inner",
        "announced",
        "attributes",
        "context",
        "cpu",
        "end",
        "error",
        "name",
        "number",
        "outside",
        "parent",
        "start",
    )

    outside: span | TaskContext | RemoteSpan | None
    parent: span | TaskContext | RemoteSpan
    context: TaskContext
    start: int
    cpu: int

    def __init__(self, name: str, /, **attributes: Any) -> None:
        self.name = name
        self.attributes: dict[str, Any] | None = attributes or None
        self.number = 0
        self.end = 0
        self.error: str | None = None
        self.announced = False
        self._inner: list[span] | None = None

    def set(self, **attributes: Any) -> None:
        """Add attributes while the operation runs.

        Args:
            attributes: As for the span itself; an earlier one of the same name is replaced.
        """
        self.attributes = {**(self.attributes or {}), **attributes}

    def __enter__(self) -> span:
        global _read_at, _process_time
        if self.number:
            return self._enter_again()
        outside = self.outside = current.get()
        parent = self.parent = outside or innermost()
        context = self.context = parent.context
        number = self.number = context.next_number()
        if not number & 4095:
            context.journal.relieve()
        now = clock.wall()
        if now - _read_at > _FRESH:
            _process_time = clock.process()
            _read_at = now
        self.cpu = _process_time
        self.start = now
        current.set(self)
        context.append(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        global _read_at, _process_time
        if self._inner:
            self._inner.pop().__exit__(kind, error, traceback)
            return
        now = clock.wall()
        if now - _read_at > _FRESH:
            _process_time = clock.process()
            _read_at = now
        self.cpu = _process_time - self.cpu
        if kind is not None:
            self.error = kind.__name__
        self.end = now
        current.set(self.outside)
        if self.announced:
            self.context.append(self)

    async def __aenter__(self) -> span:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, traceback)

    def __call__(self, function: Callable[P, T]) -> Callable[P, T]:
        """Record each call of a function (async, generator and async generator functions too) as a span."""
        return wrap(function, lambda _args, _kwargs: self._twin())

    def __repr__(self) -> str:
        return f"span({self.name!r})"

    def _twin(self) -> span:
        return span(self.name, **(self.attributes or {}))

    def _enter_again(self) -> span:
        """Enter a span object for a second time: a record of its own, since the first one stands."""
        twin = self._twin()
        self._inner = [*(self._inner or ()), twin]
        return twin.__enter__()

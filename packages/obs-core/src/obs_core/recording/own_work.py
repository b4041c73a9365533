"""What obs itself does around a task: spans of a kind of their own, so that nobody takes it for the pipeline's time."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from types import FunctionType, MethodType, TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from obs_core import clock
from obs_core.journal import records
from obs_core.values.remembered import attribute

if TYPE_CHECKING:
    from obs_core.recording.run import Scope, TaskState

__all__ = ["OWN_WORK", "is_decorated", "layers", "mark_decorated", "own_work", "record_own_work", "undecorated"]

T = TypeVar("T")

OWN_WORK = "obs"
"""The kind of these spans."""

_MOST_DECORATORS = 100


class own_work:
    """Record a block as work of obs for a task: drawing its inputs, writing its report, what a decorator does.

    It costs two readings of the clocks and one record, so it is for what is done once or twice for each task.

    Args:
        task: Whose.
        doing: What is done, such as ``"draw the inputs"``.
    """

    __slots__ = ("_around", "_begun", "_cpu", "_name", "_task")

    def __init__(self, task: TaskState, doing: str) -> None:
        self._task = task
        self._name = f"obs: {doing}"

    def __enter__(self) -> own_work:
        self._around, self._task.at_own_work = self._task.at_own_work, True
        self._begun, self._cpu = clock.wall(), clock.process()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._task.at_own_work = self._around
        record_own_work(self._task, self._name, self._begun, self._cpu)


def record_own_work(task: TaskState, name: str, begun: int, cpu: int, within: Scope | None = None) -> None:
    """Record work of obs that ends now.

    Args:
        task: The task that it was done for.
        name: What was done.
        begun: When it began, by `obs_core.clock.wall`.
        cpu: What `obs_core.clock.process` said then.
        within: The span of the task that it was done in; None for the task itself.
    """
    above = task.number if within is None else within.number
    number, parent = task.next_number(), task.journal.ref(above) if isinstance(above, int) else above
    spent, used = clock.wall() - begun, clock.process() - cpu
    task.append(records.SpanRecord(number, parent, name, begun, spent, used, kind=OWN_WORK))


def undecorated(function: Any) -> Any:
    """Return the function inside all decorators, as far as they say what they are around."""
    return [*layers(function)][-1]


def layers(function: Any) -> Iterator[Any]:
    """Go from a callable to what it calls, and so on: through decorators, partials, methods and objects."""
    for _ in range(_MOST_DECORATORS):
        yield function
        function = _called_by(function)
        if function is None:
            return


def _called_by(function: Any) -> Any:
    """Return what calling an object calls, as far as it says so; None for a function."""
    wrapped = attribute(function, "__dict__", {}).get("__wrapped__")
    if wrapped is not None:
        return wrapped
    if isinstance(function, partial):
        return function.func
    if isinstance(function, (MethodType, staticmethod)):
        return function.__func__
    if isinstance(function, FunctionType):
        return None
    inside = attribute(function, "__init__") if isinstance(function, type) else attribute(type(function), "__call__")
    return inside if isinstance(inside, FunctionType) else None


_MARK = "__obs_decorated__"


def mark_decorated(wrapper: T) -> T:
    """Note that a decorator of obs stands here; whatever takes over the attributes of a function, notes it too."""
    setattr(wrapper, _MARK, True)
    return wrapper


def is_decorated(layer: Any) -> bool:
    """Tell whether a decorator of obs is a layer of a callable, or stands inside it."""
    return _MARK in attribute(layer, "__dict__", {})

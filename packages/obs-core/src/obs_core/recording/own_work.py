"""What obs itself does around a task: spans of a kind of their own, so that nobody takes it for the pipeline's time."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any

from obs_core import clock
from obs_core.journal import records
from obs_core.values.remembered import attribute

if TYPE_CHECKING:
    from obs_core.recording.run import TaskState

__all__ = ["OWN_WORK", "own_work", "record_own_work", "undecorated"]

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

    __slots__ = ("_begun", "_cpu", "_name", "_task")

    def __init__(self, task: TaskState, doing: str) -> None:
        self._task = task
        self._name = f"obs: {doing}"

    def __enter__(self) -> own_work:
        self._begun, self._cpu = clock.wall(), clock.process()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        record_own_work(self._task, self._name, self._begun, self._cpu)


def record_own_work(task: TaskState, name: str, begun: int, cpu: int) -> None:
    """Record work of obs that ends now.

    Args:
        task: The task that it was done for.
        name: What was done.
        begun: When it began, by `obs_core.clock.wall`.
        cpu: What `obs_core.clock.process` said then.
    """
    number, parent = task.next_number(), task.own_ref()
    spent, used = clock.wall() - begun, clock.process() - cpu
    task.append(records.SpanRecord(number, parent, name, begun, spent, used, kind=OWN_WORK))


def undecorated(function: Any) -> Any:
    """Return the function inside all decorators, as far as they say what they are around."""
    for _ in range(_MOST_DECORATORS):
        inside = attribute(function, "__dict__", {}).get("__wrapped__")
        if inside is None:
            break
        function = inside
    return function

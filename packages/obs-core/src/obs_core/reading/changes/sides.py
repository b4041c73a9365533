"""An execution as one side of a comparison: what was recorded of it, and its spans added up by operation."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from msgspec import Struct

from obs_core.assembly.assembly import Assembly
from obs_core.model import SpanTable, TaskView
from obs_core.reading.changes.earlier import numbered
from obs_core.reading.endings import ended_by
from obs_core.store.base import Store
from obs_core.text.durations import format_took
from obs_core.text.failures import is_end_of_process

__all__ = ["Operation", "Side", "operations_of"]


class Operation(Struct):
    """All spans of one name, or all calls of one task.

    Attributes:
        total: Nanoseconds that they took together.
        count: How many there are.
        task: The name of the task in which the first of them ran; empty outside any.
        is_open: Whether one of them never ended: they took at least so long.
    """

    total: int = 0
    count: int = 0
    task: str = ""
    is_open: bool = False

    @property
    def took(self) -> str:
        """How long they took, in words for people."""
        return format_took(self.total, "lost" if self.is_open else "")


class Side:
    """One of two executions that are compared.

    Args:
        store: Where it is kept.
        assembly: It, put together.
        operations: Its spans added up: by whether they are tasks, and by name. Default: those of the assembly.
    """

    def __init__(
        self, store: Store, assembly: Assembly, operations: Mapping[tuple[bool, str], Operation] | None = None
    ) -> None:
        self.store = store
        self.assembly = assembly
        self.view = assembly.view
        self.tasks = [task for task in assembly.tasks if task.id != assembly.root_id]
        self.operations = operations_of(assembly.table) if operations is None else operations

    @functools.cached_property
    def error(self) -> str:
        """By what it failed: an exception, or what is known of its process in words; empty if it did not."""
        error = self.view.error or ""
        return ended_by(self.store, self.assembly)[0] if is_end_of_process(error) else error

    @functools.cached_property
    def names(self) -> dict[str, str]:
        """The names of tasks by their ids; of the execution itself it is empty."""
        return {task.id: task.name for task in self.tasks}

    @functools.cached_property
    def calls(self) -> dict[tuple[str, int], TaskView]:
        """The tasks by their names and which call of that name they are."""
        by_id = {task.id: task for task in self.tasks}
        numbers = numbered((task.started, task.id, task.name) for task in self.tasks)
        return {call: by_id[task_id] for task_id, call in numbers.items()}

    @functools.cached_property
    def by_name(self) -> dict[str, list[TaskView]]:
        """All calls of each task, in the order in which they began."""
        found: dict[str, list[TaskView]] = {}
        for task in self.tasks:
            found.setdefault(task.name, []).append(task)
        return found


def operations_of(table: SpanTable) -> dict[tuple[bool, str], Operation]:
    """Add up spans by name, in one pass; what obs did itself is left out.

    Args:
        table: The spans.
    """
    found: dict[tuple[bool, str], Operation] = {}
    kinds, durations, counted = table.kinds, table.durations, table.counted
    for row, name in enumerate(table.names):
        kind = kinds[row]
        if kind == "obs" or not row:
            continue
        key = (kind == "task", name)
        operation = found.get(key)
        if operation is None:
            operation = found[key] = Operation(task=_enclosing(table, row))
        group = counted.get(row)
        operation.total += durations[row] if group is None else group.total
        operation.count += 1 if group is None else group.count
        operation.is_open |= row in table.open
    return found


def _enclosing(table: SpanTable, row: int) -> str:
    """Return the name of the task in which a span ran; a task is its own."""
    seen = 0
    while row > 0 and table.kinds[row] != "task" and seen < len(table.kinds):
        row, seen = table.parents[row], seen + 1
    return table.names[row] if row > 0 else ""

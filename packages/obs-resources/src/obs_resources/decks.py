"""The tabs of what was sampled: "Resources" and "CPU profile"."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from obs_core import clock
from obs_core.model import SeenStack, Series, TaskView
from obs_core.trace.resources import Resources
from obs_resources.flame import profile_html
from obs_resources.lanes import lanes_html, timeline_lanes_html
from obs_resources.profiler import seen_of

if TYPE_CHECKING:
    from obs_core.reading.execution import Execution
    from obs_core.recording.run import TaskState

__all__ = ["decks_of", "running_decks"]

RESOURCES, PROFILE, TIMELINE = "Resources", "CPU profile", "Timeline"

_POINTS = 500
"""Of a metric, below a time line."""


def decks_of(execution: Execution, task: TaskView | None = None) -> Iterator[tuple[str, str]]:
    """Draw what was sampled, as it stands in the journal.

    Args:
        execution: Whose.
        task: One of its tasks; None for all of it.

    Returns:
        Names of tabs, and their HTML.
    """
    resources = execution.resources if task is None else execution.resources_of(task)
    if task is None and execution.tasks:
        # As the chart of the tasks above it has it.
        first = min(one.started for one in execution.tasks)
        last = max(one.started + one.duration for one in execution.tasks)
        resources = resources.between(first, last)
    if resources:
        yield RESOURCES, lanes_html(resources)
    if task is not None and (below := timeline_lanes_html(resources, execution.curves_of(task, _POINTS))):
        yield TIMELINE, below
    table = execution.table
    seen = execution.profile
    if seen and task is not None:
        seen = _inside(seen, task.id, execution)
    if seen:
        wanted = {one.span for one in seen}
        names = {span: table.names[row] for row, span in enumerate(table.ids) if span in wanted}
        yield PROFILE, profile_html(seen, names)


def running_decks(task: TaskState, series: dict[str, Series]) -> Iterator[tuple[str, str]]:
    """Draw what was sampled while a task ran, from what this process has in memory.

    Args:
        task: The task.
        series: What was sampled of its execution, by name.
    """
    epoch = task.journal.epoch
    end = task.start + task.spent[0] if task.spent is not None else clock.wall()
    resources = Resources({task.journal.writer: series}, task.start + epoch, end + epoch)
    if resources:
        yield RESOURCES, lanes_html(resources)
    if below := timeline_lanes_html(resources, [series.curve() for series in list(task.metrics.values())]):
        yield TIMELINE, below
    seen, names = seen_of(task)
    if seen:
        yield PROFILE, profile_html(seen, names)


def _inside(seen: list[SeenStack], task_id: str, execution: Execution) -> list[SeenStack]:
    """Return the stacks of a task and all below it, and those of its process of which nobody knows whose they are."""
    table = execution.table
    rows = {span: row for row, span in enumerate(table.ids)}
    own = rows.get(task_id)
    known: dict[int, bool] = {}

    def is_inside(row: int) -> bool:
        path = []
        while row >= 0 and row != own and row not in known:
            path.append(row)
            row = table.parents[row]
        found = row == own or known.get(row, False)
        known.update(dict.fromkeys(path, found))
        return found

    return [one for one in seen if one.span is not None and one.span in rows and is_inside(rows[one.span])]

"""The overview of an execution's page: its tasks in time, and the summary of its trace."""

from __future__ import annotations

import html
import io
from collections.abc import Iterable, Mapping

from obs_core.model import Status, TaskView
from obs_core.rendering import render
from obs_core.trace.execution_span import ExecutionSpan
from obs_core.values.gantt import Bar, Timeline

__all__ = ["render_overview"]


def render_overview(tasks: Iterable[TaskView], trace: ExecutionSpan, sampled: Iterable[tuple[str, str]] = ()) -> str:
    """Return an execution's overview: a Gantt chart of its tasks, and what `explain` prints of its trace.

    Args:
        tasks: Its tasks.
        trace: The root of its trace.
        sampled: What was drawn of samples: titles and HTML.
    """
    between = [f"<h2>{html.escape(title)}</h2>{drawn}" for title, drawn in sampled]
    whole = trace.start_ns, trace.start_ns + trace.duration_ns
    return "\n".join((_tasks_in_time(tasks, whole, trace.status), *between, _explained(trace)))


def _tasks_in_time(tasks: Iterable[TaskView], whole: tuple[int, int], status: Status) -> str:
    tasks = list(tasks)
    known = {task.id: task for task in tasks}
    bars = [
        Bar(
            name=task.name,
            start=task.started,
            finish=task.started + task.duration,
            process_time=None,
            failed=task.status == "failed",
            open=not task.cut and task.status in ("running", "lost"),  # a kill that nobody saw is no end that is known
            handled=task.status == "failed" and _status_around(task, known, status) == "succeeded",
        )
        for task in tasks
        if not task.is_execution
    ]
    return f"<h2>Tasks</h2>{render(Timeline(bars, whole=whole))}" if bars else ""


def _status_around(task: TaskView, known: Mapping[str, TaskView], outermost: Status) -> Status:
    """Return how the first caller stands that did not fail, or the execution: if well, the error was handled there."""
    caller = known.get(task.parent or "")
    passed = {task.id}  # a damaged journal may say that tasks called one another
    while caller is not None and caller.status == "failed" and caller.id not in passed:
        passed.add(caller.id)
        caller = known.get(caller.parent or "")
    return outermost if caller is None else caller.status


def _explained(trace: ExecutionSpan) -> str:
    text = io.StringIO()
    trace.explain(text)
    return f"<h2>Trace</h2><pre>{html.escape(text.getvalue())}</pre>"

"""The overview of an execution's page: its tasks in time, and the summary of its trace."""

from __future__ import annotations

import html
import io
from collections.abc import Iterable

from obs_core.model import TaskView
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
    return "\n".join((_tasks_in_time(tasks), *between, _explained(trace)))


def _tasks_in_time(tasks: Iterable[TaskView]) -> str:
    bars = [
        Bar(
            name=task.name,
            start=task.started,
            finish=task.started + task.duration,
            process_time=None,
            failed=task.status in ("failed", "lost"),
            open=task.status == "running",
        )
        for task in tasks
        if not task.is_execution
    ]
    return f"<h2>Tasks</h2>{render(Timeline(bars))}" if bars else ""


def _explained(trace: ExecutionSpan) -> str:
    text = io.StringIO()
    trace.explain(text)
    return f"<h2>Trace</h2><pre>{html.escape(text.getvalue())}</pre>"

"""The overview of an execution's page: its tasks in time, and the summary of its trace."""

from __future__ import annotations

import html
import io
from collections.abc import Container, Iterable

from obs_core.model import TaskView
from obs_core.rendering import render
from obs_core.trace.execution_span import ExecutionSpan
from obs_core.values.gantt import Bar, Timeline

__all__ = ["render_overview"]


def render_overview(
    tasks: Iterable[TaskView],
    trace: ExecutionSpan,
    sampled: Iterable[tuple[str, str]] = (),
    *,
    handled: Container[str] = (),
) -> str:
    """Return an execution's overview: a Gantt chart of its tasks, and what `explain` prints of its trace.

    Args:
        tasks: Its tasks.
        trace: The root of its trace.
        sampled: What was drawn of samples: titles and HTML.
        handled: The ids of failed tasks whose exceptions callers handled.
    """
    between = [f"<h2>{html.escape(title)}</h2>{drawn}" for title, drawn in sampled]
    whole = trace.start_ns, trace.start_ns + trace.duration_ns
    return "\n".join((_tasks_in_time(tasks, whole, handled), *between, _explained(trace)))


def _tasks_in_time(tasks: Iterable[TaskView], whole: tuple[int, int], handled: Container[str]) -> str:
    bars = [
        Bar(
            name=task.name,
            start=task.started,
            finish=task.started + task.duration,
            process_time=None,
            failed=task.status == "failed",
            open=not task.cut and task.status in ("running", "lost"),  # a kill that nobody saw is no end that is known
            handled=task.id in handled,
        )
        for task in tasks
        if not task.is_execution
    ]
    return f"<h2>Tasks</h2>{render(Timeline(bars, whole=whole))}" if bars else ""


def _explained(trace: ExecutionSpan) -> str:
    text = io.StringIO()
    trace.explain(text)
    return f"<h2>Trace</h2><pre>{html.escape(text.getvalue())}</pre>"

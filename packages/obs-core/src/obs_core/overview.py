"""The overview of an execution's page: its tasks in time, and the summary of its trace."""

from __future__ import annotations

import html
import io
from typing import TYPE_CHECKING

from obs_core.decks import Timeline
from obs_core.gantt import Bar
from obs_core.rendering import render

if TYPE_CHECKING:
    from obs_core.reading import Execution

__all__ = ["render_overview"]


def render_overview(execution: Execution) -> str:
    """Return an execution's overview: a Gantt chart of its tasks, and what `explain` prints."""
    return "\n".join((_tasks_in_time(execution), _explained(execution)))


def _tasks_in_time(execution: Execution) -> str:
    bars = [
        Bar(
            name=task.name,
            start=task.started,
            finish=task.started + task.duration,
            process_time=None,
            failed=task.status in ("failed", "lost"),
            open=task.status == "running",
        )
        for task in execution.tasks
    ]
    return f"<h2>Tasks</h2>{render(Timeline(bars))}" if bars else ""


def _explained(execution: Execution) -> str:
    text = io.StringIO()
    execution.span.explain(text)
    return f"<h2>Trace</h2><pre>{html.escape(text.getvalue())}</pre>"

"""An execution as a notebook's cell shows it: plain HTML, which a converted or untrusted notebook keeps."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from obs_core.provenance import command_name
from obs_core.text.durations import format_duration, format_moment
from obs_core.text.numbers import plural
from obs_core.text.verdicts import counted_verdicts

if TYPE_CHECKING:
    from obs_core.model import ExecutionView, TaskView

__all__ = ["LEFT", "RIGHT", "shown", "shown_reasons"]

_MOST_TASKS = 20


def shown(view: ExecutionView, tasks: Sequence[TaskView], trace: str, warnings: int = 0, errors: int = 0) -> str:
    """Return one folded line with name, status and duration, which opens to the tasks and the trace.

    Args:
        view: The execution.
        tasks: Its tasks.
        trace: What `ExecutionSpan.explain` prints.
        warnings: How many were logged.
        errors: How many were logged.
    """
    logged = "".join(f", {plural(count, kind)}" for count, kind in ((warnings, "warning"), (errors, "error")) if count)
    rows = "".join(map(_row, tasks[:_MOST_TASKS]))
    more = f"<p>{len(tasks) - _MOST_TASKS:,} more tasks</p>" if len(tasks) > _MOST_TASKS else ""
    about = (
        f"<p>{format_moment(view.started)} · <code>{command_name()} open {escape(view.id)}</code> shows the report</p>"
    )
    error = f"<p><code>{escape(view.error[:500])}</code></p>" if view.error else ""
    checks = counted_verdicts(view.verdicts.passed, view.verdicts.warned, view.verdicts.failed)
    return (
        f"<details><summary><b>{escape(view.name[:120])}</b> {view.status} in {format_duration(view.duration)}{logged}"
        f"{f', {checks}' if checks else ''}</summary>{about}{error}"
        f"<table><thead><tr>{_HEAD}</tr></thead><tbody>{rows}</tbody></table>{more}"
        f"<pre style='font-family:monospace;line-height:1.3'>{escape(trace)}</pre></details>"
    )


def shown_reasons(paragraph: str, sections: Sequence[tuple[str, Sequence[str]]]) -> str:
    """Return a paragraph, and below it folded lists of lines.

    Args:
        paragraph: What matters.
        sections: Titles and lines; one without lines is left out.
    """
    folded = "".join(
        f"<details><summary>{escape(title)}</summary><ul>{_items(lines)}</ul></details>"
        for title, lines in sections
        if lines
    )
    return f"<p>{escape(paragraph)}</p>{folded}"


def _items(lines: Sequence[str]) -> str:
    return "".join(f"<li>{escape(line)}</li>" for line in lines)


LEFT, RIGHT = "style='text-align:left;padding:2px 8px'", "style='text-align:right;padding:2px 8px'"
"""How cells of tables are drawn: some notebooks leave them no room of their own."""

_HEAD = f"<th {LEFT}>Task</th><th {LEFT}>Status</th><th {RIGHT}>Duration</th><th {LEFT}>Error</th>"


def _row(task: TaskView) -> str:
    return (
        f"<tr><td {LEFT}>{escape(task.name[:120])}</td><td {LEFT}>{task.status}</td>"
        f"<td {RIGHT}>{format_duration(task.duration)}</td><td {LEFT}>{escape((task.error or '')[:200])}</td></tr>"
    )

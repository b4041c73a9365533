"""An execution as a notebook's cell shows it: plain HTML, which a converted or untrusted notebook keeps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import TYPE_CHECKING

from obs_core.provenance import command_name
from obs_core.text.controls import in_order
from obs_core.text.durations import format_moment, format_standing, format_took
from obs_core.text.html_tables import cell_text, table
from obs_core.text.numbers import plural
from obs_core.text.verdicts import counted_verdicts

if TYPE_CHECKING:
    from obs_core.model import DeckView, ExecutionView, TaskView

__all__ = ["TaskList", "shown", "shown_deck", "shown_reasons", "shown_tasks"]

_MOST_TASKS = 20


class TaskList(list["TaskView"]):
    """The tasks of an execution, which a notebook shows as a table and a prompt as a line each."""

    def __repr__(self) -> str:
        lines = [*map(repr, self[:_MOST_TASKS]), *([f"... {len(self) - _MOST_TASKS:,} more"] * self._is_long)]
        return f"[{f',{chr(10)} '.join(lines)}]"

    def _repr_html_(self) -> str:
        return shown_tasks(self) or "<p>No task was called.</p>"

    @property
    def _is_long(self) -> bool:
        return len(self) > _MOST_TASKS


def shown_tasks(tasks: Sequence[TaskView]) -> str:
    """Return a table of tasks; empty if there are none."""
    rows = []
    for task in tasks[:_MOST_TASKS]:
        took = format_took(task.duration, "" if task.cut else task.status)
        rows.append((task.name[:120], task.status, took, (task.error or "")[:200]))
    more = f"<p>and {plural(len(tasks) - _MOST_TASKS, 'more task')}</p>" if len(tasks) > _MOST_TASKS else ""
    return table(("Task", "Status", "Duration", "Error"), rows, numbers=("Duration",)) + more if rows else ""


def shown_deck(bodies: Callable[[str], str | None], deck: DeckView) -> str:
    """Return a deck as a `Deck` is shown.

    Args:
        bodies: Gives the script or style that its store keeps apart under a hash, whichever process made it.
        deck: The deck.
    """
    from obs_core.decks.notebook_cells import brought_here
    from obs_core.report import render_notebook

    return render_notebook(deck.name, deck.items, bodies, brought_here())


def shown(
    view: ExecutionView,
    tasks: Sequence[TaskView],
    trace: str,
    warnings: int = 0,
    errors: int = 0,
    metrics: str = "",
    ended: str = "",
) -> str:
    """Return one folded line with name, status and duration, which opens to the tasks and the trace.

    Args:
        view: The execution.
        tasks: Its tasks.
        trace: What `ExecutionSpan.explain` prints.
        warnings: How many were logged.
        errors: How many were logged.
        metrics: What it measured, as HTML.
        ended: By what it ended that did not end well.
    """
    logged = "".join(f", {plural(count, kind)}" for count, kind in ((warnings, "warning"), (errors, "error")) if count)
    about = (
        f"<p>{format_moment(view.started)} · <code>{command_name()} open {escape(view.id)}</code> shows the report</p>"
    )
    error = f"<p><code>{cell_text(ended, 500)}</code></p>" if ended else ""
    checks = counted_verdicts(view.verdicts.passed, view.verdicts.warned, view.verdicts.failed)
    return (
        f"<details><summary><b>{cell_text(view.name, 120)}</b> {format_standing(view.duration, view.status)}{logged}"
        f"{f', {checks}' if checks else ''}</summary>{about}{error}"
        f"{shown_tasks(tasks)}{metrics}"
        f"<pre style='font-family:monospace;line-height:1.3'>{escape(in_order(trace))}</pre></details>"
    )


def shown_reasons(paragraph: str, sections: Sequence[tuple[str, Sequence[str]]]) -> str:
    """Return a paragraph, and below it folded lists of lines.

    Args:
        paragraph: What matters.
        sections: Titles and lines; one without lines is left out.
    """
    folded = "".join(
        f"<details><summary>{escape(title)}</summary><ul style='white-space:pre-wrap'>{_items(lines)}</ul></details>"
        for title, lines in sections
        if lines
    )
    return f"<p>{escape(paragraph)}</p>{folded}"


def _items(lines: Sequence[str]) -> str:
    return "".join(f"<li>{escape(line)}</li>" for line in lines)

"""Reports and traces to take along, made of what is in memory already: nothing but kept deck items is read again."""

from __future__ import annotations

import os
import tempfile

from msgspec import structs

from obs_core.model import DeckView, TaskView
from obs_core.reading import Execution
from obs_core.reading.overview import render_overview
from obs_core.report import render_report
from obs_core.trace import ExecutionSpan
from obs_ui.snapshots import Snapshot

__all__ = ["execution_report", "span_of", "task_report", "trace_file"]


def execution_report(snapshot: Snapshot) -> str:
    """Return the report of an execution: all its tasks in one page."""
    tasks = [_with_items(snapshot, task) for task in snapshot.tasks]
    handled = snapshot.failures.handled_calls
    overview = render_overview(snapshot.tasks, span_of(snapshot), handled=handled)
    why = snapshot.why.paragraph if snapshot.why is not None else ""
    bodies = _kept(snapshot).shared_body
    return render_report(snapshot.view, tasks, bodies, overview=overview, handled=handled, why=why)


def task_report(snapshot: Snapshot, task: TaskView) -> str:
    """Return the report of one call of a task."""
    found = snapshot.why
    told = found is not None and (task.status == "lost" or task.id == found.task_id)
    why = found.paragraph if found is not None and told else ""
    return render_report(snapshot.view, [_with_items(snapshot, task)], _kept(snapshot).shared_body, why=why)


def trace_file(snapshot: Snapshot) -> str:
    """Write the trace as JSON that Perfetto and chrome://tracing open; returns the path of a file to be removed."""
    descriptor, path = tempfile.mkstemp(suffix=".json", prefix="obs-trace-")
    os.close(descriptor)
    try:
        span_of(snapshot).to_chrome_trace(path)
    except BaseException:
        os.unlink(path)
        raise
    return path


def span_of(snapshot: Snapshot) -> ExecutionSpan:
    """Return the trace as obs-core has it."""
    return ExecutionSpan(snapshot.trace.table(snapshot.view, snapshot.worker_views))


def _with_items(snapshot: Snapshot, task: TaskView) -> TaskView:
    decks = [
        DeckView(label, snapshot.items(task, deck), verdicts=deck.verdicts)
        for label, deck in snapshot.decks(task).items()
    ]
    return structs.replace(task, decks=decks)


def _kept(snapshot: Snapshot) -> Execution:
    """Return the execution for what is kept apart: its journal is read only if it is asked for more than that."""
    return Execution(snapshot.store, snapshot.view.id)

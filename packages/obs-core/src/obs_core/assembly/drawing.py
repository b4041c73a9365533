"""Draw collected decks when they are looked at: items out of files, bars as charts, a task's spans as its time line."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence

from obs_core import clock
from obs_core.assembly.assembly import Assembly
from obs_core.assembly.decks import CollectedDeck, DeckItem
from obs_core.assembly.failures import handled_spans
from obs_core.assembly.metrics import MetricAssembly
from obs_core.journal import records
from obs_core.model import DeckView, Status, TaskView
from obs_core.rendering import render
from obs_core.report.bodies import extracted
from obs_core.values.curves import METRICS, Curves
from obs_core.values.gantt import Bar, Timeline

__all__ = [
    "MOST_BARS",
    "TIMELINE",
    "curves_of",
    "decks_of_task",
    "drawn_bars",
    "drawn_deck",
    "drawn_metrics",
    "span_bars",
]

TIMELINE = "Timeline"
"""The one deck that is not written but drawn from the spans."""

MOST_BARS = 2_000
"""Bars of a Timeline deck at most: more than a page can show."""

ReadBlob = Callable[[records.DeckBlob], str]


def decks_of_task(assembly: Assembly, task: TaskView) -> list[DeckView]:
    """Draw the decks of a task.

    Args:
        assembly: A finished one.
        task: One of its tasks.
    """
    collected = assembly.decks.get(task.id, ())
    timeline = next((deck for deck in collected if deck.name == TIMELINE), None)
    spans = span_bars(assembly, task.id) if assembly.has_timeline(task, timeline is not None) else []
    total = len(assembly.spans.rows_below(assembly.row_of_task(task.id))) if spans else 0
    made = []
    metrics = drawn_metrics(assembly, task)
    for deck in collected:
        view = drawn_deck(deck, assembly.files.html_of, spans if deck is timeline else (), total)
        if deck.name == METRICS and not deck.items:
            view.items, metrics = metrics, []
        made.append(view)
    if metrics:
        made.append(DeckView(METRICS, metrics))
    if spans and timeline is None:
        made.append(DeckView(TIMELINE, drawn_bars(CollectedDeck(TIMELINE, task.id), spans, total)))
    return made


def drawn_metrics(assembly: Assembly, task: TaskView) -> list[str]:
    """Draw what a task logged; nothing if that is nothing.

    Args:
        assembly: A finished one.
        task: One of its tasks.
    """
    if not assembly.has_metrics(task):
        return []
    return [extracted(render(curves_of(assembly.metrics, task.id, status=task.status)))]


def curves_of(logged: MetricAssembly, task_id: str, *, status: Status) -> Curves:
    """Return what a task's Metrics deck shows.

    Args:
        logged: What was logged in its execution.
        task_id: The task's global name.
        status: How it stands.
    """
    curves = [metric.curve() for metric in logged.metrics.get(task_id, {}).values()]
    return Curves(curves, logged.params.get(task_id, {}), logged.bars_of(task_id, status, clock.epoch()))


def drawn_deck(deck: CollectedDeck, read_blob: ReadBlob, of_spans: Sequence[Bar] = (), total: int = 0) -> DeckView:
    """Draw one deck, items of each worker below its name.

    Args:
        deck: The deck.
        read_blob: Gives the HTML of an item that is kept in a file.
        of_spans: As for `drawn_bars`.
        total: Likewise.
    """
    items = _by_source(deck.items, read_blob) + drawn_bars(deck, of_spans, total)
    return DeckView(deck.name or "(unnamed)", items, deck.of_workers, deck.verdicts)


def drawn_bars(deck: CollectedDeck, of_spans: Sequence[Bar] = (), total: int = 0) -> list[str]:
    """Draw the bars of a time line deck in one chart, as its task did; nothing if it has none.

    Args:
        deck: The deck.
        of_spans: Bars of the task's spans, which come first.
        total: How many spans there are.
    """
    own = [Bar(name=name, start=start, finish=finish, process_time=cpu) for name, start, finish, cpu in deck.bars]
    bars = [*of_spans, *own]
    note = "" if total <= len(bars) else f"The longest {len(bars):,} of {total:,} spans."
    return [render(Timeline(bars, note))] if bars else []


def span_bars(assembly: Assembly, task_id: str) -> list[Bar]:
    """Return the longest spans of a task as bars, in the order in which they began.

    Args:
        assembly: A finished one.
        task_id: The task's global name.
    """
    table, top = assembly.table, assembly.row_of_task(task_id)
    rows = assembly.spans.longest_below(top, MOST_BARS)
    failed = [row for row in rows if row in table.errors]
    # What failed the task is red, whatever became of that later.
    handled = handled_spans(failed, table.errors, table.open, table.parents, {top: False})
    return [
        Bar(
            name=table.names[row] if row not in table.counted else f"{table.names[row]} (counted)",
            start=table.starts[row],
            finish=table.starts[row] + table.durations[row],
            process_time=None if row in table.open else table.process_times[row],
            failed=row in table.errors,
            open=row in table.open,
            handled=row in handled,
        )
        for row in rows
    ]


def _by_source(items: list[DeckItem], read: ReadBlob) -> list[str]:
    """Return the items in the order in which they were appended, those of each worker below its name."""
    shown: dict[str, list[str]] = {"": []}
    for item in sorted(items, key=lambda item: item.at):
        part = shown.setdefault(item.source, [f"<h4>Worker {html.escape(item.source)}</h4>"])
        part.append(item.content if isinstance(item.content, str) else read(item.content))
    return [html for part in shown.values() for html in part]

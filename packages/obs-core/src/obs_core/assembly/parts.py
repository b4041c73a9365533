"""What other processes recorded in a task of this one."""

from __future__ import annotations

from msgspec import Struct, field

from obs_core.assembly.assembly import Assembly
from obs_core.assembly.drawing import curves_of, drawn_deck, span_bars
from obs_core.journal.reader import chosen, decode, read_segments, segment_names, writer_of
from obs_core.model import DeckView, Link
from obs_core.store.base import Store
from obs_core.values.curves import Curves
from obs_core.values.gantt import Bar

__all__ = ["PartsOfOthers", "metrics_of_all", "parts_of_others"]

_DECK_LINES = (b'["deck"', b'["items"', b'["blob"', b'["times"', b'["link"', b'["note"')
_SPAN_LINES = (b'["execution"', b'["span"', b'["open"', b'["task"', b'["task-end"')

_METRIC_LINES = (b'["points"', b'["params"', b'["progress"')

_MOST_SPAN_LINES = 16_000_000
"""Bytes of lines beyond which a report does without the bars of others: reading them would take a second."""


class PartsOfOthers(Struct):
    """What other processes appended to one task.

    Attributes:
        decks: By their global name; a deck that is not theirs holds only what they appended to it, and has no name.
        links: Named addresses.
        notes: What a reader must know.
        bars: The longest spans that they recorded in it, in the order in which they began.
    """

    decks: dict[str, DeckView] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)


def metrics_of_all(store: Store, execution_id: str, task_id: str, *, running: bool) -> Curves:
    """Read what all writers of an execution logged in a task.

    Args:
        store: Where the execution is kept.
        execution_id: Its id.
        task_id: The task's global name.
        running: Whether the task goes on.
    """
    logged = Assembly(store, execution_id)
    for path, lines in read_segments(store, segment_names(store, execution_id)):
        logged.add(writer_of(path), decode(chosen(lines, lambda line: line.startswith(_METRIC_LINES))), path)
    return curves_of(logged.metrics, task_id, running=running)


def parts_of_others(
    store: Store, execution_id: str, task_id: str, writer: str, *, with_bars: bool, with_own: bool = False
) -> PartsOfOthers:
    """Read what the other writers of an execution recorded in a task.

    Args:
        store: Where the execution is kept.
        execution_id: Its id.
        task_id: The task's global name.
        writer: This process's writer.
        with_bars: Whether the spans are wanted too.
        with_own: Whether this writer's own part is wanted too: an engine's worker does not hold the task's decks.
    """
    appended, drawn, size = Assembly(store, execution_id), Assembly(store, execution_id), 0
    paths = segment_names(store, execution_id)
    known = "" if with_own else writer
    if not with_bars:
        paths = [path for path in paths if writer_of(path) != known]
    for path, lines in read_segments(store, paths):
        of = writer_of(path)
        if of != known:
            appended.add(of, decode(chosen(lines, lambda line: line.startswith(_DECK_LINES))), path)
        size += len(lines)
        if with_bars and size <= _MOST_SPAN_LINES:
            drawn.add(of, decode(chosen(lines, lambda line: line.startswith(_SPAN_LINES))), path)
    decks, links, notes = appended.parts_of(task_id)
    views = {ref: drawn_deck(store, deck) for ref, deck in decks.items()}
    for ref, view in views.items():
        view.name = decks[ref].name
    found = PartsOfOthers(views, links, notes)
    if with_bars and size <= _MOST_SPAN_LINES:
        drawn.finish()
        found.bars = span_bars(drawn, task_id, without=writer)
    return found

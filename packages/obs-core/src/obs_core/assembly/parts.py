"""What all processes recorded in one task, for its report."""

from __future__ import annotations

from msgspec import Struct

from obs_core.assembly.assembly import Assembly
from obs_core.assembly.drawing import curves_of, decks_of_task
from obs_core.journal.reader import chosen, decode, read_segments, segment_names, writer_of
from obs_core.model import DeckView, Link, Status, Verdict
from obs_core.store.base import Store
from obs_core.values.curves import Curves

__all__ = ["PartsOfTask", "metrics_of_all", "parts_of_task"]

_DECK_LINES = (b'["deck"', b'["items"', b'["blob"', b'["times"', b'["verdict"', b'["link"', b'["note"')
_SPAN_LINES = (b'["execution"', b'["span"', b'["open"', b'["task"', b'["task-begun"', b'["task-end"')
_METRIC_LINES = (b'["points"', b'["outline"', b'["params"', b'["progress"')

_MOST_SPAN_LINES = 16_000_000
"""Bytes of lines beyond which a report does without the bars of spans: reading them would take a second."""


class PartsOfTask(Struct):
    """What was recorded in one task.

    Attributes:
        decks: Its decks, as every reader sees them.
        links: Named addresses.
        notes: What a reader must know.
        verdicts: What was checked.
        with_spans: Whether its time line shows the spans; not if there are very many.
    """

    decks: list[DeckView]
    links: list[Link]
    notes: list[str]
    verdicts: list[Verdict]
    with_spans: bool


def metrics_of_all(store: Store, execution_id: str, task_id: str, *, status: Status) -> Curves:
    """Read what all writers of an execution logged in a task.

    Args:
        store: Where the execution is kept.
        execution_id: Its id.
        task_id: The task's global name.
        status: How the task stands.
    """
    logged = Assembly(store, execution_id)
    for path, lines in read_segments(store, segment_names(store, execution_id), outlines=True):
        logged.add(writer_of(path), decode(chosen(lines, _METRIC_LINES)), path)
    return curves_of(logged.metrics, task_id, status=status)


def parts_of_task(store: Store, execution_id: str, task_id: str) -> PartsOfTask:
    """Read what the writers of an execution recorded in a task.

    Args:
        store: Where the execution is kept.
        execution_id: Its id.
        task_id: The task's global name.
    """
    assembly, size = Assembly(store, execution_id), 0
    wanted: tuple[bytes, ...] = (*_DECK_LINES, *_METRIC_LINES, *_SPAN_LINES)
    for path, lines in read_segments(store, segment_names(store, execution_id), outlines=True):
        size += len(lines)
        if size > _MOST_SPAN_LINES:
            wanted = _DECK_LINES + _METRIC_LINES
        assembly.add(writer_of(path), decode(chosen(lines, wanted)), path)
    task = assembly.known_task(task_id)
    links, notes = list(task.links), list(task.notes)
    assembly.finish()
    decks, verdicts = decks_of_task(assembly, task), assembly.verdicts_of(task_id)
    return PartsOfTask(decks, links, notes, verdicts, size <= _MOST_SPAN_LINES)

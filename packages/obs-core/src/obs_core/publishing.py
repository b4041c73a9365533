"""Write the report of a task: what `Deck.publish` does, and the end of each task."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from obs_core import clock
from obs_core.decks import shared_body
from obs_core.failsafe import guarded, warn
from obs_core.model import DeckView, ExecutionView, TaskView
from obs_core.report import render_report
from obs_core.secrets import mask
from obs_core.store.base import report_path

if TYPE_CHECKING:
    from obs_core.context import TaskContext
    from obs_core.decks import Deck
    from obs_core.reading import PartsOfOthers

__all__ = ["page_of", "publish", "report_name"]


def publish(context: TaskContext) -> None:
    """Write a task's report as it stands.

    Args:
        context: Whose.
    """
    if not context.enable_deck:
        warn(
            f"Deck.publish() writes no report: decks are disabled for task {context.task_name!r}"
            " (enable_deck=False or OBS_ENABLE_DECK=0)"
        )
        return
    with guarded(f"writing the report of task {context.task_name!r}"):
        page = page_of(context)
        journal = context.journal
        path = report_path(context.execution_id, report_name(_named(context)))
        journal.put(path, page.encode("utf-8", "backslashreplace"))
        journal.flush()


def page_of(context: TaskContext) -> str:
    """Return the report of a task as it stands, as one HTML file.

    Args:
        context: Whose.
    """
    for deck in context.decks:
        deck._announce()
    task = _view(context)
    return render_report(_execution_view(context, task), [task], shared_body, live=task.status == "running")


def report_name(task: TaskView) -> str:
    """Return the file name, without its ending, of a task's report: ``"clean-12"``."""
    readable = re.sub(r"[^A-Za-z0-9_.-]+", "-", task.name).strip("-.")[:60] or "task"
    return f"{readable}-{task.id.removeprefix('main.')}"


def _named(context: TaskContext) -> TaskView:
    return TaskView(context.global_ref(), mask(context.task_name), "running", 0, 0)


def _view(context: TaskContext) -> TaskView:
    shared = context.shared or context.journal.forked or context.number == context.global_ref()
    if shared:
        context.run.settle(context)
        context.journal.flush(wait=True)
    others = _parts_of_others(context) if shared else None
    if others is not None and context.bars is not None:
        context.bars.show_others(others.bars)
    task = TaskView(
        id=context.global_ref(),
        name=mask(context.task_name),
        status="running" if context.ended is None else "succeeded" if context.failure is None else "failed",
        started=context.start + context.journal.epoch,
        duration=(context.ended or clock.wall()) - context.start,
        attempt=context.attempt,
        error=None if context.failure is None else mask(context.failure),
        links=list(context.links),
        decks=[_deck_view(deck) for deck in context.decks],
        notes=[mask(note) for note in context.notes],
    )
    if others is not None:
        _add_parts_of_others(context, task, others)
    return task


def _deck_view(deck: Deck) -> DeckView:
    return DeckView(mask(deck.name), [mask(item) for item in deck._current_items()])


def _parts_of_others(context: TaskContext) -> PartsOfOthers:
    from obs_core.reading import parts_of_others

    with_bars = context.shared and context.bars is not None
    return parts_of_others(context.journal, context.global_ref(), with_bars, of_worker=bool(context.source))


def _add_parts_of_others(context: TaskContext, task: TaskView, others: PartsOfOthers) -> None:
    """Add what other processes appended to this task: to the decks made here, or in decks of their own."""
    journal = context.journal
    own = {journal.global_ref(deck._number): view for deck, view in zip(context.decks, task.decks, strict=True)}
    for ref, deck in others.decks.items():
        if ref in own:
            own[ref].items.extend(deck.items)
        elif deck.name:
            _add_deck(task, deck)
    task.links.extend(others.links)
    task.notes.extend(others.notes)


def _add_deck(task: TaskView, deck: DeckView) -> None:
    """Add a deck of another process; what an engine's workers appended is part of the task's deck of the same name."""
    for known in task.decks:
        if known.name == deck.name and deck.of_workers:
            known.items.extend(deck.items)
            return
    task.decks.append(deck)


def _execution_view(context: TaskContext, task: TaskView) -> ExecutionView:
    run = context.run
    return ExecutionView(
        id=run.id,
        name=mask(run.name),
        status=task.status,
        started=run.root.start + run.journal.epoch,
        duration=(context.ended or clock.wall()) - run.root.start,
        lost_records=run.journal.lost,
    )

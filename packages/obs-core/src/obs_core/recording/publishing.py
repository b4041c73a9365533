"""Write the report of a task: what `Deck.publish` does, and the end of each task."""

from __future__ import annotations

import re

from obs_core import clock
from obs_core.assembly.parts import PartsOfOthers, parts_of_others
from obs_core.assembly.sampled import add_sampled_deck
from obs_core.failsafe import guarded, warn
from obs_core.journal.logs import read_log
from obs_core.journal.records import Ref
from obs_core.journal.writer import Journal
from obs_core.model import DeckView, ExecutionView, LogLine, TaskView
from obs_core.recording import samplers
from obs_core.recording.run import TaskDeck, TaskState
from obs_core.report import render_report
from obs_core.report.bodies import extracted, shared_body
from obs_core.secrets import mask
from obs_core.store.paths import report_path

__all__ = ["page_of", "publish", "report_name"]


def publish(task: TaskState) -> None:
    """Write a task's report as it stands.

    Args:
        task: Whose.
    """
    if not task.enable_deck:
        warn(
            f"Deck.publish() writes no report: decks are disabled for task {task.name!r}"
            " (enable_deck=False or OBS_ENABLE_DECK=0)"
        )
        return
    with guarded(f"writing the report of task {task.name!r}"):
        page = page_of(task)
        journal = task.journal
        path = report_path(task.run.id, report_name(_named(task)))
        journal.put(path, page.encode("utf-8", "backslashreplace"))
        journal.flush()


def page_of(task: TaskState) -> str:
    """Return the report of a task as it stands, as one HTML file.

    Args:
        task: Whose.
    """
    for deck in task.decks:
        deck.announce()
        if task.ended is not None:
            deck.settle()
    view = _view(task)
    return render_report(_execution_view(task, view), [view], shared_body, live=view.status == "running")


def report_name(task: TaskView) -> str:
    """Return the file name, without its ending, of a task's report: ``"clean-12"``."""
    readable = re.sub(r"[^A-Za-z0-9_.-]+", "-", task.name).strip("-.")[:60] or "task"
    return f"{readable}-{task.id.removeprefix('main.')}"


def _named(task: TaskState) -> TaskView:
    return TaskView(task.global_ref(), mask(task.name), "running", 0, 0)


def _view(task: TaskState) -> TaskView:
    shared = task.shared or task.journal.forked or task.number == task.global_ref()
    if shared:
        task.run.collect(task)
        task.journal.flush(wait=True)
    others = _parts_of_others(task) if shared else None
    if others is not None and task.bars is not None:
        task.bars.show_others(others.bars)
    view = TaskView(
        id=task.global_ref(),
        name=mask(task.name),
        status="running" if task.ended is None else "succeeded" if task.failure is None else "failed",
        started=task.start + task.journal.epoch,
        duration=clock.wall() - task.start if task.spent is None else task.spent[0],
        attempt=task.attempt,
        error=None if task.failure is None else mask(task.failure),
        links=list(task.links),
        decks=[_deck_view(deck) for deck in task.decks],
        notes=[mask(note) for note in task.notes],
    )
    if others is not None:
        _add_parts_of_others(task, view, others)
    _add_sampled(task, view)
    if task.said or shared:
        view.decks.extend(_log_decks(task, shared))
    return view


def _add_sampled(task: TaskState, view: TaskView) -> None:
    """Add what samplers draw, behind the time line, but for what the task has made itself."""
    for sampler in samplers.running():
        with guarded(f"drawing what was sampled of task {task.name!r}", task.note):
            for name, html in sampler.decks(task):
                add_sampled_deck(view.decks, name, mask(extracted(html)))


_MOST_LINES = 20_000
"""Lines in the report that a task writes when it ends; one that is made later has more."""


def _log_decks(task: TaskState, shared: bool) -> list[DeckView]:
    """Return the tab with what the task logged and printed; whoever has the names of the spans is the journal."""
    run, ref = task.run, task.global_ref()
    lines: list[LogLine] = []
    with guarded(f"reading the log of task {task.name!r}"):
        if shared:
            lines = read_log(run.store, run.id, tasks=(ref,), last=_MOST_LINES)
        else:
            lines = run.log.said_since(task.said_from, ref, _MOST_LINES)
    if not lines:
        return []
    from obs_core.report.logs import LOGS, render_log

    names = {_global(run.journal, span): mask(name) for span, name in run.log.span_names.items()}
    return [DeckView(LOGS, [extracted(render_log(lines, names, max(0, task.said - len(lines))))])]


def _global(journal: Journal, ref: Ref) -> str:
    return journal.global_ref(ref) if isinstance(ref, int) else ref


def _deck_view(deck: TaskDeck) -> DeckView:
    return DeckView(mask(deck.name), [mask(item) for item in deck.current_items()])


def _parts_of_others(task: TaskState) -> PartsOfOthers:
    with_bars = task.shared and task.bars is not None
    run = task.run
    return parts_of_others(
        run.store, run.id, task.global_ref(), run.journal.writer, with_bars=with_bars, with_own=bool(task.source)
    )


def _add_parts_of_others(task: TaskState, view: TaskView, others: PartsOfOthers) -> None:
    """Add what other processes appended to this task: to the decks made here, or in decks of their own."""
    journal = task.journal
    own = {journal.global_ref(deck.number): shown for deck, shown in zip(task.decks, view.decks, strict=True)}
    for ref, deck in others.decks.items():
        if ref in own:
            own[ref].items.extend(deck.items)
        elif deck.name:
            _add_deck(view, deck)
    view.links.extend(others.links)
    view.notes.extend(others.notes)


def _add_deck(view: TaskView, deck: DeckView) -> None:
    """Add a deck of another process; what an engine's workers appended is part of the task's deck of the same name."""
    for known in view.decks:
        if known.name == deck.name and deck.of_workers:
            known.items.extend(deck.items)
            return
    view.decks.append(deck)


def _execution_view(task: TaskState, view: TaskView) -> ExecutionView:
    run = task.run
    return ExecutionView(
        id=run.id,
        name=mask(run.name),
        status=view.status,
        started=run.root.start + run.journal.epoch,
        duration=(task.ended or clock.wall()) - run.root.start,
        lost_records=run.journal.lost,
    )

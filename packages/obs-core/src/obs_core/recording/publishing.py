"""Write the report of a task: what `Deck.publish` does, and the end of a task whose report is to be a file."""

from __future__ import annotations

import functools
import re

from msgspec import structs

from obs_core import clock, identity, settings
from obs_core.assembly.drawing import TIMELINE
from obs_core.assembly.parts import parts_of_task
from obs_core.assembly.sampled import add_sampled_deck
from obs_core.failsafe import guarded, warn
from obs_core.interruptions import ignoring
from obs_core.journal.log_reader import read_log
from obs_core.journal.records import Ref
from obs_core.journal.writer import Journal
from obs_core.model import DeckView, ExecutionView, LogLine, TaskView, Verdict
from obs_core.recording import samplers
from obs_core.recording.run import TaskDeck, TaskState
from obs_core.report import render_report
from obs_core.report.bodies import extracted, shared_body
from obs_core.secrets import mask
from obs_core.store.base import Store
from obs_core.store.content import blob_at
from obs_core.store.paths import report_path, shared_path

__all__ = ["finish", "page_of", "publish", "report_name"]


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
    task.published = True
    with guarded(f"writing the report of task {task.name!r}"):
        page = page_of(task)
        journal = task.journal
        journal.put(_path(task), page.encode("utf-8", "backslashreplace"))
        journal.flush()


def finish(task: TaskState) -> None:
    """Write what only the decks of an ended task know to the journal, and the report anew if there is one.

    A report is not written for each task: its scripts and styles are a hundred times what a small task records, and
    a reader makes the same page from the journal.

    Args:
        task: Whose; it has ended.
    """
    if settings.reports_written() or task.published or (task.shared and task.run.store.exists(_path(task))):
        publish(task)
        return
    with guarded(f"writing the decks of task {task.name!r}", task.note):
        _write_decks(task)


def _path(task: TaskState) -> str:
    return report_path(task.run.id, report_name(TaskView(task.global_ref(), mask(task.name), "running", 0, 0)))


def _write_decks(task: TaskState) -> None:
    for deck in task.decks:
        deck.announce()
        if task.ended is not None:
            deck.settle()


def page_of(task: TaskState) -> str:
    """Return the report of a task as it stands, as one HTML file.

    Args:
        task: Whose.
    """
    _write_decks(task)
    view = _view(task)
    bodies = functools.partial(_body, task.run.store)
    return render_report(_execution_view(task, view), [view], bodies, live=view.status == "running")


def _body(store: Store, digest: str) -> str | None:
    """Return a script or style of a deck, which another process may have made; None if it is not in the store yet."""
    body = shared_body(digest)
    if body is None:
        with ignoring(OSError):
            body = blob_at(store, shared_path(digest)).decode("utf-8", "replace")
    return body


def report_name(task: TaskView) -> str:
    """Return the file name, without its ending, of a task's report: ``"clean-12"``."""
    readable = re.sub(r"[^A-Za-z0-9_.-]+", "-", task.name).strip("-.")[:60] or "task"
    return f"{readable}-{task.id.removeprefix('main.')}"


def _view(task: TaskState) -> TaskView:
    shared = task.shared or task.journal.forked or task.number == task.global_ref()
    if shared:
        task.run.collect(task)
        task.journal.flush(wait=True)
    view = TaskView(
        id=task.global_ref(),
        name=mask(task.name),
        status="running" if task.ended is None else "succeeded" if task.failure is None else "failed",
        started=task.start + task.journal.epoch,
        duration=clock.wall() - task.start if task.spent is None else task.spent[0],
        attempt=task.attempt,
        error=None if task.failure is None else mask(task.failure),
        links=list(task.links),
        decks=[_deck_view(deck) for deck in sorted(task.decks, key=lambda deck: deck.number)],
        notes=[mask(note) for note in task.notes],
        verdicts=[Verdict(outcome, mask(name), mask(found)) for outcome, name, found in task.verdicts],
        is_execution=task is task.run.root,
    )
    if shared:
        _show_all(task, view)
    _add_sampled(task, view)
    if not shared:
        view.verdicts += [structs.replace(one, deck=deck.name) for deck in view.decks for one in deck.verdicts]
    if task.said or shared:
        view.decks.extend(_log_decks(task, shared))
    return view


def _add_sampled(task: TaskState, view: TaskView) -> None:
    """Add what samplers draw, behind the time line, but for what the task has made itself."""
    for sampler in samplers.running():
        with guarded(f"drawing the samples of task {task.name!r}", task.note):
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
    names.pop(ref, None)
    return [DeckView(LOGS, [extracted(render_log(lines, names, max(0, task.said - len(lines))))])]


def _global(journal: Journal, ref: Ref) -> str:
    return journal.global_ref(ref) if isinstance(ref, int) else ref


def _deck_view(deck: TaskDeck) -> DeckView:
    verdicts = [Verdict(outcome, mask(what)) for outcome, what in deck.verdicts]
    return DeckView(mask(deck.name), [mask(item) for item in deck.current_items()], verdicts=verdicts)


def _show_all(task: TaskState, view: TaskView) -> None:
    """Show what every process recorded in the task, this one included, as whoever reads the execution will see it."""
    run = task.run
    found = parts_of_task(run.store, run.id, task.global_ref())
    if not found.with_spans:
        own = next((deck for deck in view.decks if deck.name == TIMELINE), None)
        found.decks = [own if own and deck.name == TIMELINE else deck for deck in found.decks]
    view.decks, view.links, view.notes, view.verdicts = found.decks, found.links, found.notes, found.verdicts


def _execution_view(task: TaskState, shown: TaskView) -> ExecutionView:
    run, begun = task.run, task.run.begun
    view = ExecutionView(
        id=run.id,
        name=mask(run.name),
        status="running" if run.root.ended is None else shown.status,
        started=run.root.start + run.journal.epoch,
        duration=(task.ended or clock.wall()) - run.root.start,
        lost_records=run.journal.lost,
    )
    if begun is not None:
        view.host = mask(identity.this_process().host)
        view.user, view.command, view.git_commit = mask(begun.user), mask(begun.command), begun.git_commit
        view.tags = {mask(key): mask(value) for key, value in begun.tags.items()}
    return view

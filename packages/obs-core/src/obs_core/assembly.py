"""Put the records of all writers of an execution together."""

from __future__ import annotations

import functools
import heapq
import html
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from obs_core import clock
from obs_core.captures import UnfinishedCapture
from obs_core.journal import liveness, records
from obs_core.journal.reader import unpacked
from obs_core.model import Counted, DeckView, ExecutionView, Link, SpanTable, Status, TaskView, WorkerView
from obs_core.store.base import Store

if TYPE_CHECKING:
    from obs_core.gantt import Bar

__all__ = ["Assembly", "read_deck_blob"]

LOST_NOTE = (
    "This task ended without saying so: it was killed, ran out of memory, or its machine went away."
    " Shown is what had been recorded until then."
)


class _Writer(Struct):
    """What is known of one writer.

    Attributes:
        epoch: Nanoseconds since the epoch at which its times are zero.
        last: Its last sign of life, in its own time.
        rows: Row of the span table by span number.
        alive: Whether it may still write.
    """

    name: str
    epoch: int = 0
    head: records.Head | None = None
    last: int = 0
    rows: dict[int, int] = field(default_factory=dict)
    alive: bool = False


class _Item(Struct):
    """An item of a deck: when it was appended, by which worker if by any, and what it is."""

    at: int
    source: str
    content: str | records.DeckBlob


class _Deck(Struct):
    """A deck while its items, of any writer, are collected."""

    name: str
    task: str
    items: list[_Item] = field(default_factory=list)
    bars: list[tuple[str, int, int, int | None]] = field(default_factory=list)


class Assembly:
    """An execution while its journal is read: `add` every segment, then `finish`.

    Args:
        store: Where it is kept.
        execution_id: Its id.
        read_blob: Gives the HTML of a deck item that is kept in a file. Default: it is read at once.

    Attributes:
        view: What lists and headers show.
        table: Its spans.
        tasks: Its tasks in the order in which they began; decks of the execution itself come first, under
            its own name.
        outputs: What tasks returned, by task id.
        artifacts: What else they kept, by task id and name.
        unfinished: Captures whose writer is gone before their decks were made.
    """

    def __init__(
        self, store: Store, execution_id: str, read_blob: Callable[[records.DeckBlob], str] | None = None
    ) -> None:
        self.store = store
        self.view = ExecutionView(execution_id, "", "lost", 0, 0)
        self.table = SpanTable(self.view)
        self.tasks: list[TaskView] = []
        self.outputs: dict[str, records.Output] = {}
        self.artifacts: dict[str, dict[str, records.Artifact]] = {}
        self.unfinished: list[UnfinishedCapture] = []
        self._captures: dict[str, tuple[_Writer, records.CaptureMade]] = {}
        self._writers: dict[str, _Writer] = {}
        self._last_segments: dict[str, str] = {}
        self._parents: list[records.Ref] = []
        self._owners: list[_Writer] = []
        self._names: dict[str, str] = {}
        self._tasks: dict[str, TaskView] = {}
        self._starts: dict[str, records.TaskStart] = {}
        self._decks: dict[str, _Deck] = {}
        self._workers: dict[tuple[str, str], WorkerView] = {}
        self._ended: Status | None = None
        self._root_ref = "main.1"
        self._read_blob = read_blob or self._blob_content
        self._add_row(_Writer("main"), 1, "", "", "workflow", 0)

    def add(self, writer_name: str, found: list[records.AnyRecord], path: str = "") -> None:
        """Take in the records of one segment; a writer's segments in their order."""
        writer = self._writers.setdefault(writer_name, _Writer(writer_name))
        self._last_segments[writer_name] = path
        take_span = self._take_span
        for record in found:
            if type(record) is records.SpanRecord:
                take_span(writer, record)
            else:
                handle = _HANDLERS.get(type(record))
                if handle is not None:
                    handle(self, writer, record)

    def finish(self) -> None:
        """Resolve what refers to each other, once every segment is there."""
        for writer in self._writers.values():
            head, path = writer.head, self._last_segments[writer.name]
            writer.alive = head is not None and liveness.is_writing(self.store, head, path)
        self._finish_execution()
        self._finish_root()
        self._finish_parents()
        self._finish_open_spans()
        self._finish_attempts()
        self._finish_workers()
        self._finish_tasks()
        self._finish_decks()
        self.unfinished = [
            self._unfinished(_global(writer, record.task), record)
            for writer, record in self._captures.values()
            if not writer.alive
        ]

    def _unfinished(self, task: str, record: records.CaptureMade) -> UnfinishedCapture:
        ended = task in self._tasks and self._tasks[task].status in ("succeeded", "failed")
        return UnfinishedCapture(self.store, task, record, ended=ended)

    def parts_of(self, task_id: str) -> tuple[dict[str, DeckView], list[Link], list[str]]:
        """Return the decks (by their global names), links and notes of one task."""
        task = self._tasks.get(task_id, TaskView(task_id, "", "running", 0, 0))
        decks = {ref: self._view_of(deck) for ref, deck in self._decks.items() if deck.task in (task_id, "")}
        for ref, view in decks.items():
            view.name = self._decks[ref].name
        return decks, task.links, task.notes

    # spans

    def _take_span(self, writer: _Writer, record: records.SpanRecord) -> None:
        end = record.start + record.duration
        if end > writer.last:
            writer.last = end
        row = writer.rows.get(record.number)
        if row is None:
            row = self._add_row(writer, record.number, record.parent, record.name, "operation", record.start)
        else:
            self.table.open.discard(row)
        self.table.durations[row] = record.duration
        self.table.process_times[row] = record.process_time
        if record.error is not None:
            self.table.errors[row] = record.error
        if record.attributes is not None:
            self.table.attributes[row] = record.attributes
        if record.key is not None:
            self.table.keys[row] = record.key
        elif record.counted is not None:
            self.table.counted[row] = Counted(*record.counted)

    def _add_row(self, writer: _Writer, number: int, parent: records.Ref, name: str, kind: Any, start: int) -> int:
        table = self.table
        row = len(table.ids)
        writer.rows[number] = row
        table.ids.append(f"{writer.name}.{number}")
        table.parents.append(-1)
        table.names.append(self._names.setdefault(name, name))
        table.kinds.append(kind)
        table.starts.append(start + writer.epoch)
        table.durations.append(0)
        table.process_times.append(0)
        self._parents.append(parent)
        self._owners.append(writer)
        return row

    def _take_open(self, writer: _Writer, record: records.OpenSpan) -> None:
        writer.last = max(writer.last, record.start)
        if record.number in writer.rows:
            return
        row = self._add_row(writer, record.number, record.parent, record.name, "operation", record.start)
        self.table.open.add(row)
        if record.attributes is not None:
            self.table.attributes[row] = record.attributes
        if record.key is not None:
            self.table.keys[row] = record.key

    # the execution and its writers

    def _take_head(self, writer: _Writer, record: records.Head) -> None:
        writer.head = record
        writer.epoch = record.clock

    def _take_execution(self, writer: _Writer, record: records.ExecutionStart) -> None:
        view = self.view
        view.name, view.tags, view.user = record.name, record.tags, record.user
        view.command, view.git_commit = record.command, record.git_commit
        view.started = record.at + writer.epoch
        view.host = writer.head.process.host if writer.head is not None else ""
        self._root_ref = f"{writer.name}.{record.number}"
        writer.rows[record.number] = 0

    def _take_execution_end(self, writer: _Writer, record: records.ExecutionEnd) -> None:
        writer.last = max(writer.last, record.at)
        self._ended = "failed" if record.status == "failed" else "succeeded"
        self.view.error = record.error
        self.view.duration = record.at + writer.epoch - self.view.started
        self.table.process_times[0] = record.process_time
        self.view.lost_records += record.lost

    def _take_worker(self, writer: _Writer, record: records.WorkerJoined) -> None:
        writer.last = max(writer.last, record.at)
        host = writer.head.process.host if writer.head is not None else ""
        at = record.at + writer.epoch
        self._workers[writer.name, record.name] = WorkerView(record.name, host, record.threads, at, 0, "working")

    def _take_worker_left(self, writer: _Writer, record: records.WorkerLeft) -> None:
        writer.last = max(writer.last, record.at)
        worker = self._workers.get((writer.name, record.name))
        if worker is not None:
            worker.left, worker.status = record.at + writer.epoch, "left"

    def _take_beat(self, writer: _Writer, record: records.Beat) -> None:
        writer.last = max(writer.last, record.at)

    def _take_lost(self, _writer: _Writer, record: records.Lost) -> None:
        self.view.lost_records += record.count

    # tasks

    def _take_task(self, writer: _Writer, record: records.TaskStart) -> None:
        writer.last = max(writer.last, record.start)
        ref = f"{writer.name}.{record.number}"
        row = self._add_row(writer, record.number, record.parent, record.name, "task", record.start)
        self.table.open.add(row)
        if record.attempt != 1:
            self.table.attributes[row] = {"attempt": record.attempt}
        task = self._task_of(writer, record.number)  # another writer's part of it may have been read first
        task.name, task.started, task.attempt = record.name, record.start + writer.epoch, record.attempt
        self._starts[ref] = record

    def _take_task_end(self, writer: _Writer, record: records.TaskEnd) -> None:
        row = writer.rows.get(record.number)
        task = self._tasks.get(f"{writer.name}.{record.number}")
        if row is None or task is None:
            return
        self.table.open.discard(row)
        self.table.durations[row] = task.duration = record.duration
        self.table.process_times[row] = record.process_time
        task.status = "failed" if record.status == "failed" else "succeeded"
        task.error = record.error
        if record.error is not None:
            self.table.errors[row] = record.error.partition(":")[0]
        writer.last = max(writer.last, self.table.starts[row] - writer.epoch + record.duration)

    def _take_link(self, writer: _Writer, record: records.LinkMade) -> None:
        self._task_of(writer, record.task).links.append(Link(record.name, record.url))

    def _take_note(self, writer: _Writer, record: records.Note) -> None:
        self._task_of(writer, record.task).notes.append(record.text)

    def _take_output(self, writer: _Writer, record: records.Output) -> None:
        self.outputs[_global(writer, record.task)] = record

    def _take_artifact(self, writer: _Writer, record: records.Artifact) -> None:
        self.artifacts.setdefault(_global(writer, record.task), {})[record.name] = record

    def _take_capture(self, writer: _Writer, record: records.CaptureMade) -> None:
        self._captures[f"{writer.name}.{record.number}"] = writer, record

    def _take_capture_done(self, writer: _Writer, record: records.CaptureDone) -> None:
        self._captures.pop(_global(writer, record.capture), None)

    def _task_of(self, writer: _Writer, task: records.Ref) -> TaskView:
        """Return a task; one that is not known (yet) stands for the decks of the execution itself."""
        ref = _global(writer, task)
        return self._tasks.setdefault(ref, TaskView(ref, "", "running", 0, 0))

    # decks

    def _take_deck(self, writer: _Writer, record: records.DeckMade) -> None:
        task = _global(writer, record.task)
        self._task_of(writer, record.task)
        deck = self._deck_of(writer, record.number)  # another writer's items may have been read first
        deck.name, deck.task = record.name, task

    def _take_items(self, writer: _Writer, record: records.DeckItems) -> None:
        writer.last = max(writer.last, record.at)
        deck = self._deck_of(writer, record.deck)
        deck.items.extend(_Item(record.at + writer.epoch, record.source, item) for item in record.items)

    def _take_blob(self, writer: _Writer, record: records.DeckBlob) -> None:
        self._deck_of(writer, record.deck).items.append(_Item(record.at + writer.epoch, record.source, record))

    def _take_times(self, writer: _Writer, record: records.DeckTimes) -> None:
        self._deck_of(writer, record.deck).bars.extend(record.bars)

    def _deck_of(self, writer: _Writer, ref: records.Ref) -> _Deck:
        return self._decks.setdefault(_global(writer, ref), _Deck("", ""))

    # at the end

    def _finish_execution(self) -> None:
        main = self._writers.get("main")
        last = max((writer.last + writer.epoch for writer in self._writers.values()), default=0)
        view = self.view
        alive = main is not None and main.alive
        view.status = self._ended or ("running" if alive else "lost")
        if self._ended is None:
            end = clock.epoch() if alive else last
            view.duration = max(0, end - view.started)

    def _finish_root(self) -> None:
        table, view = self.table, self.view
        if not view.started:  # the journal's beginning is missing
            view.started = min(table.starts[1:], default=0)
        table.names[0], table.starts[0], table.durations[0] = view.name, view.started, view.duration
        if self._ended is None:
            table.open.add(0)
        if view.error is not None:
            table.errors[0] = view.error.partition(":")[0]

    def _finish_parents(self) -> None:
        parents, of_others = self.table.parents, _RowsByRef(self._writers)
        for row in range(1, len(parents)):
            ref = self._parents[row]
            parent = self._owners[row].rows.get(ref, 0) if ref.__class__ is int else of_others[ref]
            parents[row] = parent if parent != row else 0

    def _finish_open_spans(self) -> None:
        table = self.table
        now = clock.epoch()
        for row in table.open - {0}:
            writer = self._owners[row]
            end = now if writer.alive and self._ended is None else writer.last + writer.epoch
            table.durations[row] = max(0, end - table.starts[row])

    def _finish_attempts(self) -> None:
        """Number the runs of what an engine ran again since it failed or was lost."""
        table = self.table
        for row, key in table.keys.items():
            table.attributes.setdefault(row, {})["key"] = key
        for row, attempt in attempts(table.keys, table.parents, table.starts, table.attributes).items():
            table.attributes[row]["attempt"] = attempt
            table.attributes[row].pop("again", None)

    def _finish_workers(self) -> None:
        for (writer_name, _), worker in self._workers.items():
            writer = self._writers[writer_name]
            if worker.status == "working" and (self._ended is not None or not writer.alive):
                worker.status = "left" if writer.alive else "gone"
            if not worker.left:
                worker.left = writer.last + writer.epoch
        self.table.workers = sorted(self._workers.values(), key=lambda worker: worker.joined)

    def _finish_tasks(self) -> None:
        for ref, start in self._starts.items():
            task, writer = self._tasks[ref], self._writers[ref.partition(".")[0]]
            row = writer.rows[start.number]
            parent = self.table.parents[row]
            task.parent = self.table.ids[self._enclosing_task(parent)]
            if task.status == "running":
                task.duration = self.table.durations[row]
                self._finish_unended(task, writer)
        named = {ref: task for ref, task in self._tasks.items() if ref in self._starts}
        self.tasks = sorted(named.values(), key=lambda task: task.started)

    def _finish_unended(self, task: TaskView, writer: _Writer) -> None:
        if writer.alive and self._ended is None:
            return
        task.status = "lost"
        task.notes.insert(0, LOST_NOTE)

    def _enclosing_task(self, row: int) -> int:
        while row > 0 and self.table.kinds[row] == "operation":
            row = self.table.parents[row]
        return max(row, 0)

    def _finish_decks(self) -> None:
        for deck in self._joined_decks():
            self._task_of(_Writer("main"), deck.task or self._root_ref).decks.append(self._view_of(deck))
        root = self._tasks.get(self._root_ref)
        if root is not None and (root.decks or root.links or root.notes):
            view = self.view
            root.name, root.status, root.started, root.duration = (
                view.name,
                view.status,
                view.started,
                view.duration,
            )
            root.error = view.error
            self.tasks.insert(0, root)
        for task in self.tasks:
            self._add_timeline(task)

    def _joined_decks(self) -> list[_Deck]:
        """Return all decks; what workers made of a name for a task is one, with the task's own if it has one."""
        joined: list[_Deck] = []
        named: dict[tuple[str, str], _Deck] = {}
        for deck in sorted(self._decks.values(), key=_is_of_workers):
            known = named.setdefault((deck.task, deck.name), deck)
            if known is deck or not _is_of_workers(deck):
                joined.append(deck)
            else:
                known.items.extend(deck.items)
                known.bars.extend(deck.bars)
        return joined

    def _view_of(self, deck: _Deck) -> DeckView:
        items = self._by_source(deck.items) + _drawn(deck.bars)
        return DeckView(deck.name or "(unnamed)", items, _is_of_workers(deck))

    def _by_source(self, items: list[_Item]) -> list[str]:
        """Return the items in the order in which they were appended, those of each worker below its name."""
        shown: dict[str, list[str]] = {"": []}
        for item in sorted(items, key=lambda item: item.at):
            shown.setdefault(item.source, [_heading(item.source)]).append(self._html_of(item.content))
        return [html for part in shown.values() for html in part]

    def _html_of(self, item: str | records.DeckBlob) -> str:
        return item if isinstance(item, str) else self._read_blob(item)

    def _blob_content(self, blob: records.DeckBlob) -> str:
        return read_deck_blob(self.store, blob.path)

    def _add_timeline(self, task: TaskView) -> None:
        """Draw a task's Timeline deck from its spans: it is the one deck that is not written but derived."""
        start = self._starts.get(task.id)
        timelines = [deck for deck in task.decks if deck.name == "Timeline"]
        if start is None or not start.enable_deck or (not timelines and task.status == "succeeded"):
            return
        bars = self._bars(self._longest_below(self._row_of_task(task.id)))
        if bars:
            deck = timelines[0] if timelines else DeckView("Timeline")
            deck.items.extend(_chart(bars))
            if not timelines:
                task.decks.append(deck)

    def bars_of(self, task_id: str, without: str) -> list[Bar]:
        """Return the longest spans of a task, in the order in which they began.

        Args:
            task_id: Its global name.
            without: A writer whose spans are left out.
        """
        row = self._row_of_task(task_id)
        return self._bars([one for one in self._longest_below(row) if self._owners[one].name != without])

    def _row_of_task(self, task_id: str) -> int:
        writer, _, number = task_id.partition(".")
        return self._writers[writer].rows.get(int(number), 0) if writer in self._writers else 0

    def _longest_below(self, row: int) -> list[int]:
        """Return the longest spans of a task, without those of the tasks that it called, in start order."""
        children = self._children
        table = self.table
        found: list[int] = []
        waiting = list(children.get(row, ()))
        while waiting:
            child = waiting.pop()
            if table.kinds[child] == "operation":
                found.append(child)
                waiting.extend(children.get(child, ()))
        longest = heapq.nlargest(_BARS, found, key=table.durations.__getitem__)
        return sorted(longest, key=table.starts.__getitem__)

    def _bars(self, rows: list[int]) -> list[Bar]:
        from obs_core.gantt import Bar

        table = self.table
        return [
            Bar(
                name=table.names[row] if row not in table.counted else f"{table.names[row]} (counted)",
                start=table.starts[row],
                finish=table.starts[row] + table.durations[row],
                process_time=table.process_times[row],
                failed=row in table.errors,
            )
            for row in rows
        ]

    @functools.cached_property
    def _children(self) -> dict[int, list[int]]:
        children: dict[int, list[int]] = {}
        for row, parent in enumerate(self.table.parents):
            children.setdefault(parent, []).append(row)
        return children


_BARS = 2_000
"""Bars of a Timeline deck at the most."""


def read_deck_blob(store: Store, path: str) -> str:
    """Return the HTML of a deck item that is kept in a file; a note if it is gone."""
    try:
        return unpacked(store.get(path)).decode("utf-8", "replace")
    except OSError:
        return f"<p><em>This part is missing in the store: {html.escape(path)}</em></p>"


class _RowsByRef(dict[Any, int]):
    """The row of ``"<writer>.<number>"``, looked up once for the many that refer to it; 0 if there is none."""

    def __init__(self, writers: dict[str, _Writer]) -> None:
        super().__init__()
        self._writers = writers

    def __missing__(self, ref: Any) -> int:
        writer, _, number = str(ref).partition(".")
        other = self._writers.get(writer)
        row = self[ref] = other.rows.get(int(number), 0) if other is not None and number.isdecimal() else 0
        return row


def _is_of_workers(deck: _Deck) -> bool:
    """Tell whether all that a deck holds was appended by an engine's workers."""
    return bool(deck.items) and all(item.source for item in deck.items)


def _heading(worker: str) -> str:
    return f"<h4>Worker {html.escape(worker)}</h4>"


def _global(writer: _Writer, ref: records.Ref) -> str:
    return ref if isinstance(ref, str) else f"{writer.name}.{ref}"


def _drawn(rows: list[tuple[str, int, int, int | None]]) -> list[str]:
    if not rows:
        return []
    from obs_core.gantt import Bar

    return _chart([Bar(name=name, start=start, finish=finish, process_time=cpu) for name, start, finish, cpu in rows])


def _chart(bars: list[Bar]) -> list[str]:
    from obs_core.decks import Timeline
    from obs_core.rendering import render

    return [render(Timeline(bars))]


_HANDLERS: dict[type[records.Record], Callable[[Assembly, _Writer, Any], None]] = {
    records.Head: Assembly._take_head,
    records.ExecutionStart: Assembly._take_execution,
    records.ExecutionEnd: Assembly._take_execution_end,
    records.OpenSpan: Assembly._take_open,
    records.TaskStart: Assembly._take_task,
    records.TaskEnd: Assembly._take_task_end,
    records.DeckMade: Assembly._take_deck,
    records.DeckItems: Assembly._take_items,
    records.DeckBlob: Assembly._take_blob,
    records.DeckTimes: Assembly._take_times,
    records.LinkMade: Assembly._take_link,
    records.Note: Assembly._take_note,
    records.Output: Assembly._take_output,
    records.Artifact: Assembly._take_artifact,
    records.CaptureMade: Assembly._take_capture,
    records.CaptureDone: Assembly._take_capture_done,
    records.WorkerJoined: Assembly._take_worker,
    records.WorkerLeft: Assembly._take_worker_left,
    records.Beat: Assembly._take_beat,
    records.Lost: Assembly._take_lost,
}


def attempts(
    keys: Mapping[int, str], parents: Sequence[int], starts: Sequence[int], attributes: Mapping[int, Mapping[str, Any]]
) -> dict[int, int]:
    """Number the attempts of operations that ran again: 2 for the first repetition, and so on.

    Args:
        keys: What the engine calls the operations, by row.
        parents: The row of each row's parent.
        starts: When each row started.
        attributes: Of the operations, by row; those that ran again say ``again``.
    """
    again = {(parents[row], keys[row]) for row in keys if attributes.get(row, {}).get("again")}
    runs: dict[tuple[int, str], list[int]] = {}
    for row, key in keys.items() if again else ():
        if (parents[row], key) in again:
            runs.setdefault((parents[row], key), []).append(row)
    found = {}
    for rows in runs.values():
        attempt = 1
        for row in sorted(rows, key=starts.__getitem__):
            attempt = attempt + 1 if attributes.get(row, {}).get("again") else 1
            if attempt > 1:
                found[row] = attempt
    return found

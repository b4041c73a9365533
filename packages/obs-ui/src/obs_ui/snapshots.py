"""Executions as they stood when somebody last looked: followed while they run, kept while they are looked at."""

from __future__ import annotations

import functools
import re
import threading
import time
import zlib
from collections.abc import Container, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from obs_core import clock
from obs_core.assembly.assembly import Assembly
from obs_core.assembly.decks import CollectedDeck
from obs_core.assembly.drawing import TIMELINE, drawn_deck, drawn_metrics
from obs_core.assembly.failures import Failures, handled_spans
from obs_core.assembly.sampled import add_sampled_deck
from obs_core.journal import records
from obs_core.journal.log_damage import log_notes
from obs_core.journal.records import AnyRecord
from obs_core.model import DecksWhenRead, DeckView, ExecutionView, LogLine, TaskView, WorkerView
from obs_core.reading.changes.sides import Side
from obs_core.reading.execution import Execution, load_execution
from obs_core.reading.why import Why, why
from obs_core.rendering import render
from obs_core.report.arguments import INPUT, told_apart
from obs_core.report.bodies import extracted
from obs_core.report.logs import LOGS, render_log
from obs_core.report.tabs import tab_label
from obs_core.store import Store
from obs_core.text.missing import missing_from
from obs_core.trace.busy_workers import BusyWorker
from obs_core.values.curves import METRICS, ProgressBar
from obs_core.values.gantt import Bar
from obs_core.values.gantt import Timeline as TimelineBars
from obs_ui.captured import CapturedDecks
from obs_ui.columns import OPEN, SpanColumns
from obs_ui.decoding import decode
from obs_ui.logs import FollowedLog
from obs_ui.tailing import JournalTail
from obs_ui.timeline import Timeline
from obs_ui.trace import OperationStats, PathStep, Trace
from obs_ui.workers import busy_workers

__all__ = ["FollowedExecution", "Snapshot", "SnapshotCache"]

_MOST_IN_SPAN = 200
_KEPT = re.compile(r"executions/[\w-]+/(?:blobs|captures)/[\w.-]+|shared/[0-9a-f]{32}\.gz", re.ASCII)
"""Where items of decks are kept; source code and the like, which many tasks have in common, in the second place."""


class BlobPath(str):
    """A deck item that is kept in a file and not read yet: its path.

    Attributes:
        record: What the journal says of it.
    """

    record: records.DeckBlob

    @classmethod
    def of(cls, record: records.DeckBlob) -> Self:
        """Return the path of an item."""
        path = cls(record.path)
        path.record = record
        return path


class Snapshot:
    """An execution as it stood when its journal was last read; nothing in it changes.

    Args:
        store: Where it is kept.
        assembly: Everything but its spans.
        columns: Its spans.
        version: Which state of the journal this is.
        captured: Decks made from what killed processes had captured.
        log: What it logs and prints.

    Attributes:
        view: What headers show.
        tasks: Its tasks in the order in which they began.
        outputs: What tasks returned, by task id.
        metrics: What tasks logged.
        samples: What processes used, by writer and name.
        trace: Its spans.
        worker_views: An engine's workers that took part.
        version: Another one whenever the journal had grown.
        answers: What was already answered about this snapshot, by what was asked: many may watch the same execution.
    """

    def __init__(
        self,
        store: Store,
        assembly: Assembly,
        columns: SpanColumns,
        version: int,
        captured: CapturedDecks,
        log: FollowedLog,
    ) -> None:
        self.store = store
        self._log = log
        self.view: ExecutionView = assembly.view
        self.tasks: list[TaskView] = assembly.tasks
        for task in self.tasks:
            task.decks = DecksWhenRead(functools.partial(_decks_of, assembly.decks.get(task.id, ())))
        self.outputs = assembly.outputs
        self.metrics = assembly.metrics
        self.samples = assembly.table.samples
        self.version = version
        self.answers: dict[str, bytes] = {}
        end = clock.epoch() if self.view.status == "running" else self.view.started + self.view.duration
        if self.view.status == "lost":
            seen = max(map(columns.last_sign_of_life, columns.writers), default=end)
            end = max(end, seen)
            self.view.duration = max(0, end - self.view.started)
        self.trace = Trace(columns, end, self.view.status)
        self._columns = columns
        self._unfinished = assembly.unfinished
        self._assembly = assembly
        self._logged = {task.id for task in self.tasks if assembly.has_metrics(task)}
        self.worker_views: list[WorkerView] = assembly.table.workers
        self._captured = captured
        self._sampled: dict[str, list[tuple[str, str]]] = {}
        self._adopt(columns)

    def _adopt(self, columns: SpanColumns) -> None:
        """Tell each task which one called it, though a span may stand between them."""
        self._rows: dict[str, int] = {}
        for task in self.tasks:
            row = columns.row_of(task.id)
            if row:
                self._rows[task.id] = row
                task.parent = self.trace.ref(self.trace.enclosing_task(row))
                if task.status == "lost" and not task.cut:
                    task.duration = int(self.trace.durations[row])

    def chain_of(self, task: TaskView) -> Sequence[tuple[str, str]]:
        """Return the exception that ended a task and what caused it, with the places where they were raised."""
        return self._assembly.raised.get(task.id, ())

    @property
    def failures(self) -> Failures:
        """What went wrong, by root cause, and what callers handled."""
        return self._assembly.failures

    @functools.cached_property
    def why(self) -> Why | None:
        """Why it ended as it did; None if it ended well, or goes on."""
        if self.view.status not in ("failed", "lost"):
            return None
        return why(self.store, self._assembly, self.trace.at_the_end())

    @functools.cached_property
    def side(self) -> Side:
        """It as one side of a comparison."""
        return Side(self.store, self._assembly, self.trace.sums)

    def task(self, task_id: str) -> TaskView | None:
        """Return a task by its id."""
        return self._tasks_by_id.get(task_id)

    @functools.cached_property
    def _tasks_by_id(self) -> dict[str, TaskView]:
        return {task.id: task for task in self.tasks}

    @functools.cached_property
    def timeline(self) -> Timeline:
        """Its spans laid out."""
        return Timeline(self.trace, self._handled)

    @functools.cached_property
    def operations(self) -> list[OperationStats]:
        """The operations in which most time was spent."""
        return self.trace.operations(handled=self._handled)

    @property
    def handled_calls(self) -> frozenset[str]:
        """The ids of the tasks whose exceptions callers handled."""
        return self.failures.handled_calls

    def is_handled(self, row: int) -> bool:
        """Tell whether the exception that ended a span was handled, given by its row."""
        return row in self._handled

    @functools.cached_property
    def _handled(self) -> NDArray[np.int64]:
        """The rows of the spans whose exceptions were handled."""
        return self.trace.handled_below(row for call, row in self._rows.items() if call in self.handled_calls)

    @functools.cached_property
    def critical_path(self) -> list[PathStep]:
        """The chain of spans that determined when it ended."""
        return self.trace.critical_path()

    @functools.cached_property
    def workers(self) -> list[BusyWorker]:
        """The workers of an engine that took part, the busiest first."""
        return busy_workers(self.trace, self.worker_views)

    @functools.cached_property
    def missing(self) -> list[str]:
        """What is known to be missing or damaged, a sentence each; the log is looked at once nobody writes it."""
        if self.view.status != "running":
            self.view.log_notes = self._log_notes
        return list(missing_from(self.view))

    @functools.cached_property
    def _log_notes(self) -> list[str]:
        return log_notes(self.store, self.view.id)

    def row_of(self, span: str) -> int | None:
        """Return the row of a span, given by its id or by its row."""
        if "." in span:
            return self._columns.row_of(span)
        return int(span) if span.isdecimal() and len(span) < 10 and int(span) < len(self.trace) else None

    def recent_lines(self) -> tuple[list[LogLine], int]:
        """Return what was said last, by whatever task or none, oldest first; and how many lines there are."""
        return self._log.recent()

    def lines_in(self, row: int) -> list[LogLine]:
        """Return the last lines of a span; of a task all that it said, of the execution what was said outside tasks.

        Args:
            row: The span's row.
        """
        trace = self.trace
        ref, is_task = trace.ref(row), row == 0 or trace.kind(row) == "task"
        log = self._log.of(ref if is_task else trace.ref(int(trace.owners[row])))
        return [line for line in log.last if is_task or line.span == ref][-_MOST_IN_SPAN:]

    def decks(self, task: TaskView) -> dict[str, DeckView]:
        """Return the decks of a task that show anything, by their labels, in the order in which they were made."""
        made = [*task.decks, *self._captured.of([one for one in self._unfinished if one.task == task.id])]
        if task.id in self._logged and not any(deck.name == METRICS and not deck.items for deck in made):
            made.append(DeckView(METRICS))
        if task.status == "lost" and made and all(deck.name != TIMELINE for deck in made):
            made.append(DeckView(TIMELINE))
        if task.status == "lost":
            for name, html in self._sampled_of(task):
                if name == TIMELINE:
                    continue  # the page has lanes below its own time line
                add_sampled_deck(made, name, extracted(html))
        found: dict[str, DeckView] = {}
        for deck in made:
            if self._has_content(task, deck):
                found[_unused(tab_label(deck.name), found)] = deck
        if self._log.count_of(task.id):
            found[_unused(LOGS, found)] = _LogDeck(LOGS)
        return found

    def _sampled_of(self, task: TaskView) -> list[tuple[str, str]]:
        """Draw what was sampled of a task whose process was killed before it could: as a report has it."""
        if not self._assembly.sampled:
            return []
        if task.id not in self._sampled:
            self._sampled[task.id] = self.whole.sampled_decks(task)
        return self._sampled[task.id]

    @property
    def has_profile(self) -> bool:
        """Whether a profiler saw what used the CPU."""
        return self._assembly.sampled.has_profile

    @functools.cached_property
    def whole(self) -> Execution:
        """The execution as a program reads it, with all of its spans: for packages that draw what they recorded."""
        return load_execution(self.view.id, self.store)

    def items(self, task: TaskView, deck: DeckView) -> list[str]:
        """Return the HTML items of a deck, those in files read now; a task's Timeline is drawn from its spans."""
        if isinstance(deck, _LogDeck):
            return self._drawn_log(task)
        found = [self._item(item) for item in deck.items]
        if deck.name == METRICS and not deck.items:
            found = drawn_metrics(self._assembly, task)
        return [*found, *self._drawn(task)] if deck.name == TIMELINE else found

    @functools.cached_property
    def apart(self) -> dict[str, str]:
        """What tells calls of the same task apart, by task id; what lies in files is not read for it."""
        return told_apart(self.tasks, _read_input)

    def loops(self, task: TaskView) -> list[ProgressBar]:
        """Return how far the loops of a task are: those that had not ended."""
        bars = self.metrics.bars_of(task.id, task.status, clock.epoch())
        return [bar for bar in bars if bar.status != "ended"]

    def fingerprint(self, task: TaskView, deck: DeckView) -> str:
        """Return what changes whenever a deck shows something else."""
        if isinstance(deck, _LogDeck):
            # A line may be read before the journal names its span; what was not kept is told once the execution ended.
            said = f"{self._log.count_of(task.id)} lines, {len(self._spans_said_in(task))} spans"
            return f"{said}, {self.view.status}"
        if deck.name in (TIMELINE, METRICS) and task.status == "running":
            return str(self.version)
        crc = 0
        for item in deck.items:
            crc = zlib.crc32(item.encode("utf-8", "surrogatepass"), crc)
        return f"{len(deck.items)}-{crc:08x}"

    def _has_content(self, task: TaskView, deck: DeckView) -> bool:
        if deck.name == TIMELINE and len(self._spans_of(task)):
            return True
        if deck.name == METRICS and not deck.items and task.id in self._logged:
            return True
        return any(isinstance(item, BlobPath) or (item and not item.isspace()) for item in deck.items)

    def _spans_of(self, task: TaskView) -> NDArray[np.int64]:
        row = self._rows.get(task.id)
        return self.trace.operations_in(row) if row else np.empty(0, np.int64)

    def _drawn(self, task: TaskView) -> list[str]:
        trace, top, rows = self.trace, self._rows.get(task.id, 0), self._spans_of(task).tolist()
        failed = [row for row in rows if row in trace.errors]
        open_ = set(np.flatnonzero(trace.flags & OPEN).tolist())
        handled = handled_spans(failed, trace.errors, open_, trace.parents, {top: False})
        bars = [
            Bar(
                name=trace.name(row) if row not in trace.counted else f"{trace.name(row)} (counted)",
                start=int(trace.starts[row]),
                finish=int(trace.ends[row]),
                process_time=None if trace.flags[row] & OPEN else int(trace.process_times[row]),
                failed=row in trace.errors,
                open=bool(trace.flags[row] & OPEN),
                handled=row in handled,
            )
            for row in rows
        ]
        return [render(TimelineBars(bars))] if bars else []

    def _spans_said_in(self, task: TaskView) -> dict[str, str]:
        """Return the names of the spans that the lines shown of a task were said in, as far as they are known."""
        log = self._log.of(task.id)
        said_in = {line.span for line in (*log.problems, *log.last)} - {task.id}
        rows = {span: self.row_of(span) for span in said_in}
        return {span: self.trace.name(row) for span, row in rows.items() if row is not None}

    def _drawn_log(self, task: TaskView) -> list[str]:
        log = self._log.of(task.id)
        lines = [*log.problems, *log.last]
        names = self._spans_said_in(task)
        notes = [] if self.view.status == "running" else [f"Of the whole execution: {one}" for one in self._log_notes]
        at_end = task.status == "running"
        return [extracted(render_log(lines, names, log.count - len(lines), at_end=at_end, notes=notes))]

    def _item(self, item: str) -> str:
        if not isinstance(item, BlobPath):
            return item
        if not _KEPT.fullmatch(item) or ".." in item:
            return "<p><em>This part is not where parts of decks are kept.</em></p>"
        return self._assembly.files.html_of(item.record)


def _read_input(task: TaskView) -> list[str]:
    deck = next((one for one in task.decks if one.name == INPUT), None)
    return [] if deck is None else [item for item in deck.items if not isinstance(item, BlobPath)]


class _LogDeck(DeckView):
    """The tab with what a task logged and printed, which no record announces."""


def _decks_of(collected: Sequence[CollectedDeck]) -> list[DeckView]:
    return [drawn_deck(deck, BlobPath.of) for deck in collected]


def _unused(label: str, labels: Container[str]) -> str:
    numbered, number = label, 2
    while numbered in labels:
        numbered, number = f"{label} ({number})", number + 1
    return numbered


class FollowedExecution:
    """An execution while its journal is followed.

    Args:
        store: Where it is kept.
        execution_id: Which execution.
    """

    def __init__(self, store: Store, execution_id: str) -> None:
        self.id = execution_id
        self._store = store
        self._tail = JournalTail(store, execution_id)
        self._columns = SpanColumns()
        self._captured = CapturedDecks()
        self._log = FollowedLog(store, execution_id)
        self._others: list[tuple[str, list[AnyRecord]]] = []
        self._lock = threading.Lock()
        self._snapshot: Snapshot | None = None
        self._looked = 0.0
        self._cost = 0.0

    def said(self) -> int:
        """Return how many lines were said so far."""
        return self._log.recent()[1]

    def look(self, max_age: float = 0.5) -> Snapshot:
        """Return how the execution stands.

        Args:
            max_age: How many seconds ago the journal may have been read, if the execution goes on.

        Raises:
            OSError: The store cannot be read.
        """
        with self._lock:
            snapshot = self._snapshot
            begun = time.monotonic()
            # A trace that takes long to be brought up to date is looked at less often: at most a tenth of the time.
            if snapshot is None or begun - self._looked >= max(max_age, 10 * self._cost):
                grown = self._read()
                if snapshot is None or grown or self._has_died(snapshot):
                    snapshot = self._snapshot = self._made(1 + (snapshot.version if snapshot else 0))
                self._looked = time.monotonic()
                self._cost = self._looked - begun if grown else 0.0
            return snapshot

    def _read(self) -> bool:
        grown = False
        for addition in self._tail.read():
            grown = True
            kept: list[AnyRecord] = []
            for added in decode(addition.lines):
                self._columns.take(addition.writer, added)
                kept += [record for record in added.others if not isinstance(record, records.OpenSpan)]
            self._others.append((addition.writer, kept))
        return grown

    def _has_died(self, snapshot: Snapshot) -> bool:
        """Tell whether an execution that was running no longer is, though nothing was written."""
        return snapshot.view.status == "running" and self._assembled().view.status != "running"

    def _made(self, version: int) -> Snapshot:
        return Snapshot(self._store, self._assembled(), self._columns, version, self._captured, self._log)

    def _assembled(self) -> Assembly:
        assembly = Assembly(self._store, self.id)
        for writer, found in self._others:
            assembly.add(writer, found, self._tail.newest[writer])
        for writer, path in self._tail.newest.items():
            assembly.add(writer, self._last_sign(writer), path)
        assembly.finish()
        return assembly

    def _last_sign(self, writer: str) -> list[AnyRecord]:
        """Say when a writer was last heard of, since its spans are not in the assembly."""
        last = self._columns.last_sign_of_life(writer) - self._columns.epoch_of(writer)
        return [records.Beat(last)] if last > 0 else []


class SnapshotCache:
    """The executions that were looked at last.

    Args:
        store: Where they are kept.
        most_spans: How many spans may be held in all; the executions looked at longest ago are let go.
    """

    def __init__(self, store: Store, most_spans: int = 4_000_000) -> None:
        self._store = store
        self._most_spans = most_spans
        self._held: dict[str, FollowedExecution] = {}
        self._lock = threading.Lock()

    def holds(self, execution_id: str) -> bool:
        """Tell whether an execution was looked at lately."""
        return execution_id in self._held

    def of(self, execution_id: str) -> FollowedExecution:
        """Return the followed execution of this id, which is in the store."""
        with self._lock:
            followed = self._held.pop(execution_id, None) or FollowedExecution(self._store, execution_id)
            self._held[execution_id] = followed
            self._let_go()
            return followed

    def _let_go(self) -> None:
        spans = [followed._columns.count for followed in self._held.values()]
        while len(spans) > 1 and (sum(spans) > self._most_spans or len(spans) > 200):
            del self._held[next(iter(self._held))]
            spans.pop(0)

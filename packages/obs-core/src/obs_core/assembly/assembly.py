"""Put the records of all writers of an execution together."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any

from msgspec import structs

from obs_core import clock, identity
from obs_core.assembly import decks, metrics, sampled
from obs_core.assembly.deck_files import DeckFiles
from obs_core.assembly.decks import CollectedDeck, DeckAssembly
from obs_core.assembly.failures import Failures, failures_of
from obs_core.assembly.metrics import MetricAssembly
from obs_core.assembly.sampled import SampledAssembly
from obs_core.assembly.spans import SpanAssembly
from obs_core.assembly.unfinished import UnfinishedCapture
from obs_core.assembly.verdicts import VerdictAssembly
from obs_core.assembly.writers import RowIndex, Writer
from obs_core.journal import liveness, records
from obs_core.journal.numbering import MAIN, ROOT, SUPERVISOR
from obs_core.journal.signs_of_life import moment_of
from obs_core.model import ExecutionView, Link, SpanTable, Status, TaskView, Verdict, WorkerView
from obs_core.store.base import Store
from obs_core.store.paths import belongs_to
from obs_core.text.failures import is_exception, is_exit, signal_in

__all__ = ["Assembly"]

NOT_OWN = "not of this execution: /"
"""What stands before a path that a record must not name: no store has such a file."""

REPLACED = "the process became another program (os.execv)"


class Assembly:
    """An execution while its journal is read: `add` every segment, then `finish`.

    It yields data: nothing is drawn, and no file of a deck is read.

    Args:
        store: Where it is kept.
        execution_id: Its id.

    Attributes:
        view: What lists and headers show.
        spans: Its spans.
        tasks: Its tasks in the order in which they began; what belongs to the execution itself comes first, under
            its own name. Their decks are in `decks`.
        decks: What was appended to its decks, by task id.
        outputs: What tasks returned, by task id.
        artifacts: What else they kept, by task id and name.
        metrics: What tasks logged: metrics, parameters, progress.
        unfinished: Captures whose writer is gone before their decks were made.
        raised: The exception that ended a task and what caused it, by task id: each as one line, and ``"file:line"``.
        raised_too: What else was in the group of exceptions that ended a task, by task id.
        raised_notes: What was added to all these by ``add_note``, by task id: each note, and the exception's line;
            that is empty in older records.
        raised_notes_left_out: How many more notes all these had, by task id.
        raised_in: The innermost spans that these left on their way out of a task, by task id; empty for none.
        raised_while_handling: The ids of those of which the last one was being handled when what it led to came.
        raised_from: The innermost tasks that the exceptions of `raised`, for the execution itself, had ended before;
            empty for none.
        raised_by: Who told of these; empty if nobody did.
        unended: Notes of tasks that did not come to their end, by task id: the status tells that too, and nobody
            checked it.
        ended_processes: What the processes that supervised others said of their ends, with who said it.
        within: The execution of another process that this one's process is a part of; empty if there is none.
        surroundings: What it ran in, as its program said last; None if that is not known.
        writers: The processes that wrote it, by writer id.
        sampled: What samplers saw.
        verdicts: What checks found.
        files: Reads what its decks keep in files.
    """

    def __init__(self, store: Store, execution_id: str) -> None:
        self.store = store
        self.view = ExecutionView(execution_id, "", "lost", 0, 0)
        self.spans = SpanAssembly(self.view)
        self.tasks: list[TaskView] = []
        self.decks: dict[str, list[CollectedDeck]] = {}
        self.outputs: dict[str, records.Output] = {}
        self.artifacts: dict[str, dict[str, records.Artifact]] = {}
        self.metrics = MetricAssembly(store, execution_id)
        self.unfinished: list[UnfinishedCapture] = []
        self.raised: dict[str, list[tuple[str, str]]] = {}
        self.raised_too: dict[str, list[tuple[str, str]]] = {}
        self.raised_notes: dict[str, list[tuple[str, str]]] = {}
        self.raised_notes_left_out: dict[str, int] = {}
        self.raised_in: dict[str, list[str]] = {}
        self.raised_while_handling: set[str] = set()
        self.raised_from: list[str] = []
        self.raised_by = ""
        self.unended: dict[str, str] = {}
        self.ended_processes: list[tuple[Writer, records.ProcessEnded]] = []
        self.within = ""
        self.surroundings: records.Surroundings | None = None
        self.writers: dict[str, Writer] = {}
        self.sampled = SampledAssembly(self.spans.table.samples)
        self.verdicts = VerdictAssembly()
        self.files = DeckFiles(store)
        self._collecting = DeckAssembly()
        self._captures: dict[str, tuple[Writer, records.CaptureMade]] = {}
        self._tasks: dict[str, TaskView] = {}
        self._starts: dict[str, records.TaskStart] = {}
        self._task_rows: dict[str, int] = {}
        self._workers: dict[tuple[str, str], WorkerView] = {}
        self._begun_by = ""
        self._ends: dict[str, tuple[int, records.ExecutionEnd]] = {}
        self._ended: Status | None = None
        self._ended_by = ""
        self._raised_by: dict[str, dict[str, records.Raised]] = {}
        self._root_ref = ROOT

    @property
    def root_id(self) -> str:
        """The id of the execution itself, where a task's is asked for."""
        return self._root_ref

    @property
    def was_left_open(self) -> bool:
        """Whether its process came to its end while this had not ended."""
        root = self._tasks.get(self._root_ref)
        return root is not None and records.LEFT_OPEN in root.notes

    @property
    def program(self) -> Writer | None:
        """The process that the execution is of: its program, or what supervised one that began none itself."""
        return self.writers.get(MAIN) or self.writers.get(SUPERVISOR)

    @property
    def last_sign(self) -> int:
        """When its program, or what supervises that, was last heard of, in nanoseconds since the epoch; 0 if never.

        How long an execution lasted that did not say so. Its workers do not count: they may live on without it.
        """
        own = [self.writers[name] for name in (MAIN, SUPERVISOR) if name in self.writers]
        return max((writer.last + writer.epoch for writer in own), default=0)

    @property
    def is_cut_short(self) -> bool:
        """Whether its program did not come to say that it ended, whoever else may have seen it end."""
        return MAIN in self.writers and MAIN not in self._ends

    @functools.cached_property
    def failures(self) -> Failures:
        """What went wrong, by root cause, and what callers handled; to be asked for once it is finished."""
        tasks = [task for task in self.tasks if not task.is_execution]
        chains, others = (
            {"" if task == self._root_ref else task: said for task, said in found.items()}
            for found in (self.raised, self.raised_too)
        )
        return failures_of(self.view, tasks, chains, others)

    @property
    def table(self) -> SpanTable:
        """Its spans, as columns."""
        return self.spans.table

    def add(self, writer_name: str, found: list[records.AnyRecord], path: str = "") -> None:
        """Take in the records of one segment; a writer's segments in their order."""
        writer = self.writers.setdefault(writer_name, Writer(writer_name))
        writer.last_segment = path
        for kind, group in itertools.groupby(found, type):
            run = list(group)
            if kind is records.SpanRecord:
                self.spans.take_spans(writer, run)  # type: ignore[arg-type]  # all of this kind
                continue
            for record in run:
                if (at := moment_of(record)) is not None:
                    writer.heard_at(at)
            if (handle := _HANDLERS.get(kind)) is not None:
                for record in run:
                    handle(self, writer, record)
            elif (take := metrics.HANDLERS.get(kind)) is not None:
                for record in run:
                    take(self.metrics, writer, record)
            elif (collect := decks.HANDLERS.get(kind)) is not None:
                for record in run:
                    collect(self._collecting, writer, self._within(record) if kind is records.DeckBlob else record)
            elif (take := sampled.HANDLERS.get(kind)) is not None:
                for record in run:
                    take(self.sampled, writer, record)

    def finish(self) -> None:
        """Resolve what refers to each other, once every segment is there."""
        writing = set() if self._is_over else self._writing()
        for writer in self.writers.values():
            writer.alive = writer.name in writing and writer.head is not None and not writer.replaced
        self._take_beginning()
        self._take_end()
        self._finish_raised()
        for writer in self.writers.values():
            if writer.torn and (self._ended is not None or writer.name not in writing):  # else it writes that batch now
                self.view.damaged_records += writer.torn
        self.view.metrics = self.metrics.summary
        self.view.verdicts = self.verdicts.counts()
        self._finish_execution()
        self._finish_root()
        self.spans.finish(self.writers, ended=self._ended is not None)
        self._finish_workers()
        self._finish_decks()
        self._finish_tasks()
        for writer in self.writers.values():
            writer.rows = RowIndex()  # nobody asks for a span by its number any more
        self.unfinished = [
            self._unfinished(writer.global_ref(record.task), record)
            for writer, record in self._captures.values()
            if not writer.alive
        ]

    @property
    def _is_over(self) -> bool:
        """Whether its program said that it ended, and nobody else took part: who still writes matters no more."""
        return self.writers.keys() == {MAIN} and MAIN in self._ends and not self._captures and not self._workers

    def _writing(self) -> set[str]:
        """Return the writers that may still write: the system is asked for each, or the store."""
        writers = self.writers.values()
        return {each.name for each in writers if liveness.is_writing(self.store, each.head, each.last_segment)}

    def known_task(self, task_id: str) -> TaskView:
        """Return what is known of a task by now."""
        return self._tasks.get(task_id, TaskView(task_id, "", "running", 0, 0))

    def row_of_task(self, task_id: str) -> int:
        """Return the row of a task in the span table; 0, the execution's own, if it is not known."""
        return self._task_rows.get(task_id, 0)

    def has_metrics(self, task: TaskView) -> bool:
        """Tell whether a task logged anything that its Metrics deck shows."""
        start = self._starts.get(task.id)
        return (start is None or start.enable_deck) and task.id in self.metrics.tasks()

    def has_timeline(self, task: TaskView, made: bool) -> bool:
        """Tell whether a task has a time line of its spans: it made the deck, or was cut short before it could."""
        start = self._starts.get(task.id)
        return start is not None and start.enable_deck and (made or task.status != "succeeded")

    def verdicts_of(self, task: str) -> list[Verdict]:
        """Return what was checked in a task: by itself, then what its decks show."""
        of_decks = [
            structs.replace(one, deck=deck.name or "Deck") for deck in self.decks.get(task, ()) for one in deck.verdicts
        ]
        return [*self.verdicts.by_task.get(task, ()), *of_decks]

    # the execution and its writers

    def _take_head(self, writer: Writer, record: records.Head) -> None:
        if writer.head is not None and not record.execution:
            return  # a segment whose own head is damaged
        writer.head = record
        writer.epoch = record.clock

    def _take_execution(self, writer: Writer, record: records.ExecutionStart) -> None:
        """Take how it began: as ``obs run`` began it, it has the name and the tags that its program gives it."""
        view, at = self.view, record.at + writer.epoch
        view.started = min(view.started, at) if self._begun_by else at
        if record.within:
            self.within = self.view.within = record.within
        writer.rows[record.number] = 0
        if writer.name == SUPERVISOR and self._begun_by:
            return
        self._begun_by = writer.name
        view.name, view.tags, view.user = record.name, record.tags, record.user
        view.command, view.git_commit = record.command, record.git_commit
        view.host = writer.host
        if writer.name != SUPERVISOR:
            self._root_ref = f"{writer.name}.{record.number}"

    def _take_execution_end(self, writer: Writer, record: records.ExecutionEnd) -> None:
        self._ends[writer.name] = record.at + writer.epoch, record
        self.view.lost_records += record.lost

    def _take_surroundings(self, _writer: Writer, record: records.Surroundings) -> None:
        self.surroundings = record

    def _take_raised(self, writer: Writer, record: records.Raised) -> None:
        self._raised_by.setdefault(writer.global_ref(record.task), {})[writer.name] = record

    def _take_process_ended(self, writer: Writer, record: records.ProcessEnded) -> None:
        self.ended_processes.append((writer, record))

    def _take_replaced(self, writer: Writer, record: records.ProcessReplaced) -> None:
        writer.replaced = record.happens

    def _take_worker(self, writer: Writer, record: records.WorkerJoined) -> None:
        at = record.at + writer.epoch
        worker = WorkerView(record.name, writer.host, record.threads, at, 0, "working")
        self._workers[writer.name, record.name] = worker

    def _take_worker_left(self, writer: Writer, record: records.WorkerLeft) -> None:
        worker = self._workers.get((writer.name, record.name))
        if worker is not None:
            worker.left, worker.status = record.at + writer.epoch, "left"

    def _take_lost(self, _writer: Writer, record: records.Lost) -> None:
        self.view.lost_records += record.count

    def _take_check(self, writer: Writer, record: records.Check) -> None:
        """Notice what is missing before a batch: damaged, torn, or a segment that is gone."""
        self.view.damaged_records += max(0, record.before - writer.read)
        writer.read = max(writer.read, record.before + record.count)
        writer.torn = 0  # it is a part of what was just counted

    def _take_torn(self, writer: Writer, record: records.Torn) -> None:
        writer.torn += record.count

    def _take_open(self, writer: Writer, record: records.OpenSpan) -> None:
        self.spans.take_open(writer, record)

    # tasks

    def _take_task(self, writer: Writer, record: records.TaskStart) -> None:
        self.spans.take_task(writer, record)
        task = self._task_of(writer, record.number)  # another writer's part of it may have been read first
        task.name, task.started, task.attempt = record.name, record.start + writer.epoch, record.attempt
        self._starts[task.id] = record

    def _take_task_begun(self, writer: Writer, record: records.TaskBegun) -> None:
        task = self._tasks.get(f"{writer.name}.{record.number}")
        if task is not None and self.spans.take_task_begun(writer, record):
            task.started = record.at + writer.epoch

    def _take_task_end(self, writer: Writer, record: records.TaskEnd) -> None:
        task = self._tasks.get(f"{writer.name}.{record.number}")
        if task is None or not self.spans.take_task_end(writer, record):
            return
        task.duration = record.duration
        if record.start is not None:
            task.started = record.start + writer.epoch
        task.status = "failed" if record.status == "failed" else "succeeded"
        task.error = record.error

    def _take_link(self, writer: Writer, record: records.LinkMade) -> None:
        self._task_of(writer, record.task).links.append(Link(record.name, record.url))

    def _take_note(self, writer: Writer, record: records.Note) -> None:
        self._task_of(writer, record.task).notes.append(record.text)
        self.verdicts.take_note(writer, record)

    def _take_verdict(self, writer: Writer, record: records.VerdictMade) -> None:
        if record.outcome not in ("passed", "warned", "failed"):
            return  # a newer version may know more
        self.verdicts.take(writer, record, self._collecting.name_of(writer, record.deck))
        self._collecting.take_verdict(writer, record)

    def _take_verdicts(self, writer: Writer, record: records.VerdictSummary) -> None:
        self.verdicts.take_summary(writer, record)

    def _take_output(self, writer: Writer, record: records.Output) -> None:
        self.outputs[writer.global_ref(record.task)] = self._within(record)

    def _take_artifact(self, writer: Writer, record: records.Artifact) -> None:
        self.artifacts.setdefault(writer.global_ref(record.task), {})[record.name] = self._within(record)

    def _take_capture(self, writer: Writer, record: records.CaptureMade) -> None:
        self._captures[f"{writer.name}.{record.number}"] = writer, self._within(record)

    def _take_capture_done(self, writer: Writer, record: records.CaptureDone) -> None:
        self._captures.pop(writer.global_ref(record.capture), None)

    def _within(self, record: Any) -> Any:
        """Return a record that names a file, without it if that is no file of this execution."""
        if record.path is not None and not belongs_to(record.path, self.view.id):
            record.path = f"{NOT_OWN}{record.path[:200]}"
        return record

    def _task_of(self, writer: Writer, task: records.Ref) -> TaskView:
        """Return a task; one that is not known (yet) stands for the decks of the execution itself."""
        ref = writer.global_ref(task)
        return self._tasks.setdefault(ref, TaskView(ref, "", "running", 0, 0))

    # at the end

    def _take_beginning(self) -> None:
        """Tell what the execution's id does of one whose own words of how it began cannot be read."""
        view, program = self.view, self.program
        headless = program is not None and program.head is not None and not program.head.execution
        view.damaged_beginning = headless or not self._begun_by
        if not self._begun_by:
            view.name = view.id
            view.started = identity.made_at(view.id)

    def _take_end(self) -> None:
        """Tell how it ended: what ``obs run`` supervises goes on until its process ends, and failed if either did.

        If both did, what ended the process counts. An exit code is no cause: that is what ended the block.
        """
        own, seen = self._ends.get(MAIN), self._ends.get(SUPERVISOR)
        supervisor = self.writers.get(SUPERVISOR)
        if seen is None and supervisor is not None and supervisor.alive:
            return
        last = seen or own
        if last is None:
            return
        told = last
        if own is not None and own[1].status == "failed" and (last[1].status != "failed" or is_exit(last[1].error)):
            told = own
        self._ended = "failed" if told[1].status == "failed" else "succeeded"
        self._ended_by = MAIN if told is own else SUPERVISOR
        self.view.error = told[1].error
        self.view.duration = last[0] - self.view.started
        self.table.process_times[0] = (own or last)[1].process_time

    def _finish_raised(self) -> None:
        """Tell what ended each task, and the execution, of which several writers may have said something."""
        for task, said in self._raised_by.items():
            # An empty one takes back what its writer said before.
            known = {name: record for name, record in said.items() if record.chain}
            name = self._who_tells_the_end(known) if task == self._root_ref else next(iter(known), None)
            if name is None:
                continue
            writer, record = self.writers[name], known[name]
            self.raised[task], self.raised_too[task] = record.chain, record.others
            self.raised_notes[task] = _notes_told(record)
            self.raised_notes_left_out[task] = record.notes_left_out
            self.raised_in[task] = ["" if ref is None else writer.global_ref(ref) for ref in record.spans]
            if record.while_handling:
                self.raised_while_handling.add(task)
            if task == self._root_ref:
                self.raised_by = name
                self.raised_from = ["" if ref is None else writer.global_ref(ref) for ref in record.tasks]

    def _who_tells_the_end(self, said: dict[str, records.Raised]) -> str | None:
        """Return who tells best by what the execution ended, in whatever order they were read; None if nobody does.

        The program may have handled what ended the block of the execution, and have gone on.

        Args:
            said: What each writer said: for the block (`MAIN`), as what left the program, and what ``obs run`` saw.
        """
        others = [self.writers[name] for name in said.keys() - {MAIN, SUPERVISOR}]
        of_program = [one.name for one in sorted(others, key=lambda one: (one.epoch + one.last, one.name))]
        seen = said.get(SUPERVISOR)
        if seen is None or self._ended_by != SUPERVISOR:
            return MAIN if MAIN in said else next(reversed(of_program), None)
        what = seen.chain[0][0]
        if MAIN in said and signal_in(said[MAIN].chain[0][0]) and not is_exception(what):
            return MAIN  # a signal's handler saw where that came
        same = [name for name in (*of_program, MAIN) if name in said and said[name].chain == seen.chain]
        return same[-1] if same else SUPERVISOR  # they know the spans too

    def _finish_execution(self) -> None:
        view = self.view
        alive = any(self.writers[name].alive for name in (MAIN, SUPERVISOR) if name in self.writers)
        view.status = self._ended or ("running" if alive else "lost")
        if self._ended is None:
            end = clock.epoch() if alive else self.last_sign
            view.duration = max(0, end - view.started)
        if view.status == "lost" and self.program is not None and self.program.replaced:
            view.error = REPLACED

    def _finish_root(self) -> None:
        table, view = self.table, self.view
        if not view.started:  # the journal's beginning is missing
            view.started = min(table.starts[1:], default=0)
        table.names[0], table.starts[0], table.durations[0] = view.name, view.started, view.duration
        if self._ended is None:
            table.open.add(0)
        if view.error is not None and self._ended is not None:
            table.errors[0] = view.error.partition(":")[0]

    def _finish_workers(self) -> None:
        for (writer_name, _), worker in self._workers.items():
            writer = self.writers[writer_name]
            if worker.status == "working" and (self._ended is not None or not writer.alive):
                worker.status = "left" if writer.alive else "gone"
            if not worker.left:
                worker.left = writer.last + writer.epoch
        self.table.workers = sorted(self._workers.values(), key=lambda worker: worker.joined)

    def _finish_decks(self) -> None:
        for task, made in self._collecting.by_task().items():
            self.decks.setdefault(task or self._root_ref, []).extend(made)

    def _finish_tasks(self) -> None:
        for ref, start in self._starts.items():
            task, writer = self._tasks[ref], self.writers[ref.partition(".")[0]]
            row = self._task_rows[ref] = writer.rows[start.number]
            task.parent = self.table.ids[self.spans.enclosing_task(self.table.parents[row])]
            if task.status == "running":
                task.duration = self.table.durations[row]
                self._finish_unended(task, writer)
        self._adopt_what_has_no_task()
        begun = [task for ref, task in self._tasks.items() if ref in self._starts]
        for task in begun:
            task.verdicts = self.verdicts_of(task.id)
        self.tasks = [*self._of_execution_itself(), *sorted(begun, key=lambda task: task.started)]

    def _adopt_what_has_no_task(self) -> None:
        """Give the execution itself what was noted of tasks whose beginning is not there: it counts, so it is told."""
        root = self._root_ref
        for ref in [ref for ref in (*self._tasks, *self.verdicts.by_task) if ref not in self._starts and ref != root]:
            if (task := self._tasks.pop(ref, None)) is not None and (task.notes or task.links):
                own = self._tasks.setdefault(root, TaskView(root, "", "running", 0, 0))
                own.notes += task.notes
                own.links += task.links
            self.verdicts.adopt(root, ref)

    def _unfinished(self, task: str, record: records.CaptureMade) -> UnfinishedCapture:
        ended = task in self._tasks and self._tasks[task].status in ("succeeded", "failed")
        return UnfinishedCapture(self.store, task, record, ended=ended)

    def _finish_unended(self, task: TaskView, writer: Writer) -> None:
        if writer.alive and self._ended is None:
            return
        task.status = "lost"
        if not writer.replaced and (seen := self._end_of(writer)) is not None:
            task.cut = _told(seen[1])
            task.duration = max(task.duration, seen[0] - task.started)
        note = self.unended[task.id] = f"This task did not come to its end: {self._what_ended_first(writer)}."
        task.notes.insert(0, note)

    def _what_ended_first(self, writer: Writer) -> str:
        """Tell what a task did not outlive, as far as that was seen; why it ended is for `obs why` to conclude."""
        if writer.replaced:
            return f"{REPLACED}, which obs does not record"
        if (seen := self._end_of(writer)) is not None:
            was = "was " if seen[1].signal else ""
            return f"its process {was}{_told(seen[1])} before. Shown is what was recorded until then"
        what = "its execution" if writer.alive else "its process"
        return f"{what} ended before. Shown is what was recorded until then"

    def _end_of(self, writer: Writer) -> tuple[int, records.ProcessEnded] | None:
        """Return when a writer's process ended and how, as ``obs run`` saw it.

        Returns:
            The time in nanoseconds since the epoch, and the record; None if it is another process, or nobody looked.
        """
        of = None if writer.head is None else writer.head.process
        return next(
            (
                (by.epoch + end.at, end)
                for by, end in self.ended_processes
                if of is not None and by.head is not None and (by.head.process.machine, end.pid) == (of.machine, of.pid)
            ),
            None,
        )

    def _of_execution_itself(self) -> list[TaskView]:
        """Return what was recorded outside of any task, if there is any: shown as a task of the execution's name."""
        root = self._tasks.get(self._root_ref)
        shown = self._root_ref in self.decks or self._root_ref in self.metrics.tasks()
        verdicts = self.verdicts_of(self._root_ref)
        if root is None and (shown or verdicts):
            root = TaskView(self._root_ref, "", "running", 0, 0)
        if root is None or not (root.links or root.notes or shown or verdicts):
            return []
        view = self.view
        root.verdicts = verdicts
        root.name, root.status, root.started, root.duration = view.name, view.status, view.started, view.duration
        root.error, root.is_execution = view.error, True
        return [root]


def _notes_told(record: records.Raised) -> list[tuple[str, str]]:
    texts = dict(enumerate(text for text, _ in (*record.chain, *record.others)))
    of = [texts.get(place, "") for place in record.notes_of[: len(record.notes)]]
    return [*itertools.zip_longest(record.notes, of, fillvalue="")]


def _told(end: records.ProcessEnded) -> str:
    if end.signal == "SIGKILL" and end.oom_kills:
        return "killed by the kernel for its memory"  # as `obs why` says it
    return f"ended by {end.signal}" if end.signal else f"ended with exit code {end.code}"


_HANDLERS: dict[type[records.Record], Callable[[Assembly, Writer, Any], None]] = {
    records.Head: Assembly._take_head,
    records.ExecutionStart: Assembly._take_execution,
    records.Surroundings: Assembly._take_surroundings,
    records.ExecutionEnd: Assembly._take_execution_end,
    records.OpenSpan: Assembly._take_open,
    records.TaskStart: Assembly._take_task,
    records.TaskBegun: Assembly._take_task_begun,
    records.TaskEnd: Assembly._take_task_end,
    records.Raised: Assembly._take_raised,
    records.ProcessEnded: Assembly._take_process_ended,
    records.LinkMade: Assembly._take_link,
    records.Note: Assembly._take_note,
    records.VerdictMade: Assembly._take_verdict,
    records.VerdictSummary: Assembly._take_verdicts,
    records.Output: Assembly._take_output,
    records.Artifact: Assembly._take_artifact,
    records.CaptureMade: Assembly._take_capture,
    records.CaptureDone: Assembly._take_capture_done,
    records.ProcessReplaced: Assembly._take_replaced,
    records.WorkerJoined: Assembly._take_worker,
    records.WorkerLeft: Assembly._take_worker_left,
    records.Lost: Assembly._take_lost,
    records.Check: Assembly._take_check,
    records.Torn: Assembly._take_torn,
}
"""What takes in which record, but for spans, the most by far, and decks."""

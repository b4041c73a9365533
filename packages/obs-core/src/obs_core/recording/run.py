"""An execution as this process takes part in it, and a task while it runs: what is recorded of them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol, cast

from obs_core import clock, settings
from obs_core.failsafe import guarded
from obs_core.journal import records
from obs_core.journal.log_writer import LogWriter
from obs_core.journal.writer import Journal
from obs_core.locks import Named, Register
from obs_core.model import Link
from obs_core.recording.verdict_log import VerdictLog
from obs_core.store.base import Store
from obs_core.store.paths import execution_path
from obs_core.text.bounded_repr import as_text
from obs_core.text.masking import mask

if TYPE_CHECKING:
    from obs_core.recording.span_bars import SpanBars
    from obs_core.recording.unended import Ending
    from obs_core.values.curves import Curve, ProgressBar

__all__ = ["Mirror", "Participant", "Run", "Scope", "TaskDeck", "TaskState", "is_of_this_process", "live"]


class Scope(Protocol):
    """What running code can be inside of: a span, a task, an engine's operation, or a span of another process."""

    @property
    def number(self) -> records.Ref:
        """Its name in this process's journal."""

    @property
    def task(self) -> TaskState:
        """The task that it is a part of; a task itself, for a task."""

    @property
    def parent(self) -> Scope | None:
        """What it is recorded under."""

    @property
    def outside(self) -> Scope | None:
        """What was current where it was entered."""

    @property
    def over(self) -> bool:
        """Whether it has ended, or was left for good."""

    def stands_in(self, around: Scope | None) -> None:
        """Stand in something else from now on: what was around it has ended.

        Args:
            around: What is open around that; None if nothing is.
        """


class TaskDeck(Protocol):
    """A tab of a task, as its report needs it."""

    name: str
    verdicts: list[tuple[str, str]]

    @property
    def number(self) -> int:
        """Its number in this process's journal; 0 before it is announced."""

    def announce(self) -> None:
        """Write it to the journal, with what it holds by now, unless that is done."""

    def current_items(self) -> list[str]:
        """Return its HTML as it stands."""

    def settle(self) -> None:
        """Write to the journal what only it knows in the end: its task has ended."""


class Mirror(Protocol):
    """An experiment of a tracker, which is told what a task logs."""

    def metrics(self, values: Mapping[str, float], step: int | None) -> None:
        """Take metrics.

        Args:
            values: The numbers, by name.
            step: The step that they are of; None if the task gave none.
        """

    def params(self, values: Mapping[str, Any]) -> None:
        """Take parameters.

        Args:
            values: What the task was set up with, by name.
        """


NOTHING, LOGGING, STREAMS, ALL = range(4)
"""What is kept of what a task says: nothing; what is logged; what Python prints too; what anything writes to
descriptors 1 and 2 too."""

_NOTICEABLE = 10_000_000
"""Nanoseconds between a call and its function beyond which it is written at once when the function begins."""

_NOT_READ = -1
"""Stands for what the clock of the process said where that was not asked."""


class TaskState:
    """A task while it runs, or the execution itself outside any task: what spans, decks and reports refer to.

    `obs_core.TaskContext` is what users see of it.

    Attributes:
        name: The task's name; the execution's name outside any task.
        attempt: 1 for the first try.
        left: Which spans exceptions left first (`obs_core.recording.raised`); not set before one did.
        enable_deck: Whether anything is rendered and a report is written.
        function: The task's function with its module, ``"flights.clean"``; empty outside any task.
        source: The worker that this code runs on, if an engine's worker runs a part of the task.
        shared: Whether other processes may take part in this task, so that its report must look for their parts.
        published: Whether its report is a file, which must not stay as it stood then.
        start: When its function began, by `obs_core.clock.wall`; until it does, when the call began.
        spent: Wall and process time of its function in nanoseconds, once that has ended: what obs and its decorators do
            before and after is not the task's.
        body: The function itself, inside all decorators.
        in_body: Whether that was called, so that no decorator which is entered now stands around it.
        ended: When it ended; None while it runs, and while obs is still at work on it.
        outside: What was current where it was called.
        depth: How many tasks it was called within; 0 for the execution itself.
        over: Whether no code is inside of it any more: it has ended, and its report is made.
        older_threads: The threads that it did not start, where only those that were there before tell which these are.
        face: The `TaskContext` of it, once somebody asked for that.
        logs: What is kept of what it logs and prints, `NOTHING` to `ALL`; None until that is decided.
        said: How many lines it has logged and printed.
        said_from: Where they begin in this process's log.
        erred: Whether it has logged an error.
        at_own_work: Whether obs does something for it that is told as that; what it draws meanwhile is a part of it.
        metrics: Its metrics by name, as far as they were logged by this process.
        mirrors: What is told its metrics too: the experiments of trackers that it runs in.
        verdicts: What was checked in it, without what its decks show: outcome, what was checked, what was found.
    """

    __slots__ = (
        "__weakref__",
        "append",
        "artifacts",
        "at_own_work",
        "attempt",
        "bars",
        "body",
        "cpu",
        "decks",
        "depth",
        "enable_deck",
        "ended",
        "erred",
        "face",
        "failure",
        "function",
        "in_body",
        "journal",
        "left",
        "links",
        "logs",
        "may_begin",
        "metrics",
        "mirrors",
        "name",
        "next_number",
        "notes",
        "number",
        "older_threads",
        "outside",
        "over",
        "parent",
        "published",
        "run",
        "said",
        "said_from",
        "shared",
        "source",
        "spent",
        "start",
        "task",
        "verdicts",
    )

    left: dict[int, tuple[int, int, int, Scope]] | None

    def __init__(
        self,
        run: Run,
        name: str,
        parent: Scope | None,
        attempt: int = 1,
        enable_deck: bool = True,
        number: records.Ref | None = None,
        function: str = "",
        source: str = "",
    ) -> None:
        self.run = run
        self.journal: Journal = run.journal
        self.append: Callable[[Any], None] = run.journal.append
        self.next_number = run.journal.next_number
        self.task = self  # as every scope names its task
        self.parent = parent
        self.outside: Scope | None = None
        self.over = False
        self.depth: int = 0 if parent is None else parent.task.depth + 1
        self.older_threads: tuple[threading.Thread, ...] | None = None
        self.number: records.Ref = run.journal.next_number() if number is None else number
        self.name = name
        self.attempt = attempt
        self.enable_deck = enable_deck
        self.function = function
        self.source = source
        self.shared = False
        self.published = False
        self.ended: int | None = None
        self.failure: str | None = None
        self.face: Any = None
        self.body: Any = None
        self.in_body = True
        self.logs: int | None = None
        self.said = 0
        self.said_from = (0, 0)
        self.erred = False
        self.at_own_work = False
        self.metrics: dict[str, Any] = {}
        self.mirrors: tuple[Mirror, ...] = ()
        self.may_begin = True
        self.spent: tuple[int, int] | None = None
        self.start = clock.wall()
        # It costs a system call. Of a task without decks nobody asks before its function begins.
        self.cpu = clock.process() if enable_deck or parent is None else _NOT_READ
        self.artifacts: dict[str, records.Artifact] = {}
        self.links: list[Link] = []
        self.notes: list[str] = []
        self.bars: SpanBars | None = None
        self.decks: list[TaskDeck] = []
        self.verdicts: list[tuple[str, str, str]] = []

    def stands_in(self, around: Scope | None) -> None:
        """Stand in something else from now on: what was around it has ended."""
        self.outside, self.parent = around, around or self.run.root

    def body_begins(self) -> None:
        """Take the task's time from here: its function is about to be called, unless more decorators stand before it.

        A decorator that calls the function again (a retry) does not move its beginning, only its end.
        """
        self.spent = None
        if self.may_begin:
            called, self.start, self.cpu = self.start, clock.wall(), clock.process()
            if self.start - called > _NOTICEABLE and is_of_this_process(self):
                self.append(records.TaskBegun(cast("int", self.number), self.start))
                self.journal.flush()  # a kill leaves it, as it leaves the call's beginning

    def body_ends(self) -> None:
        """Take the task's time up to here, unless that was done since its function was called last."""
        if self.spent is None:
            used = 0 if self.cpu == _NOT_READ else clock.process() - self.cpu
            self.spent = clock.wall() - self.start, used

    def link(self, name: str, url: str) -> None:
        """Attach a named address to this task."""
        with guarded("recording a link"):
            attached = Link(mask(str(name)), mask(str(url)))
            if not self.source:
                self.links.append(attached)
            self.journal.relieve()
            self.append(records.LinkMade(self.own_ref(), attached.name, attached.url))

    def note(self, text: str, *, checked: bool = False) -> None:
        """Let everyone who reads this task's report know something.

        Args:
            text: What there is to know.
            checked: Whether a verdict tells it too; otherwise it counts as a check that warned.
        """
        with guarded("recording a note"):
            text = as_text(text)
            self.notes.append(text)
            self.journal.relieve()
            self.append(records.Note(self.own_ref(), text, checked))
            if not checked:
                self.run.verdicts.add("warned", "Note", text)

    def take_verdict(self, outcome: str, name: str, found: str, span: records.Ref | None = None) -> None:
        """Record what was checked in this task, where no deck shows it.

        Args:
            outcome: ``"passed"``, ``"warned"`` or ``"failed"``.
            name: What was checked.
            found: What was found.
            span: Names the span in which it was; None for the task itself.
        """
        if not self.source:
            self.verdicts.append((outcome, name, found))
        self.journal.relieve()
        self.append(records.VerdictMade(None, clock.wall(), outcome, name, self.own_ref(), span, found))

    def own_ref(self) -> records.Ref:
        """Name this task in a record of this process's journal."""
        return self.journal.ref(self.number) if isinstance(self.number, int) else self.number

    def global_ref(self) -> str:
        """Name this task for other writers: ``"main.17"``."""
        return self.journal.global_ref(self.number) if isinstance(self.number, int) else self.number

    def __repr__(self) -> str:
        return f"<TaskState {self.name!r} attempt {self.attempt} of execution {self.run.id}>"


def is_of_this_process(task: TaskState) -> bool:
    """Tell whether this process began a task, and so ends it: not if it was carried here or inherited by a fork."""
    return isinstance(task.number, int) and task.number > task.journal.numbers.floor


class Participant(Protocol):
    """Other processes that take part in an execution, and hold something of it back."""

    def hand_over(self, task: TaskState, ended: bool) -> None:
        """Let them write what they hold back of a task; if it has ended, they are done with the whole execution."""


class MetricLog(Protocol):
    """What holds back the metrics of an execution that were logged last."""

    def summarize(self) -> None:
        """Write the last, least and greatest value of each metric."""

    def curves_of(self, task: TaskState) -> tuple[list[Curve], dict[str, Any]]:
        """Return the metrics and parameters of a task."""


class ProgressLog(Protocol):
    """What holds how far the loops of an execution are."""

    def bars_of(self, task: TaskState) -> list[ProgressBar]:
        """Return the loops of a task."""


class Run:
    """An execution as this process takes part in it: its journal, and the state outside any task.

    Args:
        store: Where it is kept.
        execution_id: Its id.
        name: Its name.
        writer: This process's writer id.
        preamble: Records that are written only once others follow.
        journal: Where to. Default: a new one in the store.

    Attributes:
        root: The state outside any task.
        begun: How it began, if this process began it.
        log: Where this process keeps what it logs and prints.
        participants: Other processes that take part.
        carried: The states of its tasks that were carried to other threads of this process.
        attached: How often this process joined it, since another one began it.
        metrics: What holds back the metrics that were logged last, once there are any.
        progress: What holds how far its loops are.
        reaped: Seconds of CPU time that children of this process had used which it had waited for before.
        ending: Ends it, however often that is begun; not set unless it began by `obs_core.recording.executions.begin`.
        asked: Whether others were asked for what they hold of it as it ends: they may never answer.
        end_said: Whether this process wrote that it has ended.
        closed: Whether nothing is left to be done for that.
        ended_tasks: Whether each task that ended since the status line was drawn succeeded; None if there is no line.
        has_tasks: Whether a task of it began in this process.
        surroundings: What was written of what it runs in.
        told: Where forked children see that it has ended; None before there are any.
        verdicts: Counts what its checks found.
    """

    __slots__ = (
        "__weakref__",
        "asked",
        "attached",
        "begun",
        "carried",
        "closed",
        "end_said",
        "ended_tasks",
        "ending",
        "has_tasks",
        "id",
        "journal",
        "log",
        "metrics",
        "name",
        "participants",
        "progress",
        "reaped",
        "root",
        "store",
        "surroundings",
        "told",
        "verdicts",
    )

    ending: Ending

    def __init__(
        self,
        store: Store,
        execution_id: str,
        name: str,
        writer: str,
        preamble: list[records.Record] | None = None,
        journal: Journal | None = None,
    ) -> None:
        self.store = store
        self.id = execution_id
        self.name = name
        self.journal = journal or Journal(store, execution_id, writer, preamble)
        self.log = LogWriter(self.journal)
        self.verdicts = VerdictLog(self.journal)
        self.root = TaskState(self, name, None, enable_deck=settings.decks_enabled())
        self.begun: records.ExecutionStart | None = None
        self.participants: list[Participant] = []
        self.carried: Register[TaskState] | None = None
        self.attached = 0
        self.metrics: MetricLog | None = None
        self.progress: list[ProgressLog] = []
        times = os.times()
        self.reaped = times.children_user + times.children_system
        self.asked = self.end_said = self.closed = False
        self.ended_tasks: list[bool] | None = None
        self.has_tasks = False
        self.told: tuple[Any, int] | None = None
        self.surroundings: records.Surroundings | None = None
        live[execution_id] = self

    @property
    def is_recorded(self) -> bool:
        """Whether anything was recorded in it: one that began unwritten is written with the first thing that is."""
        return bool(self.journal.used or self.journal.items)

    def over(self) -> None:
        """Let nothing be recorded in it any more by contexts that still name it."""
        self.root.over = True
        for state in self.carried or ():
            state.over = True

    def tell_children(self) -> None:
        """Let forked children see that it has ended: a worker may outlive the execution in which it was forked."""
        if self.told is not None:
            page, place = self.told
            page[place] = 1

    @property
    def has_ended_elsewhere(self) -> bool:
        """Whether the process in which this one was forked has ended it."""
        return self.told is not None and self.told[0][self.told[1]] == 1

    def collect(self, task: TaskState, ended: bool = False) -> None:
        """Let other processes that take part write what they hold back: somebody is about to read.

        Args:
            task: The task that is read, or the root for all of the execution.
            ended: Whether they are done with the execution.
        """
        for participant in list(self.participants):
            with guarded(f"collecting what others recorded of execution {self.name!r}", task.note):
                participant.hand_over(task, ended)

    @property
    def url(self) -> str:
        """The execution's address: below `OBS_UI_URL` if that is set, else its place in the store.

        Empty if it cannot be told.
        """
        with guarded("finding the address of an execution"):
            base = settings.ui_url()
            if base:
                return f"{base}/executions/{self.id}"
            place = self.store.address(execution_path(self.id))
            return place if "://" in place else f"file://{place}"
        return ""


_page: Any = None
_places: Iterator[int] = iter(())
_PAGE = 4096


def _before_fork() -> None:
    """Give each execution a byte that the child shares, by which it is told of the end."""
    global _page, _places
    for run in live.values():
        if run.told is not None:
            continue
        place = next(_places, None)
        if place is None:
            import mmap

            # It is given back with the last execution that has a byte of it.
            with guarded("making what a forked child is told"):
                _page, _places = mmap.mmap(-1, _PAGE), iter(range(_PAGE))
                place = next(_places)
        if place is not None:
            run.told = _page, place


def _after_fork() -> None:
    """Tell this process's own children in another page: the parent goes on to use the rest of its own."""
    global _page, _places
    _page, _places = None, iter(())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_child=_after_fork)


live: Named[Run] = Named()
"""The executions in which this process takes part, by id."""

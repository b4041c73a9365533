"""What an execution looks like once it is read back: plain records, shared by traces, reports and readers."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Mapping, MutableSequence, Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args, overload

from msgspec import Struct, field

from obs_core.outcomes import OUTCOMES

if TYPE_CHECKING:
    from datetime import datetime

Status = Literal["running", "succeeded", "failed", "lost"]
"""`lost`: it ended without saying so; why, `obs why` tells as far as it is known."""

STATUSES: tuple[Status, ...] = get_args(Status)

SpanKind = Literal["workflow", "task", "operation", "obs"]
"""`obs`: what obs itself did around a task: drawing, reports, what a decorator begins and ends; not the task's time."""


def moment(ns: int) -> datetime:
    """Return nanoseconds since the epoch as an aware datetime, exact to the microsecond."""
    from datetime import UTC, datetime  # not at import: a pipeline that records has no use for it

    seconds, fraction = divmod(ns, 1_000_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=fraction // 1_000)


class Link(Struct, frozen=True):
    """A named address attached to a task.

    Attributes:
        name: What the link is called, such as ``"W&B run"``.
        url: The address; only http and https are made clickable, anything else is shown as text.
    """

    name: str
    url: str


class Verdict(Struct, frozen=True):
    """What a check found: a validation, expectations, a comparison of data, or a call of `check`.

    Attributes:
        outcome: ``"passed"``, ``"warned"`` or ``"failed"``.
        what: Of a deck, what was found, in a few words; may be empty. Otherwise what was checked: ``"rows > 0"``.
        detail: What was found, where `what` says what was checked.
        deck: The name of the deck that shows it; empty if none does.
        span: The id of the span in which it was said; empty if that is the task itself, or not known.
    """

    outcome: str
    what: str = ""
    detail: str = ""
    deck: str = ""
    span: str = ""

    @property
    def name(self) -> str:
        """What was checked: what `check` was given, or the deck that shows what was found."""
        return self.deck or self.what

    @property
    def found(self) -> str:
        """What was found, in a few words; may be empty."""
        return self.what if self.deck else self.detail


class VerdictCounts(Struct):
    """What all checks of an execution found.

    Attributes:
        passed: How many found nothing wrong.
        warned: How many found what is worth a look.
        failed: How many found what is wrong.
        said: The worst of them: outcome, what was checked, what was found. A list of executions has up to 50.
    """

    passed: int = 0
    warned: int = 0
    failed: int = 0
    said: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def outcome(self) -> str:
        """The worst outcome: ``"failed"``, ``"warned"``, ``"passed"``; empty if nothing was checked."""
        return next((name for name in OUTCOMES if getattr(self, name)), "")

    def __bool__(self) -> bool:
        """Whether anything was checked."""
        return bool(self.outcome)


class DeckView(Struct):
    """A deck as it is shown: one tab.

    Attributes:
        name: The tab's title, unescaped.
        items: HTML fragments or whole documents in the order in which they were appended. A ``<script>`` or
            ``<style>`` body that is kept apart stands in them as ``obs:shared:<hash>`` (see
            `obs_core.report.shared`).
        of_workers: Whether all of it was appended by an engine's workers.
        verdicts: What the checks found that it shows.
        draw: Draws it for a notebook, with the bodies that its store keeps apart; None where it was not read from one.
    """

    name: str
    items: list[str] = field(default_factory=list)
    of_workers: bool = False
    verdicts: list[Verdict] = field(default_factory=list)
    draw: Callable[[DeckView], str] | None = None

    def __repr__(self) -> str:
        """Name it in a line: its items are pages of HTML."""
        return f"<DeckView {self.name[:120]!r}, {len(self.items):,} item{'s' * (len(self.items) != 1)}>"

    def _repr_html_(self) -> str | None:
        """Show it in a notebook, as a `Deck` is shown."""
        return None if self.draw is None else self.draw(self)


class DecksWhenRead(MutableSequence[DeckView]):
    """The decks of a task, made when somebody looks at the first of them: drawing is most of what reading costs.

    Args:
        make: Makes them; called once.
    """

    def __init__(self, make: Callable[[], Iterable[DeckView]]) -> None:
        self._make = make
        self._made: list[DeckView] | None = None

    @property
    def _decks(self) -> list[DeckView]:
        if self._made is None:
            self._made = list(self._make())
        return self._made

    def __len__(self) -> int:
        return len(self._decks)

    @overload
    def __getitem__(self, index: int) -> DeckView: ...

    @overload
    def __getitem__(self, index: slice) -> MutableSequence[DeckView]: ...

    def __getitem__(self, index: Any) -> Any:
        return self._decks[index]

    def __setitem__(self, index: Any, value: Any) -> None:
        self._decks[index] = value

    def __delitem__(self, index: Any) -> None:
        del self._decks[index]

    def insert(self, index: int, value: DeckView) -> None:
        """Put a deck before another one."""
        self._decks.insert(index, value)

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, (DecksWhenRead, list)) else NotImplemented

    def __repr__(self) -> str:
        return "<decks, not drawn yet>" if self._made is None else repr(self._made)


class LogLine(Struct, frozen=True):
    """A line that an execution logged or printed.

    Attributes:
        at: When, in nanoseconds since the epoch.
        level: ``"DEBUG"``, ``"INFO"``, ``"WARNING"``, ``"ERROR"``, ``"CRITICAL"``, or the name of a level of one's own;
            empty for what was printed.
        severity: The level as a number, 30 for a warning; 0 for what was printed.
        stream: ``"logging"``, ``"warnings"``, ``"stdout"``, ``"stderr"``, or ``"output"`` for what other code than
            Python's streams wrote where both of them go to the same place.
        text: What was said, without the line break.
        task: The id of the task in which it was said; that of the execution itself outside any task.
        span: The id of the span in which it was said; the task's own outside any span.
        logger: The logger's name; empty for what was printed.
        where: ``"file:line"`` of the call that logged; empty if that is not known.
        exception: The traceback that was logged with it; empty if there was none.
        fields: What else was said in named values.
        writer: The writer id of the process that said it.
    """

    at: int
    level: str
    severity: int
    stream: str
    text: str
    task: str
    span: str
    logger: str = ""
    where: str = ""
    exception: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)
    writer: str = ""


class LogWhenRead:
    """What a task said, read when somebody asks.

    Args:
        read: Reads it; takes what `TaskView.log` does.
    """

    def __init__(self, read: Callable[..., list[LogLine]]) -> None:
        self.read = read

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LogWhenRead)

    def __repr__(self) -> str:
        return "<log, not read yet>"


class TaskView(Struct):
    """One call of a task, as its report shows it.

    Attributes:
        id: ``"<writer>.<number>"``, unique in the execution.
        name: The task's name, unescaped.
        status: How it stands.
        started: Nanoseconds since the epoch.
        duration: Nanoseconds; when it has not ended, up to the end of its process if that was seen, else up to the last
            sign of life.
        attempt: 1 for the first try.
        parent: The id of the task (or workflow) that called it, if any.
        error: One line, ``"ValueError: no such airport"``, when it failed.
        decks: Its tabs; those of an execution that was read back are drawn when they are looked at.
        notes: What the reader must know: warnings of ours, lost records.
        said: Where `log` reads; None where no execution was read back.
        verdicts: What was checked in it: by `check`, and what its decks show.
        is_execution: Whether it is no task, but the execution itself: what was recorded outside any task.
        cut: How the process ended that cut it short, as ``obs run`` saw it: ``"ended by SIGKILL"``; empty if it was not
            cut short, or nobody saw that.
    """

    id: str
    name: str
    status: Status
    started: int
    duration: int
    attempt: int = 1
    parent: str | None = None
    error: str | None = None
    links: list[Link] = field(default_factory=list)
    decks: MutableSequence[DeckView] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    said: LogWhenRead | None = None
    verdicts: list[Verdict] = field(default_factory=list)
    is_execution: bool = False
    cut: str = ""

    def __repr__(self) -> str:
        """Name it in a line: its decks are pages of HTML."""
        return f"<TaskView {self.name[:120]!r} {self.id} {_told(self)}>"

    def log(
        self, *, level: str | int | None = None, grep: str = "", since: int = 0, last: int | None = None
    ) -> list[LogLine]:
        """Return what this call of the task logged and printed, oldest first.

        Lines of the tasks that it called are theirs.

        Args:
            level: The least severe level: ``"warning"``, or a number as `logging` has them. Default: everything.
            grep: Text that stands in the line.
            since: Nanoseconds since the epoch.
            last: How many lines at most, the last ones.

        Examples:
            >>> for line in load_execution("last").task("train").log(last=50):
            ...     print(line.text)
            3 steps
            the delay of 1 flight is missing
        """
        return [] if self.said is None else self.said.read(level=level, grep=grep, since=since, last=last)

    def _repr_html_(self) -> str:
        """Show it in a notebook: how it stands and what is known of it. No deck is drawn for that."""
        checks = "; ".join(f"{one.name}: {one.outcome}" for one in self.verdicts[:_MOST_SHOWN])
        known = [("Attempt", str(self.attempt) if self.attempt > 1 else ""), ("Checks", checks)]
        known += [(link.name, link.url) for link in self.links[:_MOST_SHOWN]]
        known += [("Note", note) for note in self.notes[:_MOST_SHOWN]]
        return _shown(self, known)

    @property
    def start(self) -> datetime:
        """When it started, in UTC, to the microsecond."""
        return moment(self.started)

    @property
    def seconds(self) -> float:
        """How long it took, in seconds: `duration` as people and plots want it."""
        return self.duration / 1_000_000_000


_MOST_SHOWN = 20
"""Of each kind of facts."""


def _told(view: TaskView | ExecutionView) -> str:
    from obs_core.text.durations import format_standing

    error = view.error or ""
    failed = f", {error if error.isprintable() else repr(error)}" if error else ""
    return f"{format_standing(view.duration, view.status, ', ')}{failed[:200]}"


def _shown(view: TaskView | ExecutionView, known: Iterable[tuple[str, str]]) -> str:
    from obs_core.text.durations import format_moment, format_standing
    from obs_core.text.html_tables import cell_text, facts

    error = f"<p><code>{cell_text(view.error, 500)}</code></p>" if view.error else ""
    head = f"<p><b>{cell_text(view.name, 120)}</b> {format_standing(view.duration, view.status)}</p>"
    return f"{head}{error}{facts([('Id', view.id), ('Started', format_moment(view.started)), *known])}"


class ExecutionView(Struct):
    """One execution, as lists and report headers show it.

    Attributes:
        id: Sortable by time, ``"20261122-234237-417123-k3v9xq"``.
        started: Nanoseconds since the epoch.
        duration: Nanoseconds; up to the last sign of life when it has not ended.
        lost_records: How many records could not be written.
        damaged_records: How many records at least were written, but are damaged or missing in the store now. A list,
            which reads only the beginning and the end, does not know of those in between.
        metrics: The last, least and greatest value of each metric that its first process logged, by name; None for what
            is not finite.
        verdicts: What the checks found, in all tasks.
        within: The execution of ``obs run`` around it, if its process was started by one; empty if there is none.
        damaged_beginning: Whether the record of how it began cannot be read, or not all of it: its name may be its id,
            and its start when that was made.
        log_notes: What is missing or damaged in its log, a sentence each; empty until somebody looked.
    """

    id: str
    name: str
    status: Status
    started: int
    duration: int
    tags: Mapping[str, str] = field(default_factory=dict)
    host: str = ""
    user: str = ""
    command: str = ""
    git_commit: str = ""
    error: str | None = None
    lost_records: int = 0
    damaged_records: int = 0
    metrics: Mapping[str, tuple[float | None, float | None, float | None]] = field(default_factory=dict)
    verdicts: VerdictCounts = field(default_factory=VerdictCounts)
    within: str = ""
    damaged_beginning: bool = False
    log_notes: Sequence[str] = ()

    def __repr__(self) -> str:
        """Name it in a line."""
        return f"<ExecutionView {self.name[:120]!r} {self.id} {_told(self)}>"

    def _repr_html_(self) -> str:
        """Show it in a notebook: how it stands and what is known of it."""
        from obs_core.text.missing import missing_from
        from obs_core.text.numbers import precise
        from obs_core.text.verdicts import counted_verdicts

        verdicts = self.verdicts
        checks = counted_verdicts(verdicts.passed, verdicts.warned, verdicts.failed)
        known = [("Checks", checks), ("Tags", ", ".join(f"{name}={value}" for name, value in self.tags.items()))]
        known += [("Command", self.command), ("Commit", self.git_commit), ("Host", self.host), ("User", self.user)]
        last = [(name, found[0]) for name, found in [*self.metrics.items()][:_MOST_SHOWN]]
        known += [(name, "not finite" if value is None else precise(value)) for name, value in last]
        known += [("Note", note) for note in missing_from(self)]
        return _shown(self, known)

    @property
    def start(self) -> datetime:
        """When it started, in UTC, to the microsecond."""
        return moment(self.started)

    @property
    def seconds(self) -> float:
        """How long it took, in seconds: `duration` as people and plots want it."""
        return self.duration / 1_000_000_000


class Counted(Struct, frozen=True):
    """Operations of one name that are not recorded each.

    Attributes:
        count: How many there are.
        total: Sum of their durations in nanoseconds.
        longest: The longest of them.
    """

    count: int
    total: int
    longest: int


class WorkerView(Struct):
    """An engine's worker that took part in an execution.

    Attributes:
        name: What the engine calls it, such as ``"tcp://10.0.0.7:40331"``.
        host: Its machine.
        threads: How many operations it runs at a time.
        joined: Nanoseconds since the epoch.
        left: When it was done with the execution, or was last heard of; nanoseconds since the epoch.
        status: ``"working"``, ``"left"``, or ``"gone"`` if it went without saying so.
    """

    name: str
    host: str
    threads: int
    joined: int
    left: int
    status: Literal["working", "left", "gone"]


class Series(Struct):
    """What one process saw of one quantity, in the order in which it did.

    Attributes:
        times: Nanoseconds since the epoch (``array("q")``).
        values: Bytes, seconds or counts (``array("d")``).
    """

    times: MutableSequence[int] = field(default_factory=lambda: array("q"))
    values: MutableSequence[float] = field(default_factory=lambda: array("d"))


class Call(Struct, frozen=True):
    """One call of a stack.

    Attributes:
        function: Its qualified name.
        file: Where it is written.
        line: The line that ran.
    """

    function: str
    file: str
    line: int


class ThreadStack(Struct, frozen=True):
    """What a thread was doing when it was last looked at.

    Attributes:
        writer: The id of its process among the writers of the execution.
        thread: Its name.
        at: When it was looked at, nanoseconds since the epoch.
        span: Id of the task or span that it was in; None if that is not known.
        calls: Its calls, the innermost last.
        since: From when on it was seen at the same place in the same calls, look by look, nanoseconds since the epoch.
    """

    writer: str
    thread: str
    at: int
    span: str | None
    calls: list[Call]
    since: int


class SeenStack(Struct, frozen=True):
    """A stack that a sampling profiler saw, and how often.

    Attributes:
        writer: The id of its process among the writers of the execution.
        thread: The name of its thread.
        span: Id of the task or span that it was in; None if that is not known.
        calls: Its calls, the innermost last.
        seen: How often it was seen.
        running: How often of these its thread used the CPU; elsewhere it waited.
        interval: Nanoseconds between two looks.
    """

    writer: str
    thread: str
    span: str | None
    calls: tuple[Call, ...]
    seen: int
    running: int
    interval: int


class SpanIds(Sequence[str]):
    """The ids of the spans in a table, ``"<writer>.<number>"``: made when they are asked for, since few are."""

    def __init__(self) -> None:
        self._writers: list[str] = []
        self._numbers = array("q")

    def add(self, writer: str, numbers: Sequence[int]) -> None:
        """Append the ids of spans of one writer."""
        self._writers.extend([writer] * len(numbers))
        self._numbers.extend(numbers)

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        return f"{self._writers[index]}.{self._numbers[index]}"


class SpanTable(Struct):
    """The spans of an execution as columns: entry ``i`` of each list is one span.

    A million spans fit: no object is made per span until somebody looks at one. Of an execution that was read back the
    columns of integers are arrays (``array("q")``), which numpy views without copying.

    Attributes:
        execution: The execution they belong to.
        ids: ``"<writer>.<number>"``.
        parents: Index of the parent in this table, -1 for the root; entry 0 is the root (the execution
            itself).
        names: Unescaped.
        kinds: ``"workflow"``, ``"task"``, ``"operation"`` or ``"obs"``.
        starts: Nanoseconds since the epoch.
        durations: Wall time in nanoseconds; for an open span up to the last sign of life.
        process_times: CPU time of the process in nanoseconds while the span was open (all threads).
        errors: Index to exception type name, for spans that raised.
        attributes: Index to attributes, for spans that have any.
        open: Indexes of spans that had not ended when the record was read.
        keys: Index to the engine's name for it, for operations that an engine ran. Their attributes have it too, and
            from the second on ``"attempt"``, if it ran several times below one parent.
        counted: Index to what it stands for, for an entry that stands for several operations: it lasts from the start
            of the first to the end of the last.
        workers: The engine's workers that took part, in the order in which they joined.
        logged: Index to how many warnings and how many errors were logged in a span, where any were.
        samples: What each process used while it was recorded, by writer and name; empty where nobody looked.
    """

    execution: ExecutionView
    ids: MutableSequence[str] | SpanIds = field(default_factory=list)
    parents: MutableSequence[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    kinds: list[SpanKind] = field(default_factory=list)
    starts: MutableSequence[int] = field(default_factory=list)
    durations: MutableSequence[int] = field(default_factory=list)
    process_times: MutableSequence[int] = field(default_factory=list)
    errors: dict[int, str] = field(default_factory=dict)
    attributes: dict[int, dict[str, Any]] = field(default_factory=dict)
    open: set[int] = field(default_factory=set)
    keys: dict[int, str] = field(default_factory=dict)
    counted: dict[int, Counted] = field(default_factory=dict)
    workers: list[WorkerView] = field(default_factory=list)
    logged: dict[int, tuple[int, int]] = field(default_factory=dict)
    samples: dict[str, dict[str, Series]] = field(default_factory=dict)

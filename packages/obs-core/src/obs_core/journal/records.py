"""The records of a journal: what each line of a segment says, as docs/store-format.md describes."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from obs_core.identity import Process

FORMAT_VERSION = 1
"""Raised when a reader of the old format could no longer make sense of the new one."""

Number = Annotated[int, Meta(ge=0, le=2**53)]
"""Of a span, task or deck. A line with a number or a time beyond these bounds is damaged, and skipped."""

Time = Annotated[int, Meta(ge=-(2**61), le=2**61)]
"""Nanoseconds: a time by the writer's clock, or how long something took."""

Moment = Annotated[int, Meta(ge=-(2**61), le=2**62 - 1)]
"""Nanoseconds since the epoch, until 2116. With a `Time` from then on, and as long as another one, it is within the 64
bits in which readers hold times: so a damaged line, or one that means harm, never goes beyond them."""

Int = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
"""Another number that every reader can hold."""

Ref = Number | str
"""A span, task or deck: its number, or ``"<writer>.<number>"`` when another writer made it."""


class Record(Struct, array_like=True, tag=True, gc=False):
    """A line: a JSON array whose first entry names the kind. New fields are only ever added at the end."""


class Head(Record, tag="head"):
    """First line of every segment: who writes, and when its clock began."""

    version: Int
    execution: str
    writer: str
    clock: Moment
    """Nanoseconds since the epoch at which this writer's times are zero."""
    process: Process
    python: str
    obs_core: str
    checked: Int = 0
    """1 if the lines stand in batches, each followed by a `Check`."""


class ExecutionStart(Record, tag="execution"):
    """The execution began; written by its first writer."""

    number: Number
    """The number of its root span."""
    name: str
    at: Time
    tags: dict[str, str]
    user: str
    command: str
    git_commit: str
    within: str = ""
    """The execution of another process in which this one's process runs, such as that of ``obs run``."""


class Surroundings(Record, tag="surroundings"):
    """What an execution ran in; written by its first writer, once more if it imported more since."""

    folder: str
    """The working folder."""
    digest: str
    """The hash of a JSON object in the store's shared content: machine, Python, and what is installed and imported."""


class ExecutionEnd(Record, tag="execution-end"):
    """The execution ended."""

    at: Time
    status: str
    error: str | None
    process_time: Time
    lost: Int


class SpanRecord(Record, tag="span"):
    """An operation that ended."""

    number: Number
    parent: Ref
    name: str
    start: Time
    duration: Time
    process_time: Time
    error: str | None = None
    attributes: dict[str, Any] | None = None
    key: str | None = None
    """What the engine that ran it calls it; a later span of the same key is a later attempt."""
    counted: tuple[Number, Time, Time] | None = None
    """It stands for several operations that are not written: how many, their total and their longest duration. One of
    the same number that follows replaces it."""
    kind: str | None = None
    """``"obs"`` for what obs itself did around a task; an operation of the task otherwise."""


class OpenSpan(Record, tag="open"):
    """An operation that had not ended when the journal was written.

    A `SpanRecord` of the same number follows if it ends.
    """

    number: Number
    parent: Ref
    name: str
    start: Time
    attributes: dict[str, Any] | None = None
    key: str | None = None


class TaskStart(Record, tag="task"):
    """A task's call began."""

    number: Number
    parent: Ref
    name: str
    start: Time
    attempt: Int
    function: str
    enable_deck: bool


class TaskBegun(Record, tag="task-begun"):
    """A task's function began, noticeably later than the call: of a task that ends, `TaskEnd` tells it too."""

    number: Number
    at: Time


class TaskEnd(Record, tag="task-end"):
    """A task's call ended."""

    number: Number
    duration: Time
    """How long its function ran, without what obs did before and after."""
    process_time: Time
    status: str
    error: str | None = None
    start: Time | None = None
    """When its function began: what stands in `TaskStart` is when obs began with the call."""


class Raised(Record, tag="raised"):
    """Where the exception that ended a task (or the execution) was raised."""

    task: Ref
    chain: list[tuple[str, str]]
    """The exception, then what caused it, and so on: each as one line, and ``"file:line"`` of the user's code. A group
    of exceptions is followed by the first of them. In a long chain, a line before the last says how many are left
    out."""
    others: list[tuple[str, str]] = []
    """Of a group, what else is in it."""
    spans: list[Ref | None] = []
    """The innermost span of the task that each of all these left, in this order; empty if none did."""
    tasks: list[Ref | None] = []
    """Of what ended the execution: the innermost task that each of all these had ended before, in this order; empty if
    none had ended any in this process."""
    while_handling: bool = False
    """Whether the last of the chain was being handled when what it led to came, and is not named as its cause."""
    notes: list[str] = []
    """What ``add_note`` has added to all these, each as one line."""
    notes_of: list[Int] = []
    """To which of all these each note was added: its place in the chain, or beyond that among the others."""
    notes_left_out: Int = 0
    """How many more notes there were: of each exception only the first are kept."""


ASKED_TO_END = frozenset(("SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM"))
"""Signals that ask a process to end. One that tidies up first may end itself by the same signal after that."""


class ProcessEnded(Record, tag="process-ended"):
    """A process that this writer supervised ended: what the system says of it, whatever the process itself recorded."""

    at: Time
    pid: Int
    code: Int | None
    """Its exit code; None if a signal ended it."""
    signal: str
    """The signal that ended it, such as ``"SIGKILL"``; empty if it exited."""
    timeout: Time | None
    """After how long it was told to end since it had not; None if it ended before."""
    passed_on: list[tuple[Time, str]]
    """Signals that came for it while it ran and were passed on, and when."""
    oom_kills: Int
    """How many processes of its cgroup the kernel killed for memory while it ran."""
    memory_limit: Int | None
    """Bytes that its cgroup may use; None if there is no limit, or no cgroup that can be seen."""
    memory_peak: Int | None
    """Bytes that its cgroup used at most since it exists; None where that is not counted."""
    max_rss: Int
    """Bytes of memory that it, or the largest process that it waited for, held at most; 0 where that is not known."""
    user_time: Time
    system_time: Time
    core_dumped: bool = False
    from_terminal: list[tuple[Time, str]] = []
    """Signals that a terminal sent to the group of the supervisor, and so to the process if it was in that."""
    attempt: Int = 1
    """Which try it was, as the engine that started the supervisor counts."""


class ProcessReplaced(Record, tag="replaced"):
    """This writer's process becomes another program, as `os.execv` does: nothing of it goes on."""

    at: Time
    happens: bool = True
    """False takes it back: there was no such program."""


class DeckMade(Record, tag="deck"):
    """A tab of a task (or of the whole execution) was made."""

    number: Number
    task: Ref
    name: str


class DeckItems(Record, tag="items"):
    """HTML appended to a deck. `shared` are the hashes that stand in it as ``obs:shared:<hash>``."""

    deck: Ref
    at: Time
    items: list[str]
    shared: list[str] = []
    source: str = ""
    """The worker that appended it; empty for the task itself."""


class DeckBlob(Record, tag="blob"):
    """One item of a deck that is kept in a file of its own, content addressed."""

    deck: Ref
    at: Time
    path: str
    shared: list[str] = []
    source: str = ""


class DeckTimes(Record, tag="times"):
    """Bars of a time line deck: name, start, finish (nanoseconds since the epoch), process time.

    They are the user's own, of any year: further than a `Moment` goes.
    """

    deck: Ref
    at: Time
    bars: list[tuple[str, Int, Int, Int | None]]


class VerdictMade(Record, tag="verdict"):
    """What a check found, and the deck that shows it or the task that says it."""

    deck: Ref | None
    """None if no deck shows it: then `task` is given."""
    at: Time
    outcome: str
    """``"passed"``, ``"warned"`` or ``"failed"``."""
    what: str = ""
    """Of a deck, what was found; of a task, what was checked."""
    task: Ref | None = None
    span: Ref | None = None
    """In which it was said; None if that is the task itself."""
    detail: str = ""
    """What was found, of a task."""


class VerdictSummary(Record, tag="verdicts"):
    """What all checks of this writer found by now: what a list of executions shows."""

    at: Time
    passed: Int
    warned: Int
    failed: Int
    said: list[tuple[str, str, str]]
    """The worst of them, each its outcome, what was checked (or the deck that shows it), and what was found."""


class LinkMade(Record, tag="link"):
    """A link was attached to a task."""

    task: Ref
    name: str
    url: str


class Note(Record, tag="note"):
    """Something a reader of the task's report must know."""

    task: Ref
    text: str
    checked: bool = False
    """Whether a verdict tells it too: it is no further check that warned."""


LEFT_OPEN = (
    "Its process came to its end while this was still open: a thread ran it that nobody waits for, or nothing left it."
)
"""The note of an execution that had not ended when its process did."""


class Output(Record, tag="output"):
    """What a task returned, kept: as text in place, or in a file."""

    task: Ref
    transformer: str
    text: str | None
    path: str | None


class Artifact(Record, tag="artifact"):
    """A value that a task kept under a name: as text in place, or in a file."""

    task: Ref
    name: str
    transformer: str
    text: str | None
    path: str | None


class CaptureMade(Record, tag="capture"):
    """A file was begun from which decks of a task are made later."""

    number: Number
    task: Ref
    at: Time
    kind: str
    path: str
    options: dict[str, Any]


class CaptureDone(Record, tag="capture-done"):
    """The decks of a capture are made."""

    capture: Ref


class WorkerJoined(Record, tag="worker"):
    """An engine's worker in this process took up work of this execution."""

    name: str
    at: Time
    threads: Int
    """How many operations it runs at a time."""


class WorkerLeft(Record, tag="worker-left"):
    """A worker is done with this execution, or with everything."""

    name: str
    at: Time


class Beat(Record, tag="beat"):
    """A sign of life of a writer that has nothing else to say."""

    at: Time


class Sample(Record, tag="sample"):
    """What this process, its container and its machine used at a moment."""

    at: Time
    values: dict[str, float]
    """By name, such as ``"rss"``; bytes, seconds and counts. Names that end in ``_total`` count since the process, the
    container or the machine began. What is not looked at each time stands until it is given anew."""


class Calls(Record, tag="calls"):
    """Calls of which the stacks of this writer are made, each within another one."""

    first: Number
    """The number of the first one; the others follow."""
    calls: list[tuple[Int, str, str, Int]]
    """The number of the call around it (-1: it is the outermost), the function, its file, and the line that runs."""


class Stacks(Record, tag="stacks"):
    """What the threads of this process were doing at a moment."""

    at: Time
    threads: list[tuple[str, Ref | None, Int]]
    """Name of the thread, the task or span it was in as far as that is known, and its innermost call."""


class Profile(Record, tag="profile"):
    """How often stacks were seen by a sampling profiler."""

    at: Time
    since: Time
    interval: Time
    """Nanoseconds between two samples."""
    seen: list[tuple[str, Ref | None, Int, Int, Int]]
    """Name of the thread, the task or span it was in, the innermost call, how often it was seen, and how often of these
    the thread used the CPU."""


class Lost(Record, tag="lost"):
    """Records that this writer could not write, since it last said so."""

    count: Int


class Said(Record, tag="said"):
    """How many lines this writer's log holds now that it is closed, so that a reader can tell how many are gone."""

    kept: Int
    lost: Int = 0
    """Lines that the store did not take, and of which the log itself says nothing."""


class Check(Record, tag="check"):
    """Ends a batch of lines, so that a reader can tell whether it is as it was written."""

    size: Int
    """Bytes of the batch, which stand right before this line."""
    count: Int
    """Records in it; the head of a segment is none."""
    crc: Int
    """CRC-32 of these bytes."""
    before: Int
    """Records that this writer wrote in earlier batches, of all its segments."""
    clock: Moment
    """As in the head."""


class Torn(Record, tag="torn"):
    """Something at the end of a segment cannot be read. No writer writes this: a reader adds it."""

    count: Int
    """Records, as far as that can be told."""
    size: Int
    """Bytes."""


class Points(Record, tag="points"):
    """Values of one metric, as columns: numbers in little endian, which JSON holds as base64."""

    task: Ref
    name: str
    at: Time
    """When the last of them was logged."""
    step: Int
    """Of the first."""
    steps: bytes
    """Signed integers of 8 bytes; empty where each step is one more than the one before."""
    times: bytes
    """When each was logged: unsigned integers of 4 bytes, how long before `at`. Signed integers of 8 bytes, by the
    writer's clock, where any of them is later than `at` or more than four seconds before it."""
    values: bytes
    """Floating-point numbers of 8 bytes; what is not a number, or infinite, is among them."""
    spans: list[tuple[Ref, Int]] = []
    """The spans in which they were logged, each with how many in a row; empty if that is the task itself."""


class Outline(Record, tag="outline"):
    """Points that stand for all of a metric in one part of a compressed segment.

    It is in no line of a segment, but beside that part: see `obs_core.journal.outlines`.
    """

    points: Points
    """Those that draw the same curve, the last of them included."""
    count: Int
    """How many points there are in that part."""
    odd: Int
    """How many of them are not finite."""
    segment: str
    """The name of the segment's file."""
    offset: Int
    """Where in it that part begins."""


class Params(Record, tag="params"):
    """Named values of a task; one of the same name that follows replaces it."""

    task: Ref
    at: Time
    values: dict[str, Any]


class Progress(Record, tag="progress"):
    """How far a loop is at a moment; one of the same number that follows replaces it."""

    number: Number
    task: Ref
    name: str
    at: Time
    start: Time
    done: Int | float
    total: Int | float | None = None
    unit: str = "it"
    ended: bool = False
    initial: Int | float = 0


class MetricSummary(Record, tag="metrics"):
    """The last, least and greatest value of each metric of this writer by now: what a list of executions shows."""

    at: Time
    values: dict[str, tuple[float | None, float | None, float | None]]
    """None stands for what is not a number, or infinite."""


AnyRecord = (
    Head
    | ExecutionStart
    | Surroundings
    | ExecutionEnd
    | SpanRecord
    | OpenSpan
    | TaskStart
    | TaskBegun
    | TaskEnd
    | Raised
    | ProcessEnded
    | ProcessReplaced
    | DeckMade
    | DeckItems
    | DeckBlob
    | DeckTimes
    | VerdictMade
    | VerdictSummary
    | LinkMade
    | Note
    | Output
    | Artifact
    | CaptureMade
    | CaptureDone
    | Points
    | Outline
    | Params
    | Progress
    | MetricSummary
    | WorkerJoined
    | WorkerLeft
    | Beat
    | Sample
    | Calls
    | Stacks
    | Profile
    | Lost
    | Said
    | Check
    | Torn
)

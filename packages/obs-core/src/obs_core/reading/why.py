"""Why an execution ended as it did, in one paragraph, with its evidence: what ``obs why`` prints."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from msgspec import Struct, field, structs

from obs_core import clock
from obs_core.assembly.assembly import Assembly
from obs_core.journal.log_reader import read_log
from obs_core.journal.reader import segment_names
from obs_core.model import ExecutionView, SpanTable, Status, TaskView
from obs_core.provenance import command_name
from obs_core.reading.changes.change import Change
from obs_core.reading.endings import Cause, Ending, Memory, ending_of, writer_that_ended
from obs_core.reading.fault_files import Frame, innermost_own, without_obs
from obs_core.reading.inputs import arguments_of
from obs_core.reading.last_success import LastSuccess, last_success
from obs_core.reading.listing import list_within
from obs_core.store.base import Store
from obs_core.text.durations import format_duration, format_moment
from obs_core.text.numbers import plural

__all__ = ["SpanAtEnd", "Why", "sections_of", "spans_at_end", "why"]

_MOST_OPEN = 20
_MOST_FRAMES = 30
_MOST_INPUTS = 12
_MOST_LINES = 10
_MOST_LOOPS = 10
_MOST_WITHIN_TOLD = 3
_LONGEST_LINE = 500
_LONGEST_TOLD = 160
"""Characters of an exception's message in a sentence: the whole is in the list below it, or in the box beside it."""

_LARGEST_COMPARED = 4 * 1024 * 1024
"""Bytes of the last good execution's journal beyond which it is not compared: all of it has to be read."""

_MOST_DIFFERENCES = 12
_TELLING = 40
"""How telling a difference has to be, from 0 to 100."""


class SpanAtEnd(Struct, frozen=True):
    """A span that was open when the execution ended, or that an exception ended.

    Attributes:
        id: Its id, ``"<writer>.<number>"``.
        name: Its name.
        start: Nanoseconds since the epoch.
        duration: Nanoseconds, up to the last sign of life.
        is_task: Whether it is a task.
        error: The type of the exception that ended it; empty for one that was open.
        task: The id of the task that it is a part of; its own, for a task.
    """

    id: str
    name: str
    start: int
    duration: int
    is_task: bool = False
    error: str = ""
    task: str = ""


class Why(Struct, kw_only=True):
    """Why an execution ended as it did.

    Attributes:
        execution: Its id.
        name: The pipeline's name.
        status: How it stands.
        cause: In a word.
        known: Whether somebody saw the cause: an exception, a wait status, a signal's handler. Otherwise it is
            concluded from the last sign of life and the machine.
        at: When it ended, nanoseconds since the epoch; the last sign of life if no more is known.
        paragraph: All that matters, for people.
        task: The task that was at work, or that failed first; empty outside any.
        task_id: Its id.
        span: The innermost span in it; empty if there was none.
        place: ``"file:line"`` of the user's code where it was; empty if it is not known.
        error: The exception, then what caused it: each as one line, and ``"file:line"``.
        causes: What caused it in the end, and what else was in the same group of exceptions: each as one line, with
            the file, the line, and the task or span that it ended.
        stack: The calls under way when it crashed or got SIGTERM, the innermost first.
        memory: What is known of the memory.
        open: What was open, the outermost first.
        loops: How far the loops came that did not come to their end, such as ``"epoch: 20 of 30 it, 66 %"``: those of
            the task, then those of the tasks around it.
        inputs: The task's arguments: name, and how they read.
        lines: The last lines that the task logged or printed; those of the whole execution if it said none.
        last_success: The last good execution of the same name; None if there is none.
        differences: What is different since then.
        evidence: What the cause rests on.
    """

    execution: str
    name: str
    status: Status
    cause: Cause
    known: bool
    at: int
    paragraph: str = ""
    task: str = ""
    task_id: str = ""
    span: str = ""
    place: str = ""
    error: list[tuple[str, str]] = field(default_factory=list)
    causes: list[str] = field(default_factory=list)
    stack: list[Frame] = field(default_factory=list)
    memory: Memory | None = None
    open: list[SpanAtEnd] = field(default_factory=list)
    loops: list[str] = field(default_factory=list)
    inputs: list[tuple[str, str]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    last_success: str | None = None
    differences: list[str] = field(default_factory=list)
    evidence: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return self.paragraph

    def _repr_html_(self) -> str:
        """Show it in a notebook: what matters, and folded what it rests on. It needs no script and no style."""
        from obs_core.reading.notebook import shown_reasons

        return shown_reasons(self.paragraph, list(sections_of(self)))


def sections_of(found: Why) -> Iterator[tuple[str, list[str]]]:
    """Go through what is told below the paragraph: a title and its lines, of which there may be none.

    Args:
        found: Why it ended.
    """
    yield "Exception", [f"{text}  ({place})" if place else text for text, place in found.error]
    yield "Stack, innermost call first", [str(frame) for frame in found.stack]
    yield (
        "Open now" if found.cause == "running" else "Open at the end",
        [f"{'task ' if one.is_task else ''}{one.name}, {_how_long(one, found.at)}" for one in found.open],
    )
    yield "Unfinished loops", found.loops
    yield "Last lines", found.lines
    yield "Inputs", [f"{name}: {text}" for name, text in found.inputs]
    if found.memory is not None:
        yield "Memory", [f"{found.memory} ({found.memory.of})"]
    if found.last_success is not None:
        yield f"Since the last good run ({found.last_success})", found.differences
    yield ("Known" if found.known else "Concluded"), found.evidence


def _how_long(one: SpanAtEnd, end: int) -> str:
    """Tell how long it ran; if that is not known up to the end, how long before that it was seen."""
    silence = end - one.start - one.duration
    if silence > 0 and not one.duration:
        return f"which had begun {format_duration(silence)} before the end"
    return f"for {format_duration(one.duration)}"


def why(store: Store, assembly: Assembly, spans: Sequence[SpanAtEnd] | None = None) -> Why:
    """Tell why an execution ended as it did.

    Args:
        store: Where it is kept.
        assembly: It, put together.
        spans: What was open at its end, and what exceptions ended. Default: as the assembly's spans say.
    """
    view, ending = assembly.view, ending_of(store, assembly)
    spans = spans_at_end(assembly.table) if spans is None else spans
    found = Why(
        execution=view.id,
        name=view.name,
        status=view.status,
        cause=ending.cause,
        known=ending.known,
        at=ending.at or max(assembly.last_sign, view.started),
        memory=ending.memory,
        evidence=ending.evidence,
    )
    if view.status == "succeeded":
        found.paragraph = " ".join(_of_a_success(view, last_success(store, assembly)))
        return found
    task = _failed_task(assembly) if view.status == "failed" else None
    if task is None:
        task = _open_task(assembly)
    if task is not None:
        recorded = task.status == "failed"
    else:  # obs run knows where the program failed only if that has told it
        recorded = not assembly.ended_processes or any(at for _, at in assembly.raised.get(assembly.root_id, ()))
    if recorded and ending.cause in ("exception", "exit"):
        _tell_failure(found, assembly, task, spans)
    else:
        _tell_where(found, ending, assembly, task, spans)
    if task is not None:
        found.task, found.task_id = task.name, task.id
        found.inputs = _inputs_of(store, assembly, task)
    found.loops = list(islice(_loops_of(assembly, task), _MOST_LOOPS))
    found.lines = _last_lines(store, view.id, task)
    inner = list(_runs_within(store, view.id)) if assembly.ended_processes and not found.error else []
    good = last_success(store, assembly) if view.status != "running" else None
    if good is not None:
        found.last_success, found.differences = good.id, _differences(store, assembly, good)
    found.paragraph = " ".join(_sentences(found, ending, assembly, good, inner))
    return found


def spans_at_end(table: SpanTable) -> list[SpanAtEnd]:
    """Return the spans that were open at the end or that an exception ended, by their start.

    Args:
        table: The execution's spans.
    """
    rows = sorted({*table.open, *table.errors} - {0}, key=lambda row: (table.starts[row], row))
    return [
        SpanAtEnd(
            table.ids[row],
            table.names[row],
            table.starts[row],
            table.durations[row],
            table.kinds[row] == "task",
            table.errors.get(row, ""),
            table.ids[_task_around(table, row)],
        )
        for row in rows
    ]


def _task_around(table: SpanTable, row: int) -> int:
    """Return the row of the task, or of the execution, that a span is a part of; a task's own, for a task."""
    while row > 0 and table.kinds[row] != "task":
        row = table.parents[row]
    return max(row, 0)


def _last_lines(store: Store, execution_id: str, task: TaskView | None) -> list[str]:
    said = read_log(store, execution_id, tasks=(task.id,), last=_MOST_LINES) if task is not None else []
    said = said or read_log(store, execution_id, last=_MOST_LINES)
    return [f"{line.level} {line.text}".strip()[:_LONGEST_LINE] for line in said]


def _loops_of(assembly: Assembly, task: TaskView | None) -> Iterator[str]:
    """Go through the loops cut short: those of a task, then of the tasks around it and of the execution."""
    by_id = {one.id: one for one in assembly.tasks}
    around: dict[str, bool] = {}
    while task is not None and task.id not in around:
        around[task.id] = task.status == "running"
        task = by_id.get(task.parent or "")
    around.setdefault(assembly.root_id, assembly.view.status == "running")
    for task_id, runs in around.items():
        for bar in assembly.metrics.bars_of(task_id, runs, clock.epoch()):
            # Python ends a loop that an exception leaves as it ends one that a `break` leaves.
            if bar.status != "ended" or (bar.total is not None and bar.done < bar.total):
                yield f"{bar.name or 'progress'}: {bar.told()}"


def _of_a_success(view: ExecutionView, good: LastSuccess | None) -> Iterator[str]:
    yield f"{_named(view.name)} succeeded after {format_duration(view.duration)}."
    checks = view.verdicts
    for outcome, what, found in checks.said[:_MOST_WITHIN_TOLD]:
        if outcome != "passed":
            yield _sentence(f"The check {what!r} {outcome}{f': {found}' if found else ''}")
    if good is not None:
        yield f"{command_name()} diff {view.id} shows what is different from the last good run."


def _runs_within(store: Store, execution_id: str) -> Iterable[str]:
    """Say which executions the supervised program began itself, as far as they did not end well: they know more."""
    for inner in list_within(store, execution_id):
        if inner.status in ("failed", "lost"):
            how = inner.error or "it ended without saying so"
            yield _sentence(f"It ran the execution {_named(inner.name)} ({inner.id}), which tells more: {_told(how)}")


# Which task, and where


def _open_task(assembly: Assembly) -> TaskView | None:
    """Return the task that was at work: of those that never ended the one that began last."""
    never_ended = [task for task in assembly.tasks if task.status in ("lost", "running")]
    return max(
        (task for task in never_ended if task.id != assembly.root_id), key=lambda task: task.started, default=None
    )


def _failed_task(assembly: Assembly) -> TaskView | None:
    """Return the innermost task that the exception of the execution ended; else one that failed last, outermost."""
    failed = [task for task in assembly.tasks if task.status == "failed" and task.error and task.id != assembly.root_id]
    texts = {assembly.view.error, *(text for text, _ in assembly.raised.get(assembly.root_id, ()))}
    # An exit code tells of an exception that only its task recorded.
    wanted = [task for task in failed if task.error in texts]
    if not wanted and (assembly.view.error or "").startswith("SystemExit"):
        outermost = [task for task in failed if task.parent in (None, assembly.root_id)]
        last = max(outermost, key=lambda task: task.started + task.duration, default=None)
        wanted = [] if last is None else [task for task in failed if task.error == last.error]
    # A signal ends all that runs. It came where the execution was at work, and not in what waited then.
    came = _places_of(assembly, assembly.root_id)[-1:]

    def nearness(task: TaskView) -> tuple[bool, bool, int]:
        places = _places_of(assembly, task.id)
        return places[-1:] == came != [], bool(places), task.started

    return max(wanted, key=nearness, default=None)


def _places_of(assembly: Assembly, task_id: str) -> list[str]:
    """Return where the exception that ended a task, and what caused it, was raised; of a signal, where that came."""
    return [place for _, place in assembly.raised.get(task_id, ()) if place]


def _tell_failure(found: Why, assembly: Assembly, task: TaskView | None, spans: Sequence[SpanAtEnd]) -> None:
    key = assembly.root_id if task is None else task.id
    found.error = list(assembly.raised.get(key, ())) or [((task.error if task else assembly.view.error) or "", "")]
    found.place = found.error[0][1]
    kind = found.error[0][0].partition(":")[0]
    ended = [one for one in spans if one.error and not one.is_task and (task is None or one.start >= task.started)]
    found.span = next((one.name for one in reversed(ended) if one.error == kind), "")
    others = assembly.raised_too.get(key) or assembly.raised_too.get(assembly.root_id) or []
    all_told = [*found.error[1:][-1:], *others]
    found.causes = [
        f"{_told(text)}{_at(place)}{_inside(text, place, assembly, task, ended)}" for text, place in all_told
    ]


def _inside(text: str, place: str, assembly: Assembly, task: TaskView | None, ended: Sequence[SpanAtEnd]) -> str:
    """Say which other task an exception ended, else which span, if that is the only one that its type ended."""
    for one in reversed(assembly.tasks):
        if one is not task and one.error == text and place in _places_of(assembly, one.id):
            return f" in the task {_quoted(one.name)}"
    spans = [one.name for one in ended if one.error == text.partition(":")[0]]
    return f" in the span {_quoted(spans[0])}" if len(spans) == 1 else ""


def _tell_where(
    found: Why, ending: Ending, assembly: Assembly, task: TaskView | None, spans: Sequence[SpanAtEnd]
) -> None:
    left_open = [one for one in spans if one.error in ("", "Terminated")]
    if ending.at is not None:
        left_open = [_until(one, ending.at) for one in left_open]
    found.open = left_open[-_MOST_OPEN:]
    own = [one for one in left_open if not one.is_task and (task is None or one.task in ("", task.id))]
    if own and (task is None or own[-1].start >= task.started):
        found.span = own[-1].name
    stack = ending.fault.stack if ending.fault is not None else _last_seen_stack(found, assembly, task)
    found.stack = (without_obs(stack) or stack)[:_MOST_FRAMES]
    key = assembly.root_id if task is None else task.id
    if ending.cause == "terminated" and key in assembly.raised:  # its handler looked where each task was
        found.place = next(iter(_places_of(assembly, key)), "")
    elif (frame := innermost_own(stack)) is not None:
        found.place = f"{frame.file}:{frame.line}"


def _until(one: SpanAtEnd, end: int) -> SpanAtEnd:
    """Let a span last until the end, unless nothing was heard for longer than it is known to have run.

    It may have ended in that silence, and others after it: what is not written yet is lost with the process.
    """
    silence = end - (one.start + one.duration)
    return structs.replace(one, duration=one.duration + silence) if 0 < silence <= one.duration else one


def _last_seen_stack(found: Why, assembly: Assembly, task: TaskView | None) -> list[Frame]:
    """Return the stack that was at work when somebody looked last, the innermost call first; none if nobody looked."""
    writer = writer_that_ended(assembly)
    seen = [one for one in assembly.sampled.last_stacks() if writer is None or one.writer == writer.name]
    if not seen:
        if found.status == "lost":
            found.evidence.append(
                "No stack was recorded, so the line is not known: with obs-resources installed, one is each second."
            )
        return []
    wanted = [*(one.id for one in reversed(found.open)), None if task is None else task.id]
    chosen = min(seen, key=lambda one: (_place_in(wanted, one.span), one.thread != "MainThread"))
    found.evidence.append(f"The stack is the last one that was recorded, at {format_moment(chosen.at)}.")
    return [Frame(call.file, call.line, call.function) for call in reversed(chosen.calls)]


def _place_in(wanted: list[str | None], span: str | None) -> int:
    return wanted.index(span) if span is not None and span in wanted else len(wanted)


# The paragraph


def _sentences(
    found: Why, ending: Ending, assembly: Assembly, good: LastSuccess | None, inner: list[str]
) -> Iterable[str]:
    view = assembly.view
    if found.status == "lost" and not ending.known and (view.damaged_records or view.damaged_beginning):
        are = "is" if view.damaged_records == 1 else "are"
        missing = plural(view.damaged_records, "record")
        yield f"Its record is damaged: at least {missing} {are} missing, and how it ended may have been among them."
        yield "As far as it can be read:"
    subject = _named(found.task or view.name)
    of = f" of {_named(view.name)}" if found.task and found.task != view.name else ""
    says, detail = ending.says, ending.detail
    if found.error and ending.cause in ("exit", "exception"):
        says, detail = "failed", _told(found.error[0][0])
    when = f" at {format_moment(ending.at, 0)}" if ending.at else ""
    yield _sentence(f"{subject}{of} {says}{when}{': ' if detail else ''}{detail}")
    yield from _where(found, ending)
    if found.loops:
        yield f"Its loop had reached {found.loops[0]}."
    yield from inner[:_MOST_WITHIN_TOLD]
    if len(found.error) > 1:
        yield _sentence(f"It was caused by {found.causes[0]}")
    for other in found.causes[len(found.error) > 1 :]:
        yield _sentence(f"Raised together with it: {other}")
    if ending.at is None and found.status == "lost":
        yield f"The last sign of life came at {format_moment(found.at, 0)}."
    if found.lines and ending.cause != "exception":
        yield f"Its last line was {_quoted(found.lines[-1])}."
    if good is not None:
        yield from _compared(found, assembly, good)


def _where(found: Why, ending: Ending) -> Iterable[str]:
    if found.error:
        place = f"raised{_at(found.place)}" if found.place else ""
        inside = f"in the span {_quoted(found.span)}" if found.span else ""
        told = ", ".join(part for part in (place, inside) if part)
        if told:
            yield f"It was {told}."
        return
    where = f"{_quoted(found.span)}{_at(found.place)}"
    if found.span:
        last = next(one for one in reversed(found.open) if one.name == found.span)
        since = f", which had run for {format_duration(last.duration)}" if last.duration else ""
        silence = 0 if ending.at is None else ending.at - last.start - last.duration
        if silence > 0 and ending.fault is None:
            yield f"It was last seen in {where}, {format_duration(silence)} before the end."
        elif found.status == "lost" and ending.at is None and ending.fault is None:
            yield f"It was last seen in {where}{since}."
        else:
            yield f"It was in {where}{since}."
    elif found.place:
        yield f"It was{_at(found.place)}."


def _compared(found: Why, assembly: Assembly, good: LastSuccess) -> Iterable[str]:
    between = format_duration(max(0, assembly.view.started - good.view.started))
    lasted = max(assembly.view.duration, found.at - assembly.view.started)
    then, now = format_duration(good.view.duration), format_duration(lasted)
    yield f"The last good run, {between} before, took {then}; this one lasted {now}."
    if found.differences:
        rest = len(found.differences) - 3
        more = f"; and {rest} more" if rest > 0 else ""
        yield f"Since then: {'; '.join(found.differences[:3])}{more}."
    else:
        yield "Commit, command, tags, host and versions are the same."


def _sentence(text: str) -> str:
    """End it with a full stop, unless the message of an exception at its end has one."""
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def _told(text: str) -> str:
    """Cut it between two words, if it is long."""
    if len(text) <= _LONGEST_TOLD:
        return text
    head = text[: _LONGEST_TOLD + 1]
    return f"{(head.rpartition(' ')[0] or head[:-1]).rstrip()}…"


def _at(place: str) -> str:
    """Return ``" at join.py:88"``: the file without its folders, which the evidence has."""
    return f" at {os.path.basename(place.replace(chr(92), '/'))}" if place else ""


def _named(name: str) -> str:
    return name[:120] or "(unnamed)"


def _quoted(name: str) -> str:
    return f'"{name[:120]}"'


# What is different


def _differences(store: Store, assembly: Assembly, good: LastSuccess) -> list[str]:
    """Tell what is different since the last good execution, a phrase each; of a large one what its head tells."""
    told = list(good.differences)
    if store.local and sum(map(store.size_of, segment_names(store, good.id))) <= _LARGEST_COMPARED:
        from obs_core.reading.changes.comparing import causes
        from obs_core.reading.changes.reading import read_side
        from obs_core.reading.changes.sides import Side

        found = causes(read_side(store, good.id), Side(store, assembly, {}))
        told += [_phrase(change) for change in found[:_MOST_DIFFERENCES] if change.weight > _TELLING]
    return list(dict.fromkeys(told))  # an argument may be a parameter of the same name too


def _phrase(change: Change) -> str:
    if change.kind == "source":
        return f"the source of {_named(change.what)} changed ({change.note})"
    what = f"{_named(change.task)}'s {change.what}" if change.kind == "parameter" and change.task else change.what
    before, after = (_short(text) if text else "none" for text in (change.before, change.after))
    if before == after:
        _, _, first = change.note.partition(", first: ")
        return f"{what} has other contents: {f'{first} in ' if first else ''}{after}"
    return f"{what} was {before}, now {after}"


def _inputs_of(store: Store, assembly: Assembly, task: TaskView) -> list[tuple[str, str]]:
    """Return how a task's arguments read in its Input deck."""
    found = [(one.name, one.text(store)) for one in arguments_of(assembly, task.id)]
    return [(name, text) for name, text in found if text][:_MOST_INPUTS]


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:60]}…"

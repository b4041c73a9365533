"""Why an execution ended as it did, in one paragraph, with its evidence: what ``obs why`` prints."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from msgspec import Struct, field, structs

from obs_core import clock
from obs_core.assembly.assembly import Assembly
from obs_core.journal.log_reader import read_log
from obs_core.model import LogLine, SpanTable, Status, TaskView, ThreadStack
from obs_core.provenance import command_name
from obs_core.reading.differences import Ended, differences
from obs_core.reading.endings import AT_ONCE, Cause, Ending, Memory, ending_of, writers_of_what_ended
from obs_core.reading.fault_files import Frame, innermost_own, without_obs
from obs_core.reading.inputs import arguments_of
from obs_core.reading.last_success import LastSuccess, last_success
from obs_core.reading.listing import list_within
from obs_core.reading.raised_in import installed_modules_raised_in
from obs_core.store.base import Store
from obs_core.text.durations import format_duration, format_moment
from obs_core.text.failures import is_end_of_process, is_exit, is_group, short_place, signal_in
from obs_core.text.numbers import plural
from obs_core.text.terminal import without_escapes

__all__ = ["SpanAtEnd", "Why", "sections_of", "spans_at_end", "why"]

_MOST_OPEN = 20
_MOST_FRAMES = 30
_MOST_INPUTS = 12
_MOST_LINES = 10
_LONGEST_TRACEBACK = 1_000
_LED_TO = ("During handling of the above exception", "The above exception was the direct cause")
_MOST_LOOPS = 10
_STANDS = 2_000_000_000
"""Nanoseconds from which on it is told that what runs is at the same place."""

_MOST_WITHIN_TOLD = 3
_LONGEST_LINE = 500
_LONGEST_TOLD = 160
"""Characters of an exception's message in a sentence: the whole is in the list below it, or in the box beside it."""

_OF_COMMAND = re.compile(
    r"((?:CalledProcessError|TimeoutExpired): Command .+) "
    r"((?:died with|returned non-zero exit status|timed out after) [^'\"]{1,60})"
)

_MOST_DIFFERENCES = 6
"""Differences in the paragraph; all are in the list below it."""


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
        beyond: What the paragraph says beyond the exception and its causes, for who tells these in another way.
        task: The task that was at work, or that failed first; empty outside any.
        task_id: Its id.
        span: The innermost span in it; empty if there was none.
        place: ``"file:line"`` of the user's code where it was, or was seen last; empty if it is not known.
        error: The exception that ended it, then what caused it: each as one line, and ``"file:line"``. One
            of the latter may have ended the task, and was raised again as the former. In a long chain, one before the
            last says how many are left out.
        causes: What caused it in the end, and what else was in the same group of exceptions: each as one line, with
            the file, the line, and the task or span that it ended.
        notes: What was added to all these by ``add_note``, each as one line: the first five notes of each exception.
        notes_of: To which of all these each note was added: its line; empty if an older version recorded it.
        notes_left_out: How many more notes there were.
        stack: The calls under way when it crashed, when it got SIGTERM, or when a sampler looked last, the innermost
            first.
        memory: What is known of the memory.
        open: What was open, the outermost first.
        loops: How far the loops came that did not come to their end, such as ``"epoch: 20 of 30 it, 66 %"``: those of
            the task, then those of the tasks around it.
        inputs: The task's arguments: name, and how they read.
        lines: The last lines that the task logged or printed; those of the whole execution if it said none.
        lines_may_lack: Whether more may have been said after them: the program of ``obs run`` may have ended in a part
            that says nothing to obs.
        last_success: The last good execution of the same name; None if there is none.
        differences: What is different since then, first what tells most of the end: what the exception names, then
            what the failed task was given.
        evidence: What the cause rests on.
    """

    execution: str
    name: str
    status: Status
    cause: Cause
    known: bool
    at: int
    paragraph: str = ""
    beyond: str = ""
    task: str = ""
    task_id: str = ""
    span: str = ""
    place: str = ""
    error: list[tuple[str, str]] = field(default_factory=list)
    causes: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    notes_of: list[str] = field(default_factory=list)
    notes_left_out: int = 0
    stack: list[Frame] = field(default_factory=list)
    memory: Memory | None = None
    open: list[SpanAtEnd] = field(default_factory=list)
    loops: list[str] = field(default_factory=list)
    inputs: list[tuple[str, str]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    lines_may_lack: bool = False
    last_success: str | None = None
    differences: list[str] = field(default_factory=list)
    evidence: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return self.paragraph

    def __repr__(self) -> str:
        """Tell it as at a prompt: all that it rests on is in its fields."""
        return f"<Why {self.execution} {self.status}: {self.paragraph}>"

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
    yield ("Notes added to it" if _is_only_one(found) else "Notes added to them"), list(_notes(found))
    yield "Stack, innermost call first", [str(frame) for frame in found.stack]
    yield (
        "Open now" if found.cause == "running" else "Open at the end",
        [f"{'task ' if one.is_task else ''}{one.name}, {_how_long(one, found.at)}" for one in found.open],
    )
    yield "Unfinished loops", found.loops
    yield "Last lines kept" if found.lines_may_lack else "Last lines", found.lines
    yield "Inputs", [f"{name}: {text}" for name, text in found.inputs]
    if found.memory is not None:
        yield "Memory", [f"{found.memory} ({found.memory.of})"]
    if found.last_success is not None:
        yield f"Since the last good run ({found.last_success})", found.differences
    yield ("Known" if found.known else "Concluded"), found.evidence


def _is_only_one(found: Why) -> bool:
    """Tell whether a single exception is told of."""
    return len(found.error) == 1 and not found.causes


def _notes(found: Why) -> Iterator[str]:
    """Go through the notes, below the exceptions that they were added to; of a single one that needs no word."""
    by_error: dict[str, list[str]] = {}
    for note, of in zip(found.notes, found.notes_of, strict=True):
        by_error.setdefault("" if _is_only_one(found) else of, []).append(note)
    for of, notes in by_error.items():
        yield from [of, *(f"  {note}" for note in notes)] if of else notes
    if found.notes_left_out:
        yield f"… {plural(found.notes_left_out, 'more note')}, not recorded"


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
        found.paragraph = " ".join(_of_a_success(assembly, last_success(store, assembly)))
        return found
    task = _failed_task(assembly) if view.status == "failed" else None
    if task is None:
        task = _open_task(assembly)
    if task is not None:
        recorded = task.status == "failed"
    else:  # obs run knows where the program failed only if that has told it
        placed = any(at for _, at in assembly.raised.get(assembly.root_id, ()))
        recorded = view.status == "failed" and (placed or not assembly.ended_processes)
    again = since_sigterm = 0
    if recorded and view.status == "failed" and ending.cause in ("exception", "exit"):
        _tell_failure(found, assembly, task, spans)
        again = _tell_raised_again(found, assembly, task)
    else:
        since_sigterm = _tell_where(found, ending, assembly, task, spans)
    if task is not None:
        found.task, found.task_id = task.name, task.id
        found.inputs = _inputs_of(assembly, task)
    found.loops = list(islice(_loops_of(assembly, task), _MOST_LOOPS))
    found.lines, of_task = _last_lines(store, view.id, task, found.error)
    found.lines_may_lack = bool(found.lines and assembly.ended_processes) and not of_task
    inner = list(_runs_within(store, view.id, found.error)) if assembly.ended_processes and task is None else []
    good = last_success(store, assembly) if view.status != "running" else None
    if good is not None:
        said = [part for one in (*found.error, *assembly.raised.get(assembly.root_id, ())) for part in one]
        modules = installed_modules_raised_in(assembly, found.task_id)
        ended = Ended(found.cause, found.task, [*said, *found.causes], modules)
        found.last_success, found.differences = good.id, differences(store, assembly, good, ended)
    if ending.cause in ("exception", "exit"):
        inner += _failed_before(assembly, task, ending.cause)
    elif ending.cause == "running":
        inner += _stands(found, assembly, task)
    found.paragraph = " ".join(_sentences(found, ending, assembly, good, inner, again, since_sigterm))
    beyond = [*_noted(found, again), *_progress(found, inner), *_since_the_last(found, assembly, good)]
    found.beyond = " ".join(beyond)
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


def _last_lines(
    store: Store, execution_id: str, task: TaskView | None, error: Sequence[tuple[str, str]]
) -> tuple[list[str], bool]:
    """Return the last lines, and whether they are the task's."""
    said = read_log(store, execution_id, tasks=(task.id,), last=_MOST_LINES) if task is not None else []
    of_task = bool(said)
    if not of_task:
        said = read_log(store, execution_id, last=_MOST_LINES + (_LONGEST_TRACEBACK if error else 0))
        if error and said and _ends_traceback(said[-1].text, error):
            said = _before_traceback(said)
        elif error and is_exit(error[0][0]):
            said = _before_message(said, error[0][0].partition(": ")[2])
        said = said[-_MOST_LINES:]
    lines = [without_escapes(f"{line.level} {line.text}" if line.level else line.text) for line in said]
    return _dedented(lines), of_task


def _dedented(lines: list[str]) -> list[str]:
    """Take away what all lines are indented by, and keep what some are indented further: it is a table, or source."""
    margin = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return [line[margin:].rstrip()[:_LONGEST_LINE] for line in lines]


def _ends_traceback(text: str, error: Sequence[tuple[str, str]]) -> bool:
    """Tell whether a line is the end of what Python printed of the exception that ended the program: told already."""
    kind = error[0][0].partition(":")[0]
    return text.partition(":")[0].rpartition(".")[2] == kind.rpartition(".")[2] != ""


def _before_traceback(said: list[LogLine]) -> list[LogLine]:
    """Leave out the traceback at the end, with those of the exceptions that led to it."""
    begins = [place for place, line in enumerate(said) if line.text == "Traceback (most recent call last):"]
    while begins:
        begin = begins.pop()
        if begin >= 2 and said[begin - 1].text == '"""':  # what a pool brings along from a worker, below its name
            begin -= 2
        if begin < 2 or not said[begin - 2].text.startswith(_LED_TO):
            return said[:begin]
    return said


def _before_message(said: list[LogLine], message: str) -> list[LogLine]:
    """Leave out what Python printed of an exit with a message at the end, which is told already: in one line."""
    words = message.split()
    for place in reversed(range(len(said))):
        of_line = said[place].text.split()
        if words[len(words) - len(of_line) :] != of_line:
            break
        words = words[: len(words) - len(of_line)]
        if not words:
            return said[:place]
    return said


def _loops_of(assembly: Assembly, task: TaskView | None) -> Iterator[str]:
    """Go through the loops cut short: those of a task, then of the tasks around it and of the execution."""
    by_id = {one.id: one for one in assembly.tasks}
    around: dict[str, Status] = {}
    while task is not None and task.id not in around:
        around[task.id] = task.status
        task = by_id.get(task.parent or "")
    stands = assembly.view.status
    around.setdefault(assembly.root_id, "lost" if stands != "running" and assembly.is_cut_short else stands)
    for task_id, status in around.items():
        for bar in assembly.metrics.bars_of(task_id, status, clock.epoch()):
            # Python ends a loop that an exception leaves as it ends one that a `break` leaves.
            if bar.status != "ended" or (bar.total is not None and bar.done < bar.total):
                yield f"{bar.name or 'progress'}: {bar.told()}"


def _of_a_success(assembly: Assembly, good: LastSuccess | None) -> Iterator[str]:
    view = assembly.view
    yield f"{_named(view.name)} succeeded after {format_duration(view.duration)}."
    checks = view.verdicts
    for outcome, what, found in checks.said[:_MOST_WITHIN_TOLD]:
        if outcome != "passed":
            where = _where_checked(assembly, outcome, what, found)
            yield _sentence(f"The check {what!r}{where} {outcome}{f': {found}' if found else ''}")
    if good is not None:
        yield f"{command_name()} diff {view.id} shows what is different from the last good run."


def _where_checked(assembly: Assembly, outcome: str, what: str, found: str) -> str:
    """Name the tasks in which a check found something, where there are several to choose from."""
    tasks = assembly.tasks
    names = dict.fromkeys(
        task.name
        for task in tasks
        if any((one.outcome, one.name, one.found) == (outcome, what, found) for one in assembly.verdicts_of(task.id))
    )
    if not names or len({task.name for task in tasks}) == 1:
        return ""
    more = f" and {len(names) - _MOST_WITHIN_TOLD:,} more" if len(names) > _MOST_WITHIN_TOLD else ""
    return f" of {', '.join([*names][:_MOST_WITHIN_TOLD])}{more}"


def _runs_within(store: Store, execution_id: str, told: list[tuple[str, str]]) -> Iterable[str]:
    """Say which executions the supervised program began itself, as far as they did not end well: they know more."""
    for inner in list_within(store, execution_id):
        if inner.status in ("failed", "lost"):
            how = inner.error or ""
            known = not how or is_end_of_process(how) or how in [text for text, _ in told]
            more = "" if known else f": {_told(how)}"
            yield _sentence(f"It ran the execution {_named(inner.name)} ({inner.id}), which tells more{more}")


# Which task, and where


def _open_task(assembly: Assembly) -> TaskView | None:
    """Return the task that was at work: of those that never ended the one that began last."""
    never_ended = [task for task in assembly.tasks if task.status in ("lost", "running")]
    at_work = [task for task in never_ended if task.id != assembly.root_id and not _goes_on(assembly, task)]
    return max(at_work, key=lambda task: task.started, default=None)


def _goes_on(assembly: Assembly, task: TaskView) -> bool:
    """Tell whether a task was open at the end only because nothing had ended it: a generator that pauses, a thread's.

    An exception that ended the execution has ended all that it left, and was told of in the same process.
    """
    is_by_exception = assembly.root_id in assembly.raised and not signal_in(assembly.view.error)
    return is_by_exception and _is_of_who_told(assembly, task)


def _failed_task(assembly: Assembly) -> TaskView | None:
    """Return the innermost task that the exception of the execution ended; else one that failed last, outermost."""
    failed = [task for task in assembly.tasks if task.status == "failed" and task.error and task.id != assembly.root_id]
    known = _ended_by_what_left(assembly)
    wanted = [task for task in failed if task.id in known]
    if wanted:  # the calls of a task in a worker are in no traceback here
        wanted += [task for task in failed if _is_copied_from(assembly, task)]
    else:
        wanted = [task for task in failed if _reads_alike(assembly, task)]
    if not wanted and any(process.timeout is not None for _, process in assembly.ended_processes):
        wanted = [task for task in failed if signal_in(task.error)]  # obs run tells of the time, not of its signal
    # A signal ends all that runs. It came where the execution was at work, and not in what waited then.
    came = _places_of(assembly, assembly.root_id)[-1:]

    def nearness(task: TaskView) -> tuple[bool, bool, int]:
        places = _places_of(assembly, task.id)
        return places[-1:] == came != [], bool(places), task.started

    return max(wanted, key=nearness, default=None)


def _ended_by_what_left(assembly: Assembly) -> list[str]:
    """Return the ids of the tasks that the exception of the execution, and what caused it, had ended; "" for none."""
    return assembly.raised_from[: len(assembly.raised.get(assembly.root_id, ()))]


def _reads_alike(assembly: Assembly, task: TaskView) -> bool:
    """Tell whether what ended a task reads like what ended the execution, of which the task is not known.

    In the process that told of it, what was raised at another place is another exception: one that was handled. From
    other processes copies come, which are raised where they arrive.
    """
    chain = assembly.raised.get(assembly.root_id, [])
    text = task.error or ""
    if text not in {assembly.view.error, *(of_one for of_one, _ in chain)}:
        return False
    if signal_in(text) or not _is_of_who_told(assembly, task):
        return True
    return any(one in chain for one in assembly.raised.get(task.id, [])[:1])


def _is_copied_from(assembly: Assembly, task: TaskView) -> bool:
    """Tell whether what ended the execution, or caused that, is a copy of what ended a task in another process."""
    first = assembly.raised.get(task.id, [])[:1]
    is_in_chain = any(one[1] and one in assembly.raised.get(assembly.root_id, ()) for one in first)
    return is_in_chain and not _is_of_who_told(assembly, task)


def _is_of_who_told(assembly: Assembly, task: TaskView) -> bool:
    """Tell whether a task is known to be of the process that told by which exception the execution ended."""
    told_by, own = (_process_of(assembly, name) for name in (assembly.raised_by, task.id))
    return told_by == own is not None


def _process_of(assembly: Assembly, task_id: str) -> tuple[str, int] | None:
    """Return the machine and the process of a task, or of a writer; None if they are not known."""
    writer = assembly.writers.get(task_id.partition(".")[0])
    return None if writer is None or writer.head is None else (writer.head.process.machine, writer.head.process.pid)


def _failed_before(assembly: Assembly, task: TaskView | None, cause: Cause) -> Iterator[str]:
    """Say which task failed or was lost before that may have led to the end, which nobody saw: the last of them.

    Those are the tasks of other processes within the one that failed. If all that is known is how the process exited,
    they are all that failed: the program went on, and may have made an exit code of that. What a signal ended was
    mostly told to end, since the program had failed.

    Args:
        assembly: The execution, put together.
        task: The task that failed; None if none is known to have.
        cause: What ended the execution.
    """
    own = _process_of(assembly, assembly.raised_by if task is None else task.id)
    around = assembly.root_id if task is None else task.id
    end = assembly.view.started + assembly.view.duration
    parents = {one.id: one.parent for one in assembly.tasks}
    found = [
        one
        for one in assembly.tasks
        if one.status in ("failed", "lost") and one.id not in (around, assembly.root_id)
        if one.started + one.duration <= end and not signal_in(one.error)
        if (of := _process_of(assembly, one.id)) is not None
        if (of != own and around in _around(one, parents, assembly.root_id))
        or (cause == "exit" and task is None and one.status == "failed")
    ]
    last = max(found, key=lambda one: (one.started + one.duration, -one.started), default=None)
    if last is None:
        return
    where = "" if cause == "exit" and task is None else ", in another process,"
    if last.status == "lost":
        yield f"The task {_quoted(last.name)}, in another process, did not come to its end."
    else:
        place = _at(next(iter(_places_of(assembly, last.id)), ""))
        yield _sentence(f"Before that, the task {_quoted(last.name)}{where} failed{place}: {_told(last.error or '')}")


def _around(task: TaskView, parents: Mapping[str, str | None], root_id: str) -> list[str]:
    """Return the ids of what a task is a part of."""
    found = [root_id]
    parent = task.parent
    while parent is not None and parent not in found:
        found.append(parent)
        parent = parents.get(parent)
    return found


def _places_of(assembly: Assembly, task_id: str) -> list[str]:
    """Return where the exception that ended a task, and what caused it, was raised; of a signal, where that came."""
    return [place for _, place in assembly.raised.get(task_id, ()) if place]


def _tell_failure(found: Why, assembly: Assembly, task: TaskView | None, spans: Sequence[SpanAtEnd]) -> None:
    key = assembly.root_id if task is None else task.id
    found.error = list(assembly.raised.get(key, ())) or [((task.error if task else assembly.view.error) or "", "")]
    found.place = found.error[0][1]
    names = {one.id: one.name for one in spans}
    chain, others = _raised_in(assembly, key, names)
    found.span = chain[0][2] if chain else ""
    # A note is often added where the task was called, by what raises the exception again.
    noted: dict[str, str] = {}
    for of in (key, assembly.root_id):
        for note, text in assembly.raised_notes.get(of, ()):
            noted.setdefault(note, text)
        found.notes_left_out = max(found.notes_left_out, assembly.raised_notes_left_out.get(of, 0))
    found.notes, found.notes_of = list(noted), list(noted.values())
    others = others or _raised_in(assembly, assembly.root_id, names)[1]
    found.causes = [
        f"{_told(text)}{_at(place)}{_inside(text, place, span, assembly, task)}"
        for text, place, span in [*chain[1:][-1:], *others]
    ]


def _raised_in(assembly: Assembly, task_id: str, names: Mapping[str, str]) -> tuple[list[_Raised], list[_Raised]]:
    """Return the exception that ended a task and what caused it, and what else was in its group."""
    chain, others = assembly.raised.get(task_id, []), assembly.raised_too.get(task_id, [])
    spans = iter(assembly.raised_in.get(task_id, []))
    told = [(text, place, names.get(next(spans, ""), "")) for text, place in (*chain, *others)]
    return told[: len(chain)], told[len(chain) :]


_Raised = tuple[str, str, str]
"""An exception as one line, ``"file:line"``, and the name of the innermost span that it left."""


def _tell_raised_again(found: Why, assembly: Assembly, task: TaskView | None) -> int:
    """Put what the task's exception was raised again as before it, if that ended the execution; returns how many.

    The group in which an event loop puts the exceptions of its tasks is none of them: it says nothing of its own.
    """
    chain = assembly.raised.get(assembly.root_id, ())
    known = _ended_by_what_left(assembly)
    if task is not None and task.id in known:
        depth = known.index(task.id)
    else:
        depth = next((at for at, (text, _) in enumerate(chain) if task is not None and text == task.error), 0)
    again = [one for one in chain[:depth] if not is_group(one[0])]
    if task is not None and again:
        (text, place), own_causes = found.error[0], found.error[1:]
        if not own_causes:
            found.causes.insert(0, f"{_told(text)}{_at(place)} in the task {_quoted(task.name)}")
        found.error = [*again, *found.error]
    return len(again)


def _inside(text: str, place: str, span: str, assembly: Assembly, task: TaskView | None) -> str:
    """Say which other task an exception ended, else which span."""
    for one in reversed(assembly.tasks):
        if one is not task and one.error == text and place in _places_of(assembly, one.id):
            return f" in the task {_quoted(one.name)}"
    return f" in the span {_quoted(span)}" if span else ""


def _tell_where(
    found: Why, ending: Ending, assembly: Assembly, task: TaskView | None, spans: Sequence[SpanAtEnd]
) -> int:
    """Tell where it was; returns how long before its end that was, if SIGTERM came then and did not end it."""
    left_open = [one for one in spans if one.error in ("", "Terminated")]
    if ending.at is not None:
        left_open = [_until(one, ending.at) for one in left_open]
    found.open = left_open[-_MOST_OPEN:]
    own = [one for one in left_open if not one.is_task and (task is None or one.task in ("", task.id))]
    if own and (task is None or own[-1].start >= task.started):
        found.span = own[-1].name
    stack, at_sigterm = _stack_seen_last(found, ending, assembly, task)
    key = assembly.root_id if task is None else task.id
    is_told = ending.cause == "terminated" and key in assembly.raised  # its handler looked where each task was
    places = _places_of(assembly, key) if is_told else []
    waited = is_told and task is not None and not places  # the stack is that of what ran meanwhile
    if places:
        found.place = places[0]
        if found.place not in [f"{frame.file}:{frame.line}" for frame in stack]:
            stack = []  # that of another thread, or of some time before
    elif not waited and (frame := innermost_own(stack)) is not None:
        found.place = f"{frame.file}:{frame.line}"
    found.stack = (without_obs(stack) or stack)[:_MOST_FRAMES]
    return found.at - at_sigterm if at_sigterm else 0


def _until(one: SpanAtEnd, end: int) -> SpanAtEnd:
    """Let a span last until the end, unless nothing was heard for longer than it is known to have run.

    It may have ended in that silence, and others after it: what is not written yet is lost with the process.
    """
    silence = end - (one.start + one.duration)
    return structs.replace(one, duration=one.duration + silence) if 0 < silence <= one.duration else one


def _stack_seen_last(found: Why, ending: Ending, assembly: Assembly, task: TaskView | None) -> tuple[list[Frame], int]:
    """Return the stack that somebody saw last, the innermost call first; none if nobody looked.

    If SIGTERM left it and the program went on, the second is when that came.
    """
    fault = ending.fault
    if fault is not None and (fault.fatal or ending.cause == "terminated"):
        return fault.stack, 0
    sampled = _last_sampled(found, assembly, task)
    if fault is not None and (sampled is None or sampled.at <= fault.at):
        return fault.stack, fault.at if found.at - fault.at > AT_ONCE else 0
    if sampled is not None:
        found.evidence.append(f"The stack is the last one that was recorded, at {format_moment(sampled.at)}.")
        return [Frame(call.file, call.line, call.function) for call in reversed(sampled.calls)], 0
    if found.status == "lost":
        found.evidence.append("No stack was recorded, so the line is not known. obs-resources records one each second.")
    return [], 0


def _last_sampled(found: Why, assembly: Assembly, task: TaskView | None) -> ThreadStack | None:
    """Return what a sampler saw last of the thread that was at work."""
    own = writers_of_what_ended(assembly)
    seen = [one for one in assembly.sampled.last_stacks() if not own or one.writer in own]
    wanted = [*(one.id for one in reversed(found.open)), None if task is None else task.id]
    return min(seen, key=lambda one: (_place_in(wanted, one.span), one.thread != "MainThread"), default=None)


def _stands(found: Why, assembly: Assembly, task: TaskView | None) -> Iterator[str]:
    """Say for how long what runs has been at the same place: it may hang there."""
    sampled = _last_sampled(found, assembly, task)
    if found.stack and sampled is not None and sampled.at - sampled.since >= _STANDS:
        yield f"It was seen at the same place for {format_duration(sampled.at - sampled.since)}."


def _place_in(wanted: list[str | None], span: str | None) -> int:
    return wanted.index(span) if span is not None and span in wanted else len(wanted)


# The paragraph


def _sentences(
    found: Why,
    ending: Ending,
    assembly: Assembly,
    good: LastSuccess | None,
    inner: list[str],
    again: int,
    since_sigterm: int,
) -> Iterable[str]:
    view = assembly.view
    if found.status == "lost" and not ending.known and (view.damaged_records or view.damaged_beginning):
        are = "is" if view.damaged_records == 1 else "are"
        records = plural(view.damaged_records, "record")
        missing = f"at least {records} {are}" if view.damaged_records else "its beginning is"
        yield f"Its record is damaged: {missing} missing, and its end may be among them."
        yield "As far as it can be read:"
    subject = _named(found.task or view.name)
    of = f" of {_named(view.name)}" if found.task and found.task != view.name else ""
    says, detail = ending.says, ending.detail
    if found.error and ending.cause in ("exit", "exception"):
        says, detail = "failed", _told(found.error[again][0])
    when = f" at {format_moment(ending.at, 0)}" if ending.at else ""
    yield _sentence(f"{subject}{of} {says}{when}{': ' if detail else ''}{detail}")
    yield from _where(found, ending, since_sigterm)
    yield from _noted(found, again)
    yield from _progress(found, inner)
    if len(found.error) > again + 1:
        key = found.task_id or assembly.root_id
        how = "was raised while handling" if key in assembly.raised_while_handling else "was caused by"
        yield _sentence(f"It {how} {found.causes[0]}")
    if again:
        text, place = found.error[0]
        inside = _inside(text, place, "", assembly, None)
        yield _sentence(f"It was raised again as {_told(text)}{_at(place)}{inside}")
    for other in found.causes[len(found.error) > 1 :]:
        yield _sentence(f"Raised together with it: {other}")
    if ending.at is None and found.status == "lost":
        yield f"The last sign of life came at {format_moment(found.at, 0)}."
    if found.lines and ending.cause != "exception":
        which = "The last line kept of it" if found.lines_may_lack else "Its last line"
        yield f"{which} was {_quoted(found.lines[-1].strip())}."
    yield from _since_the_last(found, assembly, good)


def _noted(found: Why, again: int) -> Iterator[str]:
    """Tell a note of the exception that is told of, else of another one, and how many more there are."""
    if not found.notes:
        return
    it = found.error[again][0]
    place = found.notes_of.index(it) if it in found.notes_of else 0
    of = found.notes_of[place]
    count = len(found.notes) - 1 + found.notes_left_out
    more = f" and {plural(count, 'more note')}" if count else ""
    yield f'Noted with {_named_among(of, found) if of not in ("", it) else "it"}: "{_told(found.notes[place])}"{more}.'


def _named_among(error: str, found: Why) -> str:
    """Return the type of an exception, or all of its line if others told of are of the same type."""
    texts = {*(text for text, _ in found.error), *found.notes_of}
    kind = error.partition(":")[0]
    return kind if [text.partition(":")[0] for text in texts].count(kind) == 1 else _quoted(error)


def _progress(found: Why, inner: list[str]) -> Iterator[str]:
    if found.loops:
        yield f"Its loop had reached {found.loops[0]}."
    yield from inner[:_MOST_WITHIN_TOLD]


def _where(found: Why, ending: Ending, since_sigterm: int) -> Iterable[str]:
    if found.error:
        place = f"raised{_at(found.place)}" if found.place else ""
        inside = f"in the span {_quoted(found.span)}" if found.span else ""
        told = ", ".join(part for part in (place, inside) if part)
        if told:
            yield f"It was {told}."
        return
    place = "" if since_sigterm else _at(found.place)
    where = f"{_quoted(found.span)}{place}"
    left_word = ending.fault is not None and not since_sigterm
    if found.span:
        last = next(one for one in reversed(found.open) if one.name == found.span)
        since = f", which had run for {format_duration(last.duration)}" if last.duration else ""
        silence = 0 if ending.at is None else ending.at - last.start - last.duration
        if silence > 0 and not left_word:
            yield f"It was last seen in {where}, {format_duration(silence)} before the end."
        elif found.status == "lost" and ending.at is None and not left_word:
            yield f"It was last seen in {where}{since}."
        else:
            yield f"It was in {where}{since}."
    elif place:
        yield f"It was{place}."
    if since_sigterm and found.place:
        end = "its last sign of life" if ending.at is None else "the end"
        yield f"At SIGTERM, {format_duration(since_sigterm)} before {end}, it was{_at(found.place)}."


def _since_the_last(found: Why, assembly: Assembly, good: LastSuccess | None) -> Iterator[str]:
    if good is None:
        return
    ago = format_duration(max(0, assembly.view.started - good.view.started))
    if found.differences:
        rest = len(found.differences) - _MOST_DIFFERENCES
        lists = f"{command_name()} diff {found.execution.rpartition('-')[2]} lists all"
        more = f"; and {rest} more ({lists})" if rest > 0 else ""
        yield f"Since the last good run, {ago} before: {'; '.join(found.differences[:_MOST_DIFFERENCES])}{more}."
    else:
        yield f"Commit, command, tags, host and versions are the same as in the last good run, {ago} before."
    yield _how_long_both_took(found, assembly, good)


def _how_long_both_took(found: Why, assembly: Assembly, good: LastSuccess) -> str:
    lasted = max(assembly.view.duration, found.at - assembly.view.started)
    least = "at least " if found.status == "lost" and found.at <= assembly.last_sign else ""
    then = format_duration(good.view.duration)
    return f"That one took {then}, this one {least}{format_duration(lasted)}."


def _sentence(text: str) -> str:
    """End it with a full stop, unless the message of an exception at its end has one."""
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def _told(text: str) -> str:
    """Cut it between two words, if it is long; within one that is most of it, such as an address.

    Of what `subprocess` raises the end is told too: the command may be long, and what became of it stands behind it.
    """
    if len(text) <= _LONGEST_TOLD:
        return text
    if (of_command := _OF_COMMAND.fullmatch(text)) is not None:
        return f"{of_command[1][: _LONGEST_TOLD // 2]}… {of_command[2]}"
    words = text[: _LONGEST_TOLD + 1].rpartition(" ")[0].rstrip()
    return f"{words if len(words) >= _LONGEST_TOLD // 2 else text[:_LONGEST_TOLD]}…"


def _at(place: str) -> str:
    """Return ``" at join.py:88"``: the file without its folders, which the evidence has."""
    return f" at {short_place(place)}" if place else ""


def _named(name: str) -> str:
    return name[:120] or "(unnamed)"


def _quoted(name: str) -> str:
    return f'"{name[:120]}"'


# What it was given


def _inputs_of(assembly: Assembly, task: TaskView) -> list[tuple[str, str]]:
    """Return how a task's arguments read in its Input deck."""
    found = [(one.name, one.text(assembly.files)) for one in arguments_of(assembly, task.id)]
    return [(name, text) for name, text in found if text][:_MOST_INPUTS]

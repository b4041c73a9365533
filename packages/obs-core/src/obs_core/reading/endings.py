"""Why an execution ended as it did: what is known of it, and what can only be concluded.

Known is what somebody saw: an exception that was recorded, the wait status that ``obs run`` got, a signal of which a
handler wrote. All else is concluded from the last sign of life and the machine, and said as such.

What ended an execution, the strongest evidence first:

1. Its own word, where the process is not its own: one that ``obs run`` did not begin ended when its block did, by an
   exception or an exit. What became of its process later did not end it.
2. What ``obs run`` saw of the process: that its time was over, SIGKILL, a crash.
3. The exception that left the program, if that is known: also if a signal that asks a process to end came after it.
4. Any other signal that ``obs run`` saw end the process, whatever the program had handled before.
5. The exception that ended the block of the same name, also if the program handled it: an exit code names no cause.
6. The exit code.
7. Without ``obs run``: the execution's own word; what a handler of a signal wrote; the last sign of life.
"""

from __future__ import annotations

import time
from typing import Literal

from msgspec import Struct, field

from obs_core import identity
from obs_core.assembly.assembly import Assembly
from obs_core.assembly.summary import read_ends
from obs_core.assembly.writers import Writer
from obs_core.interruptions import ignoring
from obs_core.journal import records
from obs_core.journal.numbering import MAIN, SUPERVISOR
from obs_core.journal.reader import decode, ends_of_segments, segment_names, writer_of
from obs_core.model import Series
from obs_core.reading.fault_files import Fault, fault_files, innermost_own
from obs_core.store.base import Store
from obs_core.text.durations import format_duration, format_moment
from obs_core.text.failures import is_end_of_process, is_exception, is_exit, signal_in
from obs_core.text.numbers import byte_size, share

__all__ = ["AT_ONCE", "Cause", "Ending", "Memory", "ended_by", "ending_of", "seen_end", "writers_of_what_ended"]

Cause = Literal[
    "succeeded",
    "running",
    "exception",
    "exit",
    "out-of-memory",
    "killed",
    "terminated",
    "timed-out",
    "crashed",
    "signal",
    "replaced",
    "vanished",
    "machine-restarted",
    "unknown",
]
"""`replaced`: the process became another program; `vanished`: it is gone while its machine runs on, by SIGKILL or
`os._exit`; `unknown`: the machine cannot be asked."""

_CRASHES = {
    "SIGSEGV": "Segmentation fault",
    "SIGABRT": "Aborted",
    "SIGBUS": "Bus error",
    "SIGFPE": "Floating point exception",
    "SIGILL": "Illegal instruction",
}

_NS = 1_000_000_000

_NEARLY_ALL = 0.9
"""The part of the memory in use from which on a process that is gone was probably killed for it."""

AT_ONCE = 500_000_000
"""Nanoseconds within which the last sign of life follows a signal that ended a process."""

_MOST_OTHERS = 3
"""Other processes of an execution whose crashes are told."""

_WENT_DOWN = 600_000_000_000
"""Nanoseconds between the last sign of life and the machine's start within which one was probably due to the other."""


class Memory(Struct, frozen=True):
    """What is known of the memory.

    Attributes:
        used: Bytes, of the process or of its cgroup, as `of` says.
        limit: Bytes that there were to use; None if nothing limits them, or nobody knows.
        of: Whose bytes: ``"the peak of its cgroup"``.
    """

    used: int
    limit: int | None
    of: str

    def __str__(self) -> str:
        if self.limit is None:
            return byte_size(self.used)
        size = byte_size(self.limit)
        used = byte_size(self.used, self.limit).rpartition(" ")[0]
        return f"{used} of {size} ({share(self.used, self.limit)})"


class Ending(Struct):
    """How an execution ended.

    Attributes:
        cause: In a word, for programs.
        known: Whether somebody saw it; otherwise it is concluded.
        says: What follows the name of what ended: ``"was killed by SIGKILL"``.
        detail: What follows that and the time, after a colon.
        at: When, nanoseconds since the epoch; None if only the last sign of life is known.
        evidence: What that rests on, a sentence each.
        memory: What is known of the memory.
        fault: What the process left when it crashed, or got SIGTERM.
    """

    cause: Cause
    known: bool
    says: str
    detail: str = ""
    at: int | None = None
    evidence: list[str] = field(default_factory=list)
    memory: Memory | None = None
    fault: Fault | None = None


def ending_of(store: Store, assembly: Assembly) -> Ending:
    """Tell how an execution ended.

    Args:
        store: Where it is kept.
        assembly: It, put together.
    """
    view = assembly.view
    if view.status == "succeeded":
        return Ending("succeeded", True, "succeeded", at=view.started + view.duration)
    own = writers_of_what_ended(assembly)
    writer = assembly.writers[own[0]] if own else None
    faults = fault_files(store, view.id)
    fault = max((one for one in faults if one.writer in own), key=lambda one: one.at, default=None)
    supervised = _supervised(store, assembly, writer)
    if view.status == "lost" and assembly.was_left_open and (supervised is None or not supervised[1].signal):
        evidence = ["Its process said so when it came to its end."]
        ending = Ending("exit", True, "was open when its process ended", evidence=evidence)
        ending.detail = "a thread ran it that nobody waits for, or its block was never left"
    elif view.status == "failed" and (supervised is None or _ended_by_itself(assembly, supervised[1])):
        ending = _recorded(view.error or "")
        ending.at = view.started + view.duration
        if supervised is not None:
            ending.evidence, ending.memory = _told_of(*supervised, "its process"), _memory_of(supervised[1])
    elif supervised is not None:
        is_replaced = writer is not None and writer.replaced  # then its error tells of that, and not of the end
        ending = _seen(*supervised, assembly.is_cut_short, None if is_replaced else view.error)
        if is_replaced:
            ending.says = f"became another program (os.execv), which {ending.says}"
            ending.detail = "" if ending.cause == "exit" else ending.detail
        if view.status == "failed":  # its process went on for a while
            ending.at = min(supervised[0], view.started + view.duration)
    elif view.status == "running":
        return _running(assembly)
    elif writer is not None and writer.replaced:
        says = "did not end: its process became another program (os.execv)"
        ending = Ending("replaced", True, says, at=writer.last + writer.epoch)
        ending.evidence = ["It wrote that right before. What the other program does is not recorded."]
    elif fault is not None:
        ending = _left_word(fault, writer)
    else:
        ending = _concluded(assembly.program, max(assembly.last_sign, view.started))
    ending.fault = fault
    if writer is not None:
        _add_memory(ending, assembly.table.samples.get(writer.name, {}), max(writer.last + writer.epoch, view.started))
    for other in [one for one in faults if one is not fault and one.fatal][:_MOST_OTHERS]:
        frame = innermost_own(other.stack)
        place = "" if frame is None else f" at {frame.file}:{frame.line}"
        ending.evidence.append(f"Another process of it ({other.writer}) crashed{place}: {other.fatal}.")
    if fault is not None and not fault.fatal:
        ending.evidence.insert(0, f"SIGTERM came at {format_moment(fault.at)}; its handler wrote a stack.")
    return ending


def ended_by(store: Store, assembly: Assembly) -> tuple[str, str]:
    """Tell by what an execution ended that did not end well, in a clause, and where an exception was raised.

    Args:
        store: Where it is kept.
        assembly: It, put together.
    """
    ending, error = ending_of(store, assembly), assembly.view.error
    _, place = next(iter(assembly.raised.get(assembly.root_id, ())), ("", ""))
    # An exit code that obs run alone saw is no exception: nobody raised it anywhere.
    was_raised = place or not is_end_of_process(error) or not assembly.ended_processes
    if error and was_raised and ending.cause in ("exception", "exit"):
        return error, place
    says = ending.says.removeprefix("was ")
    return f"{says}: {ending.detail}" if ending.detail else says, ""


def seen_end(store: Store, execution_id: str) -> str:
    """Tell how an execution that was lost ended, if somebody saw that: ``"killed by SIGKILL"``; empty if nobody did.

    Only its beginning and its end are read, and those of the ``obs run`` around it.

    Args:
        store: Where it is kept.
        execution_id: Its id.
    """
    with ignoring(Exception):  # whatever is wrong with its record, the rest is told without this
        assembly = read_ends(store, execution_id)
        ending = None if assembly is None else ending_of(store, assembly)
        return ending.says.removeprefix("was ") if ending is not None and ending.known else ""
    return ""


def writers_of_what_ended(assembly: Assembly) -> list[str]:
    """Return the writers of the process whose end is asked for: the supervised one, else what began the execution.

    One that ``obs run`` began writes as two, if it has a block of the execution's name. The one heard of last is first.
    """
    supervised = {record.pid for _, record in assembly.ended_processes}
    own = [one for one in assembly.writers.values() if one.head is not None and one.head.process.pid in supervised]
    if not own:
        return [] if assembly.program is None else [assembly.program.name]
    return [one.name for one in sorted(own, key=lambda one: (one.epoch + one.last, one.name), reverse=True)]


# What is known


def _supervised(store: Store, assembly: Assembly, writer: Writer | None) -> tuple[int, records.ProcessEnded] | None:
    """Return what ``obs run`` saw of the execution's process, and when."""
    found = assembly.ended_processes
    if not found and assembly.within and assembly.view.status != "running" and writer is not None and writer.head:
        of = writer.head.process
        found = [
            (by, record)
            for by, record in _ends_in(store, assembly.within)
            if by.head is not None and (by.head.process.machine, record.pid) == (of.machine, of.pid)
        ]
    return next(((by.epoch + record.at, record) for by, record in reversed(found)), None)


def _ends_in(store: Store, execution_id: str) -> list[tuple[Writer, records.ProcessEnded]]:
    around = Assembly(store, execution_id)
    every = segment_names(store, execution_id)
    for writer in (MAIN, SUPERVISOR):  # older versions of obs run wrote as the program does
        paths = [path for path in every if writer_of(path) == writer]
        for path, lines in ends_of_segments(store, paths) if paths else ():
            around.add(writer, decode(lines), path)
    return around.ended_processes


def _ended_by_itself(assembly: Assembly, end: records.ProcessEnded) -> bool:
    """Tell whether an execution that failed did so before its process ended, which is not its own."""
    return not assembly.ended_processes and (not signal_in(assembly.view.error) or not (end.signal or end.timeout))


def _seen(at: int, end: records.ProcessEnded, lost: bool, error: str | None) -> Ending:
    memory = _memory_of(end)
    cause, says, detail = _judged(end, lost, error, memory)
    return Ending(cause, True, says, detail, at, _told_of(at, end, "it"), memory)


def _told_of(at: int, end: records.ProcessEnded, what: str) -> list[str]:
    """Tell what ``obs run`` saw of a process, a sentence each."""
    evidence = [f"obs run saw {what} end at {format_moment(at)}: {_status(end)}."]
    for when, name in end.passed_on:
        evidence.append(f"obs run passed on {name}, {format_duration(max(0, end.at - when))} before the end.")
    for when, name in end.from_terminal:
        before = format_duration(max(0, end.at - when))
        evidence.append(f"The terminal sent {name} to the process group of obs run, {before} before the end.")
    if end.oom_kills:
        processes = "a process" if end.oom_kills == 1 else f"{end.oom_kills:,} processes"
        evidence.append(f"The kernel killed {processes} of its cgroup for memory while it ran.")
    held = f"held at most {byte_size(end.max_rss)} of memory, and " if end.max_rss else ""
    times = f"{format_duration(end.user_time)} of CPU time and {format_duration(end.system_time)} of system time"
    evidence.append(f"It {held}used {times}.")
    if end.attempt > 1:
        evidence.append(f"It was attempt {end.attempt} (OBS_ATTEMPT).")
    return evidence


def _status(end: records.ProcessEnded) -> str:
    return f"ended by {end.signal}" if end.signal else f"exit code {end.code}"


def _memory_of(end: records.ProcessEnded) -> Memory | None:
    if end.memory_peak is not None and end.memory_limit is not None:
        return Memory(end.memory_peak, end.memory_limit, "the peak of its cgroup")
    return Memory(end.max_rss, end.memory_limit, "the peak of its largest process") if end.max_rss else None


def _judged(end: records.ProcessEnded, lost: bool, error: str | None, memory: Memory | None) -> tuple[Cause, str, str]:
    if end.timeout is not None:
        return "timed-out", f"had not ended after {format_duration(end.timeout)} and was ended by obs run", _status(end)
    if end.signal == "SIGKILL":
        if end.oom_kills:
            size = f"{memory} were in use" if memory is not None and memory.limit is not None else ""
            return "out-of-memory", "was killed by the kernel for its memory", size
        told = next((f" after {name} had come" for _, name in sorted([*end.passed_on, *end.from_terminal])), "")
        return "killed", f"was killed by SIGKILL{told}", ""
    if end.signal in _CRASHES:
        return "crashed", "crashed", f"{_CRASHES[end.signal]} ({end.signal})"
    if error is not None and is_exception(error) and (not end.signal or end.signal in records.ASKED_TO_END):
        return "exception", "failed", error
    if end.signal:
        return ("terminated" if end.signal == "SIGTERM" else "signal"), f"was ended by {end.signal}", ""
    by = "by os._exit or in C code, since Python noticed nothing" if lost else ""
    return "exit", f"ended with exit code {end.code}", by


def _recorded(error: str) -> Ending:
    if is_exit(error):
        code = error.partition(": ")[2]
        return Ending("exit", True, "ended by sys.exit", f"exit code {code}" if code.isdecimal() else code)
    if by := signal_in(error):
        return Ending("terminated" if by == "SIGTERM" else "signal", True, f"was ended by {error.partition(': ')[2]}")
    return Ending("exception", True, "failed", error)


def _left_word(fault: Fault, writer: Writer | None) -> Ending:
    if fault.fatal:
        evidence = [f"faulthandler wrote its stack at {format_moment(fault.at)}."]
        return Ending("crashed", True, "crashed", fault.fatal, fault.at, evidence)
    last = 0 if writer is None else writer.last + writer.epoch
    if last - fault.at <= AT_ONCE:
        evidence = ["It gave no sign of life half a second after that or later, so it probably ended by SIGTERM."]
        return Ending("terminated", False, "was probably ended by SIGTERM", at=fault.at, evidence=evidence)
    says = f"did not end by SIGTERM and was last heard of {format_duration(last - fault.at)} later"
    detail = "probably killed by whoever had told it to end, unless it ended itself (os._exit)"
    return Ending("killed", False, says, detail)


# What is concluded


def _add_memory(ending: Ending, samples: dict[str, Series], last: int) -> None:
    """Add how much memory there was when somebody looked last; nearly none left explains why a process is gone."""
    memory, at, growth = _last_memory(samples)
    if memory is None or memory.limit is None:
        ending.memory = ending.memory or memory
        return
    before = "at its last sign of life"
    if last - at >= _NS:
        before = f"{format_duration(last - at)} before its last sign of life"
    ending.evidence.append(f"Memory in use in {memory.of} {before}: {memory}.")
    ending.memory = ending.memory or memory
    if ending.cause != "vanished":
        return
    # One that grew so fast that the limit was nearer than the next sample was there before it.
    outgrew = memory.used + growth * _SAMPLED_EACH >= memory.limit
    if outgrew or memory.used >= _NEARLY_ALL * memory.limit:
        ending.cause, ending.says, ending.memory = "out-of-memory", "was killed, probably for its memory", memory
        ending.detail = f"{memory} were in use {before}"
        if outgrew and growth > 0:
            ending.detail += f", and each second {byte_size(int(growth))} more"


_SAMPLED_EACH = 1.0
"""Seconds between two samples of a container's memory."""


def _last_memory(samples: dict[str, Series]) -> tuple[Memory | None, int, float]:
    """Return the last sample of the memory that counts (a container's, the machine's, its own), and its time.

    The third is by how many bytes a second it grew before, of a container's alone: the machine's is sampled seldom.
    """
    container, limit = _last(samples, "container.memory"), _last(samples, "container.limit")
    if container is not None and limit is not None and limit[0]:
        memory = Memory(int(container[0]), int(limit[0]), "its container")
        return memory, container[1], _growth(samples["container.memory"])
    available, whole = _last(samples, "machine.available"), _last(samples, "machine.memory")
    if available is not None and whole is not None and whole[0] - available[0] >= _NEARLY_ALL * whole[0]:
        return Memory(int(whole[0] - available[0]), int(whole[0]), "the whole machine"), available[1], 0.0
    own = _last(samples, "rss")
    if own is None:
        return None, 0, 0.0
    return Memory(int(own[0]), None, "its process, when last measured"), own[1], 0.0


def _growth(series: Series) -> float:
    """Return by how much a series grew in a second, from its last sample but one to the last."""
    if len(series.values) < 2:
        return 0.0
    seconds = max(series.times[-1] - series.times[-2], _NS) / _NS
    return max(series.values[-1] - series.values[-2], 0.0) / seconds


def _last(samples: dict[str, Series], name: str) -> tuple[float, int] | None:
    series = samples.get(name)
    return (series.values[-1], series.times[-1]) if series is not None and len(series.values) else None


def _running(assembly: Assembly) -> Ending:
    alive = [writer for writer in assembly.writers.values() if writer.alive]
    own = [writer for writer in alive if writer.name != SUPERVISOR] or alive  # that obs run runs on tells little
    signs = [writer.last + writer.epoch for writer in own]
    evidence = [f"Its last sign of life came at {format_moment(max(signs, default=assembly.view.started))}."]
    return Ending("running", True, "is still running", evidence=evidence)


def _concluded(writer: Writer | None, last: int) -> Ending:
    says = "ended without saying so"
    if writer is None or writer.head is None:
        return Ending("unknown", False, says, "nothing can be read of the process that began it")
    evidence = [f"Its last sign of life came at {format_moment(last)}."]
    host = writer.head.process.host
    here, there = identity.this_machine(), writer.head.process.machine
    if there == here:
        evidence.append("Its machine runs on, and its process is gone. Under obs run, obs would know how it ended.")
        detail = (
            "a signal killed it (SIGKILL, by somebody or for its memory, or one that it did not handle) or os._exit"
        )
        return Ending("vanished", False, says, detail, evidence=evidence)
    if host != identity.host_name():
        evidence.append(f"It ran on {host}, which cannot be asked from here.")
        return Ending("unknown", False, f"{says} on {host}", "why is unknown", evidence=evidence)
    if there.split("/")[1:2] == here.split("/")[1:2]:
        return Ending("unknown", False, f"{says} in another container of {host}", "why is unknown", evidence=evidence)
    return _before_restart(host, last, evidence)


def _before_restart(host: str, last: int, evidence: list[str]) -> Ending:
    started = _machine_started()
    if started is not None:
        gap = started - last
        evidence.append(f"{host} was started at {format_moment(started)}, {format_duration(max(0, gap))} later.")
        if gap <= _WENT_DOWN:
            detail = f"probably when its machine {host} went down, which was restarted right afterwards"
            return Ending("machine-restarted", False, "ended without saying so", detail, evidence=evidence)
    says = f"ended without saying so before {host} was restarted"
    return Ending("unknown", False, says, "why is unknown", evidence=evidence)


def _machine_started() -> int | None:
    """Return when this machine was started, nanoseconds since the epoch; None if that cannot be read."""
    try:
        with open("/proc/uptime", encoding="ascii") as file:
            return int((time.time() - float(file.read().split()[0])) * 1e9)
    except (OSError, ValueError, IndexError):
        return None

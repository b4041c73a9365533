"""The sampling profiler: a thread that looks at all stacks a hundred times a second.

It needs no rights and slows nothing down that it does not look at: between two looks the program runs as ever. A look
needs the interpreter's lock, so C code that holds the lock delays it; the time that passed then counts for the stack
that is seen next. A thread that used no CPU since the look before is where it was, and is not looked at again. A
process that gets a part of a core only, or has hundreds of threads, is looked at less often, so that the looks take no
more than a small share of the CPU that it gets.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterable
from types import FrameType
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from obs_core.background import Background
from obs_core.journal import records
from obs_core.locks import new_rlock
from obs_core.model import SeenStack
from obs_core.recording import spans
from obs_core.recording.samplers import recorded_runs
from obs_core.text.masking import mask
from obs_resources.native_threads import NativeThreads
from obs_resources.scopes import ref_of, scope_in_loop, scope_of
from obs_resources.stacks import awaiting, cpu_of_thread, loop_of, running_threads, table_of

if TYPE_CHECKING:
    from obs_core.recording.run import Run, Scope, TaskState

__all__ = ["Threads", "Wanted", "begin", "end", "profile_everything", "seen_of", "seen_stacks"]

Threads = Literal["all", "task"]

_SECOND = 1_000_000_000
_LONGEST = 60
"""Seconds that one look may stand for: a machine that slept did no work."""


_MOST_SPENT = 0.02
"""The share of a process's CPU time beyond which its profiler looks less often."""

_NATIVE = "native threads"
"""What stands for the name of those that Python does not know."""

_ADAPT_EACH = _SECOND // 4

_SLOWEST = 16
"""How many times less often at most."""


class Wanted:
    """What one user of the profiler wants to be looked at.

    Args:
        hz: Looks a second.
        task: The task that is profiled; None for everything.
        threads: ``"all"``, or ``"task"`` for those alone that are known to work for the task.
    """

    def __init__(self, hz: int, task: TaskState | None, threads: Threads) -> None:
        self.hz = hz
        self.task = task
        self.threads = threads
        self.seen: dict[tuple[str, str | None, int], list[float]] = {}
        """How often each stack was seen, and how often of these its thread used the CPU, by thread, span and call."""
        self.names: dict[str, str] = {}
        """The names of the tasks and spans."""
        self.tasks: dict[str, TaskState] = {}
        """The tasks that they are in."""

    def add(self, key: tuple[str, str | None, int], scope: Scope | None, counts: list[float]) -> None:
        """Add to what was seen."""
        kept = self.seen.get(key)
        if kept is None:
            if len(self.seen) >= _MOST_KEPT:
                return  # the journal has it all the same
            kept = self.seen[key] = [0.0, 0.0]
        kept[0] += counts[0]
        kept[1] += counts[1]
        if scope is not None and key[1] is not None:
            self.names[key[1]] = mask(getattr(scope, "name", ""))
            self.tasks[key[1]] = scope.task

    def forget_ended(self) -> None:
        """Keep nothing of tasks whose outermost task is over: their reports are written."""
        ended = {span for span, task in self.tasks.items() if outermost(task).over}
        if ended:
            self.seen = {key: counts for key, counts in self.seen.items() if key[1] not in ended}
            for span in ended:
                del self.tasks[span], self.names[span]


_MOST_KEPT = 100_000
"""Stacks that are kept in memory, by thread and span, for the report that a task writes itself."""

_FORGET_EACH = 30
"""Seconds between two looks for tasks that have ended."""


def outermost(task: TaskState) -> TaskState:
    """Return the outermost task that a task is in."""
    while task.parent is not None and task.parent.task.parent is not None:
        task = task.parent.task
    return task


class _Look(Struct, eq=False):
    """What a thread was doing, as long as it does not use the CPU."""

    stacks: list[tuple[Run, str, Scope | None, int]]
    cpu: int | None


class _Profiler:
    """The thread and what it counts; one in each process.

    Attributes:
        wanted: What its users want.
        lock: Held while it looks and writes.
        taken: How many looks it has taken.
    """

    def __init__(self) -> None:
        self.taken = 0
        self.wanted: list[Wanted] = []
        self.lock = new_rlock()
        self._thread: threading.Thread | None = None
        self._counts: dict[tuple[Run, str, Scope | None, int], list[float]] = {}
        self._looks: dict[int, _Look] = {}
        self._native = NativeThreads()
        self._since = self._writes = 0

    def begin(self, wanted: Wanted) -> None:
        """Look at what somebody wants, from now on."""
        with self.lock:
            self._count_native()  # what they used until now was for the others
            self.wanted.append(wanted)
            spans.follow(True)
            if self._thread is None or not self._thread.is_alive():
                self._since = time.monotonic_ns()
                self._thread = Background(self._run, "obs-profiler")
                with contextlib.suppress(RuntimeError):  # threads are used up, or the interpreter is ending
                    self._thread.start()

    def end(self, wanted: Wanted) -> None:
        """Write what was seen, and look no more if nobody else wants it."""
        with self.lock:
            if wanted not in self.wanted:
                return  # a forked child came this far: its parent ends what it began
            self.write()
            self.wanted.remove(wanted)
            if not self.wanted:
                spans.follow(False)

    def _run(self) -> None:
        before = time.monotonic_ns()
        written = adapted = before
        pace = _Pace()
        while True:
            with self.lock:
                if not self.wanted or sys.is_finalizing():
                    self._thread = None
                    return
                interval = _SECOND // max(one.hz for one in self.wanted)
            wait = interval * pace.slower
            time.sleep(max(wait - (time.monotonic_ns() - before) % wait, 0) / _SECOND)
            now = time.monotonic_ns()
            passed, before = min(now - before, _LONGEST * _SECOND), now
            runs: set[Run] = set()
            with self.lock, contextlib.suppress(RuntimeError):  # a dict of threads that changes: at the next look
                self._look(passed, interval)
                if now - adapted >= _ADAPT_EACH:
                    self._count_native()
                    pace.adapt(now - adapted)
                    adapted = now
                if now - written >= _SECOND:
                    written = now
                    runs = {key[0] for key in self._counts}
                    self.write()
            for run in runs:
                # What was seen is in the store at once: the next flush may be a second away, and a kill nearer.
                with contextlib.suppress(Exception):
                    run.journal.beat()

    def _look(self, passed: int, interval: int) -> None:
        weight = max(passed / interval, 1.0)
        looks: dict[int, _Look] = {}
        runs = recorded_runs() if any(one.task is None for one in self.wanted) else []
        for ident, name, frame in running_threads():
            cpu = cpu_of_thread(ident)
            last = self._looks.get(ident)
            used = 1.0 if cpu is None or last is None or last.cpu is None else min((cpu - last.cpu) / passed, 1.0)
            if last is not None and cpu is not None and cpu == last.cpu:
                last_stacks = last.stacks
            else:
                last_stacks = list(self._stacks_of(ident, name, frame, runs))
            looks[ident] = _Look(last_stacks, cpu)
            for place, key in enumerate(last_stacks):
                counts = self._counts.setdefault(key, [0.0, 0.0])
                counts[0] += weight
                counts[1] += weight * used if place == 0 else 0.0  # what is awaited uses no CPU
        self._looks = looks
        self.taken += 1

    def _count_native(self) -> None:
        """Count the CPU time of threads that Python does not know, for the one task or span that is worked for."""
        used = self._native.used()
        if not used or not self.wanted:
            return
        scopes = {key[2] for look in self._looks.values() for key in look.stacks if key[2] is not None}
        scope = scopes.pop() if len(scopes) == 1 else None
        of_all = [one for one in self.wanted if one.threads == "all"]
        runs = recorded_runs() if any(one.task is None for one in of_all) else []
        seen = used * max(one.hz for one in self.wanted) / _SECOND
        for run in dict.fromkeys([*(one.task.run for one in of_all if one.task is not None), *runs]):
            table = table_of(run)
            with table.lock:
                call = table.number_of_native()
            key = (run, _NATIVE, scope if scope is not None and scope.task.run is run else None, call)
            counts = self._counts.setdefault(key, [0.0, 0.0])
            counts[0] += seen
            counts[1] += seen

    def _stacks_of(
        self, ident: int, name: str, frame: FrameType, runs: list[Run]
    ) -> Iterable[tuple[Run, str, Scope | None, int]]:
        loop = loop_of(frame)
        scope = scope_of(ident, loop)
        for run in self._runs_of(scope, runs):
            table = table_of(run)
            with table.lock:
                yield run, name, scope if scope is not None and scope.task.run is run else None, table.number_of(frame)
                for task, calls in awaiting(loop) if loop is not None else ():
                    inside = scope_in_loop(task)
                    if inside is not None and inside.task.run is run:
                        yield run, f"{name}: awaiting", inside, table.number_of_calls(calls)

    def _runs_of(self, scope: Scope | None, runs: list[Run]) -> list[Run]:
        """Return the executions that a thread is profiled for."""
        if scope is not None:
            run = scope.task.run
            return [run] if any(one.task is None or _is_in(scope.task, one.task) for one in self.wanted) else []
        of_all = [one.task.run for one in self.wanted if one.task is not None and one.threads == "all"]
        return list(dict.fromkeys([*of_all, *runs]))

    def write(self) -> None:
        """Write what was seen since the last time; hold the lock."""
        self._count_native()
        counts, self._counts = self._counts, {}
        since, self._since = self._since, time.monotonic_ns()
        by_run: dict[Run, list[tuple[str, records.Ref | None, int, int, int]]] = {}
        for (run, name, scope, call), (seen, running) in counts.items():
            ref = ref_of(scope)
            span = None if ref is None else ref if isinstance(ref, str) else run.journal.global_ref(ref)
            by_run.setdefault(run, []).append((name, ref, call, round(seen), round(running)))
            for one in self.wanted:
                if one.task is None or one.task.run is run:
                    one.add((name, span, call), scope, [seen, running])
        self._writes += 1
        if self._writes % _FORGET_EACH == 0:
            for one in self.wanted:
                one.forget_ended()
        interval = _SECOND // max((one.hz for one in self.wanted), default=100)
        for run, rows in by_run.items():
            table = table_of(run)
            with table.lock:
                table.write_new(run)
            now = run.journal.now()
            run.journal.append(records.Profile(now, now - (self._since - since), interval, rows))


class _Pace:
    """How much less often than it was asked to the profiler looks; used by its thread alone.

    Attributes:
        slower: How many times.
    """

    def __init__(self) -> None:
        self.slower = 1
        self._own, self._whole = time.thread_time_ns(), time.process_time_ns()

    def adapt(self, passed: int) -> None:
        """Look less often if looking took too much of the CPU time of some nanoseconds, and else more often again."""
        own, whole = time.thread_time_ns(), time.process_time_ns()
        spent, others = own - self._own, max(whole - self._whole - own + self._own, 0)
        self._own, self._whole = own, whole
        # What computes nothing is not slowed down by looks: its share is that of a tenth of a core.
        allowed = _MOST_SPENT * max(others, passed // 10)
        if spent > allowed:
            self.slower = min(2 * self.slower, _SLOWEST)
        elif 2 * spent < 0.8 * allowed:
            self.slower = max(self.slower // 2, 1)


_profiler = _Profiler()


def begin(hz: int, task: TaskState | None, threads: Threads = "all") -> Wanted:
    """Profile from now on.

    Args:
        hz: Looks a second; of several users the most counts.
        task: The task that is profiled; None for everything.
        threads: As for `Wanted`.
    """
    wanted = Wanted(hz, task, threads)
    _profiler.begin(wanted)
    return wanted


def end(wanted: Wanted) -> None:
    """Profile no more for this user, and write what was seen."""
    _profiler.end(wanted)


_everything: Wanted | None = None


def profile_everything(hz: int) -> None:
    """Profile as long as this process lives; done once."""
    global _everything
    if _everything is None:
        _everything = begin(hz, None)


def seen_of(task: TaskState) -> tuple[list[SeenStack], dict[str, str]]:
    """Return what the profiler of everything has seen of a task so far, and the names of its spans by id."""
    if _everything is None:
        return [], {}
    with _profiler.lock:
        _profiler.write()
        tasks = _everything.tasks
        seen = [
            (key, counts)
            for key, counts in _everything.seen.items()
            if key[1] is not None and _is_in(tasks[key[1]], task)
        ]
        return seen_stacks(task.run, seen, _everything.hz), dict(_everything.names)


def seen_stacks(run: Run, seen: Iterable[tuple[tuple[str, str | None, int], list[float]]], hz: int) -> list[SeenStack]:
    """Return counted stacks as a reader of the journal would get them."""
    table, writer, interval = table_of(run), run.journal.writer, _SECOND // hz
    with table.lock:
        return [
            SeenStack(writer, name, span, table.stack(call), round(counts[0]), round(counts[1]), interval)
            for (name, span, call), counts in seen
        ]


def _is_in(task: TaskState, outer: TaskState) -> bool:
    """Tell whether a task is another one, or was called in it."""
    inside: TaskState | None = task
    while inside is not None and inside is not outer:
        inside = None if inside.parent is None else inside.parent.task
    return inside is not None


def _after_fork() -> None:
    """Let a forked child profile what it asks for itself; everything, if that is wanted."""
    global _profiler, _everything
    _profiler = _Profiler()
    if _everything is not None:
        hz, _everything = _everything.hz, None
        profile_everything(hz)
    else:
        spans.follow(False)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

"""The sampler: each second what this process uses, and what its threads are doing, into the journal."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import TYPE_CHECKING

from msgspec import Struct, field

from obs_core import settings
from obs_core.failsafe import warn
from obs_core.journal import records
from obs_core.locks import Attached
from obs_core.model import Series
from obs_core.recording.run import is_of_this_process
from obs_resources.children import Children, descendants
from obs_resources.container import Container
from obs_resources.gpu import Gpus
from obs_resources.machine import free_space, read_machine
from obs_resources.process import OwnProcess
from obs_resources.profiler import profile_everything
from obs_resources.scopes import ref_of, scope_in_loop, scope_of
from obs_resources.stacks import CallTable, awaiting, clock_of_thread, cpu_by, loop_of, name_of, table_of

if TYPE_CHECKING:
    from obs_core.recording.run import Run, Scope, TaskState

__all__ = ["ResourceSampler"]

_SELDOM = 5
"""Seconds between two looks at what takes longer: children, machine, disk, open files."""


_Row = tuple[str, records.Ref | None, int]
"""Name of a thread, the task or span it is in, and its innermost call."""


class _Look(Struct):
    """What a thread did, as long as its clock shows the same CPU time."""

    clock: int | None
    cpu: int | None
    rows: list[_Row]


class _Kept(Struct):
    """What is remembered of an execution, for the reports that are written while it runs.

    Attributes:
        series: What was sampled, by name.
        standing: Values as they were last written; what does not change is not written again.
        looks: What each thread did when it was last looked at.
        threads: How many the kernel counted then.
        written: When stacks were last written.
    """

    series: dict[str, Series] = field(default_factory=dict)
    standing: dict[str, float] = field(default_factory=dict)
    looks: dict[int, _Look] = field(default_factory=dict)
    threads: float | None = None
    written: int = 0


class ResourceSampler:
    """Samples this process; see `obs_core.recording.samplers.Sampler`."""

    def __init__(self) -> None:
        self._own = OwnProcess()
        self._children = Children()
        self._container = Container()
        self._gpus: Gpus | None = None
        self._count = 0
        self._kept: Attached[Run, _Kept] = Attached()
        _profile_if_asked()

    def sample(self, runs: Sequence[Run]) -> None:
        """Write a sample and the last stacks to each execution."""
        at, values = self._read()
        seldom = self._count % _SELDOM == 0
        for run in runs:
            kept = self._kept.get(run)
            if kept is None:
                kept = self._kept[run] = _Kept()
                _write_beginning(run, kept)
            given = values | free_space(run.store) if seldom else values
            self._write(run, kept, at, given)
            _write_stacks(run, kept, values.get("threads"))
        self._count += 1

    def latest(self, run: Run) -> dict[str, float]:
        """Return what was sampled last of each quantity in an execution."""
        kept = self._kept.get(run)
        return {} if kept is None else {name: series.values[-1] for name, series in list(kept.series.items())}

    def decks(self, task: TaskState) -> Iterator[tuple[str, str]]:
        """Draw what was sampled while a task ran."""
        from obs_resources.decks import running_decks

        kept = self._kept.get(task.run)
        return running_decks(task, {} if kept is None else kept.series)

    def _read(self) -> tuple[int, dict[str, float]]:
        """Return when it was, by the clock of the journals, and what was read."""
        at, values = self._own.read()
        readers: list[Callable[[], dict[str, float]]] = [self._container.read]
        if self._gpus is None:
            self._gpus = Gpus()
        if self._count % _SELDOM == 0:
            readers += [self._own.read_more, lambda: self._children.read(values), read_machine]
        for read in readers:
            try:
                values |= read()
            except (OSError, ValueError, KeyError, IndexError):  # not on this system, or gone meanwhile
                continue
        if self._gpus.found:
            values |= self._gpus.read(descendants(os.getpid()))
        return at, values

    def _write(self, run: Run, kept: _Kept, at: int, values: dict[str, float]) -> None:
        written = {
            name: value for name, value in values.items() if name not in _STANDING or kept.standing.get(name) != value
        }
        kept.standing |= {name: values[name] for name in _STANDING if name in values}
        _append(run, kept, at, written)


def _write_beginning(run: Run, kept: _Kept) -> None:
    """Write the CPU time that this process had used when the execution began here: a rate needs a beginning.

    The first look comes a second or two later. A forked child has a counter of its own, and no such beginning.
    """
    if is_of_this_process(run.root):
        _append(run, kept, run.root.start, {"cpu_total": run.root.cpu / 1e9, "reaped.cpu_total": run.reaped})


def _append(run: Run, kept: _Kept, at: int, values: dict[str, float]) -> None:
    run.journal.append(records.Sample(at, values))
    for name, value in values.items():
        series = kept.series.get(name)
        if series is None:
            series = kept.series[name] = Series()
        series.times.append(at + run.journal.epoch)
        series.values.append(value)


_STANDING = frozenset(("container.limit", "machine.cores", "machine.memory", "files.limit"))
"""What hardly ever changes."""


_AT_LEAST_EACH = 10
"""Seconds after which stacks are written again although no thread has moved."""


def _write_stacks(run: Run, kept: _Kept, threads: float | None) -> None:
    """Write what each thread is doing, and what each asynchronous task waits for, if any has moved.

    A thread that used no CPU is where it was.

    Args:
        run: The execution.
        kept: What is remembered of it.
        threads: How many the kernel counts now.
    """
    now = run.journal.now()
    is_due = now - kept.written >= _AT_LEAST_EACH * 1_000_000_000
    if not is_due and kept.threads == threads and not any(map(_has_moved, kept.looks.values())):
        return
    looks: dict[int, _Look] = {}
    table = table_of(run)
    with table.lock:
        for ident, frame in sys._current_frames().items():
            look = kept.looks.get(ident)
            if look is None or _has_moved(look):
                name = name_of(ident)
                if name is None:
                    continue
                clock = clock_of_thread(ident)
                look = _Look(clock, cpu_by(clock), list(_rows(run, table, ident, name, frame)))
            looks[ident] = look
        table.write_new(run)
    kept.threads = threads
    if is_due or looks != kept.looks:
        kept.looks, kept.written = looks, now
        run.journal.append(records.Stacks(now, [row for look in looks.values() for row in look.rows]))


def _has_moved(look: _Look) -> bool:
    return look.cpu is None or cpu_by(look.clock) != look.cpu


def _rows(run: Run, table: CallTable, ident: int, name: str, frame: FrameType) -> Iterator[_Row]:
    loop = loop_of(frame)
    yield name, _ref_within(run, scope_of(ident, loop)), table.number_of(frame)
    for task, calls in awaiting(loop) if loop is not None else ():
        yield f"{name}: {task.get_name()} waits", _ref_within(run, scope_in_loop(task)), table.number_of_calls(calls)


def _ref_within(run: Run, scope: Scope | None) -> records.Ref | None:
    return None if scope is None or scope.task.run is not run else ref_of(scope)


def _profile_if_asked() -> None:
    """Begin the profile that `OBS_PROFILE` asks for."""
    text = settings.profile_text()
    if not text or text == "0":
        return
    if not text.isdecimal() or not 1 <= int(text) <= 1000:
        warn(f"OBS_PROFILE must be a whole number of samples a second, 1 to 1000, not {text!r}: no profile")
        return
    profile_everything(int(text))

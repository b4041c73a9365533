"""Stacks of running threads, and how they are written: as calls within calls, each named once."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any

from obs_core.journal import records
from obs_core.locks import Attached
from obs_core.model import Call
from obs_core.recording import wrapping

if TYPE_CHECKING:
    from obs_core.recording.run import Run

__all__ = [
    "NATIVE",
    "CallTable",
    "awaiting",
    "clock_of",
    "clock_of_thread",
    "cpu_by",
    "cpu_of_thread",
    "loop_of",
    "name_of",
    "running_threads",
    "table_of",
]

NATIVE = ("threads that Python does not know", "", 0)
"""Function, file and line of the one call that they are said to be in."""

_DEEPEST = 400
"""Calls of a stack that are kept: the outermost and the innermost of those that are deeper."""

_MOST_CALLS = 100_000
"""Calls that are told apart; the innermost ones of stacks that are new then are left out."""

_MOST_AWAITING = 100
"""Asynchronous tasks whose stacks are looked at."""

_WRAPPERS = wrapping.__file__

_OWN = "obs-"
"""How the names of obs's own threads begin."""

_clock_of_thread = getattr(time, "clock_gettime_ns", None) if sys.platform.startswith("linux") else None
_threads: dict[int, threading.Thread] = getattr(threading, "_active", {})
"""`threading.enumerate` without its lock, which the thread that is looked at may hold."""


class CallTable:
    """Numbers the calls of which the stacks in one journal are made; hold its lock while you use it.

    Attributes:
        lock: The sampler and a profiler use one table.
        calls: Number of the call around it (-1 for none), function, file and line of each.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._numbers: dict[tuple[int, int, int], int] = {}
        self._codes: dict[int, CodeType] = {}  # a code object that is gone would leave its id to another one
        self._native: int | None = None
        self._new: list[tuple[int, str, str, int]] = []
        self.calls: list[tuple[int, str, str, int]] = []

    def number_of(self, frame: FrameType | None) -> int:
        """Return the number of the innermost call of a stack; -1 for none."""
        frames: list[FrameType] = []
        while frame is not None:
            frames.append(frame)
            frame = frame.f_back
        return self.number_of_calls(frames)

    def number_of_calls(self, frames: list[FrameType]) -> int:
        """Return the number of the first of some calls, each of which was made by the next one."""
        if len(frames) > _DEEPEST:
            del frames[_DEEPEST // 2 : -_DEEPEST // 2]
        number, numbers = -1, self._numbers
        for frame in reversed(frames):
            code = frame.f_code
            if code.co_filename == _WRAPPERS:
                continue  # around a task: nobody looks for that
            key = (number, id(code), frame.f_lasti)
            known = numbers.get(key)
            if known is None:
                if len(self.calls) >= _MOST_CALLS:
                    return number
                self._codes[id(code)] = code
                known = numbers[key] = len(self.calls)
                call = (number, code.co_qualname, code.co_filename, frame.f_lineno or code.co_firstlineno)
                self.calls.append(call)
                self._new.append(call)
            number = known
        return number

    def number_of_native(self) -> int:
        """Return the number of what stands for the calls of threads that Python does not know."""
        if self._native is None:
            if len(self.calls) >= _MOST_CALLS:
                return -1
            self._native = len(self.calls)
            self.calls.append((-1, *NATIVE))
            self._new.append((-1, *NATIVE))
        return self._native

    def write_new(self, run: Run) -> None:
        """Write the calls that were numbered since this was last done."""
        new, self._new = self._new, []
        if new:
            run.journal.append(records.Calls(len(self.calls) - len(new), new))

    def stack(self, number: int) -> tuple[Call, ...]:
        """Return the calls of a stack, the innermost last."""
        found = []
        while number >= 0:
            number, function, file, line = self.calls[number]
            found.append(Call(function, file, line))
        return tuple(reversed(found))


_tables: Attached[Run, CallTable] = Attached()


def table_of(run: Run) -> CallTable:
    """Return the calls of this process's journal of an execution."""
    found = _tables.get(run)
    if found is None:
        found = _tables.setdefault(run, CallTable())
    return found


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: _tables.clear())  # a child is a writer of its own


def running_threads() -> Iterator[tuple[int, str, FrameType]]:
    """Give ident, name and innermost frame of each thread that runs Python code, but for obs's own."""
    for ident, frame in sys._current_frames().items():
        name = name_of(ident)
        if name is not None:
            yield ident, name, frame


def name_of(ident: int) -> str | None:
    """Return the name of a thread; None for the one that asks, and for those of obs."""
    thread = _threads.get(ident)
    name = thread.name if thread is not None else f"thread {ident}"
    return None if ident == threading.get_ident() or name.startswith(_OWN) else name


def cpu_of_thread(ident: int) -> int | None:
    """Return the CPU time of a thread in nanoseconds; None where that cannot be told."""
    return cpu_by(clock_of_thread(ident))


def clock_of_thread(ident: int) -> int | None:
    """Return the clock of a thread's CPU time, to be read by `cpu_by`; None where there is none.

    It has a number that Linux makes of the thread's own; asking for one that is gone is an error, while
    `time.pthread_getcpuclockid` crashes then.

    Source: https://man7.org/linux/man-pages/man3/pthread_getcpuclockid.3.html and MAKE_THREAD_CPUCLOCK in Linux.
    """
    thread = _threads.get(ident)
    return None if thread is None or thread.native_id is None else clock_of(thread.native_id)


def clock_of(native_id: int) -> int | None:
    """Return the clock of the CPU time of the thread that has this number in the kernel; None where there is none."""
    return None if _clock_of_thread is None else (~native_id << 3) | 6


def cpu_by(clock: int | None) -> int | None:
    """Return the nanoseconds that a thread's clock shows; None where there is none, or no longer."""
    if clock is None or _clock_of_thread is None:
        return None
    try:
        return int(_clock_of_thread(clock))
    except OSError:
        return None


def awaiting(loop: Any) -> Iterator[tuple[Any, list[FrameType]]]:
    """Give the asynchronous tasks that wait in an event loop: each with its calls, the innermost first."""
    asyncio = sys.modules["asyncio"]
    with contextlib.suppress(Exception):  # tasks come and go meanwhile
        current = asyncio.current_task(loop)
        for task in list(asyncio.all_tasks(loop))[:_MOST_AWAITING]:
            if task is not current:
                calls = _awaited_calls(task.get_coro())
                if calls:
                    yield task, calls


def loop_of(frame: FrameType) -> Any:
    """Return the event loop that a thread runs; None if it runs none.

    Args:
        frame: The innermost frame of the thread.
    """
    if "asyncio" not in sys.modules:
        return None
    found: FrameType | None = frame
    while found is not None:
        code = found.f_code
        if code.co_name == "run_forever" and code.co_filename.endswith("base_events.py"):
            return found.f_locals.get("self")
        found = found.f_back
    return None


def _awaited_calls(coroutine: Any) -> list[FrameType]:
    """Return the frames of a coroutine and of what it awaits, the innermost first."""
    calls: list[FrameType] = []
    while coroutine is not None and len(calls) < _DEEPEST:
        frame = getattr(coroutine, "cr_frame", None) or getattr(coroutine, "gi_frame", None)
        frame = frame or getattr(coroutine, "ag_frame", None)
        if frame is None:
            break
        calls.append(frame)
        coroutine = getattr(coroutine, "cr_await", None) or getattr(coroutine, "gi_yieldfrom", None)
    calls.reverse()
    return calls

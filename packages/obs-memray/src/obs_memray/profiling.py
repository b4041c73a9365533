"""The decorator: a memory profile of each call."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import msgspec

from obs_core import TaskCall, TaskDecorator
from obs_core.rendering import escape
from obs_memray.options import REPORTERS, Options, Reporter, read_reporter_arguments, reporters_of
from obs_memray.session import Session, begin, profiled
from obs_memray.stacks import body_of

__all__ = ["memray_profiling"]

_KEPT = "memray"
"""The artifact by which a task compares itself with the last time."""


class memray_profiling(TaskDecorator):
    """Profile the memory of a task with memray, and show it in the task's decks.

    "Memory" says how much, when and by whom; "Memray Flamegraph" and "Memray Table" are memray's own reports.
    They are made also when the task fails, and, by whoever reads the execution next, when it was killed.

    memray follows one call at a time in a process, on all its threads. A call that begins while another one is
    profiled runs unprofiled, and its deck says which one covers it.

    Args:
        native_traces: Follow C and C++ frames too; slower.
        trace_python_allocators: Follow each Python object; twice as slow.
        follow_fork: Follow forked children, and add what they allocated.
        memory_interval_ms: Milliseconds between two readings of the resident set size.
        memray_html_reporter: ``"flamegraph"``, ``"table"``, or several of them.
        memray_reporter_args: As memray's command line takes them: ``["--leaks", "--split-threads"]``.
        leaks: Show what was not freed by the end, instead of the peak.
        temporary_allocations: Show what was freed at once, instead of the peak.
        threshold_mb: Make no decks for a call that peaks below this.
        compare_to: ``"last"`` compares with the last successful call of the same task in this store.
        max_capture_mb: Megabytes of capture at which profiling stops while the task goes on.

    Raises:
        ValueError: An unknown reporter, an argument that the reporter does not know, or a number below its least.

    Examples:
        >>> @task
        ... @memray_profiling(memray_html_reporter="table")
        ... def load() -> None:
        ...     rows = [bytearray(1024) for _ in range(100_000)]
    """

    def __init__(
        self,
        *,
        native_traces: bool = False,
        trace_python_allocators: bool = False,
        follow_fork: bool = False,
        memory_interval_ms: int = 10,
        memray_html_reporter: Reporter | Sequence[Reporter] = "flamegraph",
        memray_reporter_args: Sequence[str] | None = None,
        leaks: bool = False,
        temporary_allocations: bool = False,
        threshold_mb: float = 0,
        compare_to: Literal["last"] | None = None,
        max_capture_mb: int = 2048,
    ) -> None:
        _check(memory_interval_ms, threshold_mb, compare_to, max_capture_mb)
        if isinstance(memray_reporter_args, str):
            raise ValueError(f"memray_reporter_args is a list, such as ['--leaks'], not {memray_reporter_args!r}")
        flags = ["--leaks"] * leaks + ["--temporary-allocations"] * temporary_allocations
        reporters = reporters_of(memray_html_reporter)
        view = read_reporter_arguments([*(memray_reporter_args or ()), *flags], reporters)
        self._options = Options(reporters, view, max_capture_mb=max_capture_mb)
        self._tracking = {
            "native_traces": native_traces,
            "trace_python_allocators": trace_python_allocators,
            "follow_fork": follow_fork,
            "memory_interval_ms": memory_interval_ms,
        }
        self._threshold = threshold_mb * 1e6
        self._compares = compare_to == "last"

    def around(self, call: TaskCall) -> Iterator[None]:
        """Capture while the task runs; draw when it has ended."""
        session = self._begin(call)
        if session is None:
            yield
            return
        before = call.last(_KEPT) if self._compares else None
        try:
            yield
        finally:
            self._finish(call, session, None if before is None else before.value)

    def _begin(self, call: TaskCall) -> Session | None:
        """Begin to profile; None if this call runs unprofiled, which is then said where a reader looks."""
        if not call.context.enable_deck:
            return None
        if sys.platform not in ("linux", "darwin"):
            call.note(f"memray profiles memory on Linux and macOS, not on {sys.platform}: this task ran unprofiled")
            return None
        options = msgspec.structs.replace(self._options, task=call.name, body=body_of(call.function))
        session = begin(call.context, options, self._tracking)
        if session is None:
            call.deck("Memory").append(_covered_by(profiled()))
        return session

    def _finish(self, call: TaskCall, session: Session, before: Any) -> None:
        if session.process != os.getpid():  # a forked child came this far: its parent finishes what it began
            return
        session.stop()
        if session.peak() < self._threshold:
            session.capture.finish()
            return
        from obs_memray.captures import draw_into

        decks = {name: call.deck(name) for name in ("Memory", *(REPORTERS[one] for one in self._options.reporters))}

        def draw() -> None:
            summary = draw_into(decks, session.capture.path, session.options, before, stopped=session.stopped_early)
            if self._compares and summary is not None:
                call.keep(_KEPT, summary)
            session.capture.finish()

        call.context.defer(draw)


def _covered_by(name: str) -> str:
    return (
        f"<p>memray follows one task at a time in a process, and was following <b>{escape(name)}</b> when this one"
        f" began. What this task allocated is part of the profile of <b>{escape(name)}</b>.</p>"
    )


def _check(interval: int, threshold: float, compare_to: str | None, max_capture_mb: int) -> None:
    if interval < 1:
        raise ValueError(f"memory_interval_ms is at least 1, not {interval!r}")
    if threshold < 0:
        raise ValueError(f"threshold_mb must not be negative, got {threshold!r}")
    if compare_to not in (None, "last"):
        raise ValueError(f"compare_to is 'last' or None, not {compare_to!r}")
    if max_capture_mb < 1:
        raise ValueError(f"max_capture_mb is at least 1, not {max_capture_mb!r}")

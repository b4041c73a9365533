"""The decorator: a CPU profile of each call."""

from __future__ import annotations

from collections.abc import Iterator

from obs_core import TaskCall, TaskDecorator
from obs_resources.profiler import Threads, begin, end, seen_stacks

__all__ = ["cpu_profiling"]


class cpu_profiling(TaskDecorator):
    """Show where the time of a task goes: a flame graph of what its threads were seen doing.

    A thread looks at all stacks `hz` times a second. What it sees is written each second, so that it is there when the
    task was killed. Nothing is replaced or traced, and no rights are needed.

    Args:
        hz: Looks a second, 1 to 1,000.
        threads: ``"all"`` looks at every thread of the process while the task runs; ``"task"`` at those alone that are
            known to work for it: its own, and from Python 3.12 on those that it started.

    Raises:
        ValueError: An `hz` or `threads` that there is not.

    Examples:
        >>> @task
        ... @cpu_profiling(hz=100)
        ... def train() -> None: ...
        >>> with cpu_profiling():
        ...     total = sum(range(100_000))
    """

    def __init__(self, *, hz: int = 100, threads: Threads = "all") -> None:
        if type(hz) is not int or not 1 <= hz <= 1000:
            raise ValueError(f"hz must be a whole number of samples a second, 1 to 1000, not {hz!r}")
        if threads not in ("all", "task"):
            raise ValueError(f'threads is "all" or "task", not {threads!r}')
        self._hz = hz
        self._threads: Threads = threads

    def around(self, call: TaskCall) -> Iterator[None]:
        """Profile while the task runs; draw when it has ended."""
        state = call.context.state
        wanted = begin(self._hz, state, self._threads)
        try:
            yield
        finally:
            end(wanted)
            if call.context.enable_deck and wanted.seen:
                from obs_resources.flame import profile_html

                seen = seen_stacks(state.run, wanted.seen.items(), self._hz)
                call.deck("CPU profile").append(profile_html(seen, wanted.names))

"""Threads that Python does not know, such as those of a BLAS: a profiler of Python's stacks does not see them."""

from __future__ import annotations

import os
import sys
import threading

from obs_resources.stacks import clock_of, cpu_by

__all__ = ["NativeThreads"]

_threads: dict[int, threading.Thread] = getattr(threading, "_active", {})


class NativeThreads:
    """Adds up their CPU time, on Linux: elsewhere nobody tells the time of each thread.

    A thread that ran and ended between two looks is not seen.
    """

    def __init__(self) -> None:
        self._of_python: set[int] = set()
        self._seen: dict[int, int] = {}
        self.used()

    def used(self) -> int:
        """Return the nanoseconds of CPU time that they used since this was last asked."""
        try:
            alive = set(map(int, os.listdir("/proc/self/task")))
        except OSError:
            return 0
        known = {thread.native_id for thread in list(_threads.values())}
        # One that ends is the kernel's for a moment longer than Python's.
        self._of_python = {one for one in alive if one in known or one in self._of_python}
        before, self._seen = self._seen, {}
        used = 0
        for one in alive - self._of_python:
            cpu = cpu_by(clock_of(one))
            if cpu is not None:
                self._seen[one] = cpu
                used += max(cpu - before.get(one, 0), 0)
        # Which of them calls Python just now is not known: its stack is seen, and counts already.
        return 0 if any(ident not in _threads for ident in sys._current_frames()) else used

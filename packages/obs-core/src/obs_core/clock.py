"""The clocks that obs reads; `obs_core.testing` puts fixed ones in their place."""

from __future__ import annotations

import time

wall = time.perf_counter_ns
"""Monotonic nanoseconds: what durations are measured with."""

process = time.process_time_ns
"""CPU time of the whole process in nanoseconds. A system call: several times as slow as `wall`."""

thread = time.thread_time_ns
"""CPU time of the calling thread in nanoseconds."""

epoch = time.time_ns
"""Nanoseconds since 1970, UTC: what places a journal in time."""

_AT_ONCE = 20_000
"""Nanoseconds between two readings within which nothing came in between."""


def zero() -> int:
    """Return when `wall` was zero, in nanoseconds since 1970.

    On a busy machine another process may run between two readings of the clocks: the closest of a few pairs counts, so
    that the processes of one execution agree on what came first.
    """
    closest, found = -1, 0
    for _ in range(5):
        before = wall()
        now = epoch()
        apart = wall() - before
        if closest < 0 or apart < closest:
            closest, found = apart, now - before - apart // 2
        if closest <= _AT_ONCE:
            break
    return found

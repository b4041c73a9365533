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

"""The figures of a capture: peak, total, count, largest allocators, resident set over time."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct, field

from obs_memray.allocations import allocations_in
from obs_memray.totals import total_allocated

if TYPE_CHECKING:
    from memray import AllocationRecord, MemorySnapshot

    from obs_memray.options import View

__all__ = ["Allocator", "Moment", "Summary", "summarize"]

_LARGEST = 15
_POINTS = 400


class Allocator(Struct, frozen=True):
    """A place in the source, and what it had allocated.

    Attributes:
        function: The function's name.
        file: The file's path.
        line: The line in it.
        size: Bytes.
        count: Number of allocations.
    """

    function: str
    file: str
    line: int
    size: int
    count: int

    @property
    def place(self) -> str:
        """The file's name and the line."""
        return f"{os.path.basename(self.file)}:{self.line}" if self.file else ""


class Moment(Struct, frozen=True):
    """The memory at a time.

    Attributes:
        at: Seconds since the beginning.
        resident: The process's resident set size in bytes.
        heap: Bytes that were allocated.
    """

    at: float
    resident: int
    heap: int


class Summary(Struct):
    """What the Memory deck shows.

    Attributes:
        peak: Most bytes that were allocated at a time; of several processes, the sum of their peaks.
        total: Bytes allocated in all; None if memray cannot say.
        count: Number of allocations.
        largest: The largest allocators of what the report looks at (the peak, leaks or temporary allocations), by size.
        resident: The memory over time, of the first process.
        processes: How many processes there were: more than one with `follow_fork`.
    """

    peak: int
    total: int | None
    count: int
    largest: list[Allocator] = field(default_factory=list)
    resident: list[Moment] = field(default_factory=list)
    processes: int = 1


def summarize(paths: Sequence[str], view: View) -> Summary:
    """Read the figures of a capture.

    Args:
        paths: Its file, and those of forked children.
        view: Which allocations the largest allocators are taken from.
    """
    from memray import FileReader

    summary = Summary(0, total_allocated(paths), 0, processes=len(paths))
    by_place: dict[tuple[str, str, int], list[int]] = {}
    for path in paths:
        with FileReader(path) as reader:
            summary.peak += reader.metadata.peak_memory
            summary.count += reader.metadata.total_allocations
            _add_by_place(allocations_in(reader, view), by_place)
            if not summary.resident:
                summary.resident = _thinned(list(reader.get_memory_snapshots()))
    summary.largest = _largest(by_place)
    return summary


def _add_by_place(allocations: Iterable[AllocationRecord], by_place: dict[tuple[str, str, int], list[int]]) -> None:
    for allocation in allocations:
        stack = allocation.stack_trace(max_stacks=1)
        found = by_place.setdefault(stack[0] if stack else ("(no Python frame)", "", 0), [0, 0])
        found[0] += allocation.size
        found[1] += allocation.n_allocations


def _largest(by_place: dict[tuple[str, str, int], list[int]]) -> list[Allocator]:
    ordered = sorted(by_place.items(), key=lambda item: -item[1][0])[:_LARGEST]
    return [Allocator(*place, size, count) for place, (size, count) in ordered]


def _thinned(snapshots: Sequence[MemorySnapshot]) -> list[Moment]:
    """Keep the highest reading of each of some hundred stretches of time: peaks are what is looked for."""
    if not snapshots:
        return []
    stretch = max(1, -(-len(snapshots) // _POINTS))
    parts = (snapshots[start : start + stretch] for start in range(0, len(snapshots), stretch))
    began = snapshots[0].time
    highest = (max(part, key=lambda one: one.rss) for part in parts)
    return [Moment((one.time - began) / 1000, one.rss, one.heap) for one in highest]

"""The figures of a capture: peak, total, count, largest allocators, resident set over time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct, field

from obs_memray.allocations import allocations_in
from obs_memray.stacks import Frame, allocating, is_obs_at_work, short_file
from obs_memray.totals import total_allocated

if TYPE_CHECKING:
    from memray import AllocationRecord, MemorySnapshot

    from obs_memray.options import View
    from obs_memray.stacks import Body

__all__ = ["Allocator", "Moment", "Place", "Summary", "summarize"]

_LARGEST = 15
_INNER = 3
_POINTS = 400


class Place(Struct, frozen=True):
    """A place in the source, and what was allocated there.

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
        """The file, named by its package, and the line."""
        return f"{short_file(self.file)}:{self.line}" if self.file else ""


class Allocator(Place, frozen=True):
    """A line of the user's own code, and what was allocated there or by what it called.

    Attributes:
        source: The line itself; empty if it is not known.
        inner: Where in libraries it was allocated, the largest first.
    """

    source: str = ""
    inner: list[Place] = []


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
        held: Bytes of all that the report looks at, of which `largest` are the largest.
    """

    peak: int
    total: int | None
    count: int
    largest: list[Allocator] = field(default_factory=list)
    resident: list[Moment] = field(default_factory=list)
    processes: int = 1
    held: int = 0


def summarize(paths: Sequence[str], view: View, body: Body) -> Summary:
    """Read the figures of a capture.

    Args:
        paths: Its file, and those of forked children.
        view: Which allocations the largest allocators are taken from.
        body: What was profiled.
    """
    from memray import FileReader

    summary = Summary(0, total_allocated(paths), 0, processes=len(paths))
    sizes: _Sizes = {}
    for path in paths:
        with FileReader(path) as reader:
            summary.peak += reader.metadata.peak_memory
            summary.count += reader.metadata.total_allocations
            _add(allocations_in(reader, view), body, sizes)
            if not summary.resident:
                summary.resident = _thinned(list(reader.get_memory_snapshots()))
    summary.held = sum(size for within in sizes.values() for size, _ in within.values())
    summary.largest = [_allocator(own, within, view) for own, within in _largest(sizes)]
    return summary


_Sizes = dict[Frame, dict[Frame, list[int]]]
"""Bytes and count by the user's line, and within that by the place that allocated."""


def _add(allocations: Iterable[AllocationRecord], body: Body, sizes: _Sizes) -> None:
    for allocation in allocations:
        stack = allocation.stack_trace()
        if is_obs_at_work(stack, body):
            continue
        own, innermost = allocating(stack, body)
        found = sizes.setdefault(own, {}).setdefault(innermost, [0, 0])
        found[0] += allocation.size
        found[1] += allocation.n_allocations


def _largest(sizes: _Sizes) -> list[tuple[Frame, dict[Frame, list[int]]]]:
    return sorted(sizes.items(), key=lambda item: -sum(size for size, _ in item[1].values()))[:_LARGEST]


def _allocator(own: Frame, within: dict[Frame, list[int]], view: View) -> Allocator:
    size, count = (sum(column) for column in zip(*within.values(), strict=True))
    places = (Place(*frame, *sums) for frame, sums in within.items() if frame != own)
    inner = sorted(places, key=lambda one: -one.size)[:_INNER]
    return Allocator(*own, size, count, _source_of(own, view), inner)


def _source_of(frame: Frame, view: View) -> str:
    from memray.reporters.frame_tools import source_line_from_frame

    line = source_line_from_frame(frame, view.confidential_files).strip()
    return "" if line == "{} at {}:{}".format(*frame) else line


def _thinned(snapshots: Sequence[MemorySnapshot]) -> list[Moment]:
    """Keep the highest reading of each of some hundred stretches of time: peaks are what is looked for."""
    if not snapshots:
        return []
    stretch = max(1, -(-len(snapshots) // _POINTS))
    parts = (snapshots[start : start + stretch] for start in range(0, len(snapshots), stretch))
    began = snapshots[0].time
    return [
        Moment((part[0].time - began) / 1000, max(one.rss for one in part), max(one.heap for one in part))
        for part in parts
    ]

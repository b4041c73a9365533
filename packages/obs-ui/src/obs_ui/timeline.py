"""The timeline of a trace: which lane each span is drawn on, and what a window of it shows."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obs_ui.columns import FAILED, HANDLED, OF_OBS, OPEN
from obs_ui.trace import Trace

__all__ = ["Timeline"]

Ints = NDArray[np.int64]

_LANES_SEARCHED = 400
"""A span is looked a free lane for among so many; beyond them, spans that ran side by side overlap."""

_MOST_BARS = 20_000


class Timeline:
    """A trace laid out in lanes: each span below its parent, spans that ran side by side on lanes of their own.

    Args:
        trace: The spans.
        handled: Rows of those whose exceptions were handled.
    """

    def __init__(self, trace: Trace, handled: Ints | None = None) -> None:
        self.trace = trace
        self._flags = trace.flags & np.uint8(OPEN | FAILED | OF_OBS)
        if handled is not None:
            self._flags[handled] ^= FAILED | HANDLED

    @functools.cached_property
    def lanes(self) -> NDArray[np.int32]:
        """The lane of each span."""
        trace = self.trace
        keys = trace.writer_numbers.astype(np.int64) * (int(trace.depths.max()) + 1) + trace.depths
        order = np.lexsort((trace.starts, keys))
        same = keys[order][1:] == keys[order][:-1]
        if (same & (trace.starts[order][1:] < trace.ends[order][:-1])).any():
            return _side_by_side(trace)
        lanes: NDArray[np.int32] = np.unique(keys, return_inverse=True)[1].astype(np.int32)
        return lanes

    @functools.cached_property
    def lane_count(self) -> int:
        """How many lanes there are."""
        return int(self.lanes.max()) + 1

    @functools.cached_property
    def writers(self) -> list[tuple[str, int]]:
        """Each process that wrote, with its first lane."""
        trace = self.trace
        found = []
        for number, name in enumerate(trace.writers):
            own = trace.writer_numbers == number
            if own.any():
                found.append((name, int(self.lanes[own].min())))
        return found

    @functools.cached_property
    def _by_lane(self) -> tuple[Ints, Ints]:
        """All rows by lane and start, and where each lane begins."""
        order = np.lexsort((self.trace.starts, self.lanes))
        return order, np.searchsorted(self.lanes[order], np.arange(self.lane_count + 1))

    @functools.cached_property
    def _starts_by_lane(self) -> Ints:
        return self.trace.starts[self._by_lane[0]]

    @functools.cached_property
    def _ends_by_lane(self) -> Ints:
        return self.trace.ends[self._by_lane[0]]

    @functools.cached_property
    def _durations_by_lane(self) -> Ints:
        return self._ends_by_lane - self._starts_by_lane

    def window(self, begin: int, end: int, width: int, lanes: range) -> dict[str, Any]:
        """Return what a window of the timeline shows.

        Args:
            begin: Where it begins, in nanoseconds since the epoch.
            end: Where it ends.
            width: How many pixels wide it is drawn. Spans that share a pixel of their lane are gathered in one bar.
            lanes: The lanes in view.

        Returns:
            ``names`` and ``bars``; a bar is its lane, start and duration (microseconds since the trace began), name (a
            number in ``names``), how many spans it stands for, how it stands (1: open, 2: failed, 8: of obs, 16:
            failed, but the exception was handled), and the row of its span, of several that of the longest.
        """
        pixel = max(1, (end - begin) // max(1, width))
        bars: list[list[Any]] = []
        for lane in range(max(0, lanes.start), min(lanes.stop, self.lane_count)):
            bars.extend(self._bars(lane, begin, end, pixel))
            if len(bars) > _MOST_BARS:
                break
        return self._named(bars)

    def _bars(self, lane: int, begin: int, end: int, pixel: int) -> list[list[Any]]:
        inside = self._inside(lane, begin, end)
        rows = self._by_lane[0][inside]
        starts, durations = self._starts_by_lane[inside], self._durations_by_lane[inside]
        narrow = durations < pixel
        bars: list[list[Any]] = []
        if not narrow.all():
            wide = ~narrow
            bars = self._columns_of(lane, rows[wide], starts[wide], durations[wide], np.ones(wide.sum(), np.int64))
            rows, starts, durations = rows[narrow], starts[narrow], durations[narrow]
        return bars + self._gathered(lane, rows, starts, durations, begin, pixel) if len(rows) else bars

    def _inside(self, lane: int, begin: int, end: int) -> slice | Ints:
        """Return where the spans of a lane are that a window shows, among all spans by lane and start."""
        begins = self._by_lane[1]
        first, last = int(begins[lane]), int(begins[lane + 1])
        stop = first + int(np.searchsorted(self._starts_by_lane[first:last], end, "right"))
        ends = self._ends_by_lane[first:stop]
        if lane not in self._crowded_lanes:
            return slice(first + int(np.searchsorted(ends, begin)), stop)
        return np.flatnonzero(ends >= begin) + first

    @functools.cached_property
    def _crowded_lanes(self) -> set[int]:
        """The lanes on which spans overlap, so that they do not end in the order in which they start."""
        ends, lanes = self._ends_by_lane, self.lanes[self._by_lane[0]]
        return set(lanes[1:][(ends[1:] < ends[:-1]) & (lanes[1:] == lanes[:-1])].tolist())

    def _gathered(
        self, lane: int, rows: Ints, starts: Ints, durations: Ints, begin: int, pixel: int
    ) -> list[list[Any]]:
        """Gather spans narrower than a pixel, those of one pixel in one bar."""
        pixels = (starts - begin) // pixel
        firsts = np.flatnonzero(np.concatenate(([True], pixels[1:] != pixels[:-1])))
        counts = np.diff(np.append(firsts, len(rows)))
        until = np.maximum.reduceat(starts + durations, firsts)
        flags = np.bitwise_or.reduceat(self._flags[rows], firsts)
        flags &= np.bitwise_and.reduceat(self._flags[rows] | np.uint8(~OF_OBS & 0xFF), firsts)  # all of obs, or none
        longest = _longest_of(durations, firsts, counts)
        return self._columns_of(lane, rows[longest], starts[firsts], until - starts[firsts], counts, flags)

    def _columns_of(
        self,
        lane: int,
        rows: Ints,
        starts: Ints,
        durations: Ints,
        counts: Ints,
        flags: NDArray[np.uint8] | None = None,
    ) -> list[list[Any]]:
        trace = self.trace
        shown = self._flags[rows] if flags is None else flags
        columns = (
            [lane] * len(rows),
            ((starts - trace.start) / 1000).tolist(),
            (durations / 1000).tolist(),
            trace.name_numbers[rows].tolist(),
            counts.tolist(),
            shown.tolist(),
            rows.tolist(),
        )
        return list(map(list, zip(*columns, strict=True)))

    def _named(self, bars: list[list[Any]]) -> dict[str, Any]:
        used: dict[int, int] = {}
        for bar in bars:
            bar[3] = used.setdefault(bar[3], len(used))
        return {"names": [self.trace.names[number][:200] for number in used], "bars": bars}


def _longest_of(durations: Ints, firsts: Ints, counts: Ints) -> Ints:
    """Return where the longest of each group is; groups stand one behind the other."""
    longest = np.flatnonzero(durations == np.repeat(np.maximum.reduceat(durations, firsts), counts))
    found: Ints = longest[np.searchsorted(longest, firsts)]
    return found


def _side_by_side(trace: Trace) -> NDArray[np.int32]:
    """Give each span the first lane below its parent's that is free; each process has lanes of its own."""
    order = np.lexsort((-trace.durations, trace.starts)).tolist()
    starts, ends = trace.starts.tolist(), trace.ends.tolist()
    parents, writers = trace.parents.tolist(), trace.writer_numbers.tolist()
    lanes = [-1] * len(starts)
    free_from: list[list[int]] = [[] for _ in trace.writers]
    for row in order:
        parent = parents[row]
        busy = free_from[writers[row]]
        above = lanes[parent] if parent >= 0 and writers[parent] == writers[row] else -1
        lanes[row] = lane = _free_lane(busy, above + 1, starts[row])
        busy[lane] = max(busy[lane], ends[row])
    return _stacked(np.array(lanes, np.int32), trace.writer_numbers, [len(busy) for busy in free_from])


def _free_lane(busy: list[int], lowest: int, start: int) -> int:
    for lane in range(lowest, min(len(busy), lowest + _LANES_SEARCHED)):
        if busy[lane] <= start:
            return lane
    if len(busy) < lowest + _LANES_SEARCHED:
        busy.extend([0] * (max(lowest, len(busy)) + 1 - len(busy)))
        return len(busy) - 1
    return lowest + _LANES_SEARCHED - 1


def _stacked(lanes: NDArray[np.int32], writers: NDArray[np.int32], heights: list[int]) -> NDArray[np.int32]:
    """Put the lanes of the processes below one another."""
    offsets = np.concatenate(([0], np.cumsum(heights)[:-1])).astype(np.int32)
    stacked: NDArray[np.int32] = lanes + offsets[writers]
    return stacked

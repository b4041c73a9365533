"""Traces in the Trace Event Format, the JSON that Perfetto and ``chrome://tracing`` open."""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterator
from typing import IO, Any

import msgspec

from obs_core.text.durations import format_iso
from obs_core.trace.tree import SpanTree

__all__ = ["chrome_trace", "write_chrome_trace"]

Event = dict[str, Any]


def chrome_trace(tree: SpanTree, root: int = 0) -> dict[str, Any]:
    """Return a span and all below it as a trace.

    Every span is a complete event (``X``). A writer of the execution is a process of the trace. Spans that ran side by
    side are on lanes of their own (threads of the trace), so that all events of a lane nest and each is drawn below its
    parent where that is possible. Times are microseconds since the first span's start, which `otherData` states.

    Args:
        tree: The spans.
        root: The outermost of them.
    """
    return {"traceEvents": list(_events(tree, root)), **_frame(tree, root)}


def write_chrome_trace(tree: SpanTree, root: int, stream: IO[str]) -> None:
    """Write the same as JSON, an event a line.

    Args:
        tree: The spans.
        root: The outermost of them.
        stream: Where to write.
    """
    lead = '{"traceEvents":[\n'
    for event in _events(tree, root):
        stream.write(lead + _encoded(event))
        lead = ",\n"
    stream.write("\n]," + _encoded(_frame(tree, root))[1:] + "\n")


def _frame(tree: SpanTree, root: int) -> dict[str, Any]:
    execution = tree.table.execution
    facts = {
        "execution": execution.id,
        "name": execution.name,
        "status": execution.status,
        "start": format_iso(_origin(tree, root)),
        "host": execution.host,
        **{f"tag {key}": value for key, value in execution.tags.items()},
    }
    if execution.lost_records:
        facts["lost records"] = str(execution.lost_records)
    if execution.damaged_records:
        facts["damaged records"] = str(execution.damaged_records)
    return {"displayTimeUnit": "ns", "otherData": facts}


def _origin(tree: SpanTree, root: int) -> int:
    return min(map(tree.table.starts.__getitem__, tree.below(root)))


def _events(tree: SpanTree, root: int) -> Iterator[Event]:
    origin = _origin(tree, root)
    lanes = _Lanes(tree)
    for span in _in_start_order(tree, root):
        yield _complete(tree, span, origin, lanes.place(span))
    yield from lanes.names()


def _in_start_order(tree: SpanTree, root: int) -> list[int]:
    """Return the spans by start; of those that start together, parents are before their children."""
    spans = list(tree.walk(root))
    spans.sort(key=tree.table.starts.__getitem__)
    return spans


def _complete(tree: SpanTree, span: int, origin: int, lane: _Lane) -> Event:
    table = tree.table
    colour = {"cname": "grey"} if table.kinds[span] == "obs" else {}
    return {
        "name": table.names[span],
        "cat": table.kinds[span],
        **colour,
        "ph": "X",
        "ts": (table.starts[span] - origin) / 1_000,
        "dur": table.durations[span] / 1_000,
        "pid": lane.process,
        "tid": lane.number,
        "args": _arguments(tree, span),
    }


def _arguments(tree: SpanTree, span: int) -> dict[str, Any]:
    table = tree.table
    arguments: dict[str, Any] = {
        "id": table.ids[span],
        "status": tree.status(span),
        "process_time_us": table.process_times[span] / 1_000,
    }
    if span in table.errors:
        arguments["error"] = table.errors[span]
    if span in table.open:
        arguments["open"] = True
    if span in table.attributes:
        arguments["attributes"] = table.attributes[span]
    return arguments


class _Lane:
    """One row of events that nest.

    Attributes:
        process: The number of its process.
        number: Its own, from 1 on.
        stack: The spans that have begun and not ended, each within the one before, with their ends.
    """

    __slots__ = ("number", "process", "stack")

    def __init__(self, process: int, number: int) -> None:
        self.process = process
        self.number = number
        self.stack: list[tuple[int, int]] = []

    def takes_below(self, parent: int, start: int, end: int) -> bool:
        """Tell whether a span can be drawn below its parent, nothing else being between them."""
        stack = self.stack
        while stack and stack[-1][0] <= start and stack[-1][1] != parent:
            stack.pop()
        return bool(stack) and stack[-1][1] == parent and end <= stack[-1][0]

    def is_empty(self, start: int) -> bool:
        """Tell whether all that was drawn here has ended."""
        if self.stack and self.stack[0][0] > start:
            return False
        self.stack.clear()
        return True


class _Process:
    """A writer of the execution and its lanes, of which the lowest empty one is found quickly."""

    __slots__ = ("_busy", "_empty", "_lanes", "name", "number")

    def __init__(self, number: int, name: str) -> None:
        self.number = number
        self.name = name
        self._lanes: list[_Lane] = []
        self._busy: list[tuple[int, int]] = []
        self._empty: list[int] = []

    @property
    def lanes(self) -> int:
        """How many lanes there are."""
        return len(self._lanes)

    def lane_for(self, start: int) -> _Lane:
        """Return an empty lane, a new one if there is none."""
        while self._busy and self._busy[0][0] <= start:
            heapq.heappush(self._empty, heapq.heappop(self._busy)[1])
        while self._empty:
            lane = self._lanes[heapq.heappop(self._empty) - 1]
            if lane.is_empty(start):
                return lane
        self._lanes.append(_Lane(self.number, len(self._lanes) + 1))
        return self._lanes[-1]

    def put(self, lane: _Lane, span: int, end: int) -> None:
        """Draw a span on a lane; whatever is on the lane encloses it."""
        if not lane.stack:
            heapq.heappush(self._busy, (end, lane.number))
        lane.stack.append((end, span))


class _Lanes:
    """Lanes for spans that come in start order; those of different processes never share one."""

    def __init__(self, tree: SpanTree) -> None:
        self._tree = tree
        self._processes: dict[str, _Process] = {}
        self._lane_of: dict[int, _Lane] = {}

    def place(self, span: int) -> _Lane:
        """Choose a lane: the parent's if the span fits there, else an empty one."""
        tree = self._tree
        start, end, parent = tree.table.starts[span], tree.ends[span], tree.parents[span]
        process = self._process(tree.table.ids[span].rpartition(".")[0])
        lane = self._lane_of.get(parent)
        if (
            lane is None
            or lane.process != process.number
            or not (lane.takes_below(parent, start, end) or lane.is_empty(start))
        ):
            lane = process.lane_for(start)
        process.put(lane, span, end)
        if tree.has_children(span):
            self._lane_of[span] = lane
        return lane

    def names(self) -> Iterator[Event]:
        """Say what the processes and lanes are called."""
        for process in self._processes.values():
            yield _metadata("process_name", process.number, 0, name=process.name)
            yield _metadata("process_sort_index", process.number, 0, sort_index=process.number)
            for lane in range(1, process.lanes + 1):
                yield _metadata("thread_name", process.number, lane, name=f"lane {lane}")
                yield _metadata("thread_sort_index", process.number, lane, sort_index=lane)

    def _process(self, writer: str) -> _Process:
        process = self._processes.get(writer)
        if process is None:
            process = self._processes[writer] = _Process(len(self._processes) + 1, writer or "execution")
        return process


def _metadata(kind: str, process: int, lane: int, **arguments: Any) -> Event:
    return {"name": kind, "ph": "M", "pid": process, "tid": lane, "args": arguments}


def _encoded(event: Event) -> str:
    """Write an event as JSON; infinite numbers and halves of characters become what JSON can hold."""
    try:
        return msgspec.json.encode(event, enc_hook=str).decode()
    except UnicodeEncodeError:
        text = json.dumps(event, default=str, ensure_ascii=False).encode("utf-8", "replace")
        return msgspec.json.encode(json.loads(text, parse_constant=lambda _: None)).decode()

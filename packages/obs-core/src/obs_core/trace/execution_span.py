"""Traces to look at: where the time of an execution went."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from typing import IO, TYPE_CHECKING, Any

from obs_core.model import SpanKind, SpanTable, Status, moment
from obs_core.text.durations import format_standing
from obs_core.trace.tree import SpanTree

if TYPE_CHECKING:
    from obs_core.store import Store
    from obs_core.trace.explain import Ended
    from obs_core.trace.resources import Resources

__all__ = ["ExecutionSpan"]

Destination = IO[str] | str | os.PathLike[str] | None


class ExecutionSpan:
    """A span of a recorded execution, with the spans below it: a light view of a table of spans.

    The root stands for the execution itself. Get one with `load`, or from ``load_execution(id).span``.

    Args:
        table: The spans of the execution.
        index: Which of them; 0 is the root.

    Examples:
        >>> trace = ExecutionSpan.load("last")
        >>> trace.explain()
        flights
        Execution ...
        >>> [child.name for child in trace.children]
        ['clean', 'train']
    """

    __slots__ = ("_index", "_tree")

    def __init__(self, table: SpanTable, index: int = 0) -> None:
        self._tree = SpanTree(table)
        self._index = range(len(self._tree))[index]

    @classmethod
    def load(cls, execution_id: str = "last", store: Store | str | os.PathLike[str] | None = None) -> ExecutionSpan:
        """Read the trace of an execution: one that ended, is running, or was killed.

        Args:
            execution_id: Its id, the beginning or the end of its id, its name (the newest of that name), or ``"last"``
                for the newest of all.
            store: Where it is kept. Default: `OBS_STORE`, or ``.obs``.

        Raises:
            ExecutionNotFoundError: No execution matches, or more than one does.
        """
        from obs_core.assembly.loading import assembled, find_execution, opened

        place = opened(store)
        return cls(assembled(place, find_execution(execution_id, place)).table)

    @property
    def id(self) -> str:
        """``"<writer>.<number>"``, unique in the execution."""
        return self._tree.table.ids[self._index]

    @property
    def name(self) -> str:
        """What was done."""
        return self._tree.table.names[self._index]

    @property
    def kind(self) -> SpanKind:
        """``"workflow"``, ``"task"``, ``"operation"``, or ``"obs"`` for what obs itself did around a task."""
        return self._tree.table.kinds[self._index]

    @property
    def status(self) -> Status:
        """``"succeeded"``, ``"failed"``, ``"running"``, or ``"lost"`` if it never ended although the execution has."""
        return self._tree.status(self._index)

    @property
    def error(self) -> str | None:
        """The type of the exception that left it, if one did; for the root the execution's error."""
        table = self._tree.table
        found = table.errors.get(self._index)
        return table.execution.error or found if self._index == 0 else found

    @property
    def attributes(self) -> dict[str, Any]:
        """The facts recorded with it."""
        return self._tree.table.attributes.get(self._index, {})

    @property
    def is_open(self) -> bool:
        """Whether it had not ended when the execution was read."""
        return self._index in self._tree.table.open

    @property
    def start(self) -> datetime:
        """When it started, in UTC, to the microsecond."""
        return moment(self.start_ns)

    @property
    def end(self) -> datetime:
        """When it ended, in UTC, to the microsecond; the last sign of life for an open one."""
        return moment(self._tree.ends[self._index])

    @property
    def start_ns(self) -> int:
        """When it started, in nanoseconds since the epoch."""
        return self._tree.table.starts[self._index]

    @property
    def duration(self) -> float:
        """Wall time in seconds; up to the last sign of life for an open one."""
        return self.duration_ns / 1_000_000_000

    @property
    def duration_ns(self) -> int:
        """Wall time in nanoseconds."""
        return self._tree.table.durations[self._index]

    @property
    def process_time(self) -> float:
        """CPU time of its process (all threads) while it ran, in seconds."""
        return self._tree.table.process_times[self._index] / 1_000_000_000

    @property
    def self_time(self) -> float:
        """Seconds in which it ran and none of its children did."""
        return self.self_time_ns / 1_000_000_000

    @property
    def self_time_ns(self) -> int:
        """Nanoseconds in which it ran and none of its children did."""
        return self._tree.self_times[self._index]

    @property
    def resources(self) -> Resources:
        """What its process used while it ran; of the root, all processes of the execution.

        It is false where nothing was sampled: the package obs-resources takes a sample each second.
        """
        from obs_core.trace.resources import Resources

        table = self._tree.table
        whole = Resources(table.samples, self.start_ns, self._tree.ends[self._index])
        return whole if self._index == 0 else whole.between(whole.start, whole.end, self.id.partition(".")[0])

    @property
    def parent(self) -> ExecutionSpan | None:
        """The span it ran in; None for the root."""
        above = self._tree.parents[self._index]
        return self._view(above) if above >= 0 else None

    @property
    def children(self) -> list[ExecutionSpan]:
        """The pipeline's spans that ran directly in it, in the order in which they started."""
        kinds = self._tree.table.kinds
        return [self._view(child) for child in self._tree.children(self._index) if kinds[child] != "obs"]

    @property
    def own_work(self) -> list[ExecutionSpan]:
        """What obs itself did directly in it, in the order in which it began: of kind ``"obs"``, none of `children`.

        Drawing the inputs of a task, writing its report, and what decorators begin and end are done before and after
        the task, and stand beside it: in the execution, or in the task that called it.
        """
        kinds = self._tree.table.kinds
        return [self._view(child) for child in self._tree.children(self._index) if kinds[child] == "obs"]

    def walk(self) -> Iterator[ExecutionSpan]:
        """Go through this span and all below it, parents before their children, siblings in start order.

        What obs did itself is among them, of kind ``"obs"``.
        """
        return map(self._view, self._tree.walk(self._index))

    def critical_path(self) -> list[tuple[ExecutionSpan, float]]:
        """Return the chain of spans that determined when this one ended.

        Returns:
            Each span of the chain with the seconds it contributes, in start order. The contributions add up to this
            span's duration.
        """
        from obs_core.trace.critical_path import critical_path

        steps = [step for step in critical_path(self._tree, self._index) if step[1]]
        steps.reverse()  # parents first, where a child starts with its parent
        steps.sort(key=lambda step: self._tree.table.starts[step[0]])
        return [(self._view(span), contribution / 1_000_000_000) for span, contribution in steps]

    def explain(self, file: Destination = None, *, depth: int | None = None, absolute: bool = False) -> None:
        """Print a readable summary: the tree, the hottest operations, the critical path.

        Args:
            file: A stream or a path. Default: standard output.
            depth: How many levels below this span the tree goes. Default: as deep as there is room for.
            absolute: Say when each span started (UTC), rather than how long after this one.
        """
        self._explain(file, depth, absolute)

    def _explain(
        self, file: Destination = None, depth: int | None = None, absolute: bool = False, ended: Ended | None = None
    ) -> None:
        """Print the summary, and how the execution ended: the spans alone do not tell that."""
        from obs_core.text.terminal import opened
        from obs_core.trace.explain import explain

        with opened(file) as stream:
            explain(self._tree, self._index, stream, depth, absolute, ended)

    def dump(self, file: Destination = None) -> None:
        """Print what `to_dict` returns as YAML, a span at a time.

        A tree of more than 64 levels is written as a flat list, each span with its parent's id, for few programs read
        YAML that is nested so deeply.

        Args:
            file: A stream or a path. Default: standard output.
        """
        from obs_core.text.terminal import opened
        from obs_core.trace.dump import dump

        with opened(file) as stream:
            dump(self._tree, self._index, stream)

    def to_json(self, file: Destination = None) -> None:
        """Write what `to_dict` returns as JSON; a tree of more than 64 levels as `dump` does.

        Args:
            file: A stream or a path. Default: standard output.
        """
        import json

        from obs_core.text.terminal import opened
        from obs_core.trace.dump import to_readable_dict

        with opened(file) as stream:
            json.dump(to_readable_dict(self._tree, self._index), stream, indent=2)
            stream.write("\n")

    def to_dict(self) -> dict[str, Any]:
        """Return this span and all below it as nested dicts of plain values.

        Returns:
            ``name``, ``kind``, ``id``, ``start`` (ISO 8601 with nanoseconds), ``duration``, ``process_time`` and
            ``self_time`` (seconds), ``status``, ``error``, ``attributes`` and ``spans``, a list of the same. The root
            also has ``execution``: id, host, tags and more.
        """
        from obs_core.trace.dump import to_dict

        return to_dict(self._tree, self._index)

    def to_chrome_trace(self, file: Destination = None) -> dict[str, Any] | None:
        """Make a trace that Perfetto (ui.perfetto.dev) and ``chrome://tracing`` open.

        Args:
            file: A stream or a path to write the JSON to, an event at a time. Default: nothing is written.

        Returns:
            The trace as a dict, if no file is given.
        """
        from obs_core.text.terminal import opened
        from obs_core.trace.chrome import chrome_trace, write_chrome_trace

        if file is None:
            return chrome_trace(self._tree, self._index)
        with opened(file) as stream:
            write_chrome_trace(self._tree, self._index, stream)
        return None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ExecutionSpan):
            return NotImplemented
        return self._tree.table is other._tree.table and self._index == other._index

    def __hash__(self) -> int:
        return hash((id(self._tree.table), self._index))

    def __repr__(self) -> str:
        return f"<ExecutionSpan {self.name!r} {self.kind}, {format_standing(self.duration_ns, self.status, ', ')}>"

    def _repr_html_(self) -> str:
        """Show in a notebook what `explain` prints."""
        import io
        from html import escape

        told = io.StringIO()
        self.explain(told)
        return f"<pre style='font-family:monospace;line-height:1.3'>{escape(told.getvalue())}</pre>"

    def _view(self, index: int) -> ExecutionSpan:
        view = ExecutionSpan.__new__(ExecutionSpan)
        view._tree, view._index = self._tree, index
        return view

"""Read one side of a comparison: of a large execution the spans are added up while they are read, and none is kept."""

from __future__ import annotations

from collections.abc import Iterable

from obs_core.assembly.assembly import Assembly
from obs_core.assembly.loading import assembled
from obs_core.journal.reader import decode, read_segments, segment_names, writer_of
from obs_core.journal.records import Beat, OpenSpan, Ref, SpanRecord, TaskEnd, TaskStart
from obs_core.reading.changes.sides import Operation, Side
from obs_core.store.base import Store

__all__ = ["read_side"]

_LARGE = 1024 * 1024
"""Bytes of a journal, as they lie in the store, from which its spans are not made rows of a table."""


def read_side(store: Store, execution_id: str) -> Side:
    """Read an execution to be compared with another one.

    Args:
        store: Where it is kept.
        execution_id: Its id.
    """
    paths = segment_names(store, execution_id)
    if sum(map(store.size_of, paths)) <= _LARGE:
        return Side(store, assembled(store, execution_id))
    assembly, sums = Assembly(store, execution_id), _Sums()
    for path, lines in read_segments(store, paths, outlines=True):
        writer, found = writer_of(path), decode(lines)
        others = [one for one in found if type(one) not in (SpanRecord, OpenSpan)]
        sums.add_tasks(writer, others)
        last = sums.add_spans(writer, (one for one in found if type(one) is SpanRecord))
        assembly.add(writer, [*others, Beat(last)] if last else others, path)
    assembly.finish()
    return Side(store, assembly, sums.operations())


class _Sums:
    """Spans and tasks of an execution added up by name while its journal is read."""

    def __init__(self) -> None:
        self._found: dict[tuple[bool, str], Operation] = {}
        self._within: dict[str, str] = {}
        self._tasks: dict[str, str] = {}
        self._counted: dict[tuple[str, int], tuple[str, int, int]] = {}

    def add_tasks(self, writer: str, found: Iterable[object]) -> None:
        """Add the tasks that began and ended."""
        for record in found:
            if type(record) is TaskStart:
                self._tasks[f"{writer}.{record.number}"] = record.name
            elif type(record) is TaskEnd:
                name = self._tasks.get(f"{writer}.{record.number}")
                if name is not None:
                    operation = self._found.setdefault((True, name), Operation(task=name))
                    operation.total += record.duration
                    operation.count += 1

    def add_spans(self, writer: str, found: Iterable[SpanRecord]) -> int:
        """Add spans that ended; returns when the last of them did, by the writer's clock."""
        sums, last = self._found, 0
        new: dict[str, SpanRecord] = {}
        parents: dict[int, Ref] = {}
        for record in found:
            end = record.start + record.duration
            if end > last:
                last = end
            if record.kind == "obs":
                continue
            if record.counted is not None:
                self._counted[writer, record.number] = record.name, *record.counted[:2]
                continue
            parents[record.number] = record.parent
            operation = sums.get((False, record.name))
            if operation is None:
                operation = sums[False, record.name] = Operation()
                new[record.name] = record
            operation.total += record.duration
            operation.count += 1
        for name, record in new.items():
            self._within[name] = _outermost(writer, record.parent, parents)
        return last

    def operations(self) -> dict[tuple[bool, str], Operation]:
        """Return all of them, once everything is read."""
        for name, count, total in self._counted.values():
            operation = self._found.setdefault((False, name), Operation())
            operation.total += total
            operation.count += count
        for name, ref in self._within.items():
            self._found[False, name].task = self._tasks.get(ref, "")
        return self._found


def _outermost(writer: str, ref: Ref, parents: dict[int, Ref]) -> str:
    """Return what stands above a span and all the spans around it, as far as those are known: its task."""
    seen = 0
    while isinstance(ref, int) and ref in parents and seen < 1000:
        ref, seen = parents[ref], seen + 1
    return ref if isinstance(ref, str) else f"{writer}.{ref}"

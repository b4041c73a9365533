"""Put the spans of all writers into one table.

The execution UI follows a journal with columns of its own, ``obs_ui/columns.py``. obs-ui's ``test_trace.py`` keeps both
equal: whoever changes one runs it.
"""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from obs_core import clock
from obs_core.assembly.writers import Writer
from obs_core.journal import records
from obs_core.model import Counted, ExecutionView, SpanIds, SpanKind, SpanTable

__all__ = ["SpanAssembly", "attempts"]

_WORTH_COLUMNS = 16
"""Operations in a row from which they are added a column at a time."""

_NOTHING_MORE = (None, None, None, None, None)


class SpanAssembly:
    """The span table while the journal is read.

    A span may be read before its parent, which another writer recorded: parents are resolved at the end.

    Args:
        view: The execution that the spans belong to.

    Attributes:
        table: The spans; entry 0 is the execution itself.
    """

    def __init__(self, view: ExecutionView) -> None:
        self.table = SpanTable(
            view, SpanIds(), array("q"), starts=array("q"), durations=array("q"), process_times=array("q")
        )
        self._parents: list[records.Ref] = []
        self._owners: list[Writer] = []
        self._names: dict[str, str] = {}
        self._own_work: list[int] = []
        self.add_row(Writer("main"), 1, "", "", "workflow", 0)

    def add_row(self, writer: Writer, number: int, parent: records.Ref, name: str, kind: SpanKind, start: int) -> int:
        """Begin an entry; returns its row."""
        table = self.table
        row = len(table.starts)
        writer.rows[number] = row
        self._ids.add(writer.name, (number,))
        table.parents.append(-1)
        table.names.append(self._names.setdefault(name, name))  # a million spans have a few names
        table.kinds.append(kind)
        table.starts.append(start + writer.epoch)
        table.durations.append(0)
        table.process_times.append(0)
        self._parents.append(parent)
        self._owners.append(writer)
        return row

    def take_spans(self, writer: Writer, found: list[records.SpanRecord]) -> None:
        """Add operations that ended, in the order in which they were written."""
        numbers = [record.number for record in found]
        first_number, count = numbers[0], len(numbers)
        are_new = first_number > writer.rows.highest and numbers == list(range(first_number, first_number + count))
        if count < _WORTH_COLUMNS or not are_new:
            for record in found:
                self._take_span(writer, record)
            return
        # Most of a large journal is new operations in a row: a column at a time takes half of what single ones do.
        table, epoch, first = self.table, writer.epoch, len(self.table.starts)
        writer.rows.add_run(first_number, first, count)
        shared_name = self._names.setdefault
        self._ids.add(writer.name, numbers)
        table.names.extend([shared_name(record.name, record.name) for record in found])
        table.kinds.extend(["operation"] * count)
        table.starts.extend([record.start + epoch for record in found])
        table.durations.extend([record.duration for record in found])
        table.process_times.extend([record.process_time for record in found])
        table.parents.extend([-1] * count)
        self._parents.extend([record.parent for record in found])
        self._owners.extend([writer] * count)
        writer.heard_at(max(record.start + record.duration for record in found))
        for row, record in enumerate(found, first):
            if (record.error, record.attributes, record.key, record.counted, record.kind) != _NOTHING_MORE:
                self._take_details(row, record)

    def _take_span(self, writer: Writer, record: records.SpanRecord) -> None:
        writer.heard_at(record.start + record.duration)
        row = writer.rows.get(record.number)
        if row is None:
            row = self.add_row(writer, record.number, record.parent, record.name, "operation", record.start)
        else:
            self.table.open.discard(row)
        self.table.durations[row] = record.duration
        self.table.process_times[row] = record.process_time
        self._take_details(row, record)

    def _take_details(self, row: int, record: records.SpanRecord) -> None:
        if record.kind == "obs":
            self.table.kinds[row] = "obs"
            self._own_work.append(row)
        if record.error is not None:
            self.table.errors[row] = record.error
        if record.attributes is not None:
            self.table.attributes[row] = record.attributes
        if record.key is not None:
            self.table.keys[row] = record.key
        elif record.counted is not None:
            self.table.counted[row] = Counted(*record.counted)

    def take_open(self, writer: Writer, record: records.OpenSpan) -> None:
        """Add an operation that had not ended when it was written, unless its end was read before."""
        if record.number in writer.rows:
            return
        row = self.add_row(writer, record.number, record.parent, record.name, "operation", record.start)
        self.table.open.add(row)
        if record.attributes is not None:
            self.table.attributes[row] = record.attributes
        if record.key is not None:
            self.table.keys[row] = record.key

    def take_task(self, writer: Writer, record: records.TaskStart) -> None:
        """Add a task that began."""
        row = self.add_row(writer, record.number, record.parent, record.name, "task", record.start)
        self.table.open.add(row)
        if record.attempt != 1:
            self.table.attributes[row] = {"attempt": record.attempt}

    def take_task_begun(self, writer: Writer, record: records.TaskBegun) -> bool:
        """Let a task begin with its function; False if its own beginning is missing, or its end was read before."""
        row = writer.rows.get(record.number)
        if row is None or row not in self.table.open:
            return False
        self.table.starts[row] = record.at + writer.epoch
        return True

    def take_task_end(self, writer: Writer, record: records.TaskEnd) -> bool:
        """Complete a task; False if its beginning is missing."""
        row = writer.rows.get(record.number)
        if row is None:
            return False
        table = self.table
        table.open.discard(row)
        if record.start is not None:
            table.starts[row] = record.start + writer.epoch
        table.durations[row] = record.duration
        table.process_times[row] = record.process_time
        if record.error is not None:
            table.errors[row] = record.error.partition(":")[0]
        writer.heard_at(table.starts[row] - writer.epoch + record.duration)
        return True

    def finish(self, writers: Mapping[str, Writer], *, ended: bool) -> None:
        """Resolve what refers to each other.

        Args:
            writers: All of the execution, by name.
            ended: Whether the execution said that it ended.
        """
        if len(self._parents) == 1:
            return  # the execution alone, as a list reads it
        self._resolve_parents(writers)
        self._parents.clear()
        self._measure_open_spans(ended)
        self._hang_own_work()
        self._number_attempts()

    @property
    def _ids(self) -> SpanIds:
        ids = self.table.ids
        assert isinstance(ids, SpanIds)
        return ids

    def rows_below(self, row: int) -> list[int]:
        """Return the operations of a task, without those of the tasks that it called."""
        children, kinds = self._children, self.table.kinds
        found: list[int] = []
        waiting = list(children.get(row, ()))
        while waiting:
            child = waiting.pop()
            if kinds[child] == "operation":
                found.append(child)
                waiting.extend(children.get(child, ()))
        return found

    def longest_below(self, row: int, most: int) -> list[int]:
        """Return the longest operations of a task in start order."""
        longest = heapq.nlargest(most, self.rows_below(row), key=self.table.durations.__getitem__)
        return sorted(longest, key=self.table.starts.__getitem__)

    def enclosing_task(self, row: int) -> int:
        """Return the row of the task, or of the execution, that a row is a part of."""
        while row > 0 and self.table.kinds[row] == "operation":
            row = self.table.parents[row]
        return max(row, 0)

    def _resolve_parents(self, writers: Mapping[str, Writer]) -> None:
        parents, of_others = self.table.parents, _RowsByRef(writers)
        last_ref, last_owner, parent = None, None, 0  # siblings follow each other
        for row, (ref, owner) in enumerate(zip(self._parents, self._owners, strict=True)):
            if ref != last_ref or owner is not last_owner:
                parent = owner.rows.get(ref, 0) if ref.__class__ is int else of_others[ref]
                last_ref, last_owner = ref, owner
            parents[row] = parent if parent != row else 0
        parents[0] = -1

    def _measure_open_spans(self, ended: bool) -> None:
        table = self.table
        now = clock.epoch()
        for row in table.open - {0}:
            writer = self._owners[row]
            end = now if writer.alive and not ended else writer.last + writer.epoch
            table.durations[row] = max(0, end - table.starts[row])

    def _hang_own_work(self) -> None:
        """Hang what obs did before and after a task's own time below whatever called the task: it took that one's."""
        table = self.table
        starts, durations, parents = table.starts, table.durations, table.parents
        for row in self._own_work:
            above = parents[row]
            end = starts[above] + durations[above]
            if table.kinds[above] == "task" and (starts[row] < starts[above] or starts[row] + durations[row] > end):
                parents[row] = parents[above]

    def _number_attempts(self) -> None:
        """Number the runs of what an engine ran again since it failed or was lost."""
        table = self.table
        for row, key in table.keys.items():
            table.attributes.setdefault(row, {})["key"] = key
        for row, attempt in attempts(table.keys, table.parents, table.starts, table.attributes).items():
            table.attributes[row]["attempt"] = attempt
            table.attributes[row].pop("again", None)

    @cached_property
    def _children(self) -> dict[int, list[int]]:
        children: dict[int, list[int]] = {}
        for row, parent in enumerate(self.table.parents):
            children.setdefault(parent, []).append(row)
        return children


class _RowsByRef(dict[Any, int]):
    """The row of ``"<writer>.<number>"``, looked up once for the many that refer to it; 0 if there is none."""

    def __init__(self, writers: Mapping[str, Writer]) -> None:
        super().__init__()
        self._writers = writers

    def __missing__(self, ref: Any) -> int:
        writer, _, number = str(ref).partition(".")
        other = self._writers.get(writer)
        row = self[ref] = other.rows.get(int(number), 0) if other is not None and number.isdecimal() else 0
        return row


def attempts(
    keys: Mapping[int, str], parents: Sequence[int], starts: Sequence[int], attributes: Mapping[int, Mapping[str, Any]]
) -> dict[int, int]:
    """Number the attempts of operations that ran again: 2 for the first repetition, and so on.

    Args:
        keys: What the engine calls the operations, by row.
        parents: The row of each row's parent.
        starts: When each row started.
        attributes: Of the operations, by row; those that ran again say ``again``.
    """
    again = {(parents[row], keys[row]) for row in keys if attributes.get(row, {}).get("again")}
    runs: dict[tuple[int, str], list[int]] = {}
    for row, key in keys.items() if again else ():
        if (parents[row], key) in again:
            runs.setdefault((parents[row], key), []).append(row)
    found = {}
    for rows in runs.values():
        attempt = 1
        for row in sorted(rows, key=starts.__getitem__):
            attempt = attempt + 1 if attributes.get(row, {}).get("again") else 1
            if attempt > 1:
                found[row] = attempt
    return found

"""The spans of an execution as columns that grow while its journal is read.

obs-core has a table of its own, `obs_core.assembly.spans`, for reading a journal once. This one is added to while an
execution runs, and leaves attributes unread until a span is clicked. The tests in ``test_trace.py`` that compare a
trace with `load_execution` and `explain` keep both equal: whoever changes one runs them.
"""

from __future__ import annotations

import operator
from typing import Any

import msgspec
import numpy as np
from msgspec import Raw
from numpy.typing import NDArray

from obs_core.journal import records
from obs_core.journal.numbering import MAIN
from obs_core.journal.records import AnyRecord, Ref
from obs_core.model import Counted
from obs_ui.bare_spans import BareSpans
from obs_ui.decoding import Decoded, SpanLine

__all__ = ["FAILED", "HANDLED", "KEYED", "KINDS", "OF_OBS", "OPEN", "SpanColumns"]

KINDS = ("workflow", "task", "operation", "obs")
OPEN, FAILED, KEYED, OF_OBS, HANDLED = 1, 2, 4, 8, 16
"""Bits of a span's `flags`; a keyed one is an operation that an engine ran, one of obs what obs itself did."""

Ints = NDArray[np.int64]

_COLUMNS = {
    "numbers": np.int64,
    "writers": np.int32,
    "parent_numbers": np.int64,
    "parent_writers": np.int32,
    "names": np.int32,
    "kinds": np.uint8,
    "starts": np.int64,
    "durations": np.int64,
    "process_times": np.int64,
    "flags": np.uint8,
}


class _Names(dict[str, int]):
    """Numbers for names, given away when a name is first asked for."""

    def __missing__(self, name: str) -> int:
        self[name] = number = len(self)
        return number


class _Writer:
    """What is known of one writer.

    Attributes:
        index: Its number among the writers.
        epoch: Nanoseconds since the epoch at which its times are zero.
        last: Its last sign of life, nanoseconds since the epoch.
        rows: The row of each of its numbers; -1 where there is none.
    """

    def __init__(self, index: int) -> None:
        self.index = index
        self.epoch = 0
        self.last = 0
        self.rows: NDArray[np.int32] = np.full(1024, -1, np.int32)

    def reserve(self, highest: int) -> None:
        """Make room for numbers up to this one."""
        if highest >= len(self.rows):
            grown = np.full(max(highest + 1, 2 * len(self.rows)), -1, np.int32)
            grown[: len(self.rows)] = self.rows
            self.rows = grown


_LATEST = 2**63 - 1

_HIGHEST_NUMBER = 200_000_000
"""A number beyond it is taken for damage: a row would be kept for each below it."""


class SpanColumns:
    """Spans by column; row 0 is the execution itself.

    Attributes:
        count: How many rows there are.
        names: All names, by their number.
        errors: Exception type, by row.
        attributes: Attributes of tasks and open spans, by row; see `attributes_of`.
        keys: What an engine calls the operations that it ran, by row.
        counted: What rows stand for that stand for several operations.
        writers: Names of the writers, by their number.
        workers: Names of the engine's workers that write as one, by the writer's number.
    """

    def __init__(self) -> None:
        self.count = 0
        self.errors: dict[int, str] = {}
        self.attributes: dict[int, dict[str, Any]] = {}
        self.keys: dict[int, str] = {}
        self.counted: dict[int, Counted] = {}
        self.writers: list[str] = []
        self.workers: dict[int, list[str]] = {}
        self._unread: list[tuple[NDArray[np.int32], list[Raw]]] = []
        self._names = _Names()
        self._by_writer: dict[str, _Writer] = {}
        self._columns: dict[str, NDArray[Any]] = {name: np.zeros(1024, kind) for name, kind in _COLUMNS.items()}
        self._add_one(MAIN, records.OpenSpan(1, 0, "", 0), "workflow")

    @property
    def names(self) -> list[str]:
        """All names, by their number."""
        return list(self._names)

    def __getitem__(self, column: str) -> NDArray[Any]:
        """Return a column as far as it is filled; it does not change when rows are added."""
        return self._columns[column][: self.count].copy()

    def last_sign_of_life(self, writer: str) -> int:
        """Return when a writer was last heard of, in nanoseconds since the epoch."""
        return self._writer(writer).last

    def epoch_of(self, writer: str) -> int:
        """Return when a writer's times are zero, in nanoseconds since the epoch."""
        return self._writer(writer).epoch

    def row_of(self, ref: str) -> int | None:
        """Return the row of ``"<writer>.<number>"``."""
        writer, _, number = ref.partition(".")
        if writer not in self._by_writer or not number.isdecimal() or len(number) > 10:
            return None
        rows = self._by_writer[writer].rows
        row = int(rows[int(number)]) if int(number) < len(rows) else -1
        return row if row >= 0 else None

    def parent_rows(self) -> NDArray[np.int32]:
        """Return each row's parent; -1 for row 0, and 0 where the parent is not known (yet)."""
        parents = np.zeros(self.count, np.int32)
        numbers, owners = self["parent_numbers"], self["parent_writers"]
        for writer in self._by_writer.values():
            own = np.flatnonzero(owners == writer.index)
            known = numbers[own]
            inside = (known >= 0) & (known < len(writer.rows))
            parents[own[inside]] = np.maximum(writer.rows[known[inside]], 0)
        parents[parents == np.arange(self.count, dtype=np.int32)] = 0
        parents[0] = -1
        return parents

    # what the journal says

    def take(self, writer_name: str, added: Decoded) -> None:
        """Take in what a writer added."""
        writer = self._writer(writer_name)
        for record in added.others:
            self._take_other(writer_name, writer, record)
        if added.bare is not None:
            self._take_bare(writer, added.bare)
        if added.spans:
            self._take_spans(writer, added.spans)

    def _writer(self, name: str) -> _Writer:
        if name not in self._by_writer:
            self._by_writer[name] = _Writer(len(self.writers))
            self.writers.append(name)
        return self._by_writer[name]

    def _take_other(self, name: str, writer: _Writer, record: AnyRecord) -> None:
        if isinstance(record, records.Head):
            writer.epoch = record.clock
            writer.last = max(writer.last, record.clock)
        elif isinstance(record, records.TaskStart):
            self._add_one(name, record, "task")
        elif isinstance(record, records.OpenSpan):
            self._add_one(name, record, "operation")
        elif isinstance(record, records.TaskBegun):
            self._begin_task(writer, record)
        elif isinstance(record, records.TaskEnd):
            self._end_task(writer, record)
        elif isinstance(record, records.ExecutionStart):
            self._name_root(writer, record)
        elif isinstance(record, records.ExecutionEnd) and (name == MAIN or not self._columns["process_times"][0]):
            self._columns["process_times"][0] = record.process_time
        elif isinstance(record, records.WorkerJoined):
            self._add_worker(writer, record.name)
        at = getattr(record, "at", None)
        if isinstance(at, int):
            writer.last = max(writer.last, writer.epoch + at)

    def _add_worker(self, writer: _Writer, name: str) -> None:
        names = self.workers.setdefault(writer.index, [])
        if name not in names:
            names.append(name)

    def _name_root(self, writer: _Writer, record: records.ExecutionStart) -> None:
        columns = self._columns
        columns["names"][0] = self._names[record.name]
        columns["starts"][0] = min(columns["starts"][0] or _LATEST, writer.epoch + record.at)
        if 0 <= record.number <= _HIGHEST_NUMBER:
            writer.reserve(record.number)
            writer.rows[record.number] = 0

    def _add_one(self, name: str, record: records.TaskStart | records.OpenSpan, kind: str) -> None:
        writer = self._writer(name)
        if not 0 <= record.number <= _HIGHEST_NUMBER:
            return
        writer.reserve(record.number)
        if writer.rows[record.number] >= 0:
            return
        row = self._grown_by(1)
        writer.rows[record.number] = row
        parent_writer, parent_number = self._parent(writer, record.parent)
        values = (record.number, writer.index, parent_number, parent_writer, self._names[record.name])
        times = (KINDS.index(kind), writer.epoch + record.start, 0, 0, OPEN)
        for column, value in zip(_COLUMNS, values + times, strict=True):
            self._columns[column][row] = value
        writer.last = max(writer.last, writer.epoch + record.start)
        self._keep_attributes(row, record)

    def _keep_attributes(self, row: int, record: records.TaskStart | records.OpenSpan) -> None:
        if isinstance(record, records.OpenSpan):
            if record.attributes is not None:
                self.attributes[row] = record.attributes
            if record.key is not None:
                self.keys[row] = record.key
                self._columns["flags"][row] |= KEYED
        elif record.attempt != 1:
            self.attributes[row] = {"attempt": record.attempt}

    def _begin_task(self, writer: _Writer, record: records.TaskBegun) -> None:
        row = int(writer.rows[record.number]) if 0 <= record.number < len(writer.rows) else -1
        if row >= 0 and self._columns["flags"][row] & OPEN:
            self._columns["starts"][row] = writer.epoch + record.at

    def _end_task(self, writer: _Writer, record: records.TaskEnd) -> None:
        row = int(writer.rows[record.number]) if 0 <= record.number < len(writer.rows) else -1
        if row < 0:
            return
        columns = self._columns
        if record.start is not None:
            columns["starts"][row] = writer.epoch + record.start
        columns["durations"][row] = record.duration
        columns["process_times"][row] = record.process_time
        columns["flags"][row] = FAILED if record.status == "failed" else 0
        if record.error is not None:
            self.errors[row] = record.error.partition(":")[0]
        writer.last = max(writer.last, int(columns["starts"][row]) + record.duration)

    def _take_bare(self, writer: _Writer, spans: BareSpans) -> None:
        numbers = np.array([self._names[name] for name in spans.names], np.int32)
        values = {
            "names": numbers[spans.name_numbers],
            "starts": spans.starts + writer.epoch,
            "durations": spans.durations,
            "process_times": spans.process_times,
            "parent_numbers": spans.parents,
            "parent_writers": writer.index,
        }
        self._put(writer, spans.numbers, values)

    def _take_spans(self, writer: _Writer, spans: list[SpanLine]) -> None:
        try:
            self._append_spans(writer, spans)
        except (ValueError, OverflowError):
            sound = [one for one in spans if _is_sound(one)]
            if sound:
                self._append_spans(writer, sound)

    def _append_spans(self, writer: _Writer, spans: list[SpanLine]) -> None:
        numbers = _column(spans, "number")
        if numbers.min() < 0 or numbers.max() > _HIGHEST_NUMBER:
            raise ValueError("a span's number is out of range")
        names = map(self._names.__getitem__, map(_get("name"), spans))
        values = {
            "names": np.fromiter(names, np.int32, len(spans)),
            "starts": _column(spans, "start") + writer.epoch,
            "durations": _column(spans, "duration"),
            "process_times": _column(spans, "process_time"),
            **self._parents(writer, spans),
        }
        at = self._put(writer, numbers, values)
        self._take_errors(at, spans)
        self._take_operations(at, spans)
        self._keep_unread(at, spans)

    def _put(self, writer: _Writer, numbers: Ints, values: dict[str, Any]) -> NDArray[np.int32]:
        """Put the values of spans that ended into their rows, and return these."""
        at = self._rows_for(writer, numbers)
        for column, value in values.items():
            self._columns[column][at] = value
        self._columns["flags"][at] = 0
        writer.last = max(writer.last, int((values["starts"] + values["durations"]).max()))
        return at

    def _rows_for(self, writer: _Writer, numbers: Ints) -> NDArray[np.int32]:
        """Return the rows of spans: those that were open have one already."""
        writer.reserve(int(numbers.max()))
        fresh = numbers[writer.rows[numbers] < 0]
        places = np.arange(self.count, self.count + len(fresh), dtype=np.int32)
        writer.rows[fresh] = places
        if (writer.rows[fresh] != places).any():  # one is there twice
            fresh = np.unique(fresh)
            places = places[: len(fresh)]
            writer.rows[fresh] = places
        rows = slice(self._grown_by(len(fresh)), self.count)
        self._columns["numbers"][rows] = fresh
        self._columns["writers"][rows] = writer.index
        self._columns["kinds"][rows] = KINDS.index("operation")
        return writer.rows[numbers]

    def _parents(self, writer: _Writer, spans: list[SpanLine]) -> dict[str, Any]:
        try:
            return {"parent_numbers": _column(spans, "parent"), "parent_writers": writer.index}
        except ValueError:  # some are another writer's
            found = [self._parent(writer, one.parent) for one in spans]
            owners, numbers = zip(*found, strict=True)
            return {"parent_numbers": np.array(numbers, np.int64), "parent_writers": np.array(owners, np.int32)}

    def _parent(self, writer: _Writer, ref: Ref) -> tuple[int, int]:
        if isinstance(ref, int):
            return writer.index, ref if 0 <= ref <= _HIGHEST_NUMBER else -1
        name, _, number = ref.partition(".")
        known = number.isdecimal() and len(number) < 10
        return self._writer(name).index, int(number) if known else -1

    def _take_errors(self, at: NDArray[np.int32], spans: list[SpanLine]) -> None:
        for index in [index for index, error in enumerate(map(_get("error"), spans)) if error is not None]:
            row = int(at[index])
            self.errors[row] = str(spans[index].error)
            self._columns["flags"][row] |= FAILED

    def _take_operations(self, at: NDArray[np.int32], spans: list[SpanLine]) -> None:
        """Take note of what an engine ran, and of what stands for several operations."""
        keys = list(map(_get("key"), spans))
        for index in [index for index, key in enumerate(keys) if key is not None]:
            row = int(at[index])
            self.keys[row] = keys[index]
            self._columns["flags"][row] |= KEYED
        for index, counted in enumerate(map(_get("counted"), spans)):
            if counted is not None:
                self.counted[int(at[index])] = Counted(*counted)
        for index in [index for index, kind in enumerate(map(_get("kind"), spans)) if kind == "obs"]:
            row = int(at[index])
            self._columns["kinds"][row] = KINDS.index("obs")
            self._columns["flags"][row] |= OF_OBS

    def _keep_unread(self, at: NDArray[np.int32], spans: list[SpanLine]) -> None:
        """Keep attributes as the JSON that they are: few of them are ever looked at."""
        given = [one.attributes for one in spans]
        if any(len(memoryview(one)) for one in given):
            self._unread.append((at, given))

    def attributes_of(self, row: int) -> dict[str, Any]:
        """Return a span's attributes; none if it has none."""
        key = {"key": self.keys[row]} if row in self.keys else {}
        return {**key, **self._given(row)}

    def _given(self, row: int) -> dict[str, Any]:
        for rows, given in reversed(self._unread):
            for index in np.flatnonzero(rows == row)[::-1].tolist():
                return _read(given[index])
        return self.attributes.get(row, {})

    def all_attributes(self, count: int) -> dict[int, dict[str, Any]]:
        """Return the attributes of the first rows that have any."""
        found = {row: given for row, given in list(self.attributes.items()) if row < count}
        for rows, unread in list(self._unread):
            for row, attributes in zip(rows.tolist(), unread, strict=True):
                if row < count and bytes(attributes) not in (b"", b"null"):
                    found[row] = _read(attributes)
        return found

    def workers_of(self, wanted: Ints) -> dict[int, str]:
        """Return the names of the workers that ran operations, by row; without those that name none."""
        given = {row: self.attributes[row] for row in wanted.tolist() if row in self.attributes}
        for rows, unread in self._unread:
            for index in np.flatnonzero(np.isin(rows, wanted)).tolist():
                given[int(rows[index])] = _read(unread[index])
        return {row: found["worker"] for row, found in given.items() if isinstance(found.get("worker"), str)}

    def _grown_by(self, count: int) -> int:
        """Make room for rows; returns the first of them."""
        first, self.count = self.count, self.count + count
        for name, column in self._columns.items():
            if self.count > len(column):
                grown = np.zeros(max(self.count, 2 * len(column)), column.dtype)
                grown[:first] = column[:first]
                self._columns[name] = grown
        return first


_get = operator.attrgetter


def _column(spans: list[SpanLine], name: str) -> Ints:
    return np.fromiter(map(_get(name), spans), np.int64, len(spans))


def _is_sound(span: SpanLine) -> bool:
    numbers = (span.start, span.duration, span.process_time, *([span.parent] if isinstance(span.parent, int) else []))
    return 0 <= span.number <= _HIGHEST_NUMBER and all(abs(number) < 2**62 for number in numbers)


def _read(attributes: Raw) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(attributes) if len(memoryview(attributes)) else None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}

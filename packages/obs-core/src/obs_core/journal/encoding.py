"""From what tasks append to a journal's buffer to the lines of a segment."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from types import MappingProxyType
from typing import Any, get_args

import msgspec

from obs_core.failsafe import has_room
from obs_core.interruptions import let_pass
from obs_core.journal import records
from obs_core.journal.numbering import Numbering
from obs_core.text.bounded_repr import int_text
from obs_core.text.masking import mask, mask_value, masks_anything

_Row = Any
"""A record, or for spans a tuple of the same shape: a million of them make the difference."""

__all__ = ["Encoded", "begun_in", "encode", "ends_in", "lines_of"]

_ENDS: frozenset[type] = frozenset(
    (
        records.Lost,
        records.ExecutionStart,
        records.ExecutionEnd,
        records.TaskStart,
        records.TaskEnd,
        records.Raised,
        records.Note,
        records.LinkMade,
    )
)
"""What is kept room for when a store takes nothing: a few records of each task, which say how it ended."""

_BEGIN_ENDS = tuple(b'["%b",' % str(kind.__struct_config__.tag).encode() for kind in _ENDS)  # type: ignore[attr-defined]

_BEGUN = re.compile(rb'^\["task",(\d+),', re.MULTILINE)

_TaskStart, _TaskEnd, _ExecutionStart = records.TaskStart, records.TaskEnd, records.ExecutionStart
_TELL_OF_TASKS = frozenset((_TaskStart, _TaskEnd, _ExecutionStart))
"""Records that change what the journal knows; the others are written as they are."""

_NOT_SPANS = frozenset((*get_args(records.AnyRecord), tuple))
"""What is appended is a record, a fragment of a deck (a tuple), or else a span: those are the most by far, so one
look-up tells them from the rest."""


class Encoded:
    """What encoding a batch gives: nothing counts before the journal has taken all of it.

    Encoding the same batch once more gives the same again, so an exception on the way costs nothing.

    Attributes:
        lines: Whole lines.
        count: How many records they are.
        refused: How many records could not be encoded at all.
        opened: Spans that they say are open, and tasks that they say have begun, by number: the record of a task, what
            is written of a span.
        closed: Numbers of those that they say have ended.
        early: Spans that were about to be written as open when they ended, and are appended once more for that.
        caught_up: Of those, the ones whose second time has come.
        shown: Spans that a task's time line shows.
        begun: How the execution began, if they say that.
    """

    # Most batches have few of these: what is empty is not even made.
    lines = b""
    count = refused = 0
    opened: Mapping[int, records.TaskStart | _Row] = MappingProxyType({})
    closed: Sequence[int] = ()
    early: Set[int] = frozenset()
    caught_up: Sequence[int] = ()
    shown: Sequence[Any] = ()
    begun: records.ExecutionStart | None = None


def encode(
    batch: list[Any],
    numbers: Numbering,
    open_spans: Mapping[int, Any],
    early: Set[int] = frozenset(),
    lost: int = 0,
    only_ends: bool = False,
) -> Encoded:
    """Return the lines of a batch: spans that ended, spans that are still open, and records as they are.

    Spans are appended when they begin, so that they cost one append each. Most have ended by the time they are
    encoded; one that has not is written as open, and appended once more when it ends.

    Args:
        batch: What was appended, in order.
        numbers: Of this journal; spans get theirs here.
        open_spans: Those that are written as open, by number.
        early: As `Encoded.early` of the batches before.
        lost: How many lost records the journal has not told of yet.
        only_ends: Whether to refuse all but the records that say what began and how it ended.
    """
    taken = _Taken(numbers, lost)
    rows, done = taken.rows, taken.done
    add, number_of, parent_of = rows.append, numbers.next, numbers.ref
    take_record, take_fragment = taken.record, taken.fragment
    relocated = numbers.floor > 0
    row: _Row
    for item in batch:
        kind = item.__class__
        if kind in _NOT_SPANS:
            if kind is tuple:
                take_fragment(item)
            elif kind in _TELL_OF_TASKS:
                take_record(item)
            else:
                add(item)
            continue
        # A span. There are a million of them: no call that most can do without.
        announced = item.announced
        if announced is False:
            number = item._number = number_of()
            outside = item.outside
        else:
            number = item._number
            if announced and taken.was_written(item, open_spans, early):
                continue
            outside = None if hasattr(item, "adopter") else item.outside
        parent = item.adopter.number if outside is None else outside.number
        if relocated and parent.__class__ is int:
            parent = parent_of(parent)
        if item.end <= 0:
            # From here on its end is appended too, unless it ends right now.
            item.announced = True
            if item.end <= 0:
                row = taken.opened[number] = ("open", number, parent, item.name, item.start, item.attributes)
                add(row)
                continue
            taken.early.add(number)
        if item.task.bars is not None:
            taken.shown.append(item)
        row = ("span", number, parent, item.name, item.start, item.end - item.start, item.cpu)
        error, attributes = item.error, item.attributes
        if error is None and attributes is None:
            add(row)
        else:
            add((*row, None if error is None else error.__name__, attributes))
    taken.tell()
    if only_ends:
        rows = [row for row in rows if row.__class__ in _ENDS]
        done.refused = len(taken.rows) - len(rows)
    done.lines, refused = _encoded(rows)
    done.refused += refused
    done.count = len(rows) - refused
    return done


class _Taken:
    """What was taken from a batch so far.

    Attributes:
        rows: What is to be encoded.
        done: What encoding it gives; the rest of this goes there in the end.
    """

    __slots__ = ("_deck", "_fragments", "_numbers", "closed", "done", "early", "opened", "rows", "shown")

    def __init__(self, numbers: Numbering, lost: int) -> None:
        self.rows: list[_Row] = [records.Lost(lost)] if lost else []
        self.done = Encoded()
        self.opened: dict[int, records.TaskStart | _Row] = {}
        self.closed: list[int] = []
        self.early: set[int] = set()
        self.shown: list[Any] = []
        self._numbers = numbers
        self._deck: Any = None
        self._fragments: records.DeckItems | None = None

    def fragment(self, item: tuple[Any, int, Any]) -> None:
        """Take a fragment of a deck.

        Fragments of one deck that follow each other are one record. Only one of our own making grows, since the batch
        may be encoded a second time.
        """
        deck, at, html = item
        last = self._fragments
        if last is not None and self.rows[-1] is last and deck is self._deck:
            last.items.append(html)
            return
        self._deck = deck
        self._fragments = records.DeckItems(self._numbers.ref(deck.number), at, [html], source=deck.source)
        self.rows.append(self._fragments)

    def record(self, item: Any) -> None:
        """Take a record as it is, one that tells what began or ended."""
        self.rows.append(item)
        kind = item.__class__
        if kind is _TaskStart:
            self.opened[item.number] = item
        elif kind is _TaskEnd:
            if self.opened.pop(item.number, None) is None:
                self.closed.append(item.number)
        elif kind is _ExecutionStart:
            self.done.begun = item

    def was_written(self, span: Any, open_spans: Mapping[int, Any], early: Set[int]) -> bool:
        """Tell whether nothing is left to write of a span that was announced, and note that it ended."""
        number = span._number
        if number <= self._numbers.floor:
            return True  # it was open when this process was forked: the parent writes it
        if number in early or number in self.early:
            self.done.caught_up = (*self.done.caught_up, number)
            return True
        if number in open_spans:
            self.closed.append(number)
        elif span.end > 0:
            self.early.add(number)
        return False

    def tell(self) -> None:
        """Put into `done` what there is of spans and tasks."""
        done = self.done
        if self.opened:
            done.opened = self.opened
        if self.closed:
            done.closed = self.closed
        if self.shown:
            done.shown = self.shown
        if self.early:
            done.early = self.early


def ends_in(lines: bytes) -> list[bytes]:
    """Return those of some lines that say what began and how it ended."""
    return [line for line in lines.splitlines(keepends=True) if line.startswith(_BEGIN_ENDS)]


def begun_in(lines: bytes) -> list[int]:
    """Return the numbers of the tasks that some lines say have begun."""
    return [int(number) for number in _BEGUN.findall(lines)]


def lines_of(rows: list[_Row]) -> bytes:
    """Encode rows as JSON lines, masked; what JSON cannot hold is written as text."""
    return _encoded(rows)[0]


def _encoded(rows: list[_Row]) -> tuple[bytes, int]:
    """Encode rows as JSON lines, masked; what JSON cannot hold is written as text.

    Returns:
        The lines, and how many rows could not be written in any way.
    """
    try:
        if masks_anything():
            rows = [_masked(row) for row in rows]
        return _encoder.encode_lines(rows), 0
    except MemoryError:
        raise  # all of it is tried again later
    except Exception as error:
        let_pass(error)
        if not has_room():
            raise  # likewise: no row is to blame
    lines = [_line_of_any(row) for row in rows]
    return b"".join(lines), lines.count(b"")


def _masked(row: _Row) -> _Row:
    if type(row) is tuple:
        return (
            *row[:3],
            mask(row[3]),
            *(mask_value(cell) if isinstance(cell, (dict, str)) else cell for cell in row[4:]),
        )
    if type(row) is records.Points:
        return msgspec.structs.replace(row, name=mask(row.name))  # all the rest are numbers
    masked = {name: _masked_field(getattr(row, name)) for name in row.__struct_fields__}
    return type(row)(**masked)


def _masked_field(value: Any) -> Any:
    return mask_value(value) if isinstance(value, (str, dict, list)) else value


def _line_of_any(row: _Row) -> bytes:
    """Encode one row, cell by cell if need be; nothing if even that cannot be done."""
    try:
        row = _masked(row) if masks_anything() else row
        try:
            return _encoder.encode(row) + b"\n"
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            let_pass(error)
            cells = row if type(row) is tuple else (row.__struct_config__.tag, *msgspec.structs.astuple(row))
            return _encoder.encode([_plain(cell) for cell in cells]) + b"\n"
    except MemoryError:
        raise
    except Exception as error:
        let_pass(error)
        return b""


def _plain(value: Any) -> Any:
    """Return something JSON can hold and a person can still read."""
    if value is None or isinstance(value, (bool, float, bytes)):
        return value  # bytes of a record of ours: JSON holds them as base64
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else int_text(value)
    if isinstance(value, dict):
        return {_text(str(key)): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    return _text(value if isinstance(value, str) else str(_describe(value)))


def _text(value: str) -> str:
    return value.encode("utf-8", "backslashreplace").decode()


def _describe(value: Any) -> Any:
    """Say a value that JSON does not know, without calling code of its own: a lock is held here.

    Attributes of spans are of plain types long before they come here.
    """
    if isinstance(value, float):
        return float.__float__(value)
    return f"<{type(value).__module__}.{type(value).__qualname__}>"


_encoder = msgspec.json.Encoder(enc_hook=_describe)

"""From what tasks append to a journal's buffer to the lines of a segment."""

from __future__ import annotations

from typing import Any, get_args

import msgspec

from obs_core.journal import records
from obs_core.journal.numbering import Numbering
from obs_core.text.bounded_repr import bounded_repr
from obs_core.text.masking import mask, mask_value, masks_anything

_Row = Any
"""A record, or for spans a tuple of the same shape: a million of them make the difference."""

_NOT_SPANS = frozenset((*get_args(records.AnyRecord), tuple))
"""What is appended is a record, a fragment of a deck (a tuple), or else a span: those are the most by far, so one
look-up tells them from the rest."""


def encode(batch: list[Any], numbers: Numbering, open_spans: dict[int, Any]) -> bytes:
    """Return the lines of a batch: spans that ended, spans that are still open, and records as they are.

    Spans are appended when they begin, so that they cost one append each. Most have ended by the time they are
    encoded; one that has not is written as open, and appended once more when it ends.

    Args:
        batch: What was appended, in order.
        numbers: Of this journal; spans get theirs here.
        open_spans: Those that are written as open, by number.
    """
    rows: list[_Row] = []
    add = rows.append
    relocated = numbers.floor > 0
    next_number, ref = numbers.next, numbers.ref
    for item in batch:
        if item.__class__ in _NOT_SPANS:
            if item.__class__ is tuple:
                _add_fragment(rows, item, numbers)
            else:
                add(item)
            continue
        if not item.announced:
            number = item._number = next_number()
        elif open_spans.pop(item._number, None) is None:
            continue  # written already when it ended while we looked
        else:
            number = item._number
        outside = item.outside
        parent = item.adopter.number if outside is None else outside.number
        if relocated and parent.__class__ is int:
            parent = ref(parent)
        if item.end <= 0 and _still_open(item, open_spans):
            add(("open", number, parent, item.name, item.start, item.attributes))
            continue
        bars = item.task.bars
        if bars is not None:
            bars.add(item)
        row = ("span", number, parent, item.name, item.start, item.end - item.start, item.cpu)
        error, attributes = item.error, item.attributes
        if error is None and attributes is None:
            add(row)
        else:
            add((*row, None if error is None else error.__name__, attributes))
    return lines_of(rows)


def lines_of(rows: list[_Row]) -> bytes:
    """Encode rows as JSON lines, masked; what JSON cannot hold is written as text."""
    if masks_anything():
        rows = [_masked(row) for row in rows]
    try:
        return _encoder.encode_lines(rows)
    except Exception:
        return b"".join(map(_line_of_any, rows))


def _still_open(item: Any, open_spans: dict[int, Any]) -> bool:
    """Announce an open span, so that its end is appended too; False if it ended in the meantime."""
    item.announced = True
    if item.end > 0:
        return False
    open_spans[item._number] = item
    return True


def _add_fragment(rows: list[_Row], fragment: tuple[Any, int, str], numbers: Numbering) -> None:
    """Add an appended deck fragment, joined to the one before it if that is of the same deck."""
    deck, at, html = fragment
    ref = numbers.ref(deck.number)
    last = rows[-1] if rows else None
    if type(last) is records.DeckItems and last.deck == ref and not last.shared and last.source == deck.source:
        last.items.append(html)
    else:
        rows.append(records.DeckItems(ref, at, [html], source=deck.source))


def _masked(row: _Row) -> _Row:
    if type(row) is tuple:
        return (
            *row[:3],
            mask(row[3]),
            *(mask_value(cell) if isinstance(cell, (dict, str)) else cell for cell in row[4:]),
        )
    masked = {name: _masked_field(getattr(row, name)) for name in row.__struct_fields__}
    return type(row)(**masked)


def _masked_field(value: Any) -> Any:
    return mask_value(value) if isinstance(value, (str, dict, list)) else value


def _line_of_any(row: _Row) -> bytes:
    try:
        return _encoder.encode(row) + b"\n"
    except Exception:
        cells = row if type(row) is tuple else (row.__struct_config__.tag, *msgspec.structs.astuple(row))
        return _encoder.encode([_plain(cell) for cell in cells]) + b"\n"


def _plain(value: Any) -> Any:
    """Return something JSON can hold and a person can still read."""
    if value is None or isinstance(value, (bool, float)):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else str(value)
    if isinstance(value, dict):
        return {_text(str(key)): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    return _text(value if isinstance(value, str) else _describe(value))


def _text(value: str) -> str:
    return value.encode("utf-8", "backslashreplace").decode()


def _describe(value: Any) -> Any:
    """Say a value that JSON does not know: a numpy scalar by its number, others by a bounded repr."""
    if callable(getattr(value, "item", None)) and getattr(value, "ndim", None) == 0:
        return value.item()
    return bounded_repr(value)


_encoder = msgspec.json.Encoder(enc_hook=_describe)

"""From what tasks append to a journal's buffer to the lines of a segment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from obs_core.journal import records
from obs_core.secrets import mask, mask_value, masks_anything
from obs_core.spans import span

if TYPE_CHECKING:
    from obs_core.journal.writer import Journal

_Row = Any
"""A record, or for spans a tuple of the same shape: a million of them make the difference."""


def encode(journal: Journal, batch: list[Any]) -> bytes:
    """Return the lines of a batch: spans that ended, spans that are still open, and records as they are."""
    rows: list[_Row] = []
    add = rows.append
    relocated = journal.floor > 0
    next_number = journal.next_number
    for item in batch:
        if type(item) is not span:
            _add_other(journal, rows, item)
            continue
        if not item.announced:
            number = item._number = next_number()
        elif journal.open_spans.pop(item._number, None) is None:
            continue  # written already when it ended while we looked
        else:
            number = item._number
        outside = item.outside
        parent = item.adopter.number if outside is None else outside.number
        if relocated and parent.__class__ is int:
            parent = journal.ref(parent)
        if item.end <= 0 and _still_open(journal, item):
            add(("open", number, parent, item.name, item.start, item.attributes))
            continue
        bars = item.context.bars
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


def _still_open(journal: Journal, item: span) -> bool:
    """Announce an open span, so that its end is appended too; False if it ended in the meantime."""
    item.announced = True
    if item.end > 0:
        return False
    journal.open_spans[item._number] = item
    return True


def _add_other(journal: Journal, rows: list[_Row], item: Any) -> None:
    """Add a record, or join an appended deck fragment to the one before it."""
    if type(item) is not tuple:
        rows.append(item)
        return
    deck, at, html = item
    ref = deck.ref_in(journal)
    last = rows[-1] if rows else None
    source = deck.source
    if type(last) is records.DeckItems and last.deck == ref and not last.shared and last.source == source:
        last.items.append(html)
    else:
        rows.append(records.DeckItems(ref, at, [html], source=source))


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
    from obs_core.rendering import bounded_repr

    return bounded_repr(value)


_encoder = msgspec.json.Encoder(enc_hook=_describe)

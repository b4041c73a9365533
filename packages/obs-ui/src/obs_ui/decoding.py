"""From lines of a journal to spans as rows, and to every other record as what it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from obs_core.journal.records import AnyRecord

__all__ = ["decode"]

Row = list[Any]
_rows = msgspec.json.Decoder(Row)


def decode(lines: bytes) -> tuple[list[Row], list[AnyRecord]]:
    """Tell spans from the rest: of spans there may be a million, for which no object is made.

    Args:
        lines: Lines of a segment; torn ones and those of unknown kinds are left out.

    Returns:
        The spans that ended, as their JSON arrays, and the other records.
    """
    spans: list[Row] = []
    others: list[AnyRecord] = []
    for row in _decoded(lines):
        if row and row[0] == "span":
            if len(row) >= 7:
                spans.append(row)
        else:
            others.extend(_record(row))
    return spans, others


def _decoded(lines: bytes) -> list[Row]:
    try:
        return _rows.decode_lines(lines)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return list(_sound(lines))


def _sound(lines: bytes) -> Iterator[Row]:
    for line in lines.split(b"\n"):
        try:
            yield _rows.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue


def _record(row: Row) -> Iterator[AnyRecord]:
    try:
        yield msgspec.convert(row, AnyRecord)
    except msgspec.ValidationError:
        return

"""From lines of a journal to its spans and its other records."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterator
from typing import Any, get_args

import msgspec
from msgspec import Raw, Struct

from obs_core.journal import records
from obs_core.journal.records import AnyRecord, Ref

__all__ = ["SpanLine", "decode"]


class SpanLine(Struct, array_like=True, tag="span", gc=False):
    """A `SpanRecord`, of which there may be a million: nothing for the garbage collector, attributes left unread."""

    number: int
    parent: Ref
    name: str
    start: int
    duration: int
    process_time: int
    error: str | None = None
    attributes: Raw = Raw()
    key: str | None = None
    counted: tuple[int, int, int] | None = None
    kind: str | None = None


_kinds = [kind for kind in get_args(AnyRecord) if kind is not records.SpanRecord]
_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(functools.reduce(operator.or_, _kinds, SpanLine))


def decode(lines: bytes) -> tuple[list[SpanLine], list[AnyRecord]]:
    """Tell spans from the rest.

    Args:
        lines: Lines of a segment; torn ones and those of unknown kinds are left out.

    Returns:
        The spans that ended, and the other records.
    """
    found = _decoded(lines)
    spans = [record for record in found if type(record) is SpanLine]
    others = [record for record in found if type(record) is not SpanLine] if len(spans) < len(found) else []
    return spans, others


def _decoded(lines: bytes) -> list[Any]:
    try:
        return _decoder.decode_lines(lines)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return list(_sound(lines))


def _sound(lines: bytes) -> Iterator[Any]:
    for line in lines.split(b"\n"):
        try:
            yield _decoder.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue

"""From lines of a journal to its spans and its other records."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterator
from typing import Any, NamedTuple, get_args

import msgspec
import numpy as np
from msgspec import Raw, Struct

from obs_core.journal import records
from obs_core.journal.reader import decoded_by
from obs_core.journal.records import AnyRecord, Ref
from obs_ui.bare_spans import BareSpans, take_bare

__all__ = ["Decoded", "SpanLine", "decode"]


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


_AT_ONCE = 1024 * 1024
"""Bytes of lines that are read at once: what is made of them by columns fits into a processor's cache."""

_kinds = [kind for kind in get_args(AnyRecord) if kind is not records.SpanRecord]
_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(functools.reduce(operator.or_, _kinds, SpanLine))


class Decoded(NamedTuple):
    """What lines of a journal say.

    Attributes:
        bare: Spans that ended and say no more than when they ran, if there are many lines.
        spans: The other spans that ended.
        others: The other records.
    """

    bare: BareSpans | None
    spans: list[SpanLine]
    others: list[AnyRecord]


def decode(lines: bytes) -> Iterator[Decoded]:
    """Tell spans from the rest.

    Args:
        lines: Lines of a segment; those of unknown kinds are left out, what cannot be read is counted in a `Torn`.

    Yields:
        What a part of the lines says, in their order.
    """
    begin = 0
    while begin < len(lines):
        end = lines.rfind(b"\n", begin, begin + _AT_ONCE) + 1 or lines.find(b"\n", begin) + 1 or len(lines)
        yield _decoded_part(lines[begin:end])
        begin = end


def _decoded_part(lines: bytes) -> Decoded:
    bare, rest = take_bare(lines)
    spans, others = _told_apart(decoded_by(_decoder, rest))
    if bare is not None and np.isin([span.number for span in spans], bare.numbers).any():
        # One was written twice, and what counts is the later line.
        return Decoded(None, *_told_apart(decoded_by(_decoder, lines)))
    return Decoded(bare, spans, others)


def _told_apart(found: list[Any]) -> tuple[list[SpanLine], list[AnyRecord]]:
    spans = [record for record in found if type(record) is SpanLine]
    others = [record for record in found if type(record) is not SpanLine] if len(spans) < len(found) else []
    return spans, others

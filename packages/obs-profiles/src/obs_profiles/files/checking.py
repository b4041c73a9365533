"""Whether what a file says of a column can be true: each part of it is about the same rows as all others.

Another library counts otherwise: what whylogs calls missing, or a number, is not what we do. Of its columns only what
each way of counting has in common is checked.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from obs_profiles.column_profiles import ColumnProfile, NumberProfile, TextProfile
from obs_profiles.columns.objects import as_float
from obs_profiles.plain_profiles import PlainProfile
from obs_profiles.sketches import FrequentItems

__all__ = ["check_column", "check_names", "check_segments"]

_ROUNDED = 1e-9
"""By which part of the numbers their mean may be beyond them: sums are rounded."""

_AS_TEXTS = ("bytes", "list", "mapping", "object", "text")
"""Types of which a profile knows how values look."""


def check_names(names: Sequence[str]) -> None:
    """Refuse several columns of one name.

    Raises:
        ValueError: There are some.
    """
    if len(set(names)) < len(names):
        twice = next(name for place, name in enumerate(names) if name in names[:place])
        raise ValueError(f"two columns are called {twice!r}")


def check_segments(rows: int, segments: Mapping[str, PlainProfile], by: Sequence[str], slack: int) -> None:
    """Refuse segments that are no parts of the rows.

    Raises:
        ValueError: They are none.
    """
    if segments and not by:
        raise ValueError(f"{len(segments):,} segments, but no column that they are by")
    _at_most(sum(segment.rows for segment in segments.values()), rows, "rows of segments")
    _at_most(slack, rows, "rows of a segment among the others")


def check_column(column: ColumnProfile, rows: int) -> None:
    """Refuse a column whose parts contradict each other.

    Args:
        column: The column.
        rows: How many rows the profile has; a column that a part of them lacks has fewer.

    Raises:
        ValueError: They do.
    """
    _at_most(column.rows, rows, "rows of a column")
    if column.elements is not None:
        check_column(column.elements, column.elements.rows)
    ours = not column.distinct.foreign
    if ours:
        _check_types(column)
    for known in _numbers_of(column):
        _check_numbers(known, ours=ours)
    if column.texts is not None:
        _check_texts(column.texts)


def _check_types(column: ColumnProfile) -> None:
    types = column.types
    typed = sum(types.values())
    _at_most(column.missing + typed, column.rows, "values, missing ones too")
    _at_most(column.nan, column.missing, "missing values that are NaN")
    numbers = types.get("integer", 0) + types.get("number", 0)
    _at_most(column.infinite + _count(column.numbers), numbers, "numbers")
    _at_most(_count(column.times.numbers if column.times else None), types.get("time", 0), "times")
    _at_most(_count(column.durations), types.get("duration", 0), "lengths of time")
    _at_most(_count(column.sizes), types.get("list", 0), "lists")
    if column.elements is not None and "list" not in types:
        raise ValueError("elements of lists, but no list")
    looks = sum(types.get(kind, 0) for kind in _AS_TEXTS)
    if column.texts is not None:
        _at_most(column.texts.lengths.moments.count, looks, "lengths of texts")
        _at_most(int(column.texts.frequent.counts.sum()), looks, "frequent texts")
        _at_most(len(column.texts.sample.hashes), looks, "texts of a sample")
    distinct = column.distinct
    seen = distinct.coupons if distinct.coupons is not None else distinct.registers
    _at_most(int(np.count_nonzero(seen)) if seen is not None else 0, typed, "distinct values")


def _count(known: NumberProfile | None) -> int:
    return known.moments.count if known else 0


def _numbers_of(column: ColumnProfile) -> list[NumberProfile]:
    found = [column.numbers, column.durations, column.sizes]
    found.append(column.times.numbers if column.times else None)
    found.append(column.texts.lengths if column.texts else None)
    return [known for known in found if known]


def _check_numbers(known: NumberProfile, *, ours: bool) -> None:
    moments, (least, most) = known.moments, (as_float(known.least), as_float(known.most))
    if known.least > known.most:
        raise ValueError(f"numbers from {known.least} to {known.most}")
    if moments.m2 < 0 or moments.m4 < 0 or not moments.count >= 0:
        raise ValueError(f"sums of squares that are negative: {moments.m2}, {moments.m4}")
    _check_frequent(known.frequent, known.frequent.values)
    items = [level for level in known.quantiles.levels if len(level)]
    if any((level[1:] < level[:-1]).any() for level in items):
        raise ValueError("numbers of a sketch that do not ascend")
    if not ours or not moments.count:
        return
    if math.isnan(moments.mean) or math.isnan(moments.m2):
        raise ValueError("numbers without a mean")
    room = _ROUNDED * max(abs(least), abs(most))
    if not least - room <= moments.mean <= most + room:
        raise ValueError(f"numbers from {known.least} to {known.most} with a mean of {moments.mean}")
    extent = (most - least) + room
    if math.isfinite(moments.m2) and moments.m2 > moments.count * extent * extent:
        raise ValueError(f"numbers from {known.least} to {known.most} with squared distances of {moments.m2}")
    for level in items:
        _check_within(level[[0, -1]], known, "a sketch")
    _check_within(known.frequent.values, known, "a table")
    _check_signs(known)
    _at_most(int(known.frequent.counts.sum()), moments.count, "frequent numbers")


def _check_within(numbers: Any, known: NumberProfile, what: str) -> None:
    least, most = as_float(known.least), as_float(known.most)
    if len(numbers) and not least <= float(numbers.min()) <= float(numbers.max()) <= most:
        raise ValueError(f"numbers from {known.least} to {known.most}, but others in {what}")


def _check_signs(known: NumberProfile) -> None:
    count = known.moments.count
    if known.negatives >= 0 and (known.negatives > 0) != (known.least < 0):
        raise ValueError(f"{known.negatives:,} numbers below 0 of those from {known.least} to {known.most}")
    if known.negatives >= 0 and (known.negatives == count) != (known.most < 0):
        raise ValueError(
            f"{known.negatives:,} of {count:,} numbers below 0 of those from {known.least} to {known.most}"
        )
    if known.zeros > 0 and not known.least <= 0 <= known.most:
        raise ValueError(f"{known.zeros:,} zeros among numbers from {known.least} to {known.most}")


def _check_texts(texts: TextProfile) -> None:
    _check_frequent(texts.frequent, texts.frequent.values)
    if len(texts.sample.texts) > len(texts.sample.hashes):
        raise ValueError(f"{len(texts.sample.texts)} examples of {len(texts.sample.hashes)} texts")
    if np.any(texts.sample.hashes[1:] <= texts.sample.hashes[:-1]):
        raise ValueError("hashes of a sample that do not ascend")
    if texts.empty > 0 and texts.lengths.moments.count:
        _at_most(texts.empty, texts.lengths.moments.count, "empty texts")


def _check_frequent(items: FrequentItems, values: Any) -> None:
    if isinstance(values, list):
        ascending = all(one < other for one, other in pairwise(values))
    else:
        ascending = bool(np.all(values[1:] > values[:-1]))
    if not ascending:
        raise ValueError("frequent values that do not ascend")
    if len(items) and int(items.counts.min()) < 1:
        raise ValueError("a frequent value that is there 0 times")


def _at_most(count: int, most: int, what: str) -> None:
    if count > most:
        raise ValueError(f"{count:,} {what}, of which there can be no more than {most:,}")

"""Writing profiles."""

from __future__ import annotations

import zlib

import msgspec
import numpy as np
from msgspec import structs

from obs_core.secrets import mask
from obs_profiles.column_profiles import ColumnProfile, NumberProfile, TextProfile, TimeProfile
from obs_profiles.columns import unique_names
from obs_profiles.damage import ProfileFormatError
from obs_profiles.files.arrays import DECIMALS, in_units, packed_floats, packed_integers, packed_registers
from obs_profiles.files.bounds import check_profile, count_columns, most_columns, most_inflated
from obs_profiles.files.records import (
    MAGIC,
    VERSION,
    ColumnRecord,
    DistinctRecord,
    FrequentRecord,
    NumberRecord,
    ProfileRecord,
    SegmentRecord,
    TextRecord,
    TimeRecord,
)
from obs_profiles.plain_profiles import PlainProfile
from obs_profiles.sketches import DistinctSketch, FrequentItems

__all__ = ["content_of", "record_of", "written"]

_LEVELS = (6, 0)
"""Of zlib: 9 takes six times as long and saves 2 % of a profile of 500 columns. What becomes so small that a reader
would take it for an attack, such as names of a million equal letters, is not compressed."""


def written(profile: PlainProfile) -> bytes:
    """Write a profile as bytes: the same ones for equal profiles.

    Raises:
        ProfileFormatError: It is larger than what can be read again.
    """
    check_profile(profile)
    content = content_of(profile)
    columns = count_columns(profile) + sum(map(count_columns, profile.segments.values()))
    for level in _LEVELS:
        data = MAGIC + bytes([VERSION]) + zlib.compress(content, level)
        if len(content) <= most_inflated(len(data)) and columns <= most_columns(len(data)):
            return data
    most = most_inflated(len(data))
    raise ProfileFormatError(f"this profile has {len(content):,} bytes, and a file holds at most {most:,}")


def content_of(profile: PlainProfile) -> bytes:
    """Return what a file holds of a profile, before it is compressed, whatever its size."""
    return msgspec.msgpack.encode(record_of(profile))


def record_of(profile: PlainProfile) -> ProfileRecord:
    """Return what a file holds of a profile."""
    return ProfileRecord(
        rows=profile.rows,
        columns=_columns(profile),
        made=profile.made,
        by=list(map(mask, profile.by)),
        segments=dict(zip(unique_names(profile.segments), map(_segment, profile.segments.values()), strict=True)),
        segment_slack=profile.segment_slack,
    )


def _segment(profile: PlainProfile) -> msgspec.Raw:
    return msgspec.Raw(msgspec.msgpack.encode(SegmentRecord(profile.rows, _columns(profile), profile.made)))


def _columns(profile: PlainProfile) -> list[ColumnRecord]:
    """Write columns; what became a secret after they were profiled is masked now."""
    columns = zip(unique_names(profile.columns), profile.columns.values(), strict=True)
    return [_column(name, column) for name, column in columns]


def _column(name: str, column: ColumnProfile) -> ColumnRecord:
    return ColumnRecord(
        name=name,
        rows=column.rows,
        dtype=mask(column.dtype),
        missing=column.missing,
        nan=column.nan,
        types=dict(column.types),
        true=column.true,
        infinite=column.infinite,
        negative_infinite=column.negative_infinite,
        distinct=_distinct(column.distinct),
        numbers=_numbers(column.numbers) if column.numbers else None,
        times=_times(column.times) if column.times else None,
        durations=_numbers(column.durations) if column.durations else None,
        texts=_texts(column.texts) if column.texts else None,
        sizes=_numbers(column.sizes) if column.sizes else None,
        elements=_column(column.elements.name, column.elements) if column.elements else None,
    )


def _distinct(sketch: DistinctSketch) -> DistinctRecord:
    if sketch.registers is not None:
        packed = packed_registers(sketch.registers)
        return DistinctRecord(
            nibbles=packed.nibbles,
            base=packed.base,
            coupons=packed_integers(packed.coupons) if len(packed.coupons) else b"",
            incomplete=sketch.incomplete,
            foreign=sketch.foreign,
        )
    assert sketch.coupons is not None
    return DistinctRecord(coupons=packed_integers(sketch.coupons), incomplete=sketch.incomplete, foreign=sketch.foreign)


def _numbers(known: NumberProfile) -> NumberRecord:
    moments, sketch = known.moments, known.quantiles
    items = np.concatenate([*sketch.levels, np.empty(0)])
    units = in_units(items)
    return NumberRecord(
        least=_number(known.least),
        most=_number(known.most),
        count=moments.count,
        mean=moments.mean,
        m2=moments.m2,
        m3=moments.m3,
        m4=moments.m4,
        zeros=known.zeros,
        negatives=known.negatives,
        level_sizes=[len(level) for level in sketch.levels],
        items=packed_floats(items) if units is None else packed_integers(units[0]),
        divisor=0 if units is None else units[1],
        factor=1 if units is None else units[2],
        certain=sketch.certain,
        merges=sketch.merges,
        worst=sketch.worst,
        frequent=_frequent(known.frequent),
        repeats=[] if known.repeats is None else known.repeats.sums.tolist(),
    )


def _number(value: float) -> float | str:
    return str(value) if isinstance(value, int) and not -(2**63) <= value < 2**64 else value


def _times(known: TimeProfile) -> TimeRecord:
    return TimeRecord(_numbers(known.numbers), known.hours.tolist(), known.weekdays.tolist(), known.zone)


def _texts(known: TextProfile) -> TextRecord:
    patterns = sorted(set(known.sample.patterns))
    places = {pattern: place for place, pattern in enumerate(patterns)}
    return TextRecord(
        lengths=_numbers(known.lengths),
        empty=known.empty,
        frequent=_frequent(known.frequent),
        hashes=packed_integers(known.sample.hashes),
        patterns=patterns,
        pattern_of=[places[pattern] for pattern in known.sample.patterns],
        texts=list(map(mask, known.sample.texts)),
        counts=[] if known.sample.counts is None else known.sample.counts.tolist(),
    )


def _frequent(items: FrequentItems) -> FrequentRecord:
    items = items.masked()
    if not len(items):
        return FrequentRecord(missed=items.missed)
    found = FrequentRecord(
        counts=items.counts.tolist(), slack=items.slack.tolist() if items.slack.any() else [], missed=items.missed
    )
    if isinstance(items.values, list):
        return structs.replace(found, texts=items.values)
    match items.values.dtype.kind:
        case "i":
            return structs.replace(found, integers=packed_integers(items.values))
        case "f":
            units = in_units(items.values)
            if units is not None:
                return structs.replace(found, decimals=packed_integers(units[0] * units[2] * (DECIMALS // units[1])))
            return structs.replace(found, floats=packed_floats(items.values))
    return structs.replace(found, numbers=items.values.tolist())

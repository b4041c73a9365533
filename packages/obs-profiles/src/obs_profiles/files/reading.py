"""Reading profiles."""

from __future__ import annotations

import math
import struct
import zlib
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import numpy as np

from obs_profiles.column_profiles import ColumnProfile, NumberProfile, TextProfile, TimeProfile
from obs_profiles.damage import ProfileFormatError
from obs_profiles.files.arrays import unpacked_floats, unpacked_integers
from obs_profiles.files.bounds import most_columns, most_inflated
from obs_profiles.files.records import (
    MAGIC,
    MOST,
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
from obs_profiles.sketches import DistinctSketch, FrequentItems, Moments, QuantileSketch, TextSample
from obs_profiles.sketches.numbers import canonical

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["is_profile", "read"]

P = TypeVar("P", bound=PlainProfile)

_WHYLOGS = b"WHY1"
_DAMAGES = (
    zlib.error,
    msgspec.MsgspecError,
    ValueError,
    IndexError,
    ArithmeticError,
    RecursionError,
    TypeError,
    struct.error,
)


def is_profile(data: bytes) -> bool:
    """Tell by how they begin whether bytes are to be a profile: of our own, or of whylogs."""
    return data.startswith((MAGIC, _WHYLOGS))


def read(data: bytes, kind: type[P]) -> P:
    """Read a profile of our own, or one of whylogs.

    Args:
        data: All bytes of its file.
        kind: The class that it is to have.

    Raises:
        ProfileFormatError: It is neither.
    """
    if data[: len(_WHYLOGS)] == _WHYLOGS:
        return _read_whylogs(data, kind)
    if data[: len(MAGIC)] != MAGIC or len(data) <= len(MAGIC):
        raise ProfileFormatError(
            f"these {len(data):,} bytes are not a profile: one begins with {MAGIC!r}, one of whylogs with {_WHYLOGS!r},"
            f" and not with {data[:4]!r}"
        )
    version = data[len(MAGIC)]
    if version != VERSION:
        remedy = "upgrade obs-profiles" if version > VERSION else "profile the data again"
        raise ProfileFormatError(
            f"this profile is of version {version}, and this obs-profiles reads version {VERSION}: {remedy}"
        )
    try:
        inflate = zlib.decompressobj()
        content = inflate.decompress(data[len(MAGIC) + 1 :], most_inflated(len(data)))
        if not inflate.eof:
            raise ProfileFormatError(f"this profile of {len(data):,} bytes is cut off, or too large")
        if inflate.unused_data:
            raise ProfileFormatError(f"{len(inflate.unused_data):,} bytes follow the end of this profile")
        return _profile(msgspec.msgpack.decode(content, type=ProfileRecord), len(data), kind)
    except ProfileFormatError:
        raise
    except _DAMAGES as error:
        raise ProfileFormatError(f"this profile of {len(data):,} bytes is damaged: {error}") from error


def _read_whylogs(data: bytes, kind: type[P]) -> P:
    from obs_profiles.files.whylogs import read_whylogs
    from obs_profiles.files.writing import record_of

    try:
        # What it says is checked as if we had written it.
        content = msgspec.msgpack.encode(record_of(read_whylogs(data)))
        return _profile(msgspec.msgpack.decode(content, type=ProfileRecord), len(data), kind)
    except _DAMAGES as error:
        raise ProfileFormatError(f"this profile of whylogs, of {len(data):,} bytes, is damaged: {error}") from error


def _profile(record: ProfileRecord, size: int, kind: type[P]) -> P:
    most = most_columns(size)
    columns = len(record.columns)
    parts = []
    for value, content in record.segments.items():
        _check_columns(columns, most)
        parts.append((value, msgspec.msgpack.decode(content, type=SegmentRecord)))
        columns += len(parts[-1][1].columns)
    _check_columns(columns, most)
    segments = {value: kind(_columns(part), part.rows, made=part.made) for value, part in parts}
    return kind(
        _columns(record),
        record.rows,
        segments=segments,
        segment_slack=record.segment_slack,
        by=tuple(record.by),
        made=record.made,
    )


def _check_columns(columns: int, most: int) -> None:
    if columns > most:
        raise ValueError(f"{columns:,} columns in all segments, of which so small a file has no more than {most:,}")


def _columns(record: SegmentRecord) -> dict[str, ColumnProfile]:
    return {column.name: _column(column) for column in record.columns}


_DESCRIBED = {"bytes": "texts", "duration": "durations", "text": "texts", "time": "times"}
"""What a profile has of each column that has values of a type; of numbers there is none where all are infinite."""


def _check_counts(record: ColumnRecord) -> None:
    for kind, described in _DESCRIBED.items():
        if record.types.get(kind) and getattr(record, described) is None:
            raise ValueError(f"{record.types[kind]:,} values of the type {kind}, but no {described}")
    parts = record.missing, record.nan, record.infinite, sum(record.types.values())
    if max(parts) > record.rows or record.true > record.types.get("boolean", 0):
        raise ValueError(f"{record.rows:,} rows, but more values")
    if record.negative_infinite > record.infinite:
        raise ValueError(f"{record.infinite:,} infinite numbers, but more negative ones")


def _column(record: ColumnRecord) -> ColumnProfile:
    _check_counts(record)
    return ColumnProfile(
        name=record.name,
        dtype=record.dtype,
        rows=record.rows,
        missing=record.missing,
        nan=record.nan,
        types=record.types,
        true=record.true,
        infinite=record.infinite,
        negative_infinite=record.negative_infinite,
        distinct=_distinct(record.distinct),
        numbers=_numbers(record.numbers) if record.numbers else None,
        times=_times(record.times) if record.times else None,
        durations=_numbers(record.durations) if record.durations else None,
        texts=_texts(record.texts) if record.texts else None,
        sizes=_numbers(record.sizes) if record.sizes else None,
    )


def _distinct(record: DistinctRecord) -> DistinctSketch:
    if record.registers:
        registers = np.frombuffer(record.registers, np.uint8)
        slots = len(registers)
        if slots & (slots - 1) or not 16 <= slots <= 1 << 21 or int(registers.max()) > 63:
            raise ValueError(f"{slots} registers of up to {int(registers.max())}")
        return DistinctSketch(registers=registers, incomplete=record.incomplete, foreign=record.foreign)
    found = DistinctSketch.of(unpacked_integers(record.coupons).astype(np.uint32))
    found.incomplete, found.foreign = record.incomplete, record.foreign
    return found


def _numbers(record: NumberRecord) -> NumberProfile:
    items = unpacked_floats(record.items)
    if len(items) != sum(record.level_sizes):
        raise ValueError(f"{len(items)} items, but levels of {record.level_sizes}")
    stand_for = sum(size << level for level, size in enumerate(record.level_sizes))
    if stand_for != record.count:
        raise ValueError(f"{record.count} numbers, but items that stand for {stand_for}")
    least, most = (int(end) if isinstance(end, str) else end for end in (record.least, record.most))
    errors = record.certain, record.merges, record.worst
    if not all(math.isfinite(number) for number in (least, most, *errors)):
        raise ValueError("a number that is not finite")
    if min(errors) < 0 or max(record.certain, record.worst, record.merges / MOST) > MOST:
        raise ValueError("an error that no sketch has")
    levels = np.split(_finite(items), np.cumsum(record.level_sizes)[:-1]) if record.level_sizes else []
    return NumberProfile(
        least=least,
        most=most,
        zeros=record.zeros,
        negatives=record.negatives,
        moments=Moments(record.count, record.mean, record.m2, record.m3, record.m4),
        quantiles=QuantileSketch(levels, record.certain, record.merges, record.worst),
        frequent=_frequent(record.frequent, texts=False),
    )


def _times(record: TimeRecord) -> TimeProfile:
    return TimeProfile(
        _numbers(record.numbers), record.zone, np.array(record.hours, np.int64), np.array(record.weekdays, np.int64)
    )


def _texts(record: TextRecord) -> TextProfile:
    hashes = unpacked_integers(record.hashes).astype(np.uint32)
    patterns = [record.patterns[place] for place in record.pattern_of]
    if len(patterns) != len(hashes):
        raise ValueError(f"{len(hashes)} hashes, but {len(patterns)} patterns")
    return TextProfile(
        lengths=_numbers(record.lengths),
        empty=record.empty,
        frequent=_frequent(record.frequent, texts=True),
        sample=TextSample(hashes, patterns, record.texts),
    )


def _frequent(record: FrequentRecord, *, texts: bool) -> FrequentItems:
    if not record.counts:
        return FrequentItems.none(texts=texts, missed=record.missed)
    values: list[str] | NDArray[Any]
    if texts:
        values = record.texts or []
    elif record.integers is not None:
        values = unpacked_integers(record.integers)
    elif record.numbers is not None:
        if not all(map(math.isfinite, record.numbers)):
            raise ValueError("a number that is not finite")
        values = canonical(np.array(record.numbers, object))
    else:
        values = canonical(_finite(unpacked_floats(record.floats or b"")))
    if len(values) != len(record.counts) or len(record.slack) not in (0, len(values)):
        raise ValueError(f"{len(values)} frequent values, but {len(record.counts)} counts")
    slack = np.array(record.slack, np.int64) if record.slack else None
    return FrequentItems(values, np.array(record.counts, np.int64), slack, record.missed)


def _finite(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    if not np.isfinite(numbers).all():
        raise ValueError("a number that is not finite")
    return numbers

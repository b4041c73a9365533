"""Reading profiles."""

from __future__ import annotations

import math
import struct
import zlib
from operator import add
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import numpy as np

from obs_profiles.column_profiles import ColumnProfile, NumberProfile, TextProfile, TimeProfile, by_count
from obs_profiles.damage import ProfileFormatError
from obs_profiles.files.arrays import DECIMALS, Nibbles, unpacked_floats, unpacked_integers, unpacked_registers
from obs_profiles.files.bounds import most_columns, most_inflated
from obs_profiles.files.checking import check_column, check_names, check_segments
from obs_profiles.files.records import (
    MAGIC,
    MOST,
    READ,
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
from obs_profiles.sketches import DistinctSketch, FrequentItems, Moments, QuantileSketch, RepeatSketch, TextSample
from obs_profiles.sketches.numbers import canonical
from obs_profiles.sketches.repeats import SUMS

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
            f"these {len(data):,} bytes are not a profile: they begin with {data[:4]!r}, a profile with {MAGIC!r}, one"
            f" of whylogs with {_WHYLOGS!r}"
        )
    version = data[len(MAGIC)]
    if version not in READ:
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
    columns = _count_columns(record)
    parts = []
    for value, content in record.segments.items():
        _check_columns(columns, most)
        parts.append((value, msgspec.msgpack.decode(content, type=SegmentRecord)))
        columns += _count_columns(parts[-1][1])
    _check_columns(columns, most)
    segments = {value: kind(_columns(part), part.rows, made=part.made) for value, part in parts}
    check_segments(record.rows, segments, record.by, record.segment_slack)
    return kind(
        _columns(record),
        record.rows,
        segments=segments,
        segment_slack=record.segment_slack,
        by=tuple(record.by),
        made=record.made,
    )


def _count_columns(record: SegmentRecord) -> int:
    return len(record.columns) + sum(column.elements is not None for column in record.columns)


def _check_columns(columns: int, most: int) -> None:
    if columns > most:
        raise ValueError(f"{columns:,} columns in all segments, of which so small a file has no more than {most:,}")


def _columns(record: SegmentRecord) -> dict[str, ColumnProfile]:
    columns = {column.name: _column(column) for column in record.columns}
    check_names([column.name for column in record.columns])
    for column in columns.values():
        check_column(column, record.rows)
    return columns


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
    texts = record.texts or TextRecord(NumberRecord(0, 0, 0, 0.0))
    tables = [known for known in (record.numbers, record.durations, record.sizes, texts.lengths) if known]
    tables += [record.times.numbers] if record.times else []
    for known in tables:
        _check_most(known.count, record.rows, "numbers")
        _check_most(max(0, known.zeros) + max(0, known.negatives), known.count, "that are 0 or negative")
    for frequent in [texts.frequent, *(known.frequent for known in tables)]:
        _check_most(sum(frequent.counts), record.rows, "frequent values")
        _check_most(max([frequent.missed, *map(add, frequent.counts, frequent.slack)]), record.rows, "of a value")
    _check_most(sum(texts.counts), record.rows, "texts of a sample")
    _check_most(texts.empty, record.rows, "empty texts")
    if 0 in (*texts.counts, *texts.frequent.counts):
        raise ValueError("a text that is there 0 times")
    if record.times and {sum(record.times.hours), sum(record.times.weekdays)} != {record.times.numbers.count}:
        raise ValueError(f"{record.times.numbers.count:,} times, but not as many hours and weekdays")


def _check_most(count: int, most: int, what: str) -> None:
    if count > most:
        raise ValueError(f"{count:,} {what}, of which there can be no more than {most:,}")


def _column(record: ColumnRecord) -> ColumnProfile:
    _check_counts(record)
    if record.elements and record.elements.elements:
        raise ValueError("elements of elements, of which a column has none")
    return ColumnProfile(
        name=record.name,
        dtype=record.dtype,
        rows=record.rows,
        missing=record.missing,
        nan=record.nan,
        types=by_count({kind: count for kind, count in record.types.items() if count}),
        true=record.true,
        infinite=record.infinite,
        negative_infinite=record.negative_infinite,
        distinct=_distinct(record.distinct),
        numbers=_numbers(record.numbers) if record.numbers else None,
        times=_times(record.times) if record.times else None,
        durations=_numbers(record.durations) if record.durations else None,
        texts=_texts(record.texts) if record.texts else None,
        sizes=_numbers(record.sizes) if record.sizes else None,
        elements=_column(record.elements) if record.elements else None,
    )


def _distinct(record: DistinctRecord) -> DistinctSketch:
    if record.registers and (record.coupons or record.nibbles):
        raise ValueError("a distinct count of both coupons and registers")
    coupons = unpacked_integers(record.coupons)
    if len(coupons) and not 0 < int(coupons.min()) <= int(coupons.max()) < 1 << 32:
        raise ValueError("coupons that have no 32 bits")
    if record.registers or record.nibbles:
        packed = Nibbles(record.nibbles, record.base, coupons.astype(np.uint32))
        registers = np.frombuffer(record.registers, np.uint8) if record.registers else unpacked_registers(packed)
        slots = len(registers)
        if slots & (slots - 1) or not 16 <= slots <= 1 << 21 or int(registers.max()) > 63:
            raise ValueError(f"{slots} registers of up to {int(registers.max())}")
        return DistinctSketch(registers=registers, incomplete=record.incomplete, foreign=record.foreign)
    found = DistinctSketch.of(coupons.astype(np.uint32))
    found.incomplete, found.foreign = record.incomplete, record.foreign
    return found


def _numbers(record: NumberRecord) -> NumberProfile:
    items = _items(record)
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
        repeats=_repeats(record),
    )


def _items(record: NumberRecord) -> NDArray[np.float64]:
    if not record.divisor:
        return unpacked_floats(record.items)
    return unpacked_integers(record.items).astype(np.float64) * record.factor / record.divisor


def _repeats(record: NumberRecord) -> RepeatSketch | None:
    if len(record.repeats) not in (0, SUMS):
        raise ValueError(f"{len(record.repeats)} sums of repeats, which are {SUMS}")
    if sum(map(abs, record.repeats)) > record.count:
        raise ValueError(f"{record.count:,} numbers, but more in the sums of repeats")
    return RepeatSketch(np.array(record.repeats, np.int64)) if record.repeats else None


def _times(record: TimeRecord) -> TimeProfile:
    return TimeProfile(
        _numbers(record.numbers), record.zone, np.array(record.hours, np.int64), np.array(record.weekdays, np.int64)
    )


def _texts(record: TextRecord) -> TextProfile:
    integers = unpacked_integers(record.hashes)
    if len(integers) and not 0 <= int(integers.min()) <= int(integers.max()) < 1 << 32:
        raise ValueError("hashes that have no 32 bits")
    hashes = integers.astype(np.uint32)
    patterns = [record.patterns[place] for place in record.pattern_of]
    if len(patterns) != len(hashes):
        raise ValueError(f"{len(hashes)} hashes, but {len(patterns)} patterns")
    if len(record.counts) not in (0, len(hashes)):
        raise ValueError(f"{len(hashes)} hashes, but {len(record.counts)} counts")
    counts = np.array(record.counts, np.int64) if record.counts else None
    return TextProfile(
        lengths=_numbers(record.lengths),
        empty=record.empty,
        frequent=_frequent(record.frequent, texts=True),
        sample=TextSample(hashes, patterns, record.texts, counts),
    )


def _frequent(record: FrequentRecord, *, texts: bool) -> FrequentItems:
    if not record.counts:
        return FrequentItems.none(texts=texts, missed=record.missed)
    values: list[str] | NDArray[Any]
    if texts:
        values = record.texts or []
    elif record.integers is not None:
        values = unpacked_integers(record.integers)
    elif record.decimals is not None:
        values = canonical(_finite(unpacked_integers(record.decimals) / DECIMALS))
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

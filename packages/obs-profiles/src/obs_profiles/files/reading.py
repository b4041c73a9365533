"""Reading profiles."""

from __future__ import annotations

import struct
import zlib

import msgspec
import numpy as np

from obs_core import ObsError
from obs_profiles.files.arrays import unpacked_floats, unpacked_integers
from obs_profiles.files.records import (
    MAGIC,
    VERSION,
    ColumnRecord,
    DistinctRecord,
    FrequentRecord,
    NumberRecord,
    ProfileRecord,
    TextRecord,
    TimeRecord,
)
from obs_profiles.profiles import ColumnProfile, NumberProfile, Profile, TextProfile, TimeProfile
from obs_profiles.sketches import DistinctSketch, FrequentItems, Moments, QuantileSketch, TextSample

__all__ = ["ProfileFormatError", "read"]

_WHYLOGS = b"WHY1"
_MOST = 1 << 30
"""Bytes that a profile is inflated to at most: a small file must not fill the memory."""


class ProfileFormatError(ObsError, ValueError):
    """Bytes are no profile, or one of a newer version."""


def read(data: bytes) -> Profile:
    """Read a profile of our own, or one of whylogs.

    Raises:
        ProfileFormatError: It is neither.
    """
    if data[: len(_WHYLOGS)] == _WHYLOGS:
        return _read_whylogs(data)
    if data[: len(MAGIC)] != MAGIC or len(data) <= len(MAGIC):
        raise ProfileFormatError(
            f"these {len(data):,} bytes are no profile: one begins with {MAGIC!r}, one of whylogs with {_WHYLOGS!r},"
            f" and not with {data[:4]!r}"
        )
    version = data[len(MAGIC)]
    if version != VERSION:
        raise ProfileFormatError(
            f"this profile is of version {version}, and this obs-profiles reads version {VERSION}: upgrade obs-profiles"
        )
    try:
        inflate = zlib.decompressobj()
        content = inflate.decompress(data[len(MAGIC) + 1 :], _MOST)
        if not inflate.eof:
            raise ProfileFormatError(f"this profile of {len(data):,} bytes is cut off, or too large")
        return _profile(msgspec.msgpack.decode(content, type=ProfileRecord))
    except ProfileFormatError:
        raise
    except (zlib.error, msgspec.MsgspecError, ValueError, IndexError) as error:
        raise ProfileFormatError(f"this profile of {len(data):,} bytes is damaged: {error}") from error


def _read_whylogs(data: bytes) -> Profile:
    from obs_profiles.files.whylogs import read_whylogs

    try:
        return read_whylogs(data)
    except (ValueError, IndexError, UnicodeDecodeError, struct.error) as error:
        raise ProfileFormatError(f"this profile of whylogs, of {len(data):,} bytes, is damaged: {error}") from error


def _profile(record: ProfileRecord) -> Profile:
    return Profile(
        {column.name: _column(column) for column in record.columns},
        record.rows,
        segments={value: _profile(segment) for value, segment in record.segments.items()},
        by=tuple(record.by),
        made=record.made,
    )


def _column(record: ColumnRecord) -> ColumnProfile:
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
        return DistinctSketch(registers=np.frombuffer(record.registers, np.uint8))
    return DistinctSketch(unpacked_integers(record.coupons).astype(np.uint32))


def _numbers(record: NumberRecord) -> NumberProfile:
    items = unpacked_floats(record.items)
    if len(items) != sum(record.level_sizes):
        raise ValueError(f"{len(items)} items, but levels of {record.level_sizes}")
    levels = np.split(items, np.cumsum(record.level_sizes)[:-1]) if record.level_sizes else []
    return NumberProfile(
        least=record.least,
        most=record.most,
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
        none = FrequentItems.none(texts=texts)
        none.missed = record.missed
        return none
    values = (
        record.texts
        if record.texts is not None
        else unpacked_integers(record.integers)
        if record.integers is not None
        else unpacked_floats(record.floats or b"")
    )
    if len(values) != len(record.counts):
        raise ValueError(f"{len(values)} frequent values, but {len(record.counts)} counts")
    slack = np.array(record.slack, np.int64) if record.slack else None
    return FrequentItems(values, np.array(record.counts, np.int64), slack, record.missed)

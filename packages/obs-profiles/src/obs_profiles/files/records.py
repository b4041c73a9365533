"""The records of a profile's file; docs/profiles.md explains each field to readers in other languages.

Names are the ones in the file, and stay for ever. A reader skips what it does not know, and takes the default for what
is not there; a change that this does not cover makes a new `VERSION`.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Raw, Struct

__all__ = [
    "MAGIC",
    "MOST",
    "VERSION",
    "ColumnRecord",
    "DistinctRecord",
    "FrequentRecord",
    "NumberRecord",
    "ProfileRecord",
    "SegmentRecord",
    "TextRecord",
    "TimeRecord",
]

MAGIC = b"OBSP"
VERSION = 1

MOST = 1 << 53
"""What is counted is no more: the sums of counts fit into 64 bits, and each is a float without rounding."""

Count = Annotated[int, Meta(ge=0, le=MOST)]
KnownCount = Annotated[int, Meta(ge=-1, le=MOST)]
"""A count; -1 where it is not known."""

Levels = Annotated[list[Count], Meta(max_length=54)]
Hours = Annotated[list[Count], Meta(min_length=24, max_length=24)]
Weekdays = Annotated[list[Count], Meta(min_length=7, max_length=7)]


class FrequentRecord(Struct, frozen=True, omit_defaults=True):
    """Frequent values: one of three arrays of values, and their counts."""

    texts: list[str] | None = None
    integers: bytes | None = None
    floats: bytes | None = None
    counts: list[Count] = []
    slack: list[Count] = []
    missed: Count = 0


class NumberRecord(Struct, frozen=True, omit_defaults=True):
    """A distribution of numbers."""

    least: int | float
    most: int | float
    count: Count
    mean: float
    m2: float = 0.0
    m3: float = 0.0
    m4: float = 0.0
    zeros: KnownCount = 0
    negatives: KnownCount = 0
    level_sizes: Levels = []
    items: bytes = b""
    certain: float = 0.0
    merges: float = 0.0
    worst: float = 0.0
    frequent: FrequentRecord = FrequentRecord()


class TimeRecord(Struct, frozen=True, omit_defaults=True):
    """A distribution of moments."""

    numbers: NumberRecord
    hours: Hours
    weekdays: Weekdays
    zone: str = ""


class TextRecord(Struct, frozen=True, omit_defaults=True):
    """What texts look like."""

    lengths: NumberRecord
    empty: KnownCount = 0
    frequent: FrequentRecord = FrequentRecord()
    hashes: bytes = b""
    patterns: list[str] = []
    pattern_of: list[Count] = []
    texts: list[str] = []


class DistinctRecord(Struct, frozen=True, omit_defaults=True):
    """A distinct count: one of both."""

    coupons: bytes = b""
    registers: bytes = b""


class ColumnRecord(Struct, frozen=True, omit_defaults=True):
    """A column."""

    name: str
    rows: Count
    dtype: str = ""
    missing: Count = 0
    nan: Count = 0
    types: dict[str, Count] = {}
    true: Count = 0
    infinite: Count = 0
    negative_infinite: Count = 0
    distinct: DistinctRecord = DistinctRecord()
    numbers: NumberRecord | None = None
    times: TimeRecord | None = None
    durations: NumberRecord | None = None
    texts: TextRecord | None = None
    sizes: NumberRecord | None = None


Columns = Annotated[list[ColumnRecord], Meta(max_length=1 << 16)]


class SegmentRecord(Struct, frozen=True, omit_defaults=True):
    """The profile of a segment, which has none of its own."""

    rows: Count
    columns: Columns
    made: int = 0


class ProfileRecord(SegmentRecord, frozen=True, omit_defaults=True):
    """A profile; each of its segments is read by itself, so that their number can be bounded."""

    by: list[str] = []
    segments: dict[str, Raw] = {}
    segment_slack: Count = 0

"""The records of a profile's file; docs/profiles.md explains each field to readers in other languages.

Names are the ones in the file, and stay for ever. A reader skips what it does not know, and takes the default for what
is not there; a change that this does not cover makes a new `VERSION`.
"""

from __future__ import annotations

from msgspec import Struct

__all__ = [
    "MAGIC",
    "VERSION",
    "ColumnRecord",
    "DistinctRecord",
    "FrequentRecord",
    "NumberRecord",
    "ProfileRecord",
    "TextRecord",
    "TimeRecord",
]

MAGIC = b"OBSP"
VERSION = 1


class FrequentRecord(Struct, frozen=True, omit_defaults=True):
    """Frequent values: one of three arrays of values, and their counts."""

    texts: list[str] | None = None
    integers: bytes | None = None
    floats: bytes | None = None
    counts: list[int] = []
    slack: list[int] = []
    missed: int = 0


class NumberRecord(Struct, frozen=True, omit_defaults=True):
    """A distribution of numbers."""

    least: int | float
    most: int | float
    count: int
    mean: float
    m2: float = 0.0
    m3: float = 0.0
    m4: float = 0.0
    zeros: int = 0
    negatives: int = 0
    level_sizes: list[int] = []
    items: bytes = b""
    certain: float = 0.0
    merges: float = 0.0
    worst: float = 0.0
    frequent: FrequentRecord = FrequentRecord()


class TimeRecord(Struct, frozen=True, omit_defaults=True):
    """A distribution of moments."""

    numbers: NumberRecord
    hours: list[int]
    weekdays: list[int]
    zone: str = ""


class TextRecord(Struct, frozen=True, omit_defaults=True):
    """What texts look like."""

    lengths: NumberRecord
    empty: int = 0
    frequent: FrequentRecord = FrequentRecord()
    hashes: bytes = b""
    patterns: list[str] = []
    pattern_of: list[int] = []
    texts: list[str] = []


class DistinctRecord(Struct, frozen=True, omit_defaults=True):
    """A distinct count: one of both."""

    coupons: bytes = b""
    registers: bytes = b""


class ColumnRecord(Struct, frozen=True, omit_defaults=True):
    """A column."""

    name: str
    rows: int
    dtype: str = ""
    missing: int = 0
    nan: int = 0
    types: dict[str, int] = {}
    true: int = 0
    infinite: int = 0
    negative_infinite: int = 0
    distinct: DistinctRecord = DistinctRecord()
    numbers: NumberRecord | None = None
    times: TimeRecord | None = None
    durations: NumberRecord | None = None
    texts: TextRecord | None = None
    sizes: NumberRecord | None = None


class ProfileRecord(Struct, frozen=True, omit_defaults=True):
    """A profile."""

    rows: int
    columns: list[ColumnRecord]
    made: int = 0
    by: list[str] = []
    segments: dict[str, ProfileRecord] = {}

"""The records of a profile's file; docs/profiles.md explains each field to readers in other languages.

Names are the ones in the file, and stay for ever. A reader skips what it does not know, and takes the default for what
is not there; a change that this does not cover makes a new `VERSION`.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Raw, Struct

from obs_profiles.files.bounds import MOST_COLUMNS, MOST_NAMES, MOST_SEGMENTS

__all__ = [
    "MAGIC",
    "MOST",
    "READ",
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
VERSION = 3
READ = (2, 3)
"""Version 2 has no `nibbles`, `decimals` and `divisor`, which take less room. Version 1 was in use before the first
release; it hashed large integers, lengths of time and long texts otherwise."""

MOST = 1 << 53
"""What is counted is no more: the sums of counts fit into 64 bits, and each is a float without rounding."""

Count = Annotated[int, Meta(ge=0, le=MOST)]
KnownCount = Annotated[int, Meta(ge=-1, le=MOST)]
"""A count; -1 where it is not known."""

# As many as a profile may have while it is made, and no more: a small file must not become large lists.
FrequentCounts = Annotated[list[Count], Meta(max_length=8192)]
FrequentTexts = Annotated[list[str], Meta(max_length=8192)]
FrequentNumbers = Annotated[list[int | float], Meta(max_length=8192)]
Sampled = Annotated[list[str], Meta(max_length=256)]
SampledPlaces = Annotated[list[Annotated[int, Meta(ge=0, lt=256)]], Meta(max_length=256)]
SampledCounts = Annotated[list[Count], Meta(max_length=256)]
Types = Annotated[dict[str, Count], Meta(max_length=64)]
Names = Annotated[list[str], Meta(max_length=MOST_NAMES)]
Segments = Annotated[dict[str, Raw], Meta(max_length=MOST_SEGMENTS)]
HugeInteger = Annotated[str, Meta(pattern="^-?[0-9]{1,309}$")]
"""An integer that has no 64 bits."""

Sums = Annotated[list[Annotated[int, Meta(ge=-MOST, le=MOST)]], Meta(max_length=64)]
Levels = Annotated[list[Count], Meta(max_length=54)]
Hours = Annotated[list[Count], Meta(min_length=24, max_length=24)]
Weekdays = Annotated[list[Count], Meta(min_length=7, max_length=7)]


class FrequentRecord(Struct, frozen=True, omit_defaults=True):
    """Frequent values: one of five arrays of values, and their counts."""

    texts: FrequentTexts | None = None
    integers: bytes | None = None
    floats: bytes | None = None
    decimals: bytes | None = None
    numbers: FrequentNumbers | None = None
    counts: FrequentCounts = []
    slack: FrequentCounts = []
    missed: Count = 0


class NumberRecord(Struct, frozen=True, omit_defaults=True):
    """A distribution of numbers."""

    least: int | float | HugeInteger
    most: int | float | HugeInteger
    count: Count
    mean: float
    m2: float = 0.0
    m3: float = 0.0
    m4: float = 0.0
    zeros: KnownCount = 0
    negatives: KnownCount = 0
    level_sizes: Levels = []
    items: bytes = b""
    divisor: Count = 0
    factor: Count = 1
    certain: float = 0.0
    merges: float = 0.0
    worst: float = 0.0
    frequent: FrequentRecord = FrequentRecord()
    repeats: Sums = []


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
    patterns: Sampled = []
    pattern_of: SampledPlaces = []
    texts: Sampled = []
    counts: SampledCounts = []


class DistinctRecord(Struct, frozen=True, omit_defaults=True):
    """A distinct count: one of three, though registers in nibbles have coupons for those that need more."""

    coupons: bytes = b""
    registers: bytes = b""
    nibbles: bytes = b""
    base: Annotated[int, Meta(ge=0, lt=64)] = 0
    incomplete: bool = False
    foreign: bool = False


class ColumnRecord(Struct, frozen=True, omit_defaults=True):
    """A column."""

    name: str
    rows: Count
    dtype: str = ""
    missing: Count = 0
    nan: Count = 0
    types: Types = {}
    true: Count = 0
    infinite: Count = 0
    negative_infinite: Count = 0
    distinct: DistinctRecord = DistinctRecord()
    numbers: NumberRecord | None = None
    times: TimeRecord | None = None
    durations: NumberRecord | None = None
    texts: TextRecord | None = None
    sizes: NumberRecord | None = None
    elements: ColumnRecord | None = None


Columns = Annotated[list[ColumnRecord], Meta(max_length=MOST_COLUMNS)]


class SegmentRecord(Struct, frozen=True, omit_defaults=True):
    """The profile of a segment, which has none of its own."""

    rows: Count
    columns: Columns
    made: int = 0


class ProfileRecord(SegmentRecord, frozen=True, omit_defaults=True):
    """A profile; each of its segments is read by itself, so that their number can be bounded."""

    by: Names = []
    segments: Segments = {}
    segment_slack: Count = 0

"""How large the file of a profile may be: what the writer keeps to, and what the reader takes.

No small file must fill the memory, and none that is written may be one that is refused.
"""

from __future__ import annotations

from obs_profiles.damage import ProfileFormatError
from obs_profiles.plain_profiles import PlainProfile

__all__ = [
    "MOST_COLUMNS",
    "MOST_NAMES",
    "MOST_SEGMENTS",
    "check_profile",
    "count_columns",
    "most_columns",
    "most_inflated",
]

MOST_COLUMNS = 1 << 16
"""Columns of a profile, without those of its segments."""

MOST_SEGMENTS, MOST_NAMES = 256, 64
"""Segments, and names of columns that they are by."""

_MOST_OF_ALL = 1 << 19
"""Columns of a profile and all of its segments: 10,000 of it and of each of 51 are fewer."""

_FEW_COLUMNS, _LEAST_OF_A_COLUMN = 1 << 15, 2
"""Columns that a small file may have, and how many bytes each further one takes of a file at least: 640 columns, by 50
segments, of which all values are missing, have 20 kB."""

_MOST = 1 << 29
"""Bytes that a profile is inflated to at most. 10,000 columns have 70 MB."""

_SMALL_MOST, _MOST_RATIO = 24 << 20, 32
"""Bytes that a small file is inflated to at most, and a larger one for each of its own: a profile of 10,000 constant
columns has 5 MB in 37 kB, others have six times their file."""


def most_inflated(size: int) -> int:
    """Return to how many bytes a file of a size is inflated at most."""
    return min(_MOST, max(_SMALL_MOST, _MOST_RATIO * size))


def most_columns(size: int) -> int:
    """Return how many columns a profile and its segments have at most in a file of a size."""
    return min(_MOST_OF_ALL, _FEW_COLUMNS + size // _LEAST_OF_A_COLUMN)


def count_columns(profile: PlainProfile) -> int:
    """Return how many columns a profile has without its segments; what lists hold is a column, too."""
    return len(profile) + sum(column.elements is not None for column in profile.columns.values())


def check_profile(profile: PlainProfile) -> None:
    """Refuse a profile that no file takes, before it is written.

    Raises:
        ProfileFormatError: It has too many columns or segments.
    """
    columns = count_columns(profile) + sum(map(count_columns, profile.segments.values()))
    widest = max(map(len, (profile, *profile.segments.values())))
    for count, most, what in (
        (widest, MOST_COLUMNS, "columns"),
        (columns, _MOST_OF_ALL, "columns with those of its segments"),
        (len(profile.segments), MOST_SEGMENTS, "segments"),
        (len(profile.by), MOST_NAMES, "columns that it is by"),
    ):
        if count > most:
            raise ProfileFormatError(f"this profile has {count:,} {what}, and a file holds at most {most:,}")

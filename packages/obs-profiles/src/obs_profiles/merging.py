"""Merging profiles."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from obs_profiles.given import known_profile
from obs_profiles.profiles import ColumnProfile, Profile
from obs_profiles.sketches.frequent import CAPACITY

__all__ = ["merge", "merged"]

MOST_SEGMENTS = 50
OTHERS = "(all others)"
"""The segment of all rows that belong to none of the largest ones."""

MISSING = "(missing)"
"""The segment of all rows without a value."""


def merge(profiles: Iterable[Profile | str | os.PathLike[str]]) -> Profile:
    """Merge profiles of parts of a data set into the profile of the whole.

    Whatever the order of the parts, the result is the same. Merging part by part, in any grouping, gives the same
    counts, extremes, distinct counts and examples. The mean then agrees to 15 digits; deviation, skewness and kurtosis
    to 14, less those by which the mean is larger than the deviation; quantiles and frequent values are within the
    errors that the profile states, which are smaller where all parts are merged at once.

    Args:
        profiles: The parts, or the paths of their files, also of whylogs. They stay as they are.

    Returns:
        The profile of all rows. A column that a part lacks is one of the parts that have it.

    Raises:
        TypeError: There is something else among them.
        ValueError: There are none, or a file is no profile (`ProfileFormatError`).

    Examples:
        >>> whole = merge(profile(frame) for frame in pd.read_csv("flights.csv", chunksize=100_000))
    """
    given: object = profiles
    if isinstance(given, Profile | str | os.PathLike):  # which can be iterated over, too
        raise TypeError("merge takes the profiles of several parts, as in merge([one, another]), not one profile")
    parts = [_part(part) for part in profiles]
    if not parts:
        raise ValueError("there are no profiles to merge")
    return merged(parts, capacity=CAPACITY) if len(parts) > 1 else parts[0]


def _part(part: Any) -> Profile:
    known = known_profile(part)
    if known is None:
        named = f": {part!r}" if isinstance(part, str) else ""
        kind = type(part).__name__
        raise TypeError(f"merge takes profiles, as profile(data) makes them, or files of these, not {kind}{named}")
    return known


def merged(parts: Sequence[Profile], *, capacity: int, most_segments: int = MOST_SEGMENTS) -> Profile:
    """Merge at least one profile, and keep that many frequent values of each column, and that many segments."""
    columns: dict[str, list[ColumnProfile]] = {}
    for part in parts:
        for name, column in part.columns.items():
            columns.setdefault(name, []).append(column)
    # The order of columns must not depend on that of the parts, unless all have the same.
    names = list(parts[0].columns)
    if any(list(part.columns) != names for part in parts):
        names = sorted(columns)
    by = parts[0].by if all(part.by == parts[0].by for part in parts) else ()
    segments, slack = _merged_segments(parts, capacity, most_segments) if by else ({}, 0)
    return Profile(
        {name: ColumnProfile.merged(columns[name], capacity=capacity) for name in names},
        sum(part.rows for part in parts),
        segments=segments,
        by=by,
        made=max(part.made for part in parts),
        segment_slack=slack,
    )


def _merged_segments(parts: Sequence[Profile], capacity: int, most: int) -> tuple[dict[str, Profile], int]:
    """Merge segments of one value; what is not among the largest ones belongs to the others.

    Returns:
        The segments, and how many rows of any of them may be among the others: those of parts in which it was small.
    """
    found: dict[str, list[Profile]] = {}
    for part in parts:
        for value, segment in part.segments.items():
            found.setdefault(value, []).append(segment)
    others = found.pop(OTHERS, [])
    rows = {value: sum(segment.rows for segment in segments) for value, segments in found.items()}
    ranked = sorted(rows.keys() - {MISSING}, key=lambda value: (-rows[value], value))
    kept = [*ranked[:most], *(MISSING for _ in rows.keys() & {MISSING})]
    slack = _slack(parts, rows, rows[ranked[most - 1]] if len(ranked) > most else 0)
    others += [segment for value in ranked[most:] for segment in found[value]]
    kept.sort(key=lambda value: (-rows[value], value))
    made = {value: merged(found[value], capacity=capacity) for value in kept}
    return made | ({OTHERS: merged(others, capacity=capacity)} if others else {}), slack


def _slack(parts: Sequence[Profile], rows: Mapping[str, int], least: int) -> int:
    """Return how many rows a segment may lack; one that is none has so many more than the least of them at most."""
    unknown = 0  # rows, in all parts, of a value that no part has a segment of
    lacking = dict.fromkeys(rows, 0)
    for part in parts:
        of_others = part.segments.get(OTHERS)
        named = [segment.rows for value, segment in part.segments.items() if value not in (OTHERS, MISSING)]
        hidden = (
            0 if of_others is None else min(of_others.rows, min(named, default=of_others.rows) + part.segment_slack)
        )
        unknown += hidden
        for value in rows:
            lacking[value] += part.segment_slack if value in part.segments else hidden
    lacking.pop(MISSING, None)  # rows without a value are never among the others
    return max([0, unknown - least, *lacking.values()])

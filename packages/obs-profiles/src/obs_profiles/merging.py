"""Merging profiles."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from obs_profiles.profiles import ColumnProfile, Profile
from obs_profiles.sketches.frequent import CAPACITY

__all__ = ["merge", "merged"]

MOST_SEGMENTS = 50
OTHERS = "(all others)"
"""The segment of all rows that belong to none of the largest ones."""

MISSING = "(missing)"
"""The segment of all rows without a value."""


def merge(profiles: Iterable[Profile]) -> Profile:
    """Merge profiles of parts of a data set into the profile of the whole.

    Whatever the order of the parts, the result is the same. Merging part by part, in any grouping, gives the same
    counts, extremes, moments, distinct counts and examples; quantiles and frequent values are then within the errors
    that the profile states, which are smaller where all parts are merged at once.

    Args:
        profiles: The parts. They stay as they are.

    Returns:
        The profile of all rows. A column that a part lacks is one of the parts that have it.

    Raises:
        ValueError: There are none.

    Examples:
        >>> whole = merge(profile(frame) for frame in pd.read_csv("flights.csv", chunksize=100_000))
    """
    parts = list(profiles)
    if not parts:
        raise ValueError("there are no profiles to merge")
    return merged(parts, capacity=CAPACITY) if len(parts) > 1 else parts[0]


def merged(parts: Sequence[Profile], *, capacity: int) -> Profile:
    """Merge at least one profile, and keep that many frequent values of each column."""
    columns: dict[str, list[ColumnProfile]] = {}
    for part in parts:
        for name, column in part.columns.items():
            columns.setdefault(name, []).append(column)
    # The order of columns must not depend on that of the parts, unless all have the same.
    names = list(parts[0].columns)
    if any(list(part.columns) != names for part in parts):
        names = sorted(columns)
    by = parts[0].by if all(part.by == parts[0].by for part in parts) else ()
    return Profile(
        {name: ColumnProfile.merged(columns[name], capacity=capacity) for name in names},
        sum(part.rows for part in parts),
        segments=_merged_segments(parts, capacity) if by else {},
        by=by,
        made=max(part.made for part in parts),
    )


def _merged_segments(parts: Sequence[Profile], capacity: int) -> dict[str, Profile]:
    """Merge segments of one value; what is not among the largest ones belongs to the others."""
    found: dict[str, list[Profile]] = {}
    for part in parts:
        for value, segment in part.segments.items():
            found.setdefault(value, []).append(segment)
    others = found.pop(OTHERS, [])
    ranked = sorted(found, key=lambda value: (-sum(part.rows for part in found[value]), value))
    others += [part for value in ranked[MOST_SEGMENTS:] for part in found[value]]
    made = {value: merged(found[value], capacity=capacity) for value in ranked[:MOST_SEGMENTS]}
    return made | ({OTHERS: merged(others, capacity=capacity)} if others else {})

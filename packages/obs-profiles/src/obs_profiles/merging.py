"""How the profiles of parts become that of the whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from obs_profiles.column_profiles import ColumnProfile
from obs_profiles.plain_profiles import PlainProfile

__all__ = ["merged"]

P = TypeVar("P", bound=PlainProfile)

MOST_SEGMENTS = 50
OTHERS = "(all others)"
"""The segment of all rows that belong to none of the largest ones."""

MISSING = "(missing)"
"""The segment of all rows without a value."""


def merged(parts: Sequence[P], *, capacity: int, most_segments: int = MOST_SEGMENTS) -> P:
    """Merge at least one profile into one of its class; keep that many frequent values of each column, and segments."""
    columns: dict[str, list[ColumnProfile]] = {}
    for part in parts:
        for name, column in part.columns.items():
            columns.setdefault(name, []).append(column)
    # The order of columns must not depend on that of the parts, unless all have the same.
    names = list(parts[0].columns)
    if any(list(part.columns) != names for part in parts):
        names = sorted(columns)
    by_names = {part.by for part in parts if part.by}
    by = by_names.pop() if len(by_names) == 1 else ()
    segments, slack = _merged_segments(parts, capacity, most_segments) if by else ({}, 0)
    return type(parts[0])(
        {name: ColumnProfile.merged(columns[name], capacity=capacity) for name in names},
        sum(part.rows for part in parts),
        segments=segments,
        by=by,
        made=max(part.made for part in parts),
        segment_slack=slack,
    )


def _merged_segments(parts: Sequence[P], capacity: int, most: int) -> tuple[dict[str, P], int]:
    """Merge segments of one value; what is not among the largest ones belongs to the others.

    Returns:
        The segments, and how many rows of any of them may be among the others: those of parts in which it was small.
    """
    found: dict[str, list[P]] = {}
    for part in parts:
        for value, segment in _segments_of(part).items():
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


def _segments_of(part: P) -> Mapping[str, P]:
    """Return the segments of a part; all rows of one that was made without are among the others."""
    return part.segments if part.by or not part.rows else {OTHERS: part}


def _slack(parts: Sequence[PlainProfile], rows: Mapping[str, int], least: int) -> int:
    """Return how many rows a segment may lack; one that is none has so many more than the least of them at most."""
    unknown = 0  # rows, in all parts, of a value that no part has a segment of
    lacking = dict.fromkeys(rows, 0)
    for part in parts:
        segments = _segments_of(part)
        of_others = segments.get(OTHERS)
        named = [segment.rows for value, segment in segments.items() if value not in (OTHERS, MISSING)]
        hidden = (
            0 if of_others is None else min(of_others.rows, min(named, default=of_others.rows) + part.segment_slack)
        )
        unknown += hidden
        for value in rows:
            lacking[value] += part.segment_slack if value in segments else hidden
    lacking.pop(MISSING, None)  # rows without a value are never among the others
    return max([0, unknown - least, *lacking.values()])

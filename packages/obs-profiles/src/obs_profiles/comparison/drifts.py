"""How far the data set is from what it was, column by column."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from obs_core.secrets import mask
from obs_profiles.column_profiles import ColumnProfile
from obs_profiles.comparison.compared import ColumnDrift, PlainDrift
from obs_profiles.comparison.facets import facets_of, is_comparable
from obs_profiles.comparison.sequences import goes_on
from obs_profiles.merging import OTHERS
from obs_profiles.profiles import Profile
from obs_profiles.profiling import profile
from obs_profiles.sketches import DistinctSketch

__all__ = ["DEFAULT_THRESHOLD", "ColumnDrift", "Drift", "Thresholds", "check_thresholds", "drift"]

DEFAULT_THRESHOLD = 0.05

Thresholds = float | Mapping[str, float]
"""From which distance on a column has drifted: one for all, or by column (the others have the default)."""

_FEW = 20
_REPEATS = 5
_IN_COMMON = 0.1


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Drift(PlainDrift):
    """The comparison of two data sets: a sequence of columns, those that came or went first, then the farthest ones.

    In a notebook, and in a deck, it shows itself.

    Attributes:
        columns: Every column of both.
        rows: How many rows the reference has.
        current_rows: How many the current data set has.
        segments: The comparison of each segment that both have; see `obs_profiles.profile`.
        by: The columns whose values these are; none unless both have segments by the same.
    """

    def _repr_html_(self) -> str:
        from obs_profiles.pages.drift_page import drift_html

        return drift_html(self)


def drift(reference: Any, current: Any, *, thresholds: Thresholds = DEFAULT_THRESHOLD) -> Drift:
    """Compare two data sets, column by column.

    Args:
        reference: What was: what `obs_profiles.profile` takes, such as a frame, a profile, or the file of one.
        current: What is.
        thresholds: From which Hellinger distance on, 0 to 1, a column has drifted; by column if it is a mapping, the
            others then have 0.05.

    Returns:
        All columns of both; those that came or went first, then by distance, the largest first.

    Raises:
        TypeError: One of them is no data and no profile, or a threshold is no number.
        ValueError: A threshold is not from 0 to 1, or is one of a column that neither has.

    Examples:
        >>> [column.name for column in drift({"delay": range(100)}, {"delay": range(50, 150)}).drifted]
        ['delay']
    """
    check_thresholds(thresholds)
    before, after = profile(reference), profile(current)
    names = list(dict.fromkeys([*after.columns, *before.columns]))
    if isinstance(thresholds, Mapping):
        thresholds = {mask(name): threshold for name, threshold in thresholds.items()}  # as the names of columns are
    if isinstance(thresholds, Mapping) and (unknown := sorted(set(thresholds) - set(names))):
        raise ValueError(f"{unknown[0]!r} has a threshold but is not a column; there are: {', '.join(names)}")
    return _drift(before, after, thresholds)


def check_thresholds(thresholds: Thresholds) -> None:
    """Check that thresholds are distances.

    Raises:
        TypeError: One is no number.
        ValueError: One is not from 0 to 1.
    """
    entries = thresholds.items() if isinstance(thresholds, Mapping) else [("all columns", thresholds)]
    for name, threshold in entries:
        if isinstance(threshold, bool) or not isinstance(threshold, int | float):
            raise TypeError(f"a threshold is a number, not {type(threshold).__name__}: {threshold!r} for {name}")
        if not 0 <= threshold <= 1:
            raise ValueError(f"a threshold is a Hellinger distance, from 0 to 1, not {threshold!r} for {name}")


def _drift(
    before: Profile, after: Profile, thresholds: Thresholds, *, tests: int = 1, going_on: Collection[str] = ()
) -> Drift:
    """Compare profiles.

    Args:
        before: What was.
        after: What is.
        thresholds: As for `drift`.
        tests: Of so many comparisons of a column one in a thousand may be far by chance, not one of each.
        going_on: Columns that go on in the whole of which these are parts.
    """
    made = before.made, after.made
    both_have = before.columns.keys() & after.columns.keys()
    going_on = {*going_on, *(name for name in both_have if goes_on(before.columns[name], after.columns[name], made))}
    found = [
        _column_drift(
            name,
            before.columns.get(name),
            after.columns.get(name),
            _threshold(thresholds, name),
            tests,
            by_value=name not in going_on,
        )
        for name in dict.fromkeys([*after.columns, *before.columns])
    ]
    # Which values are among all others changes by chance, so these rows are compared with the whole alone.
    named = (value for value in after.segments if value != OTHERS)
    both = [value for value in named if value in before.segments] if before.by == after.by else []
    return Drift(
        tuple(sorted(found, key=_rank)),
        before.rows,
        after.rows,
        {
            value: _drift(before.segments[value], after.segments[value], thresholds, tests=len(both), going_on=going_on)
            for value in both
        },
        after.by if before.by == after.by else (),
    )


def _threshold(thresholds: Thresholds, name: str) -> float:
    return thresholds.get(name, DEFAULT_THRESHOLD) if isinstance(thresholds, Mapping) else thresholds


def _rank(column: ColumnDrift) -> tuple[bool, bool, float, str]:
    there = column.reference is not None and column.current is not None
    return (there, not column.drifted, -(column.distance or 0.0), column.name)


def _column_drift(
    name: str,
    before: ColumnProfile | None,
    after: ColumnProfile | None,
    threshold: float,
    tests: int,
    *,
    by_value: bool,
) -> ColumnDrift:
    if before is None or after is None:
        return ColumnDrift(name, threshold, before, after, "added" if before is None else "removed")
    if not before.rows or not after.rows:
        return ColumnDrift(name, threshold, before, after, "no rows on one side")
    change = "" if is_comparable(before, after) else f"{before.kind} → {after.kind}"
    new_share, gone_share = _replaced(before, after)
    if not change and new_share is not None and _is_another_vocabulary(before, after, new_share, gone_share):
        change = "other values"
    facets = tuple(facets_of(before, after, tests=tests, by_value=by_value))
    return ColumnDrift(name, threshold, before, after, change or ("" if by_value else "goes on"), facets, new_share)


def _replaced(before: ColumnProfile, after: ColumnProfile) -> tuple[float | None, float]:
    """Return which share of the distinct values is new, and which share is gone, by uniting both counts."""
    if before.kind != after.kind or before.kind in ("number", "time", "duration", "empty"):
        return None, 0.0
    sizes = before.distinct.estimate, after.distinct.estimate
    if not all(sizes):
        return None, 0.0
    union = DistinctSketch.merged([before.distinct, after.distinct]).estimate
    return min(1.0, max(0.0, (union - sizes[0]) / sizes[1])), min(1.0, max(0.0, (union - sizes[1]) / sizes[0]))


def _is_another_vocabulary(before: ColumnProfile, after: ColumnProfile, new: float, gone: float) -> bool:
    """Tell whether texts that repeat themselves were replaced by others: identifiers of another system, for example.

    Identifiers that are all different are new each time, and so are the rarest ones of any column.
    """
    repeated = all(
        column.present >= _REPEATS * max(_FEW, column.distinct.estimate) and column.distinct.estimate >= _FEW
        for column in (before, after)
    )
    return before.kind == "text" and repeated and min(new, gone) > 1 - _IN_COMMON

"""How far the data set is from what it was, column by column."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from obs_core.secrets import mask
from obs_profiles.column_profiles import ColumnProfile
from obs_profiles.comparison.compared import OTHER_VALUES, TOO_FEW, ColumnDrift, NewShare, PlainDrift
from obs_profiles.comparison.distance import may_tell, share_bounds
from obs_profiles.comparison.facets import facets_of, is_comparable
from obs_profiles.comparison.sequences import goes_on
from obs_profiles.merging import MISSING, OTHERS
from obs_profiles.profiles import Profile
from obs_profiles.profiling import profile
from obs_profiles.sketches import DistinctSketch
from obs_profiles.sketches.samples import SIZE

__all__ = ["DEFAULT_THRESHOLD", "ColumnDrift", "Drift", "Thresholds", "check_thresholds", "drift"]

DEFAULT_THRESHOLD = 0.05

Thresholds = float | Mapping[str, float]
"""From which distance on a column has drifted: one for all, or by column (the others have the default)."""


_FEW = 20
_REPEATS = 5
_IN_COMMON = 0.1


class _Place(NamedTuple):
    """A column, or what its lists hold."""

    column: str
    of_elements: bool = False


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
        gone: Segments that the reference alone has: its rows, and how many of the current ones may be among all others.
        new: Segments that the current data set alone has: its rows, and how many those of the reference may be.
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
    before: Profile, after: Profile, thresholds: Thresholds, *, tests: int = 1, going_on: Collection[_Place] = ()
) -> Drift:
    """Compare profiles.

    Args:
        before: What was.
        after: What is.
        thresholds: As for `drift`.
        tests: Of so many comparisons of a column one in a thousand may be far by chance, not one of each.
        going_on: What goes on in the whole of which these are parts.
    """
    going_on = {*going_on, *_going_on(before, after)}
    found = [
        _compared(name, before, after, _threshold(thresholds, name), tests, going_on)
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
        _alone(before, after),
        _alone(after, before),
    )


def _going_on(before: Profile, after: Profile) -> Iterator[_Place]:
    """Go through the columns, and the elements of columns, that go on from where they were."""
    made = before.made, after.made
    for name in before.columns.keys() & after.columns.keys():
        sides = before.columns[name], after.columns[name]
        if goes_on(*sides, made):
            yield _Place(name)
        one, other = (side.elements for side in sides)
        if one is not None and other is not None and goes_on(one, other, made):
            yield _Place(name, of_elements=True)


def _compared(
    name: str, before: Profile, after: Profile, threshold: float, tests: int, going_on: Collection[_Place]
) -> ColumnDrift:
    """Compare a column; and what its lists hold, if both sides know that."""
    sides = before.columns.get(name), after.columns.get(name)
    found = _column_drift(name, *sides, threshold, tests, by_value=_Place(name) not in going_on)
    one, other = (side.elements if side is not None else None for side in sides)
    if one is None or other is None or not one.rows or not other.rows:
        return found
    place = _Place(name, of_elements=True)
    effect = max(_elements_as_one(side) for side in sides if side is not None)
    elements = _column_drift(
        name, one, other, threshold, tests, by_value=place not in going_on, effect=effect, of_elements=True
    )
    return found.with_elements(elements)


def _elements_as_one(column: ColumnProfile) -> float:
    """Return how many elements count as one, if those of a list are all alike: Kish's design effect."""
    assert column.sizes is not None
    assert column.elements is not None
    sizes = column.sizes.moments
    within = column.elements.rows / max(1.0, sizes.mean * sizes.count)  # of lists within lists
    return max(1.0, within * (sizes.mean + sizes.m2 / sizes.count / sizes.mean)) if sizes.mean > 0 else 1.0


def _alone(one: Profile, other: Profile) -> dict[str, tuple[int, int]]:
    """Return the segments that one side alone has, with its rows and those that the other one may have."""
    if one.by != other.by:
        return {}
    others = other.segments[OTHERS].rows if OTHERS in other.segments else 0
    named = (value for value in one.segments if value != OTHERS and value not in other.segments)
    return {value: (one.segments[value].rows, 0 if value == MISSING else others) for value in named}


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
    effect: float = 1.0,
    of_elements: bool = False,
) -> ColumnDrift:
    if before is None or after is None:
        return ColumnDrift(name, threshold, before, after, "added" if before is None else "removed")
    if not before.rows or not after.rows:
        return ColumnDrift(name, threshold, before, after, "no rows on one side")
    change = "" if is_comparable(before, after) else f"{before.kind} → {after.kind}"
    new_share, gone_share = _new_share(before, after), _new_share(after, before)
    facets = tuple(facets_of(before, after, tests=tests, by_value=by_value, effect=effect, of_elements=of_elements))
    only_rare = any(facet.name == "new values" and facet.by_chance for facet in facets)
    replaced = new_share and gone_share and _is_another_vocabulary(before, after, new_share, gone_share, effect)
    if not change and replaced and not only_rare:
        change = OTHER_VALUES
    found = ColumnDrift(name, threshold, before, after, change or ("" if by_value else "goes on"), facets, new_share)
    if not found.change and not found.drifted and not may_tell(before.rows / effect, after.rows / effect):
        return replace(found, change=TOO_FEW)
    return found


def _new_share(before: ColumnProfile, after: ColumnProfile) -> NewShare | None:
    """Return which share of the distinct values is new; None where that means nothing, or is not known."""
    if before.kind != after.kind or before.kind in ("number", "time", "duration", "empty"):
        return None
    tables = [
        column.frequent for column in (before, after) if column.distinct_count.is_exact and len(column.types) == 1
    ]
    if len(tables) == 2 and all(table is not None and not table.missed for table in tables):
        known = [{value for value, _, _ in table.sorted_by_count()} for table in tables if table is not None]
        return _exactly(len(known[1] - known[0]), len(known[1]))
    if before.texts is not None and after.texts is not None:
        found = after.texts.sample.beside(before.texts.sample)
        if found is not None and (there := int((found[1] > 0).sum())):
            new = int(((found[1] > 0) & (found[2] == 0)).sum())
            is_whole = max(len(column.texts.sample.hashes) for column in (before, after) if column.texts) < SIZE
            return _exactly(new, there) if is_whole else NewShare(new / there, *share_bounds(new, there))
    return _new_by_uniting(before, after)


def _exactly(new: int, of: int) -> NewShare | None:
    return NewShare(new / of, new / of, new / of) if of else None


def _new_by_uniting(before: ColumnProfile, after: ColumnProfile) -> NewShare | None:
    """Tell by how many distinct values both have together."""
    union = DistinctSketch.merged([before.distinct, after.distinct])
    sizes = before.distinct.estimate, after.distinct.estimate
    if not all(sizes) or union.incomplete:
        return None
    counts = [
        (size, size * (1 - sketch.relative_error), size * (1 + sketch.relative_error))
        for size, sketch in zip((union.estimate, *sizes), (union, before.distinct, after.distinct), strict=True)
    ]
    together, old, now = counts
    shares = ((together[0] - old[0]) / now[0], (together[1] - old[2]) / now[2], (together[2] - old[1]) / now[1])
    if not union.relative_error:
        return _exactly(round(together[0]) - round(old[0]), round(now[0]))
    return NewShare(*(min(1.0, max(0.0, share)) for share in shares))


def _is_another_vocabulary(
    before: ColumnProfile, after: ColumnProfile, new: NewShare, gone: NewShare, effect: float
) -> bool:
    """Tell whether texts that repeat themselves were replaced by others: identifiers of another system, for example.

    Identifiers that are all different are new each time, and so are the rarest ones of any column. They are no others
    for standing beside values that are frequent on both sides.
    """
    if before.kind != "text" or min(new.estimate, gone.estimate) <= 1 - _IN_COMMON:
        return False
    frequent = [
        {value: count for value, count, _ in column.frequent.sorted_by_count()} if column.frequent else {}
        for column in (before, after)
    ]
    on_both = frequent[0].keys() & frequent[1].keys()
    for column, counts in zip((before, after), frequent, strict=True):
        distinct = column.distinct.estimate - len(on_both)
        rows = column.present - sum(counts[value] for value in on_both)
        if distinct < _FEW or rows / effect < _REPEATS * distinct:
            return False
    return True

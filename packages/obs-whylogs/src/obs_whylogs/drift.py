"""How far the values of one data set are from those of another, column by column.

The measure is the Hellinger distance, ``H² = 1 − Σ √(p·q)``, from 0 (the same shares) to 1 (nothing in common), of the
shares of values in bins. It does not grow with the number of rows, as the p-value of a test does, which calls every
difference of two large data sets significant. Numbers have up to ten bins, between quantiles of both data sets. Texts
and booleans have one for each value that is not rare and one for all others: identifiers that are all different do not
drift. Missing values have a bin of their own, so that a column that begins to miss values drifts too.

Two small samples of the same data differ by chance: ``8 H² / (1/n + 1/m)`` is then about chi-squared distributed, with
one degree of freedom less than there are bins. Its mean is taken away from the distance, and a column has not drifted
if one such pair of samples in a thousand is as far apart.

``H = 0.15`` is about a population stability index of 0.2, which is commonly called a significant shift (for small
shifts PSI ≈ 8 H²).

Reference: E. Hellinger, "Neue Begründung der Theorie quadratischer Formen von unendlichvielen Veränderlichen", Journal
für die reine und angewandte Mathematik 136 (1909).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from obs_whylogs.profiles import view_of
from obs_whylogs.summaries import ColumnSummary, summarize

__all__ = ["DEFAULT_THRESHOLD", "ColumnDrift", "Thresholds", "check_thresholds", "measure_drift", "shares_between"]

DEFAULT_THRESHOLD = 0.15

Thresholds = float | Mapping[str, float]
"""From which distance on a column has drifted: one for all, or by column (the others have the default)."""

_BINS = 10

_LEAST_EXPECTED = 10
"""How many values of the smaller data set a bin must hold, or chance would fill it unevenly."""

_WELL_KNOWN = 5
"""How many times its uncertainty a count must be: the sketch forgets where there are more than some 750 values."""


class ColumnDrift(Struct, frozen=True):
    """What became of a column.

    Attributes:
        name: Its name.
        distance: The Hellinger distance, from 0 to 1; None where there is nothing to compare: one side has no rows.
        threshold: From which distance on it has drifted.
        algorithm: What was measured, such as "Hellinger distance, 10 bins between deciles".
        change: What is plainer than a distance: "added", "removed", "number → text"; empty if nothing is.
        reference: What the reference knows about it; None if it is not there.
        target: What the target knows about it; None if it is not there.
        by_chance: Whether two samples of the same data may well be as far apart.
    """

    name: str
    distance: float | None
    threshold: float
    algorithm: str = ""
    change: str = ""
    reference: ColumnSummary | None = None
    target: ColumnSummary | None = None
    by_chance: bool = False

    @property
    def drifted(self) -> bool:
        """Whether it drifted: it was added or removed, or is farther than its threshold, and not by chance."""
        if self.reference is None or self.target is None:
            return True
        return self.distance is not None and self.distance >= self.threshold and not self.by_chance


def measure_drift(reference: Any, target: Any, *, thresholds: Thresholds = DEFAULT_THRESHOLD) -> list[ColumnDrift]:
    """Compare two data sets, column by column.

    Args:
        reference: What was: a frame or a profile, as for `obs_whylogs.profile`.
        target: What is.
        thresholds: From which Hellinger distance on, 0 to 1, a column has drifted; by column if it is a mapping.

    Returns:
        All columns of both, sorted: those that were added or removed, then by distance, the largest first.

    Raises:
        TypeError: One of them is no frame and no profile, or a threshold is no number.
        ValueError: A threshold is not from 0 to 1, or is one of a column that neither has.

    Examples:
        >>> before, after = pd.DataFrame({"delay": range(100)}), pd.DataFrame({"delay": range(50, 150)})
        >>> [(column.name, column.drifted) for column in measure_drift(before, after)]
        [('delay', True)]
    """
    check_thresholds(thresholds)
    before, after = summarize(view_of(reference)), summarize(view_of(target))
    names = list(dict.fromkeys([*after, *before]))
    if isinstance(thresholds, Mapping) and (unknown := sorted(set(thresholds) - set(names))):
        raise ValueError(f"there is a threshold for {unknown[0]!r}, which is no column; there are: {', '.join(names)}")
    found = [_column_drift(name, before.get(name), after.get(name), _threshold(thresholds, name)) for name in names]
    return sorted(found, key=_rank)


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


def shares_between(sketch: Any, edges: Sequence[float]) -> list[float]:
    """Return the shares of a KLL sketch's numbers below, between, and from the last of ascending edges on."""
    return list(sketch.get_pmf(list(edges))) if len(edges) else [1.0]


def _threshold(thresholds: Thresholds, name: str) -> float:
    return thresholds.get(name, DEFAULT_THRESHOLD) if isinstance(thresholds, Mapping) else thresholds


def _rank(drift: ColumnDrift) -> tuple[bool, float, str]:
    return (not (drift.reference is None or drift.target is None), -(drift.distance or 0.0), drift.name)


def _column_drift(
    name: str, before: ColumnSummary | None, after: ColumnSummary | None, threshold: float
) -> ColumnDrift:
    if before is None or after is None:
        return ColumnDrift(name, None, threshold, "", "added" if before is None else "removed", before, after)
    if not before.rows or not after.rows:
        return ColumnDrift(name, None, threshold, "", "no rows on one side", before, after)
    algorithm, shares = _shares(before, after)
    distance, by_chance = _distance(shares, before.rows, after.rows)
    change = _change(before, after)
    return ColumnDrift(name, distance, threshold, algorithm, change, before, after, by_chance)


def _change(before: ColumnSummary, after: ColumnSummary) -> str:
    comparable = before.kind == after.kind or (before.is_numeric and after.is_numeric)
    return "" if comparable else f"{before.kind} → {after.kind}"


def _distance(shares: list[tuple[float, float]], rows: int, other_rows: int) -> tuple[float, bool]:
    """Return the Hellinger distance of pairs of shares, and whether chance may well make as much of it."""
    occupied = [(p, q) for p, q in shares if p > 0 or q > 0]
    squared = 1.0 - sum((p * q) ** 0.5 for p, q in occupied)
    freedom = len(occupied) - 1
    unit = (1 / rows + 1 / other_rows) / 8
    distance = max(0.0, min(1.0, squared - freedom * unit)) ** 0.5
    return distance, squared <= _chi_squared_bound(freedom) * unit


def _chi_squared_bound(freedom: int) -> float:
    """Return what a chi-squared distributed number exceeds once in a thousand times (Wilson and Hilferty, 1931)."""
    if not freedom:
        return 0.0
    spread = 2 / (9 * freedom)
    return freedom * float((1 - spread + 3.0902 * spread**0.5) ** 3)


def _shares(before: ColumnSummary, after: ColumnSummary) -> tuple[str, list[tuple[float, float]]]:
    """Return what is compared, and the shares of both in each bin; the last bin holds missing values."""
    missing = (before.missing_share, after.missing_share)
    if _change(before, after) and before.present and after.present:
        return "Hellinger distance of types", [*_shares_of_types(before, after), missing]
    if before.counted is not None and after.counted is not None and not (before.is_numeric and after.is_numeric):
        bins = _shares_of_values(before, after)
        too_many = "missing values alone: there are too many others to compare"
        what = f"{len(bins)} bins of values" if len(bins) > 1 else too_many
        return f"Hellinger distance, {what}", [*_of_all(bins, before, after), missing]
    if before.kll is not None and after.kll is not None:
        bins = _shares_of_numbers(before, after)
        return f"Hellinger distance, {len(bins)} bins between quantiles", [*_of_all(bins, before, after), missing]
    return "Hellinger distance of missing shares", [(1 - missing[0], 1 - missing[1]), missing]


def _of_all(bins: list[tuple[float, float]], before: ColumnSummary, after: ColumnSummary) -> list[tuple[float, float]]:
    """Turn shares of the values that are there into shares of all rows."""
    return [(p * (1 - before.missing_share), q * (1 - after.missing_share)) for p, q in bins]


def _shares_of_types(before: ColumnSummary, after: ColumnSummary) -> list[tuple[float, float]]:
    kinds = dict.fromkeys([*before.types, *after.types])
    return [(before.types.get(kind, 0) / before.rows, after.types.get(kind, 0) / after.rows) for kind in kinds]


def _shares_of_numbers(before: ColumnSummary, after: ColumnSummary) -> list[tuple[float, float]]:
    bins = max(2, min(_BINS, before.present // _LEAST_EXPECTED, after.present // _LEAST_EXPECTED))
    levels = [place / bins for place in range(1, bins)]
    # Both have the same weight, however many rows each has: the median of a sample of ten must count.
    both = sorted({*before.kll.get_quantiles(levels), *after.kll.get_quantiles(levels)})
    edges = both if len(both) < bins else sorted({both[place * len(both) // bins] for place in range(1, bins)})
    return list(zip(shares_between(before.kll, edges), shares_between(after.kll, edges), strict=True))


def _shares_of_values(before: ColumnSummary, after: ColumnSummary) -> list[tuple[float, float]]:
    """Compare value by value; what is rare, or not well known to a sketch, belongs to the others."""
    assert before.counted is not None
    assert after.counted is not None
    totals = max(1, before.present), max(1, after.present)
    least = max(
        _LEAST_EXPECTED / min(totals),
        _WELL_KNOWN * before.uncertainty / totals[0],
        _WELL_KNOWN * after.uncertainty / totals[1],
    )
    shares = (
        (before.counted.get(value, 0) / totals[0], after.counted.get(value, 0) / totals[1])
        for value in dict.fromkeys([*before.counted, *after.counted])
    )
    bins = [pair for pair in shares if max(pair) >= least]
    others = tuple(max(0.0, 1.0 - sum(pair[side] for pair in bins)) for side in (0, 1))
    return [*bins, (others[0], others[1])]

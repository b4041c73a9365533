"""How far two distributions are from each other, and whether chance explains it.

The measure is the Hellinger distance, ``H² = 1 − Σ √(p·q)``, of the shares of values in bins, from 0 (the same shares)
to 1 (nothing in common). Unlike the p-value of a test it does not grow with the number of rows.

Two samples of the same data differ by chance: ``8 H² / (1/n + 1/m)`` is then about chi-squared distributed, with one
degree of freedom less than there are bins. Its mean is taken away from the distance, and no column has drifted if one
pair of samples in a thousand is as far apart.

Sources: E. Hellinger, "Neue Begründung der Theorie quadratischer Formen von unendlichvielen Veränderlichen" (1909);
M. F. Freeman, J. W. Tukey, "Transformations Related to the Angular and the Square Root" (1950).
"""

from __future__ import annotations

import functools
import math
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "FEW",
    "Distance",
    "distance_between",
    "may_all_be_on_one_side",
    "may_be_as_many",
    "may_be_so_unequal",
    "may_tell",
    "share_bounds",
]

_LEAST_EXPECTED = 5

FEW, _FEWEST = 200, 20
"""Of so few rows the ways to share them out are counted, too; of the fewest, they alone. Their distances by chance are
not chi-squared distributed."""

_SELDOM = 6_000
"""In how many comparisons of the same data one is far by chance: of a column up to six things are compared."""


class Distance(NamedTuple):
    """A Hellinger distance.

    Attributes:
        value: The distance, 0 to 1, without what sampling explains.
        by_chance: Whether two samples of the same data may well be as far apart.
        parts: What each bin adds to it: shares that sum to 1; zeros where the distance is 0.
    """

    value: float
    by_chance: bool
    parts: NDArray[np.float64]


def distance_between(
    before: NDArray[np.float64],
    after: NDArray[np.float64],
    rows: float,
    other_rows: float,
    *,
    allowance: float = 0.0,
    tests: int = 1,
) -> Distance:
    """Compare shares.

    Args:
        before: The share of each bin in one data set; they sum to 1.
        after: The shares in the other one.
        rows: From how many values the first shares are known.
        other_rows: And the others.
        allowance: What else may be in the square of the distance: the error of sketches.
        tests: How many such comparisons are made, none of which should be far by chance (Bonferroni's correction).

    Returns:
        The distance, and what it consists of.
    """
    roots = np.sqrt(before) - np.sqrt(after)
    parts = roots * roots / 2
    squared = float(parts.sum())
    bins, expected = _well_filled(before, after, rows, other_rows)
    freedom = bins.shape[1] - 1
    unit = (1 / rows + 1 / other_rows) / 8
    tested = float(np.sum(np.square(np.sqrt(bins[0]) - np.sqrt(bins[1])))) / 2
    # The square root of a count varies a little more than that of a normal number, the more so the smaller it is.
    bound = _chi_squared_bound(freedom, tests) * unit * (1 + 0.5 / max(1.0, expected)) + allowance
    occupied = int(np.count_nonzero((before > 0) | (after > 0))) - 1
    apart = not np.any((before > 0) & (after > 0))  # nothing in common: chance makes that no less
    value = 1.0 if apart else min(1.0, max(0.0, squared - occupied * unit)) ** 0.5
    by_chance = may_be_so_unequal(before, after, rows, other_rows, tests)
    by_chance |= tested <= bound and min(rows, other_rows) > _FEWEST
    return Distance(value, by_chance, parts / squared if squared > 0 else parts)


def may_be_so_unequal(
    before: NDArray[np.float64], after: NDArray[np.float64], rows: float, other_rows: float, tests: int
) -> bool:
    """Tell of few rows whether each of them may well be on either side; of many the answer is no.

    It is Fisher's exact test of the bins of which there is more on one side, and of all others. They are chosen by what
    is there, so that it is made as often as they could be chosen.

    Args:
        before: The share of each bin in one data set.
        after: The shares in the other one.
        rows: As for `distance_between`.
        other_rows: As for `distance_between`.
        tests: As for `distance_between`.
    """
    if rows > other_rows:
        before, after, rows, other_rows = after, before, other_rows, rows
    if rows > FEW:
        return False
    few, many = round(rows), round(other_rows)
    more = before > after
    found = min(few, round(float(before[more].sum()) * rows))
    members = found + min(many, round(float(after[more].sum()) * other_rows))
    chances = _log_choices(few + many, few)
    tail = sum(
        math.exp(_log_choices(members, count) + _log_choices(few + many - members, few - count) - chances)
        for count in range(found, min(members, few) + 1)
        if few - count <= few + many - members
    )
    occupied = int(np.count_nonzero((before > 0) | (after > 0)))
    return math.log(max(tail, 1e-300)) + max(0, occupied - 1) * math.log(2) > -math.log(_SELDOM * tests)


def may_tell(rows: float, other_rows: float, tests: int = 1) -> bool:
    """Tell whether there are so many rows that chance seldom puts two kinds of them on one side each."""
    return _log_choices(round(rows + other_rows), round(rows)) >= math.log(2 * _SELDOM * tests)


@functools.lru_cache(1_024)
def share_bounds(found: int, of: int) -> tuple[float, float]:
    """Return between which shares that of all is, in 99 of 100 samples, if so many of a sample are found.

    It is Chernoff's bound (1952): rather too wide than too narrow.
    """
    share = found / of

    def may_be(other: float) -> bool:
        parts = ((share, other), (1 - share, 1 - other))
        apart = sum(own * math.log(own / (theirs or 1e-300)) for own, theirs in parts if own)
        return of * apart <= math.log(200)

    bounds = []
    for end in (0.0, 1.0):
        inside, outside = share, end
        for _ in range(40):
            middle = (inside + outside) / 2
            inside, outside = (middle, outside) if may_be(middle) else (inside, middle)
        bounds.append(end if may_be(end) else outside)
    return bounds[0], bounds[1]


def may_all_be_on_one_side(found: int, rows: float, other_rows: float, tests: int) -> bool:
    """Tell whether so many of the largest of all rows may well be on one side, and none on the other one.

    Args:
        found: How many.
        rows: How many rows there are on their side.
        other_rows: And on the other one.
        tests: As for `distance_between`.
    """
    return found * math.log(rows / (rows + other_rows)) > -math.log(_SELDOM * tests)


def _log_choices(of: int, chosen: int) -> float:
    """Return the logarithm of how many ways there are to choose some."""
    return math.lgamma(of + 1) - math.lgamma(chosen + 1) - math.lgamma(of - chosen + 1)


def may_be_as_many(found: int, expected: float, tests: int) -> bool:
    """Tell whether so many of some events that do not depend on each other may well happen.

    Args:
        found: How many happened.
        expected: The sum of their probabilities.
        tests: As for `distance_between`.
    """
    if found <= expected:
        return True
    # Chernoff's bound (1952), which holds for few events, too.
    tail = math.exp(found - expected - found * math.log(found / expected)) if expected else 0.0
    return tail * _SELDOM * tests > 1


def _well_filled(
    before: NDArray[np.float64], after: NDArray[np.float64], rows: float, other_rows: float
) -> tuple[NDArray[np.float64], float]:
    """Join bins in which too few values are to be expected, for what chance does there is not what it does elsewhere.

    Returns:
        The shares of both, and how many values of the smaller data set are to be expected in the emptiest bin.
    """
    together = (before * rows + after * other_rows) / (rows + other_rows) * min(rows, other_rows)
    order = np.argsort(together)
    order = order[together[order] > 0]
    filled = together[order]
    # The emptiest bins are one, and so is the next one if even that is too empty, but the last: one bin tells nothing.
    joined = int(np.searchsorted(filled, _LEAST_EXPECTED))
    if joined and filled[:joined].sum() < _LEAST_EXPECTED and joined + 1 < len(filled):
        joined += 1
    if joined < 2:
        return np.array([before[order], after[order]]), float(filled[0]) if len(filled) else 0.0
    few, many = order[:joined], order[joined:]
    shares = np.array([[each[few].sum(), *each[many]] for each in (before, after)])
    return shares, min([float(filled[:joined].sum()), *filled[joined:].tolist()])


def _chi_squared_bound(freedom: int, tests: int) -> float:
    """Return what a chi-squared distributed number seldom exceeds (Wilson and Hilferty, 1931)."""
    if freedom < 1:
        return 0.0
    spread = 2 / (9 * freedom)
    return freedom * float((1 - spread + _seldom_exceeded(tests) * spread**0.5) ** 3)


@functools.cache
def _seldom_exceeded(tests: int) -> float:
    """Return the deviation that one of so many normal numbers exceeds once in `_SELDOM` times."""
    return NormalDist().inv_cdf(1 - 1 / (_SELDOM * tests))

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
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Distance", "distance_between"]

_LEAST_EXPECTED = 5
_SELDOM = 4_000
"""In how many comparisons of the same data one is far by chance: of a column up to four things are compared."""


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
    return Distance(value, tested <= bound, parts / squared if squared > 0 else parts)


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

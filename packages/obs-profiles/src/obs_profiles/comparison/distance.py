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

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Distance", "distance_between"]

_AT_MOST = 3.4808
"""The deviation that a normal number exceeds once in four thousand times: of a column up to four things are
compared."""


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
    before: NDArray[np.float64], after: NDArray[np.float64], rows: float, other_rows: float, *, allowance: float = 0.0
) -> Distance:
    """Compare shares.

    Args:
        before: The share of each bin in one data set; they sum to 1.
        after: The shares in the other one.
        rows: From how many values the first shares are known.
        other_rows: And the others.
        allowance: What else may be in the square of the distance: the error of sketches.

    Returns:
        The distance, and what it consists of.
    """
    roots = np.sqrt(before) - np.sqrt(after)
    squares = roots * roots / 2
    squared = float(squares.sum())
    freedom = int(np.count_nonzero((before > 0) | (after > 0))) - 1
    unit = (1 / rows + 1 / other_rows) / 8
    value = min(1.0, max(0.0, squared - freedom * unit)) ** 0.5
    return Distance(
        value,
        squared <= _chi_squared_bound(freedom) * unit + allowance,
        squares / squared if squared > 0 else np.zeros(len(squares)),
    )


def _chi_squared_bound(freedom: int) -> float:
    """Return what a chi-squared distributed number seldom exceeds (Wilson and Hilferty, 1931)."""
    if freedom < 1:
        return 0.0
    spread = 2 / (9 * freedom)
    return freedom * float((1 - spread + _AT_MOST * spread**0.5) ** 3)

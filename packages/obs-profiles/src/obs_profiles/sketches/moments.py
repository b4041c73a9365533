"""Mean, variance, skewness and kurtosis, which merge without losing digits.

Sources: T. F. Chan, G. H. Golub, R. J. LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample
Variances" (1979); P. Pébay, "Formulas for Robust, One-Pass Parallel Computation of Covariances and Arbitrary-Order
Statistical Moments" (2008).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Moments"]

_CHUNK = 16_384
"""Numbers that fit into a core's own cache with what is computed of them."""


@dataclass(frozen=True, slots=True)
class Moments:
    """The moments of finite numbers, exact but for the rounding of floats.

    Attributes:
        count: How many numbers there are.
        mean: Their mean; 0 of none.
        m2: The sum of their squared distances to the mean.
        m3: The sum of the cubes of these distances.
        m4: The sum of their fourth powers.
    """

    count: int = 0
    mean: float = 0.0
    m2: float = 0.0
    m3: float = 0.0
    m4: float = 0.0

    @classmethod
    def of(cls, values: NDArray[np.float64], counts: NDArray[np.int64] | None = None) -> Moments:
        """Take the moments of finite numbers.

        Args:
            values: The numbers.
            counts: How often each is there; once, if None.
        """
        if not len(values):
            return cls()
        with np.errstate(all="ignore"):  # numbers beyond 1e77 have infinite moments
            count = len(values) if counts is None else int(counts.sum())
            mean = _mean(values, counts, count)
            starts = range(0, len(values), _CHUNK)
            parts = [
                _powers(
                    values[start : start + _CHUNK], None if counts is None else counts[start : start + _CHUNK], mean
                )
                for start in starts
            ]
            sums = tuple(map(_sum, zip(*parts, strict=True)))
        return cls(count, mean, *sums)

    @classmethod
    def merged(cls, parts: Sequence[Moments]) -> Moments:
        """Take the moments of all numbers of several parts; sums are rounded once, so their order does not matter."""
        parts = [part for part in parts if part.count]
        if len(parts) < 2:
            return parts[0] if parts else cls()
        count = sum(part.count for part in parts)
        # Of equal means the weighted one may be the float beside them.
        means = {part.mean for part in parts}
        mean = means.pop() if len(means) == 1 else _sum(part.mean * (part.count / count) for part in parts)
        shifts = [(part, part.mean - mean) for part in parts]
        try:
            return cls(
                count,
                mean,
                _sum(p.m2 + p.count * d * d for p, d in shifts),
                _sum(p.m3 + 3 * d * p.m2 + p.count * d * d * d for p, d in shifts),
                _sum(p.m4 + 4 * d * p.m3 + 6 * d * d * p.m2 + p.count * d * d * d * d for p, d in shifts),
            )
        except OverflowError:
            return cls(count, mean, math.inf, math.nan, math.inf)

    def moved(self, by: float) -> Moments:
        """Return the moments of as many numbers that are larger by so much."""
        return replace(self, mean=self.mean + by)

    @property
    def deviation(self) -> float:
        """The standard deviation of the sample; NaN of fewer than two, as in pandas."""
        return math.sqrt(max(self.m2, 0.0) / (self.count - 1)) if self.count > 1 else math.nan

    @property
    def skewness(self) -> float:
        """How far the distribution leans: 0 of a symmetric one; NaN where all values are equal."""
        return math.sqrt(self.count) * self.m3 / self.m2**1.5 if 1e-200 < self.m2 < 1e200 else math.nan

    @property
    def kurtosis(self) -> float:
        """How heavy the tails are: 0 of a normal distribution; NaN where all values are equal."""
        return self.count * self.m4 / self.m2**2 - 3 if 1e-150 < self.m2 < 1e150 else math.nan


def _mean(values: NDArray[np.float64], counts: NDArray[np.int64] | None, count: int) -> float:
    """Return the mean: exactly the value where all are equal, and finite where their sum is not."""
    if values[0] == values[-1] and np.all(values == values[0]):
        return float(values[0]) + 0.0
    if counts is not None:
        return float((values * (counts / count)).sum()) + 0.0
    mean = float(values.mean())
    return mean + 0.0 if math.isfinite(mean) else float((values / count).sum())


def _powers(values: NDArray[np.float64], counts: NDArray[np.int64] | None, mean: float) -> tuple[float, float, float]:
    # Sums of products rather than dot products: those start threads, and round less well.
    distances = values - mean
    squares = distances * distances
    weighted = squares if counts is None else squares * counts
    return float(weighted.sum()), float((weighted * distances).sum()), float((weighted * squares).sum())


def _sum(terms: Iterable[float]) -> float:
    values = list(terms)
    try:
        return math.fsum(values)
    except (OverflowError, ValueError):  # infinite, or infinities of both signs
        return float(sum(sorted(values)))

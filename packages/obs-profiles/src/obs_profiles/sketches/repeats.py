"""How often values repeat, in all and beside another data set.

Each value adds its count to one of a few sums, or takes it away, as its hash says. The squares of these sums are, on
average, the sum of the squares of all counts: of values that are all different it is the number of rows, of values that
are there four times each it is four times as much. The sums of two data sets may be subtracted, and tell the same of
the differences of their counts.

Sources: N. Alon, Y. Matias, M. Szegedy, "The Space Complexity of Approximating the Frequency Moments" (1996);
M. Charikar, K. Chen, M. Farach-Colton, "Finding Frequent Items in Data Streams" (2002), for one sum a value.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["RepeatSketch"]

SUMS = 64
"""The sum of squares is within 18 %, in two of three cases: that of 64 numbers that are about normal."""

_FIRST_BIT = 12
"""Of an address: those below choose the register of a distinct count."""

_CHUNK = 65_536


class RepeatSketch:
    """Sums of counts with random signs; those of a union are the sums of its parts.

    Args:
        sums: The sums.
    """

    __slots__ = ("sums",)

    def __init__(self, sums: NDArray[np.int64]) -> None:
        self.sums = sums

    @classmethod
    def of(cls, coupons: NDArray[np.uint32], counts: NDArray[np.int64] | None = None) -> RepeatSketch:
        """Make a sketch of distinct values.

        Args:
            coupons: What `obs_profiles.sketches.hashing` makes of each.
            counts: How often each is there; once, if None.
        """
        sums = np.zeros(2 * SUMS)
        for start in range(0, len(coupons), _CHUNK):
            part = slice(start, start + _CHUNK)
            places = (coupons[part] >> np.uint32(_FIRST_BIT)) & np.uint32(2 * SUMS - 1)
            sums += np.bincount(places, None if counts is None else counts[part], 2 * SUMS)
        return cls((sums[:SUMS] - sums[SUMS:]).astype(np.int64))

    @classmethod
    def merged(cls, parts: Sequence[RepeatSketch]) -> RepeatSketch:
        """Make the sketch of all parts."""
        return cls(np.sum([part.sums for part in parts], axis=0))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RepeatSketch) and np.array_equal(self.sums, other.sums)

    __hash__ = None  # type: ignore[assignment]

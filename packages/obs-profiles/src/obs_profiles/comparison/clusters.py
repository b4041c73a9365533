"""How many rows count as one, where equal values come together.

The total of an order stands on each of its lines, a measure holds its value for a while, and each visit of a customer
has the same age. There are fewer orders than lines, and chance does to a sample of them what it does to fewer rows. How
many rows count as one is Kish's design effect. It is not how often values repeat that tells it: ratings repeat, too,
and each of them is a row of its own. It is how much farther the counts of a value are from each other on both sides
than those of rows that may be on either side.

Sources: L. Kish, "Survey Sampling" (1965); J. von Neumann, "Distribution of the Ratio of the Mean Square Successive
Difference to the Variance" (1941).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from obs_profiles.sketches import RepeatSketch
from obs_profiles.sketches.hashing import coupons_of_table
from obs_profiles.sketches.numbers import canonical

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LEAST_EXPECTED", "CommonValues", "effect_of_numbers", "effect_of_texts"]

LEAST_EXPECTED = 10
"""How many values of the smaller data set a bin should hold, or chance would fill it unevenly."""

_FEWEST = 20
"""Distinct values of each side that are needed to tell how much their counts vary."""

_FEWEST_CLUSTERS = 4
"""Distinct values of a side, of which fewer are no clusters: of so few nothing could be told."""

_OFTEN = 50
"""How many rows numbers have on average that are taken for values of their own, and not for clusters."""

_TRIMMED = 0.1
_MEAN_OF_TRIMMED = 0.6235
"""The mean of what is left of chi-squared numbers of one degree of freedom without the largest tenth."""

_WELL = 0.25
"""Which part of the count of a value may be unknown where it is taken for known."""

_CLEARLY_CLUSTERED = 2.0


@dataclass(frozen=True, slots=True)
class CommonValues:
    """Values that are frequent on either side.

    Attributes:
        values: The values.
        before: The share that each has of the values of one side.
        after: And of those of the other one.
        bounds: For each side the smallest and the largest share that each may have.
        sizes: How many values there are on each side.
        missed: How often any other value may be there, on either side; 0 if there are no others.
    """

    values: list[Any]
    before: NDArray[np.float64]
    after: NDArray[np.float64]
    bounds: NDArray[np.float64]
    sizes: tuple[int, int]
    missed: int

    @property
    def slack(self) -> NDArray[np.float64]:
        """By how much both shares together may be wrong."""
        found: NDArray[np.float64] = (self.bounds[:, 1] - self.bounds[:, 0]).sum(axis=0)
        return found

    @property
    def exact(self) -> NDArray[np.bool_]:
        """Of which both shares are known for certain."""
        found: NDArray[np.bool_] = self.slack == 0
        return found

    @property
    def alone(self) -> NDArray[np.bool_]:
        """Which are on one side alone."""
        found: NDArray[np.bool_] = (self.before == 0) != (self.after == 0)
        return found

    @property
    def are_all_replaced(self) -> bool:
        """Whether most rows have a value that is on one side alone, and that has so many rows that it is no cluster.

        Where all prices of a shop were raised, each is a value of its own.
        """
        often = not self.missed and sum(self.sizes) >= _OFTEN * len(self.values)
        return often and float(self.together[self.alone].sum()) > 0.5

    @property
    def counts(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """How often each value is there on each side."""
        return self.before * self.sizes[0], self.after * self.sizes[1]

    @property
    def together(self) -> NDArray[np.float64]:
        """The share that each value has of all values of both sides."""
        one, other = self.counts
        return (one + other) / sum(self.sizes)

    def enough(self, effect: float) -> NDArray[np.bool_]:
        """Tell which are so frequent that they may be compared by themselves, given how many rows count as one."""
        return self.together >= LEAST_EXPECTED * effect / min(self.sizes)

    def named(self, effect: float) -> list[int]:
        """Return the places of those that are compared by themselves, the most frequent first.

        Where both shares may be the same, the value is left to the others.
        """
        together = self.together
        chosen = np.flatnonzero(self.enough(effect) & (self.exact | (self.before != self.after)))
        # Of as many, by their text, whichever side is the first: written only where two are as many.
        places: list[int] = chosen[np.argsort(-together[chosen], kind="stable")].tolist()
        shares = together[places].tolist()
        if len(set(shares)) < len(shares):
            alike = Counter(shares)
            keys = {
                at: (-share, str(self.values[at]) if alike[share] > 1 else "")
                for at, share in zip(places, shares, strict=True)
            }
            places.sort(key=keys.__getitem__)
        return places


def effect_of_numbers(common: CommonValues, repeats: Sequence[RepeatSketch | None]) -> float:
    """Return how many rows count as one where numbers are compared; 1 or more.

    Frequent numbers are left out of what is measured: of these more, or less, is what a comparison is to find. But what
    one side alone has, while the other side has such ones of its own, are the largest of the clusters.

    Args:
        common: The frequent numbers.
        repeats: How often those of each side repeat; None where that is not known.
    """
    if not common.missed and min(int(np.count_nonzero(side)) for side in common.counts) < _FEWEST_CLUSTERS:
        return 1.0
    effect = _effect_between_neighbours(common)
    one, other = repeats
    if one is None or other is None:
        return effect
    coupons = coupons_of_table(canonical(np.array([*common.values, None], object)[:-1]))
    ones, others = common.counts
    # What is not known well cannot be taken away.
    known = common.slack <= _WELL * (common.before + common.after)
    replaced = common.are_all_replaced
    left_out = known
    for _ in range(8):
        rest = _effect_of_rest((one, other), coupons[left_out], (ones[left_out], others[left_out]), common.sizes)
        effect = max(effect, rest)
        frequent = common.enough(effect)
        if replaced:
            frequent |= common.alone
        elif rest >= _CLEARLY_CLUSTERED and all(
            (common.alone & frequent & (side > 0)).any() for side in (ones, others)
        ):
            frequent &= ~common.alone
        frequent &= known
        if np.array_equal(frequent, left_out):
            break
        left_out = frequent
    return effect


def _effect_of_rest(
    repeats: tuple[RepeatSketch, RepeatSketch],
    coupons: NDArray[np.uint32],
    counts: tuple[NDArray[np.float64], NDArray[np.float64]],
    sizes: tuple[int, int],
) -> float:
    """Measure all values but some: what their counts differ by, beside what those of rows would."""
    rests = [size - float(side.sum()) for size, side in zip(sizes, counts, strict=True)]
    if min(rests) < 1:
        return 1.0
    sums = [
        (sketch.sums - RepeatSketch.of(coupons, np.rint(side).astype(np.int64)).sums) / rest
        for sketch, side, rest in zip(repeats, counts, rests, strict=True)
    ]
    return max(1.0, float(np.square(sums[0] - sums[1]).sum()) / (1 / rests[0] + 1 / rests[1]))


def _effect_between_neighbours(common: CommonValues) -> float:
    """Measure values that are in tables, of which there may be no others.

    Where a distribution moved, neighbouring numbers moved alike: only what one of them moved beside the next one is
    counted. The largest tenth is not, or a few new values would seem to be chance.
    """
    # Of the most frequent of many values, those that are hardly more frequent than others are there by chance.
    enough = common.exact & common.enough(0.5) & (sum(common.counts) >= 4 * common.missed)
    chosen = np.flatnonzero(enough & ~common.alone if common.are_all_replaced else enough)
    if min(int((side[chosen] > 0).sum()) for side in (common.before, common.after)) < _FEWEST:
        return 1.0
    chosen = chosen[np.argsort(np.array([common.values[at] for at in chosen.tolist()], np.float64), kind="stable")]
    unit = math.sqrt(1 / common.sizes[0] + 1 / common.sizes[1])
    moved = (common.before[chosen] - common.after[chosen]) / np.sqrt(common.together[chosen]) / unit
    squares = np.sort(np.square(np.diff(moved)) / 2)
    kept = squares[: len(squares) - math.ceil(_TRIMMED * len(squares))]
    effect = float(kept.mean()) / _MEAN_OF_TRIMMED
    error = math.sqrt(3 / len(squares))
    # Where rows are clustered, too small an effect makes a false alarm: it may be larger than what so few values tell.
    return max(1.0, effect * (1 + error) if effect > 1 + 2 * error else effect)


def effect_of_texts(counts: Sequence[NDArray[np.int64]], rows: NDArray[np.float64]) -> float:
    """Return how many rows count as one where something that texts have in common is compared, such as their length.

    Args:
        counts: How often each of a sample of values is there, on either side.
        rows: In how many rows such values are.
    """
    apart = counts[0] / rows[0] - counts[1] / rows[1]
    of_rows = counts[0] / rows[0] ** 2 + counts[1] / rows[1] ** 2
    return max(1.0, float((apart**2).sum() / of_rows.sum()))

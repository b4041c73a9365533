"""Which share of the rows a value has: as counted, or between which shares it is.

A profile counts 128 values of a column. Of any other one it knows how often it may occur at most.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from obs_core.text.numbers import share
from obs_profiles.columns.texts import LONGEST, PackedTexts, may_be_several
from obs_profiles.comparison.clusters import CommonValues
from obs_profiles.comparison.distance import share_bounds
from obs_profiles.sketches.hashing import coupons_of, coupons_of_numbers, hashes_of_texts
from obs_profiles.sketches.numbers import canonical
from obs_profiles.sketches.samples import SIZE
from obs_profiles.wording import share_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obs_profiles.column_profiles import ColumnProfile, NumberProfile
    from obs_profiles.sketches import DistinctSketch, FrequentItems, TextSample

__all__ = ["Counted", "Share", "common_values", "is_whole", "share_of_sample", "shares_of"]


class Share(NamedTuple):
    """A share, 0 to 1: of the rows, missing values among them; of a pattern, of the distinct values.

    Attributes:
        least: It is no less: for certain if values are counted, in 99 of 100 cases if it is an estimate.
        most: It is no more.
        estimate: About which it is, if a sketch or a sample tells; None if values are counted.
    """

    least: float
    most: float
    estimate: float | None = None

    @classmethod
    def exactly(cls, share: float) -> Self:
        """Return a share that is known."""
        return cls(share, share)

    @classmethod
    def about(cls, estimate: float, error: float) -> Self:
        """Return a share that may be wrong by so much; it is known if that is 0."""
        return cls(max(0.0, estimate - error), min(1.0, estimate + error), estimate) if error else cls.exactly(estimate)

    @property
    def is_exact(self) -> bool:
        """Whether it is known for certain."""
        return self.least == self.most

    @property
    def likely(self) -> float:
        """The estimate; of counted values the least share."""
        return self.least if self.estimate is None else self.estimate

    @property
    def error(self) -> float:
        """By how much it may be wrong at most."""
        if self.estimate is None:
            return self.most - self.least
        return max(self.most - self.estimate, self.estimate - self.least)

    def __str__(self) -> str:
        least, most = share_text(min(1.0, self.least)), share_text(min(1.0, self.most))
        if self.is_exact:
            return least
        if self.estimate is not None:
            return share(min(1.0, self.estimate), 1, about=True)
        if least == most:
            return least
        if self.least >= 0.001:
            return f"≥ {least}"
        return most if most.startswith("<") else f"≤ {most}"


def shares_of(column: ColumnProfile, values: list[Any]) -> list[Share]:
    """Return the share of the rows that each of some values of a column has, by all that its profile tells."""
    if not column.rows or not values:
        return [Share.exactly(0.0)] * len(values)
    items, known = column.frequent, column.distribution if column.kind != "list" else None
    count = column.present if known is None else known.moments.count
    if items is None or not count:
        return [Share(0.0, column.present / column.rows)] * len(values)
    hashed = column.is_numeric or column.kind == "text"
    bounds = Counted(items, count, known, column.distinct if hashed else None).bounds(values)
    return [Share(*ends) for ends in zip(*(ends * (count / column.rows) for ends in bounds), strict=True)]


def share_of_sample(sample: TextSample, found: int) -> Share:
    """Return the share of the distinct texts that are like so many of a sample of them."""
    size = len(sample.patterns)
    if size < SIZE:  # it has all of them
        return Share.exactly(found / size)
    return Share(*share_bounds(found, size), found / size)


@dataclass(frozen=True, slots=True)
class Counted:
    """What one side knows of how often values are there.

    Attributes:
        items: The frequent ones.
        count: How many values there are.
        numbers: The distribution of numbers; None of texts.
        distinct: Which values were seen; None where that is not known of these.
    """

    items: FrequentItems
    count: int
    numbers: NumberProfile | None
    distinct: DistinctSketch | None

    def bounds(self, values: list[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the smallest and the largest share that each value may have."""
        known = self.items.by_value()
        pairs = [known.get(value, (0, self.items.missed)) for value in values]
        least, most = np.array(pairs, np.float64).reshape(-1, 2).T / self.count
        others = [place for place, value in enumerate(values) if value not in known]
        if others and self.items.missed:
            most[others] = np.minimum(most[others], self._most_of([values[place] for place in others]))
        return least, most

    def _most_of(self, values: list[Any]) -> NDArray[np.float64]:
        """Return the largest share that values may have which are in no table."""
        if self.numbers is None:
            # What is shortened, escaped or masked is not what was hashed.
            plain = np.array([is_whole(value) for value in values], bool)
            unseen = self._never_seen(lambda: coupons_of(*hashes_of_texts(PackedTexts.of(values))), len(values))
            return np.where(plain & unseen, 0.0, 1.0)
        table = canonical(np.array([*values, None], object)[:-1])
        points = table.astype(np.float64)
        # They may be outside of the range, and are no more than what the sketch holds of them.
        sketch = self.numbers.quantiles
        held = sketch.shares_below(points, inclusive=True) - sketch.shares_below(points) + 2 * sketch.rank_error
        outside = (points < float(self.numbers.least)) | (points > float(self.numbers.most))
        unseen = outside
        if table.dtype != object:
            unseen = outside | self._never_seen(lambda: coupons_of_numbers(table), len(table))
        return np.where(unseen, 0.0, held)

    def _never_seen(self, coupons: Callable[[], NDArray[np.uint32]], count: int) -> NDArray[np.bool_]:
        return np.zeros(count, bool) if self.distinct is None else self.distinct.lacks(coupons())


def is_whole(text: str) -> bool:
    """Tell whether a text is kept as it is hashed: neither shortened, masked nor escaped."""
    return not may_be_several(text) and len(text.encode()) <= LONGEST


def common_values(one: Counted, other: Counted) -> CommonValues:
    """Return values that are frequent on either side, with the share that each has of those of both.

    Of a share that is known roughly, it is the one that is nearest to that of the other side.
    """
    values = list(one.items.by_value() | other.items.by_value())
    if not one.count or not other.count:
        values = []
    (least, most), (other_least, other_most) = (side.bounds(values) for side in (one, other))
    before, after = np.clip(other_least, least, most), np.clip(least, other_least, other_most)
    missed = max(one.items.missed, other.items.missed)
    bounds = np.array([[least, most], [other_least, other_most]])
    return CommonValues(values, before, after, bounds, (one.count, other.count), missed)

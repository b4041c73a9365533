"""The most frequent values, with bounds that always hold.

Sources: J. Misra, D. Gries, "Finding repeated elements" (1982); P. Agarwal, G. Cormode, Z. Huang, J. Phillips, Z. Wei,
K. Yi, "Mergeable Summaries" (2012).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from obs_core.secrets import mask, masks_anything
from obs_profiles.sketches.numbers import canonical, united

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FrequentItems"]

CAPACITY = 128
"""Values that a finished profile keeps of a column."""

WORKING_CAPACITY = 8192
"""Values that are kept while a data set is read in batches."""


class FrequentItems:
    """Values with how often they occur at least and at most.

    Args:
        values: Texts (a list), or numbers (an array, ascending, in the type that `canonical` gives it).
        counts: How often each occurs at least.
        slack: How much more often each may occur; all 0 if None.
        missed: How often a value that is not among them may occur; 0 if all values are.
    """

    __slots__ = ("counts", "missed", "slack", "values")

    def __init__(
        self,
        values: list[str] | NDArray[Any],
        counts: NDArray[np.int64],
        slack: NDArray[np.int64] | None = None,
        missed: int = 0,
    ) -> None:
        self.values = values
        self.counts = counts
        self.slack = np.zeros(len(counts), np.int64) if slack is None else slack
        self.missed = missed

    @classmethod
    def none(cls, *, texts: bool, missed: int = 0) -> FrequentItems:
        """Know no value; each may occur so often."""
        return cls([] if texts else np.empty(0, np.int64), np.empty(0, np.int64), missed=missed)

    @classmethod
    def of(cls, values: NDArray[Any], counts: NDArray[np.int64] | None, *, capacity: int = CAPACITY) -> FrequentItems:
        """Keep the most frequent of distinct numbers.

        Args:
            values: Distinct numbers, ascending.
            counts: How often each occurs; once, if None.
            capacity: How many are kept at most.
        """
        if counts is None:
            counts = np.ones(min(len(values), capacity + 1), np.int64)
            if len(values) > capacity:
                return cls.none(texts=False, missed=1)
        chosen, missed = most_frequent(counts, capacity)
        return cls(canonical(values[chosen]), counts[chosen], missed=missed)

    @classmethod
    def merged(cls, parts: Sequence[FrequentItems], *, capacity: int = CAPACITY) -> FrequentItems:
        """Add up parts, and keep the most frequent."""
        if len(parts) == 1:
            (part,) = parts
            return part if len(part) <= capacity else _kept(part.values, part.counts, part.slack, part.missed, capacity)
        if any(isinstance(part.values, list) for part in parts):
            return _merged_texts(parts, capacity)
        return _merged_numbers(parts, capacity)

    def masked(self) -> FrequentItems:
        """Return the same with secrets in texts masked; those that are then equal are one."""
        if not isinstance(self.values, list) or not masks_anything():
            return self
        parts = {text: [] for text in sorted(set(map(mask, self.values)))}  # type: dict[str, list[int]]
        for place, text in enumerate(self.values):
            parts[mask(text)].append(place)
        counts = np.array([int(self.counts[places].sum()) for places in parts.values()], np.int64)
        slack = np.array([int(self.slack[places].sum()) for places in parts.values()], np.int64)
        return FrequentItems(list(parts), counts, slack, self.missed)

    def sorted_by_count(self) -> list[tuple[Any, int, int]]:
        """Return each value with how often it occurs at least and at most, the most frequent first."""
        bounds = [(value, least, most) for value, (least, most) in self.by_value().items()]
        return sorted(bounds, key=lambda item: (-item[1], str(item[0])))

    def by_value(self) -> dict[Any, tuple[int, int]]:
        """Return how often each value occurs at least and at most."""
        values = self.values if isinstance(self.values, list) else self.values.tolist()
        bounds = zip(self.counts.tolist(), (self.counts + self.slack).tolist(), strict=True)
        return dict(zip(values, bounds, strict=True))

    def __len__(self) -> int:
        return len(self.counts)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, FrequentItems)
            and self.missed == other.missed
            and list(self.values) == list(other.values)
            and np.array_equal(self.counts, other.counts)
            and np.array_equal(self.slack, other.slack)
        )

    __hash__ = None  # type: ignore[assignment]


def most_frequent(counts: NDArray[np.int64], capacity: int) -> tuple[NDArray[np.int64], int]:
    """Choose the most frequent of counted values.

    Of values that are as frequent as the first one that has no room none is kept: which of them it would be depended on
    their order.

    Args:
        counts: How often each value occurs.
        capacity: How many are kept at most.

    Returns:
        The places of those that are kept, ascending, and how often one that is not may occur.
    """
    if len(counts) <= capacity:
        return np.arange(len(counts)), 0
    limit = int(np.partition(counts, len(counts) - capacity - 1)[len(counts) - capacity - 1])
    return np.flatnonzero(counts > limit), limit


def _merged_numbers(parts: Sequence[FrequentItems], capacity: int) -> FrequentItems:
    everything = united([np.asarray(part.values) for part in parts])
    values, places = np.unique(everything, return_inverse=True)
    counts, uppers = np.zeros((2, len(values)), np.int64)
    np.add.at(counts, places, np.concatenate([part.counts for part in parts]))
    # A part that lacks a value may have seen it as often as it missed; each one that has it knows better.
    missed = np.repeat([part.missed for part in parts], [len(part) for part in parts])
    np.add.at(uppers, places, np.concatenate([part.counts + part.slack for part in parts]) - missed)
    uppers += sum(part.missed for part in parts)
    return _kept(values, counts, uppers - counts, sum(part.missed for part in parts), capacity)


def _merged_texts(parts: Sequence[FrequentItems], capacity: int) -> FrequentItems:
    counts: dict[Any, int] = {}
    slack: dict[Any, int] = {}
    total = sum(part.missed for part in parts)
    for part in parts:
        for value, count, more in zip(part.values, part.counts.tolist(), part.slack.tolist(), strict=True):
            counts[value] = counts.get(value, 0) + count
            slack[value] = slack.get(value, total) + more - part.missed
    values = sorted(counts)
    ordered = np.array([counts[value] for value in values], np.int64)
    return _kept(values, ordered, np.array([slack[value] for value in values], np.int64), total, capacity)


def _kept(
    values: Any, counts: NDArray[np.int64], slack: NDArray[np.int64], missed: int, capacity: int
) -> FrequentItems:
    chosen, _ = most_frequent(counts, capacity)
    if len(chosen) == len(counts):
        return FrequentItems(values if isinstance(values, list) else canonical(values), counts, slack, missed)
    dropped = np.ones(len(counts), bool)
    dropped[chosen] = False
    missed = max(missed, int((counts + slack)[dropped].max()))
    kept = [values[place] for place in chosen.tolist()] if isinstance(values, list) else canonical(values[chosen])
    return FrequentItems(kept, counts[chosen], slack[chosen], missed)

"""Quantiles and shares of numbers.

It is the sketch of Karnin, Lang and Liberty: numbers in levels, one of level *h* standing for 2^h numbers, and where a
level is full, one number of each block of neighbours goes up. What differs is what whole arrays make possible:

- A batch is sorted and goes to its level at once, by the middle of each block. Its error is half a block, for certain.
  A number that repeats there stands for its block. Where none does, an item is the roundest number between those next
  to the middle, which a file takes half of the room for: of blocks of two and four between the two numbers there, which
  costs nothing, of larger ones from a little farther. Of whole days, prices and the like it is one of their kind.
- Any number of sketches is merged at once, so that the number of merges is not the number of parts.
- Each sketch adds up what its own merges may have cost, instead of stating what a sketch of its size costs at worst.

Sources: Z. Karnin, K. Lang, E. Liberty, "Optimal Quantile Approximation in Streams" (2016); P. Agarwal et al.,
"Mergeable Summaries" (2012).
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["QuantileSketch", "common_step"]

K = 208
"""Numbers that the highest level of merged sketches holds at most."""

K_AT_ONCE = 512
"""Numbers of a sketch that is made in one piece: what is lost there, no merging averages out."""

_SHRINK = 2 / 3
"""How much smaller each lower level is."""

_FEWEST = 8
_AT_99 = 2.576
_SLACK = 128
"""An item may be a number that is off the middle of its block by this part of the block."""

_DECIMALS = 1e4
"""Numbers of up to four decimals, such as prices and rates, are whole numbers of one over this."""

_EXACT = 2.0**53
"""Below it a float holds each integer."""


class QuantileSketch:
    """Ranks of numbers, within 0.25 % for what was profiled in one piece and about 0.8 % for what was merged.

    The rank of a number is how many are below it, or no larger than it.

    Args:
        levels: Numbers, ascending, of each level; one of level *h* stands for 2^h.
        certain: By how many ranks a rank may be wrong for certain.
        merges: The sum of squares of what merging may have added to that, half of it up and half of it down.
        worst: The sum of what merging may have added.

    Attributes:
        ends: The smallest and the largest number, where they are known beside the sketch, which may have lost both.
    """

    __slots__ = ("_cumulated", "certain", "ends", "levels", "merges", "worst")

    def __init__(
        self, levels: Sequence[NDArray[np.float64]] = (), certain: float = 0.0, merges: float = 0.0, worst: float = 0.0
    ) -> None:
        self.levels = tuple(levels)
        self.certain = certain
        self.merges = merges
        self.worst = worst
        self.ends: tuple[float, float] | None = None
        self._cumulated: tuple[NDArray[np.float64], NDArray[np.int64]] | None = None

    @classmethod
    def of(cls, values: NDArray[np.float64], counts: NDArray[np.int64] | None = None) -> QuantileSketch:
        """Make a sketch of finite numbers.

        Args:
            values: Distinct numbers, ascending.
            counts: How often each is there; once, if None.
        """
        ends = None if counts is None else np.cumsum(counts)
        total = len(values) if ends is None else int(ends[-1]) if len(ends) else 0
        top = _top_level(total, K_AT_ONCE)
        if not top:
            # -0.0 becomes 0.0, of which the order of merged parts would else decide.
            return cls([(values if counts is None else np.repeat(values, counts)) + 0.0] if total else ())
        positions, levels = _middles(total, top)
        slacks = _slack(levels)

        def at(ranks: NDArray[np.int64]) -> NDArray[np.int64]:
            return ranks if ends is None else np.searchsorted(ends, ranks, side="right")

        # A middle lies between two numbers: whatever stands between them is as good, and mostly rounder.
        inner = positions - (levels > 0)
        lows, highs = at(np.minimum(inner, positions - slacks)), at(positions + slacks)
        items = _roundest_alike(values[lows].astype(np.float64), values[highs].astype(np.float64))
        if counts is not None:
            # But what repeats is a value and no measurement: a number beside it would be one that never occurs.
            for places in (at(inner), at(positions)):
                items = np.where(counts[places] > 1, values[places].astype(np.float64) + 0.0, items)
        certain = 2.0 ** (top - 1) + float(slacks[0])
        return cls([items[levels == level] for level in range(top + 1)], certain=certain)

    @classmethod
    def merged(cls, parts: Sequence[QuantileSketch]) -> QuantileSketch:
        """Merge sketches; the order in which they are given does not matter."""
        parts = [part for part in parts if part.levels]
        if len(parts) < 2:
            return parts[0] if parts else cls()
        found: list[list[NDArray[np.float64]]] = [[] for _ in range(max(len(part.levels) for part in parts))]
        for part in parts:
            for level, items in enumerate(part.levels):
                if len(items):
                    found[level].append(items)
        levels = [np.sort(np.concatenate(items)) if items else np.empty(0) for items in found]
        made = cls(
            levels,
            math.fsum(part.certain for part in parts),
            math.fsum(part.merges for part in parts),
            math.fsum(part.worst for part in parts),
        )
        made._compact()
        return made

    def _compact(self) -> None:
        """Let half of the lowest level that is too full go up, until all numbers together find room.

        A level may be fuller than its share while others are emptier: what a level loses when it is halved does not
        depend on how full it is, so the fewer times the better.
        """
        top = max(_top_level(self.count, K), len(self.levels) - 1)
        levels = [*self.levels, *(np.empty(0) for _ in range(top + 1 - len(self.levels)))]
        shares = [_capacity(top - level) for level in range(top + 1)]
        while sum(map(len, levels)) > sum(shares):
            level = next(level for level in range(top) if len(levels[level]) > shares[level])
            items = levels[level]
            even = len(items) & ~1
            chosen = items[:even][_coin(items, level) :: 2]
            levels[level] = items[even:]
            levels[level + 1] = np.sort(np.concatenate([levels[level + 1], chosen]))
            self.merges += 4.0**level
            self.worst += 2.0**level
        self.levels = tuple(levels)

    @property
    def count(self) -> int:
        """How many numbers there are."""
        return sum(len(items) << level for level, items in enumerate(self.levels))

    @property
    def rank_error(self) -> float:
        """By which share of the ranks, 0 to 1, a rank may be wrong, in 99 of 100 cases."""
        count = self.count
        return (self.certain + min(self.worst, _AT_99 * math.sqrt(self.merges))) / count if count else 0.0

    def shares_below(self, values: ArrayLike, *, inclusive: bool = False) -> NDArray[np.float64]:
        """Return which share of the numbers is below each of some values.

        Args:
            values: Any values.
            inclusive: Whether numbers equal to a value count as below it.

        Returns:
            Shares, 0 to 1; 0 where there are no numbers.
        """
        items, ends = self._ordered()
        places = np.searchsorted(items, np.asarray(values, np.float64), side="right" if inclusive else "left")
        below = np.concatenate([[0], ends])[places]
        if not len(ends):
            return np.zeros(np.shape(places))
        return np.asarray(below / ends[-1], np.float64)

    def quantiles(self, shares: ArrayLike) -> NDArray[np.float64]:
        """Return the numbers below which given shares, 0 to 1, lie; NaN where there are no numbers."""
        wanted = np.asarray(shares, np.float64)
        items, ends = self._ordered()
        if not len(items):
            return np.full(wanted.shape, math.nan)
        places = np.minimum(np.searchsorted(ends, wanted * ends[-1], side="left"), len(items) - 1)
        found = np.asarray(items[places], np.float64)
        if self.ends is not None:
            found = np.where(wanted <= 0, self.ends[0], np.where(wanted >= 1, self.ends[1], found))
        return found

    def _ordered(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return all numbers, ascending, and for how many each and those before it stand."""
        if self._cumulated is None:
            items = np.concatenate([np.empty(0), *self.levels])
            sizes = [len(level) for level in self.levels]
            weights = np.repeat(1 << np.arange(len(sizes), dtype=np.int64), sizes)
            order = np.argsort(items, kind="stable")
            self._cumulated = items[order], np.cumsum(weights[order])
        return self._cumulated

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, QuantileSketch)
            and (self.certain, self.merges, self.worst) == (other.certain, other.merges, other.worst)
            and len(self.levels) == len(other.levels)
            and all(np.array_equal(mine, yours) for mine, yours in zip(self.levels, other.levels, strict=True))
        )

    __hash__ = None  # type: ignore[assignment]


def common_step(numbers: NDArray[np.float64]) -> float:
    """Return how far from each other numbers are at least: they stand on a grid of so wide steps.

    It is 0 where they stand on none, as measurements do, and where all are equal.
    """
    unit = next((unit for unit in (1.0, _DECIMALS) if _are_wholes(numbers, unit).all()), None)
    if unit is None or not len(numbers):
        return 0.0
    wholes = np.rint(numbers * unit)
    return _common_divisor(wholes - wholes[0]) / unit


def _top_level(count: int, most: int) -> int:
    """Return the level at which no more than so many numbers stand for all."""
    return max(0, (-(-count // most) - 1).bit_length())


def _capacity(depth: int) -> int:
    return max(_FEWEST, int(K * _SHRINK**depth))


def _middles(total: int, top: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Cut ranks into blocks of 2^top, and what is left over into smaller ones; return their middles and levels."""
    blocks = total >> top
    positions = [np.arange(blocks, dtype=np.int64) * (1 << top) + (1 << (top - 1))]
    levels = [np.full(blocks, top)]
    start = blocks << top
    for level in range(top - 1, -1, -1):
        if total >> level & 1:
            positions.append(np.array([start + (1 << level >> 1)]))
            levels.append(np.array([level]))
            start += 1 << level
    return np.concatenate(positions), np.concatenate(levels)


def _slack(levels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how far off the middle of its block an item of each level may be; small blocks have no room for that."""
    blocks = 1 << levels
    return np.where(blocks < 8, 0, np.maximum(blocks // _SLACK, 1))


def _roundest_alike(low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for each pair of numbers the roundest from the first to the second that is of their kind.

    Where all are whole days, multiples of 1000 or prices that end in .99, what stands between two is so too. Numbers
    that are multiples of nothing are of no kind.
    """
    found = _roundest(low, high)
    unit = 1.0 if np.array_equal(np.rint(low), low) and np.array_equal(np.rint(high), high) else _DECIMALS
    alike = np.flatnonzero(_are_wholes(low, unit))
    alike = alike[_are_wholes(high[alike], unit)] if len(alike) else alike
    if not len(alike):
        return found
    lows, highs = np.rint(low[alike] * unit), np.rint(high[alike] * unit)
    # Most integers are multiples of one alone, which few of them tell; what is between two is an integer anyway.
    step = _common_divisor(lows[:_FEWEST] - lows[0])
    if step != 1:
        step = _common_divisor(np.concatenate([lows, highs]) - lows[0])
    if step <= 1 and unit == 1:
        return found
    step = max(step, 1.0)
    first = lows[0] % step
    known = found[alike]
    steps = _roundest((lows - first) / step, (highs - first) / step)
    # Of 12.34 to 12.57 it is 12.5, which has fewer bits than any number of hundredths that is round.
    fits = _are_wholes(known, unit) & (np.fmod(np.rint(known * unit) - first, step) == 0)
    found[alike] = np.where(fits, known, (steps * step + first) / unit)
    return found


def _are_wholes(numbers: NDArray[np.float64], unit: float) -> NDArray[np.bool_]:
    """Tell which numbers are whole ones of so many to one, and small enough to tell."""
    with np.errstate(over="ignore"):
        wholes = np.rint(numbers * unit)
    found: NDArray[np.bool_] = (wholes / unit == numbers) & (np.abs(wholes) < _EXACT)
    return found


def _common_divisor(integers: NDArray[np.float64]) -> float:
    return float(np.gcd.reduce(integers.astype(np.int64)))


def _roundest(low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for each pair of numbers the one from the first to the second whose bits end in the most zeros."""
    negative = high < 0
    # Of numbers without their sign the larger one is cut off behind the first bit in which the smaller one differs.
    bits = np.where(negative, -low, high).view(np.uint64)
    differing = bits ^ np.where(negative, -high, low).view(np.uint64)
    for step in (1, 2, 4, 8, 16, 32):
        differing |= differing >> np.uint64(step)
    cut = (bits & ~(differing >> np.uint64(1))).view(np.float64)
    found = np.where(negative, -cut, cut)
    found[(low < 0) & (high >= 0)] = 0.0
    return found + 0.0


def _coin(items: NDArray[np.float64], level: int) -> int:
    """Throw a coin that falls the same way for the same numbers."""
    return zlib.crc32(items.tobytes(), level) >> 31

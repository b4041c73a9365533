"""About how many distinct values there are.

Sources: P. Flajolet, É. Fusy, O. Gandouet, F. Meunier, "HyperLogLog" (2007); S. Heule, M. Nunkesser, A. Hall,
"HyperLogLog in Practice" (2013), for keeping hashes while there are few; O. Ertl, "New cardinality estimation
algorithms for HyperLogLog sketches" (2017), for an estimate without bias and without tables.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["DistinctSketch"]

_BITS = 12
_REGISTERS = 1 << _BITS
_MOST_COUPONS = 512
"""Up to here hashes are kept: of so many values two have one hash in one of 1,500 data sets, and count once."""

_ADDRESSES = 2**26
_CHUNK = 16_384
_AT_99 = 2.576


class DistinctSketch:
    """Counts distinct values within 4.2 % (in 99 of 100 cases); up to 512 of them as they are (in 999 of 1,000).

    Args:
        coupons: The coupons seen, sorted and distinct, while there are few; None once there are registers.
        registers: The largest rank of each slot; None while there are few values. There are 4,096 slots, but in what
            another writer made.
        incomplete: Whether there were values that it was not shown: then there are more, nobody knows how many.
        foreign: Whether another library may have hashed the values, in another way: then it cannot tell which it lacks.
    """

    __slots__ = ("coupons", "foreign", "incomplete", "registers")

    def __init__(
        self,
        coupons: NDArray[np.uint32] | None = None,
        registers: NDArray[np.uint8] | None = None,
        *,
        incomplete: bool = False,
        foreign: bool = False,
    ) -> None:
        self.coupons = np.empty(0, np.uint32) if coupons is None and registers is None else coupons
        self.registers = registers
        self.incomplete = incomplete
        self.foreign = foreign

    @classmethod
    def of(cls, coupons: NDArray[np.uint32]) -> DistinctSketch:
        """Make a sketch of coupons, of which some may be equal; see `obs_profiles.sketches.hashing`."""
        if len(coupons) <= 4 * _MOST_COUPONS:
            kept = _distinct(coupons)
            if len(kept) <= _MOST_COUPONS:
                return cls(kept)
        registers = _registers_of(coupons)
        # Many rows may still hold few values.
        if np.count_nonzero(registers) <= _MOST_COUPONS:
            kept = _distinct(coupons)
            if len(kept) <= _MOST_COUPONS:
                return cls(kept)
        return cls(registers=registers)

    @classmethod
    def merged(cls, parts: Sequence[DistinctSketch]) -> DistinctSketch:
        """Unite sketches: the union knows no more and no less than if it had seen all values itself."""
        united = cls._united(parts)
        united.incomplete = any(part.incomplete for part in parts)
        united.foreign = any(part.foreign for part in parts)
        return united

    @classmethod
    def _united(cls, parts: Sequence[DistinctSketch]) -> DistinctSketch:
        few = [part.coupons for part in parts if part.coupons is not None]
        dense = [part.registers for part in parts if part.registers is not None]
        if not dense:
            return cls.of(np.concatenate(few)) if few else cls()
        if few:
            dense.append(_registers_of(np.concatenate(few)))
        slots = min(map(len, dense))
        # A slot of a smaller sketch is all those of a larger one whose addresses end alike.
        return cls(registers=np.maximum.reduce([each.reshape(-1, slots).max(axis=0) for each in dense]))

    @property
    def estimate(self) -> float:
        """About how many distinct values were seen."""
        if self.coupons is not None:
            return abs(_ADDRESSES * math.log1p(-len(self.coupons) / _ADDRESSES))
        assert self.registers is not None
        return _estimate(np.bincount(self.registers, minlength=64))

    def lacks(self, coupons: NDArray[np.uint32]) -> NDArray[np.bool_]:
        """Tell of coupons whose values were never seen; where it says no, nobody knows."""
        if self.incomplete or self.foreign:
            return np.zeros(len(coupons), bool)
        if self.coupons is not None:
            return ~np.isin(coupons, self.coupons)
        assert self.registers is not None
        slots = coupons & np.uint32(len(self.registers) - 1)
        return np.asarray(self.registers[slots] < coupons >> np.uint32(26), bool)

    @property
    def relative_error(self) -> float:
        """By which share the estimate may be wrong, in 99 of 100 cases; infinite where values were not shown.

        See `ColumnProfile.distinct_count` for what is certain.
        """
        if self.incomplete:
            return math.inf
        return 0.0 if self.registers is None else _AT_99 * 1.04 / math.sqrt(len(self.registers))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, DistinctSketch)
            and self.incomplete == other.incomplete
            and np.array_equal(self.registers, other.registers)  # type: ignore[arg-type]
            and np.array_equal(self.coupons, other.coupons)  # type: ignore[arg-type]
        )

    __hash__ = None  # type: ignore[assignment]


def _distinct(coupons: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Sort coupons, each of them once: what `numpy.unique` does with a hash table that small arrays do not repay."""
    ordered = np.sort(coupons)
    return ordered if len(ordered) < 2 else ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])]


def _registers_of(coupons: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """Find the largest rank of each slot: marking what is there is ten times faster than `numpy.maximum.at`."""
    if len(coupons) < _CHUNK:
        # Sorted, they are in the order of their ranks: the last one that is put into a slot is the largest.
        ordered = np.sort(coupons)
        registers = np.zeros(_REGISTERS, np.uint8)
        registers[ordered & np.uint32(_REGISTERS - 1)] = ordered >> np.uint32(26)
        return registers
    there = np.zeros((64, _REGISTERS), bool)
    marks = there.reshape(-1)
    for start in range(0, len(coupons), _CHUNK):
        part = coupons[start : start + _CHUNK]
        places = part >> np.uint32(26)
        places <<= np.uint32(_BITS)
        places |= part & np.uint32(_REGISTERS - 1)
        marks[places] = True
    # Read from the highest rank down, the first one that is there is the largest; rank 0 is "none".
    there[0] = True
    largest: NDArray[np.intp] = 63 - there[::-1].argmax(axis=0)
    return largest.astype(np.uint8)


def _estimate(histogram: NDArray[np.int64]) -> float:
    """Return Ertl's improved raw estimate of how often each rank is in the registers."""
    counts = histogram.astype(float).tolist()
    slots = sum(counts)
    # A rank beyond 52 does not occur before 10^18 values.
    z = 0.0
    for rank in range(63, 0, -1):
        z = 0.5 * (z + counts[rank])
    z += slots * _sigma(counts[0] / slots)
    return float(slots * slots / (2 * math.log(2)) / z) if z else math.inf


def _sigma(x: float) -> float:
    if x == 1:
        return math.inf
    y, z = 1.0, x
    while True:
        x *= x
        before = z
        z += x * y
        y += y
        if z == before:
            return z

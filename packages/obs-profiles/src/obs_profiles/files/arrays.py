"""Ascending numbers as bytes that a compressor makes short work of.

Floats become integers of the same order, integers the differences to the one before, and then all first bytes stand
together, then all second ones, and so on: those of numbers that are close to each other are mostly zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "DECIMALS",
    "Nibbles",
    "in_units",
    "packed_floats",
    "packed_integers",
    "packed_registers",
    "unpacked_floats",
    "unpacked_integers",
    "unpacked_registers",
]

DECIMALS = 10_000
"""Numbers of up to four decimals, such as prices and rates, are whole ones over this."""

_EXACT = 1 << 53
_RANK = 26
"""Where the value of a coupon begins, above the bits of its address."""

_FULL = 15
"""A nibble that says that its register is among the coupons."""

_SIGN = np.uint64(1 << 63)


def packed_integers(values: NDArray[Any]) -> bytes:
    """Write integers of up to 64 bits."""
    keys = values.astype(np.int64, copy=False).view(np.uint64)
    differences = np.diff(keys, prepend=np.uint64(0)).astype("<u8", copy=False)
    return differences.view(np.uint8).reshape(-1, 8).T.tobytes()


def unpacked_integers(data: bytes) -> NDArray[np.int64]:
    """Read integers.

    Raises:
        ValueError: The bytes are not eight for each.
    """
    planes = np.frombuffer(data, np.uint8).reshape(8, -1)
    differences = np.ascontiguousarray(planes.T).view("<u8").reshape(-1).astype(np.uint64, copy=False)
    return np.cumsum(differences, dtype=np.uint64).view(np.int64)


def packed_floats(values: NDArray[np.float64]) -> bytes:
    """Write floats."""
    bits = np.ascontiguousarray(values, np.float64).view(np.uint64)
    ordered = np.where(bits & _SIGN, ~bits, bits | _SIGN)
    return packed_integers(ordered.view(np.int64))


def unpacked_floats(data: bytes) -> NDArray[np.float64]:
    """Read floats.

    Raises:
        ValueError: The bytes are not eight for each.
    """
    ordered = unpacked_integers(data).view(np.uint64)
    return np.where(ordered & _SIGN, ordered ^ _SIGN, ~ordered).view(np.float64)


def in_units(values: NDArray[np.float64]) -> tuple[NDArray[np.int64], int, int] | None:
    """Write numbers as whole ones, if they are whole or of up to four decimals: ``integer * factor / divisor``.

    Args:
        values: Finite numbers, none of them -0.0.

    Returns:
        The integers, the divisor and the factor; None if there is a number that these are not exactly.
    """
    for divisor in (1, DECIMALS):
        with np.errstate(over="ignore"):
            wholes = np.rint(values * divisor)
        if len(values) and np.abs(wholes).max() < _EXACT and np.array_equal(wholes / divisor, values):
            integers = wholes.astype(np.int64)
            factor = max(1, int(np.gcd.reduce(integers)))
            return integers // factor, divisor, factor
    return None


class Nibbles(NamedTuple):
    """Registers in four bits each, of which nearly all differ from the smallest by less than 15.

    Attributes:
        nibbles: Two registers a byte, the first one in the lower half: by how much each is above the base.
        base: The smallest register.
        coupons: Those that are more above it, as coupons.
    """

    nibbles: bytes
    base: int
    coupons: NDArray[np.uint32]


def packed_registers(registers: NDArray[np.uint8]) -> Nibbles:
    """Write registers, an even number of them."""
    base = int(registers.min())
    above = registers - np.uint8(base)
    slots = np.flatnonzero(above >= _FULL)
    coupons = np.sort(registers[slots].astype(np.uint32) << np.uint32(_RANK) | slots.astype(np.uint32))
    halves = np.minimum(above, _FULL).astype(np.uint8)
    return Nibbles((halves[0::2] | halves[1::2] << 4).astype(np.uint8).tobytes(), base, coupons)


def unpacked_registers(packed: Nibbles) -> NDArray[np.uint8]:
    """Read registers.

    Raises:
        ValueError: There are other coupons than nibbles that say so.
    """
    pairs = np.frombuffer(packed.nibbles, np.uint8)
    halves = np.stack([pairs & 15, pairs >> 4], axis=1).reshape(-1)
    slots = (packed.coupons & np.uint32((1 << _RANK) - 1)).astype(np.int64)
    if not np.array_equal(np.sort(slots), np.flatnonzero(halves == _FULL)):
        raise ValueError("registers that are in no coupons")
    registers = (halves + packed.base).astype(np.uint8)
    registers[slots] = packed.coupons >> np.uint32(_RANK)
    return registers

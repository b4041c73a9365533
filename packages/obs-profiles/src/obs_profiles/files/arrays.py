"""Ascending numbers as bytes that a compressor makes short work of.

Floats become integers of the same order, integers the differences to the one before, and then all first bytes stand
together, then all second ones, and so on: those of numbers that are close to each other are mostly zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["packed_floats", "packed_integers", "unpacked_floats", "unpacked_integers"]

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

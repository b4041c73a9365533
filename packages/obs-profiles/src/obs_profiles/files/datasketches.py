"""Reading sketches that Apache DataSketches serialized.

Sources: https://datasketches.apache.org, and the preambles described in the comments of ``kll_sketch.hpp``,
``HllUtil.hpp`` and ``frequent_items_sketch.hpp`` of datasketches-cpp.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from obs_profiles.sketches import DistinctSketch, FrequentItems, QuantileSketch

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["KllSketch", "read_frequent_strings", "read_hll", "read_kll"]

_KLL, _HLL, _FREQUENT = 15, 7, 10
_EMPTY = 4


class KllSketch(NamedTuple):
    """What a KLL sketch of DataSketches knows.

    Attributes:
        sketch: The finite numbers.
        total: How many numbers there are, infinite ones too.
        least: The smallest; NaN of none.
        most: The largest.
    """

    sketch: QuantileSketch
    total: int
    least: float
    most: float


def read_kll(data: bytes) -> KllSketch:
    """Read a KLL sketch of doubles.

    Raises:
        ValueError: It is none.
    """
    _check(data, _KLL, "KLL sketch")
    if data[3] & 1:  # is empty
        return KllSketch(QuantileSketch(), 0, np.nan, np.nan)
    if data[3] & 4:  # holds a single number
        number = np.frombuffer(data, "<f8", 1, 8)
        return KllSketch(QuantileSketch([_finite(number)]), 1, float(number[0]), float(number[0]))
    k = _unpack("<H", data, 4)
    if not k:
        raise ValueError("a KLL sketch that holds numbers has room for none")
    count = _unpack("<Q", data, 8)
    levels = data[18]
    place = 4 * data[0]
    starts = np.frombuffer(data, "<u4", levels, place).astype(np.int64)
    place += 4 * levels
    least, most = struct.unpack_from("<dd", data, place)
    items = np.frombuffer(data, "<f8", offset=place + 16)
    ends = np.append(starts[1:], starts[0] + len(items)) - starts[0]
    parts = [np.sort(_finite(items[start - starts[0] : end])) for start, end in zip(starts, ends, strict=True)]
    error = 2.296 / k**0.9723  # in 99 of 100 cases, as DataSketches states it
    return KllSketch(QuantileSketch(parts, certain=error * count), count, least, most)


def read_hll(data: bytes) -> DistinctSketch:
    """Read an HLL sketch of any of its modes and types.

    Raises:
        ValueError: It is none.
    """
    _check(data, _HLL, "HLL sketch")
    found = DistinctSketch() if data[5] & _EMPTY else _distinct_of(data)
    found.foreign = True
    return found


def _distinct_of(data: bytes) -> DistinctSketch:
    mode, kind = data[7] & 3, data[7] >> 2 & 3
    if mode == 0:
        return DistinctSketch.of(np.frombuffer(data, "<u4", data[6], 8).astype(np.uint32))
    if mode == 1:
        return DistinctSketch.of(_coupons(data, 12, _unpack("<i", data, 8)))
    registers = [_of_4_bits, _of_6_bits, _of_8_bits][kind](data, 1 << data[3])
    return DistinctSketch(registers=registers)


def read_frequent_strings(data: bytes) -> FrequentItems:
    """Read a sketch of frequent items that are strings.

    Raises:
        ValueError: It is none.
    """
    _check(data, _FREQUENT, "sketch of frequent items")
    if data[0] < 4:
        return FrequentItems.none(texts=True)
    count = _unpack("<I", data, 8)
    offset = _unpack("<Q", data, 24)
    weights = np.frombuffer(data, "<u8", count, 32).astype(np.int64)
    place = 32 + 8 * count
    texts = []
    for _ in range(count):
        length = _unpack("<I", data, place)
        texts.append(data[place + 4 : place + 4 + length].decode("utf-8", "backslashreplace"))
        place += 4 + length
    order = sorted(range(count), key=texts.__getitem__)
    slack = np.full(count, offset, np.int64) if offset else None
    return FrequentItems([texts[at] for at in order], weights[order], slack, offset)


def _check(data: bytes, family: int, name: str) -> None:
    if len(data) < 8 or data[2] != family:
        raise ValueError(f"these {len(data):,} bytes are no {name} of DataSketches")


def _unpack(form: str, data: bytes, place: int) -> Any:
    try:
        return struct.unpack_from(form, data, place)[0]
    except struct.error as error:
        raise ValueError("a sketch is cut off") from error


def _finite(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    return numbers[np.isfinite(numbers)].astype(np.float64)


_DATA = 40
_COMPACT = 8


def _coupons(data: bytes, place: int, count: int) -> NDArray[np.uint32]:
    """Read coupons: so many, or a hash table of them with gaps, as large as the preamble says."""
    size = count if data[5] & _COMPACT else 1 << data[4] if count else 0
    coupons = np.frombuffer(data, "<u4", size, place).astype(np.uint32)
    filled: NDArray[np.uint32] = coupons[coupons != 0]
    return filled


def _of_8_bits(data: bytes, slots: int) -> NDArray[np.uint8]:
    return np.frombuffer(data, np.uint8, slots, _DATA)


def _of_6_bits(data: bytes, slots: int) -> NDArray[np.uint8]:
    content = np.frombuffer(data, np.uint8, slots * 3 // 4, _DATA)
    bits = np.unpackbits(content, bitorder="little").reshape(slots, 6)
    return np.packbits(bits, axis=1, bitorder="little").reshape(-1)


def _of_4_bits(data: bytes, slots: int) -> NDArray[np.uint8]:
    content = np.frombuffer(data, np.uint8, slots // 2, _DATA)
    registers = np.empty(slots, np.uint8)
    registers[0::2], registers[1::2] = content & 15, content >> 4
    exceptional = registers == 15
    registers += data[6]
    # What does not fit into four bits is listed behind, as coupons.
    auxiliary = _coupons(data, _DATA + slots // 2, _unpack("<i", data, 36))
    registers[auxiliary & (slots - 1)] = auxiliary >> 26
    if exceptional.sum() != len(auxiliary):
        raise ValueError("an HLL sketch lacks some of its registers")
    return registers

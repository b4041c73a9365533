"""MurmurHash3 of whole arrays.

It is the 128-bit variant for 64-bit machines with the seed of Apache DataSketches, so that distinct counts can be
united with those of DataSketches in any language. Numbers are hashed as 8 bytes, texts as UTF-8.

Source: A. Appleby, MurmurHash3 (public domain), https://github.com/aappleby/smhasher.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obs_profiles.columns.texts import PackedTexts

__all__ = [
    "NANOSECONDS",
    "coupons_of",
    "coupons_of_huge_integers",
    "coupons_of_numbers",
    "coupons_of_table",
    "coupons_of_times",
    "first_halves_of_huge_integers",
    "first_halves_of_numbers",
    "first_halves_of_times",
    "hashes_of_texts",
]

NANOSECONDS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000, "D": 86_400_000_000_000}

_SEED = np.uint64(9001)
_C1, _C2 = np.uint64(0x87C37B91114253D5), np.uint64(0x4CF5AD432745937F)
_FINAL = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)
_CHUNK = 16_384
"""Numbers hashed at once: what fits into a core's own cache takes a third of the time."""

LONGEST = 1024
"""Bytes of the longest text that is hashed itself; of a longer one it is the 16 bytes of its BLAKE2b digest."""

_MASKS = np.array([(1 << 8 * width) - 1 for width in range(9)], np.uint64)


def coupons_of_numbers(numbers: NDArray[Any]) -> NDArray[np.uint32]:
    """Hash numbers so that 5 and 5.0 are one value.

    Integers that have 64 bits with a sign are hashed as such, all others as floats, and what no float is exactly as the
    16 bytes of an integer.

    Args:
        numbers: Integers or floats, without NaN.

    Returns:
        What a distinct count keeps of them; see `coupons_of`.
    """
    return _of_numbers(numbers, _COUPONS)


def first_halves_of_numbers(numbers: NDArray[Any]) -> NDArray[np.uint64]:
    """Hash numbers in the same way, and keep 64 bits: of 10^9 numbers hardly two have the same."""
    return _of_numbers(numbers, _FIRST_HALVES)


def _of_numbers(numbers: NDArray[Any], kept: _Kept) -> NDArray[Any]:
    if numbers.dtype.kind == "u" and len(numbers) and int(numbers.max()) >= 1 << 63:
        return _of_unsigned(numbers.astype(np.uint64), kept)
    hashed = np.empty(len(numbers), kept.dtype)
    for start in range(0, len(numbers), _CHUNK):
        part = slice(start, start + _CHUNK)
        h1 = _keys(numbers[part])
        h2 = np.full(len(h1), _SEED)
        _scramble(h1, _C1, 31, _C2)
        h1 ^= _SEED
        _finish(h1, h2, np.uint64(8))
        hashed[part] = kept.of_chunk(h1, h2)
    return hashed


def coupons_of_table(numbers: NDArray[Any]) -> NDArray[np.uint32]:
    """Hash numbers as a table of frequent ones holds them: where no type has all, as objects of Python."""
    if numbers.dtype != object:
        return coupons_of_numbers(numbers)
    coupons = np.empty(len(numbers), np.uint32)
    dtypes = [float if isinstance(number, float) else np.uint64 if number >= 1 << 63 else int for number in numbers]
    for dtype in set(dtypes):
        there = np.array([each is dtype for each in dtypes], bool)
        coupons[there] = coupons_of_numbers(numbers[there].astype(dtype))
    return coupons


def coupons_of_huge_integers(numbers: Sequence[int]) -> NDArray[np.uint32]:
    """Hash integers that have no 64 bits and are no floats, each once.

    They are hashed as their bytes: multiples of eight, at least 16, the lowest first.

    Args:
        numbers: Integers of any size.
    """
    return coupons_of(*_hashes_of_huge_integers(numbers))


def first_halves_of_huge_integers(numbers: Sequence[int]) -> NDArray[np.uint64]:
    """Hash such integers in the same way, and keep 64 bits."""
    return _hashes_of_huge_integers(numbers)[0]


def _hashes_of_huge_integers(numbers: Sequence[int]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    from obs_profiles.columns.texts import PackedTexts

    sizes = {number: max(16, number.bit_length() // 64 * 8 + 8) for number in numbers}
    written = [number.to_bytes(size, "little", signed=True) for number, size in sizes.items()]
    return hashes_of_texts(PackedTexts.of_bytes(written))


def coupons_of_times(values: NDArray[np.int64], unit: str) -> NDArray[np.uint32]:
    """Hash moments, or lengths of time, so that one is one value in each unit.

    They are hashed as nanoseconds of 64 bits; what these do not reach, as two such integers: the seconds, and the
    nanoseconds beyond these.

    Args:
        values: Whole units.
        unit: One of `NANOSECONDS`.
    """
    return _of_times(values, unit, _COUPONS)


def first_halves_of_times(values: NDArray[np.int64], unit: str) -> NDArray[np.uint64]:
    """Hash moments, or lengths of time, in the same way, and keep 64 bits."""
    return _of_times(values, unit, _FIRST_HALVES)


def _of_times(values: NDArray[np.int64], unit: str, kept: _Kept) -> NDArray[Any]:
    nanoseconds = NANOSECONDS[unit]
    furthest = ((1 << 63) - 1) // nanoseconds
    near = (values >= -furthest) & (values <= furthest)
    if near.all():
        return _of_numbers(values * nanoseconds, kept)
    far = values[~near]
    if unit == "D":
        most = ((1 << 63) - 1) // 86_400
        seconds, rest = np.clip(far, -most, most) * 86_400, np.zeros(len(far), np.int64)
    else:
        seconds, rest = np.divmod(far, 10**9 // nanoseconds)
    hashed = np.empty(len(values), kept.dtype)
    hashed[near] = _of_numbers(values[near] * nanoseconds, kept)
    hashed[~near] = _of_pairs(seconds.view(np.uint64), (rest * nanoseconds).view(np.uint64), kept)
    return hashed


def _of_unsigned(numbers: NDArray[np.uint64], kept: _Kept) -> NDArray[Any]:
    signed = numbers < np.uint64(1 << 63)
    floats = numbers.astype(np.float64)
    floats[floats >= 2.0**64] = 0.0  # rounded up to what has no 64 bits: no float is that integer
    exact = ~signed & (floats.astype(np.uint64) == numbers)
    others = ~signed & ~exact
    hashed = np.empty(len(numbers), kept.dtype)
    hashed[signed] = _of_numbers(numbers[signed].view(np.int64), kept)
    hashed[exact] = _of_numbers(floats[exact], kept)
    hashed[others] = _of_pairs(numbers[others], np.zeros(np.count_nonzero(others), np.uint64), kept)
    return hashed


def _of_pairs(first: NDArray[np.uint64], second: NDArray[np.uint64], kept: _Kept) -> NDArray[Any]:
    """Hash 16 bytes each."""
    h1, h2 = _mixed(np.full(len(first), _SEED), np.full(len(first), _SEED), first.copy(), second.copy())
    _finish(h1, h2, np.uint64(16))
    return kept.of_chunk(h1, h2)


def hashes_of_texts(texts: PackedTexts) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Hash texts.

    Args:
        texts: Texts, in bytes; they are hashed in pieces of a few megabytes.

    Returns:
        The two halves of each hash.
    """
    made = [_hashes_of_piece(piece) for piece in texts.pieces()]
    if len(made) == 1:
        return made[0]
    none = np.empty(0, np.uint64)
    return np.concatenate([none, *(h1 for h1, _ in made)]), np.concatenate([none, *(h2 for _, h2 in made)])


def _hashes_of_piece(texts: PackedTexts) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    starts, lengths, data = texts.starts, texts.lengths, texts.data
    if len(lengths) and int(lengths.max()) > LONGEST:
        starts, lengths, data = _with_digests(texts)
    words = _Words(data)
    first, second = np.full(len(lengths), _SEED), np.full(len(lengths), _SEED)
    for start in range(0, len(lengths), _CHUNK):
        part = slice(start, start + _CHUNK)
        _hash_chunk(words, starts[part], lengths[part], first[part], second[part])
    return first, second


def coupons_of(h1: NDArray[np.uint64], h2: NDArray[np.uint64]) -> NDArray[np.uint32]:
    """Make of hashes what a distinct count keeps.

    Args:
        h1: First halves.
        h2: Second halves.

    Returns:
        The coupons of DataSketches: an address in the low 26 bits, and above it one more than the number of zeros
        with which the second half begins.
    """
    coupons = np.empty(len(h1), np.uint32)
    for start in range(0, len(h1), _CHUNK):
        part = slice(start, start + _CHUNK)
        coupons[part] = _coupons_of_chunk(h1[part], h2[part])
    return coupons


def _coupons_of_chunk(h1: NDArray[np.uint64], h2: NDArray[np.uint64]) -> NDArray[np.int64]:
    # The exponent of a number as a float tells where its first one stands; of 53 bits none is rounded up.
    floats = (h2 >> np.uint64(11)).view(np.int64).astype(np.float64)
    exponents = floats.view(np.int64)
    exponents >>= 52
    ranks = np.minimum(1023 + 53 - exponents, 54)  # of 53 zeros and more there is one in 10^16
    ranks <<= 26
    ranks |= (h1 & np.uint64(0x3FFFFFF)).view(np.int64)
    return ranks


class _Kept(NamedTuple):
    """What is kept of hashes: made of both halves, a chunk at once."""

    of_chunk: Callable[[NDArray[np.uint64], NDArray[np.uint64]], NDArray[Any]]
    dtype: type[np.uint32 | np.uint64]


_COUPONS = _Kept(_coupons_of_chunk, np.uint32)
_FIRST_HALVES = _Kept(lambda h1, _: h1, np.uint64)


def _keys(numbers: NDArray[Any]) -> NDArray[np.uint64]:
    """Return the 64 bits of each number that are hashed, as a copy."""
    if numbers.dtype.kind in "iu":
        return numbers.astype(np.int64).view(np.uint64)
    floats = numbers.astype(np.float64)
    keys = floats.view(np.uint64).copy()
    whole = np.floor(floats) == floats
    if whole.any():
        whole &= (floats >= -(2**63)) & (floats < 2**63)
        keys[whole] = floats[whole].astype(np.int64).view(np.uint64)
    return keys


def _hash_chunk(
    words: _Words,
    starts: NDArray[np.int64],
    lengths: NDArray[np.int64],
    h1: NDArray[np.uint64],
    h2: NDArray[np.uint64],
) -> None:
    longest = int(lengths.max())
    for block in range(longest // 16):
        whole = lengths >= 16 * (block + 1)
        # While all texts have such a block, none has to be chosen.
        chosen = slice(None) if whole.all() else np.flatnonzero(whole)
        h1[chosen], h2[chosen] = _mixed(h1[chosen], h2[chosen], *words.pair(starts[chosen] + 16 * block))
    tails = lengths & 15
    longest_tail = int(tails.max())
    places = starts + (lengths - tails)
    if longest_tail > 8:
        k2 = words.at(places + 8) & _MASKS[np.clip(tails - 8, 0, 8)]
        _scramble(k2, _C2, 33, _C1)
        h2 ^= k2  # k2 of a shorter tail is 0 and stays 0
    if longest_tail:
        k1 = words.at(places) & _MASKS[np.minimum(tails, 8)]
        _scramble(k1, _C1, 31, _C2)
        h1 ^= k1
    _finish(h1, h2, lengths.astype(np.uint64))


class _Words:
    """Eight bytes at any place of a buffer, as numbers."""

    def __init__(self, data: NDArray[np.uint8]) -> None:
        padded = np.zeros(-(-len(data) // 8) * 8 + 24, np.uint8)
        padded[: len(data)] = data
        self._words = padded.view("<u8")

    def at(self, places: NDArray[np.int64]) -> NDArray[np.uint64]:
        index, shift = places >> 3, ((places & 7) << 3).astype(np.uint64)
        low: NDArray[np.uint64] = self._words[index] >> shift
        # A shift by 64 bits is undefined: it is made in two steps.
        low |= (self._words[index + 1] << np.uint64(1)) << (np.uint64(63) - shift)
        return low

    def pair(self, places: NDArray[np.int64]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        return self.at(places), self.at(places + 8)


def _with_digests(texts: PackedTexts) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint8]]:
    """Put digests of long texts behind all texts, and let them point there."""
    long = np.flatnonzero(texts.lengths > LONGEST)
    data = texts.data[:0] if len(long) == len(texts) else texts.data
    digests = b"".join(map(texts.digest_at, long.tolist()))
    starts, lengths = texts.starts.copy(), texts.lengths.copy()
    starts[long] = len(data) + 16 * np.arange(len(long))
    lengths[long] = 16
    return starts, lengths, np.concatenate([data, np.frombuffer(digests, np.uint8)])


def _mixed(
    h1: NDArray[np.uint64], h2: NDArray[np.uint64], k1: NDArray[np.uint64], k2: NDArray[np.uint64]
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    _scramble(k1, _C1, 31, _C2)
    h1 = _rotated(h1 ^ k1, 27) + h2
    h1 = h1 * np.uint64(5) + np.uint64(0x52DCE729)
    _scramble(k2, _C2, 33, _C1)
    h2 = _rotated(h2 ^ k2, 31) + h1
    return h1, h2 * np.uint64(5) + np.uint64(0x38495AB5)


def _scramble(k: NDArray[np.uint64], factor: np.uint64, turn: int, other: np.uint64) -> None:
    k *= factor
    high = k << np.uint64(turn)
    k >>= np.uint64(64 - turn)
    k |= high
    k *= other


def _rotated(values: NDArray[np.uint64], turn: int) -> NDArray[np.uint64]:
    return (values << np.uint64(turn)) | (values >> np.uint64(64 - turn))


def _finish(h1: NDArray[np.uint64], h2: NDArray[np.uint64], length: NDArray[np.uint64] | np.uint64) -> None:
    h1 ^= length
    h2 ^= length
    h1 += h2
    h2 += h1
    for half in (h1, h2):
        shifted = half >> np.uint64(33)
        half ^= shifted
        for factor in _FINAL:
            half *= factor
            np.right_shift(half, np.uint64(33), out=shifted)
            half ^= shifted
    h1 += h2
    h2 += h1

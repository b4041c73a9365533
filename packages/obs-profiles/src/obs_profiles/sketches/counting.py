"""Equal values counted: what most sketches are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["counted_hashes", "counted_numbers", "joined_equals", "weighted"]

_NARROW = 65_536
"""Integers that span no more than this are counted rather than sorted."""


def counted_numbers(
    values: NDArray[Any], counts: NDArray[np.int64] | None = None
) -> tuple[NDArray[Any], NDArray[np.int64] | None]:
    """Return distinct numbers, ascending, and how often each is there; None where each is there once.

    Args:
        values: Numbers without NaN.
        counts: How often each is there; once, if None.
    """
    if counts is not None:
        order = np.argsort(values, kind="stable")
        return joined_equals(values[order], counts[order])
    if values.dtype.kind in "iu" and len(values):
        least, most = int(values.min()), int(values.max())
        if most - least < max(_NARROW, 2 * len(values)) and most <= 2**63 - 1:
            counted = np.bincount(np.subtract(values, least, dtype=np.int64, casting="unsafe"))
            there = np.flatnonzero(counted)
            return there + least, counted[there]
    return joined_equals(np.sort(values), None)


def joined_equals(
    ordered: NDArray[Any], counts: NDArray[np.int64] | None
) -> tuple[NDArray[Any], NDArray[np.int64] | None]:
    """Join equal neighbours among ascending numbers.

    Args:
        ordered: The numbers.
        counts: How often each is there; once, if None.

    Returns:
        The distinct ones, and how often each is there; None where each is there once.
    """
    if len(ordered) < 2:
        return ordered, counts
    last = np.empty(len(ordered), bool)  # whether a number is the last one of its kind
    last[-1] = True
    np.not_equal(ordered[1:], ordered[:-1], out=last[:-1])
    if np.count_nonzero(last) == len(ordered):
        return ordered, counts
    ends = np.flatnonzero(last)
    sums = ends + 1 if counts is None else np.cumsum(counts)[ends]
    return ordered[ends], np.diff(sums, prepend=0)


def weighted(values: NDArray[np.int64], counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return distinct integers, ascending, and how often each is there."""
    distinct, places = np.unique(values, return_inverse=True)
    return distinct, np.bincount(places, counts, len(distinct)).astype(np.int64)


def counted_hashes(
    h1: NDArray[np.uint64], h2: NDArray[np.uint64], counts: NDArray[np.int64] | None
) -> tuple[NDArray[np.int64], NDArray[np.uint32], NDArray[np.int64]]:
    """Group equal texts by their hashes.

    Args:
        h1: The first half of the hash of each text.
        h2: The second half.
        counts: How often each text is there; once, if None.

    Returns:
        The place of one text of each group, the upper half of its first hash, ascending, and how many texts the group
        has.
    """
    # All bits of the first half are sorted but those that make room for where the text is.
    bits = np.uint64(max(1, (len(h1) - 1).bit_length()))
    keys = (h1 >> bits << bits) | np.arange(len(h1), dtype=np.uint64)
    keys.sort()
    groups = keys >> bits
    places = (keys & ((np.uint64(1) << bits) - np.uint64(1))).astype(np.int64)
    # Of a million texts two may well agree in 44 bits: the second half tells them apart.
    second = h2[places]
    others = second[1:] != second[:-1]
    same = groups[1:] == groups[:-1]
    if np.any(others & same):
        order = np.lexsort((second, groups))
        keys, places, second = keys[order], places[order], second[order]
        others = second[1:] != second[:-1]
    starts = np.concatenate([[0], np.flatnonzero(others | ~same) + 1])
    occurrences = np.diff(starts, append=len(keys)) if counts is None else np.add.reduceat(counts[places], starts)
    return places[starts], (keys[starts] >> np.uint64(32)).astype(np.uint32), occurrences

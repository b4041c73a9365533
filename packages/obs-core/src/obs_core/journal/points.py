"""Points of metrics as the journal holds them: packed columns."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable
from itertools import repeat
from operator import sub
from typing import Any

from obs_core.journal import records

__all__ = ["are_sound", "packed", "packed_times", "steps_of", "times_of", "unpacked"]


def are_sound(points: records.Points) -> bool:
    """Tell whether the columns of points fit each other; else they are damaged."""
    count, rest = divmod(len(points.values), 8)
    if rest or not count or len(points.steps) not in (0, 8 * count):
        return False
    counted_fit = bool(points.steps) or points.step + count <= 2**63
    return len(points.times) in (4 * count, 8 * count) and counted_fit


def unpacked(kind: str, column: bytes) -> array[Any]:
    """Return numbers that the journal holds in little endian.

    Args:
        kind: ``"q"`` for integers, ``"I"`` for unsigned ones of 4 bytes, ``"d"`` for floating-point numbers.
        column: A multiple of 8 or 4 bytes.
    """
    found: array[Any] = array(kind)
    found.frombytes(column)
    if sys.byteorder == "big":
        found.byteswap()
    return found


def packed(column: array[Any]) -> bytes:
    """Return numbers as the journal has them: in little endian."""
    if sys.byteorder == "big":
        column = column[:]
        column.byteswap()
    return column.tobytes()


def packed_times(at: int, times: array[int]) -> bytes:
    """Return times as the journal has them: those of a second, which nearly all are, in half as many bytes."""
    try:
        return packed(array("I", map(at.__sub__, times)))
    except OverflowError:
        return packed(times)


def steps_of(points: records.Points) -> array[int] | range:
    """Return on which steps points were logged."""
    if points.steps:
        return unpacked("q", points.steps)
    return range(points.step, points.step + len(points.values) // 8)


def times_of(points: records.Points, epoch: int, places: Iterable[int] | None = None) -> array[int]:
    """Return when points were logged.

    Args:
        points: The points.
        epoch: Nanoseconds since the epoch at which the writer's times are zero; 0 leaves times as they are.
        places: Of those that are wanted. Default: all.
    """
    if len(points.times) < len(points.values):
        before = unpacked("I", points.times)
        chosen_ones = before if places is None else map(before.__getitem__, places)
        return array("q", map(sub, repeat(epoch + points.at), chosen_ones))
    times = unpacked("q", points.times)
    return array("q", map(epoch.__add__, times if places is None else map(times.__getitem__, places)))

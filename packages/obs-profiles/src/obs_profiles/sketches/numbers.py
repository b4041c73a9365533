"""Numbers of which equal ones are one, whatever types they come in: 5 and 5.0, 2^53 and the integer after it.

A table of numbers is an array of the first of these types that holds all of them without losing a digit: integers of 64
bits, floats, integers of 64 bits without a sign, and else Python's own numbers. Equal tables are equal arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["canonical", "least_of", "most_of", "united"]

_EXACT = 1 << 53
"""Up to here each integer is a float."""

_SIGNED, _UNSIGNED = 1 << 63, 1 << 64


def canonical(values: NDArray[Any]) -> NDArray[Any]:
    """Return finite numbers in the type that a table of them has."""
    match values.dtype.kind:
        case "i":
            return values.astype(np.int64, copy=False)
        case "f":
            return _from_floats(values)
        case "u":
            return _from_unsigned(values.astype(np.uint64, copy=False))
    return _from_objects(values.tolist())


def united(tables: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Put tables one behind the other; no number loses a digit."""
    there = [table for table in tables if len(table)]
    if len({table.dtype for table in there}) < 2:
        return np.concatenate(there) if there else np.empty(0, np.int64)
    if all(table.dtype.kind == "f" or _are_floats(table) for table in there):
        return np.concatenate([table.astype(np.float64) for table in there])
    return np.concatenate([table.astype(object) for table in there])


def least_of(numbers: Sequence[float]) -> float:
    """Return the smallest number; of 5 and 5.0 it is 5.0, whichever comes first."""
    least = min(numbers)
    return next((number for number in numbers if number == least and isinstance(number, float)), least)


def most_of(numbers: Sequence[float]) -> float:
    """Return the largest number; of 5 and 5.0 it is 5.0, whichever comes first."""
    most = max(numbers)
    return next((number for number in numbers if number == most and isinstance(number, float)), most)


def _are_floats(table: NDArray[Any]) -> bool:
    """Tell whether all of some integers are small enough to be floats."""
    return bool(table.dtype.kind == "i" and max(-int(table.min()), int(table.max())) <= _EXACT)


def _from_floats(values: NDArray[Any]) -> NDArray[Any]:
    floats = values.astype(np.float64) + 0.0  # -0.0 becomes 0.0
    if np.all((np.floor(floats) == floats) & (floats >= -_SIGNED) & (floats < _SIGNED)):
        return floats.astype(np.int64)
    return floats


def _from_unsigned(values: NDArray[np.uint64]) -> NDArray[Any]:
    if not len(values) or int(values.max()) < _SIGNED:
        return values.astype(np.int64)
    floats = values.astype(np.float64)
    if np.all(floats < _UNSIGNED) and np.array_equal(floats.astype(np.uint64), values):
        return floats
    return values


def _from_objects(numbers: list[Any]) -> NDArray[Any]:
    if set(map(type, numbers)) == {float}:
        return _from_floats(np.array(numbers))
    whole = [-_SIGNED <= number < _UNSIGNED and int(number) == number for number in numbers]
    if all(whole) and all(number < _SIGNED for number in numbers):
        return np.array([int(number) for number in numbers], np.int64)
    if all(float(number) == number for number in numbers):
        return np.array(numbers, np.float64) + 0.0
    if all(whole) and min(numbers) >= 0:
        return np.array([int(number) for number in numbers], np.uint64)
    found = np.empty(len(numbers), object)
    found[:] = [int(number) if is_whole else float(number) for number, is_whole in zip(numbers, whole, strict=True)]
    return found

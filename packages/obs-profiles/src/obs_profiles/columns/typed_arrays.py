"""Arrays of numpy of one dimension whose elements numpy knows: numbers, booleans, times, texts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from obs_profiles.columns.texts import PackedTexts, UnpackedTexts
from obs_profiles.columns.units import whole_units
from obs_profiles.columns.values import ColumnValues, CountedNumbers, CountedTexts, Durations, Times

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["TYPED", "read_booleans", "read_masked", "read_numbers", "read_times", "read_typed"]

TYPED = frozenset("biufmMSU")
"""Kinds of numpy's types that `read_typed` knows."""


def read_typed(values: NDArray[Any], dtype: str = "") -> ColumnValues:
    """Read an array of one dimension and of a kind in `TYPED`. What is masked is missing."""
    dtype = dtype or str(values.dtype)
    if isinstance(values, np.ma.MaskedArray):
        return read_masked(values, lambda those_there: read_typed(those_there, dtype))
    match values.dtype.kind:
        case "b":
            return read_booleans(values, len(values), dtype)
        case "i" | "u" | "f":
            return read_numbers(values, len(values), dtype)
        case "M" | "m":
            return read_times(values, dtype)
    return _read_texts(values, dtype)


def read_masked(values: np.ma.MaskedArray[Any, Any], read: Callable[[NDArray[Any]], ColumnValues]) -> ColumnValues:
    """Read an array of which some elements are masked: those are missing.

    Args:
        values: The array.
        read: Reads the others.
    """
    found = read(values.compressed())
    found.rows, found.missing = len(values), len(values) - found.rows + found.missing
    return found


def _read_texts(values: NDArray[Any], dtype: str) -> ColumnValues:
    """Read texts or bytes of one width; they are Python's when they are looked at, some at once."""
    kind: Any = "text" if values.dtype.kind == "U" else "bytes"
    make: Any = PackedTexts.of if kind == "text" else PackedTexts.of_bytes
    found = ColumnValues(dtype, len(values))
    if len(values):
        found.add_type(kind, len(values))
        sizes = np.full(len(values), max(1, values.dtype.itemsize))
        unpacked = UnpackedTexts(sizes, lambda start, stop: make(values[start:stop].tolist()))
        found.texts.append(CountedTexts(unpacked, kind=kind))
    return found


def read_numbers(values: NDArray[Any], rows: int, dtype: str, *, nan_is_missing: bool = True) -> ColumnValues:
    """Read numbers; NaN is missing.

    Args:
        values: Those that are there, and perhaps NaN.
        rows: How many rows there are, those that are missing too.
        dtype: What the column's type is called.
        nan_is_missing: Whether what `rows` has more than `values` was NaN as well.
    """
    found = ColumnValues(dtype, rows, missing=rows - len(values))
    values = values.astype(values.dtype.newbyteorder("="), copy=False)
    if values.dtype.kind == "f":
        if values.dtype.itemsize not in (4, 8):  # half precision, and more than double
            with np.errstate(over="ignore"):
                values = values.astype(np.float64)
        absent = np.isnan(values)
        nan = int(np.count_nonzero(absent))
        if nan:
            values = values[~absent]
        found.missing += nan
        found.nan = nan if not nan_is_missing else found.missing
        found.add_type("number", len(values))
    else:
        found.add_type("integer", len(values))
    if len(values):
        found.numbers.append(CountedNumbers(values))
    return found


def read_booleans(values: NDArray[Any], rows: int, dtype: str) -> ColumnValues:
    """Read booleans."""
    true = int(np.count_nonzero(values))
    found = ColumnValues(dtype, rows, missing=rows - len(values), true=true, false=len(values) - true)
    found.add_type("boolean", len(values))
    return found


def read_times(values: NDArray[Any], dtype: str, zone: str = "") -> ColumnValues:
    """Read moments (``datetime64``) or lengths of time (``timedelta64``) of any unit; NaT is missing."""
    moments = values.dtype.kind == "M"
    absent = np.isnat(values)
    if absent.any():
        values = values[~absent]
    found = ColumnValues(dtype, len(absent), missing=len(absent) - len(values), zone=zone)
    found.add_type("time" if moments else "duration", len(values))
    if len(values) and moments:
        found.times.append(Times(*whole_units(values)))
    elif len(values):
        found.durations.append(Durations(*whole_units(values)))
    return found

"""Columns that are arrays of numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from obs_profiles.columns.objects import read_objects
from obs_profiles.columns.units import whole_units
from obs_profiles.columns.values import ColumnValues, CountedNumbers, Durations, Times

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["read_array", "read_booleans", "read_numbers", "read_times"]


def read_array(values: NDArray[Any], dtype: str = "") -> ColumnValues:
    """Read an array of one dimension; of one with more, each row is a list. What is masked is missing."""
    dtype = dtype or str(values.dtype)
    if isinstance(values, np.ma.MaskedArray) and values.ndim == 1:
        found = read_array(values.compressed(), dtype)
        found.rows, found.missing = len(values), len(values) - found.rows + found.missing
        return found
    if values.ndim != 1:
        return read_objects(list(values), dtype)
    match values.dtype.kind:
        case "b":
            return read_booleans(values, len(values), dtype)
        case "i" | "u" | "f":
            return read_numbers(values, len(values), dtype)
        case "M" | "m":
            return read_times(values, dtype)
        case "U" | "T":
            return read_objects(values.tolist(), dtype)
        case "S":
            return read_objects(values.tolist(), dtype)
    return read_objects(values.tolist(), dtype)


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

"""Columns that are arrays of numpy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from obs_profiles.columns.objects import looks_of, read_objects
from obs_profiles.columns.typed_arrays import TYPED, read_masked, read_typed
from obs_profiles.columns.values import ELEMENTS_AT_ONCE, ColumnValues

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["read_array"]


def read_array(values: NDArray[Any], dtype: str = "") -> ColumnValues:
    """Read an array of one dimension; of one with more, each row is a list. What is masked is missing."""
    dtype = dtype or str(values.dtype)
    if values.ndim > 1:
        return _read_rows(values, dtype)
    if values.dtype.kind in TYPED:
        return read_typed(values, dtype)
    if isinstance(values, np.ma.MaskedArray):
        return read_masked(values, lambda those_there: read_objects(those_there.tolist(), dtype))
    return read_objects(values.tolist(), dtype)


def _read_rows(values: NDArray[Any], dtype: str) -> ColumnValues:
    """Read an array of which each row is a list; rows are made arrays of their own when they are looked at."""
    found = ColumnValues(dtype, len(values))
    if len(values):
        found.add_type("list", len(values))
        found.sizes = np.full(len(values), values.shape[1])
        found.texts.append(looks_of(len(values), lambda start, stop: values[start:stop]))
        found.elements.append(lambda: _elements(values, dtype))
    return found


def _elements(values: NDArray[Any], dtype: str) -> Iterator[ColumnValues]:
    rows = max(1, ELEMENTS_AT_ONCE * len(values) // max(1, values.size))
    for start in range(0, len(values), rows):
        yield read_array(values[start : start + rows].reshape(-1), dtype)

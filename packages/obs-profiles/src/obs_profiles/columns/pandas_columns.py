"""Columns of pandas 2 and 3."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from obs_profiles.columns.objects import read_objects, read_or_look
from obs_profiles.columns.typed_arrays import read_booleans, read_numbers, read_times
from obs_profiles.columns.values import ColumnValues

__all__ = ["batches", "columns"]


def columns(frame: Any) -> tuple[list[Any], Iterator[ColumnValues]] | None:
    """Return the names and values of a DataFrame or Series; None of anything else."""
    import pandas as pd

    if isinstance(frame, pd.Series):
        frame = frame.to_frame("value" if frame.name is None else frame.name)
    if not isinstance(frame, pd.DataFrame):
        return None
    # items() goes by position: frame[name] gives a frame where two columns have one name.
    return list(frame.columns), (_read(series) for _, series in frame.items())


def batches(frame: Any, rows: int) -> Iterator[Any]:
    """Cut a frame into pieces, without copying."""
    for start in range(0, len(frame), rows):
        yield frame.iloc[start : start + rows]


def _read(series: Any) -> ColumnValues:
    dtype = str(series.dtype)
    return read_or_look(lambda: _read_fast(series), lambda: list(series.astype(object)), len(series), dtype)


def _read_fast(series: Any) -> ColumnValues:
    dtype = series.dtype
    if isinstance(dtype, np.dtype):
        return _read_plain(series, dtype)
    import pandas as pd

    name = str(dtype)
    if isinstance(dtype, pd.DatetimeTZDtype):
        return read_times(np.asarray(series, f"M8[{dtype.unit}]"), name, str(dtype.tz))
    if isinstance(dtype, pd.CategoricalDtype):
        return _read_categories(series, name)
    if isinstance(dtype, pd.SparseDtype):
        dense = _read(series.sparse.to_dense())
        dense.dtype = name
        return dense
    if isinstance(dtype, pd.PeriodDtype):
        return read_times(_starts(series.array), name)
    if isinstance(dtype, pd.ArrowDtype) or getattr(dtype, "storage", "") == "pyarrow":
        from obs_profiles.columns.arrow_columns import read_arrow

        read = read_arrow(series.array.__arrow_array__(), name)
        if isinstance(dtype, pd.StringDtype) and dtype.na_value is not pd.NA:
            read.nan = read.missing
        return read
    return _read_extension(series, name)


def _starts(periods: Any) -> Any:
    """Return when periods begin; as Timestamps, pandas 2 knows none before 1677 and after 2262."""
    unit = "ns" if periods.dtype.freq.rule_code in ("ns", "N") else "us"
    return periods.asfreq(unit, how="start").asi8.view(f"M8[{unit}]")


def _read_plain(series: Any, dtype: np.dtype[Any]) -> ColumnValues:
    values, name = series.to_numpy(), str(dtype)
    match dtype.kind:
        case "i" | "u" | "f":
            return read_numbers(values, len(values), name)
        case "b":
            return read_booleans(values, len(values), name)
        case "M" | "m":
            return read_times(values, name)
    return read_objects(values.tolist(), name)


def _read_extension(series: Any, name: str) -> ColumnValues:
    """Read nullable numbers and booleans; all else as objects: intervals, texts without pyarrow, types of others."""
    import pandas as pd

    kind = getattr(series.dtype, "kind", "O")
    if kind not in "iufb" or not hasattr(series.dtype, "numpy_dtype"):
        texts = isinstance(series.dtype, pd.StringDtype)
        read = read_objects(series.to_numpy(object).tolist(), name)
        if not texts or series.dtype.na_value is pd.NA:
            read.nan = 0
        return read
    present = series[series.notna()].to_numpy(series.dtype.numpy_dtype)
    if kind == "b":
        return read_booleans(present, len(series), name)
    return read_numbers(present, len(series), name, nan_is_missing=False)


def _read_categories(series: Any, name: str) -> ColumnValues:
    """Read the categories that occur, each once, with how often it does."""
    categories = series.cat.categories.to_series()
    if categories.dtype in ("float16", "float32"):
        name = f"{name} of {categories.dtype}"  # what they are compared with is rounded as they are
    counts = np.bincount(series.cat.codes.to_numpy() + 1, minlength=len(categories) + 1)
    there = counts[1:] > 0
    read = _read(categories[there]).with_counts(counts[1:][there])
    if read is None:
        return read_objects(series.astype(object).tolist(), name)
    read.dtype = f"{name} of {read.dtype}" if "period[" in read.dtype else name  # one equals none of another frequency
    read.rows, read.missing = len(series), int(counts[0])
    return read

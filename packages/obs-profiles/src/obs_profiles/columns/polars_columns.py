"""Columns of polars: by way of arrow, without copies; without pyarrow by way of numpy and Python."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np

from obs_core.interruptions import let_pass
from obs_profiles.columns.arrays import read_array
from obs_profiles.columns.objects import read_objects
from obs_profiles.columns.texts import UnpackedTexts
from obs_profiles.columns.typed_arrays import read_booleans, read_numbers
from obs_profiles.columns.values import ColumnValues, CountedTexts

__all__ = ["batches", "columns"]


def columns(frame: Any) -> tuple[list[Any], Iterator[ColumnValues]] | None:
    """Return the names and values of a DataFrame or Series; None of anything else."""
    import polars as pl

    if isinstance(frame, pl.Series):
        frame = frame.to_frame(frame.name or "value")
    if not isinstance(frame, pl.DataFrame):
        return None
    read = _read_by_arrow if find_spec("pyarrow") is not None else _read_plainly
    return list(frame.columns), (read(column) for column in frame.get_columns())


def batches(frame: Any, rows: int) -> Iterator[Any]:
    """Cut a frame into pieces, without copying."""
    yield from frame.iter_slices(rows)


def _read_by_arrow(column: Any) -> ColumnValues:
    from obs_profiles.columns.arrow_columns import read_arrow

    dtype = str(column.dtype)
    if dtype.startswith("Object"):  # arrow knows no Python objects
        return read_objects(column.to_list(), dtype)
    if dtype in ("String", "Binary"):
        return _read_texts(column, dtype)
    try:
        values = column.to_arrow()
    except BaseException as error:  # integers of 128 bits, and what else arrow does not know
        let_pass(error)
        return read_objects(column.to_list(), dtype)
    return read_arrow(values, dtype)


def _read_texts(column: Any, dtype: str) -> ColumnValues:
    """Read texts or bytes, of which arrow makes copies: some at once."""
    from obs_profiles.columns.arrow_columns import packed

    kind: Any = "text" if dtype == "String" else "bytes"
    present = column.drop_nulls() if column.null_count() else column
    found = ColumnValues(dtype, len(column), len(column) - len(present))
    found.add_type(kind, len(present))
    if len(present):
        sizes = (present.str.len_bytes() if kind == "text" else present.bin.size()).to_numpy().astype(np.int64)
        texts = UnpackedTexts(sizes, lambda start, stop: packed(present.slice(start, stop - start).to_arrow()))
        found.texts.append(CountedTexts(texts, kind=kind))
    return found


def _read_plainly(column: Any) -> ColumnValues:
    dtype, kind = str(column.dtype), column.dtype
    if kind.is_integer() or kind.is_float():
        return read_numbers(column.drop_nulls().to_numpy(), len(column), dtype, nan_is_missing=False)
    if dtype == "Boolean":
        return read_booleans(column.drop_nulls().to_numpy(), len(column), dtype)
    if dtype.startswith(("Datetime", "Duration")) or dtype == "Date":
        read = read_array(column.to_numpy(), dtype)
        read.zone = getattr(kind, "time_zone", None) or ""
        return read
    return read_objects(column.to_list(), dtype)

"""Read whole columns as numpy arrays, whichever library holds them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

from obs_renderers._types import is_a

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Numbers", "Unit", "numbers_of"]

Unit = Literal["number", "seconds", "epoch"]


class Numbers(Struct, frozen=True):
    """The numbers of a column.

    Attributes:
        values: float64, NaN where a value is missing; may share memory with the frame, so it must not be
            changed.
        unit: ``"seconds"`` for durations, ``"epoch"`` for times (seconds since 1970), else ``"number"``.
    """

    values: NDArray[np.float64]
    unit: Unit = "number"


def numbers_of(column: Any) -> Numbers | None:
    """Read a column of numbers, booleans, decimals, times or durations; None for one of anything else.

    Args:
        column: A pandas or polars Series, or a pyarrow column.
    """
    if is_a(column, "polars.Series"):
        return _of_polars(column)
    if is_a(column, "pyarrow.ChunkedArray", "pyarrow.Array"):
        return _of_arrow(column)
    return _of_pandas(column)


def _of_pandas(series: Any) -> Numbers | None:
    import numpy as np
    from pandas.api import types

    dtype = series.dtype
    if types.is_datetime64_any_dtype(dtype) or types.is_timedelta64_dtype(dtype):
        return _of_pandas_times(series)
    if types.is_numeric_dtype(dtype) and not types.is_complex_dtype(dtype):
        return Numbers(series.to_numpy(dtype=np.float64, na_value=np.nan))
    return _of_objects(series.to_numpy(dtype=object)) if dtype.kind == "O" else None


def _of_pandas_times(series: Any) -> Numbers:
    import numpy as np
    from pandas.api import types

    zoned = getattr(series.dt, "tz", None) is not None
    plain = series.dt.tz_convert("UTC").dt.tz_localize(None) if zoned else series
    times = types.is_datetime64_any_dtype(series.dtype)
    values = plain.to_numpy(dtype="datetime64[ns]" if times else "timedelta64[ns]")
    seconds = values.astype(np.int64) / 1e9
    seconds[np.isnat(values)] = np.nan
    return Numbers(seconds, "epoch" if times else "seconds")


def _of_objects(values: Any) -> Numbers | None:
    """Read decimals and Python's large integers; a column that holds anything else is none of numbers."""
    import numpy as np

    from obs_renderers._cells import is_missing

    numbers = np.full(len(values), np.nan)
    for row, value in enumerate(values):
        if is_missing(value):
            continue
        if not isinstance(value, (int, float)) and type(value).__name__ not in ("Decimal", "Fraction"):
            return None
        try:
            numbers[row] = float(value)
        except OverflowError:
            numbers[row] = np.inf if value > 0 else -np.inf
    return Numbers(numbers)


def _of_polars(series: Any) -> Numbers | None:
    import numpy as np

    dtype = series.dtype
    name = str(dtype)
    if name.startswith(("Datetime", "Duration")) or name == "Date":
        physical = series.to_physical().cast(_class_of(series, "Float64")).to_numpy()
        unit: Unit = "seconds" if name.startswith("Duration") else "epoch"
        return Numbers(np.asarray(physical, dtype=np.float64) * _seconds_per_unit(dtype), unit)
    if not (dtype.is_numeric() or name == "Boolean"):
        return None
    return Numbers(np.asarray(series.cast(_class_of(series, "Float64")).to_numpy(), dtype=np.float64))


def _class_of(series: Any, name: str) -> Any:
    import sys

    return getattr(sys.modules[type(series).__module__.partition(".")[0]], name)


def _seconds_per_unit(dtype: Any) -> float:
    scale = {"ms": 1e-3, "us": 1e-6, "ns": 1e-9}
    return scale.get(getattr(dtype, "time_unit", None) or "", 86_400.0)


def _of_arrow(column: Any) -> Numbers | None:
    import pyarrow as pa

    kind = column.type
    if pa.types.is_temporal(kind) and not pa.types.is_time(kind) and not pa.types.is_interval(kind):
        return _of_pandas_times(column.cast(_nanoseconds(kind)).to_pandas())
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
        plain = column.cast(pa.int8()) if pa.types.is_boolean(kind) else column
        return Numbers(plain.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False))
    if pa.types.is_decimal(kind):
        return Numbers(column.cast(pa.float64()).to_numpy(zero_copy_only=False))
    return None


def _nanoseconds(kind: Any) -> Any:
    import pyarrow as pa

    return pa.duration("ns") if pa.types.is_duration(kind) else pa.timestamp("ns")

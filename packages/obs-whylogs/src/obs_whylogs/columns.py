"""Columns of pandas, polars and pyarrow in the form in which whylogs' sketches take them fastest.

whylogs 1.6.4 looks at each value of a column in Python, six times, and fails on much of what numpy 2 and pandas 3 hold.
Here a column is split by its type as a whole; single values are looked at only where a column of Python objects mixes
types. What comes out is what whylogs finds on numpy 1 and pandas 2, but for what it gets wrong there too; each such
place names the defect. Nothing of numpy, pandas or whylogs is changed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

# whylogs fails on names that are no text ("'int' object has no attribute 'split'") and puts columns of one name into
# the same metrics.
from obs_profiles.columns import unique_names

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["ColumnValues", "Kind", "columns_of", "unique_names"]

Kind = Literal["integral", "fractional", "string", "other"]
"""What whylogs takes a column for; it decides which metrics it has. Columns of Python objects are "string"."""

_LARGEST = 2**63 - 1


@dataclass(slots=True)
class ColumnValues:
    """The values of a column, or of a batch of it, split by what sketches treat alike.

    Attributes:
        kind: What whylogs takes the column for.
        rows: How many values there are, the missing ones too.
        missing: How many are missing.
        nan: How many of these are NaN, rather than None or NA.
        ints: Integers.
        floats: Real numbers but NaN; integers beyond 64 bits too.
        strings: Texts.
        true: How many are True.
        false: How many are False.
        tensors: Arrays and lists of numbers.
        objects: Everything else.
    """

    kind: Kind
    rows: int
    missing: int = 0
    nan: int = 0
    ints: NDArray[np.int64] | None = None
    floats: NDArray[np.float64] | None = None
    strings: list[str] = field(default_factory=list)
    true: int = 0
    false: int = 0
    tensors: Collection[Any] = ()
    objects: Collection[Any] = ()


def columns_of(frame: Any) -> Iterator[tuple[str, ColumnValues]]:
    """Go through the columns of a frame.

    Args:
        frame: A DataFrame of pandas or polars, a Table or RecordBatch of pyarrow.

    Yields:
        The name of each column, made unique, and its values.

    Raises:
        TypeError: It is none of these.
    """
    read = _READERS.get(_library_of(frame))
    found = read(frame) if read else None
    if found is None:
        raise TypeError(
            "a DataFrame of pandas or polars, or a Table or RecordBatch of pyarrow is needed, not"
            f" {type(frame).__name__}"
        )
    names, columns = found
    return zip(unique_names(names), columns, strict=True)


def _library_of(value: Any) -> str:
    roots = (kind.__module__.partition(".")[0] for kind in type(value).__mro__)
    return next((root for root in roots if root in _READERS), "")


# ---- pandas -----------------------------------------------------------------------------------------------------


def _pandas_columns(frame: Any) -> tuple[list[Any], Iterator[ColumnValues]] | None:
    import pandas as pd

    if isinstance(frame, pd.Series):
        frame = frame.to_frame("value" if frame.name is None else frame.name)
    if not isinstance(frame, pd.DataFrame):
        return None
    # By position: frame[name] gives a frame where two columns have one name.
    return list(frame.columns), (_read_series(frame.iloc[:, place]) for place in range(frame.shape[1]))


def _read_series(series: Any) -> ColumnValues:
    import pandas as pd
    from pandas.api import types

    dtype = series.dtype
    if isinstance(dtype, pd.ArrowDtype):
        # whylogs cuts the decimals of arrow decimals off, and fails on arrow texts (`np.unicode_` was removed).
        return _read_arrow(series.array.__arrow_array__())
    if isinstance(dtype, pd.SparseDtype):
        return _read_series(series.sparse.to_dense())
    if isinstance(dtype, pd.CategoricalDtype):
        # whylogs fails on categoricals with missing values: its masks of them are no booleans.
        return _read_objects(series.astype(object).to_numpy(), series.isna().to_numpy())
    if types.is_object_dtype(dtype):
        return _read_objects(series.to_numpy(), series.isna().to_numpy())
    return _read_typed(series)


def _read_typed(series: Any) -> ColumnValues:
    """Read a column whose values are all of one type, or missing."""
    import pandas as pd
    from pandas.api import types

    dtype, rows = series.dtype, len(series)
    if types.is_float_dtype(dtype):
        return _read_floats(series)
    present = series.dropna()
    missing = rows - len(present)
    if types.is_bool_dtype(dtype):
        true = int(present.to_numpy(bool).sum())
        return ColumnValues("integral", rows, missing, true=true, false=len(present) - true)
    if types.is_integer_dtype(dtype):
        return _integers(present.to_numpy(dtype.numpy_dtype if hasattr(dtype, "numpy_dtype") else dtype), rows)
    if isinstance(dtype, pd.StringDtype):
        # whylogs fails on every column of texts (`np.unicode_` was removed).
        nan = missing if dtype.na_value is not pd.NA else 0
        return ColumnValues("string", rows, missing, nan, strings=present.tolist())
    # Times, periods, intervals: whylogs counts them; on numpy 2 it fails on them (`np.unicode_` was removed).
    return ColumnValues("other", rows, missing, objects=present)


def _read_floats(series: Any) -> ColumnValues:
    import numpy as np

    values = series.to_numpy(np.float64, na_value=np.nan)
    absent = np.isnan(values)
    missing = int(absent.sum())
    nan = 0 if hasattr(series.dtype, "numpy_dtype") else missing  # what a nullable column misses is NA
    return ColumnValues("fractional", len(values), missing, nan, floats=values[~absent] if missing else values)


def _integers(values: NDArray[Any], rows: int) -> ColumnValues:
    """Take whole numbers of any width; those beyond 64 bits as real numbers, where whylogs lets them wrap around."""
    import numpy as np

    found = ColumnValues("integral", rows, rows - len(values))
    if values.dtype.kind == "u" and len(values) and int(values.max()) > _LARGEST:
        large = values > _LARGEST
        found.floats, values = values[large].astype(np.float64), values[~large]
    found.ints = values.astype(np.int64, copy=False)
    return found


# ---- columns of Python objects ----------------------------------------------------------------------------------


def _read_objects(values: NDArray[Any], absent: NDArray[np.bool_]) -> ColumnValues:
    from pandas.api.types import infer_dtype

    missing = values[absent]
    nan = sum(isinstance(value, float | Decimal) for value in missing)
    found = ColumnValues("string", len(values), len(missing), nan)
    present = values[~absent] if len(missing) else values
    inferred = infer_dtype(present, skipna=False)
    if inferred == "string":
        found.strings = present.tolist()
    elif inferred in _COUNTED:
        found.objects = present
    else:
        _split(present, found)
    return found


_COUNTED = frozenset({"bytes", "date", "datetime", "datetime64", "interval", "period", "time", "timedelta"})
"""What `infer_dtype` calls columns of which whylogs only counts the values."""


def _split(values: Iterable[Any], found: ColumnValues) -> None:
    """Sort values by their type, one by one."""
    import numpy as np

    ints: list[int] = []
    floats: list[float] = []
    tensors: list[Any] = []
    objects: list[Any] = []
    for value in values:
        if isinstance(value, str):
            found.strings.append(value)
        elif isinstance(value, bool | np.bool_):
            found.true += bool(value)
            found.false += not value
        elif isinstance(value, int | np.integer):
            # whylogs: "OverflowError: Python int too large to convert to C long"
            small = -_LARGEST <= value <= _LARGEST
            ints.append(int(value)) if small else floats.append(_as_float(value))
        elif isinstance(value, float | np.floating | Decimal):
            floats.append(float(value))
        elif _is_tensor(value):
            tensors.append(value)
        else:
            objects.append(value)
    found.ints, found.floats = np.asarray(ints, np.int64), np.asarray(floats, np.float64)
    found.tensors, found.objects = tensors, objects


def _as_float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:  # beyond 1.8e308
        return float("inf") if value > 0 else float("-inf")


def _is_tensor(value: Any) -> bool:
    import numpy as np

    if not isinstance(value, list | np.ndarray):
        return False
    try:
        array = np.asarray(value)
    except ValueError:  # lists of different lengths
        return False
    return array.ndim > 0 and array.size > 0 and np.issubdtype(array.dtype, np.number)


# ---- pyarrow, and polars by way of it ---------------------------------------------------------------------------


def _arrow_columns(frame: Any) -> tuple[list[Any], Iterator[ColumnValues]] | None:
    if not hasattr(frame, "column_names") and not hasattr(frame, "schema"):
        return None
    return list(frame.schema.names), (_read_arrow(column) for column in frame.columns)


def _polars_columns(frame: Any) -> tuple[list[Any], Iterator[ColumnValues]] | None:
    if hasattr(frame, "to_frame") and not hasattr(frame, "columns"):
        frame = frame.to_frame()
    if not hasattr(frame, "get_columns"):
        return None
    return list(frame.columns), (_read_polars(column) for column in frame.get_columns())


def _read_polars(column: Any) -> ColumnValues:
    import numpy as np

    if str(column.dtype).startswith("Object"):  # arrow knows no Python objects
        values = np.empty(len(column), object)
        values[:] = column.to_list()
        return _read_objects(values, np.array([value is None for value in values], bool))
    return _read_arrow(column.to_arrow())


def _read_arrow(column: Any) -> ColumnValues:
    import pyarrow as pa
    from pyarrow import types

    arrow_type = column.type
    if types.is_dictionary(arrow_type):
        found = _read_arrow(column.cast(arrow_type.value_type))
        found.kind = "string"  # as for categoricals
        return found
    if isinstance(arrow_type, pa.BaseExtensionType):
        return _read_arrow(column.cast(arrow_type.storage_type))
    for belongs, read in _arrow_readers():
        if belongs(arrow_type):
            return read(column)
    present = column.drop_null()
    kind: Kind = "string" if types.is_nested(arrow_type) or types.is_null(arrow_type) else "other"
    return ColumnValues(kind, len(column), len(column) - len(present), objects=present)


def _arrow_readers() -> Sequence[tuple[Callable[[Any], bool], Callable[[Any], ColumnValues]]]:
    from pyarrow import types

    return (
        (types.is_boolean, _arrow_booleans),
        (types.is_integer, lambda column: _integers(_as_numpy(column.drop_null()), len(column))),
        (types.is_floating, _arrow_floats),
        (types.is_decimal, _arrow_floats),
        (_is_text, _arrow_texts),
        (types.is_list, _arrow_lists),
        (types.is_large_list, _arrow_lists),
        (types.is_fixed_size_list, _arrow_lists),
    )


def _is_text(arrow_type: Any) -> bool:
    from pyarrow import types

    return any(getattr(types, name)(arrow_type) for name in _TEXTS if hasattr(types, name))


_TEXTS = ("is_string", "is_large_string", "is_string_view")  # the last one is new in pyarrow 16


def _arrow_booleans(column: Any) -> ColumnValues:
    from pyarrow import compute

    true = compute.sum(column).as_py() or 0
    present = len(column) - column.null_count
    return ColumnValues("integral", len(column), column.null_count, true=true, false=present - true)


def _arrow_floats(column: Any) -> ColumnValues:
    import numpy as np
    import pyarrow as pa

    values = _as_numpy(column.drop_null().cast(pa.float64()))
    absent = np.isnan(values)
    nan = int(absent.sum())
    return ColumnValues(
        "fractional", len(column), column.null_count + nan, nan, floats=values[~absent] if nan else values
    )


def _arrow_texts(column: Any) -> ColumnValues:
    return ColumnValues("string", len(column), column.null_count, strings=_as_numpy(column.drop_null()).tolist())


def _arrow_lists(column: Any) -> ColumnValues:
    present = column.drop_null()
    found = ColumnValues("string", len(column), len(column) - len(present))
    _split(present.to_pylist(), found)
    return found


def _as_numpy(column: Any) -> NDArray[Any]:
    """Copy an Array or a ChunkedArray without missing values."""
    import pyarrow as pa

    values: NDArray[Any] = (
        column.to_numpy() if isinstance(column, pa.ChunkedArray) else column.to_numpy(zero_copy_only=False)
    )
    return values


_READERS: dict[str, Callable[[Any], tuple[list[Any], Iterator[ColumnValues]] | None]] = {
    "pandas": _pandas_columns,
    "polars": _polars_columns,
    "pyarrow": _arrow_columns,
}

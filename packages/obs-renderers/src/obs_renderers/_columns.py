"""Read columns of any library as numpy arrays or Python values; what cannot be read one way is read another way.

No library is imported to recognise what it did not make. Times are read as counts of a unit since 1970, as every
library keeps them: Python's own times end in the year 9999 and at microseconds, and polars panics beyond.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from msgspec import Struct

from obs_core.interruptions import let_pass
from obs_core.text.arrow_damage import DamagedDataError, damage_of, outer_damage_of
from obs_renderers._types import is_a

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "Column",
    "Floats",
    "IndexLevel",
    "Integers",
    "Numbers",
    "Rows",
    "Times",
    "Told",
    "Unit",
    "arrow_of",
    "half_float",
    "is_in_arrow",
    "is_missing",
    "numbers_of",
    "open_column",
    "tells_missing",
]

Unit = Literal["number", "seconds", "epoch", "utc"]
T = TypeVar("T")


class Integers(Struct, frozen=True):
    """A column's integers of up to 64 bits, with any number where one is missing."""

    values: NDArray[np.int64] | NDArray[np.uint64]
    missing: NDArray[np.bool_]


class Floats(Struct, frozen=True):
    """A column's floating-point numbers.

    Attributes:
        values: float64; NaN where one is missing.
        missing: Which are missing. What is NaN besides is a value: only numpy has no other word for missing.
        digits: How many decimal digits the column's own type holds.
    """

    values: NDArray[np.float64]
    missing: NDArray[np.bool_]
    digits: int = 15


class Times(Struct, frozen=True):
    """A column's times, dates, times of day or durations.

    Attributes:
        counts: Of `unit`; since 1970 in UTC, or since midnight.
        missing: Which are missing.
        unit: As numpy calls it: ``"D"``, ``"s"``, ``"ms"``, ``"us"`` or ``"ns"``.
        kind: ``"time"``, ``"date"``, ``"clock"`` (a time of day) or ``"duration"``.
        zone: The time zone that the times are shown in, as pandas takes one; None for times without a zone.
    """

    counts: NDArray[np.int64]
    missing: NDArray[np.bool_]
    unit: str
    kind: Literal["time", "date", "clock", "duration"]
    zone: Any = None

    @property
    def measured_in(self) -> Unit:
        """The unit of their seconds as numbers."""
        if self.kind == "duration":
            return "seconds"
        return "epoch" if self.zone is None else "utc"


class Numbers(Struct, frozen=True):
    """The numbers of a column, to count with.

    Attributes:
        values: float64, NaN where a value is missing; may share memory with the frame, so it must not be
            changed.
        unit: ``"seconds"`` for durations, ``"epoch"`` for times (seconds since 1970), ``"utc"`` for those of a zone,
            else ``"number"``.
    """

    values: NDArray[np.float64]
    unit: Unit = "number"


class Told(str):
    """What is shown of a value that Python cannot hold: the text that its library, or the error, gives."""

    __slots__ = ()


def is_missing(value: object) -> bool:
    """Tell whether a single value stands for "nothing there": None, NaN, NaT, pandas' NA."""
    if value is None:
        return True
    kind = type(value)
    if kind is str or kind is int or kind is bool:
        return False
    if issubclass(kind, float | complex):
        return bool(value != value)
    if kind.__name__ == "Decimal":
        return str(value).lower().endswith("nan")  # comparing a signalling NaN raises
    if kind.__name__ in ("NaTType", "NAType"):
        return True
    return kind.__module__ == "numpy" and kind.__name__ in _NUMPY_NANS and bool(value != value)


_NUMPY_NANS = ("float16", "float32", "longdouble", "datetime64", "timedelta64", "complex64", "complex128")


class Rows(ABC):
    """Something of which some rows can be read."""

    @abstractmethod
    def part(self, start: int, stop: int, step: int = 1) -> Column:
        """View some rows."""

    @abstractmethod
    def ends(self, head: int, tail: int) -> Column:
        """Copy the first and the last few rows."""


class Column(Rows):
    """A column, or some rows of it. Reading one never raises: what cannot be read is told as text.

    Attributes:
        raw: The library's own object.
        nan_is_missing: Whether NaN means that there is no value.
    """

    nan_is_missing = False

    def __init__(self, raw: Any) -> None:
        self.raw = raw

    def __len__(self) -> int:
        return len(self.raw)

    def integers(self) -> Integers | None:
        """Read integers; None for a column of anything else, or of longer ones."""
        return _tried(self._integers)

    def floats(self) -> Floats | None:
        """Read floating-point numbers; None for a column of anything else."""
        return _tried(self._floats)

    def times(self) -> Times | None:
        """Read times, dates, times of day or durations; None for a column of anything else."""
        return _tried(self._times)

    def places(self) -> NDArray[np.int64] | None:
        """Read which of its ordered categories each value is, -1 where one is missing; None for any other column."""
        return _tried(self._places)

    def values(self) -> list[Any]:
        """Read all values as Python holds them; one that it cannot hold as `Told`."""
        values = _tried(self._values)
        return [self._one(row) for row in range(len(self))] if values is None else values

    def missing(self) -> NDArray[np.bool_]:
        """Tell which values are missing."""
        import numpy as np

        mask = _tried(self._missing)
        if mask is not None:
            return mask
        return np.array([_is_surely_missing(value) for value in self.values()], dtype=np.bool_)

    def numbers(self) -> Numbers | None:
        """Read numbers, booleans, decimals, times or durations as float64; None for a column of anything else."""
        return _tried(self._numbers)

    @abstractmethod
    def _integers(self) -> Integers | None: ...

    @abstractmethod
    def _floats(self) -> Floats | None: ...

    @abstractmethod
    def _times(self) -> Times | None: ...

    def _places(self) -> NDArray[np.int64] | None:
        return None

    @abstractmethod
    def _values(self) -> list[Any]: ...

    @abstractmethod
    def _missing(self) -> NDArray[np.bool_]: ...

    @abstractmethod
    def _other_numbers(self) -> NDArray[np.float64] | None:
        """Read booleans, decimals and integers beyond 64 bits as float64."""

    def _one(self, row: int) -> Any:
        """Read one value by itself."""
        try:
            return self.part(row, row + 1)._values()[0]
        except BaseException as error:
            let_pass(error)
            return Told(_UNREADABLE.format(type(error).__name__))

    def _numbers(self) -> Numbers | None:
        import numpy as np

        times = self.times()
        if times is not None:
            if times.kind == "clock":
                return None
            seconds: NDArray[np.float64] = times.counts.astype(np.float64) * _SECONDS[times.unit]
            seconds[times.missing] = np.nan
            return Numbers(seconds, times.measured_in)
        floats = self.floats()
        if floats is not None:
            return Numbers(floats.values)
        integers = self.integers()
        if integers is not None:
            values = integers.values.astype(np.float64)
            values[integers.missing] = np.nan
            return Numbers(values)
        others = self._other_numbers()
        return None if others is None else Numbers(others)


_UNREADABLE = "<a value that cannot be read: {}>"

_MOST_LOOKED_AT = 1_000
"""Rows of which each is looked at by itself, if one of them is damaged."""

_SECONDS = {"D": 86_400.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}


def _tried(read: Callable[[], T | None]) -> T | None:
    """Read something; None if that fails in any way, so that another way is taken."""
    try:
        return read()
    except BaseException as error:
        let_pass(error)
        return None


def _is_surely_missing(value: object) -> bool:
    return _tried(lambda: is_missing(value)) is True


def open_column(raw: Any) -> Column:
    """Open a pandas or polars Series, or a pyarrow column."""
    if is_a(raw, "polars.Series"):
        return _PolarsColumn(raw)
    if is_a(raw, "pyarrow.ChunkedArray", "pyarrow.Array"):
        return _open_arrow(raw)
    if type(raw.dtype).__name__ == "ArrowDtype":
        # pandas itself has nothing to say of these: it hands all to pyarrow, and fails where that does.
        arrow = _tried(lambda: _open_arrow(arrow_of(raw)))
        if arrow is not None:
            return arrow
    if is_in_arrow(raw.dtype):
        return _PandasTexts(raw)
    return _PandasColumn(raw)


def numbers_of(column: Any) -> Numbers | None:
    """Read a column of numbers, booleans, decimals, times or durations; None for one of anything else.

    Args:
        column: A pandas or polars Series, or a pyarrow column.
    """
    return open_column(column).numbers()


def _open_arrow(raw: Any) -> Column:
    return _DamagedColumn(raw, len(raw)) if outer_damage_of(raw) else _ArrowColumn(raw)


def _refuse(column: Any) -> None:
    """Refuse to read a column of arrow that is damaged: some of that would end the process.

    Raises:
        DamagedDataError: It is.
    """
    damage = damage_of(column)
    if damage:
        raise DamagedDataError(damage)


def is_in_arrow(dtype: Any) -> bool:
    """Tell whether arrow holds the columns of a type of pandas."""
    return type(dtype).__name__ == "ArrowDtype" or str(getattr(dtype, "storage", "")).startswith("pyarrow")


def arrow_of(series: Any) -> Any:
    """Give the ChunkedArray that holds a column of pandas."""
    import pyarrow as pa

    array = series.array.__arrow_array__()
    return array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])


class _PandasColumn(Column):
    def __init__(self, raw: Any) -> None:
        super().__init__(raw)
        kind = type(raw.dtype).__name__
        if kind == "SparseDtype":
            self.raw = raw.astype(raw.dtype.subtype)
        # numpy has no other word for it; pandas' own types of numbers have.
        self.nan_is_missing = not kind.startswith(("Float32", "Float64"))

    def part(self, start: int, stop: int, step: int = 1) -> Column:
        return _PandasColumn(self.raw.iloc[start:stop:step])

    def ends(self, head: int, tail: int) -> Column:
        rows = len(self.raw)
        return _PandasColumn(self.raw.iloc[[*range(head), *range(rows - tail, rows)]])

    def _kind(self) -> str:
        """Give numpy's letter for the type; an empty text for categories, intervals and other of pandas' own."""
        import pandas as pd

        dtype = self.raw.dtype
        own = isinstance(dtype, (pd.CategoricalDtype, pd.PeriodDtype, pd.IntervalDtype))
        return "" if own else str(getattr(dtype, "kind", ""))

    def _integers(self) -> Integers | None:
        import numpy as np

        kind = self._kind()
        if kind not in ("i", "u"):
            return None
        missing = self._missing()
        target = np.dtype(np.uint64 if kind == "u" else np.int64)
        # With missing values the type must be named, or pandas goes through float64 and loses digits.
        values = self.raw.to_numpy(dtype=target, na_value=0) if missing.any() else self.raw.to_numpy()
        return Integers(values.astype(target, copy=False), missing)

    def _floats(self) -> Floats | None:
        import numpy as np

        dtype = self.raw.dtype
        if self._kind() != "f" or dtype.itemsize > 8:
            return None
        values = self.raw.to_numpy(dtype=np.float64, na_value=np.nan)
        missing = np.isnan(values) if self.nan_is_missing else self._missing()
        return Floats(_shortest(values, dtype.itemsize), missing, _DIGITS[dtype.itemsize])

    def _times(self) -> Times | None:
        import numpy as np

        kind = self._kind()
        if kind not in ("M", "m"):
            return None
        zone = getattr(self.raw.dtype, "tz", None)
        plain = self.raw.dt.tz_convert("UTC").dt.tz_localize(None) if zone is not None else self.raw
        values = plain.to_numpy()
        unit = np.datetime_data(values.dtype)[0]
        return Times(values.astype(np.int64), np.isnat(values), unit, "time" if kind == "M" else "duration", zone)

    def _places(self) -> NDArray[np.int64] | None:
        import numpy as np
        import pandas as pd

        dtype = self.raw.dtype
        ordered = isinstance(dtype, pd.CategoricalDtype) and dtype.ordered
        return self.raw.cat.codes.to_numpy(dtype=np.int64) if ordered else None

    def _values(self) -> list[Any]:
        return list(self.raw.tolist())

    def _missing(self) -> NDArray[np.bool_]:
        return self.raw.isna().to_numpy(dtype=bool)  # type: ignore[no-any-return]

    def _other_numbers(self) -> NDArray[np.float64] | None:
        import numpy as np

        kind = self._kind()
        if kind in ("b", "f"):
            with np.errstate(over="ignore"):
                numbers: NDArray[np.float64] = self.raw.to_numpy(dtype=np.float64, na_value=np.nan)
            longer = kind == "f" and (np.isinf(numbers) & np.isfinite(self.raw.to_numpy())).any()
            return None if longer else numbers
        return _python_numbers(self.values()) if kind == "O" and self.raw.dtype == object else None


class _PandasTexts(_PandasColumn):
    """Texts of pandas that arrow holds."""

    def part(self, start: int, stop: int, step: int = 1) -> Column:
        taken = self.raw.iloc[start:stop]
        if step != 1 and damage_of(arrow_of(taken)):
            return _DamagedColumn(taken, len(range(0, len(taken), step)))
        return _PandasTexts(taken if step == 1 else taken.iloc[::step])

    def ends(self, head: int, tail: int) -> Column:
        import pandas as pd

        # Not picked by their places: that reads the rows, which may be damaged.
        return _PandasTexts(pd.concat([self.raw.iloc[:head], self.raw.iloc[len(self.raw) - tail :]]))

    def _values(self) -> list[Any]:
        _refuse(arrow_of(self.raw))
        return super()._values()


class IndexLevel(Rows):
    """A level of a pandas index, of which only the rows that are asked for are made."""

    def __init__(self, index: Any, level: int) -> None:
        self._index = index
        self._level = level

    def part(self, start: int, stop: int, step: int = 1) -> Column:
        return self._open(self._index[start:stop:step])

    def ends(self, head: int, tail: int) -> Column:
        rows = len(self._index)
        return self._open(self._index[[*range(head), *range(rows - tail, rows)]])

    def _open(self, index: Any) -> Column:
        import pandas as pd

        return open_column(pd.Series(index.get_level_values(self._level), copy=False))


_DIGITS = {2: 4, 4: 7, 8: 15}


def _shortest(values: NDArray[np.float64], itemsize: int) -> NDArray[np.float64]:
    """Give half floats the decimal that they were written as: 0.1, not 0.09998."""
    import numpy as np

    if itemsize > 2:
        return values
    distinct, places = np.unique(values.astype(np.float16), return_inverse=True)
    return np.array([half_float(value) for value in distinct], dtype=np.float64)[places]


def half_float(value: Any) -> float:
    """Give numpy's half float as the shortest decimal that is nearest to it; a whole number as it is."""
    exact = float(value)
    return exact if exact.is_integer() else float(str(value))


def _python_numbers(values: Sequence[Any]) -> NDArray[np.float64] | None:
    """Read Python's numbers, decimals and fractions; None for a column that holds anything else."""
    import numpy as np

    numbers = np.full(len(values), np.nan)
    for row, value in enumerate(values):
        if is_missing(value):
            continue
        if not isinstance(value, (int, float, np.integer, np.floating)) and type(value).__name__ not in _EXACT:
            return None
        try:
            numbers[row] = float(value)
        except OverflowError:
            return None  # it is no infinite one
    return numbers


_EXACT = ("Decimal", "Fraction")


class _PolarsColumn(Column):
    def part(self, start: int, stop: int, step: int = 1) -> Column:
        taken = self.raw.slice(start, max(0, stop - start))
        return _PolarsColumn(taken if step == 1 else taken.gather_every(step))

    def ends(self, head: int, tail: int) -> Column:
        rows = len(self.raw)
        return _PolarsColumn(self.raw.gather([*range(head), *range(rows - tail, rows)]))

    def _physical(self, values: Any) -> Any:
        """Give numpy integers, with 0 where one is missing."""
        return values.fill_null(0).to_numpy()

    def _integers(self) -> Integers | None:
        import numpy as np

        name = str(self.raw.dtype)
        if name not in _POLARS_INTEGERS:
            return None
        target: Any = np.uint64 if name.startswith("U") else np.int64
        return Integers(self._physical(self.raw).astype(target, copy=False), self._missing())

    def _floats(self) -> Floats | None:
        import numpy as np

        name = str(self.raw.dtype)
        size = {"Float16": 2, "Float32": 4, "Float64": 8}.get(name)
        if size is None:
            return None
        values = np.asarray(self.raw.to_numpy(), dtype=np.float64)
        return Floats(_shortest(values, size), self._missing(), _DIGITS[size])

    def _times(self) -> Times | None:
        import numpy as np

        dtype, name = self.raw.dtype, type(self.raw.dtype).__name__
        name = str(dtype).partition("(")[0] if name == "DataTypeClass" else name
        kinds: dict[str, Any] = {"Datetime": "time", "Date": "date", "Time": "clock", "Duration": "duration"}
        if name not in kinds:
            return None
        unit = {"Date": "D", "Time": "ns"}.get(name) or dtype.time_unit
        counts = self._physical(self.raw.to_physical()).astype(np.int64)
        return Times(counts, self._missing(), unit, kinds[name], getattr(dtype, "time_zone", None))

    def _places(self) -> NDArray[np.int64] | None:
        import numpy as np

        if type(self.raw.dtype).__name__ != "Enum":  # polars' other categories have no order of their own
            return None
        places = self.raw.to_physical().to_numpy().astype(np.float64)
        return np.where(np.isnan(places), -1, places).astype(np.int64)

    def _values(self) -> list[Any]:
        return list(self.raw.to_list())

    def _one(self, row: int) -> Any:
        """Read a value that polars itself may panic at, a list of far dates, by way of Arrow."""
        held = _tried(lambda: (_arrow_value(self.raw.slice(row, 1).to_arrow()[0]),))
        return super()._one(row) if held is None else held[0]

    def _missing(self) -> NDArray[np.bool_]:
        return self.raw.is_null().to_numpy()  # type: ignore[no-any-return]

    def _other_numbers(self) -> NDArray[np.float64] | None:
        import sys

        import numpy as np

        name = str(self.raw.dtype)
        if name == "Boolean" or name.startswith(("Decimal", "Int128", "UInt128")):
            float64 = sys.modules["polars"].Float64
            return np.asarray(self.raw.cast(float64).to_numpy(), dtype=np.float64)
        return None


_POLARS_INTEGERS = frozenset({"Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64"})


class _ArrowColumn(Column):
    def part(self, start: int, stop: int, step: int = 1) -> Column:
        taken = self.raw.slice(start, max(0, stop - start))
        if step == 1:
            return _ArrowColumn(taken)
        rows = list(range(0, len(taken), step))
        return _DamagedColumn(taken, len(rows)) if damage_of(taken) else _ArrowColumn(taken.take(rows))

    def ends(self, head: int, tail: int) -> Column:
        import pyarrow as pa

        # Not taken by their places: that reads the rows, which may be damaged.
        ends = (self.raw.slice(0, head), self.raw.slice(len(self.raw) - tail))
        chunks = [chunk for end in ends for chunk in (end.chunks if _is_chunked(end) else [end])]
        return _ArrowColumn(pa.chunked_array(chunks, self.raw.type))

    def _plain(self, column: Any) -> NDArray[Any]:
        """Give a column of numbers as numpy, with 0 where one is missing."""
        import pyarrow.compute as pc

        filled = pc.fill_null(column, 0) if column.null_count else column
        whole: NDArray[Any] = filled.to_numpy() if _is_chunked(filled) else filled.to_numpy(zero_copy_only=False)
        return whole

    def _integers(self) -> Integers | None:
        import numpy as np
        import pyarrow as pa

        kind = self.raw.type
        if not pa.types.is_integer(kind):
            return None
        target: Any = np.uint64 if pa.types.is_unsigned_integer(kind) else np.int64
        return Integers(self._plain(self.raw).astype(target, copy=False), self._missing())

    def _floats(self) -> Floats | None:
        import numpy as np
        import pyarrow as pa

        kind = self.raw.type
        if not pa.types.is_floating(kind):
            return None
        size = kind.bit_width // 8
        missing = self._missing()
        column = self.raw.cast(pa.float64()) if size > 2 else self.raw
        values = self._plain(column) if size > 2 else np.array([v or 0 for v in column.to_pylist()])
        values = _shortest(np.array(values, dtype=np.float64), size)
        values[missing] = np.nan
        return Floats(values, missing, _DIGITS[size])

    def _times(self) -> Times | None:
        import numpy as np
        import pyarrow as pa

        kind, types = self.raw.type, pa.types
        if types.is_date(kind):
            unit, what = ("D" if types.is_date32(kind) else "ms"), "date"
        elif types.is_timestamp(kind) or types.is_duration(kind) or types.is_time(kind):
            unit = kind.unit
            what = "time" if types.is_timestamp(kind) else "duration" if types.is_duration(kind) else "clock"
        else:
            return None
        width = pa.int32() if kind.bit_width == 32 else pa.int64()
        counts = self._plain(self.raw.cast(width) if not hasattr(self.raw, "view") else self.raw.view(width))
        zone = getattr(kind, "tz", None)
        return Times(counts.astype(np.int64), self._missing(), unit, what, zone)  # type: ignore[arg-type]

    def values(self) -> list[Any]:
        many = len(self) > _MOST_LOOKED_AT and damage_of(self.raw)
        return _DamagedColumn(self.raw, len(self)).values() if many else super().values()

    def _places(self) -> NDArray[np.int64] | None:
        import numpy as np

        if not getattr(self.raw.type, "ordered", False) or damage_of(self.raw):
            return None
        whole = self.raw.unify_dictionaries().combine_chunks() if _is_chunked(self.raw) else self.raw
        return whole.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)  # type: ignore[no-any-return]

    def _values(self) -> list[Any]:
        _refuse(self.raw)
        return [_arrow_value(value) for value in self.raw]

    def _missing(self) -> NDArray[np.bool_]:
        if not tells_missing(self.raw.type):
            _refuse(self.raw)
        column = self.raw.is_null()
        mask: NDArray[np.bool_] = column.to_numpy() if _is_chunked(column) else column.to_numpy(zero_copy_only=False)
        return mask

    def _other_numbers(self) -> NDArray[np.float64] | None:
        import numpy as np
        import pyarrow as pa

        kind = self.raw.type
        if pa.types.is_boolean(kind):
            return np.array([np.nan if value is None else float(value) for value in self.raw.to_pylist()])
        return _python_numbers(self.values()) if pa.types.is_decimal(kind) else None


class _DamagedColumn(Column):
    """A column, or rows of it, that cannot be read without danger."""

    def __init__(self, raw: Any, rows: int) -> None:
        super().__init__(raw)
        self._rows = rows

    def __len__(self) -> int:
        return self._rows

    def part(self, start: int, stop: int, step: int = 1) -> Column:
        return _DamagedColumn(self.raw, len(range(self._rows)[start:stop:step]))

    def ends(self, head: int, tail: int) -> Column:
        return _DamagedColumn(self.raw, head + tail)

    def values(self) -> list[Any]:
        return [Told(_UNREADABLE.format(DamagedDataError.__name__))] * self._rows

    def missing(self) -> NDArray[np.bool_]:
        import numpy as np

        return np.zeros(self._rows, np.bool_)

    def _integers(self) -> Integers | None:
        return None

    def _floats(self) -> Floats | None:
        return None

    def _times(self) -> Times | None:
        return None

    def _values(self) -> list[Any]:
        return self.values()

    def _missing(self) -> NDArray[np.bool_]:
        return self.missing()

    def _other_numbers(self) -> NDArray[np.float64] | None:
        return None


def tells_missing(kind: Any) -> bool:
    """Tell whether columns of a type keep which rows are missing by themselves, and not with what they refer to."""
    return not str(kind).startswith(("dictionary<", "run_end_encoded<", "dense_union<", "sparse_union<"))


def _is_chunked(column: Any) -> bool:
    return is_a(column, "pyarrow.ChunkedArray")


def _arrow_value(scalar: Any) -> Any:
    """Read one value; one that Python cannot hold as what can be decoded of it, or as its library's text."""
    held = _tried(lambda: (scalar.as_py(),))
    if held is not None:
        return held[0]
    for read in (_decoded, _moment, _parts, lambda each: Told(str(each))):
        told = _tried(lambda read=read: (read(scalar),))  # type: ignore[misc]
        if told is not None:
            return told[0]
    return Told(f"<a {scalar.type} that Python cannot hold>")


def _decoded(scalar: Any) -> Told:
    """Write the bytes that are no text as escapes: texts that differ in them must not look the same."""
    return Told(scalar.as_buffer().to_pybytes().decode("utf-8", "backslashreplace"))


def _moment(scalar: Any) -> Told:
    """Write a time, date or duration beyond those of Python."""
    import numpy as np

    duration = is_a(scalar, "pyarrow.DurationScalar")
    unit: Any = {"date32[day]": "D", "date64[ms]": "ms"}.get(str(scalar.type)) or scalar.type.unit
    far = np.timedelta64(scalar.value, unit) if duration else np.datetime64(scalar.value, unit)
    return Told(str(far).replace("T", " "))


def _parts(scalar: Any) -> Any:
    """Read a list, a struct, or a value of a dictionary, of which some part cannot be held."""
    if is_a(scalar, "pyarrow.StructScalar"):
        return {name: _arrow_value(part) for name, part in scalar.items()}
    if is_a(scalar, "pyarrow.DictionaryScalar"):
        return _arrow_value(scalar.value)
    return [_arrow_value(part) for part in scalar.values]

"""Look at tables of several libraries in one way, importing none of them."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from msgspec import Struct

from obs_core.text.arrow_damage import outer_damage_of
from obs_renderers._cells import is_missing, label_text
from obs_renderers._columns import Column, IndexLevel, Rows, arrow_of, is_in_arrow, open_column, tells_missing
from obs_renderers._sampling import stride
from obs_renderers._types import is_a

__all__ = ["Frame", "Missing", "open_frame"]

_EXACT_ROWS = 50_000
_SAMPLED_ROWS = 2_000
_DTYPE_ROWS = 200

_PANDAS = ("pandas.DataFrame", "pandas.Series", "pandas.Index")
_POLARS = ("polars.DataFrame", "polars.Series")
_ARROW = ("pyarrow.Table", "pyarrow.RecordBatch")
_ARROW_COLUMNS = ("pyarrow.ChunkedArray", "pyarrow.Array")


class Missing(Struct, frozen=True):
    """How many values of a column are missing, and among how many rows that was counted."""

    count: int
    of: int


class Frame(ABC):
    """A table whose rows can be read a few at a time.

    Attributes:
        library: What it is called, ``"pandas DataFrame"``.
        rows: Number of rows.
        columns: Number of columns.
    """

    library: str
    rows: int
    columns: int

    @abstractmethod
    def label(self, column: int) -> str:
        """Name a column."""

    @abstractmethod
    def dtype(self, column: int) -> str:
        """Name a column's type."""

    @abstractmethod
    def raw(self, column: int) -> Any:
        """Give a whole column as its library's own object."""

    @abstractmethod
    def missing(self, column: int) -> Missing:
        """Count a column's missing values, on a sample of the rows where counting all would take long."""

    def column(self, column: int) -> Column:
        """Open a whole column, to be read by parts."""
        return open_column(self.raw(column))

    def is_named(self, column: int, name: object) -> bool:
        """Tell whether a column has this name."""
        return self.label(column) == name

    def names(self) -> list[str] | None:
        """Give what its library finds the columns by, if that is text for all of them."""
        return [self.label(column) for column in range(self.columns)]

    def index_labels(self) -> list[str]:
        """Name the levels of the rows' names; empty where rows are only numbered."""
        return []

    def index(self, level: int) -> Rows:
        """Open a level of the rows' names."""
        raise IndexError(level)


def open_frame(value: Any) -> Frame | None:
    """Open a table of any library known here, or say with None that it is none."""
    if is_a(value, *_PANDAS):
        return _PandasFrame(value)
    if is_a(value, *_POLARS):
        return _PolarsFrame(value)
    return _ArrowFrame(value) if is_a(value, *_ARROW, *_ARROW_COLUMNS) else None


class _PandasFrame(Frame):
    def __init__(self, value: Any) -> None:
        self.library = f"pandas {type(value).__name__}"
        multiple = is_a(value, "pandas.MultiIndex", "pandas.DataFrame")
        self._unnamed = not multiple and value.name is None
        if is_a(value, "pandas.MultiIndex"):
            value = value.to_frame(index=False, allow_duplicates=True)
        elif is_a(value, "pandas.Index"):
            value = value.to_frame(index=False)
        self._frame = value.to_frame() if is_a(value, "pandas.Series") else value
        self.rows, self.columns = self._frame.shape
        self._dtypes = list(self._frame.dtypes)
        self._in_arrow = [is_in_arrow(dtype) for dtype in self._dtypes]
        self._index_in_arrow = is_in_arrow(self._frame.index.dtype)

    def label(self, column: int) -> str:
        return "value" if self._unnamed else label_text(self._frame.columns[column])

    def raw(self, column: int) -> Any:
        column_of_frame = self._frame.iloc[:, column]
        return _series(column_of_frame) if self._index_in_arrow else column_of_frame

    def is_named(self, column: int, name: object) -> bool:
        return bool(self._frame.columns[column] == name) or self.label(column) == name

    def names(self) -> list[str] | None:
        labels = [] if self._unnamed else self._frame.columns.tolist()
        return labels if labels and all(type(label) is str for label in labels) else None

    def dtype(self, column: int) -> str:
        name = str(self._dtypes[column])
        if name == "object":
            return _object_dtype(self.column(column).part(0, _DTYPE_ROWS).values())
        return plain_dtype(name)

    def missing(self, column: int) -> Missing:
        if self._in_arrow[column]:
            return _arrow_missing(arrow_of(self.raw(column)))
        mask = self._sample(column).missing()
        return Missing(int(mask.sum()), len(mask))

    def _sample(self, column: int) -> Column:
        if self.rows <= _EXACT_ROWS:
            return self.column(column)
        if self._index_in_arrow or any(self._in_arrow):  # whose rows are read to be picked, and may be damaged
            return self.column(column).part(0, self.rows, stride(self.rows, _SAMPLED_ROWS))
        return open_column(self._sampled.iloc[:, column])

    @cached_property
    def _sampled(self) -> Any:
        """Every so many rows of all columns at once: a column by itself would be picked from memory far apart."""
        return self._frame.iloc[:: stride(self.rows, _SAMPLED_ROWS)]

    def index_labels(self) -> list[str]:
        index = self._frame.index
        if is_a(index, "pandas.RangeIndex") and index.name is None and (index.start, index.step) == (0, 1):
            return []
        return ["" if name is None else label_text(name) for name in index.names]

    def index(self, level: int) -> Rows:
        index = self._frame.index
        return open_column(_series(index)) if self._index_in_arrow else IndexLevel(index, level)


def _series(values: Any) -> Any:
    """Make a Series of its own of one, or of an index, without copying and without names of the rows."""
    import pandas as pd

    return pd.Series(values.array, copy=False)


_DATETIME = re.compile(r"^datetime64\[(?:s|ms|us|ns)(?:, (?P<zone>.+))?\]$")
_STRINGS = (
    "str",
    "string",
    "string[python]",
    "string[pyarrow]",
    "string[pyarrow_numpy]",
    "large_string[pyarrow]",
)


def plain_dtype(name: str) -> str:
    """Name a pandas type so that versions agree: without the storage of strings and the unit of times."""
    if times := _DATETIME.match(name):
        return f"datetime, {times['zone']}" if times["zone"] else "datetime"
    if name.startswith("timedelta64"):
        return "duration"
    if name.startswith("interval["):
        return "interval"
    return "str" if name in _STRINGS else name


def _object_dtype(values: Sequence[object]) -> str:
    kinds = {type(value).__name__ for value in values if not is_missing(value)}
    if kinds <= {"str"}:
        return "str" if kinds else "object"
    return f"object ({kinds.pop()})" if len(kinds) == 1 else "object (mixed)"


class _PolarsFrame(Frame):
    def __init__(self, value: Any) -> None:
        self.library = f"polars {type(value).__name__}"
        self._columns = [value] if is_a(value, "polars.Series") else value.get_columns()
        self.columns = len(self._columns)
        self.rows = len(self._columns[0]) if self._columns else value.height

    def label(self, column: int) -> str:
        return str(self._columns[column].name)

    def raw(self, column: int) -> Any:
        return self._columns[column]

    def dtype(self, column: int) -> str:
        return str(self._columns[column].dtype)

    def missing(self, column: int) -> Missing:
        return Missing(int(self._columns[column].null_count()), self.rows)


class _ArrowFrame(Frame):
    """A table, or a column as a table of one: pyarrow's own would refuse what is damaged."""

    def __init__(self, value: Any) -> None:
        self.library = f"pyarrow {type(value).__name__}"
        self._value = value
        self._alone = is_a(value, *_ARROW_COLUMNS)
        self.rows, self.columns = len(value), 1 if self._alone else value.num_columns

    def label(self, column: int) -> str:
        return "value" if self._alone else str(self._value.schema.field(column).name)

    def raw(self, column: int) -> Any:
        return self._value if self._alone else self._value.column(column)

    def dtype(self, column: int) -> str:
        return str(self.raw(column).type)

    def missing(self, column: int) -> Missing:
        return _arrow_missing(self.raw(column))


def _arrow_missing(values: Any) -> Missing:
    # Arrow counts the nulls of the numbers or runs alone in columns that refer to other values.
    if outer_damage_of(values):
        return Missing(0, len(values))
    if not tells_missing(values.type):
        return Missing(int(open_column(values).missing().sum()), len(values))
    return Missing(int(values.null_count), len(values))

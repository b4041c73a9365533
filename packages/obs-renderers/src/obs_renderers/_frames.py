"""Look at tables of several libraries in one way, importing none of them."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from msgspec import Struct

from obs_renderers._cells import is_missing, label_text
from obs_renderers._columns import Column, IndexLevel, Rows, open_column
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
    if is_a(value, *_ARROW):
        return _ArrowFrame(value)
    return _arrow_column(value) if is_a(value, *_ARROW_COLUMNS) else None


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

    def label(self, column: int) -> str:
        return "value" if self._unnamed else label_text(self._frame.columns[column])

    def raw(self, column: int) -> Any:
        return self._frame.iloc[:, column]

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
        mask = self._sample(column).missing()
        return Missing(int(mask.sum()), len(mask))

    def _sample(self, column: int) -> Column:
        if self.rows <= _EXACT_ROWS:
            return self.column(column)
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
        return IndexLevel(self._frame.index, level)


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
    def __init__(self, value: Any) -> None:
        self.library = f"pyarrow {type(value).__name__}"
        self._table = value
        self.rows, self.columns = value.num_rows, value.num_columns

    def label(self, column: int) -> str:
        return str(self._table.schema.field(column).name)

    def raw(self, column: int) -> Any:
        return self._table.column(column)

    def dtype(self, column: int) -> str:
        return str(self._table.schema.field(column).type)

    def missing(self, column: int) -> Missing:
        values = self._table.column(column)
        # Arrow counts the nulls of the numbers or runs alone in columns that refer to other values.
        refers = str(values.type).startswith(("dictionary<", "run_end_encoded<", "dense_union<", "sparse_union<"))
        return Missing(int(self.column(column).missing().sum() if refers else values.null_count), self.rows)


def _arrow_column(value: Any) -> Frame:
    """Open a single pyarrow column as a table of one."""
    import pyarrow as pa

    frame = _ArrowFrame(pa.table({"value": value}))
    frame.library = f"pyarrow {type(value).__name__}"
    return frame

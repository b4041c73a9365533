"""What a report needs of a frame, whichever library holds it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from obs_pandera.texts import label_of

__all__ = ["Frame", "open_frame"]


class Frame(Protocol):
    """A frame that is read a few cells at a time.

    Attributes:
        rows: Number of rows; None where it is not known without reading the data (a lazy frame).
        labels: Column labels, as text.
    """

    rows: int | None
    labels: list[str]

    def dtype(self, column: int) -> str:
        """Name the type of a column."""

    def cells(self, rows: Sequence[int], column: int) -> list[Any]:
        """Read some cells of a column."""

    def index(self, rows: Sequence[int]) -> list[str] | None:
        """Name some rows; None where rows have no names."""

    def mask_of(self, index_labels: Any) -> Any:
        """Tell which rows have one of these labels, as a numpy array of bool; None if labels do not name rows."""

    def missing(self, column: int) -> Any:
        """Tell in which rows a column has no value, as a numpy array of bool; None where that is not known."""


def open_frame(data: Any) -> Frame | None:
    """Read a frame of pandas or polars; None if it is neither."""
    kind = type(data)
    module = next((base.__module__ for base in kind.__mro__ if base.__module__.startswith(("pandas.", "polars."))), "")
    if module.startswith("pandas."):
        if data.ndim == 1:
            data = data.to_frame("values" if data.name is None else data.name)
        return _PandasFrame(data)
    if not module.startswith("polars."):
        return None
    return _LazyFrame(data) if hasattr(data, "collect_schema") and not hasattr(data, "height") else _PolarsFrame(data)


class _PandasFrame:
    def __init__(self, data: Any) -> None:
        self._data = data
        self.rows: int | None = len(data)
        self.labels = [label_of(label) for label in data.columns]

    def dtype(self, column: int) -> str:
        return str(self._data.dtypes.iloc[column])

    def cells(self, rows: Sequence[int], column: int) -> list[Any]:
        return list(self._data.iloc[list(rows), column])

    def index(self, rows: Sequence[int]) -> list[str] | None:
        return [label_of(label) for label in self._data.index[list(rows)]]

    def mask_of(self, index_labels: Any) -> Any:
        index = self._data.index
        if not index.is_unique:
            return None
        if index.nlevels > 1 and not all(isinstance(label, tuple) for label in index_labels):
            written = index.map(str).isin(index_labels)  # older pandera writes the labels of a MultiIndex as text
            return written if written.sum() == len(set(index_labels)) else None
        return index.isin(index_labels)

    def missing(self, column: int) -> Any:
        return self._data.iloc[:, column].isna().to_numpy()


class _PolarsFrame:
    def __init__(self, data: Any) -> None:
        self._data = data if hasattr(data, "columns") else data.to_frame()
        self.rows: int | None = self._data.height
        self.labels = list(self._data.columns)

    def dtype(self, column: int) -> str:
        return str(self._data.dtypes[column])

    def cells(self, rows: Sequence[int], column: int) -> list[Any]:
        return list(self._data.get_column(self.labels[column])[list(rows)])

    def index(self, rows: Sequence[int]) -> list[str] | None:
        return [str(row) for row in rows]

    def mask_of(self, index_labels: Any) -> Any:  # noqa: ARG002
        return None

    def missing(self, column: int) -> Any:
        return self._data.get_column(self.labels[column]).is_null().to_numpy()


class _LazyFrame:
    """A polars LazyFrame: its schema is known, its rows are not."""

    rows: int | None = None

    def __init__(self, data: Any) -> None:
        schema = data.collect_schema()
        self.labels = list(schema.names())
        self._dtypes = [str(dtype) for dtype in schema.dtypes()]

    def dtype(self, column: int) -> str:
        return self._dtypes[column]

    def cells(self, rows: Sequence[int], column: int) -> list[Any]:  # noqa: ARG002
        return []

    def index(self, rows: Sequence[int]) -> list[str] | None:  # noqa: ARG002
        return None

    def mask_of(self, index_labels: Any) -> Any:  # noqa: ARG002
        return None

    def missing(self, column: int) -> Any:  # noqa: ARG002
        return None

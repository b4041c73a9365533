"""Find out whether data of Arrow contradicts itself, as that of a damaged file may, before anybody looks at it.

Arrow checks nothing of what it reads: a text that ends before it begins, or beyond the memory there is, ends the
process (`std::length_error`, a segmentation fault) when it is written out, and no ``except`` sees that. Its own check,
``validate(full=True)``, reads all that a column refers to, also when a few rows are asked for: the lists that the other
rows have, each category of a dictionary. Here no more is read than the rows hold.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

__all__ = ["DamagedDataError", "damage_of", "outer_damage_of", "refuse_damaged"]

_SHOWN = 100
"""Rows at either end, and columns, that a `repr` of pyarrow or pandas may show; with their defaults it shows fewer."""

_FEW = 1_000
"""Rows of which the categories are looked at one by one."""

_LONGEST = 200


class DamagedDataError(ValueError):
    """Data of Arrow contradicts itself: whoever reads it may end the process."""


def outer_damage_of(column: Any) -> str:
    """Say what is wrong with the sizes of a column's memory, whatever it holds; takes about a microsecond a chunk.

    Args:
        column: An Array or ChunkedArray of pyarrow.

    Returns:
        What is wrong; empty if nothing is, and each single row may be looked for (`damage_of`).
    """
    import pyarrow as pa

    try:
        column.validate()
    except pa.ArrowException as error:
        return str(error)[:_LONGEST]
    return ""


def damage_of(column: Any) -> str:
    """Say what is wrong with a column, or some rows of it (``column.slice(0, 10)``), which alone are looked at.

    Args:
        column: An Array or ChunkedArray of pyarrow.

    Returns:
        What is wrong; empty if the rows can be read. Texts that are no UTF-8 can be.
    """
    import pyarrow as pa

    try:
        column.validate()
        for chunk in column.chunks if hasattr(column, "chunks") else [column]:
            _look_into(chunk)
    except pa.ArrowException as error:
        return str(error)[:_LONGEST]
    return ""


def _look_into(array: Any) -> None:
    """Look at what the rows of an array hold; that its own memory is large enough is known."""
    import pyarrow as pa
    from pyarrow import types

    kind = array.type
    if not len(array):
        return
    if isinstance(kind, pa.BaseExtensionType):
        _look_into(array.storage)
    elif types.is_struct(kind):
        for place in range(kind.num_fields):
            _look_into(array.field(place))
    elif types.is_dictionary(kind):
        _look_into_dictionary(array)
    elif types.is_list(kind) or types.is_large_list(kind) or types.is_map(kind):
        plain = pa.large_list(pa.null()) if types.is_large_list(kind) else pa.list_(pa.null())
        ends = [pa.nulls(len(array.values))]
        # The same places, of nothing: to look at these takes no time.
        places = pa.Array.from_buffers(plain, len(array), array.buffers()[:2], offset=array.offset, children=ends)
        places.validate(full=True)
        first, last = places.offsets[0].as_py(), places.offsets[len(array)].as_py()
        _look_into(array.values.slice(first, last - first))
    elif types.is_fixed_size_list(kind):
        _look_into(array.values.slice(array.offset * kind.list_size, len(array) * kind.list_size))
    elif not _is_of_one_width(kind):
        _look_at_all(array)


def _look_into_dictionary(array: Any) -> None:
    import pyarrow as pa

    categories = array.dictionary
    pa.DictionaryArray.from_arrays(array.indices, pa.nulls(len(categories))).validate(full=True)
    if len(array) > _FEW:
        _look_into(categories)
    else:
        for place in set(array.indices.drop_null().to_pylist()):
            _look_into(categories.slice(place, 1))


def _look_at_all(array: Any) -> None:
    from pyarrow import ArrowInvalid

    try:
        array.validate(full=True)
    except ArrowInvalid as error:
        # Where texts begin and end is looked at first: of unions, whose other parts are not seen then, it is not known.
        if "UTF8" not in str(error) or array.type.num_fields:
            raise


def _is_of_one_width(kind: Any) -> bool:
    try:
        return bool(kind.num_fields == 0 and kind.bit_width >= 0)
    except ValueError:
        return False


def refuse_damaged(value: object) -> None:
    """Refuse to look at a value of pyarrow or pandas that holds damaged data of Arrow where a `repr` shows it.

    Args:
        value: Anything; only what is of these libraries is looked at, and of that the first and last rows and columns.

    Raises:
        DamagedDataError: It does.
    """
    library = _library(type(value))
    if not library or "pyarrow" not in sys.modules:
        return
    for column in _arrow_shown(value) if library == "pyarrow" else _pandas_shown(value):
        damage = damage_of(column)
        if damage:
            raise DamagedDataError(f"data of Arrow is damaged: {damage}")


def _library(kind: type) -> str:
    for base in kind.__mro__:
        root = base.__module__.partition(".")[0] if type(base.__module__) is str else ""
        if root in ("pandas", "pyarrow"):
            return root
    return ""


def _arrow_shown(value: Any) -> Iterator[Any]:
    import pyarrow as pa

    if isinstance(value, pa.Array | pa.ChunkedArray):
        yield from _ends(value)
    elif isinstance(value, pa.Table | pa.RecordBatch):
        for place in _places(value.num_columns):
            yield from _ends(value.column(place))
    elif isinstance(value, pa.Scalar) and isinstance(getattr(value, "values", None), pa.Array):
        yield value.values


def _pandas_shown(value: Any) -> Iterator[Any]:
    import pandas as pd

    if isinstance(value, pd.DataFrame):
        for place in _places(value.shape[1]):
            yield from _arrow_of(value.dtypes.iloc[place], lambda place=place: value.iloc[:, place].array)
        for names in (value.index, value.columns):
            yield from _pandas_shown(names)
    elif isinstance(value, pd.MultiIndex):
        for level in value.levels:
            yield from _pandas_shown(level)
    elif isinstance(value, pd.Series | pd.Index | pd.api.extensions.ExtensionArray):
        yield from _arrow_of(value.dtype, lambda: getattr(value, "array", value))
        if isinstance(value, pd.Series):
            yield from _pandas_shown(value.index)


def _arrow_of(dtype: Any, array: Any) -> Iterator[Any]:
    """Give what is shown of a column of pandas, if Arrow holds it."""
    if type(dtype).__name__ == "ArrowDtype" or getattr(dtype, "storage", "") in ("pyarrow", "pyarrow_numpy"):
        yield from _ends(array().__arrow_array__())


def _ends(column: Any) -> Iterator[Any]:
    if len(column) <= 2 * _SHOWN:
        yield column
        return
    yield column.slice(0, _SHOWN)
    yield column.slice(len(column) - _SHOWN)


def _places(columns: int) -> Iterator[int]:
    yield from range(min(columns, _SHOWN))
    yield from range(max(_SHOWN, columns - _SHOWN), columns)

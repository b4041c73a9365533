"""Columns of pyarrow, of whatever came by way of it, and without copies where none of their values is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from obs_core.interruptions import let_pass
from obs_core.text.arrow_damage import damage_of, outer_damage_of
from obs_profiles.columns.objects import Shown, looks_of, read_objects, read_or_look
from obs_profiles.columns.texts import PIECE, PackedTexts, UnpackedTexts
from obs_profiles.columns.typed_arrays import read_booleans, read_numbers
from obs_profiles.columns.values import ELEMENTS_AT_ONCE, ColumnValues, CountedTexts, Durations, Times
from obs_profiles.damage import LONGEST_PROBLEM, ProfileFormatError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["batches", "columns", "packed", "python_values", "read_arrow"]


def columns(frame: Any) -> tuple[list[Any], Iterator[ColumnValues]] | None:
    """Return the names and values of a Table or RecordBatch, or of a column alone; None of anything else."""
    import pyarrow as pa

    if isinstance(frame, pa.Array | pa.ChunkedArray):
        return ["value"], iter([read_arrow(frame)])
    if not isinstance(frame, pa.Table | pa.RecordBatch):
        return None
    return list(frame.schema.names), (read_arrow(column) for column in frame.columns)


def batches(frame: Any, rows: int) -> Iterator[Any]:
    """Cut a table into pieces, without copying."""
    for start in range(0, len(frame), rows):
        yield frame.slice(start, rows)


def read_arrow(column: Any, dtype: str = "") -> ColumnValues:
    """Read an Array or ChunkedArray; what arrow itself cannot compute with is read as Python's objects.

    Args:
        column: The column.
        dtype: What its type is called; as arrow calls it if empty.

    Raises:
        ProfileFormatError: The column is damaged.
    """
    _refuse_damaged(column, full=False)
    dtype = dtype or str(column.type)
    return read_or_look(lambda: _read(column, dtype), lambda: python_values(column), len(column), dtype)


_REFERRING = ("is_dictionary", "is_run_end_encoded", "is_string_view", "is_binary_view")
"""Types of which the values stand elsewhere."""

_LISTS = ("is_list", "is_large_list", "is_fixed_size_list", "is_list_view", "is_large_list_view", "is_map")

_ROWS = 1 << 14
"""Values that are Python's at once: a million of lists would take many times the memory that arrow has them in."""


def _read(column: Any, dtype: str) -> ColumnValues:
    import pyarrow as pa
    from pyarrow import types

    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        if getattr(kind, "extension_name", "") == "arrow.bool8":
            present = _numpy(_storage(column).drop_null())
            return read_booleans(present != 0, len(column), dtype)
        if getattr(kind, "extension_name", "") == "arrow.uuid":
            return _read_looks(column, dtype, "object")  # as pandas has them, not as 16 bytes
        if getattr(kind, "extension_name", "") in ("pandas.period", "pandas.interval"):
            return read_objects(list(column.to_pandas().astype(object)), dtype)
        return read_arrow(_storage(column), dtype)
    if _is_a(kind, *_REFERRING):
        _refuse_damaged(column, full=True)  # arrow itself follows what they refer to
    if types.is_dictionary(kind):
        return _read_dictionary(column, dtype)
    if _is_a(kind, "is_run_end_encoded"):
        from pyarrow import compute

        return read_arrow(compute.run_end_decode(column), dtype)
    if _is_a(kind, "is_boolean"):
        return read_booleans(_numpy(column.drop_null()), len(column), dtype)
    if _is_a(kind, "is_integer", "is_floating"):
        return read_numbers(_numpy(column.drop_null()), len(column), dtype, nan_is_missing=False)
    if _is_a(kind, "is_decimal"):
        return _read_decimals(column, dtype)
    if _is_a(kind, "is_timestamp", "is_date", "is_time", "is_duration"):
        return _read_times(column, dtype)
    if _is_a(kind, "is_string", "is_large_string", "is_string_view"):
        return _read_texts(column, dtype, "text")
    if _is_a(kind, "is_binary", "is_large_binary", "is_binary_view", "is_fixed_size_binary"):
        return _read_texts(column, dtype, "bytes")
    if _is_a(kind, "is_interval"):  # as Python has them they are tuples of three numbers, and no lists
        return _read_looks(column, dtype, "object", lambda value: Shown(repr(value)))
    if types.is_struct(kind):
        return _read_looks(column, dtype, "mapping")
    if _is_a(kind, *_LISTS):
        found = _read_looks(column, dtype, "list")
        if found.types:
            found.sizes = _sizes(column)
            found.elements += [lambda: _elements(column)] * (not types.is_map(kind))
        return found
    return read_objects(python_values(column), dtype)


def _refuse_damaged(column: Any, *, full: bool) -> None:
    """Refuse a column that contradicts itself, as one of a damaged file may: arrow checks none that it reads.

    Args:
        column: The column.
        full: Look at each value, too.

    Raises:
        ProfileFormatError: It does; texts that are no UTF-8 are shown as such.
    """
    problem = damage_of(column) if full else outer_damage_of(column)
    if problem:
        raise ProfileFormatError(f"a column of {column.type} is damaged: {problem[:LONGEST_PROBLEM]}")


class _Unreadable:
    """Stands for a value that Python has no place for: a moment in the year 146,138,514, text that is no UTF-8."""

    def __init__(self, kind: Any) -> None:
        self._kind = str(kind)

    def __repr__(self) -> str:
        return f"<a value of {self._kind} that Python cannot hold>"


def python_values(column: Any) -> list[Any]:
    """Return the values of an Array or ChunkedArray as Python has them.

    Raises:
        ProfileFormatError: The column is damaged.
    """
    _refuse_damaged(column, full=True)  # arrow would read whatever memory the column points to
    return _as_python(column)


def _as_python(column: Any) -> list[Any]:
    try:
        values: list[Any] = column.to_pylist()
    except BaseException as error:
        let_pass(error)
        return [_python_value(value) for value in column]
    return values


def _python_value(value: Any) -> Any:
    try:
        return value.as_py()
    except BaseException as error:
        let_pass(error)
        return _Unreadable(value.type)


def _is_a(kind: Any, *names: str) -> bool:
    """Tell whether a type is one of some, of which older versions do not know all."""
    from pyarrow import types

    return any(getattr(types, name)(kind) for name in names if hasattr(types, name))


def _chunks(column: Any) -> list[Any]:
    return list(column.chunks) if hasattr(column, "chunks") else [column]


def _storage(column: Any) -> Any:
    import pyarrow as pa

    return pa.chunked_array([chunk.storage for chunk in _chunks(column)], column.type.storage_type)


def _numpy(column: Any) -> NDArray[Any]:
    """View a column without missing values; several chunks are copied into one."""
    parts = [chunk.to_numpy(zero_copy_only=False) for chunk in _chunks(column)]
    if len(parts) == 1:
        return parts[0]  # type: ignore[no-any-return]
    return np.concatenate(parts) if parts else np.empty(0, column.type.to_pandas_dtype())


def _read_decimals(column: Any, dtype: str) -> ColumnValues:
    """Read decimals as the nearest floats, or as integers, each as it would be as an object of Python."""
    import pyarrow as pa

    scale = column.type.scale
    if not 0 <= scale <= 22 or not _is_a(column.type, "is_decimal32", "is_decimal64", "is_decimal128"):
        return _read_parts(column, dtype)
    wide = column.drop_null().cast(pa.decimal128(38, scale))
    halves = np.concatenate([np.empty((0, 2), np.int64), *map(_halves, _chunks(wide))])
    # Up to 2^53 a number is a float, and so is a power of ten up to the 22nd: their quotient is the nearest one.
    if np.any((halves[:, 1] != halves[:, 0] >> 63) | (np.abs(halves[:, 0]) > 1 << 53) | (halves[:, 0] == -(2**63))):
        return _read_parts(column, dtype)
    return read_numbers(halves[:, 0] / 10.0**scale, len(column), dtype, nan_is_missing=False)


def _read_parts(column: Any, dtype: str) -> ColumnValues:
    """Read decimals as Python's, some at once: each takes a hundred bytes then."""
    parts = [read_objects(python_values(column.slice(start, _ROWS)), dtype) for start in range(0, len(column), _ROWS)]
    return ColumnValues.joined(parts, dtype)


def _halves(decimals: Any) -> NDArray[np.int64]:
    """View decimals of 128 bits as their lower and their upper half."""
    return np.frombuffer(decimals.buffers()[1], "<i8").reshape(-1, 2)[decimals.offset :][: len(decimals)]


def _read_times(column: Any, dtype: str) -> ColumnValues:
    import pyarrow as pa
    from pyarrow import types

    kind, present = column.type, column.drop_null()
    unit: Any = "D" if types.is_date32(kind) else "ms" if types.is_date64(kind) else kind.unit
    wide = pa.int32() if kind.bit_width == 32 else pa.int64()
    values = np.concatenate([np.empty(0, np.int64), *(_numpy(chunk.view(wide)) for chunk in _chunks(present))])
    found = ColumnValues(dtype, len(column), len(column) - len(values))
    if types.is_timestamp(kind) or types.is_date(kind):
        found.zone = getattr(kind, "tz", None) or ""
        found.add_type("time", len(values))
        found.times += [Times(values.astype(np.int64, copy=False), unit)] * bool(len(values))
    else:
        found.add_type("duration", len(values))
        found.durations += [Durations(values.astype(np.int64, copy=False), unit)] * bool(len(values))
    return found


def _read_texts(column: Any, dtype: str, kind: Any) -> ColumnValues:
    found = ColumnValues(dtype, len(column), column.null_count)
    found.add_type(kind, len(column) - column.null_count)
    parts = (_texts_of(chunk) for chunk in _chunks(column) if len(chunk) > chunk.null_count)
    found.texts += [CountedTexts(part, kind=kind) for part in parts]
    return found


def _texts_of(array: Any) -> PackedTexts | UnpackedTexts:
    """View the buffers of an array of texts or bytes; those of views are copied into others when they are looked at."""
    if not _is_a(array.type, "is_string_view", "is_binary_view"):
        return packed(array)
    rows = _present(array)
    # A view has 16 bytes, and begins with how many bytes its text has.
    lengths = np.frombuffer(array.buffers()[1], "<i4").reshape(-1, 4)[array.offset : array.offset + len(array), 0]

    def pack(start: int, stop: int) -> PackedTexts:
        return packed(_between(array, rows, start, stop))

    return UnpackedTexts((lengths if rows is None else lengths[rows]).astype(np.int64), pack)


def _between(column: Any, rows: NDArray[np.int64] | None, start: int, stop: int) -> Any:
    """Return the rows of some of the values that are there, and the missing ones between them."""
    first, last = (start, stop) if rows is None else (int(rows[start]), int(rows[stop - 1]) + 1)
    return column.slice(first, last - first)


def _present(column: Any) -> NDArray[np.int64] | None:
    """Return where the values are that are not missing; None if that is everywhere."""
    return np.flatnonzero(np.asarray(column.is_valid())) if column.null_count else None


def packed(array: Any) -> PackedTexts:
    """View the buffers of an array of texts or bytes, without those that are missing; views are copied."""
    import pyarrow as pa

    if _is_a(array.type, "is_fixed_size_binary"):
        return _packed_alike(array)
    if _is_a(array.type, "is_string_view", "is_binary_view"):
        array = array.cast(pa.large_string() if _is_a(array.type, "is_string_view") else pa.large_binary())
    wide = np.int64 if str(array.type).startswith("large") else np.int32
    _, offsets, data = array.buffers()
    ends = np.frombuffer(offsets, wide)[array.offset : array.offset + len(array) + 1].astype(np.int64)
    starts, lengths = ends[:-1], np.diff(ends)
    size = 0 if data is None else data.size
    if len(lengths) and (starts[0] < 0 or int(lengths.min()) < 0 or ends[-1] > size):
        raise ValueError("a text ends before it begins, or beyond the data")
    rows = _present(array)
    if rows is not None:
        starts, lengths = starts[rows], lengths[rows]
    return PackedTexts(np.frombuffer(b"" if data is None else data, np.uint8), starts, lengths)


def _packed_alike(array: Any) -> PackedTexts:
    """View the buffer of an array of bytes that are equally many each."""
    rows, width = _present(array), array.type.byte_width
    starts = (np.arange(len(array)) if rows is None else rows) + array.offset
    data = np.frombuffer(array.buffers()[1] or b"", np.uint8)
    return PackedTexts(data, starts * width, np.full(len(starts), width))


def _read_looks(column: Any, dtype: str, kind: str, shown: Callable[[Any], Any] | None = None) -> ColumnValues:
    """Read values that are known by what they look like; they are Python's when they are looked at, some at once.

    Args:
        column: The column.
        dtype: What its type is called.
        kind: What its values are.
        shown: Returns what stands for a value.
    """
    _refuse_damaged(column, full=True)
    found = ColumnValues(dtype, len(column), column.null_count)
    present = len(column) - column.null_count
    found.add_type(kind, present)
    rows = _present(column)

    def read(start: int, stop: int) -> Iterator[Any]:
        for part in _small_parts(_between(column, rows, start, stop)):
            yield from (value if shown is None else shown(value) for value in _as_python(part) if value is not None)

    found.texts += [looks_of(present, read)] * bool(present)
    return found


def _small_parts(column: Any) -> Iterator[Any]:
    """Cut a column into parts of which each is small: of a list of a million numbers Python has a million objects."""
    size = column.nbytes
    if len(column) < 2 or size <= PIECE // 4:
        yield column
        return
    middle = len(column) // 2
    halves = column.slice(0, middle), column.slice(middle)
    if sum(half.nbytes for half in halves) > 1.5 * size:
        yield column  # most of it is what all rows refer to
        return
    for half in halves:
        yield from _small_parts(half)


def _sizes(column: Any) -> NDArray[np.int64]:
    """Return how many elements each list has."""
    return np.concatenate([np.empty(0, np.int64), *map(_sizes_of, _chunks(column))])


def _sizes_of(array: Any) -> NDArray[np.int64]:
    if _is_a(array.type, "is_fixed_size_list"):
        sizes = np.full(len(array), array.type.list_size)
    elif _is_a(array.type, "is_list_view", "is_large_list_view"):
        sizes = np.asarray(array.sizes)
    else:
        sizes = np.diff(np.asarray(array.offsets))
    rows = _present(array)
    return (sizes if rows is None else sizes[rows]).astype(np.int64, copy=False)


def _elements(lists: Any) -> Iterator[ColumnValues]:
    """Read what lists hold, some at once; of lists of lists, what the innermost ones hold."""
    import pyarrow as pa
    from pyarrow import types

    kind, flat = lists.type, _chunks(lists)
    while _is_a(kind, *_LISTS) and not types.is_map(kind):
        kind, flat = kind.value_type, [chunk.flatten() for chunk in flat]
    whole = pa.chunked_array(flat, kind)
    for start in range(0, len(whole), ELEMENTS_AT_ONCE):
        yield read_arrow(whole.slice(start, ELEMENTS_AT_ONCE))


def _read_dictionary(column: Any, dtype: str) -> ColumnValues:
    """Read the values of a dictionary that occur, each once, with how often it does."""
    import pyarrow as pa

    if hasattr(column, "unify_dictionaries"):
        column = column.unify_dictionaries()
    chunks = _chunks(column)
    values = chunks[0].dictionary if chunks else pa.array([], column.type.value_type)
    counts = np.zeros(len(values), np.int64)
    for chunk in chunks:
        counts += np.bincount(_numpy(chunk.indices.drop_null()), minlength=len(values))
    there = np.flatnonzero(counts)
    used = values if len(there) == len(values) else values.take(pa.array(there))
    read = read_arrow(used).with_counts(counts[there])
    if read is None:
        # Taken, not cast: of lists and the like arrow knows no cast.
        plain = [chunk.dictionary.take(chunk.indices) for chunk in chunks]
        return read_arrow(pa.chunked_array(plain, column.type.value_type), dtype)
    read.dtype, read.rows, read.missing = dtype, len(column), len(column) - read.rows
    return read

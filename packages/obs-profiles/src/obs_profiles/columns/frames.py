"""Which library a frame is of; a library is imported only when it gave the frame."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from obs_core.interruptions import let_pass
from obs_core.secrets import mask
from obs_profiles.columns.arrays import read_array
from obs_profiles.columns.objects import look, read_objects
from obs_profiles.columns.values import ColumnValues
from obs_profiles.damage import LONGEST_PROBLEM, ProfileFormatError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "batches_of",
    "columns_of",
    "is_frame",
    "is_frame_elsewhere",
    "is_frame_type",
    "names_of",
    "rows_of",
    "storable",
    "unique_names",
]

_FRAMES = frozenset({"Array", "ChunkedArray", "DataFrame", "RecordBatch", "Series", "Table"})
_LIBRARIES = ("pandas", "polars", "pyarrow")

_FRAMES_ELSEWHERE = frozenset({"DataFrame", "LazyFrame", "Series"})
"""What lazy frames, and those of other libraries, are called: of Dask, Spark, Modin, ..."""

_READERS = frozenset({"Dataset", "RecordBatchReader", "Scanner", "TextFileReader"})
"""What pandas and pyarrow call data that is read when somebody asks for it."""

_PROTOCOLS = ("__arrow_c_stream__", "__dataframe__")

_NEEDED = (
    "a DataFrame of pandas or polars, a Table of pyarrow, an array of numpy or a mapping of names to columns is needed"
)

BATCH_ROWS = 1 << 20
"""Rows that are read at once: sketches remember which row a text is in, in 20 of 64 bits."""

_FILE_ROWS = 1 << 17


def is_frame(value: Any) -> bool:
    """Tell whether a value is a frame, or a column, in memory: of pandas, polars or pyarrow, or of a subclass."""
    return is_frame_type(type(value))


def is_frame_type(kind: type) -> bool:
    """Tell whether the values of a class are frames, or columns, in memory."""
    return any(base.__name__ in _FRAMES for base in kind.__mro__ if _root(base) in _LIBRARIES)


def is_frame_elsewhere(kind: type) -> bool:
    """Tell whether the values of a class are frames that are not in memory, or of a library that we do not know."""
    if is_frame_type(kind):
        return False
    by_name = any(
        base.__name__ in _FRAMES_ELSEWHERE or (base.__name__ in _READERS and _root(base) in _LIBRARIES)
        for base in kind.__mro__
    )
    return by_name or any(hasattr(kind, name) for name in _PROTOCOLS)


def columns_of(frame: Any) -> Iterator[tuple[str, ColumnValues]]:
    """Go through the columns of a frame.

    Args:
        frame: A DataFrame or Series of pandas or polars; a Table, RecordBatch or column of pyarrow; an array of numpy
            of one or two dimensions, or of records; a mapping of names to sequences of one length.

    Yields:
        The name of each column, made unique, and its values.

    Raises:
        TypeError: It is none of these.
        ValueError: The sequences of a mapping are of different lengths.
    """
    names, columns = _read(frame)
    return zip(unique_names(names), columns, strict=True)


def names_of(frame: Any) -> list[str]:
    """Return the names that `columns_of` gives the columns of a frame."""
    return unique_names(_read(frame)[0])


def _read(frame: Any) -> tuple[list[Any], Iterator[ColumnValues]]:
    found = _from_library(frame) or _from_numpy(frame) or _from_mapping(frame)
    if found is None:
        raise TypeError(f"{_NEEDED}, not {type(frame).__name__}{_way_here(frame)}")
    return found


_WITH_DASK = "profile a Dask frame on its cluster: obs_dask.profile(frame), of obs-dask[profiles]; or compute() it"

_WAYS = {
    "dask": _WITH_DASK,
    "dask_expr": _WITH_DASK,
    "pyspark": "convert the Spark frame first, to arrow: frame.toArrow(), or to pandas: frame.toPandas()",
    "ibis": "convert the ibis expression to arrow first: expression.to_pyarrow()",
    "duckdb": "convert the DuckDB relation to an arrow Table first: relation.to_arrow_table()",
    "_duckdb": "convert the DuckDB relation to an arrow Table first: relation.to_arrow_table()",
    "modin": "convert the Modin frame to pandas first: frame.modin.to_pandas()",
    "xarray": "convert the xarray data to a pandas frame first: data.to_dataframe().reset_index()",
    "cudf": "convert the cuDF frame to pandas first: frame.to_pandas()",
}
"""How data of other libraries gets here, by the library's name."""


def _way_here(frame: Any) -> str:
    """Say how data of a library that we do not read can be profiled; nothing of one that we do not know."""
    found = next((_WAYS[root] for kind in type(frame).__mro__ if (root := _root(kind)) in _WAYS), None)
    return f"; {found}" if found else ""


def batches_of(data: Any) -> Iterator[Any]:
    """Go through data in pieces that fit in memory; an empty one at the end, should there be no other.

    Args:
        data: What `columns_of` takes; or the path of a Parquet file, a LazyFrame of polars, or any iterable of frames.

    Raises:
        TypeError: It is none of these.
        ProfileFormatError: It is damaged.
    """
    if isinstance(data, str | os.PathLike):
        yield from _file_batches(data)
    elif type(data).__name__ == "LazyFrame" and hasattr(data, "collect"):
        yield from _lazy_batches(data)
    elif (library := _library_of(data)) is not None or isinstance(data, np.ndarray | Mapping | bytes):
        yield from _pieces(data, library)
    elif hasattr(data, "__arrow_c_stream__") or _is_dataset(type(data)):
        yield from _stream_batches(data)
    elif isinstance(data, Iterable) and not _way_here(data):
        for part in data:
            library = _library_of(part)
            if library is None and not isinstance(part, np.ndarray | Mapping):
                kinds = f"{type(data).__name__} of {type(part).__name__}"
                raise TypeError(f"{_NEEDED}, or many of them, not {kinds}{_way_here(part)}")
            yield from _pieces(part, library)
    else:
        yield data  # what is no data is refused by name


def _is_dataset(kind: type) -> bool:
    return any(base.__name__ in ("Dataset", "Scanner") for base in kind.__mro__ if _root(base) == "pyarrow")


def unique_names(names: Iterable[Any]) -> list[str]:
    """Make names texts that differ: of ``["a", "a", 1]`` that is ``["a", "a.1", "1"]``, as pandas reads such files.

    Secrets in them are masked.
    """
    # What becomes one text when it is written must differ before.
    texts = [storable(" / ".join(map(_name, name)) if isinstance(name, tuple) else _name(name)) for name in names]
    if len(set(texts)) == len(texts):
        return texts
    taken, seen = set(texts), set[str]()
    numbers: dict[str, int] = {}
    for place, text in enumerate(texts):
        if text in seen:
            number = numbers.get(text, 1)
            while f"{text}.{number}" in taken:
                number += 1
            numbers[text] = number + 1
            texts[place] = f"{text}.{number}"
            taken.add(texts[place])
        seen.add(text)
    return texts


def _name(value: Any) -> str:
    try:
        return mask(str(value))
    except BaseException as error:
        let_pass(error)
        return look(value)


def storable(text: str) -> str:
    """Write halves of surrogate pairs, which no file takes, as what they are called."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def _root(kind: type) -> str:
    return kind.__module__.partition(".")[0]


def _library_of(value: Any) -> ModuleType | None:
    roots = (_root(kind) for kind in type(value).__mro__)
    found = next((root for root in roots if root in _LIBRARIES), None)
    return _module(found) if found and is_frame(value) else None


def _module(library: str) -> ModuleType:
    from importlib import import_module

    names = {"pandas": "pandas_columns", "polars": "polars_columns", "pyarrow": "arrow_columns"}
    return import_module(f"obs_profiles.columns.{names[library]}")


def _from_library(frame: Any) -> tuple[list[Any], Iterator[ColumnValues]] | None:
    library = _library_of(frame)
    found: tuple[list[Any], Iterator[ColumnValues]] | None = library.columns(frame) if library else None
    return found


def _from_numpy(frame: Any) -> tuple[list[Any], Iterator[ColumnValues]] | None:
    if not isinstance(frame, np.ndarray):
        return None
    if frame.dtype.names:
        return list(frame.dtype.names), (read_array(frame[name]) for name in frame.dtype.names)
    if frame.ndim == 2:
        plain = frame.A if isinstance(frame, np.matrix) else frame  # a column of a matrix is a matrix
        return list(range(frame.shape[1])), (read_array(plain[:, place]) for place in range(frame.shape[1]))
    if frame.ndim != 1:
        what = "a single value, with no dimension" if frame.ndim == 0 else f"one of {frame.ndim} dimensions"
        raise TypeError(f"an array of numpy has one dimension, or two, of which the second are columns; this is {what}")
    return ["value"], iter([read_array(frame)])


def _from_mapping(frame: Any) -> tuple[list[Any], Iterator[ColumnValues]] | None:
    if not isinstance(frame, Mapping):
        return None
    columns = _sequences(frame)
    return list(columns), (_read_sequence(values) for values in columns.values())


def _sequences(frame: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return the columns of a mapping, each of which can be read more than once.

    Raises:
        TypeError: One of them is no sequence of values.
        ValueError: They are of different lengths.
    """
    columns = {name: _sequence(name, values) for name, values in frame.items()}
    if len({len(values) for values in columns.values()}) > 1:
        named = ", ".join(f"{_name(name)}: {len(values)}" for name, values in list(columns.items())[:5])
        raise ValueError(f"columns must have the same length; these differ: {named}")
    return columns


def rows_of(column: Any, rows: slice | NDArray[np.int64]) -> Any:
    """Return rows of a column by their places, whatever its own index says."""
    if hasattr(column, "iloc"):
        return column.iloc[rows]
    if isinstance(rows, slice) or isinstance(column, np.ndarray) or _root(type(column)) == "polars":
        return column[rows]
    return column.take(rows) if _root(type(column)) == "pyarrow" else [column[row] for row in rows.tolist()]


def _sequence(name: Any, values: Any) -> Any:
    has_columns = hasattr(type(values), "columns")  # a frame of any library, or a profile, which yields their names
    elsewhere, kind = _way_here(values), type(values).__name__
    if has_columns or elsewhere or isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise TypeError(f"column {_name(name)!r} is a sequence of values, not {kind}{elsewhere}")
    return values if _library_of(values) or isinstance(values, np.ndarray | list) else list(values)


def _read_sequence(values: Any) -> ColumnValues:
    if isinstance(values, np.ndarray):
        return read_array(values)
    found = _from_library(values)
    return read_objects(values) if found is None else next(iter(found[1]))


def _pieces(frame: Any, library: ModuleType | None) -> Iterator[Any]:
    if isinstance(frame, Mapping):
        frame = _sequences(frame)
    if library is None or not hasattr(frame, "__len__") or len(frame) <= BATCH_ROWS:
        if isinstance(frame, np.ndarray) and len(frame.shape) and len(frame) > BATCH_ROWS:
            for start in range(0, len(frame), BATCH_ROWS):
                yield frame[start : start + BATCH_ROWS]
        elif isinstance(frame, Mapping) and frame and len(longest := next(iter(frame.values()))) > BATCH_ROWS:
            for start in range(0, len(longest), BATCH_ROWS):
                yield {name: rows_of(values, slice(start, start + BATCH_ROWS)) for name, values in frame.items()}
        else:
            yield frame
    else:
        yield from library.batches(frame, BATCH_ROWS)


def _file_batches(path: str | os.PathLike[str]) -> Iterator[Any]:
    if not os.path.exists(path):
        raise FileNotFoundError(errno.ENOENT, "there is no such file, of a profile or of Parquet", os.fspath(path))
    from pyarrow import ArrowException

    from obs_profiles.columns.arrow_files import file_batches

    named = _damage_named(f"{os.fspath(path)}: pyarrow", ArrowException, OSError, UnicodeDecodeError)
    with named:
        yield from file_batches(path)


def _lazy_batches(frame: Any) -> Iterator[Any]:
    from polars.exceptions import ComputeError, OutOfBoundsError, PanicException

    with _damage_named("this LazyFrame: polars", ComputeError, OutOfBoundsError, PanicException, OSError):
        if hasattr(frame, "collect_batches"):
            yield from frame.collect_batches(chunk_size=_FILE_ROWS)
            yield frame.head(0).collect()  # its columns, should there be no row
        else:
            yield from _module("polars").batches(frame.collect(), BATCH_ROWS)


def _stream_batches(data: Any) -> Iterator[Any]:
    import pyarrow as pa

    from obs_profiles.columns.arrow_files import dataset_batches, stream_batches

    with _damage_named(f"this {type(data).__name__}: pyarrow", pa.ArrowException, OSError):
        if isinstance(data, pa.RecordBatchReader):
            batches = stream_batches(data)
        elif _root(type(data)) == "pyarrow":
            batches = dataset_batches(data)
        else:
            # What passes through a stream of C no longer tells how large its buffers are: damage could not be seen.
            batches = _pieces(pa.table(data), _module("pyarrow"))
        yield from batches


@contextmanager
def _damage_named(reader: str, *errors: type[BaseException]) -> Iterator[None]:
    """Say in one way that a library cannot read data, whatever it raises.

    Args:
        reader: What is read, and by which library.
        errors: What the library raises of damaged data; an error of the system stays as it is.

    Raises:
        ProfileFormatError: It raised one of these.
    """
    try:
        yield
    except errors as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the file is not there, or may not be read
        raise ProfileFormatError(f"{reader} cannot read it: {str(error)[:LONGEST_PROBLEM]}") from error

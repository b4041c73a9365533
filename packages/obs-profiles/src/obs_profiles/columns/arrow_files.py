"""Files, data sets and streams of arrow, read in batches of some megabytes, however many rows or bytes they have."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any

__all__ = ["dataset_batches", "file_batches", "stream_batches"]

_ROWS = 1 << 17
"""Rows of a batch at most: fewer cost accuracy and time."""

_BYTES = 1 << 24
"""Bytes of a batch, about: rows of many columns, or of images, take a kilobyte or a megabyte each."""

_SOME = 256
"""Rows by which it is told how large they are in memory: a file may have one text for many of them."""


def file_batches(path: str | os.PathLike[str]) -> Iterator[Any]:
    """Read a Parquet file, one row group after the other: of those read together pyarrow holds more."""
    from pyarrow.parquet import ParquetFile

    with ParquetFile(path) as file:
        groups = ([group] for group in range(file.metadata.num_row_groups))
        rows = _rows_at_once(file)
        parts = (batch for group in groups for batch in file.iter_batches(batch_size=rows, row_groups=group))
        yield from _joined(parts, file.schema_arrow)


def _rows_at_once(file: Any) -> int:
    known = file.metadata
    groups = (known.row_group(place) for place in range(known.num_row_groups))
    sizes = [group.total_byte_size / group.num_rows for group in groups if group.num_rows]
    if not sizes:
        return _ROWS
    # Columns of few distinct values take more in memory than in the file.
    first = next(file.iter_batches(batch_size=_SOME), None)
    if first is not None and len(first):
        sizes.append(first.nbytes / len(first))
    return int(min(_ROWS, max(1, _BYTES // max(1, *sizes))))


def dataset_batches(data: Any) -> Iterator[Any]:
    """Read a Dataset, of which no more is read ahead than one batch, or a Scanner, which knows what it reads ahead."""
    if hasattr(data, "to_reader"):
        yield from stream_batches(data.to_reader())
    else:
        read = data.scanner(batch_readahead=1, fragment_readahead=1, batch_size=_ROWS // 4)
        yield from stream_batches(read.to_reader())


def stream_batches(reader: Any) -> Iterator[Any]:
    """Read a RecordBatchReader."""
    yield from _joined(reader, reader.schema)


def _joined(batches: Iterable[Any], schema: Any) -> Iterator[Any]:
    """Join small batches, for each takes its time; the last one, of what is left, may be empty."""
    import pyarrow as pa

    waiting: list[Any] = []
    rows = size = 0
    for batch in batches:
        waiting.append(batch)
        # Not how many bytes its rows have: to tell that, arrow follows what may be damaged.
        rows, size = rows + len(batch), size + batch.get_total_buffer_size()
        if rows >= _ROWS or size >= _BYTES:
            yield pa.Table.from_batches(waiting)
            waiting, rows, size = [], 0, 0
    yield pa.Table.from_batches(waiting, schema)

"""Columns of Arrow that contradict themselves, as those of a damaged file may: to read them ends most processes."""

from __future__ import annotations

from typing import Any

__all__ = ["damaged_columns"]

_ROWS = 6


def damaged_columns() -> dict[str, Any]:
    """Make damaged columns, each by what is wrong with it; needs pyarrow and numpy.

    A column is made as it should be, and then what it refers to is changed: pyarrow makes no other one. ``"utf8"`` is
    none: its texts are no UTF-8, and can be read.
    """
    import pyarrow as pa

    late, early, back = [0, 2, 2**30, 2**30 - 5, 8, 10, 12], [-(2**30), 2, 4, 6, 8, 10, 12], [0, 2, 4, 2, 8, 10, 12]
    middle = _texts(pa.string(), late)
    number = pa.array([1, 2, 3])
    return {
        "ends before it begins": _texts(pa.string(), back),
        "ends beyond the data": _texts(pa.string(), [0, 2, 4, 6, 8, 10, 2**30]),
        "begins before the data": _texts(pa.string(), early),
        "a text beyond the data": middle,
        "a long text": _texts(pa.large_string(), [0, 2, 2**50, 6, 8, 10, 12]),
        "bytes": _texts(pa.binary(), late),
        "more texts than there are": _longer(pa.array(["ab"] * 77)),
        "more numbers than there are": _longer(pa.array(range(77))),
        "more nulls than there are": _longer(pa.array([*range(76), None])),
        "more booleans than there are": _longer(pa.array([True] * 77)),
        "more times than there are": _longer(pa.array([1] * 77, pa.timestamp("us"))),
        "more structs than there are": _longer(pa.array([{"a": 1}] * 77)),
        "no such category": _categories(pa.array(["a", "b"]), [0, 1, 2**29, -(2**29), 1, 0]),
        "a category": _categories(middle, range(_ROWS)),
        "a list beyond the data": _lists(number, [0, 1, 2**29, 2, 3, 3, 3]),
        "a list before the data": _lists(number, [0, 1, -(2**29), 2, 3, 3, 3]),
        "a text of a list": _lists(middle, range(_ROWS + 1)),
        "a text of a struct": pa.StructArray.from_arrays([_texts(pa.string(), late, b"\xff" * 12), middle], ["a", "b"]),
        **_views(),
        "a union": _union([0, 9, -3], [0, 0, 0]),
        "a value of a union": _union([0, 1, 0], [0, 2**29, 2**29]),
        "utf8": _texts(pa.string(), range(0, 2 * _ROWS + 1, 2), b"\xff\xfebbccddeeff"),
    }


def _texts(kind: Any, ends: Any, data: bytes = b"aabbccddeeff") -> Any:
    import numpy as np
    import pyarrow as pa

    places = 2 * np.arange(_ROWS + 1, dtype=np.int64 if "large" in str(kind) else np.int32)
    column = pa.Array.from_buffers(kind, _ROWS, [None, pa.py_buffer(places), pa.py_buffer(data)])
    places[:] = ends
    return column


def _longer(column: Any) -> Any:
    """Read a column back from a stream that says it had a million times as many rows."""
    import numpy as np
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    table = pa.table({"value": column})
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    rows = len(column)
    raw = sink.getvalue().to_pybytes().replace(np.int64(rows).tobytes(), np.int64(rows * 10**6).tobytes())
    return pa.ipc.open_stream(raw).read_all()["value"].chunk(0)


def _categories(values: Any, numbers: Any) -> Any:
    import numpy as np
    import pyarrow as pa

    places = np.zeros(_ROWS, np.int32)
    indices = pa.Array.from_buffers(pa.int32(), _ROWS, [None, pa.py_buffer(places)])
    column = pa.DictionaryArray.from_arrays(indices, values, safe=False)
    places[:] = numbers
    return column


def _lists(child: Any, ends: Any) -> Any:
    import numpy as np
    import pyarrow as pa

    places = np.minimum(np.arange(_ROWS + 1, dtype=np.int32), len(child))
    column = pa.Array.from_buffers(pa.list_(child.type), _ROWS, [None, pa.py_buffer(places)], children=[child])
    places[:] = ends
    return column


def _views() -> dict[str, Any]:
    """Return a damaged column of views, where this version of pyarrow makes one of buffers."""
    import numpy as np
    import pyarrow as pa

    views = np.zeros((_ROWS, 4), np.int32)
    views[:, 0] = 100
    buffers = [None, pa.py_buffer(views), pa.py_buffer(b"x" * 200)]
    try:
        column = pa.Array.from_buffers(pa.string_view(), _ROWS, buffers)
    except (AttributeError, ValueError):  # before pyarrow 16, and before 18
        return {}
    views[:, 2:] = 7, 10**6
    return {"a view": column}


def _union(kinds: list[int], places: list[int]) -> Any:
    import numpy as np
    import pyarrow as pa

    known, ends = np.zeros(3, np.int8), np.zeros(3, np.int32)
    fields = pa.dense_union([pa.field("a", pa.int64()), pa.field("b", pa.string())])
    buffers = [None, pa.py_buffer(known), pa.py_buffer(ends)]
    column = pa.UnionArray.from_buffers(fields, 3, buffers, children=[pa.array([1, 2, 3]), pa.array(["x"])])
    known[:], ends[:] = kinds, places
    return column

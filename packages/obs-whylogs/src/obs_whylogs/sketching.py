"""Updating whylogs' standard metrics with a batch of a column, by whole arrays."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from obs_whylogs.columns import ColumnValues

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["get_ready", "update"]

_NARROW = 65_536
"""Integers that span no more than this are counted before they reach a sketch."""


_getting_ready = threading.Lock()
_ready = False


def get_ready() -> None:
    """Let the sketches read their first array while no other thread does.

    They find numpy when they get their first array, and wait for each other meanwhile without letting go of the
    interpreter: two threads that come at once, as those of a Dask worker do, wait for ever.
    """
    global _ready
    if _ready:
        return
    import numpy as np
    from whylogs_sketching import kll_doubles_sketch

    with _getting_ready:
        kll_doubles_sketch(256).update(np.zeros(1))
        _ready = True


def update(metric: Any, values: ColumnValues) -> None:
    """Update a metric of whylogs.

    Args:
        metric: One of the standard metrics, which are updated by arrays; or any other, which gets the values through
            whylogs' own ``columnar_update``.
        values: What it has not seen yet.
    """
    updater = _UPDATERS.get(metric.namespace)
    if updater is not None:
        updater(metric, values)
    elif values.rows:
        metric.columnar_update(_preprocessed(values))


def _counts(metric: Any, values: ColumnValues) -> None:
    _add(metric.n, values.rows)
    _add(metric.null, values.missing)
    _add(metric.nan, values.nan)
    _add(metric.true, values.true)
    if values.floats is not None:
        import numpy as np

        _add(metric.inf, int(np.isinf(values.floats).sum()))


def _types(metric: Any, values: ColumnValues) -> None:
    _add(metric.integral, _length(values.ints))
    _add(metric.fractional, _length(values.floats))
    _add(metric.boolean, values.true + values.false)
    _add(metric.string, len(values.strings))
    _add(metric.object, len(values.objects))
    _add(metric.tensor, len(values.tensors))


def _ints(metric: Any, values: ColumnValues) -> None:
    if _length(values.ints):
        assert values.ints is not None
        metric.max.set(max(metric.max.value, int(values.ints.max())))
        metric.min.set(min(metric.min.value, int(values.ints.min())))


def _distribution(metric: Any, values: ColumnValues) -> None:
    import numpy as np
    from whylogs.core.metrics.maths import VarianceM2Result, parallel_variance_m2

    for numbers in _numbers(values):
        known = VarianceM2Result(n=metric.kll.value.get_n(), mean=metric.mean.value, m2=metric.m2.value)
        metric.kll.value.update(array=numbers)
        with np.errstate(all="ignore"):  # infinities have no variance, and numbers beyond 1e154 an infinite one
            added = VarianceM2Result(n=len(numbers), mean=numbers.mean(), m2=numbers.var() * len(numbers))
            merged = parallel_variance_m2(first=known, second=added)
        metric.mean.set(float(merged.mean))
        metric.m2.set(float(merged.m2))


def _numbers(values: ColumnValues) -> Iterator[NDArray[np.float64]]:
    """Go through what has a distribution, booleans as 1 and 0."""
    import numpy as np

    for numbers in (values.floats, values.ints):
        if numbers is not None and len(numbers):
            yield np.ascontiguousarray(numbers, np.float64)
    if values.true or values.false:
        yield np.repeat([1.0, 0.0], [values.true, values.false])


def _cardinality(metric: Any, values: ColumnValues) -> None:
    sketch = metric.hll.value
    for numbers in (values.floats, values.ints):
        if numbers is not None and len(numbers):
            sketch.update_np(numbers)
    if values.strings:
        sketch.update_str_list(values.strings)
    for value, count in ((1, values.true), (0, values.false)):
        if count:
            sketch.update(value)


def _frequent_items(metric: Any, values: ColumnValues) -> None:
    sketch = metric.frequent_strings.value
    if _length(values.floats):
        sketch.update_np(values.floats)
    if values.ints is not None and len(values.ints):
        _count_ints(sketch, values.ints)
    if values.strings:
        longest = metric.max_frequent_item_size
        too_long = any(len(text) > longest for text in values.strings)
        sketch.update_str_list([text[:longest] for text in values.strings] if too_long else values.strings)
    for text, count in (("True", values.true), ("False", values.false)):
        if count:
            sketch.update(text, count)


def _count_ints(sketch: Any, ints: NDArray[np.int64]) -> None:
    import numpy as np

    least, most = int(ints.min()), int(ints.max())
    if most - least >= min(_NARROW, len(ints)):
        sketch.update_np(ints)
        return
    counts = np.bincount(ints - least)
    for place in np.flatnonzero(counts):
        sketch.update(str(least + int(place)), int(counts[place]))


_UPDATERS: dict[str, Callable[[Any, ColumnValues], None]] = {
    "cardinality": _cardinality,
    "counts": _counts,
    "distribution": _distribution,
    "frequent_items": _frequent_items,
    "ints": _ints,
    "types": _types,
}


def _preprocessed(values: ColumnValues) -> Any:
    """Make what whylogs' metrics take, for those of a schema."""
    from whylogs.core.preprocessing import ListView, NumpyView, PreprocessedColumn

    column = PreprocessedColumn()
    column.len, column.null_count, column.nan_count = values.rows, values.missing, values.nan
    column.numpy = NumpyView(ints=values.ints, floats=values.floats)
    column.list = ListView(strings=values.strings, tensors=list(values.tensors), objs=list(values.objects))
    column.bool_count, column.bool_count_where_true = values.true + values.false, values.true
    return column


def _add(component: Any, count: int) -> None:
    component.set(component.value + count)


def _length(array: NDArray[Any] | None) -> int:
    return 0 if array is None else len(array)

"""Metrics, read back: columns of steps, times and values."""

from __future__ import annotations

import datetime
from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from obs_core.assembly.metrics import CollectedMetric
from obs_core.text.html_tables import cell_text, table
from obs_core.text.numbers import plural
from obs_core.values.curve_pictures import curve_picture
from obs_core.values.curves import written

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

__all__ = ["Metric", "MetricTable", "read", "told_names"]


class Metric(Struct):
    """The values of one metric in the order in which they were logged: three columns of the same length.

    Get it from `Execution.metrics`. numpy views the columns without copying: ``np.asarray(metric.value)``.

    Attributes:
        name: What is measured.
        step: Where on the curve each value lies, ``array("q")``.
        time: When each was logged, ``array("q")`` of nanoseconds since the epoch.
        value: The values, ``array("d")``.

    Examples:
        >>> loss = load_execution("last").metrics("loss")
        >>> loss.value[-1]
        0.25
        >>> frame = loss.to_pandas()
    """

    name: str
    step: array[int]
    time: array[int]
    value: array[float]

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> Iterator[tuple[int, datetime.datetime, float]]:
        """Go through the points: step, aware time, value."""
        for step, time, value in zip(self.step, self.time, self.value, strict=True):
            yield step, datetime.datetime.fromtimestamp(time / 1e9, datetime.UTC), value

    def to_pandas(self) -> pandas.DataFrame:
        """Return the columns ``step``, ``time`` (``datetime64[ns, UTC]``) and ``value``; needs pandas."""
        import pandas

        return pandas.DataFrame(_numpy_columns(self.step, self.time, self.value))

    def to_polars(self) -> polars.DataFrame:
        """Return the columns ``step``, ``time`` (nanoseconds, UTC) and ``value``; needs polars."""
        import polars

        time = polars.Series("time", self.time, dtype=polars.Int64).cast(polars.Datetime("ns", "UTC"))
        return polars.DataFrame(
            [polars.Series("step", self.step, polars.Int64), time, polars.Series("value", self.value, polars.Float64)]
        )

    def to_arrow(self) -> pyarrow.Table:
        """Return the columns ``step``, ``time`` (``timestamp[ns, UTC]``) and ``value``; needs pyarrow."""
        import pyarrow

        return pyarrow.table(_arrow_columns(self.step, self.time, self.value))

    def __repr__(self) -> str:
        last = f", last {self.value[-1]:.6g}" if self.value else ""
        return f"<Metric {self.name!r}: {len(self):,} points{last}>"

    def _repr_html_(self) -> str:
        """Show it in a notebook: its curve, as a picture, and in a line what its values are."""
        if not self.value:
            return f"<p><b>{cell_text(self.name, 120)}</b> has no points</p>"
        told = f"{plural(len(self), 'point')}, last {written(self.value[-1])}"
        picture = curve_picture(self.name, self.step, self.value)
        return f"<p><b>{cell_text(self.name, 120)}</b> {told}</p>{picture}"


class MetricTable(Sequence[Metric]):
    """All metrics of an execution, one for each task and name, in the order in which they were first logged.

    Get it from `Execution.metrics`. As a table it has the columns ``task``, ``name``, ``step``, ``time`` and ``value``.

    Args:
        collected: What was read.
        names: Names of the tasks, by id.
    """

    def __init__(self, collected: Sequence[CollectedMetric], names: Mapping[str, str]) -> None:
        self._collected = collected
        self._names = names

    @property
    def names(self) -> list[str]:
        """The metrics' names, each once."""
        return list(dict.fromkeys(one.name for one in self._collected))

    def __len__(self) -> int:
        return len(self._collected)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [read(one) for one in self._collected[index]]
        return read(self._collected[index])

    def to_pandas(self) -> pandas.DataFrame:
        """Return all points as one frame; needs pandas."""
        import pandas

        task, name, metric = self._long()
        frame = pandas.DataFrame(_numpy_columns(metric.step, metric.time, metric.value))
        frame.insert(0, "name", name)
        frame.insert(0, "task", task)
        return frame

    def to_polars(self) -> polars.DataFrame:
        """Return all points as one frame; needs polars."""
        import polars

        task, name, metric = self._long()
        columns = [polars.Series("task", task, polars.String), polars.Series("name", name, polars.String)]
        return polars.DataFrame([*columns, *metric.to_polars().get_columns()])

    def to_arrow(self) -> pyarrow.Table:
        """Return all points as one table; needs pyarrow."""
        import pyarrow

        task, name, metric = self._long()
        text = pyarrow.string()
        columns = {"task": pyarrow.array(task, text), "name": pyarrow.array(name, text)}
        return pyarrow.table({**columns, **_arrow_columns(metric.step, metric.time, metric.value)})

    def _long(self) -> tuple[list[str], list[str], Metric]:
        task: list[str] = []
        name: list[str] = []
        all_points = Metric("", array("q"), array("q"), array("d"))
        for collected in self._collected:
            one = read(collected)
            task += [self._names.get(collected.task, "")] * len(one)
            name += [one.name] * len(one)
            all_points.step += one.step
            all_points.time += one.time
            all_points.value += one.value
        return task, name, all_points

    def __repr__(self) -> str:
        names = self.names
        more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
        return f"<MetricTable: {', '.join(map(repr, names[:_NAMED])) or 'no metrics'}{more}>"

    def _repr_html_(self) -> str:
        """Show it in a notebook: a row for each metric, with a picture of its curve."""
        if not self._collected:
            return "<p>No metric was logged.</p>"
        more = len(self) - _NAMED
        rest = f"<p>and {plural(more, 'more metric')}</p>" if more > 0 else ""
        rows = map(self._row, self._collected[:_NAMED])
        return table(("Task", "Metric", *_NUMBERS, "Curve"), rows, numbers=_NUMBERS) + rest

    def _row(self, collected: CollectedMetric) -> Sequence[str]:
        curve = collected.curve(_DRAWN)
        picture = curve_picture(curve.name, curve.columns.steps, curve.columns.values, width=120, height=24)
        numbers = map(written, (curve.last, curve.low, curve.high))
        return (self._names.get(collected.task, ""), curve.name, f"{curve.count:,}", *numbers, picture)


_NUMBERS = ("Points", "Last", "Least", "Greatest")
_DRAWN = 250
"""Points of a curve in a table."""


def read(collected: CollectedMetric, *, in_order: bool = False) -> Metric:
    """Return the points of a metric.

    Args:
        collected: What was read.
        in_order: Whether its parts are of several tasks, and to be put into the order of time.
    """
    columns = collected.columns().in_order() if in_order else collected.columns()
    return Metric(collected.name, columns.steps, columns.times, columns.values)


def _numpy_columns(step: array[int], time: array[int], value: array[float]) -> dict[str, Any]:
    import numpy
    import pandas

    moments = pandas.DatetimeIndex(numpy.asarray(time, dtype="datetime64[ns]"), tz="UTC")
    return {"step": numpy.asarray(step), "time": moments, "value": numpy.asarray(value)}


def _arrow_columns(step: array[int], time: array[int], value: array[float]) -> dict[str, Any]:
    import pyarrow

    def column(kind: Any, values: array[Any]) -> Any:
        return pyarrow.Array.from_buffers(kind, len(values), [None, pyarrow.py_buffer(values.tobytes())])

    return {
        "step": column(pyarrow.int64(), step),
        "time": column(pyarrow.timestamp("ns", "UTC"), time),
        "value": column(pyarrow.float64(), value),
    }


def told_names(wanted: str, metrics: Sequence[CollectedMetric]) -> str:
    """Say which metrics there are: of many those whose names are most like the one that was asked for."""
    names = sorted({metric.name for metric in metrics})
    if len(names) <= _NAMED:
        return f"there are: {', '.join(map(repr, names)) or 'none'}"
    import difflib

    closest = difflib.get_close_matches(wanted[:200], names, 5, 0.0)
    return f"of {len(names):,} these are closest: {', '.join(map(repr, closest))}"


_NAMED = 20
"""Names of metrics that an error lists, and metrics that a notebook shows."""

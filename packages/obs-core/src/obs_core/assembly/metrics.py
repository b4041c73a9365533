"""Collect the metrics, parameters and progress of tasks from what all writers logged; columns stay packed."""

from __future__ import annotations

import math
import sys
from array import array
from collections.abc import Callable
from typing import Any

from msgspec import Struct, field

from obs_core.assembly.writers import Writer
from obs_core.journal import records
from obs_core.journal.numbering import MAIN
from obs_core.values.curves import Columns, Curve, ProgressBar, thinned

__all__ = ["CollectedMetric", "MetricAssembly", "unpacked"]

_MOST_SERIES = 100_000
"""Metrics of an execution that are collected; a writer keeps far below that for each task."""


class CollectedMetric(Struct):
    """A metric of one task, as its writers logged it.

    Attributes:
        task: The id of its task.
        name: Its name, unescaped.
        count: How many points there are.
        parts: What was written, each with the nanoseconds since the epoch at which the writer's times are zero.
    """

    task: str
    name: str
    count: int = 0
    parts: list[tuple[int, str, records.Points]] = field(default_factory=list)

    def columns(self) -> Columns:
        """Return all its points in the order in which they were logged; times are nanoseconds since the epoch."""
        found = Columns()
        for epoch, _, part in self.parts:
            found.extend(_steps(part), _times(epoch, part), unpacked("d", part.values))
        # One writer's points stand in their order but for threads that log at the same moment.
        several = len({writer for _, writer, _ in self.parts}) > 1
        return found.in_order() if several else found

    def curve(self, most: int = 2_000) -> Curve:
        """Return what a chart shows, without making columns of all points.

        Args:
            most: About how many points are wanted; a million are thinned part by part.
        """
        if self.count <= 4 * most or len({writer for _, writer, _ in self.parts}) > 1:
            return Curve.of(self.name, self.columns())
        share = max(8, 4 * most // len(self.parts))
        found, low, high, odd, last = Columns(), math.inf, -math.inf, 0, math.nan
        for epoch, _, part in self.parts:
            steps, times, values = _steps(part), _times(epoch, part), unpacked("d", part.values)
            chosen = range(len(values)) if len(values) <= share else thinned(values, share)
            kept = [values[place] for place in chosen]
            found.extend(
                (steps[place] for place in chosen),
                array("q", map(times.__getitem__, chosen)),
                array("d", kept),
            )
            finite = [value for value in kept if math.isfinite(value)]
            low, high = min([low, *finite]), max([high, *finite])
            if not math.isfinite(sum(values)):
                odd += sum(not math.isfinite(value) for value in values)
            last = values[-1]
        if low > high:
            low = high = math.nan
        return Curve(self.name, found, self.count, last, low, high, odd)


class _Loop(Struct):
    epoch: int
    record: records.Progress


class MetricAssembly:
    """The metrics of an execution while its journal is read.

    Attributes:
        metrics: By task id and name.
        params: Named values, by task id.
        summary: Last, least and greatest value by name, as the first writer summed them up last.
    """

    def __init__(self) -> None:
        self.metrics: dict[str, dict[str, CollectedMetric]] = {}
        self.params: dict[str, dict[str, Any]] = {}
        self.summary: dict[str, tuple[float | None, float | None, float | None]] = {}
        self._loops: dict[str, dict[str, _Loop]] = {}
        self._count = 0

    def take_points(self, writer: Writer, record: records.Points) -> None:
        """Add points; those that do not fit each other are damaged."""
        count, rest = divmod(len(record.values), 8)
        if rest or not count or len(record.steps) not in (0, 8 * count):
            return
        if len(record.times) not in (4 * count, 8 * count) or abs(record.step) > 2**62:
            return
        writer.heard_at(record.at)
        task = writer.global_ref(record.task)
        of_task = self.metrics.setdefault(task, {})
        metric = of_task.get(record.name)
        if metric is None:
            if self._count >= _MOST_SERIES:
                return
            self._count += 1
            metric = of_task[record.name] = CollectedMetric(task, record.name)
        metric.count += count
        metric.parts.append((writer.epoch, writer.name, record))

    def take_params(self, writer: Writer, record: records.Params) -> None:
        """Add named values."""
        writer.heard_at(record.at)
        self.params.setdefault(writer.global_ref(record.task), {}).update(record.values)

    def take_progress(self, writer: Writer, record: records.Progress) -> None:
        """Take note of how far a loop is."""
        writer.heard_at(record.at)
        loops = self._loops.setdefault(writer.global_ref(record.task), {})
        loops[f"{writer.name}.{record.number}"] = _Loop(writer.epoch, record)

    def take_summary(self, writer: Writer, record: records.MetricSummary) -> None:
        """Take note of what a list shows."""
        writer.heard_at(record.at)
        if writer.name == MAIN:
            self.summary = record.values

    def tasks(self) -> set[str]:
        """Return the ids of the tasks that logged anything."""
        return {*self.metrics, *self.params, *self._loops}

    def bars_of(self, task: str, running: bool, now: int) -> list[ProgressBar]:
        """Return the loops of a task.

        Args:
            task: Its id.
            running: Whether it goes on.
            now: Nanoseconds since the epoch.
        """
        found = []
        for loop in self._loops.get(task, {}).values():
            one = loop.record
            status = "ended" if one.ended else "running" if running else "stopped"
            end = now if status == "running" else loop.epoch + one.at
            elapsed = max(0, end - loop.epoch - one.start)
            found.append(ProgressBar(one.name, one.done, one.total, one.unit, elapsed, status))
        return found


def unpacked(kind: str, packed: bytes) -> array[Any]:
    """Return numbers that the journal holds in little endian.

    Args:
        kind: ``"q"`` for integers, ``"I"`` for unsigned ones of 4 bytes, ``"d"`` for floating-point numbers.
        packed: A multiple of 8 or 4 bytes.
    """
    column: array[Any] = array(kind)
    column.frombytes(packed)
    if sys.byteorder == "big":
        column.byteswap()
    return column


def _steps(part: records.Points) -> array[int] | range:
    if part.steps:
        return unpacked("q", part.steps)
    return range(part.step, part.step + len(part.values) // 8)


def _times(epoch: int, part: records.Points) -> array[int]:
    """Return when points were logged, in nanoseconds since the epoch."""
    if len(part.times) < len(part.values):
        return array("q", map((epoch + part.at).__sub__, unpacked("I", part.times)))
    return array("q", map(epoch.__add__, unpacked("q", part.times)))


HANDLERS: dict[type[records.Record], Callable[[MetricAssembly, Writer, Any], None]] = {
    records.Points: MetricAssembly.take_points,
    records.Params: MetricAssembly.take_params,
    records.Progress: MetricAssembly.take_progress,
    records.MetricSummary: MetricAssembly.take_summary,
}
"""What takes in which record."""

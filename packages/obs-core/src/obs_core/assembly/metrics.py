"""Collect the metrics, parameters and progress of tasks from what all writers logged; columns stay packed."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable
from typing import Any

from msgspec import Struct, field

from obs_core.assembly.writers import Writer
from obs_core.journal import records
from obs_core.journal.numbering import MAIN
from obs_core.journal.outlines import outlined_points
from obs_core.journal.points import are_sound, steps_of, times_of, unpacked
from obs_core.model import Status
from obs_core.store.base import Store
from obs_core.store.paths import execution_path
from obs_core.values.curves import Columns, Curve, ProgressBar, thinned

__all__ = ["CollectedMetric", "MetricAssembly", "Part"]

_MOST_READ = 1_000_000
"""Points that an execution may have in all so that they are read where outlines have too few: 0.4 s of CPU time."""

_MOST_SERIES = 100_000
"""Metrics of an execution that are collected; a writer keeps far below that for each task."""


class Part(Struct):
    """Points of a metric that one line holds, or an outline of many.

    Attributes:
        epoch: Nanoseconds since the epoch at which the writer's times are zero.
        writer: The writer's name.
        points: The points.
        outline: What they stand for; None if they are all.
    """

    epoch: int
    writer: str
    points: records.Points
    outline: records.Outline | None = None

    @property
    def columns(self) -> Columns:
        """The points, with times in nanoseconds since the epoch."""
        points = self.points
        return Columns(array("q", steps_of(points)), times_of(points, self.epoch), unpacked("d", points.values))

    def thinned(self, most: int) -> tuple[Columns, int]:
        """Return few enough points with all extremes, and how many of all points are not finite."""
        points = self.points
        values = unpacked("d", points.values)
        if self.outline is not None:
            odd = self.outline.odd
        else:
            odd = 0 if math.isfinite(sum(values)) else sum(not math.isfinite(value) for value in values)
        if len(values) <= most:
            return self.columns, odd
        places = thinned(values, most)
        found = Columns(
            array("q", map(steps_of(points).__getitem__, places)),
            times_of(points, self.epoch, places),
            array("d", map(values.__getitem__, places)),
        )
        return found, odd


class CollectedMetric(Struct):
    """A metric of one task, as its writers logged it.

    Attributes:
        task: The id of its task.
        name: Its name, unescaped.
        count: How many points there are.
        outlined: Reads all points of outlines.
        parts: What was written.
    """

    task: str
    name: str
    outlined: OutlinedPoints
    count: int = 0
    parts: list[Part] = field(default_factory=list)

    def all_parts(self) -> list[Part]:
        """Return all that was written, without outlines: these are read now."""
        return [one for part in self.parts for one in ([part] if part.outline is None else self.outlined.whole(part))]

    def parts_for(self, most: int) -> list[Part]:
        """Return what a chart is drawn from: of a long curve outlines, unless they have far too few points for it.

        Args:
            most: About how many points are wanted.
        """
        if self.count > 4 * most:
            known = sum(len(part.points.values) // 8 for part in self.parts)
            if 2 * known > most or self.outlined.count > _MOST_READ:
                return self.parts
        return self.all_parts()

    def columns(self) -> Columns:
        """Return all its points in the order in which they were logged; times are nanoseconds since the epoch."""
        found = Columns()
        for part in self.all_parts():
            one = part.columns
            found.extend(one.steps, one.times, one.values)
        return self._in_order(found)

    def curve(self, most: int = 2_000) -> Curve:
        """Return what a chart shows, without making columns of all points.

        Args:
            most: About how many points are wanted; a million are thinned part by part.
        """
        if self.count <= 4 * most:
            return Curve.of(self.name, self.columns())
        parts = self.parts_for(most)
        share = max(8, 4 * most // len(parts))
        found, odd = Columns(), 0
        for part in parts:
            few, odd_ones = part.thinned(share)
            found.extend(few.steps, few.times, few.values)
            odd += odd_ones
        curve = Curve.of(self.name, self._in_order(found))
        curve.count, curve.odd = self.count, odd
        return curve

    def _in_order(self, columns: Columns) -> Columns:
        """One writer's points stand in their order but for threads that log at the same moment."""
        return columns.in_order() if len({part.writer for part in self.parts}) > 1 else columns


class OutlinedPoints:
    """All points of compressed parts of segments of which only the outlines were read: read when they are asked for.

    Args:
        store: Where they are.
        execution_id: Of which execution.

    Attributes:
        count: How many points the execution has in all.
    """

    def __init__(self, store: Store, execution_id: str) -> None:
        self.count = 0
        self._store = store
        self._folder = execution_path(execution_id)
        self._read: dict[str, dict[tuple[int, records.Ref, str], list[records.Points]]] = {}

    def whole(self, part: Part) -> list[Part]:
        """Return all that an outline stands for; the outline itself if that cannot be read any more."""
        outline, points = part.outline, part.points
        if outline is None or "/" in outline.segment:
            return [part]
        if outline.segment not in self._read:
            self._read[outline.segment] = self._points_in(f"{self._folder}/{outline.segment}")
        found = self._read[outline.segment].get((outline.offset, points.task, points.name), ())
        return [Part(part.epoch, part.writer, one) for one in found] or [part]

    def _points_in(self, path: str) -> dict[tuple[int, records.Ref, str], list[records.Points]]:
        found: dict[tuple[int, records.Ref, str], list[records.Points]] = {}
        for offset, points in outlined_points(self._store, path):
            found.setdefault((offset, points.task, points.name), []).append(points)
        return found


class _Loop(Struct):
    writer: Writer
    epoch: int
    record: records.Progress


class MetricAssembly:
    """The metrics of an execution while its journal is read.

    Args:
        store: Where it is kept.
        execution_id: Its id.

    Attributes:
        metrics: By task id and name.
        params: Named values, by task id.
        summary: Last, least and greatest value by name, as the first writer summed them up last.
    """

    def __init__(self, store: Store, execution_id: str) -> None:
        self._outlined = OutlinedPoints(store, execution_id)
        self.metrics: dict[str, dict[str, CollectedMetric]] = {}
        self.params: dict[str, dict[str, Any]] = {}
        self.summary: dict[str, tuple[float | None, float | None, float | None]] = {}
        self._loops: dict[str, dict[str, _Loop]] = {}
        self._count = 0

    def take_points(self, writer: Writer, record: records.Points) -> None:
        """Add points; those that do not fit each other are damaged."""
        self._take(writer, record, None, len(record.values) // 8)

    def take_outline(self, writer: Writer, record: records.Outline) -> None:
        """Add points that stand for many."""
        self._take(writer, record.points, record, record.count)

    def _take(self, writer: Writer, record: records.Points, outline: records.Outline | None, count: int) -> None:
        if not are_sound(record):
            return
        task = writer.global_ref(record.task)
        of_task = self.metrics.setdefault(task, {})
        metric = of_task.get(record.name)
        if metric is None:
            if self._count >= _MOST_SERIES:
                return
            self._count += 1
            metric = of_task[record.name] = CollectedMetric(task, record.name, self._outlined)
        metric.count += count
        self._outlined.count += count
        metric.parts.append(Part(writer.epoch, writer.name, record, outline))

    def take_params(self, writer: Writer, record: records.Params) -> None:
        """Add named values."""
        self.params.setdefault(writer.global_ref(record.task), {}).update(record.values)

    def take_progress(self, writer: Writer, record: records.Progress) -> None:
        """Take note of how far a loop is."""
        loops = self._loops.setdefault(writer.global_ref(record.task), {})
        loops[f"{writer.name}.{record.number}"] = _Loop(writer, writer.epoch, record)

    def take_summary(self, writer: Writer, record: records.MetricSummary) -> None:
        """Take note of what a list shows."""
        if writer.name == MAIN:
            self.summary = record.values

    def tasks(self) -> set[str]:
        """Return the ids of the tasks that logged anything."""
        return {*self.metrics, *self.params, *self._loops}

    def bars_of(self, task: str, status: Status, now: int) -> list[ProgressBar]:
        """Return the loops of a task.

        Args:
            task: Its id.
            status: How it stands.
            now: Nanoseconds since the epoch.
        """
        found = []
        for loop in self._loops.get(task, {}).values():
            one = loop.record
            stands = "ended" if one.ended else status if status in ("running", "lost") else "stopped"
            end = now if stands == "running" else loop.epoch + one.at
            elapsed = max(0, end - loop.epoch - one.start)
            # Up to the last sign of life: what came after it is not known yet.
            idle = max(0, loop.writer.last - one.at) if stands == "running" else 0
            counted = max(0, one.at - one.start)
            found.append(
                ProgressBar(one.name, one.done, one.total, one.unit, elapsed, stands, idle, counted, one.initial)
            )
        return found


HANDLERS: dict[type[records.Record], Callable[[MetricAssembly, Writer, Any], None]] = {
    records.Points: MetricAssembly.take_points,
    records.Outline: MetricAssembly.take_outline,
    records.Params: MetricAssembly.take_params,
    records.Progress: MetricAssembly.take_progress,
    records.MetricSummary: MetricAssembly.take_summary,
}
"""What takes in which record."""

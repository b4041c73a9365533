"""Curves of executions for the browser: thinned to what a chart shows, with all extremes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from obs_core.assembly.metrics import CollectedMetric, Part
from obs_core.text.terminal import printable
from obs_core.trace.resources import Resources
from obs_ui.snapshots import Snapshot

__all__ = ["Window", "curves_of", "overlaid", "resource_curves"]

MOST_CURVES = 300
_POINTS = 2_000
_POINTS_IN_ALL = 120_000
_FEWEST = 100


class Window(Struct, frozen=True):
    """Which part of the curves is wanted.

    Attributes:
        axis: ``"step"`` or ``"time"``, which counts in seconds since the execution began.
        low: Where it begins; None for the beginning.
        high: Where it ends; None for the end.
    """

    axis: str = "step"
    low: float | None = None
    high: float | None = None


def curves_of(snapshot: Snapshot, window: Window, label: str = "", share: int = 1) -> list[dict[str, Any]]:
    """Return the curves of an execution as ``curves.js`` takes them.

    Args:
        snapshot: The execution.
        window: Which part of them.
        label: What they are called instead of their tasks' names, where executions are laid over each other.
        share: With how many executions they share a page.
    """
    names = _labels(snapshot)
    collected = [metric for task in snapshot.tasks for metric in snapshot.metrics.metrics.get(task.id, {}).values()][
        : MOST_CURVES // share
    ]
    most = max(_FEWEST, min(_POINTS, _POINTS_IN_ALL // share // max(1, len(collected))))
    several = len({metric.task for metric in collected}) > 1
    found = []
    for metric in collected:
        of_task = names.get(metric.task, "")
        told = " · ".join(part for part in (label, of_task if several or not label else "") if part)
        found.append(_curve(metric, told, snapshot.trace.start, window, most))
    return found


def _labels(snapshot: Snapshot) -> dict[str, str]:
    """Return what tells tasks apart: their names, and of those called several times which call it was."""
    calls: dict[str, int] = {}
    labels = {}
    for task in snapshot.tasks:
        calls[task.name] = number = calls.get(task.name, 0) + 1
        labels[task.id] = printable(task.name) if number == 1 else f"{printable(task.name)} ({number})"
    return labels


def _curve(metric: CollectedMetric, label: str, start: int, window: Window, most: int) -> dict[str, Any]:
    zoomed = window.low is not None or window.high is not None
    # Few points beside what is stored tell how all of a long curve looks; what is zoomed into needs every one.
    parts = metric.all_parts() if zoomed or metric.count <= 4 * most else metric.parts
    curve = _drawn(printable(metric.name), label, _columns(parts), start, window, most)
    return curve | {"count": metric.count}


def _drawn(name: str, label: str, columns: _Columns, start: int, window: Window, most: int) -> dict[str, Any]:
    steps, times, values = columns
    if window.low is not None or window.high is not None:
        x = steps if window.axis == "step" else (times - start) / 1e9
        low, high = (-np.inf if window.low is None else window.low), (np.inf if window.high is None else window.high)
        inside = np.flatnonzero((x >= low) & (x <= high))
        if len(inside):  # with one point on both sides, so that the lines go on
            inside = np.arange(max(0, inside[0] - 1), min(len(x), inside[-1] + 2))
        steps, times, values = steps[inside], times[inside], values[inside]
    chosen = _thinned(values, most)
    return {
        "name": name,
        "label": label,
        "start": start // 1_000_000,
        "count": len(values),
        "steps": steps[chosen].tolist(),
        "times": ((times[chosen] // 10_000) / 100).tolist(),
        "values": [_value(value) for value in values[chosen].tolist()],
    }


def resource_curves(snapshot: Snapshot, window: Window) -> list[dict[str, Any]]:
    """Return what the processes of an execution used, as curves that are drawn as those of metrics are.

    Args:
        snapshot: The execution.
        window: Which part of them.
    """
    found = []
    trace = snapshot.trace
    samples = snapshot.samples
    whole = Resources(samples, trace.start, max(trace.end, trace.start))
    writers = sorted(samples, key=lambda writer: (writer != "main", writer))[:_MOST_PROCESSES]
    most = max(_FEWEST, min(_POINTS, _POINTS_IN_ALL // max(1, len(writers) * len(_RESOURCES))))
    for name, quantity, told, unit in _RESOURCES:
        for writer in writers:
            points = whole.series(quantity, writer)
            if points:
                label = " · ".join(part for part in (writer if len(samples) > 1 else "", told) if part)
                times = np.array([at for at, _ in points], np.int64)
                values = np.array([value for _, value in points]) / unit
                found.append(_drawn(name, label, (np.arange(len(times)), times, values), trace.start, window, most))
    return found


_MOST_PROCESSES = 24

_RESOURCES = (
    ("CPU, cores", "cpu", "", 1),
    ("CPU of children, cores", "children.cpu", "", 1),
    ("Memory, MB", "rss", "resident", 1e6),
    ("Memory, MB", "container.memory", "container", 1e6),
    ("I/O, MB/s", "read", "read", 1e6),
    ("I/O, MB/s", "written", "written", 1e6),
    *((f"GPU {number}, %", f"gpu.{number}.use", "use", 0.01) for number in range(8)),
    *((f"GPU {number} memory, MB", f"gpu.{number}.memory", "", 1e6) for number in range(8)),
)
"""Chart, quantity, name of the curve in it, and what its unit is of the quantity's."""

_Columns = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]
"""Steps, times in nanoseconds since the epoch, and values."""


def _columns(parts: Sequence[Part]) -> _Columns:
    """Return the points of a metric; several writers' in the order of time."""
    steps, times, values = [], [], []
    for one in parts:
        epoch, part = one.epoch, one.points
        found = np.frombuffer(part.values, "<f8")
        values.append(found)
        if len(part.times) < len(part.values):
            times.append(epoch + part.at - np.frombuffer(part.times, "<u4").astype(np.int64))
        else:
            times.append(epoch + np.frombuffer(part.times, "<i8"))
        counted = np.arange(part.step, part.step + len(found))
        steps.append(np.frombuffer(part.steps, "<i8") if part.steps else counted)
    all_times = np.concatenate(times)
    order: Any = slice(None)
    if len({part.writer for part in parts}) > 1:
        order = np.argsort(all_times, kind="stable")
    return np.concatenate(steps)[order], all_times[order], np.concatenate(values)[order]


def _thinned(values: NDArray[np.float64], most: int) -> NDArray[np.int64]:
    """Choose points as `obs_core.values.curves.thinned` does; a million take some milliseconds."""
    count = len(values)
    if count <= most:
        return np.arange(count)
    buckets = max(1, (most - 2) // 2)
    size = count // buckets
    whole = size * buckets
    firsts = np.arange(0, whole, size)
    parts = values[:whole].reshape(buckets, size)
    odd = np.isnan(parts)
    lows = firsts + np.where(odd, np.inf, parts).argmin(axis=1)
    highs = firsts + np.where(odd, -np.inf, parts).argmax(axis=1)
    gaps = firsts[odd.any(axis=1)] + odd[odd.any(axis=1)].argmax(axis=1)
    rest = whole + np.array([], np.int64)
    if whole < count and np.isfinite(values[whole:]).any():
        rest = whole + np.array([np.nanargmin(values[whole:]), np.nanargmax(values[whole:])])
    return np.unique(np.concatenate([[0], lows, highs, gaps, rest, [count - 1]]).astype(np.int64))


def _value(value: float) -> float | str | None:
    if value != value:
        return None
    return value if abs(value) != np.inf else "inf" if value > 0 else "-inf"


def overlaid(snapshots: Iterable[tuple[str, Snapshot]], window: Window, share: int) -> list[dict[str, Any]]:
    """Return the curves of several executions, each from its own beginning.

    Args:
        snapshots: What each is called, and the execution.
        window: Which part of them.
        share: How many there are.
    """
    return [curve for label, snapshot in snapshots for curve in curves_of(snapshot, window, label, share)]

"""Curves of executions for the browser: thinned to what a chart shows, with all extremes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from obs_core.assembly.metrics import CollectedMetric, Part
from obs_core.text.terminal import cut, printable
from obs_core.trace.resources import Resources
from obs_ui.snapshots import Snapshot

__all__ = ["Lane", "Window", "curves_of", "differences", "lanes_of", "overlaid", "resource_curves"]

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
    """Return what tells tasks apart, as in their list: names, and of several calls the arguments or which it was."""
    calls: dict[str, int] = {}
    labels = {}
    for task in snapshot.tasks:
        calls[task.name] = number = calls.get(task.name, 0) + 1
        told = snapshot.apart.get(task.id) or (f"({number})" if number > 1 else "")
        labels[task.id] = f"{printable(task.name)} {printable(told)}".rstrip()
    return labels


def _curve(metric: CollectedMetric, label: str, start: int, window: Window, most: int) -> dict[str, Any]:
    zoomed = window.low is not None or window.high is not None
    # Few points beside what is stored tell how all of a long curve looks; what is zoomed into needs every one.
    parts = metric.all_parts() if zoomed else metric.parts_for(most)
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
        else:  # or the line that goes through
            before, after = np.flatnonzero(x < low)[-1:], np.flatnonzero(x > high)[:1]
            inside = np.concatenate([before, after]) if len(before) and len(after) else inside
        steps, times, values = steps[inside], times[inside], values[inside]
    chosen = _thinned(values, most)
    return {
        "name": name,
        "label": label,
        "start": start / 1_000_000,
        "count": len(values),
        "steps": steps[chosen].tolist(),
        "times": ((times[chosen] // 1_000) / 1_000).tolist(),
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
            if points and _is_worth_a_line(quantity, points):
                label = " · ".join(part for part in (writer if len(samples) > 1 else "", told) if part)
                times = np.array([at for at, _ in points], np.int64)
                values = np.array([value for _, value in points]) / unit
                found.append(_drawn(name, label, (np.arange(len(times)), times, values), trace.start, window, most))
    return found


class Lane(Struct, frozen=True):
    """One strip below the timeline: a metric, or what was used of one thing.

    Attributes:
        name: What it shows.
        unit: ``"cores"``, ``"bytes"``, ``"bytes/s"``, ``"share"``; empty for a metric.
        curves: Its lines as ``lanes.js`` takes them; `key` of each says which quantity it is, for its colour.
        limit: What may be used at most; None if that is not known.
        limit_name: What sets that limit.
    """

    name: str
    unit: str
    curves: list[dict[str, Any]]
    limit: float | None = None
    limit_name: str = ""


def lanes_of(snapshot: Snapshot, window: Window, most: int) -> tuple[list[Lane], int]:
    """Return the lanes below the timeline: what was used, then metrics by name.

    Args:
        snapshot: The execution.
        window: Which part of them, by time.
        most: How many points a line may have; extremes stay.

    Returns:
        The lanes, and how many more metrics there are.
    """
    lanes = _resource_lanes(snapshot, window, most)
    names = _labels(snapshot)
    by_name: dict[str, list[CollectedMetric]] = {}
    for task in snapshot.tasks:
        for name, metric in snapshot.metrics.metrics.get(task.id, {}).items():
            by_name.setdefault(name, []).append(metric)
    for name, found in list(by_name.items())[:_MOST_METRIC_LANES]:
        curves = [
            _curve(metric, names.get(metric.task, ""), snapshot.trace.start, window, most) | {"key": number}
            for number, metric in enumerate(found[:_MOST_LINES])
        ]
        lanes.append(Lane(printable(name), "", curves))
    return lanes, max(0, len(by_name) - _MOST_METRIC_LANES)


def _resource_lanes(snapshot: Snapshot, window: Window, most: int) -> list[Lane]:
    samples, start = snapshot.samples, snapshot.trace.start
    whole = Resources(samples, start, max(snapshot.trace.end, start))
    writers = sorted(samples, key=lambda writer: (writer != "main", writer))[:_MOST_LINES]
    lanes = []
    for name, unit, quantities, limits in _LANES:
        curves = []
        for key, (told, quantity) in enumerate(quantities):
            for writer in writers:
                points = whole.series(quantity, writer)
                if not points or not _is_worth_a_line(quantity, points):
                    continue
                label = " · ".join(part for part in (told, writer if len(samples) > 1 else "") if part)
                times = np.array([at for at, _ in points], np.int64)
                values = np.array([value for _, value in points], np.float64)
                columns = (np.arange(len(times)), times, values)
                curves.append(_drawn(name, label, columns, start, window, most) | {"key": key})
        if curves:
            known = ((whole.last(quantity), told) for quantity, told in limits)
            limit, told = next(((one, told) for one, told in known if one), (None, ""))
            lanes.append(Lane(name, unit, curves, limit, told))
    return lanes


def _is_worth_a_line(quantity: str, points: Sequence[tuple[int, float]]) -> bool:
    return quantity != "children.cpu" or max(value for _, value in points) >= _SMALLEST


_MOST_METRIC_LANES = 8
"""Metrics that have a lane: more would press what is below out of sight, and all of them have a chart there."""

_MOST_LINES = 12

_CORES = (("machine.cores", "of the machine"),)
_MEMORY = (("container.limit", "the container's limit"), ("machine.memory", "the machine's memory"))
_SMALLEST = 0.005
"""Cores that children use in a line of their own: less is written as 0.00, such as what obs asked a program for."""


_LANES = (
    ("CPU", "cores", (("process", "cpu"), ("children", "children.cpu")), _CORES),
    ("Memory", "bytes", (("resident", "rss"), ("container", "container.memory")), _MEMORY),
    ("I/O", "bytes/s", (("read", "read"), ("written", "written")), ()),
    *((f"GPU {number}", "share", (("", f"gpu.{number}.use"),), ()) for number in range(8)),
    *(
        (
            f"GPU {number} memory",
            "bytes",
            (("", f"gpu.{number}.memory"),),
            ((f"gpu.{number}.memory_size", "the GPU's memory"),),
        )
        for number in range(8)
    ),
)
"""Lane, unit, its quantities by what they are called, and what sets its limit, the tightest first."""

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
    stretches = min(count, max(1, (most - 2) // 2))
    size, longer = divmod(count, stretches)
    begin = longer * (size + 1)
    found = np.concatenate([_extremes(values[:begin], size + 1), begin + _extremes(values[begin:], size)])
    return np.unique(np.concatenate([[0], found, [count - 1]]).astype(np.int64))


def _extremes(values: NDArray[np.float64], size: int) -> NDArray[np.int64]:
    """Return where each stretch has its least, its greatest, and what is no number first."""
    firsts = np.arange(0, len(values), size)
    parts = values.reshape(-1, size)
    odd = np.isnan(parts)
    lows = firsts + np.where(odd, np.inf, parts).argmin(axis=1)
    highs = firsts + np.where(odd, -np.inf, parts).argmax(axis=1)
    gaps = firsts[odd.any(axis=1)] + odd[odd.any(axis=1)].argmax(axis=1)
    return np.concatenate([lows, highs, gaps])


def _value(value: float) -> float | str | None:
    if value != value:
        return None
    return value if abs(value) != np.inf else "inf" if value > 0 else "-inf"


def differences(snapshots: Sequence[Snapshot]) -> list[str]:
    """Return what tells executions apart, for each: the tags and parameters in which they differ, ``"lr=0.1"``.

    Args:
        snapshots: The executions.

    Returns:
        At most three of them, those that tell most apart first; texts are empty where nothing differs.
    """
    given = [_named_values(one) for one in snapshots]
    names = dict.fromkeys(name for values in given for name in values)
    kinds = {name: len({values.get(name) for values in given}) for name in names}
    telling = sorted((name for name in names if kinds[name] > 1), key=lambda name: -kinds[name])[:_MOST_TOLD]
    return [
        ", ".join(
            f"{cut(name, _LONGEST_TOLD)}={cut(values[name], _LONGEST_TOLD)}"
            if name in values
            else f"no {cut(name, _LONGEST_TOLD)}"
            for name in telling
        )
        for values in given
    ]


def _named_values(snapshot: Snapshot) -> dict[str, str]:
    """Return the tags of an execution, and the parameters that its tasks logged."""
    logged = [params for task in snapshot.tasks for params in [snapshot.metrics.params.get(task.id, {})]]
    found = [snapshot.view.tags, *logged]
    return {printable(str(name)): printable(str(value)) for values in found for name, value in values.items()}


_MOST_TOLD = 3
_LONGEST_TOLD = 24
"""Characters of a name and of a value: more would be a legend that hides the curves."""


def overlaid(
    snapshots: Iterable[tuple[str, Snapshot]], window: Window, share: int, *, timed: bool = True
) -> list[dict[str, Any]]:
    """Return the curves of several executions, each from its own beginning.

    Args:
        snapshots: What each is called, and the execution.
        window: Which part of them.
        share: How many there are.
        timed: Whether the time at which each began has to tell them apart.

    Returns:
        The curves. If `timed`, each with when its execution began in milliseconds: the browser tells that in the
        reader's zone.
    """
    return [
        (curve | {"began": snapshot.view.started // 1_000_000} if timed else curve)
        for label, snapshot in snapshots
        for curve in curves_of(snapshot, window, label, share)
    ]

"""Lanes of what was used over time: one below the other on the axis of the time line above them."""

from __future__ import annotations

import functools
import math
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from obs_core.rendering import escape
from obs_core.text.controls import visible
from obs_core.text.durations import format_duration, moment_html
from obs_core.text.numbers import byte_size, share, statistic
from obs_core.trace.resources import Resources
from obs_core.values.curves import Curve

__all__ = ["lanes_html", "timeline_lanes_html"]

_WIDTH, _HEIGHT = 1000, 56
_MOST_POINTS = 500
_MOST_METRICS = 8
"""Metrics that have a lane below a time line: more would press what is below out of sight."""

_MOST_WRITERS = 12
"""Processes that are drawn: those with the highest peaks of memory."""

_SMALLEST = 0.005
"""Cores; children that use less have no lane. It is written as 0.00, and may be what obs itself asked a program for."""

_CORES_HIGH = 0.1
"""Cores for which a lane has its full height at least: what waits stays at the floor."""

Points = Sequence[tuple[int, float]]


class _Curve(Struct):
    """One line of a lane; the mean is of what was used."""

    name: str
    points: Points
    css: str = "first"
    mean: float | None = None


class _Lane(Struct):
    """One quantity, or several of one unit.

    Attributes:
        title: What it shows.
        curves: Its lines.
        text: Writes a value.
        limit: What may be used at most, if that is known.
        limit_name: What sets that limit.
        floor: The value at its lower edge.
        least: What its height stands for at least.
    """

    title: str
    curves: list[_Curve]
    text: Callable[[float], str]
    limit: float | None = None
    limit_name: str = ""
    floor: float = 0.0
    least: float = 0.0


def timeline_lanes_html(resources: Resources, curves: Sequence[Curve]) -> str:
    """Draw what was used and logged, to stand below a chart of the same time whose zoom it follows.

    Args:
        resources: In a stretch of time, which is the axis until there is such a chart.
        curves: Metrics that were logged.

    Returns:
        An HTML fragment with its style and script; empty if there is nothing to draw.
    """
    lanes: list[str] = []
    if resources:
        peaks = {
            writer: resources.between(resources.start, resources.end, writer).peak("rss") or 0
            for writer in resources.writers
        }
        largest = max(peaks, key=peaks.__getitem__)
        used = resources.between(resources.start, resources.end, "main" if "main" in peaks else largest)
        lanes += [_lane_html(lane, used) for lane in _lanes(used)]
    lanes += [_lane_html(_metric_lane(curve), resources) for curve in curves[:_MOST_METRICS]]
    drawn = "".join(lanes)
    if not drawn:
        return ""
    note = f" {len(curves) - _MOST_METRICS:,} more metrics are in their tab." if len(curves) > _MOST_METRICS else ""
    return (
        f"<style>{_asset('lanes.css')}</style>"
        f'<div class="obs-lanes below" data-start="{resources.start / 1e6}" data-end="{resources.end / 1e6}">'
        f'<figure role="group" aria-label="Resources and metrics over the same time">{drawn}'
        f"<figcaption>Over the same time as the chart above.{note}</figcaption></figure></div>"
        f"<script data-obs-once>{_asset('lanes.js')}</script>"
    )


def _metric_lane(curve: Curve) -> _Lane:
    points = [
        (at, value) for at, value in zip(curve.columns.times, curve.columns.values, strict=True) if math.isfinite(value)
    ]
    name = visible(curve.name)
    lane = _Lane(name, [_Curve(name, points, "metric")], statistic)
    lane.floor = min((value for _, value in points), default=0.0)
    return lane


def lanes_html(resources: Resources) -> str:
    """Draw what was used.

    Args:
        resources: In a stretch of time, which is the axis.

    Returns:
        An HTML fragment with its style and without scripts.
    """
    found = [writer for writer in resources.writers if resources.between(resources.start, resources.end, writer)]
    found.sort(key=lambda writer: -(resources.between(resources.start, resources.end, writer).peak("rss") or 0))
    shown = sorted(found[:_MOST_WRITERS], key=lambda writer: (writer != "main", writer))
    parts = []
    for writer in shown:
        used = resources.between(resources.start, resources.end, writer)
        title = f"<h3>Process {escape(writer)}</h3>" if len(found) > 1 else ""
        parts.append(title + "".join(_lane_html(lane, used) for lane in _lanes(used)))
    style = _asset("lanes.css")
    more = f"<p>{len(found) - len(shown):,} more processes used less memory.</p>" if len(found) > len(shown) else ""
    return (
        f"<style>{style}</style>"
        f'<div class="obs-lanes">{_remarks(resources)}<figure role="group" '
        f'aria-label="Resources over time">{"".join(parts)}<figcaption>The left edge is '
        f"{moment_html(resources.start)}, the right one {format_duration(resources.end - resources.start)} later."
        f" One sample a second; children, machine and disk every five.</figcaption></figure>{more}</div>"
    )


@functools.cache
def _asset(name: str) -> str:
    return (Path(__file__).parent / "assets" / name).read_text(encoding="utf-8").strip()


def _remarks(resources: Resources) -> str:
    remarks = [f"At its limit: {limit.text}." for limit in resources.limits]
    if resources.queueing:
        remarks.append(f"It {resources.queueing}.")
    if resources.waits:
        remarks.append("It used less than a tenth of a core: it waited for something else.")
    return "".join(f'<p class="remark">{escape(remark)}</p>' for remark in dict.fromkeys(remarks))


def _lanes(used: Resources) -> Iterator[_Lane]:
    cores = used.last("machine.cores")
    yield _Lane("CPU", [_curve(used, "CPU", "cpu")], _cores, cores, "cores", least=_CORES_HIGH)
    if (used.peak("children.cpu") or 0) >= _SMALLEST:
        below = [_curve(used, "children", "children.cpu")]
        yield _Lane("CPU of children", below, _cores, cores, "cores", least=_CORES_HIGH)
    limit = used.last("container.limit")
    curves = [_curve(used, "resident", "rss")]
    whole = limit or used.last("machine.memory")
    if limit is not None:
        curves.append(_curve(used, "container", "container.memory", "second"))
    elif (used.peak("children") or 0) > 0:
        curves.append(_curve(used, "with children", "tree.anon", "second"))
    name = "the container's limit" if limit is not None else "the machine's memory"
    yield _Lane("Memory", curves, byte_size, whole, name)
    io = [_curve(used, "read", "read"), _curve(used, "written", "written", "second")]
    yield _Lane("I/O", io, lambda value: f"{byte_size(value)}/s")
    for number in range(_gpus(used)):
        size = used.last(f"gpu.{number}.memory_size")
        gpu = [
            _curve(used, "memory", f"gpu.{number}.memory"),
            _curve(used, "own", f"gpu.{number}.own_memory", "second"),
        ]
        yield _Lane(f"GPU {number} memory", gpu, byte_size, size, "the GPU's memory")
        use = [_curve(used, "use", f"gpu.{number}.use")]
        yield _Lane(f"GPU {number}", use, lambda value: share(value, 1), 1.0, "busy")


def _cores(value: float) -> str:
    return f"{value:.2f} cores"


def _curve(used: Resources, title: str, name: str, css: str = "first") -> _Curve:
    return _Curve(title, used.series(name), css, used.mean(name))


_OF_GPU = re.compile(r"gpu\.([0-9]{1,3})\.")


def _gpus(used: Resources) -> int:
    found = (_OF_GPU.match(name) for name in used.names)
    return 1 + max((int(one[1]) for one in found if one), default=-1)


def _lane_html(lane: _Lane, used: Resources) -> str:
    curves = [curve for curve in lane.curves if curve.points]
    if not curves:
        return ""
    peak = max(value for curve in curves for _, value in curve.points)
    near = lane.limit is not None and lane.limit > 0 and peak >= lane.limit / 3
    # A limit that is far away would press the curve to the floor: it is only said then.
    top = max(peak, lane.limit or 0 if near else 0, lane.least)
    top += 0.05 * (top - lane.floor) or 1.0
    lines = "".join(_line(curve, used, lane.floor, top) for curve in curves)
    level = ""
    if near and lane.limit is not None:
        height = _HEIGHT * (1 - (lane.limit - lane.floor) / (top - lane.floor))
        level = f'<line class="limit" x1="0" x2="{_WIDTH}" y1="{height:.1f}" y2="{height:.1f}"/>'
    if curves[0].css == "metric":
        facts = [f"{lane.text(curves[0].points[-1][1])} last", f"{lane.text(lane.floor)} to {lane.text(peak)}"]
    else:
        facts = [f"{lane.text(peak)} peak"]
        facts += [] if curves[0].mean is None else [f"{lane.text(curves[0].mean)} mean"]
    if lane.limit:
        facts.append(f"of {lane.text(lane.limit)}")
    keys = "".join(f'<span class="key {curve.css}"></span>{curve.name} ' for curve in curves) if len(curves) > 1 else ""
    told = f"{lane.title}: {', '.join(facts)}"
    said = "".join(f"<span>{escape(fact)}</span>" for fact in facts)
    return (
        f'<div class="lane"><span class="name">{escape(lane.title)}<small>{keys}</small></span>'
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none" role="img" aria-label="{escape(told)}">'
        f"<title>{escape(told)}</title>{level}{lines}</svg>"
        f'<span class="facts">{said}</span></div>'
    )


def _line(curve: _Curve, used: Resources, floor: float, top: float) -> str:
    """Draw a curve: of many points the least and the largest of each stretch, so that no peak is lost."""
    length = max(used.end - used.start, 1)
    drawn = [
        (_WIDTH * (at - used.start) / length, _HEIGHT * (top - value) / (top - floor))
        for at, value in _fewer(curve.points)
    ]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in drawn)
    if len(drawn) == 1:
        x, y = drawn[0]
        path = f"{max(x - 4, 0):.1f},{y:.1f} {x + 4:.1f},{y:.1f}"
    area = ""
    if curve.css == "first" and len(drawn) > 1:
        area = f'<polygon class="area" points="{drawn[0][0]:.1f},{_HEIGHT} {path} {drawn[-1][0]:.1f},{_HEIGHT}"/>'
    return f'{area}<polyline class="{curve.css}" points="{path}"/>'


def _fewer(points: Points) -> Points:
    if len(points) <= _MOST_POINTS:
        return points
    times = [at for at, _ in points]
    first, step = times[0], 2 * (times[-1] - times[0]) / _MOST_POINTS
    found: list[tuple[int, float]] = []
    place = 0
    for number in range(_MOST_POINTS // 2):
        until = bisect_right(times, first + (number + 1) * step) if number < _MOST_POINTS // 2 - 1 else len(times)
        stretch = points[place:until]
        place = until
        if stretch:
            found += sorted({min(stretch, key=lambda one: one[1]), max(stretch, key=lambda one: one[1])})
    return found

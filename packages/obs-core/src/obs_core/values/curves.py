"""Curves of metrics over steps and time: columns of numbers, thinned without losing extremes, and their chart."""

from __future__ import annotations

import html
import math
import os
from array import array
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import msgspec
from msgspec import Struct, field

from obs_core.text.durations import format_duration
from obs_core.text.numbers import plural, precise
from obs_core.text.terminal import printable

__all__ = ["METRICS", "Columns", "Curve", "Curves", "ProgressBar", "curves_json", "thinned"]

METRICS = "Metrics"
"""The deck that shows them; like the time line, it is not written but drawn."""

_DRAWN = 2_000
"""Points of a curve that a report holds: more than a chart is wide."""

_DRAWN_IN_ALL = 100_000
"""Points that a report holds of all curves of a task together."""

_CURVES = 200
"""Curves of a task that a report draws; of the others the table tells."""

_FEWEST = 64


class Columns(Struct):
    """Values of one metric, in the order in which they were logged.

    Attributes:
        steps: ``array("q")``.
        times: ``array("q")`` of nanoseconds.
        values: ``array("d")``; not-a-number and infinity are among them.
    """

    steps: array[int] = field(default_factory=lambda: array("q"))
    times: array[int] = field(default_factory=lambda: array("q"))
    values: array[float] = field(default_factory=lambda: array("d"))

    def __len__(self) -> int:
        return len(self.values)

    def extend(self, steps: Iterable[int], times: array[int], values: array[float]) -> None:
        """Add points at the end."""
        self.steps.extend(steps)
        self.times.extend(times)
        self.values.extend(values)

    def taken(self, places: Iterable[int]) -> Columns:
        """Return only the points at some places."""
        found = list(places)
        return Columns(
            array("q", map(self.steps.__getitem__, found)),
            array("q", map(self.times.__getitem__, found)),
            array("d", map(self.values.__getitem__, found)),
        )

    def in_order(self) -> Columns:
        """Return the points in the order of their times."""
        times = self.times
        if all(map(int.__le__, times, times[1:])):
            return self
        return self.taken(sorted(range(len(times)), key=times.__getitem__))

    def thinned(self, most: int = _DRAWN) -> Columns:
        """Return few enough points for a chart, with all extremes."""
        return self if len(self) <= most else self.taken(thinned(self.values, most))


def thinned(values: Sequence[float], most: int) -> list[int]:
    """Choose points that draw the same curve: the first, the last, and of each stretch the least and the greatest.

    Args:
        values: Of the points, in their order.
        most: How many points are wanted at most, at least 4. What is not a number comes on top, one of each
            stretch, so that the gap is seen.

    Returns:
        Their places, in ascending order.
    """
    count = len(values)
    if not count:
        return []
    size = math.ceil(count / max(1, (most - 2) // 2))
    chosen = [0]
    for start in range(0, count, size):
        part = list(values[start : start + size])
        if not math.isfinite(sum(part)):
            numbers = [value for value in part if value == value]
            places = {part.index(extreme(numbers)) for extreme in (min, max) if numbers}
            places.update(next(([place] for place, value in enumerate(part) if value != value), []))
            chosen += [start + place for place in sorted(places)]
            continue
        low, high = part.index(min(part)), part.index(max(part))
        chosen += (start + low, start + high) if low < high else (start + high, start + low)
    chosen.append(count - 1)
    return list(dict.fromkeys(chosen)) if chosen == sorted(chosen) else sorted(set(chosen))


class Curve(Struct):
    """One metric of a task, as a chart shows it.

    Attributes:
        name: The metric's name, unescaped.
        columns: Its points; of many those that draw the same curve. Times are nanoseconds since the epoch.
        count: How many points there are in all.
        last: The value that was logged last.
        low: The least value; not a number if there is none.
        high: The greatest value.
        odd: How many values are no numbers, or infinite.
        label: What tells it from other curves of its name: its task, or its execution.
    """

    name: str
    columns: Columns
    count: int
    last: float
    low: float
    high: float
    odd: int = 0
    label: str = ""

    @classmethod
    def of(cls, name: str, columns: Columns, label: str = "") -> Curve:
        """Make the curve of a metric's points, all of them."""
        values = columns.values
        finite: Sequence[float] = values
        if not math.isfinite(sum(values)):
            finite = [value for value in values if math.isfinite(value)]
        low, high = (min(finite), max(finite)) if finite else (math.nan, math.nan)
        last = values[-1] if values else math.nan
        return cls(name, columns, len(values), last, low, high, len(values) - len(finite), label)


class ProgressBar(Struct):
    """How far a loop is.

    Attributes:
        name: What it is called, unescaped.
        done: Items that are done.
        total: How many there are; None if that is not known.
        unit: What they are called.
        elapsed: Nanoseconds since it began.
        status: ``"running"``, ``"ended"``, or ``"stopped"`` if its process was gone before it ended.
    """

    name: str
    done: int
    total: int | None
    unit: str
    elapsed: int
    status: str

    @property
    def rate(self) -> float:
        """Items a second."""
        return self.done / (self.elapsed / 1e9) if self.elapsed > 0 else 0.0

    @property
    def remaining(self) -> int | None:
        """Nanoseconds until the end, as estimated from the rate until now; None if that cannot be told."""
        if self.status != "running" or self.total is None or self.done <= 0:
            return None
        return max(0, int(self.elapsed / self.done * (self.total - self.done)))

    def told(self) -> str:
        """Say how far it is: ``"312 of 1,000 it, 31 %, 12.5 it/s, 55 s to go"``."""
        parts = [f"{self.done:,}{f' of {self.total:,}' if self.total is not None else ''} {self.unit}"]
        if self.total:
            parts.append(f"{min(100, 100 * self.done // self.total)} %")
        if self.elapsed > 0 and self.done:
            parts.append(f"{self.rate:,.3g} {self.unit}/s" if self.rate < 1000 else f"{self.rate:,.0f} {self.unit}/s")
        if (left := self.remaining) is not None:
            parts.append(f"{format_duration(left)} to go")
        elif self.elapsed > 0:
            parts.append(f"{'stopped' if self.status == 'stopped' else 'took'} after {format_duration(self.elapsed)}")
        return ", ".join(parts).replace("took after", "took")


class Curves(Struct):
    """What a Metrics deck shows: progress bars, curves, named values.

    Attributes:
        curves: One for each metric.
        params: Named values.
        bars: Loops.
    """

    curves: list[Curve] = []
    params: dict[str, Any] = {}
    bars: list[ProgressBar] = []

    def _repr_html_(self) -> str:
        parts = [f"<style>{_asset('curves.css')}</style>", '<div class="obs-curves">', *map(_bar, self.bars)]
        if self.curves:
            chart = _script_json(curves_json(self.curves))
            parts += [
                f"<style>{_asset('uplot.css')}</style>",
                f'<div class="charts" data-curves></div><script type="application/json">{chart}</script>',
                f"<script data-obs-once>{_asset('uplot.js')}</script>",
                f"<script data-obs-once>{_asset('numbers.js')}</script>",
                f"<script data-obs-once>{_asset('curves.js')}</script>",
                _table(self.curves),
            ]
        if self.params:
            parts.append(_params(self.params))
        return "".join((*parts, "</div>"))


def curves_json(curves: Sequence[Curve]) -> dict[str, Any]:
    """Return what ``curves.js`` draws.

    Args:
        curves: In any order; those of one name share a chart.

    Returns:
        What becomes JSON: times in milliseconds since the epoch; what is no number as None, infinity as text.
    """
    most = max(_FEWEST, min(_DRAWN, _DRAWN_IN_ALL // max(1, len(curves))))
    return {"curves": [_curve_json(curve, curve.columns.thinned(most)) for curve in curves[:_CURVES]]}


def _curve_json(curve: Curve, shown: Columns) -> dict[str, Any]:
    return {
        "name": printable(curve.name),
        "label": printable(curve.label),
        "count": curve.count,
        "steps": shown.steps.tolist(),
        "times": [time // 10_000 / 100 for time in shown.times],
        "values": [_value_json(value) for value in shown.values],
    }


def _value_json(value: float) -> float | str | None:
    if math.isfinite(value):
        return value
    return None if value != value else "inf" if value > 0 else "-inf"


def written(value: float) -> str:
    """Write a value as people read it: in the table as in the chart (`numbers.js`)."""
    return "nan" if value != value else precise(value)


def _table(curves: Sequence[Curve]) -> str:
    labelled = any(curve.label for curve in curves)
    rows = "".join(
        f"<tr><th scope='row'>{_text(curve.name)}</th>{f'<td>{_text(curve.label)}</td>' if labelled else ''}"
        f"<td>{curve.count:,}</td><td>{written(curve.last)}</td><td>{written(curve.low)}</td>"
        f"<td>{written(curve.high)}</td><td>{_odd(curve)}</td></tr>"
        for curve in curves
    )
    where = "<th>Where</th>" if labelled else ""
    return (
        f"<table><thead><tr><th>Metric</th>{where}<th>Points</th><th>Last</th><th>Least</th><th>Greatest</th>"
        f"<th></th></tr></thead><tbody>{rows}</tbody></table>"
    )


def _odd(curve: Curve) -> str:
    return f"{plural(curve.odd, 'value')} not finite" if curve.odd else ""


def _params(params: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><th scope='row'>{_text(name)}</th><td><code>{_text(_param(value))}</code></td></tr>"
        for name, value in params.items()
    )
    return f"<h3>Parameters</h3><table class='params'><tbody>{rows}</tbody></table>"


def _param(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _bar(bar: ProgressBar) -> str:
    share = 100 * min(1.0, bar.done / bar.total) if bar.total else 100.0
    known = f' aria-valuenow="{share:.0f}" aria-valuemin="0" aria-valuemax="100"' if bar.total else ""
    name = _text(bar.name) or "Progress"
    return (
        f'<div class="progress {bar.status}{"" if bar.total else " unknown"}" role="progressbar"'
        f' aria-label="{name}"{known}>'
        f'<span class="name">{name}</span><span class="track"><span style="width:{share:.2f}%"></span></span>'
        f'<span class="told">{html.escape(bar.told())}</span></div>'
    )


def _text(text: str) -> str:
    return html.escape(printable(text).encode("utf-8", "replace").decode(), quote=True)


def _script_json(value: Any) -> str:
    text = msgspec.json.encode(value).decode()
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


@cache
def _asset(name: str) -> str:
    from obs_core import report

    with open(os.path.join(os.path.dirname(str(report.__file__)), name), encoding="utf-8") as file:
        return file.read()

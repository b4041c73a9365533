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

__all__ = ["METRICS", "Columns", "Curve", "Curves", "ProgressBar", "curves_json", "thinned", "told_amount"]

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
    # Stretches differ by one point at most, so that about as many points are drawn as may be.
    stretches = min(count, max(1, (most - 2) // 2))
    size, longer = divmod(count, stretches)
    chosen = [0]
    for number in range(stretches):
        start = number * size + min(number, longer)
        part = list(values[start : start + size + (number < longer)])
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
        done: Items that are done; a float where there are fractions, or more than 64 bits hold.
        total: How many there are; None if that is not known.
        unit: What they are called.
        elapsed: Nanoseconds since it began.
        status: ``"running"``, ``"ended"``, ``"stopped"`` if its task was over before it ended, or ``"lost"`` if the
            process was gone: how far it was when it was last heard of.
        idle: Nanoseconds since it was seen to get further, if it runs.
        counted: Nanoseconds from its beginning to the moment at which so many were done; None for ``elapsed``.
        initial: How many were done when it began.
    """

    name: str
    done: int | float
    total: int | float | None
    unit: str
    elapsed: int
    status: str
    idle: int = 0
    counted: int | None = None
    initial: int | float = 0

    @property
    def share(self) -> float:
        """How much of it is done, from 0 to 1; of nothing all is done."""
        return max(0.0, min(1.0, self.done / self.total)) if self.total else 1.0

    @property
    def rate(self) -> float:
        """Items a second, until the moment at which they were counted."""
        took = self._took
        return self._came / (took / 1e9) if took > 0 else 0.0

    @property
    def _took(self) -> int:
        return self.elapsed if self.counted is None else self.counted

    @property
    def _came(self) -> int | float:
        return self.done - self.initial

    @property
    def remaining(self) -> int | None:
        """Nanoseconds until the end, as estimated from the rate until now; None if that cannot be told."""
        if self.status != "running" or self.total is None or self._came <= 0 or self.hangs:
            return None
        left = self._took / self._came * (self.total - self.done) - (self.elapsed - self._took)
        if left < 0 and self.done < self.total:
            return None  # it is over by now, or slower than it was: how far it is was not seen since
        return max(0, int(left)) if left < _LONGEST else None

    @property
    def hangs(self) -> bool:
        """Whether the next item takes several times as long as those before it: what these took tells nothing now."""
        if self.status != "running" or self._came <= 0:
            return False
        took = self.elapsed - self.idle if self.counted is None else self.counted
        return self.idle > max(_SHORT, _MANY * took / self._came)

    def _percent(self) -> int:
        done, total = self.done, self.total
        if isinstance(done, int) and isinstance(total, int):
            return max(0, min(100, 100 * done // total))  # a float would make 28 % of 29 of 100
        return int(100 * self.share)

    def told(self) -> str:
        """Say how far it is: ``"312 of 1,000 it, 31 %, 12.5 it/s, 55 s to go"``."""
        return ", ".join([*self._told_amount(), *self._told_time()])

    def _told_amount(self) -> list[str]:
        of = "" if self.total is None else f" of {told_amount(self.total)}"
        parts = [f"{told_amount(self.done)}{of} {self.unit}"]
        if self.total:
            parts.append(f"{self._percent()} %")
        if self._took > 0 and self._came and not self.hangs:
            parts.append(f"{self.rate:,.3g} {self.unit}/s" if self.rate < 1000 else f"{self.rate:,.0f} {self.unit}/s")
        return parts

    def _told_time(self) -> list[str]:
        if self.hangs:
            return [f"no progress for {format_duration(self.idle)}"]
        if (left := self.remaining) is not None:
            return [f"{format_duration(left)} to go"]
        if self.status == "lost":
            return [f"when last heard of after {format_duration(self.elapsed)}"]
        if self.elapsed <= 0 or (self.status == "running" and self.total is not None and self._came > 0):
            return []
        return [f"{'stopped after' if self.status == 'stopped' else 'took'} {format_duration(self.elapsed)}"]


_SHORT = 2_000_000_000
"""Nanoseconds without progress that tell nothing: it is looked at once a second."""

_MANY = 5
"""Times an item's time after which the next one hangs."""

_LONGEST = 2**61
"""Nanoseconds that an estimate may say: some seventy years."""


def told_amount(amount: int | float) -> str:
    """Write how many items: as many as there are, or of a fraction so many digits that sums of tenths read as such.

    Examples:
        >>> told_amount(336_776), told_amount(0.1 + 0.2)
        ('336,776', '0.3')
    """
    return f"{amount:,}" if isinstance(amount, int) else f"{amount:,.10g}"


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
    share = 100 * bar.share
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

"""The Memory deck: the figures at a glance, light enough to be looked at first."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from pathlib import Path

from obs_core.rendering import escape
from obs_core.text.numbers import byte_size, count, share
from obs_memray.drawing import Drawn
from obs_memray.options import Options
from obs_memray.summary import Allocator, Place, Summary

__all__ = ["memory_html", "unreadable_html"]

_WIDTH, _HEIGHT = 1000, 220
_LINES = 4
"""Lines of a chart's grid, about."""


def unreadable_html(why: str) -> str:
    """Say that a capture is there and cannot be read: memray damages some of those of processes that fork.

    Args:
        why: What memray said.
    """
    return f"<p>What memray captured cannot be read, so there is no profile of this call.</p><p>{escape(why)}</p>"


def memory_html(
    drawn: Drawn,
    options: Options,
    *,
    last: Summary | None = None,
    stopped: bool = False,
    killed: bool = False,
    failure: str = "",
) -> str:
    """Draw the figures of a profile.

    Args:
        drawn: What was read out of the capture.
        options: What was profiled.
        last: The figures of the last time, to compare with.
        stopped: Whether the capture reached its size cap before the task ended.
        killed: Whether the process was gone before the task ended.
        failure: What else did not work.

    Returns:
        An HTML fragment.
    """
    summary = drawn.summary
    parts = [
        _notes(drawn, options, stopped, killed, failure),
        _facts(summary, last),
        _chart(summary),
        _allocators(summary, options, last),
    ]
    return f'<style>\n{_css()}\n</style><div class="obs-memory">{"".join(parts)}</div>'


@functools.cache
def _css() -> str:
    return (Path(__file__).parent / "assets" / "memory.css").read_text(encoding="utf-8").strip()


def _notes(drawn: Drawn, options: Options, stopped: bool, killed: bool, failure: str) -> str:
    notes = []
    if killed:
        notes.append("The process ended before the task did: this is what it had captured until then.")
    if drawn.without_children:
        notes.append("What forked children captured could not be read, and is left out.")
    if stopped:
        notes.append(
            f"The capture reached {options.max_capture_mb:,} MB (max_capture_mb):"
            " profiling stopped before the task did."
        )
    if failure:
        notes.append(escape(failure))
    return "".join(f'<p class="note">{note}</p>' for note in notes)


def _facts(summary: Summary, last: Summary | None) -> str:
    facts = [("allocated at the peak", byte_size(summary.peak), _change(summary.peak, last.peak if last else None))]
    if summary.total is not None:
        change = _change(summary.total, last.total if last else None)
        facts.append(("allocated in all", byte_size(summary.total), change))
    facts.append(("allocations", count(summary.count), ""))
    if summary.resident:
        largest, began = max(one.resident for one in summary.resident), summary.resident[0].resident
        facts.append(
            ("largest resident set", byte_size(largest), f" <small>{byte_size(began)} when the task began</small>")
        )
    if summary.processes > 1:
        facts.append(("processes, peaks added", count(summary.processes), ""))
    entries = "".join(f"<div><dt>{name}</dt><dd>{value}{change}</dd></div>" for name, value, change in facts)
    return f'<dl class="facts">{entries}</dl>'


def _change(now: int, before: int | None) -> str:
    """Say how a figure differs from the last time."""
    if before is None:
        return ""
    sign, difference = "-" if now < before else "+", abs(now - before)
    relative = f", {sign}{share(difference, before)}" if before else ""
    css = "same" if difference <= 0.05 * before else "worse" if now > before else "better"
    return f' <small class="{css}">{sign}{byte_size(difference)}{relative} since the last time</small>'


def _chart(summary: Summary) -> str:
    """Draw what the task added to the memory that was there: a process's modules would dwarf most tasks."""
    moments = summary.resident
    if len(moments) < 2:
        return ""
    began, end = moments[0].resident, moments[-1].at or 1
    heap = [(one.at, one.heap) for one in moments]
    resident = [(one.at, one.resident - began) for one in moments]
    highest, lowest = max(summary.peak, *(size for _, size in resident)), min(size for _, size in resident)
    sizes = _marks(
        min(0, lowest) if -lowest > highest / 10 else 0, highest, _LINES
    )  # a small dip needs no line below 0
    low, high = sizes[0], max(sizes[-1], sizes[0] + 1)
    unit, unit_name = _unit_of_time(end)
    times = [mark for mark in _marks(0, end / unit, 2 * _LINES) if mark <= end / unit]

    def points(values: Sequence[tuple[float, float]]) -> str:
        return " ".join(f"{_WIDTH * at / end:.1f},{_HEIGHT * (high - size) / (high - low):.1f}" for at, size in values)

    grid = "".join(f'<line x1="0" x2="{_WIDTH}" {_level(_HEIGHT * (high - one) / (high - low))}/>' for one in sizes)
    peak = f'<line class="peak" x1="0" x2="{_WIDTH}" {_level(_HEIGHT * (high - summary.peak) / (high - low))}/>'
    return (
        '<figure><figcaption><span class="key heap">allocated</span> <span class="key peak">its peak, '
        f'{byte_size(summary.peak)}</span> <span class="key resident">resident set</span>'
        f" since the task began, when it was {byte_size(began)}</figcaption>"
        f'<div class="plot">{_labels(sizes, low, high, "bottom", _signed_size)}'
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none" role="img" '
        f'aria-label="Memory over {end:,.1f} s: allocated up to {byte_size(summary.peak)}">{grid}'
        f'<polyline class="resident" points="{points(resident)}"/>'
        f'<polyline class="heap" points="{points(heap)}"/>{peak}'
        f"</svg>{_labels(times, 0, end / unit, 'left', lambda mark: f'{mark:,g} {unit_name}')}</div></figure>"
    )


def _unit_of_time(seconds: float) -> tuple[float, str]:
    return next(
        unit
        for unit in ((3600, "h"), (60, "min"), (1, "s"), (0.001, "ms"))
        if seconds >= 2 * unit[0] or unit[1] == "ms"
    )


def _signed_size(size: float) -> str:
    return f"-{byte_size(-size)}" if size < 0 else byte_size(size)


def _level(height: float) -> str:
    return f'y1="{height:.1f}" y2="{height:.1f}"'


def _labels(marks: Sequence[float], low: float, high: float, side: str, text: Callable[[float], str]) -> str:
    spans = (f'<span style="{side}:{100 * (one - low) / (high - low):.2f}%">{text(one)}</span>' for one in marks)
    return f'<div class="{side}">{"".join(spans)}</div>'


def _marks(low: float, high: float, about: int) -> list[float]:
    """Choose round numbers to write at an axis, the first at most `low` and the last at least `high`."""
    step = (high - low) / about or 1
    power = 10 ** math.floor(math.log10(step))
    step = next(one * power for one in (1, 2, 5, 10) if one * power >= step * 0.999)
    return [number * step for number in range(math.floor(low / step), math.ceil(high / step) + 1)]


def _allocators(summary: Summary, options: Options, last: Summary | None) -> str:
    if not summary.largest:
        return ""
    before = {_identity(one): one.size for one in last.largest} if last else None
    rows = "".join(_allocator(one, summary.held, before) for one in summary.largest)
    head = "<th>Share</th><th>Size</th><th>Allocations</th><th>Where</th>" + ("<th>Change</th>" if last else "")
    return (
        f"<h3>{_title(options)}</h3><table><thead><tr>{head}</tr></thead>{rows}</table>"
        '<p class="note">Each allocation counts for the innermost line of your own code, which is none of an installed'
        " package; below it stands where the packages that it called allocated most.</p>"
    )


def _title(options: Options) -> str:
    if options.view.leaks:
        return "What was not freed by the end"
    return "What was freed at once" if options.view.temporary_threshold >= 0 else "Who held the memory at its peak"


def _allocator(one: Allocator, held: int, before: dict[tuple[str, str, str], int] | None) -> str:
    change = ""
    if before is not None:
        was = before.get(_identity(one))
        change = "<td>new</td>" if was is None else f"<td>{_change(one.size, was)}</td>"
    bar = f'<span class="meter"><i style="width:{100 * one.size / max(held, 1):.1f}%"></i></span>'
    source = f"<pre>{escape(one.source)}</pre>" if one.source else ""
    inner = "".join(_row(place, "", "", "<td></td>" if change else "") for place in one.inner)
    return f"<tbody>{_row(one, bar + share(one.size, held), source, change)}{inner}</tbody>"


def _identity(one: Allocator) -> tuple[str, str, str]:
    """By what a line is known the next time: its number changes with any edit above it."""
    return one.function, one.file, one.source or str(one.line)


def _row(one: Place, relative: str, source: str, change: str) -> str:
    css = "" if relative else ' class="inner"'
    place = f'<code>{escape(one.function)}</code> <span title="{escape(one.file)}">{escape(one.place)}</span>'
    unit = "allocation" if one.count == 1 else "allocations"  # where there is no room for a head
    numbers = f'<td>{relative}</td><td>{byte_size(one.size)}</td><td data-unit="{unit}">{count(one.count)}</td>'
    return f"<tr{css}>{numbers}<td>{place}{source}</td>{change}</tr>"

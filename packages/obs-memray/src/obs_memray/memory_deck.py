"""The Memory deck: the figures at a glance, light enough to be looked at first."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

from obs_core.rendering import escape
from obs_memray.drawing import Drawn
from obs_memray.options import Options
from obs_memray.summary import Allocator, Moment, Summary

__all__ = ["memory_html", "size_text"]

_WIDTH, _HEIGHT = 1000, 220


def unreadable_html(why: str) -> str:
    """Say that a capture is there and cannot be read: memray damages some of those of processes that fork.

    Args:
        why: What memray said.
    """
    return f"<p>What memray captured cannot be read, so there is no profile of this call.</p><p>{escape(why)}</p>"


def memory_html(
    drawn: Drawn, options: Options, *, last: Summary | None = None, stopped: bool = False, killed: bool = False
) -> str:
    """Draw the figures of a profile.

    Args:
        drawn: What was read out of the capture.
        options: What was profiled.
        last: The figures of the last time, to compare with.
        stopped: Whether the capture reached its size cap before the task ended.
        killed: Whether the process was gone before the task ended.

    Returns:
        An HTML fragment.
    """
    summary = drawn.summary
    parts = [
        _notes(drawn, options, stopped, killed),
        _facts(summary, last),
        _chart(summary.resident),
        _allocators(summary, options, last),
    ]
    return f'<style>\n{_css()}\n</style><div class="obs-memory">{"".join(parts)}</div>'


@functools.cache
def _css() -> str:
    return (Path(__file__).parent / "assets" / "memory.css").read_text(encoding="utf-8").strip()


def size_text(size: float) -> str:
    """Write bytes as people do: ``"1.5 MB"``, in powers of ten."""
    sign, size = ("−" if size < 0 else ""), abs(size)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 999.5 or unit == "GB":
            return f"{sign}{size:.0f} {unit}" if unit == "B" or size >= 99.95 else f"{sign}{size:.1f} {unit}"
        size /= 1000
    raise AssertionError("the loop returns at its last unit")


def _notes(drawn: Drawn, options: Options, stopped: bool, killed: bool) -> str:
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
    return "".join(f'<p class="note">{note}</p>' for note in notes)


def _facts(summary: Summary, last: Summary | None) -> str:
    facts = [("peak", size_text(summary.peak), _change(summary.peak, last.peak if last else None))]
    if summary.total is not None:
        change = _change(summary.total, last.total if last else None)
        facts.append(("allocated in all", size_text(summary.total), change))
    facts.append(("allocations", f"{summary.count:,}", ""))
    if summary.resident:
        facts.append(("largest resident set", size_text(max(one.resident for one in summary.resident)), ""))
    if summary.processes > 1:
        facts.append(("processes, peaks added", f"{summary.processes}", ""))
    entries = "".join(f"<div><dt>{name}</dt><dd>{value}{change}</dd></div>" for name, value, change in facts)
    return f'<dl class="facts">{entries}</dl>'


def _change(now: int, before: int | None) -> str:
    """Say how a figure differs from the last time."""
    if before is None:
        return ""
    difference = now - before
    share = f", {100 * difference / before:+.0f} %".replace("-", "−") if before else ""
    sign = "+" if difference >= 0 else ""
    css = "worse" if difference > 0.05 * before else "better" if difference < -0.05 * before else "same"
    return f' <small class="{css}">{sign}{size_text(difference)}{share} since the last time</small>'


def _chart(moments: Sequence[Moment]) -> str:
    if len(moments) < 2:
        return ""
    top = max(max(one.resident, one.heap) for one in moments) or 1
    end = moments[-1].at or 1
    lines = "".join(
        f'<polyline class="{css}" points="{_points([(one.at, getattr(one, css)) for one in moments], end, top)}"/>'
        for css in ("resident", "heap")
    )
    grid = "".join(
        f'<line x1="0" x2="{_WIDTH}" y1="{_HEIGHT * part / 4:.0f}" y2="{_HEIGHT * part / 4:.0f}"/>' for part in range(5)
    )
    return (
        '<figure><figcaption><span class="key resident">resident set</span> <span class="key heap">allocated</span>'
        f" over {end:,.1f} s, up to {size_text(top)}</figcaption>"
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none" role="img" '
        f'aria-label="Memory over time, up to {size_text(top)}">{grid}{lines}</svg></figure>'
    )


def _points(values: Sequence[tuple[float, int]], end: float, top: int) -> str:
    return " ".join(f"{_WIDTH * at / end:.1f},{_HEIGHT * (1 - size / top):.1f}" for at, size in values)


def _allocators(summary: Summary, options: Options, last: Summary | None) -> str:
    if not summary.largest:
        return ""
    before = {(one.function, one.file): one.size for one in last.largest} if last else None
    rows = "".join(_allocator(one, summary.largest[0].size, before) for one in summary.largest)
    head = "<th>Size</th><th>Allocations</th><th>Function</th><th>Place</th>" + ("<th>Change</th>" if last else "")
    return (
        f"<h3>{_title(options)}</h3><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        '<p class="note">Each allocation counts where it was made: by the innermost Python function.</p>'
    )


def _title(options: Options) -> str:
    if options.view.leaks:
        return "What was not freed by the end"
    return "What was freed at once" if options.view.temporary_threshold >= 0 else "Who held the memory at its peak"


def _allocator(one: Allocator, most: int, before: dict[tuple[str, str], int] | None) -> str:
    bar = f'<span class="meter"><i style="width:{100 * one.size / max(most, 1):.1f}%"></i></span>'
    change = ""
    if before is not None:
        was = before.get((one.function, one.file))
        change = "<td>new</td>" if was is None else f"<td>{_change(one.size, was) or 'same'}</td>"
    return (
        f"<tr><td>{bar}{size_text(one.size)}</td><td>{one.count:,}</td><td><code>{escape(one.function)}</code></td>"
        f'<td title="{escape(one.file)}">{escape(one.place)}</td>{change}</tr>'
    )

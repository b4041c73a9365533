"""Curves as still pictures: what a notebook shows of a metric, and where no script may draw its chart."""

from __future__ import annotations

import math
from binascii import b2a_base64
from collections.abc import Iterator, Sequence
from html import escape

from obs_core.text.controls import in_order
from obs_core.text.html_tables import Html
from obs_core.text.numbers import plural
from obs_core.values.curves import thinned, written

__all__ = ["curve_picture"]

_MOST = 240
"""Points of a picture, about: two for each few pixels."""

_LINE, _TEXT = "#4a78e0", "#767676"
"""Both can be seen on white and on black."""


def curve_picture(
    name: str, steps: Sequence[float], values: Sequence[float], *, width: int = 420, height: int = 130
) -> Html:
    """Return a picture of a curve as an ``<img>`` that holds all of it: even what takes scripts and SVG out keeps it.

    Args:
        name: What the curve is called, for those who cannot see it.
        steps: Where its points lie.
        values: Their values; the curve is broken where one is no finite number.
        width: Pixels.
        height: Pixels; below 60 there is no room for the numbers at its ends.
    """
    finite = [value for value in values if math.isfinite(value)]
    told = f"{name[:120]}: {plural(len(values), 'point')}"
    if finite:
        told += f" from {written(min(finite))} to {written(max(finite))}, the last {written(values[-1])}"
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
        f"{''.join(_drawn(steps, values, finite, width, height)) if finite else ''}</svg>"
    )
    source = b2a_base64(svg.encode(), newline=False).decode()
    alt = escape(in_order(told).encode("utf-8", "replace").decode())
    return Html(f'<img width="{width}" height="{height}" alt="{alt}" src="data:image/svg+xml;base64,{source}">')


def _drawn(
    steps: Sequence[float], values: Sequence[float], finite: Sequence[float], width: int, height: int
) -> Iterator[str]:
    low, high = min(finite), max(finite)
    first, last = min(steps), max(steps)
    bottom = height - 2
    top, left = 2, 2
    if height >= 60:
        numbers = (written(high), written(low)) if low != high else (written(low),)
        bottom, top, left = height - 20, 8, 8 + 7 * max(map(len, numbers))
        for number, y in zip(numbers, (top, bottom) if low != high else ((top + bottom) // 2,), strict=True):
            yield _text(number, left - 6, y + 4, "end")
        yield _text(written(first), left, height - 4, "start")
        if last != first:
            yield _text(written(last), width - 2, height - 4, "end")
    places = [_between(step, first, last) * (width - 4 - left) + left for step in steps]
    heights = [bottom - _between(one, low, high) * (bottom - top) if math.isfinite(one) else None for one in values]
    chosen = sorted(thinned(values, _MOST), key=places.__getitem__)
    path, goes_on = [], False
    for place in chosen:
        up = heights[place]
        if up is not None:
            path.append(f"{'L' if goes_on else 'M'}{places[place]:.1f} {up:.1f}{'' if goes_on else 'h0'}")
        goes_on = up is not None
    thick = 5 if len(finite) == 1 else 1.6  # a point alone is a dot
    look = f'stroke="{_LINE}" stroke-width="{thick}" stroke-linejoin="round" stroke-linecap="round"'
    yield f'<path d="{"".join(path)}" fill="none" {look}/>'


def _between(value: float, low: float, high: float) -> float:
    """Return where a value lies from 0 to 1; in the middle if there is no room, even where their distance overflows."""
    room = high / 2 - low / 2
    return (value / 2 - low / 2) / room if room else 0.5


def _text(text: str, x: float, y: float, anchor: str) -> str:
    look = f'font-family="system-ui,sans-serif" font-size="11" fill="{_TEXT}"'
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" {look}>{escape(text)}</text>'

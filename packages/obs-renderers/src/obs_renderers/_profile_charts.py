"""Small charts of a profile in plain SVG and HTML: no script, any width, the page's colours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from obs_renderers._markup import escape, shorten
from obs_renderers._numbers import count, share
from obs_renderers._scale import value_in

if TYPE_CHECKING:
    from obs_renderers._columns import Unit

__all__ = ["Histogram", "histogram", "value_bars"]

_HEIGHT = 72


class Histogram(Struct, frozen=True):
    """Counts between edges, and how many values lie beyond them on either side.

    Attributes:
        counts: Number of values in each bin.
        edges: One more than there are bins, in ascending order.
        below: Values left out below the first edge, as outliers.
        above: Values left out above the last edge.
    """

    counts: list[int]
    edges: list[float]
    below: int = 0
    above: int = 0


def histogram(bins: Histogram, unit: Unit, name: str) -> str:
    """Draw a histogram.

    Args:
        bins: The counts.
        unit: Unit of the edges.
        name: The column's name, for those who cannot see the chart.
    """
    tallest = max(bins.counts, default=0) or 1
    width = 100 / max(1, len(bins.counts))
    bars = "".join(
        f'<rect x="{place * width:.3f}%" y="{_HEIGHT - height:.1f}" '
        f'width="{width * 0.94:.3f}%" '
        f'height="{height:.1f}">'
        f"<title>{_range(bins, place, unit)}: {count(number)}</title></rect>"
        for place, number in enumerate(bins.counts)
        if (height := _height(number, tallest))
    )
    label = escape(f"Histogram of {shorten(name, 80)}")
    low, high = _ends(bins, unit)
    axis = (
        f'<p class="ends"><span>{_beyond(bins.below, "<")}{escape(low)}</span>'
        f"<span>{escape(high)}{_beyond(bins.above, '>')}</span></p>"
    )
    return f'<svg class="histogram" role="img" aria-label="{label}" width="100%" height="{_HEIGHT}">{bars}</svg>{axis}'


def _ends(bins: Histogram, unit: Unit) -> tuple[str, str]:
    first, last = bins.edges[0], bins.edges[-1]
    days = unit == "epoch" and last - first > 3 * 86_400
    ends = (value_in(unit, first), value_in(unit, last))
    return (ends[0][:10], ends[1][:10]) if days else ends


def _height(number: int, tallest: int) -> float:
    return max(1.5, number / tallest * _HEIGHT) if number else 0.0


def _range(bins: Histogram, place: int, unit: Unit) -> str:
    return escape(f"{value_in(unit, bins.edges[place])} to {value_in(unit, bins.edges[place + 1])}")


def _beyond(number: int, side: str) -> str:
    if not number:
        return ""
    text = f"{count(number)} {'below' if side == '<' else 'above'}"
    return f"{'' if side == '<' else ' '}<em>{text}</em>{' ' if side == '<' else ''}"


def value_bars(top: Sequence[tuple[str, int]], rows: int, shown: int = 5) -> str:
    """Draw the most frequent values as bars.

    Args:
        top: Values and how often they occur, most frequent first.
        rows: Of how many rows.
        shown: How many to draw.
    """
    if top[0][1] == 1 and len(top) > 1:
        return f'<p class="examples">{" · ".join(escape(shorten(value, 40)) for value, _ in top[:shown])} …</p>'
    most = top[0][1] or 1
    lines = "".join(
        f'<li title="{escape(shorten(value, 300))}: {count(number)}">'
        f"<span>{escape(shorten(value, 40)) or '(empty)'}</span>"
        f'<i style="width:{100 * number / most:.1f}%"></i><b>{share(number, rows)}</b></li>'
        for value, number in top[:shown]
    )
    return f'<ol class="value-bars">{lines}</ol>'

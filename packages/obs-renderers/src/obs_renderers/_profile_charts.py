"""Small charts of a profile in plain SVG and HTML: no script, any width, the page's colours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from obs_core.text.controls import visible
from obs_core.text.numbers import count, plural, share, statistic
from obs_renderers._markup import escape, shorten
from obs_renderers._scale import day_in, value_in

if TYPE_CHECKING:
    from obs_renderers._columns import Unit
    from obs_renderers._histograms import Histogram

__all__ = ["histogram", "shown_value", "value_bars"]

_HEIGHT = 72
_MAX_BARS = 8
_EXAMPLES = 5


def histogram(bins: Histogram, unit: Unit, name: str, *, plain: bool = False) -> str:
    """Draw a histogram.

    Args:
        bins: The counts.
        unit: Unit of the edges.
        name: The column's name, for those who cannot see the chart.
        plain: Draw the bars as one shape that says nothing of each of them: a tenth of the size.
    """
    tallest = max(bins.counts, default=0) or 1
    heights = [max(1.5, number / tallest * _HEIGHT) if number else 0.0 for number in bins.counts]
    bars = _shape(heights) if plain else _bars(bins, unit, heights)
    label = escape(f"Histogram of {shorten(name, 80)}")
    low, high = _ends(bins, unit)
    # How tall the bars are is said once: no axis of counts beside each small chart.
    most = f'<span class="most" title="rows in the tallest bar">↑ {count(tallest)}</span>' if sum(bins.counts) else ""
    axis = f'<p class="ends"><span>{escape(low)}</span>{most}<span>{escape(high)}</span></p>'
    return (
        f'<svg class="histogram" role="img" aria-label="{label}" width="100%" height="{_HEIGHT}">{bars}</svg>'
        f"{axis}{_clipped(bins, low, high)}"
    )


def _bars(bins: Histogram, unit: Unit, heights: list[float]) -> str:
    width = 100 / max(1, len(heights))
    return "".join(
        f'<rect x="{place * width:.3f}%" y="{_HEIGHT - height:.1f}" width="{width * 0.94:.3f}%" height="{height:.1f}">'
        f"<title>{_range(bins, place, unit)}: {count(bins.counts[place])}</title></rect>"
        for place, height in enumerate(heights)
        if height
    )


def _shape(heights: list[float]) -> str:
    bars = "".join(f"M{place} 72v-{height:.0f}h.94V72z" for place, height in enumerate(heights) if height)
    box = f'viewBox="0 0 {len(heights)} {_HEIGHT}" preserveAspectRatio="none" width="100%" height="{_HEIGHT}"'
    return f'<svg {box}><path d="{bars}"/></svg>'


def _ends(bins: Histogram, unit: Unit) -> tuple[str, str]:
    first, last = bins.edges[0], bins.edges[-1]
    if bins.whole:
        return _whole(first + 0.5), _whole(bins.last)
    days = unit in ("epoch", "utc") and last - first > 3 * 86_400
    written = day_in if days else value_in
    return written(unit, first), written(unit, last)


def _whole(value: float) -> str:
    return statistic(round(value))


def _clipped(bins: Histogram, low: str, high: str) -> str:
    """Say what the bars leave out."""
    beyond = [f"{count(bins.below)} below {low}"] if bins.below else []
    beyond += [f"{count(bins.above)} above {high}"] if bins.above else []
    return f'<p class="clipped">Not drawn: {escape(", ".join(beyond))}</p>' if beyond else ""


def _range(bins: Histogram, place: int, unit: Unit) -> str:
    first, last = bins.edges[place], bins.edges[place + 1]
    if bins.whole:
        low, high = _whole(first + 0.5), _whole(min(last - 0.5, bins.last))
        return escape(low if low == high else f"{low} to {high}")
    return escape(f"{value_in(unit, first)} to {value_in(unit, last)}")


def shown_value(value: str, limit: int) -> str:
    """Write a value beside a bar, escaped: at most so many characters, each of which is seen."""
    return escape(visible(shorten(value, limit))) or "(empty)"


def value_bars(top: Sequence[tuple[str, int]], rows: int, present: int, distinct: int | None, *, about: bool) -> str:
    """Draw the most frequent values as bars, and say what the others make up.

    Args:
        top: Values and how often they occur, most frequent first.
        rows: Of how many rows.
        present: How many of these have a value.
        distinct: How many different values there are, if that is known.
        about: Whether the rows are a sample of the table's.
    """
    if top[0][1] == 1 and len(top) > 1:
        shown = " · ".join(shown_value(value, 40) for value, _ in top[:_EXAMPLES])
        rest = "" if distinct is not None and distinct <= _EXAMPLES and not about else " …"
        return f'<p class="examples">{shown}{rest}</p>'
    drawn = top if len(top) <= _MAX_BARS else top[: _MAX_BARS - 1]
    most = drawn[0][1] or 1
    lines = "".join(
        f'<li title="{escape(shorten(value, 300))}: {count(number)}"><span>{shown_value(value, 80)}</span>'
        f'<i style="width:{100 * number / most:.1f}%"></i><b>{share(number, rows, about=about)}</b></li>'
        for value, number in drawn
    )
    return f'<ol class="value-bars">{lines}{_others(drawn, rows, present, distinct, about=about)}</ol>'


def _others(drawn: Sequence[tuple[str, int]], rows: int, present: int, distinct: int | None, *, about: bool) -> str:
    """Say how much the values without a bar make up: how long bars are tells only how they compare with each other."""
    rest = present - sum(number for _, number in drawn)
    if rest <= 0:
        return ""
    # A sample has not seen all of them.
    names = "other values" if distinct is None or about else plural(distinct - len(drawn), "other value")
    return f'<li class="others" title="{count(rest)}"><span>{names}</span><b>{share(rest, rows, about=about)}</b></li>'

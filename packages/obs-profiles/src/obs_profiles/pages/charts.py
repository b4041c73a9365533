"""Distributions of one or two columns as small pictures."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from obs_profiles.column_profiles import ColumnProfile, NumberProfile
from obs_profiles.comparison.sequences import number_writer
from obs_profiles.comparison.shares import Share, shares_of
from obs_profiles.pages.frame import BOUND, is_wide, share_html, value_html
from obs_profiles.sketches.quantiles import common_step
from obs_profiles.wording import apart, duration_text, number_text, rough_time_text, time_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["bar", "distribution_chart", "rough_writer_for", "value_bars", "writer_for"]

_BINS = 32
_WIDTH, _HEIGHT = 260, 44
_BARS = 3
_FREQUENT = 0.01
"""Where no value has this share of the rows, none is drawn."""

_SECOND, _MINUTE, _HOUR, _DAY = (seconds * 1_000_000 for seconds in (1, 60, 3_600, 86_400))
_SPANS = [many * unit for unit in (_SECOND, _MINUTE) for many in (1, 2, 5, 10, 15, 30)]
_SPANS += [hours * _HOUR for hours in (1, 2, 3, 4, 6, 8, 12)]
"""Microseconds of which a whole number is a day."""


def distribution_chart(*columns: ColumnProfile | None) -> str:
    """Draw how the values of a column are distributed; of two columns, one over the other.

    Numbers, times and lengths are a histogram between the 1st and the 99th percentile, whose outermost bars hold what
    lies beyond. Texts and booleans are a bar for each of the most frequent values; where none is frequent, a histogram
    of their lengths. Shares are of all rows, as those of a comparison are.

    Args:
        columns: One column; or the reference, then the current one. None is not drawn.

    Returns:
        HTML; empty where nothing is known of the values.
    """
    there = [column for column in columns if column is not None and column.present]
    kinds = {column.kind if not column.is_numeric else "number" for column in there}
    if len(kinds) > 1:
        # Each in the colour of its side.
        alone = ([one if place == side else None for place, one in enumerate(columns)] for side in range(len(columns)))
        return "".join(distribution_chart(*one) for one in alone)
    known = [column.distribution if column is not None and column.present else None for column in columns]
    if there and all(column.distribution for column in there):
        single = {one.least for one in known if one} | {one.most for one in known if one}
        if len(single) > 1:
            return _histogram(known, columns, rough_writer_for(there[0]), times=there[0].kind == "time")
    if bars := value_bars(columns, most=_BARS):
        return bars
    texts = [column.texts if column is not None else None for column in columns]
    lengths = [one.lengths if one and one.lengths.moments.count else None for one in texts]
    if len({end for one in lengths if one for end in (one.least, one.most)}) < 2:
        return ""
    return _histogram(lengths, columns, number_text, caption="length")


def writer_for(column: ColumnProfile) -> Callable[[float], str]:
    """Return what writes an exact value of a column's distribution."""
    if column.is_numeric:
        return number_writer(column)
    return {"time": time_text, "duration": duration_text}.get(column.kind, number_text)


def rough_writer_for(column: ColumnProfile) -> Callable[[float], str]:
    """Return what writes an approximate value of a column's distribution."""
    if column.kind != "time" or column.times is None:
        return writer_for(column)
    span = column.times.numbers.most - column.times.numbers.least
    return lambda micros: rough_time_text(micros, span)


def value_bars(columns: Sequence[ColumnProfile | None], *, most: int) -> str:
    """Draw the most frequent values of one or two columns as bars; empty where none is frequent."""
    there = [column for column in columns if column is not None and column.frequent is not None]
    counted = [column.frequent.sorted_by_count() for column in there if column.frequent is not None]
    values = list(dict.fromkeys(value for items in counted for value, _, _ in items[:most]))
    sides = [None if column is None else shares_of(column, values) for column in columns]
    shares = list(zip(*([None] * len(values) if side is None else side for side in sides), strict=True))
    largest = [max(share.least for share in each if share is not None) for each in shares]
    shown = sorted(range(len(values)), key=lambda at: (-largest[at], str(values[at])))[:most]
    if not shown or largest[shown[0]] < _FREQUENT:
        return ""
    write = writer_for(there[0])
    texts = [value if isinstance(value, str) else write(value) for value in values]
    rows = "".join(bar(value_html(texts[at]), shares[at], largest[shown[0]], wide=is_wide(texts[at])) for at in shown)
    return f'<ul class="values">{rows}</ul>'


def bar(name: str, shares: Sequence[Share | None], largest: float, *, wide: bool = False) -> str:
    """Draw a share, or what it was and what it is, as an item of a list of bars.

    Args:
        name: What has the share, as HTML.
        shares: One; or that of the reference, then the current one. None, of a side that is not there, is not drawn.
        largest: The share of a bar of full length.
        wide: Whether the name has a line of its own.
    """
    classes = ("current",) if len(shares) == 1 else ("reference", "current")
    drawn = [(css, share) for css, share in zip(classes, shares, strict=True) if share is not None]
    bars = "".join(
        f'<i class="{css}" style="width:{_percent(share.likely, largest)}"></i>'
        if share.is_exact or share.estimate is not None
        else f'<i class="{css}{BOUND}" style="width:{_percent(share.most, largest)};'
        f'--known:{_percent(share.least, share.most)}"></i>'
        for css, share in drawn
    )
    text = "\N{NO-BREAK SPACE}→ ".join(share_html(share) for _, share in drawn)
    place = "wide" if wide else "beside"
    return f'<li class="{place}"><span>{name}</span><span class="meter">{bars}</span><b>{text}</b></li>'


def _percent(part: float, whole: float) -> str:
    return f"{min(100.0, 100 * part / whole) if whole else 0:.1f}%"


def _histogram(
    known: Sequence[NumberProfile | None],
    columns: Sequence[ColumnProfile | None],
    write: Callable[[float], str],
    *,
    caption: str = "",
    times: bool = False,
) -> str:
    there = [one for one in known if one is not None and one.moments.count]
    if not there:
        return ""
    ends = np.concatenate([one.quantiles.quantiles([0.01, 0.99]) for one in there])
    low, high = float(ends.min()), float(ends.max())
    step = common_step(np.concatenate([items for one in there for items in one.quantiles.levels]))
    edges = _edges(low, high, step, times=times)
    shares = [
        None
        if one is None or column is None
        else np.diff(one.shares_below(edges), prepend=0.0, append=1.0) * (one.moments.count / column.rows)
        for one, column in zip(known, columns, strict=True)
    ]
    highest = max(max(values) for values in shares if values is not None)
    classes = ("current",) if len(known) == 1 else ("reference", "current")
    layers = "".join(
        f'<path class="{css}" d="{_steps(values, highest)}"/>'
        for css, values in zip(classes, shares, strict=True)
        if values is not None
    )
    first, last = apart([low, high], write)
    middle = f"<span>{caption}</span>" if caption else ""
    return (
        f'<figure><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none" role="img"'
        f' aria-label="Histogram, {first} to {last}">{layers}</svg>'
        f"<figcaption><span>{first}</span>{middle}<span>{last}</span></figcaption></figure>"
    )


def _edges(low: float, high: float, step: float, *, times: bool) -> list[float]:
    """Return what lies between the bars: each holds equally many of the values that there may be, such as days.

    Args:
        low: Where the bars begin.
        high: Where they end.
        step: How far such values are from each other; 0 of measurements, of which there may be any.
        times: Whether they are microseconds since 1970: bars are then hours, days and the like.
    """
    if not step:
        width = high / _BINS - low / _BINS  # their difference may be beyond what a float holds
        return sorted({low + width * place for place in range(1, _BINS)} - {low, high})
    width, start = step * math.ceil(((high - low) / step + 1) / _BINS), low - step / 2
    if times and step % _DAY and width > _SECOND:
        # Midnights of a zone are 23 and 25 hours apart, too.
        width = next((span for span in _SPANS if span >= width), math.ceil(width / _DAY) * _DAY)
        start = math.floor(low / min(width, _DAY)) * min(width, _DAY)
    return [start + width * place for place in range(1, 2 * _BINS) if start + width * place < high]


def _steps(shares: NDArray[np.float64], highest: float) -> str:
    """Write the outline of bars, one beside the other, as a path."""
    width = _WIDTH / len(shares)
    steps = (
        f"V{(_HEIGHT - 1) * (1 - share / highest) + 1:.1f}H{width * (place + 1):.1f}"
        for place, share in enumerate(shares)
    )
    return f"M0 {_HEIGHT}{''.join(steps)}V{_HEIGHT}Z"

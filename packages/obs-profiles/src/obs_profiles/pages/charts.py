"""Distributions of one or two columns as small pictures."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from obs_profiles.column_profiles import ColumnProfile, NumberProfile
from obs_profiles.comparison.sequences import number_writer
from obs_profiles.pages.frame import name_html
from obs_profiles.wording import apart, duration_text, number_text, rough_time_text, share_text, time_text

__all__ = ["distribution_chart", "meter", "rough_writer_for", "value_bars", "writer_for"]

_BINS = 32
_WIDTH, _HEIGHT = 260, 44
_BARS = 3


def distribution_chart(*columns: ColumnProfile | None) -> str:
    """Draw how the values of a column are distributed; of two columns, one over the other.

    Numbers, times and lengths are a histogram between the 1st and the 99th percentile, whose outermost bars hold what
    lies beyond. Texts and booleans are a bar for each of the most frequent values; where none is frequent, a histogram
    of their lengths. Shares are of the values that are there.

    Args:
        columns: One column; or the reference, then the current one. None is not drawn.

    Returns:
        HTML; empty where nothing is known of the values.
    """
    there = [column for column in columns if column is not None and column.present]
    kinds = {column.kind if not column.is_numeric else "number" for column in there}
    if len(kinds) > 1:
        return "".join(distribution_chart(column) for column in columns if column in there)
    known = [column.distribution if column is not None and column.present else None for column in columns]
    if there and all(column.distribution for column in there):
        single = {one.least for one in known if one} | {one.most for one in known if one}
        if len(single) > 1:
            return _histogram(known, rough_writer_for(there[0]))
    if bars := value_bars(columns, most=_BARS):
        return bars
    texts = [column.texts if column is not None else None for column in columns]
    lengths = [one.lengths if one and one.lengths.moments.count else None for one in texts]
    return _histogram(lengths, number_text, caption="length") if any(lengths) else ""


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
    known = [column.frequent if column is not None else None for column in columns]
    counts = [{value: lower for value, lower, _ in items.sorted_by_count()} if items else {} for items in known]
    totals = [max(1, column.present) if column is not None else 1 for column in columns]
    values = dict.fromkeys(value for counted in counts for value in list(counted)[:most])
    shares = {
        value: [counted.get(value, 0) / total for counted, total in zip(counts, totals, strict=True)]
        for value in values
    }
    shown = sorted(values, key=lambda value: (-max(shares[value]), str(value)))[:most]
    if not shown or max(map(max, shares.values())) < 0.01:
        return ""
    largest = max(max(shares[value]) for value in shown)
    column = next(column for column in columns if column is not None)
    write = writer_for(column)
    rows = "".join(
        f"<li><span>{name_html(value if isinstance(value, str) else write(value))}</span>"
        f"{meter(shares[value], largest)}</li>"
        for value in shown
    )
    return f'<ul class="values">{rows}</ul>'


def meter(shares: Sequence[float], largest: float) -> str:
    """Draw a share, or what it was and what it is, as bars of a common scale."""
    classes = ("current",) if len(shares) == 1 else ("reference", "current")
    bars = "".join(
        f'<i class="{css}" style="width:{100 * share / largest if largest else 0:.1f}%"></i>'
        for css, share in zip(classes, shares, strict=True)
    )
    text = " → ".join(share_text(min(1.0, share)) for share in shares)
    return f'<span class="meter">{bars}</span><b>{text}</b>'


def _histogram(known: Sequence[NumberProfile | None], write: Callable[[float], str], *, caption: str = "") -> str:
    there = [one for one in known if one is not None and one.moments.count]
    if not there:
        return ""
    ends = np.concatenate([one.quantiles.quantiles([0.01, 0.99]) for one in there])
    low, high = float(ends.min()), float(ends.max())
    whole = all(isinstance(one.least, int) and isinstance(one.most, int) for one in there)
    edges = _edges(low, high, whole=whole)
    shares = [None if one is None else _shares(one, edges) for one in known]
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


def _edges(low: float, high: float, *, whole: bool) -> list[float]:
    """Return what lies between the bars; a few integers have one bar each, or some bars would hold more of them."""
    if whole and high - low < _BINS:
        return [low + place + 0.5 for place in range(int(high - low))]
    width = high / _BINS - low / _BINS  # their difference may be beyond what a float holds
    if whole:
        width = math.ceil(width)  # bars hold equally many integers
        return [low - 0.5 + width * place for place in range(1, _BINS) if low - 0.5 + width * place < high]
    return sorted({low + width * place for place in range(1, _BINS)} - {low, high})


def _shares(known: NumberProfile, edges: Sequence[float]) -> list[float]:
    shares: list[float] = np.diff(known.quantiles.shares_below(edges), prepend=0.0, append=1.0).tolist()
    return shares


def _steps(shares: Sequence[float], highest: float) -> str:
    """Write the outline of bars, one beside the other, as a path."""
    width = _WIDTH / len(shares)
    steps = (
        f"V{(_HEIGHT - 1) * (1 - share / highest) + 1:.1f}H{width * (place + 1):.1f}"
        for place, share in enumerate(shares)
    )
    return f"M0 {_HEIGHT}{''.join(steps)}V{_HEIGHT}Z"

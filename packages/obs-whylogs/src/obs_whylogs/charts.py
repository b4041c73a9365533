"""Distributions of one or two columns as small pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence

from obs_whylogs.drift import shares_between
from obs_whylogs.summaries import ColumnSummary
from obs_whylogs.texts import name_html, number_text, share_text

__all__ = ["distribution_chart"]

_BINS = 24
_WIDTH, _HEIGHT = 240, 48
_VALUES = 5


def distribution_chart(*columns: ColumnSummary | None) -> str:
    """Draw how the values of a column are distributed; of two columns, one over the other.

    Numbers are a histogram between the 1st and the 99th percentile of both, whose outermost bars hold what lies beyond.
    Texts and booleans are the most frequent values, the longest bar being the largest share. Shares are of the values
    that are there.

    Args:
        columns: One column; or the reference, then the target. None is not drawn.

    Returns:
        HTML; empty where nothing is known of the values.
    """
    there = [column for column in columns if column is not None and column.present]
    if there and all(column.kll is not None and column.is_numeric for column in there):
        return _histogram(columns)
    return _bars(columns) if any(column.counted for column in there) else ""


def _histogram(columns: Sequence[ColumnSummary | None]) -> str:
    sketched = [column for column in columns if column is not None and column.present]
    known = [value for column in sketched for value in column.quantiles if math.isfinite(value)]
    if not known:
        return "<small>infinite</small>"
    low, high = min(known), max(known)
    edges = _edges(low, high, whole=all(column.kind == "integer" for column in sketched))
    shares = [_shares(column, edges) for column in columns]
    highest = max(max(values) for values in shares if values)
    layers = [
        f'<path class="{css}" d="{_steps(values, highest)}"/>'
        for css, values in zip(_classes(columns), shares, strict=True)
        if values
    ]
    label = f"{number_text(low)} to {number_text(high)}"
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none" role="img" aria-label="Histogram, {label}">'
        f"{''.join(layers)}</svg>"
        f'<span class="axis"><span>{number_text(low)}</span><span>{number_text(high)}</span></span>'
    )


def _edges(low: float, high: float, *, whole: bool) -> list[float]:
    """Return what lies between the bars; a few integers have one bar each, or some bars would hold more of them."""
    if whole and high - low < _BINS:
        return [low + place + 0.5 for place in range(int(high - low))]
    width = high / _BINS - low / _BINS  # their difference may be beyond what a float holds
    return sorted({low + width * place for place in range(1, _BINS)} - {low, high})


def _shares(column: ColumnSummary | None, edges: Sequence[float]) -> list[float]:
    return [] if column is None or not column.present else shares_between(column.kll, edges)


def _steps(shares: Sequence[float], highest: float) -> str:
    """Write the outline of bars, one beside the other, as a path."""
    width = _WIDTH / len(shares)
    steps = (f"V{_HEIGHT * (1 - share / highest):.1f}H{width * (place + 1):.0f}" for place, share in enumerate(shares))
    return f"M0 {_HEIGHT}{''.join(steps)}V{_HEIGHT}Z"


def _bars(columns: Sequence[ColumnSummary | None]) -> str:
    counts = [(column.counted or {}) if column is not None else {} for column in columns]
    totals = [max(1, column.present) if column is not None else 1 for column in columns]
    values = dict.fromkeys(value for counted in counts for value in list(counted)[:_VALUES])
    by_share = sorted(values, key=lambda value: -max(counts[k].get(value, 0) / totals[k] for k in range(len(counts))))
    shown = by_share[:_VALUES]
    largest = max(counts[k].get(value, 0) / totals[k] for k in range(len(counts)) for value in shown)
    rows = "".join(
        f"<li><span>{name_html(value)}</span>"
        + "".join(
            _meter(css, counted.get(value, 0) / total, largest)
            for css, counted, total in zip(_classes(columns), counts, totals, strict=True)
        )
        + "</li>"
        for value in shown
    )
    return f'<ul class="values">{rows}</ul>'


def _meter(css: str, share: float, largest: float) -> str:
    width = 80 * share / largest
    return f'<i class="{css}" style="width:{width:.1f}%"></i><b>{share_text(min(1.0, share))}</b>'


def _classes(columns: Sequence[ColumnSummary | None]) -> tuple[str, ...]:
    return ("target",) if len(columns) == 1 else ("reference", "target")

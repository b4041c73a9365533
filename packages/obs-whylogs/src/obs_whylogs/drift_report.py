"""The page of a comparison: which columns drifted, how far, and how their values were and are distributed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from obs_core.rendering import escape
from obs_whylogs.charts import distribution_chart
from obs_whylogs.drift import ColumnDrift
from obs_whylogs.pages import MOST_DETAILED, cell, page, table
from obs_whylogs.summaries import ColumnSummary
from obs_whylogs.texts import count_text, name_html, number_text, share_text

__all__ = ["drift_html"]

_HEADS = ("Column", "Drift", "Distributions", "Rows#", "Missing#", "Distinct#", "Mean#", "Median#")


def drift_html(drifts: Sequence[ColumnDrift], *, title: str = "Drift", about: str = "") -> str:
    """Write the page of a comparison.

    Args:
        drifts: What `obs_whylogs.measure_drift` returns.
        title: The heading.
        about: What was compared with what, as text.

    Returns:
        An HTML fragment.
    """
    rows = (_row(drift, detailed=place < MOST_DETAILED) for place, drift in enumerate(drifts))
    return page(
        f"<h2>{escape(title)}</h2>",
        _verdict(drifts, about),
        _controls() if drifts else "",
        table(_HEADS, rows) if drifts else "<p>There are no columns.</p>",
        _note(drifts),
        script=bool(drifts),
    )


def _verdict(drifts: Sequence[ColumnDrift], about: str) -> str:
    drifted = sum(drift.drifted for drift in drifts)
    word = f"{drifted:,} of {len(drifts):,} columns drifted" if drifted else "No drift"
    before = max((drift.reference.rows for drift in drifts if drift.reference), default=0)
    after = max((drift.target.rows for drift in drifts if drift.target), default=0)
    compared = f"{before:,} rows of the reference, {after:,} of the target"
    text = f"{escape(about)}: {compared}" if about else compared
    return f'<p class="verdict"><b class="{"bad" if drifted else "good"}">{word}</b><span>{text}</span></p>'


def _controls() -> str:
    return (
        '<div class="controls"><input type="search" placeholder="Search columns" aria-label="Search columns">'
        '<label><input type="checkbox"> only those that drifted</label>'
        '<span><span class="key">reference</span> &nbsp; <span class="key target">target</span></span></div>'
    )


def _note(drifts: Sequence[ColumnDrift]) -> str:
    pictures = f" Pictures are drawn of the first {MOST_DETAILED}." if len(drifts) > MOST_DETAILED else ""
    return (
        '<p class="note">Drift is the Hellinger distance of the shares of values, missing ones included: 0 is the same,'
        f" 1 is nothing in common. The mark is the threshold; what sampling explains is taken away.{pictures}</p>"
    )


def _row(drift: ColumnDrift, *, detailed: bool) -> str:
    before, after = drift.reference, drift.target
    kinds = " → ".join(dict.fromkeys(summary.kind for summary in (before, after) if summary is not None))
    cells = (
        cell(f'<span class="name">{name_html(drift.name)}</span><small>{kinds}</small>'),
        cell(_measure(drift), 2.0 if before is None or after is None else drift.distance or 0.0),
        cell(distribution_chart(before, after) if detailed else ""),
        _pair(before, after, lambda summary: summary.rows, count_text),
        _pair(before, after, lambda summary: summary.missing_share, share_text),
        _pair(before, after, lambda summary: summary.distinct, count_text),
        _pair(before, after, lambda summary: summary.mean if summary.is_numeric else None, number_text),
        _pair(before, after, lambda summary: summary.quantiles[3] if summary.is_numeric else None, number_text),
    )
    css = ' class="drifted"' if drift.drifted else ""
    return f"<tr{css}>{''.join(cells)}</tr>"


def _measure(drift: ColumnDrift) -> str:
    verdict = '<span class="bad">drifted</span>' if drift.drifted else '<span class="good">no drift</span>'
    if drift.distance is None:
        return f"{verdict}<small>{escape(drift.change)}</small>"
    gauge = f'<i style="width:{100 * drift.distance:.1f}%"></i><u style="left:{100 * drift.threshold:.1f}%"></u>'
    chance = "may be chance: few rows" if drift.by_chance and drift.distance >= drift.threshold else ""
    what = escape("; ".join(filter(None, (drift.change, drift.algorithm, chance))))
    return f'{verdict} {drift.distance:.3f}<span class="gauge">{gauge}</span><small>{what}</small>'


def _pair(
    before: ColumnSummary | None,
    after: ColumnSummary | None,
    value_of: Callable[[ColumnSummary], float | None],
    text_of: Callable[[float], str],
) -> str:
    """Write what a number was, above what it is; sorted by what it is."""
    then, now = (None if summary is None else value_of(summary) for summary in (before, after))
    lines = [("–" if value is None else text_of(value)) for value in (then, now)]
    order = next((value for value in (now, then) if value is not None), -1e308)
    return cell(f'<span class="then">{lines[0]}</span><br>{lines[1]}', order, number=True)

"""The page of a profile: what it knows about each column."""

from __future__ import annotations

from typing import Any

from obs_core.rendering import escape
from obs_whylogs.charts import distribution_chart
from obs_whylogs.pages import MOST_DETAILED, cell, page, table
from obs_whylogs.summaries import QUANTILES, ColumnSummary, summarize
from obs_whylogs.texts import count_text, name_html, number_text, share_text

__all__ = ["profile_html"]

_HEADS = (
    *("Column", "Distribution", "Values#", "Missing#", "Distinct#"),
    *("Mean#", "Std. dev.#", "Min#", "5 %#", "Median#", "95 %#", "Max#"),
)


def profile_html(view: Any, *, title: str = "Data profile") -> str:
    """Write the page of a profile.

    Args:
        view: A `DatasetProfileView`.
        title: The heading.

    Returns:
        An HTML fragment.
    """
    summaries = list(summarize(view).values())
    rows = (_row(summary, detailed=place < MOST_DETAILED) for place, summary in enumerate(summaries))
    count = max((summary.rows for summary in summaries), default=0)
    made = view.creation_timestamp
    about = f"{count:,} rows, {len(summaries):,} columns" + (f", profiled {made:%Y-%m-%d %H:%M} UTC" if made else "")
    return page(
        f"<h2>{escape(title)}</h2>",
        f'<p class="verdict"><span>{about}</span></p>',
        '<div class="controls"><input type="search" placeholder="Search columns" aria-label="Search columns"></div>'
        if summaries
        else "",
        table(_HEADS, rows) if summaries else "<p>There are no columns.</p>",
        _note(len(summaries)),
        script=bool(summaries),
    )


def _note(columns: int) -> str:
    pictures = f" Pictures are drawn of the first {MOST_DETAILED} columns." if columns > MOST_DETAILED else ""
    return (
        '<p class="note">Counts are exact; numbers of distinct values, quantiles and frequencies are estimates of'
        f" sketches.{pictures}</p>"
    )


def _row(summary: ColumnSummary, *, detailed: bool) -> str:
    numeric = summary.is_numeric
    at = dict(zip(QUANTILES, summary.quantiles, strict=False))
    numbers = (summary.mean, summary.deviation, summary.least, at.get(0.05), at.get(0.5), at.get(0.95), summary.most)
    missing = f"{share_text(summary.missing_share)}<small>{summary.missing:,}</small>" if summary.missing else "0"
    cells = (
        cell(f'<span class="name">{name_html(summary.name)}</span><small>{_types(summary)}</small>'),
        cell(distribution_chart(summary) if detailed else ""),
        cell(f"{summary.present:,}{_infinite(summary)}", summary.present, number=True),
        cell(missing, summary.missing_share, number=True),
        cell(count_text(summary.distinct), summary.distinct or 0, number=True),
        *(
            cell(number_text(value) if numeric else "–", _order(value if numeric else None), number=True)
            for value in numbers
        ),
    )
    return f"<tr>{''.join(cells)}</tr>"


def _order(value: float | None) -> float:
    return -1e308 if value is None else value


def _infinite(summary: ColumnSummary) -> str:
    return f"<small>{summary.infinite:,} infinite</small>" if summary.infinite else ""


def _types(summary: ColumnSummary) -> str:
    if len(summary.types) < 2:
        return summary.kind
    return ", ".join(f"{name} {count:,}" for name, count in summary.types.items())

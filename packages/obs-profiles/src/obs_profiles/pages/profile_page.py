"""The page of a profile: what it knows about each column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from obs_core.rendering import escape
from obs_core.text.durations import moment_html
from obs_core.text.numbers import MISSING, plural
from obs_profiles.column_profiles import ColumnProfile, NumberProfile, TextProfile
from obs_profiles.comparison.shares import Share, share_of_sample
from obs_profiles.merging import MISSING as MISSING_SEGMENT
from obs_profiles.merging import OTHERS
from obs_profiles.pages.charts import bar, distribution_chart, rough_writer_for, value_bars, writer_for
from obs_profiles.pages.frame import (
    HISTOGRAMS,
    MOST_DETAILED,
    about,
    controls,
    facts,
    heads_html,
    is_wide,
    name_html,
    page,
    pattern_html,
    row,
    shares_note,
    tiles,
    value_html,
)
from obs_profiles.plain_profiles import PlainProfile
from obs_profiles.wording import about_text, apart, count_text, distinct_mark, number_text, share_text, visible

__all__ = ["column_kind", "profile_html"]

_HEADS = (("Column", "name"), ("Missing", "missing"), ("Distinct", "distinct"), ("Distribution", ""), ("In short", ""))
_ORDERS = (("order", "place"), ("name", "name"), ("missing", "missing"), ("distinct", "distinct values"))
_QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
_SHOWN_VALUES = 10
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def profile_html(profile: PlainProfile, *, title: str = "Data profile") -> str:
    """Write the page of a profile.

    Args:
        profile: The profile.
        title: The heading.

    Returns:
        An HTML fragment.
    """
    columns = list(profile.columns.values())
    text = f"Profiled {moment_html(profile.made, 0)}" if profile.made else ""
    rows = "".join(_row(column, place, detailed=place < MOST_DETAILED) for place, column in enumerate(columns))
    return page(
        about(title, text),
        tiles(_totals(profile)),
        controls(_ORDERS) if len(columns) > 1 else "",
        f'<div class="rows profile">{heads_html(_HEADS, sortable=len(columns) > 1)}{rows}</div>'
        if columns
        else "<p>There are no columns.</p>",
        _segments(profile),
        _note(columns, rows),
        script=len(columns) > 1,
    )


def column_kind(column: ColumnProfile) -> str:
    """Write what a column holds: most of it, or all of it where types are mixed."""
    if len(column.types) < 2:
        return column.kind
    return ", ".join(f"{name} {count:,}" for name, count in column.types.items())


def _totals(profile: PlainProfile) -> Iterator[tuple[str, str, str]]:
    columns = profile.columns.values()
    cells = sum(column.rows for column in columns)
    missing = sum(column.missing for column in columns)
    yield f"{profile.rows:,}", "row" if profile.rows == 1 else "rows", ""
    yield f"{len(profile):,}", "column" if len(profile) == 1 else "columns", ""
    if cells:
        incomplete = sum(column.missing > 0 for column in columns)
        yield share_text(missing / cells), "of the values are missing", "warn" if missing else ""
        yield (
            f"{incomplete:,}",
            "column lacks some" if incomplete == 1 else "columns lack some",
            "warn" if incomplete else "",
        )
    # One without any value is often a join or a source that broke: it is not just one among those that lack some.
    if empty := sum(column.rows > 0 and not column.present for column in columns):
        yield f"{empty:,}", "column is empty" if empty == 1 else "columns are empty", "warn"
    constant = sum(column.present > 1 and column.distinct_count.estimate < 1.5 for column in columns)
    if constant:
        yield f"{constant:,}", "hold a single value" if constant > 1 else "holds a single value", "warn"


def _row(column: ColumnProfile, place: int, *, detailed: bool) -> str:
    missing = (
        f"<span>{share_text(column.missing_share)}</span><small>{column.missing:,}</small>"
        if column.missing
        else "<span class=none>none</span>"
    )
    gauge = (
        f'<span class="gauge"><i style="width:{100 * column.missing_share:.1f}%"></i></span>' if column.missing else ""
    )
    cells = (
        f'<b class="name">{name_html(column.name)}</b><small>{escape(column_kind(column))}</small>',
        missing + gauge,
        _distinct(column),
        distribution_chart(column) if detailed else "",
        _in_short(column),
    )
    orders: dict[str, float | str] = {
        "name": visible(column.name).lower(),
        "order": float(place),
        "missing": -column.missing_share,
        "distinct": -column.distinct_count.estimate,
    }
    return row(cells, _details(column) if detailed else "", orders)


def _distinct(column: ColumnProfile) -> str:
    if not column.present:
        return MISSING
    estimate = column.distinct_count.estimate
    if column.distinct.incomplete:
        return f"<span>{MISSING}</span><small>not counted</small>"
    different = column.all_different
    mark = "" if different else distinct_mark(column.distinct_count)
    share = estimate / column.present
    if different:
        estimate, what = column.present, "all different" if column.present > 1 else ""
    elif share + column.distinct.relative_error >= 1:
        what = "nearly all different"
    else:
        what = f"{share_text(share)} of values" if share > 0.005 else ""
    return f"<span>{mark}{count_text(estimate)}</span><small>{what}</small>"


def _in_short(column: ColumnProfile) -> str:
    known = column.distribution
    if known is not None:
        write = writer_for(column)
        if known.least == known.most and len(column.types) == 1:
            return f"<span>{escape(write(known.least))}</span><small>always</small>"
        middle = float(known.quantiles.quantiles(0.5))
        what = "elements, median" if column.kind == "list" else "median"
        if column.is_numeric:
            median, least, most = apart([middle, known.least, known.most], write)
        else:
            median = rough_writer_for(column)(middle)
            least, most = apart([known.least, known.most], write)
        median = about_text(median, float(known.quantile_errors(0.5)))
        extent = f"{escape(least)} to {escape(most)}"
        return f"<span>{escape(median)} <em>{what}</em></span><small>{extent}</small>"
    if column.texts is not None and column.texts.lengths.moments.count and column.kind in ("text", "bytes"):
        lengths = column.texts.lengths
        unit = ("character" if column.kind == "text" else "byte") + "s" * (lengths.most != 1)
        size = f"{lengths.least:,}" if lengths.least == lengths.most else f"{lengths.least:,} to {lengths.most:,}"
        pattern, found = next(iter(_patterns(column.texts)), ("", 0))
        looks = pattern_html(pattern) if pattern and 2 * found > len(column.texts.sample.patterns) else ""
        return f"<span>{looks or size + ' ' + unit}</span><small>{size + ' ' + unit if looks else ''}</small>"
    if column.kind == "boolean":
        return f"<span>{share_text(column.true / column.rows)}</span><small>true</small>"
    return ""


def _details(column: ColumnProfile) -> str:
    parts = list(_parts(column))
    if column.elements is not None and column.elements.rows:
        parts += [(f"Elements: {title}", html) for title, html in _parts(column.elements, rows="elements")]
    return "".join(f"<section><h3>{escape(title)}</h3>{html}</section>" for title, html in parts if html)


def _parts(column: ColumnProfile, rows: str = "rows") -> Iterator[tuple[str, str]]:
    yield "Values", _counts(column, rows)
    yield "Distribution", _numbers(column)
    yield "Most frequent", value_bars([column], most=_SHOWN_VALUES)
    yield from _time_parts(column)
    yield from _text_parts(column)


def _counts(column: ColumnProfile, rows: str) -> str:
    entries = [("type", escape(column.dtype) or MISSING), (rows, f"{column.rows:,}")]
    if column.missing:
        entries.append(("missing", f"{column.missing:,} ({share_text(column.missing_share)})"))
    if column.nan and column.nan != column.missing:
        entries.append(("of these NaN", f"{column.nan:,}"))
    if len(column.types) > 1:
        entries += [(name, f"{count:,}") for name, count in column.types.items()]
    if column.infinite:
        entries.append(("infinite", f"{column.infinite:,}"))
    if column.present and not column.distinct.incomplete:
        entries.append(("distinct", _distinct_bound(column)))
    if column.numbers and column.is_numeric:
        counts = (("zeros", column.numbers.zeros), ("negative", column.numbers.negatives))
        entries += [(name, f"{count:,}") for name, count in counts if count >= 0]
    if column.texts and column.texts.empty > 0:
        entries.append(("empty", f"{column.texts.empty:,}"))
    return facts(entries)


def _distinct_bound(column: ColumnProfile) -> str:
    """Write how many distinct values there are, and how far that may be off."""
    found, error = column.distinct_count, column.distinct.relative_error
    bound = f"± {100 * error:.1f} %" if error else "or one more" if found.most == found.least + 1 else "at least"
    return count_text(found.estimate) + ("" if found.is_exact else f" <small>{bound}</small>")


def _numbers(column: ColumnProfile) -> str:
    known = column.distribution
    if known is None or known.least == known.most:
        return ""
    write, rough = writer_for(column), rough_writer_for(column)
    least, most = apart([known.least, known.most], write)
    found = map(escape, _quantile_texts(known, _QUANTILES, rough))
    entries = [("min", escape(least)), *zip(map(_quantile_name, _QUANTILES), found, strict=True)]
    entries.append(("max", escape(most)))
    if column.kind != "time":
        entries += _moments(known, column)
    zone = (
        f'<p class="bound">Times are in UTC; the column is in {escape(column.times.zone)}.</p>'
        if column.times and column.times.zone not in ("", "UTC")
        else ""
    )
    return facts(entries) + _ranks(known) + zone


def _quantile_texts(known: NumberProfile, shares: Sequence[float], write: Callable[[float], str]) -> list[str]:
    """Write quantiles so that those that differ read differently, each estimate as one."""
    texts = apart(known.quantiles.quantiles(shares).tolist(), write)
    return [about_text(text, error) for text, error in zip(texts, known.quantile_errors(shares).tolist(), strict=True)]


def _ranks(known: NumberProfile) -> str:
    error = known.quantiles.rank_error
    return f'<p class="bound">Ranks are within {100 * error:.2g} %.</p>' if error else ""


def _quantile_name(share: float) -> str:
    return "median" if share == 0.5 else f"{100 * share:g} %"


def _moments(known: NumberProfile, column: ColumnProfile) -> list[tuple[str, str]]:
    write = writer_for(column)
    return [
        ("mean", escape(about_text(write(known.mean), known.mean_error))),
        ("std", escape(about_text(write(known.moments.deviation), known.mean_error))),
        # What rounding leaves of nought is none.
        ("skewness", number_text(round(known.moments.skewness, 9))),
        ("kurtosis", number_text(round(known.moments.kurtosis, 9))),
    ]


def _time_parts(column: ColumnProfile) -> Iterator[tuple[str, str]]:
    if column.times is None or column.kind != "time":
        return
    hours, days = column.times.hours, column.times.weekdays
    if int(hours.max()) < int(hours.sum()):
        yield "Hours of the day", _columns_chart([(f"{hour}", int(count)) for hour, count in enumerate(hours)], every=6)
    if int(days.max()) < int(days.sum()):
        yield "Days of the week", _columns_chart(list(zip(_DAYS, days.tolist(), strict=True)))


def _columns_chart(counts: list[tuple[str, int]], *, every: int = 1) -> str:
    largest = max(count for _, count in counts) or 1
    bars = "".join(
        f'<li title="{escape(name)}: {count:,}"><i style="height:{100 * count / largest:.1f}%"></i>'
        f"<span>{escape(name) if place % every == 0 else ''}</span></li>"
        for place, (name, count) in enumerate(counts)
    )
    return f'<ol class="upright">{bars}</ol>'


def _text_parts(column: ColumnProfile) -> Iterator[tuple[str, str]]:
    if column.texts is None:
        return
    lengths = column.texts.lengths
    if column.kind in ("text", "bytes") and lengths.least != lengths.most:
        shares = (0.05, 0.5, 0.95)
        found = zip(map(_quantile_name, shares), _quantile_texts(lengths, shares, number_text), strict=True)
        ends = ("min", number_text(lengths.least)), ("max", number_text(lengths.most))
        yield "Length", facts([ends[0], *found, ends[1]]) + _ranks(lengths)
    if column.kind in ("text", "bytes"):
        patterns = _patterns(column.texts)[:_SHOWN_VALUES]
        largest = max((count / len(column.texts.sample.patterns) for _, count in patterns), default=0.0)
        if patterns and (len(patterns) > 1 or patterns[0][0] not in ("A", "a", "Aa")):
            items = "".join(
                bar(pattern_html(name), [share_of_sample(column.texts.sample, count)], largest, wide=is_wide(name))
                for name, count in patterns
            )
            size = len(column.texts.sample.patterns)
            drawn = " drawn at random" if column.distinct.estimate > size + 1 else ""
            note = f'<p class="bound">Shares of {plural(size, "distinct value")}{drawn}.</p>'
            yield "Patterns", f'<ul class="values">{items}</ul>{note}'
    examples = column.texts.sample.texts
    if examples and (column.frequent is None or not len(column.frequent) or column.frequent.missed):
        yield "Examples", "".join(f"<code>{name_html(text)}</code> " for text in examples)


def _patterns(texts: TextProfile) -> list[tuple[str, int]]:
    """Return the patterns of the sample with how many of its texts have each, the most frequent first."""
    return sorted(Counter(texts.sample.patterns).items(), key=lambda item: (-item[1], item[0]))


def _segments(profile: PlainProfile) -> str:
    if not profile.segments:
        return ""
    largest = max(segment.rows for segment in profile.segments.values()) or 1
    total = max(1, profile.rows)
    items = "".join(
        bar(value_html(value), [_share_of_segment(profile, value)], largest / total, wide=is_wide(value))
        for value in profile.segments
    )
    named = ", ".join(name_html(name) for name in profile.by)
    return f'<h3 class="part">Segments by {named}</h3><ul class="values segments">{items}</ul>'


def _share_of_segment(profile: PlainProfile, value: str) -> Share:
    """Return the share of a segment, of which merged parts may have some rows among all others."""
    rows, slack = profile.segments[value].rows, profile.segment_slack if value != MISSING_SEGMENT else 0
    least, most = (0 if slack else rows, rows) if value == OTHERS else (rows, rows + slack)
    return Share(least / max(1, profile.rows), min(1.0, most / max(1, profile.rows)))


def _note(columns: list[ColumnProfile], rows: str) -> str:
    further = f" Pictures are drawn of the first {MOST_DETAILED} columns." if len(columns) > MOST_DETAILED else ""
    return (
        '<p class="note">Counts, extremes, means and deviations are exact; those of many digits are shown with four.'
        " What is approximate says how much: quantiles by their rank, distinct values by ± of the number, each in 99 of"
        " 100 cases."
        f" {shares_note(rows)} {HISTOGRAMS}{further}</p>"
    )

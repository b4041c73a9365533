"""The page of a comparison: which columns drifted, how far, and what moved."""

from __future__ import annotations

from collections.abc import Iterator

from obs_core.rendering import escape, verdict_mark
from obs_core.text.numbers import MISSING, plural
from obs_profiles.column_profiles import ColumnProfile
from obs_profiles.comparison.compared import ColumnDrift, PlainDrift
from obs_profiles.comparison.facets import Facet, Movement
from obs_profiles.pages.charts import distribution_chart, meter, rough_writer_for, writer_for
from obs_profiles.pages.frame import HISTOGRAMS, MOST_DETAILED, about, controls, name_html, page, row, tiles
from obs_profiles.wording import apart, count_text, number_text, share_text, signed_text, visible

__all__ = ["drift_html", "not_compared_html"]

_HEADS = ("Column", "Drift", "Distribution", "What moved")
_ORDERS = (("order", "drift"), ("name", "name"), ("missing", "missing"))
_KEYS = (("reference", "reference"), ("current", "current"))
_NAMED = 5
_SHOWN = 8
_HEAT_COLUMNS = 12
_SIGMA = "\N{GREEK SMALL LETTER SIGMA}"
_MEASURES = {
    "elements": "how many elements",
    "lengths": "lengths",
    "missing": "missing values",
    "patterns": "patterns of distinct values",
    "ranges": "ranges",
    "types": "types",
    "values": "values",
}


def drift_html(drift: PlainDrift, *, title: str = "Drift", compared: str = "") -> str:
    """Write the page of a comparison.

    Args:
        drift: The comparison.
        title: The heading.
        compared: What was compared with what, as text.

    Returns:
        An HTML fragment.
    """
    word = _word(drift)
    rows = "".join(
        _row(column, place, detailed=place < MOST_DETAILED, opened=column.drifted and place < 1)
        for place, column in enumerate(drift)
    )
    heads = "".join(f"<div>{head}</div>" for head in _HEADS)
    verdict = f'<b class="pill {"good" if drift.passed else "bad"}">{escape(word)}</b>{_named(drift)}'
    return page(
        verdict_mark("passed" if drift.passed else "warned", f"{title}: {word}"),
        about(title, f"{verdict} {escape(compared)}"),
        tiles(_totals(drift)),
        _segments(drift),
        controls(_ORDERS, only="drifted ones alone", keys=_KEYS) if len(drift) else "",
        f'<div class="rows drift"><div class="heads line">{heads}</div>{rows}</div>'
        if len(drift)
        else "<p>There are no columns.</p>",
        _note(drift),
        script=bool(len(drift)),
    )


def not_compared_html(problem: str, *, title: str = "Drift") -> str:
    """Write that there is no comparison, and why.

    Args:
        problem: Why, as text.
        title: The heading.

    Returns:
        An HTML fragment.
    """
    word = "Not compared"
    pill = f'<b class="pill bad">{word}</b> {escape(problem)}'
    return page(verdict_mark("warned", f"{title}: {word}: {problem}"), about(title, pill))


def _word(drift: PlainDrift) -> str:
    """Say in a few words what became of a data set, of its segments too."""
    if drift.emptied:
        return f"No rows, where there were {drift.rows:,}"
    segments = drift.drifted_segments
    parts = [f"{len(drift.drifted):,} of {len(drift):,} columns drifted"] if drift.drifted else []
    if segments:
        names = sorted({column.name for columns in segments.values() for column in columns})
        named = visible(names[0]) if len(names) == 1 else f"{len(names):,} columns"
        where = drift.where(next(iter(segments))) if len(segments) == 1 else ""
        parts.append(f"{named} drifted {visible(where) or f'in {len(segments):,} of {len(drift.segments):,} segments'}")
    worst = [(column, found) for column in drift.drifted if (found := drift.farthest(column)) is not None]
    if worst:
        column, (value, there) = max(worst, key=lambda one: one[1][1].distance or 0.0)
        parts.append(f"{visible(column.name)} farthest {visible(drift.where(value))} ({there.distance:.2f})")
    return "; ".join(parts) or "No drift"


def _named(drift: PlainDrift) -> str:
    """Name the first columns that drifted, so that whoever reads the beginning alone knows which."""
    named = [visible(drift.text_of(column)) for column in drift.drifted[:_NAMED]]
    more = f" and {len(drift.drifted) - _NAMED:,} more" if len(drift.drifted) > _NAMED else ""
    return f"<span>{escape(', '.join(named) + more)}</span>" if named else ""


def _totals(drift: PlainDrift) -> Iterator[tuple[str, str, str]]:
    yield (
        _then(f"{drift.rows:,}", f"{drift.current_rows:,}"),
        "row" if drift.rows == drift.current_rows == 1 else "rows",
        "",
    )
    for severity in ("strong", "clear", "slight"):
        count = sum(column.severity == severity and column.distance is not None for column in drift)
        if count:
            yield f"{count:,}", f"{severity} drift", "bad" if severity != "slight" else "warn"
    for change in ("added", "removed"):
        count = sum(column.change == change for column in drift)
        if count:
            yield f"{count:,}", change, "bad"
    same = sum(not column.drifted for column in drift)
    if same:
        yield f"{same:,}", "as before", "good"


def _then(before: str, after: str) -> str:
    return after if before == after else f"<small>{before} →</small> {after}"


def _row(column: ColumnDrift, place: int, *, detailed: bool, opened: bool) -> str:
    before, after = column.reference, column.current
    kinds = " → ".join(dict.fromkeys(one.kind for one in (before, after) if one is not None))
    cells = (
        f'<b class="name">{name_html(column.name)}</b><small>{escape(kinds)}</small>',
        _measure(column),
        distribution_chart(before, after) if detailed else "",
        _headline(column),
    )
    orders: dict[str, float | str] = {
        "name": visible(column.name).lower(),
        "order": float(place),
        "missing": -max(one.missing_share for one in (before, after) if one is not None),
    }
    css = "marked" if column.drifted else ""
    return row(cells, _details(column) if detailed else "", orders, css=css, opened=opened)


def _measure(column: ColumnDrift) -> str:
    css = {"none": "good", "slight": "warn"}.get(column.severity, "bad")
    word = {"none": "no drift"}.get(column.severity, column.severity)
    if column.reference is None or column.current is None:
        return f'<span class="{css}">{escape(column.change)}</span>'
    if column.distance is None:
        return f'<span class="{css}">{word}</span><small>{escape(column.change)}</small>'
    chance = "may be chance" if column.by_chance and column.distance >= column.threshold else ""
    note = escape(column.change or chance)
    # A distance of 0.5 is far: the gauge grows with its root, so that the small ones can be told apart.
    gauge = (
        f'<span class="gauge {css}"><i style="width:{100 * column.distance**0.5:.1f}%"></i>'
        f'<u style="left:{100 * column.threshold**0.5:.1f}%"></u></span>'
    )
    return f'<span><span class="{css}">{word}</span> {column.distance:.2f}</span>{gauge}<small>{note}</small>'


def _headline(column: ColumnDrift) -> str:
    """Say in a line what moved most."""
    if column.reference is None or column.current is None:
        there = column.current or column.reference
        assert there is not None
        return f"<small>{plural(there.rows, 'row')}, {share_text(there.missing_share)} missing</small>"
    lines = [_shift(column.reference, column.current)] if column.drifted else []
    if column.drifted and column.change != "other values":
        lines += [_sentence(movement) for movement in column.movements[:2]]
    if column.change == "other values" or (column.drifted and (column.new_share or 0) > 0.5):
        lines.insert(0, f"{share_text(column.new_share or 0)} of its distinct values are new")
    if column.change and column.change != "other values":
        lines.insert(0, escape(column.change))
    if column.reference.kind == column.current.kind == "time":
        lines.insert(0, _range_of_times(column.reference, column.current))
    return "".join(f"<div>{line}</div>" for line in list(filter(None, lines))[:2])


def _sentence(movement: Movement) -> str:
    return f"{_subject(movement)}: {share_text(movement.before)} → {share_text(movement.after)}"


def _subject(movement: Movement) -> str:
    name = name_html(movement.what)
    if movement.kind == "length":
        return f"length {name}"
    if movement.kind == "elements":
        return f"{name} elements"
    if movement.kind == "pattern":
        return f"<code>{name}</code>"
    return name if movement.kind != "value" else f"<q>{name}</q>"


def _shift(before: ColumnProfile, after: ColumnProfile) -> str:
    """Say how far the mean moved, in standard deviations of the reference."""
    one, other = before.distribution, after.distribution
    if one is None or other is None or before.kind == "time" or after.kind == "time":
        return ""
    deviation = one.moments.deviation
    write = writer_for(before)
    move = (other.moments.mean - one.moments.mean) / deviation if deviation > 0 else 0.0
    if abs(move) < 0.05:
        return ""
    means = [one.moments.mean, other.moments.mean]
    was, now = apart(means, write) if before.is_numeric else map(write, means)
    return f"mean {escape(was)} → {escape(now)} ({signed_text(move)} {_SIGMA})"


def _range_of_times(before: ColumnProfile, after: ColumnProfile) -> str:
    assert before.times is not None
    assert after.times is not None
    write = writer_for(before)
    return f"{escape(write(after.times.numbers.least))} to {escape(write(after.times.numbers.most))}"


def _details(column: ColumnDrift) -> str:
    before, after = column.reference, column.current
    sections = [_facet_html(facet) for facet in column.facets if facet.movements]
    table = _comparison(before, after, column)
    sections.append(f"<section><h3>Before and after</h3>{table}</section>")
    return "".join(sections)


def _facet_html(facet: Facet) -> str:
    shown = facet.movements[:_SHOWN]
    largest = max(max(one.before, one.after) for one in shown)
    items = "".join(f"<li><span>{_subject(one)}</span>{meter([one.before, one.after], largest)}</li>" for one in shown)
    further = (
        f'<p class="bound">and {len(facet.movements) - _SHOWN:,} more</p>' if len(facet.movements) > _SHOWN else ""
    )
    chance = ", may be chance" if facet.by_chance else ""
    head = f"What moved: {_MEASURES[facet.name]} <small>distance {facet.distance:.3f}{chance}</small>"
    return f'<section><h3>{head}</h3><ul class="values pairs">{items}</ul>{further}</section>'


def _comparison(before: ColumnProfile | None, after: ColumnProfile | None, column: ColumnDrift) -> str:
    lines = [(name, *(_value(one, name) for one in (before, after))) for name in _COMPARED]
    body = "".join(
        f'<tr><th scope="row">{name}</th><td>{then}</td><td>{now}</td></tr>'
        for name, then, now in lines
        if (then, now) != (MISSING, MISSING)
    )
    new = (
        f'<p class="bound">{share_text(column.new_share)} of the distinct values are new.</p>'
        if column.new_share is not None
        else ""
    )
    head = "<thead><tr><th>what</th><th>reference</th><th>current</th></tr></thead>"
    return f"<table>{head}<tbody>{body}</tbody></table>{new}"


_COMPARED = (
    "type",
    "rows",
    "missing",
    "distinct",
    "mean",
    "std",
    "min",
    "5 %",
    "median",
    "95 %",
    "max",
    "length",
)


def _value(column: ColumnProfile | None, name: str) -> str:
    if column is None:
        return MISSING
    match name:
        case "type":
            return escape(column.dtype) or MISSING
        case "rows":
            return f"{column.rows:,}"
        case "missing":
            return share_text(column.missing_share)
        case "distinct":
            if column.distinct.incomplete:
                return MISSING
            found = column.distinct_count
            return ("" if found.is_exact else "≈ ") + count_text(found.estimate)
        case "length" if column.texts is not None and column.texts.lengths.moments.count and column.kind == "text":
            lengths = column.texts.lengths
            return f"{number_text(lengths.moments.mean)} <small>({lengths.least:,} to {lengths.most:,})</small>"
    known = column.distribution
    if known is None or name == "length" or (column.kind == "time" and name in ("mean", "std")):
        return MISSING
    values = {
        "mean": known.moments.mean,
        "std": known.moments.deviation,
        "min": known.least,
        "max": known.most,
    }
    levels = {"5 %": 0.05, "median": 0.5, "95 %": 0.95}
    if name in values:
        return escape(writer_for(column)(values[name]))
    return escape(rough_writer_for(column)(float(known.quantiles.quantiles(levels[name]))))


def _segments(drift: PlainDrift) -> str:
    """Draw which columns drifted in which segments, as a map of colours."""
    if not drift.segments:
        by = ", ".join(map(name_html, drift.by))
        return f'<p class="bound">No segment by {by} is in both.</p>' if by else ""
    names = [
        column.name
        for column in drift
        if any(s.column(column.name).drifted for s in drift.segments.values() if _has(s, column.name))
    ]
    names = names[:_HEAT_COLUMNS]
    heads = "".join(f'<th scope="col"><span>{name_html(name)}</span></th>' for name in names)
    body = "".join(
        f'<tr><th scope="row">{name_html(value)}</th><td>{_then(f"{segment.rows:,}", f"{segment.current_rows:,}")}</td>'
        f"<td>{len(segment.drifted) or ''}</td>{''.join(_heat(segment, name) for name in names)}</tr>"
        for value, segment in drift.segments.items()
    )
    by = ", ".join(name_html(name) for name in drift.by)
    return (
        f'<h3 class="part">Segments by {by}</h3><div class="scroll"><table class="heat"><thead><tr>'
        f'<th scope="col">{by}</th><th scope="col">rows</th><th scope="col">drifted</th>{heads}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _has(segment: PlainDrift, name: str) -> bool:
    return any(column.name == name for column in segment)


def _heat(segment: PlainDrift, name: str) -> str:
    if not _has(segment, name):
        return "<td></td>"
    column = segment.column(name)
    distance = column.distance
    if not column.drifted or distance is None:
        return (
            '<td class="cell"><i></i></td>'
            if not column.drifted
            else '<td class="cell"><i style="opacity:0.6"></i></td>'
        )
    return (
        f'<td class="cell"><i style="opacity:{min(0.6, 0.1 + 0.5 * distance**0.5):.2f}"></i><b>{distance:.2f}</b></td>'
    )


def _note(drift: PlainDrift) -> str:
    pictures = f" Pictures are drawn of the first {MOST_DETAILED}." if len(drift) > MOST_DETAILED else ""
    return (
        '<p class="note">Drift is the Hellinger distance of the shares of values, missing ones included: 0 is the same,'
        " 1 is nothing in common. The mark is the threshold; what sampling explains is taken away. Below 0.1 it is"
        f" slight, below 0.3 clear. Times, and keys that go on, are compared by what is missing: new ones are no drift."
        f" {HISTOGRAMS}{pictures}</p>"
    )

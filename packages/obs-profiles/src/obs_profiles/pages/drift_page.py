"""The page of a comparison: which columns drifted, how far, and what moved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from obs_core.rendering import escape, verdict_mark
from obs_core.text.numbers import MISSING, plural
from obs_profiles.column_profiles import ColumnProfile
from obs_profiles.comparison.compared import OTHER_VALUES, TOO_FEW, ColumnDrift, NewShare, PlainDrift
from obs_profiles.comparison.facets import Facet, Movement
from obs_profiles.pages.charts import bar, distribution_chart, rough_writer_for, writer_for
from obs_profiles.pages.frame import (
    HISTOGRAMS,
    MOST_DETAILED,
    about,
    controls,
    heads_html,
    is_wide,
    name_html,
    page,
    pattern_html,
    row,
    share_html,
    shares_note,
    tiles,
    value_html,
)
from obs_profiles.wording import (
    about_text,
    apart,
    count_text,
    distinct_mark,
    elements_text,
    number_text,
    share_text,
    signed_text,
    visible,
)

__all__ = ["drift_html", "not_compared_html"]

_HEADS = (("Column", "name"), ("Drift", "order"), ("Distribution", ""), ("What moved", ""))
_ORDERS = (("order", "drift"), ("name", "name"), ("missing", "missing"))
_KEYS = (("reference", "reference"), ("current", "current"))
_NONE = "No drift"
_NAMED = 5
_NAMED_IN_CHECK = 3
_SHOWN = 8
_HEAT_COLUMNS = 12
"""Columns of the map of segments; further ones are named below it."""

_NAMED_BELOW = 100
_SIGMA = "\N{GREEK SMALL LETTER SIGMA}"
_MEASURES = {
    "elements": "how many elements",
    "ends": "numbers beyond all of the other side",
    "lengths": "lengths",
    "missing": "missing values",
    "new values": "frequent values, and those of one side alone",
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
    css = "bad" if not drift.passed else "warn" if drift.undecided else "good"
    verdict = f'<b class="pill {css}">{escape(word)}</b>{_named(drift)}'
    found = _word(drift, names=_NAMED_IN_CHECK)
    marked = found if (title, found) == ("Drift", _NONE) else f"{title}: {found}"
    return page(
        verdict_mark("passed" if css == "good" else "warned", marked),
        about(title, f"{verdict} {escape(compared)}"),
        tiles(_totals(drift)),
        _segments(drift),
        controls(_ORDERS, only="drifted ones alone", keys=_KEYS) if len(drift) else "",
        f'<div class="rows drift">{heads_html(_HEADS, sortable=True)}{rows}</div>'
        if len(drift)
        else "<p>There are no columns.</p>",
        _note(drift, rows),
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


def _word(drift: PlainDrift, *, names: int = 0) -> str:
    """Say in a few words what became of a data set, of its segments too.

    Args:
        drift: The comparison.
        names: How many columns that drifted are named, where nothing else names them.
    """
    if drift.emptied:
        return f"No rows, where there were {drift.rows:,}"
    segments = drift.drifted_segments
    told = f": {_listed([visible(column.name) for column in drift.drifted], names)}" if names else ""
    parts = [f"{len(drift.drifted):,} of {len(drift):,} columns drifted{told}"] if drift.drifted else []
    if segments:
        elsewhere = sorted({column.name for columns in segments.values() for column in columns})
        named = visible(elsewhere[0]) if len(elsewhere) == 1 else f"{len(elsewhere):,} columns"
        where = drift.where(next(iter(segments))) if len(segments) == 1 else ""
        parts.append(f"{named} drifted {visible(where) or f'in {len(segments):,} of {len(drift.segments):,} segments'}")
    worst = [(column, found) for column in drift.drifted if (found := drift.farthest(column)) is not None]
    if worst:
        column, (value, there) = max(worst, key=lambda one: one[1][1].distance or 0.0)
        more = f", {len(worst) - 1:,} more in segments" if len(worst) > 1 else ""
        parts.append(f"{visible(column.name)} farthest {visible(drift.where(value))} ({there.distance:.2f}){more}")
    why = TOO_FEW if drift.rows and drift.current_rows else "no rows on one side"
    return "; ".join(parts) or (f"Not compared: {why}" if drift.undecided else _NONE)


def _named(drift: PlainDrift) -> str:
    """Name the first columns that drifted, so that whoever reads the beginning alone knows which."""
    named = _listed([visible(drift.text_of(column)) for column in drift.drifted], _NAMED)
    return f"<span>{escape(named)}</span>" if named else ""


def _listed(names: Sequence[str], most: int) -> str:
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


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
    undecided = sum(column.undecided for column in drift)
    if undecided:
        yield f"{undecided:,}", "not compared", "warn"
    same = len(drift) - len(drift.drifted) - undecided
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
        _chart(column) if detailed else "",
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
    css = "warn" if column.undecided else {"none": "good", "slight": "warn"}.get(column.severity, "bad")
    word = {"none": "no drift"}.get(column.severity, column.severity)
    if column.reference is None or column.current is None:
        return f'<span class="{css}">{escape(column.change)}</span>'
    if column.distance is None:
        word = "not compared" if column.undecided else word
        return f'<span class="{css}">{word}</span><small>{escape(column.change)}</small>'
    if column.undecided:
        return f'<span class="{css}">{TOO_FEW}</span>'
    chance = "may be chance" if column.by_chance and column.distance >= column.threshold else ""
    note = escape(column.change or chance or ("in its elements" if column.in_elements else ""))
    # A distance of 0.5 is far: the gauge grows with its root, so that the small ones can be told apart.
    gauge = (
        f'<span class="gauge {css}"><i style="width:{100 * column.distance**0.5:.1f}%"></i>'
        f'<u style="left:{100 * column.threshold**0.5:.1f}%"></u></span>'
    )
    return f'<span><span class="{css}">{word}</span> {column.distance:.2f}</span>{gauge}<small>{note}</small>'


def _chart(column: ColumnDrift) -> str:
    """Draw what drifted of it: its values, or what its lists hold."""
    if column.elements is None or not column.in_elements:
        return distribution_chart(column.reference, column.current)
    chart = distribution_chart(column.elements.reference, column.elements.current)
    return f"{chart}<small>elements</small>" if chart else ""


def _headline(column: ColumnDrift) -> str:
    """Say in a line what moved most."""
    if column.reference is None or column.current is None:
        there = column.current or column.reference
        assert there is not None
        return f"<small>{plural(there.rows, 'row')}, {share_text(there.missing_share)} missing</small>"
    lines = list(_lines(column))
    if column.change and column.change not in (OTHER_VALUES, TOO_FEW):
        lines.insert(0, escape(column.change))
    if column.reference.kind == column.current.kind == "time":
        lines.insert(0, _range_of_times(column.reference, column.current))
    return "".join(f"<div>{line}</div>" for line in lines[:2])


def _lines(column: ColumnDrift) -> Iterator[str]:
    """Go through what there is to say of what drifted of it: of its values, or of what its lists hold."""
    told, noun, of = column, "values", "size: " if column.current and column.current.kind == "list" else ""
    if column.in_elements and column.elements is not None:
        told, noun, of = column.elements, "elements", "elements: "
    if not column.drifted or told.reference is None or told.current is None:
        return
    new = told.new_share
    if new is not None and (told.change == OTHER_VALUES or new.estimate > 0.5):
        yield f"{_new_text(new)} of its distinct {noun} are new"
    if shift := _shift(told.reference, told.current):
        yield f"{of}{shift}"
    if told.change != OTHER_VALUES:
        yield from map(_sentence, told.movements[:2])


def _sentence(movement: Movement) -> str:
    of = "" if movement.of == "rows" else f" of {movement.of}"
    before, after = map(share_html, movement.shares)
    return f"{_subject(movement)}{of}: {before} → {after}"


def _subject(movement: Movement, write: Callable[[str], str] = name_html) -> str:
    name = write(movement.what) if movement.kind == "value" else name_html(movement.what)
    if movement.kind == "length":
        return f"length {name}"
    if movement.kind == "elements":
        return elements_text(name)
    if movement.kind == "pattern":
        return pattern_html(movement.what)
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
    means = [one.mean, other.mean]
    was, now = apart(means, write) if before.is_numeric else map(write, means)
    was, now = about_text(was, one.mean_error), about_text(now, other.mean_error)
    return f"mean {escape(was)} → {escape(now)} ({signed_text(move)} {_SIGMA})"


def _range_of_times(before: ColumnProfile, after: ColumnProfile) -> str:
    assert before.times is not None
    assert after.times is not None
    write = writer_for(before)
    return f"{escape(write(after.times.numbers.least))} to {escape(write(after.times.numbers.most))}"


def _details(column: ColumnDrift) -> str:
    facets = [facet for facet in column.facets if not facet.by_chance]
    # What is no chance is among what else was compared, too, and is told once.
    told = {(one.of, one.kind, one.what) for facet in facets for one in facet.movements}
    for facet in column.facets[len(facets) :]:
        others = tuple(one for one in facet.movements if (one.of, one.kind, one.what) not in told)
        facets.append(replace(facet, movements=others))
    sections = [_facet_html(facet, besides=bool(told)) for facet in facets if facet.movements]
    sections.append(f"<section><h3>Before and after</h3>{_comparison(column)}</section>")
    if column.elements is not None:
        table = _comparison(column.elements, noun="elements")
        sections.append(f"<section><h3>Elements before and after</h3>{table}</section>")
    return "".join(sections)


def _facet_html(facet: Facet, *, besides: bool) -> str:
    """Draw what moved of an aspect; `besides` is whether others before it are no chance."""
    shown = facet.movements[:_SHOWN]
    largest = max(max(one.before, one.after) for one in shown)
    items = "".join(bar(_subject(one, value_html), one.shares, largest, wide=is_wide(one.what)) for one in shown)
    further = (
        f'<p class="bound">and {len(facet.movements) - _SHOWN:,} more</p>' if len(facet.movements) > _SHOWN else ""
    )
    far = f"distance {facet.distance:.3f}{', may be chance' if facet.by_chance else ''}"
    note = "besides what is named before, may be chance" if facet.by_chance and besides else far
    where = " among elements" if facet.of_elements else ""
    head = f"What moved{where}: {_MEASURES[facet.name]} <small>{note}</small>"
    return f'<section><h3>{head}</h3><ul class="values pairs">{items}</ul>{further}{_bound(shown)}</section>'


def _bound(shown: Sequence[Movement]) -> str:
    """Say how far estimated shares may be off; of new values nobody knows more than that they are among the others."""
    shares = [share for one in shown if one.kind != "others" for share in one.shares if share.estimate is not None]
    if not shares:
        return ""
    error = max(share.error for share in shares)
    return f'<p class="bound">About: ± {100 * error:.2g} % of all.</p>'


def _comparison(column: ColumnDrift, *, noun: str = "values") -> str:
    lines = [(name, *(_value(one, name) for one in (column.reference, column.current))) for name in _COMPARED]
    body = "".join(
        f'<tr><th scope="row">{"elements" if (name, noun) == ("rows", "elements") else name}</th>'
        f"<td>{then}</td><td>{now}</td></tr>"
        for name, then, now in lines
        if (then, now) != (MISSING, MISSING)
    )
    new = (
        f'<p class="bound">{_new_text(column.new_share, bounds=True)} of the distinct {noun} are new.</p>'
        if column.new_share is not None
        else ""
    )
    head = "<thead><tr><th>what</th><th>reference</th><th>current</th></tr></thead>"
    return f"<table>{head}<tbody>{body}</tbody></table>{new}"


def _new_text(new: NewShare, *, bounds: bool = False) -> str:
    if new.is_exact:
        return share_text(new.estimate)
    between = f" ({share_text(new.least)} to {share_text(new.most)})" if bounds else ""
    return f"about {share_text(new.estimate)}{between}"


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
            return distinct_mark(found) + count_text(found.estimate)
        case "length" if column.texts is not None and column.texts.lengths.moments.count and column.kind == "text":
            lengths = column.texts.lengths
            return f"{number_text(lengths.mean)} <small>({lengths.least:,} to {lengths.most:,})</small>"
    known = column.distribution
    if known is None or name == "length" or (column.kind == "time" and name in ("mean", "std")):
        return MISSING
    values = {
        "mean": (known.mean, known.mean_error),
        "std": (known.moments.deviation, known.mean_error),
        "min": (known.least, 0.0),
        "max": (known.most, 0.0),
    }
    levels = {"5 %": 0.05, "median": 0.5, "95 %": 0.95}
    if name in values:
        value, error = values[name]
        return escape(about_text(writer_for(column)(value), error))
    quantile = rough_writer_for(column)(float(known.quantiles.quantiles(levels[name])))
    return escape(about_text(quantile, float(known.quantile_errors(levels[name]))))


def _segments(drift: PlainDrift) -> str:
    """Draw which columns drifted in which segments, as a map of colours."""
    by = ", ".join(map(name_html, drift.by))
    none = f'<p class="bound">No segment by {by} is in both.</p>' if not drift.segments else ""
    if not by or drift.emptied or not (drift.segments or drift.gone or drift.new):
        return none if by and not drift.emptied else ""
    # Those that drifted in the most segments first; of as many, the farthest in the whole.
    counts = Counter(column.name for segment in drift.segments.values() for column in segment.drifted)
    drifted = sorted((column.name for column in drift if counts[column.name]), key=lambda name: -counts[name])
    names, others = drifted[:_HEAT_COLUMNS], drifted[_HEAT_COLUMNS:]
    heads = "".join(f'<th scope="col"><span>{name_html(name)}</span></th>' for name in names)
    body = "".join(
        f'<tr><th scope="row"><span>{name_html(value)}</span></th>'
        f"<td>{_then(f'{segment.rows:,}', f'{segment.current_rows:,}')}</td>"
        f"<td>{len(segment.drifted) or ''}</td>{''.join(_heat(segment, name) for name in names)}</tr>"
        for value, segment in drift.segments.items()
    )
    body += "".join(
        _alone(value, _then(f"{rows:,}", _at_most(most)), "gone", names) for value, (rows, most) in drift.gone.items()
    )
    body += "".join(
        _alone(value, _then(_at_most(most), f"{rows:,}"), "new", names) for value, (rows, most) in drift.new.items()
    )
    return (
        f'<h3 class="part">Segments by {by}</h3><div class="scroll"><table class="heat"><thead><tr>'
        f'<th scope="col">{by}</th><th scope="col">rows</th><th scope="col">drifted</th>{heads}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>{_further(others, counts)}{none}"
    )


def _alone(value: str, rows: str, word: str, names: Sequence[str]) -> str:
    """Write the line of a segment that one side alone has: nothing of it was compared."""
    cells = "<td></td>" * len(names)
    return f'<tr><th scope="row"><span>{name_html(value)}</span></th><td>{rows}</td><td>{word}</td>{cells}</tr>'


def _at_most(rows: int) -> str:
    return f"≤ {rows:,}" if rows else "0"


def _further(names: list[str], counts: Mapping[str, int]) -> str:
    """Name the columns for which the map has no room, with in how many segments each drifted."""
    if not names:
        return ""
    listed = ", ".join(f"{name_html(name)} ({counts[name]:,})" for name in names[:_NAMED_BELOW])
    more = f" and {len(names) - _NAMED_BELOW:,} more" if len(names) > _NAMED_BELOW else ""
    what = "column drifted" if len(names) == 1 else "columns drifted"
    return f'<p class="bound below">{len(names):,} more {what} in some segments: {listed}{more}.</p>'


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


def _note(drift: PlainDrift, rows: str) -> str:
    pictures = f" Pictures are drawn of the first {MOST_DETAILED}." if len(drift) > MOST_DETAILED else ""
    return (
        '<p class="note">Drift is the Hellinger distance of the shares of values, missing ones included: 0 is the same,'
        " 1 is nothing in common. The mark is the threshold; what sampling explains is taken away. Below 0.1 it is"
        f" slight, below 0.3 clear. Times, and keys that go on, are compared by what is missing: new ones are no drift."
        f" {shares_note(rows)} {HISTOGRAMS}{pictures}</p>"
    )

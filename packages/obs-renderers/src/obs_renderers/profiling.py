"""Profile a table: types, missing values, distributions, outliers, cardinality, associations."""

from __future__ import annotations

import json
from typing import Any, Literal

from obs_core.text.numbers import MISSING, count, plural, share, statistic
from obs_renderers._frames import open_frame
from obs_renderers._markup import escape, fragment, json_for_script, name_text, script, shorten
from obs_renderers._profile import ColumnProfile, Profile, profile_frame
from obs_renderers._profile_charts import histogram, shown_value, value_bars
from obs_renderers._profile_remarks import Remark, remarks
from obs_renderers._profile_table import columns_table
from obs_renderers._types import reject
from obs_renderers.top_frame import frame_preview

__all__ = ["FrameProfilingRenderer"]

_TAKES = "a DataFrame or Series of pandas or polars, or a pyarrow Table"
_MAX_ROWS = 1_000_000
_MAX_ASSOCIATIONS = 12
_NOTABLE = 0.3
_DETAILED_CHARTS = 500
_SEARCHED = 12


class FrameProfilingRenderer:
    """Profile a table: types, missing values, distributions, outliers, cardinality, associations.

    A table of more than `max_rows` rows is sampled evenly, and the page says so. A column that cannot be read
    in its own way is profiled by the texts of its values.

    Args:
        title: The heading.
        max_rows: Rows to profile at most, a million by default.
        engine: ``"obs"``, our own, or ``"ydata"`` for ydata-profiling's own page (to be installed besides; it is
            far slower and needs pandas 2).

    Examples:
        >>> import pandas as pd
        >>> html = FrameProfilingRenderer("Delays").to_html(pd.DataFrame({"delay": [3, 14, 15, None]}))
    """

    def __init__(
        self,
        title: str = "Pandas Profiling Report",
        *,
        max_rows: int = _MAX_ROWS,
        engine: Literal["obs", "ydata"] = "obs",
    ) -> None:
        if max_rows < 1:
            raise ValueError(f"max_rows must be 1 or more, not {max_rows}")
        if engine not in ("obs", "ydata"):
            raise ValueError(f"engine must be 'obs' or 'ydata', not {engine!r}")
        self._title = title
        self._max_rows = max_rows
        self._engine = engine

    def to_html(self, df: Any) -> str:
        """Render a profile.

        Args:
            df: A DataFrame or Series of pandas or polars, or a pyarrow Table.

        Returns:
            An HTML fragment; with ydata a whole document.

        Raises:
            TypeError: It is none of these.
            ImportError: The engine ydata is asked for and not installed.
        """
        frame = open_frame(df)
        if frame is None:
            reject(self, df, _TAKES)
        if self._engine == "ydata":
            return _ydata_page(df, self._title)
        profile = profile_frame(frame, self._max_rows)
        parts = [
            self._header(profile),
            _overview(profile),
            columns_table(profile),
            _kinds(profile, frame.names()),
            _columns(profile),
            _associations(profile),
        ]
        preview = frame_preview(frame, 10, 100) if frame.columns else ""
        body = "".join(parts) + f'<details class="rows"><summary>First and last rows</summary>{preview}</details>'
        return fragment("profile", body + script("profile_filter") + script("copy"), styles=("table", "box", "profile"))

    def _header(self, profile: Profile) -> str:
        title = f"<h2>{escape(self._title)}</h2>" if self._title else ""
        return title + (f'<p class="sampled">{_sampling(profile)}</p>' if profile.sampled else "")


def _sampling(profile: Profile) -> str:
    return (
        f"Profiled on a sample: {count(profile.rows)} rows, evenly spread over the {count(profile.all_rows)} "
        "of the table. Counts and shares are of the sample."
    )


def _ydata_page(df: Any, title: str) -> str:
    import os

    os.environ.setdefault("YDATA_PROFILING_NO_ANALYTICS", "True")
    try:
        from ydata_profiling import ProfileReport
    except ImportError as error:
        raise ImportError(
            f"the engine ydata cannot be imported ({error}); type: "
            'pip install ydata-profiling "pandas<3" "setuptools<82"'
        ) from None
    return str(ProfileReport(df, title=title, progress_bar=False).to_html())


def _overview(profile: Profile) -> str:
    cells = profile.rows * len(profile.columns)
    missing = sum(column.missing for column in profile.columns)
    facts = [
        ("rows", count(profile.all_rows)),
        ("columns", count(len(profile.columns))),
        ("missing cells", share(missing, cells, about=profile.sampled)),
        ("constant columns", count(sum(column.constant for column in profile.columns))),
        (
            "duplicate rows",
            MISSING if profile.duplicates is None else share(profile.duplicates, profile.rows, about=profile.sampled),
        ),
    ]
    entries = "".join(f"<div><dt>{name}</dt><dd>{text}</dd></div>" for name, text in facts)
    return f'<dl class="overview">{entries}</dl>'


_ORDERS = "".join(
    f'<option value="{key}">{text}</option>'
    for key, text in (
        ("", "in the table’s order"),
        ("missing", "most missing first"),
        ("distinct", "most distinct first"),
        ("outliers", "most outliers first"),
        ("name", "by name"),
    )
)


def _kinds(profile: Profile, names: list[str] | None) -> str:
    kinds: dict[str, int] = {}
    for column in profile.columns:
        kinds[column.kind] = kinds.get(column.kind, 0) + 1
    buttons = "".join(
        f'<button type="button" data-kind="{kind}" aria-pressed="false">{plural(number, _kind_name(kind))}</button>'
        for kind, number in kinds.items()
    )
    with_gaps = sum(bool(column.missing) for column in profile.columns)
    if with_gaps:
        buttons += (
            f'<button type="button" data-kind="missing" aria-pressed="false">{with_gaps} with missing values</button>'
        )
    buttons += _copied(names) if names else ""
    if len(profile.columns) > _SEARCHED:
        buttons += f'<select aria-label="Order of the columns" data-order>{_ORDERS}</select>'
        buttons += '<input type="search" placeholder="Search columns" aria-label="Search columns by name" data-names>'
    return f'<div class="kinds" role="group" aria-label="Show only some columns">{buttons}</div>' if buttons else ""


def _copied(names: list[str]) -> str:
    """Offer the names of the columns that are shown as a list of Python, to select them with."""
    title = "the names of the columns shown, as a list of Python"
    button = f'<button type="button" data-copy="names" title="{title}">Copy names</button>'
    return f'{button}<script type="application/json" class="names">{json_for_script(json.dumps(names))}</script>'


def _kind_name(kind: str) -> str:
    return {"number": "numeric column", "time": "time column", "boolean": "boolean column"}.get(kind, f"{kind} column")


def _columns(profile: Profile) -> str:
    plain = len(profile.columns) > _DETAILED_CHARTS
    many = " many" if plain else ""
    cards = "".join(_card(column, profile.sampled, plain) for column in profile.columns)
    return f'<div class="cards{many}">{cards}</div>'


def _card(column: ColumnProfile, sampled: bool, plain: bool) -> str:
    kinds = column.kind + (" missing" if column.missing else "")
    name = f'<h3 title="{escape(shorten(column.name, 500))}">{_breakable(name_text(column.name, 60))}</h3>'
    head = f'<header>{name}<span class="dtype">{escape(shorten(column.dtype, 40))}</span></header>'
    body = _badges(column, sampled) + _chart(column, sampled, plain) + _figures(column, sampled)
    counts = {"missing": column.missing, "distinct": column.distinct or 0, "outliers": column.outliers}
    ranks = "".join(f' data-{key}="{number}"' for key, number in counts.items() if number)
    return f'<article data-kinds="{kinds}"{ranks}>{head}{body}</article>'


def _breakable(name: str) -> str:
    """Escape a name so that a line of it ends between its words."""
    return escape(name).replace("_", "_<wbr>")


def _badges(column: ColumnProfile, sampled: bool) -> str:
    badges = []
    if column.missing:
        part = f"{share(column.missing, column.rows, about=sampled)} missing"
        badges.append(Remark(part, f"{count(column.missing)} of {plural(column.rows, 'row')}"))
    badges += remarks(column, sampled=sampled)
    return f'<div class="badges">{"".join(map(_badge, badges))}</div>'


def _badge(remark: Remark) -> str:
    title = f' title="{remark.more}"' if remark.more else ""
    return f'<span class="badge{" warn" if remark.warns else ""}"{title}>{escape(remark.text)}</span>'


def _chart(column: ColumnProfile, sampled: bool, plain: bool) -> str:
    if column.trouble:
        return f'<p class="note">{escape(column.trouble)}</p>'
    if column.constant and column.constant_value:
        return f'<p class="constant">always <b>{shown_value(column.constant_value, 80)}</b></p>'
    if column.histogram is not None:
        return histogram(column.histogram, column.unit, column.name, plain=plain)
    if column.top:
        present = column.rows - column.missing
        return value_bars(column.top, column.rows, present, column.distinct, about=sampled)
    if not column.rows:
        return '<p class="note">No rows.</p>'
    return "" if column.facts else '<p class="note">All values are missing.</p>'


def _figures(column: ColumnProfile, sampled: bool) -> str:
    facts = list(column.facts)
    if column.distinct is not None:
        facts.append(("distinct", f"{'≥ ' if sampled else ''}{count(column.distinct)}"))
    entries = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(text)}</dd></div>" for name, text in facts)
    return f"<dl>{entries}</dl>" if entries else ""


def _associations(profile: Profile) -> str:
    notable = [pair for pair in profile.associations if pair.strength >= _NOTABLE][:_MAX_ASSOCIATIONS]
    if len(profile.columns) < 2 or not profile.rows:
        return ""
    heading = "<h3>Columns that go together</h3>"
    measured = plural(min(profile.rows, profile.association_rows), "row")
    note = f'<p class="note">Cramér’s V, or what Pearson’s r is at least if that is more: 0 to 1, on {measured}.'
    if not notable:
        why = profile.associations_skipped or f"No pair of columns reaches {_NOTABLE}."
        return f"<section>{heading}{note} {escape(why)}</p></section>"
    rows = "".join(
        f"<tr><td>{escape(name_text(pair.left, 60))}</td><td>{escape(name_text(pair.right, 60))}</td>"
        f'<td><span class="meter"><i style="width:{100 * min(pair.strength, 1):.1f}%"></i></span>'
        f'<span class="number">{pair.strength:.2f}</span></td>'
        f'<td class="number">{pair.cramer:.2f}</td>'
        f'<td class="number">{MISSING if pair.pearson is None else statistic(round(pair.pearson, 2))}</td></tr>'
        for pair in notable
    )
    head = "<th>Column</th><th>Column</th><th>Association</th>"
    head += '<th class="number">Cramér’s V</th><th class="number">Pearson’s r</th>'
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return f'<section>{heading}{note}</p><div class="scroll" tabindex="0">{table}</div></section>'

"""What the pages are made of."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from obs_core.rendering import escape
from obs_core.secrets import mask
from obs_profiles.columns.texts import beginning_of
from obs_profiles.sketches.samples import LONGEST_PATTERN
from obs_profiles.wording import visible

__all__ = [
    "BOUND",
    "HISTOGRAMS",
    "MOST_DETAILED",
    "about",
    "controls",
    "facts",
    "heads_html",
    "is_wide",
    "name_html",
    "page",
    "pattern_html",
    "row",
    "share_html",
    "shares_note",
    "tiles",
    "value_html",
]

MOST_DETAILED = 200
"""Columns that are drawn with pictures and details; further ones have their most important numbers alone."""

BOUND = " bound"
"""The class of a bar that is known in part."""

_SHORT = 12
"""Characters of a value for which there is room beside its bar."""

_WHOLE = 1_000
"""Characters of a tooltip; the values of a profile have no more than 200."""

_BEGINNING = " (of more than 100 bytes the beginning is kept, and behind # a hash of all)"

HISTOGRAMS = "Histograms reach from about the 1 % to the 99 % quantile; their outermost bars hold what lies beyond."


def page(*parts: str, script: bool = False) -> str:
    """Put a page together, with its style and, where there are rows to sort and search, its script."""
    code = f"<script>\n{_asset('profiles.js')}\n</script>" if script else ""
    return f'<style>\n{_asset("profiles.css")}\n</style><div class="obs-profiles">{mask("".join(parts))}</div>{code}'


def name_html(text: str) -> str:
    """Write a name or value, shortened and escaped."""
    return escape(visible(text)) or "<i>(empty)</i>"


def value_html(text: str) -> str:
    """Write a value in one piece, so that it can be searched for and copied; one that is shortened has a tooltip."""
    shown, whole = visible(text), visible(text, most=_WHOLE)
    if beginning_of(mask(text)) is not None:
        whole += _BEGINNING
    return name_html(text) if shown == whole else f'<span title="{escape(whole)}">{escape(shown)}</span>'


def share_html(share: object) -> str:
    """Write a share so that no line ends within it."""
    return escape(str(share)).replace(" ", "\N{NO-BREAK SPACE}")


def pattern_html(pattern: str) -> str:
    """Write the pattern of a text; of a long one the profile has the beginning."""
    cut = len(pattern) == LONGEST_PATTERN
    return f"<code>{name_html(f'{pattern.rstrip()}…' if cut else pattern)}</code>"


def is_wide(text: str) -> bool:
    """Tell whether a value needs a line of its own above its bar."""
    return len(visible(text)) > _SHORT


def shares_note(html: str) -> str:
    """Say what the shares in rows are of, and what the marks before some of them mean."""
    bounds = (
        " Of each column 128 values are counted, and of merged parts the largest segments: ≤ and ≥ stand before the"
        " share of one that the profile knows in part."
    )
    elements = "; those of elements are of all elements" if "<h3>Elements" in html else ""
    return f"Shares are of all rows, including missing values{elements}." + (bounds if f'{BOUND}"' in html else "")


def about(title: str, text: str) -> str:
    """Write the heading, and below it what this is about; `text` is HTML."""
    return f'<h2>{escape(title)}</h2><p class="about">{text}</p>'


def tiles(entries: Iterable[tuple[str, str, str]]) -> str:
    """Show a few numbers: for each its HTML, what it is, and the class of its colour."""
    items = "".join(
        f'<li><b class="{css}">{number}</b><span>{escape(what)}</span></li>' for number, what, css in entries
    )
    return f'<ul class="tiles">{items}</ul>'


def controls(orders: Sequence[tuple[str, str]], *, only: str = "", keys: Sequence[tuple[str, str]] = ()) -> str:
    """Make the line above the rows: search, order, and what the colours mean.

    Args:
        orders: By what rows can be sorted: the name of the attribute, and what it is called.
        only: What a box is called that shows marked rows alone; there is none if empty.
        keys: Classes of colours, and what they mean.
    """
    options = "".join(f'<option value="{name}">{escape(text)}</option>' for name, text in orders)
    box = f'<label><input type="checkbox"> {escape(only)}</label>' if only else ""
    key = "".join(f'<span class="key {css}">{escape(text)}</span>' for css, text in keys)
    return (
        '<div class="controls"><input type="search" placeholder="Search columns" aria-label="Search columns">'
        f"<label>sorted by <select>{options}</select></label>{box}{key}</div>"
    )


def heads_html(heads: Iterable[tuple[str, str]], *, sortable: bool, in_table: bool = False) -> str:
    """Make the line of heads.

    Args:
        heads: What each is called, and the name of the attribute by which a click sorts, if any.
        sortable: Whether heads by which rows can be sorted are buttons: there are more rows than one.
        in_table: Whether what is around it has the role of a table.
    """
    roles = (' role="row"', ' role="columnheader"') if in_table else ("", "")
    named = (f'<button type="button" data-by="{by}">{head}</button>' if by and sortable else head for head, by in heads)
    return f'<div class="heads line"{roles[0]}>{"".join(f"<div{roles[1]}>{head}</div>" for head in named)}</div>'


def row(
    cells: Sequence[str],
    details: str,
    orders: Mapping[str, float | str],
    *,
    css: str = "",
    opened: bool = False,
    in_table: bool = False,
) -> str:
    """Make a row that opens.

    Args:
        cells: What it shows while it is closed, as HTML.
        details: What it shows besides when it is open; a row without it does not open.
        orders: The attributes by which it is sorted.
        css: Its class.
        opened: Whether it is open at first.
        in_table: Whether what is around it has the role of a table; no row of one opens.
    """
    sorts = "".join(
        f' data-{name}="{escape(value) if isinstance(value, str) else format(value, ".6g")}"'
        for name, value in orders.items()
    )
    if in_table:
        line = "".join(f'<div role="cell">{cell}</div>' for cell in cells)
        return f'<div class="row flat {css}"{sorts}><div class="line" role="row">{line}</div></div>'
    line = "".join(f"<div>{cell}</div>" for cell in cells)
    if not details:
        return f'<div class="row flat {css}"{sorts}><div class="line">{line}</div></div>'
    return (
        f'<details class="row {css}"{sorts}{" open" if opened else ""}><summary class="line">{line}</summary>'
        f'<div class="details">{details}</div></details>'
    )


def facts(entries: Iterable[tuple[str, str]]) -> str:
    """Write names with their values, which are HTML."""
    items = "".join(f"<div><dt>{escape(name)}</dt><dd>{value}</dd></div>" for name, value in entries)
    return f'<dl class="facts">{items}</dl>' if items else ""


@functools.cache
def _asset(name: str) -> str:
    return (Path(__file__).parent / "assets" / name).read_text(encoding="utf-8").strip()

"""What the pages are made of."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from obs_core.rendering import escape
from obs_core.secrets import mask
from obs_profiles.wording import visible

__all__ = ["HISTOGRAMS", "MOST_DETAILED", "about", "controls", "facts", "name_html", "page", "row", "tiles"]

MOST_DETAILED = 200
"""Columns that are drawn with pictures and details; further ones have their most important numbers alone."""

HISTOGRAMS = "Histograms reach from the 1 % to the 99 % quantile; their outermost bars hold what lies beyond."


def page(*parts: str, script: bool = False) -> str:
    """Put a page together, with its style and, where there are rows to sort and search, its script."""
    code = f"<script>\n{_asset('profiles.js')}\n</script>" if script else ""
    return f'<style>\n{_asset("profiles.css")}\n</style><div class="obs-profiles">{mask("".join(parts))}</div>{code}'


def name_html(text: str) -> str:
    """Write a name or value, shortened and escaped."""
    return escape(visible(text)) or "<i>(empty)</i>"


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


def row(
    cells: Sequence[str], details: str, orders: Mapping[str, float | str], *, css: str = "", opened: bool = False
) -> str:
    """Make a row that opens.

    Args:
        cells: What it shows while it is closed, as HTML.
        details: What it shows besides when it is open; a row without it does not open.
        orders: The attributes by which it is sorted.
        css: Its class.
        opened: Whether it is open at first.
    """
    sorts = "".join(
        f' data-{name}="{escape(value) if isinstance(value, str) else format(value, ".6g")}"'
        for name, value in orders.items()
    )
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

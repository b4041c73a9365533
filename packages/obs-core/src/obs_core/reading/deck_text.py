"""Decks as text, for a terminal and for programs that read no HTML."""

from __future__ import annotations

import re
from collections.abc import Iterator

from obs_core.model import TaskView
from obs_core.reading.inputs import kept_apart, plain_text, without_pages
from obs_core.report.logs import logged_text
from obs_core.report.tabs import tab_label
from obs_core.text.terminal import columns

__all__ = ["decks_as_text"]

_LONGEST_READ = 200_000
"""Characters of an item that are looked at."""

_LONGEST_PART = 4_000
"""Characters between two ends of lines: decks hold anything, and a parser of HTML is slow at what is none."""

_MOST_LINES = 40
"""Lines of a deck that are told."""

_FEWER_LINES = {"Dependencies": 1}
"""Each task has them, and they bury what tells one from another."""

_NOT_READ = re.compile(
    r"<(script|style|svg|noscript|option)\b.*?(?:</\1\s*>|$)"
    r"|<(span|button)\b(?=[^>]{0,200}\s(?:hidden|data-copy)[\s=>])[^>]{0,200}>.{0,2000}?</\2\s*>"
    r"|<label\b[^>]{0,200}>[^<]{0,200}<(?:input|select)\b.{0,2000}?</label\s*>",
    re.DOTALL | re.IGNORECASE,
)
"""What a browser does not show, its buttons that copy, and controls with their labels: text does not have them."""

_NEW_LINE = re.compile(r"</?(?:tr|p|div|li|h[1-6]|pre|br|summary|details|table|dl|ul|ol)\b[^>]{0,200}>", re.IGNORECASE)

_TABLE = re.compile(r"(</?table\b[^>]{0,200}>)", re.IGNORECASE)
_ROW = re.compile(r"<tr\b[^>]{0,200}>", re.IGNORECASE)
_CELL = re.compile(r"<t[dh]\b[^>]{0,200}>", re.IGNORECASE)

_DIV = re.compile(r"<div\b([^>]{0,400})>|</div\s*>", re.IGNORECASE)
_ROLE = re.compile(r"""\brole=["']?(table|row|cell|columnheader)\b""", re.IGNORECASE)
_TAGS = {"table": "table", "row": "tr", "cell": "td", "columnheader": "td"}

_WIDEST_CELL = 40
"""Columns of a terminal up to which shorter cells are padded."""


def decks_as_text(task: TaskView, only: str | None = None) -> Iterator[str]:
    """Give a task's decks as lines: each deck's name, then what its tables and texts say; charts say nothing.

    Args:
        task: The task.
        only: The name of the one deck that is told, and told whole; that of its tab means it too.
    """
    for deck in task.decks:
        if only not in (None, deck.name, tab_label(deck.name)):
            continue
        lines = [line for item in deck.items for line in _lines(item)]
        if not lines:
            continue
        yield ""
        yield f"[{tab_label(deck.name)}]"
        shown = len(lines) if only else _FEWER_LINES.get(deck.name, _MOST_LINES)
        yield from lines[:shown]
        if len(lines) > shown:
            yield f"… and {len(lines) - shown:,} more lines; --deck {tab_label(deck.name)!r} shows all"


def _lines(html: str) -> Iterator[str]:
    said = logged_text(html)
    if said is not None:
        yield from said
        return
    depth = 0
    for part in _TABLE.split(kept_apart(_as_tables(_NOT_READ.sub("", without_pages(html)[:_LONGEST_READ])))):
        if _TABLE.fullmatch(part):
            depth = max(0, depth + (-1 if part.startswith("</") else 1))
        else:
            yield from _rows(part) if depth == 1 else _texts(part)


def _as_tables(html: str) -> str:
    """Write elements that have the roles of a table, its rows and its cells as such."""
    if _ROLE.search(html) is None:
        return html
    opened: list[str] = []

    def tag(found: re.Match[str]) -> str:
        if found[1] is None:
            name = opened.pop() if opened else "div"
            return f"</{name}>"
        role = _ROLE.search(found[1])
        opened.append("div" if role is None else _TAGS[role[1].lower()])
        return found[0] if role is None else f"<{opened[-1]}>"

    return _DIV.sub(tag, html)


def _texts(html: str) -> Iterator[str]:
    for part in _NEW_LINE.split(html):
        for piece in _pieces(part):
            # A space at which a page breaks no line is one of its layout: a terminal would write it as an escape.
            for line in plain_text(piece, lines=True).replace("\N{NO-BREAK SPACE}", " ").splitlines():
                if line.strip():
                    yield line.rstrip()


def _pieces(text: str) -> Iterator[str]:
    """Cut what is too long to be parsed at once at the ends of lines; where there are none, behind a tag."""
    start = 0
    while len(text) - start > _LONGEST_PART:
        last = start + _LONGEST_PART
        end = max(text.rfind("\n", start, last), text.rfind(">", start, last) if "\n" not in text[start:last] else -1)
        end = last if end <= start else end + 1
        yield text[start:end]
        start = end
    yield text[start:]


def _rows(html: str) -> Iterator[str]:
    """Give a table's rows with their cells below each other."""
    rows: list[list[str]] = []
    for row in _ROW.split(html):
        above, *found = _CELL.split(row)
        yield from _texts(above)  # its caption
        if found:
            rows.append([plain_text(cell[:_LONGEST_PART]) for cell in found])
    widths: dict[int, int] = {}
    for cells in rows:
        for place, cell in enumerate(cells):
            widths[place] = max(widths.get(place, 0), min(columns(cell), _WIDEST_CELL))
    for cells in rows:
        padded = [cell + " " * (widths[place] - columns(cell)) for place, cell in enumerate(cells)]
        if line := "  ".join(padded).rstrip():
            yield f"  {line}"

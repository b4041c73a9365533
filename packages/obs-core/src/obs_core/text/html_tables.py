"""Small tables of HTML, as a notebook's cell shows them.

They have no script, no style sheet and no colours: a notebook that is untrusted or converted keeps them, and they look
as its theme does. Cells are escaped and bounded.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from html import escape

from obs_core.text.controls import in_order

__all__ = ["Html", "cell_text", "facts", "table"]

_MOST = 300
"""Characters of a cell."""


class Html(str):
    """What is HTML already, such as a picture: it stands in a cell as it is."""

    __slots__ = ()


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], numbers: Collection[str] = ()) -> str:
    """Return a table with a head.

    Args:
        headings: One for each column.
        rows: Their cells, unescaped, or `Html`.
        numbers: The headings of the columns that are aligned at their right.

    Examples:
        >>> table(["Task", "Duration"], [["<fit>", "3 s"]], numbers=["Duration"]).count("&lt;fit&gt;")
        1
    """
    looks = [_RIGHT if heading in numbers else _LEFT for heading in headings]
    head = "".join(f"<th {look}>{escape(heading)}</th>" for look, heading in zip(looks, headings, strict=True))
    body = "".join(
        f"<tr>{''.join(f'<td {look}>{cell_text(cell)}</td>' for look, cell in zip(looks, row, strict=True))}</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def facts(known: Iterable[tuple[str, str]]) -> str:
    """Return a table of names and values, without those that are empty."""
    rows = "".join(
        f"<tr><th {_LEFT} scope='row'>{cell_text(name)}</th><td {_LEFT}>{cell_text(value)}</td></tr>"
        for name, value in known
        if value
    )
    return f"<table><tbody>{rows}</tbody></table>" if rows else ""


def cell_text(text: str, most: int = _MOST) -> str:
    """Return text as HTML shows it, cut where it is too long.

    Args:
        text: Unescaped, or `Html`.
        most: Characters.
    """
    if isinstance(text, Html):
        return text
    shown = text if len(text) <= most else f"{text[: most - 1]}…"
    return escape(in_order(shown).encode("utf-8", "replace").decode())


_LEFT, _RIGHT = "style='text-align:left;padding:2px 8px'", "style='text-align:right;padding:2px 8px'"
"""Some notebooks leave cells no room of their own."""

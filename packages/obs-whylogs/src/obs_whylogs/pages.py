"""What the page of constraints is made of."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from pathlib import Path

from obs_core.report import script_text

__all__ = ["cell", "page", "table"]


def page(*parts: str, script: bool = False) -> str:
    """Put a page together, with its style and, where a table can be sorted, its script."""
    code = f"<script data-obs-once>\n{script_text('sorting.js')}\n</script>" if script else ""
    return f'<style>\n{_asset("whylogs.css")}\n</style><div class="obs-whylogs">{"".join(parts)}</div>{code}'


def table(heads: Sequence[str], rows: Iterable[str]) -> str:
    """Make a table; its rows are ``<tr>`` elements. A head that ends with ``#`` is one of numbers."""
    head = "".join(
        f'<th scope="col"{_number_class(name)}><button type="button">{name.rstrip("#")}</button></th>' for name in heads
    )
    body = "".join(rows)
    return (
        '<div class="scroll" tabindex="0"><table data-sortable>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def cell(content: str, order: float | None = None, *, number: bool = False) -> str:
    """Make a cell.

    Args:
        content: HTML.
        order: By what the column is sorted, where that is not its text.
        number: Whether it is set to the right.
    """
    key = "" if order is None else f' data-order="{order:.6g}"'
    return f"<td{_number_class('#') if number else ''}{key}>{content}</td>"


def _number_class(head: str) -> str:
    return ' class="number"' if head.endswith("#") else ""


@functools.cache
def _asset(name: str) -> str:
    return (Path(__file__).parent / "assets" / name).read_text(encoding="utf-8").strip()

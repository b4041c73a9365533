"""Show a whole table, to be sorted and searched in the page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from obs_core.text.numbers import count, plural
from obs_renderers._cells import cell_html, cells_of, is_numeric
from obs_renderers._columns import Rows
from obs_renderers._frames import Frame, open_frame
from obs_renderers._markup import encodable, escape, fragment, json_for_script, name_text, script
from obs_renderers._packing import Packed, pack_column
from obs_renderers._types import reject

__all__ = ["TableRenderer", "packed_table"]

_TAKES = "a DataFrame or Series of pandas or polars, or a pyarrow Table"
_MAX_ROWS = 200_000
_MAX_COLUMNS = 500
_ROWS_WITHOUT_SCRIPT = 20


class TableRenderer:
    """Show a whole table that the reader can scroll, sort by any column and search.

    Only the rows in view are drawn, so 100,000 rows are as smooth as ten. Floats are shown with six
    significant digits. Where scripts do not run, the first 20 rows are shown.

    Args:
        max_rows: Most rows to put into the page, 200,000 by default; a note says when there are more.

    Examples:
        >>> import pandas as pd
        >>> html = TableRenderer().to_html(pd.DataFrame({"delay": [3, 14]}), header_labels=["Delay (min)"])
    """

    def __init__(self, max_rows: int = _MAX_ROWS) -> None:
        if max_rows < 1:
            raise ValueError(f"max_rows must be 1 or more, not {max_rows}")
        self._max_rows = max_rows

    def to_html(self, df: Any, header_labels: Sequence[object] | None = None, table_width: int | None = None) -> str:
        """Render a table.

        Args:
            df: A DataFrame or Series of pandas or polars, or a pyarrow Table.
            header_labels: What to call the columns in the page, one for each.
            table_width: Width in pixels; by default as wide as its content, up to the page's width.

        Returns:
            An HTML fragment.

        Raises:
            TypeError: `df` is none of these.
            ValueError: There are not as many labels as columns.
        """
        frame = open_frame(df)
        if frame is None:
            reject(self, df, _TAKES)
        labels = _labels(frame, header_labels)
        rows = min(frame.rows, self._max_rows)
        named = frame.index_labels()
        levels = [label and name_text(label, 200) for label in named]
        index = [_packed(frame.index(level), rows, label, "", index=True) for level, label in enumerate(levels)]
        columns = [
            _packed(frame.column(position), rows, name_text(label, 200), frame.dtype(position))
            for position, label in enumerate(labels)
        ]
        facts = _facts(frame, rows, columns)
        body = packed_table([*index, *columns], rows, facts, _fallback(frame, labels), width=table_width)
        return fragment("table", body, styles=("table",))


def packed_table(
    columns: list[Packed], rows: int, facts: str, fallback: str, *, what: str = "rows", width: int | None = None
) -> str:
    """Write a table of which the page draws the rows in view, and the reader sorts and searches them.

    It needs the stylesheet ``table``.

    Args:
        columns: The columns.
        rows: How many rows they have.
        facts: HTML that stands above.
        fallback: HTML for where scripts do not run.
        what: What its rows stand for.
        width: In pixels; by default as wide as its content, up to the page's width.
    """
    search = f'<input type="search" placeholder="Search" aria-label="Search the {what} of the table" hidden>'
    bar = f'<div class="bar"><span class="facts" data-count="{what}">{facts}</span>{search}</div>'
    style = f' style="--width: {int(width)}px"' if width else ""
    return f'<div class="table-root"{style}>{bar}<noscript>{fallback}</noscript>{_content(columns, rows)}</div>'


def _labels(frame: Frame, given: Sequence[object] | None) -> list[str]:
    if given is not None and len(given) != frame.columns:
        raise ValueError(f"header_labels has {len(given)} labels, but the table has {frame.columns} columns")
    shown = range(min(frame.columns, _MAX_COLUMNS))
    return [frame.label(position) if given is None else str(given[position]) for position in shown]


def _packed(column: Rows, rows: int, label: str, dtype: str, *, index: bool = False) -> Packed:
    packed = pack_column(column.part(0, rows), encodable(label), encodable(dtype))
    packed.index = index
    return packed


def _facts(frame: Frame, rows: int, columns: list[Packed]) -> str:
    shape = f"<b>{plural(frame.rows, 'row')}</b> × <b>{plural(frame.columns, 'column')}</b>"
    notes = []
    if rows < frame.rows:
        notes.append(f"the first {count(rows)} rows are in this page")
    if len(columns) < frame.columns:
        notes.append(f"the first {count(len(columns))} columns are in this page")
    if any(column.rounded or column.kind == "float" for column in columns):
        notes.append("decimals rounded")
    return shape + "".join(f" · {text}" for text in notes)


def _fallback(frame: Frame, labels: list[str]) -> str:
    shown = min(frame.rows, _ROWS_WITHOUT_SCRIPT)
    named = frame.index_labels()
    columns: list[Rows] = [frame.index(level) for level in range(len(named))]
    columns += [frame.column(position) for position in range(len(labels))]
    cells = [cells_of(column.part(0, shown)) for column in columns]
    numeric = [is_numeric(column) for column in cells]
    head = "".join(
        f'<th scope="col"{" class=number" if right else ""}>{escape(label and name_text(label, 60))}</th>'
        for label, right in zip([*named, *labels], numeric, strict=True)
    )
    rows = "".join(
        "".join(
            [
                "<tr>",
                *(cell_html(column[row], numeric=right) for column, right in zip(cells, numeric, strict=True)),
                "</tr>",
            ]
        )
        for row in range(shown)
    )
    return (
        f'<p class="note">The first {plural(shown, "row")}; the others need scripts.</p>'
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
    )


def _content(columns: list[Packed], rows: int) -> str:
    content = json_for_script(msgspec.json.encode({"rows": rows, "columns": columns}))
    starter = "<script>obsTable(document.currentScript.parentElement)</script>"
    return f'<script type="application/json">{content}</script>{script("table")}{starter}'

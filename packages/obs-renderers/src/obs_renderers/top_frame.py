"""Preview a table: its shape, types, missing values, first and last rows."""

from __future__ import annotations

import math
from typing import Any

from msgspec import Struct

from obs_core.text.controls import visible
from obs_core.text.numbers import count, plural, share
from obs_renderers._cells import Cell, cell_html, cells_of, is_numeric
from obs_renderers._columns import Rows
from obs_renderers._frames import Frame, Missing, open_frame
from obs_renderers._markup import escape, fragment, name_text, shorten
from obs_renderers._types import reject

__all__ = ["TopFrameRenderer", "frame_preview"]

_TAKES = "a DataFrame or Series of pandas or polars, or a pyarrow Table"
_MAX_LABEL = 60
_GAP = Cell("⋯", kind="gap")


class TopFrameRenderer:
    """Show the first and last rows of a table with its shape, types and share of missing values.

    Only the rows and columns that are shown are read and written. Missing values are counted in all rows
    of a table of up to 50,000, and in an even sample of a longer pandas one, which the page then says.

    Args:
        max_rows: Most rows to show, half of them from the end.
        max_cols: Most columns to show, half of them from the right.

    Examples:
        >>> import pandas as pd
        >>> html = TopFrameRenderer(max_rows=5).to_html(pd.DataFrame({"delay": [3, 14, 15]}))
    """

    def __init__(self, max_rows: int = 10, max_cols: int = 100) -> None:
        self._max_rows = _at_least_one("max_rows", max_rows)
        self._max_cols = _at_least_one("max_cols", max_cols)

    def to_html(self, df: Any) -> str:
        """Render a table.

        Args:
            df: A DataFrame or Series of pandas or polars, or a pyarrow Table.

        Returns:
            An HTML fragment.

        Raises:
            TypeError: It is none of these.
        """
        frame = open_frame(df)
        if frame is None:
            reject(self, df, _TAKES)
        return frame_preview(frame, self._max_rows, self._max_cols)


def _at_least_one(name: str, number: int) -> int:
    if number < 1:
        raise ValueError(f"{name} must be 1 or more, not {number}")
    return number


def frame_preview(frame: Frame, max_rows: int, max_cols: int, note: str = "") -> str:
    """Write the preview of an opened table: a line about it, then the rows.

    Args:
        frame: The table.
        max_rows: Most rows to show.
        max_cols: Most columns to show.
        note: More to say about it, as HTML.
    """
    columns = _ends(frame.columns, max_cols)
    missing = [frame.missing(column) if column is not None else None for column in columns]
    shown = _shown_cells(frame, columns, max_rows)
    table = _head(frame, columns, missing, shown.columns) + _body(frame, shown)
    facts = _facts(frame, missing) + note
    return fragment("frame", f'{facts}<div class="scroll" tabindex="0"><table>{table}</table></div>', styles=("table",))


def _ends(total: int, shown: int) -> list[int | None]:
    """Choose positions from both ends; None stands for those left out between."""
    if total <= shown:
        return list(range(total))
    head = (shown + 1) // 2
    return [*range(head), None, *range(total - (shown - head), total)]


def _facts(frame: Frame, missing: list[Missing | None]) -> str:
    facts = f"<b>{plural(frame.rows, 'row')}</b> × <b>{plural(frame.columns, 'column')}</b>"
    sampled = [each for each in missing if each and each.of < frame.rows]
    error = max((_error(each) for each in sampled), default=0.0)
    note = (
        f" · missing values counted in {count(sampled[0].of)} rows spread over the table, ± {100 * error:.1f} %"
        if sampled
        else ""
    )
    return f'<p class="facts">{facts} · {escape(frame.library)}{note}</p>'


def _head(frame: Frame, columns: list[int | None], missing: list[Missing | None], cells: list[list[Cell]]) -> str:
    labels = frame.index_labels() or [""]
    css = "index many" if len(labels) > 1 else "index"
    index = "".join(f'<th class="{css}">{_label(label) if label else _NAMELESS}</th>' for label in labels)
    heads = "".join(_column_head(frame, *column) for column in zip(columns, missing, cells, strict=True))
    return f"<thead><tr>{index}{heads}</tr></thead>"


def _column_head(frame: Frame, column: int | None, missing: Missing | None, cells: list[Cell]) -> str:
    if column is None or missing is None:
        return '<th class="gap" title="columns left out">⋯</th>'
    dtype = f'<span class="dtype">{escape(shorten(frame.dtype(column), 40))}</span>'
    right = ' class="number"' if is_numeric(cells) else ""
    return f'<th scope="col"{right}>{_label(frame.label(column))}{dtype}{_missing_share(missing, frame.rows)}</th>'


_NAMELESS = '<span class="unseen">Row</span>'
"""The head of row names that have no name of their own, for those who cannot see that they are names."""


def _label(label: str) -> str:
    short = name_text(label, _MAX_LABEL)
    title = f' title="{escape(shorten(label, 1000))}"' if len(label) > _MAX_LABEL else ""
    return f'<span class="name"{title}>{escape(short)}</span>'


def _error(sampled: Missing) -> float:
    """Return by how much a share that was counted in a sample may be wrong, in 99 of 100 cases."""
    ratio = sampled.count / sampled.of
    # Where the sample has none, or nothing else, what it lacks may still be a share of ln(100)/n.
    return max(2.576 * math.sqrt(ratio * (1 - ratio) / sampled.of), math.log(100) / sampled.of)


def _missing_share(missing: Missing, rows: int) -> str:
    if not missing.count:
        return ""
    sampled = missing.of < rows
    title = f"{count(missing.count)} of {count(missing.of)} rows" + (f", ± {100 * _error(missing):.1f} %" * sampled)
    part = share(missing.count, missing.of, about=sampled)
    return f'<span class="missing-share" title="{title}">{part} missing</span>'


class _Shown(Struct):
    """The cells that a preview shows.

    Attributes:
        index: Row labels, a list for each of their levels.
        columns: Cells of each column.
        head: How many of the rows are from the beginning; the others are from the end.
        rows: How many rows.
    """

    index: list[list[Cell]]
    columns: list[list[Cell]]
    head: int
    rows: int


def _shown_cells(frame: Frame, columns: list[int | None], max_rows: int) -> _Shown:
    head = min(frame.rows, max_rows if frame.rows <= max_rows else (max_rows + 1) // 2)
    tail = min(frame.rows - head, max_rows - head)
    cells = [_column(frame, column, head, tail) for column in columns]
    return _Shown(_index_cells(frame, head, tail), cells, head, head + tail)


def _body(frame: Frame, shown: _Shown) -> str:
    rows = _rows(shown)
    if hidden := frame.rows - shown.rows:
        rows.insert(shown.head, _hidden_rows(hidden, len(shown.index) + len(shown.columns)))
    return f"<tbody>{''.join(rows)}</tbody>"


def _index_cells(frame: Frame, head: int, tail: int) -> list[list[Cell]]:
    levels = len(frame.index_labels())
    if levels:
        return [_ends_of(frame.index(level), head, tail) for level in range(levels)]
    return [[Cell(str(row), kind="number") for row in (*range(head), *range(frame.rows - tail, frame.rows))]]


def _column(frame: Frame, column: int | None, head: int, tail: int) -> list[Cell]:
    return [_GAP] * (head + tail) if column is None else _ends_of(frame.column(column), head, tail)


def _ends_of(column: Rows, head: int, tail: int) -> list[Cell]:
    return cells_of(column.ends(head, tail)) if tail else cells_of(column.part(0, head))


def _rows(shown: _Shown) -> list[str]:
    many = " many" if len(shown.index) > 1 else ""
    css = [f"index{many}" if is_numeric(level) else f"index{many} text" for level in shown.index]
    numeric = [is_numeric(column) for column in shown.columns]
    rows = []
    for row in range(shown.rows):
        labels = "".join(_row_label(level[row], name) for name, level in zip(css, shown.index, strict=True))
        cells = (cell_html(column[row], numeric=right) for column, right in zip(shown.columns, numeric, strict=True))
        rows.append(f"<tr>{labels}{''.join(cells)}</tr>")
    return rows


def _row_label(cell: Cell, css: str) -> str:
    title = f' title="{escape(shorten(cell.full or cell.text, 1000))}"' if len(cell.text) > _MAX_LABEL else ""
    missing = " missing" if cell.kind == "missing" else ""
    return f'<th scope="row" class="{css}{missing}"{title}>{escape(visible(shorten(cell.text, _MAX_LABEL)))}</th>'


def _hidden_rows(hidden: int, width: int) -> str:
    return f'<tr class="hidden-rows"><td colspan="{width}"><span>{plural(hidden, "row")} not shown</span></td></tr>'

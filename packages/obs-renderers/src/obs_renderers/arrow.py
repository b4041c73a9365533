"""Preview a pyarrow table: schema, then rows."""

from __future__ import annotations

from typing import Any

from obs_core.text.arrow_damage import outer_damage_of
from obs_core.text.numbers import byte_size, plural
from obs_renderers._frames import open_frame
from obs_renderers._markup import escape, shorten
from obs_renderers._types import is_a, reject, type_name
from obs_renderers.top_frame import frame_preview

__all__ = ["ArrowRenderer"]

_TAKES = "a pyarrow Table, RecordBatch, ChunkedArray or Array"
_MAX_FIELDS = 200
_MAX_METADATA = 20


class ArrowRenderer:
    """Show a pyarrow table's schema, size and first and last rows; the table is read in place, never copied.

    Args:
        max_rows: Most rows to show, half of them from the end.
        max_cols: Most columns to show.

    Examples:
        >>> import pyarrow as pa
        >>> html = ArrowRenderer().to_html(pa.table({"delay": [3, 14, 15]}))
    """

    def __init__(self, max_rows: int = 10, max_cols: int = 100) -> None:
        self._max_rows = max_rows
        self._max_cols = max_cols

    def to_html(self, df: Any) -> str:
        """Render a pyarrow table.

        Args:
            df: A pyarrow Table or RecordBatch; a ChunkedArray or Array counts as one column.

        Returns:
            An HTML fragment.

        Raises:
            TypeError: It is none of these.
        """
        frame = open_frame(df)
        if frame is None or not type_name(df).startswith("pyarrow."):
            reject(self, df, _TAKES)
        return frame_preview(frame, self._max_rows, self._max_cols, note=_schema(df))


def _schema(value: Any) -> str:
    if not is_a(value, "pyarrow.Table", "pyarrow.RecordBatch"):
        return ""
    fields = list(value.schema)[:_MAX_FIELDS]
    rows = "".join(_field(field) for field in fields)
    more = len(value.schema) - len(fields)
    rows += f'<tr><td colspan="3">and {plural(more, "field")} more</td></tr>' if more else ""
    return (
        f'<details class="schema"><summary>Schema · {_size(value)}{_chunks(value)}</summary>'
        f'<div class="scroll" tabindex="0"><table><thead><tr><th>field</th><th>type</th><th>'
        f"nulls"
        f"</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div>{_metadata(value.schema.metadata)}</details>"
    )


def _size(table: Any) -> str:
    if any(outer_damage_of(column) or "_union<" in str(column.type) for column in table.columns):
        return byte_size(table.get_total_buffer_size())  # how much of it the rows hold could only be read
    return byte_size(table.nbytes)


def _field(field: Any) -> str:
    nulls = "allowed" if field.nullable else "never"
    return (
        f"<tr><td>{escape(shorten(str(field.name), 120))}</td>"
        f'<td class="other">{escape(shorten(str(field.type), 200))}</td><td class="other">{nulls}</td></tr>'
    )


def _chunks(table: Any) -> str:
    if not is_a(table, "pyarrow.Table") or not table.num_columns:
        return ""
    return f" in {plural(table.column(0).num_chunks, 'chunk')}"


def _metadata(metadata: dict[bytes, bytes] | None) -> str:
    entries = [(_text(key), _text(value)) for key, value in list((metadata or {}).items())[:_MAX_METADATA]]
    return "".join(
        f'<p class="note"><b>{escape(shorten(key, 60))}</b> {escape(shorten(value, 200))}</p>' for key, value in entries
    )


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")

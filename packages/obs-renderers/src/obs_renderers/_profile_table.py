"""The overview of a profile: a line for each column, to be sorted and searched in the page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from obs_core.text.controls import visible
from obs_core.text.numbers import MISSING, count, plural, share
from obs_renderers._markup import encodable, escape, name_text, shorten
from obs_renderers._packing import Packed, ranked_values
from obs_renderers._profile_remarks import remarks
from obs_renderers.table import packed_table

if TYPE_CHECKING:
    from obs_renderers._profile import ColumnProfile, Profile

__all__ = ["columns_table"]

_MEASURES = ("mean", "std", "min", "median", "max")
_UNITS = ("number", "seconds", "epoch", "utc")
_NAME = 200
_TYPE = 60
_VALUE = 40
_LINES_WITHOUT_SCRIPT = 20


class _Field(Struct, frozen=True):
    """What the overview says of one thing of all columns.

    Attributes:
        name: What stands at its head.
        below: What is meant by it.
        texts: A text for each column; None where it cannot be told.
        orders: What columns are sorted by where that is not the text; None for those that have nothing of it.
    """

    name: str
    below: str
    texts: Sequence[str | None]
    orders: Sequence[object] = ()


def columns_table(profile: Profile) -> str:
    """Write a line for each column, of tables of two and more: the page draws those in view, however many there are."""
    columns = profile.columns
    if len(columns) < 2 or not profile.rows:
        return ""
    fields = _fields(profile)
    packed = [_packed(each) for each in fields]
    facts = f"<b>All {plural(len(columns), 'column')}</b>"
    return packed_table(packed, len(columns), facts, _fallback(fields, len(columns)), what="columns")


def _packed(field: _Field) -> Packed:
    texts = [None if text is None else encodable(text) for text in field.texts]
    packed = Packed(field.name, field.below, "text", texts=texts, numeric=bool(field.orders))
    packed.index = field.name == "Column"
    return ranked_values(packed, field.orders) if field.orders else packed


def _fields(profile: Profile) -> list[_Field]:
    columns, sampled = profile.columns, profile.sampled
    return [
        _Field("Column", "", [name_text(each.name, _NAME) for each in columns]),
        _Field("Type", "", [shorten(each.dtype, _TYPE) for each in columns]),
        _missing(columns, sampled),
        _distinct(columns, sampled),
        _Field("Noticed", "", [_noticed(each, sampled) for each in columns]),
        *(_measured(columns, name) for name in _MEASURES),
        _Field("Most frequent", "", [_frequent(each, sampled) for each in columns]),
    ]


def _missing(columns: list[ColumnProfile], sampled: bool) -> _Field:
    texts = [_amount(each.missing, each.rows, sampled) for each in columns]
    return _Field("Missing", "of rows", texts, [each.missing for each in columns])


def _distinct(columns: list[ColumnProfile], sampled: bool) -> _Field:
    numbers = [0 if each.missing == each.rows else each.distinct for each in columns]
    least = "≥ " if sampled else ""
    texts = [
        None if number is None else f"{least if number else ''}{_amount(number, each.rows - each.missing, sampled)}"
        for number, each in zip(numbers, columns, strict=True)
    ]
    return _Field("Distinct", "of values", texts, numbers)


def _amount(number: int, of: int, sampled: bool) -> str:
    return f"{count(number)} ({share(number, of, about=sampled)})" if number else "0"


def _measured(columns: list[ColumnProfile], name: str) -> _Field:
    """Tell a statistic of all columns: they are sorted by their unit, and then by how large it is."""
    texts = [_measure(each, name) for each in columns]
    orders = [(_UNITS.index(each.unit), each.measures[name]) if name in each.measures else None for each in columns]
    return _Field(name.capitalize(), "", texts, orders)


def _measure(column: ColumnProfile, name: str) -> str | None:
    if name not in column.measures:
        return ""
    return dict(column.facts).get(name) or column.constant_value


def _frequent(column: ColumnProfile, sampled: bool) -> str | None:
    if not column.top or column.top[0][1] < 2:
        return ""
    value, number = column.top[0]
    return f"{shorten(value, _VALUE) or '(empty)'} ({share(number, column.rows, about=sampled)})"


def _noticed(column: ColumnProfile, sampled: bool) -> str | None:
    return column.trouble or ", ".join(each.text for each in remarks(column, sampled=sampled))


def _fallback(fields: list[_Field], columns: int) -> str:
    shown = min(columns, _LINES_WITHOUT_SCRIPT)
    head = "".join(f'<th scope="col"{_aligned(field)}>{field.name}</th>' for field in fields)
    lines = "".join(f"<tr>{''.join(_cell(field, place) for field in fields)}</tr>" for place in range(shown))
    return (
        f'<p class="note">The first {plural(shown, "column")}; the others need scripts.</p>'
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>'
    )


def _cell(field: _Field, place: int) -> str:
    text = field.texts[place]
    return f"<td{_aligned(field)}>{MISSING if text is None else escape(visible(text))}</td>"


def _aligned(field: _Field) -> str:
    return ' class="number"' if field.orders else ""

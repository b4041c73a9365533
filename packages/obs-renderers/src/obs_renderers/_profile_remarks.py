"""What of a profile's column is worth noticing, in a few words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from obs_core.text.numbers import count, plural, share
from obs_renderers._markup import name_text

if TYPE_CHECKING:
    from obs_renderers._profile import ColumnProfile

__all__ = ["Remark", "remarks"]

_NAME = 40


class Remark(Struct, frozen=True):
    """Something worth noticing.

    Attributes:
        text: In a few words.
        more: How many rows that are.
        warns: Whether it may be a fault of the data.
    """

    text: str
    more: str = ""
    warns: bool = True


def remarks(column: ColumnProfile, *, sampled: bool) -> list[Remark]:
    """Tell what is worth noticing of a column, besides what is missing.

    Args:
        column: The column.
        sampled: Whether only some of its rows were looked at.
    """
    found = [_part(column, number, what, sampled) for number, what in _floats(column) if number]
    if column.constant:
        found.append(Remark("constant"))
    if column.equal_to is not None:
        where = " in the sample" if sampled else ""
        found.append(Remark(f"equal to {name_text(column.equal_to, _NAME)}{where}"))
    if _all_differ(column):
        found.append(Remark("all distinct", warns=False))
    if column.ordered and not column.constant and column.distinct != 1:
        found.append(Remark("sorted", warns=False))
    if column.outliers:
        part = _part(column, column.outliers, "outliers", sampled)
        found.append(Remark(part.text if sampled else plural(column.outliers, "outlier"), part.more, warns=False))
    return found


def _floats(column: ColumnProfile) -> list[tuple[int, str]]:
    return [(column.nan, "NaN"), (column.infinite, "infinite")]


def _part(column: ColumnProfile, number: int, what: str, sampled: bool) -> Remark:
    part = share(number, column.rows, about=sampled)
    return Remark(f"{part} {what}", f"{count(number)} of {plural(column.rows, 'row')}")


def _all_differ(column: ColumnProfile) -> bool:
    present = column.rows - column.missing
    return column.kind != "number" and 1 < present == (column.distinct or 0)

"""Write the values of a table's cells: short, aligned, and the same whichever library holds them."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct

from obs_renderers._markup import escape, shorten

__all__ = ["MAX_CELL", "Cell", "cell_html", "column_cells", "is_missing", "label_text", "value_text"]

MAX_CELL = 200
"""Characters of a value that a cell shows."""

_MAX_TITLE = 1_000
_SIGNIFICANT = 6
_LINE_BREAKS = str.maketrans({"\n": "↵", "\r": "", "\t": "⇥", "\0": "␀"})

_nested = reprlib.Repr()
_nested.maxlevel = 3
_nested.maxdict = _nested.maxlist = _nested.maxtuple = _nested.maxset = _nested.maxfrozenset = 8
_nested.maxstring = _nested.maxother = 60


class Cell(Struct, frozen=True):
    """One cell: its text as shown, its whole text when that was cut, and what kind of value it is.

    Attributes:
        text: Unescaped, at most `MAX_CELL` characters.
        full: More of the text, for a tooltip; empty when nothing was cut.
        kind: ``"number"``, ``"text"``, ``"missing"`` or ``"other"``.
    """

    text: str
    full: str = ""
    kind: str = "text"


_MISSING = Cell("NA", kind="missing")


def is_missing(value: object) -> bool:
    """Tell whether a single value stands for "nothing there": None, NaN, NaT, pandas' NA."""
    if value is None:
        return True
    if isinstance(value, float):
        return value != value
    name = type(value).__name__
    return name in ("NaTType", "NAType") or (name == "Decimal" and str(value).endswith("NaN"))


def value_text(value: object) -> str:
    """Write one value that is not missing; nested and unknown ones as a bounded `repr` that cannot fail."""
    if isinstance(value, str):
        return value
    if isinstance(value, (bool, int)):
        return _integer_text(value)
    if hasattr(value, "dtype") and hasattr(value, "shape") and value.shape:
        return _array_text(value)
    if isinstance(value, (list, tuple, dict, set, frozenset, bytes, bytearray)):
        return _nested_text(value)
    return _printed(value)


def _integer_text(value: int) -> str:
    try:
        return str(value)
    except ValueError:  # over 4300 digits, where Python refuses
        return f"{hex(value)[:40]}… ({value.bit_length():,} bits)"


def _array_text(array: Any) -> str:
    shape = " × ".join(str(side) for side in array.shape)
    return f"array {shape} of {array.dtype}"


def _nested_text(value: object) -> str:
    try:
        return _nested.repr(value)
    except Exception as error:
        return f"<{type(value).__name__} that cannot be printed: {type(error).__name__}>"


def _printed(value: object) -> str:
    try:
        return str(value)
    except Exception as error:
        return f"<{type(value).__name__} that cannot be printed: {type(error).__name__}>"


def label_text(label: object) -> str:
    """Write a column's or row's name; the levels of a MultiIndex with a slash between."""
    if isinstance(label, tuple):
        return " / ".join(label_text(level) for level in label)
    return "NA" if is_missing(label) else value_text(label)


def column_cells(values: Sequence[object]) -> list[Cell]:
    """Write the shown values of one column so that they line up: floats and times alike in precision."""
    floats = [value for value in values if isinstance(value, float) and math.isfinite(value)]
    decimals = _decimals(floats)
    midnight = _all_at_midnight(values)
    written: dict[object, Cell] = {}  # columns repeat their texts
    cells = []
    for value in values:
        if type(value) not in (str, bool):
            cells.append(_cell(value, decimals, midnight))
            continue
        cell = written.get(value)
        if cell is None:
            cell = written[value] = _cell(value, decimals, midnight)
        cells.append(cell)
    return cells


def _decimals(floats: Iterable[float]) -> int | None:
    """How many decimals a column of floats needs for six significant digits; None asks for powers of ten."""
    magnitudes = [abs(value) for value in floats if value]
    if not magnitudes:
        return 1
    if max(magnitudes) >= 1e12 or min(magnitudes) < 1e-5:
        return None
    room = max(1, _SIGNIFICANT - 1 - math.floor(math.log10(max(magnitudes))))
    return max(1, *(_needed(value, min(room, 8)) for value in magnitudes))


def _needed(value: float, room: int) -> int:
    return len(f"{value:.{room}f}".rstrip("0").partition(".")[2])


def _all_at_midnight(values: Sequence[object]) -> bool:
    times: list[Any] = [value for value in values if _is_datetime(value)]
    return bool(times) and all(not (time.hour or time.minute or time.second or time.microsecond) for time in times)


def _is_datetime(value: Any) -> bool:
    if isinstance(value, str | int | float):
        return False
    return hasattr(value, "microsecond") and hasattr(value, "year") and not is_missing(value)


def _cell(value: object, decimals: int | None, midnight: bool) -> Cell:
    if is_missing(value):
        return _MISSING
    if isinstance(value, float):
        return Cell(_float_text(value, decimals), kind="number")
    if _is_datetime(value) and hasattr(value, "date"):
        return Cell(str(value.date()) if midnight else str(value), kind="other")
    text = value_text(value)
    number = (isinstance(value, int) and not isinstance(value, bool)) or type(value).__name__ == "Decimal"
    return _text_cell(text, "number" if number else "text" if isinstance(value, str) else "other")


def _float_text(value: float, decimals: int | None) -> str:
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:.{_SIGNIFICANT - 1}e}" if decimals is None else f"{value:.{decimals}f}"
    return text.replace("-", "−", 1) if text.startswith("-") else text


def _text_cell(text: str, kind: str) -> Cell:
    if len(text) <= MAX_CELL:
        return Cell(text, kind=kind)
    return Cell(shorten(text, MAX_CELL), shorten(text, _MAX_TITLE), kind)


def cell_html(cell: Cell) -> str:
    """Write a cell as a table's ``td``."""
    title = f' title="{escape(cell.full)}"' if cell.full else ""
    kind = "" if cell.kind == "text" else f' class="{cell.kind}"'
    return f"<td{kind}{title}>{escape(cell.text.translate(_LINE_BREAKS))}</td>"

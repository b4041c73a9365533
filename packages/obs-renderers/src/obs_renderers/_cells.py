"""Write the values of a table's cells: short, aligned, and the same whichever library holds them."""

from __future__ import annotations

import datetime
import math
import reprlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from msgspec import Struct

from obs_core.interruptions import let_pass
from obs_core.rendering import as_shown, bounded_repr, hides_itself
from obs_core.secrets import mask_value
from obs_core.text.controls import visible
from obs_core.text.numbers import MISSING
from obs_renderers._columns import Column, Told, half_float, is_missing
from obs_renderers._markup import escape, shorten
from obs_renderers._times import duration_text, iso_text, time_texts

__all__ = [
    "MAX_CELL",
    "Cell",
    "cell_html",
    "cells_of",
    "column_cells",
    "decimals_for",
    "decimals_within",
    "float_text",
    "is_missing",
    "is_numeric",
    "label_text",
    "value_text",
]

MAX_CELL = 200
"""Characters of a value that a cell shows."""

_MAX_TITLE = 1_000
_SIGNIFICANT = 6
_SINGLE = 7
_FEWEST = 3
_MOST_DECIMALS = 12
_LARGEST = 1e15

_nested = reprlib.Repr()
_nested.maxlevel = 3
_nested.maxdict = _nested.maxlist = _nested.maxtuple = _nested.maxset = _nested.maxfrozenset = 8
_nested.maxstring = _nested.maxother = 60
_NESTED = frozenset(map(id, (list, tuple, dict, set, frozenset, bytes, bytearray)))
"""By their ids: a metaclass may compare as it likes."""


class Cell(Struct, frozen=True):
    """One cell: its text as shown, its whole text when that was cut or rounded, and what kind of value it is.

    Attributes:
        text: Unescaped, at most `MAX_CELL` characters.
        full: More of the text, for a tooltip; empty when nothing was cut.
        kind: ``"number"``, ``"text"``, ``"missing"`` or ``"other"``.
    """

    text: str
    full: str = ""
    kind: str = "text"

    @property
    def exact(self) -> str:
        """The text that neither cuts nor rounds, or cuts late."""
        return self.full or self.text


_MISSING = Cell(MISSING, kind="missing")


def value_text(value: object) -> str:
    """Write one value that is not missing; nested and unknown ones as a bounded `repr`. It never raises.

    Examples:
        >>> [value_text(value) for value in ("a", 3, [1, 2], b"x")]
        ['a', '3', '[1, 2]', "b'x'"]
    """
    try:
        return _text(value)
    except BaseException as error:
        let_pass(error)
        return f"<{type(value).__name__} that cannot be printed: {type(error).__name__}>"


def _text(value: Any) -> str:
    kind = type(value)
    if issubclass(kind, (str, int, float)) and hides_itself(value):
        return bounded_repr(value)
    if issubclass(kind, str):
        return str.__str__(value)
    if issubclass(kind, int):
        return _integer_text(value)
    if issubclass(kind, float):
        return str(value) if math.isfinite(value) else float_text(value, None)
    if issubclass(kind, datetime.timedelta):
        return _timedelta_text(value)
    if kind.__module__ == "numpy" and kind.__name__ in ("datetime64", "timedelta64"):
        return _numpy_time_text(value)
    if kind.__module__ == "numpy" and kind.__name__ == "ndarray" and value.shape:
        return f"array {' × '.join(str(side) for side in value.shape)} of {value.dtype}"
    if id(kind) in _NESTED:
        return _nested.repr(mask_value(value))  # before it is cut: half of a secret would not be known any more
    return as_shown(value)


def _integer_text(value: int) -> str:
    try:
        return str(value)
    except ValueError:  # over 4300 digits, where Python refuses
        return f"{hex(value)[:40]}… ({value.bit_length():,} bits)"


def _timedelta_text(value: Any) -> str:
    """Write a duration as columns of durations are written, pandas' nanoseconds too."""
    nanoseconds = getattr(value, "nanoseconds", 0)
    micros = (value.days * 86_400 + value.seconds) * 10**6 + value.microseconds
    if nanoseconds:
        return duration_text(micros * 1000 + nanoseconds, "ns")
    return duration_text(micros, "us") if micros % 10**6 else duration_text(micros // 10**6, "s")


def _numpy_time_text(value: Any) -> str:
    """Write a time or duration as columns of them are written; in units that no column has, as numpy does."""
    import numpy as np

    if type(value).__name__ == "datetime64":
        return iso_text(str(value))
    unit = np.datetime_data(value.dtype)[0]
    if unit in ("W", "h", "m"):
        value, unit = value.astype("timedelta64[s]"), "s"
    return duration_text(int(value.astype(np.int64)), unit) if unit in ("D", "s", "ms", "us", "ns") else str(value)


def label_text(label: object) -> str:
    """Write a column's or row's name; the levels of a MultiIndex with a slash between."""
    if type(label) is tuple:
        return " / ".join(label_text(level) for level in label)
    return MISSING if _is_missing(label) else value_text(label)


def _is_missing(value: object) -> bool:
    try:
        return is_missing(value)
    except BaseException as error:
        let_pass(error)
        return False


def cells_of(column: Column) -> list[Cell]:
    """Write all values of a column, or of the part of one that is shown."""
    times = column.times()
    if times is not None:
        texts = time_texts(times)
        return [_MISSING if text is None else Cell(text, kind="other") for text in texts]
    floats = column.floats()
    if floats is not None:
        nan = _MISSING if column.nan_is_missing else Cell("NaN", kind="number")
        finite = floats.values[~floats.missing].tolist()
        decimals = decimals_for([value for value in finite if math.isfinite(value)], floats.digits)
        pairs = zip(floats.values.tolist(), floats.missing.tolist(), strict=True)
        exact = repr if floats.digits > _SINGLE else _single_text
        return [_MISSING if gone else _float_cell(value, decimals, nan, exact) for value, gone in pairs]
    return column_cells(column.values(), nan_is_missing=column.nan_is_missing)


def column_cells(values: Sequence[object], *, nan_is_missing: bool = True) -> list[Cell]:
    """Write the shown values of one column so that they line up: floats alike in precision.

    Args:
        values: Anything.
        nan_is_missing: Whether NaN means that there is no value.
    """
    plain = [_plain(value) for value in values]
    floats = [value for value in plain if type(value) is float and math.isfinite(value)]
    decimals = decimals_for(floats)
    nan = _MISSING if nan_is_missing else Cell("NaN", kind="number")
    written: dict[object, Cell] = {}  # columns repeat their texts
    cells = []
    for value in plain:
        if type(value) is not str and type(value) is not bool:
            cells.append(_cell(value, decimals, nan))
            continue
        cell = written.get(value)
        if cell is None:
            cell = written[value] = _cell(value, decimals, nan)
        cells.append(cell)
    return cells


def _plain(value: Any) -> Any:
    """Give a numpy number as Python has it."""
    if type(value).__module__ == "numpy" and type(value).__name__ in _NUMPY_NUMBERS:
        return half_float(value) if type(value).__name__ == "float16" else value.item()
    return value


_NUMPY_NUMBERS = frozenset(
    {"bool", "float16", "float32", "float64"} | {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
)


def decimals_for(floats: Iterable[float], digits: int = 15) -> int | None:
    """How many decimals a few floats are written with: no more than they need of what `decimals_within` allows.

    Args:
        floats: Finite numbers.
        digits: How many digits the column's type holds.

    Returns:
        The number of decimals; None where each number is better written by itself.
    """
    sizes = sorted({abs(value) for value in floats if value})
    room = decimals_within(sizes, digits)
    return None if room is None else max(1, *(_needed(size, room) for size in sizes)) if sizes else 1


def decimals_within(sizes: Sequence[float], digits: int = 15) -> int | None:
    """How many decimals numbers of these sizes are written with at most.

    The largest shows six significant digits, and all but the smallest few show three, where the type holds as many.

    Args:
        sizes: Different positive numbers, in ascending order.
        digits: How many digits the column's type holds.

    Returns:
        The number of decimals; None where each number is better written by itself.
    """
    if not sizes:
        return 1
    if sizes[-1] >= _LARGEST:
        return None
    largest = math.floor(math.log10(sizes[-1]))
    small = math.floor(math.log10(sizes[len(sizes) // 50 if len(sizes) >= 50 else 0]))
    room = max(_SIGNIFICANT - 1 - largest, _FEWEST - 1 - small)
    room = max(1, min(room, digits - 1 - largest, _MOST_DECIMALS))
    return None if sizes[len(sizes) // 2] < 0.5 * 10.0**-room else room


def _needed(value: float, room: int) -> int:
    return len(f"{value:.{room}f}".rstrip("0").partition(".")[2])


def _cell(value: Any, decimals: int | None, nan: Cell) -> Cell:
    if type(value) is float:
        return _float_cell(value, decimals, nan)
    if _is_missing(value):
        return _MISSING
    kind = type(value)
    if kind is Told:
        return _text_cell(str.__str__(value), "other")
    if issubclass(kind, str):
        return _text_cell(value_text(value), "text")
    number = (issubclass(kind, int) and kind is not bool) or kind.__name__ in ("Decimal", "Fraction", "longdouble")
    return _text_cell(value_text(value), "number" if number else "other")


def _float_cell(value: float, decimals: int | None, nan: Cell, write: Callable[[float], str] = repr) -> Cell:
    if value != value:
        return nan
    text, exact = float_text(value, decimals), write(value)
    return Cell(text, exact if not math.isinf(value) and float(text) != float(exact) else "", "number")


def _single_text(value: float) -> str:
    """Write a single or half float as the shortest decimal that is nearest to it."""
    import numpy as np

    return str(np.float32(value))


def float_text(value: float, decimals: int | None) -> str:
    """Write a float with a column's decimals; one that would vanish among them with a power of ten.

    Args:
        value: Any float; NaN as a value, not as one that is missing.
        decimals: What `decimals_for` found.
    """
    if not math.isfinite(value):
        return "NaN" if value != value else "∞" if value > 0 else "-∞"
    if value and (decimals is None or abs(value) < 0.5 * 10.0**-decimals or abs(value) >= _LARGEST):
        return f"{value:.{_SIGNIFICANT}g}"
    return f"{value:.{decimals or 0}f}"


def _text_cell(text: str, kind: str) -> Cell:
    if len(text) <= MAX_CELL:
        return Cell(text, kind=kind)
    return Cell(shorten(text, MAX_CELL), shorten(text, _MAX_TITLE), kind)


def is_numeric(cells: Iterable[Cell]) -> bool:
    """Tell whether a column is one of numbers, to be aligned on the right, the missing ones too."""
    kinds = {cell.kind for cell in cells}
    return "number" in kinds and kinds <= {"number", "missing", "gap"}


def cell_html(cell: Cell, *, numeric: bool = False) -> str:
    """Write a cell as a table's ``td``.

    Args:
        cell: The cell.
        numeric: Whether its column is one of numbers.
    """
    title = f' title="{escape(cell.full)}"' if cell.full else ""
    kind = f"{cell.kind} number" if numeric and cell.kind == "missing" else cell.kind
    kind = "other" if kind == "number" and not numeric else kind
    css = "" if kind == "text" else f' class="{kind}"'
    return f"<td{css}{title}>{escape(visible(cell.text))}</td>"

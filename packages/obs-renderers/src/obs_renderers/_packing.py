"""Pack whole columns into a few bytes a cell, in forms that a page's script unpacks, sorts and searches.

Numbers and times become integers of one to eight bytes over an offset, in base64; texts that repeat become an
index into a list. All other text stays readable JSON, so that masking secrets on the way to the store finds
them. A column that does not fit one form is packed in the next: what is given back is always whole.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from msgspec import UNSET, Struct, UnsetType

from obs_core.interruptions import let_pass
from obs_renderers._cells import Cell, cells_of, decimals_within, float_text, is_missing
from obs_renderers._markup import encodable
from obs_renderers._times import clock_of, offset_text

if TYPE_CHECKING:
    from obs_renderers._columns import Column, Floats, Times

__all__ = ["Packed", "Zone", "pack_column", "ranked_values"]

_NARROW = 6
_MOST_ODD = 10
_WIDEST = 8
_SAMPLED = 10_000
_PAGE_DAYS = 100_000_000
_PER_DAY = {"D": 1, "s": 86_400, "ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}


class Zone(Struct):
    """How far each time's clock is ahead of UTC.

    Attributes:
        seconds: The different offsets.
        texts: How they are written.
        bytes: Base64 of little-endian integers of `width` bytes: which of them is a row's.
        width: Bytes a row.
    """

    seconds: list[int]
    texts: list[str]
    bytes: str
    width: int


class Packed(Struct, omit_defaults=True):
    """A column on its way into a page.

    Attributes:
        name: The column's label.
        dtype: Its type's name.
        kind: ``"number"``, ``"float"``, ``"time"``, ``"clock"``, ``"duration"``, ``"category"`` or ``"text"``.
        bytes: Base64 of little-endian integers of `width` bytes (floats for ``"float"``); all bits set
            means missing.
        width: Bytes a value.
        offset: What is added to each integer, in decimal: it may be more than a number of JavaScript holds.
        decimals: By which power of ten a number is divided; of floats how many are shown, none meaning as many as
            each needs.
        unit: Of times and durations: ``"D"``, ``"s"``, ``"ms"``, ``"us"`` or ``"ns"``.
        zone: Of times with a time zone.
        texts: The texts of a column; for categories the texts that `bytes` counts into. None means missing.
        numeric: Whether texts are numbers, to be aligned as such.
        order: Of texts that are sorted as what they are (numbers, times, ordered categories), not letter by letter:
            base64 of the rank of each row's value, in `order_width` bytes; all bits set means that there is none.
        order_width: Bytes a rank.
        odd: Of numbers, the few that their form does not hold (near zero among large ones, infinite, NaN), as texts by
            row.
        rounded: Whether decimals were left out.
        nan: What is shown for NaN where it is a value.
        index: Whether this is a level of the rows' names.
    """

    name: str
    dtype: str
    kind: str
    bytes: str | UnsetType = UNSET
    width: int = 0
    offset: str = "0"
    decimals: int | None = 0
    unit: str = ""
    zone: Zone | None = None
    texts: list[str | None] | UnsetType = UNSET
    numeric: bool = False
    order: str | UnsetType = UNSET
    order_width: int = 0
    odd: dict[int, str] = {}
    rounded: bool = False
    nan: str = ""
    index: bool = False


def pack_column(column: Column, name: str, dtype: str) -> Packed:
    """Pack a column.

    Args:
        column: The column, or the part of it that goes into the page.
        name: Its label.
        dtype: Its type's name.
    """
    values: Any
    if (floats := column.floats()) is not None:
        return _pack_floats(floats, "" if column.nan_is_missing else "NaN", name, dtype)
    if (times := column.times()) is not None:
        packed, values, missing = _pack_times(times, name, dtype), times.counts, times.missing
    elif (integers := column.integers()) is not None:
        values, missing = integers.values, integers.missing
        packed = _over_offset(Packed(name, dtype, "number"), values, missing)
    else:
        return _pack_others(column, name, dtype)
    return _ranked(_pack_cells(cells_of(column), name, dtype), values, missing) if packed is None else packed


def _pack_floats(floats: Floats, nan: str, name: str, dtype: str) -> Packed:
    import numpy as np

    values, present = floats.values, ~floats.missing
    finite = np.isfinite(values)
    sizes = np.abs(values[finite & (values != 0)])
    decimals = decimals_within(_typical(sizes), floats.digits)
    if decimals is not None:
        # What the integers of the form below cannot tell from zero, or do not hold at all.
        like_zero = (np.abs(values) < 0.5 * 10.0**-decimals) & ((values != 0) | np.signbit(values))
        odd = present & (like_zero | ~finite)
        if odd.sum() <= _MOST_ODD + len(values) / 100:
            packed = _pack_decimals(floats, np.where(present & ~odd, values, 0), decimals, name, dtype)
            texts = {row: float_text(values[row].item(), packed.decimals) for row in np.flatnonzero(odd).tolist()}
            packed.odd = texts
            packed.rounded |= any(float(text) != values[row] for row, text in texts.items() if finite[row])
            return packed
    written = np.where(floats.missing, np.nan, values).astype("<f8")
    # A NaN that is a value cannot be told from one that is missing where there are both.
    if nan and floats.missing.any() and np.isnan(values[present]).any():
        packed = _pack_cells(_float_cells(floats, decimals), name, dtype)
        return _ranked(packed, values, floats.missing | np.isnan(values))
    packed = Packed(name, dtype, "float", width=8, decimals=decimals, rounded=True)
    packed.bytes = base64.b64encode(written.tobytes()).decode("ascii")
    packed.nan = "" if floats.missing.any() else nan
    return packed


def _pack_decimals(floats: Floats, values: Any, decimals: int, name: str, dtype: str) -> Packed:
    """Pack numbers as integers: so many decimals, or as many as they have."""
    import numpy as np

    scaled = np.round(values * 10.0**decimals).astype(np.int64)
    while decimals > 1 and not (scaled % 10).any():
        scaled, decimals = scaled // 10, decimals - 1
    rounded = bool(_differ(scaled / 10.0**decimals, values, floats.digits).any())
    packed = _over_offset(Packed(name, dtype, "number", decimals=decimals, rounded=rounded), scaled, floats.missing)
    assert packed is not None, "fifteen digits are less than eight bytes"
    return packed


def _float_cells(floats: Floats, decimals: int | None) -> list[Cell]:
    return [
        Cell("NA", kind="missing") if gone else Cell(float_text(value, decimals), "", "number")
        for value, gone in zip(floats.values.tolist(), floats.missing.tolist(), strict=True)
    ]


def _typical(sizes: Any) -> list[float]:
    """Give the different sizes of a sample, and the largest of all."""
    import numpy as np

    if not len(sizes):
        return []
    sample = sizes[:: -(-len(sizes) // _SAMPLED)]
    typical: list[float] = np.unique(np.append(sample, sizes.max())).tolist()
    return typical


def _differ(shown: Any, values: Any, digits: int) -> Any:
    import numpy as np

    return shown != values if digits > 7 else shown.astype(np.float32) != values.astype(np.float32)


def _pack_times(times: Times, name: str, dtype: str) -> Packed | None:

    clock = clock_of(times)
    kind = "time" if times.kind == "date" else times.kind
    packed = Packed(name, dtype, kind, unit=clock.unit)
    if kind == "time":
        reach = (_PAGE_DAYS - 1) * _PER_DAY[clock.unit]
        if ((clock.counts > reach) | (clock.counts < -reach)).any():
            return None  # beyond what a page's script can date; of the least number numpy's abs is negative
        packed.zone = None if clock.offsets is None else _zone(clock.offsets)
    return _over_offset(packed, clock.counts, times.missing)


def _zone(offsets: Any) -> Zone:
    import numpy as np

    seconds, places = np.unique(offsets, return_inverse=True)
    known = seconds.tolist()
    width = _width(len(known)) or _NARROW
    return Zone(known, [offset_text(each) for each in known], _little_endian(places, width), width)


def _over_offset(packed: Packed, values: Any, missing: Any) -> Packed | None:
    """Write integers over their least one in as few bytes as their range needs; None where eight are too few."""
    import numpy as np

    present = values[~missing] if missing.any() else values
    low, high = (int(present.min()), int(present.max())) if len(present) else (0, 0)
    width = _width(high - low)
    if width is None:
        return None
    packed.offset, packed.width = str(low), width
    # Modulo 2^64, so that the least and the greatest integer may be in one column.
    shifted = values.astype(np.uint64) - np.uint64(low % 2**64)
    shifted[missing] = np.uint64(256**width - 1)
    packed.bytes = _little_endian(shifted, width)
    return packed


def _width(span: int) -> int | None:
    return next((width for width in (*range(1, _NARROW + 1), _WIDEST) if span < 256**width - 1), None)


def _little_endian(values: Any, width: int) -> str:
    import numpy as np

    columns = values.astype(np.dtype("<u8")).view(np.uint8).reshape(-1, 8)[:, :width]
    return base64.b64encode(np.ascontiguousarray(columns).tobytes()).decode("ascii")


def _pack_others(column: Column, name: str, dtype: str) -> Packed:
    """Pack the texts of a column, with the ranks of its values where these have an order of their own."""
    packed = _pack_cells(cells_of(column), name, dtype)
    if (places := column.places()) is not None:
        return _ranked(packed, places, places < 0)
    return ranked_values(packed, column.values()) if packed.numeric else packed


def _ranked(packed: Packed, values: Any, missing: Any) -> Packed:
    import numpy as np

    ranks = np.unique(values, return_inverse=True)[1]
    return _with_ranks(packed, np.where(missing, -1, ranks), len(ranks))


def ranked_values(packed: Packed, values: Sequence[Any]) -> Packed:
    """Tell the page how the texts of a column are sorted: as the values that they stand for, and missing ones last.

    Args:
        packed: The column.
        values: What Python compares exactly: decimals, fractions, integers of any length, tuples of them.
    """
    import numpy as np

    ranks = np.full(len(values), -1, dtype=np.int64)
    rank, before = -1, None
    try:
        for row in sorted((row for row, value in enumerate(values) if not is_missing(value)), key=values.__getitem__):
            rank += before is None or bool(values[row] != before)
            ranks[row], before = rank, values[row]
    except Exception as error:  # fractions and decimals do not compare with each other
        let_pass(error)
        return packed
    return _with_ranks(packed, ranks, len(values))


def _with_ranks(packed: Packed, ranks: Any, most: int) -> Packed:
    packed.order_width = _width(most) or _NARROW
    packed.order = _little_endian(ranks, packed.order_width)
    return packed


def _pack_cells(cells: Sequence[Cell], name: str, dtype: str) -> Packed:
    texts = [None if cell.kind == "missing" else encodable(cell.text) for cell in cells]
    numeric = {cell.kind for cell in cells} - {"missing"} == {"number"}
    places = {text: place for place, text in enumerate(dict.fromkeys(texts))}
    if len(places) * 2 > len(texts):
        return Packed(name, dtype, "text", texts=texts, numeric=numeric)
    return _pack_categories(Packed(name, dtype, "category", numeric=numeric), texts, places)


def _pack_categories(packed: Packed, texts: list[str | None], places: dict[str | None, int]) -> Packed:
    import numpy as np

    packed.texts = list(places)
    packed.width = _width(len(places)) or _NARROW
    packed.bytes = _little_endian(np.fromiter((places[text] for text in texts), np.int64, len(texts)), packed.width)
    return packed

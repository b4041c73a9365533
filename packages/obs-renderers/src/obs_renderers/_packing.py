"""Pack whole columns into a few bytes a cell, in forms that a page's script unpacks, sorts and searches.

Numbers and times become integers of one to six bytes over an offset, in base64; texts that repeat become an
index into a list. All other text stays readable JSON, so that masking secrets on the way to the store finds
them.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from msgspec import UNSET, Struct, UnsetType

from obs_renderers._cells import column_cells
from obs_renderers._markup import encodable
from obs_renderers._types import is_a

if TYPE_CHECKING:
    from obs_renderers._frames import Frame

__all__ = ["Packed", "pack_column"]

_DECIMALS = 6
_MAX_BYTES = 6
_TIME_UNITS = ((86_400_000_000_000, "d"), (1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us"), (1, "ns"))


class Packed(Struct, omit_defaults=True):
    """A column on its way into a page.

    Attributes:
        name: The column's label.
        dtype: Its type's name.
        kind: ``"number"``, ``"float"``, ``"time"``, ``"duration"``, ``"category"`` or ``"text"``.
        bytes: Base64 of little-endian integers of `width` bytes (floats for ``"float"``); all bits set
            means missing.
        width: Bytes a value.
        offset: What is added to each integer.
        decimals: By which power of ten a number is divided.
        unit: Of times and durations.
        texts: The texts of a column; for categories the texts that `bytes` counts into. None means missing.
        numeric: Whether texts are numbers, to be aligned and sorted as such.
        rounded: Whether decimals were left out.
    """

    name: str
    dtype: str
    kind: str
    bytes: str | UnsetType = UNSET
    width: int = 0
    offset: float = 0
    decimals: int = 0
    unit: str = ""
    texts: list[str | None] | UnsetType = UNSET
    numeric: bool = False
    rounded: bool = False


def pack_column(frame: Frame, position: int, rows: int) -> Packed:
    """Pack the first rows of a column.

    Args:
        frame: The table.
        position: Which column.
        rows: How many rows.
    """
    packed = Packed(frame.label(position), frame.dtype(position), "text")
    series = _as_pandas(frame.column(position), rows)
    if series is None or not _pack_array(packed, series):
        values = frame.values(position, 0, rows) if series is None else series.tolist()
        _pack_texts(packed, values)
    return packed


def _as_pandas(column: Any, rows: int) -> Any:
    """View a column as a pandas Series; None for one to be read value by value."""
    if is_a(column, "polars.Series"):
        return _from_polars(column.slice(0, rows))
    if is_a(column, "pyarrow.ChunkedArray", "pyarrow.Array"):
        return _from_arrow(column.slice(0, rows))
    return column.iloc[:rows]


def _from_polars(series: Any) -> Any:
    import pandas as pd

    kind = str(series.dtype)
    if kind.startswith(("Float", "Datetime", "Duration")) and series.dtype.is_numeric() | ("time_zone=None" in kind):
        return pd.Series(series.to_numpy())
    if series.dtype.is_numeric() and not series.null_count() and not kind.startswith(("Decimal", "Int128", "UInt128")):
        return pd.Series(series.to_numpy())
    return None


def _from_arrow(column: Any) -> Any:
    import pyarrow as pa

    kind = column.type
    if pa.types.is_floating(kind) or (pa.types.is_integer(kind) and not column.null_count):
        return column.to_pandas()
    if pa.types.is_timestamp(kind) and kind.tz is None:
        return column.to_pandas()
    return None


def _pack_array(packed: Packed, series: Any) -> bool:
    from pandas.api import types

    dtype = series.dtype
    if types.is_bool_dtype(dtype) or types.is_complex_dtype(dtype):
        return False
    if types.is_datetime64_any_dtype(dtype) or types.is_timedelta64_dtype(dtype):
        return _pack_times(packed, series)
    if types.is_integer_dtype(dtype):
        return _pack_integers(packed, series)
    return types.is_float_dtype(dtype) and _pack_floats(packed, series)


def _pack_integers(packed: Packed, series: Any) -> bool:
    import numpy as np

    missing = series.isna().to_numpy(dtype=bool)
    values = series.to_numpy(dtype=np.int64, na_value=0) if missing.any() else series.to_numpy()
    if values.dtype.kind == "u" and len(values) and values.max() > np.iinfo(np.int64).max:
        return False
    packed.kind = "number"
    return _store(packed, values.astype(np.int64, copy=False), missing)


def _pack_floats(packed: Packed, series: Any) -> bool:
    import numpy as np

    values = series.to_numpy(dtype=np.float64, na_value=np.nan)
    missing = np.isnan(values)
    decimals = _decimals_for(values)
    if decimals is None or np.isinf(values).any():
        return _store_floats(packed, values)
    scaled = np.round(np.where(missing, 0.0, values) * 10.0**decimals)
    packed.kind, packed.decimals = "number", decimals
    packed.rounded = not np.allclose(scaled, np.where(missing, 0.0, values) * 10.0**decimals, rtol=0, atol=1e-6)
    return _store(packed, scaled.astype(np.int64), missing)


def _decimals_for(values: Any) -> int | None:
    """How many decimals show six significant digits of a column's usual values; None if none will do."""
    import numpy as np

    sizes = np.abs(values[np.isfinite(values) & (values != 0)])
    if not len(sizes):
        return 0
    largest = float(sizes.max())
    decimals = min(_DECIMALS, max(0, _DECIMALS - 1 - math.floor(math.log10(largest))))
    vanishing = np.count_nonzero(sizes < 0.5 * 10.0**-decimals)
    if largest >= 1e12 or vanishing > len(sizes) / 100:
        return None
    return _fewest_decimals(sizes[:10_000], decimals) if decimals else 0


def _fewest_decimals(sizes: Any, most: int) -> int:
    import numpy as np

    for decimals in range(most):
        scaled = sizes * 10.0**decimals
        if np.abs(scaled - np.round(scaled)).max() < 1e-6:
            return decimals
    return most


def _store_floats(packed: Packed, values: Any) -> bool:
    import numpy as np

    packed.kind, packed.width = "float", 8
    packed.bytes = base64.b64encode(values.astype(np.dtype("<f8")).tobytes()).decode("ascii")
    return True


def _pack_times(packed: Packed, series: Any) -> bool:
    import numpy as np
    from pandas.api import types

    times = types.is_datetime64_any_dtype(series.dtype)
    if getattr(series.dt, "tz", None) is not None:
        series = series.dt.tz_localize(None)
    values = series.to_numpy(dtype="datetime64" if times else "timedelta64")
    try:
        counts = values.astype("datetime64[ns]" if times else "timedelta64[ns]").astype(np.int64)
    except OverflowError:
        return False
    missing = np.isnat(values)
    counts = np.where(missing, counts[~missing][0] if (~missing).any() else 0, counts)
    size, packed.unit = next(unit for unit in _TIME_UNITS if not (counts % unit[0]).any())
    packed.kind = "time" if times else "duration"
    return _store(packed, counts // size, missing)


def _store(packed: Packed, values: Any, missing: Any) -> bool:
    """Write integers over their least one in as few bytes as their range needs."""
    present = values[~missing]
    low, high = (int(present.min()), int(present.max())) if len(present) else (0, 0)
    width = _width(high - low)
    if width is None or abs(low) >= 2**53:
        return False
    packed.offset, packed.width = low, width
    shifted = values - low
    shifted[missing] = 256**width - 1
    packed.bytes = _little_endian(shifted, width)
    return True


def _width(span: int) -> int | None:
    return next((width for width in range(1, _MAX_BYTES + 1) if span < 256**width - 1), None)


def _little_endian(values: Any, width: int) -> str:
    import numpy as np

    columns = values.astype(np.dtype("<i8")).view(np.uint8).reshape(-1, 8)[:, :width]
    return base64.b64encode(np.ascontiguousarray(columns).tobytes()).decode("ascii")


def _pack_texts(packed: Packed, values: Sequence[object]) -> None:
    texts: list[str | None] = [
        None if cell.kind == "missing" else encodable(cell.text) for cell in column_cells(values)
    ]
    packed.numeric = _all_numbers(values)
    places = {text: place for place, text in enumerate(dict.fromkeys(texts))}
    if len(places) * 2 > len(texts):
        packed.texts = texts
        return
    _pack_categories(packed, texts, places)


def _all_numbers(values: Sequence[object]) -> bool:
    kinds = {cell.kind for cell in column_cells(values[:1000])} - {"missing"}
    return kinds == {"number"} and not any(isinstance(value, bool) for value in values[:1000])


def _pack_categories(packed: Packed, texts: list[str | None], places: dict[str | None, int]) -> None:
    import numpy as np

    packed.kind, packed.texts = "category", list(places)
    packed.width = _width(len(places)) or _MAX_BYTES
    indexes = np.fromiter((places[text] for text in texts), np.int64, len(texts))
    packed.bytes = _little_endian(indexes, packed.width)

"""Count values in bins that suit them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Histogram", "histogram_of"]

_BINS = 30
_BARS = 50
_FAR = 3.0
_MOST_CLIPPED = 0.05


class Histogram(Struct, frozen=True):
    """Counts between edges, and how many values lie beyond them on either side.

    Attributes:
        counts: Number of values in each bin.
        edges: One more than there are bins, in ascending order.
        below: Values left out below the first edge.
        above: Values left out above the last edge.
        whole: Whether the values are whole numbers; each bin then holds as many of them, beginning and ending half way
            between two.
        last: The greatest value that is drawn; the last bin may reach beyond it.
    """

    counts: list[int]
    edges: list[float]
    below: int = 0
    above: int = 0
    whole: bool = False
    last: float = math.inf


def histogram_of(
    values: NDArray[Any], q1: float, q3: float, *, whole_numbers: bool = True, clip: bool = True
) -> Histogram | None:
    """Count values in bins.

    Whole numbers that span at most 50 have a bin each. Where a few values lie far outside the quartiles, they are left
    out and counted, so that the others can be told apart.

    Args:
        values: Sorted and finite, at least two different ones.
        q1: Their lower quartile.
        q3: Their upper quartile.
        whole_numbers: Whether to look whether they are whole.
        clip: Whether to leave out what lies far outside.

    Returns:
        The counts; None where the values span more than a float can hold.
    """
    import numpy as np

    low, high = _clipped(values, q1, q3) if clip else (0, len(values))
    kept = values[low:high]
    first, last = kept[0].item(), kept[-1].item()
    if not math.isfinite(float(last) - float(first)):
        return None
    whole = whole_numbers and max(abs(first), abs(last)) < 2**53 and _all_whole(kept)
    if whole:
        width = 1 if last - first < _BARS else -(-(int(last - first) + 1) // _BINS)
        edges = np.arange(first, last + width, width) - 0.5
        edges = np.append(edges, edges[-1] + width) if edges[-1] < last else edges
    else:
        with np.errstate(over="ignore"):
            edges = np.linspace(float(first), float(last), min(_BINS, max(5, round(2 * len(kept) ** 0.5))) + 1)
    places = kept.searchsorted(edges, "left")
    places[0], places[-1] = 0, len(kept)
    return Histogram(np.diff(places).tolist(), edges.tolist(), low, len(values) - high, whole, last)


def _all_whole(values: NDArray[Any]) -> bool:
    import numpy as np

    return values.dtype.kind in "iu" or bool((values == np.floor(values)).all())


def _clipped(values: NDArray[Any], q1: float, q3: float) -> tuple[int, int]:
    """Choose what is drawn: all, unless a few values far outside the quartiles would leave no room for the others."""
    reach = _FAR * (q3 - q1)
    if not reach or not math.isfinite(reach):
        return 0, len(values)
    low, high = int(values.searchsorted(q1 - reach, "left")), int(values.searchsorted(q3 + reach, "right"))
    far = len(values) - (high - low)
    if not far or far > _MOST_CLIPPED * len(values) or high - low < 2:
        return 0, len(values)
    whole, kept = float(values[-1]) - float(values[0]), float(values[high - 1]) - float(values[low])
    return (low, high) if whole > 2 * kept and values[high - 1] > values[low] else (0, len(values))

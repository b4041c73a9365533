"""Mean and standard deviation of numbers that floating point would round away or let overflow."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["mean_and_std"]


def mean_and_std(values: NDArray[Any], ddof: int = 0) -> tuple[float, float]:
    """Compute the mean and the standard deviation of integers or floats.

    Args:
        values: Finite numbers, at least one.
        ddof: What is taken from their number as divisor of the variance; with a single value it is 0.
    """
    import numpy as np

    ddof = ddof if len(values) > 1 else 0
    if values.dtype.kind in "iu":
        # Counted from the least one, exactly: of integers beyond 2^53 floats do not know the difference.
        least = int(values.min())
        above = (values.astype(np.uint64) - np.uint64(least % 2**64)).astype(np.float64)
        return least + float(above.mean()), float(above.std(ddof=ddof))
    with np.errstate(over="ignore", invalid="ignore"):
        mean, std = float(values.mean(dtype=np.float64)), float(values.std(dtype=np.float64, ddof=ddof))
    if math.isfinite(mean) and math.isfinite(std):
        return mean, std
    largest = float(np.abs(values).max())
    scaled = values.astype(np.float64) / largest
    return float(scaled.mean()) * largest, float(scaled.std(ddof=ddof)) * largest

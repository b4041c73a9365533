"""Mean and standard deviation of numbers that floating point would round away or let overflow."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["mean_and_std", "mean_of"]

_UNDERFLOWS = 1e-140
"""Below it the square of a deviation has lost digits, or is none."""


def mean_of(values: NDArray[Any]) -> float:
    """Compute the mean of floats, whose sum may be more than a float can hold.

    Args:
        values: Finite floats, at least one.
    """
    import numpy as np

    with np.errstate(over="ignore", invalid="ignore"):
        mean = float(values.mean(dtype=np.float64))
    return mean if math.isfinite(mean) else _scaled(values)[0]


def _scaled(values: NDArray[Any], ddof: int = 0) -> tuple[float, float]:
    """Compute mean and standard deviation as shares of the largest value."""
    import numpy as np

    largest = float(np.abs(values).max()) or 1.0
    shares = values.astype(np.float64) / largest
    return float(shares.mean()) * largest, float(shares.std(ddof=ddof)) * largest


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
    if math.isfinite(mean) and math.isfinite(std) and (std >= _UNDERFLOWS or values.min() == values.max()):
        return mean, std
    scaled_mean, scaled_std = _scaled(values, ddof)
    return mean if math.isfinite(mean) else scaled_mean, scaled_std

"""Units of time of numpy, of any width, as five."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from obs_profiles.columns.values import Unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["whole_units"]

_UNITS = frozenset({"ns", "us", "ms", "s", "D"})
_FINER = {"ps": 10**3, "fs": 10**6, "as": 10**9}
"""How many of these units a nanosecond has."""

_COARSER = {"Y": 31_556_952, "M": 2_629_746, "W": 604_800, "h": 3_600, "m": 60}
"""How many seconds these units have, about."""


def whole_units(values: NDArray[Any]) -> tuple[NDArray[np.int64], Unit]:
    """Return moments or lengths of time as whole numbers of one of five units.

    What is finer than a nanosecond is rounded down; what is farther than 64 bits reach is cut off.

    Args:
        values: ``datetime64`` or ``timedelta64`` of any unit and byte order, without NaT.
    """
    native = values.astype(values.dtype.newbyteorder("="), copy=False)
    unit, step = np.datetime_data(native.dtype)
    numbers = native.view(np.int64)
    if step == 1 and unit in _UNITS:
        return numbers, cast(Unit, unit)
    if unit == "generic":
        return numbers, "us"
    if unit in _COARSER:
        # Without its thousandth, for leap years; numpy itself would start again from the other end.
        furthest = int((2**63 - 1) // (_COARSER[unit] * step) * 0.999)
        near = np.clip(numbers, -furthest, furthest).view(native.dtype)
        return near.astype(f"{native.dtype.kind}8[s]").view(np.int64), "s"
    furthest = (2**63 - 1) // step
    numbers = np.clip(numbers, -furthest, furthest) * step
    return (numbers // _FINER[unit], "ns") if unit in _FINER else (numbers, cast(Unit, unit))

"""How many items of a loop are done, in numbers that the journal can hold."""

from __future__ import annotations

import math
import sys
from typing import Any

from obs_core.interruptions import let_pass

__all__ = ["amount"]

_MOST_IN_AN_INTEGER = 2**63
_WHOLE_IN_A_FLOAT = 2.0**53


def amount(value: Any) -> int | float | None:
    """Return an amount as an int of 64 bits, or else as a finite float; None if it is none.

    Args:
        value: An int, a float, or a scalar of numpy, `decimal` and the like. An int beyond 64 bits becomes a float.

    Examples:
        >>> amount(3), amount(2.0), amount(0.5), amount(10**30), amount("x")
        (3, 2, 0.5, 1e+30, None)
    """
    if value.__class__ is int and -_MOST_IN_AN_INTEGER <= value < _MOST_IN_AN_INTEGER:
        return int(value)
    try:
        return _amount(value)
    except BaseException as error:  # it is no number, or does not tell
        let_pass(error)
        return None


def _amount(value: Any) -> int | float | None:
    if value is None or isinstance(value, (str, bytes, bytearray)):
        return None
    item = getattr(value, "item", None)
    value = value if item is None else item()
    if isinstance(value, int):
        whole = int(value)
        if -_MOST_IN_AN_INTEGER <= whole < _MOST_IN_AN_INTEGER:
            return whole
    try:
        number = float(value)
    except OverflowError as error:
        let_pass(error)
        return sys.float_info.max if value > 0 else -sys.float_info.max
    if not math.isfinite(number):
        return None
    return int(number) if number.is_integer() and abs(number) <= _WHOLE_IN_A_FLOAT else number

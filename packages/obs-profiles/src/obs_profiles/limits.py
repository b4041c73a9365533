"""The limits of expectations: which there may be, and how they and what was found read."""

from __future__ import annotations

import datetime
import decimal
import math
import numbers
import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from obs_profiles.columns.objects import as_float, is_missing
from obs_profiles.wording import (
    count_text,
    digits_text,
    number_text,
    precise_text,
    reads_as_date,
    share_text,
    time_text,
    ungrouped,
    value_text,
)

__all__ = [
    "COUNTS",
    "SHARES",
    "Limit",
    "Limits",
    "found_text",
    "limit_of",
    "limit_text",
    "micros_of",
    "moment_of",
    "value_writer",
]

Limit = float | datetime.datetime
"""A number, or a moment."""

Limits = tuple[Limit | None, Limit | None]
"""The smallest and the largest allowed value."""

SHARES = ("missing", "unique")
COUNTS = ("distinct", "rows")
_OF_VALUES = ("mean", "quantile", "range")
"""Measures that are values, or between values, of the column."""

_EXACT = 1 << 53
"""Up to here each integer is a float."""

_EPOCH = datetime.datetime(1970, 1, 1)


def limit_of(value: Any, measure: str) -> Limit | None:
    """Return a limit as a number, or as a moment of UTC.

    Raises:
        TypeError: It is neither, or a moment where only numbers are measured.
        ValueError: It is NaN: nothing is above or below it.
    """
    if value is None:
        return None
    if is_missing(value):
        raise ValueError(f"a limit of {measure} is a value, not {_none(value)}: nothing is above or below that")
    if isinstance(value, np.datetime64 | np.timedelta64):
        value = _as_python(value, measure)
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, datetime.date) and measure == "range":
        return moment_of(value, measure)
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real | decimal.Decimal):
        other = ", or a date or datetime" if measure == "range" else ""
        raise TypeError(f"a limit of {measure} is a number{other}, not {type(value).__name__}: {value!r}")
    near = as_float(value)
    if math.isinf(near) and near != value:
        raise ValueError(f"a limit of {measure} must be within a float's range, up to 1.8e308; None is no limit")
    if isinstance(value, numbers.Integral):
        return operator.index(value)
    return _with_all_digits(value, near)


def _with_all_digits(value: Any, near: float) -> float:
    """Return a number as the nearest float; a large whole one as an integer, whatever it is written as."""
    large = not isinstance(value, float) and _EXACT <= abs(near) < math.inf
    return int(value) if large and value == int(value) else near


def _as_python(value: np.datetime64 | np.timedelta64, measure: str) -> datetime.date | datetime.timedelta:
    """Return a moment or a length of time of numpy as Python has it.

    Raises:
        ValueError: Python has none so far away.
    """
    try:
        found = value.astype(f"{type(value).__name__}[us]").item()
    except OverflowError:
        found = None
    if isinstance(found, datetime.date | datetime.timedelta):
        return found
    raise ValueError(_too_far(value, measure))


def moment_of(value: datetime.date, measure: str) -> datetime.datetime:
    """Return a date, at its midnight, or a datetime as a moment of UTC without a zone.

    Raises:
        ValueError: It is before the year 1 or after 9999 there.
    """
    if not isinstance(value, datetime.datetime):
        return datetime.datetime(value.year, value.month, value.day)
    # Of a class of pandas it keeps no nanoseconds: profiles know microseconds.
    try:
        moment = value.astimezone(datetime.UTC) if value.tzinfo else value
    except OverflowError:
        raise ValueError(_too_far(value, measure)) from None
    return datetime.datetime(*moment.timetuple()[:6], moment.microsecond)


def _none(value: Any) -> str:
    return str(value).replace("nan", "NaN")


def _too_far(value: object, measure: str) -> str:
    return f"a limit of {measure} is in the years 1 to 9999, in UTC, and {value!s} is not: None is no limit"


def micros_of(moment: datetime.datetime) -> int:
    """Return a moment as profiles know it: microseconds since 1970."""
    return (moment - _EPOCH) // datetime.timedelta(microseconds=1)


# ---- how they read ----------------------------------------------------------------------------------------------


def value_writer(limits: Limits, *, names: bool = False) -> Callable[[float], str]:
    """Return what writes limits of values, and values that were found.

    Args:
        limits: What is expected: one that may be the date 20240115 is not grouped.
        names: Whether the digits of the column are known to be names, as those of keys are: none is grouped then.
    """
    return digits_text if names or any(map(reads_as_date, limits)) else value_text


def limit_text(limit: Limit, measure: str, write: Callable[[float], str]) -> str:
    """Write a limit as it was given, with all its digits.

    Args:
        limit: The limit.
        measure: What it is a limit of.
        write: Writes a value of the column, as `value_writer` says.
    """
    if isinstance(limit, datetime.datetime):
        return str(limit)
    return next(_texts(limit, _writer(measure, write), measure, (limit,)))


def found_text(value: float, measure: str, limits: Limits, write: Callable[[float], str]) -> str:
    """Write what was found: short, but with as many digits as it takes to be on its own side of each limit.

    Args:
        value: What was found.
        measure: What it is.
        limits: What was expected of it.
        write: Writes a value of the column, as `value_writer` says.
    """
    if any(isinstance(limit, datetime.datetime) for limit in limits):
        try:
            moment = _EPOCH + datetime.timedelta(microseconds=int(value))
        except OverflowError:  # before the year 1 or after 9999
            return time_text(value)
        return str(moment) if moment.microsecond else time_text(value)
    numbers = [limit for limit in limits if isinstance(limit, int | float)]
    return next(_texts(value, _writer(measure, write), measure, numbers))


def _texts(value: float, write: Callable[[float], str], measure: str, limits: Any) -> Iterator[str]:
    """Go through texts of a number that are on its own side of some limits, the shortest first."""
    shown = write(value)
    limits = [limit for limit in limits if math.isfinite(limit)]
    if not math.isfinite(value):
        yield shown
    scale, unit = (100, " %") if measure in SHARES else (1, "")
    sides = [_side(value, limit) for limit in limits]

    def tells(text: str) -> bool:
        try:
            number = decimal.Decimal(text.removesuffix(" %").replace(",", ""))
        except decimal.InvalidOperation:
            return text.startswith(("<", ">")) and not any(0 < limit < 1 for limit in limits)
        return [_side(number, scale * decimal.Decimal(repr(limit))) for limit in limits] == sides

    if tells(shown):
        yield shown
    texts = (precise_text(scale * value, digits) for digits in range(4, 18))
    yield from filter(tells, (f"{text if ',' in shown else ungrouped(text)}{unit}" for text in texts))
    yield f"{scale * value!r}{unit}"


def _side(value: Any, limit: Any) -> int:
    return int(value > limit) - int(value < limit)


def _writer(measure: str, write: Callable[[float], str]) -> Callable[[float], str]:
    """Return what writes a measure, given what writes the values of the column."""
    if measure in SHARES:
        return share_text
    if measure in COUNTS:
        return _count_text
    return write if measure in _OF_VALUES else number_text


def _count_text(value: float) -> str:
    return count_text(value) if math.isfinite(value) else number_text(value)

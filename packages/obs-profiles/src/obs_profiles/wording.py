"""Numbers, shares, times and names as short text, for pages and messages."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Sequence

from obs_core.secrets import masked_text
from obs_core.text import controls
from obs_core.text.durations import format_duration
from obs_core.text.numbers import MISSING, count, share, statistic

__all__ = [
    "apart",
    "count_text",
    "digits_text",
    "duration_text",
    "number_text",
    "reads_as_date",
    "rough_time_text",
    "share_text",
    "signed_text",
    "time_text",
    "visible",
    "whole_text",
]

LONGEST = 80
_FEWEST, _MOST_DIGITS = 4, 17
"""Digits of most numbers, and of those that only the last one tells apart."""


_EPOCH = datetime.datetime(1970, 1, 1)
_DAY = 86_400_000_000


def number_text(value: float | None) -> str:
    """Write a number as every package does (`obs_core.text.numbers.statistic`): ``3.142``, ``2013``, ``12,346``."""
    return MISSING if value is None else statistic(value)


def digits_text(value: float) -> str:
    """Write a number whose digits are a name, such as a key or the date 20240115: not grouped, an integer whole."""
    return _ungrouped(whole_text(value))


def reads_as_date(value: object) -> bool:
    """Tell whether a number may be a date that is written as one: 20240115, of 1900 to 2100."""
    if not isinstance(value, int) or not 1900_01_01 <= value <= 2100_12_31:
        return False
    try:
        datetime.date(value // 10_000, value // 100 % 100, value % 100)
    except ValueError:
        return False
    return True


def whole_text(value: float) -> str:
    """Write one of whole numbers, also where it is known as the nearest float: whole, whatever its size."""
    return statistic(int(value)) if math.isfinite(value) and value == math.floor(value) else statistic(value)


def apart(values: Sequence[float], write: Callable[[float], str]) -> list[str]:
    """Write numbers with as many digits as it takes for those that differ to read differently.

    Args:
        values: The numbers.
        write: Writes one as it is written elsewhere; more digits have numbers alone, and not times.
    """
    texts = [write(value) for value in values]
    digits = _FEWEST if write in (number_text, whole_text, digits_text) else _MOST_DIGITS
    while len(set(texts)) < len(set(values)) and digits < _MOST_DIGITS:
        digits += 1
        texts = [_precise(value, digits) for value in values]
    return list(map(_ungrouped, texts)) if write is digits_text else texts


def _ungrouped(text: str) -> str:
    return text.replace(",", "")


def _precise(value: float, digits: int) -> str:
    """Write a number with so many digits; an integer with all of them."""
    if isinstance(value, int) or (abs(value) >= 1e15 and value.is_integer()):
        return f"{int(value):,}"
    return f"{value:.{digits}g}" if abs(value) < 1e5 else f"{value:,.{max(0, digits - 6)}f}"


def signed_text(value: float, digits: int = 2) -> str:
    """Write a change with its sign: ``+0.20``, ``-1.50``."""
    return f"{value:+.{digits}f}"


def count_text(value: float | None) -> str:
    """Write how many; an estimate is rounded."""
    return MISSING if value is None or math.isinf(value) else count(round(value))


def share_text(ratio: float) -> str:
    """Write a share so that 99.996 % does not read as all of them."""
    return share(ratio, 1)


def time_text(micros: float) -> str:
    """Write a moment, given in microseconds since 1970: the day alone at midnight, no more digits than it has."""
    try:
        moment = _EPOCH + datetime.timedelta(microseconds=int(micros))
    except (OverflowError, ValueError):
        return f"{micros / (365.2425 * _DAY) + 1970:.0f}"
    if int(micros) % _DAY == 0:
        return moment.date().isoformat()  # strftime writes years before 1000 with fewer digits
    return moment.isoformat(" ", "seconds" if moment.second else "minutes")


def rough_time_text(micros: float, span: float) -> str:
    """Write a moment that is known roughly, to a unit of which many fit into a span of microseconds."""
    units = (_DAY, 3_600_000_000, 60_000_000, 1_000_000)
    unit = next((unit for unit in units if span > 3_000 * unit), 1)
    return time_text(round(micros / unit) * unit)


def duration_text(seconds: float) -> str:
    """Write a length of time."""
    return format_duration(round(seconds * 1e9)) if math.isfinite(seconds * 1e9) else number_text(seconds)


def visible(text: str) -> str:
    """Mask and shorten a name or value, and make line breaks and the like visible; it is not escaped."""
    return controls.visible(masked_text(text, LONGEST, "…"))

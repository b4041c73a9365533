"""Numbers, shares, times and names as short text, for pages and messages."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from obs_core.secrets import mask
from obs_core.text import controls
from obs_core.text.durations import format_duration
from obs_core.text.numbers import MISSING, count, share, statistic
from obs_profiles.columns.texts import beginning_of

if TYPE_CHECKING:
    from obs_profiles.column_profiles import DistinctCount

__all__ = [
    "about_text",
    "apart",
    "count_text",
    "digits_text",
    "distinct_mark",
    "duration_text",
    "elements_text",
    "kept_text",
    "number_text",
    "precise_text",
    "reads_as_date",
    "rough_time_text",
    "share_text",
    "signed_text",
    "time_text",
    "ungrouped",
    "value_text",
    "visible",
    "whole_text",
]

LONGEST = 80
_FEWEST, _MOST_DIGITS = 4, 17
"""Digits of most numbers, and of those that only the last one tells apart."""

_HASH, _HASH_SHOWN = 16, 8
"""Digits of the hash, and those that are shown of it."""

_MARKED = _HASH_SHOWN + 3
"""Characters of the mark that tells such texts apart."""

_EPOCH = datetime.datetime(1970, 1, 1)
_DAY = 86_400_000_000


def number_text(value: float | None) -> str:
    """Write a number as every package does (`obs_core.text.numbers.statistic`): ``3.142``, ``2013``, ``12,346``."""
    return MISSING if value is None else statistic(value)


def value_text(value: float) -> str:
    """Write a value of the data: whole where it has few digits, as prices and limits have; otherwise as `number_text`.

    Examples:
        >>> [value_text(value) for value in (999.98, 1_234_567.89, 99_999.5, 0.1 + 0.2, 12.63912345)]
        ['999.98', '1,234,567.89', '99,999.5', '0.3', '12.64']
    """
    if isinstance(value, int) or not 1e-4 <= abs(value) < 1e15:
        return statistic(value)
    if value != round(value, 2) and value != float(f"{value:.6g}"):
        return statistic(value)
    return f"{value:,.15g}" if abs(value) >= 10_000 else f"{value:.15g}"


def digits_text(value: float) -> str:
    """Write a number whose digits are a name, such as a key or the date 20240115: not grouped, an integer whole."""
    return ungrouped(whole_text(value))


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
    digits = _FEWEST if write in (number_text, value_text, whole_text, digits_text) else _MOST_DIGITS
    while len(set(texts)) < len(set(values)) and digits < _MOST_DIGITS:
        digits += 1
        texts = [precise_text(value, digits) for value in values]
    return list(map(ungrouped, texts)) if write is digits_text else texts


def ungrouped(text: str) -> str:
    """Take the marks of thousands out of a number."""
    return text.replace(",", "")


def precise_text(value: float, digits: int) -> str:
    """Write a number with so many digits; an integer with all of them."""
    if isinstance(value, int) or (abs(value) >= 1e15 and value.is_integer()):
        return f"{int(value):,}"
    return f"{value:.{digits}g}" if abs(value) < 1e5 else f"{value:,.{max(0, digits - 6)}f}"


def about_text(text: str, error: float) -> str:
    """Mark a number as an estimate if it may be wrong by so much: ``about 12.6``."""
    return f"about {text}" if error else text


def signed_text(value: float, digits: int = 2) -> str:
    """Write a change with its sign: ``+0.20``, ``-1.50``."""
    return f"{value:+.{digits}f}"


def count_text(value: float | None) -> str:
    """Write how many; an estimate is rounded."""
    return MISSING if value is None or math.isinf(value) else count(round(value))


def elements_text(size: str) -> str:
    """Write how many elements lists have: ``1 element``, ``3 to 5 elements``."""
    return f"{size} element" if size == "1" else f"{size} elements"


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


def visible(text: str, *, most: int = LONGEST) -> str:
    """Mask and shorten a name or value, and make line breaks and the like visible; it is not escaped.

    Of one of more characters than `most` both ends are kept: names often differ at their end alone. Of a text of which
    a profile has the beginning alone, that is what is shown.
    """
    text = mask(text)
    if (beginning := beginning_of(text)) is not None:
        text = _marked(beginning[: most - _MARKED], text)
    elif len(text) > most:
        half = most // 2
        text = f"{text[: half - 1]}…{text[-half:]}"
    return controls.visible(text)


def kept_text(text: str) -> str:
    """Write a text that a profile keeps so that the hash of a long one is not read as its end: ``Dear … #0c1d2e3f``."""
    beginning = beginning_of(text)
    return text if beginning is None else _marked(beginning, text)


def _marked(beginning: str, text: str) -> str:
    return f"{beginning}… #{text[-_HASH:][:_HASH_SHOWN]}"


def distinct_mark(found: DistinctCount) -> str:
    """Return what stands before a number of distinct values that is no exact one: about so many, or at least."""
    return "" if found.is_exact else "≥ " if found.least >= round(found.estimate) else "≈ "

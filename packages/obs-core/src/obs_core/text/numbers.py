"""Numbers for people: counts, shares, statistics, sizes, and what stands for no value.

Every package writes them with these functions, so that a figure looks the same wherever it is met. All signs are ASCII:
what is copied out of a report can be pasted into code or a sheet. Durations and moments are in
`obs_core.text.durations`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

__all__ = [
    "MISSING",
    "byte_size",
    "count",
    "multiple",
    "plural",
    "precise",
    "share",
    "statistic",
    "statistics",
    "told_apart",
]

MISSING = "NA"
"""What stands where there is no value."""

_SIGNIFICANT = 4
_GROUPED = 10_000
_LARGEST = 1e15
_SMALLEST = 1e-4
_UNITS = ("KB", "MB", "GB", "TB", "PB")


def count(quantity: int) -> str:
    """Write how many there are, the thousands grouped.

    Examples:
        >>> count(336_776)
        '336,776'
    """
    return f"{quantity:,}"


def plural(quantity: int, noun: str) -> str:
    """Count things whose plural ends with an s.

    Examples:
        >>> [plural(quantity, "row") for quantity in (0, 1, 1200)]
        ['0 rows', '1 row', '1,200 rows']
    """
    return f"{quantity:,} {noun}" if quantity == 1 else f"{quantity:,} {noun}s"


def share(part: float, whole: float, *, about: bool = False) -> str:
    """Write a share in percent; it never reads as none or all unless it is.

    Args:
        part: How much of it.
        whole: How much there is; a share of nothing is 0 %.
        about: Whether it was found on a sample, so that only "about" is true.

    Examples:
        >>> [share(part, 100_000) for part in (0, 1, 2_400, 99_999, 100_000)]
        ['0 %', '<0.1 %', '2.4 %', '>99.9 %', '100 %']
        >>> share(24, 1000, about=True)
        'about 2.4 %'
    """
    ratio = part / whole if whole else 0.0
    if ratio <= 0 or ratio == 1:
        text = f"{100 * ratio:.0f} %"
    elif ratio < 0.001:
        text = "<0.1 %"
    elif 0.999 < ratio < 1:
        text = ">99.9 %"
    else:
        text = f"{100 * ratio:.1f} %"
    return f"about {text}" if about else text


def multiple(part: float, whole: float) -> str:
    """Write how often something holds what is no share of it: times of threads that ran at once exceed the clock's.

    Args:
        part: What is more than `whole`.
        whole: More than 0.

    Examples:
        >>> [multiple(part, 1000) for part in (1001, 4_400, 15_800)]
        ['1.0 times', '4.4 times', '15.8 times']
    """
    return f"{part / whole:,.1f} times"


def statistic(value: float) -> str:
    """Write a statistic: an integer whole, anything else with four significant digits.

    Thousands are grouped from five digits on, so that a year stays a year. Below 0.0001 and from 10^15 on a
    number that is no integer is written with a power of ten.

    Args:
        value: Any int or float.

    Examples:
        >>> [statistic(value) for value in (2013, 336_776, 12.6391, -0.00123456, 1e-9, math.nan, -math.inf)]
        ['2013', '336,776', '12.64', '-0.001235', '1e-09', 'NA', '-∞']
    """
    return _written(value, grouped=abs(value) >= _GROUPED)


def precise(value: float) -> str:
    """Write a value that was measured as `statistic` does, but with six significant digits.

    Examples:
        >>> [precise(value) for value in (1e6, 0.123456789, 20_480.0, 1e-5)]
        ['1,000,000', '0.123457', '20,480', '1e-05']
    """
    return _written(value, grouped=abs(value) >= _GROUPED, digits=6)


def statistics(values: Iterable[float], apart: Sequence[float] = ()) -> list[str]:
    """Write statistics that are read side by side: thousands are grouped in all of them or in none.

    Args:
        values: The statistics.
        apart: Those of them, such as the least and the greatest, that do not look the same unless they are: there
            are more digits in all of them then.

    Examples:
        >>> statistics([8255, 336_776]), statistics([1999, 2013])
        (['8,255', '336,776'], ['1999', '2013'])
        >>> statistics([17.00012, 17.0002, 17.00034], apart=(17.00012, 17.00034))
        ['17.0001', '17.0002', '17.0003']
    """
    known: Sequence[float] = list(values)
    grouped = any(abs(value) >= _GROUPED for value in known)
    digits = _digits_for(apart)
    return [_written(value, grouped=grouped, digits=digits) for value in known]


def _digits_for(values: Sequence[float]) -> int:
    """Find how many digits tell values apart."""
    different = len(set(values))
    for digits in range(_SIGNIFICANT, _MOST_SIGNIFICANT):
        if len({_written(value, grouped=False, digits=digits) for value in values}) == different:
            return digits
    return _MOST_SIGNIFICANT


def told_apart(left: float, right: float) -> tuple[str, str]:
    """Write two statistics that are compared: with more digits than usual if they would look alike and are not.

    Examples:
        >>> told_apart(16_589_932.5, 336_776), told_apart(17.00012, 17.00034)
        (('16,589,932', '336,776'), ('17.0001', '17.0003'))
    """
    digits = _digits_for((left, right))
    first, second = (_written(one, grouped=abs(one) >= _GROUPED, digits=digits) for one in (left, right))
    return first, second


_MOST_SIGNIFICANT = 17
"""Digits that tell any two floats apart."""


def _written(value: float, *, grouped: bool, digits: int = _SIGNIFICANT) -> str:
    mark = "," if grouped else ""
    if isinstance(value, int):
        return f"{value:{mark}}"
    if math.isnan(value):
        return MISSING
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if value and not _SMALLEST <= abs(value) < _LARGEST:
        return f"{value:.{digits}g}"
    # An integer of any length is written whole; of other numbers no digit before the point is left out.
    whole = value == int(value)
    decimals = 0 if whole else max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:{mark}.{decimals}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def byte_size(amount: float, like: float | None = None) -> str:
    """Write a number of bytes in powers of a thousand.

    Args:
        amount: Bytes.
        like: Bytes whose unit is taken, so that two sizes can be compared. Default: the largest unit that fits.

    Examples:
        >>> [byte_size(amount) for amount in (812, 4_200, 999_999, 3e12)]
        ['812 B', '4.2 KB', '1.0 MB', '3.0 TB']
    """
    measure = amount if like is None else like
    if measure < 999.5:
        return f"{amount:.0f} B"
    unit = next((place for place in range(1, len(_UNITS)) if measure < 999.5 * 1000**place), len(_UNITS))
    scaled = amount / 1000**unit
    return f"{scaled:.1f} {_UNITS[unit - 1]}" if scaled < 99.95 else f"{scaled:,.0f} {_UNITS[unit - 1]}"

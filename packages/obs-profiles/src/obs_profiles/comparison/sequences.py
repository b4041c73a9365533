"""Numbers that go on: keys that grow, and times that are kept as numbers.

They are new each time, so that their values say nothing about the data: what is compared of them is what is missing, as
of times. Whether a column is one of them is told by both profiles together. It must be hard to be taken for one, for a
measure of which all values moved must not pass.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable

import numpy as np

from obs_profiles.column_profiles import ColumnProfile, NumberProfile
from obs_profiles.wording import digits_text, value_text, whole_text

__all__ = ["goes_on", "number_writer"]

_FEWEST = 20
"""Values on each side: fewer are different by chance."""

_FEWEST_OF_A_WINDOW = 1_000
"""Values on each side, where both sides have some in common: those of the last week, say."""

_DENSE = 0.5
"""Of all integers between the smallest and the largest key of a window at least so many are there."""

_RATE = 10.0
"""How many times farther from each other the keys of one side may be than those of the other."""

_FARTHEST = 10_000
"""How many times the range of either side may lie between them: nights since a reference was pinned."""

_PER_SECOND = (1, 10**3, 10**6, 10**9)
_FIRST = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC).timestamp()
_LAST = datetime.datetime(2100, 1, 1, tzinfo=datetime.UTC).timestamp()
_FIRST_DAY, _LAST_DAY = 1900_01_01, 2100_12_31
"""Dates that are written as numbers."""

_RECENT = 31 * 86_400.0
"""Seconds before and after its profile was made at which the last time of a column is evidence that it is one."""


def goes_on(before: ColumnProfile, after: ColumnProfile, made: tuple[int, int]) -> bool:
    """Tell whether the numbers of a column go on from where they were.

    They do if they are times since 1970, dates such as 20240115, or whole and all different, and those of now are all
    larger than those of before. Where both sides have some in common, the last times are as recent as the profiles, or
    the keys leave few gaps.

    Args:
        before: What was.
        after: What is.
        made: When their profiles were made, in nanoseconds since 1970; 0 where that is not known.
    """
    one, other = before.numbers, after.numbers
    alone = all(column.types.keys() <= {"integer", "number"} and not column.infinite for column in (before, after))
    if one is None or other is None or not alone or min(one.moments.count, other.moments.count) < _FEWEST:
        return False
    if other.least < one.least or other.most < one.most:
        return False
    apart = other.least > one.most
    if all(map(_are_dates, (one, other))) and all(c.types.keys() == {"integer"} for c in (before, after)):
        return apart or all(map(_is_recent_date, (one, other), made))
    if _are_times(one, other):
        return apart or (_is_recent(one, made[0]) and _is_recent(other, made[1]))
    return _are_keys(before) and _are_keys(after) and _continue(one, other, apart=apart)


def number_writer(*columns: ColumnProfile) -> Callable[[float], str]:
    """Return what writes the numbers of a column, or of both sides of one.

    The digits of keys, of times since 1970 and of dates such as 20240115 are a name: they are not grouped.
    """
    if all(map(_are_names, columns)):
        return digits_text
    return whole_text if all(column.kind == "integer" for column in columns) else value_text


def _are_names(column: ColumnProfile) -> bool:
    known = column.numbers
    if known is None or column.kind != "integer" or not known.moments.count:
        return False
    is_key = known.moments.count >= _FEWEST and column.types.keys() == {"integer"} and _are_keys(column)
    return is_key or _are_times(known, known) or _are_dates(known)


def _are_dates(known: NumberProfile) -> bool:
    """Tell whether numbers are days, such as 20240115: all that the profile knows are in the calendar."""
    ends = [float(known.least), float(known.most)]
    if not _FIRST_DAY <= ends[0] <= ends[1] <= _LAST_DAY:
        return False
    numbers = np.unique(np.concatenate([ends, *known.quantiles.levels])).astype(np.int64)
    months = numbers // 100 % 100
    if np.any((months < 1) | (months > 12) | (numbers % 100 < 1)):
        return False
    first = (numbers // 10_000 - 1970).astype("M8[Y]").astype("M8[M]") + (months - 1).astype("m8[M]")
    days = (first + np.timedelta64(1, "M")).astype("M8[D]") - first.astype("M8[D]")
    return bool(np.all(numbers % 100 <= days.astype(np.int64)))


def _are_times(one: NumberProfile, other: NumberProfile) -> bool:
    """Tell whether numbers are seconds, or parts of seconds, since 1970, of the same unit and of this century."""
    return any(_FIRST * unit <= one.least and other.most < _LAST * unit for unit in _PER_SECOND)


def _is_recent(known: NumberProfile, made: int) -> bool:
    return any(abs(float(known.most) / unit - made / 1e9) < _RECENT for unit in _PER_SECOND)


def _is_recent_date(known: NumberProfile, made: int) -> bool:
    moment = datetime.datetime.strptime(str(int(known.most)), "%Y%m%d").replace(tzinfo=datetime.UTC)
    return abs(moment.timestamp() - made / 1e9) < _RECENT


def _are_keys(column: ColumnProfile) -> bool:
    """Tell whether numbers are whole and all different, as far as the profile tells."""
    assert column.numbers is not None
    if column.all_different is False:
        return False
    ends = [float(column.numbers.least), float(column.numbers.most)]  # what is between is rounded
    items = np.concatenate([ends, *column.numbers.quantiles.levels])
    if not np.array_equal(np.floor(items), items):
        return False
    if column.all_different is None and column.distinct.relative_error:
        return not len(column.numbers.frequent) and column.distinct_count.most >= column.present
    return bool(column.all_different)


def _continue(one: NumberProfile, other: NumberProfile, *, apart: bool) -> bool:
    """Tell whether keys are as far from each other as they were, and begin not too far from where they ended."""
    gaps = [_gap(known) for known in (one, other)]
    if max(gaps) > _RATE * min(gaps):
        return False
    if apart:
        return other.least - one.most <= _FARTHEST * max(known.most - known.least for known in (one, other))
    return min(one.moments.count, other.moments.count) >= _FEWEST_OF_A_WINDOW and max(gaps) <= 1 / _DENSE


def _gap(known: NumberProfile) -> float:
    """Return how far a key is from the next one, on average."""
    return float(known.most - known.least + 1) / known.moments.count

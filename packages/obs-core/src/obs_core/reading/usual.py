"""What is usual for a pipeline: how long its good runs take, and when it runs."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence

from msgspec import Struct

from obs_core.model import ExecutionView, moment

__all__ = ["FEWEST", "OF_METRICS", "OF_TIMES", "RUNS_LOOKED_AT", "Rhythm", "Usual", "is_good", "rhythm", "usual"]

RUNS_LOOKED_AT = 20
"""Good runs before one that tell what is usual for it."""

FEWEST = 4
"""Good runs from which on their spread tells what is usual."""

OF_TIMES, OF_METRICS = 0.1, 0.001
"""What is usual reaches so far from the median at least, as a share of it: times that vary by less are alike to a
person, while a metric may hardly vary, and yet each change of it tells something."""

_TO_SIGMA = 1.4826
"""What turns a median absolute deviation into the standard deviation of a normal distribution."""

_WIDTH = 3.0
_WIDER_OF_FEW = 4.0

_FEWEST_INTERVALS = 6
_REGULAR = 0.2
_SHORTEST = 60 * 10**9
"""Nanoseconds between runs that cron and its like begin at least."""

_AT_ONCE = 0.02
"""Which part of an interval lies at most between the end of a run and the beginning of the next one in a loop."""

_DAY = 86_400 * 10**9


class Usual(Struct, frozen=True):
    """What is usual of a quantity, on every page and in every command.

    Attributes:
        median: The median of the last good runs.
        low: What is less is unusual.
        high: What is more is unusual.
        runs: Of how many runs that is.
    """

    median: float
    low: float
    high: float
    runs: int

    def judge(self, value: float) -> str:
        """Tell whether a value is ``"usual"``, ``"low"`` or ``"high"``."""
        return "low" if value < self.low else "high" if value > self.high else "usual"


def is_good(view: ExecutionView) -> bool:
    """Tell whether an execution is one of those that say what is usual: it succeeded, and no check failed."""
    return view.status == "succeeded" and not view.verdicts.failed


def usual(values: Sequence[float], narrowest: float = OF_TIMES) -> Usual | None:
    """Return what is usual: the median of the last good runs, and three times their spread around it.

    The spread is the median absolute deviation, which a single slow run does not widen, scaled to a standard deviation.
    Of few runs it is known badly: of n runs it counts for 1 + 4 / n times as much.

    In a simulation (``python -m tests.benchmarks usual``) of log-normal durations that vary by 3 to 40 %, of 4 to 20
    runs, 2.7 % of runs in which nothing changed are judged unusual, and 85 % of those that take half as long again, or
    four standard deviations longer. Without the factor it is 6.8 and 95 %; at 85 % it is 3.1 %. A range that is never
    narrower than what was seen has 2.1 % at 85 %, but finds 61 % instead of 81 % once 5 % of the good runs were slow.
    Where runs are of two kinds, one twice as long as the other, neither tells well: 16 % are judged unusual.

    Args:
        values: Of good runs, the newest last; at most `RUNS_LOOKED_AT` count.
        narrowest: How wide the band is on each side at least, in parts of the median. Default: a tenth.

    Returns:
        None if there are fewer than `FEWEST`.

    Examples:
        >>> usual([10.0, 11.0, 10.5, 60.0, 10.2, 10.1]).judge(14.0)
        'high'
    """
    looked_at = values[-RUNS_LOOKED_AT:]
    if len(looked_at) < FEWEST:
        return None
    median = statistics.median(looked_at)
    deviation = _TO_SIGMA * statistics.median(abs(value - median) for value in looked_at)
    width = max(_WIDTH * (1 + _WIDER_OF_FEW / len(looked_at)) * deviation, narrowest * abs(median))
    # What is never negative has no usual range below zero.
    low = median - width if min(looked_at) < 0 else max(0.0, median - width)
    return Usual(median, low, median + width, len(looked_at))


class Rhythm(Struct, frozen=True):
    """When a pipeline usually runs.

    Attributes:
        every: The usual time between the beginnings of two runs, in nanoseconds.
        expected: When the next one should begin, in nanoseconds since the epoch.
        late_after: From when on it is late, in nanoseconds since the epoch.
    """

    every: int
    expected: int
    late_after: int


def rhythm(starts: Sequence[int], durations: Sequence[int] = ()) -> Rhythm | None:
    """Tell when a pipeline usually runs, from when its runs began.

    A pipeline that runs once a day, but not on each day of the week, is expected on its days only. Calls in a loop are
    no rhythm: they begin more often than schedulers begin anything, or each as soon as the one before has ended.

    Args:
        starts: Nanoseconds since the epoch, the newest last.
        durations: How long each took, in nanoseconds. Default: that is not looked at.

    Returns:
        None if there are too few runs, or they follow no rhythm.
    """
    intervals = [later - earlier for earlier, later in itertools.pairwise(starts)]
    if len(intervals) < _FEWEST_INTERVALS:
        return None
    every = statistics.median(intervals)
    pauses = [interval - took for interval, took in zip(intervals, durations, strict=False)]
    at_once = sum(0 <= pause <= _AT_ONCE * every for pause in pauses)
    if every < _SHORTEST * (1 - _REGULAR) or at_once > len(intervals) / 2:
        return None
    near = sum(abs(interval - every) <= _REGULAR * every for interval in intervals)
    if near < 0.6 * len(intervals):
        return None
    expected = starts[-1] + int(every)
    if abs(every - _DAY) <= _REGULAR * _DAY:
        days = {moment(start).weekday() for start in starts}
        enough = starts[-1] - starts[0] >= 14 * _DAY
        while enough and moment(expected).weekday() not in days:
            expected += _DAY
    slack = max(_REGULAR * every, 60 * 10**9)
    return Rhythm(int(every), expected, expected + int(slack))

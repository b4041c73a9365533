"""What is usual for a pipeline."""

from __future__ import annotations

import datetime

import pytest
from msgspec import structs

from obs_core.model import ExecutionView, VerdictCounts
from obs_core.reading.usual import is_good, rhythm, usual

DAY = 86_400 * 10**9


def ns(day: int, hour: int = 2) -> int:
    """A moment of November 2026, which begins on a Sunday."""
    at = datetime.datetime(2026, 11, 1, hour, tzinfo=datetime.UTC) + datetime.timedelta(days=day)
    return int(at.timestamp()) * 10**9


def test_one_slow_run_does_not_widen_what_is_usual() -> None:
    found = usual([10.0, 10.2, 9.9, 60.0, 10.1, 10.0, 9.8])
    assert found is not None
    assert found.median == 10.0
    assert [found.judge(value) for value in (10.4, 12.0, 60.0, 7.0)] == ["usual", "high", "high", "low"]


def test_only_the_last_twenty_runs_count() -> None:
    found = usual([100.0] * 50 + [10.0] * 20)
    assert found is not None
    assert (found.median, found.runs) == (10.0, 20)


def test_a_few_runs_tell_nothing() -> None:
    assert usual([10.0] * 3) is None


def test_of_few_runs_more_is_usual() -> None:
    few, many = usual([9.0, 10.0, 11.0, 10.0]), usual([9.0, 10.0, 11.0, 10.0] * 5)
    assert few is not None
    assert many is not None
    assert few.high - 10 == pytest.approx(2 * 3 * 1.4826 * 0.5)
    assert many.high - 10 == pytest.approx(1.2 * 3 * 1.4826 * 0.5)


def test_what_is_never_negative_has_no_usual_range_below_zero() -> None:
    found = [usual(values) for values in ([1.0, 9.0, 2.0, 5.0], [-1.0, 9.0, 2.0, 5.0])]
    assert [one is not None and one.low < 0 for one in found] == [False, True]


def test_a_run_with_a_failed_check_is_no_good_one() -> None:
    run = ExecutionView("e1", "night", "succeeded", 0, 10)
    assert is_good(run)
    assert not is_good(structs.replace(run, verdicts=VerdictCounts(passed=3, failed=1)))
    assert not is_good(structs.replace(run, status="lost"))


def test_equal_runs_leave_a_tenth_on_each_side() -> None:
    found = usual([10.0] * 6)
    assert found is not None
    assert (found.low, found.high) == (9.0, 11.0)


def test_a_nightly_pipeline_is_expected_the_next_night() -> None:
    found = rhythm([ns(day) for day in range(10)])
    assert found is not None
    assert (found.every, found.expected) == (DAY, ns(10))
    assert ns(10) < found.late_after < ns(11)


def test_what_runs_on_working_days_is_not_late_on_a_sunday() -> None:
    days = [day for day in range(1, 27) if day % 7 not in (6, 0)]  # until Friday the 27th
    found = rhythm([ns(day) for day in days])
    assert found is not None
    assert found.expected == ns(29)


def test_what_runs_each_minute_is_expected_and_a_burst_is_not() -> None:
    minute = 60 * 10**9
    found = rhythm([number * minute for number in range(10)])
    assert found is not None
    assert found.expected == 10 * minute
    assert rhythm([number * 30_000_000 for number in range(10)]) is None
    assert rhythm([number * 30 * 10**9 for number in range(10)]) is None


def test_a_loop_of_long_runs_is_no_rhythm() -> None:
    starts = [number * 300 * 10**9 for number in range(10)]
    assert rhythm(starts, [299_900_000_000] * 10) is None
    for took in (40, 280, 320):  # the next one waits, or begins before the end of the one before
        assert rhythm(starts, [took * 10**9] * 10) is not None


def test_runs_by_hand_follow_no_rhythm() -> None:
    assert rhythm([ns(day) for day in (0, 1, 5, 6, 13, 14, 15, 25)]) is None
    assert rhythm([ns(0), ns(1)]) is None

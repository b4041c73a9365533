"""What is expected of data, checked on its profile."""

from __future__ import annotations

import copy
import datetime
import decimal
import fractions
import html
import math
import pickle
import re
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

from obs_profiles import Expectation, check, expect, merge, profile

FLIGHTS = {
    "delay": [3.0, None, 12.0, -5.0],
    "origin": ["EWR", "JFK", "EWR", "LGA"],
    "tail": ["N1", "N22", "N333", "N4444"],
    "stops": [[], ["BOS"], [], ["BOS", "ORD"]],
    "late": [True, False, True, False],
    "hour": [datetime.datetime(2013, 1, 1, hour) for hour in range(4)],
}


@pytest.mark.parametrize(
    ("expected", "passed", "found"),
    [
        (expect("delay").missing(at_most=0.25), True, "25.0 %"),
        (expect("delay").missing(at_most=0.2), False, "25.0 %"),
        (expect("delay").present(), False, "25.0 %"),
        (expect("origin").present(), True, "0 %"),
        (expect("delay").between(-5, 12), True, "-5 to 12"),
        (expect("delay").between(-4, None), False, "-5 to 12"),
        (expect("delay").between(None, 11), False, "-5 to 12"),
        (expect("delay").mean(at_least=3, at_most=4), True, "3.333"),
        (expect("delay").deviation(at_most=8), False, "8.505"),
        (expect("delay").quantile(0.5, at_most=3), True, "3"),
        (expect("origin").among("EWR", "JFK", "LGA"), True, "no other"),
        (expect("origin").among("EWR", "JFK"), False, "LGA (1)"),
        (expect("late").among(True), False, "False (2)"),
        (expect("origin").distinct(at_most=3), True, "3"),
        (expect("origin").distinct(at_least=4), False, "3"),
        (expect("tail").unique(), True, "100 %"),
        (expect("origin").unique(), False, "75.0 %"),
        (expect("tail").length(at_least=2, at_most=5), True, "2 to 5"),
        (expect("tail").length(at_most=4), False, "2 to 5"),
        (expect("stops").length(at_most=1), False, "0 to 2"),
        (expect("delay").type("number", "integer"), True, "number"),
        (expect("delay").type("integer"), False, "3 number"),
        (expect("hour").mean(at_most=3), False, "no values of which there is one: time"),
        (expect("gate").present(), False, "no such column"),
        (expect.rows(at_least=4), True, "4"),
        (expect.rows(at_most=3), False, "4"),
        (expect.columns("delay", "origin"), True, "all of them"),
        (expect.columns("delay", "gate"), False, "no gate"),
    ],
)
def test_each_expectation_passes_or_fails_with_what_was_found(expected: Any, passed: bool, found: str) -> None:
    (verdict,) = check(FLIGHTS, [expected])
    assert (verdict.passed, verdict.found, verdict.certain) == (passed, found, True)


def test_expectations_are_written_out() -> None:
    texts = [
        str(expect("delay").between(-60, 1500)),
        str(expect("delay").missing(at_most=0.03)),
        str(expect("delay").quantile(0.99, at_most=200)),
        str(expect("origin").among(*"ABCDEFG")),
        str(expect.rows(at_least=1000)),
        str(expect("delay").mean(at_least=3, at_most=3)),
    ]
    assert texts == [
        "values ≥ -60 and ≤ 1500",
        "missing ≤ 3.0 %",
        "99 % quantile ≤ 200",
        "one of A, B, C, D, E, …",
        "rows ≥ 1,000",
        "mean = 3",
    ]
    (verdict,) = check(FLIGHTS, [expect("origin").among("EWR", "JFK")])
    assert str(verdict) == "origin: one of EWR, JFK, found LGA (1)"


def test_an_estimate_near_its_limit_says_that_it_may_be_wrong(random: np.random.Generator) -> None:
    known = profile(
        {"number": random.normal(size=50_000), "wide": random.integers(0, 40_000, 50_000), "id": np.arange(50_000) * 7}
    )
    numbers = known["number"].numbers
    assert numbers is not None
    error = numbers.quantiles.rank_error
    median_between = numbers.quantiles.quantiles([0.5 - error, 0.5 + error])
    near, far = check(
        known,
        [
            expect("number").quantile(0.5, at_most=float(median_between.mean())),
            expect("number").quantile(0.5, at_most=1),
        ],
    )
    assert not near.certain
    assert (far.certain, far.passed) == (True, True)
    close, clear, unique = check(
        known,
        [
            expect("wide").distinct(at_most=1.01 * known["wide"].distinct.estimate),
            expect("wide").distinct(at_most=90_000),
            expect("id").unique(),
        ],
    )
    assert (close.certain, clear.certain, unique.certain, unique.passed) == (False, True, True, True)


INF = math.inf


@pytest.mark.parametrize(
    ("values", "expected", "passed", "found"),
    [
        ([1.0, INF], expect("it").between(0, 1e308), False, "1 to ∞"),
        ([INF, INF], expect("it").between(0, INF), True, "∞ to ∞"),
        ([1.0, INF], expect("it").mean(at_most=5), False, "∞"),
        ([1.0, -INF], expect("it").mean(at_most=5), True, "-∞"),
        ([INF, -INF], expect("it").mean(at_most=5), False, "NA"),
        ([1.0, INF], expect("it").deviation(at_most=5), False, "NA"),
        ([1.0] * 5 + [INF] * 50, expect("it").quantile(0.9, at_most=5), False, "∞"),
        ([1.0] * 50 + [INF] * 5, expect("it").quantile(0.5, at_most=5), True, "1"),
        ([INF] * 9, expect("it").quantile(0.5, at_most=5), False, "∞"),
        ([1.0, INF], expect("it").among(1), False, "∞ (1)"),
        ([1.0, INF], expect("it").among(1, INF), True, "no other"),
    ],
)
def test_infinite_numbers_are_beyond_every_limit(values: list[float], expected: Any, passed: bool, found: str) -> None:
    (verdict,) = check({"it": values}, [expected])
    assert (verdict.passed, verdict.found) == (passed, found)


DAY = datetime.datetime(2013, 1, 1)
EARLIEST = datetime.datetime.min.replace(tzinfo=datetime.timezone(datetime.timedelta(hours=5)))


@pytest.mark.parametrize(
    ("values", "allowed", "passed"),
    [
        ([1.0, 2.0], (1.0, 2.0), True),
        ([1.0, 2.0], (1, 2), True),
        ([1, 2], (1.0, np.int64(2)), True),
        ([1e16, 1e22], (1e16, 1e22), True),
        (np.array([0.1], np.float32), (0.1,), True),
        (np.array([0.1]), (np.float32(0.1),), False),
        ([b"a"], (b"a",), True),
        (["a"], (b"a",), False),
        ([DAY], (DAY,), True),
        ([DAY], (DAY + datetime.timedelta(seconds=1),), False),
        ([datetime.timedelta(hours=1)], (datetime.timedelta(minutes=60),), True),
        ([decimal.Decimal("1.10")], (decimal.Decimal("1.10"),), True),
        (["x" * 150], ("x" * 150,), True),
        (["x" * 150], ("x" * 100 + "…",), False),
        ([1] * 90 + ["evil"] * 10, (1,), False),
        (["a"] * 90 + [666] * 10, ("a",), False),
        (["1"], (1,), False),
        ([1], ("1",), False),
        ([True, False], (True,), False),
        ([True, 0], (True,), False),
        (["é", None], ("é", None), True),
        (["é"], ("e",), False),
        (["\udc80"], ("\udc80",), True),
        ([1 + 2j, complex("nan")], (1 + 2j,), True),
        (np.array([1 + 2j, complex(0, math.nan)]), (1 + 2j,), True),
        ([10**400], (10**400,), True),
        ([10**400], (INF,), False),
        ([INF], (10**400,), False),
        ([INF, -INF], (INF,), False),
        ([decimal.Decimal("1e500")], (decimal.Decimal("1e500"),), True),
        ([decimal.Decimal("1e500")], (10**500,), True),
        ([decimal.Decimal("1e500")], (decimal.Decimal("1e501"),), False),
        ([fractions.Fraction(10**400)], (10**400,), True),
        ([10**400], (10**400 + 1,), False),
        ([-(10**400)], (10**400,), False),
        ([10**300], (10**300 + 1,), False),
        ([10**300, 7], (7, 10**300), True),
        ([2**64 + 1], (2**64,), False),
        ([2**53 + 1], (2.0**53,), False),
        ([f"w{k}" for k in range(300)], tuple(f"w{k}" for k in range(1, 301)), False),  # more than a table holds
        (["a", b"b"], ("a",), False),
        (["a", "a", b"b"], (b"a", "b"), False),
        ([f"w{k}" for k in range(100)], tuple(f"w{k}" for k in range(300)), True),
        (list(range(100)), tuple(float(k) for k in range(300)), True),
    ],
)
def test_values_are_allowed_by_what_they_are_and_not_by_how_they_read(
    values: Any, allowed: tuple[Any, ...], passed: bool
) -> None:
    (verdict,) = check({"it": values}, [expect("it").among(*allowed)])
    assert verdict.passed is passed


@pytest.mark.parametrize("kind", ["f2", ">f2", "f4", ">f4", "f8", ">f8"])
@pytest.mark.parametrize("value", [0.1, 16777217, 1e-9, np.float32(0.1), np.float64(0.1)])
def test_numbers_are_allowed_where_numpy_calls_them_equal_to_what_is_stored(kind: str, value: Any) -> None:
    if np.__version__ < "2" and isinstance(value, np.generic | int):
        pytest.skip("numpy 1 chooses the type in which it compares by the value, too")
    with np.errstate(over="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        values = np.array([value], kind)
        for data in (values, pd.Series(values.astype(kind.strip(">")))):
            (verdict,) = check({"it": data}, [expect("it").among(value, 2.5)])
            assert verdict.passed is bool(np.all(data == value))


def test_categories_are_allowed_as_they_are_stored() -> None:
    categories = pd.Series(np.array([0.1, 0.2, 0.1], "f4")).astype("category")
    for value, passed in ((0.1, True), (np.float32(0.1), True), ("0.1", False)):
        (verdict,) = check({"it": categories}, [expect("it").among(value, 0.2)])
        assert verdict.passed is passed


def test_polars_compares_as_stored_and_arrow_as_doubles() -> None:
    polars, arrow = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    stored = np.array([0.1], np.float32)
    for data, passed in ((polars.DataFrame({"it": stored}), True), (arrow.table({"it": stored}), False)):
        (verdict,) = check(data, [expect("it").among(0.1)])
        assert verdict.passed is passed
    assert verdict.found == "0.10000000149011612 (1)"  # it does not read like what is allowed


def test_periods_are_allowed_as_periods_of_their_frequency() -> None:
    months = pd.Series(pd.period_range("2013-01", periods=2, freq="M"))
    for allowed, passed in (
        (list(months), True),
        ([months[0]], False),
        ([month.to_timestamp() for month in months], False),
        ([month.asfreq("D", how="start") for month in months], False),
    ):
        (verdict,) = check({"it": months}, [expect("it").among(*allowed)])
        assert verdict.passed is passed


@pytest.mark.parametrize(
    ("values", "allowed", "passed", "certain"),
    [
        (["a", b"a"], ("a",), False, True),
        (["a", b"b"], ("a", b"b"), True, False),
        (["a", b"a"], ("a", b"a"), True, True),
        (["a", "a", b"b"], (b"a", "b"), False, True),  # two of "a" are more than there are bytes
        ([10**400, 1], (10**400, 1), True, True),
        ([10**400, INF], (INF,), False, True),
        ([10**30_000], (10**30_000 + 1,), True, False),  # infinite, as all that have so many digits
        ([INF, 1], (INF, 1), True, False),
        ([INF, 1.0], (INF, 1), True, True),
    ],
)
def test_what_profiles_do_not_tell_apart_is_not_certain(values: Any, allowed: Any, passed: bool, certain: bool) -> None:
    (verdict,) = check({"it": values}, [expect("it").among(*allowed)])
    assert (verdict.passed, verdict.certain) == (passed, certain)
    assert str(verdict).startswith("it: one of ")  # also of a number of more digits than Python writes


@pytest.mark.parametrize("limits", [{"at_least": 0.9}, {"at_least": 0, "at_most": 0.99}])
def test_a_count_is_no_share(limits: dict[str, float]) -> None:
    for make in (expect("it").distinct, expect.rows):
        with pytest.raises(ValueError, match=r"is a number of values, not a share: .* use unique\(\)"):
            make(**limits)
    assert check({"it": [1, 2]}, expect("it").distinct(at_least=2.0)).passed
    assert check({"it": [1, 2]}, expect("it").distinct(at_most=1.1 * 2)).passed


NIGHTS = [20240101, 20240131] * 20
KEYS = range(5_000_000, 5_000_100)


@pytest.mark.parametrize(
    ("values", "expected", "says"),
    [
        (NIGHTS, expect("it").between(20240101, 20240115), "≥ 20240101 and ≤ 20240115, found 20240101 to 20240131"),
        (NIGHTS, expect("it").mean(at_most=20240101), "mean ≤ 20240101, found 20240116"),
        (NIGHTS, expect("it").quantile(0.5, at_least=30000000), "≥ 30000000, found 20240101"),
        (NIGHTS, expect("it").among(20240101), "one of 20240101, found 20240131 (20)"),
        ([2024.5, 20240131], expect("it").between(None, 20240115), "≤ 20240115, found 2024 to 20240131"),
        (KEYS, expect("it").between(0, 4_000_000), "≥ 0 and ≤ 4000000, found 5000000 to 5000099"),
        (KEYS, expect("it").distinct(at_least=20240101), "≥ 20,240,101, found 100"),
        ([5_000_000] * 40, expect("it").between(0, 4_000_000), "≥ 0 and ≤ 4,000,000, found 5,000,000 to 5,000,000"),
    ],
)
def test_digits_that_are_a_name_are_not_grouped(values: Any, expected: Expectation, says: str) -> None:
    (verdict,) = check({"it": values}, expected)
    assert str(verdict).endswith(says)
    assert html.escape(verdict.found) in check({"it": values}, expected)._repr_html_()


@pytest.mark.parametrize(
    ("batches", "different"),
    [
        ([range(50_000), range(50_000, 100_000)], None),
        ([range(50_000), range(49_900, 99_900)], None),
        ([range(50_000), range(45_000, 95_000)], None),  # beyond what holds in 99 of 100 cases
        ([range(50_000), range(50_000)], False),
        ([range(100_000)], True),
        ([range(200), range(200)], False),
    ],
)
def test_unique_is_certain_where_the_profile_tells_whether_all_are_different(
    batches: list[range], different: bool | None
) -> None:
    known = merge(profile({"id": np.array(batch)}) for batch in batches)
    (verdict,) = check(known, expect("id").unique())
    assert known["id"].all_different is different
    assert verdict.certain is (different is not None)
    assert different in (None, verdict.passed)


LARGE = 2**53


@pytest.mark.parametrize(
    ("value", "expected", "passed", "certain"),
    [
        (LARGE + 1, expect("it").between(None, LARGE), False, True),
        (LARGE + 1, expect("it").between(None, decimal.Decimal(LARGE + 1)), True, True),
        (LARGE, expect("it").between(decimal.Decimal(LARGE + 1), None), False, True),
        (LARGE + 1, expect("it").between(None, fractions.Fraction(LARGE + 1)), True, True),
        (10**300 + 1, expect("it").between(None, 10**300), False, True),
        (LARGE + 1, expect("it").quantile(1, at_most=LARGE), False, True),
        (LARGE + 1, expect("it").quantile(0, at_most=LARGE), False, True),
        (LARGE + 1, expect("it").quantile(0.5, at_most=LARGE - 2), False, True),
        (LARGE + 1, expect("it").quantile(0.5, at_most=LARGE), True, False),
    ],
)
def test_large_integers_are_compared_to_the_last_digit(
    value: int, expected: Expectation, passed: bool, certain: bool
) -> None:
    (verdict,) = check({"it": [value] * 3}, [expected])
    assert (verdict.passed, verdict.certain) == (passed, certain)


def test_numbers_among_texts_and_texts_among_numbers_are_within_no_limits() -> None:
    for values, found in (([1] * 90 + ["x"] * 10, "1 to 1, 10 text"), (["x"] * 90 + [1] * 10, "1 to 1, 90 text")):
        (verdict,) = check({"it": values}, [expect("it").between(0, 2)])
        assert (verdict.passed, verdict.certain, verdict.found) == (False, True, found)


@pytest.mark.parametrize(
    ("least", "most", "passed"),
    [
        (datetime.date(2013, 1, 1), datetime.datetime(2013, 1, 1, 3), True),
        (np.datetime64("2013-01-01"), pd.Timestamp("2013-01-01 03:00", tz="UTC"), True),
        (None, datetime.datetime(2013, 1, 1, 2, 59, 59, 999_999), False),
        (datetime.datetime(2013, 1, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=1))), None, True),
        (datetime.datetime(2013, 1, 1, 0, 0, 1), None, False),
        (0, 5, False),
    ],
)
def test_times_are_between_moments(least: Any, most: Any, passed: bool) -> None:
    (verdict,) = check(FLIGHTS, [expect("hour").between(least, most)])
    assert verdict.passed is passed
    assert verdict.found == ("2013-01-01 to 2013-01-01 03:00" if least != 0 else "4 time")


def test_lengths_of_time_are_between_timedeltas_or_seconds() -> None:
    hours = {"it": [datetime.timedelta(hours=hour) for hour in (1, 2)]}
    limits: list[tuple[Any, Any]] = [
        (datetime.timedelta(0), datetime.timedelta(hours=2)),
        (3600, np.timedelta64(2, "h")),
        (None, 7199),
    ]
    checked = check(hours, [expect("it").between(*each) for each in limits])
    assert [verdict.passed for verdict in checked] == [True, True, False]


@pytest.mark.parametrize(
    ("values", "expected", "text"),
    [
        ([0.03015, 2452.2], expect("it").between(0, 2452.19), "it: values ≥ 0 and ≤ 2452.19, found 0.03015 to 2452.2"),
        ([2452.55], expect("it").between(None, 2452.6), "it: values ≤ 2452.6, found 2452.55 to 2452.55"),
        ([None] * 301 + [1] * 9_699, expect("it").missing(at_most=0.03005), "it: missing ≤ 3.005 %, found 3.01 %"),
        ([None] + [1] * 9_999, expect("it").missing(at_most=0.00005), "it: missing ≤ 0.005 %, found 0.01 %"),
        (
            [2**53 + 3],
            expect("it").between(None, 2**53 + 1),
            f"it: values ≤ {2**53 + 1:,}, found {2**53 + 3:,} to {2**53 + 3:,}",
        ),
    ],
)
def test_no_text_of_a_verdict_contradicts_it(values: list[Any], expected: Any, text: str) -> None:
    (verdict,) = check({"it": values}, [expected])
    assert str(verdict) == text


EMPTY_RULES = [
    expect("it").between(0, 1),
    expect("it").among("a"),
    expect("it").type("text"),
    expect("it").length(at_most=5),
    expect("it").unique(),
    expect("it").mean(at_most=5),
]


def test_no_rule_holds_of_values_that_never_came_unless_somebody_said_so() -> None:
    for values, found, allowance in (
        ([], "no rows", expect.rows(at_least=0)),
        ([None, None], "no values", expect("it").missing(at_most=1)),
    ):
        checked = check({"it": values}, EMPTY_RULES)
        assert [(verdict.passed, verdict.found) for verdict in checked] == [(False, found)] * len(EMPTY_RULES)
        assert check({"it": values}, [*EMPTY_RULES, allowance]).passed
    assert not check({"it": []}, [expect("it").present()]).passed


def test_more_values_than_are_counted_are_no_proof() -> None:
    data = {"it": [f"w{k:04}" for k in range(5_000)]}
    (verdict,) = check(profile(data), [expect("it").among("w0001")])
    assert (verdict.passed, verdict.certain) == (False, False)
    (verdict,) = check(data, [expect("it").among("w0001")])
    assert (verdict.passed, verdict.certain) == (False, True)
    assert verdict.found == "4,999 other values, of which no more is known"


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: expect("it").mean(), ValueError, "mean needs a limit"),
        (lambda: expect.rows(), ValueError, "rows needs a limit"),
        (lambda: expect("it").quantile(2, at_most=1), ValueError, "from 0 to 1"),
        (
            lambda: expect("it").between(0, "5"),  # type: ignore[arg-type]
            TypeError,
            "a limit of range is a number, or a date or datetime, not str",
        ),
        (lambda: expect("it").between(0, True), TypeError, "not bool"),
        (lambda: expect("it").mean(at_most=datetime.datetime(2013, 1, 1)), TypeError, "is a number, not datetime"),  # type: ignore[arg-type]
        (lambda: expect("it").missing(at_most="0.5"), TypeError, "not str: '0.5'"),  # type: ignore[arg-type]
        (lambda: expect("it").missing(at_most=5), ValueError, "a share, from 0 to 1, not 5"),
        (lambda: expect("it").between(math.nan, 3), ValueError, "not NaN"),
        (lambda: expect("it").between(0, 10**400), ValueError, "within a float's range, up to 1.8e308"),
        (lambda: expect("it").mean(at_most=decimal.Decimal("1e500")), ValueError, "within a float's range"),  # type: ignore[arg-type]
        (lambda: expect("it").between(None, decimal.Decimal("sNaN")), ValueError, "not sNaN"),
        (lambda: expect("it").between(EARLIEST, None), ValueError, r"1 to 9999, in UTC, and 0001-01-01 .*05:00 is not"),
        (lambda: expect("it").between(None, np.datetime64("20000-01-01")), ValueError, "years 1 to 9999"),  # type: ignore[arg-type]
        (lambda: expect("it").between(None, np.datetime64("NaT", "us")), ValueError, "not NaT"),  # type: ignore[arg-type]
        (lambda: expect("it").between(None, np.timedelta64("NaT", "s")), ValueError, "not NaT"),  # type: ignore[arg-type]
        (lambda: expect("it").between(pd.NaT, None), ValueError, "not NaT"),  # type: ignore[arg-type]
        (lambda: expect("it").between(3, 1), ValueError, "at least 3 and at most 1"),
        (lambda: expect("it").between(3, datetime.date(2013, 1, 1)), TypeError, "both numbers or both moments"),
        (lambda: expect("it").among(), ValueError, "needs a value"),
        (lambda: expect("it").type("nubmer"), ValueError, "no type 'nubmer'; there are: integer, number"),
        (lambda: expect.columns(), ValueError, "needs a name"),
        (lambda: expect.columns(5), TypeError, "named by texts"),  # type: ignore[arg-type]
        (lambda: expect(5).present(), TypeError, "named by a text"),  # type: ignore[arg-type]
        (lambda: Expectation("it", "nonsense", 1.0), ValueError, "no measure 'nonsense'"),
    ],
)
def test_expectations_that_mean_nothing_are_refused(make: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        make()


@pytest.mark.parametrize(("most", "passed"), [(0.25, True), (0.2, False)])
def test_the_mean_of_booleans_is_the_share_that_is_true(most: float, passed: bool) -> None:
    (verdict,) = check({"flag": [True, False, None, False, False]}, expect("flag").mean(at_most=most))
    assert (verdict.passed, verdict.certain, verdict.found) == (passed, True, "0.25")


def test_the_mean_of_booleans_among_others_is_not_known() -> None:
    (verdict,) = check({"flag": [True, False, "x", False]}, expect("flag").mean(at_most=1))
    assert not verdict.passed


def test_checked_says_what_failed() -> None:
    checked = check(FLIGHTS, [expect.rows(at_least=1), expect("delay").present()])
    assert not checked.passed
    assert [verdict.expectation.column for verdict in checked.failed] == ["delay"]
    assert (len(checked), repr(checked)) == (2, "<Checked: 1 of 2 failed>")
    assert check(FLIGHTS, []).passed


@pytest.mark.parametrize("size", [129, 200, 512])
def test_allowed_values_that_are_many_are_allowed(size: int) -> None:
    (verdict,) = check(profile({"x": range(size)}), [expect("x").among(*range(size))])
    assert verdict.passed


def test_a_time_that_no_datetime_is_leaves_the_other_rules_alone() -> None:
    far = np.array(["2020-01-01", "12020-01-01"], "M8[s]")
    start = datetime.datetime(2000, 1, 1)
    rules = [expect("t").between(start, datetime.datetime(2030, 1, 1)), expect("a").between(0, 1)]
    times, numbers = check(profile({"t": far, "a": [1, 5]}), rules)
    assert (times.passed, numbers.passed) == (False, False)


def test_a_distinct_count_near_its_limit_says_that_two_values_may_have_one_hash() -> None:
    times = profile({"it": np.arange(300).repeat(2).astype("M8[s]"), "n": np.arange(600) // 2})
    rules = [expect("it").distinct(at_most=300), expect("it").distinct(at_most=301), expect("n").distinct(at_least=1)]
    assert [(one.passed, one.certain) for one in check(times, rules)] == [(True, False), (True, True), (True, True)]
    (unique,) = check({"it": np.array([5, 5], "M8[s]")}, [expect("it").unique()])
    assert not unique.passed


def test_the_ends_of_quantiles_are_the_ends_of_the_numbers(random: np.random.Generator) -> None:
    values = random.normal(size=20_000)
    least, most = float(values.min()), float(values.max())
    wanted = (expect("it").quantile(0, at_least=least, at_most=least), expect("it").quantile(1, at_least=most))
    assert [(verdict.passed, verdict.certain) for verdict in check({"it": values}, wanted)] == [(True, True)] * 2


def test_one_expectation_is_checked_alone_and_what_is_none_is_refused() -> None:
    assert check(FLIGHTS, expect("origin").present()).passed
    for wrong in (["origin"], [None], "origin"):
        with pytest.raises(TypeError, match="expectations are made with expect"):
            check(FLIGHTS, wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("values", [["a", "b"], {"a"}, ("a",), np.array(["a"]), pd.Series(["a"])])
def test_among_takes_values_one_by_one(values: Any) -> None:
    with pytest.raises(TypeError, match=r"among\(\*values\)"):
        expect("origin").among(values)


@pytest.mark.parametrize("make", [expect.rows, expect("it").distinct, expect("it").length, expect("it").deviation])
def test_no_count_is_below_zero(make: Any) -> None:
    for limits in ({"at_least": -1}, {"at_most": -1}):
        with pytest.raises(ValueError, match="is below 0"):
            make(**limits)
    assert make(at_least=0).at_least == 0


NEW_YEAR, MIDNIGHT = datetime.date(2024, 1, 1), datetime.datetime(2024, 1, 1)
IN_UTC = MIDNIGHT.replace(tzinfo=datetime.UTC)


@pytest.mark.parametrize("allowed", [NEW_YEAR, MIDNIGHT, pd.Timestamp(MIDNIGHT), np.datetime64("2024-01-01"), IN_UTC])
@pytest.mark.parametrize("zone", [None, "UTC"])
def test_moments_are_among_those_that_pandas_calls_equal(allowed: Any, zone: str | None) -> None:
    column = pd.Series([MIDNIGHT] * 3).dt.tz_localize(zone)
    (verdict,) = check({"it": column}, expect("it").among(allowed))
    assert (verdict.passed, verdict.certain) == (bool((column == allowed).all()), True)


def test_dates_and_datetimes_that_a_profile_does_not_tell_apart_are_not_certain() -> None:
    for value in (NEW_YEAR, MIDNIGHT):
        column = pd.Series([value] * 3, dtype=object)
        for allowed, certain in (((NEW_YEAR,), False), ((MIDNIGHT,), False), ((NEW_YEAR, MIDNIGHT), True)):
            (verdict,) = check({"it": column}, expect("it").among(*allowed))
            assert (verdict.passed, verdict.certain) == (True, certain)
    (verdict,) = check({"it": [MIDNIGHT.replace(hour=3)]}, expect("it").among(MIDNIGHT.replace(hour=3)))
    assert (verdict.passed, verdict.certain) == (True, True)


def test_a_date_limits_times_by_its_midnight() -> None:
    column = {"it": [MIDNIGHT, MIDNIGHT.replace(hour=12)]}
    assert check(column, expect("it").between(NEW_YEAR, None)).passed
    assert not check(column, expect("it").between(None, NEW_YEAR)).passed


@pytest.mark.parametrize("kind", ["float16", "float32"])
def test_a_limit_is_what_a_column_of_few_bits_has_of_it(kind: str) -> None:
    for limit in (0.1, 0.7, -0.1):
        rules = (expect("c").between(limit, limit), expect("c").mean(at_least=limit, at_most=limit))
        column = {"c": np.array([limit], kind)}
        assert check(column, [*rules, expect("c").among(limit)]).passed
        above = {"c": np.nextafter(np.array([limit], kind), np.array([1], kind))}
        assert not check(above, expect("c").between(None, limit)).passed


@pytest.mark.parametrize("limits", [{"at_most": 1}, {"at_least": 0.1}, {"at_least": 0}])
def test_the_deviation_of_a_single_value_is_not_known(limits: dict[str, float]) -> None:
    (verdict,) = check({"it": [5.0]}, expect("it").deviation(**limits))
    assert not verdict.passed
    assert verdict.found == "NA"


def test_a_number_that_is_a_lower_bound_is_no_estimate() -> None:
    known = profile({"it": [[number % 4] for number in range(40)]})
    distinct, share = check(known, [expect("it").distinct(at_least=10), expect("it").unique()])
    assert (distinct.found, distinct.certain, share.found) == ("at least 4", False, "at least 10.0 %")
    (about,) = check({"it": [*range(40_000), 0]}, expect("it").distinct(at_most=10))
    assert about.found.startswith("about ")


WORDS = [f"id{k}" for k in range(5_000)]
KINDS: dict[str, list[Any]] = {
    "texts": WORDS,
    "integers": [k * 7_919 for k in range(5_000)],
    "numbers": [k / 7 for k in range(5_000)],
    "times": [datetime.datetime(2013, 1, 1) + datetime.timedelta(hours=k) for k in range(5_000)],
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("repeats", [1, 3])
def test_all_values_of_data_are_compared_with_those_that_may_be(kind: str, repeats: int) -> None:
    values = KINDS[kind]
    frame = pd.DataFrame({"it": values * repeats})
    for rows in (len(frame), 1_700):
        batches = (frame.iloc[start : start + rows] for start in range(0, len(frame), rows))
        data: Any = frame if rows == len(frame) else list(batches)
        (fine,) = check(data, [expect("it").among(*values)])
        assert (fine.passed, fine.certain, fine.found) == (True, True, "no other")
        for allowed in (values[50:], values[:-1]):
            (verdict,) = check(data, [expect("it").among(*allowed)])
            assert (verdict.passed, verdict.certain) == (False, True)


def test_the_others_are_named_where_they_are_counted() -> None:
    data = {"it": WORDS * 3}
    (verdict,) = check(data, [expect("it").among(*WORDS[2:])])
    assert verdict.found == "id0 (3), id1 (3)"
    (verdict,) = check([data, data], [expect("it").among(*WORDS[2:])])
    assert verdict.found == "at least id0 (3), id1 (3)"


def test_of_a_profile_alone_it_is_said_that_nobody_knows() -> None:
    checked = check(profile({"it": WORDS}), [expect("it").among(*WORDS[:-50]), expect.rows(at_least=1)])
    (verdict,) = checked.uncertain
    assert (checked.passed, verdict.passed, verdict.doubt) == (True, True, "as far as the profile tells")
    assert repr(checked) == "<Checked: 0 of 2 failed, 1 not certain>"
    page = checked._repr_html_()
    assert "All passed, 1 not certain" in page
    assert "as far as the profile tells" in page


def close_to_its_limit() -> tuple[Any, Expectation]:
    """Return data, and what is expected of it that fails within the error of the estimate."""
    numbers = np.random.default_rng(5).normal(size=100_000)
    known = profile({"it": numbers})["it"].numbers
    assert known is not None
    return {"it": numbers}, expect("it").quantile(0.5, at_most=float(known.quantiles.quantiles(0.5)) - 1e-6)


def test_failures_that_are_certain_come_first_and_the_others_say_that_they_are_not() -> None:
    data, close = close_to_its_limit()
    checked = check(data, [close, expect("it").between(-1, 1), expect.rows(at_least=1)])
    certain, uncertain = checked.failed
    assert (certain.expectation.measure, uncertain.expectation.measure) == ("range", "quantile")
    assert str(uncertain).endswith("(within the estimate's error)")
    assert "error" not in str(certain)
    page = html.unescape(checked._repr_html_())
    assert "2 of 3 failed, 1 not certain: it: values ≥ -1 and ≤ 1" in page
    assert "(within the estimate's error)" in page  # what commands and the list of checks say
    assert "<small>within the estimate's error</small>" in page


@pytest.mark.parametrize(
    "expected",
    [
        expect("it").present(),
        expect("it").quantile(0.5, at_most=3),
        expect("it").between(datetime.date(2013, 1, 1), None),
        expect("it").among(1, "a", None, float("nan"), decimal.Decimal("NaN"), pd.NA, pd.NaT),
        expect.columns("a", "b"),
    ],
)
def test_an_expectation_equals_its_copies(expected: Expectation) -> None:
    for other in (copy.deepcopy(expected), pickle.loads(pickle.dumps(expected))):
        assert other == expected
        assert hash(other) == hash(expected)


def test_expectations_of_other_things_differ() -> None:
    assert expect("a").among(1) != expect("a").among(True)
    assert expect("a").quantile(0.5, at_most=3) != expect("a").quantile(0.9, at_most=3)
    assert expect("a").present() != expect("b").present()
    assert expect("a").between(1, 2) == expect("a").between(1.0, 2.0)
    with pytest.raises(ValueError, match="a quantile is of a share"):
        Expectation("a", "quantile", at_most=3.0)


_NUMBERS = (range(80_000, 110_000), 10_002_973)  # it shares 32 bits with 96,400
_TEXTS = ([f"SKU-{number:06d}" for number in range(100_000)], "SKV-000839")


@pytest.mark.parametrize(
    ("container", "allowed", "other"),
    [
        pytest.param(dict, *_NUMBERS, id="dict of numbers"),
        pytest.param(pd.DataFrame, *_TEXTS, id="frame of texts"),
        pytest.param(dict, *_TEXTS, id="dict of texts", marks=pytest.mark.nightly),
        pytest.param(pd.DataFrame, *_NUMBERS, id="frame of numbers", marks=pytest.mark.nightly),
    ],
)
def test_a_value_of_which_the_short_hash_is_allowed_is_another(container: Any, allowed: Any, other: Any) -> None:
    """A profile counts distinct values by 32 bits of their hashes, which are not enough to tell values apart."""
    expected = expect("key").among(*allowed)

    (passed,) = check(container({"key": list(allowed)}), expected).verdicts
    (failed,) = check(container({"key": [*allowed, other]}), expected).verdicts

    assert (passed.passed, passed.certain) == (True, True)
    assert (failed.passed, failed.certain) == (False, True)
    assert failed.found == "1 other value, of which no more is known"


def test_a_number_beside_its_limit_keeps_all_digits_before_the_point() -> None:
    limits = [expect("it").between(0, 123_456_789), expect("it").mean(at_most=123_456_789)]
    found = check({"it": [123_456_789.4]}, limits)
    assert [verdict.found for verdict in found] == ["123,456,789.4 to 123,456,789.4", "123,456,789.4"]
    days = {"it": [20240115, 20240115, 20240115, 20240116] * 20}
    (verdict,) = check(days, expect("it").mean(at_most=20240115))
    assert verdict.found == "20240115.2"


def test_a_mean_of_integers_that_are_no_floats_is_uncertain_within_its_rounding() -> None:
    large = 2**53 + 1
    (same,) = check({"it": [large] * 9}, expect("it").mean(at_least=large, at_most=large))
    assert (same.passed, same.certain) == (True, True)
    values = {"it": [large, large + 2, large + 6]}  # whose mean, large + 8 / 3, no float is
    near, far = check(values, [expect("it").mean(at_most=large + 2), expect("it").mean(at_most=large + 2_000)])
    assert (near.certain, far.certain) == (False, True)
    assert near.found.startswith("about ")


def test_others_that_merged_parts_did_not_all_count_are_so_many_at_least(random: np.random.Generator) -> None:
    values = random.zipf(1.2, 9_000) % 400
    known = merge([profile({"it": values[part::9]}) for part in range(9)])
    (verdict,) = check(known, expect("it").among("none"))
    assert verdict.found.startswith("9,000 integer")
    frequent = [value for value, _, _ in known["it"].frequent.sorted_by_count()]  # type: ignore[union-attr]
    (verdict,) = check(known, expect("it").among(*frequent[:-5]))
    stated = re.findall(r"(\d+) \((at least )?([\d,]+)\)", verdict.found)
    assert len(stated) == 5
    for value, mark, count in stated:
        true, said = int((values == int(value)).sum()), int(count.replace(",", ""))
        assert true >= said if mark else true == said
    assert any(mark for _, mark, _ in stated)

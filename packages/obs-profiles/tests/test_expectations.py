"""What is expected of data, checked on its profile."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pytest

from obs_profiles import check, expect, profile

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
    assert (close.certain, clear.certain, unique.certain, unique.passed) == (False, True, False, True)


def test_infinite_numbers_are_beyond_every_limit() -> None:
    (verdict,) = check({"it": [1.0, float("inf")]}, [expect("it").between(0, 1e308)])
    assert (verdict.passed, verdict.found) == (False, "1 to ∞")


def test_more_values_than_are_counted_are_no_proof() -> None:
    (verdict,) = check({"it": [f"w{k}" for k in range(5_000)]}, [expect("it").among("w1")])
    assert (verdict.passed, verdict.certain) == (False, False)


@pytest.mark.parametrize("make", [lambda: expect("it").mean(), lambda: expect("it").quantile(2, at_most=1)])
def test_expectations_that_mean_nothing_are_refused(make: Any) -> None:
    with pytest.raises(ValueError, match=r"needs a limit|from 0 to 1"):
        make()


def test_checked_says_what_failed() -> None:
    checked = check(FLIGHTS, [expect.rows(at_least=1), expect("delay").present()])
    assert not checked.passed
    assert [verdict.expectation.column for verdict in checked.failed] == ["delay"]
    assert (len(checked), repr(checked)) == (2, "<Checked: 1 of 2 failed>")
    assert check(FLIGHTS, []).passed

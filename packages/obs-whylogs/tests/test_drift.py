"""How far one data set is from another."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("whylogs", reason="needs whylogs, which has no wheel for this Python or system")

from obs_whylogs import measure_drift, profile


@pytest.fixture
def random() -> np.random.Generator:
    """The same numbers in each test, whichever ran before."""
    return np.random.default_rng(7)


def distance(before: Any, after: Any) -> Any:
    (found,) = measure_drift(pd.DataFrame({"it": before}), pd.DataFrame({"it": after}))
    return found.distance


def drift_of(before: Any, after: Any) -> Any:
    (found,) = measure_drift(pd.DataFrame({"it": before}), pd.DataFrame({"it": after}))
    return found


def hellinger(p: Any, q: Any) -> float:
    return float(np.sqrt(max(0.0, 1 - np.sqrt(np.asarray(p) * np.asarray(q)).sum())))


def test_shares_of_values_give_the_exact_hellinger_distance() -> None:
    before, after = ["a"] * 5_000 + ["b"] * 5_000, ["a"] * 9_000 + ["b"] * 1_000
    assert distance(before, after) == pytest.approx(hellinger([0.5, 0.5], [0.9, 0.1]), abs=0.001)


def test_numbers_that_moved_by_a_deviation_give_about_what_theory_says(random: np.random.Generator) -> None:
    # Two normal distributions, one deviation apart: H² = 1 - exp(-1/8). Ten bins see a little less of it.
    exact = np.sqrt(1 - np.exp(-1 / 8))
    found = distance(random.normal(0, 1, 50_000), random.normal(1, 1, 50_000))
    assert found == pytest.approx(exact, abs=0.02)


def test_missing_values_are_part_of_it() -> None:
    found = distance([1.0] * 1000, [1.0] * 500 + [np.nan] * 500)
    assert found == pytest.approx(hellinger([1, 0], [0.5, 0.5]), abs=0.01)


def test_nothing_in_common_is_one_and_the_same_is_nought() -> None:
    assert distance([1.0] * 100, [2.0] * 100) == pytest.approx(1, abs=0.01)
    assert distance(["x"] * 100, ["y"] * 100) == pytest.approx(1, abs=0.01)
    assert distance([True] * 100, [False] * 100) == pytest.approx(1, abs=0.01)
    for same in (range(1000), list("abcd") * 50, [True, False] * 50, [None] * 10):
        assert distance(same, same) == 0


@pytest.mark.parametrize("rows", [50, 400, 5_000])
def test_samples_of_the_same_do_not_drift(rows: int, random: np.random.Generator) -> None:
    def sample(size: int) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "number": random.normal(size=size),
                "dice": random.integers(1, 7, size),
                "word": random.choice(list("abcdef"), size),
                "identifier": [f"id-{value}" for value in random.integers(0, 10**9, size)],
                "gaps": np.where(random.random(size) > 0.1, 1.0, np.nan),
            }
        )

    drifted = [each.name for _ in range(10) for each in measure_drift(sample(rows), sample(rows)) if each.drifted]
    assert drifted == []


def test_a_shift_is_found_in_samples_of_a_hundred(random: np.random.Generator) -> None:
    assert drift_of(random.normal(0, 1, 100), random.normal(1.5, 1, 100)).drifted
    assert drift_of(["a"] * 90 + ["b"] * 10, ["a"] * 40 + ["b"] * 60).drifted


def test_a_column_that_changed_its_type_drifted_and_says_so() -> None:
    found = drift_of([1, 2, 3] * 20, ["1", "2", "3"] * 20)
    assert found.drifted
    assert found.change == "integer → text"
    assert drift_of([1, 2, 3] * 20, [1.0, 2.0, 3.0] * 20).distance == 0


def test_columns_that_came_and_went_are_first() -> None:
    before = pd.DataFrame({"same": range(100), "gone": 1, "moved": 1.0})
    after = pd.DataFrame({"same": range(100), "new": 1, "moved": 2.0})
    found = measure_drift(before, after)
    assert [(each.name, each.change, each.drifted) for each in found] == [
        ("gone", "removed", True),
        ("new", "added", True),
        ("moved", "", True),
        ("same", "", False),
    ]


def test_values_of_which_there_are_too_many_are_not_compared_one_by_one() -> None:
    found = drift_of([f"a{k}" for k in range(5_000)], [f"b{k}" for k in range(5_000)])
    assert found.distance == 0
    assert "too many" in found.algorithm


def test_a_side_without_rows_has_no_distance() -> None:
    found = drift_of([1.0], np.array([], float))
    assert (found.distance, found.change) == (None, "no rows on one side")


def test_thresholds_are_by_column_and_the_others_have_the_default() -> None:
    before, after = pd.DataFrame({"a": [1] * 100, "b": [1] * 100}), pd.DataFrame({"a": [2] * 100, "b": [2] * 100})
    found = {each.name: each for each in measure_drift(before, after, thresholds={"a": 1.0})}
    assert (found["a"].threshold, found["b"].threshold) == (1.0, 0.15)
    assert not found["a"].drifted
    assert found["b"].drifted


@pytest.mark.parametrize(
    ("thresholds", "error", "says"),
    [
        (1.5, ValueError, "1.5"),
        ({"it": -1}, ValueError, "it"),
        ({"it": "much"}, TypeError, "str"),
        (True, TypeError, "bool"),
        ({"other": 0.5}, ValueError, "'other', which is no column; there are: it"),
    ],
)
def test_wrong_thresholds_are_named(thresholds: Any, error: type[Exception], says: str) -> None:
    frame = pd.DataFrame({"it": [1]})
    with pytest.raises(error, match=says):
        measure_drift(frame, frame, thresholds=thresholds)


def test_profiles_and_frames_may_be_mixed() -> None:
    frame = pd.DataFrame({"it": range(100)})
    kept = type(profile(frame)).deserialize(profile(frame).serialize())
    assert [each.distance for each in measure_drift(kept, frame)] == [0]


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.one_of(st.none(), st.floats(allow_infinity=False), st.text(max_size=2)), max_size=40),
    st.lists(st.one_of(st.none(), st.floats(), st.text(max_size=2)), max_size=40),
)
def test_a_distance_is_from_nought_to_one_and_the_same_from_both_sides(before: list[Any], after: list[Any]) -> None:
    one, other = pd.Series(before, dtype=object), pd.Series(after, dtype=object)
    there, back = distance(one, other), distance(other, one)
    assert there == back or there == pytest.approx(back)
    assert there is None or 0 <= there <= 1

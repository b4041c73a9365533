"""How far one data set is from another, and what moved."""

from __future__ import annotations

import datetime
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obs_core import clock
from obs_profiles import ColumnDrift, Drift, Profile, drift, profile


def drift_of(before: Any, after: Any) -> ColumnDrift:
    (found,) = drift({"it": before}, {"it": after})
    return found


def hellinger(p: Any, q: Any) -> float:
    return float(np.sqrt(max(0.0, 1 - np.sqrt(np.asarray(p) * np.asarray(q)).sum())))


# ---- the measure ------------------------------------------------------------------------------------------------


def test_shares_of_values_give_the_exact_hellinger_distance() -> None:
    before, after = ["a"] * 5_000 + ["b"] * 5_000, ["a"] * 9_000 + ["b"] * 1_000
    assert drift_of(before, after).distance == pytest.approx(hellinger([0.5, 0.5], [0.9, 0.1]), abs=0.001)


def test_numbers_that_moved_by_a_deviation_give_about_what_theory_says(random: np.random.Generator) -> None:
    # Two normal distributions, one deviation apart: H² = 1 - exp(-1/8). Ten bins see a little less of it.
    found = drift_of(random.normal(0, 1, 50_000), random.normal(1, 1, 50_000))
    assert found.distance == pytest.approx(np.sqrt(1 - np.exp(-1 / 8)), abs=0.02)


def test_missing_values_are_part_of_it() -> None:
    found = drift_of([1.0] * 1000, [1.0] * 500 + [None] * 500)
    assert found.distance == pytest.approx(hellinger([1, 0], [0.5, 0.5]), abs=0.01)
    assert (found.movements[0].what, found.movements[0].before, found.movements[0].after) == ("missing", 0, 0.5)


def test_infinite_numbers_are_part_of_it() -> None:
    found = drift_of([1.0, 2.0] * 500, [1.0, float("inf")] * 500)
    assert {(one.what, one.after) for one in found.movements} == {("2", 0.0), ("infinite", 0.5)}


def test_nothing_in_common_is_one_and_the_same_is_nought() -> None:
    for before, after in (([1.0], [2.0]), (["x"], ["y"]), ([True], [False])):
        assert drift_of(before * 100, after * 100).distance == pytest.approx(1, abs=0.01)
    for same in (range(1000), list("abcd") * 50, [True, False] * 50, [None] * 10, [[1], [1, 2]] * 30):
        assert drift_of(list(same), list(same)).distance == 0


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.one_of(st.none(), st.floats(), st.text(max_size=2)), max_size=40),
    st.lists(st.one_of(st.none(), st.floats(), st.text(max_size=2)), max_size=40),
)
def test_a_distance_is_from_nought_to_one_and_the_same_from_both_sides(before: list[Any], after: list[Any]) -> None:
    there, back = drift_of(before, after), drift_of(after, before)
    assert there.distance == back.distance or there.distance == pytest.approx(back.distance)
    assert there.distance is None or 0 <= there.distance <= 1
    for facet in there.facets:
        assert sum(one.part for one in facet.movements) == pytest.approx(1) or not facet.movements


# ---- chance -----------------------------------------------------------------------------------------------------


def sample(random: np.random.Generator, size: int) -> dict[str, Any]:
    """Rows of one distribution, of each kind of column."""
    rare = 1 / np.arange(1, 31)
    return {
        "number": random.normal(size=size),
        "heavy": random.lognormal(0, 3, size),
        "dice": random.integers(1, 7, size),
        "wide": random.integers(0, 5_000, size),
        "word": random.choice(list("abcdef"), size).tolist(),
        "rare": [f"w{k}" for k in random.choice(30, size, p=rare / rare.sum())],
        "identifier": [f"id-{value}" for value in random.integers(0, 10**9, size)],
        "gaps": np.where(random.random(size) > 0.1, 1.0, np.nan),
        "zeros": np.where(random.random(size) > 0.3, 0.0, random.normal(size=size)),
        "list": [[0] * size for size in random.poisson(3, size)],
    }


@pytest.mark.parametrize("rows", [30, 400, 5_000])
def test_samples_of_the_same_do_not_drift(rows: int, random: np.random.Generator) -> None:
    drifted = [str(one) for _ in range(5) for one in drift(sample(random, rows), sample(random, 2 * rows)).drifted]
    assert drifted == []


@pytest.mark.slow
def test_false_alarms_are_as_rare_as_promised(random: np.random.Generator, nightly: bool) -> None:
    rounds, most = (1_000, 18) if nightly else (200, 6)
    columns = [one for _ in range(rounds) for one in drift(sample(random, 200), sample(random, 300))]
    assert len(columns) == 10 * rounds
    # One in a thousand: ten are to be expected by night, two by day, and more than this one time in a hundred.
    assert sum(one.drifted for one in columns) <= most


def test_shifts_that_matter_are_found_in_ten_thousand_rows(random: np.random.Generator) -> None:
    size = 10_000
    letters = random.choice(["a", "b", "c"], size)
    before = {
        "mean": random.normal(0, 1, size),
        "category": letters,
        "missing": random.normal(size=size),
        "code": letters,
    }
    after = {
        "mean": random.normal(0.2, 1, size),
        "category": np.where(random.random(size) < 0.01, "new", letters),
        "missing": np.where(random.random(size) < 0.05, np.nan, random.normal(size=size)),
        "code": letters,
    }
    found = drift(before, after)
    assert {one.name for one in found.drifted} == {"mean", "category", "missing"}
    assert found.column("category").movements[0].what == "new"
    assert found.column("missing").movements[0].what == "missing"


def test_a_new_sentinel_among_many_numbers_is_found(random: np.random.Generator) -> None:
    numbers = random.normal(50, 12, 10_000)
    found = drift_of(numbers, np.where(random.random(10_000) < 0.02, -999.0, numbers))
    assert found.drifted
    assert (found.movements[0].what, found.movements[0].kind) == ("-999", "value")


@pytest.mark.parametrize("many", [30, 72, 110, 182, 500, 2_000])
@pytest.mark.parametrize("text", [False, True])
def test_a_new_value_of_a_hundredth_is_found_among_however_many(
    many: int, text: bool, random: np.random.Generator
) -> None:
    def rows(share: float) -> Any:
        values = np.where(random.random(60_000) < share, -999, random.integers(18, 18 + many, 60_000))
        return [f"station {value:04}" for value in values.tolist()] if text else values

    before, after, again = profile({"it": rows(0)}), profile({"it": rows(0.01)}), profile({"it": rows(0)})
    (found,) = drift(before, after)
    assert found.drifted
    assert (found.movements[0].what, found.movements[0].before) == ("station -999" if text else "-999", 0)
    assert drift(before, again).drifted == []


def test_a_sentinel_is_found_in_profiles_that_were_folded(random: np.random.Generator) -> None:
    def folded(share: float) -> Profile:
        numbers = np.where(random.random(10_000) < share, -999.0, random.normal(size=10_000))
        made = Profile({}, 0)
        for part in np.array_split(numbers, 50):
            made += profile({"it": part})
        return made

    assert drift(folded(0), folded(0.01)).drifted
    assert not drift(folded(0), folded(0)).drifted


@pytest.mark.parametrize(
    ("values", "other"),
    [
        (list(range(1_000)) * 10, "N/A"),
        ([0, 1, 2] * 3_000, "N/A"),
        ([k * 0.1 for k in range(9_000)], True),
        ([datetime.datetime(2020, 1, 1) + datetime.timedelta(hours=k) for k in range(9_000)], "2020"),
        ([[1]] * 9_000, "x"),
        (["a", "b"] * 4_500, 5),
        ([True, False] * 4_500, "x"),
    ],
)
def test_values_of_another_type_are_part_of_it(values: list[Any], other: Any) -> None:
    found = drift_of(values, [*[other] * (len(values) // 20), *values[len(values) // 20 :]])
    assert found.drifted
    assert found.distance == pytest.approx(hellinger([1, 0], [0.95, 0.05]), abs=0.02)


def test_infinities_of_the_other_sign_are_others() -> None:
    found = drift_of([1.0, float("inf")] * 500, [1.0, float("-inf")] * 500)
    assert found.distance == pytest.approx(hellinger([0.5, 0.5, 0], [0.5, 0, 0.5]), abs=0.01)


def test_large_integers_that_all_moved_by_one_are_found_and_read_differently() -> None:
    numbers = 2**63 + 100 * np.arange(10, dtype=np.uint64)
    found = drift_of(np.repeat(numbers, 100), np.repeat(numbers + np.uint64(1), 100))
    assert found.distance == pytest.approx(1, abs=0.01)
    assert len({one.what for one in found.movements}) == 20
    near = drift_of(np.linspace(1, 1 + 1e-12, 1_000), np.linspace(1, 1 + 2e-12, 1_000))
    for one in near.movements:
        low, high = one.what.split(" to ")
        assert low != high


def test_a_shift_is_found_in_samples_of_a_hundred(random: np.random.Generator) -> None:
    assert drift_of(random.normal(0, 1, 100), random.normal(1.5, 1, 100)).drifted
    assert drift_of(["a"] * 90 + ["b"] * 10, ["a"] * 40 + ["b"] * 60).drifted


def test_merged_profiles_of_the_same_do_not_drift(random: np.random.Generator) -> None:
    def folded() -> Profile:
        made = profile({"it": random.normal(size=500)})
        for _ in range(60):
            made += profile({"it": random.normal(size=500)})
        return made

    assert drift(folded(), folded()).drifted == []


# ---- what moved -------------------------------------------------------------------------------------------------


def test_movements_name_ranges_and_their_shares(random: np.random.Generator) -> None:
    found = drift_of(random.uniform(0, 10, 20_000), random.uniform(5, 15, 20_000))
    assert found.severity == "strong"
    first, second = found.movements[:2]
    assert {first.kind, second.kind} == {"range"}
    gone, come = sorted((first, second), key=lambda one: one.after)
    assert gone.what.startswith("0.00")
    assert (gone.before, gone.after) == (pytest.approx(0.5, abs=0.1), pytest.approx(0, abs=0.1))
    assert (come.before, come.after) == (pytest.approx(0, abs=0.1), pytest.approx(0.5, abs=0.1))


def test_identifiers_of_another_length_or_pattern(random: np.random.Generator) -> None:
    numbers = random.integers(10_000, 99_999, 5_000)
    before = [f"N{number}" for number in numbers]
    longer = drift_of(before, [f"N{number}77" for number in numbers])
    assert (longer.facets[0].name, longer.movements[0].what) == ("lengths", "6")
    other = drift_of(before, [f"n{number}" for number in numbers])
    assert other.drifted
    assert [(one.what, one.before, one.after) for one in other.movements] == [("A9", 1.0, 0.0), ("a9", 0.0, 1.0)]


def test_identifiers_that_are_new_each_time_are_no_drift(random: np.random.Generator) -> None:
    found = drift_of([f"id-{k:06}" for k in range(5_000)], [f"id-{k:06}" for k in range(5_000, 10_000)])
    assert not found.drifted
    assert found.new_share == pytest.approx(1, abs=0.05)


DAY = 86_400


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (np.arange(1, 999), np.arange(999, 2_500)),
        (np.arange(500) * 7, np.arange(600, 1_000) * 7 + 3),
        (np.arange(5_000).astype(float), np.where(np.arange(5_000) % 500, np.arange(5_000.0, 10_000.0), np.nan)),
        (np.arange(7_000), np.arange(1_000, 8_000)),  # a window of the last week
        (np.arange(5_000), np.arange(10**6, 10**6 + 5_000)),  # the reference was pinned 200 nights ago
    ],
)
def test_keys_that_go_on_are_no_drift(before: Any, after: Any) -> None:
    found = drift_of(before, after)
    assert (found.drifted, found.change, found.facets[0].name) == (False, "goes on", "missing")
    assert drift_of(before, np.where(np.arange(len(after)) % 2, np.nan, after)).drifted  # half of them are missing


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (np.arange(5_000, 9_000), np.arange(4_000)),  # they begin anew
        (np.arange(5_000), np.arange(10**9, 10**9 + 5_000)),  # those of another system
        (np.arange(5_000), np.arange(5_000, 505_000, 100)),  # most are gone
        (np.arange(5_000), np.arange(5_000, 10_000) // 2 * 2),  # some are there twice
        (np.arange(5_000), np.arange(5_000, 10_000) + 0.5),
        (np.arange(5_000), [*range(5_000, 9_000), *["x"] * 1_000]),
        (np.arange(200), np.arange(150, 350)),  # too few to tell
    ],
)
def test_keys_that_do_not_go_on_are_drift(before: Any, after: Any) -> None:
    found = drift_of(before, after)
    assert (found.drifted, found.change) == (True, "")


@pytest.mark.parametrize("unit", [1, 10**3, 10**6, 10**9, 1.0])
def test_times_that_are_numbers_go_on(random: np.random.Generator, unit: float) -> None:
    seconds = 1_700_000_000 + random.integers(0, DAY, 5_000)
    assert drift_of(seconds * unit, (seconds + DAY) * unit).change == "goes on"
    recent = clock.epoch() // 10**9 - random.integers(0, 7 * DAY, 5_000)  # a window of the last week
    assert not drift_of((recent - DAY) * unit, recent * unit).drifted
    assert drift_of(seconds * unit, np.where(random.random(5_000) < 0.1, 0, (seconds + DAY) * unit)).drifted
    assert drift_of(seconds * unit, (seconds + DAY) * (unit * 1_000 if unit < 10**9 else 1)).drifted


def test_a_measure_that_moved_does_not_pass_for_a_key_or_a_time(random: np.random.Generator) -> None:
    for mean, deviation in ((1e6, 2e5), (1.2e9, 1e8)):
        measured = random.normal(mean, deviation, 1_000).astype(np.int64)
        assert drift_of(measured, measured + int(2 * deviation)).drifted
        assert drift_of(measured, measured * 1_000).drifted


def test_a_key_that_goes_on_does_so_in_each_segment(random: np.random.Generator) -> None:
    nights = [
        pd.DataFrame({"key": np.arange(first, first + 400), "by": ["a"] * 385 + ["b"] * 15, "delay": [1, 2] * 200})
        for first in (0, 400)
    ]
    found = drift(*(profile(night, by="by") for night in nights))
    assert found.passed
    assert [found.segments[value].column("key").change for value in "ab"] == ["goes on", "goes on"]


def test_names_that_repeat_but_were_all_replaced_are_drift() -> None:
    found = drift_of([f"tail-{k % 400:05}" for k in range(8_000)], [f"tail-{k % 400 + 900:05}" for k in range(8_000)])
    assert (found.change, found.drifted, found.distance) == ("other values", True, 1.0)


def test_a_column_that_changed_its_type_drifted_and_says_so() -> None:
    found = drift_of([1, 2, 3] * 20, ["1", "2", "3"] * 20)
    assert (found.drifted, found.change) == (True, "integer → text")
    assert drift_of([1, 2, 3] * 20, [1.0, 2.0, 3.0] * 20).distance == 0


def test_later_times_are_no_drift_but_missing_ones_are() -> None:
    first = [datetime.datetime(2013, 1, 1) + datetime.timedelta(hours=k) for k in range(500)]
    later = [moment + datetime.timedelta(days=400) for moment in first]
    assert not drift_of(first, later).drifted
    assert drift_of(first, [*later[:400], *[None] * 100]).drifted


def test_columns_that_came_and_went_are_first() -> None:
    before = pd.DataFrame({"same": range(100), "gone": 1, "moved": 1.0})
    after = pd.DataFrame({"same": range(100), "new": 1, "moved": 2.0})
    found = drift(before, after)
    assert [(each.name, each.change, each.drifted) for each in found] == [
        ("gone", "removed", True),
        ("new", "added", True),
        ("moved", "", True),
        ("same", "", False),
    ]
    assert repr(found) == "<Drift: 3 of 4 columns: gone (removed), new (added), moved (1.00)>"


def test_a_side_without_rows_has_no_distance() -> None:
    found = drift_of([1.0], [])
    assert (found.distance, found.change, found.drifted) == (None, "no rows on one side", False)


def test_a_side_that_misses_everything() -> None:
    assert drift_of([1.0] * 200, [None] * 200).drifted
    assert drift_of(["x"] * 200, [None] * 200).movements[0].what in ("missing", "present")


# ---- segments and thresholds ------------------------------------------------------------------------------------


def test_segments_are_compared_with_their_own() -> None:
    before = {"key": ["a", "b"] * 500, "value": [1, 2] * 500}
    after = {"key": ["a", "b"] * 500, "value": [1, 3] * 500}
    found = drift(profile(before, by="key"), profile(after, by="key"))
    assert {value: [one.name for one in each.drifted] for value, each in found.segments.items()} == {
        "a": [],
        "b": ["value"],
    }
    assert drift(profile(before, by="key"), profile(after)).segments == {}


def test_thresholds_are_by_column_and_the_others_have_the_default() -> None:
    found = drift({"a": [1] * 100, "b": [1] * 100}, {"a": [1] + [2] * 99, "b": [2] * 100}, thresholds={"a": 1.0})
    assert (found.column("a").threshold, found.column("b").threshold) == (1.0, 0.05)
    assert [one.name for one in found.drifted] == ["b"]


@pytest.mark.parametrize(
    ("thresholds", "error", "says"),
    [
        (1.5, ValueError, "1.5"),
        ({"it": -1}, ValueError, "it"),
        ({"it": "much"}, TypeError, "str"),
        (True, TypeError, "bool"),
        ({"other": 0.5}, ValueError, "'other' has a threshold but is not a column; there are: it"),
    ],
)
def test_wrong_thresholds_are_named(thresholds: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        drift({"it": [1]}, {"it": [1]}, thresholds=thresholds)


def test_profiles_and_frames_may_be_mixed() -> None:
    kept = Profile.from_bytes(profile({"it": range(100)}).to_bytes())
    found = drift(kept, pd.DataFrame({"it": range(100)}))
    assert isinstance(found, Drift)
    assert [each.distance for each in found] == [0]
    with pytest.raises(KeyError, match="no column 'other'; there are: it"):
        found.column("other")


def test_what_drifted_in_a_segment_alone_is_told_apart() -> None:
    before = {"key": ["a", "b"] * 500, "value": [1, 2] * 500, "gone": [1] * 1000}
    after = {"key": ["a"] * 998 + ["b"] * 2, "value": [1] * 998 + [3] * 2}
    found = drift(profile(before, by="key"), profile(after, by="key"), thresholds={"key": 1.0, "value": 1.0})
    assert [one.name for one in found.drifted] == ["gone"]
    assert (found.drifted_segments, found.passed) == ({}, False)
    same = {**before, "value": [1, 3] * 500}
    found = drift(profile(before, by="key"), profile(same, by="key"), thresholds={"value": 0.8})
    assert found.drifted == []
    assert {value: [one.name for one in columns] for value, columns in found.drifted_segments.items()} == {
        "b": ["value"]
    }
    assert not found.passed


def test_a_column_that_drifted_slightly_names_the_segment_where_it_drifted_far() -> None:
    before = {"origin": ["BOS"] * 100 + ["JFK"] * 9_900, "delay": [1] * 10_000}
    after = {**before, "delay": [5] * 100 + [1] * 9_900}
    found = drift(profile(before, by="origin"), profile(after, by="origin"))
    (delay,) = found.drifted
    farthest = found.farthest(delay)
    assert farthest is not None
    assert (farthest[0], delay.severity, farthest[1].severity) == ("BOS", "slight", "strong")
    assert found.text_of(delay) == "delay (0.07; 1.00 where origin is BOS)"
    assert "delay farthest where origin is BOS (1.00)" in found._repr_html_()
    assert found.farthest(found.column("origin")) is None


def test_a_column_that_drifted_alike_everywhere_names_no_segment() -> None:
    before = {"origin": ["BOS", "JFK"] * 500, "delay": [1] * 1_000}
    found = drift(profile(before, by="origin"), profile({**before, "delay": [1, 1, 5, 5] * 250}, by="origin"))
    assert [found.text_of(column) for column in found.drifted] == ["delay (0.54)"]


def test_no_rows_where_there_were_some_is_no_pass() -> None:
    found = drift({"it": [1.0]}, {"it": []})
    assert (found.emptied, found.passed, found.drifted) == (True, False, [])
    assert drift({"it": []}, {"it": []}).passed


def test_segments_that_are_in_one_side_alone_are_not_compared_and_the_page_says_so() -> None:
    found = drift(profile({"key": ["a"] * 9}, by="key"), profile({"key": ["b"] * 9}, by="key"))
    assert (found.segments, found.by) == ({}, ("key",))
    assert "No segment by key is in both." in found._repr_html_()


@pytest.mark.parametrize("segments", [1, 50])
def test_segments_of_the_same_data_seldom_drift(segments: int) -> None:
    """The threshold is low enough that chance alone decides; one comparison in a thousand may be far."""
    random = np.random.default_rng(segments)

    def data() -> dict[str, Any]:
        rows = 20_000
        keys = random.integers(0, segments, rows)
        return {
            "key": keys.astype(str),
            "number": random.normal(size=rows),
            "word": random.integers(0, 30, rows).astype(str),
        }

    runs = 15
    alarms = 0
    for _ in range(runs):
        found = drift(profile(data(), by="key"), profile(data(), by="key"), thresholds=0.0)
        alarms += not found.passed
    assert alarms <= 2


def test_which_values_are_among_all_others_is_no_drift(random: np.random.Generator) -> None:
    def sample() -> Profile:
        shops = [f"shop {number}" for number in random.integers(0, 70, 20_000)]
        return profile({"shop": shops, "price": random.normal(size=20_000)}, by="shop")

    found = drift(sample(), sample())
    assert len(found.segments) > 30
    assert found.passed


@pytest.mark.parametrize("small", [20, 200], ids=str)
@pytest.mark.parametrize("now", ["text", math.nan, math.inf, None], ids=str)
def test_a_change_of_everything_is_found_in_few_rows_beside_many(now: Any, small: int) -> None:
    before = {"x": np.random.default_rng(0).normal(size=10_000)}
    assert [column.name for column in drift(before, {"x": [now] * small}).drifted] == ["x"]
    assert [column.name for column in drift({"x": [now] * small}, before).drifted] == ["x"]


def dates_of(month: int) -> list[int]:
    return [2024_00_00 + 100 * month + day for day in range(1, 29)] * 5


def test_dates_that_are_numbers_and_go_on_are_no_drift() -> None:
    (found,) = drift({"night": dates_of(1)}, {"night": dates_of(2)})
    assert (found.change, found.drifted) == ("goes on", False)
    (nightly,) = drift({"night": [20240131] * 50}, {"night": [20240201] * 50})
    assert (nightly.change, nightly.drifted) == ("goes on", False)
    assert drift({"night": dates_of(2)}, {"night": dates_of(1)}).drifted  # they went back
    assert drift({"night": dates_of(1)}, {"night": [night + 60 for night in dates_of(2)]}).drifted  # no dates any more


def test_data_with_nothing_in_common_reaches_the_largest_threshold() -> None:
    (found,) = drift({"it": [1] * 50}, {"it": [2] * 50}, thresholds=1)
    assert (found.distance, found.drifted) == (1.0, True)

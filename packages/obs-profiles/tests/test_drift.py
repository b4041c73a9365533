"""How far one data set is from another, and what moved."""

from __future__ import annotations

import datetime
import hashlib
import math
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obs_core import clock
from obs_core.text.verdicts import verdicts_in
from obs_profiles import ColumnDrift, Drift, Profile, drift, merge, profile
from obs_profiles.sketches import TextSample


def drift_of(before: Any, after: Any) -> ColumnDrift:
    return drift({"it": before}, {"it": after}).column("it")


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


@pytest.mark.parametrize("rows", [200, 2_000])
def test_columns_of_several_types_do_not_drift_by_chance(rows: int, random: np.random.Generator) -> None:
    """The threshold is low enough that chance alone decides; one comparison in a thousand may be far."""

    def mixed() -> list[Any]:
        others = [datetime.datetime(2024, 1, 1), 5, 0.5, b"x", [1], {"a": 1}, True, None]
        texts = [f"name {number}" for number in random.integers(0, 10**9, rows)]
        chosen = random.integers(0, 8 * len(others), rows)
        return [others[at] if at < len(others) else text for at, text in zip(chosen.tolist(), texts, strict=True)]

    assert sum(drift({"it": mixed()}, {"it": mixed()}, thresholds=0.0)[0].drifted for _ in range(50)) <= 1


@pytest.mark.parametrize("rows", [200, 1_000, 3_000])
@pytest.mark.parametrize("none", [0.0, 0.5, 0.9])
def test_lengths_of_identifiers_with_a_few_rows_each_are_as_many_as_identifiers(
    rows: int, none: float, random: np.random.Generator
) -> None:
    def orders() -> list[str]:
        keys = int(rows * (1 - none)) // 4
        lengths = random.integers(6, 10, keys).tolist()
        texts = ["".join(random.choice(list("abcdefgh"), length)) for length in lengths]
        return ["none"] * (rows - 4 * keys) + [text for text in texts for _ in range(4)]

    assert [found for found in (drift_of(orders(), orders()) for _ in range(20)) if found.drifted] == []


def test_lengths_beside_one_that_most_texts_have_are_no_drift(random: np.random.Generator) -> None:
    """Between the one length and the others lies a range so small that a sketch may well see nothing there."""

    def texts() -> list[str]:
        lengths = random.integers(1, 400, 10_000).tolist()
        return [
            "x" * length if share < 0.1 else "none"
            for share, length in zip(random.random(10_000), lengths, strict=True)
        ]

    assert sum(drift({"it": texts()}, {"it": texts()}, thresholds=0.0)[0].drifted for _ in range(30)) <= 1


def test_another_length_of_identifiers_with_a_few_rows_each_is_drift() -> None:
    before, after = ([f"{side}{key:0{digits}}" for key in range(75)] * 4 for side, digits in (("a", 5), ("b", 7)))
    found = drift_of(["none"] * 700 + before, ["none"] * 700 + after)
    assert (found.drifted, found.facets[0].name) == (True, "lengths")


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
    found = drift_of(values, [value if place % 20 else other for place, value in enumerate(values)])
    assert found.drifted
    assert found.distance == pytest.approx(hellinger([1, 0], [0.95, 0.05]), abs=0.02)


@pytest.mark.parametrize(
    ("other", "kind"),
    [
        (7, "integer"),
        (0.5, "number"),
        (datetime.datetime(2024, 1, 1), "time"),
        (datetime.timedelta(hours=1), "duration"),
        (True, "boolean"),
        (b"x", "bytes"),
        ([1, 2], "list"),
        ({"a": 1}, "mapping"),
    ],
)
@pytest.mark.parametrize("alike", [True, False])
def test_another_type_is_found_among_texts_that_are_all_different(other: Any, kind: str, alike: bool) -> None:
    texts = [f"name {number}" for number in range(5_000)]
    others = [other] * 500 if alike else [varied(other, number) for number in range(500)]
    found = drift_of(texts, [*texts[500:], *others])
    assert found.drifted
    assert found.distance is not None
    assert found.distance > hellinger([1, 0], [0.9, 0.1]) - 0.02
    moved = {(one.what, one.kind): (one.before, one.after) for facet in found.facets for one in facet.movements}
    assert moved[kind, "type"] == pytest.approx((0, 0.1))


def varied(value: Any, number: int) -> Any:
    """Another value of the same type."""
    if isinstance(value, datetime.datetime):
        return value + datetime.timedelta(minutes=number)
    if isinstance(value, bytes):
        return b"x%d" % number
    if isinstance(value, list | dict):
        return [number] if isinstance(value, list) else {"a": number}
    return number % 2 == 0 if isinstance(value, bool) else value * (number + 1)


def test_another_type_among_values_that_are_known_by_their_looks_is_found() -> None:
    mappings = [{"a": number} for number in range(2_000)]
    found = drift_of(mappings, [*mappings[200:], *([number, number] for number in range(200))])
    assert found.drifted
    assert "types" in [facet.name for facet in found.facets if not facet.by_chance]


def test_what_whylogs_has_no_name_for_is_no_other_type() -> None:
    ours = profile({"it": [*range(900), *[datetime.datetime(2024, 1, 1)] * 100]})
    theirs = Profile({"it": replace(ours["it"], types={"integer": 900, "unknown": 100})}, 1_000)
    for pair in ((ours, theirs), (theirs, ours)):
        assert not drift(*pair).drifted
    assert drift(theirs, {"it": [*range(900), *["text"] * 100]}).drifted


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
    assert found.new_share is not None
    assert (found.new_share.estimate, found.new_share.most, found.new_share.is_exact) == (1, 1, False)
    assert found.new_share.least > 0.95


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
    after = {"key": ["a"] * 999 + ["b"], "value": [1] * 999 + [3]}
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


def test_where_columns_drifted_farthest_is_found_without_a_look_at_all_others() -> None:
    calls = []
    for count in (10, 40):
        names = ["carrier", *(f"number{place}" for place in range(count))]
        before = {name: [place % 5 for place in range(200)] for name in names}
        after = before | {name: [place % 5 + place % 2 * 7 for place in range(200)] for name in names[1:]}
        found = drift(*(profile(pd.DataFrame(frame), by="carrier") for frame in (before, after)))
        assert len(found.drifted) == count
        calls.append(_calls_for_farthest(found))
    assert calls[1] < 5 * calls[0]


def _calls_for_farthest(found: Drift) -> int:
    """Count the calls that are made to tell where each column drifted farthest."""
    counted = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal counted
        counted += event == "call"

    sys.setprofile(count)
    try:
        for column in found:
            found.farthest(column)
    finally:
        sys.setprofile(None)
    return counted


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
def test_segments_of_the_same_data_seldom_drift(segments: int, nightly: bool) -> None:
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

    runs, most = (15, 2) if nightly else (5, 1)
    alarms = 0
    for _ in range(runs):
        found = drift(profile(data(), by="key"), profile(data(), by="key"), thresholds=0.0)
        alarms += not found.passed
    assert alarms <= most


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


# ---- new values among many --------------------------------------------------------------------------------------


def many(first: int, distinct: int, rows: int = 10_000) -> list[str]:
    return [f"n{first + row % distinct:05d}" for row in range(rows)]


@pytest.mark.parametrize("distinct", [300, 800, 2_000])
@pytest.mark.parametrize("part", [0.1, 0.25, 0.5, 0.75])
def test_the_distance_of_new_values_is_that_of_their_share(distinct: int, part: float) -> None:
    found = drift_of(many(0, distinct), many(int(part * distinct), distinct))
    assert found.distance == pytest.approx(part**0.5, abs=0.06)
    assert found.drifted
    assert "new values" in [one.what for one in found.movements]


def test_new_values_are_told_by_their_share_of_the_rows() -> None:
    common = ["none"] * 30_000
    found = drift_of(common + many(0, 800), common + many(400, 800))
    (new,) = [one for one in found.movements if one.what == "new values"]
    assert (new.before, new.after) == (0, pytest.approx(0.125, abs=0.02))
    assert found.distance == pytest.approx(0.125**0.5, abs=0.03)


def test_new_values_are_found_in_merged_profiles_and_files() -> None:
    def parts(values: list[str]) -> Profile:
        merged = merge([profile({"it": values[place::7]}) for place in range(7)])
        return Profile.from_bytes(merged.to_bytes())

    before, after = many(0, 800), many(200, 800)
    assert drift(parts(before), parts(after))[0].distance == pytest.approx(drift_of(before, after).distance, abs=0.01)


def test_profiles_that_do_not_count_their_sample_are_compared_without_it() -> None:
    def older(values: list[str]) -> Profile:
        column = profile({"it": values})["it"]
        assert column.texts is not None
        sample = replace(column.texts, sample=TextSample(column.texts.sample.hashes, column.texts.sample.patterns, []))
        return Profile.from_bytes(Profile({"it": replace(column, texts=sample)}, len(values)).to_bytes())

    found = drift(older(many(0, 800)), profile({"it": many(200, 800)}))[0]
    assert "new values" not in [facet.name for facet in found.facets]
    assert not found.drifted


@pytest.mark.parametrize("times", [1, 2, 4])
def test_identifiers_that_are_there_a_few_times_go_on(times: int) -> None:
    for new in (500, 2_000, 2_500):
        assert not drift_of(many(10_000, 2_500, 2_500 * times), many(10_000 + new, 2_500, 2_500 * times)).drifted


def test_identifiers_beside_a_frequent_value_go_on() -> None:
    def rows(first: int) -> list[str]:
        return [f"id{first + row:07d}" if row % 10 == 0 else "none" for row in range(20_000)]

    found = drift_of(rows(1_000_000), rows(2_000_000))
    assert (found.drifted, found.change) == (False, "")


@pytest.mark.parametrize("sizes", [(1_000, 1_000), (2_000, 300)])
def test_samples_of_many_values_hold_no_new_ones(random: np.random.Generator, sizes: tuple[int, int]) -> None:
    weights = 1 / np.arange(1, 3_001)
    for distinct, shares in ((200, None), (800, None), (3_000, weights / weights.sum())):
        for _ in range(30):
            before, after = ([f"v{value}" for value in random.choice(distinct, size, p=shares)] for size in sizes)
            found = drift_of(before, after)
            assert all(facet.by_chance for facet in found.facets if facet.name == "new values")


@pytest.mark.parametrize("ids", [30, 300])
def test_identifiers_beside_a_frequent_text_are_no_other_values(ids: int) -> None:
    nights = [{"t": ["ok"] * (10_000 - ids) + [f"{night} {number:05}" for number in range(ids)]} for night in "ab"]
    assert not drift(*nights)[0].drifted


def test_keys_of_orders_with_a_few_lines_are_no_drift() -> None:
    rng = np.random.default_rng(4)
    nights = []
    for night in "ab":
        keys = [hashlib.sha256(f"{night} {number}".encode()).hexdigest()[:16] for number in range(5_000)]
        nights.append(
            {"t": [key for key, lines in zip(keys, rng.poisson(2, 5_000), strict=True) for _ in range(lines)]}
        )
    assert not drift(*nights)[0].drifted


@pytest.mark.parametrize(
    ("before", "after", "share"),
    [
        (["a", "b"] * 20, ["b", "c"] * 20, 0.5),
        ([f"a{k}" for k in range(200)], [f"b{k}" for k in range(200)], 1.0),
        (list(range(100)) * 2, list(range(25, 125)) * 2, 0.25),
    ],
)
def test_the_share_of_new_values_is_exact_where_all_are_known(before: Any, after: Any, share: float) -> None:
    found = drift_of(before, after).new_share
    assert found is not None
    assert (found.estimate, found.is_exact) == (share, True)


@pytest.mark.parametrize("as_text", [True, False])
def test_the_share_of_new_values_is_within_its_bounds(as_text: bool) -> None:
    for new in (0, 1_000, 5_000, 10_000):
        before, after = np.arange(10_000) * 7 + 7, (np.arange(10_000) + new) * 7 + 7
        found = drift_of(*([f"id{k}" for k in side] if as_text else np.repeat(side, 2) for side in (before, after)))
        assert found.new_share is not None
        assert found.new_share.least <= new / 10_000 <= found.new_share.most


# ---- rows that come in clusters ---------------------------------------------------------------------------------


def lines_of_orders(random: np.random.Generator, rows: int, decimals: int = 15) -> Any:
    """The total of an order, on each of its lines."""
    lines = random.integers(1, 9, rows)
    lines = lines[np.cumsum(lines) <= rows]
    return np.repeat(np.round(random.lognormal(3, 1, len(lines)), decimals), lines)


def visits(random: np.random.Generator, rows: int) -> Any:
    """What is the same at each visit of a customer, of whom a few come often."""
    times = np.minimum(random.zipf(2, rows // 4), rows // 20)
    return np.repeat(random.normal(size=len(times)), times)


CLUSTERS: dict[str, Callable[[np.random.Generator, int], Any]] = {
    "order totals": lines_of_orders,
    "order totals in cents": lambda random, rows: lines_of_orders(random, rows, 2),
    "whole order totals": lambda random, rows: lines_of_orders(random, rows, 0),
    "four rows of each": lambda random, rows: np.repeat(random.normal(size=rows // 4), 4),
    "visits": visits,
    "a measure that holds its value": lambda random, rows: np.repeat(np.round(random.normal(20, 3, rows // 6), 1), 6),
    "customers that come back": lambda random, rows: np.repeat(
        np.random.default_rng(1).normal(size=2_000)[random.integers(0, 2_000, rows // 5)], 5
    ),
}


@pytest.mark.parametrize("shuffled", [True, False])
@pytest.mark.parametrize("shape", CLUSTERS)
@pytest.mark.parametrize("rows", [200, 1_000, 5_000])
def test_numbers_that_repeat_for_what_they_belong_to_are_no_drift(shape: str, rows: int, shuffled: bool) -> None:
    random = np.random.default_rng(rows)

    def sample() -> Any:
        numbers = CLUSTERS[shape](random, rows)
        return random.permutation(numbers) if shuffled else numbers

    assert [str(found) for found in (drift_of(sample(), sample()) for _ in range(6)) if found.drifted] == []


@pytest.mark.parametrize("shape", ["order totals", "whole order totals", "four rows of each"])
def test_a_shift_of_numbers_that_repeat_is_found(shape: str, random: np.random.Generator) -> None:
    before, after = (CLUSTERS[shape](random, 10_000) for _ in range(2))
    assert drift_of(before, after + round(float(before.std()) / 2, 0 if "whole" in shape else 3)).drifted


def test_a_frequent_number_that_all_repeat_beside_is_a_value_of_its_own(random: np.random.Generator) -> None:
    before, after = (lines_of_orders(random, 10_000) for _ in range(2))
    after[::20] = -999
    assert drift_of(before, after).drifted


def test_prices_that_were_all_raised_are_drift(random: np.random.Generator) -> None:
    prices = np.round(random.lognormal(3, 1, 80), 2)
    sold = [prices[random.integers(0, 80, 10_000)] for _ in range(3)]
    assert not drift_of(sold[0], sold[1]).drifted
    assert drift_of(sold[0], np.round(sold[2] * 1.03, 2)).distance == pytest.approx(1, abs=0.1)


def test_clusters_are_known_of_merged_profiles_and_of_files(random: np.random.Generator) -> None:
    def kept() -> Profile:
        parts = np.array_split(random.permutation(lines_of_orders(random, 2_000)), 9)
        merged = merge([profile({"it": part}) for part in parts])
        return Profile.from_bytes(merged.to_bytes())

    assert not any(drift(kept(), kept())[0].drifted for _ in range(6))


# ---- the tails of numbers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.01, 0.03])
@pytest.mark.parametrize("change", [lambda price: price * 1_000, lambda price: -price])
def test_a_changed_tail_of_numbers_is_drift(share: float, change: Any, random: np.random.Generator) -> None:
    before, after = random.lognormal(3, 1, 20_000), random.lognormal(3, 1, 20_000)
    found = drift_of(before, np.where(random.random(20_000) < share, change(after), after))
    assert (found.drifted, found.facets[0].name) == (True, "ends")
    assert (found.movements[0].before, found.movements[0].after) == (0, pytest.approx(share, abs=0.006))


# ---- few rows ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [8, 15, 19, 40])
@pytest.mark.parametrize("values", [("a", "b"), (True, False), (1.0, 2.0), (1.0, None), (1, "x")])
def test_a_change_of_everything_is_found_in_eight_rows(values: tuple[Any, Any], rows: int) -> None:
    before, after = ([value] * rows for value in values)
    assert drift_of(before, after).drifted


@pytest.mark.parametrize("rows", [1, 7])
def test_fewer_rows_say_that_they_are_too_few(rows: int) -> None:
    found = drift({"it": ["a"] * rows}, {"it": ["b"] * rows})
    assert (found.drifted, str(found[0])) == ([], "it (too few rows to tell)")


@pytest.mark.parametrize("before", [[1], ["a"], []])
def test_what_could_not_be_compared_is_no_good_news(before: list[Any]) -> None:
    found = drift({"it": before, "time": [datetime.datetime(2024, 1, 1)] * len(before)}, {"it": [9], "time": [None]})
    page = found._repr_html_()
    why = "too few rows to tell" if before else "no rows on one side"
    assert (found.passed, found.undecided) == (True, True)
    assert verdicts_in(page) == [("warned", f"Drift: Not compared: {why}")]
    assert '<b class="warn">2</b><span>not compared</span>' in page
    assert not re.search(r'class="(pill )?good"|no drift<|as before', page)


def test_few_rows_of_the_same_seldom_drift() -> None:
    random = np.random.default_rng(5)

    def rows(size: int) -> dict[str, Any]:
        return {
            "number": random.normal(size=size),
            "flag": random.random(size) < 0.3,
            "word": random.choice(list("abcd"), size),
            "count": random.poisson(3, size),
        }

    drifts = [drift(rows(size), rows(other), thresholds=0.0) for size, other in [(9, 9), (15, 40), (25, 25)] * 40]
    assert sum(len(found.drifted) for found in drifts) <= 3


@pytest.mark.parametrize("parts", [1, 20])
def test_shares_of_ranges_are_within_their_bounds(parts: int, random: np.random.Generator) -> None:
    wrong = stated = 0
    for _ in range(8):
        sides = [np.rint(random.normal(by, 10_000, 8_000)).astype(int) for by in (0, 2_000)]
        kept = [merge([profile({"it": side[part::parts]}) for part in range(parts)]) for side in sides]
        for facet in drift(*kept).column("it").facets:
            for one in facet.movements:
                if one.kind != "range":
                    continue
                low, _, high = one.what.replace(",", "").partition(" to ")
                for side, share in zip(sides, one.shares, strict=True):
                    true = np.mean((side >= int(low)) & (side <= int(high or low)))
                    wrong += not share.least - 1e-9 <= true <= share.most + 1e-9
                    stated += not share.is_exact
    assert stated > 50
    assert wrong <= 0.02 * stated + 1


def test_shares_of_patterns_are_within_their_bounds(random: np.random.Generator) -> None:
    wrong = 0
    for _ in range(40):
        sides = [[f"{'a' if random.random() < share else 'a-'}{key}" for key in range(2_000)] for share in (0.8, 0.4)]
        (facet,) = [one for one in drift_of(*sides).facets if one.name == "patterns"]
        for one in facet.movements:
            for side, share in zip(sides, one.shares, strict=True):
                true = np.mean([("-" in value) == ("-" in one.what) for value in side])
                assert not share.is_exact
                wrong += not share.least <= true <= share.most
    assert wrong <= 4  # of 160; one of a hundred is promised
    few = drift_of(*([f"{mark}{key}" for key in range(200)] for mark in ("a", "a-")))
    assert all(share.is_exact for facet in few.facets for one in facet.movements for share in one.shares)


def test_shares_of_counted_values_are_exact_and_those_of_new_ones_are_not() -> None:
    counted = drift_of(["a"] * 300 + ["b"] * 300, ["a"] * 300 + ["c"] * 300)
    assert all(share.is_exact for one in counted.movements for share in one.shares)
    (new,) = [one for one in drift_of(many(0, 800), many(80, 800)).movements if one.what == "new values"]
    assert new.shares[0].is_exact
    assert new.shares[1].estimate == new.after
    assert new.shares[1].least < new.after < new.shares[1].most


@pytest.mark.parametrize(("special", "found"), [(np.nan, 33), (np.inf, 33), (-999.0, 28)])
def test_a_hundredth_of_another_kind_is_found_among_numbers_that_repeat(special: float, found: int) -> None:
    drifted = 0
    for shape in ("order totals", "order totals in cents", "four rows of each"):
        for seed in range(12):
            random = np.random.default_rng(seed)
            before, after = (CLUSTERS[shape](random, 10_000) for _ in range(2))
            after[random.choice(len(after), len(after) // 100, replace=False)] = special
            drifted += drift_of(before, after).drifted
    assert drifted >= found  # of 36


def test_orders_that_lack_their_total_as_often_are_no_drift(random: np.random.Generator) -> None:
    def sample() -> Any:
        totals = lines_of_orders(random, 5_000)
        numbers, places = np.unique(totals, return_inverse=True)
        return np.where(random.random(len(numbers)) < 0.02, np.nan, numbers)[places]

    assert [found for found in (drift_of(sample(), sample()) for _ in range(20)) if found.drifted] == []


def lists_of(values: list[Any], rows: int, random: np.random.Generator) -> list[list[Any]]:
    return [random.choice(values, 3, replace=False).tolist() for _ in range(rows)]


@pytest.mark.parametrize(
    ("before", "after"),
    [([f"a{n}" for n in range(40)], [f"b{n}" for n in range(40)]), (list(range(100)), [n + 70 for n in range(100)])],
)
@pytest.mark.parametrize("make", ["list", "pyarrow.array", "polars.Series", "numpy.array", "pandas.Series"])
def test_elements_of_lists_that_are_others_are_drift(
    make: str, before: list[Any], after: list[Any], random: np.random.Generator
) -> None:
    library, _, name = make.rpartition(".")
    build = getattr(pytest.importorskip(library or "builtins"), name)
    one, same, other = (build(lists_of(values, 400, random)) for values in (before, before, after))
    found = drift({"tags": one}, {"tags": other})
    (tags,) = found.drifted
    assert (tags.name, tags.in_elements, tags.movements[0].of, len(found)) == ("tags", True, "elements", 1)
    assert str(tags).startswith("tags (elements: ")
    assert drift({"tags": one}, {"tags": same}).passed


def test_lists_of_other_sizes_drifted_by_themselves(random: np.random.Generator) -> None:
    (tags,) = drift({"tags": lists_of([*"abcdef"], 400, random)}, {"tags": [["a", "b"]] * 400})
    assert (tags.in_elements, tags.movements[0].of, str(tags)) == (False, "rows", "tags (1.00)")
    assert tags.elements is not None
    assert tags.elements.drifted


def test_elements_of_another_kind_and_other_ones_are_told_of_their_column(random: np.random.Generator) -> None:
    words, others = (lists_of([f"{side}{n}" for n in range(40)], 400, random) for side in "ab")
    numbers = lists_of(list(range(40)), 400, random)
    changes = [drift({"tags": words}, {"tags": current})[0] for current in (others, numbers, words)]
    assert [(one.change, one.drifted, one.in_elements) for one in changes] == [
        ("elements: other values", True, True),
        ("elements: text → integer", True, True),
        ("", False, False),
    ]
    assert changes[0].distance == 1.0


def test_keys_in_lists_go_on_in_each_segment_too() -> None:
    def night(first: int) -> Profile:
        keys = [[first + 10 * n, first + 10 * n + 5] for n in range(200)]
        return profile({"keys": keys, "shop": ["a", "b"] * 100}, by="shop")

    found = drift(night(1_000), night(3_000))
    assert found.passed
    assert [segment.column("keys").elements.change for segment in found.segments.values()] == ["goes on"] * 2  # type: ignore[union-attr]


def test_elements_that_are_alike_in_each_list_are_no_more_than_lists(random: np.random.Generator) -> None:
    def visits() -> list[Any]:
        return [[random.integers(0, 30).item()] * size for size in random.integers(1, 40, 200).tolist()]

    assert not any(drift({"it": visits()}, {"it": visits()}).column("it").drifted for _ in range(20))


def test_elements_have_the_threshold_of_their_column(random: np.random.Generator) -> None:
    one, other = lists_of(list("abcdef"), 400, random), lists_of(list("ghijkl"), 400, random)
    (found,) = drift({"it": one}, {"it": other}, thresholds={"it": 0.5})
    assert (found.drifted, found.elements and found.elements.threshold) == (True, 0.5)
    assert not drift({"it": one}, {"it": lists_of(list("abcdeg"), 400, random)}, thresholds={"it": 0.5})[0].drifted


def test_elements_are_not_compared_where_a_side_has_none() -> None:
    assert drift({"it": [[], []]}, {"it": [[1], [2]]})[0].elements is None
    old = profile({"it": [[1], [2]]})
    assert drift(Profile({"it": replace(old["it"], elements=None)}, 2), old)[0].elements is None

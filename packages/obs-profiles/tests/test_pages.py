"""The pages of profiles, drift and expectations."""

from __future__ import annotations

import datetime
import re
from typing import Any

import numpy as np
import pytest

from obs_core import Deck, load_execution, task
from obs_core.rendering import render
from obs_core.testing import RecordingStore, RendererContract
from obs_core.text.verdicts import verdicts_in
from obs_profiles import CheckedRenderer, DriftRenderer, ProfileTransformer, check, drift, expect, profile
from obs_profiles.pages import profile_html
from obs_profiles.wording import duration_text, number_text, rough_time_text, share_text, time_text

HOURS = [datetime.datetime(2013, 1, 1) + datetime.timedelta(hours=k) for k in range(40)]


def mixed(seed: int = 0, rows: int = 40) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    return {
        "number": random.normal(size=rows),
        "word": random.choice(["EWR", "JFK"], rows).tolist(),
        "tail": [f"N{k}" for k in range(rows)],
        "flag": (random.random(rows) > 0.5).tolist(),
        "time": HOURS[:rows],
        "took": [datetime.timedelta(minutes=k) for k in range(rows)],
        "list": [[0] * (k % 4) for k in range(rows)],
        "mixed": [1, "a", None, 2.5] * (rows // 4),
        "nothing": [None] * rows,
        "object": [{"a": k} for k in range(rows)],
    }


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", re.sub(r"(?s)<(style|script)>.*?</\1>", "", html)))


class TestProfilePage(RendererContract):
    renderer = ProfileTransformer()
    values = (profile({}), profile({"a": []}), profile({"a": [1]}), profile(mixed()), profile(mixed(), by="word"))

    def hostile(self, text: str) -> Any:
        return profile({text: [text, text + "!"] * 20, "list": [[text]] * 40}, by=text)

    def snapshot(self, value: Any) -> object:
        return value.to_bytes()


class TestDriftPage(RendererContract):
    renderer = DriftRenderer()
    values = (
        drift({}, {}),
        drift({"a": []}, {"a": [1]}),
        drift(mixed(), mixed(1)),
        drift({"gone": [1]}, {"new": ["x"]}),
        drift(profile(mixed(), by="word"), profile(mixed(1), by="word")),
    )

    def hostile(self, text: str) -> Any:
        before = profile({text: [text, text + "!"] * 20, "key": [text, "y"] * 20}, by="key")
        return drift(before, profile({text: [text + "?"] * 40, "key": [text, "y"] * 20}, by="key"))

    def snapshot(self, value: Any) -> object:
        return repr(value)


class TestCheckedPage(RendererContract):
    renderer = CheckedRenderer()
    values = (
        check({}, []),
        check(mixed(), [expect("number").present(), expect("gate").between(0, 1), expect.rows(at_most=1)]),
    )

    def hostile(self, text: str) -> Any:
        return check(
            {text: [text]}, [expect(text).among(text + "!"), expect(text + "?").present(), expect.columns(text + "?")]
        )

    def snapshot(self, value: Any) -> object:
        return repr(value)


def test_a_profile_shows_what_it_knows() -> None:
    page = text_of(profile_html(profile(mixed()), title="Flights"))
    for found in (
        "Flights",
        "40 rows",
        "10 columns",
        "number",
        "EWR",
        "2013-01-01",
        "A9",
        "integer 10, number 10, text 10",
    ):
        assert found in page
    assert "12.5 % of the values are missing" in page


def test_details_state_errors_where_there_are_some() -> None:
    page = text_of(profile_html(profile({"it": np.random.default_rng(1).normal(size=20_000).round(4)})))
    assert "± 4.2 %" in page
    assert re.search(r"Ranks are within 0\.\d+ %", page)
    assert "±" not in text_of(profile_html(profile({"it": [1, 2, 3]}))).replace("± of the number", "")


def test_the_first_200_columns_have_pictures_and_all_have_numbers() -> None:
    page = profile_html(profile(np.random.default_rng(1).integers(0, 9, (20, 250))))
    assert page.count('class="row ') == 250
    assert page.count("<svg") == 200
    assert "Pictures are drawn of the first 200 columns." in page


def test_all_different_is_said_of_what_is_known_to_be(random: np.random.Generator) -> None:
    identifiers = np.arange(50_000) * 7_919 + 10**9
    repeated = identifiers.copy()
    repeated[:250] = identifiers[-250:]
    zeros = np.where(np.arange(50_000) < 90, 0.0, random.normal(size=50_000))
    columns: dict[str, Any] = {"it": identifiers, "text": [f"id{number}" for number in identifiers]}
    for name, values in columns.items():
        known = profile({name: values})
        assert known[name].all_different is True
        assert "50,000 all different" in text_of(profile_html(known))
    for values in (repeated, zeros, [f"id{number}" for number in repeated]):
        known = profile({"it": values})
        assert known["it"].all_different is not True
        assert "nearly all different" in text_of(profile_html(known))
    assert profile({"it": [1, 1, 2]})["it"].all_different is False


def test_integers_beside_each_other_do_not_read_alike() -> None:
    page = text_of(profile_html(profile({"it": 2**53 + np.arange(1_000), "tiny": np.linspace(1, 1 + 1e-12, 1_000)})))
    assert "9007199254740992 to 9007199254741991" in page
    assert "1 to 1 " not in page


def test_drift_says_what_moved(random: np.random.Generator) -> None:
    before = {"number": random.normal(size=5_000), "word": ["EWR", "JFK"] * 2_500, "same": [1] * 5_000}
    after = {"number": random.normal(1, 1, 5_000), "word": ["EWR", "BOS"] * 2_500, "same": [1] * 5_000}
    page = text_of(drift(before, after)._repr_html_())
    assert "2 of 3 columns drifted" in page
    assert "BOS : 0 % → 50.0 %" in page
    assert re.search(r"mean .* \(\+[01]\.\d\d σ\)", page)
    assert "No drift" in text_of(drift(before, before)._repr_html_())


def test_expectations_that_failed_are_first() -> None:
    page = text_of(check(mixed(), [expect.rows(at_least=1), expect("word").among("EWR")])._repr_html_())
    assert "1 of 2 failed" in page
    assert page.index("word") < page.index("(the whole data set)")


def test_the_verdict_names_the_first_expectations_that_failed_with_what_was_found() -> None:
    expected = [expect.rows(at_least=1), *(expect(name).missing(at_most=0) for name in ("a", "b", "c"))]
    checked = check({"a": [1, None], "b": [None, None], "c": [1, None]}, expected)
    assert verdicts_in(checked._repr_html_()) == [
        (
            "failed",
            "Expectations: 3 of 4 failed: a: missing ≤ 0 %, found 50.0 %; b: missing ≤ 0 %, found 100 %; and 1 more",
        )
    ]
    assert verdicts_in(check({"a": [1]}, expected[:2])._repr_html_()) == [("passed", "Expectations: All passed")]


def test_decks_and_notebooks_draw_profiles_and_comparisons(store: RecordingStore) -> None:
    @task(deck_fields=())
    def look() -> Any:
        Deck("All").append(profile(mixed())).append(drift(mixed(), mixed(1))).append(
            check(mixed(), [expect.rows(at_least=1)])
        )
        return profile(mixed())

    look()
    execution = load_execution("last", store=store)
    (deck,) = (deck for deck in execution.tasks[0].decks if deck.name == "All")
    for item, heading in zip(deck.items, ("Data profile", "Drift", "Expectations"), strict=True):
        assert f"<h2>{heading}</h2>" in item
    assert execution.output("look") == profile(mixed()).__class__.from_bytes(execution.output("look").to_bytes())
    assert "Data profile" in render(profile(mixed()))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "NA"),
        (float("nan"), "NA"),
        (float("-inf"), "-∞"),
        (0.0, "0"),
        (3.14159, "3.142"),
        (-0.5, "-0.5"),
        (2013, "2013"),
        (2013.4, "2013"),
        (12_345.6, "12,346"),
        (999.96, "1000"),
        (1e20, "1e+20"),
        (10**30, f"{10**30:,}"),
    ],
)
def test_numbers_are_short(value: Any, text: str) -> None:
    assert number_text(value) == text


def test_times_durations_and_shares_are_short() -> None:
    micros = 1_367_411_400_000_000
    assert time_text(micros) == "2013-05-01 12:30"
    assert time_text(micros + 7_500_000) == "2013-05-01 12:30:07"
    assert time_text(1_367_366_400_000_000) == "2013-05-01"
    assert time_text(-62_135_596_800_000_000) == "0001-01-01"
    assert time_text(-62_135_596_740_000_000) == "0001-01-01 00:01"
    assert time_text(4e18) == "128725"
    assert rough_time_text(micros + 7_500_000, 4e15) == "2013-05-02"
    assert rough_time_text(micros + 7_500_000, 3e13) == "2013-05-01 13:00"
    texts = [duration_text(seconds) for seconds in (0, 5e-5, 0.25, 45, 150, 9_000, 200_000, float("nan"))]
    assert texts == ["0 s", "50.0 µs", "250 ms", "45.0 s", "2 min 30 s", "2 h 30 min", "2 d 8 h", "NA"]
    assert [share_text(share) for share in (0, 0.0001, 0.5, 0.9999, 1)] == [
        "0 %",
        "<0.1 %",
        "50.0 %",
        ">99.9 %",
        "100 %",
    ]


def test_one_of_a_kind_is_counted_in_the_singular() -> None:
    made = profile({"a": [1.0], "b": [None]})
    pages: list[Any] = [made, drift(made, made), check(made, [expect("a").between(0, 1)])]
    texts = [" ".join(re.sub(r"<[^>]*>", " ", page._repr_html_()).split()) for page in pages]
    assert [text for text in texts if "1 rows" in text or "1 columns" in text] == []
    assert "1 column lacks some" in texts[0]
    assert all("1 row " in text for text in texts)


@pytest.mark.parametrize("kind", [np.int64, np.float64])
def test_large_numbers_that_differ_read_differently_in_a_row_and_below_its_picture(kind: Any) -> None:
    page = profile_html(profile({"it": np.repeat(2**62 + np.arange(0, 2**20, 2**10), 3).astype(kind)}))
    least, most = "4,611,686,018,427,387,904", "4,611,686,018,428,435,456"
    median = re.search(r"<span>([^<]*) <em>median</em></span><small>([^<]*)</small>", page)
    assert median is not None
    assert re.fullmatch(r"4,611,686,018,42[78],\d{3},\d{3}", median[1])
    assert median[2] == f"{least} to {most}"
    ends = re.search(r"<figcaption><span>([^<]*)</span><span>([^<]*)</span>", page)
    assert ends is not None
    assert ends[1] != ends[2]


def test_digits_that_are_a_name_are_not_grouped() -> None:
    days = [20240100 + day for day in range(1, 32)] * 3
    keys, seconds = np.arange(336_000, 336_093), 1_700_000_000 + np.arange(93) // 2
    counts = [20240100 + 50 * number for number in range(31)] * 3
    known = {"days": days, "keys": keys, "seconds": seconds, "counts": counts}
    page = text_of(profile_html(profile(known)))
    for found in ("20240101 to 20240131", "336000 to 336092", "1700000000 to 1700000046", "20,240,100 to 20,241,600"):
        assert found in page
    later = drift(known, {**known, "days": [day - 8900 for day in days], "counts": np.array(counts) * 2})
    assert "20231201" in later.column("days").movements[0].what + text_of(later._repr_html_())
    assert "," in later.column("counts").movements[0].what


def test_means_of_large_numbers_that_moved_read_differently() -> None:
    values = np.repeat(2.0**62 + np.arange(0, 2**20, 2**10), 3)
    page = text_of(drift({"it": values}, {"it": values + 2**19})._repr_html_())
    found = re.search(r"mean (\S+) → (\S+)", page)
    assert found is not None
    assert found[1] != found[2]

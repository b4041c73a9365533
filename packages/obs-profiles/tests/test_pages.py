"""The pages of profiles, drift and expectations."""

from __future__ import annotations

import datetime
import re
from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pytest

from obs_core import Deck, load_execution, task
from obs_core.rendering import render
from obs_core.testing import RecordingStore, RendererContract
from obs_core.text.verdicts import verdicts_in
from obs_profiles import CheckedRenderer, DriftRenderer, ProfileTransformer, check, drift, expect, merge, profile
from obs_profiles.comparison.shares import Share, shares_of
from obs_profiles.pages import profile_html
from obs_profiles.pages.charts import distribution_chart, value_bars
from obs_profiles.wording import duration_text, number_text, rough_time_text, share_text, time_text, visible

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
        return profile({text: [text, text + "!"] * 20, "list": [[text, text + "!"]] * 40}, by=text)

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


def test_values_of_few_digits_are_shown_whole() -> None:
    known = profile({"price": [0.1, 999.98, 12.34], "big": [1_234_567.89, 2.0, 3.0], "half": [99_999, 99_999.5, 1e5]})
    page = text_of(profile_html(known))
    for found in ("0.1 to 999.98", "2 to 1,234,567.89", "mean 99,999.5", "12.34 median"):
        assert found in page
    measured = text_of(profile_html(profile({"it": [1 / 3, 2 / 3, 12.63912345]})))
    assert "0.3333 to 12.64" in measured
    assert "those of many digits are shown with four" in measured
    moved = drift({"price": [9.985] * 90}, {"price": [9.985] * 45 + [1234.56] * 45})
    assert "1234.56" in [movement.what for movement in moved.column("price").movements]
    verdict = check({"it": [0.0, 999.98]}, [expect("it").between(0, 999)]).verdicts[0]
    assert verdict.found == "0 to 999.98"


def test_what_rounding_leaves_of_nought_is_none(random: np.random.Generator) -> None:
    symmetric = np.concatenate([-np.arange(1, 500) * 0.1, np.arange(1, 500) * 0.1]) + 0.3
    known = profile({"it": symmetric})
    assert 0 < abs(known["it"].numbers.moments.skewness) < 1e-9  # type: ignore[union-attr]
    assert "skewness 0 " in text_of(profile_html(known))


def test_drift_says_what_moved(random: np.random.Generator) -> None:
    before = {"number": random.normal(size=5_000), "word": ["EWR", "JFK"] * 2_500, "same": [1] * 5_000}
    after = {"number": random.normal(1, 1, 5_000), "word": ["EWR", "BOS"] * 2_500, "same": [1] * 5_000}
    page = text_of(drift(before, after)._repr_html_())
    assert "2 of 3 columns drifted" in page
    assert "BOS : 0 % → 50.0 %" in page
    assert re.search(r"mean .* \(\+[01]\.\d\d σ\)", page)
    assert verdicts_in(drift(before, before)._repr_html_()) == [("passed", "No drift")]


def test_a_column_of_lists_whose_elements_drifted_is_one_column(random: np.random.Generator) -> None:
    def lists(first: int) -> list[list[str]]:
        return [[f"a{first + n}" for n in random.choice(9, 2, replace=False)] for _ in range(400)]

    found = drift({"tags": lists(0), "n": [1] * 400}, {"tags": lists(6), "n": [1] * 400})
    html = found._repr_html_()
    page = text_of(html)
    assert verdicts_in(html) == [("warned", "Drift: 1 of 2 columns drifted: tags")]
    assert "1 of 2 columns drifted tags (elements: 0." in page
    assert "in its elements" in page
    assert re.search(r"a\d+ of elements: [\d.]+ % → [\d.]+ %", page)
    assert "What moved among elements: values distance 0." in page
    assert re.search(r"Elements before and after.* elements 800 800 .*66\.7 % of the distinct elements are new", page)
    assert "those of elements are of all elements" in page
    assert "Elements: Values type object elements 800" in text_of(profile_html(profile({"tags": lists(0)})))
    assert "those of elements" not in text_of(drift({"n": [1]}, {"n": [1]})._repr_html_())


def test_the_check_names_the_columns_that_drifted() -> None:
    names = [f"c{number}" for number in range(5)]
    before, after = ({name: [value] * 200 for name in names} for value in (1, 2))
    (found,) = verdicts_in(drift(before, after)._repr_html_())
    assert found == ("warned", "Drift: 5 of 5 columns drifted: c0, c1, c2 and 2 more")


def test_that_several_columns_drifted_farther_in_segments_is_said() -> None:
    before = {"by": ["a"] * 500 + ["b"] * 500, "x": [1] * 1_000, "y": [1] * 1_000}
    after = {**before, "x": [1] * 900 + [2] * 100, "y": [1] * 950 + [2] * 50}
    page = text_of(drift(profile(before, by="by"), profile(after, by="by"))._repr_html_())
    assert re.search(r"x farthest where by is b \(0\.\d\d\), 1 more in segments", page)


def test_how_many_elements_lists_have_is_said_of_their_size() -> None:
    page = text_of(drift({"tags": [["a"]] * 200}, {"tags": [["a"], ["a", "b"]] * 100})._repr_html_())
    assert "1 element: 100 % → 50.0 %" in page
    assert "1 element 100 % → 50.0 %" in page


def test_chance_is_said_of_no_difference_that_is_drift(random: np.random.Generator) -> None:
    before, after = ({"price": random.lognormal(3, 1, 5_000)} for _ in range(2))
    after["price"][random.random(5_000) < 0.01] = -999
    found = drift(before, after)
    assert any(one.what == "-999" for facet in found[0].facets if facet.by_chance for one in facet.movements)
    first, *further = text_of(found._repr_html_()).split("Before and after")[0].split("What moved: ")[1:]
    assert "-999 0 % → " in first
    assert not any("chance" in part and ("-999 0 %" in part or "distance" in part) for part in further)
    assert "besides what is named before, may be chance" in "".join(further)


def test_a_range_does_not_reach_to_a_value_that_it_leaves_out(random: np.random.Generator) -> None:
    before, after = random.lognormal(3, 1, 5_000), random.lognormal(3, 1, 5_000)
    before[:50], after[:50], after[50:60] = 9_999, -999, -5
    ends = next(facet for facet in drift({"it": before}, {"it": after})[0].facets if facet.name == "ends")
    named = [one.what for one in ends.movements if one.kind == "range"]
    assert any(re.fullmatch(r"others below 0\.\d+", what) for what in named)
    assert not any("999" in what or "-5" in what for what in named)


def test_expectations_that_failed_are_first() -> None:
    page = text_of(check(mixed(), [expect.rows(at_least=1), expect("word").among("EWR")])._repr_html_())
    assert "1 of 2 failed" in page
    assert page.index("word") < page.index("(the whole data set)")


def segments_that_drifted(columns: int, name: str = "north") -> Any:
    """Compare data of which each column drifts in a segment, the later ones in both."""
    key = [name, "south"] * 200
    before = {f"c{number:03}": np.zeros(400) for number in range(columns)}
    moved = [np.array([7.0, 7.0 * (number >= columns // 2)] * 200) for number in range(columns)]
    after = {f"c{number:03}": values for number, values in enumerate(moved)}
    return drift(profile({"key": key, **before}, by="key"), profile({"key": key, **after}, by="key"))


@pytest.mark.parametrize("columns", [1, 12, 13, 40, 300])
def test_each_column_that_drifted_in_a_segment_is_named_or_counted(columns: int) -> None:
    page = segments_that_drifted(columns)._repr_html_()
    table = page[page.index('<table class="heat">') : page.index("</table>")]
    heads = re.findall(r'<th scope="col"><span>(c\d+)</span>', table)
    assert len(heads) == min(12, columns)
    assert heads[0] == f"c{columns // 2:03}"  # those of the most segments are first
    further = re.findall(r"(\d+) more columns? drifted in some segments: ([^<]*)", page)
    if columns <= 12:
        assert not further
        return
    ((count, named),) = further
    assert int(count) == columns - 12
    listed = re.findall(r"(c\d+) \([12]\)", named)
    left = re.search(r"and (\d+) more\.", named)
    assert len({*heads, *listed}) + (int(left[1]) if left else 0) == columns


def test_a_pattern_that_is_cut_says_so() -> None:
    page = profile_html(profile({"it": [f"a b c d e f g h i j k l m n o p q r s t {word}" for word in ("u", "v")] * 9}))
    assert "<code>a a a a a a a a a a a a a a a a…</code>" in page
    assert "<code>A9</code>" in profile_html(profile({"it": [f"N{number}" for number in range(99)]}))


def test_texts_of_one_length_have_no_picture_of_it() -> None:
    assert distribution_chart(profile({"it": [f"id{number}" for number in range(1_000, 9_000)]})["it"]) == ""


@pytest.mark.browser
def test_a_long_name_of_a_segment_leaves_room_for_the_map_on_a_phone(browser: Any) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.set_content(
        segments_that_drifted(
            3, "a segment whose name has eighty letters, as the names of departments do have"
        )._repr_html_()
    )
    box, cell = (page.locator(found).first.bounding_box() for found in (".scroll", ".heat .cell"))
    assert cell["x"] + cell["width"] <= box["x"] + box["width"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.close()


_CHARTS = """[...document.querySelectorAll('.values')].map(chart => [
  new Set([...chart.querySelectorAll('.meter')].map(meter => Math.round(meter.getBoundingClientRect().width))).size,
  [...chart.querySelectorAll('b')].every(share => share.getBoundingClientRect().right
    <= chart.getBoundingClientRect().right + 1 && share.scrollWidth <= share.clientWidth + 1)])"""


@pytest.mark.browser
@pytest.mark.parametrize("width", [1300, 700, 390])
def test_bars_of_a_chart_have_one_scale_and_their_shares_have_room(
    width: int, browser: Any, random: np.random.Generator
) -> None:
    cities = ["Rotterdam harbour", "NY", "a"]
    before, after = (
        {"city": random.choice(cities, 9_000, p=share), "price": random.normal(by, 1, 9_000)}
        for share, by in (([0.2, 0.3, 0.5], 0), ([0.4, 0.4, 0.2], 0.8))
    )
    drawn = drift(before, after)._repr_html_() + profile_html(profile(before))
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.set_content(drawn.replace("<details", "<details open"))
    charts = page.evaluate(_CHARTS)
    assert len(charts) > 3
    assert charts == [[1, True]] * len(charts)
    page.close()
    assert "\N{NO-BREAK SPACE}% → " in drawn


@pytest.mark.browser
def test_long_values_are_found_by_search_and_selected_whole(browser: Any) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 800})
    value = "warehouse-north-east-of-the-great-river-1"
    page.set_content(profile_html(profile({"it": [value] * 9})))
    assert page.evaluate(f"window.find('{value}')")
    assert page.evaluate("String(getSelection())") == value
    page.close()


@pytest.mark.browser
def test_a_click_on_a_head_sorts_and_a_second_one_sorts_the_other_way(browser: Any) -> None:
    page = browser.new_page()
    page.set_content(profile_html(profile({"b": [1, 2, 3], "a": [1, None, None], "c": [None, 1, 1]})))
    names = page.locator(".row .name")
    head = page.get_by_role("button", name="Missing")
    head.click()
    assert names.all_inner_texts() == ["a", "c", "b"]
    assert (head.get_attribute("data-sorted"), page.locator("select").input_value()) == ("down", "missing")
    head.click()
    assert names.all_inner_texts() == ["b", "c", "a"]
    page.get_by_role("button", name="Column").click()
    assert names.all_inner_texts() == ["a", "b", "c"]
    assert head.get_attribute("data-sorted") is None
    page.close()


def test_a_profile_of_one_column_has_nothing_to_sort() -> None:
    assert "<button" not in profile_html(profile({"a": [1]}))


def test_expectations_have_the_roles_of_a_table() -> None:
    html = check(mixed(), [expect.rows(at_least=1), expect("word").among("EWR")])._repr_html_()
    roles = re.findall(r"role=\"(\w+)\"", html)
    assert roles == ["table", "row", *["columnheader"] * 4, *["row", *["cell"] * 4] * 2]


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


def test_columns_without_any_value_are_told_apart_from_those_that_lack_some() -> None:
    page = profile({"a": [1.0, None], "b": [None, None], "c": [float("nan")] * 2, "d": [1.0, 2.0]})._repr_html_()
    tiles = " ".join(re.sub(r"<[^>]*>", " ", page).split())
    assert "3 columns lack some 2 columns are empty" in tiles
    for without in (profile({"a": [1.0, None]}), profile({"a": []}), profile({})):
        assert not re.search("column is empty|columns are empty", without._repr_html_())


def test_one_of_a_kind_is_counted_in_the_singular() -> None:
    made = profile({"a": [1.0], "b": [None]})
    pages: list[Any] = [made, drift(made, made), check(made, [expect("a").between(0, 1)])]
    texts = [" ".join(re.sub(r"<[^>]*>", " ", page._repr_html_()).split()) for page in pages]
    assert [text for text in texts if "1 rows" in text or "1 columns" in text] == []
    assert "1 column lacks some" in texts[0]
    assert "1 column is empty" in texts[0]
    assert all("1 row " in text for text in texts)


@pytest.mark.parametrize("kind", [np.int64, np.float64])
def test_large_numbers_that_differ_read_differently_in_a_row_and_below_its_picture(kind: Any) -> None:
    page = profile_html(profile({"it": np.repeat(2**62 + np.arange(0, 2**20, 2**10), 3).astype(kind)}))
    least, most = "4,611,686,018,427,387,904", "4,611,686,018,428,435,456"
    median = re.search(r"<span>([^<]*) <em>median</em></span><small>([^<]*)</small>", page)
    assert median is not None
    assert re.fullmatch(r"about 4,611,686,018,42[78],\d{3},\d{3}", median[1])
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
    found = re.search(r"mean about (\S+) → about (\S+)", page)
    assert found is not None
    assert found[1] != found[2]


def heights_of(html: str) -> list[float]:
    """Read how high the bars of the last histogram are, 1 for the highest."""
    outline = re.findall(r'd="M0 44([^"]*)Z"', html)[-1]
    heights = [44 - float(top) for top in re.findall(r"V([\d.]+)H", outline)]
    return [height / max(heights) for height in heights]


@pytest.mark.parametrize(
    ("values", "bars"),
    [
        (pd.date_range("2026-03-01", periods=30), 30),  # days
        (pd.date_range("2026-03-01", periods=30, tz="America/New_York"), 30),  # and the clocks change
        (pd.date_range("2024-03-01", periods=104, freq="7D"), 26),  # weeks
        (pd.date_range("2026-03-01 00:30", periods=24, freq="h"), 24),
        (pd.Series(np.arange(0, 5.5, 0.5)), 11),  # stars
        (pd.Series(np.arange(30) * 1000), 30),
        (pd.Series(np.round(np.arange(60) * 0.1 + 3.05, 2)), 30),
    ],
)
@pytest.mark.parametrize("rows", [10, 100])
def test_bars_hold_equally_many_of_the_values_that_there_may_be(values: Any, bars: int, rows: int) -> None:
    column = pd.Series(np.repeat(values.to_numpy() if isinstance(values, pd.Series) else values, rows))
    known = profile({"it": column})
    for html in (distribution_chart(known["it"]), distribution_chart(known["it"], known["it"])):
        heights = heights_of(html)
        assert len(heights) == bars
        assert min(heights[1:-1]) == max(heights[1:-1])  # the outermost ones hold what lies beyond, too
    assert 'class="reference"' in drift(known, known)._repr_html_()


def test_bars_of_any_times_are_whole_hours_or_days(random: np.random.Generator) -> None:
    times = pd.to_datetime(random.integers(0, 30 * 86_400 * 10**6, 20_000), unit="us")
    evening = times[times.hour >= 12]  # nothing before noon: days hold half, and no bar stands for a night alone
    heights = heights_of(distribution_chart(profile({"it": evening})["it"]))
    assert len(heights) == 30
    assert min(heights[1:-1]) > 0.7


def test_long_names_that_differ_at_either_end_read_differently() -> None:
    names = ["a" + "x" * 100 + "1", "a" + "x" * 100 + "2", "b" + "x" * 100 + "2"]
    found = [visible(name) for name in names]
    assert len(set(found)) == 3
    assert all(len(text) == 80 and "…" in text for text in found)
    assert visible("y" * 80) == "y" * 80
    text = text_of(profile_html(profile({name: [1] for name in names})))
    assert all(name in text for name in found)


def test_values_of_any_length_stay_in_one_piece() -> None:
    names = [f"warehouse-north-east-of-the-{'great ' * 6}river-{number}" for number in (1, 2)]
    before, after = profile({"it": names * 50}), profile({"it": names[:1] * 100})
    for page in (profile_html(before), drift(before, after)._repr_html_()):
        for name in names:
            assert f">{name}<" in page
    long = "a" * 60 + "b" * 39
    assert f'title="{long}"' in distribution_chart(profile({"it": [long]})["it"])


def test_the_hash_of_a_long_text_is_not_shown_as_its_end() -> None:
    values = ["Dear all, " + "blah " * 30 + end for end in ("yours, Ann", "yours, Bob")]
    before, after = profile({"it": values * 50}), profile({"it": values[:1] * 100})
    pages = [profile_html(before), drift(before, after)._repr_html_()]
    pages.append(check(before, [expect("it").among("none")])._repr_html_())
    for page in pages:
        assert not re.search("…[0-9a-f]{16}", page)
        assert len(set(re.findall("… #[0-9a-f]{8}", text_of(page)))) == 2  # they are told apart
    assert "of more than 100 bytes the beginning is kept" in pages[0]
    assert all("9" not in pattern for pattern in before["it"].texts.sample.patterns)  # type: ignore[union-attr]
    (told,) = ProfileTransformer().differences(before, after)
    assert "… #" in str(told[1])
    short = f"as somebody wrote it…{16 * 'a'}"
    assert f">{short}<" in profile_html(profile({"it": [short] * 9}))


def flags(yes: int, no: int, missing: int) -> list[str | None]:
    return [*["yes"] * yes, *["no"] * no, *[None] * missing]


def test_bars_and_what_moved_state_the_same_shares_of_all_rows() -> None:
    before, after = {"it": flags(500, 300, 200)}, {"it": flags(300, 300, 400)}
    page = text_of(drift(before, after)._repr_html_())
    assert page.count("no 30.0 % → 30.0 %") == 2
    assert page.count("yes 50.0 % → 30.0 %") == 2
    page = text_of(profile_html(profile({"text": flags(5, 3, 2), "flag": [True] * 5 + [False] * 3 + [None] * 2})))
    assert page.count("yes 50.0 %") == page.count("True 50.0 %") == 2
    assert "50.0 % true" in page
    assert "Shares are of all rows, including missing values." in page


def test_histograms_are_of_all_rows() -> None:
    whole = np.arange(1_000.0)
    half = np.where(np.arange(1_000) % 2, np.nan, whole)
    html = distribution_chart(profile({"it": whole})["it"], profile({"it": half})["it"])
    tops = [[float(top) for top in re.findall(r"V([\d.]+)H", path)] for path in re.findall(r'd="M0 44([^"]*)Z"', html)]
    before, after = ([44 - top for top in each] for each in tops)
    assert sum(after) == pytest.approx(sum(before) / 2, rel=0.05)


def test_a_value_that_one_side_does_not_count_is_drawn_between_bounds(random: np.random.Generator) -> None:
    weights = 1 / np.arange(20, 720)
    weights /= weights.sum()
    sides = [[f"v{k:04}" for k in random.choice(700, 20_000, p=np.roll(weights, by))] for by in (0, 3)]
    before, after = (profile({"it": side}) for side in sides)
    drawn = text_of(value_bars([before["it"], after["it"]], most=20))
    page = text_of(drift(before, after)._repr_html_())
    stated = re.findall(r"(v\d{4}) :? ?(≤ )?(\S+) % → (≤ )?(\S+) %", drawn + page)
    assert len(stated) > 30
    assert {bound for _, *bounds in stated for bound in bounds[::2]} == {"≤ ", ""}
    for value, *shares in stated:
        for side, bound, share in zip(sides, shares[::2], shares[1::2], strict=True):
            true = 100 * side.count(value) / 20_000
            assert true <= float(share) + 0.0501 if bound else true == pytest.approx(float(share), abs=0.0501)
    assert "≤ and ≥ stand before the share of one that the profile knows in part" in page


@pytest.mark.parametrize("kind", ["texts", "integers", "numbers", "flags", "times"])
@pytest.mark.parametrize("parts", [1, 9])
def test_shares_of_values_are_within_their_bounds(kind: str, parts: int, random: np.random.Generator) -> None:
    codes = random.zipf(1.2, 9_000) % 400
    made: dict[str, Any] = {
        "texts": [None if code == 3 else f"v{code}" for code in codes],
        "integers": codes,
        "numbers": [None if code == 3 else code / 7 for code in codes],
        "flags": [None if code == 3 else bool(code % 2) for code in codes],
        "times": [None if code == 3 else HOURS[0] + datetime.timedelta(hours=int(code)) for code in codes],
    }
    values = list(made[kind])
    known = merge([profile({"it": values[part::parts]}) for part in range(parts)])
    column = known["it"]
    counts = Counter(values)
    counts.pop(None, None)
    asked = [str(value) if kind == "flags" else value for value in counts]
    if kind == "times":
        asked = [(value - datetime.datetime(1970, 1, 1)) // datetime.timedelta(microseconds=1) for value in counts]
    for share, count in zip(shares_of(column, asked), counts.values(), strict=True):
        assert share.least - 1e-12 <= count / 9_000 <= share.most + 1e-12
    if parts == 1 and kind != "flags":
        assert any(share.least < share.most for share in shares_of(column, asked))
        assert any(share.least == share.most for share in shares_of(column, asked))


def test_a_column_of_one_side_is_drawn_in_the_colour_of_that_side() -> None:
    texts, numbers = profile({"it": ["a", "b"] * 9})["it"], profile({"it": range(99)})["it"]
    for html in (distribution_chart(texts, None), distribution_chart(numbers, None)):
        assert ('class="reference"' in html, 'class="current"' in html) == (True, False)
        assert "→" not in html
    both = distribution_chart(texts, numbers)
    assert both.index('class="reference"') < both.index("<svg") < both.index('class="current"')


@pytest.mark.parametrize(
    ("share", "text"),
    [
        ((0.5, 0.5), "50.0 %"),
        ((0.0, 0.0), "0 %"),
        ((0.0, 0.01), "≤ 1.0 %"),
        ((0.0, 0.0004), "<0.1 %"),
        ((0.5, 0.50001), "50.0 %"),
        ((0.5, 0.6), "≥ 50.0 %"),
        ((0.0, 1.0), "≤ 100 %"),
    ],
)
def test_a_share_that_is_not_known_says_so(share: tuple[float, float], text: str) -> None:
    assert str(Share(*share)) == text


@pytest.mark.parametrize(
    ("values", "mark"),
    [([[0] * (row % 4) for row in range(40)], "≥ 4"), (list(range(40)) * 2, "40"), (list(range(40_000)) * 2, "≈ ")],
)
def test_a_number_of_distinct_values_says_how_it_is_known(values: list[Any], mark: str) -> None:
    text = text_of(profile_html(profile({"it": values})))
    assert mark in text
    assert ("≈" in text, "≥" in text) == ("≈" in mark, "≥" in mark)


def test_estimates_say_that_they_are(random: np.random.Generator) -> None:
    before = {"number": random.normal(size=9_000), "key": [f"A{key}" for key in range(9_000)]}
    after: dict[str, Any] = {
        "number": random.normal(1, 1, 9_000),
        "key": [f"{'A' if key % 3 else 'b'}{key}" for key in range(9_000)],
    }
    page = text_of(drift(before, after)._repr_html_())
    assert re.search(r"A9 of distinct values: about 100 % → about 6\d\.\d %", page)
    assert re.search(r"-[\d.]+ to -?[\d.]+ about \d+\.\d % → about \d+\.\d %", page)
    assert re.search(r"median about -?[\d.]+ about 1\.", page) or re.search(r"median about -?[\d.]+ about 0\.9", page)
    assert re.search(r"About: ± [\d.]+ % of all\.", page)
    alone = text_of(profile_html(profile(after)))
    assert re.search(r"about [\d.]+ median", alone)
    assert re.search(r"A9 about 6\d\.\d %", alone)
    opened = re.search(r"min -[\d.]+ (.*?) max", alone)
    assert opened
    assert re.fullmatch(r"1 % about -[\d.]+ 5 % about -[\d.]+ .* median about [\d.]+ .* 99 % about [\d.]+", opened[1])
    few = {name: values[:100] for name, values in after.items()}
    assert "about" not in text_of(profile_html(profile(few))).split("What is approximate")[0]
    assert "about" not in text_of(profile_html(profile({"number": [1, 2, 2] * 3_000}))).split("What is approximate")[0]


def test_new_values_are_an_estimate() -> None:
    before, after = ([f"value {first + row % 800}" for row in range(9_000)] for first in (0, 80))
    page = text_of(drift({"it": before}, {"it": after})._repr_html_())
    assert re.search(r"new values:? 0 % → about \d+\.\d %", page)


def test_the_share_of_a_segment_that_merged_parts_may_have_among_the_others_is_a_bound() -> None:
    # 60 segments in each part, of which the last ten are among all others in one part and not in the other.
    parts = []
    for turn in (1, -1):
        sizes = {f"s{k:02}": 20 + turn * k // 10 for k in range(60)}
        parts.append(profile({"by": [value for value, size in sizes.items() for _ in range(size)]}, by="by"))
    known = merge(parts)
    assert known.segment_slack
    shares = dict(re.findall(r"(s\d\d) ([≥≤]? ?[\d.]+ %)", text_of(profile_html(known)).split("Segments by")[1]))
    assert shares
    assert all(share.startswith("≥") for share in shares.values())


def test_a_mean_that_no_float_is_says_about_and_that_of_one_number_is_that() -> None:
    large = 2**53 + 1
    same, differing = profile({"it": [large] * 9}), profile({"it": [large, large + 2, large + 6]})
    assert f"{large:,}" in text_of(profile_html(same))
    assert same.to_dict()["it"]["mean"] == large
    assert "mean about 9,007,199,254,740," in text_of(profile_html(differing))
    assert "mean about" not in text_of(profile_html(profile({"it": [1, 2, 6]})))


def test_segments_of_one_side_alone_are_in_the_map() -> None:
    before, after = (profile({"by": list("ab" * 50 + last * 30), "it": [1] * 130}, by="by") for last in "cd")
    found = drift(before, after)
    assert (found.gone, found.new, list(found.segments)) == ({"c": (30, 0)}, {"d": (30, 0)}, ["a", "b"])
    page = text_of(found._repr_html_())
    assert "c 30 → 0 gone" in page
    assert "d 0 → 30 new" in page
    many = profile({"by": [f"s{row % 60:02}" for row in range(590)] + ["a"] * 20}, by="by")
    kept = drift(before, many)
    assert kept.gone["c"] == (30, many.segments["(all others)"].rows)
    assert "c 30 → ≤ " in text_of(kept._repr_html_())
    assert drift(profile({"by": ["a"]}), many).new == {}

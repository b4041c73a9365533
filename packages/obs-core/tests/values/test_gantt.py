from __future__ import annotations

import itertools
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from obs_core.text.durations import moment_html
from obs_core.values.gantt import Bar, render_gantt

STARTED = 1_795_390_957_417_123_456
ELEMENTS = {"style", "div", "figure", "svg", "text", "line", "span", "rect", "title", "figcaption", "time"} | {
    *("table", "thead", "tr", "th", "tbody", "td")
}
MILLISECOND = 1_000_000
SECOND = 1_000 * MILLISECOND
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def bar(name: str, start: int, finish: int, **given: Any) -> Bar:
    """Make a bar between two milliseconds of the chart."""
    return Bar(name, STARTED + start * MILLISECOND, STARTED + finish * MILLISECOND, **given)


class Chart(HTMLParser):
    """What a reader of the HTML finds in it.

    Attributes:
        rows: For each row its name, its bars (x and width in percent, class, title) and its total.
        ticks: The labels of the axis.
        table: The cells of the table's body.
        tags: All elements.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[tuple[str, list[tuple[float, float, str, str]], str]] = []
        self.ticks: list[str] = []
        self.table: list[list[str]] = []
        self.tags: list[str] = []
        self._open: list[dict[str, Any]] = []
        self._text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open.append({"tag": tag, **dict(attrs)})
        self.tags.append(tag)
        self._text = ""
        if tag == "tr":
            self.table.append([])

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, text: str) -> None:
        self._text += text

    def handle_endtag(self, tag: str) -> None:
        ended = self._open.pop()
        assert ended["tag"] == tag
        kind = ended.get("class", "")
        if kind == "name":
            self.rows.append((self._text, [], ""))
        elif kind == "total":
            self.rows[-1] = (*self.rows[-1][:2], self._text)
        elif tag == "text":
            self.ticks.append(self._text)
        elif tag == "title":
            rect = self._open[-1]
            place = (float(rect["x"].rstrip("%")), float(rect["width"].rstrip("%")))
            self.rows[-1][1].append((*place, rect.get("class", ""), self._text))
        elif tag == "td":
            self.table[-1].append(self._text)
        self._text = ""


def places(chart: Chart, row: int = 0) -> list[tuple[float, float]]:
    return [found[:2] for found in chart.rows[row][1]]


def test_bars_lie_where_they_ran_on_rows_in_start_order() -> None:
    chart = Chart(render_gantt([bar("fit", 500, 1000), bar("load", 0, 250), bar("clean", 250, 500)]))
    assert [(name, [found[:3] for found in bars], total) for name, bars, total in chart.rows] == [
        ("load", [(0.0, 25.0, "")], "250 ms"),
        ("clean", [(25.0, 25.0, "")], "250 ms"),
        ("fit", [(50.0, 50.0, "")], "500 ms"),
    ]


def test_bars_of_one_name_share_a_row() -> None:
    chart = Chart(render_gantt([bar("read", 0, 100), bar("read", 500, 1000)]))
    assert [(name, total) for name, _, total in chart.rows] == [("read", "600 ms ×2")]
    assert places(chart) == [(0.0, 10.0), (50.0, 50.0)]


def test_bars_of_one_name_that_overlap_lie_below_one_another_on_their_row() -> None:
    html = render_gantt([bar("fetch", 0, 600), bar("fetch", 100, 900), bar("fetch", 600, 1000)])
    assert len(Chart(html).rows) == 1
    assert re.findall(r'<rect x="(\S+)%" width="(\S+)%" y="(\d+)"', html) == [
        ("0", "60", "3"),
        ("60", "40", "3"),
        ("10", "80", "12"),
    ]


def test_a_bar_tells_its_exact_times() -> None:
    chart = Chart(render_gantt([bar("load", 0, 250, process_time=200 * MILLISECOND), bar("fit", 0, 1000)]))
    (load,) = [bars for name, bars, _ in chart.rows if name == "load"]
    assert load[0][3] == (
        "250 ms\nfrom 2026-11-22 23:42:37.417123 UTC\nto 2026-11-22 23:42:37.667123 UTC\nprocess time 200 ms"
    )


def test_failed_and_open_bars_are_told_apart_by_more_than_colour() -> None:
    html = render_gantt([bar("check", 0, 10, failed=True), bar("fit", 10, 1000, open=True)])
    chart = Chart(html)
    assert [(bars[0][2], bars[0][3].split("\n")[-1], total) for _, bars, total in chart.rows] == [
        ("failed", "failed", "10.0 ms failed"),
        ("open", "not ended", "≥ 990 ms not ended"),
    ]
    assert '<span class="key failed"></span>failed <span class="key open"></span>not ended' in html


def test_of_a_failed_bar_whose_error_was_handled_that_is_told_and_shown() -> None:
    tries = [bar("fetch", 0, 10, failed=True, handled=True), bar("fetch", 20, 30, failed=True), bar("fetch", 40, 50)]
    alone = bar("check", 0, 10, failed=True, handled=True)
    html = render_gantt([*tries, alone])
    rows = {name: ([found[2] for found in bars], total) for name, bars, total in Chart(html).rows}
    assert rows["fetch"] == (["handled", "failed", ""], "30.0 ms ×3 2 failed, 1 handled")
    assert rows["check"] == (["handled"], "10.0 ms failed, handled")
    assert '<span class="key failed"></span>failed <span class="key handled"></span>failed, handled' in html


def test_bars_drawn_as_one_look_like_the_worst_of_them() -> None:
    handled = [bar("read", n, n + 1, failed=True, handled=True) for n in range(3)]
    whole = bar("all", 0, 1_000_000)
    (row,) = [bars for name, bars, _ in Chart(render_gantt([*handled, whole])).rows if name == "read"]
    assert [(kind, told.split("\n")[-1]) for *_, kind, told in row] == [("handled", "3 failed, handled")]
    worse = bar("read", 3, 4, failed=True)
    (row,) = [bars for name, bars, _ in Chart(render_gantt([*handled, worse, whole])).rows if name == "read"]
    assert [(kind, told.split("\n")[-1]) for *_, kind, told in row] == [("failed", "4 failed, 3 handled")]


def test_of_what_was_not_heard_of_after_its_beginning_no_time_is_told() -> None:
    html = render_gantt([bar("fit", 0, 0, open=True)])
    _, bars, total = Chart(html).rows[0]
    assert (total, bars[0][3].split("\n")[0]) == ("not ended", "unknown")
    assert "<td>unknown</td>" in html
    assert "The last bar" not in html
    assert "The last bar was last heard of 20.0 ms later." in render_gantt([bar("fit", 0, 20, open=True)])


def test_the_start_of_the_axis_is_stated() -> None:
    html = render_gantt([bar("a", 0, 1000)])
    assert f"0 s is {moment_html(STARTED)}. The last bar ends 1.00 s later." in html


@pytest.mark.parametrize(
    ("length", "ticks"),
    [
        (0, ["0 s"]),
        (1, ["0 s", "1 ns"]),
        (173, ["0 s", "50 ns", "100 ns", "150 ns"]),
        (2_000, ["0 s", "500 ns", "1 µs", "1.5 µs", "2 µs"]),
        (3 * MILLISECOND, ["0 s", "500 µs", "1 ms", "1.5 ms", "2 ms", "2.5 ms", "3 ms"]),
        (12_400 * MILLISECOND, ["0 s", "2 s", "4 s", "6 s", "8 s", "10 s", "12 s"]),
        (150 * SECOND, ["0 s", "30 s", "1 min", "1 min 30 s", "2 min", "2 min 30 s"]),
        (100 * MINUTE, ["0 s", "15 min", "30 min", "45 min", "1 h", "1 h 15 min", "1 h 30 min"]),
        (3 * DAY, ["0 s", "12 h", "1 d", "1 d 12 h", "2 d", "2 d 12 h", "3 d"]),
        (70 * DAY, ["0 s", "10 d", "20 d", "30 d", "40 d", "50 d", "60 d", "70 d"]),
    ],
)
def test_ticks_are_round_numbers_from_nanoseconds_to_days(length: int, ticks: list[str]) -> None:
    assert Chart(render_gantt([Bar("a", STARTED, STARTED + length)])).ticks == ticks


@given(st.integers(1, 4_000 * DAY))
def test_an_axis_has_two_to_nine_ticks_whatever_its_length(length: int) -> None:
    assert 2 <= len(Chart(render_gantt([Bar("a", 0, length)])).ticks) <= 9


def test_a_bar_without_any_length_is_drawn() -> None:
    chart = Chart(render_gantt([bar("tick", 500, 500), bar("all", 0, 1000)]))
    assert places(chart, 1) == [(50.0, 0.001)]
    assert places(Chart(render_gantt([bar("tick", 0, 0)]))) == [(0.0, 0.001)]


def test_a_finish_before_the_start_is_taken_as_the_start() -> None:
    chart = Chart(render_gantt([bar("back", 500, 100), bar("all", 0, 1000)]))
    assert places(chart, 1) == [(50.0, 0.001)]
    assert ["back", "1", "0 s"] in chart.table


def test_without_bars_it_says_so() -> None:
    assert "Nothing was timed." in render_gantt([])


def test_the_table_adds_up_wall_and_process_time_and_has_the_longest_first() -> None:
    bars = [
        bar("read", 0, 100, process_time=50 * MILLISECOND),
        bar("fit", 0, 900, process_time=1_800 * MILLISECOND),
        bar("read", 100, 300, process_time=0),
        bar("wait", 0, 10),
    ]
    assert Chart(render_gantt(bars)).table[1:] == [
        ["fit", "1", "900 ms", "1.80 s"],
        ["read", "2", "300 ms", "50.0 ms"],
        ["wait", "1", "10.0 ms", ""],
    ]


def test_neighbours_too_close_to_be_told_apart_are_one_bar() -> None:
    chart = Chart(render_gantt([bar("read", n, n + 1, failed=n == 3) for n in range(10)] + [bar("all", 0, 100_000)]))
    (read,) = [bars for name, bars, _ in chart.rows if name == "read"]
    assert read == [
        (
            0.0,
            0.01,
            "failed",
            "10.0 ms in 10 bars\nfrom 2026-11-22 23:42:37.417123 UTC\nto 2026-11-22 23:42:37.427123 UTC\n1 failed",
        )
    ]


@pytest.mark.parametrize("names", [1, 7, 60, 300, 10_000])
def test_ten_thousand_bars_stay_below_half_a_megabyte(names: int) -> None:
    bars = [bar(f"operation {n % names}", n * 3, n * 3 + 1 + n % 40, process_time=MILLISECOND) for n in range(10_000)]
    html = render_gantt(bars)
    chart = Chart(html)
    assert len(html) < 500_000
    assert len(chart.rows) == min(names, 60)
    assert len(chart.table) == min(names, 200) + 1
    if names > 200:
        assert f"and {names - 60:,} more rows with less time" in html
        assert f"and {names - 200:,} more names with less time" in html


def test_ten_thousand_bars_that_all_overlap_stay_below_half_a_megabyte() -> None:
    assert len(render_gantt([bar("worker", n, 20_000 + n) for n in range(10_000)])) < 500_000


@pytest.mark.parametrize(
    "name",
    [
        "</title></svg></style></script><script>window.hit=1</script>",
        '"><img src=x onerror="window.hit=1">',
        "line\nbreak\x1b[2J",
        "\u202egnp",
        "\ud800",
        "x" * 5_000,
    ],
)
def test_a_hostile_name_is_only_text(name: str) -> None:
    html = render_gantt([Bar(name, 0, 5)], title=name)
    chart = Chart(html)
    assert set(chart.tags) == ELEMENTS
    assert chart.rows[0][0] == chart.table[1][0]
    assert chart.rows[0][0].isprintable()
    assert len(chart.rows[0][0]) <= 120
    html.encode("utf-8")


def boxes(page: Any, selector: str) -> list[dict[str, float]]:
    found = page.eval_on_selector_all(
        selector,
        "all => all.map(one => one.getBoundingClientRect().toJSON()).filter(one => one.height)",
    )
    assert isinstance(found, list)
    return found


@pytest.mark.browser
@pytest.mark.parametrize("width", [320, 600, 800, 1000, 1600])
@pytest.mark.parametrize("length", [150 * SECOND, 100 * MINUTE, 3 * DAY])
def test_the_chart_fits_the_page_and_its_labels_do_not_touch(browser: Any, width: int, length: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 600})
    bars = [Bar("a name that is long enough not to fit", STARTED, STARTED + length), Bar("b", STARTED, STARTED)]
    page.set_content(f"<!doctype html><html data-theme=light><body>{render_gantt(bars)}")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    labels = boxes(page, ".obs-gantt text")
    assert len(labels) >= 2
    assert all(left["right"] + 4 <= right["left"] for left, right in itertools.pairwise(labels))
    long, short = boxes(page, ".obs-gantt rect")
    track = boxes(page, ".obs-gantt .row:not(.scale) .track")[0]
    assert long["width"] == pytest.approx(track["width"], abs=1)
    assert short["left"] == pytest.approx(track["left"], abs=1)
    page.close()


@pytest.mark.browser
def test_the_chart_alone_follows_the_preferred_colours(browser: Any) -> None:
    seen = {}
    for scheme in ("light", "dark"):
        page = browser.new_page(color_scheme=scheme)
        page.set_content(f"<!doctype html><body>{render_gantt([bar('a', 0, 1)])}")
        seen[scheme] = page.evaluate("getComputedStyle(document.querySelector('.obs-gantt')).backgroundColor")
        page.close()
    assert seen == {"light": "rgb(255, 255, 255)", "dark": "rgb(16, 19, 23)"}


def test_the_axis_is_as_long_as_what_the_bars_are_parts_of() -> None:
    whole = STARTED - 10 * SECOND, STARTED + 10 * SECOND
    html = render_gantt([bar("load", 0, 5_000)], whole=whole)
    (drawn,) = Chart(html).rows
    assert drawn[1][0][:2] == (50.0, 25.0)
    assert "The last bar ends 15.0 s later." in html


@pytest.mark.browser
def test_its_bars_are_seen_where_no_style_sheet_holds(browser: Any) -> None:
    """An untrusted or converted notebook keeps the chart, and not its style: a figure has margins of 40 pixels then."""
    html = re.sub(
        r"<style>.*?</style>", "", render_gantt([Bar("load", 0, SECOND), Bar("fit", 0, 3 * SECOND)]), flags=re.S
    )
    page = browser.new_page()
    page.set_content(f"<!doctype html><body style='width:600px'>{html}")
    assert sorted((round(box["width"]), round(box["height"])) for box in boxes(page, "rect")) == [(173, 14), (520, 14)]
    page.close()

"""The Memory deck: what its chart and its table say, read back out of its HTML."""

from __future__ import annotations

import re
from html import unescape

import pytest

from obs_memray.drawing import Drawn
from obs_memray.memory_deck import memory_html
from obs_memray.options import Options, View
from obs_memray.summary import Allocator, Moment, Place, Summary

MB = 1_000_000


def deck(summary: Summary, **others: object) -> str:
    return memory_html(Drawn(summary, []), Options(), **others)  # type: ignore[arg-type]


def text_of(html: str) -> str:
    body = re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", body)))


def labels(html: str, side: str) -> dict[str, float]:
    """The labels of an axis, and where they stand: percent from the left, or from the bottom."""
    found = re.findall(rf'<span style="{side}:([\d.]+)%">(.*?)</span>', html)
    return {text: float(at) for at, text in found}


def line(html: str, name: str) -> list[tuple[float, float]]:
    """The points of a line, in percent from the left and from the bottom."""
    found = re.search(rf'<polyline class="{name}" points="(.*?)"', html)
    assert found
    points = (map(float, point.split(",")) for point in found[1].split())
    return [(round(x / 10, 2), round(100 - y / 2.2, 1)) for x, y in points]


def over(*readings: tuple[float, int, int], peak: int = 40 * MB) -> str:
    return deck(Summary(peak, 100 * MB, 7, resident=[Moment(at, rss * MB, heap * MB) for at, rss, heap in readings]))


def test_the_chart_has_axes_by_which_its_lines_can_be_read() -> None:
    html = over((0, 500, 0), (2, 510, 40), (4, 530, 10))
    assert labels(html, "bottom") == {"0 B": 0, "10.0 MB": 25, "20.0 MB": 50, "30.0 MB": 75, "40.0 MB": 100}
    assert labels(html, "left") == {
        **{"0 s": 0, "0.5 s": 12.5, "1 s": 25, "1.5 s": 37.5, "2 s": 50},
        **{"2.5 s": 62.5, "3 s": 75, "3.5 s": 87.5, "4 s": 100},
    }
    assert line(html, "heap") == [(0, 0), (50, 100), (100, 25)]


def test_the_resident_set_is_drawn_as_what_it_grew_by() -> None:
    html = over((0, 500, 0), (2, 510, 40), (4, 530, 10))
    assert line(html, "resident") == [(0, 0), (50, 25), (100, 75)]
    assert "resident set since the task began, when it was 500 MB" in text_of(html)
    assert "largest resident set 530 MB 500 MB when the task began" in text_of(html)


def test_a_resident_set_that_shrinks_has_room_below_zero() -> None:
    html = over((0, 500, 0), (1, 470, 10), peak=10 * MB)
    assert list(labels(html, "bottom")) == ["-30.0 MB", "-20.0 MB", "-10.0 MB", "0 B", "10.0 MB"]
    assert line(html, "resident") == [(0, 75), (100, 0)]
    assert "-" not in "".join(labels(over((0, 500, 0), (1, 499, 40)), "bottom")), "a small dip needs none"


@pytest.mark.parametrize(
    ("seconds", "first", "last"),
    [
        (0.03, "0 ms", "30 ms"),
        (0.9, "0 ms", "800 ms"),
        (90, "0 s", "80 s"),
        (600, "0 min", "10 min"),
        (9000, "0 h", "2.5 h"),
    ],
)
def test_times_have_the_unit_that_suits_them(seconds: float, first: str, last: str) -> None:
    shown = list(labels(over((0, 1, 0), (seconds, 1, 40)), "left"))
    assert (shown[0], shown[-1]) == (first, last)
    assert len(set(shown)) == len(shown) <= 10


def test_a_peak_between_two_readings_is_in_the_chart_all_the_same() -> None:
    html = over((0, 500, 0), (1, 500, 1), peak=90 * MB)
    assert "100 MB" in labels(html, "bottom")
    found = re.search(r'<line class="peak" x1="0" x2="1000" y1="([\d.]+)"', html)
    assert found
    assert float(found[1]) == 22, "90 of 100 MB, from the top of 220"


def test_one_reading_makes_no_chart() -> None:
    html = over((0, 500, 0))
    assert "<svg" not in html
    assert "peak 40.0 MB" in text_of(html)


LOAD = Allocator(
    "load",
    "/work/etl.py",
    3,
    30 * MB,
    12,
    "rows = read(path)",
    [Place("read", "/x/site-packages/csvs/io.py", 9, 29 * MB, 11)],
)
JOIN = Allocator("join", "/work/etl.py", 8, 10 * MB, 1)


def test_the_table_names_the_user_s_lines_and_below_them_the_libraries_places() -> None:
    text = text_of(deck(Summary(40 * MB, None, 13, [LOAD, JOIN], held=40 * MB)))
    assert (
        "Who held the memory at its peak Share Size Allocations Where"
        " 75.0 % 30.0 MB 12 load etl.py:3 rows = read(path) 29.0 MB 11 read csvs/io.py:9"
        " 25.0 % 10.0 MB 1 join etl.py:8" in text
    )


def test_a_line_is_known_the_next_time_though_lines_were_added_above_it() -> None:
    before = Summary(40 * MB, None, 13, [Allocator("load", "/work/etl.py", 99, 20 * MB, 12, "rows = read(path)")])
    text = text_of(deck(Summary(44 * MB, None, 13, [LOAD, JOIN]), last=before))
    assert "peak 44.0 MB +4.0 MB, +10.0 % since the last time" in text
    assert "load etl.py:3 rows = read(path) +10.0 MB, +50.0 % since the last time" in text
    assert "join etl.py:8 new" in text


def test_names_and_source_are_text() -> None:
    hostile = "<img src=x onerror=alert(1)>"
    html = deck(
        Summary(MB, None, 1, [Allocator(hostile, hostile, 1, MB, 1, hostile, [Place(hostile, hostile, 1, 1, 1)])])
    )
    assert "<img" not in html
    assert text_of(html).count(hostile) == 5


@pytest.mark.parametrize(
    ("view", "title"),
    [
        (View(leaks=True), "What was not freed by the end"),
        (View(temporary_threshold=1), "What was freed at once"),
    ],
)
def test_the_table_says_what_it_is_about(view: View, title: str) -> None:
    html = memory_html(Drawn(Summary(MB, None, 1, [JOIN]), []), Options(view=view))
    assert f"<h3>{title}</h3>" in html

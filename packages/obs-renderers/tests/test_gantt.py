"""Gantt charts."""

import json
import re
from datetime import UTC, datetime, timedelta

import msgspec
import pandas as pd
import pytest

from obs_renderers import GanttChartRenderer

NOON = datetime(2026, 11, 22, 12)


def bar(name, start, seconds, **more):
    begins = NOON + timedelta(seconds=start)
    return {"Name": name, "Start": begins, "Finish": begins + timedelta(seconds=seconds), **more}


def content(html):
    return json.loads(re.search(r'<script type="application/json">(.*?)</script>', html, re.DOTALL)[1])


def rows(html):
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", html)]
    return [[re.sub("<[^>]*>", "", cell) for cell in row] for row in cells if row]


def test_bars_of_one_name_share_a_row():
    chart = content(GanttChartRenderer().to_html([bar("fit", 0, 1), bar("load", 1, 2), bar("fit", 3, 1)]))

    assert chart["names"] == ["fit", "load"]
    assert chart["rows"] == [0, 1, 0]
    assert chart["starts"] == [0, 1_000_000_000, 3_000_000_000]
    assert chart["lengths"] == [1_000_000_000, 2_000_000_000, 1_000_000_000]


def test_the_table_adds_up_wall_and_process_time():
    html = GanttChartRenderer().to_html([bar("fit", 0, 1, ProcessTime=0.5), bar("fit", 3, 1, ProcessTime=0.25)])

    assert rows(html) == [["fit", "2", "+0 s", "2.00 s", "750 ms", "50.0 %"]]


def test_shares_name_the_time_that_they_are_of_and_none_is_more_than_all_of_it():
    beside = [(name, NOON, NOON + timedelta(seconds=seconds)) for name, seconds in (("a", 2), ("a", 1), ("b", 1))]
    html = GanttChartRenderer().to_html([{"Name": one, "Start": start, "Finish": end} for one, start, end in beside])
    assert [row[-1] for row in rows(html)] == ["1.5 times", "50.0 %"]
    assert '<th scope="col">Share of the 2.00 s shown</th>' in html


def test_frames_of_every_library_give_the_same_chart():
    pl = pytest.importorskip("polars")
    bars = [bar("a", 0, 1), bar("b", 1, 2)]
    pages = [GanttChartRenderer().to_html(frame) for frame in (bars, pd.DataFrame(bars), pl.DataFrame(bars))]

    assert content(pages[0]) == content(pages[1]) == content(pages[2])
    assert (content(pages[0])["names"], content(pages[0])["lengths"]) == (["a", "b"], [1_000_000_000, 2_000_000_000])


class TimelineBar(msgspec.Struct):
    name: str
    start: int
    finish: int
    process_time: int | None = None
    failed: bool = False
    handled: bool = False
    open: bool = False


class Timeline(msgspec.Struct):
    """What obs-core gives to be drawn; it is known by its name."""

    bars: list[TimelineBar]
    note: str = ""
    whole: tuple[int, int] | None = None


Timeline.__module__ = "obs_core.decks"


def test_a_time_line_of_a_whole_has_its_axis_and_shares():
    second = 10**9
    timeline = Timeline([TimelineBar("a", 3 * second, 5 * second)], whole=(0, 10 * second))
    html = GanttChartRenderer().to_html(timeline)

    assert (content(html)["span"], content(html)["starts"]) == (10 * second, [3 * second])
    assert rows(html) == [["a", "1", "+3.00 s", "2.00 s", "20.0 %"]]


def test_a_time_line_is_drawn_with_failed_and_open_bars():
    bars = [TimelineBar("a", 0, 10, failed=True), TimelineBar("b", 5, 5, open=True)]
    html = GanttChartRenderer().to_html(Timeline(bars, "The longest <2> of 9 spans."))

    assert content(html)["failed"] == [0]
    assert content(html)["lengths"] == [10, None]
    assert "1 failed" in html
    assert "The longest &lt;2&gt; of 9 spans." in html


def test_failed_bars_whose_errors_were_handled_are_no_alarm():
    tries = [TimelineBar("a", 0, 10, failed=True, handled=True), TimelineBar("a", 20, 30)]
    html = GanttChartRenderer().to_html(Timeline(tries))

    assert (content(html)["failed"], content(html)["handled"]) == ([0], [0])
    assert html.count('<span class="warn">1 failed, handled</span>') == 2
    assert '"bad"' not in html

    worse = [*tries, TimelineBar("b", 30, 40, failed=True)]
    html = GanttChartRenderer().to_html(Timeline(worse))
    assert html.count('<span class="bad">2 failed, 1 handled</span>') == 1
    assert [row[0] for row in rows(html)] == ["a 1 failed, handled", "b 1 failed"]


def test_of_what_has_not_ended_the_table_tells_only_for_how_long_it_was_heard_of():
    second = 10**9
    bars = [TimelineBar("a", 0, 3 * second, open=True), TimelineBar("b", 4 * second, 4 * second, open=True)]
    html = GanttChartRenderer().to_html(Timeline(bars))

    assert rows(html) == [
        ["a not ended", "1", "+0 s", "≥ 3.00 s", "75.0 %"],
        ["b not ended", "1", "+4.00 s", "unknown", ""],
    ]


def test_a_missing_finish_means_not_ended():
    html = GanttChartRenderer().to_html(pd.DataFrame([bar("a", 0, 9), bar("b", 2, 1)]).assign(Finish=[NOON, pd.NaT]))

    assert content(html)["lengths"] == [0, None]
    assert "1 not ended" in html


def test_times_with_a_zone_are_shown_in_utc():
    html = GanttChartRenderer().to_html(
        [{"Name": "a", "Start": NOON.replace(tzinfo=UTC), "Finish": NOON.replace(tzinfo=UTC)}]
    )

    assert "from 2026-11-22 12:00:00 UTC" in html


def test_a_missing_column_is_named():
    with pytest.raises(ValueError, match="no column Finish in"):
        GanttChartRenderer().to_html(pd.DataFrame({"Name": ["a"], "Start": [NOON]}))


def test_a_start_that_is_no_time_is_refused():
    with pytest.raises(TypeError, match="the Start of a Gantt chart must be a datetime, not 3"):
        GanttChartRenderer().to_html([{"Name": "a", "Start": 3, "Finish": NOON}])


def test_no_bars_say_so():
    assert "No time was recorded" in GanttChartRenderer().to_html([])


def test_an_undecodable_name_is_shown_with_a_replacement():
    bar = {"Name": "caf\udce9.csv", "Start": datetime(2026, 1, 1), "Finish": datetime(2026, 1, 2)}
    html = GanttChartRenderer().to_html([bar])

    assert html.encode()
    assert html.count("caf\ufffd.csv") == 2


def test_times_of_any_year_and_to_the_nanosecond_are_drawn():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(
        {
            "Name": ["a"],
            "Start": pd.Series(["1500-01-01"]).astype("datetime64[s]"),
            "Finish": pd.Series(["1500-01-02"]).astype("datetime64[s]"),
        }
    )

    assert "from 1500-01-01 00:00:00" in GanttChartRenderer().to_html(frame)


def test_process_time_is_a_column_where_a_bar_has_one():
    bar = {"Start": datetime(2026, 1, 1), "Finish": datetime(2026, 1, 2), "Name": "load"}
    assert "Process time" not in GanttChartRenderer().to_html([bar])
    assert "Process time" in GanttChartRenderer().to_html([{**bar, "ProcessTime": 1.5}, bar])


@pytest.mark.browser
def test_it_is_drawn_in_the_colours_of_paper_before_the_browser_looks(browser):
    page = browser.new_context(offline=True).new_page()
    page.set_content(GanttChartRenderer().to_html(pd.DataFrame([bar("load", 0, 2)])))
    page.locator("canvas").wait_for()
    assert page.evaluate("""() => {
      const canvas = document.querySelector("canvas"), before = canvas.toDataURL();
      document.documentElement.style.setProperty("--obs-fg", "#ff0000");
      document.dispatchEvent(new Event("obs:theme"));
      return canvas.toDataURL() !== before;
    }""")
    page.context.close()

"""Every renderer's page in a real browser: it draws, offline, light and dark, and answers the reader."""

import json
import re
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest

import obs_renderers as r
import obs_renderers.dependencies

pytestmark = pytest.mark.browser
ROWS = 5_000


@pytest.fixture
def show(browser):
    """Show HTML as a deck's frame does; any request or script error fails the test."""
    trouble = []
    context = browser.new_context(viewport={"width": 900, "height": 600}, offline=True)

    def shown(html, theme="light"):
        page = context.new_page()
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on("request", lambda request: trouble.append(request.url) if request.url.startswith("http") else None)
        page.set_content(f'<!doctype html><html data-theme="{theme}"><body>{html}</body></html>')
        return page

    yield shown
    context.close()
    assert trouble == []


def expect(locator):
    from playwright.sync_api import expect as expecting

    return expecting(locator)


def flights():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "number": np.arange(ROWS)[::-1],
            "origin": rng.choice(["EWR", "JFK"], ROWS),
            "delay": np.where(np.arange(ROWS) % 7 == 0, np.nan, rng.normal(size=ROWS)),
            "time": pd.date_range("2013-01-01 05:15", periods=ROWS, freq="h"),
            "took": pd.to_timedelta(np.arange(ROWS), unit="s"),
            "tail": [f"N{i:05}" for i in range(ROWS)],
        }
    )


def cells(page):
    """The texts of the first row in view that is not hidden."""
    return page.locator(".grid-body .grid-row:not([hidden])").first.locator(".cell").all_text_contents()


def test_a_table_shows_what_it_was_given(show):
    page = show(r.TableRenderer().to_html(flights()))

    first = flights().iloc[0]
    assert cells(page) == ["0", "4999", first["origin"], "NA", "2013-01-01 05:15:00", "00:00:00", "N00000"]
    assert page.locator(".grid-body .grid-row").count() < 60


def test_a_table_sorts_and_sorts_back(show):
    page = show(r.TableRenderer().to_html(flights()))
    header = page.locator(".grid-head button").first

    header.click()
    assert cells(page)[1] == "4999"
    header.click()
    assert cells(page)[1] == "0"
    assert header.locator("..").get_attribute("aria-sort") == "ascending"
    header.click()
    assert cells(page)[1] == "4999"


def test_missing_values_sort_last_both_ways(show):
    page = show(r.TableRenderer().to_html(flights()))
    for _ in range(2):
        page.locator(".grid-head button").nth(2).click()
        assert cells(page)[3] != "NA"


def test_a_search_finds_the_rows_that_hold_every_word(show):
    page = show(r.TableRenderer().to_html(flights()))
    page.locator("input[type=search]").fill("N0012 00:02:0")
    page.get_by_text("rows match").wait_for()

    assert page.locator("[data-count]").text_content() == "10 of 5,000 rows match"
    assert cells(page)[6] == "N00120"


def test_the_last_row_can_be_scrolled_to(show):
    page = show(r.TableRenderer().to_html(flights()))
    page.locator(".grid").evaluate("grid => { grid.scrollTop = grid.scrollHeight }")
    page.locator(".grid-body .cell", has_text="N04999").wait_for()


def test_a_table_of_a_million_rows_reaches_its_end(show):
    page = show(r.TableRenderer(max_rows=10**6).to_html(pd.DataFrame({"a": np.arange(10**6)})))
    page.locator(".grid").evaluate("grid => { grid.scrollTop = grid.scrollHeight }")
    page.locator(".grid-body .cell", has_text="999999").first.wait_for()


def test_the_columns_of_a_profile_are_sorted_by_what_they_are_not_by_how_it_is_written(show):
    frame = flights().assign(few=[None] * 12 + [1.5] * (ROWS - 12), again=lambda all_: all_["delay"])
    page = show(r.FrameProfilingRenderer().to_html(frame))
    names = page.locator(".grid-body .grid-row:visible .index")
    assert names.all_text_contents() == list(frame)

    page.locator(".grid-head button", has_text="Missing").click()
    assert names.all_text_contents()[:3] == ["delay", "again", "few"]
    page.locator(".grid-head button", has_text="Max").click()
    assert names.all_text_contents()[:3] == ["time", "took", "number"], "times, durations, numbers: each by size"
    page.get_by_label("Search the columns").fill("equal to delay")
    page.get_by_text("1 of 8 columns match").wait_for()
    assert names.all_text_contents() == ["again"]


def test_of_very_many_columns_the_lines_in_view_are_drawn(show):
    frame = pd.DataFrame(np.arange(6_000).reshape(2, 3_000), columns=[f"c{place}" for place in range(3_000)])
    page = show(r.FrameProfilingRenderer().to_html(frame))
    assert page.get_by_text("All 3,000 columns").count() == 1
    assert page.locator(".grid-body .grid-row").count() < 60

    page.locator(".grid").evaluate("grid => { grid.scrollTop = grid.scrollHeight }")
    page.locator(".grid-body .index", has_text="c2999").wait_for()
    page.evaluate("() => document.dispatchEvent(new Event('obs:paper'))")
    assert page.get_by_text("This print has the first 1,000 of 3,000 columns.").count() == 1


@pytest.mark.parametrize(("rows", "printed"), [(300, 300), (5_000, 1_000)])
def test_a_table_has_its_rows_on_paper(show, rows, printed):
    page = show(r.TableRenderer().to_html(pd.DataFrame({"n": range(rows)})))
    drawn = page.locator(".grid-body .grid-row:visible")
    before = drawn.count()
    assert before < 40

    page.evaluate("() => document.dispatchEvent(new Event('obs:paper'))")
    assert drawn.count() == printed
    assert drawn.last.text_content() == f"{printed - 1}{printed - 1}"
    assert page.locator(".grid").evaluate("grid => grid.scrollHeight <= grid.clientHeight")
    cut = "cells => cells.filter(cell => cell.scrollWidth > cell.clientWidth).map(cell => cell.textContent)"
    assert page.locator(".grid-body .index").evaluate_all(cut) == []
    left = page.get_by_text("This print has the first 1,000 of 5,000 rows.")
    assert left.count() == (rows > printed)

    page.evaluate("() => document.dispatchEvent(new Event('obs:screen'))")
    assert drawn.count() == before
    assert left.count() == 0


def test_a_gantt_chart_of_10_000_bars_draws_only_what_is_in_view(show):
    noon = datetime(2026, 11, 22, 12)
    bars = [
        {"Name": f"step {i}", "Start": noon + timedelta(seconds=i), "Finish": noon + timedelta(seconds=i + 5)}
        for i in range(10_000)
    ]
    page = show(r.GanttChartRenderer().to_html(bars))
    page.locator(".gantt-view[data-drawn]").wait_for()

    assert 0 < int(page.locator(".gantt-view").get_attribute("data-drawn")) < 30
    page.locator("canvas").hover(position={"x": 10, "y": 40})
    expect(page.locator(".tip")).to_have_text(re.compile("^step 0\n1 bar$"), use_inner_text=True)
    assert page.locator("tbody tr").first.inner_text().split("\t")[:4] == ["step 0", "1", "+0 s", "5.00 s"]
    painted = page.locator("canvas").evaluate(
        "c => new Set(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).size"
    )
    assert painted > 10


def test_columns_of_a_profile_are_found_by_name_and_kind(show):
    frame = pd.DataFrame({f"{kind}{place}": values for place in range(8) for kind, values in _TWO_KINDS.items()})
    page = show(r.FrameProfilingRenderer().to_html(frame))

    page.get_by_label("Search columns by name").fill("TEXT")
    assert page.locator("article:visible h3").all_text_contents() == [f"text{place}" for place in range(8)]
    page.get_by_role("button", name="8 numeric columns").click()
    assert page.locator("article:visible").count() == 0
    page.get_by_label("Search columns by name").fill("3")
    assert page.locator("article:visible h3").all_text_contents() == ["number3"]


def test_names_of_the_columns_shown_are_copied_in_their_order(show):
    frame = pd.DataFrame({f"{kind}{place}": values for place in range(8) for kind, values in _TWO_KINDS.items()})
    page = show(r.FrameProfilingRenderer().to_html(frame))
    page.evaluate(
        "document.addEventListener('copy', () => { window.copied = document.activeElement.value; }, { capture: true })"
    )

    def copied():
        page.get_by_role("button", name="Copy names").click()
        page.get_by_role("button", name="Copied").wait_for()
        page.get_by_role("button", name="Copy names").wait_for()
        return json.loads(page.evaluate("window.copied"))

    assert copied() == list(frame)
    page.get_by_label("Order of the columns").select_option("by name")
    assert copied() == sorted(frame)
    page.get_by_role("button", name="8 text columns").or_(page.get_by_role("button", name="8 category columns")).click()
    page.get_by_label("Search columns by name").fill("3")
    assert copied() == ["text3"]


def test_columns_of_a_profile_are_put_in_order(show):
    frame = pd.DataFrame({f"c{place}": range(20) for place in range(13)})
    frame.loc[:4, "c7"] = None
    frame.loc[:9, "c11"] = None
    page = show(r.FrameProfilingRenderer().to_html(frame))
    names = page.locator("article h3")
    order = page.get_by_label("Order of the columns")

    order.select_option("most missing first")
    assert names.all_text_contents()[:3] == ["c11", "c7", "c0"]
    order.select_option("by name")
    assert names.all_text_contents()[9:] == ["c9", "c10", "c11", "c12"]
    order.select_option("most distinct first")
    assert names.all_text_contents()[-2:] == ["c7", "c11"]
    order.select_option("in the table’s order")
    assert names.all_text_contents() == [f"c{place}" for place in range(13)]


_TWO_KINDS = {"text": ["a", "b"], "number": [1, 2]}


def test_a_tree_in_a_report_is_not_restyled_by_it(browser, tmp_path, monkeypatch):
    from obs_core import Deck, load_execution, task

    monkeypatch.setenv("OBS_STORE", str(tmp_path / "store"))

    @task(deck_fields=())
    def nested():
        Deck("Tree").append({"model": {"depth": 3}})

    nested()
    (tmp_path / "report.html").write_text(load_execution("last").report(), encoding="utf-8")
    page = browser.new_page()
    page.goto((tmp_path / "report.html").as_uri())
    if not page.get_by_role("tab", name="Tree").count():
        page.get_by_role("button", name="nested").first.click()
    page.get_by_role("tab", name="Tree").first.click()
    details = page.frame_locator("iframe:visible").locator("details").first
    details.wait_for()
    assert details.inner_text().split() == ["dict", "·", "1", "key", "model:", "dict", "·", "1", "key", "depth:", "3"]
    shown = details.evaluate("d => [d, d.querySelector('summary')].map(e => getComputedStyle(e))"
                             ".map(s => [s.borderTopWidth, s.borderBottomWidth, s.marginBottom])")  # fmt: skip
    page.close()

    assert shown == [["0px", "0px", "0px"], ["0px", "0px", "0px"]]


def test_maps_are_drawn_without_a_network(show):
    import plotly.graph_objects as go

    figures = [
        go.Figure(go.Choropleth(locations=["FRA", "BRA"], z=[1, 2])),
        go.Figure(go.Scattermap(lon=[2.3, -74], lat=[48.8, 40.7])).update_layout(map_style="open-street-map"),
    ]
    page = show("".join(r.PlotlyRenderer().to_html(figure) for figure in figures))
    page.wait_for_selector(".choroplethlayer path")
    page.wait_for_selector(".scattergeo path.point")

    assert page.locator(".choroplethlayer path").count() == 2
    assert page.locator(".scattergeo path.point").count() == 2
    for coast in page.locator(".layer.coastlines path").all():
        assert len(coast.get_attribute("d")) > 1_000


def test_twenty_charts_run_plotly_once_and_follow_theme_and_width(show):
    import plotly.graph_objects as go

    figure = go.Figure(go.Bar(x=["EWR", "JFK"], y=[1, 2]))
    page = show(r.PlotlyRenderer().to_html(figure) * 3)
    page.wait_for_function("document.querySelectorAll('.plot .main-svg').length >= 3")
    colour = "getComputedStyle(document.querySelector('.xtick text')).fill"
    light = page.evaluate(colour)

    page.evaluate(
        "document.documentElement.dataset.theme = 'dark';"
        "document.dispatchEvent(new CustomEvent('obs:theme', {detail: {theme: 'dark'}}))"
    )
    page.wait_for_function(f"{colour} !== {light!r}")
    page.set_viewport_size({"width": 500, "height": 600})
    page.wait_for_function("document.querySelector('.main-svg').getBoundingClientRect().width < 500")


def test_an_altair_chart_is_drawn(show):
    pytest.importorskip("vl_convert")
    alt = pytest.importorskip("altair")
    page = show(r.AltairRenderer().to_html(alt.Chart({"values": [{"x": "EWR"}]}).mark_bar().encode(x="x:N")))
    page.locator(".plot svg").wait_for()

    assert "EWR" in page.locator(".plot svg").text_content()


def test_an_altair_chart_has_the_colours_of_paper_before_a_browser_prints(show):
    pytest.importorskip("vl_convert")
    alt = pytest.importorskip("altair")
    values = {"values": [{"x": "EWR", "y": 1}, {"x": "JFK", "y": 2}]}
    chart = alt.Chart(values).mark_bar().encode(x="x:N", y="y:Q", color="x:N")
    page = show(r.AltairRenderer().to_html(chart), "dark")
    page.locator(".plot svg .mark-rect path").first.wait_for()
    colours = """() => [...document.querySelectorAll(".plot .role-axis-label text, .plot .mark-rect.role-mark path")]
      .map((one) => getComputedStyle(one).fill)"""
    dark = page.evaluate(colours)
    assert len(dark) > 4
    # At once: what prints has no time for a chart to be drawn again.
    light = page.evaluate(f"""() => {{
      document.documentElement.dataset.theme = "light";
      document.dispatchEvent(new CustomEvent("obs:theme", {{ detail: {{ theme: "light" }} }}));
      return ({colours})();
    }}""")
    assert len(light) == len(dark)
    assert not set(light) & set(dark)
    assert {"rgb(59, 125, 221)", "rgb(217, 115, 13)", "rgb(89, 99, 110)"} == set(light)


@pytest.mark.parametrize("width", [380, 1300])
def test_a_long_line_of_code_scrolls_by_itself_in_a_traceback(show, width, tmp_path):
    code = tmp_path / "long_line.py"
    code.write_text(f"raise ValueError('wrong', {list(range(200))})")
    try:
        exec(compile(code.read_text(), str(code), "exec"))
    except ValueError as error:
        html = r.TracebackRenderer().to_html(error)
    page = show(html)
    page.set_viewport_size({"width": width, "height": 700})

    line = page.locator(".frames pre", has_text="raise ValueError('wrong', [0, 1").first
    assert line.evaluate("pre => pre.scrollWidth > pre.clientWidth")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_packages_are_searched_and_copied(show):
    packages = [r.dependencies.Package("pandas", "3.1.1"), r.dependencies.Package("plotly", "7.1")]
    page = show(r.PythonDependencyRenderer().to_html(packages))
    page.locator("input").fill("plot")

    assert page.locator("tbody tr:visible").all_text_contents() == ["plotly7.1"]
    page.get_by_role("button").click()
    page.get_by_role("button", name="Copied").wait_for()


def test_a_profile_shows_only_the_columns_of_a_kind(show):
    page = show(r.FrameProfilingRenderer().to_html(flights()))
    page.get_by_role("button", name="1 time column").click()

    assert page.locator("article:visible h3").all_text_contents() == ["time"]


HOSTILE = "</script><img src=x onerror='window.hacked = 1'><b id=hacked>"


@pytest.mark.parametrize("renderer", [r.TopFrameRenderer(), r.TableRenderer(), r.FrameProfilingRenderer(HOSTILE)])
def test_hostile_names_and_values_do_nothing(show, renderer):
    page = show(renderer.to_html(pd.DataFrame({HOSTILE: [HOSTILE, "b"], "c": [1, 2]})))

    assert page.evaluate("[window.hacked, document.getElementById('hacked')]") == [None, None]
    assert HOSTILE[:20] in page.locator("body").inner_text()


PAGES = {
    "TopFrameRenderer": lambda: r.TopFrameRenderer().to_html(flights()),
    "TableRenderer": lambda: r.TableRenderer().to_html(flights()),
    "BoxRenderer": lambda: r.BoxRenderer("delay").to_html(flights()),
    "FrameProfilingRenderer": lambda: r.FrameProfilingRenderer().to_html(flights()),
    "MarkdownRenderer": lambda: r.MarkdownRenderer().to_html("# Title\n\ntext [link](https://example.com)\n\n`code`"),
    "SourceCodeRenderer": lambda: r.SourceCodeRenderer().to_html(
        '@task\ndef f(a: int) -> str:\n    # why\n    return "x"'
    ),
    "TreeRenderer": lambda: r.TreeRenderer().to_html({"a": [1, True, None, "text"]}),
    "PythonDependencyRenderer": lambda: r.PythonDependencyRenderer().to_html(),
}

SOUGHT = {
    "TopFrameRenderer": "2013-01-01 05:15:00",
    "TableRenderer": "2013-01-01 05:15:00",
    "BoxRenderer": "delay",
    "FrameProfilingRenderer": "14.3 % missing",
    "MarkdownRenderer": "text link",
    "SourceCodeRenderer": "# why",
    "TreeRenderer": "text",
    "PythonDependencyRenderer": "pandas",
}
"""What a reader of each page came for."""

CONTRAST = """() => {
  const channel = v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const rgba = text => {
    const c = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
    c.fillStyle = text; c.fillRect(0, 0, 1, 1); return [...c.getImageData(0, 0, 1, 1).data]; };
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const behind = e => { for (; e; e = e.parentElement) { const c = rgba(getComputedStyle(e).backgroundColor);
    if (c[3] > 250) return c; } return rgba(getComputedStyle(document.documentElement).backgroundColor); };
  const worst = [];
  for (const e of document.querySelectorAll('.obs-r *')) {
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!own || !e.getClientRects().length || ['SCRIPT', 'STYLE', 'NOSCRIPT'].includes(e.tagName)) continue;
    const style = getComputedStyle(e), back = behind(e), alpha = Number(style.opacity);
    const front = rgba(style.color).map((v, i) => v * alpha + back[i] * (1 - alpha));
    const [a, b] = [light(front), light(back)].sort((x, y) => y - x), ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) worst.push(`${e.className} ${e.textContent.slice(0, 20)}: ${ratio.toFixed(2)}`);
  }
  return worst;
}"""


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_text_stands_out_from_its_background_as_wcag_aa_asks(show, name, theme):
    background = {"light": "#ffffff", "dark": "#14171b"}[theme]
    page = show(f"<style>html {{ background: {background} }}</style>{PAGES[name]()}", theme)

    assert SOUGHT[name] in page.locator(".obs-r").first.inner_text()
    assert page.evaluate(CONTRAST) == []


@pytest.mark.parametrize("name", PAGES)
def test_no_page_is_wider_than_a_phone(show, name):
    page = show(PAGES[name]())
    page.set_viewport_size({"width": 380, "height": 700})

    assert SOUGHT[name] in page.locator(".obs-r").first.inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= 380

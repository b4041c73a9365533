"""The list of executions, measured in a real browser: nothing overprints, whatever the names and tags are."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import re
import subprocess
import sys
import zoneinfo
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from obs_core import carrier, execution, log_metric
from obs_core.journal import flusher

pytestmark = pytest.mark.browser

LONG = "monthly_report_of_all_flights_" * 7
WORDS = "Nightly load of the flights of all three airports and the weather that they had " * 3
TAGS = {f"a_tag_with_a_long_name_{number}": f"and a value that is long as well {number}" * 2 for number in range(20)}

MEASURE = """() => {
  const shown = (box) => box.width > 0 && box.height > 0;
  const found = [];
  const isShown = (row) => shown(row.getBoundingClientRect());
  const rows = [...document.querySelectorAll(".executions tbody tr")].filter(isShown);
  const cellsOf = (row) => [...row.children].filter((cell) => shown(cell.getBoundingClientRect()));
  const isTable = rows.length && getComputedStyle(rows[0]).display === "table-row";
  let above = -Infinity;
  for (const [number, row] of rows.entries()) {
    const own = row.getBoundingClientRect();
    if (own.top < above - 0.5) found.push(`row ${number} begins above the end of the one before`);
    above = own.bottom;
    const cells = cellsOf(row);
    if (isTable) for (const cell of cells) {
      const box = cell.getBoundingClientRect();
      if (Math.abs(box.bottom - own.bottom) > 0.5 || Math.abs(box.top - own.top) > 0.5)
        found.push(`row ${number}: the borders of ${cell.className} are not the row's`);
    }
    for (const cell of cells) {
      const box = cell.getBoundingClientRect();
      for (const inner of cell.querySelectorAll("a, .names, .why div, .tag, .more-tags, time, .number, bdi")) {
        // What an ancestor cuts off is not printed.
        let { left, right, top, bottom } = inner.getBoundingClientRect();
        for (let each = inner.parentElement; each !== cell; each = each.parentElement) {
          if (getComputedStyle(each).overflow === "visible") continue;
          const cut = each.getBoundingClientRect();
          [left, right] = [Math.max(left, cut.left), Math.min(right, cut.right)];
          [top, bottom] = [Math.max(top, cut.top), Math.min(bottom, cut.bottom)];
        }
        if (right <= left || bottom <= top) continue;
        if (left < box.left - 0.5 || right > box.right + 0.5 || top < box.top - 0.5 || bottom > box.bottom + 0.5)
          found.push(`row ${number}: ${inner.className || inner.tagName} reaches out of ${cell.className}`);
      }
    }
    const lines = [...row.querySelectorAll(".names > a")].map((name) => name.getBoundingClientRect().height
      / parseFloat(getComputedStyle(name).lineHeight));
    if (lines.some((count) => count > 2.1)) found.push(`row ${number}: a name has ${lines} lines`);
    for (const cell of cells)
      if (cell.scrollWidth > cell.clientWidth + 1) found.push(`row ${number}: ${cell.className} overflows`);
  }
  if (document.documentElement.scrollWidth > innerWidth) found.push("the page scrolls sideways");
  return { rows: document.querySelectorAll(".executions tbody").length, found };
}"""


def expect(locator: Any) -> Any:
    from playwright.sync_api import expect as expecting

    return expecting(locator)


def record(name: str, error: str = "", **tags: str) -> str:
    run = execution(name, tags=tags)
    with contextlib.suppress(ValueError), run:
        if error:
            raise ValueError(error)
    return run.id


def listed(page: Any, count: int) -> list[str]:
    page.wait_for_function("count => document.querySelectorAll('.executions tbody').length === count", arg=count)
    measured = page.evaluate(MEASURE)
    assert measured["rows"] == count
    return list(measured["found"])


@pytest.mark.parametrize("width", [390, 820, 1300, 1920])
def test_one_row_is_whole(width: int, serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    record(LONG, error="no such airport: " + "XYZ " * 200, **TAGS)
    flusher.flush_all()
    page = open_page(serve().url, width=width)
    assert listed(page, 1) == []
    name = page.get_by_role("link", name=LONG)
    assert name.get_attribute("title") == LONG
    assert "no such airport" in page.locator(".why div").get_attribute("title")
    assert page.locator(".more-tags").get_attribute("title").splitlines()[19].startswith("a_tag_with_a_long_name_19: ")


@pytest.mark.parametrize("name", ["nightly", LONG])
def test_what_began_in_another_execution_names_it_on_its_line(
    name: str, serve: Callable[..., Any], open_page: Callable[..., Any], measured: Callable[..., list[Any]]
) -> None:
    with execution(name) as around:
        program = "from obs_core import execution\nwith execution('own'): pass"
        environment = {**os.environ, "OBS_CARRIER": json.dumps(carrier())}
        subprocess.run([sys.executable, "-c", program], env=environment, check=True)
    flusher.flush_all()
    page = open_page(serve().url, width=1300)
    assert listed(page, 2) == []
    told = "link => [link.innerText, link.getAttribute('href'), link.getBoundingClientRect().height]"
    ((text, href, height),) = measured(page, "a.started-by", told)
    assert text == f"in {name}"
    assert href.endswith(f"/executions/{around.id}")
    assert 0 < height < 30


def test_on_paper_a_whole_date_stays_in_its_column(serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    record("hourly", year="2013")
    flusher.flush_all()
    page = open_page(serve().url, width=794, color_scheme="dark")  # A4
    page.emulate_media(media="print", color_scheme="dark")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert re.search(r"\d{4}", page.locator("td.when time").inner_text())
    assert listed(page, 1) == []
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_the_borders_of_500_rows_align(serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    names = ["short", LONG, "two words", WORDS, "x" * 200]
    for number in range(500):
        tags = dict(list(TAGS.items())[: number % 21]) if number % 3 else {"year": "2013"} if number % 2 else {}
        record(names[number % 5], error="no such airport " * 20 if number % 4 == 1 else "", **tags)
    flusher.flush_all()
    page = open_page(f"{serve().url}executions")
    page.get_by_role("link", name="All 500").wait_for()
    page.reload()
    for width in (390, 820, 1300, 1920):
        page.set_viewport_size({"width": width, "height": 900})
        assert listed(page, 50) == [], width


def shows(page: Any, names: list[str]) -> None:
    """Wait until the list holds just these executions: it is fetched when a link is followed."""
    expect(page.locator(".executions .names a")).to_have_text(names)


def begins_with(page: Any, name: str) -> None:
    """Wait until the list begins with an execution."""
    expect(page.locator(".executions .names a").first).to_have_text(name)


def day_in(url: str, name: str) -> str | None:
    return parse_qs(urlsplit(url).query).get(name, [None])[0]


def test_the_list_answers_while_one_types(serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    for name in ("flights", "weather", "flags"):
        record(name, error="no such airport" if name == "flags" else "", year="2013")
    flusher.flush_all()
    page = open_page(f"{serve().url}?sort=name")
    expect(page.get_by_role("link", name="All 3")).to_be_visible()
    page.get_by_role("searchbox").press_sequentially("fl")
    expect(page.locator(".executions tbody")).to_have_count(2)
    shows(page, ["flags", "flights"])
    expect(page.get_by_role("link", name="Succeeded 1")).to_be_visible()
    expect(page).to_have_url(re.compile(re.escape("/executions?text=fl&sort=name") + "$"))
    expect(page.get_by_role("searchbox")).to_be_focused()

    page.get_by_role("link", name="Failed 1").click()
    shows(page, ["flags"])
    page.get_by_role("searchbox").fill("fl YEAR=201")  # as far as it is typed
    shows(page, ["flags"])
    page.get_by_role("searchbox").fill("fl")
    page.get_by_role("searchbox").press_sequentially("ip")
    expect(page.get_by_text("No execution matches")).to_be_visible()
    page.get_by_role("link", name="Clear").click()
    expect(page.locator(".executions tbody")).to_have_count(3)
    page.get_by_label("Tag").fill("year=2014")
    expect(page.locator(".executions tbody")).to_have_count(0)
    page.get_by_label("Tag").fill("year=2013")
    expect(page.locator(".executions tbody")).to_have_count(3)


def test_an_address_that_asks_for_what_is_not_known_says_so(
    serve: Callable[..., Any], open_page: Callable[..., Any]
) -> None:
    record("flights")
    flusher.flush_all()
    page = open_page(f"{serve().url}executions?status=bogus&sort=bogus&since=notadate&verdict=passed&until=2013-02-31")
    notes = page.locator(".note").all_inner_texts()
    assert [note.partition(" is not known")[0].strip() for note in notes] == [
        '"status=bogus"', '"sort=bogus"', '"since=notadate"', '"until=2013-02-31"',
    ]  # fmt: skip
    assert "Known: running, succeeded, failed, lost." in notes[0]
    page.get_by_role("link", name="Clear").click()
    expect(page.locator(".executions tbody")).to_have_count(1)
    expect(page.locator(".note", has_text="status=bogus")).to_have_count(0)


def test_a_link_that_is_held_down_while_the_list_is_written_anew_is_followed(
    serve: Callable[..., Any], open_page: Callable[..., Any]
) -> None:
    for number in range(60):
        record(f"run {number:03d}")
    flusher.flush_all()
    page = open_page(serve().url)
    begins_with(page, "run 059")
    page.get_by_role("link", name="Older").hover()
    page.mouse.down()
    written_anew = page.evaluate_handle(
        "() => { const html = window.fetch; return { of: new Promise((done) => {"
        " window.fetch = async (...asked) => { const found = await html(...asked);"
        " const text = await found.clone().text();"
        " if (text.includes('run new')) setTimeout(done, 300); return found; };"
        " }) }; }"
    )
    record("run new")
    flusher.flush_all()
    page.evaluate("anew => anew.of", written_anew)
    page.mouse.up()
    begins_with(page, "run 009")


def test_columns_sort_and_pages_lead_back_to_the_first(
    serve: Callable[..., Any], open_page: Callable[..., Any]
) -> None:
    for number in range(120):
        record(f"run {number:03d}")
    flusher.flush_all()
    page = open_page(serve().url)
    expect(page.get_by_role("link", name="All 120")).to_be_visible()
    page.reload()
    begins_with(page, "run 119")
    page.get_by_role("link", name="Older").click()
    begins_with(page, "run 069")
    page.get_by_role("link", name="Older").click()
    shows(page, [f"run {number:03d}" for number in range(19, -1, -1)])
    page.get_by_role("link", name="Newer").click()
    begins_with(page, "run 069")
    page.get_by_role("link", name="Newest").click()
    begins_with(page, "run 119")
    expect(page.get_by_role("link", name="Newer")).to_have_count(0)

    page.get_by_role("columnheader", name="Execution").get_by_role("link").click()
    begins_with(page, "run 000")
    expect(page.get_by_role("columnheader", name="Execution")).to_have_attribute("aria-sort", "ascending")
    page.get_by_role("link", name="Next").click()
    begins_with(page, "run 050")
    page.get_by_role("columnheader", name="Execution").get_by_role("link").click()
    begins_with(page, "run 119")
    page.get_by_role("columnheader", name="Duration").get_by_role("link").click()
    expect(page.get_by_role("columnheader", name="Duration")).to_have_attribute("aria-sort", "descending")
    page.get_by_role("link", name="obs: all executions").click()
    expect(page.get_by_role("heading", name="Executions", level=1)).to_be_visible()


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago", "UTC"])
def test_times_and_days_are_of_the_reader_s_zone(
    zone: str, serve: Callable[..., Any], open_page: Callable[..., Any]
) -> None:
    run = record("night")
    flusher.flush_all()
    page = open_page(serve().url, timezone_id=zone)
    expect(page.get_by_text(zone, exact=True)).to_be_visible()
    begun = datetime.datetime.strptime(run[:15], "%Y%m%d-%H%M%S").replace(tzinfo=datetime.UTC)
    here = begun.astimezone(zoneinfo.ZoneInfo(zone))
    shown = page.locator(".executions time")
    expect(shown).to_have_text(re.compile("just now|ago"))
    title = shown.get_attribute("title")
    assert f"{begun:%Y-%m-%d %H:%M}" in title.partition("·")[2]
    assert f"{here:%b} {here.day}, {here.year}" in title.partition("·")[0]

    day = datetime.timedelta(days=1)
    for since, until, count in ((here, here, 1), (here + day, None, 0), (None, here - day, 0), (here - day, here, 1)):
        page.get_by_label("From").fill(f"{since:%Y-%m-%d}" if since else "")
        page.get_by_label("to", exact=True).fill(f"{until:%Y-%m-%d}" if until else "")
        days = {"since": f"{since:%Y-%m-%d}" if since else None, "until": f"{until:%Y-%m-%d}" if until else None}
        page.wait_for_url(lambda url, days=days: all(day_in(url, name) == day for name, day in days.items()))
        expect(page.locator(".executions tbody")).to_have_count(count)
    assert ("zone=" in page.url) == (zone != "UTC")

    sent = open_page(page.url, timezone_id="Europe/Berlin")  # whoever gets the address sees the same rows
    assert sent.locator("[data-zone-name]").inner_text() == zone
    expect(sent.locator(".executions tbody")).to_have_count(1)


ODD_TAGS = {"a=b": "c=d", "key=": "", " spaced ": " x ", "long" * 40: "value" * 70, "plain": "a=b"}


def test_each_tag_leads_to_the_executions_that_have_it(
    serve: Callable[..., Any], open_page: Callable[..., Any]
) -> None:
    for number, (name, value) in enumerate(ODD_TAGS.items()):
        record(f"run {number}", **{name: value})
    record("other", a="c")
    flusher.flush_all()
    url = serve().url
    page = open_page(url)
    expect(page.get_by_role("link", name="All 6")).to_be_visible()
    for number in range(len(ODD_TAGS)):
        page.goto(url)
        page.locator("tbody", has_text=f"run {number}").locator(".tags a").click()
        expect(page.get_by_role("link", name="All 1", exact=True)).to_be_visible()
        shows(page, [f"run {number}"])


@pytest.mark.parametrize("name", ["train", "", ".", "line\nbreak", "t" * 400, "a%_b", "100% & more=x #1"])
def test_a_pipeline_s_list_holds_its_own_runs_alone(
    name: str, serve: Callable[..., Any], open_page: Callable[..., Any]
) -> None:
    for other in (name, "retrain", f"{name} small", f"{name}.", name.upper() + "X", name):
        record(other)
    flusher.flush_all()
    url = serve().url
    page = open_page(url)
    expect(page.get_by_role("link", name="All 6")).to_be_visible()
    page.goto(f"{url}pipelines?{urlencode({'name': name})}")
    page.get_by_role("link", name="As a list").click()
    expect(page.get_by_role("link", name="All 2")).to_be_visible()
    expect(page.locator(".executions tbody")).to_have_count(2)
    page.get_by_role("searchbox").fill("nowhere")
    expect(page.get_by_text("No execution matches")).to_be_visible()
    page.get_by_role("searchbox").fill("")
    expect(page.get_by_role("link", name="All 2")).to_be_visible()
    page.get_by_role("link", name="Succeeded 2").click()
    expect(page.locator(".executions tbody")).to_have_count(2)
    page.get_by_role("link", name="Clear").click()
    expect(page.get_by_role("link", name="All 6")).to_be_visible()


def test_days_the_wrong_way_round_are_said_to_be_so(serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    record("night")
    flusher.flush_all()
    page = open_page(f"{serve().url}executions?since=2026-12-01&until=2026-11-01")
    expect(page.get_by_text("the days are the wrong way round")).to_be_visible()
    page.get_by_label("to", exact=True).fill("2026-12-01")
    expect(page.get_by_text("the days are the wrong way round")).to_have_count(0)


def test_tags_lead_to_the_list_from_everywhere(serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    first, second = record("night", **{"a&b": "1=2 #x"}), record("night", **{"a&b": "1=2 #x"})
    record("day")
    flusher.flush_all()
    url = serve().url
    page = open_page(url)
    expect(page.get_by_role("link", name="All 3")).to_be_visible()
    for path in ("", f"executions/{first}", f"compare?left={first}&right={second}", f"compare?left={first}"):
        page.goto(url + path)
        page.get_by_role("link", name="a&b: 1=2 #x").first.click()
        expect(page.get_by_role("link", name="All 2")).to_be_visible()
        shows(page, ["night", "night"])


@pytest.mark.parametrize("with_metrics", [False, True])
def test_a_name_keeps_its_room_at_every_width(
    with_metrics: bool,
    serve: Callable[..., Any],
    open_page: Callable[..., Any],
    measured: Callable[..., list[Any]],
) -> None:
    with execution("nightly load of all the flights", tags=TAGS):
        if with_metrics:
            for name in ("loss", "accuracy", "precision", "recall"):
                log_metric(name, 0.5)
    flusher.flush_all()
    page = open_page(serve().url)
    for width in (761, 768, 800, 860, 900, 960, 1000, 1001, 1024, 1100, 1101, 1200, 1300):
        page.set_viewport_size({"width": width, "height": 900})
        assert listed(page, 1) == [], width
        fits = measured(page, ".executions .names a", "name => name.scrollHeight <= name.clientHeight")
        assert fits == [True], f"the name is cut off at {width}"
        width_of = "one => one.getBoundingClientRect().width"
        header, place = measured(page, ".executions th.where, .executions .where > div", width_of)
        assert header == 0 or place > 0, f"an empty column at {width}"


def test_values_of_a_metric_that_hardly_differ_are_told_apart(
    serve: Callable[..., Any], open_page: Callable[..., Any]
) -> None:
    with execution("large"):
        for step in (1, 0, 2):
            log_metric("sum", 1e9 + step / 1000)
    flusher.flush_all()
    metric = open_page(serve().url).locator("td.metric div")
    told = "sum: last 1,000,000,000.002, least 1,000,000,000, greatest 1,000,000,000.002"
    assert metric.get_attribute("title") == told
    assert metric.locator(".range-of").text_content() == "1,000,000,000 – 1,000,000,000.002"

"""Pages with names of eighty letters, on a phone and on a desk: nothing is cut off or laid over another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from obs_core import Deck, check, execution, load_execution, log_metric, span, task
from obs_core.journal import flusher

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python brings axe-core")

pytestmark = [pytest.mark.browser, pytest.mark.slow]

AXE = Path(axe.__file__).with_name("axe.min.js").read_text(encoding="utf-8")
FIND = """async () => {
  const found = await axe.run(document, { iframes: false, resultTypes: ["violations"] });
  return found.violations.map((one) => `${one.id}: ${one.nodes[0].html.slice(0, 200)}`);
}"""
OVERFLOWING = """() => [...document.querySelectorAll(".card, .side, .obs-panel, .overlaid, .crumbs, .note")]
  .filter((one) => one.checkVisibility() && one.scrollWidth > one.clientWidth + 1)
  .map((one) => `${one.className}: ${one.scrollWidth} in ${one.clientWidth}`)"""
LONG = "nightly_flights_of_all_airports_with_a_very_long_name_that_has_eighty_letters_xy"


def expect(locator: Any) -> Any:
    from playwright.sync_api import expect as expecting

    return expecting(locator)


def record(rows: int = 1) -> str:
    @task(name=f"task_{LONG}")
    def fit(rows: int) -> dict[str, int]:
        for step in range(3):
            log_metric(f"metric_{LONG}", rows / (step + 1))
        check(f"check_{LONG}", True, LONG)
        Deck(f"deck_{LONG}").append(LONG)
        return {LONG: rows}

    with execution(LONG, tags={LONG: LONG, "year": "2013"}) as run:
        fit(rows)
        fit(2 * rows)
    flusher.flush_all()
    return run.id


@pytest.mark.parametrize("width", [390, 1300])
def test_long_names_overflow_nothing(serve: Callable[..., Any], open_page: Callable[..., Any], width: int) -> None:
    first, before, run = record(1), record(2), record(3)  # what was returned changes from run to run
    url = serve().url
    page = open_page(url, width=width, complains=True)
    shows = {
        "": ".executions .names",
        "pipelines": ".pipelines .names",
        f"pipelines?name={LONG}": "[data-over-runs=outputs] canvas",
        f"executions/{run}": "[data-metrics] canvas",
        f"executions/{run}/tasks/main.2": ".panel:not(.away) > iframe:not(.arriving)",
        f"executions/{run}/changes": ".changes",
        f"compare?left={before}&right={run}": ".compared",
        f"compare?right={run}": ".executions .names",
        f"compare?chosen={first}&chosen={before}&chosen={run}": "[data-metrics] canvas",
        "executions/nothing": "h1",
    }
    found: dict[str, list[str]] = {}
    for path, selector in shows.items():
        page.goto(url + path)
        page.locator(selector).first.wait_for()
        page.evaluate(AXE)
        found[path] = [*page.evaluate(FIND), *page.evaluate(OVERFLOWING)]
        if not page.evaluate("document.documentElement.scrollWidth <= innerWidth"):
            found[path].append("the page scrolls sideways")
    assert {path: each for path, each in found.items() if each} == {}


def test_a_task_s_duration_is_seen_beside_its_long_name(
    serve: Callable[..., Any], open_page: Callable[..., Any], measured: Callable[..., list[Any]]
) -> None:
    run = record()
    page = open_page(f"{serve().url}executions/{run}", width=1300)
    box_of = "one => one.getBoundingClientRect().toJSON()"
    status, name, *_ = measured(page, ".tree .main .status, .tree .main a", box_of)
    assert status["top"] < name["top"] + 20
    assert status["right"] <= name["left"]
    deck = page.locator(".decks-of bdi[title]").first
    assert deck.get_attribute("title") == f"deck_{LONG}"
    assert deck.evaluate("one => [one.clientHeight < 30, one.scrollWidth > one.clientWidth]") == [True, True]
    page.locator(".tree .main a").first.click()
    expect(page.locator(".side .took").first).to_be_visible()
    page.wait_for_load_state()  # with its styles
    side, took, *_ = measured(page, ".side, .side .took", box_of)
    assert took["right"] <= side["right"]


TURNED, IN_ORDER = "safe\u202egpj.exe \u2066rtl", r"safe\u202egpj.exe \u2066rtl"
TURNING = """() => [...document.querySelectorAll("body *:not(script)")]
  .filter((one) => /[\\u202a-\\u202e\\u2066-\\u2069]/.test(
    one.title + one.ariaLabel + [...one.childNodes].map((child) => (child.nodeType === 3 ? child.data : ""))))
  .map((one) => one.outerHTML)"""


def test_no_name_turns_the_direction_of_what_follows_it(
    serve: Callable[..., Any], open_page: Callable[..., Any]
) -> None:
    @task(name=f"task {TURNED}")
    def fit() -> None:
        check(f"check {TURNED}", False, f"found {TURNED}")
        print(f"line {TURNED}")
        Deck(f"deck {TURNED}").append("content")
        raise ValueError(f"error {TURNED}")

    with pytest.raises(ValueError, match="error"), execution(f"run {TURNED}", tags={f"tag {TURNED}": "x"}) as run:
        fit()
    flusher.flush_all()
    url = serve().url
    page = open_page(url, complains=True)
    shown = {
        "executions": ("run", "tag"),
        f"executions/{run.id}": ("run", "task", "tag", "error", "line", "check", "found"),
        f"executions/{run.id}/tasks/{load_execution(run.id).task(f'task {TURNED}').id}": (
            "run",
            "task",
            "deck",
            "error",
        ),
        "pipelines": ("run",),
    }
    for address, texts in shown.items():
        page.goto(f"{url}{address}")
        page.wait_for_load_state("networkidle")
        for text in texts:
            page.get_by_text(f"{text} {IN_ORDER}").first.wait_for(state="attached")
        assert page.evaluate(TURNING) == [], address
    page.goto(f"{url}executions?{urlencode({'text': TURNED})}")
    assert page.get_by_label("Search executions").input_value() == TURNED, "what is searched is not rewritten"
    assert page.locator(".executions .names").first.inner_text().startswith(f"run {IN_ORDER}")


def test_deep_calls_keep_their_names_on_a_phone_and_are_folded_in_what_failed(
    serve: Callable[..., Any], open_page: Callable[..., Any], measured: Callable[..., list[Any]]
) -> None:
    @task
    def leaf(depth: int) -> None:
        if depth == 0:
            raise KeyError("depth")
        leaf(depth - 1)

    with pytest.raises(KeyError), execution("recursion") as run:
        leaf(30)
    flusher.flush_all()
    page = open_page(f"{serve().url}executions/{run.id}", width=375)
    heights = measured(page, ".tree tbody tr", "row => row.getBoundingClientRect().height")
    assert len(heights) == 31
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert max(heights) < 60
    assert min(measured(page, ".tree tbody .main a", "name => name.getBoundingClientRect().width")) > 20
    failed = page.locator(".head .error")
    expect(failed.get_by_role("link", name="leaf")).to_have_count(6)
    failed.get_by_text("25 more").click()
    expect(failed.get_by_role("link", name="leaf")).to_have_count(31)


def test_many_long_tags_and_names_of_spans_take_a_few_lines(
    serve: Callable[..., Any], open_page: Callable[..., Any], measured: Callable[..., list[Any]]
) -> None:
    with execution("run", tags={f"tag {number}": "v" * 100 for number in range(20)}) as run, span("span " * 60):
        pass
    flusher.flush_all()
    page = open_page(f"{serve().url}executions/{run.id}", width=1300)
    (height,) = measured(page, ".facts .links", "tags => tags.getBoundingClientRect().height")
    assert 0 < height < 220
    page.locator(".hot td.main > a").first.wait_for()
    names = measured(page, ".hot td.main > a", "name => [name.getBoundingClientRect().height, name.title]")
    assert all(0 < height < 50 and title for height, title in names), names


def test_no_piece_of_a_border_is_below_the_last_row_of_a_table(
    serve: Callable[..., Any], open_page: Callable[..., Any]
) -> None:
    record(1)
    run = record(2)
    page = open_page(f"{serve().url}executions/{run}/changes", width=1300)
    for table in (".changes", ".output table"):
        last = page.locator(f"{table} tbody tr:last-child").first
        last.wait_for()
        widths = last.evaluate("row => [...row.children].map((cell) => getComputedStyle(cell).borderBottomWidth)")
        assert set(widths) == {"0px"}, table

"""Pages with names of eighty letters, on a phone and on a desk: nothing is cut off or laid over another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from obs_core import Deck, check, execution, log_metric, task
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
    serve: Callable[..., Any], open_page: Callable[..., Any]
) -> None:
    run = record()
    page = open_page(f"{serve().url}executions/{run}", width=1300)
    status = page.locator(".tree .main .status").first.bounding_box()
    name = page.locator(".tree .main a").first.bounding_box()
    assert status["y"] < name["y"] + 20
    assert status["x"] + status["width"] <= name["x"]
    deck = page.locator(".decks-of bdi[title]").first
    assert deck.get_attribute("title") == f"deck_{LONG}"
    assert deck.evaluate("one => [one.clientHeight < 30, one.scrollWidth > one.clientWidth]") == [True, True]
    page.locator(".tree .main a").first.click()
    side = page.locator(".side").bounding_box()
    took = page.locator(".side .took").first.bounding_box()
    assert took["x"] + took["width"] <= side["x"] + side["width"]

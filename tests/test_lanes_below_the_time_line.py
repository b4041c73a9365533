"""Lanes of resources and metrics lie below a report's time line, on its axis, and follow its zoom."""

from __future__ import annotations

import re
from array import array
from pathlib import Path
from typing import Any

import pytest

from obs_core import Deck, current_context, execution, load_execution, log_metric, task
from obs_core.journal import records
from obs_core.testing import recording
from obs_core.trace.resources import Resources
from obs_core.values.curves import Columns, Curve
from obs_renderers import GanttChartRenderer
from obs_resources.lanes import timeline_lanes_html

SECOND = 1_000_000_000


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of a task with a chart of four seconds and a metric that was logged at the end of each."""
    bars = [
        {"Name": f"epoch {number}", "Start": f"2026-01-01T00:00:0{number}", "Finish": f"2026-01-01T00:00:0{number + 1}"}
        for number in range(4)
    ]
    start = 1_767_225_600 * SECOND
    times = array("q", [start + number * SECOND for number in range(1, 5)])
    loss = Curve.of("loss", Columns(array("q", range(4)), times, array("d", [1.0, 0.5, 1 / 3, 0.25])))

    @task(deck_fields=())
    def fit() -> None:
        deck = Deck("Epochs")
        deck.append(GanttChartRenderer().to_html(bars))
        deck.append(timeline_lanes_html(Resources({}, start, start + 4 * SECOND), [loss]))

    store = tmp_path_factory.mktemp("store")
    with execution("night", store=store) as run:
        fit()
    return load_execution(run.id, store).report_paths()[0]


def test_a_task_that_was_sampled_has_lanes_below_its_time_line() -> None:
    @task
    def fit() -> None:
        log_metric("loss", 0.5)
        state = current_context().state
        state.append(records.Sample(state.journal.now(), {"rss": 1e8}))

    with recording() as store:
        fit()
    read = load_execution("last", store)
    timeline = next(deck for deck in read.task("fit").decks if deck.name == "Timeline")
    assert "Memory: 100 MB peak" in timeline.items[-1]
    assert "loss: 0.5 last" in timeline.items[-1]


@pytest.mark.browser
@pytest.mark.parametrize(("scheme", "width"), [("light", 1300), ("dark", 390)])
def test_a_lane_shows_the_stretch_of_time_that_the_chart_above_shows(
    browser: Any, report: str, scheme: str, width: int
) -> None:
    context = browser.new_context(offline=True, color_scheme=scheme, viewport={"width": width, "height": 900})
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(Path(report).as_uri())
    page.get_by_role("tab", name="Epochs", exact=True).click()
    frame = page.frame_locator(".panel:not(.away) > iframe")
    lane = frame.get_by_role("img", name=re.compile("^loss: 0.25 last, 0.25 to 1"))
    lane.wait_for()

    def shown() -> tuple[float, float]:
        left, _, wide, _ = map(float, lane.get_attribute("viewBox").split())
        return left, wide

    chart, drawn = lane.evaluate(
        "lane => [document.querySelector('.gantt-view'), lane].map((one) => one.getBoundingClientRect().toJSON())"
    )
    assert drawn["left"] > chart["left"]
    assert drawn["right"] == pytest.approx(chart["right"] - 11, abs=1.5)
    before = shown()
    frame.get_by_title("Zoom in").click()
    after = shown()
    assert after[1] == pytest.approx(before[1] / 2)
    assert after[0] == pytest.approx(before[0] + before[1] / 4)
    frame.get_by_title("Show everything").click()
    assert shown() == pytest.approx(before)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert complaints == []
    context.close()

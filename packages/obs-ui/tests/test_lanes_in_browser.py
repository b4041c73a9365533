"""Lanes below the timeline of an execution: what was used and metrics, on its axis, zoomed with it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from obs_core import current_context, execution, load_execution, log_metric, task
from obs_core.journal import records
from obs_core.testing import FixedClock

pytestmark = pytest.mark.browser


def expect(locator: Any) -> Any:
    from playwright.sync_api import expect as expecting

    return expecting(locator)


@task
def load(clock: FixedClock) -> None:
    journal = current_context().state.journal
    for second in range(4):
        clock.advance(1)
        used = {"rss": 1e8 * (second + 1), "cpu_total": 0.5 * second, "container.limit": 6e8}
        journal.append(records.Sample(journal.now(), used))


@task
def fit(clock: FixedClock, rate: float) -> None:
    for step in range(3):
        clock.advance(1)
        log_metric("loss", rate / (step + 1), step=step)
    clock.advance(3)


def trained(*rates: float) -> str:
    """Record 4 s with what was used, and per rate 3 s with a loss a second and 3 s without."""
    with FixedClock(1_795_000_000.0) as clock, execution("trained") as run:
        load(clock)
        for rate in rates:
            fit(clock, rate)
    return run.id


def lane(page: Any, name: str) -> Any:
    return page.locator(f'.lane[data-lane="{name}"]')


def wait_until_drawn(page: Any, name: str, begin: float, end: float) -> None:
    """Wait until the first curve of a lane begins and ends at these parts of the timeline's width, as pixels tell."""
    page.wait_for_function(
        """([name, ...wanted]) => {
          const path = document.querySelector(`.lane[data-lane="${name}"] path`);
          const whole = document.querySelector(".timeline canvas");
          const [curve, axis] = [path, whole].map((one) => one.getBoundingClientRect());
          const seen = [curve.left, curve.right].map((edge) => (edge - axis.left) / axis.width);
          return seen.every((edge, index) => Math.abs(edge - wanted[index]) < 0.004);
        }""",
        arg=[name, begin, end],
    )


def test_lanes_stand_below_the_spans_on_their_axis_and_zoom_with_them(
    serve: Callable[..., Any], open_page: Callable[..., Any]
) -> None:
    page = open_page(f"{serve().url}executions/{trained(0.5)}")
    names = page.locator(".timeline .lane .name")
    expect(names).to_have_text(["CPU", "Memory", "loss"])
    expect(lane(page, "loss")).to_have_attribute("aria-label", "loss, 0 s to 10.0 s: 0.1667 to 0.5")
    expect(lane(page, "Memory")).to_have_attribute("aria-label", "Memory, 0 s to 10.0 s: peak 400 MB of 600 MB")
    wait_until_drawn(page, "loss", 0.5, 0.7)
    wait_until_drawn(page, "Memory", 0.1, 0.4)

    page.get_by_role("button", name="Zoom in").click()
    expect(page.locator("[data-shown]")).to_have_text("2.50 s to 7.50 s of 10.0 s")
    expect(lane(page, "loss")).to_have_attribute("aria-label", "loss, 2.50 s to 7.50 s: 0.1667 to 0.5")
    wait_until_drawn(page, "loss", 0.5, 0.9)
    page.get_by_role("button", name="Zoom in").click()
    expect(lane(page, "Memory")).to_have_attribute("aria-label", re.compile(r"3\.75 s to 6\.25 s: peak 400 MB"))


def test_turning_the_wheel_on_a_lane_zooms_all(serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    page = open_page(f"{serve().url}executions/{trained(0.5)}")
    lane(page, "loss").hover()
    page.keyboard.down("Control")
    page.mouse.wheel(0, -300)
    expect(page.locator("[data-shown]")).to_contain_text(" of 10.0 s")
    seen = page.locator("[data-shown]").inner_text().partition(" of ")[0]
    expect(lane(page, "CPU")).to_have_attribute("aria-label", re.compile(f"^CPU, {re.escape(seen)}: "))


def test_the_pointer_tells_what_all_lanes_were_at_a_moment(
    serve: Callable[..., Any], open_page: Callable[..., Any], measured: Callable[..., list[Any]]
) -> None:
    page = open_page(f"{serve().url}executions/{trained(0.5, 0.25)}")
    said = lane(page, "loss").locator(".facts")
    expect(said).to_have_text("0.08333 to 0.5")
    (width,) = measured(page, ".timeline canvas", "canvas => canvas.clientWidth")
    page.locator(".timeline canvas").hover(position={"x": width * 12.5 / 16, "y": 12})
    expect(said).to_have_text("fit 0.5 0.1667 · fit 0.25 0.125")
    expect(lane(page, "Memory").locator(".facts")).to_have_text("400 MB")
    page.mouse.move(5, 5)
    expect(said).to_have_text("0.08333 to 0.5")


def test_a_value_that_never_changed_and_gaps_are_seen(
    serve: Callable[..., Any], open_page: Callable[..., Any], measured: Callable[..., list[Any]]
) -> None:
    with FixedClock(1_795_000_000.0) as clock, execution("odd") as run:
        for name, values in {"same": (7, 7), "once": (1e301,), "nothing": (float("nan"), float("inf"))}.items():
            for value in values:
                clock.advance(1)
                log_metric(name, value)
        clock.advance(1)
    page = open_page(f"{serve().url}executions/{run.id}")
    expect(lane(page, "same")).to_have_attribute("aria-label", "same, 0 s to 6.00 s: 7")
    expect(lane(page, "once")).to_have_attribute("aria-label", "once, 0 s to 6.00 s: 1e+301")
    expect(lane(page, "nothing")).to_have_attribute("aria-label", "nothing, 0 s to 6.00 s: not finite")
    boxes_of = "lane => [lane, lane.querySelector('path')].map((one) => one.getBoundingClientRect().toJSON())"
    ((whole, line),) = measured(page, '.lane[data-lane="same"]', boxes_of)
    assert whole["top"] < line["top"] < whole["bottom"]
    assert line["width"] == pytest.approx(whole["width"] / 6, abs=3)
    expect(lane(page, "once").locator(".dots")).to_have_count(1)


INKED = """() => {
  const canvas = document.querySelector("[data-metrics] canvas");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let count = 0;
  for (let at = 0; at < data.length; at += 4) count += data[at + 3] > 200 && data[at + 2] > data[at] + 80;
  return count;
}"""


def test_a_level_metric_that_was_logged_within_a_moment_is_seen(
    serve: Callable[..., Any], open_page: Callable[..., Any]
) -> None:
    with FixedClock(1_795_000_000.0) as clock, execution("odd") as run:
        for _ in range(3):
            clock.advance(0.001)
            log_metric("level", 5)
        clock.advance(60)
    page = open_page(f"{serve().url}executions/{run.id}")
    expect(lane(page, "level").locator(".speck path")).to_have_css("stroke-linecap", "round")
    expect(page.locator("[data-metrics] canvas")).to_be_visible()
    page.wait_for_function(f"({INKED})() > 10")  # a dot of the curve's blue


def test_of_many_points_a_lane_has_the_extremes(serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    @task
    def count() -> None:
        for step in range(100_000):
            log_metric("loss", 7.0 if step == 54_321 else 0.5, step=step)

    count()
    run = load_execution("last").id
    page = open_page(f"{serve().url}executions/{run}")
    expect(lane(page, "loss")).to_have_attribute("aria-label", re.compile(": 0.5 to 7$"))
    asked = f"/executions/{run}/lanes?width=500"
    (found,) = page.evaluate(f"fetch('{asked}').then((answer) => answer.json())")["lanes"]
    assert len(found["curves"][0]["values"]) <= 1_010
    assert max(found["curves"][0]["values"]) == 7.0


def test_more_metrics_than_have_room_are_counted(serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    with execution("many") as run:
        for number in range(11):
            log_metric(f"metric {number}", number)
    page = open_page(f"{serve().url}executions/{run.id}")
    expect(page.locator(".lane")).to_have_count(8)
    expect(page.locator(".lanes .more")).to_have_text("3 more metrics have their charts below.")


def test_an_execution_without_any_has_no_lanes(serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    with execution("bare") as run:
        pass
    page = open_page(f"{serve().url}executions/{run.id}")
    expect(page.locator("[data-timeline]")).to_have_attribute("data-ready", "yes")
    expect(page.locator("[data-lanes]")).to_have_attribute("data-ready", "yes")
    expect(page.locator("[data-lanes]")).to_be_hidden()


def test_a_site_of_plain_files_has_the_lanes(write_site: Callable[..., Path], open_page: Callable[..., Any]) -> None:
    run = trained(0.5)
    page = open_page((write_site() / "executions" / run / "index.html").as_uri())
    expect(lane(page, "loss")).to_have_attribute("aria-label", "loss, 0 s to 10.0 s: 0.1667 to 0.5")
    page.get_by_role("button", name="Zoom in").click()
    expect(lane(page, "loss")).to_have_attribute("aria-label", "loss, 2.50 s to 7.50 s: 0.1667 to 0.5")
    wait_until_drawn(page, "loss", 0.5, 0.9)


def test_each_line_of_a_lane_has_a_name(serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    @task
    def busy(clock: FixedClock) -> None:
        journal = current_context().state.journal
        for second in range(3):
            clock.advance(1)
            used = {"cpu_total": 0.5 * second, "children.cpu_total": 0.2 * second}
            journal.append(records.Sample(journal.now(), used))

    with FixedClock(1_795_000_000.0) as clock, execution("busy") as run:
        busy(clock)
    page = open_page(f"{serve().url}executions/{run.id}")
    expect(lane(page, "CPU").locator(".key")).to_have_text(["process", "children"])

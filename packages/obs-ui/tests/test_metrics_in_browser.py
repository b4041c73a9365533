"""Curves in the pages of the UI: live, zoomed with the timeline, laid over each other."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from obs_core import current_context, execution, load_execution, log_metric, span, task
from obs_core.journal import records
from obs_core.testing import FixedClock

pytestmark = pytest.mark.browser

LIVE = """
import sys
from obs_core import execution, log_metric, task, track

@task(deck_fields=())
def fit():
    loop = iter(track(range(8), "epoch 3", show=False))
    print("ready", flush=True)
    for order in sys.stdin:
        if order == "end\\n":
            return
        step = next(loop)
        log_metric("loss", 1 / (step + 1), step=step)

with execution("live"):
    fit()
"""


def expect(locator: Any) -> Any:
    from playwright.sync_api import expect as expecting

    return expecting(locator)


def train(seed: int, points: int = 50) -> str:
    @task
    def fit() -> None:
        for step in range(points):
            log_metric("loss", math.exp(-step / 10) + seed, step=step)
            log_metric("accuracy", 1 - math.exp(-step / 10), step=step)
        with span("evaluate"):
            log_metric("accuracy", math.nan)

    with execution("train", tags={"seed": seed}) as run:
        fit()
    return run.id


def test_an_execution_shows_its_curves_on_the_timeline_s_axis(
    serve: Callable[..., Any], open_page: Callable[..., Any]
) -> None:
    run = train(1)
    page = open_page(f"{serve().url}executions/{run}")
    section = page.locator("section", has=page.locator("[data-metrics]"))
    expect(section).to_have_attribute("data-ready", "yes")
    charts = section.locator("figure")
    expect(charts).to_have_count(2)
    expect(charts.first).to_contain_text("loss 50 points")
    expect(charts.last).to_contain_text("51 points · 1 not drawn: not finite")
    expect(section.get_by_role("button", name="Show all")).to_be_hidden()

    page.get_by_role("button", name="Zoom in").click()
    expect(section.get_by_role("button", name="Show all")).to_be_visible()
    section.get_by_role("button", name="Show all").click()
    expect(section.get_by_role("button", name="Show all")).to_be_hidden()
    expect(page.locator("[data-shown]")).not_to_contain_text(" of ")


@task
def warm_up(clock: FixedClock) -> None:
    clock.advance(4)


@task
def learn(clock: FixedClock, rate: float) -> None:
    for step in range(3):
        clock.advance(1)
        log_metric("loss", rate / (step + 1), step=step)
    clock.advance(4)


def learnt(*rates: float) -> str:
    """Record 4 s without a metric, and per rate 3 s with one a second and 4 s without."""
    with FixedClock(1_795_000_000.0) as clock, execution("learnt") as run:
        warm_up(clock)
        for rate in rates:
            learn(clock, rate)
    return run.id


def test_the_axis_of_curves_is_that_of_the_timeline_whenever_something_was_logged(
    serve: Callable[..., Any], open_page: Callable[..., Any]
) -> None:
    page = open_page(f"{serve().url}executions/{learnt(0.5)}")
    chart = page.locator("section[data-ready] figure")
    expect(page.locator("[data-shown]")).to_have_text("11.0 s")
    expect(chart).to_have_attribute("aria-label", "Curve of loss, 0 s to 11 s")
    page.get_by_role("button", name="Zoom in").click()
    expect(page.locator("[data-shown]")).to_have_text("2.75 s to 8.25 s of 11.0 s")
    expect(chart).to_have_attribute("aria-label", "Curve of loss, 2.75 s to 8.25 s")
    page.locator(".u-over").dblclick()
    expect(chart).to_have_attribute("aria-label", "Curve of loss, 0 s to 11 s")
    expect(page.locator("[data-shown]")).to_have_text("11.0 s")


def test_curves_of_two_calls_are_called_as_the_tasks_are(
    serve: Callable[..., Any], open_page: Callable[..., Any]
) -> None:
    page = open_page(f"{serve().url}executions/{learnt(0.5, 0.25)}")
    listed = page.locator(".tree .called", has_text="learn").all_inner_texts()
    told = [" ".join(one.split()) for one in listed]
    assert told == ["learn 0.5", "learn 0.25"]
    expect(page.locator("section[data-ready] .u-label")).to_have_text(["after", *told])


def test_what_was_used_is_drawn_on_the_same_axis(serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    @task
    def fit() -> None:
        journal = current_context().state.journal
        for second in range(3):
            clock.advance(1)
            values = {"rss": 1e8 * (second + 1), "cpu_total": second / 2, "container.memory": 5e7}
            journal.append(records.Sample(journal.now(), values))

    with FixedClock(1_795_000_000.0) as clock, execution("train") as run:
        fit()
    page = open_page(f"{serve().url}executions/{run.id}")
    section = page.locator("section", has=page.locator("[data-resources]"))
    expect(section).to_have_attribute("data-ready", "yes")
    charts = section.locator("figure")
    expect(charts).to_have_count(2)
    expect(charts.first).to_contain_text("CPU, cores")
    expect(charts.last).to_contain_text("Memory, MB")
    expect(section.get_by_label("Horizontal axis")).to_be_hidden()  # what was used has no steps
    expect(page.locator("section", has=page.locator("[data-metrics]"))).to_be_hidden()


def test_where_one_quantity_was_not_sampled_its_chart_has_the_axis_of_the_others(
    serve: Callable[..., Any], open_page: Callable[..., Any]
) -> None:
    with FixedClock(1_795_000_000.0) as clock, execution("train") as run:
        fit_with_samples(clock)
    page = open_page(f"{serve().url}executions/{run.id}")
    section = page.locator("section", has=page.locator("[data-resources]"))
    expect(section).to_have_attribute("data-ready", "yes")
    page.get_by_role("button", name="Zoom in").click()
    page.get_by_role("button", name="Zoom in").click()
    expect(section.get_by_role("figure", name="Curve of I/O, MB/s")).to_contain_text("0 points")
    ends = "3.75 s to 6.25 s"
    for name in ("CPU, cores", "I/O, MB/s"):
        expect(section.get_by_role("figure", name=f"Curve of {name}, {ends}")).to_be_visible()


@task
def fit_with_samples(clock: FixedClock) -> None:
    journal = current_context().state.journal
    for second in range(10):
        clock.advance(1)
        io = {"read": 1e6, "written": 1e6} if second < 2 else {}
        journal.append(records.Sample(journal.now(), {"cpu_total": second / 2, **io}))


def test_the_title_says_by_what_curves_are_drawn(serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    run = train(1)
    page = open_page(f"{serve().url}executions/{run}")
    section = page.locator("section[data-ready]")
    said = section.locator(".section-head")
    expect(said.get_by_text("by time; zooms with the timeline")).to_be_visible()
    section.get_by_label("Horizontal axis").select_option("by step")
    expect(said.get_by_text("by time; zooms with the timeline")).to_be_hidden()
    expect(said.get_by_text("by step")).to_be_visible()
    section.get_by_label("Horizontal axis").select_option("by time")
    expect(said.get_by_text("by time; zooms with the timeline")).to_be_visible()


def test_scale_and_smoothing_are_said(serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    run = train(1)
    page = open_page(f"{serve().url}executions/{run}")
    section = page.locator("section[data-ready]")
    section.get_by_label("Smoothing").fill("0.6")
    expect(section).to_contain_text("smoothed: exponential mean of the points drawn, weight 0.60")
    section.get_by_label("log scale").check()
    expect(section.locator("figure").last).to_contain_text("not drawn: zero, negative or not finite")


def test_curves_and_loops_grow_while_somebody_looks(
    serve: Callable[..., Any], open_page: Callable[..., Any], start_script: Callable[..., Any]
) -> None:
    process = start_script(LIVE)
    assert process.stdout.readline() == "ready\n"
    for _ in range(3):
        process.stdin.write("step\n")
    process.stdin.flush()
    page = open_page(f"{serve().url}executions/{load_execution('last').id}")
    chart = page.locator("section[data-ready] figure")
    expect(chart).to_contain_text("loss 3 points")
    expect(page.locator(".loop")).to_contain_text("2 of 8 it")
    for _ in range(4):
        process.stdin.write("step\n")
    process.stdin.flush()
    expect(chart).to_contain_text("loss 7 points")
    expect(page.locator(".loop")).to_contain_text("6 of 8 it")
    process.stdin.write("end\n")
    process.stdin.flush()
    expect(page.locator(".loop")).to_have_count(0)


def test_several_executions_are_laid_over_each_other(serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    for seed in range(3):
        train(seed)
    page = open_page(serve().url)
    boxes = page.get_by_role("checkbox")
    expect(boxes).to_have_count(3)
    for number in range(3):
        boxes.nth(number).check()
    page.get_by_role("button", name="Metrics of the 3 chosen").click()
    loss = page.locator("figure").first
    expect(loss).to_contain_text("loss 150 points")
    expect(loss.locator(".u-label")).to_have_text(["step", "seed=0", "seed=1", "seed=2"])


def test_when_curves_began_is_told_in_the_reader_s_zone(
    serve: Callable[..., Any], open_page: Callable[..., Any]
) -> None:
    chosen = "&".join(f"chosen={learnt(rate)}" for rate in (0.5, 0.25, 0.125))
    page = open_page(f"{serve().url}compare?{chosen}", timezone_id="Asia/Tokyo", locale="en-US")
    labels = page.locator(".u-label")
    expect(labels).to_have_count(4)
    assert [label.partition(", ")[2] for label in labels.all_inner_texts()[1:]] == ["Nov 18, 08:06:40 PM"] * 3


def test_two_executions_are_compared_by_their_curves_too(
    serve: Callable[..., Any], open_page: Callable[..., Any]
) -> None:
    left, right = train(1), train(2)
    page = open_page(f"{serve().url}compare?left={left}&right={right}")
    loss = page.locator("section[data-ready] figure").first
    expect(loss).to_contain_text("loss 100 points")
    expect(loss.locator(".u-label")).to_have_text(["step", "Left", "Right"])
    page = open_page(f"{serve().url}compare?left={right}&right={left}")
    expect(page.locator(".u-label").nth(1)).to_have_text("Left")
    expect(page.locator(".u-marker").nth(1)).to_have_css("border-top-color", "rgb(47, 91, 216)")
    page = open_page(f"{serve().url}executions/{right}/changes")
    expect(page.locator(".u-label").nth(2)).to_have_text("This run")


def test_a_window_of_a_million_points_has_its_extremes(
    serve: Callable[..., Any], open_page: Callable[..., Any]
) -> None:
    @task
    def fit() -> None:
        for step in range(100_000):
            log_metric("loss", 7.0 if step == 54_321 else 0.5, step=step)

    fit()
    run = load_execution("last").id
    page = open_page(f"{serve().url}executions/{run}")
    asked = f"/executions/{run}/metrics?axis=step&from=54000&to=55000"
    (curve,) = page.evaluate(f"fetch('{asked}').then((answer) => answer.json())")["curves"]
    assert (min(curve["steps"]), max(curve["steps"])) == (53_999, 55_001)
    assert (54_321, 7.0) in zip(curve["steps"], curve["values"], strict=True)
    (whole,) = page.evaluate(f"fetch('/executions/{run}/metrics').then((answer) => answer.json())")["curves"]
    assert len(whole["steps"]) <= 2_010
    assert (54_321, 7.0) in zip(whole["steps"], whole["values"], strict=True)


def shows(rows: Any, losses: list[str]) -> None:
    """Wait until rows of the list have just these last losses."""
    expect(rows.locator("td.metric-1 .last")).to_have_text(losses)


def test_the_list_has_columns_for_the_metrics_that_most_runs_have(
    serve: Callable[..., Any], open_page: Callable[..., Any]
) -> None:
    for seed in (2, 1, 3):
        train(seed)
    with execution("train"):
        log_metric("loss", 0.5)
        log_metric("another", 1)
    page = open_page(serve().url)
    expect(page.locator("th.metric .name")).to_have_text(["loss", "accuracy"])
    cells = page.locator("tbody", has_text="3.007").locator("td.metric div")
    expect(cells.first).to_have_text("loss 3.007 3.007 – 4")
    expect(cells.first).to_have_attribute("title", "loss: last 3.007, least 3.007, greatest 4")
    expect(cells.last.locator(".last")).to_have_text("not finite")
    expect(page.locator("td.metrics").first).to_have_text("+1")
    shows(page, ["0.5", "3.007", "1.007", "2.007"])

    head = page.locator("th.metric", has_text="loss")
    head.get_by_role("link", name="last").click()
    expect(head).to_have_attribute("aria-sort", "descending")
    shows(page, ["3.007", "2.007", "1.007", "0.5"])
    expect(page.locator(".only-measured")).to_have_text("only runs with loss")
    head.get_by_role("link", name="last").click()
    expect(head).to_have_attribute("aria-sort", "ascending")
    shows(page, ["0.5", "1.007", "2.007", "3.007"])
    page.locator("th.metric", has_text="accuracy").get_by_role("link", name="greatest").click()
    expect(page.locator("th.metric .name")).to_have_text(["accuracy", "loss"])
    expect(page.locator(".executions tbody")).to_have_count(3)
    page.get_by_role("link", name="Clear").click()
    expect(page.locator(".executions tbody")).to_have_count(4)


def test_runs_that_have_little_in_common_share_one_column(
    serve: Callable[..., Any], open_page: Callable[..., Any]
) -> None:
    for name in ("loss", "rows", "speed"):
        with execution(name):
            log_metric(name, 2.5)
    page = open_page(serve().url)
    expect(page.locator("td.metrics div")).to_have_text(["speed 2.5", "rows 2.5", "loss 2.5"])
    expect(page.locator("th.metric")).to_have_count(0)


def test_the_list_of_a_site_is_sorted_by_metrics_too(
    write_site: Callable[..., Path], open_page: Callable[..., Any]
) -> None:
    for seed in (2, 1, 3):
        train(seed)
    with execution("train"):
        pass
    page = open_page((write_site() / "index.html").as_uri())
    head = page.locator("th.metric", has_text="loss")
    head.get_by_role("link", name="least").click()
    expect(head).to_have_attribute("aria-sort", "descending")
    visible = page.locator(".executions tbody:visible")
    expect(visible).to_have_count(3)
    shows(visible, ["3.007", "2.007", "1.007"])
    head.get_by_role("link", name="least").click()
    expect(head).to_have_attribute("aria-sort", "ascending")
    shows(visible, ["1.007", "2.007", "3.007"])
    page.locator(".clear").click()
    expect(visible).to_have_count(4)


def test_large_values_that_hardly_differ_are_told_apart_in_the_lane_and_at_the_pointer(
    serve: Callable[..., Any], open_page: Callable[..., Any], measured: Callable[..., list[Any]]
) -> None:
    with execution("large") as run:
        for step in range(20):
            log_metric("sum", 1e9 + step / 1000, step=step)
    page = open_page(f"{serve().url}executions/{run.id}")
    expect(page.locator(".lane .facts")).to_have_text("1,000,000,000 to 1,000,000,000.019")
    expect(page.locator("[data-pending]")).to_have_count(0)  # or the chart would move away from the pointer
    chart = page.locator("section[data-ready] figure", has=page.locator(".u-over"))
    expect(chart).to_be_visible()
    (width,) = measured(page, "section[data-ready] figure .u-over", "drawing => drawing.clientWidth")
    chart.locator(".u-over").hover(position={"x": width - 2, "y": 50})
    expect(chart.locator(".u-legend .u-value").last).to_have_text("1,000,000,000.019")

"""Curves in the pages of the UI: live, zoomed with the timeline, laid over each other."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from obs_core import current_context, execution, load_execution, log_metric, span, task
from obs_core.journal import records

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


def test_what_was_used_is_drawn_on_the_same_axis(serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    @task
    def fit() -> None:
        journal = current_context().state.journal
        for second in range(3):
            values = {"rss": 1e8 * (second + 1), "cpu_total": second / 2, "container.memory": 5e7}
            journal.append(records.Sample(journal.now() + second, values))

    with execution("train") as run:
        fit()
    page = open_page(f"{serve().url}executions/{run.id}")
    section = page.locator("section", has=page.locator("[data-resources]"))
    expect(section).to_have_attribute("data-ready", "yes")
    charts = section.locator("figure")
    expect(charts).to_have_count(2)
    expect(charts.first).to_contain_text("CPU, cores")
    expect(charts.last).to_contain_text("Memory, MB")
    expect(page.locator("section", has=page.locator("[data-metrics]"))).to_be_hidden()


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
    runs = [train(seed) for seed in range(3)]
    page = open_page(serve().url)
    boxes = page.get_by_role("checkbox")
    expect(boxes).to_have_count(3)
    for number in range(3):
        boxes.nth(number).check()
    page.get_by_role("button", name="Metrics of the 3 chosen").click()
    loss = page.locator("figure").first
    expect(loss).to_contain_text("loss 150 points")
    for run in runs:
        expect(loss.locator(".u-legend")).to_contain_text(run[-6:])


def test_two_executions_are_compared_by_their_curves_too(
    serve: Callable[..., Any], open_page: Callable[..., Any]
) -> None:
    left, right = train(1), train(2)
    page = open_page(f"{serve().url}compare?left={left}&right={right}")
    expect(page.locator("section[data-ready] figure").first).to_contain_text("loss 100 points")


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


def test_the_list_shows_the_last_values(serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    train(1)
    page = open_page(serve().url)
    cell = page.locator("td.metrics div")
    expect(cell.first).to_have_text("loss 1.007")
    expect(cell.first).to_have_attribute("title", "loss: last 1.007, least 1.007, greatest 2")
    expect(cell.nth(1)).to_have_text("accuracy not finite")

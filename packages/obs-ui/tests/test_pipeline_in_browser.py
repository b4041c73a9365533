"""The page of a pipeline, and what checks found, in a real browser."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from typing import Any

import pytest

from obs_core import check, execution, log_metric, task
from obs_core.journal import flusher
from obs_core.testing import FixedClock

pytestmark = pytest.mark.browser

LONG = "a task whose name has more than eighty letters, so that it does not fit into its column, ever"
NOW = 1_795_000_000.0


def expect(locator: Any) -> Any:
    from playwright.sync_api import expect as expecting

    return expecting(locator)


def record(count: int, name: str = "flights", tasks: int = 0) -> None:
    """Record a run each night; the last one takes long and finds something."""
    for number in range(count):
        with FixedClock(NOW - (count - number) * 86_400) as clock:

            @task
            def load(clock: FixedClock = clock, number: int = number, last: bool = number == count - 1) -> int | None:
                clock.advance(30 if last else 4)
                check("rows > 0", not last, "0 rows")
                return number if number > 2 else None

            @task(name=LONG)
            def fit(clock: FixedClock = clock, number: int = number) -> None:
                clock.advance(10)
                log_metric("rmse", 17 - number)
                if number == 1:
                    raise ValueError("no such airport")

            with contextlib.suppress(ValueError), execution(name):
                load()
                for step in range(tasks):
                    task(name=f"step {step}")(lambda: None)()
                fit()
    flusher.flush_all()


def opened(serve: Callable[..., Any], open_page: Callable[..., Any], runs: int, **options: Any) -> Any:
    page = open_page(f"{serve().url}pipelines?name=flights", complains=True, **options)
    for _ in range(200):  # until the index holds them all: the server has just begun
        if page.locator(".runs .whole td a").count() == min(runs, 50):
            break
        page.wait_for_timeout(50)
        page.reload()
    expect(page.locator(".runs .whole td a")).to_have_count(min(runs, 50))
    return page


def test_the_grid_has_a_column_for_each_run_and_opens_what_is_clicked(
    serve: Callable[..., Any], open_page: Callable[..., Any]
) -> None:
    record(8)
    page = opened(serve, open_page, 8)
    names = [text.strip() for text in page.locator(".runs th .name").all_text_contents()]
    assert names == ["Whole run", "load", LONG, "rows > 0"]
    assert page.locator(".runs tr").nth(1).locator("td a").count() == 8
    failed = page.locator('.runs tr:nth-child(3) a[data-status="failed"]')
    expect(failed).to_have_count(1)
    assert "failed" in failed.get_attribute("title")
    heights = page.evaluate(
        "[...document.querySelectorAll('.runs .whole .part')].map(each => each.getBoundingClientRect().height)"
    )
    assert heights[-1] > 2 * heights[-2] > 10
    failed.click()
    expect(page.locator("h1")).to_contain_text("a task whose name")


def test_what_is_unusual_and_what_was_checked_stands_at_the_top(
    serve: Callable[..., Any], open_page: Callable[..., Any]
) -> None:
    record(8)
    page = opened(serve, open_page, 8)
    head = page.locator(".head")
    expect(head.locator(".title .verdict")).to_have_text("1 check failed")
    expect(head).to_contain_text("longer than usual")
    expect(head).to_contain_text("7 of the last 8")
    expect(head).to_contain_text("once a day")
    expect(head.locator(".note")).to_contain_text("It did not run when it usually does")
    expect(head.locator(".chip")).to_contain_text("rows > 0")


def test_the_grid_is_one_stop_of_the_keyboard(serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    record(6)
    page = opened(serve, open_page, 6)
    stops = page.locator('.runs a[tabindex="0"]')
    expect(stops).to_have_count(1)
    stops.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowLeft")
    focused = page.evaluate("document.activeElement.getAttribute('data-said')")
    assert focused.startswith("load: succeeded")
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text("load")


def test_durations_and_metrics_are_drawn_over_runs(serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    record(12)
    page = opened(serve, open_page, 12)
    durations = page.locator("[data-durations]")
    durations.locator("canvas").wait_for()
    expect(durations).to_contain_text("1 of 12 runs outside what was usual")
    expect(page.get_by_label("log scale")).not_to_be_checked()
    linear = durations.locator("canvas").evaluate("canvas => canvas.toDataURL()")
    page.get_by_label("log scale").check()
    drawn = "document.querySelector('[data-durations] canvas')?.toDataURL()"
    page.wait_for_function(f"linear => {drawn} && {drawn} !== linear", arg=linear)
    page.get_by_label("Of").select_option(LONG)
    expect(durations.locator("strong")).to_have_text(LONG)
    expect(page.locator("[data-over-runs=metrics] strong")).to_have_text("rmse")
    outputs = page.locator("[data-over-runs=outputs]")
    expect(outputs.locator("strong")).to_have_text(["load: value"])
    expect(outputs.get_by_role("group", name="load: value over 9 runs")).to_be_visible()
    durations.locator(".u-over").hover()
    expect(durations.locator(".run-tip")).to_contain_text("succeeded")
    durations.locator(".u-over").click()
    expect(page).to_have_url(re.compile("/executions/"))


@pytest.mark.parametrize("runs", [1, 60])
def test_it_is_whole_on_a_phone_with_one_run_and_with_many_tasks(
    runs: int, serve: Callable[..., Any], open_page: Callable[..., Any]
) -> None:
    record(runs, tasks=30 if runs == 1 else 2)
    page = opened(serve, open_page, runs, width=390)
    for width in (390, 1300, 1920):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width
    if runs == 1:
        expect(page.get_by_role("heading", name="The only run")).to_be_visible()
        hidden = page.locator(".runs tr.rest")
        expect(hidden.first).to_be_hidden()
        page.get_by_role("button", name="Show all tasks and checks").click()
        expect(hidden.first).to_be_visible()


def test_lists_executions_and_tasks_lead_to_it_and_show_what_was_found(
    serve: Callable[..., Any], open_page: Callable[..., Any]
) -> None:
    record(3)
    page = open_page(f"{serve().url}executions")
    page.get_by_role("link", name="All 3").wait_for()
    expect(page.locator(".executions .verdict")).to_have_count(1)
    page.get_by_role("link", name="Checks failed").click()
    expect(page.locator(".executions tbody")).to_have_count(1)
    page.get_by_role("link", name="flights", exact=True).click()
    expect(page.locator(".title .verdict")).to_have_text("1 check failed")
    expect(page.locator(".tree .verdict")).to_have_count(1)
    page.get_by_role("link", name="load").first.click()
    expect(page.locator(".title .verdict")).to_have_text("1 check failed")
    expect(page.locator(".chip")).to_contain_text("0 rows")
    page.go_back()
    page.get_by_role("link", name="All runs").click()
    expect(page.get_by_role("heading", name="All 3 runs")).to_be_visible()


def test_calls_of_one_task_are_told_apart(serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    @task
    def fetch(address: str) -> None: ...

    with execution("fetching") as run:
        for number in (3, 4):
            fetch(f"https://example.org/{number}")
    flusher.flush_all()
    page = open_page(f"{serve().url}executions/{run.id}")
    expect(page.locator(".tree td.main")).to_contain_text(["https://example.org/3", "https://example.org/4"])


def test_a_name_may_hold_anything(serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    name = "../a/b?c=d&e#f%20<i>"
    with execution(name):
        pass
    flusher.flush_all()
    page = open_page(f"{serve().url}executions")
    page.get_by_role("link", name=name, exact=True).click()
    page.get_by_role("link", name="All runs").click()
    expect(page.locator("h1")).to_have_text(name)


def test_a_run_that_took_long_says_so_on_its_own_page(serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    record(8)
    page = opened(serve, open_page, 8)
    page.get_by_role("link", name="Last run").click()
    unusual = page.get_by_role("link", name="longer than usual")
    expect(unusual).to_have_attribute("title", re.compile("^Usually "))
    unusual.click()
    expect(page).to_have_url(re.compile(r"/pipelines\?name=flights"))


def test_ticks_of_runs_within_a_minute_differ(serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    with FixedClock(NOW) as clock:
        for _ in range(12):
            clock.advance(2)
            with execution("flights"):
                clock.advance(1)
    flusher.flush_all()
    page = opened(serve, open_page, 12, timezone_id="UTC", locale="en-US")
    page.add_init_script(
        "window.drawn = []; const write = CanvasRenderingContext2D.prototype.fillText;"
        "CanvasRenderingContext2D.prototype.fillText = function (text, ...given) {"
        " drawn.push(text); return write.call(this, text, ...given); };"
    )
    page.reload()
    page.locator("[data-durations] canvas").wait_for()
    page.wait_for_function("drawn.length > 0")
    times = [text for text in page.evaluate("drawn") if text.count(":") == 2]
    assert len(set(times)) >= 3
    assert all(re.fullmatch(r"11:0[67]:\d\d AM", text) for text in times)


@pytest.mark.parametrize(("apart", "said"), [(1, "Nov 18, 11:06 AM"), (60, "Nov 18, 11:06 AM to Nov 18, 11:08 AM")])
def test_runs_of_one_minute_are_not_said_to_be_from_it_to_it(
    serve: Callable[..., Any], open_page: Callable[..., Any], apart: int, said: str
) -> None:
    with FixedClock(NOW - 30) as clock:
        for _ in range(3):
            with execution("flights"):
                pass
            clock.advance(apart)
    flusher.flush_all()
    page = opened(serve, open_page, 3, timezone_id="UTC", locale="en-US")
    expect(page.locator(".range")).to_have_text(said, use_inner_text=True)


WRITTEN = """
  window.written = [];
  const { fillText } = CanvasRenderingContext2D.prototype;
  CanvasRenderingContext2D.prototype.fillText = function (text, x, ...rest) {
    const { e } = this.getTransform();
    if (this.textAlign === "right") window.written.push([text, x + e - this.measureText(text).width]);
    return fillText.call(this, text, x, ...rest);
  };
"""
BLUE_ROWS = """canvas => {
  const { data, width, height } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const rows = new Set();
  for (let place = 0; place < data.length; place += 4) {
    const isBlue = [47, 91, 216].every((part, index) => Math.abs(data[place + index] - part) < 25);
    if (isBlue) rows.add(Math.floor(place / 4 / width));
  }
  return (Math.max(...rows) - Math.min(...rows)) / height;
}"""


def test_large_metrics_that_hardly_differ_are_drawn_apart_though_much_more_is_usual(
    serve: Callable[..., Any], open_page: Callable[..., Any]
) -> None:
    for number in range(12):
        with FixedClock(NOW - (12 - number) * 86_400), execution("flights"):
            log_metric("sum", 1e9 + number / 1000)
    flusher.flush_all()
    page = opened(serve, open_page, 12, color_scheme="light")
    page.add_init_script(WRITTEN)
    page.reload()
    canvas = page.locator("[data-over-runs=metrics] canvas")
    canvas.wait_for()
    page.locator("body[data-drawn]").wait_for()
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    texts = page.evaluate("window.written")
    assert {text for text, _ in texts if text.startswith("1,000,000,000.")}
    assert [one for one in texts if one[1] < 0] == []
    assert canvas.evaluate(BLUE_ROWS) > 0.12  # a third of what is between the axes

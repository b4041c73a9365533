"""The flame graph and the lanes in a real browser, offline."""

from __future__ import annotations

import re
from array import array
from pathlib import Path
from typing import Any

import pytest

from obs_core import Deck, execution, load_execution, task
from obs_core.model import Call, SeenStack, Series
from obs_core.trace.resources import Resources
from obs_resources.flame import profile_html
from obs_resources.lanes import lanes_html

pytestmark = pytest.mark.browser

MAIN, FIT = Call("main", "/home/ann/run.py", 9), Call("fit", "/home/ann/train.py", 4)
READ = Call("</script>", "io.py", 2)
SEEN = [
    SeenStack("main", "MainThread", "main.3", (MAIN, FIT), 60, 50, 10_000_000),
    SeenStack("main", "MainThread", "main.4", (MAIN, READ), 40, 10, 10_000_000),
    SeenStack("main", "helper", None, (READ,), 100, 0, 10_000_000),
]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of a task with both tabs."""

    @task(deck_fields=())
    def work() -> None:
        Deck("CPU profile").append(profile_html(SEEN, {"main.3": "epoch <1>", "main.4": "read"}))
        times = array("q", range(0, 10_000_000_000, 1_000_000_000))
        samples = {"rss": Series(times, array("d", [1e8 * number for number in range(10)]))}
        Deck("Resources").append(lanes_html(Resources({"main": samples}, 0, 9_000_000_000)))

    store = tmp_path_factory.mktemp("store")
    with execution("night", store=store) as run:
        work()
    return load_execution(run.id, store).report_paths()[0]


@pytest.fixture(params=[("light", 1300), ("dark", 390)], ids=["light", "dark phone"])
def page(browser: Any, report: str, request: pytest.FixtureRequest) -> Any:
    scheme, width = request.param
    context = browser.new_context(offline=True, color_scheme=scheme, viewport={"width": width, "height": 900})
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda made: complaints.append(made.url) if re.match("https?:", made.url) else None)
    page.goto(Path(report).as_uri())
    yield page
    assert complaints == []
    context.close()


def frame_of(page: Any, tab: str) -> Any:
    page.get_by_role("tab", name=tab).click()
    return page.frame_locator(".panel:not(.away) > iframe")


def test_bars_are_as_wide_as_their_share_of_the_cpu(page: Any) -> None:
    frame = frame_of(page, "CPU profile")
    bar = frame.get_by_label("fit, 500 ms")
    bar.wait_for()
    whole = frame.get_by_label("all, 600 ms").bounding_box()["width"]
    assert bar.bounding_box()["width"] == pytest.approx(whole * 5 / 6, abs=2)
    assert frame.get_by_label("</script>, 100 ms").count() == 1


def test_waiting_threads_and_spans_are_chosen(page: Any) -> None:
    frame = frame_of(page, "CPU profile")
    frame.get_by_label("Time").select_option("waiting too")
    frame.get_by_label("all, 2000 ms").or_(frame.get_by_label("all, 2.00 s")).wait_for()
    frame.get_by_label("Thread").select_option("helper")
    frame.get_by_label("all, 1.00 s").wait_for()
    frame.get_by_label("Thread").select_option("all threads")
    frame.get_by_label("Span").select_option("epoch <1>")
    frame.get_by_label("all, 600 ms").wait_for()


def test_a_function_is_found_and_zoomed_into_by_keyboard(page: Any) -> None:
    frame = frame_of(page, "CPU profile")
    frame.get_by_label("Find").fill("train.py")
    frame.locator(".bar.found").wait_for()
    assert frame.locator(".told").inner_text() == "train.py: 500 ms, 83.3 % of 600 ms"
    frame.get_by_role("button", name="Whole profile").click()
    frame.get_by_label("fit, 500 ms").focus()
    page.keyboard.press("Enter")
    frame.locator(".bar.above").first.wait_for()
    whole = frame.get_by_label("all, 600 ms").bounding_box()["width"]
    assert frame.get_by_label("fit, 500 ms").bounding_box()["width"] == pytest.approx(whole, abs=2)


def test_lanes_are_drawn_within_the_page(page: Any) -> None:
    frame = frame_of(page, "Resources")
    lane = frame.get_by_label(re.compile(r"^Memory: 900 MB peak, 450 MB mean"))
    lane.wait_for()
    box = lane.bounding_box()
    assert box["width"] > 100
    assert box["x"] + box["width"] <= page.viewport_size["width"]

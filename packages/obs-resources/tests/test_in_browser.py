"""The flame graph and the lanes in a real browser, offline."""

from __future__ import annotations

import re
from array import array
from pathlib import Path
from typing import Any

import pytest

from obs_core import Deck, current_context, execution, load_execution, log_metric, span, task
from obs_core.journal import records
from obs_core.model import Call, SeenStack, Series
from obs_core.reading.execution import Execution
from obs_core.testing import FixedClock
from obs_core.trace.resources import Resources
from obs_resources.flame import changes_page, profile_html
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


def profiled(store: Path, **samples: int) -> Execution:
    """An execution that spent so many samples in each function."""
    with execution("night", store=store) as run:
        journal = current_context().state.journal
        calls = [(-1, "main", "/home/ann/run.py", 9), *((0, name, "/home/ann/train.py", 4) for name in samples)]
        seen: list[tuple[str, records.Ref | None, int, int, int]]
        seen = [("MainThread", None, call, count, count) for call, count in enumerate(samples.values(), 1)]
        journal.append(records.Calls(0, calls))
        journal.append(records.Profile(journal.now(), 0, 10_000_000, seen))
    return load_execution(run.id, store)


@pytest.mark.parametrize(("scheme", "width"), [("light", 1300), ("dark", 390)])
def test_what_became_slower_is_red_and_what_became_faster_blue(
    browser: Any, tmp_path: Path, scheme: str, width: int
) -> None:
    store = tmp_path / "store"
    earlier = profiled(store, parse=100, fit=300, same=200, chance=30, gone=50)
    later = profiled(store, parse=400, fit=100, same=210, chance=45)
    written = tmp_path / "changes.html"
    written.write_text(changes_page(earlier, later))
    context = browser.new_context(offline=True, color_scheme=scheme, viewport={"width": width, "height": 900})
    page = context.new_page()
    page.goto(written.as_uri())

    def is_coloured(label: str) -> list[str]:
        classes = page.get_by_label(label, exact=True).get_attribute("class").split()
        return [name for name in classes if name in ("slower", "faster")]

    assert is_coloured("parse, 4.00 s, before 1.00 s") == ["slower"]
    assert is_coloured("fit, 1.00 s, before 3.00 s") == ["faster"]
    assert is_coloured("same, 2.10 s, before 2.00 s") == []
    assert is_coloured("chance, 450 ms, before 300 ms") == []
    assert page.get_by_label("main, 7.55 s, before 6.80 s", exact=True).is_visible()
    page.get_by_label("As it is").select_option("before")
    assert is_coloured("gone, 500 ms, now 0 ms") == ["faster"]
    assert is_coloured("parse, 1.00 s, now 4.00 s") == ["slower"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()


@pytest.mark.parametrize("width", [1300, 390])
def test_lanes_below_a_time_line_have_their_whole_names_on_one_line(browser: Any, tmp_path: Path, width: int) -> None:
    @task
    def work(clock: FixedClock) -> None:
        journal = current_context().state.journal
        with span("fit"):  # so short a name leaves little room beside the chart
            for number in range(3):
                read = {"read_total": 1e6 * number, "written_total": 2e6 * number}
                samples = {"rss": 1e8, "container.memory": 2e8, "container.limit": 1e9, **read}
                clock.advance(1)
                journal.append(records.Sample(journal.now(), samples))
                log_metric("accuracy", number, step=number)

    with FixedClock(1_795_000_000.0) as clock, execution("night", store=tmp_path) as run:
        work(clock)
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto(Path(load_execution(run.id, tmp_path).report_paths()[0]).as_uri())
    page.get_by_role("tab", name="Timeline").click()
    names = page.frame_locator("iframe:visible").locator(".obs-lanes.following .name")
    names.first.wait_for()
    shown = ["".join(one.split()) for one in names.all_inner_texts()]
    assert shown == ["Memoryresidentcontainer", "I/Oreadwritten", "accuracy"]
    for name in names.all():
        assert name.evaluate("one => one.scrollWidth <= one.clientWidth && one.clientHeight < 30")
    page.close()

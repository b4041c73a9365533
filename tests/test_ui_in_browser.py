"""Reports that bring megabytes of script along, in the UI's frames: they draw, though nothing leaves the frame."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from obs_core import Deck, current_context, execution, load_execution, task
from obs_core.journal import flusher, records

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def url(serve, tmp_path_factory):
    """The address of a server over the store in which these tests record, each an execution of its own."""
    pytest.importorskip("obs_ui")
    with pytest.MonkeyPatch.context() as patch:
        store = tmp_path_factory.mktemp("ui") / "store"
        patch.setenv("OBS_STORE", str(store))
        yield serve(store)


@pytest.fixture
def page(browser):
    """A page; what a script complains about fails the test, and so does a request to anything but the server."""
    trouble = []
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("request", lambda request: trouble.append(request.url) if foreign(request.url) else None)
    yield page
    context.close()
    assert trouble == []


def foreign(address):
    return address.startswith("http") and not address.startswith("http://127.0.0.1:")


def record(*items):
    @task(deck_fields=())
    def draw():
        for number, item in enumerate(items):
            Deck(f"Deck {number}").append(item)

    with execution("charts") as run:
        draw()
    flusher.flush_all()
    return f"executions/{run.id}/tasks/main.2"


def frame(page):
    return page.frame_locator(".panel:not(.away) > iframe:not(.arriving)")


def test_plotly_charts_are_drawn_and_their_script_is_fetched_once(url, page):
    px = pytest.importorskip("plotly.express")
    figures = [px.scatter(x=[1, 2, 3], y=[number, 2, 1], title=f"Chart {number}") for number in range(3)]
    shared = []
    page.on("request", lambda request: shared.append(request.url) if "/shared/" in request.url else None)
    page.goto(url + record(*figures))
    for number in range(3):
        page.get_by_role("tab", name=f"Deck {number}").click()
        frame(page).get_by_text(f"Chart {number}").wait_for()
        frame(page).locator(".main-svg").first.wait_for()
    assert len(shared) == len(set(shared)) >= 1


def test_a_flame_graph_of_memray_is_drawn(url, page, tmp_path):
    memray = pytest.importorskip("memray")
    from memray.reporters.flamegraph import FlameGraphReporter

    capture = tmp_path / "capture.bin"
    with memray.Tracker(capture):
        kept = [bytes(10_000) for _ in range(1000)]
    assert len(kept) == 1000
    reader = memray.FileReader(capture)
    records = list(reader.get_high_watermark_allocation_records(merge_threads=True))
    snapshots = tuple(reader.get_memory_snapshots())
    reporter = FlameGraphReporter.from_snapshot(records, memory_records=snapshots, native_traces=False)
    html = tmp_path / "flame.html"
    with html.open("w") as file:
        reporter.render(
            outfile=file,
            metadata=reader.metadata,
            show_memory_leaks=False,
            merge_threads=True,
            inverted=False,
            no_web=True,
        )
    page.goto(url + record(html.read_text()))
    frame(page).locator("svg .d3-flame-graph, svg.d3-flame-graph, #chart svg g").first.wait_for()
    frame(page).locator("#chart svg g").nth(1).wait_for(state="attached")


@pytest.mark.whylogs
def test_a_drift_report_of_whylogs_is_drawn_and_can_be_searched(url, page):
    whylogs = pytest.importorskip("obs_whylogs")
    pytest.importorskip("whylogs", reason="needs whylogs, which has no wheel for this Python or system")
    pd = pytest.importorskip("pandas")
    before, after = (pd.DataFrame({"delay": range(100), "month": [month] * 100}) for month in (1, 7))
    page.goto(url + record(whylogs.WhylogsSummaryDriftRenderer.to_html(before, after)))
    frame(page).get_by_text("1 of 2 columns drifted").wait_for()
    assert frame(page).locator(".row:visible .name").all_inner_texts() == ["month", "delay"]
    assert frame(page).locator(".row svg path").count() == 4
    frame(page).get_by_label("Search columns").fill("del")
    assert frame(page).locator(".row:visible .name").all_inner_texts() == ["delay"]


def test_what_a_killed_task_had_captured_is_drawn(url, page):
    pytest.importorskip("obs_memray")
    script = """
import os, signal
from obs_core import task
from obs_memray import memray_profiling

@task(deck_fields=())
@memray_profiling
def devour():
    kept = [bytearray(1_000_000) for _ in range(80)]
    os.kill(os.getpid(), signal.SIGKILL)

devour()
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -signal.SIGKILL
    page.goto(f"{url}executions/{load_execution('last').id}/tasks/main.2")
    page.get_by_role("tab", name="Memory").click()
    frame(page).get_by_text("The process ended before the task did").wait_for()
    page.get_by_role("tab", name="Memray Flamegraph").click()
    frame(page).locator("#chart svg g").first.wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_cpu_profiles_of_two_executions_are_compared_as_a_flame_graph(url, page, scheme):
    pytest.importorskip("obs_resources")

    def profiled(**samples):
        with execution("night") as run:
            journal = current_context().state.journal
            calls = [(-1, "main", "run.py", 9), *((0, name, "train.py", 4) for name in samples)]
            seen = [("MainThread", None, call, count, count) for call, count in enumerate(samples.values(), 1)]
            journal.append(records.Calls(0, calls))
            journal.append(records.Profile(journal.now(), 0, 10_000_000, seen))
        flusher.flush_all()
        return run.id

    page.emulate_media(color_scheme=scheme)
    earlier, later = profiled(parse=100, fit=300), profiled(parse=400, fit=100)
    page.goto(f"{url}compare?left={earlier}&right={later}")
    page.get_by_role("heading", name="CPU", exact=True).scroll_into_view_if_needed()
    shown = page.frame_locator("[data-frame^='/compare/profiles'] > iframe:not(.arriving)")
    assert "slower" in shown.get_by_label("parse, 4.00 s, before 1.00 s", exact=True).get_attribute("class")
    assert "faster" in shown.get_by_label("fit, 1.00 s, before 3.00 s", exact=True).get_attribute("class")
    bright = shown.locator("body").evaluate("body => getComputedStyle(body).backgroundColor") == "rgb(255, 255, 255)"
    assert bright == (scheme == "light")


def test_where_one_of_two_executions_has_no_profile_none_is_compared(url, page):
    with execution("night") as one, execution("night") as other:
        pass
    flusher.flush_all()
    page.goto(f"{url}compare?left={one.id}&right={other.id}")
    page.get_by_role("heading", name="Operations", exact=True).wait_for()
    assert page.get_by_role("heading", name="CPU", exact=True).count() == 0

"""The decks of a profile in a real browser, offline."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from obs_core import execution, load_execution, task
from obs_core.tasks.deferred import wait
from obs_memray import memray_profiling

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(sys.platform not in ("linux", "darwin"), reason="memray runs on Linux and macOS"),
]


FIRST_LINE = "kept.append(bytearray(7_800_000))"


def allocate() -> list[bytearray]:
    kept = []
    for _ in range(5):
        kept.append(bytearray(7_800_000))
        time.sleep(0.03)  # several readings of the resident set
    return kept


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of a task that held 39 MB."""

    @task(deck_fields=())
    @memray_profiling(memray_html_reporter=["flamegraph", "table"])
    def load() -> int:
        return len(allocate())

    store = tmp_path_factory.mktemp("store")
    with execution("night", store=store) as run:
        load()
    wait()
    return load_execution(run.id, store).report_paths()[0]


@pytest.mark.parametrize(("scheme", "width"), [("light", 1300), ("dark", 390)])
def test_every_deck_shows_the_user_s_function_without_a_network(
    browser: Any, report: str, scheme: str, width: int
) -> None:
    complaints: list[str] = []
    context = browser.new_context(offline=True, color_scheme=scheme, viewport={"width": width, "height": 900})
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: _note_request(request, complaints))
    page.goto(Path(report).as_uri())
    frame = page.frame_locator(".panel:not(.away) > iframe")
    look_at_memory(frame)
    page.get_by_role("tab", name="Memray Flamegraph").click()
    look_at_flame_graph(frame)
    page.get_by_role("tab", name="Memray Table").click()
    first = frame.locator("table tbody tr", has_text="allocate at").first
    first.wait_for()
    assert f"allocate at {__file__}" in first.inner_text()
    lines = "cell => { const all = new Range(); all.selectNode(cell.lastChild); return all.getClientRects().length }"
    assert first.locator("td").first.evaluate(lines) == 1, "a size and its unit stand together"
    right = "cells => Math.max(...cells.map(cell => cell.getBoundingClientRect().right))"
    assert first.locator("td").evaluate_all(right) <= width, "no column is beyond the edge"
    context.close()
    assert complaints == []


LINE_AND_LABELS = """chart => {
  const labels = [...chart.querySelectorAll(".bottom span")];
  const [zero, top] = ["0 B", "40.0 MB"].map((text) => labels.find((one) => one.textContent.trim() === text));
  return [chart.querySelector("polyline.heap"), zero, top].map((one) => one.getBoundingClientRect().toJSON());
}"""


def look_at_memory(frame: Any) -> None:
    """The chart climbs to what its axis calls 39 MB; the table names the line that allocated."""
    frame.locator(".obs-memory svg").wait_for()
    line, zero, top = frame.locator(".obs-memory").evaluate(LINE_AND_LABELS)
    ground, ceiling = ((label["top"] + label["bottom"]) / 2 for label in (zero, top))
    assert abs(line["bottom"] - ground) < 5, "the line begins at zero"
    assert abs(line["top"] - (ground + (ceiling - ground) * 39 / 40)) < 5, "and ends where its axis says 39 MB"
    text = frame.locator(".obs-memory tbody").first.inner_text()
    assert re.search(r"39\.0 MB\s+5\s+allocate\s+test_in_browser\.py:\d+\s+kept\.append\(bytearray", text), text
    assert frame.locator("html").evaluate("root => root.scrollWidth <= root.clientWidth"), "nothing stands out"


def look_at_flame_graph(frame: Any) -> None:
    """Below the root lie the user's lines, as wide as the graph."""
    bar = frame.locator("#chart .d3-flame-graph g", has_text=FIRST_LINE)
    bar.first.wait_for()
    shown = [text.strip() for text in frame.locator("#chart .d3-flame-graph-label").all_inner_texts()]
    users = [text for text in shown if text in ("<root>", "return len(allocate())", FIRST_LINE)]
    assert users == ["<root>", "return len(allocate())", FIRST_LINE], shown
    chart = frame.locator("#chart").bounding_box()
    assert bar.locator("rect").bounding_box()["width"] > 0.9 * chart["width"] > 250


def _note_request(request: Any, complaints: list[str]) -> None:
    if not request.url.startswith(("file:", "data:", "blob:", "about:")):
        complaints.append(request.url)

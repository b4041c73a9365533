"""The decks of a profile in a real browser, offline."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from obs_core import load_execution, task
from obs_core.tasks.deferred import wait
from obs_memray import memray_profiling

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(sys.platform not in ("linux", "darwin"), reason="memray runs on Linux and macOS"),
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_deck_draws_without_a_network_though_its_tab_was_hidden(browser: Any, scheme: str) -> None:
    @task(deck_fields=())
    @memray_profiling(memray_html_reporter=["flamegraph", "table"])
    def load() -> int:
        return len([bytearray(100_000) for _ in range(200)])

    load()
    wait()
    (report,) = load_execution("last").report_paths()
    complaints: list[str] = []
    context = browser.new_context(offline=True, color_scheme=scheme)
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: _note_request(request, complaints))
    page.goto(Path(report).as_uri())
    frame = page.frame_locator(".panel:not(.away) > iframe")
    frame.locator(".obs-memory svg polyline").first.wait_for(state="attached")  # a level line has no height
    page.get_by_role("tab", name="Memray Flamegraph").click()
    frame.locator("#chart .d3-flame-graph rect").first.wait_for()
    assert frame.locator("#chart").evaluate("chart => chart.getBoundingClientRect().width") > 300
    page.get_by_role("tab", name="Memray Table").click()
    frame.locator("table tbody tr").first.wait_for()
    context.close()
    assert complaints == []


def _note_request(request: Any, complaints: list[str]) -> None:
    if not request.url.startswith(("file:", "data:", "blob:", "about:")):
        complaints.append(request.url)

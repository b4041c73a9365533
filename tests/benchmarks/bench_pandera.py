"""A validation report beside bare pandera and flytekit's plugin.

Validating is pandera's work; measured is what a report adds, and what its page weighs.
"""

from __future__ import annotations

import json
from typing import Any

from tests.benchmarks.measuring import best, installed, print_table, run_fresh

DATA = """
import json, time
import numpy as np, pandas as pd
import pandera.pandas as pa
rng = np.random.default_rng(2013)
ROWS, SHARE = {rows}, {share}
bad = rng.random((3, ROWS)) < SHARE
frame = pd.DataFrame({{
    "delay": np.where(bad[0], -1, 1) * rng.integers(1, 500, ROWS),
    "origin": np.where(bad[1], "BOS", rng.choice(["EWR", "JFK", "LGA"], ROWS)).astype(object),
    "distance": np.where(bad[2], 0.0, rng.uniform(100, 5000, ROWS)),
}})
schema = pa.DataFrameSchema({{
    "delay": pa.Column(int, pa.Check.gt(0)),
    "origin": pa.Column(object, pa.Check.isin(["EWR", "JFK", "LGA"])),
    "distance": pa.Column(float, pa.Check.gt(0)),
}}, name="flights")

def validated():
    try:
        schema.validate(frame, lazy=True)
    except pa.errors.SchemaErrors as error:
        return error

def measured(work):
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result
"""

BARE = DATA + "print(json.dumps([min(measured(validated)[0] for _ in range(3)), 0]))"

OURS = (
    DATA
    + """
from obs_pandera import PandasReportRenderer
PandasReportRenderer().to_html(frame.head(3), schema)
def report():
    return PandasReportRenderer().to_html(frame, schema, validated())
runs = [measured(report) for _ in range(3)]
print(json.dumps([min(seconds for seconds, _ in runs), len(runs[0][1].encode())]))
"""
)

THEIRS = (
    DATA
    + """
from flytekitplugins.pandera.pandas_renderer import PandasReportRenderer
def report():
    return PandasReportRenderer().to_html(frame, schema, validated())
seconds, page = measured(report)
print(json.dumps([seconds, len(page.encode())]))
"""
)

CASES = (("100,000 rows, a third failing each check", 100_000, 1 / 3), ("1,000,000 rows, half failing", 1_000_000, 0.5))
PASSING = ("1,000,000 rows, all passing", 1_000_000, 0.0)


def main() -> None:
    """Measure and print."""
    rows: list[tuple[str, ...]] = []
    for name, count, share in (*CASES, PASSING):
        bare, ours = (_run(source, count, share) for source in (BARE, OURS))
        rows.append((name, "bare pandera, validation alone", f"{bare[0]:.2f} s", "", ""))
        rows.append(("", "obs, validation and report", *_cells(ours, bare)))
        rows.append(("", "flytekit, validation and report", *_flytekit(count, share, bare)))
    heads = ("case", "", "time", "of bare validation", "page")
    print_table("Validation reports", heads, rows)


def _flytekit(count: int, share: float, bare: Any) -> tuple[str, ...]:
    if not installed("flytekitplugins.pandera"):
        return ("not installed", "", "")
    if count > 100_000 and share:
        return ("not measured: minutes", "", "")
    try:
        return _cells(_run(THEIRS, count, share), bare)
    except SystemExit as error:
        return (f"fails: {str(error).strip().splitlines()[-1][:80]}", "", "")


def _run(source: str, rows: int, share: float) -> tuple[float, int]:
    rounds = 1 if source is THEIRS else 2
    values = [json.loads(run_fresh(source.format(rows=rows, share=share))) for _ in range(rounds)]
    return best([seconds for seconds, _ in values]), values[0][1]


def _cells(result: tuple[float, int], bare: tuple[float, int]) -> tuple[str, str, str]:
    return f"{result[0]:.2f} s", f"{result[0] / bare[0]:.2f}x", f"{result[1] / 1000:,.0f} KB"


if __name__ == "__main__":
    main()

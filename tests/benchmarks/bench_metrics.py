"""The cost of one metric and of one tracked item, and how fast a million points are read, thinned and drawn."""

from __future__ import annotations

from tests.benchmarks.measuring import best, fresh_runs, interleaved, print_table

COUNT = 200_000

LOGGED = f"""
import time
from obs_core import log_metric, log_metrics, task
@task(enable_deck=False)
def measure():
    began = time.process_time()
    for step in range({COUNT}):
        CALL
    return time.process_time() - began
"""

LOOP = f"""
import time
COUNT = 5 * {COUNT}
def measure():
    began = time.process_time()
    for item in ITEMS:
        pass
    return time.process_time() - began
"""

READ = """
import random, time
from array import array
from obs_core import current_context, load_execution, task
from obs_core.journal import records
@task(enable_deck=False)
def fit():
    # Written as log_metric would, without calling it twenty million times: each flush has 500 points of each metric.
    state, at_once = current_context().state, 500
    for step in range(0, 1_000_000, at_once):
        now = state.journal.now()
        times = array("I", range(at_once - 1, -1, -1)).tobytes()
        for number in range(SERIES):
            values = array("d", [random.random() for _ in range(at_once)]).tobytes()
            state.append(records.Points(state.own_ref(), f"loss {number}", now, step, b"", times, values))
        state.journal.flush()
fit()
def measure():
    began = time.process_time()
    WHAT
    return time.process_time() - began
"""

DRAW = """from obs_core.assembly.drawing import curves_of
    read = load_execution("last")
    curves_of(read._assembly.metrics, read.task("fit").id, running=False)._repr_html_()"""


def main() -> None:
    """Measure and print."""
    calls = {
        'log_metric("loss", 0.5, step=step)': 'log_metric("loss", 0.5, step=step)',
        'log_metric("loss", 0.5)': 'log_metric("loss", 0.5)',
        "log_metrics of four": 'log_metrics({"a": 0.5, "b": 0.5, "c": 0.5, "d": 0.5}, step=step)',
    }
    logged = interleaved(
        fresh_runs({name: ("obs_core", _repeated(LOGGED.replace("CALL", call))) for name, call in calls.items()})
    )
    rows = [(name, f"{1e6 * best(seconds) / COUNT:.2f} µs") for name, seconds in logged.items()]
    print_table("Metrics", ("call", "CPU of the whole process, writing included"), rows)
    loops = interleaved(
        fresh_runs(
            {
                "the loop alone": ("obs_core", _repeated(LOOP.replace("ITEMS", "range(COUNT)"))),
                "track": (
                    "obs_core",
                    _repeated("from obs_core import track\n" + LOOP.replace("ITEMS", "track(range(COUNT))")),
                ),
                "tqdm": ("tqdm", _repeated("from tqdm import tqdm\n" + LOOP.replace("ITEMS", "tqdm(range(COUNT))"))),
            }
        )
    )
    rows = [(name, f"{1e9 * best(seconds) / COUNT / 5:.0f} ns") for name, seconds in loops.items()]
    print_table("Loops", ("loop", "CPU an item"), rows)
    read = {
        "a million points as columns": (1, 'load_execution("last").metrics("loss 0")'),
        "a million points of one of 20 metrics as columns": (20, 'load_execution("last").metrics("loss 0")'),
        "the Metrics tab of a million points": (1, DRAW),
        "the Metrics tab of 20 metrics of a million points each": (20, DRAW),
    }
    sources = {
        name: (
            "obs_core",
            READ.replace("SERIES", str(series)).replace("WHAT", what) + "print(min(measure() for _ in range(2)))",
        )
        for name, (series, what) in read.items()
    }
    measured = interleaved(fresh_runs(sources), rounds=2)
    print_table(
        "Reading", ("what", "CPU seconds"), [(name, f"{best(seconds):.2f}") for name, seconds in measured.items()]
    )


def _repeated(source: str) -> str:
    return f"{source}\nprint(min(measure() for _ in range(5)))"


if __name__ == "__main__":
    main()

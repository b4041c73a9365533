"""The cost of one metric and of one tracked item, and how fast a million points are read, thinned and drawn."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

from tests.benchmarks.measuring import best, fresh_runs, interleaved, print_table
from tests.benchmarks.peers import WANDB_RECORDS, killed, python_of, run_of

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


_PEER = """
import os, sys, time
counted = open("counted", "ab", buffering=0)
def cpu():
    import psutil
    children = psutil.Process().children(recursive=True)
    return time.process_time() + sum(sum(one.cpu_times()[:2]) for one in children)
BEGIN
if len(sys.argv) > 1:
    count, began = int(sys.argv[1]), cpu()
    for step in range(count):
        LOG
    FLUSH
    open(os.environ["MEASURED"], "w").write(str((cpu() - began) / count))
    END
else:
    for step in range(10**9):
        LOG
        counted.write(b"x\\n")
        time.sleep(0.001)
"""
"""Logs as many points as it is told, or about a thousand a second until it is killed."""

_WANDB_READER = f"""{WANDB_RECORDS}
import json
print(json.dumps({{"found": sum(one.WhichOneof("record_type") == "history" for one in wandb_records())}}))
"""

_PEERS = {
    "obs": (
        100_000,
        "from obs_core import current_context, execution, log_metric\nrun = execution('run')\nrun.__enter__()",
        "log_metric('loss', 0.5, step=step)",
        "current_context().state.journal.flush(wait=True)",
        "run.__exit__(None, None, None)",
        "import json\nfrom obs_core import load_execution\n"
        "print(json.dumps({'found': len(load_execution('last').metrics('loss'))}))",
    ),
    "trackio": (
        20_000,
        "import trackio\nrun = trackio.init(project='run')",
        "trackio.log({'loss': 0.5}, step=step)",
        "trackio.finish()",
        "",
        "import glob, json, sqlite3\nfound = 0\nfor path in glob.glob('**/*.db', recursive=True):\n"
        "    found += sqlite3.connect(path).execute('select count(*) from metrics').fetchone()[0]\n"
        "print(json.dumps({'found': found}))",
    ),
    "wandb": (
        20_000,
        "import wandb\nrun = wandb.init(project='run', mode='offline')",
        "run.log({'loss': 0.5}, step=step)",
        "",
        "run.finish()",
        _WANDB_READER,
    ),
    "mlflow": (
        500,
        "import mlflow\nmlflow.set_tracking_uri('sqlite:///runs.db')\nmlflow.set_experiment('run')\nmlflow.start_run()",
        "mlflow.log_metric('loss', 0.5, step=step)",
        "",
        "mlflow.end_run()",
        "import json, sqlite3\n"
        "found = sqlite3.connect('runs.db').execute('select count(*) from metrics').fetchone()[0]\n"
        "print(json.dumps({'found': found}))",
    ),
}
"""How many points are logged, then: what begins a run, logs a point, writes what waits, ends the run, reads it back."""

_KILLS = 5


def _beside_peers() -> None:
    """Print what one metric costs and what a kill loses, of obs and of the peers that are there."""
    contenders = {peer: partial(_cost, peer) for peer in _PEERS if python_of(peer)}
    costs = interleaved(contenders, rounds=3)
    rows = []
    for peer in contenders:
        _, begin, log, _, _, reader = _PEERS[peer]
        source = _peer_source(begin, log)
        kills = [killed(str(python_of(peer)), source, reader, 1.5 + kill / 5) for kill in range(_KILLS)]
        lost = [max(0, kill["counted"] - kill["found"]) for kill in kills]
        logged = [kill["counted"] for kill in kills]
        rows.append(
            (
                peer,
                f"{1e6 * best(costs[peer]):.1f} µs",
                f"{min(lost)} to {max(lost)}",
                f"{min(logged)} to {max(logged)}",
            )
        )
    print_table("Beside others", ("", "CPU of one metric", "points that a SIGKILL loses", "of"), rows)


def _peer_source(begin: str, log: str, flush: str = "", end: str = "") -> str:
    source = _PEER.replace("BEGIN", begin).replace("LOG", log)
    return source.replace("FLUSH", flush or "pass").replace("END", end or "pass")


def _cost(peer: str) -> float:
    count, begin, log, flush, end, _ = _PEERS[peer]
    with tempfile.TemporaryDirectory() as folder:
        measured = Path(folder, "measured")
        run_of(str(python_of(peer)), _peer_source(begin, log, flush, end), (str(count),), MEASURED=str(measured))
        return float(measured.read_text())


def main() -> None:
    """Measure and print."""
    _beside_peers()
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

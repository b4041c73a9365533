"""Memory profiles beside bare memray and flytekit's plugin: what a task waits for, and how much slower it runs."""

from __future__ import annotations

import json
import os

from tests.benchmarks.measuring import best, installed, print_table, run_fresh

WORKLOADS = """
import json, os, tempfile, time
def python_objects():
    kept = []
    for number in range(400_000):
        kept.append({"number": number, "text": str(number) * 3})
    return len(kept)
def numpy_arrays():
    import numpy as np
    total = 0.0
    for number in range(3_000):
        total += float((np.arange(20_000, dtype=float) * number).sum())
    return total
def nothing():
    return 0
def timed(function):
    began = time.perf_counter()
    function()
    return time.perf_counter() - began
"""

UNPROFILED = WORKLOADS + "print(json.dumps([timed({work}) for _ in range(3)]))"

BARE = (
    WORKLOADS
    + """
import memray
def profiled():
    with tempfile.TemporaryDirectory() as folder:
        destination = memray.FileDestination(folder + "/capture.bin", compress_on_exit=False)
        with memray.Tracker(destination=destination):
            {work}()
profiled()
print(json.dumps([timed(profiled) for _ in range(3)]))
"""
)

OURS = (
    WORKLOADS
    + """
from obs_core import execution, task
from obs_core.tasks.deferred import wait
from obs_memray import memray_profiling
profiled = task(deck_fields=())(memray_profiling()({work}))
run = execution("bench"); run.__enter__()
profiled(); wait()
values = []
for _ in range(3):
    values.append(timed(profiled))
    began = time.perf_counter(); wait(); late = time.perf_counter() - began
print(json.dumps([*values, late]))
"""
)

THEIRS = (
    WORKLOADS
    + """
import flytekit
from flytekitplugins.memray import memray_profiling
os.chdir(tempfile.mkdtemp())
def work() -> None:
    {work}()
profiled = flytekit.task(enable_deck=True, deck_fields=())(memray_profiling(work))
def alone():
    time.sleep(1.1)  # its captures are named by the second, and refuse to be there already
    return timed(profiled)
profiled()
print(json.dumps([alone() for _ in range(2)]))
"""
)

MANY = """
import json, os, resource, time
from obs_core import load_execution, task
from obs_core.tasks.deferred import wait
from obs_memray import memray_profiling

@task(deck_fields=())
@memray_profiling(max_capture_mb=8000)
def churn():
    for _ in range(500):
        kept = [bytes(700 + number % 64) for number in range(100_000)]

before = time.perf_counter(); churn(); task_seconds = time.perf_counter() - before
before = time.perf_counter(); wait(); late = time.perf_counter() - before
grown = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
(path,) = load_execution("last").report_paths()
from tests.benchmarks.measuring import seconds_to_open
opened = seconds_to_open(path, "Memray Flamegraph", "#chart rect")
print(json.dumps([task_seconds, late, grown / 1000, os.path.getsize(path) / 1e6, opened]))
"""


def main() -> None:
    """Measure and print."""
    _overhead()
    _many_allocations()


def _overhead() -> None:
    rows = []
    for work in ("nothing", "python_objects", "numpy_arrays"):
        plain = best(_run(UNPROFILED, work))
        bare = best(_run(BARE, work))
        *ours, late = _run(OURS, work)
        theirs = f"{best(_run(THEIRS, work)):.2f} s" if installed("flytekitplugins.memray") else "not installed"
        rows.append((work, f"{plain:.3f} s", f"{bare:.3f} s", f"{best(ours):.3f} s", f"{late:.2f} s", theirs))
    heads = ("work", "unprofiled", "bare memray", "obs: until the task returns", "obs: decks, later", "flytekit")
    print_table("A profiled task", heads, rows)


def _many_allocations() -> None:
    seconds, late, grown, size, opened = json.loads(run_fresh(MANY, PYTHONPATH=os.getcwd()))
    rows = [("the task", f"{seconds:.1f} s"), ("decks, in the background", f"{late:.1f} s")]
    rows += [("resident set of the process that makes them", f"{grown:.0f} MB"), ("the report", f"{size:.1f} MB")]
    rows.append(("its flame graph in Chromium, offline, until it is drawn", f"{opened:.2f} s"))
    print_table("A capture of 50 million allocations", ("", ""), rows)


def _run(source: str, work: str) -> list[float]:
    found: list[float] = json.loads(run_fresh(source.replace("{work}", work)).splitlines()[-1])
    return found


if __name__ == "__main__":
    main()

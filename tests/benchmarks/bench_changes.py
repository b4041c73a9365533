"""What it costs to note what an execution runs in, and how fast two executions are compared."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.measuring import best, print_table, run_fresh

ROUNDS = 3

_NOTED = """
import time
from obs_core import task
from obs_core.recording import surroundings

def spent(times):
    began = time.process_time_ns()
    for number in range(times):
        surroundings._described(0, MODULES)
    return (time.process_time_ns() - began) / times

first = spent(1)
print(first, spent(10_000))
"""

_TASKS = """
from obs_core import execution, span, task

@task
def fetch(number):
    for _ in range(3):
        with span("read"), span("parse"):
            pass
    return {"rows": number}

for _ in range(21):
    with execution("many"):
        for number in range(1_000):
            fetch(number)
"""

_SPANS = """
from obs_core import execution, span, task

@task
def work():
    for _ in range(500_000):
        with span("read"), span("parse"):
            pass

for _ in range(3):
    with execution("million"):
        work()
"""

_COMPARED = """
import resource, time
from obs_core import load_execution
began, cpu = time.perf_counter(), time.process_time()
load_execution("last", STORE).changes()
print(time.process_time() - cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def main() -> None:
    """Measure and print."""
    first, again = (float(text) / 1000 for text in min(_noted() for _ in range(ROUNDS)).split())
    rows = [("the first execution of a process", f"{first:,.0f} µs"), ("each further one", f"{again:.2f} µs")]
    print_table("CPU time to note what an execution runs in", ["", ""], rows)
    with tempfile.TemporaryDirectory() as folder:
        stores = {"1,000 tasks, 20 earlier executions": _TASKS, "1,000,000 spans, 2 earlier executions": _SPANS}
        compared: list[tuple[str, str, str, str]] = []
        for number, (name, source) in enumerate(stores.items()):
            store = Path(folder, str(number))
            script = Path(folder, "pipeline.py")
            script.write_text(source)
            subprocess.run([sys.executable, str(script)], check=True, env=_with(store))
            first, memory = _compared(store)
            again = best([_compared(store)[0] for _ in range(ROUNDS)])
            compared.append((name, f"{first:.2f} s", f"{again:.2f} s", f"{memory:.0f} MB"))
    print_table("Two executions compared", ["", "CPU time, first time", "again", "memory of the process"], compared)


def _noted() -> str:
    return run_fresh(_NOTED.replace("MODULES", "1"))


def _compared(store: Path) -> tuple[float, float]:
    seconds, memory = run_fresh(_COMPARED.replace("STORE", repr(str(store)))).split()
    return float(seconds), float(memory)


def _with(store: Path) -> dict[str, str]:
    return {**os.environ, "OBS_STORE": str(store)}


if __name__ == "__main__":
    main()

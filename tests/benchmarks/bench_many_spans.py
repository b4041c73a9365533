"""A million spans in one task: time, memory, bytes on disk, and reading them back."""

from __future__ import annotations

import json

from tests.benchmarks.measuring import print_table, run_fresh

SOURCE = """
import io, json, os, resource, time
from pathlib import Path
from obs_core import load_execution, span, task

COUNT = 1_000_000

def resident_mb():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

@task
def many():
    before = resident_mb()
    began = time.perf_counter()
    highest = before
    for number in range(COUNT):
        with span("operation"):
            pass
        if not number % 50_000:
            highest = max(highest, resident_mb())
    return time.perf_counter() - began, highest - before

with span("warm"):
    pass
seconds, extra = many()
store = Path(os.environ["OBS_STORE"])
on_disk = sum(path.stat().st_size for path in store.rglob("*") if path.is_file()) / 1e6
before = resident_mb()
began = time.perf_counter()
execution = next(one for one in map(load_execution, os.listdir(store / "executions")) if one.name == "many")
found = sum(name == "operation" for name in execution.table.names)
read = time.perf_counter() - began
execution.span.explain(io.StringIO())
explained = time.perf_counter() - began
print(json.dumps([seconds, extra, on_disk, found, read, explained, resident_mb() - before]))
"""


def main() -> None:
    """Measure and print."""
    seconds, extra, on_disk, found, read, explained, memory = json.loads(run_fresh(SOURCE))
    rows = [
        ("recorded, in the task", f"{seconds:.2f} s"),
        ("most extra memory while recording", f"{extra:.0f} MB"),
        ("on disk, compressed", f"{on_disk:.1f} MB"),
        ("found again", f"{found:,}"),
        ("read back", f"{read:.2f} s"),
        ("read back and explained", f"{explained:.2f} s"),
        ("extra memory for reading and explaining", f"{memory:.0f} MB"),
    ]
    print_table("1,000,000 spans in one task", ("", ""), rows)


if __name__ == "__main__":
    main()

"""The two tables of spans, obs-core's and the UI's: CPU time and memory for reading a journal into each.

``BENCH_TABLES=100000`` reads fewer spans than a million.
"""

from __future__ import annotations

import json
import os

from tests.benchmarks.measuring import print_table, run_fresh

COUNT = os.environ.get("BENCH_TABLES", "1000000")

WRITE = """
import os, subprocess, sys
from obs_core import span, task

@task(enable_deck=False)
def many(count, attributes):
    for number in range(count):
        with span("read", file=f"part-{number}.csv", rows=number) if attributes else span("read"):
            pass

many(int(os.environ["COUNT"]), os.environ["ATTRIBUTES"] == "1")
for kind in ("obs-core", "obs-ui") * 3:
    subprocess.run([sys.executable, "-c", os.environ["READ"], kind], check=True)
"""

READ = """
import json, os, sys, time
from obs_core import load_execution
from obs_core.store import open_store
import numpy, obs_ui.snapshots

def resident_mb():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

store = os.environ["OBS_STORE"]
(name,) = os.listdir(f"{store}/executions")
before, began = resident_mb(), time.process_time()
if sys.argv[1] == "obs-core":
    kept = load_execution(name).table
else:
    kept = obs_ui.snapshots.FollowedExecution(open_store(store), name)
    kept._read()
print(json.dumps([sys.argv[1], time.process_time() - began, resident_mb() - before]))
"""


def main() -> None:
    """Measure and print."""
    rows = []
    for attributes, what in (("0", "without attributes"), ("1", "with two attributes each")):
        said = run_fresh(WRITE, READ=READ, COUNT=COUNT, ATTRIBUTES=attributes)
        found = [json.loads(line) for line in said.splitlines()]
        for kind in ("obs-core", "obs-ui"):
            cpu = min(seconds for name, seconds, _ in found if name == kind)
            memory = max(size for name, _, size in found if name == kind)
            rows.append((f"{kind}'s, {what}", f"{cpu:.2f} s", f"{memory:.0f} MB"))
    print_table(f"Reading a journal of {int(COUNT):,} spans into a table", ("", "CPU", "memory"), rows)


if __name__ == "__main__":
    main()

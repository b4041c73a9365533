"""Reading back: the heads of very many executions, and the status of one that holds many tasks and spans."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

EXECUTIONS = 100_000
TASKS, SPANS = 200, 300

_MANY_EXECUTIONS = f"""
from obs_core import execution
for number in range({EXECUTIONS}):
    with execution(f"pipeline {{number % 50}}", tags={{"number": number}}):
        pass
"""

_MANY_SPANS = f"""
from obs_core import execution, span, task
@task
def work():
    for number in range({SPANS}):
        with span("step", number=number):
            pass
with execution("flights"):
    for _ in range({TASKS}):
        work()
"""

_LIST = """
import time
begun, cpu = time.perf_counter(), time.process_time()
from obs_core.reading import list_executions
print(sum(1 for _ in list_executions()), time.perf_counter() - begun, time.process_time() - cpu)
"""

_STATUS = """
import time
from obs_core import load_execution
begun, cpu = time.perf_counter(), time.process_time()
status = load_execution("last").status
print(status, time.perf_counter() - begun, time.process_time() - cpu)
"""


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        _run(_MANY_EXECUTIONS, folder)
        _leave_memory(Path(folder))
        for how in ("cold", "again"):
            count, wall, cpu = _run(_LIST, folder)
            print(f"list_executions(), {how}: {count} heads in {float(wall):.1f} s, {float(cpu):.1f} s of CPU")
    with tempfile.TemporaryDirectory() as folder:
        _run(_MANY_SPANS, folder)
        wall, cpu = min((_run(_STATUS, folder)[1:] for _ in range(5)), key=lambda found: float(found[1]))
        print(
            f"load_execution().status, {TASKS} tasks of {SPANS} spans: {float(wall):.2f} s, {float(cpu):.2f} s of CPU"
        )
    print("load average", *(f"{load:.0f}" for load in os.getloadavg()))


def _run(source: str, folder: str) -> list[str]:
    environment = {**os.environ, "OBS_STORE": folder, "OBS_RESOURCES": "0"}
    done = subprocess.run([sys.executable, "-c", source], env=environment, check=True, capture_output=True, text=True)
    return done.stdout.split()


def _leave_memory(folder: Path) -> None:
    """Let the kernel forget what the files hold, so that they are read from the disk."""
    os.sync()
    for place, _, names in os.walk(folder):
        for name in names:
            file = os.open(os.path.join(place, name), os.O_RDONLY)
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(file)


if __name__ == "__main__":
    main()

"""What ``obs run`` adds to a program's run: as a whole, and beside the start of its own Python."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.benchmarks.measuring import best, interleaved, middle, print_table, run_fresh

SUPERVISED = """
import os, time
from obs_core.recording.supervisor import supervise
DIRECT
supervise(["true"])
began = time.perf_counter()
for _ in range(20):
    MEASURED
print((time.perf_counter() - began) / 20)
"""
DIRECT = """
def direct():
    os.wait4(os.posix_spawnp("true", ["true"], os.environ), 0)
"""


def main() -> None:
    """Measure and print."""
    inside = SUPERVISED.replace("DIRECT", DIRECT)
    with tempfile.TemporaryDirectory() as folder:
        store = str(Path(folder, "store"))
        Path(f"{store}-empty").mkdir()
        commands: dict[str, Sequence[str]] = {
            "`true`": ["true"],
            "`timeout 60 true`": ["timeout", "60", "true"] if shutil.which("timeout") else ["true"],
            "`python -c pass`, a Python's own start": [sys.executable, "-c", "pass"],
            "`obs ls` of an empty store": [sys.executable, "-m", "obs_core", "ls", "--store", f"{store}-empty"],
            "`obs run -- true`": [sys.executable, "-m", "obs_core", "run", "--store", store, "--", "true"],
        }
        whole: dict[str, Callable[[], float]] = {name: _timed(command) for name, command in commands.items()}
        whole["in a running Python: spawn `true` and wait"] = lambda: float(
            run_fresh(inside.replace("MEASURED", "direct()"))
        )
        whole["in a running Python: the same, supervised and recorded"] = lambda: float(
            run_fresh(inside.replace("MEASURED", 'supervise(["true"])'))
        )
        measured = interleaved(whole, rounds=15)
    print_table(
        "A program under obs run",
        ["", "best, ms", "median, ms"],
        [(name, f"{best(times) * 1e3:.1f}", f"{middle(times) * 1e3:.1f}") for name, times in measured.items()],
    )


def _timed(command: Sequence[str]) -> Callable[[], float]:
    def measure() -> float:
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        return time.perf_counter() - began

    return measure

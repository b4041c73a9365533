"""How often ``obs why`` names the right cause: real processes that end in nine ways, with and without ``obs run``.

Right is what is known and true, or a conclusion that says it is one and has the true cause among those it names.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.measuring import print_table

from obs_core import identity, load_execution
from obs_core.reading.why import Why

ROUNDS = int(os.environ.get("OBS_KILLS", "5"))
OUT_OF_MEMORY, GONE, HANGS = "out of memory, in a cgroup of 200 MB", "SIGKILL, read on another machine", "hangs"

SOURCE = """
import ctypes, os, signal, sys, time
from obs_core import execution, span, task

@task
def fit(rows):
    with span("merge"):
        HOW

with execution("train"):
    fit([1, 2])
"""
CASES = {
    OUT_OF_MEMORY: ("hold = []\n        while True: hold.append(b'x' * 4_000_000)", "out-of-memory", "vanished"),
    "SIGKILL": ("os.kill(os.getpid(), signal.SIGKILL)", "killed", "vanished"),
    "SIGTERM": ("os.kill(os.getpid(), signal.SIGTERM)", "terminated", "terminated"),
    "segmentation fault": ("ctypes.string_at(0)", "crashed", "crashed"),
    "os._exit(3)": ("os._exit(3)", "exit", "vanished"),
    "sys.exit(1)": ("sys.exit(1)", "exit", "exit"),
    "exception": ("raise ValueError('no such airport')", "exception", "exception"),
    HANGS: ("open(sys.argv[1], 'w').close(); time.sleep(300)", "timed-out", "terminated"),
    GONE: ("os.kill(os.getpid(), signal.SIGKILL)", "killed", "unknown"),
}
"""What ends the process, and the cause that is to be told: with obs run, without."""


def main() -> None:
    """Measure and print."""
    rows = []
    for name, (how, seen, alone) in CASES.items():
        try:
            supervised = sum(_told(name, how, run=True).cause == seen for _ in range(ROUNDS))
            by_itself = sum(_told(name, how, run=False).cause == alone for _ in range(ROUNDS))
        except OSError as error:
            rows.append((name, f"skipped: {error}", ""))
            continue
        rows.append((name, f"{supervised} of {ROUNDS}: {seen}", f"{by_itself} of {ROUNDS}: {alone}"))
    print_table("Causes told right", ["it ended by", "with obs run", "without"], rows)


def _told(name: str, how: str, *, run: bool) -> Why:
    with tempfile.TemporaryDirectory() as folder:
        script, ready, store = Path(folder, "train.py"), Path(folder, "ready"), Path(folder, "store")
        script.write_text(SOURCE.replace("HOW", how))
        command = [sys.executable, str(script), str(ready)]
        if run:
            options = ["--timeout", "10"] if name == HANGS else []
            command = [sys.executable, "-m", "obs_core", "run", *options, "--", *command]
        environment = {**os.environ, "OBS_STORE": str(store), "OBS_STRICT": "0"}
        with _cgroup() if name == OUT_OF_MEMORY else _no_cgroup() as enter:
            process = subprocess.Popen(
                [*enter, *command], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            while name == HANGS and not run and not ready.exists():
                time.sleep(0.05)
            if name == HANGS and not run:
                process.terminate()
            process.wait()
        if name == GONE and not run:
            return _from_another_machine(store)
        return load_execution("last", store).why()


def _from_another_machine(store: Path) -> Why:
    for segment in store.glob("executions/*/*.jsonl"):
        os.utime(segment, (1, 1))  # it was long silent
    machine, host = identity.this_machine, identity.host_name
    try:
        identity.this_machine, identity.host_name = lambda: "elsewhere/boot/pid", lambda: "elsewhere"
        return load_execution("last", store).why()
    finally:
        identity.this_machine, identity.host_name = machine, host


@contextmanager
def _no_cgroup() -> Iterator[list[str]]:
    yield []


@contextmanager
def _cgroup() -> Iterator[list[str]]:
    lines = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()]
    own = {controllers: path.strip("/") for _, controllers, path in lines}
    root, limit = ("memory", "memory.limit_in_bytes") if "memory" in own else ("", "memory.max")
    made = Path("/sys/fs/cgroup", root, own.get("memory", own.get("", "")), f"obs-bench-{os.getpid()}")
    made.mkdir()
    try:
        (made / limit).write_text("200000000")
        yield ["sh", "-c", 'echo $$ > "$0"/cgroup.procs && exec "$@"', str(made)]
    finally:
        while made.exists():
            try:
                made.rmdir()
            except OSError:  # the kernel is still taking its processes out
                time.sleep(0.05)

"""What obs-resources costs and what is left after a kill: samples, the profiler beside others, out of memory."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.benchmarks.measuring import best, installed, interleaved, interval, middle, print_table, run_fresh

from obs_core import load_execution

KILLS = int(os.environ.get("BENCH_KILLS", "20"))
GROUPS = Path("/sys/fs/cgroup/memory")

SAMPLES = """
import json, threading, time
from obs_core import execution
from obs_core.recording.samplers import recorded_runs
from obs_resources.sampler import ResourceSampler
waiting = threading.Event()
def deep(calls):
    waiting.wait() if calls == 0 else deep(calls - 1)
for _ in range({threads}):
    threading.Thread(target=deep, args=(50,), daemon=True).start()
with execution("bench") as run:
    runs = recorded_runs()
    sampler = ResourceSampler()
    for _ in range(20):
        sampler.sample(runs)
    runs[0].journal.flush()
    used = []
    for _ in range(5):
        began = time.thread_time()
        for _ in range(50):
            sampler.sample(runs)
            runs[0].journal.encode()
        used.append((time.thread_time() - began) / 50)
print(json.dumps(used))
"""

ONE_A_SECOND = """
import json, threading, time
from obs_core import execution
waiting = threading.Event()
def deep(calls):
    waiting.wait() if calls == 0 else deep(calls - 1)
for _ in range({threads}):
    threading.Thread(target=deep, args=(50,), daemon=True).start()
def used():
    (sampler,) = [one for one in threading.enumerate() if one.name == "obs-sampler"]
    with open(f"/proc/self/task/{sampler.native_id}/schedstat") as file:
        return int(file.read().split()[0]) / 1e9
with execution("bench"):
    time.sleep(6)
    began, at = used(), time.monotonic()
    time.sleep(25)
    print((used() - began) / (time.monotonic() - at))
"""
"""A program that waits; what its sampler takes, and with it what a processor that did other things meanwhile forgot."""

WORK = """
import time
import numpy as np
def calls():
    def fib(n):
        return n if n < 2 else fib(n - 1) + fib(n - 2)
    for _ in range(6):
        fib(24)
def loops():
    total = 0
    for _ in range(6):
        for number in range(800_000):
            total += number * number % 7
def arrays():
    one = np.random.default_rng(0).random((500, 500))
    for _ in range(80):
        one @ one
"""

PAIRS = """
import gc, json
from obs_core import current_context, execution
from obs_resources.profiler import begin, end
def measured():
    whole, own = time.process_time(), time.thread_time()
    for _ in range(3):
        work()
    return time.process_time() - whole, time.thread_time() - own
found = []
with execution("bench"):
    gc.collect(); gc.disable()
    for turn in range(16):
        pair = {}
        for profiled in (True, False) if turn % 2 else (False, True):
            wanted = begin(100, current_context().state) if profiled else None
            time.sleep(0.05)  # its thread has begun, or that of the one before has ended
            pair[profiled] = measured()
            if wanted:
                end(wanted)
        found.append([pair[True][0] / pair[False][0], 1 - pair[True][1] / pair[True][0]])
print(json.dumps(found))
"""
"""Pieces of work with and without the profiler in turns, in one process: two processes differ by more than it takes."""

BEGIN = "gc.collect(); gc.disable(); began, at = time.process_time(), time.monotonic()"
END = "used, passed = time.process_time() - began, time.monotonic() - at"

CONTENDERS = {
    "nothing": (f"{BEGIN}\nwork()\n{END}", ""),
    "obs-resources, 100 Hz": (
        f"""
from obs_core import current_context, execution
from obs_resources.profiler import begin, end
with execution("bench"):
    {BEGIN}
    wanted = begin(100, current_context().state)
    work()
    end(wanted)
    {END}
assert wanted.seen
""",
        "obs_resources",
    ),
    "pyinstrument, 100 Hz": (
        f"""
import pyinstrument
profiler = pyinstrument.Profiler(interval=0.01)
{BEGIN}
profiler.start()
work()
profiler.stop()
{END}
""",
        "pyinstrument",
    ),
    "cProfile": (f"import cProfile\nprofile = cProfile.Profile()\n{BEGIN}\nprofile.runcall(work)\n{END}", "cProfile"),
}
"""Code that runs `work`, and the module that it needs."""


def main() -> None:
    """Measure all of it."""
    _samples()
    _pairs()
    _profilers()
    if GROUPS.joinpath("memory.limit_in_bytes").exists() and os.access(GROUPS, os.W_OK):
        _trees()
        _out_of_memory()
    _kills()


def _samples() -> None:
    rows = []
    for threads in (1, 10, 100):
        used = best(json.loads(run_fresh(SAMPLES.replace("{threads}", str(threads)))))
        second = float(run_fresh(ONE_A_SECOND.replace("{threads}", str(threads)), OBS_RESOURCES="1"))
        rows.append((f"{threads} threads, 50 calls deep", f"{used * 1e6:,.0f} µs", f"{100 * second:.3f} %"))
    header = ("", "a sample, of many in a row", "of a core, at one a second")
    print_table("Samples, written (CPU time)", header, rows)


def _pairs() -> None:
    rows = []
    for work in ("calls", "loops", "arrays"):
        found = json.loads(run_fresh(f"{WORK}\nwork = {work}\n{PAIRS}", OPENBLAS_NUM_THREADS="1"))
        low, ratio, high = interval([pair[0] for pair in found])
        own = middle([pair[1] for pair in found])
        rows.append((work, f"{100 * own:.1f} %", f"{ratio:.2f} ({low:.2f} to {high:.2f})"))
    header = ("workload", "its threads' share of the CPU", "CPU time, without it 1.00 (95 % interval)")
    print_table("The profiler at 100 Hz, 16 pairs in one process", header, rows)


def _profilers() -> None:
    """Compare CPU times of whole workloads: on a machine that does other things they scatter least."""
    rows = []
    there = {name: code for name, (code, module) in CONTENDERS.items() if not module or installed(module)}
    for work in ("calls", "loops", "arrays"):
        lasted: dict[str, list[float]] = {name: [] for name in there}

        def measured(name: str, work: str = work, lasted: dict[str, list[float]] = lasted) -> float:
            source = f"import gc, json\n{WORK}\nwork = {work}\n{there[name]}\nprint(json.dumps([used, passed]))"
            used, passed = json.loads(run_fresh(source, OPENBLAS_NUM_THREADS="1"))
            lasted[name].append(passed)
            return float(used)

        found = interleaved({name: partial(measured, name) for name in there}, rounds=11)
        plain = middle(found["nothing"])
        for name in there:
            if name != "nothing":
                extra = (middle(found[name]) - plain) / middle(lasted[name])
                rows.append((work, name, f"{middle(found[name]) / plain:.2f}", f"{100 * extra:.1f} %"))
    header = ("workload", "profiler", "CPU time, without one 1.00", "CPU that it takes, of a core")
    print_table("A workload with a profiler", header, rows)


FOREVER = """
from obs_core import span, task
from obs_core.recording import samplers
from obs_resources import cpu_profiling
def burn():
    told = False
    while True:
        sum(number * number for number in range(1000))
        if not told and samplers.running() and samplers.running()[0]._count:
            told = True
            print("sampled", flush=True)
@task(enable_deck=False)
@cpu_profiling()
def long():
    with span("burn"):
        burn()
long()
"""

HOARD = """
import os, sys, time
from obs_core import task
from obs_core.recording import samplers
with open(sys.argv[1] + "/cgroup.procs", "w") as file:
    file.write(str(os.getpid()))
@task(enable_deck=False)
def hoard():
    held = []
    while not samplers.running() or not samplers.running()[0]._count:
        time.sleep(0.05)
    while True:
        held.append(bytearray(b"x") * 1_000_000)
        time.sleep(0.01)
hoard()
"""

TREE = """
import os, subprocess, sys, time
from obs_core import span, task
with open(sys.argv[1] + "/cgroup.procs", "w") as file:
    file.write(str(os.getpid()))
@task(enable_deck=False)
def tree():
    held = bytearray(b"x") * 100_000_000
    children = []
    ready, tell = os.pipe()
    for _ in range(3):  # what is forked shares these 100 MB
        pid = os.fork()
        if not pid:
            own = bytearray(b"x") * 50_000_000
            os.write(tell, b"x")
            time.sleep(600)
        children.append(pid)
    for pid in children:
        os.read(ready, 1)
    with span("settled"):
        time.sleep(13)
    for pid in children:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
tree()
"""


def _run(folder: str, source: str, *arguments: str) -> subprocess.Popen[bytes]:
    script = Path(folder, "run.py")
    script.write_text(source)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OBS_")}
    environment = {**kept, "OBS_STORE": str(Path(folder, "store"))}
    command = [sys.executable, str(script), *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def _kills() -> None:
    """Kill a profiled task within two seconds after the first sample, again and again."""
    with_profile = with_stack = 0
    for number in range(KILLS):
        with tempfile.TemporaryDirectory() as folder:
            process = _run(folder, FOREVER)
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(0.1 * number)
            process.send_signal(signal.SIGKILL)
            process.wait()
            process.stdout.close()
            execution = load_execution("last", Path(folder, "store"))
            with_profile += any(call.function == "burn" for one in execution.profile for call in one.calls)
            with_stack += any(call.function == "burn" for one in execution.stacks for call in one.calls)
    rows = [("has its profile", f"{with_profile} of {KILLS}"), ("has its last stack", f"{with_stack} of {KILLS}")]
    print_table("A task that was killed by SIGKILL up to 2 s after its first sample", ("", ""), rows)


def _out_of_memory() -> None:
    """Let a task outgrow a control group of 200 MB."""
    curves, shares = 0, []
    for _ in range(KILLS):
        with tempfile.TemporaryDirectory() as folder, _group(200_000_000) as group:
            assert _run(folder, HOARD, str(group)).wait() == -signal.SIGKILL
            used = load_execution("last", Path(folder, "store")).resources
            peak = used.peak("container.memory")
            curves += peak is not None
            shares.append((peak or 0.0) / 200e6)
    rows = [
        ("has its curve", f"{curves} of {KILLS}"),
        ("last sample, share of the limit", f"{min(shares):.0%} at the least"),
    ]
    print_table("A task that grew by up to 100 MB a second and was killed at 200 MB", ("", ""), rows)


def _trees() -> None:
    """Compare the memory of a process and its forked children with what the kernel counts."""
    differences = []
    for _ in range(3):
        with tempfile.TemporaryDirectory() as folder, _group(2_000_000_000) as group:
            _run(folder, TREE, str(group)).wait()
            execution = load_execution("last", Path(folder, "store"))
            (settled,) = [one for one in execution.span.walk() if one.name == "settled"]
            counted = settled.resources.series("container.memory")
            for at, memory in settled.resources.series("tree.anon"):
                nearest = min(counted, key=lambda one: abs(one[0] - at))
                differences.append(abs(memory - nearest[1]) / nearest[1])
    print_table(
        "Memory of a process and three forked children beside the control group's",
        ("", ""),
        [("largest difference", f"{max(differences):.1%}"), ("samples", len(differences))],
    )


@contextmanager
def _group(limit: int) -> Iterator[Path]:
    group = GROUPS / f"obs-bench-{os.getpid()}"
    group.mkdir()
    (group / "memory.limit_in_bytes").write_text(str(limit))
    (group / "memory.swappiness").write_text("0")
    try:
        yield group
    finally:
        group.rmdir()

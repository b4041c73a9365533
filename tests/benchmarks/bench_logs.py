"""What it costs to keep a line of output, what kills lose, and how fast a large log is searched."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.measuring import best, interleaved, middle, print_table, run_fresh
from tests.benchmarks.peers_of_logs import beside_peers

from obs_core.reading import load_execution

_LINES = 100_000
_KILLS = 50

_PRINTED = """
import os, sys, time
from contextlib import nullcontext
from obs_core import execution
sys.stdout = open("out.txt", "w", buffering=1)
log = None
with BLOCK:
    began = time.process_time_ns()
    for number in range(COUNT):
        print("epoch 3: loss 0.25")
    spent = time.process_time_ns() - began
sys.__stdout__.write(str(spent / COUNT))
"""

_LOGGED = """
import logging, sys, time
from contextlib import nullcontext
from obs_core import execution
logging.basicConfig(level=logging.INFO, filename="out.txt")
log = logging.getLogger("train")
with BLOCK:
    began = time.process_time_ns()
    for number in range(COUNT):
        log.info("epoch %d: loss %.2f", number, 0.25)
    spent = time.process_time_ns() - began
print(spent / COUNT)
"""

_QUIET = """
import sys, time
from contextlib import nullcontext
from obs_core import execution
log = None
def work(x):
    return x * 2
with BLOCK:
    began = time.process_time_ns()
    for number in range(10 * COUNT):
        work(number)
    spent = time.process_time_ns() - began
print(spent / (10 * COUNT))
"""

_BESIDE = """
import os
from contextlib import contextmanager
beside = os.open("beside.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
@contextmanager
def written_beside():
    stream = sys.stdout if log is None else log.root.handlers[0].stream
    own = stream.write
    def write(text):
        if text != "\\n":
            os.write(beside, text.encode())
        return own(text)
    stream.write = write
    yield
"""
"""What nothing that survives a kill can do without: one plain write of the system for each line."""

_BLOCKS = {
    "without obs": "nullcontext()",
    "a plain os.write beside it": "written_beside()",
    "OBS_LOGS=0": "execution('b')",
    "obs": "execution('b')",
}

_VICTIMS = {
    "print": ("streams", "for number in range(10**9): print(number); sys.stdout.flush()"),
    "logging": ("streams", "for number in range(10**9): logging.warning('%d', number)"),
    "a subprocess": ("all", "subprocess.run(['sh', '-c', 'while :; do echo $((i=i+1)); done'])"),
    "C code that holds the GIL": (
        "all",
        "import ctypes; puts = ctypes.PyDLL(None).puts\\n"
        "    while True: puts(b'0'); ctypes.PyDLL(None).fflush(None); ctypes.PyDLL(None).usleep(1000)",
    ),
}


def main() -> None:
    """Measure and print."""
    _costs()
    _kills()
    _search()
    beside_peers()


def _costs() -> None:
    sources = {"a printed line": _PRINTED, "a logged line": _LOGGED, "a call, nothing said": _QUIET}
    rows = []
    for title, source in sources.items():
        contenders = {name: lambda source=source, name=name: _nanoseconds(source, name) for name in _BLOCKS}
        found = {name: best(values) / 1000 for name, values in interleaved(contenders).items()}
        rows.append((title, *(f"{found[name]:.2f}" for name in _BLOCKS)))
    print_table("CPU of a line of output, µs (best of 5 interleaved rounds)", ("", *_BLOCKS), rows)


def _nanoseconds(source: str, name: str) -> float:
    filled = source.replace("with BLOCK", f"{_BESIDE}with {_BLOCKS[name]}").replace("COUNT", str(_LINES))
    with tempfile.TemporaryDirectory() as folder:
        filled = f"import os; os.chdir({folder!r})\n{filled}"
        return float(run_fresh(filled, OBS_LOGS="0" if name == "OBS_LOGS=0" else ""))


def _kills() -> None:
    rows = []
    for title, (setting, body) in _VICTIMS.items():
        whole = sum(_keeps_all(setting, body.replace("\\n", "\n"), moment) for moment in range(_KILLS))
        rows.append((title, f"OBS_LOGS={setting}", f"{whole} of {_KILLS}"))
    print_table("SIGKILLs after which every line is in the log that the program had written", ("", "", "kept"), rows)


def _keeps_all(setting: str, body: str, moment: int) -> bool:
    """Kill a program in the midst of its output; what it wrote to its own file or pipe is in the log too."""
    with tempfile.TemporaryDirectory() as folder:
        source = (
            "import logging, subprocess, sys\nfrom obs_core import task\n@task\ndef work():\n"
            f"    print('begins', flush=True)\n    {body}\nwork()\n"
        )
        out = Path(folder, "out.txt")
        environment = {**os.environ, "OBS_STORE": folder, "OBS_LOGS": setting}
        with out.open("wb") as file:
            victim = subprocess.Popen(
                [sys.executable, "-c", source], stdout=file, stderr=file, env=environment, start_new_session=True
            )
            while out.stat().st_size < 1_000 and victim.poll() is None:
                time.sleep(0.002)
            time.sleep(moment * 0.004)
            os.killpg(victim.pid, signal.SIGKILL)
            victim.wait()
        text = out.read_text()
        shown = text[: text.rfind("\n") + 1].splitlines()  # what it had not ended is no line yet
        kept = [line.text for line in load_execution("last", folder).log()]
        shown = [line.removeprefix("WARNING:root:") for line in shown]
        return len(shown) > 10 and len(kept) >= len(shown) and kept[: len(shown)] == shown


def _search() -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = (
            "from obs_core import execution\nwith execution('many'):\n"
            "    for number in range(1_000_000): print('row', number)\n"
        )
        environment = {**os.environ, "OBS_STORE": folder}
        subprocess.run([sys.executable, "-c", source], stdout=subprocess.DEVNULL, env=environment, check=True)
        kept = len(load_execution("last", folder).log())
        grep = ["logs", "last", "--store", folder, "--grep", "row 999999"]
        times = interleaved({"grep": lambda: _seconds(grep), "last": lambda: _seconds([*grep[:4], "-n", "100"])})
    rows = [
        ("`obs logs --grep`", f"{middle(times['grep']):.2f}"),
        ("`obs logs -n 100`", f"{middle(times['last']):.2f}"),
    ]
    print_table(f"1,000,000 printed lines, {kept:,} of them kept, s of CPU (median of 5)", ("", "s"), rows)


def _seconds(arguments: list[str]) -> float:
    source = f"import sys; from obs_core.commands import main; sys.exit(main({json.dumps(arguments)}))"
    began = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", source], stdout=subprocess.DEVNULL, check=True)
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime - began.ru_utime - began.ru_stime


if __name__ == "__main__":
    main()

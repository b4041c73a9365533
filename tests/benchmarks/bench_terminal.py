"""What a terminal costs: the status line while a pipeline runs, `obs ls` and completion over many executions."""

from __future__ import annotations

import fcntl
import os
import pty
import resource
import struct
import subprocess
import sys
import tempfile
import termios
import threading
from pathlib import Path

EXECUTIONS = 10_000
DRAWN = 300

_DRAW = f"""
import time
from obs_core import execution, log_metric, task, track
from obs_core.recording import status_line

@task
def fit():
    with track(total={DRAWN} * 2, show=False) as bar:
        spent = 0
        for step in range({DRAWN}):
            log_metric("loss", 1 / (step + 1))
            bar.update()
            time.sleep(0.003)
            begun = time.thread_time()
            status_line._draw()
            spent += time.thread_time() - begun
    assert status_line._line.height, "there was no line"
    open("spent", "w").write(str(spent / {DRAWN}))

time.sleep(0.1)
with execution("flights"):
    time.sleep(0.6)  # a pipeline gets its line after half a second
    fit()
"""

_RECORD = f"""
import time
from obs_core import execution
for number in range({EXECUTIONS}):
    with execution(f"pipeline {{number % 50}}", tags={{"number": number}}):
        pass
"""


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        drawn = _drawing(Path(folder))
        print(f"status line, drawn once a second: {1e6 * drawn:.0f} µs of CPU, {100 * drawn:.3f} % of a core")
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "OBS_STORE": folder, "OBS_RESOURCES": "0"}
        subprocess.run([sys.executable, "-c", _RECORD], env=environment, check=True)
        for title, arguments in (
            ("obs ls", ["ls"]),
            ("completion of an execution", ["completion", "words", "why", ""]),
            ("completion of a command", ["completion", "words", "wh"]),
        ):
            print(f"{title}, {EXECUTIONS:,} executions: {1e3 * _fastest(arguments, environment):.0f} ms of CPU")
        print(f"python -c pass: {1e3 * _fastest(None, environment):.0f} ms of CPU")
        print(f"executions(), all {EXECUTIONS:,} read: {_least_cpu(['-c', _READ], environment):.2f} s of CPU")


_READ = f"""
from obs_core import executions
assert len(list(executions())) == {EXECUTIONS}
"""


def _drawing(folder: Path) -> float:
    """Return seconds of CPU for one drawing, in a terminal that is read."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in ("CI", "OBS_QUIET")}
    environment |= {"OBS_STORE": str(folder / "store"), "TERM": "xterm"}
    process = subprocess.Popen([sys.executable, "-c", _DRAW], stderr=theirs, cwd=folder, env=environment)
    os.close(theirs)
    threading.Thread(target=_read, args=(ours,), daemon=True).start()
    process.wait()
    return float((folder / "spent").read_text())


def _read(terminal: int) -> None:
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:  # its other end is closed
        os.close(terminal)


def _fastest(arguments: list[str] | None, environment: dict[str, str]) -> float:
    return _least_cpu(["-c", "pass"] if arguments is None else ["-m", "obs_core", *arguments], environment)


def _least_cpu(arguments: list[str], environment: dict[str, str], rounds: int = 7) -> float:
    best = float("inf")
    for _ in range(rounds):
        before = _cpu_of_children()
        subprocess.run([sys.executable, *arguments], env=environment, check=True, stdout=subprocess.DEVNULL)
        best = min(best, _cpu_of_children() - before)
    return best


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()

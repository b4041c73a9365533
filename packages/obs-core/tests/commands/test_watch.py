"""``obs watch``, in a real terminal, beside a program that runs."""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from obs_core.commands.watch import sparkline

pty = pytest.importorskip("pty", reason="there are no pseudo-terminals here")
termios = pytest.importorskip("termios")
pytest.importorskip("rich")

PIPELINE = """
import os, time
from obs_core import execution, log_metric, task, track

@task
def load():
    print("read 3 files")

@task
def fit():
    for loss in (3.0, 2.0, 1.0):
        log_metric("loss", loss)
    with track(total=10, description="epochs", show=False) as bar:
        bar.update(4)
        end = time.monotonic() + 60  # so that a test that fails ends
        while not os.path.exists("go") and time.monotonic() < end:
            time.sleep(0.01)
    raise ValueError("no such airport")

with execution("flights"):
    load()
    fit()
"""


@pytest.fixture
def pipeline(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    (folder.parent / "train.py").write_text(PIPELINE)
    process = subprocess.Popen(
        [sys.executable, "train.py"],
        env={**os.environ, "OBS_STORE": str(folder)},
        cwd=folder.parent,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not list(folder.glob("executions/*/logs/*.jsonl")):
        assert process.poll() is None
        time.sleep(0.01)
    yield process
    (folder.parent / "go").touch()
    process.wait()


class Watching:
    """``obs watch`` in a terminal."""

    def __init__(self, folder: Path, *arguments: str, program: Sequence[str] = ("-m", "obs_core")) -> None:
        self.ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        without = ("COLUMNS", "LINES", "CI")
        environment = {name: value for name, value in os.environ.items() if name not in without}
        self.process = subprocess.Popen(
            [sys.executable, *program, "watch", *arguments, "--store", str(folder)],
            env={**environment, "TERM": "xterm", "PYTHONIOENCODING": "utf-8"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            process_group=0,  # of this session: whoever is in one of its own cannot be stopped by ctrl-z
        )
        os.close(theirs)
        self.shown = ""
        self.raw = b""

    def until(self, *texts: str) -> str:
        """Read until all these texts were shown, and return what was."""
        deadline = time.monotonic() + 120
        while not all(text in self.shown for text in texts):
            assert time.monotonic() < deadline, self.shown
            assert self.read(), self.shown
        return self.shown

    def until_stopped(self) -> None:
        deadline = time.monotonic() + 60
        while not os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WNOWAIT | os.WNOHANG):
            assert time.monotonic() < deadline, "it was not stopped"
            self.read()

    def read(self) -> bool:
        if not select.select([self.ours], [], [], 1)[0]:
            return True
        try:
            part = os.read(self.ours, 65536)
        except OSError:
            return False
        self.raw += part
        self.shown += re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", part.decode("utf-8", "replace"))
        return bool(part)

    def end(self) -> int:
        while self.read():
            pass
        os.close(self.ours)
        return self.process.wait()


def test_it_shows_what_runs_and_ends_with_how_it_went(folder: Path, pipeline: subprocess.Popen[bytes]) -> None:
    watching = Watching(folder, "flights")
    watching.until("flights  running", "· load", "› fit", "epochs: 4 of 10 it, 40 %", "loss  █▅▁  1", "read 3 files")
    assert pipeline.poll() is None
    (folder.parent / "go").touch()
    assert watching.end() == 0
    last = watching.shown.splitlines()[-1]
    assert last.startswith("flights failed in fit: ValueError: no such airport (")
    assert "× fit" in watching.shown


@pytest.mark.parametrize("how", ["q", "ctrl-c"])
def test_it_is_left_by_a_key_and_the_execution_goes_on(
    folder: Path, pipeline: subprocess.Popen[bytes], how: str
) -> None:
    watching = Watching(folder)
    watching.until("› fit")
    assert not termios.tcgetattr(watching.ours)[3] & termios.ICANON  # keys come at once
    if how == "q":
        os.write(watching.ours, b"q")
    else:
        watching.process.send_signal(signal.SIGINT)
    assert watching.end() == (0 if how == "q" else 130)
    assert pipeline.poll() is None


FORGETFUL = """
import os, signal, sys
from obs_core.commands import main, watch
drawn = watch._picture
def forgets(*given):
    try:
        os.kill(os.getpid(), signal.SIGINT)
    except KeyboardInterrupt:
        pass
    return drawn(*given)
watch._picture = forgets
sys.exit(main(sys.argv[1:]))
"""


def test_ctrl_c_leaves_it_though_what_it_interrupted_forgets_that(
    folder: Path, pipeline: subprocess.Popen[bytes]
) -> None:
    """As a finalizer does, or the callback of a weak reference."""
    watching = Watching(folder, program=("-c", FORGETFUL))
    assert watching.end() == 130
    assert pipeline.poll() is None


def test_stopped_by_ctrl_z_it_gives_screen_and_keyboard_back(folder: Path, pipeline: subprocess.Popen[bytes]) -> None:
    watching = Watching(folder)
    watching.until("› fit")
    watching.process.send_signal(signal.SIGTSTP)
    watching.until_stopped()
    assert termios.tcgetattr(watching.ours)[3] & termios.ICANON
    while select.select([watching.ours], [], [], 0.2)[0]:
        watching.read()
    assert watching.raw.endswith((b"\x1b[?25h", b"\x1b[?1049l"))
    watching.shown = ""
    watching.process.send_signal(signal.SIGCONT)
    watching.until("› fit")
    os.write(watching.ours, b"xq")
    assert watching.end() == 0
    assert pipeline.poll() is None


def test_without_a_terminal_it_says_what_to_type(folder: Path, pipeline: subprocess.Popen[bytes]) -> None:
    assert pipeline.poll() is None
    done = subprocess.run(
        [sys.executable, "-m", "obs_core", "watch", "--store", str(folder)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "obs logs -f" in done.stderr


def test_without_rich_it_says_what_to_install(folder: Path, pipeline: subprocess.Popen[bytes]) -> None:
    (folder.parent / "rich.py").write_text("raise ImportError('no rich here')")
    assert pipeline.poll() is None
    code = (
        "import sys; sys.path.insert(0, sys.argv.pop(1)); import obs_core.commands.watch as w;"
        "w.is_terminal = lambda _: True; from obs_core.commands import main; sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder.parent), "watch", "--store", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "pip install 'obs-core[watch]'" in done.stderr


def test_a_curve_is_drawn_in_a_row() -> None:
    assert sparkline([0.0, 1.0, 2.0]) == "▁▅█"
    assert sparkline([1.0, float("nan"), 1.0]) == "▁ ▁"
    assert sparkline([]) == ""
    assert len(sparkline(list(map(float, range(1000))), 20)) == 20

"""The line at the bottom of the terminal while a pipeline runs."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pty = pytest.importorskip("pty", reason="there are no pseudo-terminals here")
termios = pytest.importorskip("termios")

ROWS, COLUMNS = 12, 80

SEQUENCE = re.compile(rb"\x1b\[([0-9;?]*)([A-Za-z])|\x1b([78D])|([\x20-\x7e]|[\xc2-\xf4][\x80-\xbf]+)|([\r\n])")
UNFINISHED = re.compile(rb"(?:\x1b(?:\[[0-9;?]*)?|[\xc2-\xdf]|[\xe0-\xef][\x80-\xbf]?|[\xf0-\xf4][\x80-\xbf]{,2})\Z")
"""A sequence or a character of which the rest comes with the next read."""


class Terminal:
    """What a terminal of a few rows shows: a real one, whose other end this process reads."""

    def __init__(self) -> None:
        self.ours, self.theirs = pty.openpty()
        self._say_height(ROWS)
        self.rows = [""] * ROWS
        self.row = self.column = 0
        self.bottom = ROWS - 1
        self.saved = (0, 0)
        self.history: list[str] = []
        self.raw = self._begun = b""

    def shrink(self, rows: int) -> None:
        """Become smaller, as terminals do: what stood above goes, the cursor's row stays, and everything scrolls."""
        self._say_height(rows)
        gone = len(self.rows) - rows
        self.history += self.rows[:gone]
        del self.rows[:gone]
        self.row = max(0, self.row - gone)
        self.bottom = rows - 1

    def _say_height(self, rows: int) -> None:
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, COLUMNS, 0, 0))

    def read(self) -> bool:
        """Take what was written; False once nobody has the other end."""
        try:
            part = os.read(self.ours, 65536)
        except OSError:
            return False
        self.raw += part
        said = self._begun + part
        whole = begun.start() if (begun := UNFINISHED.search(said)) else len(said)
        self._begun = said[whole:]
        for found in SEQUENCE.finditer(said, 0, whole):
            self._take(found)
        return bool(part)

    def until(self, condition: Callable[[Terminal], bool]) -> None:
        """Go on reading until something is shown."""
        while not condition(self):
            assert self.read(), f"it ended with {self.text()!r}"

    def text(self) -> list[str]:
        """Return everything that scrolled or stands there, without the empty rows at the end."""
        rows = [row.rstrip() for row in (*self.history, *self.rows)]
        while rows and not rows[-1]:
            rows.pop()
        return rows

    def last_row(self) -> str:
        return self.rows[-1].rstrip()

    def _take(self, found: re.Match[bytes]) -> None:
        numbers, final, escape, character, control = found.groups()
        if character:
            before = self.rows[self.row].ljust(self.column)
            self.rows[self.row] = before[: self.column] + character.decode() + before[self.column + 1 :]
            self.column += 1
        elif control == b"\r":
            self.column = 0
        elif control == b"\n" or escape == b"D":
            self._down()
        elif escape == b"7":
            self.saved = self.row, self.column
        elif escape == b"8":
            self.row, self.column = self.saved
        else:
            self._control(final, [int(one) for one in numbers.split(b";") if one.isdigit()])

    def _control(self, final: bytes, numbers: list[int]) -> None:
        if final == b"A":
            self.row = max(0, self.row - 1)
        elif final == b"r":
            self.bottom = numbers[1] - 1 if numbers else len(self.rows) - 1
            self.row = self.column = 0
        elif final == b"H":
            self.row, self.column = min(numbers[0], len(self.rows)) - 1, numbers[1] - 1
        elif final == b"K":
            kept = "" if numbers == [2] else self.rows[self.row][: self.column]
            self.rows[self.row] = kept
        else:
            assert final == b"m", f"a sequence that this terminal does not know: {numbers} {final!r}"

    def _down(self) -> None:
        if self.row == self.bottom:
            self.history.append(self.rows.pop(0))
            self.rows.insert(self.bottom, "")
        elif self.row < len(self.rows) - 1:
            self.row += 1


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    made = Terminal()
    yield made
    os.close(made.ours)


def started(terminal: Terminal, folder: Path, body: str, **variables: str) -> subprocess.Popen[bytes]:
    """Run a task in the terminal; it goes on until there is a file ``go``."""
    script = folder.parent / "train.py"
    script.write_text(PROLOGUE + body)
    without = ("CI", "OBS_QUIET", "OBS_CARRIER", "COLUMNS", "NO_COLOR")
    environment = {name: value for name, value in os.environ.items() if name not in without}
    environment |= {"OBS_STORE": str(folder), "TERM": "xterm", "PYTHONIOENCODING": "utf-8", **variables}
    process = subprocess.Popen(
        [sys.executable, script.name],
        stdin=terminal.theirs,
        stdout=terminal.theirs,
        stderr=terminal.theirs,
        env=environment,
        cwd=script.parent,
        start_new_session=True,
    )
    os.close(terminal.theirs)
    return process


PROLOGUE = """
import os, subprocess, sys, time
from obs_core import execution, log_metric, task, track

def wait_for_go():
    end = time.monotonic() + 60  # so that a test that fails ends
    while not os.path.exists("go") and time.monotonic() < end:
        time.sleep(0.01)

@task
def load():
    pass

@task
def fit(body=wait_for_go):
    body()
"""


def go_on(folder: Path) -> None:
    (folder.parent / "go").touch()


def test_it_tells_what_is_done_and_what_runs_and_is_gone_at_the_end(terminal: Terminal, folder: Path) -> None:
    body = """
with execution("flights"):
    load(); load()
    fit()
"""
    with started(terminal, folder, body) as process:
        terminal.until(lambda shown: "2 tasks done · fit" in shown.last_row())
        assert re.fullmatch(r"flights  2 tasks done · fit \d+ s( · [\d.]+ MB)?", terminal.last_row())
        go_on(folder)
        while terminal.read():
            pass
        assert process.wait() == 0
    assert [line.partition(" in ")[0] for line in terminal.text()] == ["flights succeeded"]
    assert terminal.bottom == ROWS - 1


def test_nothing_that_anybody_writes_meets_the_line(terminal: Terminal, folder: Path) -> None:
    body = """
def talk():
    for number in range(600):
        print("printed", number, flush=True)
        subprocess.run(["echo", f"by a child {number}"])
        os.write(1, b"by C, first ")
        time.sleep(0.1)
        os.write(2, b"and then\\n")
        if os.path.exists("go"):
            break
with execution("flights"):
    fit(talk)
"""
    with started(terminal, folder, body) as process:
        terminal.until(lambda shown: shown.last_row().startswith("flights  fit"))
        first = terminal.last_row()
        terminal.until(lambda shown: shown.last_row().startswith("flights  fit") and shown.last_row() != first)
        go_on(folder)
        while terminal.read():
            pass
        assert process.wait() == 0
    said = terminal.text()[:-1]
    assert said == [
        line
        for number in range(len(said) // 3)
        for line in (f"printed {number}", f"by a child {number}", "by C, first and then")
    ]


def test_a_terminal_that_becomes_smaller_shows_all_that_is_said(terminal: Terminal, folder: Path) -> None:
    body = """
def talk():
    wait_for_go()
    for number in range(20):
        print("printed", number, flush=True)
        time.sleep(0.1)
with execution("flights"):
    print("\\n" * 20)
    fit(talk)
"""
    with started(terminal, folder, body):
        terminal.until(lambda shown: shown.last_row().startswith("flights  fit"))
        terminal.shrink(6)
        terminal.row = 5  # where terminals with many rows below their cursor put it
        terminal.rows[-1] = ""
        terminal.until(lambda shown: shown.last_row().startswith("flights  fit"))
        go_on(folder)
        while terminal.read():
            pass
    assert [line for line in terminal.text() if line.startswith("printed")] == [f"printed {n}" for n in range(20)]


def test_it_shows_the_last_metric_and_when_a_loop_ends(terminal: Terminal, folder: Path) -> None:
    body = """
def body():
    log_metric("loss", 0.5)
    for _ in track(range(1000), show=False):
        time.sleep(0.05)
        if os.path.exists("go"):
            break
with execution("flights"):
    fit(body)
"""
    with started(terminal, folder, body):
        terminal.until(lambda shown: "loss 0.5" in shown.last_row() and shown.last_row().endswith(" to go"))
        go_on(folder)
        while terminal.read():
            pass


def test_a_failed_task_is_counted_apart(terminal: Terminal, folder: Path) -> None:
    body = """
def fail():
    raise ValueError("no such airport")
with execution("flights"):
    try:
        fit(fail)
    except ValueError:
        pass
    fit()
"""
    with started(terminal, folder, body):
        terminal.until(lambda shown: "flights  1 failed · fit" in shown.last_row())
        go_on(folder)
        while terminal.read():
            pass


def test_a_signal_that_ends_the_program_gives_the_row_back(terminal: Terminal, folder: Path) -> None:
    with started(terminal, folder, "with execution('flights'):\n    fit()") as process:
        terminal.until(lambda shown: "flights  fit" in shown.last_row())
        process.send_signal(signal.SIGTERM)
        while terminal.read():
            pass
    assert terminal.last_row() == ""
    assert terminal.bottom == ROWS - 1


def test_a_program_that_is_killed_gives_the_row_back(terminal: Terminal, folder: Path) -> None:
    with started(terminal, folder, "with execution('flights'):\n    fit()") as process:
        terminal.until(lambda shown: "flights  fit" in shown.last_row())
        process.kill()
        while terminal.read():
            pass
    assert terminal.last_row() == ""
    assert terminal.bottom == ROWS - 1


def test_a_program_that_waits_for_all_its_children_waits_for_none_of_ours(terminal: Terminal, folder: Path) -> None:
    body = """
def body():
    wait_for_go()
    try:
        os.waitpid(-1, 0)
    except ChildProcessError:
        print("no child")
with execution("flights"):
    fit(body)
"""
    with started(terminal, folder, body):
        terminal.until(lambda shown: shown.last_row().startswith("flights  fit"))
        go_on(folder)
        while terminal.read():
            pass
    assert terminal.text()[0] == "no child"


@pytest.mark.parametrize("variables", [{"CI": "1"}, {"OBS_QUIET": "1"}, {"TERM": "dumb"}, {"OBS_CARRIER": "{}"}])
def test_it_is_off_where_it_is_not_wanted(terminal: Terminal, folder: Path, variables: dict[str, str]) -> None:
    with started(terminal, folder, LONG_ENOUGH, **variables):
        while terminal.read():
            pass
    assert b"\x1b" not in terminal.raw


LONG_ENOUGH = """
with execution("flights"):
    fit(lambda: time.sleep(2.2))
"""


@pytest.mark.parametrize(
    "display",
    [
        "import tqdm\ndisplay = tqdm.tqdm(total=3)",
        "import rich.progress\ndisplay = rich.progress.Progress()\ndisplay.start()",
    ],
    ids=["tqdm", "rich"],
)
def test_it_steps_aside_for_a_display_of_the_programs(terminal: Terminal, folder: Path, display: str) -> None:
    pytest.importorskip(display.split()[1].partition(".")[0])
    body = f"""
{display}
with execution("flights"):
    fit(lambda: time.sleep(2.2))
"""
    with started(terminal, folder, body):
        os.set_blocking(terminal.ours, True)
        while True:
            try:
                part = os.read(terminal.ours, 65536)
            except OSError:
                break
            terminal.raw += part
            if not part:
                break
    assert b"flights  fit" not in terminal.raw


def test_a_forked_child_leaves_the_line_to_its_parent(terminal: Terminal, folder: Path) -> None:
    body = """
def body():
    child = os.fork()
    if child == 0:
        with execution("of the child"):
            load(); fit()
        os._exit(0)
    wait_for_go()
    os.waitpid(child, 0)
with execution("flights"):
    fit(body)
"""
    with started(terminal, folder, body):
        terminal.until(lambda shown: bool(re.search(r"fit ([2-9]|\d\d) s", shown.last_row())))
        go_on(folder)
        while terminal.read():
            pass
    assert b"of the child  " not in terminal.raw


def test_it_stays_away_while_an_editor_has_the_terminal(terminal: Terminal, folder: Path) -> None:
    body = """
import tty
def edit():
    tty.setcbreak(0)
    os.write(1, b"an editor")
    time.sleep(2.2)
    os.write(1, b" was here")
with execution("flights"):
    fit(edit)
"""
    with started(terminal, folder, body):
        while terminal.read():
            pass
    shown = terminal.raw.partition(b"an editor")[2].partition(b" was here")[0]
    assert shown == b""


def test_a_terminal_that_is_stopped_holds_nothing_up(terminal: Terminal, folder: Path) -> None:
    """Nobody reads the other end, and its buffer is full: the line is left out, and records are written on."""
    body = """
def fill():
    os.set_blocking(1, False)
    try:
        while True:
            os.write(1, b"x" * 4096)
    except BlockingIOError:
        pass
    time.sleep(2.2)
with execution("flights"):
    fit(fill)
open("done", "w").close()
os._exit(0)
"""
    process = started(terminal, folder, body)
    deadline = time.monotonic() + 60
    while not (folder.parent / "done").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    while terminal.read():
        pass
    process.wait()


PRINTING = """
import logging, threading

@task
def step(number):
    print("in the task", number)
    for _ in track(range(3), "inner", leave=False):
        time.sleep(0.11)
        logging.warning("warned")
        print("part", end="")
        sys.stdout.flush()
        time.sleep(0.11)
        print(" and rest")
    sys.stderr.write("two\\nlines\\n")
    other = threading.Thread(target=print, args=("from a thread",))
    other.start()
    other.join()

for number in track(range(2), "outer"):
    step(number)
    time.sleep(0.11)
    print("beside it")
print("after", ["write" in vars(stream) for stream in (sys.stdout, sys.stderr)])
"""


@pytest.mark.parametrize("logs", ["streams", "all", "0"])
def test_what_is_printed_while_bars_stand_stands_above_them(terminal: Terminal, folder: Path, logs: str) -> None:
    with started(terminal, folder, PRINTING, OBS_LOGS=logs) as process:
        while terminal.read():
            pass
        assert process.wait() == 0
    said = [line for number in range(2) for line in (f"in the task {number}", *INNER, *OUTER)]
    *printed, bar, after = [line for line in terminal.text() if not line.startswith("step succeeded")]
    assert printed == said
    assert re.fullmatch(r"outer: 100%\|█+\| 2/2 \[\d\d:\d\d, .*\]", bar)
    assert after == "after [False, False]"
    assert terminal.raw.count(b"inner:  33%|") >= 2
    assert terminal.raw.count(b"outer:  50%|") >= 2


INNER = ("WARNING:root:warned", "part and rest") * 3
OUTER = ("two", "lines", "from a thread", "beside it")


def test_a_bar_that_ends_leaves_what_was_printed_without_a_line_break(terminal: Terminal, folder: Path) -> None:
    body = """
with track(total=4, description="half") as bar:
    bar.update(2)
    print("no end", end="", flush=True)
print("next")
"""
    with started(terminal, folder, body) as process:
        while terminal.read():
            pass
        assert process.wait() == 0
    first, bar, *rest = terminal.text()
    assert (first, rest[0]) == ("no end", "next")
    assert bar.startswith("half:  50%|")


def test_a_forked_child_prints_beside_no_bar_of_its_parent(terminal: Terminal, folder: Path) -> None:
    body = """
import warnings
warnings.simplefilter("ignore")  # Python 3.12 on warns in the parent of a fork beside other threads, among its bars
with track(total=4, description="half") as bar:
    bar.update(2)
    if not (child := os.fork()):
        print("from the child", flush=True)
        os._exit(0)
    os.waitpid(child, 0)
    bar.update(2)
"""
    with started(terminal, folder, body) as process:
        while terminal.read():
            pass
        assert process.wait() == 0
    assert b"half:  50%|" not in terminal.raw.partition(b"from the child")[2]

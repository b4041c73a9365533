"""What a program leaves in the terminal when it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from obs_core import load_execution

pty = pytest.importorskip("pty", reason="there are no pseudo-terminals here")

SCRIPT = """
import sys
from obs_core import execution, task

@task(deck_fields=())
def fit():
    if "fail" in sys.argv:
        raise ValueError("no such airport" if "long" not in sys.argv else "x" * 200)

with execution("flights"):
    fit()
"""

ENDINGS = """
import asyncio, sys
from obs_core import execution, task

@task(deck_fields=())
def fit(error):
    raise error

@task(deck_fields=())
async def load(number):
    await asyncio.sleep(0)
    raise OSError(f"no disk {number}")

async def all_of_it():
    async with asyncio.TaskGroup() as group:
        for number in range(int(sys.argv[2])):
            group.create_task(load(number))

def handled():
    try:
        fit(ValueError("no such airport"))
    except ValueError as error:
        return error

def nested():
    with execution("inner"):
        fit(KeyError("inner"))

def raised_from():
    raise RuntimeError("bad night") from handled()

with execution("flights"):
    match sys.argv[1]:
        case "group": asyncio.run(all_of_it())
        case "nested": nested()
        case "handled": handled(); raise ValueError("no such airport")
        case "raised from": raised_from()
        case "exit": fit(SystemExit(3))
        case "exit outside": sys.exit("gave up")
        case "interrupted": fit(KeyboardInterrupt())
"""


def shown_in_terminal(folder: Path, *arguments: str, source: str = SCRIPT, **variables: str) -> str:
    """Run a script in a terminal, and return what that shows."""
    script = folder.parent / "train.py"
    script.write_text(source)
    environment = {name: value for name, value in os.environ.items() if name not in ("CI", "OBS_QUIET")}
    environment |= {"OBS_STORE": str(folder), "NO_COLOR": "1", **variables}
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, script.name, *arguments], stdout=theirs, stderr=theirs, env=environment, cwd=script.parent
    ):
        os.close(theirs)
        said = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # nobody has the other end any more
                break
            if not part:
                break
            said += part
    os.close(ours)
    return said.decode().replace("\r\n", "\n")


def test_a_failure_says_where_and_what_to_type(folder: Path) -> None:
    said = shown_in_terminal(folder, "fail").splitlines()[-1]
    short = load_execution("last", folder).id.rpartition("-")[2]
    assert said.startswith("flights failed in fit: ValueError: no such airport (train.py:8). Why: ")
    assert said.endswith(f" why {short}")


def test_a_long_error_is_shortened_and_says_so(folder: Path) -> None:
    said = shown_in_terminal(folder, "fail", "long").splitlines()[-1]
    assert f"ValueError: {'x' * 107}… (train.py:8)" in said


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (["group", "1"], "flights failed in load: OSError: no disk 0 (train.py:12)"),
        (["group", "3"], "flights failed in load: OSError: no disk 0 (train.py:12) and 2 others"),
        (["group", "9"], "flights failed in load: OSError: no disk 0 (train.py:12) and 4 others or more"),
        (["nested"], "flights failed in fit: KeyError: 'inner' (train.py:7)"),
        (["handled"], "flights failed: ValueError: no such airport (train.py:36)"),
        (["raised from"], "flights failed: RuntimeError: bad night (train.py:30)"),
        (["exit"], "flights failed in fit: SystemExit: 3 (train.py:7)"),
        (["exit outside"], "flights failed: SystemExit: gave up (train.py:39)"),
        (["interrupted"], "flights failed in fit: KeyboardInterrupt (train.py:7)"),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, list) else "",
)
def test_the_task_is_named_that_the_exception_ended(folder: Path, how: list[str], said: str) -> None:
    last = shown_in_terminal(folder, *how, source=ENDINGS).splitlines()[-1]
    assert last.partition(". Why: ")[0] == said


def test_a_success_says_how_long_and_what_to_type(folder: Path) -> None:
    (said,) = shown_in_terminal(folder).splitlines()
    short = load_execution("last", folder).id.rpartition("-")[2]
    assert said.startswith("flights succeeded in ")
    assert said.endswith(f" show {short}")


@pytest.mark.parametrize("variable", ["CI", "OBS_QUIET"])
def test_it_says_nothing_where_that_is_not_wanted(folder: Path, variable: str) -> None:
    assert shown_in_terminal(folder, **{variable: "1"}) == ""


def test_it_says_nothing_where_no_terminal_is(folder: Path) -> None:
    environment = {**os.environ, "OBS_STORE": str(folder)}
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, env=environment, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")

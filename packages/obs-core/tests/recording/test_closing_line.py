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


def shown_in_terminal(folder: Path, *arguments: str, **variables: str) -> str:
    """Run the script in a terminal, and return what that shows."""
    script = folder.parent / "train.py"
    script.write_text(SCRIPT)
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
    assert said.startswith("flights failed: ValueError: no such airport (train.py:8). Why: ")
    assert said.endswith(f" why {short}")


def test_a_long_error_is_shortened_and_says_so(folder: Path) -> None:
    said = shown_in_terminal(folder, "fail", "long").splitlines()[-1]
    assert f"ValueError: {'x' * 107}… (train.py:8)" in said


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

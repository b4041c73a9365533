"""What obs says on standard error leaves no trace in how a program ends, whatever stands there."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]

WARNS = """
import os, sys
from obs_core import Deck, execution, task

class Shown:
    def _repr_html_(self):
        raise ValueError("not this one")

@task
def work():
    Deck("Mine", Shown())
"""

LOSES = """
import os, shutil, sys
from obs_core import execution, span

def work():
    with execution("night") as run:
        pass
    with execution("night") as run, span("step"):
        open("at", "w").write(run.id)
        shutil.rmtree("store")
        open("store", "w")
"""

FULL = "sys.stderr = open('/dev/full', 'w')"
LINES = "sys.stderr = open('/dev/full', 'w', buffering=1)"
BROKEN = """
a, b = os.pipe()
os.close(a)
sys.stderr = os.fdopen(b, "w")
"""
NO_ROOM = """
a, b = os.pipe()
os.set_blocking(b, False)
try:
    while True:
        os.write(b, b"x")
except BlockingIOError:
    sys.stderr = os.fdopen(b, "w")
"""
CLOSED = "sys.stderr = open(os.devnull, 'w'); sys.stderr.close()"
NONE = "sys.stderr = None"


def ending(run_script: Run, source: str) -> tuple[int, str]:
    done = run_script(source, check=False, env={"OBS_STRICT": "0", "OBS_STORE": "store"})
    return done.returncode, done.stdout


@pytest.mark.posix
@pytest.mark.parametrize("says", [WARNS, LOSES], ids=["a warning", "what is lost"])
@pytest.mark.parametrize(
    "stream",
    [FULL, LINES, BROKEN, NO_ROOM, CLOSED, NONE],
    ids=["full", "full, in lines", "broken pipe", "no room", "closed", "none"],
)
def test_what_cannot_be_said_does_not_change_the_exit_code(run_script: Run, says: str, stream: str) -> None:
    assert ending(run_script, f"{says}\n{stream}\nwork()\nprint('on')") == (0, "on\n")


@pytest.mark.posix
def test_what_the_program_itself_could_not_write_is_left_to_python(run_script: Run) -> None:
    said = f"{FULL}\nsys.stderr.write('mine')\n"
    without = ending(run_script, f"import sys\n{said}print('on')")
    assert ending(run_script, f"{WARNS}\n{said}work()\nprint('on')") == without == (120, "on\n")


def test_a_warning_comes_between_what_the_program_wrote_before_and_after(run_script: Run) -> None:
    source = (
        "sys.stderr = open('said', 'w')\nsys.stderr.write('first, ')\nwork()\nsys.stderr.write('then')\n"
        "sys.stderr.close()\nprint(open('said').read())"
    )
    said = run_script(f"{WARNS}\n{source}", env={"OBS_STRICT": "0"}).stdout
    assert said.startswith("first, ")
    assert said.endswith("then\n")
    assert said.count("ValueError: not this one") == 1

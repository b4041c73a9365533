"""What a run's task prints is in W&B's console and in obs's log, each line once: both hear the same streams."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from obs_core import load_execution

SOURCE = """
import contextlib, io, sys
IMPORTS
from obs_core import Secret, execution, task
from obs_wandb import wandb_init

@task
@wandb_init(project="delays", entity="flights", secret=Secret(group="wandb", key="API_KEY"))
def train(name):
    print("of the task", name)
    inner(name)
    sys.stdout.write(f"no print {name}\\n")
    with contextlib.redirect_stdout(io.StringIO()):
        print("taken by the program")
    print("to stderr", name, file=sys.stderr)

@task
def inner(name):
    print("of the inner task", name)

@task
def plain(name):
    print("without a run", name)

for name in ("first", "second"):
    with execution(name):
        plain(name)
        train(name)
        plain(name)
print("outside")
"""


@pytest.mark.parametrize(
    "imports",
    ["import wandb", "from obs_core import task; task(lambda: print('early'), name='early')(); import wandb", ""],
)
def test_each_line_is_once_in_the_console_of_wandb_in_the_log_and_in_the_output(work: Path, imports: str) -> None:
    script = work / "train.py"
    script.write_text(SOURCE.replace("IMPORTS", imports))
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, env={**os.environ, "OBS_QUIET": "1"}, check=False
    )
    assert done.returncode == 0, done.stderr
    told: list[str] = []
    for name in ("first", "second"):
        outside = f"without a run {name}"
        inside = [f"of the task {name}", f"of the inner task {name}", f"no print {name}"]
        told += [outside, *inside, outside]
        assert [line.text for line in load_execution(name).log() if line.stream == "stdout"] == [
            outside, *inside, outside
        ]  # fmt: skip
        assert [line.text for line in load_execution(name).log() if line.stream == "stderr"] == [f"to stderr {name}"]
        (console,) = [
            lines
            for path in work.glob("wandb/offline-run-*/files/output.log")
            if f"of the task {name}" in (lines := path.read_text().splitlines())
        ]
        assert sorted(console) == sorted([*inside, f"to stderr {name}"])
    assert [line for line in done.stdout.splitlines() if line != "early"] == [*told, "outside"]

"""The page of a killed task shows what was sampled of it, as its report does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from obs_core import load_execution
from obs_core.store import open_store
from obs_ui.snapshots import FollowedExecution

KILLED = """
import os, signal, time
from obs_core import current_context, task
from obs_core.recording import samplers
from obs_resources import cpu_profiling, profiler

def busy():
    end = time.monotonic() + 60
    while time.monotonic() < end:
        sum(number * number for number in range(1000))
        sampled = samplers.running() and samplers.running()[0]._count >= 2
        if sampled and profiler._profiler.taken > 20 and profiler._profiler._writes:
            return

@task
@cpu_profiling()
def work():
    busy()
    current_context().state.journal.flush()
    os.kill(os.getpid(), signal.SIGKILL)

work()
"""


@pytest.mark.posix
def test_a_killed_task_has_its_resources_and_its_profile(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(KILLED)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OBS_")}
    environment = {**kept, "OBS_STORE": str(tmp_path / "store")}
    done = subprocess.run([sys.executable, str(script)], env=environment, timeout=300, check=False)
    assert done.returncode == -signal.SIGKILL
    store = open_store(tmp_path / "store")
    snapshot = FollowedExecution(store, load_execution("last", store).id).look()
    (task,) = [one for one in snapshot.tasks if one.name == "work"]
    assert task.status == "lost"
    decks = snapshot.decks(task)
    assert "obs-lanes" in "".join(snapshot.items(task, decks["Resources"]))
    assert "busy" in "".join(snapshot.items(task, decks["CPU profile"]))

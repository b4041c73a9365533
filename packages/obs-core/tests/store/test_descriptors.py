"""A program that closes every descriptor, as daemons do, keeps its record, and obs leaves its files alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from obs_core import load_execution

DAEMON = """
import os, sys, time
from obs_core import Deck, execution, span, task

@task(deck_fields=())
def before():
    print("said before")

@task(deck_fields=())
def after():
    print("said after")
    with span("last"):
        Deck("Mine").append("kept")

with execution("daemon"):
    before()
    {wait}
    os.closerange(3, 4096)
    files = [os.open("own", os.O_RDWR | os.O_CREAT) for _ in range({files})]
    os.write(files[0], b"mine")
    after()
"""


@pytest.mark.skipif(os.name == "nt", reason="descriptors of Windows are not inherited this way")
@pytest.mark.parametrize("files", [1, 300])
@pytest.mark.parametrize("wait", ["", "time.sleep(1.5)"], ids=["at once", "after a flush"])
def test_a_daemon_keeps_its_record_and_its_files(folder: Path, tmp_path: Path, wait: str, files: int) -> None:
    environment = {**os.environ, "OBS_STORE": str(folder), "OBS_STRICT": "0"}
    code = DAEMON.format(wait=wait, files=files)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("said before\nsaid after\n", "")
    assert (tmp_path / "own").read_bytes() == b"mine"
    found = load_execution("last", folder)
    assert (found.status, [one.name for one in found.tasks]) == ("succeeded", ["before", "after"])
    assert "last" in found.table.names
    assert found.task("after").decks[0].items
    assert found.view.lost_records == 0

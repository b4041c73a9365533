"""The example that is killed: what it said, where it was, and what differs from the run before."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from obs_core import load_execution

PROGRAM = Path(__file__).parent.parent / "docs" / "examples" / "killed.py"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="obs run needs Linux")
def test_its_end_is_told_with_place_last_line_and_what_differs(tmp_path: Path) -> None:
    run = [sys.executable, "-m", "obs_core", "run", "--store", str(tmp_path), "--", sys.executable, str(PROGRAM)]
    ended = [
        subprocess.run([*run, rows], env=os.environ, capture_output=True, check=False, timeout=120).returncode
        for rows in ("2000", "900000")
    ]
    assert ended == [0, -signal.SIGKILL]
    found = load_execution("flights", tmp_path).why()
    assert (found.cause, found.known, found.task, found.span) == ("killed", True, "fit", "merge"), found.paragraph
    assert found.lines[-1] == "WARNING 550000 rows joined"
    assert 'Its last line was "WARNING 550000 rows joined".' in found.paragraph
    assert any("killed.py 2000" in one and "killed.py 900000" in one for one in found.differences), found.differences
    assert any("fit's rows was list · 2,000 items 0: 0 1: 1 " in one for one in found.differences), found.differences

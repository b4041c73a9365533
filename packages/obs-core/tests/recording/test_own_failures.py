"""What fails in obs itself never reaches the program, wherever it fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).with_name("own_failures.py")
PARTS = 18

BY_DAY = [(0, "RuntimeError"), (1, "SystemError"), (2, "OSError")]
BY_NIGHT = [
    (part, error)
    for part in range(PARTS)
    for error in ("RuntimeError", "SystemError", "OSError")
    if (part, error) not in BY_DAY
]


def run(arguments: list[str], folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "OBS_STRICT": "0", "OBS_STORE": str(folder), **environment}
    return subprocess.run([sys.executable, *arguments], env=env, capture_output=True, text=True, timeout=300)


@pytest.mark.slow
@pytest.mark.skipif(sys.version_info < (3, 12), reason="sys.monitoring puts the failures in")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="each failure has a forked child of its own")
@pytest.mark.parametrize(
    ("part", "error"), [*BY_DAY, *(pytest.param(*one, marks=pytest.mark.nightly) for one in BY_NIGHT)]
)
def test_a_program_ends_as_without_obs_whichever_function_of_obs_fails(part: int, error: str, folder: Path) -> None:
    result = run([str(PROGRAM), str(part), str(PARTS), error], folder)
    assert result.returncode == 0, result.stderr
    told: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    assert told["different"] == {}
    assert told["tried"] > 10


OUTSIDE_TASKS = {
    "a span": "with span('read') as s: s.set(rows=7); print('result', 7)",
    "a decorated span": "print('result', span('read')(abs)(-7))",
    "a deck": "Deck('x').append('y'); print('result', 7)",
    "an execution": "with execution('night'): print('result', 7)",
    "a note": "current_context().note('x'); print('result', 7)",
    "a link": "link('x', 'https://example.com'); print('result', 7)",
    "a metric": "log_metric('loss', 0.5); log_params(lr=1); print('result', 7)",
    "a check": "print('result', check('rows > 0', True) and 7)",
    "a loop": "print('result', sum(track([3, 4])))",
    "a carrier": "with attach(carrier()): print('result', 7)",
    "a task": "print('result', task(abs)(-7))",
}


@pytest.mark.parametrize("code", OUTSIDE_TASKS.values(), ids=OUTSIDE_TASKS)
def test_what_is_recorded_in_a_deleted_folder_raises_nothing(code: str, tmp_path: Path) -> None:
    lines = ["import os, tempfile", "d = tempfile.mkdtemp()", "os.chdir(d)", "os.rmdir(d)", "from obs_core import *"]
    result = run(["-c", "\n".join([*lines, code])], tmp_path, OBS_STORE=".obs")
    assert (result.stdout, result.returncode) == ("result 7\n", 0), result.stderr


@pytest.mark.parametrize("code", OUTSIDE_TASKS.values(), ids=OUTSIDE_TASKS)
def test_a_process_that_cannot_begin_to_record_goes_on_with_a_warning(code: str, tmp_path: Path) -> None:
    breaking = """
from obs_core import *
from obs_core.journal.writer import Journal
def broken(*args, **kwargs):
    raise SystemError("error return without exception set")
Journal.__init__ = broken
"""
    result = run(["-c", breaking + code], tmp_path)
    assert (result.stdout, result.returncode) == ("result 7\n", 0), result.stderr
    assert "ObsWarning" in result.stderr

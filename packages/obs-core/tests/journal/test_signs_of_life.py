"""When a writer was last heard of: one rule, whoever asks and however much of the journal that reads."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from obs_core import list_executions, load_execution
from obs_core.commands import main as obs
from obs_core.journal import records
from obs_core.journal.encoding import lines_of
from obs_core.journal.signs_of_life import last_moment, moment_of

KILLED = """
import os, signal
from obs_core import execution
from obs_core.journal import flusher, records
from obs_core.recording.run import live

with execution("night"):
    (run,) = live.values()
    now = run.journal.now()
    SAID
    flusher.flush_all()
    os.kill(os.getpid(), signal.SIGKILL)
"""
LONG = "'x' * 20_000"
"""So much that a list looks for the lines that it needs, rather than at all."""


@pytest.mark.parametrize(
    "said",
    [
        f"run.journal.append(records.Params(1, now + 3_000_000_000, {{'text': {LONG}}}))",
        f"run.journal.append(records.DeckItems(2, now + 3_000_000_000, [{LONG}]))",
        "run.journal.append(records.Beat(now + 3_000_000_000));"
        f"run.journal.append(records.OpenSpan(2, 1, 'epoch', now, {{'text': {LONG}}}))",
        "run.journal.append(records.SpanRecord(3, 1, 'epoch', now, 3_000_000_000, 0));"
        f"[run.journal.append(records.Note(1, {LONG} + str(number))) for number in range(20)]",
    ],
)
@pytest.mark.posix
def test_a_list_and_a_reader_of_all_tell_the_same_of_one_that_was_killed(
    said: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = KILLED.replace("SAID", said)
    subprocess.run([sys.executable, "-c", source], env={**os.environ, "OBS_STORE": str(folder)}, check=False)
    (listed,) = list_executions(folder)
    run = load_execution("last", folder)
    assert listed.status == "lost"
    assert 3_000_000_000 <= listed.duration < 4_000_000_000
    assert listed.duration == run.view.duration == run.why().at - run.view.started
    assert obs(["explain", "last", "--store", str(folder)]) == 0
    assert "Took       at least 3" in capsys.readouterr().out


def test_the_latest_moment_counts_wherever_it_stands() -> None:
    said: list[records.AnyRecord] = [
        records.ExecutionStart(1, "night", 1, {}, "", "", ""),
        records.SpanRecord(3, 1, "load", 4, 5, 0),
        records.OpenSpan(2, 1, "epoch", 2),
        records.Note(1, "no time at all"),
    ]
    assert [moment_of(one) for one in said] == [1, 9, 2, None]
    assert last_moment(lines_of(said)) == 9
    assert last_moment(lines_of(said[3:])) is None
    assert last_moment(b"") is None

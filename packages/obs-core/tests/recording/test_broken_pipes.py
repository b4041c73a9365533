"""Who writes to a file in place of a pipe that nobody reads is told, as the system would tell it, and nobody else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from obs_core.reading import load_execution
from obs_core.recording.broken_pipes import Counts, Look, Process, Writers, certain_writers

YES, OTHER = Process(101, 5000), Process(102, 5010)


def look(size: int, *written: int, of_children: int = 0, margin: int = 0) -> Look:
    """What is seen of `YES` and `OTHER` when they have written so many bytes, and go on to write that many more."""
    before = {process: Counts(count, of_children) for process, count in zip((YES, OTHER), written, strict=False)}
    after = {process: Counts(counts.written + margin, of_children) for process, counts in before.items()}
    return Look(before, size, after)


@pytest.mark.parametrize(
    ("earlier", "later", "expected"),
    [
        pytest.param(look(10, 10), look(14, 14), [YES], id="alone"),
        pytest.param(look(10, 10), look(10, 10), [], id="nothing was written"),
        pytest.param(look(60, 10, margin=100), look(1_060, 1_000, margin=100), [YES], id="it goes on meanwhile"),
        pytest.param(look(10, 10, 0), look(14, 14, 0), [YES], id="the other one is silent"),
        pytest.param(look(10, 10, 0), look(14, 14, 3), [YES], id="the other one writes less elsewhere"),
        pytest.param(look(10, 10, 0), look(14, 14, 4), [], id="the other one may have written it"),
        pytest.param(look(10, 5, 5), look(16, 8, 8), [YES, OTHER], id="both"),
        pytest.param(look(10, 10), look(14, 20), [], id="it writes elsewhere too, or another one wrote"),
        pytest.param(look(10, 10), look(20, 14), [], id="somebody wrote whose bytes are not counted"),
        pytest.param(look(10, 10), look(14, 14, 0), [], id="another one began"),
        pytest.param(look(10, 10, 0), look(14, 14), [], id="another one ended"),
        pytest.param(look(10, 10), look(14, 14, of_children=90), [], id="a child of its own may have written"),
    ],
)
def test_nobody_is_told_that_may_not_have_written(earlier: Look, later: Look, expected: list[Process]) -> None:
    assert certain_writers(earlier, later) == expected


ENDLESS = """
import os, signal, time
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
os.write(1, b"first\\n")
for _ in range(10_000):
    time.sleep(0.01)
    os.write(1, b"more\\n")
"""

UNREAD = f"""
import os, subprocess, sys
from obs_core import task

@task
def work():
    silent = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    print("by", -subprocess.run([sys.executable, "-S", "-c", {ENDLESS!r}]).returncode, file=sys.stderr, flush=True)
    print("later", -subprocess.run([sys.executable, "-S", "-c", {ENDLESS!r}]).returncode, file=sys.stderr, flush=True)
    print("silent", silent.poll(), file=sys.stderr, flush=True)
    silent.stdin.close()
    silent.wait()
    try:
        os.write(1, b"in vain")
    except BrokenPipeError:
        print("broken", file=sys.stderr, flush=True)

work()
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux says what other processes do")
def test_who_has_the_file_open_under_another_number_may_be_the_writer_too(tmp_path: Path) -> None:
    with (
        open(tmp_path / "output", "wb") as file,
        subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, pass_fds=(file.fileno(),)) as other,
    ):
        seen = Writers(file.fileno())._look()
        assert [one.number for one in seen.before] == [one.number for one in seen.after] == [other.pid]
        assert other.stdin is not None
        other.stdin.close()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux says what other processes do")
def test_a_subprocess_ends_where_nobody_reads_any_more_and_the_program_hears_of_it(
    tmp_path: Path, folder: Path
) -> None:
    environment = {**os.environ, "OBS_LOGS": "all"}
    command = [sys.executable, "-c", UNREAD]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"first\n"
        process.stdout.close()
        told = process.stderr.read().decode()
        assert (process.wait(), told.split("\n")) == (0, ["by 13", "later 13", "silent None", "broken", ""])
    lines = [line.text for line in load_execution("last", folder).log() if line.stream == "stdout"]
    assert (lines[0], set(lines[1:])) == ("first", {"more"})
    assert not list(folder.glob("executions/*/logs/*.raw"))

"""Disks that are really full: nothing is lost that could be kept, and what is lost is counted where it is read."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from obs_core import list_executions, load_execution
from obs_core.reading.execution import Execution

RunScript = Callable[..., subprocess.CompletedProcess[str]]

FILL = """
import os, sys
from obs_core import Deck, execution, span, task
from obs_core.journal import flusher

filler = os.path.join(os.environ["DISK"], "filler")

def fill():
    with open(filler, "wb", buffering=0) as file:
        for size in (65536, 512, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                pass

@task
def work(count):
    for _ in range(count):
        with span("step"):
            pass
    Deck("big").append(os.urandom(20_000).hex())
    return os.urandom(20_000).hex()
"""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    place = tmp_path / "disk"
    place.mkdir()
    if sys.platform != "linux" or shutil.which("mount") is None:
        pytest.skip("needs mount")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", place], capture_output=True).returncode:
        pytest.skip("needs the right to mount")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def ran(run_script: RunScript, disk: Path, source: str) -> tuple[Execution, str]:
    """Run a program on the disk, free it, and read what it recorded."""
    env = {"DISK": str(disk), "OBS_STORE": str(disk / "store"), "OBS_STRICT": "0"}
    result = run_script(FILL + source, env=env)
    (disk / "filler").unlink(missing_ok=True)
    return load_execution("last", disk / "store"), result.stderr


def notes(recorded: Execution) -> list[str]:
    """Return the notes of the execution itself."""
    return [note for shown in recorded.tasks if shown.name == "night" for note in shown.notes]


def test_what_a_full_disk_did_not_take_is_written_once_there_is_room(run_script: RunScript, disk: Path) -> None:
    recorded, stderr = ran(
        run_script,
        disk,
        """
with execution("night"):
    work(5)
    fill()
    work(2_000)
    os.unlink(filler)
    work(7)
""",
    )
    assert recorded.status == "succeeded"
    assert [len(one.children) for one in recorded.span.children if one.name == "work"] == [5, 2_000, 7]
    assert (recorded.view.lost_records, recorded.view.damaged_records) == (0, 0)
    (note,) = notes(recorded)
    assert note.startswith("For ")
    assert "the store accepted nothing: [Errno 28] No space left on device" in note
    assert stderr.count("ObsWarning: cannot write to the store") == 1
    assert "lost" not in stderr


def test_files_wait_for_room_longer_than_for_a_store_that_refuses_them(run_script: RunScript, disk: Path) -> None:
    recorded, stderr = ran(
        run_script,
        disk,
        """
with execution("night") as run:
    work(1)
    fill()
    work(1)
    journal = run._run.journal
    for _ in range(20):
        for file in journal._files.values():
            file.next_try = 0
        journal.flush()
    os.unlink(filler)
""",
    )
    assert recorded.view.lost_records == 0
    assert len(recorded.output("work")) == 40_000
    assert [len(deck.items[0]) for one in recorded.tasks for deck in one.decks if deck.name == "big"] == [40_000] * 2
    assert "lost" not in stderr


ENDED_WHILE_FULL = """
with execution("night"):
    work(5)
    fill()
    work(2_000)
"""


def test_an_execution_that_ended_while_the_disk_was_full_is_written_once_there_is_room(
    run_script: RunScript, disk: Path
) -> None:
    recorded, stderr = ran(
        run_script,
        disk,
        ENDED_WHILE_FULL + "os.unlink(filler)\n",
    )
    assert recorded.status == "succeeded"
    assert len(recorded.table.ids) > 2_005
    assert recorded.view.lost_records == 0
    assert "lost" not in stderr


def test_a_disk_that_stays_full_has_room_for_how_it_ended_and_how_much_is_lost(
    run_script: RunScript, disk: Path
) -> None:
    recorded, stderr = ran(
        run_script,
        disk,
        ENDED_WHILE_FULL,
    )
    lost = recorded.view.lost_records
    assert recorded.status == "succeeded"
    assert 2_000 < lost < 2_100
    assert recorded.view.damaged_records == 0
    assert f"obs: {lost} records of execution {recorded.id} are lost" in stderr
    assert [view.lost_records for view in list_executions(disk / "store")] == [lost]
    assert f"{lost:,} records of this execution could not be written" in recorded.report()


def test_a_report_that_does_not_fit_says_how_to_write_it_elsewhere(run_script: RunScript, disk: Path) -> None:
    recorded, _ = ran(run_script, disk, "with execution('night'):\n    work(1)\n    fill()\n")
    with open(disk / "filler", "wb", buffering=0) as filler:
        for size in (65_536, 1):
            try:
                while True:
                    filler.write(bytes(size))
            except OSError:
                pass
    command = [sys.executable, "-m", "obs_core", "--store", str(disk / "store"), "show"]
    shown = subprocess.run(command, capture_output=True, text=True)
    assert shown.returncode == 2
    assert "cannot write the report into the store" in shown.stderr
    assert "No space left on device" in shown.stderr
    assert f"obs export {recorded.id[-6:]} -o FILE writes it elsewhere" in shown.stderr


@pytest.mark.posix
def test_a_journal_that_may_not_grow_goes_on_in_another_file(run_script: RunScript, tmp_path: Path) -> None:
    result = run_script(
        """
import resource, signal
from obs_core import execution, span

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
with execution("night") as run:
    for _ in range(20):
        for _ in range(1_000):
            with span("step"):
                pass
        run._run.journal.flush()
""",
        env={"OBS_STORE": str(tmp_path / "store"), "OBS_STRICT": "0"},
    )
    recorded = load_execution("last", tmp_path / "store")
    assert (recorded.status, len(recorded.span.children)) == ("succeeded", 20_000)
    assert "lost" not in result.stderr
    assert max(os.path.getsize(path) for path in (tmp_path / "store").rglob("*.jsonl*")) <= 200_000

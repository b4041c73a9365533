"""What is said is kept line by line, whatever becomes of the process, its disk and its files."""

from __future__ import annotations

import contextlib
import errno
import io
import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

from obs_core import ObsWarning, execution
from obs_core.journal import log_writer
from obs_core.journal.log_damage import damaged_lines, dropped_lines, log_notes
from obs_core.journal.log_reader import read_log
from obs_core.journal.log_writer import LogWriter
from obs_core.journal.writer import Journal
from obs_core.reading import load_execution
from obs_core.store import open_store

RunScript = Callable[..., subprocess.CompletedProcess[str]]

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")


def texts_in(folder: Path) -> list[str]:
    return [line.text for line in load_execution("last", folder).log()]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL here")
def test_a_kill_loses_no_line(tmp_path: Path, folder: Path) -> None:
    source = """
import os, signal
from obs_core import task

@task
def work():
    for number in range(1000):
        print(number)
    os.kill(os.getpid(), signal.SIGKILL)

work()
"""
    victim = subprocess.run([sys.executable, "-c", source], cwd=tmp_path, capture_output=True, check=False)
    assert victim.returncode == -signal.SIGKILL
    assert texts_in(folder) == [str(number) for number in range(1000)]


def test_a_full_disk_hurts_nobody(run_script: RunScript, folder: Path) -> None:
    result = run_script("""
import resource, signal
from obs_core import ObsWarning, execution
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with execution("night"):
    print("first")
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, resource.RLIM_INFINITY))
    for number in range(100):
        print("number", number)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    print("last")
""", env={"OBS_STRICT": "0"})  # fmt: skip
    assert result.stdout.splitlines() == ["first", *(f"number {number}" for number in range(100)), "last"]
    lines = texts_in(folder)
    assert lines[0] == "first"
    assert lines[-1] == "last"
    execution = load_execution("last", folder)
    warned = 1  # that the disk takes nothing, which it does not take either
    assert dropped_lines(execution.store, execution.id) == 102 + warned - len(lines)


class Disk(io.FileIO):
    """A file on a disk with so much room, for each of the next writes."""

    room: ClassVar[list[int]] = []

    def write(self, content: Any, /) -> int:
        if not self.room:
            return super().write(content)
        taken = self.room.pop(0)
        if not taken:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(content[:taken])


@pytest.mark.parametrize("after", [[], [0], [0, 0, 0], [1], [1, 1, 1], [2, 0], [9], [9, 0, 1]])
@pytest.mark.filterwarnings("ignore:cannot keep what is logged:obs_core.ObsWarning")
def test_a_line_that_a_full_disk_took_in_part_is_told_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch, after: list[int]
) -> None:
    monkeypatch.setattr(io, "FileIO", Disk)
    store = open_store(folder)
    line = '[1767225600000000000,"out",1,1,"said 1"]\n'
    for cut in range(1, len(line) + 1):
        execution_id = f"20130101-000000-{cut:06}-aaaaaa"
        writer = LogWriter(Journal(store, execution_id, "main"))
        writer.write("out", 1, 1, "said 0")
        Disk.room[:] = [cut, *after]
        for number in range(1, 6):
            writer.write("out", 1, 1, f"said {number}")
        Disk.room.clear()
        writer.close()
        said = [line.text for line in read_log(store, execution_id)]
        assert said == sorted(set(said)), cut
        assert (damaged_lines(store, execution_id), dropped_lines(store, execution_id)) == (0, 6 - len(said)), cut


def test_half_a_line_at_the_end_of_a_disk_that_stays_full_is_told_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(io, "FileIO", Disk)
    with pytest.warns(ObsWarning, match="cannot keep what is logged"), execution("night", store=folder) as run:
        sys.stdout.write("first\n")
        Disk.room[:] = [30, *[0] * 1_000]
        sys.stdout.write("second\n")
    Disk.room.clear()
    read = load_execution(run.id, folder)
    assert [line.text for line in read.log()] == ["first"]
    assert log_notes(read.store, run.id) == ["1 more line was logged or printed but not kept."]


def test_lines_of_many_threads_are_whole_and_all_there(run_script: RunScript, folder: Path) -> None:
    run_script("""
import threading
from obs_core import ObsWarning, execution

def say(number):
    for line in range(2000):
        print(f"{number} says {line} {'x' * (line % 300)}")

with execution("night") as run:
    threads = [threading.Thread(target=say, args=(number,)) for number in range(16)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
""")
    lines = [text.split() for text in texts_in(folder)]
    for number in range(16):
        assert [line[2] for line in lines if line[0] == str(number)] == [str(line) for line in range(2000)]


def test_of_too_much_the_first_and_the_last_stay(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_writer, "MOST_KEPT", 64_000)
    store = open_store(folder)
    writer = LogWriter(Journal(store, "20130101-000000-000000-aaaaaa", "main"))
    for number in range(5_000):
        writer.write("out", 1, 1, f"line {number}")
    writer.close()
    lines = read_log(store, "20130101-000000-000000-aaaaaa")
    numbers = [int(line.text.removeprefix("line ")) for line in lines]
    assert (numbers[0], numbers[-1]) == (0, 4999)
    assert numbers == sorted(set(numbers))
    assert dropped_lines(store, "20130101-000000-000000-aaaaaa") == 5_000 - len(numbers) > 0
    size = sum(path.stat().st_size for path in folder.rglob("*.jsonl"))
    assert 40_000 < size < 80_000


def test_a_store_that_cannot_append_gets_it_too(tmp_path: Path) -> None:
    with execution("night", store="memory://logs") as run:
        sys.stdout.write("")
        run._run.log.write("out", 1, 1, "to an object store")  # type: ignore[union-attr]
    assert [line.text for line in load_execution(run.id, "memory://logs").log()] == ["to an object store"]


WHAT_OTHERS_DO_TO_A_LOG = {
    "it is cut off": "os.truncate(log, 0)",
    "half of it is cut off": "os.truncate(log, os.path.getsize(log) // 2)",
    "it is removed": "os.unlink(log)",
    "its folder is removed": "shutil.rmtree(os.path.dirname(log))",
    "it is moved away": "os.rename(log, 'elsewhere')",
    "a link stands in its place": "os.unlink(log); os.symlink(os.path.abspath('own'), log)",
    "its folder is a link": (
        "os.rename(os.path.dirname(log), 'other'); os.symlink(os.path.abspath('other'), os.path.dirname(log))"
    ),
    "a pipe stands in its place": "os.unlink(log); os.mkfifo(log)",
}


@pytest.mark.skipif(os.name == "nt", reason="an open file can neither be removed nor be cut off there")
@pytest.mark.parametrize("looked", [False, True], ids=["before the first look", "after a look"])
@pytest.mark.parametrize("harm", WHAT_OTHERS_DO_TO_A_LOG)
def test_whatever_is_done_to_a_log_the_program_goes_on_and_each_line_is_kept_or_counted(
    run_script: RunScript, tmp_path: Path, folder: Path, harm: str, looked: bool
) -> None:
    result = run_script(f"""
import glob, os, shutil, time
from obs_core import ObsWarning, execution
from obs_core.journal import log_writer

open("own", "wb").write(b"mine" + b"\\0" * 1000)
with execution("night") as run:
    for number in range(200):
        print("before", number)
    [log] = glob.glob(os.environ["OBS_STORE"] + "/executions/*/logs/*.jsonl")
    if {looked}:
        log_writer._look_at_all()
    {WHAT_OTHERS_DO_TO_A_LOG[harm]}
    for number in range(2000):
        print("after", number)
print("end")
""", env={"OBS_STRICT": "0"})  # fmt: skip
    assert result.stdout.splitlines()[-1] == "end"
    assert (tmp_path / "own").read_bytes() == b"mine" + b"\0" * 1000
    execution = load_execution("last", folder)
    lines = [line.text for line in execution.log()]
    told = dropped_lines(execution.store, execution.id)
    told += sum(int(note.split()[0].replace(",", "")) for one in execution.tasks for note in one.notes)
    told += damaged_lines(execution.store, execution.id)  # what is half cut off, and what was written behind it
    assert len(lines) == len(set(lines))
    if "cut off" not in harm and "folder is a link" not in harm:
        assert [line for line in lines if line.startswith("after")] == [f"after {number}" for number in range(2000)]
    no_file = harm in ("its folder is a link", "a link stands in its place", "a pipe stands in its place")
    assert len(lines) + told == 2200 + no_file  # what is no file counts as one line


@needs_fork
def test_a_limit_to_the_size_of_files_that_ends_programs_does_not_end_this_one(
    run_script: RunScript, folder: Path
) -> None:
    result = run_script("""
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
from obs_core import ObsWarning, execution
with execution("night"):
    for number in range(5_000):
        print("number", number)
""", env={"OBS_STRICT": "0"})  # fmt: skip
    assert len(result.stdout.splitlines()) == 5_000
    assert texts_in(folder) == [f"number {number}" for number in range(5_000)]
    assert max(path.stat().st_size for path in folder.rglob("*.jsonl")) <= 100_000


@needs_fork
def test_lines_that_the_store_refused_are_told_though_nothing_is_said_afterwards(
    run_script: RunScript, folder: Path
) -> None:
    run_script("""
import resource, signal
from obs_core import ObsWarning, execution

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with execution("night"):
    print("first")
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    for number in range(100):
        print("number", number)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
""", env={"OBS_STRICT": "0"})  # fmt: skip
    execution = load_execution("last", folder)
    kept = [line.text for line in execution.log()]
    assert kept == ["first"]
    assert dropped_lines(execution.store, execution.id) == 100 + 1  # and that the disk takes nothing


@needs_fork
def test_where_there_can_be_no_other_file_the_open_one_grows_on(run_script: RunScript, folder: Path) -> None:
    run_script("""
import resource
from obs_core import ObsWarning, execution
from obs_core.store.folder import FolderStore

FolderStore.segment_limit = 10_000
with execution("night"):
    print("first")
    most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, most[1]))
    for number in range(5_000):
        print("number", number)
    resource.setrlimit(resource.RLIMIT_NOFILE, most)
""", env={"OBS_STRICT": "0"})  # fmt: skip
    assert texts_in(folder) == ["first", *(f"number {number}" for number in range(5_000))]


def replace_folder(folder: Path, scratch: Path) -> None:
    """Put a file in a folder's place; obs's thread, which makes the folder anew, may come in between."""
    file = scratch / "a file"
    file.write_text("in the folder's place")
    for attempt in itertools.count():
        folder.rename(scratch / f"moved away {attempt}")
        with contextlib.suppress(IsADirectoryError):
            file.rename(folder)
            return


def test_what_can_be_said_nowhere_in_the_log_is_said_in_the_journal(tmp_path: Path, folder: Path) -> None:
    with execution("night", store=folder):
        print("first")
        [log] = folder.glob("executions/*/logs/*.jsonl")
        replace_folder(log.parent, tmp_path)
        print("second")
    [root] = load_execution("last", folder).tasks
    [note] = root.notes
    assert note == "2 lines that were logged or printed could not be kept."

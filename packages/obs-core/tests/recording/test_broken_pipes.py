"""Who writes to a file in place of a pipe that nobody reads hears of it as the system says it, and nobody else does."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from obs_core.reading import load_execution
from obs_core.recording.broken_pipes import break_off

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux ends other processes that write")

ENDLESS = """
import os, signal, time
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
os.write(1, b"first\\n")
for _ in range(10_000):
    time.sleep(0.01)
    os.write(1, b"more\\n")
"""

UNREAD = f"""
import os, subprocess, sys
from obs_core import task

def tell(*words):
    print(*words, file=sys.stderr, flush=True)

def endless():
    return -subprocess.run([sys.executable, "-S", "-c", {ENDLESS!r}]).returncode

@task
def work():
    silent = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    tell("by", endless())
    tell("later", endless())
    tell("silent", silent.poll())
    silent.stdin.close()
    silent.wait()
    try:
        os.write(1, b"in vain")
    except BrokenPipeError:
        tell("broken")

work()
"""


@linux
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
        assert (process.wait(), told.partition("Traceback")[0]) == (0, f"by {signal.SIGXFSZ:d}\n")
        # What begins later has the broken pipe itself, of which Python makes an error.
        assert told.count("BrokenPipeError") == 1
        assert told.split("\n")[-4:] == ["later -1", "silent None", "broken", ""]
    lines = [line.text for line in load_execution("last", folder).log() if line.stream == "stdout"]
    assert (lines[0], set(lines[1:])) == ("first", {"more"})
    assert not list(folder.glob("executions/*/logs/*.raw"))


@linux
@pytest.mark.parametrize(
    "command",
    [
        pytest.param("yes", id="one that writes"),
        pytest.param("yes | tee /dev/null", id="one that writes elsewhere too"),
        pytest.param("yes | cat", id="the end of a pipeline"),
        pytest.param("while :; do echo hi; /bin/true; done", id="a shell that starts others meanwhile"),
        pytest.param("while :; do /bin/echo hi || exit; done", id="a child of each moment"),
        pytest.param("trap '' XFSZ PIPE; while echo hi; do :; done", id="one that ignores the signal"),
    ],
)
def test_what_never_ends_by_itself_ends_where_nobody_reads_either_stream(
    tmp_path: Path, folder: Path, command: str
) -> None:
    source = f"import subprocess; from obs_core import task\ntask(lambda: subprocess.run({command!r}, shell=True))()"
    with subprocess.Popen(
        [sys.executable, "-c", source],
        cwd=tmp_path,
        env={**os.environ, "OBS_LOGS": "all"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        try:
            process.wait(timeout=60)
        finally:
            with contextlib.suppress(ProcessLookupError):  # all of it has ended, as it should
                os.killpg(process.pid, signal.SIGKILL)
    assert not list(folder.glob("executions/*/logs/*.raw"))


HOLDER = """
import os, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
print(flush=True)
input()
os.write(int(sys.argv[1]) if sys.argv[2] == "it" else os.open("other", os.O_CREAT | os.O_WRONLY), bytes(2**20))
"""


@linux
@pytest.mark.parametrize(("writes_to", "ends_by"), [("it", -signal.SIGXFSZ), ("another", 0)])
def test_of_those_that_hold_the_file_only_who_writes_to_it_ends(tmp_path: Path, writes_to: str, ends_by: int) -> None:
    path = tmp_path / "output"
    with path.open("ab", buffering=0) as output:
        output.write(b"said before")
        number = output.fileno()
        with subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(number), writes_to],
            cwd=tmp_path,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=(number,),
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            break_off(number)
            process.communicate(b"\n")
    assert (process.returncode, path.read_bytes()) == (ends_by, b"said before")
    assert writes_to == "it" or (tmp_path / "other").stat().st_size == 2**20


@linux
def test_sigterm_leaves_no_file_of_output_that_comes_faster_than_it_is_read(tmp_path: Path, folder: Path) -> None:
    source = "import subprocess; from obs_core import task\ntask(lambda: subprocess.run('yes'))()"
    with subprocess.Popen(
        [sys.executable, "-c", source],
        cwd=tmp_path,
        env={**os.environ, "OBS_LOGS": "all"},
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        while not any(path.stat().st_size > 2**26 for path in folder.glob("executions/*/logs/*.raw")):
            os.sched_yield()
        process.terminate()
        process.wait()
        os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGTERM
    assert not list(folder.glob("executions/*/logs/*.raw"))


@linux
def test_a_subprocess_ends_where_the_terminal_hung_up(tmp_path: Path) -> None:
    terminal, theirs = os.openpty()
    source = (
        "import subprocess; from obs_core import task\ntask(lambda: subprocess.run('echo hi; exec yes', shell=True))()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", source],
        cwd=tmp_path,
        env={**os.environ, "OBS_LOGS": "all"},
        stdout=theirs,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        assert os.read(terminal, 100)
        os.close(terminal)
        try:
            process.wait(timeout=60)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0

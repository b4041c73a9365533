"""``obs run``: the program behaves as without it, and how it ended is recorded."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from obs_core import list_executions, load_execution
from obs_core.commands import main as obs
from obs_core.recording.supervisor import name_of

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="obs run needs Linux")

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(folder: Path) -> Start:
    def run(*program: str, options: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "obs_core", "run", *options, "--", *program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "OBS_STORE": str(folder)},
        )

    return run


def test_streams_and_exit_code_are_the_programs(start: Start, folder: Path) -> None:
    process = start("sh", "-c", "cat; echo said >&2; exit 7")
    assert process.communicate("given", timeout=120) == ("given", "said\n")
    assert process.returncode == 7
    (view,) = list_executions(folder)
    assert (view.name, view.status, view.error) == ("sh", "failed", "SystemExit: 7")
    assert view.command == "sh -c 'cat; echo said >&2; exit 7'"


def test_a_success_is_one(start: Start, folder: Path) -> None:
    assert start("true", options=("--name", "nightly")).wait(120) == 0
    (view,) = list_executions(folder)
    assert (view.name, view.status) == ("nightly", "succeeded")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1])
def test_signals_are_passed_on_and_end_both_alike(start: Start, folder: Path, number: signal.Signals) -> None:
    # Whoever runs the tests may ignore some of them, which a program inherits.
    restored = f"import signal; signal.signal({number:d}, signal.SIG_DFL); print('ready', flush=True); signal.pause()"
    process = start(sys.executable, "-c", restored)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(number)
    process.communicate(timeout=120)
    assert process.returncode == -number
    (view,) = list_executions(folder)
    assert (view.status, view.error) == ("failed", f"Terminated: {number.name}")
    evidence = load_execution("last", folder).why().evidence
    assert any(f"obs run passed on {number.name}" in one for one in evidence), evidence


def test_a_program_that_handles_a_signal_ends_as_it_likes(start: Start) -> None:
    process = start("sh", "-c", "trap 'echo bye; exit 5' TERM; echo ready; while :; do sleep 0.05; done")
    assert process.stdout is not None
    process.stdout.readline()
    process.terminate()
    assert process.communicate(timeout=120)[0] == "bye\n"
    assert process.returncode == 5


def test_one_that_ignores_its_timeout_is_killed(start: Start, folder: Path) -> None:
    ignoring = "trap '' TERM; echo ready; while :; do sleep 0.05; done"
    process = start("sh", "-c", ignoring, options=("--timeout", "1", "--grace", "0.2"))
    process.communicate(timeout=120)
    assert process.returncode == 124
    (view,) = list_executions(folder)
    assert view.error is not None
    assert view.error.startswith("TimeoutError: ")
    assert "ended by SIGKILL" in load_execution("last", folder).why().paragraph


def test_what_cannot_be_run_is_said(start: Start, folder: Path, tmp_path: Path) -> None:
    process = start("no-such-program")
    assert process.communicate(timeout=120)[1] == "obs: cannot run 'no-such-program': No such file or directory\n"
    assert process.returncode == 127
    (tmp_path / "data").write_text("")
    assert start(str(tmp_path / "data")).wait(120) == 126
    assert [view.status for view in list_executions(folder)] == ["failed", "failed"]


def test_tasks_outside_any_execution_belong_to_it(start: Start, folder: Path) -> None:
    source = "from obs_core import task\n@task\ndef load(): pass\nload()"
    process = start(sys.executable, "-c", source)
    assert process.wait(120) == 0
    (view,) = list_executions(folder)
    assert [one.name for one in load_execution(view.id, folder).tasks] == ["load"]


def test_the_programs_signals_are_as_they_were(start: Start) -> None:
    source = "import signal; print(signal.pthread_sigmask(signal.SIG_BLOCK, []))"
    assert start(sys.executable, "-c", source).communicate(timeout=120)[0] == "set()\n"


def test_wrong_options_are_refused(start: Start) -> None:
    for options, complaint in (
        (("--timeout", "-1"), "obs: --timeout must be 0 or more seconds, got -1.0\n"),
        (("--grace", "nan"), "obs: --grace must be 0 or more seconds, got nan\n"),
    ):
        process = start("true", options=options)
        assert process.communicate(timeout=120)[1] == complaint
        assert process.returncode == 2


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["python", "jobs/train.py"], "train"),
        (["/usr/bin/python3.11", "-u", "train.py", "--fast"], "train"),
        (["python", "-m", "jobs.train"], "jobs.train"),
        (["python", "-c", "pass"], "python"),
        (["./nightly.sh", "now"], "nightly"),
        (["python"], "python"),
    ],
)
def test_an_execution_is_named_by_its_command(command: list[str], name: str) -> None:
    assert name_of(command) == name


NIGHTLY = """
import os, signal, sys
from obs_core import check, execution, log_params, task
from obs_core.journal import flusher

how = sys.argv[1]

@task
def load(rows):
    check("rows > 0", rows > 0)
    flusher.flush_all()
    if how == "exit":
        sys.exit(3)
    if how == "_exit":
        os._exit(4)
    if how in ("kill", "term"):
        os.kill(os.getpid(), signal.SIGKILL if how == "kill" else signal.SIGTERM)
    if how in ("raise", "caught"):
        raise ValueError("no rows")

log_params(early=1)
try:
    with execution("nightly", tags={"rows": how}):
        rows = int(how) if how.isdecimal() else 7
        log_params(rows=rows)
        load(rows)
except ValueError:
    if how != "caught":
        raise
if how == "late":
    sys.exit(5)
if how == "raise late":
    raise KeyError("late")
"""


@pytest.fixture
def nightly(tmp_path: Path) -> str:
    script = tmp_path / "nightly.py"
    script.write_text(NIGHTLY)
    return str(script)


def test_an_execution_of_the_same_name_is_the_one_of_obs_run(
    start: Start, folder: Path, nightly: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for how in ("5", "0", "7"):
        assert start(sys.executable, nightly, how).wait(120) == 0
    views = list(list_executions(folder))
    assert [(one.name, one.status, one.tags, one.within) for one in views] == [
        ("nightly", "succeeded", {"rows": rows}, "") for rows in ("7", "0", "5")
    ]
    third = load_execution(views[0].id, folder)
    assert [one.name for one in third.tasks] == ["nightly", "load"]  # what was logged outside any task is the first's
    assert third.params() == {"rows": 7, "early": 1}
    assert third.view == views[0]
    changes = third.changes()
    assert changes.other is not None
    assert changes.other.id == views[2].id  # not the one with a failed check
    assert obs(["check", views[1].id, "--store", str(folder)]) == 1
    assert "rows > 0" in capsys.readouterr().out
    assert obs(["check", "nightly", "--store", str(folder)]) == 0


@pytest.mark.parametrize(
    ("how", "code", "error", "cause"),
    [
        ("raise", 1, "ValueError: no rows", "exception"),
        ("exit", 3, "SystemExit: 3", "exit"),
        ("_exit", 4, "SystemExit: 4", "exit"),
        ("kill", -signal.SIGKILL, "Terminated: SIGKILL", "killed"),
        ("term", -signal.SIGTERM, "Terminated: SIGTERM", "terminated"),
        ("late", 5, "SystemExit: 5", "exit"),
        ("raise late", 1, "KeyError: 'late'", "exception"),
        ("caught", 0, "ValueError: no rows", "exception"),
    ],
)
def test_how_its_process_ended_is_known(
    start: Start, folder: Path, nightly: str, how: str, code: int, error: str, cause: str
) -> None:
    assert start(sys.executable, nightly, how).wait(120) == code
    (view,) = list_executions(folder)
    found = load_execution(view.id, folder)
    assert (view.status, view.error, view.tags) == ("failed", error, {"rows": how})
    assert (found.view.status, found.view.error) == ("failed", error)
    why = found.why()
    assert (why.cause, why.known) == (cause, True)
    assert any(one.startswith("obs run saw it end") for one in why.evidence)
    if "late" not in how:
        assert why.task == "load"


def test_only_the_first_of_the_name_and_of_its_own_process_is_it(start: Start, folder: Path, tmp_path: Path) -> None:
    script = tmp_path / "job.py"
    script.write_text("""
import os, subprocess, sys
from obs_core import execution
from obs_core.journal import flusher
if len(sys.argv) == 1:
    subprocess.run([sys.executable, __file__, "child"], check=True)
    with execution("other"), execution("job"):
        pass
    flusher.flush_all()
    if not os.environ.get("AGAIN"):
        os.execve(sys.executable, [sys.executable, __file__], {**os.environ, "AGAIN": "1"})
else:
    with execution("job"):
        pass
""")
    assert start(sys.executable, str(script)).wait(120) == 0
    views = list(list_executions(folder))[::-1]
    first = views[0].id
    assert [(one.name, one.within, one.status) for one in views] == [
        ("job", "", "succeeded"),
        *[("job", first, "succeeded"), ("other", first, "succeeded")],
        *[("job", first, "succeeded"), ("other", first, "succeeded"), ("job", first, "succeeded")],
    ]


def test_it_goes_on_until_its_process_has_ended(start: Start, folder: Path, tmp_path: Path) -> None:
    script = tmp_path / "job.py"
    script.write_text("""
import sys
from obs_core import execution
with execution("job") as run:
    pass
print(run.id, flush=True)
sys.stdin.read()
""")
    process = start(sys.executable, str(script))
    assert process.stdout is not None
    execution_id = process.stdout.readline().strip()
    (view,) = list_executions(folder)
    assert (view.id, view.status) == (execution_id, "running")
    process.communicate("", timeout=120)
    (view,) = list_executions(folder)
    assert (view.id, view.status) == (execution_id, "succeeded")


def test_if_obs_run_itself_was_killed_the_programs_word_counts(start: Start, folder: Path, tmp_path: Path) -> None:
    script = tmp_path / "job.py"
    script.write_text("""
import os, signal
from obs_core import execution
with execution("job", tags={"year": 2013}):
    os.kill(os.getppid(), signal.SIGKILL)
print("done", flush=True)
""")
    process = start(sys.executable, str(script))
    assert process.communicate(timeout=120)[0] == "done\n"
    (view,) = list_executions(folder)
    assert (view.status, view.tags) == ("succeeded", {"year": "2013"})

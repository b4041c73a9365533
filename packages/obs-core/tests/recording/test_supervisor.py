"""``obs run``: the program behaves as without it, and how it ended is recorded."""

from __future__ import annotations

import contextlib
import os
import re
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from obs_core import list_executions, load_execution
from obs_core.commands import main as obs
from obs_core.reading.why import sections_of
from obs_core.recording.supervisor import name_of

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="obs run needs Linux")

needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason="a shell with job control is needed")

LONGER_AND_LONGER = ("0.2", "5", "60")
"""Seconds for a program to begin in, before its time is over: what a busy machine needs is given once it is known."""

Start = Callable[..., "subprocess.Popen[str]"]
Telling = Callable[[str], "subprocess.Popen[str]"]


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


def test_of_a_program_smaller_than_obs_run_no_memory_is_said(start: Start, folder: Path) -> None:
    start("sh", "-c", "exit 7").wait(120)
    text = str(list(sections_of(load_execution("last", folder).why())))
    assert "It used " in text
    assert "of memory" not in text
    assert "largest process" not in text


def test_of_a_larger_program_its_memory_is_said(start: Start, folder: Path) -> None:
    start(sys.executable, "-c", "held = bytearray(b'x') * 90_000_000; raise SystemExit(7)").wait(120)
    text = str(list(sections_of(load_execution("last", folder).why())))
    found = re.search(r"It held at most ([\d.]+) MB of memory, and used ", text)
    assert found is not None, text
    assert 90 <= float(found[1]) <= 150


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


@pytest.mark.parametrize("name", ["k", "another"])
def test_an_interrupt_is_told_with_the_line_that_it_came_to(
    start: Start, folder: Path, tmp_path: Path, name: str
) -> None:
    program = tmp_path / "interrupted.py"
    program.write_text(
        "from obs_core import execution, span, task\n"
        "@task\n"
        "def work():\n"
        "    with span('merge'): raise KeyboardInterrupt('me')\n"
        "with execution('k'): work()\n"
    )
    process = start(sys.executable, str(program), options=("--name", name))
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGINT
    for view in list_executions(folder):
        found = load_execution(view.id, folder).why()
        assert (view.error, found.cause) == ("KeyboardInterrupt: me", "exception")
        assert (found.error[0][0], found.place) == ("KeyboardInterrupt: me", f"{program}:4")
        assert found.lines == []
        assert any("ended by SIGINT" in one for one in found.evidence)


def test_who_tidies_up_and_ends_himself_by_the_signal_is_told_by_his_exception(start: Start, folder: Path) -> None:
    source = """
import atexit, os, signal
def stop(number, frame):
    raise RuntimeError("stopped")
def end():
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTERM)
atexit.register(end)  # after what obs does at the end
from obs_core import task
@task
def work():
    signal.signal(signal.SIGTERM, stop)
    os.kill(os.getpid(), signal.SIGTERM)
work()
"""
    process = start(sys.executable, "-c", source)
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGTERM
    (view,) = list_executions(folder)
    found = load_execution(view.id, folder).why()
    assert (found.cause, found.task, found.error[0][0]) == ("exception", "work", "RuntimeError: stopped")


TELLS = """
import os, signal
signal.alarm(60)
awaited = {signal.SIGHUP, signal.SIGUSR1}
signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
print(os.getpid(), flush=True)
while True:
    print(signal.Signals(signal.sigwait(awaited)).name, flush=True)
"""


def told(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.fixture
def telling(folder: Path) -> Iterator[Telling]:
    """Starts programs that tell which signals they get, each under an obs run that leads a group of its own."""
    started: list[tuple[subprocess.Popen[str], int]] = []

    def run(source: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "obs_core", "run", "--", sys.executable, "-c", source]
        environment = {**os.environ, "OBS_STORE": str(folder)}
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True)
        started.append((process, int(told(process))))
        return process

    yield run
    for process, program in started:
        process.send_signal(signal.SIGCONT)
        with contextlib.suppress(ProcessLookupError):
            os.kill(program, signal.SIGKILL)
        process.communicate(timeout=120)


def test_each_signal_is_passed_on_once(telling: Telling) -> None:
    process = telling(TELLS)
    for number in (signal.SIGHUP, signal.SIGHUP, signal.SIGUSR1, signal.SIGHUP):
        process.send_signal(number)
        assert told(process) == number.name


def test_each_signal_that_would_end_a_program_is_passed_on_and_ends_obs_run_with_it_alone(telling: Telling) -> None:
    """A signal that stops, or that a process does not notice by default, is none of them."""
    others = {signal.SIGKILL, signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGCONT}
    awaited = sorted({*map(int, signal.valid_signals())} - {*map(int, others), int(signal.SIGCHLD)})
    process = telling(f"""
import os, signal
signal.alarm(60)
signal.pthread_sigmask(signal.SIG_BLOCK, {awaited})
print(os.getpid(), flush=True)
while (number := int(signal.sigwait({awaited}))) != signal.SIGRTMAX:
    print(number, flush=True)
signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGRTMAX])
os.kill(os.getpid(), signal.SIGRTMAX)
""")
    for number in awaited[:-1]:
        process.send_signal(number)
        assert told(process) == str(number)
    process.send_signal(awaited[-1])
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGRTMAX


def test_a_signal_is_passed_on_also_if_it_follows_one_to_the_group_at_once(telling: Telling) -> None:
    process = telling(TELLS)
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED)
    os.killpg(process.pid, signal.SIGHUP)
    assert told(process) == "SIGHUP"
    process.send_signal(signal.SIGHUP)  # to obs run it is one with that to the group
    process.send_signal(signal.SIGCONT)
    assert told(process) == "SIGHUP"


def test_a_program_in_a_group_of_its_own_gets_what_is_sent_to_that_of_obs_run(telling: Telling) -> None:
    process = telling(f"import os; os.setpgid(0, 0)\n{TELLS}")
    os.killpg(process.pid, signal.SIGHUP)
    assert told(process) == "SIGHUP"


def test_a_hangup_of_the_terminal_reaches_the_program_if_obs_run_leads_the_session(folder: Path) -> None:
    program = "from signal import *; alarm(60); signal(SIGHUP, SIG_DFL); print('ready', flush=True); pause()"
    leader = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY); os.execv(sys.executable, sys.argv[1:])"
    command = [sys.executable, "-m", "obs_core", "run", "--", sys.executable, "-c", program]
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", leader, *command],
        stdin=theirs,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OBS_STORE": str(folder)},
        start_new_session=True,
    )
    os.close(theirs)
    assert told(process) == "ready"
    os.close(ours)
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGHUP


def test_a_program_that_handles_a_signal_ends_as_it_likes(start: Start) -> None:
    process = start("sh", "-c", "trap 'echo bye; exit 5' TERM; echo ready; while :; do sleep 0.05; done")
    assert process.stdout is not None
    process.stdout.readline()
    process.terminate()
    assert process.communicate(timeout=120)[0] == "bye\n"
    assert process.returncode == 5


def test_one_that_ignores_its_timeout_is_killed(start: Start, folder: Path) -> None:
    ignoring = "trap '' TERM; echo ready; while :; do sleep 0.05; done"
    for seconds in LONGER_AND_LONGER:
        process = start("sh", "-c", ignoring, options=("--timeout", seconds, "--grace", "0.2"))
        if process.communicate(timeout=120)[0] == "ready\n":
            break
    assert process.returncode == 124
    view, *_ = list_executions(folder)
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
    process = start("")
    assert process.communicate(timeout=120)[1] == "obs: which program? obs run -- python train.py\n"
    assert process.returncode == 2
    assert len([*list_executions(folder)]) == 2


def test_tasks_outside_any_execution_belong_to_it(start: Start, folder: Path) -> None:
    source = "from obs_core import task\n@task\ndef load(): pass\nload()"
    process = start(sys.executable, "-c", source)
    assert process.wait(120) == 0
    (view,) = list_executions(folder)
    assert [one.name for one in load_execution(view.id, folder).tasks] == ["load"]


def test_what_is_said_outside_of_all_tasks_belongs_to_it(start: Start, folder: Path) -> None:
    source = """
import logging, sys
from obs_core import execution, task
print("before the first task")
@task
def load():
    print("in the task")
load()
logging.warning("between")
with execution("of its own"):
    print("in that one")
print("after all tasks")
sys.stdout.write("without an end of line")
sys.exit(3)
"""
    process = start(sys.executable, "-c", source)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 3
    assert said.endswith("after all tasks\nwithout an end of line")
    (outer,) = [view for view in list_executions(folder) if view.name != "of its own"]
    read = load_execution(outer.id, folder)
    assert [line.text for line in read.log()] == [
        "before the first task",
        "in the task",
        "between",
        "after all tasks",
        "without an end of line",
    ]
    assert [line.text for line in read.task("load").log()] == ["in the task"]
    assert read.why().lines[-1] == "without an end of line"
    (inner,) = [view for view in list_executions(folder) if view.name == "of its own"]
    assert [line.text for line in load_execution(inner.id, folder).log()] == ["in that one"]


def test_the_traceback_that_ends_a_program_is_none_of_its_last_lines(start: Start, folder: Path) -> None:
    source = """
from obs_core import task
task(print)("in the task")
print("the disk is full")
def deeper(left):
    if left:
        deeper(left - 1)
    try:
        {}["price"]
    except KeyError as error:
        raise ValueError("no price") from error
deeper(20)
"""
    process = start(sys.executable, "-c", source)
    assert process.wait(120) == 1
    (view,) = list_executions(folder)
    found = load_execution(view.id, folder).why()
    assert found.error[0][0] == "ValueError: no price"
    assert found.lines == ["in the task", "the disk is full"]


def test_last_lines_are_called_those_that_were_kept_where_others_may_follow(start: Start, folder: Path) -> None:
    child = "from obs_core import task\n@task\ndef load(): print('in the task')\nload()"
    process = start("sh", "-c", '"$0" -c "$1"; echo last words; exit 4', sys.executable, child)
    assert process.wait(120) == 4
    (view,) = list_executions(folder)
    found = load_execution(view.id, folder).why()
    assert found.lines == ["in the task"]
    assert ("Last lines kept", ["in the task"]) in sections_of(found)
    assert "Its last line" not in found.paragraph


def test_commands_of_obs_take_no_part_in_what_runs_them(start: Start, folder: Path) -> None:
    process = start(sys.executable, "-m", "obs_core", "run", "--name", "inner", "--", "echo", "said")
    assert process.wait(120) == 0
    found = {view.name: view.status for view in list_executions(folder)}
    assert found == {"obs_core": "succeeded", "inner": "succeeded"}
    outer = next(view for view in list_executions(folder) if view.name == "obs_core")
    assert len(load_execution(outer.id, folder).log()) == 0


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
        (["python", "-W", "ignore", "jobs/train.py"], "train"),
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


@pytest.mark.parametrize(("counted", "said"), [("3", ["It was attempt 3 (OBS_ATTEMPT)."]), ("1", []), (None, [])])
def test_which_attempt_it_was_is_told(
    start: Start, folder: Path, monkeypatch: pytest.MonkeyPatch, counted: str | None, said: list[str]
) -> None:
    if counted is not None:
        monkeypatch.setenv("OBS_ATTEMPT", counted)
    assert start("false").wait(120) == 1
    assert [one for one in load_execution("last", folder).why().evidence if "attempt" in one] == said


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


def test_an_exception_that_a_hook_makes_a_success_of_did_not_end_the_program(
    start: Start, folder: Path, tmp_path: Path
) -> None:
    script = tmp_path / "job.py"
    script.write_text("""
import sys
from obs_core import task
sys.excepthook = lambda *_: sys.exit(0)
task(print)("in the task")
raise ValueError("handled by the hook")
""")
    assert start(sys.executable, str(script)).wait(120) == 0
    (view,) = list_executions(folder)
    assert (view.status, view.error) == ("succeeded", None)


JOB = """
import os, signal, sys
from obs_core import execution
if "handles" in sys.argv:
    signal.signal(signal.SIGTSTP, lambda *_: print("goes on", flush=True))
with execution("job"):
    print("pid", os.getpid(), flush=True)
    for line in sys.stdin:
        print("read", line.strip(), flush=True)
        if line.strip() == "end":
            break
"""


class Shell:
    """An interactive shell in a terminal of its own."""

    def __init__(self, folder: Path) -> None:
        self.seen = ""
        self.terminal, theirs = os.openpty()
        bash = "os.execvp('bash', ['bash', '--norc', '--noprofile', '--noediting', '-i'])"
        self.process = subprocess.Popen(
            [sys.executable, "-c", f"import fcntl, os, termios; fcntl.ioctl(0, termios.TIOCSCTTY); {bash}"],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**os.environ, "OBS_STORE": str(folder), "PS1": "$ ", "TERM": "dumb", "HISTFILE": ""},
            start_new_session=True,
        )
        os.close(theirs)

    def types(self, text: str) -> None:
        os.write(self.terminal, text.encode())

    def shows(self, text: str) -> str:
        """Read until the terminal shows a text, and return what came up to there."""
        while text not in self.seen:
            ready, _, _ = select.select([self.terminal], [], [], 60)
            assert ready, self.seen
            self.seen += os.read(self.terminal, 4096).decode()
        before, _, self.seen = self.seen.partition(text)
        return before + text

    def close(self) -> None:
        os.close(self.terminal)  # which hangs up
        self.process.wait(120)


@pytest.fixture
def shell(folder: Path) -> Iterator[Shell]:
    made = Shell(folder)
    yield made
    made.close()


@pytest.fixture
def job(tmp_path: Path) -> str:
    script = tmp_path / "job.py"
    script.write_text(JOB)
    return f"{sys.executable} -m obs_core run -- {sys.executable} {script}"


@needs_bash
def test_a_job_stops_and_goes_on_in_a_shell_as_without_obs_run(shell: Shell, job: str, folder: Path) -> None:
    shell.types(f"{job}\n")
    shell.shows("pid ")
    for way in ("fg", "bg, then fg"):
        shell.types("\x1a")
        shell.shows("Stopped")
        if way != "fg":
            shell.types("bg; wait %1\n")
            shell.shows("Stopped")  # it reads from the terminal, which is not its own now
        shell.types("fg\n")
        shell.shows("job.py")
        shell.types(f"{way}\n")
        shell.shows(f"read {way}")
    shell.types("end\n")
    shell.shows("read end")
    shell.types("echo status $?\n")
    shell.shows("status 0")
    (view,) = list_executions(folder)
    assert view.status == "succeeded"


@needs_bash
def test_a_program_that_does_not_stop_keeps_the_terminal(shell: Shell, job: str) -> None:
    shell.types(f"{job} handles\n")
    shell.shows("pid ")
    shell.types("\x1a")
    shell.shows("goes on")
    shell.types("end\n")
    assert "Stopped" not in shell.shows("read end")


@needs_bash
@pytest.mark.skipif(shutil.which("timeout") is None, reason="needs timeout(1)")
def test_keys_of_the_terminal_reach_a_program_that_has_a_process_group_of_its_own(
    shell: Shell, folder: Path, tmp_path: Path
) -> None:
    script = tmp_path / "job.py"
    script.write_text("""
import signal
for one in (signal.SIGQUIT, signal.SIGCONT):
    signal.signal(one, lambda number, _: print("got", signal.Signals(number).name, flush=True))
print("ready", flush=True)
while True:
    signal.pause()
""")
    shell.types(f"{sys.executable} -m obs_core run -- timeout 100 {sys.executable} {script}\n")
    shell.shows("ready")
    shell.types("\x1c")
    shell.shows("got SIGQUIT")
    shell.types("\x1a")
    shell.shows("Stopped")
    shell.types("fg\n")
    shell.shows("got SIGCONT")
    shell.types("\x03")
    shell.shows("KeyboardInterrupt")
    shell.types("echo status $?\n")
    shell.shows("status 130")
    evidence = load_execution("last", folder).why().evidence
    assert any(one.startswith("obs run passed on SIGINT, ") for one in evidence), evidence


@needs_bash
def test_a_key_of_the_terminal_is_not_said_to_have_been_passed_on(shell: Shell, job: str, folder: Path) -> None:
    shell.types(f"{job}\n")
    shell.shows("pid ")
    shell.types("\x03")
    shell.shows("KeyboardInterrupt")
    shell.types("echo status $?\n")
    shell.shows("status 130")
    evidence = load_execution("last", folder).why().evidence
    assert not any("passed on" in one for one in evidence), evidence
    assert any(one.startswith("The terminal sent SIGINT to the process group of obs run, ") for one in evidence)


SENDERS = """
import os, signal, sys
asked = {signal.SIGHUP, signal.SIGCONT, signal.SIGWINCH}
signal.pthread_sigmask(signal.SIG_BLOCK, asked)
with open(sys.argv[1], "w", buffering=1) as file:
    print("ready", os.getppid(), flush=True)
    while True:
        found = signal.sigwaitinfo(asked)
        whose = "obs run" if found.si_pid == os.getppid() else "others"
        file.write(f"{signal.Signals(found.si_signo).name} of {whose}\\n")
        if found.si_signo == signal.SIGWINCH:
            break
"""
"""Tells who sent it a signal, until SIGWINCH comes: the last of these that `obs run` takes if several wait."""


class Senders:
    """A program that tells who sent it signals, beneath `obs run`."""

    def __init__(self, folder: Path) -> None:
        script, self.file = folder / "senders.py", folder / "senders.txt"
        script.write_text(SENDERS)
        self.command = [sys.executable, "-m", "obs_core", "run", "--", sys.executable, str(script), str(self.file)]

    def told(self, supervisor: int) -> list[str]:
        """End it by a signal to `obs run`, and return what it has told, each once."""
        ended = os.pidfd_open(supervisor)
        os.kill(supervisor, signal.SIGWINCH)
        assert select.select([ended], [], [], 60)[0]
        os.close(ended)
        return sorted(set(self.file.read_text().splitlines()))


@pytest.fixture
def senders(tmp_path: Path) -> Senders:
    return Senders(tmp_path)


@needs_bash
def test_a_hangup_that_a_shell_passes_on_is_not_passed_on_again(folder: Path, senders: Senders) -> None:
    shell = Shell(folder)
    shell.types(f"{' '.join(senders.command)}\n")
    shell.shows("ready ")
    supervisor = int(shell.shows("\n"))
    shell.close()
    told = senders.told(supervisor)
    assert "SIGHUP of others" in told
    assert [one for one in told if one.endswith("obs run")] == ["SIGWINCH of obs run"]


def test_a_hangup_that_is_told_to_obs_run_alone_is_passed_on(folder: Path, senders: Senders) -> None:
    terminal, theirs = os.openpty()
    takes = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY); os.execv(sys.executable, sys.argv[1:])"
    process = subprocess.Popen(
        [sys.executable, "-c", takes, *senders.command],
        stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, "OBS_STORE": str(folder)},
        start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    said = ""
    while not said.endswith("\n"):
        said += os.read(terminal, 4096).decode()
    os.close(terminal)
    told = senders.told(process.pid)
    process.wait(60)
    assert "SIGHUP of obs run" in told


@needs_bash
def test_what_lets_a_stopped_program_go_on_comes_to_it_once(shell: Shell, senders: Senders) -> None:
    shell.types(f"{' '.join(senders.command)}\n")
    shell.shows("ready ")
    supervisor = int(shell.shows("\n"))
    shell.types("\x1a")
    shell.shows("Stopped")
    shell.types("fg\n")
    shell.shows("senders.py")
    assert senders.told(supervisor) == ["SIGCONT of others", "SIGWINCH of obs run"]


@needs_bash
def test_a_shell_that_suspends_itself_stops_and_goes_on_as_without_obs_run(shell: Shell, folder: Path) -> None:
    shell.types(f"{sys.executable} -m obs_core run -- bash --norc --noprofile --noediting -i\n")
    shell.types("PS1='in''side> '\n")
    shell.shows("inside> ")
    for stops in ("suspend", "kill -STOP $$"):
        shell.types(f"{stops}\n")
        shell.shows("Stopped")
        shell.types("echo out''side; fg\n")
        shell.shows("outside")
        shell.types("sh -c 'echo job be\"\"gun; exec sleep 1000'\n")
        shell.shows("job begun")
        shell.types("\x1a")
        shell.shows("Stopped")
        shell.types("kill -KILL %1; disown -a; echo job en''ded\n")
        shell.shows("job ended")
    shell.types("exit 7\n")
    shell.types("echo status $?\n")
    shell.shows("status 7")
    (view,) = list_executions(folder)
    assert view.error == "SystemExit: 7"


def of_another_user() -> tuple[list[str], list[str]] | None:
    """Return what `obs run` and its program are started by for that to be another user's, which takes no signals."""
    if os.geteuid() == 0 and shutil.which("setpriv"):
        return ["setpriv", "--bounding-set", "-kill"], ["setpriv", "--reuid", "65534"]
    if shutil.which("sudo") and not subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode:
        return [], ["sudo", "-n"]
    return None


@pytest.mark.parametrize("is_asked", [True, False], ids=["asked", "timeout"])
def test_a_program_of_another_user_goes_on_and_ends_as_it_does(folder: Path, is_asked: bool) -> None:
    started_by = of_another_user()
    if started_by is None:
        pytest.skip("no program of another user can be started here")
    before, program = started_by
    says = [*program, "sh", "-c", "echo ready; cat; exit 5"]
    for seconds in LONGER_AND_LONGER:
        options = [] if is_asked else ["--timeout", seconds, "--grace", "0.1"]
        process = subprocess.Popen(
            [*before, sys.executable, "-m", "obs_core", "run", *options, "--", *says],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "OBS_STORE": str(folder)},
        )  # fmt: skip
        assert process.stdout is not None
        if process.stdout.readline() == "ready\n":
            break
        process.communicate(timeout=120)  # its user was not another one yet
    assert process.stderr is not None
    if is_asked:
        process.send_signal(signal.SIGTERM)
    assert process.stderr.readline() == "obs: SIGTERM cannot be sent to another user's program\n"
    assert process.communicate("goes on\n", timeout=120) == ("goes on\n", "")
    assert process.returncode == (5 if is_asked else 124)
    evidence = load_execution("last", folder).why().evidence
    assert not any("passed on" in one for one in evidence), evidence

"""Why an execution ended, told from what real processes leave that end in each way, with and without ``obs run``."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from obs_core import (
    Deck,
    Execution,
    execution,
    identity,
    list_executions,
    load_execution,
    log_params,
    span,
    task,
    track,
)
from obs_core.assembly.loading import assembled
from obs_core.commands import main as obs
from obs_core.reading import endings
from obs_core.reading.why import SpanAtEnd, Why, sections_of, why
from obs_core.rendering import verdict_mark
from obs_core.text.durations import format_duration, format_moment

SOURCE = """
import ctypes, os, signal, sys, time
from obs_core import execution, list_executions, load_execution, span, task

@task
def fit(rows):
    with span("merge"):
        print("ready", flush=True)
        HOW

with execution("train"):
    fit([1, 2])
"""

OF_SEGFAULT = "ctypes.string_at(0)"
OF_EXIT = "os._exit(3)"
OF_KILL = "time.sleep(1.3); os.kill(os.getpid(), signal.SIGKILL)"
OF_TERM = "os.kill(os.getpid(), signal.SIGTERM)"
WAITS = "for _ in range(3000): time.sleep(0.1)"
LINE = SOURCE[: SOURCE.index("HOW")].count("\n") + 1
"""The line of the script in which it ends."""


@pytest.fixture
def train(tmp_path: Path, folder: Path) -> Callable[..., subprocess.Popen[str]]:
    """Start a script that ends in a way of its own, under ``obs run`` or not."""

    def start(how: str, *, run: bool = False, options: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        script = tmp_path / "train.py"
        script.write_text(SOURCE.replace("HOW", how))
        before = [sys.executable, "-m", "obs_core", "run", *options, "--"] if run else []
        return subprocess.Popen(
            [*before, sys.executable, str(script)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "OBS_STORE": str(folder), "OBS_STRICT": "0"},
        )

    return start


def newest(folder: Path) -> Why:
    """What is said of the last execution."""
    return load_execution("last", folder).why()


@pytest.mark.parametrize("run", [False, True], ids=["alone", "obs run"])
@pytest.mark.parametrize(
    ("how", "status", "alone", "seen"),
    [
        (OF_SEGFAULT, -signal.SIGSEGV, "crashed", "crashed"),
        (OF_TERM, -signal.SIGTERM, "terminated", "terminated"),
        (OF_KILL, -signal.SIGKILL, "vanished", "killed"),
        (OF_EXIT, 3, "vanished", "exit"),
        ("sys.exit(1)", 1, "exit", "exit"),
        ("raise ValueError('no such airport')", 1, "exception", "exception"),
    ],
    ids=["segfault", "SIGTERM", "SIGKILL", "os._exit", "exit 1", "exception"],
)
def test_the_cause_is_told(
    train: Callable[..., subprocess.Popen[str]], folder: Path, how: str, status: int, alone: str, seen: str, run: bool
) -> None:
    process = train(how, run=run)
    process.communicate(timeout=120)
    assert process.returncode == status
    found = newest(folder)
    assert (found.cause, found.task) == (seen if run else alone, "fit"), found.paragraph
    assert found.known == (run or alone != "vanished")
    assert "fit of train" in found.paragraph


def test_the_execution_of_obs_run_names_one_of_another_name_that_tells_more(
    train: Callable[..., subprocess.Popen[str]], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train("raise ValueError('no such airport')", run=True, options=("--name", "night")).communicate(timeout=120)
    inner, outer = list_executions(folder)
    of_program = load_execution(inner.id, folder).why()
    assert (of_program.cause, of_program.known) == ("exception", True)
    assert any(one.startswith("obs run saw it end") for one in of_program.evidence)
    found = load_execution(outer.id, folder).why()
    assert (found.cause, found.known, found.error) == ("exit", True, [])
    assert "ended with exit code 1" in found.paragraph
    assert f"It ran the execution train ({inner.id}), which tells more: ValueError: no such airport." in found.paragraph
    assert obs(["ls", "--store", str(folder)]) == 0
    of_inner, of_outer = capsys.readouterr().out.splitlines()[1:]
    assert of_inner.endswith(f"train (in {outer.id})")
    assert of_outer.endswith("night")


def test_the_failed_tasks_own_report_says_why_too(folder: Path) -> None:
    @task
    def fine() -> None:
        print("fine")

    @task
    def fit() -> None:
        raise ValueError("no such airport")

    @execution("train", store=folder)
    def train() -> None:
        fine()
        fit()

    with pytest.raises(ValueError, match="no such"):
        train()
    found = load_execution("last", folder)
    paragraph = "fit of train failed at "
    assert paragraph in found.report(found.task("fit"))
    assert paragraph not in found.report(found.task("fine"))


def test_a_segfault_and_sigterm_leave_where_they_came(
    train: Callable[..., subprocess.Popen[str]], folder: Path, tmp_path: Path
) -> None:
    for how in (OF_SEGFAULT, OF_TERM):
        train(how).communicate(timeout=120)
        found = newest(folder)
        assert found.place == f"{tmp_path}/train.py:{LINE}"
        assert f"at train.py:{LINE}" in found.paragraph
        assert "fit" in [frame.function for frame in found.stack]
        assert found.task == "fit"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks at /proc")
def test_one_that_hangs_in_c_code_leaves_its_stack_when_it_is_told_to_end(
    train: Callable[..., subprocess.Popen[str]], folder: Path
) -> None:
    # No handler of Python's ever runs: the thread holds the interpreter and waits for a mutex that it has locked.
    process = train("c = ctypes.PyDLL(None); m = bytes(64); c.pthread_mutex_lock(m); c.pthread_mutex_lock(m)")
    assert process.stdout is not None
    process.stdout.readline()
    asleep = 0
    while asleep < 20:  # for longer than any thread of obs's holds the interpreter
        state = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0]
        asleep = asleep + 1 if state == "S" else 0
        time.sleep(0.02)
    process.terminate()
    while not any(f"line {LINE} in fit" in file.read_text() for file in folder.glob("executions/*/faults-*")):
        time.sleep(0.02)
    process.kill()
    process.communicate(timeout=120)
    found = newest(folder)
    assert (found.status, found.cause) == ("lost", "terminated")
    assert found.place.endswith(f"train.py:{LINE}")


def test_an_exception_is_told_with_its_place_its_span_and_the_inputs(
    train: Callable[..., subprocess.Popen[str]], folder: Path, tmp_path: Path
) -> None:
    train("raise ValueError('no such airport')").communicate(timeout=120)
    found = newest(folder)
    assert found.error == [("ValueError: no such airport", f"{tmp_path}/train.py:{LINE}")]
    assert found.span == "merge"
    assert [name for name, _ in found.inputs] == ["rows"]
    assert f'It was raised at train.py:{LINE}, in the span "merge".' in found.paragraph


def test_a_span_that_may_have_ended_in_the_last_silence_is_said_to_be_seen_last(
    train: Callable[..., subprocess.Popen[str]], folder: Path
) -> None:
    train(OF_KILL, run=True).communicate(timeout=120)
    run = load_execution("last", folder)
    end = run.why().at
    for known, told in ((50_000_000, "was last seen in"), (650_000_000, "was in")):
        seen = [SpanAtEnd("main.9", "epoch", start=end - known - 600_000_000, duration=known)]
        found = why(run.store, assembled(run.store, run.id), seen)
        assert f'It {told} "epoch"' in found.paragraph
        assert ("600 ms before the end" in found.paragraph) == (known < 600_000_000)
        assert found.open[0].duration == (known if known < 600_000_000 else known + 600_000_000)


def test_what_was_not_seen_after_it_began_is_said_to_have_begun_before_the_end(
    train: Callable[..., subprocess.Popen[str]], folder: Path
) -> None:
    train(OF_KILL, run=True).communicate(timeout=120)
    run = load_execution("last", folder)
    seen = [SpanAtEnd("main.9", "epoch", start=run.why().at - 200_000_000, duration=0)]
    told = dict(sections_of(why(run.store, assembled(run.store, run.id), seen)))
    assert told["Open at the end"] == ["epoch, which had begun 200 ms before the end"]


def test_a_difference_is_told_once_and_a_message_ends_in_one_full_stop(folder: Path) -> None:
    @task
    def fit(epochs: int) -> None:
        log_params(epochs=epochs)
        if epochs < 50:
            raise ValueError("Too few epochs.")

    with execution("train", store=folder):
        fit(60)
    with pytest.raises(ValueError, match="Too few"), execution("train", store=folder):
        fit(30)
    found = newest(folder)
    assert found.differences == ["fit's epochs was 60, now 30"]
    assert "ValueError: Too few epochs. It was raised at " in found.paragraph


def test_of_a_long_error_the_sentence_has_the_beginning_and_the_list_all(folder: Path) -> None:
    def lookup() -> None:
        try:
            raise KeyError("no row " * 40)
        except KeyError as error:
            raise ValueError("no airport " * 30) from error

    with pytest.raises(ValueError, match="no airport"), execution("train", store=folder):
        task(lookup, name="lookup")()
    found = newest(folder)
    failed, _, rest = found.paragraph.partition(" It was raised at ")
    assert failed.endswith("no airport no…"), failed
    assert len(failed) < 250
    assert "It was caused by KeyError: 'no row" in rest
    assert len(found.paragraph) < 700
    assert found.error[0][0] == f"ValueError: {('no airport ' * 30).strip()}"


def test_a_list_tells_when_one_that_was_killed_was_last_heard_of(
    train: Callable[..., subprocess.Popen[str]], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # It says so much that it writes no sign of life beside, and more than is read whole.
    train(f"[span('epoch').__enter__().__exit__(None, None, None) for _ in range(2000)]; {OF_KILL}").communicate()
    (view,) = list_executions(folder)
    assert view.status == "lost"
    assert view.duration == load_execution(view.id, folder).view.duration > 0
    capsys.readouterr()
    assert obs(["ls", "--store", str(folder)]) == 0
    assert f"≥ {format_duration(view.duration)}" in capsys.readouterr().out


def test_of_an_input_that_is_shown_as_a_table_the_cells_are_not_told(folder: Path) -> None:
    class Frame:
        def _repr_html_(self) -> str:
            return "<p>2 rows × 1 column</p><table><tr><td>first cell</td></tr></table>"

    @task
    def fit(rows: Frame) -> None:
        raise ValueError(rows)

    with pytest.raises(ValueError, match="Frame"), execution("train", store=folder):
        fit(Frame())
    assert newest(folder).inputs == [("rows", "2 rows × 1 column")]


def test_one_that_hangs_is_ended_after_its_time(train: Callable[..., subprocess.Popen[str]], folder: Path) -> None:
    process = train(WAITS, run=True, options=("--timeout", "1"))
    process.communicate(timeout=120)
    assert process.returncode == 124
    found = newest(folder)
    assert (found.cause, found.known) == ("timed-out", True)


def test_one_that_hangs_and_is_told_to_end_from_outside_leaves_its_stack(
    train: Callable[..., subprocess.Popen[str]], folder: Path
) -> None:
    process = train(WAITS)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.terminate()
    process.communicate(timeout=120)
    found = newest(folder)
    assert found.cause == "terminated"
    assert found.place.endswith((f"train.py:{LINE - 1}", f"train.py:{LINE}"))  # it may still be printing


def test_one_that_runs_is_said_to_run(train: Callable[..., subprocess.Popen[str]], folder: Path) -> None:
    process = train(WAITS)
    assert process.stdout is not None
    process.stdout.readline()
    assert newest(folder).cause == "running"
    process.kill()
    process.communicate(timeout=120)


OF_MEMORY = "hold = []\n        while True: hold.append(b'x' * 4_000_000)"


@pytest.fixture
def memory_cgroup() -> Iterator[Path]:
    """A memory cgroup of 200 MB below this process's own; skipped where none can be made."""
    own = {
        controllers: path
        for _, controllers, path in (line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines())
    }
    version_1 = "memory" in own
    above = Path("/sys/fs/cgroup/memory" if version_1 else "/sys/fs/cgroup") / own.get("memory", own.get("", "")).strip(
        "/"
    )
    made = above / f"obs-test-{os.getpid()}"
    try:
        made.mkdir()
        limit = made / ("memory.limit_in_bytes" if version_1 else "memory.max")
        limit.write_text("200000000")
    except OSError as error:
        if made.exists():
            made.rmdir()
        pytest.skip(f"no memory cgroup can be made here: {error}")
    yield made
    deadline = time.monotonic() + 30
    while True:
        try:
            made.rmdir()
            break
        except OSError:  # the kernel is still taking its processes out
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


@pytest.mark.parametrize("run", [False, True], ids=["alone", "obs run"])
def test_a_real_out_of_memory_kill_is_told(
    memory_cgroup: Path, train: Callable[..., subprocess.Popen[str]], folder: Path, tmp_path: Path, run: bool
) -> None:
    script = tmp_path / "train.py"
    script.write_text(SOURCE.replace("HOW", OF_MEMORY))
    command = [sys.executable, str(script)]
    if run:
        command = [sys.executable, "-m", "obs_core", "run", "--", *command]
    entered = ["sh", "-c", 'echo $$ > "$0"/cgroup.procs && exec "$@"', str(memory_cgroup), *command]
    env = {**os.environ, "OBS_STORE": str(folder), "OBS_STRICT": "0"}
    done = subprocess.run(entered, capture_output=True, check=False, env=env, timeout=120)
    assert done.returncode == -signal.SIGKILL
    found = newest(folder)
    if run:
        assert (found.cause, found.known) == ("out-of-memory", True)
        assert found.memory is not None
        assert "was killed by the kernel for its memory" in found.paragraph
        assert "of 200 MB (" in found.paragraph
    else:
        assert (found.cause, found.known) == ("vanished", False)
        assert "by somebody or for its memory" in found.paragraph


SAMPLED = """
from obs_core.journal import records
from obs_core.recording import samplers

class Sampling:
    def sample(self, runs):
        for run in runs:
            journal = run.journal
            for at, memory in ((journal.now() - 10**9, BEFORE), (journal.now(), MEMORY)):
                used = {"container.memory": memory, "container.limit": 2**30, "rss": 5e7}
                journal.append(records.Sample(at, used))
            journal.append(records.Calls(1, [(-1, "main", "/jobs/train.py", 4), (1, "merged", "/jobs/join.py", 88)]))
            journal.append(records.Stacks(journal.now(), [("Other", None, 1), ("MainThread", None, 2)]))
            journal.flush()
        sampled.append(1)

sampled = []
samplers._made = lambda: [Sampling()]
"""


@pytest.mark.parametrize(
    ("before", "memory", "cause"),
    [
        (1003 * 2**20, 1003 * 2**20, "out-of-memory"),
        (500 * 2**20, 500 * 2**20, "vanished"),
        (300 * 2**20, 700 * 2**20, "out-of-memory"),  # the next sample would have been beyond the limit
        (500 * 2**20, 700 * 2**20, "vanished"),
        (1000 * 2**20, 700 * 2**20, "vanished"),
    ],
)
def test_memory_near_its_limit_makes_it_the_probable_cause(
    run_script: Callable[..., subprocess.CompletedProcess[str]],
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    before: int,
    memory: int,
    cause: str,
) -> None:
    monkeypatch.delenv("OBS_RESOURCES", raising=False)
    how = "while not sampled: time.sleep(0.02)\n        print('row 17', flush=True); os.kill(os.getpid(), 9)"
    run_script(
        SAMPLED.replace("MEMORY", str(memory)).replace("BEFORE", str(before)) + SOURCE.replace("HOW", how), check=False
    )
    found = newest(folder)
    assert (found.cause, found.known) == (cause, False)
    assert found.memory is not None
    assert found.memory.limit == 2**30
    assert found.place == "/jobs/join.py:88"
    assert found.lines == ["ready", "row 17"]
    assert "at join.py:88" in found.paragraph
    assert 'Its last line was "row 17".' in found.paragraph
    if cause == "out-of-memory":
        used, grew = (
            ("0.7 of 1.1 GB (68.4 %)", ", and each second 419 MB more")
            if memory > before
            else (
                "1.1 of 1.1 GB (97.9 %)",
                "",
            )
        )
        told = f"was killed, probably for its memory: {used} were in use at its last sign of life{grew}."
        assert told in found.paragraph


@pytest.fixture
def killed(train: Callable[..., subprocess.Popen[str]], folder: Path) -> Execution:
    train(OF_KILL).communicate(timeout=120)
    return load_execution("last", folder)


def test_of_another_machine_nothing_is_guessed(killed: Execution, monkeypatch: pytest.MonkeyPatch) -> None:
    _silent(killed)
    monkeypatch.setattr(identity, "this_machine", lambda: "elsewhere/boot/pid")
    monkeypatch.setattr(identity, "host_name", lambda: "elsewhere")
    found = Execution(killed.store, killed.id).why()
    assert (found.status, found.cause, found.known) == ("lost", "unknown", False)
    assert "why is unknown" in found.paragraph


def test_a_restart_of_the_machine_is_told(killed: Execution, monkeypatch: pytest.MonkeyPatch) -> None:
    _silent(killed)
    host, _, rest = identity.this_machine().split("/", 2)
    monkeypatch.setattr(identity, "this_machine", lambda: f"{host}/another-boot/{rest}")
    for minutes, cause in ((1, "machine-restarted"), (600, "unknown")):
        started = time.time_ns() + minutes * 60 * 10**9
        monkeypatch.setattr(endings, "_machine_started", lambda started=started: started)
        assert Execution(killed.store, killed.id).why().cause == cause


def _silent(killed: Execution) -> None:
    """Let it be long ago that its journal was written."""
    for segment in Path(killed.store.address(f"executions/{killed.id}")).glob("*.jsonl"):
        os.utime(segment, (1, 1))


def test_it_is_compared_with_the_last_good_run(folder: Path) -> None:
    @task
    def fit(rows: list[int]) -> float:
        with span("share"):
            return 1 / len(rows)

    with execution("train", {"year": 2012}, store=folder) as good:
        fit([1, 2])
    with execution("other", store=folder):
        pass
    with pytest.raises(ZeroDivisionError), execution("train", {"year": 2013}, store=folder):
        fit([])
    found = newest(folder)
    assert found.last_success == good.id
    assert "the tag year was 2012, then 2013" in found.differences
    assert any(one.startswith("fit's rows was") for one in found.differences), found.differences
    assert "The last good run" in found.paragraph


def test_a_good_execution_is_said_to_be_good(folder: Path) -> None:
    with execution("train", store=folder):
        pass
    found = newest(folder)
    assert (found.cause, found.known) == ("succeeded", True)
    assert found.paragraph.startswith("train succeeded after ")


def test_of_a_good_execution_checks_that_failed_or_warned_are_told(folder: Path) -> None:
    @task
    def look() -> None:
        Deck("Delays").append(verdict_mark("warned", "Drift: 1 column"))
        Deck("Rules").append(verdict_mark("failed", "1 of 5 failed"))
        Deck("Rows").append(verdict_mark("passed", "all of them"))

    with execution("train", store=folder):
        look()
    paragraph = newest(folder).paragraph
    assert "The check 'Rules' failed: 1 of 5 failed. The check 'Delays' warned: Drift: 1 column." in paragraph
    assert "Rows" not in paragraph


def test_a_good_execution_is_compared_once_there_is_another(folder: Path) -> None:
    for number in range(2):
        with execution("train", store=folder):
            pass
        assert (" diff " in newest(folder).paragraph) == (number == 1)


SPANS = """
import os, signal, subprocess, sys
from obs_core import span
OTHER = "from obs_core import span; span('other')(lambda: 1 / 0)()"

def load():
    HOW

with span("read"):
    pass
with span("read"): load()
"""


@pytest.mark.parametrize("run", [False, True], ids=["alone", "obs run"])
@pytest.mark.parametrize(
    ("how", "error"),
    [
        ("raise ValueError('no such airport')", "ValueError: no such airport"),
        ("sys.exit(3)", "SystemExit: 3"),
        ("sys.exit('no input')", "SystemExit: no input"),
        # A failure that the program goes on after is not its own.
        ("subprocess.run([sys.executable, '-c', OTHER]); sys.exit(5)", "SystemExit: 5"),
    ],
)
def test_a_program_of_spans_alone_fails_with_its_place_under_obs_run_too(
    folder: Path, tmp_path: Path, run: bool, how: str, error: str
) -> None:
    script = tmp_path / "rows.py"
    script.write_text(SPANS.replace("HOW", how))
    before = [sys.executable, "-m", "obs_core", "run", "--"] if run else []
    environment = {**os.environ, "OBS_STORE": str(folder), "OBS_STRICT": "0"}
    done = subprocess.run([*before, sys.executable, str(script)], env=environment, check=False, capture_output=True)
    assert done.returncode in (1, 3, 5)
    (listed,) = (one for one in list_executions(folder) if one.name == "rows")
    recorded = load_execution(listed.id, folder)
    assert listed.error == recorded.view.error == error
    if sys.version_info >= (3, 12) or "exit" not in how:  # Python 3.11 does not tell where an exit was
        found = recorded.why()
        assert found.error[0][0] == error
        line = SPANS[: SPANS.index("HOW")].count("\n") + 1
        assert found.place == f"{script}:{line}"
        assert f'It was raised at rows.py:{line}, in the span "read".' in found.paragraph


def test_sigterm_outside_any_task_is_told_with_its_place(folder: Path, tmp_path: Path) -> None:
    script = tmp_path / "rows.py"
    script.write_text(SPANS.replace("HOW", "pass") + "os.kill(os.getpid(), signal.SIGTERM)\nprint(len('1'))\n")
    environment = {**os.environ, "OBS_STORE": str(folder)}
    done = subprocess.run([sys.executable, str(script)], env=environment, check=False)
    assert done.returncode == -signal.SIGTERM
    found = newest(folder)
    assert found.cause == "terminated"
    assert found.place.startswith(f"{script}:{SPANS.count(chr(10)) + 1}")
    assert "at rows.py:" in found.paragraph


def test_one_that_was_open_at_the_end_of_its_process_is_said_to_have_been(folder: Path) -> None:
    source = """
import threading, time
from obs_core import task
began = threading.Event()
@task
def serve():
    began.set()
    time.sleep(60)
threading.Thread(target=serve, daemon=True).start()
began.wait()
"""
    subprocess.run([sys.executable, "-c", source], env={**os.environ, "OBS_STORE": str(folder)}, check=True)
    found = newest(folder)
    assert (found.status, found.cause, found.known, found.task) == ("lost", "exit", True, "serve")
    assert found.paragraph.startswith("serve was open when its process ended: a thread ran it")


def test_an_exception_outside_any_task_is_told(folder: Path) -> None:
    with pytest.raises(KeyError), execution("train", store=folder):
        raise KeyError("JFK") from ValueError("no such airport")
    found = newest(folder)
    assert (found.cause, found.task) == ("exception", "")
    assert found.error[0][0] == "KeyError: 'JFK'"
    assert "It was caused by ValueError: no such airport." in found.paragraph


def test_the_command_prints_a_paragraph_and_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="evil"), execution("train\x1b[2J", store=folder):
        raise ValueError("evil \x1b[2J")
    assert obs(["why", "--store", str(folder)]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "failed at 20" in out
    assert obs(["why", "last", "--json", "--store", str(folder)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["cause"], found["known"], found["execution"]["status"]) == ("exception", True, "failed")
    (view,) = list_executions(folder)
    assert found["execution"]["id"] == view.id


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL here")
def test_the_last_sign_of_life_of_what_wrote_only_its_beginning_is_that(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = "import os\nfrom obs_core import execution\nwith execution('night'): os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", source], cwd=tmp_path, check=False)
    began = load_execution("last", folder).view.started
    assert obs(["why", "last", "--store", str(folder)]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert f"last sign of life came at {format_moment(began, 0)}" in shown
    assert f"Its last sign of life came at {format_moment(began)}" in shown


OF_LOOP = """
import os, signal, time
from obs_core import task, track

@task
def fit(rows):
    for row in track(range(rows), "rows"):
        pass
    for epoch in track(range(30), "epoch"):
        if epoch == 20:
            time.sleep(2.5)
            os.kill(os.getpid(), signal.SIGKILL)

@task
def night():
    for number in track(range(3), "model"):
        fit(5)

night()
"""


def test_how_far_the_loops_came_is_told(
    run_script: Callable[..., subprocess.CompletedProcess[str]], folder: Path
) -> None:
    run_script(OF_LOOP, check=False)
    found = newest(folder)
    assert [loop.split(" it, ")[0] for loop in found.loops] == ["epoch: 20 of 30", "model: 0 of 3"]
    assert "Its loop had reached epoch: 20 of 30 it, 66 %" in found.paragraph
    assert dict(sections_of(found))["Unfinished loops"] == found.loops


def test_how_far_the_loop_of_a_task_that_failed_came_is_told(folder: Path) -> None:
    @task
    def fit() -> None:
        for epoch in track(range(30), "epoch"):
            if epoch == 20:
                raise ValueError("the loss is infinite")

    with pytest.raises(ValueError, match="infinite"), execution("night", store=folder):
        fit()
    assert [loop.split(" it, ")[0] for loop in newest(folder).loops] == ["epoch: 20 of 30"]


BECOMES = """
import contextlib, os, sys
from obs_core import task
@task
def fit():
    with contextlib.suppress(OSError):
        os.execv("/no/such/program", ["no"])
    if sys.argv[1:]:
        os.execv(sys.executable, [sys.executable, "-c", "print('other', flush=True); input()"])
fit()
"""


@pytest.mark.posix
def test_a_process_that_becomes_another_program_is_over_while_that_runs(folder: Path) -> None:
    environment = {**os.environ, "OBS_STORE": str(folder)}
    command = [sys.executable, "-c", BECOMES, "becomes"]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"other\n"
        (view,) = list_executions(folder)
        found = newest(folder)
        (fit,) = load_execution(view.id, folder).tasks
        process.communicate(b"\n")
    assert (view.status, view.error) == ("lost", "the process became another program (os.execv)")
    assert (found.status, found.cause, found.known, found.task) == ("lost", "replaced", True, "fit")
    assert found.paragraph.startswith("fit did not end: its process became another program (os.execv) at ")
    assert (fit.status, len(fit.notes)) == ("lost", 1)


@pytest.mark.posix
def test_a_program_that_could_not_become_another_one_goes_on(folder: Path) -> None:
    subprocess.run([sys.executable, "-c", BECOMES], env={**os.environ, "OBS_STORE": str(folder)}, check=True)
    assert newest(folder).status == "succeeded"


def test_of_a_group_of_exceptions_each_is_told_with_its_place_and_its_span_or_task(folder: Path) -> None:
    @task
    async def load() -> None:
        raise OSError("no disk")

    async def parse() -> None:
        with span("parse"):
            raise ValueError("bad row")

    async def all_of_it() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(parse())
            group.create_task(load())

    with pytest.raises(ExceptionGroup), execution("night", store=folder):
        asyncio.run(all_of_it())
    found = newest(folder)
    first, second = found.causes
    assert first.startswith("ValueError: bad row at test_why.py:")
    assert first.endswith(' in the span "parse"')
    assert second.startswith("OSError: no disk at test_why.py:")
    assert second.endswith(' in the task "load"')
    assert f"It was caused by {first}. Raised together with it: {second}." in found.paragraph

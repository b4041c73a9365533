from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from obs_core import load_execution
from obs_core.journal import records
from obs_core.recording import ends, executions, samplers
from obs_core.recording.scope import active

SAMPLER = """
import os, sys, time
from obs_core import span, task
from obs_core.journal import records
from obs_core.recording import samplers

class Counting:
    def __init__(self):
        self.count = 0
    def decks(self, task):
        yield "Counted", f"<p>{self.count}</p>"
    def sample(self, runs):
        for run in runs:
            if self.count == 3:
                return
            self.count += 1
            journal = run.journal
            values = {"count": self.count, "pid": os.getpid(), "cpu_total": self.count / 2}
            journal.append(records.Sample(journal.now(), values))
            journal.append(records.Calls(1, [(-1, "main", "run.py", 4), (1, "wait", "run.py", 2)]))
            journal.append(records.Stacks(journal.now(), [("MainThread", None, 2)]))
            journal.append(records.Profile(journal.now(), journal.now(), 10_000_000, [("MainThread", None, 2, 3, 1)]))

samplers._made = lambda: [Counting()]

def wait_for(seen, patience=60):
    end = time.monotonic() + patience
    while not seen() and time.monotonic() < end:
        time.sleep(0.02)

def sampled(times):
    made = samplers._samplers
    return bool(made) and made[0].count >= times
"""

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(autouse=True)
def sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OBS_RESOURCES", raising=False)


def test_what_samplers_saw_is_read_back(run_script: Run, folder: Path) -> None:
    run_script(
        SAMPLER
        + """
@task
def waiting():
    wait_for(lambda: sampled(3))
waiting()
"""
    )
    execution = load_execution("last", folder)
    used = execution.resources
    assert used.writers == ["main"]
    assert used.names == ["count", "cpu", "cpu_total", "pid"]
    assert used.peak("count") == 3
    assert used.mean("count") == 2
    assert (used.peak("cpu") or 0) > 0
    assert used.peak("nothing") is None
    assert execution.resources_of(execution.task("waiting")).peak("count") == 3
    assert [deck.items for deck in execution.task("waiting").decks if deck.name == "Counted"] == [["<p>3</p>"]]
    (stack,) = execution.stacks
    assert (stack.writer, stack.thread, stack.span) == ("main", "MainThread", None)
    assert [call.function for call in stack.calls] == ["main", "wait"]
    (seen,) = execution.profile
    assert (seen.seen, seen.running, seen.calls[-1].line) == (9, 3, 2)


def test_nothing_is_sampled_while_nothing_is_recorded(run_script: Run, folder: Path) -> None:
    run_script(
        SAMPLER
        + """
@task
def short():
    wait_for(lambda: sampled(1))
short()
import threading
def thread_is_gone():
    return all(thread.name != "obs-sampler" for thread in threading.enumerate())
wait_for(thread_is_gone)
assert thread_is_gone()
before = samplers._samplers[0].count
short()
wait_for(lambda: False, 1.5)
assert samplers._samplers[0].count == before
"""
    )


@pytest.mark.posix
def test_no_two_samples_follow_each_other_at_once_when_c_code_gives_the_lock_back(run_script: Run) -> None:
    run_script(
        SAMPLER
        + """
import ctypes
class Timing:
    times = []
    def decks(self, task):
        return ()
    def sample(self, runs):
        self.times.append(time.monotonic())
samplers._made = lambda: [Timing()]
hold = ctypes.PyDLL(None).usleep  # with Python's lock
@task
def holding():
    for _ in range(3):
        before = len(Timing.times)
        wait_for(lambda: len(Timing.times) > before)
        for _ in range(2):
            hold(900_000)
    before = len(Timing.times)
    wait_for(lambda: len(Timing.times) >= before + 2)
holding()
apart = [later - earlier for earlier, later in zip(Timing.times, Timing.times[1:])]
assert len(apart) >= 4 and min(apart) > 0.4, apart
"""
    )


def test_samples_go_on_while_something_holds_up_the_thread_that_writes(run_script: Run, folder: Path) -> None:
    run_script(
        SAMPLER
        + """
import threading
from obs_core.journal import flusher
held, end = threading.Event(), threading.Event()
def hold():
    held.set()
    end.wait()
@task
def waiting():
    wait_for(lambda: sampled(1))
    flusher.each_round(hold)
    assert held.wait(60)
    wait_for(lambda: sampled(3))
    assert sampled(3)
    end.set()
waiting()
"""
    )
    assert load_execution("last", folder).resources.peak("count") == 3


def test_a_forked_child_samples_itself_once_it_records(run_script: Run, folder: Path) -> None:
    run_script(
        SAMPLER
        + """
@task
def parent():
    wait_for(lambda: sampled(1))
    child = os.fork()
    if not child:
        @task
        def inside():
            wait_for(lambda: sampled(2))
        inside()
        os._exit(0)
    idle = os.fork()
    if not idle:
        time.sleep(2.5)
        os._exit(1 if samplers._thread else 0)
    assert os.waitpid(child, 0)[1] == 0
    assert os.waitpid(idle, 0)[1] == 0
parent()
"""
    )
    used = load_execution("last", folder).resources
    assert len(used.writers) == 2
    pids = {used.series("pid", writer)[-1][1] for writer in used.writers}
    assert len(pids) == 2


def test_a_killed_process_leaves_its_samples(tmp_path: Path, folder: Path) -> None:
    script = tmp_path / "run.py"
    script.write_text(
        SAMPLER
        + """
@task
def long():
    wait_for(lambda: sampled(2))
    print("sampled", flush=True)
    time.sleep(600)
long()
"""
    )
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "sampled\n"
        process.send_signal(signal.SIGKILL)
    execution = load_execution("last", folder)
    assert execution.status == "lost"
    assert (execution.resources.peak("count") or 0) >= 1


def test_variables_turn_samplers_off(run_script: Run, folder: Path) -> None:
    source = (
        SAMPLER
        + """
@task
def waiting():
    wait_for(lambda: sampled(1), 2.5)
waiting()
"""
    )
    run_script(source, env={"OBS_RESOURCES": "0"})
    assert not load_execution("last", folder).resources


def test_a_sampler_that_fails_is_left_out_with_one_warning(run_script: Run, folder: Path) -> None:
    result = run_script(
        SAMPLER
        + """
class Broken:
    count = 0
    def decks(self, task):
        return ()
    def sample(self, runs):
        Broken.count += 1
        raise ValueError("no such file")
samplers._made = lambda: [Broken(), Counting()]
@task
def waiting():
    wait_for(lambda: bool(samplers._samplers) and len(samplers._samplers) == 1 and sampled(2))
    assert Broken.count == 1
waiting()
""",
        env={"OBS_STRICT": "0"},
    )
    assert result.stderr.count("obs goes on without the samples of __main__") == 1
    assert load_execution("last", folder).status == "succeeded"


def test_nothing_is_imported_in_a_short_program(run_script: Run) -> None:
    result = run_script(
        """
import sys
from obs_core import span, task
@task(enable_deck=False)
def short(): return 1
short()
print(json.dumps([name for name in sys.modules if name.startswith("obs_resources") or name == "psutil"]))
""".replace("import sys", "import json, sys")
    )
    assert json.loads(result.stdout) == []


def test_an_execution_in_which_nothing_was_recorded_is_not_sampled(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OBS_STORE", str(folder))
    run = executions.begin_unwritten("cell", {})
    active.add(run.root)
    try:
        assert run not in samplers.recorded_runs()
        run.journal.append(records.LinkMade(1, "page", "https://example.org"))
        assert run in samplers.recorded_runs()
    finally:
        active.discard(run.root)
        ends.end(run)

"""What is left of a process that was killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from obs_core.commands import main as obs
from obs_core.reading import list_executions, load_execution

VICTIM = """
import sys, time
from obs_core import Deck, span, task

@task
def work():
    deck = Deck("Progress")
    print("started", flush=True)
    for number in range(10**9):
        with span("step", number=number, at=time.time()):
            deck.append(f"<p>{number} {time.time()}</p>")
            with span("inner"):
                time.sleep(0.0005)

work()
"""


def start_victim(folder: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "OBS_STORE": str(folder)}
    victim = subprocess.Popen([sys.executable, "-c", VICTIM], stdout=subprocess.PIPE, text=True, env=environment)
    assert victim.stdout is not None
    assert victim.stdout.readline() == "started\n"
    return victim


def kill(victim: subprocess.Popen[str]) -> float:
    """Kill a process as the kernel does when memory runs out, and return when."""
    killed_at = time.time()
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    assert victim.stdout is not None
    victim.stdout.close()
    return killed_at


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL here")
def test_after_each_kill_all_but_the_last_second_is_there(
    folder: Path, capsys: pytest.CaptureFixture[str], nightly: bool
) -> None:
    moments = random.Random(20130101)
    for start in range(0, 50 if nightly else 10, 5):
        victims = [start_victim(folder / str(number)) for number in range(start, start + 5)]
        try:
            for number, victim in enumerate(victims, start):
                time.sleep(moments.uniform(0.0, 0.6))
                assert_survived(folder / str(number), kill(victim), capsys)
        finally:
            for victim in victims:
                victim.kill()
                victim.wait()


def assert_survived(folder: Path, killed_at: float, capsys: pytest.CaptureFixture[str]) -> None:
    (listed,) = list_executions(folder)
    assert listed.status == "lost"
    recorded = load_execution("last", folder)
    (work,) = recorded.tasks
    assert work.status == "lost"
    steps = recorded.span.children[0].children
    newest = max((step.attributes["at"] for step in steps), default=recorded.view.started / 1e9)
    assert killed_at - newest < 1.5, "a flush each second, and the time that a loaded machine needs for it"
    numbers = [step.attributes["number"] for step in steps]
    assert numbers == list(range(len(numbers))), "nothing is missing before the last second"
    items = [item for deck in work.decks if deck.name == "Progress" for item in deck.items]
    assert len(items) >= len(numbers) - 1
    assert obs(["show", "last", "--store", str(folder)]) == 0
    assert obs(["explain", "last", "--store", str(folder)]) == 0
    assert "lost" in capsys.readouterr().out


def test_a_killed_execution_is_lost_at_once_and_a_running_one_is_running(folder: Path) -> None:
    victim = start_victim(folder)
    while not list(list_executions(folder)):
        time.sleep(0.05)
    assert [one.status for one in list_executions(folder)] == ["running"]
    kill(victim)
    assert [one.status for one in list_executions(folder)] == ["lost"]


def test_the_report_of_a_killed_task_is_made_when_it_is_asked_for(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    victim = start_victim(folder)
    while not list(list_executions(folder)):
        time.sleep(0.05)
    kill(victim)
    assert obs(["show", "last", "--store", str(folder)]) == 0
    report = Path(capsys.readouterr().out.strip())
    assert "ended without saying so" in report.read_text()


@pytest.mark.posix
def test_open_spans_of_a_killed_task_are_marked(folder: Path) -> None:
    source = """
import os, signal
from obs_core import span, task, current_context

@task
def work():
    with span("outer"), span("inner"):
        current_context().state.journal.flush()
        os.kill(os.getpid(), signal.SIGKILL)

work()
"""
    subprocess.run([sys.executable, "-c", source], env={**os.environ, "OBS_STORE": str(folder)}, check=False)
    work = load_execution("last", folder).span.children[0]
    outer = work.children[0]
    assert [(one.name, one.is_open) for one in (work, outer, outer.children[0])] == [
        ("work", True),
        ("outer", True),
        ("inner", True),
    ]


def test_what_was_recorded_before_running_out_of_memory_is_there(folder: Path) -> None:
    source = """
import resource
from obs_core import Deck, span, task

@task
def work():
    Deck("Before").append("<p>it got this far</p>")
    resource.setrlimit(resource.RLIMIT_AS, (400 * 2**20, 400 * 2**20))
    with span("allocate"):
        return [bytearray(2**20) for _ in range(10_000)]

work()
"""
    result = subprocess.run(
        [sys.executable, "-c", source],
        env={**os.environ, "OBS_STORE": str(folder)},
        capture_output=True,
        text=True,
    )
    assert "MemoryError" in result.stderr
    recorded = load_execution("last", folder)
    (work,) = recorded.tasks
    assert (work.status, work.error) == ("failed", "MemoryError")
    assert [deck.items for deck in work.decks if deck.name == "Before"] == [["<p>it got this far</p>"]]


BURST = """
import itertools, sys, threading, time
from obs_core import execution, task

late = 0.0

def be_late():
    "Notice how much later than asked for this process's threads come to their turn."
    global late
    while True:
        asked = time.monotonic() + 0.05
        time.sleep(0.05)
        late = max(late, time.monotonic() - asked)

threading.Thread(target=be_late, daemon=True).start()

@task(enable_deck=False)
def tiny():
    return current_id()

def current_id():
    from obs_core import current_context
    return current_context().execution_id

for _ in range(int(sys.argv[1])) if len(sys.argv) > 1 else itertools.count():
    print(tiny(), time.time(), late, flush=True)
"""


def start_burst(folder: Path, *calls: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "OBS_STORE": str(folder)}
    command = [sys.executable, "-c", BURST, *calls]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def test_of_many_tiny_executions_none_is_lost(folder: Path) -> None:
    burst = start_burst(folder, "50")
    printed, _ = burst.communicate()
    called = [line.split()[0] for line in printed.splitlines()]
    assert len(called) == 50
    assert [found.id for found in list_executions(folder)] == called[::-1]
    assert {found.status for found in list_executions(folder)} == {"succeeded"}


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL here")
def test_of_many_tiny_executions_a_kill_costs_the_last_second_at_most(folder: Path) -> None:
    burst = start_burst(folder)
    assert burst.stdout is not None
    ended: dict[str, float] = {}
    late = 0.0
    while len(ended) < 2 or max(ended.values()) - min(ended.values()) < 3 + late:
        called, at, late_by = burst.stdout.readline().split()
        ended[called], late = float(at), float(late_by)
    killed_at = kill(burst)
    found = {view.id for view in list_executions(folder)}
    old_enough = {one for one, at in ended.items() if at < killed_at - 1.5 - late}
    assert old_enough
    assert old_enough <= found


def test_the_first_of_many_tiny_executions_is_there_at_once(folder: Path) -> None:
    burst = start_burst(folder)
    assert burst.stdout is not None
    first = burst.stdout.readline().split()[0]
    kill(burst)
    assert first in {view.id for view in list_executions(folder)}

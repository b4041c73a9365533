"""What is left of a process that was killed."""

from __future__ import annotations

import itertools
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
# A busy machine may let a process wait for its turn. How long is told by a file in which a thread notes the time.
BEATING = """
import sys, threading, time

beats = open(sys.argv[1], "w", buffering=1)
print(time.time(), file=beats)

def beat():
    while True:
        time.sleep(0.05)
        print(time.time(), file=beats)

threading.Thread(target=beat, daemon=True).start()
"""


def start(source: str, folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start a program that records in a folder, and notes beside it when it had its turns."""
    environment = {**os.environ, "OBS_STORE": str(folder)}
    folder.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-c", BEATING + source, str(beats(folder)), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def beats(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}-beats")


def late_by(folder: Path, until: float) -> float:
    """Return for how many seconds a program did not have its turn, at the worst."""
    turns = [*map(float, beats(folder).read_text().split()), until]
    return max(later - earlier for earlier, later in itertools.pairwise(turns))


def start_victim(folder: Path) -> subprocess.Popen[str]:
    victim = start(VICTIM, folder)
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
    late = late_by(folder, killed_at)
    assert killed_at - newest < 1.5 + late, "a flush each second, and the time that a loaded machine needs for it"
    numbers = [step.attributes["number"] for step in steps]
    assert numbers == list(range(len(numbers))), "nothing is missing before the last second"
    items = [item for deck in work.decks if deck.name == "Progress" for item in deck.items]
    assert len(items) >= len(numbers) - 1
    assert obs(["show", "last", "--store", str(folder)]) == 0
    assert obs(["explain", "last", "--store", str(folder)]) == 0
    assert "lost" in capsys.readouterr().out


def test_a_killed_execution_is_lost_at_once_and_a_running_one_is_running(folder: Path) -> None:
    victim = start_victim(folder)
    while not (folder.is_dir() and list(list_executions(folder))):
        time.sleep(0.05)
    assert [one.status for one in list_executions(folder)] == ["running"]
    kill(victim)
    assert [one.status for one in list_executions(folder)] == ["lost"]


def test_the_report_of_a_killed_task_is_made_when_it_is_asked_for(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    victim = start_victim(folder)
    while not (folder.is_dir() and list(list_executions(folder))):
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
import itertools, sys, time
from obs_core import execution, task

@task(enable_deck=False)
def tiny():
    return current_id()

def current_id():
    from obs_core import current_context
    return current_context().execution_id

for _ in range(int(sys.argv[2])) if len(sys.argv) > 2 else itertools.count():
    print(tiny(), time.time(), flush=True)
"""


def test_of_many_tiny_executions_none_is_lost(folder: Path) -> None:
    burst = start(BURST, folder, "50")
    printed, _ = burst.communicate()
    called = [line.split()[0] for line in printed.splitlines()]
    assert len(called) == 50
    assert [found.id for found in list_executions(folder)] == called[::-1]
    assert {found.status for found in list_executions(folder)} == {"succeeded"}


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL here")
def test_of_many_tiny_executions_a_kill_costs_the_last_second_at_most(folder: Path) -> None:
    burst = start(BURST, folder)
    assert burst.stdout is not None
    ended: dict[str, float] = {}
    first = last = 0.0
    while last - first < 3 or last - first < 3 + late_by(folder, last):
        called, at = burst.stdout.readline().split()
        ended[called] = last = float(at)
        first = first or last
    killed_at = kill(burst)
    late = late_by(folder, killed_at)
    found = {view.id for view in list_executions(folder)}
    old_enough = {one for one, at in ended.items() if at < killed_at - 1.5 - late}
    assert old_enough
    assert old_enough <= found


def test_the_first_of_many_tiny_executions_is_there_at_once(folder: Path) -> None:
    burst = start(BURST, folder)
    assert burst.stdout is not None
    first = burst.stdout.readline().split()[0]
    kill(burst)
    assert first in {view.id for view in list_executions(folder)}

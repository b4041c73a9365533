"""Forked children: they wait for nothing that only their parent does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from obs_core import list_executions, load_execution

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")


def run(code: str, folder: Path, ends_with: int = 0) -> str:
    environment = {**os.environ, "OBS_STORE": str(folder)}
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == ends_with, done.stderr
    return done.stdout


def test_a_child_forked_while_the_parent_finishes_a_report_ends_before_that_is_done(folder: Path) -> None:
    code = """
import multiprocessing, threading
from obs_core import Deck, current_context, execution, task

begun, may_end = threading.Event(), threading.Event()

@task(deck_fields=())
def profiled():
    deck = Deck("Late")
    def draw():
        begun.set()
        may_end.wait()
        deck.append("<p>drawn by the parent</p>")
    current_context().defer(draw)

@task(deck_fields=())
def square(number):
    return number * number

with execution("night"):
    profiled()
    begun.wait()
    with multiprocessing.get_context("fork").Pool(2) as pool:
        print(pool.map(square, range(4)))
        pool.close()
        pool.join()
    may_end.set()
"""
    assert run(code, folder) == "[0, 1, 4, 9]\n"
    recorded = load_execution("last", folder)
    assert recorded.task("profiled").decks[0].items == ["<p>drawn by the parent</p>"]
    assert sorted(one.name for one in recorded.tasks) == ["profiled", *4 * ["square"]]


def test_a_child_does_late_work_of_its_own(folder: Path) -> None:
    code = """
import multiprocessing
from obs_core import Deck, current_context, execution, task

@task(deck_fields=())
def profiled():
    deck = Deck("Late")
    current_context().defer(lambda: deck.append("<p>drawn</p>"))

with execution("night"):
    profiled()
    child = multiprocessing.get_context("fork").Process(target=profiled)
    child.start()
    child.join()
    assert child.exitcode == 0
"""
    run(code, folder)
    tasks = load_execution("last", folder).tasks
    assert [[(deck.name, deck.items) for deck in one.decks] for one in tasks] == 2 * [[("Late", ["<p>drawn</p>"])]]


def test_every_lock_is_free_in_a_child_whatever_a_thread_of_the_parent_held(folder: Path) -> None:
    code = """
import os, threading
from obs_core import Deck, current_context, execution, locks, register_renderer, task
from obs_core.tasks import deferred as late

@task
def work(value):
    Deck("Shown").append({"value": value})

held, done = threading.Event(), threading.Event()

def hold():
    with execution("night"):
        journal = current_context().state.journal
        all_locks = [*locks._locks, *locks._rlocks]
        journal._encoding_in = journal._writing_in = journal._closing_in = threading.get_ident()
        for lock in all_locks:
            lock.acquire()
        held.set()
        done.wait()
        for lock in all_locks:
            lock.release()
        journal._encoding_in = journal._writing_in = journal._closing_in = 0

work(0)
thread = threading.Thread(target=hold)
thread.start()
held.wait()
child = os.fork()
if not child:
    register_renderer("decimal.Decimal", type("Mine", (), {"to_html": lambda self, value: "<b>1</b>"}))
    with execution("child"):
        work("x" * 10_000)
    late.wait()
    os._exit(3)
_, status = os.waitpid(child, 0)
done.set()
thread.join()
assert os.waitstatus_to_exitcode(status) == 3
"""
    run(code, folder)
    assert "child" in {load_execution(name.name, folder).name for name in (folder / "executions").iterdir()}


FORKED = """
import os, sys
from obs_core import execution, load_execution, span, task

def forked(leave):
    child = os.fork()
    if child == 0:
        sys.stderr = open(os.devnull, "w")
        leave()
    os.waitpid(child, 0)
    print(load_execution("last").status)

def fails():
    raise ValueError("child")

@task
def outer(leave):
    forked(leave)
    with span("after"): pass
"""

TASK = "with execution('night'), span('all'): outer({leave})"
TASK_ALONE = "outer({leave})"
BLOCK = "with execution('night') as run:\n    forked({leave})"


@pytest.mark.parametrize("source", [TASK, TASK_ALONE, BLOCK])
@pytest.mark.parametrize(
    ("leave", "note"),
    [("sys.exit", ""), ("fails", "ValueError: child"), ("lambda: sys.exit(3)", "SystemExit: 3")],
)
def test_what_a_child_leaves_that_its_parent_began_the_parent_ends(
    folder: Path, source: str, leave: str, note: str
) -> None:
    assert run(FORKED + source.format(leave=leave), folder) == "running\n"
    (listed,) = list_executions(folder)
    recorded = load_execution(listed.id, folder)
    assert (listed.status, recorded.status) == ("succeeded", "succeeded")
    assert [one.status for one in recorded.span.walk()] == ["succeeded"] * len(list(recorded.span.walk()))
    notes = [text for one in recorded.tasks for text in one.notes]
    assert [note in text and "a forked child, left it by" in text for text in notes] == [True] * bool(note)


@pytest.mark.parametrize("leave", ["sys.exit", "fails"])
def test_an_execution_is_lost_if_its_process_is_killed_whatever_its_child_did(folder: Path, leave: str) -> None:
    run(f"{FORKED}with execution('night'):\n    outer({leave})\n    os.kill(os.getpid(), 9)", folder, ends_with=-9)
    (listed,) = list_executions(folder)
    recorded = load_execution(listed.id, folder)
    assert (listed.status, recorded.status) == ("lost", "lost")
    assert [one.status for one in recorded.tasks] == ["succeeded"]


def test_a_child_adds_nothing_to_the_decks_of_its_parents_task_by_leaving_it(folder: Path) -> None:
    run(f"{FORKED}outer(sys.exit)", folder)
    (recorded,) = load_execution("last", folder).tasks
    names = [deck.name for deck in recorded.decks]
    assert "Timeline" in names
    assert sorted(names) == sorted(set(names))


def test_a_child_that_a_thread_forked_ends_after_a_task_that_drew_decks(folder: Path) -> None:
    code = """
import os, sys, threading
from obs_core import execution, task

@task
def work():
    return 1

def fork():
    child = os.fork()
    if not child:
        work()
        sys.exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

with execution("night"):
    thread = threading.Thread(target=fork)
    thread.start()
    thread.join()
"""
    run(code, folder)
    assert [found.name for found in load_execution("last", folder).tasks] == ["work"]


def test_a_child_does_not_wait_for_what_a_thread_of_its_parent_was_importing_in_obs(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "first.py").write_text("import obs_core.slow\n")
    (folder / "slow.py").write_text(
        "import builtins, time\n"
        "builtins.imports.set()\n"
        "builtins.forks.wait()\n"
        "time.sleep(0.5)  # the fork comes meanwhile, unless it waits\n"
    )
    code = f"""
import builtins, importlib, os, signal, threading
import obs_core
from obs_core import execution

with execution("night"):
    pass
obs_core.__path__.append({str(folder)!r})
builtins.imports, builtins.forks = threading.Event(), threading.Event()
os.register_at_fork(before=builtins.forks.set)
thread = threading.Thread(target=importlib.import_module, args=("obs_core.first",))
thread.start()
builtins.imports.wait()
child = os.fork()
if not child:
    signal.alarm(60)
    import obs_core.first
    os._exit(3)
_, status = os.waitpid(child, 0)
thread.join()
assert os.waitstatus_to_exitcode(status) == 3, status
"""
    run(code, folder)

"""Forked children: they wait for nothing that only their parent does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from obs_core import load_execution

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")


def run(code: str, folder: Path) -> str:
    environment = {**os.environ, "OBS_STORE": str(folder)}
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
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

"""Signal handlers and finalizers that interrupt obs anywhere lose nothing, write nothing twice and wait for nothing."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # obs's own handler is seen there alone
import _thread
import contextlib
import functools
import gc
import itertools
import json
import logging
import multiprocessing.process
import operator
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import traceback
import warnings
import weakref
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from obs_core import (
    attach,
    carrier,
    current_context,
    execution,
    list_executions,
    load_execution,
    span,
    task,
    track,
)
from obs_core.cgroups import memory_cgroup
from obs_core.journal import encoding, flusher, records, writer
from obs_core.locks import Register
from obs_core.recording import ends, faults, logs, scope, sigterm
from obs_core.store import using
from obs_core.store.descriptors import close_what_is_left
from obs_core.store.folder import FolderStore
from obs_core.testing import RecordingStore

RunScript = Callable[..., "subprocess.CompletedProcess[str]"]


needs_alarms = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no alarms here")

TIMEOUTS = """
import json, random, signal
from obs_core import Deck, execution, span, task

class Timeout(Exception): pass

def raise_timeout(*_):
    raise Timeout

signal.signal(signal.SIGALRM, raise_timeout)
chance = random.Random(7)
appended, entered, raised = [], [], 0

@task(enable_deck=True, deck_fields=[])
def work():
    global raised
    deck = Deck("Rows")
    number = 0
    for _ in range(60):
        try:
            signal.setitimer(signal.ITIMER_REAL, chance.uniform(0.0002, 0.01))
            while True:
                number += 1
                with span("step", number=number):
                    deck.append(f"<p>{number}</p>")
                appended.append(number)
        except Timeout:
            raised += 1
    signal.setitimer(signal.ITIMER_REAL, 0)

with execution("timeouts") as run:
    work()
print(json.dumps({"id": run.id, "appended": appended, "raised": raised}))
"""


ENDS_ABRUPTLY = """
import json, os, signal
from obs_core import execution, span

def end(*_):
    with span("handled"):
        pass
    os._exit(0)

with execution("night") as run:
    children, told = [], []
    for n in range(8):
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            signal.signal(signal.SIGALRM, end)
            signal.setitimer(signal.ITIMER_REAL, 0.05 + 0.003 * n)
            number = 0
            while True:
                with span("step", child=n, number=number):
                    pass
                number += 1
                os.write(writing, b".") if number % 1000 == 0 else None
        os.close(writing)
        children.append(child)
        told.append(reading)
    for child in children:
        assert os.waitpid(child, 0)[1] == 0
    print(json.dumps([len(os.read(reading, 100_000)) * 1000 for reading in told]))
"""


@needs_alarms
@pytest.mark.posix
def test_a_handler_that_ends_the_process_in_the_midst_of_writing_loses_nothing(
    folder: Path, run_script: RunScript
) -> None:
    said = json.loads(run_script(ENDS_ABRUPTLY).stdout)
    recorded = load_execution("last", folder)
    spans = list(recorded.span.walk())
    assert sum(one.name == "handled" for one in spans) == 8
    steps = Counter((one.attributes["child"], one.attributes["number"]) for one in spans if one.name == "step")
    assert max(steps.values()) == 1
    assert all(steps[child, number] for child in range(8) for number in range(said[child]))
    assert (recorded.view.lost_records, recorded.missing) == (0, [])


STRIKE = """
import os, signal, sys

def strike(frame, event, _what):
    global left
    if frame.f_code.co_name == "<genexpr>" and sys.version_info < (3, 13):
        return
    if event in ("call", "c_return"):
        left -= 1
        if left < 0:
            sys.setprofile(None)
            signal.raise_signal(signal.SIGALRM)
"""
"""Strikes at the call that `left` counts down to, as `interrupted_at` does, in a program of its own."""

STRUCK_WHILE_IT_ENDS = """
from obs_core import execution, span

def raise_timeout(*_):
    os.write(writing, b"struck")
    raise TimeoutError

signal.signal(signal.SIGALRM, raise_timeout)
number, is_struck = 0, True  # what strikes at the first call keeps `os._exit` from being called at all
with execution("night"):
    while is_struck:
        number += 1
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            with span("in a child", number=number):
                pass
            left = number
            sys.setprofile(strike)
            try:
                os._exit(3)
            finally:
                sys.setprofile(None)
                os.kill(os.getpid(), signal.SIGKILL)
        os.close(writing)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3, number
        is_struck = bool(os.read(reading, 100))
        os.close(reading)
print(number)
"""


@needs_alarms
@pytest.mark.posix
def test_a_forked_child_ends_and_loses_nothing_wherever_a_timeout_strikes_in_os_exit(
    folder: Path, run_script: RunScript
) -> None:
    number = int(run_script(STRIKE + STRUCK_WHILE_IT_ENDS, env={"OBS_STRICT": "0"}).stdout)
    assert number > 50
    recorded = load_execution("last", folder)
    spans = Counter(one.attributes["number"] for one in recorded.span.walk() if one.name == "in a child")
    assert spans == Counter(range(1, number + 1))
    assert (recorded.view.lost_records, recorded.missing) == (0, [])


CTRL_C_AGAIN_AND_AGAIN = """
import os, signal
from obs_core import execution
from obs_core.journal import abrupt_ends

signal.signal(signal.SIGINT, signal.default_int_handler)
with execution("night"):
    child = os.fork()
    if not child:
        abrupt_ends.precede(lambda _: signal.raise_signal(signal.SIGINT))
        try:
            os._exit(3)
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@needs_alarms
@pytest.mark.posix
@pytest.mark.parametrize("strict", ["0", "1"])
def test_a_forked_child_ends_also_if_ctrl_c_keeps_it_from_writing(strict: str, run_script: RunScript) -> None:
    ran = run_script(CTRL_C_AGAIN_AND_AGAIN, env={"OBS_STRICT": strict})
    assert ran.stdout == "3\n"
    assert ("KeyboardInterrupt" in ran.stderr) is (strict == "1")


STRUCK_EACH_MILLISECOND = """
import os, signal
from obs_core import execution, span

def raise_timeout(*_):
    raise TimeoutError

signal.signal(signal.SIGALRM, raise_timeout)
with execution("night"):
    for number in range(900):
        with span("part", number=number):
            pass
    while True:  # what strikes at the first call keeps `os._exit` from being called at all
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
            os._exit(3)
        except TimeoutError:
            pass
"""


STRUCK_WHEREVER_IT_IS = """
import os, signal
from obs_core import execution, span

def raise_timeout(number, frame):
    while frame is not None:
        if frame.f_code is os._exit.__code__:
            raise TimeoutError
        frame = frame.f_back

signal.signal(signal.SIGALRM, raise_timeout)
with execution("night"):
    for number in range(900):
        with span("part", number=number):
            pass
    signal.setitimer(signal.ITIMER_REAL, 0.00003, 0.00003)
    while True:
        try:
            os._exit(3)
        except TimeoutError:
            pass
"""


@needs_alarms
@pytest.mark.posix
@pytest.mark.parametrize("program", [STRUCK_EACH_MILLISECOND, STRUCK_WHEREVER_IT_IS], ids=["now and then", "always"])
def test_os_exit_loses_nothing_though_timeouts_strike(program: str, folder: Path, run_script: RunScript) -> None:
    ran = run_script(program, env={"OBS_STRICT": "0"}, check=False)
    assert ran.returncode == 3, ran.stderr
    recorded = load_execution("last", folder)
    assert [one.attributes["number"] for one in recorded.span.walk() if one.name == "part"] == list(range(900))
    assert (recorded.view.lost_records, recorded.missing) == (0, [])


STRUCK_AT_EXIT = """
import atexit, json, os, signal, threading, time

def tell():
    signal.setitimer(signal.ITIMER_REAL, 0)
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    is_as_it_was = signal.getsignal(signal.SIGALRM) is raise_timeout and blocked == {signal.SIGUSR2}
    print(json.dumps([is_as_it_was, struck > 0]))

atexit.register(tell)  # before obs is imported, so it comes after all that obs does
from obs_core import current_context, execution, span, task

class Timeout(Exception): pass

def raise_timeout(_number, frame):
    global struck
    while frame is not None:
        if "obs_core" in frame.f_code.co_filename:
            struck += 1
            raise Timeout
        frame = frame.f_back

@task(enable_deck=False)
def work(number):
    current_context().note(str(number))

signal.signal(signal.SIGALRM, raise_timeout)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
for number in range(50):
    with execution("part"):
        work(number)
with span("of the script"):
    pass
if os.environ["THREAD"]:  # one that takes signals in the main thread's stead
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
struck = 0
signal.setitimer(signal.ITIMER_REAL, *[float(os.environ["INTERVAL"])] * 2)
"""


@needs_alarms
@pytest.mark.posix
@pytest.mark.parametrize("interval", ["0.0005", "0.00003"], ids=["now and then", "always"])
@pytest.mark.parametrize("thread", ["", "thread"], ids=["one thread", "two threads"])
def test_a_process_ends_and_loses_nothing_though_timeouts_strike(
    thread: str, interval: str, folder: Path, run_script: RunScript
) -> None:
    ran = run_script(STRUCK_AT_EXIT, env={"OBS_STRICT": "0", "THREAD": thread, "INTERVAL": interval})
    assert ran.stderr == ""
    is_as_it_was, is_struck = json.loads(ran.stdout)
    assert is_as_it_was
    assert is_struck or interval == "0.0005"
    recorded = [load_execution(one.id, folder) for one in list_executions(folder)]
    assert Counter(one.status for one in recorded) == {"succeeded": 51}
    notes = Counter(note for one in recorded for each in one.tasks for note in each.notes)
    assert notes == Counter(map(str, range(50)))
    assert {(one.view.lost_records, one.view.damaged_records) for one in recorded} == {(0, 0)}


@needs_alarms
@pytest.mark.posix
def test_handlers_are_as_they_were_if_os_exit_refuses_what_it_is_given(run_script: RunScript) -> None:
    ran = run_script(
        "import os, signal\n"
        "from obs_core import span\n"
        "def handle(*_): pass\n"
        "signal.signal(signal.SIGALRM, handle)\n"
        "with span('part'): pass\n"
        "try: os._exit('three')\n"
        "except TypeError: print(signal.getsignal(signal.SIGALRM) is handle)\n"
    )
    assert ran.stdout == "True\n"


@needs_alarms
def test_timeouts_lose_nothing_and_write_nothing_twice(folder: Path, run_script: RunScript, tmp_path: Path) -> None:
    ran = run_script(TIMEOUTS, env={"OBS_STRICT": "0"})
    told = json.loads(ran.stdout)
    assert told["raised"] == 60, "each timeout is the task's"
    assert "lost" not in ran.stderr
    recorded = load_execution(told["id"], folder)
    assert recorded.status == "succeeded"
    assert (recorded.view.lost_records, recorded.view.damaged_records) == (0, 0)
    spans = Counter(one.attributes["number"] for one in recorded.span.walk() if one.name == "step")
    (work,) = recorded.tasks
    items = Counter(item for deck in work.decks for item in deck.items if item.startswith("<p>"))
    # What a timeout interrupted may be there or not; what was over by then is there, once.
    assert {number for number in told["appended"] if spans[number] != 1} == set()
    assert {number for number in told["appended"] if items[f"<p>{number}</p>"] != 1} == set()
    assert max(spans.values()) == max(items.values()) == 1


OF_ANY_CLASS = [
    TimeoutError,
    ConnectionResetError,
    FileNotFoundError,
    OSError,
    MemoryError,
    KeyError,
    ValueError,
    RuntimeError,
    AttributeError,
    Exception,
]


@needs_alarms
@pytest.mark.parametrize("kind", OF_ANY_CLASS)
@pytest.mark.parametrize("system_call", ["fstat", "lstat", "write"])
def test_a_timeout_of_any_class_is_raised_out_of_a_call_of_the_system(
    system_call: str, kind: type[Exception], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`TimeoutError` is an `OSError`, as a full disk is."""
    monkeypatch.setenv("OBS_STRICT", "0")
    with alarms_that_raise(kind), execution("night", store=folder) as run:
        with span("before"):
            pass
        journal = current_context().state.journal
        journal.flush()
        own = getattr(os, system_call)

        def interrupted(*args: Any, **kwargs: Any) -> Any:
            if threading.current_thread() is threading.main_thread():
                signal.raise_signal(signal.SIGALRM)
            return own(*args, **kwargs)

        with pytest.MonkeyPatch.context() as patch:
            # The background thread is to write nothing of what this one is to write, though it has its list already, or
            # is in the midst of it.
            patch.setattr(type(journal), "beat", lambda _: None)
            is_done = threading.Event()
            assert flusher.soon(is_done.set)
            assert is_done.wait(60)
            with span("after"):
                pass
            patch.setattr(os, system_call, interrupted)
            patch.setattr(journal._segment, "_looked_at", 0)
            with pytest.raises(kind):
                journal.flush()
    recorded = load_execution(run.id, folder)
    assert [one.name for one in recorded.span.children] == ["before", "after"]
    assert (recorded.status, recorded.view.lost_records, recorded.view.damaged_records) == ("succeeded", 0, 0)


@needs_alarms
def test_an_execution_in_a_folder_is_recorded_wherever_a_timeout_strikes(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    recwarn: pytest.WarningsRecorder,
    nightly: bool,
) -> None:
    """While folders and files are made and closed, too: the system has errors of its own for all of that."""
    monkeypatch.setenv("OBS_STRICT", "0")

    @task
    def record() -> None:
        current_context().state.journal.flush()
        with span("step"):
            pass

    with pytest.MonkeyPatch.context() as patch, using(FolderStore(str(folder))), nothing_left_behind():
        patch.setattr(flusher, "close_soon", lambda _: False)  # its thread has no handlers
        record()
        with alarms_that_raise(TimeoutError):
            assert interrupted_at_each(places(nightly), record, TimeoutError) > 100
    assert "is lost" not in capfd.readouterr().err
    assert [str(one.message) for one in recwarn if "lost" in str(one.message)] == []
    recorded = [load_execution(one.id, folder) for one in list_executions(folder)]
    assert {one.view.lost_records for one in recorded} == {0}


@needs_alarms
@pytest.mark.parametrize("in_own_execution", [False, True])
def test_a_task_is_ended_wherever_a_timeout_strikes(
    in_own_execution: bool, store: RecordingStore, monkeypatch: pytest.MonkeyPatch, nightly: bool
) -> None:
    """At each call and after each call into C of a task's beginning and end, in turn."""
    monkeypatch.setenv("OBS_STRICT", "0")

    @task
    def work(number: int) -> int:
        with span("step"):
            print(number)
        return number

    around = contextlib.nullcontext() if in_own_execution else execution("night")
    with nothing_left_behind(), alarms_that_raise(TimeoutError), around:
        work(0)  # what is imported once is not gone through again
        assert interrupted_at_each(places(nightly), lambda: work(1), TimeoutError) > 100
    recorded = list(list_executions(store))
    statuses = Counter(one.status for one in recorded) + Counter(
        one.status for each in recorded for one in load_execution(each.id, store).tasks
    )
    assert set(statuses) == {"succeeded", "failed"}


@needs_alarms
@pytest.mark.parametrize("as_task", [False, True])
def test_what_is_said_after_a_timeout_is_kept_once_wherever_that_struck(
    as_task: bool, store: RecordingStore, monkeypatch: pytest.MonkeyPatch, nightly: bool
) -> None:
    monkeypatch.setenv("OBS_STRICT", "0")
    log = logging.Logger("of its own")  # pytest prints what others log
    log.addHandler(logging.NullHandler())

    def say() -> None:
        print("printed")
        log.warning("logged")

    say_in = task(say) if as_task else execution("night")(say)
    with nothing_left_behind(), alarms_that_raise(TimeoutError):
        say_in()
        assert interrupted_at_each(places(nightly), say_in, TimeoutError) > 100
    with execution("later"):
        say()
    assert [line.text for line in store.last().log()] == ["printed", "logged"]


@needs_alarms
@pytest.mark.filterwarnings("ignore:coroutine method 'asend':RuntimeWarning")
@pytest.mark.parametrize("is_async", [False, True])
def test_a_task_that_yields_is_left_wherever_a_timeout_strikes(
    is_async: bool, store: RecordingStore, monkeypatch: pytest.MonkeyPatch, nightly: bool
) -> None:
    monkeypatch.setenv("OBS_STRICT", "0")

    @task
    def items() -> Iterator[int]:
        yield from range(3)

    @task
    async def awaited_items() -> AsyncIterator[int]:
        for number in range(3):
            yield number

    async def follow() -> None:
        async for _ in awaited_items():
            pass

    def iterate() -> None:
        if is_async:
            with contextlib.suppress(StopIteration):
                follow().send(None)
        else:
            list(items())

    with execution("night"):
        around = scope.current.get()
        iterate()
        with alarms_that_raise(TimeoutError):
            for number in places(nightly):
                if not interrupted_at(number, iterate, TimeoutError):
                    break
                assert scope.current.get() is around
    assert number > 50
    assert {one.status for one in store.last().tasks} == {"succeeded", "failed"}


@needs_alarms
def test_an_execution_that_a_timeout_kept_from_beginning_is_ended(
    store: RecordingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OBS_STRICT", "0")

    def begin_only() -> None:
        begun.append(execution("night"))
        begun[-1].__enter__()

    begun: list[execution] = []
    with nothing_left_behind():
        with alarms_that_raise(TimeoutError):
            with execution("night"):
                pass
            interrupted_at_each(itertools.count(), begin_only, TimeoutError)
        begun[-1].__exit__(None, None, None)
    assert {one.status for one in list_executions(store)} == {"succeeded", "failed"}


@needs_alarms
def test_an_execution_that_a_timeout_kept_from_ending_is_ended(
    store: RecordingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OBS_STRICT", "0")
    number, is_interrupted = 0, True  # what strikes at the first call keeps `__exit__` from being called at all
    with nothing_left_behind(), alarms_that_raise(TimeoutError):
        while is_interrupted:
            number += 1
            leave = execution("night").__enter__().__exit__
            is_interrupted = interrupted_at(number, functools.partial(leave, None, None, None), TimeoutError)
    assert number > 50
    assert {one.status for one in list_executions(store)} == {"succeeded", "failed"}


@needs_alarms
@pytest.mark.parametrize("as_task", [False, True])
def test_which_span_an_error_left_is_known_though_a_timeout_strikes_after_it_is_told(
    as_task: bool, store: RecordingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What keeps an end from being written lets it be told again; the last time counts, and tells no less."""
    monkeypatch.setenv("OBS_STRICT", "0")
    where, name = (records, "TaskEnd") if as_task else (ends, "end_record")
    make = getattr(where, name)

    def struck_once(*args: Any) -> Any:
        monkeypatch.setattr(where, name, make)
        signal.raise_signal(signal.SIGALRM)

    @task(enable_deck=False) if as_task else execution("night")
    def fail() -> None:
        with span("step"):
            raise ValueError("no rows")

    with nothing_left_behind(), alarms_that_raise(TimeoutError):
        monkeypatch.setattr(where, name, struck_once)
        with pytest.raises(TimeoutError):
            fail()
    found = load_execution("last", store).why()
    assert (found.error[0][0], found.span) == ("ValueError: no rows", "step")


AGAIN_AND_AGAIN = """
import json, signal, time
from obs_core import attach, carrier, current_context, execution, span, task
from obs_core.recording.scope import active, current

class Timeout(Exception): pass

def raise_timeout(_number, frame):
    while frame is not None and frame.f_code is not one.__code__:
        frame = frame.f_back
    if frame is not None:
        raise Timeout

signal.signal(signal.SIGALRM, raise_timeout)
entered, done, told = set(), set(), {}

@task(enable_deck=False)
def work(number):
    entered.add(number)
    with span("step", number=number):
        pass
    current_context().note(str(number))

@execution("called")
def call(number):
    entered.add(number)
    with span("step", number=number):
        pass

def one(number):
    if number % 3 == 0:
        work(number)
    elif number % 3 == 1:
        call(number)
    else:
        run = execution("entered")
        told[number] = run
        with run:
            entered.add(number)
            with span("step", number=number):
                pass

for number in range(-3, 0):  # what is imported once is not gone through again
    one(number)
signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
for number in range(1500):
    try:
        one(number)
        done.add(number)
    except Timeout:
        pass
signal.setitimer(signal.ITIMER_REAL, 0)
signal.signal(signal.SIGALRM, signal.SIG_IGN)
ids = [run.id for number, run in told.items() if number in entered]
assert len(done) < len(entered)
print(json.dumps({"entered": sorted(entered), "done": sorted(done), "ids": ids}))
"""


@needs_alarms
@pytest.mark.posix
def test_a_timer_that_raises_again_and_again_leaves_nothing_running(folder: Path, run_script: RunScript) -> None:
    """An end that is struck is gone on with, and struck again: what is left of it, a later step does."""
    ran = run_script(AGAIN_AND_AGAIN, env={"OBS_STRICT": "0"})
    told = json.loads(ran.stdout)
    recorded = [load_execution(one.id, folder) for one in list_executions(folder)]
    assert {one.status for one in recorded} <= {"succeeded", "failed"}
    assert {each.status for one in recorded for each in one.tasks} <= {"succeeded", "failed"}
    spans = [each for one in recorded for each in one.span.walk() if each.name == "step"]
    assert not [each for each in spans if each.is_open]
    steps = Counter(each.attributes["number"] for each in spans)
    notes = Counter(note for one in recorded for each in one.tasks for note in each.notes)
    assert {number for number in told["done"] if steps[number] != 1} == set()
    assert {number for number in told["done"] if number % 3 == 0 and notes[str(number)] != 1} == set()
    assert max(steps.values()) == max(notes.values()) == 1
    assert set(told["ids"]) <= {one.id for one in recorded}
    assert {(one.view.lost_records, one.view.damaged_records) for one in recorded} == {(0, 0)}


LEFT_TO_THE_THREAD = """
import atexit, threading, time
from obs_core import execution, span
from obs_core.recording.unended import unended

taken, exits = threading.Event(), threading.Event()

class Slow:
    def end_later(self, error):  # what a busy machine does to the thread
        taken.set()
        exits.wait(60)
        time.sleep(0.5)

run = execution("night")
run.__enter__()
with span("step"):
    pass
unended.extend([(Slow(), None), (run._run.ending, None)])
assert taken.wait(60)
atexit.register(exits.set)  # after obs registered itself, so it comes before
"""


def test_a_process_waits_for_the_thread_that_ends_what_was_struck(folder: Path, run_script: RunScript) -> None:
    """Otherwise it says that the execution was never left, and the thread ends with the process before it is done."""
    assert run_script(LEFT_TO_THE_THREAD).stderr == ""
    (one,) = list_executions(folder)
    recorded = load_execution(one.id, folder)
    notes = [note for each in recorded.tasks for note in each.notes]
    assert (recorded.status, notes) == ("succeeded", [])


@needs_alarms
@pytest.mark.parametrize("make", [lambda: span("inner"), lambda: execution("inner")], ids=["span", "execution"])
@pytest.mark.parametrize("leave", ["__exit__", "__aexit__"])
def test_a_block_is_left_though_a_timeout_strikes_as_that_begins(
    make: Callable[[], Any], leave: str, store: RecordingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python looks for signals as it enters a function: that would be before the first line of what leaves a block.

    It does so too between a coroutine is made and its first line.
    """
    monkeypatch.setenv("OBS_STRICT", "0")
    with nothing_left_behind(), alarms_that_raise(TimeoutError), execution("night"):
        block = make()
        block.__enter__()
        comes = functools.partial(_thread.interrupt_main, signal.SIGALRM)
        leaves = functools.partial(getattr(block, leave), None, None, None)
        with pytest.raises(TimeoutError):
            list(map(operator.call, (comes, leaves)))  # no Python code in between
    recorded = [load_execution(one.id, store) for one in list_executions(store)]
    assert {one.status for one in recorded} <= {"succeeded", "failed"}
    assert not [each for one in recorded for each in one.span.walk() if each.is_open]


@needs_alarms
def test_a_loop_is_left_though_a_timeout_strikes_as_that_begins(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBS_STRICT", "0")

    @task
    def work() -> None:
        loop = track(total=3, description="files")
        loop.__enter__()
        loop.update(2)
        comes = functools.partial(_thread.interrupt_main, signal.SIGALRM)
        leaves = functools.partial(loop.__exit__, None, None, None)
        with pytest.raises(TimeoutError):
            list(map(operator.call, (comes, leaves)))

    with alarms_that_raise(TimeoutError), execution("night", store=folder) as run:
        work()
    recorded = load_execution(run.id, folder)
    (bar,) = recorded.progress_of(recorded.tasks[0])
    assert (bar.name, bar.done, bar.status) == ("files", 2, "ended")


@needs_alarms
def test_what_a_block_went_on_with_is_left_though_a_timeout_strikes_as_that_begins(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OBS_STRICT", "0")
    with execution("theirs", store=folder):
        carried = carrier()
    with alarms_that_raise(TimeoutError), execution("mine", store=folder) as mine:
        block = attach(carried)
        block.__enter__()
        comes = functools.partial(_thread.interrupt_main, signal.SIGALRM)
        leaves = functools.partial(block.__exit__, None, None, None)
        with pytest.raises(TimeoutError):
            list(map(operator.call, (comes, leaves)))
        with span("after the block"):
            pass
    assert [one.name for one in load_execution(mine.id, folder).span.walk()] == ["mine", "after the block"]


KEEPS_ALL = """
from obs_core import execution, task

def raise_timeout(*_):
    raise TimeoutError

@task(logs="all", enable_deck=False)
def work():
    pass

def places():
    return [(found.st_dev, found.st_ino) for found in map(os.fstat, (1, 2))]

signal.signal(signal.SIGALRM, raise_timeout)
before = places()
number, is_struck = 0, True
with execution("night"):
    work()
    while is_struck:
        left, is_struck = number, False
        sys.setprofile(strike)
        try:
            work()
        except TimeoutError:
            is_struck = True
        sys.setprofile(None)
        assert places() == before, number
        number += 1
    os.system("echo theirs")
assert number > 100
"""


@needs_alarms
@pytest.mark.posix
def test_the_descriptors_are_given_back_wherever_a_timeout_strikes(folder: Path, run_script: RunScript) -> None:
    assert run_script(STRIKE + KEEPS_ALL, env={"OBS_STRICT": "0"}).stdout == "theirs\n"


def open_files() -> list[str]:
    folder = "/proc/self/fd"
    return sorted(os.readlink(f"{folder}/{one}") for one in os.listdir(folder) if os.path.exists(f"{folder}/{one}"))


def _append_and_close(store: FolderStore) -> None:
    segment = store.segment(f"executions/one/journal/{time.monotonic_ns()}.jsonl")
    lines = b"{}\n" * 40_000  # so much is compressed
    segment.append(lines)
    segment.size = len(lines)
    segment.close()


@needs_alarms
@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="there is no list of open files here")
@pytest.mark.parametrize(
    "use",
    [
        lambda store: store.get("kept"),
        lambda store: store.put("put", b"some"),
        lambda store: FolderStore(store.url).now(),
        _append_and_close,
        lambda _: memory_cgroup(),
        lambda store: faults._point_to(store.address("kept")),
    ],
    ids=["get", "put", "now", "segment", "cgroup", "faults"],
)
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_no_descriptor_stays_open_wherever_a_timeout_strikes(
    use: Callable[[FolderStore], object], folder: Path
) -> None:
    def use_and_count() -> None:
        with contextlib.suppress(FileNotFoundError):
            use(store)

    store = FolderStore(str(folder))
    store.put("kept", b"some")
    use(store)
    before = open_files()
    with alarms_that_raise(TimeoutError):
        interrupted_at_each(itertools.count(), use_and_count, TimeoutError)
    close_what_is_left()
    assert open_files() == before


@contextlib.contextmanager
def nothing_left_behind() -> Iterator[None]:
    """See to it that the block leaves nothing in place that obs puts there while something runs."""

    def in_place() -> dict[str, object]:
        return {
            "hook of logging": logging.Logger.callHandlers,
            "kept": list(logs._within),
            # An execution that is none of the block's, such as an ambient one, needs them from here on.
            "taps": logs._within or [name for name in ("stdout", "stderr") if "write" in vars(getattr(sys, name))],
            "handler": _signal.getsignal(signal.SIGTERM),
            "to end at SIGTERM": list(sigterm._endings),
            "ends that SIGTERM waits for": list(sigterm._ends_written),
            "current": scope.current.get(),
            "active": set(scope.active),
            "seen by others": dict(scope.entered),
        }

    before = in_place()
    yield
    assert in_place() == before
    assert flusher._thread is not None
    assert flusher._thread.is_alive()


@contextlib.contextmanager
def alarms_that_raise(kind: type[BaseException]) -> Iterator[None]:
    def handler(_number: int, _frame: Any) -> None:
        raise kind

    before = signal.signal(signal.SIGALRM, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGALRM, before)


CAPTURE = "wandb.sdk.lib.console_capture"


def _is_heard_by_wandb(frame: Any) -> bool:
    """Tell whether wandb, once it is imported, hears what is printed: it forgets what is raised there."""
    if CAPTURE not in sys.modules:  # a walk up the stack at each call takes longer than all else
        return False
    while frame is not None:
        if frame.f_globals.get("__name__") == CAPTURE:
            return True
        frame = frame.f_back
    return False


def _is_called_by_collector(frame: Any) -> bool:
    """Tell whether the garbage collector says that it runs, which hypothesis asks for: what is raised there is lost."""
    return any(getattr(each, "__code__", None) is frame.f_code for each in gc.callbacks)


BY_DAY = 4


def places(nightly: bool) -> Iterator[int]:
    """Yield the calls at which an alarm is to come: by day every fourth, beginning with another one in each Python."""
    return itertools.count() if nightly else itertools.count(sys.version_info.minor % BY_DAY, BY_DAY)


def interrupted_at_each(numbers: Iterable[int], call: Callable[[], object], kind: type[BaseException]) -> int:
    """Call something until an alarm has come at each of its calls; returns the first number that has none."""
    return next(number for number in numbers if not interrupted_at(number, call, kind))


def interrupted_at(number: int, call: Callable[[], object], kind: type[BaseException]) -> bool:
    """Call something; whether as many calls as that were made in it, at which an alarm came. It must be raised."""
    left, came, place = number, False, ""

    def look(frame: Any, event: str, _what: Any) -> None:
        nonlocal left, came, place
        if event not in ("call", "c_return"):
            return
        if frame.f_code.co_name == "<genexpr>" and sys.version_info < (3, 13):
            return  # these Pythons tell of a call when they close one, and there they lose what is raised
        if frame.f_code.co_filename == multiprocessing.process.__file__:
            return  # `logging.LogRecord` asks for the process's name, and forgets what is raised there
        if _is_heard_by_wandb(frame) or _is_called_by_collector(frame):
            return
        left -= 1
        if left < 0 and not came:
            came, place = True, "".join(traceback.format_stack(limit=6))
            sys.setprofile(None)
            signal.raise_signal(signal.SIGALRM)

    sys.setprofile(look)
    try:
        call()
    except kind:
        assert came
        return True
    finally:
        sys.setprofile(None)
    assert not came, f"swallowed at call {number}:\n{place}"
    return False


@needs_alarms
def test_a_handler_that_records_is_recorded_and_waits_for_nothing(folder: Path, run_script: RunScript) -> None:
    ran = run_script(
        """
import signal
from obs_core import execution, span, task

called, busy = 0, False

@task(enable_deck=False)
def checkpoint():
    return 1

def handler(*_):
    global called, busy
    if not busy:
        busy = True
        called += checkpoint()
        busy = False

signal.signal(signal.SIGALRM, handler)

@task(enable_deck=False)
def work():
    signal.setitimer(signal.ITIMER_REAL, 0.005, 0.005)
    for number in range(20_000):
        with span("step", number=number):
            pass
    signal.setitimer(signal.ITIMER_REAL, 0)

with execution("night") as run:
    work()
print(run.id, called)
"""
    )
    run_id, called = ran.stdout.split()
    recorded = load_execution(run_id, folder)
    names = Counter(one.name for one in recorded.span.walk())
    assert names["step"] == 20_000
    assert names["checkpoint"] == int(called) > 5


def test_a_finalizer_may_record_wherever_garbage_is_collected(folder: Path, run_script: RunScript) -> None:
    ran = run_script(
        """
import gc, random
from obs_core import execution, span

class Resource:
    def __init__(self):
        self.me = self
    def __del__(self):
        with span("released"):
            with span("closed"):
                pass

chance = random.Random(1)
with execution("night") as run:
    for number in range(5_000):
        gc.set_threshold(chance.randrange(1, 40))  # wherever memory is asked for
        Resource()
        with span("step"):
            pass
    gc.collect()
print(run.id)
""",
        env={"PYTHONMALLOC": "debug"},
    )
    names = Counter(one.name for one in load_execution(ran.stdout.strip(), folder).span.walk())
    assert names == {"night": 1, "step": 5_000, "released": 5_000, "closed": 5_000}


def steps(store: RecordingStore) -> list[Any]:
    return [one.attributes["number"] for one in store.last().span.walk() if one.name == "step"]


def test_what_is_raised_while_a_batch_is_encoded_or_written_is_raised_and_costs_nothing(
    store: RecordingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exception between any two calls, as a signal handler may raise it."""

    class Interrupted(BaseException):
        pass

    def interrupting(function: Callable[..., Any], after: bool) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if after:
                function(*args, **kwargs)
            raise Interrupted

        return call

    number = 0
    with execution("night"):
        journal = current_context().state.journal
        places = [(encoding, "encode"), (writer, "sealed"), (journal.store, "put"), (journal.store, "segment")]
        for owner, name in places:
            for after in (False, True):
                with span("step", number=number):
                    number += 1
                with pytest.MonkeyPatch.context() as patch:
                    patch.setattr(owner, name, interrupting(getattr(owner, name), after))
                    if name == "segment":
                        patch.setattr(journal, "_segment", None)
                    with pytest.raises(Interrupted):
                        journal.flush()
    assert steps(store) == list(range(number))


def test_too_little_memory_is_no_business_of_the_task(store: RecordingStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBS_STRICT", "0")

    def fail(*_args: Any, **_kwargs: Any) -> Any:
        raise MemoryError

    with execution("night"):
        for number in range(3):
            with span("step", number=number):
                pass
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(encoding, "encode", fail)
            current_context().state.journal.flush()
    assert steps(store) == [0, 1, 2]


def test_the_background_thread_outlives_what_is_raised_in_it(
    store: RecordingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        items = ()

        def beat(self) -> None:
            raise KeyboardInterrupt

    monkeypatch.setattr(flusher, "INTERVAL", 0.01)
    with execution("night") as run:
        thread = flusher._thread
        assert thread is not None
        assert run._run is not None
        journal = run._run.journal
        written = threading.Event()
        monkeypatch.setattr(flusher, "_journals", [Broken(), journal])
        monkeypatch.setattr(journal, "beat", written.set)
        assert written.wait(60)
        assert thread.is_alive()


STRUCK_BEGINS = """
import gc, time
from obs_core import execution
from obs_core.journal import flusher

def raise_timeout(*_):
    raise TimeoutError

signal.signal(signal.SIGALRM, raise_timeout)
with execution("whole"):
    pass
struck = number = 0
while struck == number:
    left = number
    sys.setprofile(strike)
    try:
        run = execution("night").__enter__()
    except TimeoutError:
        struck += 1
    finally:
        sys.setprofile(None)
    number += 1
run.__exit__(None, None, None)
del run
flusher.flush_all()
gc.collect()
end = time.monotonic() + 60
while flusher._open() and time.monotonic() < end:  # the thread may be in the midst of a round
    time.sleep(0.01)
print(struck, len(flusher._open()))
"""


@needs_alarms
@pytest.mark.posix
def test_begins_that_a_timeout_strikes_leave_no_journal_behind(run_script: RunScript) -> None:
    struck, left = map(int, run_script(STRIKE + STRUCK_BEGINS, env={"OBS_STRICT": "0"}).stdout.split())
    assert struck > 50
    assert left == 0


def test_the_background_thread_holds_no_journal_between_two_rounds(
    store: RecordingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Unused:
        used = False

        def beat(self) -> None: ...

    rounds, journal = threading.Semaphore(0), Unused()
    with execution("night"), monkeypatch.context() as patch:
        patch.setattr(flusher, "INTERVAL", 0.01)
        patch.setattr(flusher, "_journals", [])
        patch.setattr(flusher, "_unused", Register())
        patch.setattr(flusher, "_each_round", [rounds.release])
        flusher._unused.add(journal)  # type: ignore[arg-type]
        for _ in range(2):
            assert rounds.acquire(timeout=60)
        held = weakref.ref(journal)
        del journal
        for _ in range(2):
            assert rounds.acquire(timeout=60)
        assert held() is None


def test_a_dead_background_thread_is_started_again(store: RecordingStore, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Thread(target=lambda: None)
    ended.start()
    ended.join()
    with execution("night"):
        monkeypatch.setattr(flusher, "_thread", ended)
        monkeypatch.setattr(flusher, "last_round", -(2**62))
        current_context().state.journal.flush()
        assert flusher._thread is not None
        assert flusher._thread.is_alive()


def test_a_record_that_cannot_be_written_in_any_way_is_counted(
    store: RecordingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OBS_STRICT", "0")
    line_of_any = encoding._line_of_any
    monkeypatch.setattr(encoding, "_line_of_any", lambda row: b"" if "cursed" in str(row) else line_of_any(row))
    with execution("night"):
        for name in ("before", "cursed", "after"):
            with span(name, file="\udcff"):  # not in JSON: each line is made by itself
                pass
        current_context().state.journal.flush()
        with span("later"):
            pass
    recorded = store.last()
    assert [one.name for one in recorded.span.children] == ["before", "after", "later"]
    assert recorded.view.lost_records == 1


def move(path: Path) -> Path:
    """Move a folder away, at once: what obs's thread writes there anew is in another one."""
    return path.rename(f"{path}.away")


@pytest.mark.parametrize("away", [lambda path: shutil.rmtree(move(path)), move], ids=["removed", "moved"])
def test_a_writer_whose_files_are_gone_begins_anew_and_says_so(away: Callable[[Path], object], folder: Path) -> None:
    with warnings.catch_warnings(record=True) as caught, execution("night", store=folder) as run:
        warnings.simplefilter("always")

        @task(enable_deck=False)
        def work() -> None:
            with span("before"):
                pass
            current_context().state.journal.flush()
            away(folder / "executions" / run.id)
            with span("after"):
                inner()

        @task(enable_deck=False)
        def inner() -> None:
            pass

        work()
    assert any("was removed" in str(one.message) for one in caught)
    recorded = load_execution(run.id, folder)
    assert (recorded.name, recorded.status, recorded.view.damaged_records) == ("night", "succeeded", 0)
    root, done, within = recorded.tasks
    assert root.notes == [
        "Somebody removed or moved the record of this execution while it ran, so the record starts again here."
    ]
    assert [(one.name, one.status) for one in (done, within)] == [("work", "succeeded"), ("inner", "succeeded")]
    assert [one.name for one in recorded.span.walk()] == ["night", "work", "after", "inner"]


@pytest.mark.skipif(os.name != "posix", reason="needs limits")
def test_a_file_that_the_store_refuses_holds_nothing_up(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBS_STRICT", "0")
    put = FolderStore.put

    def refuse_blobs(self: FolderStore, path: str, content: bytes) -> None:
        if "/blobs/" in path:
            raise OSError(27, "File too large")
        put(self, path, content)

    monkeypatch.setattr(FolderStore, "put", refuse_blobs)

    @task
    def work() -> int:
        from obs_core import Deck

        Deck("Large").append("x" * 50_000)
        return 42

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with execution("night", store=folder) as run:
            assert work() == 42
    recorded = load_execution(run.id, folder)
    assert recorded.status == "succeeded"
    of_execution, work_view = recorded.tasks
    assert "File too large" in of_execution.notes[0]
    (item,) = next(deck for deck in work_view.decks if deck.name == "Large").items
    assert "is not in the store" in item
    assert recorded.report_paths(), "the report is written all the same"


def test_when_a_full_disk_is_freed_the_end_is_written(store: RecordingStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBS_STRICT", "0")
    monkeypatch.setattr(writer, "_PENDING_LIMIT", 20_000)
    put = store.put

    def refuse(path: str, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    @task(enable_deck=False)
    def work() -> None:
        for _ in range(5_000):
            with span("step"):
                pass

    with pytest.warns(UserWarning, match="No space left"), execution("night"):
        monkeypatch.setattr(store, "put", refuse)
        work()
        monkeypatch.setattr(store, "put", put)
    recorded = store.last()
    assert recorded.status == "succeeded"
    assert [one.status for one in recorded.tasks] == ["succeeded", "succeeded"]
    assert "No space left on device" in recorded.tasks[0].notes[0]
    kept = sum(one.name == "step" for one in recorded.span.walk())
    assert kept + recorded.view.lost_records >= 5_000
    assert recorded.view.lost_records > 0


def test_the_last_write_says_itself_that_the_store_accepts_again(
    store: RecordingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OBS_STRICT", "0")
    put = store.put

    def refuse(path: str, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    with pytest.warns(UserWarning, match="No space left"), execution("night"):
        journal = current_context().state.journal
        monkeypatch.setattr(store, "put", refuse)
        with span("step"):
            pass
        journal.flush()
        monkeypatch.setattr(store, "put", put)
        journal.close_now()
        assert "No space left on device" in store.last().tasks[0].notes[0]

"""A process that is told to end leaves failed executions, not lost ones, and ends as it would without obs."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # obs's own handler is seen there alone
import os
import pickle
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from obs_core import execution, list_executions, load_execution, task
from obs_core.recording import sigterm

pytestmark = pytest.mark.posix

# Python looks for a signal that came just before a call of the system begins when that ends: so none is a long one.
WAIT = "print('ready', flush=True); [time.sleep(0.1) for _ in range(600)]"
TASK = f"@task\ndef load():\n    Deck('Rows', 'three')\n    with span('read'): {WAIT}\n"


def terminated(folder: Path, source: str) -> None:
    """Run a script until it says that it is ready, and tell it to end."""
    program = folder.parent / "program.py"
    program.write_text(f"import time\nfrom obs_core import *\n{source}")
    process = subprocess.Popen(
        [sys.executable, program],
        env={**os.environ, "OBS_STORE": str(folder)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.terminate()
    assert process.wait(60) == -signal.SIGTERM


@pytest.mark.parametrize(
    ("source", "tasks"),
    [
        (f"with span('load'): pass\n{WAIT}", 0),
        (f"with execution('night'): {WAIT}", 0),
        (f"with execution('night'), span('load'): {WAIT}", 0),
        (f"{TASK}load()", 1),
        (f"{TASK}with execution('night'): load()", 1),
        (f"{TASK}@task\ndef outer(): load()\nwith execution('night'): outer()", 2),
    ],
)
def test_sigterm_fails_what_runs_and_ends_the_process_as_it_would(folder: Path, source: str, tasks: int) -> None:
    terminated(folder, source)
    (found,) = list_executions(folder)
    assert (found.status, found.error) == ("failed", "Terminated: SIGTERM")
    recorded = load_execution(found.id, folder)
    assert [(one.status, one.error) for one in recorded.tasks] == [("failed", "Terminated: SIGTERM")] * tasks
    assert [deck.items for one in recorded.tasks for deck in one.decks if deck.name == "Rows"] == [["three"]] * (
        tasks > 0
    )


OPEN = """
import threading
@task
def load():
    with span("read", rows=3):
        print("ready", flush=True)
        for _ in range(600): time.sleep(0.1)
"""
IN_A_THREAD = f"""{OPEN}
with execution("night"):
    threading.Thread(target=load, daemon=True).start()
    for _ in range(600): time.sleep(0.1)
"""
IN_COROUTINES = """
import asyncio
@task
async def waits():
    with span("read", rows=3):
        await asyncio.sleep(60)
@task
async def load():
    with span("read", rows=3):
        await asyncio.sleep(0)
        print("ready", flush=True)
        for _ in range(600): time.sleep(0.1)
async def both():
    await asyncio.gather(waits(), load())
with execution("night"):
    asyncio.run(both())
"""


@pytest.mark.parametrize("source", [f"{OPEN}load()", IN_A_THREAD, IN_COROUTINES], ids=["main", "thread", "coroutines"])
def test_spans_that_are_open_fail_with_their_tasks_and_it_is_said_where(folder: Path, source: str) -> None:
    terminated(folder, source)
    (found,) = list_executions(folder)
    recorded = load_execution(found.id, folder)
    assert recorded.span.children
    for one in recorded.span.children:
        assert one.status == "failed"
        assert [(read.name, read.status, read.error, read.attributes) for read in one.children] == [
            ("read", "failed", "Terminated", {"rows": 3})
        ]
    assert recorded.why().paragraph.startswith("load ")
    assert 'It was in "read" at program.py:' in recorded.why().paragraph


PARTS = """
import os, signal, subprocess, sys, time
from obs_core import attach, carrier, execution, span, task
@task
def part(ready):
    with span("read"):
        os.write(ready, b"x")
        for _ in range(600): time.sleep(0.1)
@task
def around(ready):
    part(ready)
def child(work):
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        work(write)
    os.read(read, 1)
    os.kill(pid, signal.SIGTERM)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
def attached(ready):
    with attach(carried):
        part(ready)
with execution("night"):
    carried = carrier()
    child(WORK)
"""


@pytest.mark.parametrize(("work", "failed"), [("part", 1), ("around", 2), ("attached", 1)])
def test_what_a_worker_ran_fails_with_it_and_the_execution_goes_on(
    folder: Path, run_script: Callable[..., subprocess.CompletedProcess[str]], work: str, failed: int
) -> None:
    assert run_script(PARTS.replace("WORK", work)).stdout == f"{-signal.SIGTERM}\n"
    (found,) = list_executions(folder)
    assert found.status == "succeeded"
    recorded = load_execution(found.id, folder)
    assert [(one.status, one.error) for one in recorded.tasks] == [("failed", "Terminated: SIGTERM")] * failed
    innermost = recorded.span
    for name in ["part", "read"] if failed == 1 else ["around", "part", "read"]:
        (innermost,) = innermost.children
        assert (innermost.name, innermost.status, innermost.error) == (name, "failed", "Terminated")


PARTS_WITHOUT_TASKS = """
import contextvars, os, signal, threading, time
from obs_core import attach, carrier, execution, span, task
@task
def part(ready):
    with span("read", rows=3):
        os.write(ready, b"x")
        for _ in range(600): time.sleep(0.1)
def spans(ready):
    with span("read", rows=3):
        os.write(ready, b"x")
        for _ in range(600): time.sleep(0.1)
def attached(ready):
    with attach(carried):
        spans(ready)
def begun_in_a_thread(ready):
    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(part, ready), daemon=True).start()
    for _ in range(600): time.sleep(0.1)
def attached_for_a_thread(ready):
    attach(carried)
    begun_in_a_thread(ready)
def main_thread_before(ready):
    with span("before"):
        pass
    begun_in_a_thread(ready)
@task
def calling():
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        WORK(write)
    os.read(read, 1)
    os.kill(pid, signal.SIGTERM)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
with execution("night"):
    carried = carrier()
    calling()
"""


@pytest.mark.parametrize(
    ("work", "of"),
    [("spans", "calling"), ("attached", "night"), ("attached_for_a_thread", ""), ("main_thread_before", "")],
)
def test_open_spans_of_a_worker_fail_with_it_though_no_task_of_its_main_thread_runs(
    folder: Path, run_script: Callable[..., subprocess.CompletedProcess[str]], work: str, of: str
) -> None:
    assert run_script(PARTS_WITHOUT_TASKS.replace("WORK", work)).stdout == f"{-signal.SIGTERM}\n"
    recorded = load_execution("last", folder)
    assert recorded.status == "succeeded"
    statuses = {one.name: (one.status, one.error, one.attributes) for one in recorded.span.walk() if one.name == "read"}
    assert statuses == {"read": ("failed", "Terminated", {"rows": 3})}
    assert {one.name: one.status for one in recorded.tasks if one.name in ("part", "calling")} == {
        "calling": "succeeded",
        **({} if of else {"part": "failed"}),
    }
    if of:
        (note,) = [note for one in recorded.tasks if one.name == of for note in one.notes]
        assert re.fullmatch(r'SIGTERM ended process \d+, which took part in "read", at .*\.py:\d+\.', note)


def test_a_child_that_records_nothing_leaves_sigterm_to_the_system(
    run_script: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    said = run_script(
        """
import _signal, os, signal
from obs_core import execution, span
with execution("night"), span("forking"):
    if not os.fork():
        print(_signal.getsignal(signal.SIGTERM) == _signal.SIG_DFL, flush=True)
        os._exit(0)
    os.wait()
"""
    )
    assert said.stdout == "True\n"


def test_sigterm_is_the_systems_again_once_a_worker_is_done(
    run_script: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    said = run_script(
        """
import _signal, os, signal
from obs_core import execution, task
@task
def part():
    return _signal.getsignal(signal.SIGTERM) == _signal.SIG_DFL
with execution("night"):
    if not os.fork():
        print([part(), _signal.getsignal(signal.SIGTERM) == _signal.SIG_DFL], flush=True)
        os._exit(0)
    os.wait()
"""
    )
    assert said.stdout == "[False, True]\n"


def test_executions_within_each_other_all_fail(folder: Path) -> None:
    terminated(folder, f"with span('ambient'): pass\nwith execution('outer'), execution('inner'): {WAIT}")
    found = {one.name: (one.status, one.error) for one in list_executions(folder)}
    assert len(found) == 3
    assert set(found.values()) == {("failed", "Terminated: SIGTERM")}


@pytest.mark.posix
def test_somebody_elses_handler_of_sigterm_stays(run_script: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    said = run_script(
        """
import os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: print("mine"))
from obs_core import span
with span("load"): pass
os.kill(os.getpid(), signal.SIGTERM)
"""
    )
    assert said.stdout == "mine\n"


def test_a_handler_that_calls_the_one_before_it_comes_to_its_end(
    run_script: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    said = run_script(
        """
import os, signal, sys
from obs_core import task

@task
def load():
    def handle(*given):
        if callable(before):
            before(*given)
        print("saved")
        sys.exit(0)

    before = signal.signal(signal.SIGTERM, handle)
    os.kill(os.getpid(), signal.SIGTERM)

load()
"""
    )
    assert said.stdout == "saved\n"


@pytest.mark.parametrize("theirs", [signal.SIG_IGN, lambda *_: None])
def test_the_systems_action_is_back_when_nothing_runs_and_a_handler_set_meanwhile_stays(
    folder: Path, theirs: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sigterm, "_endings", {})  # other tests' ambient executions end with this process
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        with execution("night", store=folder):
            assert callable(_signal.getsignal(signal.SIGTERM))
            task(lambda: None)()
            assert callable(_signal.getsignal(signal.SIGTERM))
        assert _signal.getsignal(signal.SIGTERM) == _signal.SIG_DFL
        with execution("night", store=folder):
            signal.signal(signal.SIGTERM, theirs)
        assert signal.getsignal(signal.SIGTERM) is theirs
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_forked_child_is_ended_by_the_system_and_ends_nothing_of_its_parent(
    folder: Path, run_script: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    said = run_script(
        """
import os, signal, sys, time
from obs_core import execution
with execution("night"):
    pid = os.fork()
    if not pid:
        for _ in range(600): time.sleep(0.1)
    os.kill(pid, signal.SIGTERM)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    )
    assert said.stdout == f"{-signal.SIGTERM}\n"
    assert [one.status for one in list_executions(folder)] == ["succeeded"]


def test_a_forked_child_that_is_told_to_end_before_it_runs_ends(
    run_script: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    said = run_script(
        """
import os, signal, time
from obs_core import span
with span("first"):
    pass
codes = set()
for _ in range(50):
    pid = os.fork()
    if not pid:
        time.sleep(1)
        os._exit(0)
    os.kill(pid, signal.SIGTERM)
    codes.add(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
print(codes)
"""
    )
    assert said.stdout == f"{{{-signal.SIGTERM}}}\n"


def test_a_worker_ends_though_the_signal_does_not_interrupt_what_its_main_thread_waits_for(
    folder: Path, run_script: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    said = run_script(
        """
import multiprocessing, os, signal, threading
from obs_core import execution, span
def get_it_elsewhere():
    # As if it came just before the main thread waits: Python notes it, and nothing wakes that thread.
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
with execution("night"):
    pid = os.fork()
    if not pid:
        lock = multiprocessing.Lock()
        signal.alarm(60)
        with span("part"), lock:
            threading.Timer(0.1, get_it_elsewhere).start()
            lock.acquire()
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    )
    assert said.stdout == f"{-signal.SIGTERM}\n"
    recorded = load_execution("last", folder)
    assert [(one.name, one.status) for one in recorded.span.walk() if one.name == "part"] == [("part", "failed")]


WAITING = """
import asyncio
@task
async def waits():
    with span("read"):
        await asyncio.sleep(60)
@task
async def fits():
    with span("fit"):
        await asyncio.sleep(0.1)
        print("ready", flush=True)
        for _ in range(600): time.sleep(0.1)  # here
@task
async def night():
    await asyncio.gather(fits(), waits())
asyncio.run(night())
"""
IDLE = """
import asyncio
@task
async def waits():
    with span("read"):
        await asyncio.sleep(60)
@task
async def night():
    await asyncio.gather(waits(), waits())
async def ticks():
    await asyncio.sleep(0.1)
    print("ready", flush=True)
    while True: await asyncio.sleep(0.01)
async def both():
    await asyncio.gather(ticks(), night())
asyncio.run(both())
"""


def test_the_coroutine_that_runs_is_told_with_its_line_and_none_that_waits(folder: Path) -> None:
    terminated(folder, WAITING)
    found = load_execution("last", folder).why()
    line = WAITING[: WAITING.index("# here")].count("\n") + 3
    assert (found.task, found.span) == ("fits", "fit")
    assert os.path.basename(found.place) in (f"program.py:{line - 1}", f"program.py:{line}")  # it may still print


def test_of_coroutines_that_all_wait_no_line_is_told(folder: Path) -> None:
    terminated(folder, IDLE)
    found = load_execution("last", folder).why()
    assert (found.task, found.span, found.place) == ("waits", "read", "")
    assert 'It was in "read", which had run for' in found.paragraph


def ended(folder: Path, handling: str) -> tuple[int, str, str | None]:
    """Run a task that handles SIGTERM, and tells itself to end; returns exit code, output, and the task's error."""
    program = folder.parent / "program.py"
    program.write_text(
        f"""
import os, signal, sys
from obs_core import task

@task
def train():
{textwrap.indent(textwrap.dedent(handling), "    ")}
    os.kill(os.getpid(), signal.SIGTERM)
    for _ in range(100_000): pass
    print("went on")

train()
"""
    )
    ran = subprocess.run(
        [sys.executable, program], env={**os.environ, "OBS_STORE": str(folder)}, capture_output=True, text=True
    )
    assert ran.stderr == ""
    (found,) = list_executions(folder)
    return ran.returncode, ran.stdout, load_execution(found.id, folder).tasks[0].error


CALLS_THE_ONE_BEFORE = """
before = signal.getsignal(signal.SIGTERM)
def handle(number, frame):
    print("saved", flush=True)
    if callable(before):
        before(number, frame)
    elif before == signal.SIG_DFL:
        {otherwise}
signal.signal(signal.SIGTERM, handle)
"""


@pytest.mark.parametrize(
    ("handling", "code", "said", "error"),
    [
        (CALLS_THE_ONE_BEFORE.format(otherwise="sys.exit(143)"), 143, "saved\n", "SystemExit: 143"),
        (
            CALLS_THE_ONE_BEFORE.format(
                otherwise="signal.signal(number, signal.SIG_DFL); os.kill(os.getpid(), number)"
            ),
            -signal.SIGTERM,
            "saved\n",
            "Terminated: SIGTERM",
        ),
        (
            """
            if signal.getsignal(signal.SIGTERM) in (None, signal.SIG_DFL):
                signal.signal(signal.SIGTERM, lambda *_: print("saved", flush=True))
            """,
            0,
            "saved\nwent on\n",
            None,
        ),
        (
            """
            before = signal.signal(signal.SIGTERM, lambda *_: None)
            signal.signal(signal.SIGTERM, before)
            """,
            -signal.SIGTERM,
            "",
            "Terminated: SIGTERM",
        ),
    ],
    ids=[
        "exits by itself",
        "sets the system's action back",
        "sets one if none is there",
        "puts back what was there",
    ],
)
def test_a_program_finds_the_systems_action_where_obs_handles_sigterm(
    folder: Path, handling: str, code: int, said: str, error: str | None
) -> None:
    assert ended(folder, handling) == (code, said, error)


def test_the_functions_that_do_not_tell_of_it_are_like_those_of_python(folder: Path) -> None:
    with execution("night", store=folder):
        for function in (signal.signal, signal.getsignal):
            assert pickle.loads(pickle.dumps(function)) is function
            assert function.__module__ == "signal"
        with pytest.raises(ValueError, match="out of range"):
            signal.getsignal(100_000)
        with pytest.raises(TypeError):
            signal.signal(signal.SIGTERM, "no handler")  # type: ignore[arg-type]

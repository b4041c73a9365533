from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from obs_core import Execution, load_execution
from obs_core.commands import main
from obs_core.values.registry import declared
from obs_resources import cpu_profiling
from obs_resources.flame import changes_page
from obs_resources.profiler import _Pace

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux tells the CPU time of each thread")
two_cores = pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="a BLAS starts no thread for a single core")

Run = Callable[..., subprocess.CompletedProcess[str]]


def functions_of(execution: Execution) -> dict[str, int]:
    """How often each function was seen as the innermost one."""
    found: dict[str, int] = {}
    for one in execution.profile:
        found[one.calls[-1].function] = found.get(one.calls[-1].function, 0) + one.seen
    return found


PROFILED = """
from obs_resources import cpu_profiling
from obs_resources.profiler import _Pace
def hot():
    burn_until(looked(20))
@task
@cpu_profiling()
def work():
    with span("first"):
        hot()
    with span("second"):
        wait_for(looked(20))
work()
"""


def test_a_profiled_task_shows_where_its_time_went(run_script: Run, folder: Path) -> None:
    run_script(PROFILED)
    execution = load_execution("last", folder)
    seen = [one for one in execution.profile if "hot" in [call.function for call in one.calls]]
    assert sum(one.seen for one in seen) >= 5
    assert sum(one.running for one in seen) >= 1
    calls = [call.function for call in max(seen, key=lambda one: one.seen).calls]
    assert calls[:4] == ["<module>", "work", "hot", "burn_until"]
    (deck,) = [deck for deck in execution.task("work").decks if deck.name == "CPU profile"]
    assert "burn_until.&lt;locals&gt;.&lt;genexpr&gt;" in deck.items[0]


def test_stacks_know_their_span(run_script: Run, folder: Path) -> None:
    run_script(PROFILED)
    execution = load_execution("last", folder)
    names = {id_: execution.table.names[row] for row, id_ in enumerate(execution.table.ids)}
    spans = {names[one.span] for one in execution.profile if one.span and "hot" in [c.function for c in one.calls]}
    assert spans == {"first"}
    sleeping = [one for one in execution.profile if one.span and names[one.span] == "second"]
    assert sum(one.seen for one in sleeping) > sum(one.running for one in sleeping)


def test_a_with_block_profiles_what_is_in_it(run_script: Run, folder: Path) -> None:
    run_script("""
from obs_resources import cpu_profiling
from obs_resources.profiler import _Pace
@task
def work():
    burn(0.3)
    with cpu_profiling(hz=200):
        wait_for(looked(20))
work()
""")
    execution = load_execution("last", folder)
    assert "burn" not in functions_of(execution)
    assert {one.interval for one in execution.profile} == {5_000_000}
    (deck,) = [deck for deck in execution.task("work").decks if deck.name == "CPU profile"]
    assert "wait_for" in deck.items[0]


def test_other_threads_are_seen_unless_only_the_task_is_wanted(run_script: Run, folder: Path) -> None:
    source = """
from obs_resources import cpu_profiling
from obs_resources.profiler import _Pace
stop = threading.Event()
other = threading.Thread(target=stop.wait, name="other")
other.start()
@task
@cpu_profiling(WHICH)
def work():
    burn_until(looked(20))
work()
stop.set()
"""
    run_script(source.replace("WHICH", ""))
    assert {one.thread for one in load_execution("last", folder).profile} == {"MainThread", "other"}
    run_script(source.replace("WHICH", 'threads="task"'))
    assert {one.thread for one in load_execution("last", folder).profile} == {"MainThread"}


def test_a_variable_profiles_everything(run_script: Run, folder: Path) -> None:
    run_script("@task\ndef work():\n    burn_until(looked(20))\nwork()\n", OBS_PROFILE="100")
    execution = load_execution("last", folder)
    assert "burn_until" in {call.function for one in execution.profile for call in one.calls}
    (deck,) = [deck for deck in execution.task("work").decks if deck.name == "CPU profile"]
    assert "burn_until" in deck.items[0]


def test_a_wrong_variable_is_said_and_harms_nothing(run_script: Run, folder: Path) -> None:
    result = run_script("@task\ndef work():\n    burn(0.1)\nwork()\n", OBS_PROFILE="often", OBS_STRICT="0")
    assert "OBS_PROFILE must be a whole number of samples a second, 1 to 1000, not 'often'" in result.stderr
    assert load_execution("last", folder).status == "succeeded"


def test_what_coroutines_await_is_seen(run_script: Run, folder: Path) -> None:
    run_script("""
import asyncio
from obs_resources import cpu_profiling
from obs_resources.profiler import _Pace
async def fetch():
    enough = looked(20)
    while not enough():
        await asyncio.sleep(0.05)
@task
@cpu_profiling()
async def work():
    await asyncio.gather(fetch(), fetch())
asyncio.run(work())
""")
    awaiting = [one for one in load_execution("last", folder).profile if one.thread == "MainThread: awaiting"]
    assert "fetch" in {call.function for one in awaiting for call in one.calls}
    assert sum(one.running for one in awaiting) == 0


@pytest.mark.posix
def test_a_killed_task_has_its_profile(tmp_path: Path, folder: Path, environment: dict[str, str], helpers: str) -> None:
    script = tmp_path / "run.py"
    script.write_text(
        helpers
        + """
from obs_resources import cpu_profiling
from obs_resources.profiler import _Pace
@task
@cpu_profiling()
def long():
    wait_for(sampled)
    print("sampled", flush=True)
    burn(600)
long()
"""
    )
    with subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, text=True, cwd=tmp_path, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "sampled\n"
        process.send_signal(signal.SIGKILL)
    execution = load_execution("last", folder)
    assert "wait_for" in {call.function for one in execution.profile for call in one.calls}
    decks = {deck.name: deck for deck in execution.task("long").decks}
    assert "wait_for" in decks["CPU profile"].items[0]


@pytest.mark.posix
def test_no_rights_are_needed(run_script: Run) -> None:
    if os.getuid() != 0:
        pytest.skip("this is run by a user without rights already")
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are closed to others
        Path(folder).chmod(0o777)
        # Once with rights: what is imported may lie where others cannot read. Then again without any.
        without_rights = """
import ctypes
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0  # no new rights
assert libc.prctl(4, 0, 0, 0, 0) == 0  # not dumpable: no debugger may look at it
os.environ["OBS_STORE"] += "-without-rights"
work()
"""
        run_script(PROFILED + without_rights, OBS_STORE=f"{folder}/store")
        execution = load_execution("last", f"{folder}/store-without-rights")
        assert "hot" in {call.function for one in execution.profile for call in one.calls}


def test_profiles_are_dumped_for_other_programs(
    run_script: Run, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_script(PROFILED)
    assert main(["dump", "last", "--store", str(folder), "--format", "collapsed"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("MainThread;<module> (") and ";hot (" in line for line in lines)
    assert all(line.rpartition(" ")[2].isdecimal() for line in lines)
    against_itself = ["dump", "last", "--store", str(folder), "--against", "last"]
    assert main([*against_itself, "--format", "collapsed"]) == 0
    stacks = [line.rsplit(" ", 2) for line in capsys.readouterr().out.splitlines()]
    assert any("hot (" in stack for stack, _, _ in stacks)
    assert all(before == after for _, before, after in stacks)
    assert main(against_itself) == 0
    assert capsys.readouterr().out.split()[:2] == ["Function", "Change"]
    if declared("obs.profile_changes"):  # an older installation does not declare it
        assert main([*against_itself, "--format", "html"]) == 0
        assert "hot" in capsys.readouterr().out
    assert main(["dump", "last", "--store", str(folder), "--format", "html"]) == 2
    assert "--against says since which execution" in capsys.readouterr().err
    assert main([*against_itself, "--format", "speedscope"]) == 2
    assert "not speedscope" in capsys.readouterr().err
    assert main(["dump", "last", "--store", str(folder), "--format", "speedscope"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["profiles"][0]["name"] == "main: MainThread, on the CPU"
    for profile in made["profiles"]:
        assert len(profile["samples"]) == len(profile["weights"])
        assert profile["endValue"] == sum(profile["weights"])
        assert all(frame < len(made["shared"]["frames"]) for sample in profile["samples"] for frame in sample)


@pytest.mark.parametrize(("given", "said"), [({"hz": 0}, "not 0"), ({"hz": 2.5}, "not 2.5"), ({"threads": "x"}, "'x'")])
def test_a_wrong_argument_is_refused_when_the_function_is_decorated(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        cpu_profiling(**given)


def test_looks_that_take_too_much_of_the_cpu_become_fewer_and_then_more_again() -> None:
    def compute(seconds: float) -> None:
        end = time.thread_time() + seconds
        while time.thread_time() < end:
            pass

    pace = _Pace()
    compute(0.05)  # the looks, and nothing else
    pace.adapt(50_000_000)
    assert pace.slower == 2
    work = threading.Thread(target=compute, args=(0.5,))
    work.start()
    work.join()
    pace.adapt(500_000_000)
    assert pace.slower == 1


WAITS_FOR_A_SIGNAL = """
import os, signal
from obs_resources import cpu_profiling
@task
@cpu_profiling()
def work():
    wait_for(lambda: {"obs-profiler", "obs-sampler"} <= {thread.name for thread in threading.enumerate()})
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    os.kill(os.getpid(), signal.SIGUSR1)
    print(signal.sigwait({signal.SIGUSR1}) == signal.SIGUSR1)
work()
"""


@pytest.mark.posix
def test_a_program_takes_the_signal_that_it_waits_for_while_it_is_profiled(run_script: Run) -> None:
    assert run_script(WAITS_FOR_A_SIGNAL).stdout == "True\n"


BLAS = """
import numpy
from obs_resources import cpu_profiling
from obs_resources.native_threads import NativeThreads
@task
@cpu_profiling(WHICH)
def multiply():
    ones, native, used = numpy.ones((800, 800)), NativeThreads(), 0
    while used < 400_000_000 and time.process_time() < 60:
        ones @ ones
        used += native.used()
multiply()
"""


@linux
@two_cores
def test_cpu_time_of_threads_that_python_does_not_know_is_said(run_script: Run, folder: Path) -> None:
    pytest.importorskip("numpy")
    run_script(BLAS.replace("WHICH", ""), OPENBLAS_NUM_THREADS="2")
    execution = load_execution("last", folder)
    (row,) = [one for one in execution.profile if one.thread == "native threads"]
    assert row.span == execution.task("multiply").id
    assert [call.function for call in row.calls] == ["threads that Python does not know"]
    assert row.seen == row.running
    assert 0.3e9 < row.running * row.interval < 10e9
    (deck,) = [deck for deck in execution.task("multiply").decks if deck.name == "CPU profile"]
    assert "Threads that Python does not know used " in deck.items[0]
    page = changes_page(execution, execution)
    assert page.count("Threads that Python does not know used ") == 2


@linux
@two_cores
def test_threads_that_nobody_knows_are_not_seen_where_only_the_task_is_wanted(run_script: Run, folder: Path) -> None:
    pytest.importorskip("numpy")
    run_script(BLAS.replace("WHICH", 'threads="task"'), OPENBLAS_NUM_THREADS="2")
    assert {one.thread for one in load_execution("last", folder).profile} == {"MainThread"}


@linux
def test_threads_of_python_are_none_that_it_does_not_know(run_script: Run) -> None:
    run_script("""
from obs_resources.native_threads import NativeThreads
native = NativeThreads()
for _ in range(20):
    threads = [threading.Thread(target=burn, args=(0.02,)) for _ in range(5)]
    for thread in threads:
        thread.start()
    native.used()
    for thread in threads:
        thread.join()
    assert native.used() < 20_000_000
""")

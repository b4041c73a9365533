from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from obs_core import load_execution
from obs_core.testing.contracts import ImportContract
from obs_core.text.numbers import byte_size

Run = Callable[..., subprocess.CompletedProcess[str]]


class TestImport(ImportContract):
    package = "obs_resources"
    lazy = ("asyncio", "pandas", "numpy", "psutil", "pynvml")


def test_a_task_has_its_memory_cpu_and_io_by_being_installed(run_script: Run, folder: Path) -> None:
    run_script("""
@task
def hold():
    held = bytearray(b"x") * 200_000_000
    wait_for(sampled)
    burn(1)
    before = samplers.running()[0]._count
    wait_for(lambda: sampled(before + 2))
hold()
""")
    execution = load_execution("last", folder)
    used = execution.resources_of(execution.task("hold"))
    assert used.writers == ["main"]
    assert 200e6 < (used.peak("rss") or 0) < 1e9
    assert (used.peak("cpu") or 0) > 0
    assert (used.last("threads") or 0) >= 2
    for name in ("anon", "files", "machine.available", "machine.memory", "machine.cores", "store.free", "read"):
        assert used.last(name) is not None or used.peak(name) is not None, name
    (deck,) = [deck for deck in execution.task("hold").decks if deck.name == "Resources"]
    assert f"{byte_size(used.peak('rss') or 0)} peak" in deck.items[0]


@pytest.mark.posix
def test_what_is_used_before_the_first_look_counts(run_script: Run, folder: Path) -> None:
    run_script("""
import subprocess
@task
def work():
    code = "import time\\nwhile time.process_time() < 0.5: pass"
    subprocess.run([sys.executable, "-c", code], check=True)
    begun = time.process_time()
    while time.process_time() < begun + 0.5:
        pass
    looked = samplers.running()[0]._count if samplers.running() else 0
    wait_for(lambda: sampled(looked + 2))
work()
""")
    execution = load_execution("last", folder)
    work = execution.task("work")
    samples = execution.table.samples["main"]
    for name in ("cpu_total", "reaped.cpu_total"):
        assert samples[name].times[0] <= work.started
        # The system tells of children in ticks of 10 ms, user and system time apart.
        assert samples[name].values[-1] - samples[name].values[0] > 0.45
        assert list(samples[name].times) == sorted(samples[name].times)


def test_a_threads_last_stack_names_the_line_and_the_task(run_script: Run, folder: Path) -> None:
    run_script("""
def in_a_lock(lock):
    with lock:
        pass
@task
def stuck():
    lock = threading.Lock()
    lock.acquire()
    threading.Thread(target=in_a_lock, args=(lock,), name="worker", daemon=True).start()
    wait_for(lambda: sampled(3))
    os._exit(0)  # what follows would be looked at too
stuck()
""")
    execution = load_execution("last", folder)
    stacks = {stack.thread: stack for stack in execution.stacks}
    assert set(stacks) == {"MainThread", "worker"}
    assert stacks["worker"].calls[-1].function == "in_a_lock"
    assert stacks["MainThread"].span == execution.task("stuck").id
    assert "wait_for" in [call.function for call in stacks["MainThread"].calls]


def test_what_a_coroutine_awaits_is_told(run_script: Run, folder: Path) -> None:
    run_script("""
import asyncio
async def never(event):
    await event.wait()
@task
async def waiting():
    event = asyncio.Event()
    task = asyncio.create_task(never(event), name="fetcher")
    while not sampled(3):
        await asyncio.sleep(0.02)
    os._exit(0)
asyncio.run(waiting())
""")
    stacks = {stack.thread: stack for stack in load_execution("last", folder).stacks}
    calls = stacks["MainThread: fetcher waits"].calls
    assert [call.function for call in calls] == ["never", "Event.wait"]


@pytest.mark.posix
def test_a_killed_process_leaves_samples_and_stacks(
    tmp_path: Path, folder: Path, environment: dict[str, str], helpers: str
) -> None:
    script = tmp_path / "run.py"
    script.write_text(
        helpers
        + """
@task
def long():
    wait_for(sampled)
    print("sampled", flush=True)
    time.sleep(600)
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
    assert execution.status == "lost"
    assert execution.resources.peak("rss")
    assert execution.stacks
    (deck,) = [deck for deck in execution.task("long").decks if deck.name == "Resources"]
    assert "MB peak" in deck.items[0]


@pytest.mark.posix
def test_children_are_counted_with_their_memory(run_script: Run, folder: Path) -> None:
    run_script("""
import subprocess
@task
def parent():
    code = "held = bytearray(b'x') * 150_000_000; print('ready', flush=True); input()"
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    child.stdout.readline()
    wait_for(lambda: sampled(7))
    child.communicate("")
parent()
""")
    used = load_execution("last", folder).resources
    assert used.peak("children") == 1
    assert 150e6 < (used.peak("children.anon") or 0) < 400e6
    assert (used.peak("tree.anon") or 0) > (used.peak("children.anon") or 0)


@pytest.mark.posix
def test_a_forked_worker_samples_itself(run_script: Run, folder: Path) -> None:
    run_script("""
@task
def parent():
    wait_for(sampled)
    child = os.fork()
    if not child:
        @task
        def inside():
            wait_for(sampled)
        inside()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
parent()
""")
    execution = load_execution("last", folder)
    assert len(execution.resources.writers) == 2
    inside = execution.task("inside")
    assert execution.resources_of(inside).peak("rss")
    # Its counter began anew with the fork: what its parent had used is no beginning of it.
    own = execution.table.samples[inside.id.partition(".")[0]]["cpu_total"]
    assert own.times[0] >= inside.started
    assert list(own.values) == sorted(own.values)


def test_an_attached_process_is_sampled(run_script: Run, folder: Path) -> None:
    run_script("""
import subprocess
from obs_core import carrier
import json
@task
def parent():
    source = open(__file__).read().split("import subprocess")[0]
    work = source + "with span('attached'): wait_for(sampled)"
    environment = {**os.environ, "OBS_CARRIER": json.dumps(carrier())}
    subprocess.run([sys.executable, "-c", work], env=environment, check=True)
parent()
""")
    assert len(load_execution("last", folder).resources.writers) == 2


def test_zero_turns_it_off(run_script: Run, folder: Path) -> None:
    run_script(
        """
@task
def idle():
    time.sleep(2.5)
    assert "obs_resources" not in sys.modules
idle()
""",
        OBS_RESOURCES="0",
    )
    execution = load_execution("last", folder)
    assert not execution.resources
    assert execution.stacks == []


def test_the_process_ends_although_it_samples(run_script: Run) -> None:
    run_script("""
@task
def forever():
    wait_for(sampled)
    threading.Thread(target=lambda: time.sleep(600), daemon=True).start()
forever()
""")


@pytest.mark.posix
def test_counts_are_noted_when_they_were_counted_though_c_code_holds_the_lock(run_script: Run) -> None:
    run_script("""
from obs_core import clock
from obs_resources.process import OwnProcess
own, over = OwnProcess(), []
def sort():
    numbers = [number * 7919 % 1_000_003 for number in range(300_000)]
    while not over:
        sorted(numbers)
threading.Thread(target=sort).start()
seen = [own.read() for _ in range(12)]
over.append(True)
for (at, before), (later, after) in zip(seen, seen[1:]):
    assert after["cpu_total"] - before["cpu_total"] < (later - at) / 1e9 + 0.02, seen
""")

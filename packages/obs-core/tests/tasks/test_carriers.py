"""Executions that several processes and threads take part in."""

from __future__ import annotations

import base64
import contextvars
import gc
import gzip
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from obs_core import ObsWarning, attach, carrier, current_context, execution, span, task
from obs_core.reading import list_executions, load_execution
from obs_core.testing import RecordingStore


def unpacked(report: str) -> str:
    """All that a report's tabs hold."""
    packed = re.findall(r">(H4sI[^<]+)<", Path(report).read_text())
    return "".join(gzip.decompress(base64.b64decode(one)).decode() for one in packed)


RunScript = Callable[..., "subprocess.CompletedProcess[str]"]


def test_a_carrier_holds_a_valid_traceparent() -> None:
    with execution("night"), span("here"):
        carried = carrier()
    version, trace, parent, flags = carried["traceparent"].split("-")
    assert (version, len(trace), len(parent), flags) == ("00", 32, 16, "01")
    int(trace, 16)
    int(parent, 16)
    assert all(isinstance(value, str) for value in carried.values())


def test_another_thread_goes_on_where_the_carrier_was_made(store: RecordingStore) -> None:
    def work(carried: dict[str, str]) -> None:
        with attach(carried) as context, span("elsewhere"):
            context.default_deck.append("from the thread")

    @task
    def outer() -> None:
        with span("calling"):
            thread = threading.Thread(target=work, args=(carrier(),))
            thread.start()
            thread.join()

    outer()
    recorded = store.last()
    calling = recorded.span.children[0].children[0]
    assert [child.name for child in calling.children] == ["elsewhere"]
    assert [deck.items for deck in recorded.tasks[0].decks if deck.name == "default"] == [["from the thread"]]


@pytest.mark.parametrize("wrong", [{}, {"traceparent": "00-1-2-01"}, {"obs-execution": 5}])
def test_what_is_no_carrier_is_refused_with_what_is_missing(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"obs-store.*missing.*carrier\(\) returned"):
        attach(wrong)


def test_a_subprocess_with_obs_carrier_goes_on_by_itself(folder: Path) -> None:
    child = """
from obs_core import Deck, span, task, link, current_context

with span("in the child"):
    pass
Deck("Child's deck").append("<p>from the child</p>")
link("Docs", "https://example.com")

@task
def nested():
    return 1

nested()
assert current_context().task_name == "parent", current_context()
"""

    @task
    def parent() -> None:
        with span("start child"):
            subprocess.run(
                [sys.executable, "-c", child],
                check=True,
                env={**os.environ, "OBS_CARRIER": json.dumps(carrier())},
            )

    with execution("night", store=folder) as run:
        parent()
    recorded = load_execution(run.id, folder)
    start_child = recorded.span.children[0].children[0]
    assert [(one.name, one.kind) for one in start_child.children] == [
        ("in the child", "operation"),
        ("nested", "task"),
    ]
    task_of_parent, nested = recorded.tasks
    assert (task_of_parent.name, nested.name, nested.parent) == ("parent", "nested", task_of_parent.id)
    assert [deck.items for deck in task_of_parent.decks if deck.name == "Child's deck"] == [["<p>from the child</p>"]]
    assert [(one.name, one.url) for one in task_of_parent.links] == [("Docs", "https://example.com")]
    report = next(path for path in recorded.report_paths() if "parent" in path)
    assert "from the child" in unpacked(report), "the report written at the task's end holds it too"


def test_an_obs_carrier_that_is_none_is_warned_about_and_left_alone(
    store: RecordingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OBS_CARRIER", "{broken")
    monkeypatch.setenv("OBS_STRICT", "0")
    with pytest.warns(ObsWarning, match="OBS_CARRIER is not a carrier"):
        assert task(lambda: 1, name="one")() == 1
    assert store.last().name == "one"


@pytest.mark.parametrize(
    "method",
    [pytest.param("fork", marks=pytest.mark.posix), "spawn", pytest.param("forkserver", marks=pytest.mark.posix)],
)
def test_pool_workers_take_part(run_script: RunScript, folder: Path, method: str) -> None:
    run_script(
        f"""
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from obs_core import attach, carrier, span, task, current_context

def part(number):
    with span("part", number=number):
        current_context().default_deck.append(f"item {{number}}")
    return number

@task
def fan_out():
    context = multiprocessing.get_context({method!r})
    with ProcessPoolExecutor(2, mp_context=context, initializer=attach, initargs=(carrier(),)) as pool:
        return list(pool.map(part, range(20)))

if __name__ == "__main__":
    assert fan_out() == list(range(20))
"""
    )
    recorded = load_execution("last", folder)
    assert len(list(list_executions(folder))) == 1
    parts = recorded.span.children[0].children
    assert sorted(one.attributes["number"] for one in parts) == list(range(20))
    items = [item for deck in recorded.tasks[0].decks if deck.name == "default" for item in deck.items]
    assert sorted(items) == sorted(f"item {number}" for number in range(20))


@pytest.mark.posix
def test_forked_children_take_part_without_any_doing(run_script: RunScript, folder: Path) -> None:
    run_script(
        """
import multiprocessing
from obs_core import Deck, span, task

def part(number, deck):
    with span("part", number=number):
        deck.append(f"item {number}")

@task
def fan_out():
    deck = Deck("Shared")
    deck.append("from the parent")
    with span("forking"):
        context = multiprocessing.get_context("fork")
        children = [context.Process(target=part, args=(number, deck)) for number in range(4)]
        for child in children:
            child.start()
        for child in children:
            child.join()

fan_out()
"""
    )
    recorded = load_execution("last", folder)
    forking = recorded.span.children[0].children[0]
    assert sorted(one.attributes["number"] for one in forking.children) == [0, 1, 2, 3]
    (shared,) = [deck for deck in recorded.tasks[0].decks if deck.name == "Shared"]
    assert shared.items[0] == "from the parent"
    assert sorted(shared.items[1:]) == ["item 0", "item 1", "item 2", "item 3"]
    assert (recorded.status, [one.status for one in recorded.tasks]) == ("succeeded", ["succeeded"])


@pytest.mark.posix
@pytest.mark.slow
def test_two_processes_of_16_threads_lose_and_mix_nothing(run_script: RunScript, folder: Path) -> None:
    run_script(
        """
import multiprocessing, threading
from obs_core import Deck, span, task, attach, carrier, current_context

SPANS = 500

def in_thread(carried, process, thread):
    with attach(carried), span("thread", process=process, thread=thread):
        deck = Deck(f"{process}/{thread}")
        for number in range(SPANS):
            with span("step", number=number):
                deck.append(f"{process}/{thread}/{number}")

def in_process(carried, process):
    threads = [threading.Thread(target=in_thread, args=(carried, process, thread)) for thread in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

@task
def fan_out():
    carried = carrier()
    child = multiprocessing.get_context("fork").Process(target=in_process, args=(carried, 1))
    child.start()
    in_process(carried, 0)
    child.join()

fan_out()
"""
    )
    recorded = load_execution("last", folder)
    threads = recorded.span.children[0].children
    assert sorted((one.attributes["process"], one.attributes["thread"]) for one in threads) == [
        (process, thread) for process in range(2) for thread in range(16)
    ]
    for one in threads:
        assert [step.attributes["number"] for step in one.children] == list(range(500))
    decks = {deck.name: deck.items for deck in recorded.tasks[0].decks if "/" in deck.name}
    assert decks == {
        f"{process}/{thread}": [f"{process}/{thread}/{number}" for number in range(500)]
        for process in range(2)
        for thread in range(16)
    }


def test_outside_any_task_there_is_an_ambient_execution(run_script: RunScript, folder: Path) -> None:
    run_script(
        """
from obs_core import Deck, current_context, span

with span("outside"):
    pass
Deck("Notebook").append("<p>cell</p>")
assert current_context().task_name == "script"
"""
    )
    recorded = load_execution("last", folder)
    assert (recorded.name, recorded.status) == ("script", "succeeded")
    assert [child.name for child in recorded.span.children] == ["outside"]
    assert [deck.name for deck in recorded.tasks[0].decks] == ["Notebook"]
    assert len(recorded.report_paths()) == 1


def test_a_script_that_only_looks_at_its_context_leaves_nothing_behind(run_script: RunScript, folder: Path) -> None:
    run_script("from obs_core import current_context; print(current_context().execution_id)")
    assert not folder.exists()


def test_a_script_that_ends_with_an_exception_fails_its_ambient_execution(run_script: RunScript, folder: Path) -> None:
    run_script("from obs_core import span\nwith span('outside'): raise ValueError('broken')", check=False)
    recorded = load_execution("last", folder)
    assert (recorded.status, recorded.view.error) == ("failed", "ValueError: broken")


def test_the_context_names_the_execution_and_its_address(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with execution("night", store=folder) as run:
        context = current_context()
        assert (context.execution_id, context.task_name) == (run.id, "night")
        assert context.execution_url == f"file://{folder}/executions/{run.id}"
        monkeypatch.setenv("OBS_UI_URL", "https://obs.example.com/")
        assert context.execution_url == f"https://obs.example.com/executions/{run.id}"


def test_a_worker_that_attaches_for_good_time_and_again_keeps_what_it_attached_last(store: RecordingStore) -> None:
    def work() -> None:
        for number in range(100):
            attach(carried)
            with span("message", number=number):
                pass
            run.journal.flush(wait=True)  # what waits to be written names where it belongs
        with attach(carried):
            gc.collect()
            assert len(list(run.carried or ())) < 10
        with span("after the block"):
            pass

    with execution("night"):
        with span("calling"):
            carried = carrier()
        run = current_context().state.run
        contextvars.copy_context().run(work)
        with span("own"):
            pass
    calling, own = store.last().span.children
    assert [child.name for child in calling.children] == ["message"] * 100 + ["after the block"]
    assert own.name == "own"


ONE_EACH = """
import asyncio, contextvars, os, resource, threading
from obs_core import attach, carrier, execution, span

resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))

def work(carried):
    attach(carried)
    with span("work"):
        pass

def in_a_thread(carried):
    thread = threading.Thread(target=work, args=(carried,))
    thread.start()
    thread.join()

def in_a_context(carried):
    contextvars.Context().run(work, carried)

async def in_asyncio_tasks():
    async def handle():
        work(carried)
    for number in range(300):
        with execution("message"):
            carried = carrier()
        await asyncio.create_task(handle())

if WAY == "in_asyncio_tasks":
    asyncio.run(in_asyncio_tasks())
else:
    for number in range(300):
        with execution("message"):
            carried = carrier()
        globals()[WAY](carried)
assert len(os.listdir("/proc/self/fd")) < 50
"""


ONE_AFTER_ANOTHER = """
import gc, os, resource
from obs_core import attach, carrier, check, current_context, execution, link, log_metric, log_params, span, task, track

carried = []
for number in range(300):
    with execution("message"):
        carried.append(carrier())
COLLECTING or gc.disable()
resource.setrlimit(resource.RLIMIT_NOFILE, (160, 160))

@task
def work(number):
    log_metric("loss", number)
    log_params({"number": number})
    check("whole", True)
    link("docs", "https://example.com")
    current_context().default_deck.append("x")
    print("said")
    for _ in track(range(2)):
        with span("step"):
            pass

for number, each in enumerate(carried):
    attach(each)
    work(number)
assert len(os.listdir("/proc/self/fd")) < 140, len(os.listdir("/proc/self/fd"))
"""


@pytest.mark.posix
@pytest.mark.parametrize("collecting", [True, False])
def test_a_worker_lets_go_of_each_message_whatever_was_recorded_of_it(
    run_script: RunScript, tmp_path: Path, collecting: bool
) -> None:
    script = ONE_AFTER_ANOTHER.replace("COLLECTING", repr(collecting))
    done = run_script(script, env={"OBS_STORE": str(tmp_path / "store")})
    assert done.stderr == ""
    recorded = [load_execution(each.id, tmp_path / "store") for each in list_executions(tmp_path / "store")]
    assert len(recorded) == 300
    assert sorted(each.metrics("loss").value[0] for each in recorded) == list(range(300))
    assert all([one.name for one in each.span.children] == ["work"] for each in recorded)


IDLE = """
import contextvars, gc, os, time
from obs_core import attach, carrier, execution, task
from obs_core.recording import joining

@task
def work():
    print("a line")

def message(carried):
    attach(carried)
    work()

carriers = []
for number in range(30):
    with execution(f"night {number}"):
        carriers.append(carrier())
before = len(os.listdir("/proc/self/fd"))
gc.set_threshold(1_000_000)  # it makes no garbage, and nobody else looks for any
for carried in carriers:
    contextvars.copy_context().run(message, carried)
end = time.monotonic() + 60
while len(joining._joined_runs) > joining._LEFT_OPEN + 2 and time.monotonic() < end:
    time.sleep(0.05)
print("open files per execution:", (len(os.listdir("/proc/self/fd")) - before) / joining._LEFT_OPEN < 3)
print("executions:", len(joining._joined_runs) <= joining._LEFT_OPEN + 2)
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="open files are listed by Linux")
def test_what_was_attached_is_closed_though_the_program_is_idle_then(run_script: RunScript) -> None:
    said = run_script(IDLE).stdout.splitlines()
    assert said[-2:] == ["open files per execution: True", "executions: True"]


@pytest.mark.posix
@pytest.mark.parametrize("way", ["in_a_thread", "in_a_context", "in_asyncio_tasks"])
def test_what_was_attached_for_good_is_left_when_its_thread_or_context_ends(
    run_script: RunScript, tmp_path: Path, way: str
) -> None:
    done = run_script(ONE_EACH.replace("WAY", repr(way)), env={"OBS_STORE": str(tmp_path / "store")})
    assert done.stderr == ""
    recorded = [load_execution(each.id, tmp_path / "store") for each in list_executions(tmp_path / "store")]
    assert len(recorded) == 300
    assert all([child.name for child in each.span.children] == ["work"] for each in recorded)


MANY_AT_ONCE = """
import resource
from obs_core import execution, span

resource.setrlimit(resource.RLIMIT_NOFILE, (150, 150))
for number in range(MANY):
    with execution("tiny"), span("x"):
        pass
    if number % 20 == 0:
        open("/dev/null").close()
"""


@pytest.mark.posix
def test_executions_that_follow_each_other_at_once_leave_the_program_its_files(
    run_script: RunScript, tmp_path: Path
) -> None:
    many = 4_000  # they are closed by the hundred, each second
    done = run_script(MANY_AT_ONCE.replace("MANY", str(many)), env={"OBS_STORE": str(tmp_path / "store")})
    assert done.stderr == ""
    assert sum(1 for _ in list_executions(tmp_path / "store")) == many


def test_what_was_attached_for_good_stays_as_long_as_its_thread_does(store: RecordingStore) -> None:
    attached, go_on = threading.Event(), threading.Event()

    def work() -> None:
        attach(carried)
        attached.set()
        go_on.wait()
        with span("late"):
            pass

    with execution("night"):
        with span("calling"):
            carried = carrier()
        thread = threading.Thread(target=work)
        thread.start()
        attached.wait()
        with attach(carried):
            gc.collect()
        go_on.set()
        thread.join()
    (calling,) = store.last().span.children
    assert [child.name for child in calling.children] == ["late"]


def test_work_that_goes_on_where_it_was_attached_for_good_stays_there(store: RecordingStore) -> None:
    with execution("night"):
        carried = []
        for name in ("first", "second"):
            with span(name):
                carried.append(carrier())

        def work() -> contextvars.Context:
            attach(carried[0])
            still_in_first = contextvars.copy_context()
            for _ in range(5):
                attach(carried[1])
            return still_in_first

        def record() -> None:
            with span("late"):
                pass

        contextvars.copy_context().run(work).run(record)
    first, second = store.last().span.children
    assert [child.name for child in first.children] == ["late"]
    assert second.children == []


def test_one_attach_that_threads_enter_at_once_is_left_by_each_for_itself(store: RecordingStore) -> None:
    turns, entered = [threading.Event() for _ in range(2)], threading.Barrier(3)

    def work(attached: attach, number: int) -> None:
        with attached, span(f"inside {number}"):
            entered.wait(60)
            turns[number].wait(60)
        with attached, span(f"again {number}"):
            pass

    with execution("night"):
        with span("carried"):
            carried = carrier()
            with span("starts"):
                attached = attach(carried)
                threads = [threading.Thread(target=work, args=(attached, number)) for number in range(2)]
                for thread in threads:
                    thread.start()
                entered.wait(60)
                for turn, thread in zip(turns, threads, strict=True):
                    turn.set()
                    thread.join()
        run = current_context().state.run
        assert run.attached == 1  # here, for good
    (found,) = store.last().span.children
    assert sorted(one.name for one in found.children) == [
        *("again 0", "again 1"),
        *("inside 0", "inside 1"),
        "starts",
    ]

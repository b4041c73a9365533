"""Signal handlers and finalizers that interrupt obs anywhere lose nothing, write nothing twice and wait for nothing."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from obs_core import current_context, execution, list_executions, load_execution, span, task
from obs_core.journal import encoding, flusher, writer
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
            signal.raise_signal(signal.SIGALRM)
            return own(*args, **kwargs)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(flusher, "_journals", [])  # or its thread might write what this one is to write
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
@pytest.mark.parametrize("in_own_execution", [False, True])
def test_a_task_is_ended_wherever_a_timeout_strikes(
    in_own_execution: bool, store: RecordingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each call and after each call into C of a task's beginning and end, in turn."""
    monkeypatch.setenv("OBS_STRICT", "0")

    @task
    def work(number: int) -> int:
        with span("step"):
            print(number)
        return number

    def rounds() -> int:
        work(0)  # what is imported once is not gone through again
        number = 0
        while interrupted_at(number, lambda: work(1), TimeoutError):
            number += 1
        return number

    with alarms_that_raise(TimeoutError), contextlib.nullcontext() if in_own_execution else execution("night"):
        assert rounds() > 100
    recorded = list(list_executions(store))
    statuses = Counter(one.status for one in recorded) + Counter(
        one.status for each in recorded for one in load_execution(each.id, store).tasks
    )
    assert set(statuses) == {"succeeded", "failed"}


@needs_alarms
def test_an_execution_that_a_timeout_kept_from_beginning_is_ended(
    store: RecordingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OBS_STRICT", "0")

    def begin_only() -> None:
        begun.append(execution("night"))
        begun[-1].__enter__()

    begun: list[execution] = []
    with alarms_that_raise(TimeoutError):
        with execution("night"):
            pass
        number = 0
        while interrupted_at(number, begin_only, TimeoutError):
            number += 1
    begun[-1].__exit__(None, None, None)
    assert {one.status for one in list_executions(store)} == {"succeeded", "failed"}


@contextlib.contextmanager
def alarms_that_raise(kind: type[BaseException]) -> Iterator[None]:
    def handler(_number: int, _frame: Any) -> None:
        raise kind

    before = signal.signal(signal.SIGALRM, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGALRM, before)


def interrupted_at(number: int, call: Callable[[], object], kind: type[BaseException]) -> bool:
    """Call something; whether as many calls as that were made in it, at which an alarm came. It must be raised."""
    left, came, place = number, False, ""

    def look(frame: Any, event: str, _what: Any) -> None:
        nonlocal left, came, place
        if frame.f_code.co_name == "<genexpr>" and sys.version_info < (3, 13):
            return  # these Pythons tell of a call when they close one, and there they lose what is raised
        if event in ("call", "c_return"):
            left -= 1
            if left < 0 and not came:
                came, place = True, "".join(traceback.format_stack()[-6:])
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
    with execution("night"):
        thread = flusher._thread
        assert thread is not None
        written = threading.Event()
        monkeypatch.setattr(flusher, "_journals", [Broken(), *flusher._journals])
        monkeypatch.setattr(flusher._journals[1], "beat", written.set)
        assert written.wait(30)
        assert thread.is_alive()


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


@pytest.mark.parametrize(
    "away", [shutil.rmtree, lambda path: os.rename(path, f"{path}.away")], ids=["removed", "moved"]
)
def test_a_writer_whose_files_are_gone_begins_anew_and_says_so(away: Callable[[Path], None], folder: Path) -> None:
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
        "Somebody removed, or moved away, what had been recorded of this execution while it ran: it begins anew here."
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

"""Profiles of real allocations: of tasks that succeed, fail, overlap, and are killed."""

from __future__ import annotations

import asyncio
import functools
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from obs_core import execution, load_execution, task
from obs_core.background import Background
from obs_core.reading import Execution
from obs_core.report.shared import restore
from obs_core.tasks.deferred import wait
from obs_memray import memray_profiling

pytestmark = pytest.mark.skipif(sys.platform not in ("linux", "darwin"), reason="memray runs on Linux and macOS")

bare: Any = memray_profiling


def allocate(megabytes: int) -> list[bytearray]:
    return [bytearray(1_000_000) for _ in range(megabytes)]


def finished(execution_id: str = "last") -> Execution:
    """Read an execution whose late decks are done."""
    wait()
    return load_execution(execution_id)


def decks_of(recorded: Execution, name: str) -> dict[str, str]:
    """The pages of a task's decks, with the scripts that are kept apart when they are large."""
    body = functools.partial(_body, recorded)
    return {deck.name: "".join(restore(item, body) for item in deck.items) for deck in recorded.task(name).decks}


def _body(recorded: Execution, digest: str) -> str:
    return recorded.shared_body(digest) or ""


def text_of(html: str) -> str:
    body = re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", body)))


def peak_in(memory: str) -> float:
    found = re.search(r"peak ([\d.]+) MB", text_of(memory))
    assert found, text_of(memory)[:300]
    return float(found[1])


def test_a_task_gets_a_memory_deck_and_memray_s_own_reports(folder: Path) -> None:
    @task(deck_fields=())
    @memray_profiling(memray_html_reporter=["flamegraph", "table"])
    def load() -> int:
        return len(allocate(30))

    with execution("night") as run:
        assert load() == 30
    decks = decks_of(finished(run.id), "load")
    made = [name for name in decks if name != "Logs"]  # which is there if Python warned of something
    assert made == ["Memory", "Memray Flamegraph", "Memray Table"]
    assert 30 <= peak_in(decks["Memory"]) < 45
    assert re.search(r"30\.\d MB 3\d allocate test_profiling\.py:\d+ return \[bytearray", text_of(decks["Memory"]))
    assert "flamegraph report" in decks["Memray Flamegraph"]
    found = re.search(r"const packed_data = (\[.*\]);", decks["Memray Table"])
    assert found, "memray's data of its table"
    largest = max(json.loads(found[1]), key=lambda row: row["size"])
    assert 30_000_000 <= largest["size"] < 31_000_000
    assert f"at {__file__}:" in largest["stack_trace"]


def test_the_written_report_holds_the_late_decks_and_nothing_is_left_behind(folder: Path) -> None:
    @task(deck_fields=())
    @bare
    def load() -> int:
        return len(allocate(5))

    load()
    recorded = finished()
    (path,) = recorded.report_paths()
    assert '"Memray Flamegraph"' in Path(path).read_text()
    assert not list(folder.rglob("*.bin"))
    assert not list(Path.cwd().iterdir())
    assert recorded.status == "succeeded"


def test_a_task_that_raises_is_profiled_too() -> None:
    @task(deck_fields=())
    @bare
    def load() -> None:
        kept = allocate(20)
        raise ValueError(f"{len(kept)} are too many")

    with pytest.raises(ValueError, match="20 are too many"):
        load()
    recorded = finished()
    assert recorded.status == "failed"
    assert 20 <= peak_in(decks_of(recorded, "load")["Memory"]) < 35


VICTIM = """
import os, signal, sys
from obs_core import task
from obs_memray import memray_profiling

@task(deck_fields=())
@memray_profiling(memray_html_reporter=["flamegraph", "table"])
def devour():
    kept = [bytearray(1_000_000) for _ in range(80)]
    {end}

devour()
"""
KILL = "os.kill(os.getpid(), signal.SIGKILL)"
EXCEED = """
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (800_000_000, 800_000_000))
    while True:
        kept.append(bytearray(1_000_000))
"""


def run_victim(end: str) -> int:
    return subprocess.run([sys.executable, "-c", VICTIM.format(end=end)], capture_output=True, check=False).returncode


def test_after_a_sigkill_whoever_reads_makes_the_decks(folder: Path, tmp_path: Path) -> None:
    assert run_victim(KILL) == -signal.SIGKILL
    captures = {path: path.stat().st_mtime_ns for path in folder.rglob("*.bin")}
    recorded = load_execution("last")
    assert recorded.status == "lost"
    decks = decks_of(recorded, "devour")
    assert list(decks) == ["Memory", "Memray Flamegraph", "Memray Table"]
    assert "The process ended before the task did" in decks["Memory"]
    assert 80 <= peak_in(decks["Memory"]) < 100
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.bin")} == captures, "reading changes nothing"
    exported = tmp_path / "out.html"
    command = [sys.executable, "-m", "obs_core", "export", "last", "-o", str(exported)]
    subprocess.run(command, check=True, capture_output=True)
    assert "Memray Flamegraph" in exported.read_text()


def test_a_task_that_runs_into_its_memory_limit_shows_what_it_held(folder: Path) -> None:
    assert run_victim(EXCEED) == 1
    recorded = load_execution("last")
    assert recorded.task("devour").status == "failed"
    assert "MemoryError" in (recorded.task("devour").error or "")
    assert peak_in(decks_of(recorded, "devour")["Memory"]) > 100


def test_without_the_package_that_reads_it_a_capture_says_what_to_install(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_victim(KILL)
    monkeypatch.setattr("obs_core.reading.captures.declared", lambda _: ())
    decks = decks_of(load_execution("last"), "devour")
    assert "pip install obs-memray" in decks["Memray"]


def test_a_capture_that_cannot_be_read_leaves_a_note(folder: Path) -> None:
    run_victim(KILL)
    (capture,) = folder.rglob("*.bin")
    capture.write_bytes(b"nothing that memray knows")
    decks = decks_of(load_execution("last"), "devour")
    assert "had captured cannot be shown" in decks["Memray"]


def test_a_nested_profiled_task_runs_and_says_who_is_followed() -> None:
    @task(deck_fields=())
    @bare
    def inner() -> int:
        return len(allocate(10))

    @task(deck_fields=())
    @bare
    def outer() -> int:
        kept = allocate(10)
        return len(kept) + int(inner())

    with execution("night") as run:
        assert outer() == 20
    recorded = finished(run.id)
    assert "following outer when this one began" in text_of(decks_of(recorded, "inner")["Memory"])
    assert peak_in(decks_of(recorded, "outer")["Memory"]) >= 10


def test_parallel_profiled_tasks_all_run() -> None:
    begun = threading.Barrier(3)

    @task(deck_fields=())
    @bare
    def work() -> int:
        begun.wait(60)
        kept = allocate(5)
        return len(kept)

    results: list[int] = []
    with execution("night") as run:
        import contextvars

        threads = [
            threading.Thread(target=contextvars.copy_context().run, args=(lambda: results.append(work()),))
            for _ in range(3)
        ]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
    assert results == [5, 5, 5]
    memories = ["".join(deck.items) for one in finished(run.id).tasks for deck in one.decks if deck.name == "Memory"]
    assert sum("peak" in text_of(memory) for memory in memories) == 1
    assert sum("memray follows one task at a time" in memory for memory in memories) == 2


def test_coroutines_generators_and_with_blocks_are_profiled() -> None:
    @task(deck_fields=())
    @bare
    async def coroutine() -> int:
        kept = allocate(10)
        await asyncio.sleep(0)
        return len(kept)

    @task(deck_fields=())
    @bare
    def generator() -> Iterator[int]:
        kept = allocate(10)
        yield len(kept)

    @task(deck_fields=())
    def block() -> int:
        with memray_profiling():
            return len(allocate(10))

    with execution("night") as run:
        assert asyncio.run(coroutine()) == 10
        assert list(generator()) == [10]
        assert block() == 10
    recorded = finished(run.id)
    for name in ("coroutine", "generator", "block"):
        assert 10 <= peak_in(decks_of(recorded, name)["Memory"]) < 25


def test_a_capture_at_its_size_cap_stops_and_the_task_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("obs_memray.session._LOOK_EACH", 0.01)
    stopped = threading.Event()

    @task(deck_fields=())
    @memray_profiling(max_capture_mb=1)
    def churn() -> int:
        from obs_memray import session

        rounds = 0
        while session._active is not None and rounds < 1_000_000:
            rounds += len([bytes(2000 + number) for number in range(100)])
        stopped.set()
        return rounds

    assert churn() > 0
    assert stopped.is_set()
    assert "The capture reached 1 MB (max_capture_mb)" in decks_of(finished(), "churn")["Memory"]


def test_below_the_threshold_there_is_no_deck(folder: Path) -> None:
    @task(deck_fields=())
    @memray_profiling(threshold_mb=500)
    def small() -> int:
        return len(allocate(5))

    small()
    assert decks_of(finished(), "small") == {}
    assert not list(folder.rglob("*.bin"))


def test_leaks_shows_what_was_not_freed() -> None:
    kept: list[Any] = []

    @task(deck_fields=())
    @memray_profiling(leaks=True)
    def leak() -> None:
        allocate(40)
        kept.append(allocate(10))

    leak()
    memory = text_of(decks_of(finished(), "leak")["Memory"])
    assert "What was not freed by the end" in memory
    assert re.search(r"10\.\d MB 1\d allocate", memory), memory


def test_compare_to_the_last_time_shows_the_change() -> None:
    @task(deck_fields=())
    @memray_profiling(compare_to="last")
    def load(megabytes: int) -> int:
        return len(allocate(megabytes))

    load(10)
    first = text_of(decks_of(finished(), "load")["Memory"])
    assert "since the last time" not in first
    load(30)
    second = text_of(decks_of(finished(), "load")["Memory"])
    told = re.search(r"peak (\d+\.\d) MB \+(\d+\.\d) MB, \+\d+\.\d % since the last time", second)
    assert told, second
    peak, more = map(float, told.groups())
    before = float(re.findall(r"peak (\d+\.\d) MB", first)[0])
    assert (before >= 10, peak >= 30) == (True, True), "at least: other threads of this process allocate too"
    assert more == pytest.approx(peak - before, abs=0.16), "each number is rounded to a tenth"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_forked_children_are_added() -> None:
    code = """
import os
from obs_core import task
from obs_memray import memray_profiling

@task(deck_fields=())
@memray_profiling(follow_fork=True)
def work():
    child = os.fork()
    if not child:
        kept = [bytearray(1_000_000) for _ in range(30)]
        os._exit(0)
    os.waitpid(child, 0)

work()
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)
    memory = text_of(decks_of(load_execution("last"), "work")["Memory"])
    assert "processes, peaks added 2" in memory
    assert re.search(r"peak 3\d\.\d MB", memory), memory


def test_with_decks_disabled_nothing_is_captured(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBS_ENABLE_DECK", "0")

    @task
    @bare
    def load() -> int:
        return len(allocate(5))

    assert load() == 5
    assert not (list(folder.glob("executions/*/captures")) and list(folder.rglob("*.bin")))


def test_on_another_platform_a_note_says_that_it_ran_unprofiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("obs_memray.profiling.sys.platform", "win32")

    @task(deck_fields=())
    @bare
    def load() -> int:
        return 5

    assert load() == 5
    assert "this task ran unprofiled" in finished().task("load").notes[0]


WAITS_FOR_A_SIGNAL = """
import os, signal, threading
from obs_core import task
from obs_memray import memray_profiling

@task
@memray_profiling
def work():
    assert "obs-memray" in {thread.name for thread in threading.enumerate()}
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    os.kill(os.getpid(), signal.SIGUSR1)
    print(signal.sigwait({signal.SIGUSR1}) == signal.SIGUSR1)

work()
"""


def test_a_program_takes_the_signal_that_it_waits_for_while_it_is_profiled() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", WAITS_FOR_A_SIGNAL], capture_output=True, text=True, check=True
    )
    assert done.stdout == "True\n"


def test_what_draws_takes_signals_though_a_thread_of_obs_starts_it() -> None:
    code = (
        "import signal, sys\n"
        "from msgspec import DecodeError\n"
        "from obs_memray.drawing import main\n"
        "sys.argv[1:] = ['no job']\n"
        "try: main()\n"
        "except DecodeError: print(signal.pthread_sigmask(signal.SIG_BLOCK, ()))\n"
    )
    said: list[str] = []

    def start() -> None:
        said.append(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)

    thread = Background(start, "obs-test")
    thread.start()
    thread.join()
    assert said == ["set()\n"]

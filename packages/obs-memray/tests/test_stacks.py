"""Whose memory it is: the user's own functions and lines stand in the profile, whatever kind of function they are."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import re
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from obs_core import load_execution, span, task
from obs_core.reading import Execution
from obs_core.report.bodies import raw_body
from obs_core.report.shared import restore
from obs_core.tasks.deferred import wait
from obs_memray import memray_profiling
from obs_memray.stacks import Body, allocating, short_file

pytestmark = pytest.mark.skipif(sys.platform not in ("linux", "darwin"), reason="memray runs on Linux and macOS")

bare: Any = memray_profiling
anything: Any = task(deck_fields=())


def finished() -> Execution:
    """Read the last execution, whose late decks are done."""
    wait()
    return load_execution("last")


def flame_graph(recorded: Execution) -> dict[str, Any]:
    """Return memray's own data of the flame graph of the execution's one profiled task."""
    (deck,) = (deck for task in recorded.tasks for deck in task.decks if deck.name == "Memray Flamegraph")
    page = restore(deck.items[0], lambda digest: raw_body(digest) or recorded.shared_body(digest) or "")
    found = re.search(r"const packed_data = (\{.*\});", page)
    assert found, page[:500]
    data: dict[str, Any] = json.loads(found[1])
    return data


def heaviest(data: dict[str, Any], field: str = "function", *, hidden: bool = False) -> list[str]:
    """Follow the widest bars down, those alone that are shown before somebody asks for irrelevant frames."""
    nodes, strings = data["nodes"], data["strings"]
    found, node = [], 0
    while nodes["children"][node]:
        node = max(nodes["children"][node], key=lambda child: nodes["value"][child])
        if hidden or nodes["interesting"][node]:
            found.append(unescape(strings[nodes[field][node]]).strip())
    return found


def memory_of(recorded: Execution) -> str:
    (deck,) = (deck for task in recorded.tasks for deck in task.decks if deck.name == "Memory")
    body = re.sub(r"<style>.*?</style>", "", deck.items[0], flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", body)))


def leaf() -> bytearray:
    return bytearray(20_000_000)


def foreign(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def around(*args: Any) -> Any:
        return function(*args)

    return around


def plain() -> None:
    kept = leaf()
    del kept


async def coroutine() -> None:
    await asyncio.sleep(0.001)  # resumed by the event loop
    kept = leaf()
    await asyncio.sleep(0)
    del kept


def generator() -> Iterator[int]:
    yield 1
    kept = leaf()
    yield 2
    del kept


async def async_generator() -> AsyncIterator[int]:
    yield 1
    kept = leaf()
    yield 2
    del kept


async def consumed(numbers: AsyncIterator[int]) -> None:
    async for _ in numbers:
        await asyncio.sleep(0)


def next_of(numbers: Iterator[int], depth: int) -> int:
    return next(numbers) if depth == 0 else next_of(numbers, depth - 1)


class Loader:
    def method(self) -> None:
        plain()

    def __call__(self) -> None:
        plain()


def run_plain() -> None:
    anything(bare(plain))()


def run_coroutine() -> None:
    asyncio.run(anything(bare(coroutine))())


def run_generator() -> None:
    assert list(anything(bare(generator))()) == [1, 2]


def run_generator_resumed_elsewhere() -> None:
    numbers = anything(bare(generator))()
    next_of(numbers, 30)
    assert list(numbers) == [2]


def run_async_generator() -> None:
    asyncio.run(consumed(anything(bare(async_generator))()))


def run_method() -> None:
    anything(bare(Loader().method))()


def run_callable() -> None:
    anything(bare(Loader()))()


def run_partial() -> None:
    anything(bare(functools.partial(plain)))()


def run_above_task() -> None:
    bare(anything(plain))()


def run_above_span() -> None:
    anything(bare(span("inside")(plain)))()


def run_between_foreign_ones() -> None:
    anything(foreign(bare(foreign(plain))))()


def run_in_a_block() -> None:
    def block() -> None:
        with memray_profiling():
            plain()

    anything(block)()


def run_in_an_exit_stack() -> None:
    def block() -> None:
        with contextlib.ExitStack() as stack:
            stack.enter_context(memray_profiling())
            plain()

    anything(block)()


def run_in_an_async_block() -> None:
    async def block() -> None:
        async with memray_profiling():
            await coroutine()

    asyncio.run(anything(block)())


def run_in_a_nested_task() -> None:
    def outer() -> None:
        anything(bare(plain))()

    anything(outer)()


def run_around_a_nested_task() -> None:
    def outer() -> None:
        anything(plain)()

    anything(bare(outer))()


def run_in_a_thread() -> None:
    thread = threading.Thread(target=run_plain)
    thread.start()
    thread.join()


@pytest.mark.parametrize(
    ("run", "shown"),
    [
        (run_plain, ["plain", "leaf"]),
        (run_coroutine, ["coroutine", "leaf"]),
        (run_generator, ["generator", "leaf"]),
        (run_generator_resumed_elsewhere, ["generator", "leaf"]),
        (run_async_generator, ["async_generator", "leaf"]),
        (run_method, ["method", "plain", "leaf"]),
        (run_callable, ["__call__", "plain", "leaf"]),
        (run_partial, ["plain", "leaf"]),
        (run_above_task, ["plain", "leaf"]),
        (run_above_span, ["plain", "leaf"]),
        (run_between_foreign_ones, ["around", "around", "plain", "leaf"]),
        (run_in_a_block, ["block", "plain", "leaf"]),
        (run_in_an_exit_stack, ["block", "plain", "leaf"]),
        (run_in_an_async_block, ["block", "coroutine", "leaf"]),
        (run_in_a_nested_task, ["plain", "leaf"]),
        (run_around_a_nested_task, ["outer", "plain", "leaf"]),
        (run_in_a_thread, ["plain", "leaf"]),
    ],
)
def test_the_flame_graph_begins_with_the_profiled_function(run: Callable[[], None], shown: list[str]) -> None:
    run()
    recorded = finished()
    data = flame_graph(recorded)
    assert heaviest(data) == shown
    assert heaviest(data, "name")[-1] == "return bytearray(20_000_000)"
    assert set(heaviest(data, "filename")) == {__file__}
    assert re.search(r"20\.0 MB 1 leaf test_stacks\.py:\d+ return bytearray\(20_000_000\)", memory_of(recorded))


def test_what_called_the_task_is_there_for_whoever_asks_for_irrelevant_frames() -> None:
    def pipeline() -> None:
        run_plain()

    pipeline()
    everything = heaviest(flame_graph(finished()), hidden=True)
    assert everything[-2:] == ["plain", "leaf"]
    assert everything.index("pipeline") < everything.index("run_plain") < everything.index("plain")


@pytest.mark.skipif(not hasattr(asyncio, "eager_task_factory"), reason="Python 3.12 has eager tasks")
def test_a_coroutine_that_an_eager_task_began_is_shown() -> None:
    async def main() -> None:
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined]
        await asyncio.create_task(anything(bare(coroutine))())

    asyncio.run(main())
    assert heaviest(flame_graph(finished())) == ["coroutine", "leaf"]


def test_inverted_the_callers_of_the_task_are_left_out_too() -> None:
    anything(memray_profiling(memray_reporter_args=["--inverted"])(plain))()
    data = flame_graph(finished())
    assert heaviest(data) == ["leaf", "plain"]
    assert heaviest(data, hidden=True)[:2] == ["leaf", "plain"]
    assert len(heaviest(data, hidden=True)) > 4


VICTIM = """
import asyncio, os, signal
from obs_core import task
from obs_memray import memray_profiling

def leaf():
    return bytearray(20_000_000)

def die():
    kept = leaf()
    {end}

@task(deck_fields=())
@memray_profiling
def plain():
    die()

@task(deck_fields=())
@memray_profiling
async def coroutine():
    await asyncio.sleep(0.001)
    die()

@task(deck_fields=())
@memray_profiling
def generator():
    yield 1
    die()

@task(deck_fields=())
def block():
    with memray_profiling():
        die()

{begin}
"""
KILL = "os.kill(os.getpid(), signal.SIGKILL)"


@pytest.mark.parametrize(
    ("begin", "first"),
    [
        ("plain()", "plain"),
        ("asyncio.run(coroutine())", "coroutine"),
        ("list(generator())", "generator"),
        ("block()", "block"),
    ],
)
def test_the_flame_graph_of_a_killed_task_begins_with_it(tmp_path: Path, begin: str, first: str) -> None:
    script = tmp_path / "pipeline.py"
    script.write_text(VICTIM.format(end=KILL, begin=begin))
    assert subprocess.run([sys.executable, script], check=False).returncode == -signal.SIGKILL
    recorded = load_execution("last")
    assert heaviest(flame_graph(recorded)) == [first, "die", "leaf"]
    assert "20.0 MB 1 leaf pipeline.py:7 return bytearray(20_000_000)" in memory_of(recorded)


def test_the_tabs_of_a_task_whose_process_ends_at_once_are_there_once(tmp_path: Path) -> None:
    script = tmp_path / "pipeline.py"
    script.write_text(VICTIM.format(end="del kept", begin="plain()\nos._exit(0)"))
    subprocess.run([sys.executable, script], check=True)
    recorded = load_execution("last")
    assert [deck.name for deck in recorded.task("plain").decks] == ["Memory", "Memray Flamegraph"]
    assert heaviest(flame_graph(recorded)) == ["plain", "die", "leaf"]
    assert "The process ended before the task did" not in memory_of(recorded), "it did not: it was not waited for"


def test_memory_that_a_library_took_counts_for_the_user_s_line_with_the_library_below() -> None:
    numpy = pytest.importorskip("numpy")

    @task(deck_fields=())
    @bare
    def load() -> Any:
        return numpy.tile(numpy.ones(100_000), 30)

    load()
    memory = memory_of(finished())
    assert re.search(
        r"24\.8 MB \d load test_stacks\.py:\d+ return numpy\.tile\(numpy\.ones\(100_000\), 30\)"
        r" 24\.0 MB \d tile numpy/lib/\w+\.py:\d+",
        memory,
    ), memory


OWN = ("load", "/home/ann/etl/load.py", 3)
PANDAS = ("concat", "/venv/lib/python3.12/site-packages/pandas/core/reshape/concat.py", 380)
JSON = ("decode", json.__file__, 350)
INSTALLED = ("load", "/venv/lib/python3.12/site-packages/etl/load.py", 3)


@pytest.mark.parametrize(
    ("stack", "body", "own"),
    [
        ([PANDAS, OWN], Body(), OWN),
        ([JSON, PANDAS, OWN], Body(), OWN),
        ([PANDAS, INSTALLED], Body("load", INSTALLED[1]), INSTALLED),
        ([PANDAS, INSTALLED], Body("load", OWN[1]), PANDAS),
        ([("call", span.__init__.__code__.co_filename, 1), OWN], Body(), OWN),
        ([("_find", "<frozen importlib._bootstrap>", 1), OWN], Body(), OWN),
        ([("<module>", "<ipython-input-3-abc>", 2)], Body(), ("<module>", "<ipython-input-3-abc>", 2)),
        ([("<listcomp>", OWN[1], 9), OWN], Body(), ("load", OWN[1], 9)),
        ([("run", "/usr/lib/python3.12/asyncio/runners.py", 1), OWN], Body(), OWN),
        ([("call", "/opt/app/lib/python3.12/site-packages/obs_core/x.py", 1), OWN], Body(), OWN),
        ([], Body(), ("(no Python frame)", "", 0)),
    ],
)
def test_the_user_s_frame_is_the_innermost_that_is_of_no_installed_package(
    stack: list[tuple[str, str, int]], body: Body, own: tuple[str, str, int]
) -> None:
    assert allocating(stack, body)[0] == own


def test_a_file_is_named_by_its_package(tmp_path: Path) -> None:
    package = tmp_path / "etl" / "steps"
    package.mkdir(parents=True)
    for folder in (package, package.parent):
        (folder / "__init__.py").touch()
    assert short_file(str(package / "load.py")) == "etl/steps/load.py"
    assert short_file(str(tmp_path / "script.py")) == "script.py"
    assert short_file(PANDAS[1]) == "pandas/core/reshape/concat.py"
    assert short_file(JSON[1]) == "json/__init__.py"

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from obs_core import current_context, execution, load_execution
from obs_core.commands import main
from obs_core.journal import records
from obs_core.model import Call, SeenStack, SpanTable, ThreadStack
from obs_core.testing import FixedClock
from obs_core.trace.stacks import collapsed, described, speedscope

OUTER, INNER = Call("main", "run.py", 10), Call("fit;all", "train.py", 4)
SEEN = [
    SeenStack("main", "MainThread", "ada.1", (OUTER, INNER), 5, 3, 10_000_000),
    SeenStack("main", "MainThread", None, (OUTER, INNER), 2, 0, 10_000_000),
    SeenStack("main", "helper", None, (OUTER,), 4, 0, 10_000_000),
]


def test_collapsed_stacks_are_added_up_over_spans() -> None:
    assert list(collapsed(SEEN)) == [
        "MainThread;main (run.py:10);fit,all (train.py:4) 7\n",
        "helper;main (run.py:10) 4\n",
    ]


def test_collapsed_stacks_of_different_rates_are_weighed_by_time() -> None:
    seen = [
        SeenStack("main", "MainThread", None, (OUTER,), 50, 50, 20_000_000),
        SeenStack("main", "helper", None, (OUTER,), 500, 500, 2_000_000),
    ]
    assert [line.rpartition(" ")[2] for line in collapsed(seen)] == ["500\n", "500\n"]


def test_speedscope_has_each_thread_with_and_without_waiting() -> None:
    made = speedscope(SEEN, "night")
    assert [profile["name"] for profile in made["profiles"]] == [
        "main: MainThread, on the CPU",
        "main: MainThread, waiting too",
        "main: helper, waiting too",
    ]
    assert made["profiles"][1]["weights"] == [50_000_000, 20_000_000]
    assert made["shared"]["frames"][1] == {"name": "fit;all", "file": "train.py", "line": 4}


def test_stacks_are_described_as_tracebacks_are(table_of: Callable[..., SpanTable]) -> None:
    table = table_of("job: 0-8000\n  fit: 0-4000 task\n")
    at = table.starts[0]
    stacks = [
        ThreadStack("main", "\x1b[31mhelper", at, None, [OUTER], at),
        ThreadStack("main", "MainThread", at, table.ids[1], [OUTER, INNER], at - 12_000_000_000),
    ]
    assert "".join(described(stacks, table)) == (
        "seen at 2026-11-22 23:42:37.417 UTC\n"
        "\n"
        "MainThread in fit, seen here for 12.0 s\n"
        "  run.py:10 in main\n"
        "  train.py:4 in fit;all\n"
        "\n"
        "\\x1b[31mhelper\n"
        "  run.py:10 in main\n"
    )


def test_threads_that_do_the_same_are_told_once(table_of: Callable[..., SpanTable]) -> None:
    table = table_of("job: 0-8000\n  fit: 0-4000 task\n  fit: 0-4000 task\n")
    at = table.starts[0]
    begins = [Call(f"Thread.{name}", "/lib/threading.py", 9) for name in ("_bootstrap", "_bootstrap_inner", "run")]
    idle = [ThreadStack("main", f"pool-{n}", at, None, [*begins, OUTER], at - n * 1_000_000_000) for n in range(1, 6)]
    waits = [ThreadStack("main", f"MainThread: {n} waits", at, table.ids[n], [INNER], at) for n in (1, 2)]
    main_thread = ThreadStack("main", "MainThread", at, None, [OUTER, INNER], at)
    assert "".join(described([*idle, *waits, main_thread], table, now=at + 800_000_000)) == (
        "seen at 2026-11-22 23:42:37.417 UTC, 800 ms ago\n"
        "\n"
        "MainThread: 1 waits, MainThread: 2 waits in fit\n"
        "  train.py:4 in fit;all\n"
        "\n"
        "MainThread\n"
        "  run.py:10 in main\n"
        "  train.py:4 in fit;all\n"
        "\n"
        "pool-1, pool-2, pool-3 and 2 more, seen here for 1.00 s\n"
        "  run.py:10 in main\n"
    )


def test_each_of_several_processes_says_when_it_was_seen(table_of: Callable[..., SpanTable]) -> None:
    table = table_of("job: 0-8000\n")
    at = table.starts[0]
    stacks = [
        ThreadStack("main", "MainThread", at, None, [OUTER], at),
        ThreadStack("ada", "MainThread", at + 1_000_000, None, [OUTER], at),
    ]
    lines = "".join(described(stacks, table)).splitlines()
    assert [line for line in lines if "seen at" in line] == [
        "process main, seen at 2026-11-22 23:42:37.417 UTC",
        "process ada, seen at 2026-11-22 23:42:37.418 UTC",
    ]


def test_a_thread_is_at_its_place_since_it_was_first_seen_there(tmp_path: Path) -> None:
    with FixedClock() as clock, execution("night", store=tmp_path) as run:
        journal = current_context().state.journal
        journal.append(records.Calls(0, [(-1, "main", "run.py", 10), (0, "fit", "train.py", 4)]))
        for call, busy in ((0, 0), (1, 0), (1, 1), (1, 0)):
            clock.advance(1)
            journal.append(records.Stacks(journal.now(), [("MainThread", None, call), ("busy", None, busy)]))
    main_thread, other = load_execution(run.id, tmp_path).stacks
    assert main_thread.at - main_thread.since == 2_000_000_000
    assert other.at - other.since == 0


def test_without_stacks_the_commands_say_what_brings_them(
    run_script: Callable[..., subprocess.CompletedProcess[str]], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_script("from obs_core import task\ntask(print)()")
    assert main(["stacks", "--store", str(folder)]) == 2
    assert "where obs-resources is installed" in capsys.readouterr().err
    assert main(["dump", "last", "--store", str(folder), "--format", "collapsed"]) == 2
    assert "OBS_PROFILE=100" in capsys.readouterr().err

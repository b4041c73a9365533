from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from obs_core.commands import main
from obs_core.model import Call, SeenStack, SpanTable, ThreadStack
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
        ThreadStack("main", "MainThread", at, table.ids[1], [OUTER, INNER]),
        ThreadStack("main", "\x1b[31mhelper", at, None, [OUTER]),
    ]
    assert "".join(described(stacks, table)) == (
        "thread MainThread in fit, at 2026-11-22 23:42:37.417 UTC\n"
        "  run.py:10 in main\n"
        "  train.py:4 in fit;all\n"
        "\n"
        "thread \\x1b[31mhelper, at 2026-11-22 23:42:37.417 UTC\n"
        "  run.py:10 in main\n"
    )


def test_without_stacks_the_commands_say_what_brings_them(
    run_script: Callable[..., subprocess.CompletedProcess[str]], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_script("from obs_core import task\ntask(print)()")
    assert main(["stacks", "--store", str(folder)]) == 2
    assert "where obs-resources is installed" in capsys.readouterr().err
    assert main(["dump", "last", "--store", str(folder), "--format", "collapsed"]) == 2
    assert "OBS_PROFILE=100" in capsys.readouterr().err

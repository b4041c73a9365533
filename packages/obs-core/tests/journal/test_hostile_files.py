"""A small file that was made to hold as much as a reader takes costs no command much; ``-s`` prints how much."""

from __future__ import annotations

import os
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from obs_core import Deck, execution, load_execution, log_metric, span, task
from obs_core.store.packing import SEGMENT

resource = pytest.importorskip("resource", reason="there are no limits here")
pytestmark = [pytest.mark.slow, pytest.mark.posix]

MADE_UP = {
    "unknown": b'["x"]\n',
    "cut": b"[1\n",
    "nested": b"[" * 64 + b"\n",
    "empty": b"\n",
    "torn": b'["torn",1,1]\n',
    "beat": b'["beat",1]\n',
    "check": b'["check",0,0,0,0,0]\n',
}
MOST_CPU = 60
"""Seconds, on a machine that does other things."""

MOST_MEMORY = 1024 * 1024 * 1024


@task
def fit(rows: int) -> int:
    with span("read", rows=rows):
        log_metric("loss", 0.5)
    Deck("Large").append(os.urandom(20_000).hex())
    return rows


def lines_of(folder: Path) -> tuple[Path, list[bytes]]:
    """Return the journal of the one execution, and its lines as an older obs wrote them: in no batches."""
    (path,) = folder.glob("executions/*/main-0000.jsonl")
    head, *others = path.read_bytes().splitlines(keepends=True)
    return path, [head.replace(b",1]\n", b"]\n"), *[line for line in others if not line.startswith(b'["check"')]]


def cost(folder: Path, *arguments: str) -> tuple[float, int]:
    """Return how many seconds of CPU time and bytes of memory a command took."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (MOST_CPU, MOST_CPU))

    with (
        open(os.devnull, "wb") as nowhere,
        subprocess.Popen(
            [sys.executable, "-m", "obs_core", *arguments, "--store", folder],
            stdout=nowhere,
            stderr=subprocess.PIPE,
            env={**os.environ, "OBS_STRICT": "0"},
            preexec_fn=limit,
        ) as process,
    ):
        assert process.stderr is not None
        said = process.stderr.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, said
    assert b"Traceback" not in said
    unit = 1 if sys.platform == "darwin" else 1024
    return used.ru_utime + used.ru_stime, used.ru_maxrss * unit


def test_a_file_that_inflates_to_the_limit_costs_no_command_much(folder: Path, nightly: bool) -> None:
    with execution("night", store=folder):
        for rows in range(3):
            fit(rows)
    assert load_execution("last", folder).status == "succeeded"
    path, lines = lines_of(folder)
    path.unlink()
    kinds = {line.split(b'"')[1].decode(): line for line in lines[1:]} | MADE_UP
    assert len(kinds) > 15
    commands: tuple[str, ...] = ("explain", "logs", "why", "show", "ls")
    # What costs most; by night each kind of line, and each command.
    tried: dict[str, tuple[str, ...]] = {"unknown": ("explain",), "check": ("explain",), "items": ("show",)}
    if nightly:
        tried = dict.fromkeys(kinds, commands)
    most = dict.fromkeys(commands, (0.0, 0, ""))
    for kind, asked in tried.items():
        line = kinds[kind]
        content = b"".join(lines)
        content += line * ((SEGMENT.most - len(content)) // len(line))
        packed = zlib.compress(content, 9, wbits=31)
        path.with_name(f"{path.name}.gz").write_bytes(packed)
        for command in asked:
            more = ("last", "--text") if command == "show" else () if command == "ls" else ("last",)
            seconds, size = cost(folder, command, *more)
            most[command] = max(most[command], (seconds, size, kind))
            print(f"{kind}, {len(packed):,} bytes: obs {command}: {seconds:.1f} s of CPU, {size / 1e6:.0f} MB")
            assert size < MOST_MEMORY, (kind, command)
    print(*(f"obs {name}: {found[0]:.1f} s ({found[2]})" for name, found in most.items()), sep="; ")

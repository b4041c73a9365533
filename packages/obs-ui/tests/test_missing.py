"""What is missing is told on the page of an execution in the words that every other place uses."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from obs_core import execution, load_execution, task
from obs_core.journal import flusher, log_writer


def test_a_log_that_was_changed_is_told_as_it_is_elsewhere(folder: Path, serve: Callable[..., Any]) -> None:
    with execution("night") as run:
        logging.getLogger("flights").warning("336,776 rows")
    flusher.flush_all()
    [path] = folder.glob("executions/*/logs/*.jsonl")
    path.write_bytes(path.read_bytes().replace(b"336,776", b"336,777"))
    (told,) = load_execution(run.id).missing
    assert told.startswith("The log was changed after it was written")
    with urllib.request.urlopen(f"{serve().url}executions/{run.id}") as answer:
        assert told in answer.read().decode()


def test_a_task_says_once_how_its_process_ended_and_took_as_long_as_until_then(serve: Callable[..., Any]) -> None:
    program = "import os, time, obs_core\n@obs_core.task\ndef merge():\n    time.sleep(0.3); os._exit(3)\nmerge()"
    command = [sys.executable, "-m", "obs_core", "run", "--", sys.executable, "-c", program]
    subprocess.run(command, check=False, timeout=120, stderr=subprocess.PIPE)
    found = load_execution("last")
    (merge,) = found.tasks
    assert merge.duration >= 300_000_000
    with urllib.request.urlopen(f"{serve().url}executions/{found.id}/tasks/{merge.id}") as answer:
        page = answer.read().decode()
    assert re.findall(r'<span class="badge".*?</svg>([^<]*)', page) == ["Ended with exit code 3"]
    assert "its process ended with exit code 3 before" in page
    assert "at least" not in page


def test_the_log_of_a_task_says_how_many_lines_were_not_kept(
    serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_writer, "MOST_KEPT", 64_000)

    @task
    def fit() -> None:
        for number in range(5_000):
            print("row", number)

    with execution("night") as run:
        fit()
    found = load_execution(run.id)
    (told,), (shown,) = found.missing, found.tasks
    assert "more lines were logged or printed but not kept" in told
    with urllib.request.urlopen(f"{serve().url}executions/{run.id}/tasks/{shown.id}/decks/items?deck=Logs") as answer:
        assert f"Of the whole execution: {told}" in answer.read().decode()

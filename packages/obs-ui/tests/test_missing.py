"""What is missing is told on the page of an execution in the words that every other place uses."""

from __future__ import annotations

import logging
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from obs_core import execution, load_execution
from obs_core.journal import flusher


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

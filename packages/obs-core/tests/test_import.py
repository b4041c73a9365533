"""What importing obs loads."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ["asyncio", "click", "fsspec", "jinja2", "numpy", "pandas", "plotly", "socket", "ssl", "yaml"]


@pytest.mark.parametrize(
    "statement",
    [
        "import obs_core",
        "from obs_core import task, span, execution, current_context, link, Deck, DeckField, Secret, TaskDecorator",
        "from obs_core import task, span\n@task(enable_deck=False)\ndef f():\n    with span('x'): return 1\nf()",
    ],
)
def test_nothing_heavy_is_loaded(statement: str) -> None:
    source = f"{statement}\nimport sys\nprint([name for name in {HEAVY} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


def test_every_public_name_is_there_and_documented() -> None:
    import obs_core

    for name in obs_core.__all__:
        assert getattr(obs_core, name).__doc__, name


def test_an_unknown_name_is_refused() -> None:
    import obs_core

    with pytest.raises(AttributeError, match="module 'obs_core' has no attribute 'tsak'"):
        _ = obs_core.tsak


def test_a_timeout_that_arrives_while_obs_is_imported_is_the_task_s() -> None:
    """msgspec takes whatever is raised while it imports typing_extensions for its absence."""
    source = """
import importlib.abc, signal, sys

class Timeout(Exception):
    pass

class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "typing_extensions":
            sys.meta_path.remove(self)
            raise Timeout

sys.meta_path.insert(0, Finder())
try:
    from obs_core import task
except Timeout:
    print("raised")
"""
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert done.stdout == "raised\n"


IN_TURN = """
import os, signal, sys, threading
from obs_core import task

@task
def fit(rows: int) -> list[int]:
    return [rows]

def handle(number, frame):
    raise TimeoutError("too late")

def is_late(at):
    seen = 0
    main = threading.get_ident()
    def heard(event, given):
        nonlocal seen
        if seen <= at and (
            event == "import" and given[0].startswith(("obs_core", "importlib.", "json", "hashlib", "fcntl", "html"))
            or event == "open" and str(given[0]).endswith(".pyc") and "obs_core" in str(given[0])
        ):
            seen += 1
            if seen > at:
                os.kill(os.getpid(), signal.SIGALRM)
    sys.addaudithook(heard)
    try:
        fit(1)
    except TimeoutError:
        return 1
    return 0 if seen > at else 2

signal.signal(signal.SIGALRM, handle)
for at in range(0, 10_000, 7):
    child = os.fork()  # each imports anew
    if not child:
        os._exit(is_late(at))
    how = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if how == 2:
        break
    print(at, how)
"""


@pytest.mark.posix
def test_no_timeout_is_lost_to_what_the_first_task_imports(folder: Path) -> None:
    """Python's import system takes an `OSError` that a handler raises for a file that is not there."""
    done = subprocess.run(
        [sys.executable, "-c", IN_TURN],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OBS_STORE": str(folder), "OBS_STRICT": "0"},
    )
    tried = [line.split() for line in done.stdout.splitlines()]
    assert len(tried) > 10
    assert [at for at, how in tried if how != "1"] == []

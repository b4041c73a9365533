"""What importing obs loads."""

from __future__ import annotations

import subprocess
import sys

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

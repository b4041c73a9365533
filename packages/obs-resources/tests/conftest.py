"""What the tests of obs-resources have in common."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

HELPERS = """
import os, sys, threading, time
from obs_core import span, task
from obs_core.recording import samplers

def wait_for(seen, patience=60):
    end = time.monotonic() + patience
    while not seen() and time.monotonic() < end:
        time.sleep(0.02)
    assert seen()

def sampled(times=2):
    made = samplers.running()
    return bool(made) and made[0]._count >= times

def burn(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        sum(number * number for number in range(1000))

def looked(times):
    from obs_resources import profiler
    end = profiler._profiler.taken + times
    return lambda: profiler._profiler.taken >= end

def burn_until(seen):
    while not seen():
        sum(number * number for number in range(1000))
"""
"""What a script waits with: for what is there, not for a time."""


@pytest.fixture
def helpers() -> str:
    """The beginning of every script."""
    return HELPERS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The store of what a test's scripts record."""
    return tmp_path / "store"


@pytest.fixture
def environment(folder: Path) -> dict[str, str]:
    """What scripts are run with."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OBS_")}
    return {**kept, "OBS_STORE": str(folder), "OBS_STRICT": "1"}


@pytest.fixture
def run_script(tmp_path: Path, environment: dict[str, str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run Python source as a script of its own, behind helpers to wait with."""

    def run(source: str, **variables: str) -> subprocess.CompletedProcess[str]:
        script = tmp_path / "script.py"
        script.write_text(HELPERS + source)
        result = subprocess.run(
            [sys.executable, str(script)],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**environment, **variables},
            timeout=120,
            check=False,
        )
        assert result.returncode == 0, result.stderr
        return result

    return run

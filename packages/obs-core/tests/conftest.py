"""What the tests of obs-core have in common."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from obs_core import rendering, transformers
from obs_core.recording import here
from obs_core.testing import RecordingStore, recording
from obs_core.values.registry import TypeRegistry

# How long an example takes says nothing on a loaded machine: time is measured in benchmarks.
settings.register_profile("obs", deadline=None)
settings.load_profile("obs")


@pytest.fixture(autouse=True)
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[RecordingStore]:
    """Record in memory; what a test's own processes record goes to a folder of its own."""
    for name in ("OBS_CARRIER", "OBS_ENABLE_DECK", "OBS_UI_URL", "OBS_ATTEMPT", "OBS_WRITE_REPORTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OBS_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("OBS_STRICT", "1")
    monkeypatch.setenv("OBS_RESOURCES", "0")
    monkeypatch.setattr(here, "_ambient", None)
    here.carried.cache_clear()
    with recording() as recorded:
        yield recorded


@pytest.fixture(autouse=True)
def core_alone() -> Iterator[None]:
    """Leave out what other installed packages declare: these tests are about what obs-core does by itself."""
    registries: list[TypeRegistry[Any]] = [rendering._registry, transformers._registry]
    with pytest.MonkeyPatch.context() as patch:
        for registry in registries:
            patch.setattr(registry, "_declared", [])
            registry._arrange()
        yield
    for registry in registries:
        registry._arrange()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder that `OBS_STORE` names."""
    return tmp_path / "store"


@pytest.fixture
def run_script(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run Python source as a script of its own in an empty folder."""

    def run(
        source: str, *, env: dict[str, str] | None = None, check: bool = True, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        import os

        script = tmp_path / "script.py"
        script.write_text(source)
        result = subprocess.run(
            [sys.executable, str(script)],
            capture_output=True,
            text=True,
            # Python prints stray bytes where threads print at once: before 3.12.4, python/cpython#119506.
            errors="backslashreplace",
            cwd=tmp_path,
            env={**os.environ, **(env or {})},
            timeout=timeout,
        )
        if check:
            assert result.returncode == 0, result.stderr
        return result

    return run

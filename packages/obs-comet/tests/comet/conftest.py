"""Each test has a store, a working directory, a home and no account."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working directory, where comet_ml writes; offline."""
    for name in list(os.environ):
        if name.startswith("COMET_"):
            monkeypatch.delenv(name)
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OBS_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("COMET_START_ONLINE", "0")
    monkeypatch.setenv("COMET_OFFLINE_DIRECTORY", str(folder))
    monkeypatch.setenv("COMET_ERROR_TRACKING_ENABLE", "false")
    yield folder
    if "comet_ml" in sys.modules:
        left = sys.modules["comet_ml"].get_global_experiment()
        if left is not None:
            left.end()  # of a test in which ending it fails

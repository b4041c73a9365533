"""Each test has a store, a working directory, a home and no account."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working directory, where wandb writes; offline."""
    for name in list(os.environ):
        if name.startswith("WANDB_"):
            monkeypatch.delenv(name)
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NETRC", str(tmp_path / "home" / "netrc"))
    monkeypatch.setenv("OBS_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    yield folder
    if "wandb" in sys.modules:
        sys.modules["wandb"].teardown()  # it remembers where it began
        # A run that a test keeps from being finished would log an error of each line that later tests print.
        console = sys.modules["wandb.sdk.lib.console_capture"]
        for callbacks in (console._stdout_callbacks, console._stderr_callbacks):
            callbacks.clear()

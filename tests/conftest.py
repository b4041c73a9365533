"""What the tests of several packages together have in common: `obs ui` as a process."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Path], str]]:
    """Serve stores with `obs ui`; gives the address, which ends in a slash."""
    with contextlib.ExitStack() as servers:
        yield lambda store: servers.enter_context(_served(store, tmp_path_factory.mktemp("index") / "index.sqlite"))


@contextlib.contextmanager
def _served(store: Path, index: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "obs_core", "ui", "--no-open", "--port", "0", "--index", f"sqlite:///{index}"]
    environment = {**os.environ, "OBS_STORE": str(store)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as server:
        assert server.stdout is not None
        yield next(found[0] for line in server.stdout if (found := re.search(r"http://\S+", line)))
        server.terminate()
        server.communicate()

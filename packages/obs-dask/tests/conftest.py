"""A real scheduler and real worker processes on loopback; each test has a store of its own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from distributed import Client, LocalCluster

# `dask_steps` is imported here and, by the path that they inherit, in the workers.
sys.path.insert(0, str(Path(__file__).parent))

from dask_steps import local_cluster


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this process records; workers are told by what they are sent."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OBS_STORE", str(tmp_path / "store"))
    return tmp_path / "store"


@pytest.fixture(scope="session")
def cluster() -> Iterator[LocalCluster]:
    """Two worker processes of two threads; tests that harm a worker make a cluster of their own."""
    with local_cluster(2) as made:
        yield made


@pytest.fixture
def client(cluster: LocalCluster) -> Iterator[Client]:
    """A client of the shared cluster."""
    with Client(cluster) as made:
        yield made

"""What Dask's workers use is sampled where obs-resources is installed too."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from obs_core import load_execution

PIPELINE = """
import time
from distributed import Client
from obs_core import execution
from obs_dask import observe

def busy(number):
    from obs_core.recording import samplers
    end = time.monotonic() + 60
    while time.monotonic() < end and not (samplers.running() and samplers.running()[0]._count):
        time.sleep(0.02)
    return number

if __name__ == "__main__":
    with Client(n_workers=2, threads_per_worker=1, dashboard_address=None) as client:
        with observe(client), execution("nightly"):
            client.gather(client.map(busy, range(2)))
"""


@pytest.mark.slow
def test_each_worker_has_its_resources_and_stacks(tmp_path: Path) -> None:
    script = tmp_path / "pipeline.py"
    script.write_text(PIPELINE)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OBS_")}
    environment = {**kept, "OBS_STORE": str(tmp_path / "store")}
    subprocess.run([sys.executable, str(script)], env=environment, check=True, timeout=300, capture_output=True)
    execution = load_execution("last", tmp_path / "store")
    of_workers = [writer for writer in execution.resources.writers if writer != "main"]
    assert len(of_workers) == 2
    assert {stack.writer for stack in execution.stacks} >= set(of_workers)

"""Profiles made in several threads at once, as a Dask worker does."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("whylogs", reason="needs whylogs, which has no wheel for this Python or system")

SCRIPT = """
import threading
import pandas as pd
from obs_whylogs import profile
import whylogs.core, whylogs.core.metrics.maths

frame = pd.DataFrame({"delay": [0.5 * row for row in range(1000)], "tail": ["N1", "N2"] * 500})
counts = []
start = threading.Barrier(8)

def work():
    start.wait()
    counts.append(profile(frame).get_column("delay").get_metric("counts").n.value)

threads = [threading.Thread(target=work, daemon=True) for _ in range(8)]
for one in threads:
    one.start()
for one in threads:
    one.join(60)
print(counts)
"""


@pytest.mark.parametrize("_run", range(2))
def test_the_first_profiles_of_a_process_may_be_made_in_many_threads(_run: int) -> None:
    shown = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=120, check=False)
    assert shown.stdout.strip() == str([1000] * 8), shown.stderr

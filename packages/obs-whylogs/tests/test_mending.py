"""``why.log`` of whylogs itself works once obs_whylogs is imported, whichever of the two was imported first."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("whylogs", reason="needs whylogs, which has no wheel for this Python or system")

USE = """
import numpy as np, pandas as pd
frame = pd.DataFrame({
    "sepal_length": [1.0, 5.0], "name": ["a", "b"],
    "at": pd.to_datetime(["2026-01-01", None]),
})
known = hasattr(np, "unicode_")
view = why.log(frame).view()
assert hasattr(np, "unicode_") == known
print(sorted(view.get_columns()), view.get_column("name").to_summary_dict()["types/string"])
"""


@pytest.mark.parametrize("names", ["obs_whylogs, whylogs as why", "whylogs as why, obs_whylogs"])
def test_whylogs_own_log_reads_texts_and_numpy_stays_as_it_is(names: str) -> None:
    ran = subprocess.run([sys.executable, "-c", f"import {names}\n{USE}"], capture_output=True, text=True, check=False)
    assert (ran.stdout, ran.returncode) == ("['at', 'name', 'sepal_length'] 2\n", 0), ran.stderr


def test_importing_the_package_imports_neither_whylogs_nor_numpy() -> None:
    source = "import sys, obs_whylogs; print(sorted({'whylogs', 'numpy', 'pandas'} & {*sys.modules}))"
    assert subprocess.check_output([sys.executable, "-c", source], text=True) == "[]\n"

"""What is said where whylogs is not installed: tried in processes that cannot import it, whether it is there or not."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

WITHOUT = """
import sys
sys.modules["whylogs"] = sys.modules["whylogs_sketching"] = None
import pandas as pd
import obs_whylogs
from obs_whylogs import *
frame = pd.DataFrame({"delay": [3.5, None]})
"""
SAID = "whylogs is not installed: it has wheels for Python 3.11 on x86_64 and for Python 3.12 on Linux only, and this"
REMEDY = "with a C++ compiler, pip install 'whylogs>=1.6.4,<2' builds it"


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", WITHOUT + code], capture_output=True, text=True, check=False)


def test_the_package_and_all_its_names_can_be_imported() -> None:
    result = run("print(obs_whylogs.__version__, profile_data, WhylogsSummaryDriftRenderer)")
    assert result.returncode == 0, result.stderr
    assert "profile_data" in result.stdout


@pytest.mark.parametrize(
    "code",
    [
        "profile(frame)",
        "log(frame)",
        "WhylogsConstraintsRenderer.to_html(None)",
        "WhylogsDatasetProfileTransformer().from_bytes(b'')",
        "WhylogsDatasetProfileTransformer().to_html(frame)",
    ],
)
def test_what_needs_whylogs_says_so_in_one_sentence(code: str) -> None:
    result = run(code)
    assert result.returncode == 1
    last = result.stderr.rstrip().splitlines()[-1]
    assert last.startswith(f"ModuleNotFoundError: {SAID} is Python 3.{sys.version_info.minor} on ")
    assert last.endswith(REMEDY)


def test_drift_and_profile_data_need_no_whylogs(tmp_path: Path) -> None:
    result = run(f"""
from obs_core import load_execution, task

@task
@profile_data()
def count(flights: pd.DataFrame) -> int:
    return len(flights)

import os
os.environ["OBS_STORE"] = {str(tmp_path)!r}
assert count(frame) == 2
(read,) = load_execution("last", {str(tmp_path)!r}).tasks
print(read.status, *read.notes)
assert "delay" in WhylogsSummaryDriftRenderer.to_html(frame, frame)
print([one.name for one in measure_drift(frame, frame)])
""")
    assert result.returncode == 0, result.stderr
    assert result.stdout == "succeeded\n['delay']\n"


@pytest.mark.parametrize(
    ("python", "system", "machine", "has_a_wheel"),
    [
        ("3.11", "linux", "x86_64", True),
        ("3.11", "linux", "aarch64", False),
        ("3.11", "darwin", "x86_64", True),
        ("3.11", "darwin", "arm64", False),
        ("3.11", "win32", "AMD64", True),
        ("3.12", "linux", "x86_64", True),
        ("3.12", "linux", "aarch64", True),
        ("3.12", "darwin", "arm64", False),
        ("3.12", "win32", "AMD64", False),
        ("3.13", "linux", "x86_64", False),
        ("3.14", "linux", "x86_64", False),
    ],
)
def test_whylogs_is_asked_for_only_where_it_has_a_wheel(
    python: str, system: str, machine: str, has_a_wheel: bool
) -> None:
    found = [each for each in map(Requirement, requires("obs-whylogs") or []) if each.name.startswith("whylogs")]
    assert sorted(each.name for each in found) == ["whylogs", "whylogs-sketching"]
    where = {"python_version": python, "sys_platform": system, "platform_machine": machine}
    assert [each.marker.evaluate(where) for each in found if each.marker] == [has_a_wheel] * 2

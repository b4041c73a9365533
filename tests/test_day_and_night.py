"""What the root's conftest.py makes of tests by day and by night, in a folder that has it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TESTS = """
import pytest
from hypothesis import given, settings, strategies as st

tried = {"default": 0, "own": 0, "method": 0}

@given(st.integers())
def test_default(number):
    tried["default"] += 1

@settings(max_examples=60)
@given(st.integers())
def test_own(number):
    tried["own"] += 1

class TestMethod:
    @given(st.integers())
    def test_method(self, number):
        tried["method"] += 1

@pytest.mark.nightly
def test_long():
    print("long")

def test_last():
    print(tried)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "conftest.py", tmp_path)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "test_them.py").write_text(TESTS)
    return tmp_path


def said(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "pytest", "-s", "-p", "no:cacheprovider", *arguments]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout
    return result.stdout


def test_by_day_a_property_has_a_third_of_its_examples_and_long_tests_are_left_out(folder: Path) -> None:
    printed = said(folder, "test_them.py")
    assert "{'default': 34, 'own': 20, 'method': 34}" in printed
    assert "long" not in printed
    assert re.search(r"4 passed, 1 deselected", printed)


def test_by_night_all_runs(folder: Path) -> None:
    printed = said(folder, "--nightly", "test_them.py")
    assert "{'default': 100, 'own': 60, 'method': 100}" in printed
    assert "long" in printed
    assert "5 passed" in printed


def test_what_is_named_runs_by_day_too(folder: Path) -> None:
    assert "long" in said(folder, "test_them.py::test_long")

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


MARKED = """
import pytest

def test_quick():
    pass

@pytest.mark.browser
def test_shown():
    pass

def test_quick_too():
    pass

@pytest.mark.slow
def test_slow():
    pass

@pytest.mark.browser
@pytest.mark.slow
def test_shown_slowly():
    pass
"""


def test_where_several_run_at_a_time_slow_tests_come_first_and_those_of_the_browser_together(folder: Path) -> None:
    (folder / "test_them.py").write_text(MARKED)
    alone, beside = (re.findall(r"::test_(\w+)", said(folder, "-v", *more)) for more in ([], ["-n", "1"]))
    assert list(dict.fromkeys(alone)) == ["quick", "shown", "quick_too", "slow", "shown_slowly"]
    assert list(dict.fromkeys(beside)) == ["shown_slowly", "slow", "shown", "quick", "quick_too"]


SHOWN = """
def test_it_is_shown(browser):
    print("shown by", id(browser))
    page = browser.new_page()
    page.set_content("<p>hello")
    page.close()
"""
OF_ASYNCIO = """
import asyncio

def test_it_runs():
    asyncio.run(asyncio.sleep(0))
"""


@pytest.mark.browser
def test_modules_one_after_another_share_a_browser_and_what_comes_between_finds_none(folder: Path) -> None:
    for number, source in enumerate((SHOWN, SHOWN, OF_ASYNCIO, SHOWN)):
        (folder / f"test_{number}.py").write_text(source)
    printed = said(folder, *(f"test_{number}.py" for number in range(4)))
    if "skipped" in printed:
        pytest.skip("needs playwright and chromium")
    first, second, _ = re.findall(r"shown by \d+", printed)
    assert first == second
    assert "4 passed" in printed

"""The tracker of docs/writing-an-integration.md, run as it stands there, against the contract of trackers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from obs_core.testing import TrackerContract

PAGE = Path(__file__).parents[1] / "docs" / "writing-an-integration.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


def namespace_of_the_page() -> dict[str, Any]:
    """Run the page's code in the working directory and return what it defines."""
    names: dict[str, Any] = {"__name__": "page"}
    for block in BLOCKS:
        exec(compile(block, str(PAGE), "exec"), names)
    return names


def test_the_tracker_has_less_than_a_hundred_lines() -> None:
    assert len(BLOCKS[0].splitlines()) < 100


@pytest.mark.parametrize("promise", [name for name in dir(TrackerContract) if name.startswith("test_")])
def test_it_keeps_every_promise_of_the_contract(promise: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBS_STORE", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)
    names = namespace_of_the_page()
    for page in Path("notebook").glob("*.json"):
        page.unlink()
    contract = names["TestNotebookRun"]()
    method = getattr(contract, promise)
    method(monkeypatch) if "monkeypatch" in method.__code__.co_varnames else method()

"""The lines of an execution are read back: all, chosen ones, and those that a killed process left behind."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from obs_core import execution
from obs_core.model import LogLine
from obs_core.reading import load_execution

RunScript = Callable[..., subprocess.CompletedProcess[str]]


def test_of_very_many_lines_that_a_killed_process_did_not_come_to_read_the_first_and_the_last_are_shown(
    folder: Path,
) -> None:
    with execution("night", store=folder):
        print("said")
    [log] = folder.glob("executions/*/logs/main-0000.jsonl")
    (log.parent / "main-raw.raw").write_bytes(b"first\n" + b"\n" * 4_000_000 + b"last\n")
    texts = [line.text for line in load_execution("last", folder).log()]
    assert (texts[:2], texts[-1], len(texts)) == (["said", "first"], "last", 400_002)
    assert any("lines left out" in text for text in texts)


def test_lines_are_chosen_by_level_text_time_and_number(run_script: RunScript, folder: Path) -> None:
    run_script("""
import logging
from obs_core import task

@task
def work():
    print("one")
    logging.getLogger("app").warning("two")
    print('{"event": "three", "level": "error", "rows": 3}')
    logging.getLogger("app").error("four")

work()
""")
    execution = load_execution("last", folder)

    def texts(lines: list[LogLine]) -> list[str]:
        return [line.text for line in lines]

    assert texts(execution.log(level="warning")) == ["two", "three", "four"]
    assert texts(execution.log(level=40)) == ["three", "four"]
    assert execution.log(grep="three")[0].fields == {"rows": 3}
    assert texts(execution.log(grep="o")) == ["one", "two", "four"]
    assert texts(execution.log(last=2)) == ["three", "four"]
    assert texts(execution.log(level="warning", last=1)) == ["four"]
    assert texts(execution.log(since=execution.log()[2].at)) == ["three", "four"]
    with pytest.raises(ValueError, match="'loud' is not a level; choose one of debug, info, warning, error, critical"):
        execution.log(level="loud")


def test_a_printed_line_of_very_deep_json_is_shown_as_it_is(folder: Path) -> None:
    deep = f'{{"event": {"[" * 5_000}{"]" * 5_000}}}'
    with execution("night", store=folder):
        print(deep)
    assert [line.text for line in load_execution("last", folder).log()] == [deep]

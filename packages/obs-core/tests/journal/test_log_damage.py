"""What of a log is damaged, changed or not there any more is told, and spoils nothing else."""

from __future__ import annotations

import errno
import os
import subprocess
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from obs_core import execution
from obs_core.commands import main as obs
from obs_core.journal import log_files
from obs_core.journal.log_damage import log_damage
from obs_core.reading import load_execution

RunScript = Callable[..., subprocess.CompletedProcess[str]]


def test_a_torn_and_a_damaged_line_are_left_out(run_script: RunScript, folder: Path) -> None:
    run_script("from obs_core import execution\nwith execution('night'):\n    print('one')\n    print('two')")
    [path] = folder.glob("executions/*/logs/*.jsonl")
    content = path.read_bytes()
    path.write_bytes(content.replace(b'"one"', b'"\xff\xfe"') + b'[1,"out",1')
    assert [(line.stream, line.text) for line in load_execution("last", folder).log()] == [("stdout", "two")]


@pytest.mark.parametrize("damage", ["no line", "no head", "a link", "a linked folder", "a folder"])
def test_what_is_no_log_spoils_nothing_and_is_counted(
    folder: Path, tmp_path: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with execution("night", store=folder):
        print("said")
    (log,) = folder.glob("executions/*/logs/main-0000.jsonl")
    if damage == "no line":
        log.write_bytes(log.read_bytes() + b'[17958,"out",2\n\0\0\0')
    elif damage == "no head":
        log.write_bytes(b"")
    elif damage == "a link":
        log.rename(tmp_path / "elsewhere.jsonl")
        log.symlink_to(tmp_path / "elsewhere.jsonl")
        (log.parent / "main-raw.raw").symlink_to(tmp_path / "elsewhere.jsonl")
    elif damage == "a linked folder":
        log.parent.rename(tmp_path / "elsewhere")
        log.parent.symlink_to(tmp_path / "elsewhere")
    else:
        log.unlink()
        log.mkdir()
    capsys.readouterr()
    for command in ("explain", "why", "logs", "show"):
        assert obs([command, "last", "--store", str(folder)]) == 0
    assert "of the log can no longer be read" in capsys.readouterr().err
    assert [line.text for line in load_execution("last", folder).log()] == (["said"] if damage == "no line" else [])


@pytest.mark.parametrize("damage", ["cut", "emptied", "a link", "removed", "its folder removed"])
def test_how_many_lines_are_gone_is_told_as_the_process_counted_them(
    folder: Path, tmp_path: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with execution("night", store=folder) as run:
        for number in range(1_000):
            print("line", number)
    (log,) = folder.glob("executions/*/logs/main-0000.jsonl")
    content, left = log.read_bytes(), 0
    if damage == "cut":
        left = 100
        log.write_bytes(content[: content.index(b'"line 100"')].rpartition(b"\n")[0] + b"\n")
    elif damage == "emptied":
        log.write_bytes(b"")
    else:
        log.rename(tmp_path / "elsewhere.jsonl")
        if damage == "a link":
            log.symlink_to(tmp_path / "elsewhere.jsonl")
        elif damage == "its folder removed":
            log.parent.rmdir()
    told = f"At least {1_000 - left:,} lines of the log can no longer be read."
    assert load_execution(run.id, folder).missing == [told]
    capsys.readouterr()
    assert obs(["logs", run.id, "--store", str(folder)]) == 0
    assert capsys.readouterr().err == f"obs: {told}\n"


@pytest.mark.skipif(os.name != "posix", reason="needs limits")
def test_lines_that_the_store_did_not_take_are_told_as_those(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBS_STRICT", "0")

    def is_full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with warnings.catch_warnings(), execution("night", store=folder) as run:
        warnings.simplefilter("ignore")
        monkeypatch.setattr(log_files.Appended, "write", is_full)
        for _ in range(50):
            print("lost")
    assert load_execution(run.id, folder).missing == ["50 more lines were logged or printed but not kept."]


def test_a_flipped_bit_and_a_line_that_is_taken_out_are_told(
    run_script: RunScript, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_script("""
from obs_core import execution
with execution("night"):
    for number in range(5_000):
        print("line", number)
""")
    execution = load_execution("last", folder)
    [path] = folder.glob("executions/*/logs/*.jsonl")
    sound = path.read_bytes()
    assert log_damage(execution.store, execution.id) == (0, 0)

    path.write_bytes(sound.replace(b"line 4242", b"line 4243"))
    unreadable, changed = log_damage(execution.store, execution.id)
    assert (unreadable, 0 < changed < 500) == (0, True)
    obs(["logs", "last", "--store", str(folder)])
    told = f"The log was changed after it was written: some of {changed} lines are not as the program wrote them."
    assert capsys.readouterr().err == f"obs: {told}\n"
    for command in ("show", "explain"):
        obs([command, "last", "--store", str(folder)])
        assert told in " ".join("".join(capsys.readouterr()).split())
    assert load_execution("last", folder).missing == [told]
    assert told in load_execution("last", folder).report()

    begin = sound.rindex(b"\n", 0, sound.index(b'line 42"')) + 1
    path.write_bytes(sound[:begin] + sound[sound.index(b"\n", begin) + 1 :])
    unreadable, changed = log_damage(execution.store, execution.id)
    assert (unreadable, 0 < changed < 500) == (1, True)

    path.write_bytes(sound[:begin] + b"\0" * 1000 + sound[begin + 1000 :])
    unreadable, changed = log_damage(execution.store, execution.id)
    assert unreadable == 5_000 - len(execution.log())
    assert execution.log()[-1].text == "line 4999"

"""The ``obs`` command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from obs_core import execution, span, task
from obs_core.commands import main as obs
from obs_core.testing import FixedClock, RecordingStore


@task
def add(a: int, b: int) -> int:
    with span("sum"):
        return a + b


@pytest.fixture
def run_id(folder: Path) -> str:
    """An execution in the store that the command reads."""
    with execution("night", store=folder) as run:
        add(1, 2)
    return run.id


@pytest.fixture(autouse=True)
def _real_store(store: RecordingStore) -> Iterator[None]:
    """Let the command read `OBS_STORE`, as a user's does; taken back before the store in memory is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("obs_core.store._in_use", None)
        yield


def test_ls_shows_the_newest_first(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ids = []
    for name in ("first", "second"):
        with execution(name, store=folder) as run:
            ids.append(run.id)
    assert obs(["ls"]) == 0
    header, second, first = capsys.readouterr().out.splitlines()
    assert header.split() == ["ID", "STATUS", "STARTED", "DURATION", "NAME"]
    assert (second.split()[:2], second.split()[-1]) == ([ids[1], "succeeded"], "second")
    assert first.split()[0] == ids[0]


def test_ls_of_an_empty_store_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert obs(["ls"]) == 0
    assert capsys.readouterr().out == "no executions yet: call a function decorated with @task\n"


def test_ls_shows_no_control_characters(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with execution("evil\x1b[2J\nname", store=folder):
        pass
    obs(["ls"])
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert len(out.splitlines()) == 2


def test_show_prints_the_path_of_a_page_with_every_task(run_id: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert obs(["show", "last"]) == 0
    page = Path(capsys.readouterr().out.strip())
    assert page.read_text().startswith("<!doctype html>")
    assert page.name == "execution.html"


def test_show_of_one_task(run_id: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert obs(["show", run_id, "--task", "add"]) == 0
    assert Path(capsys.readouterr().out.strip()).name == "add-2.html"


@pytest.mark.parametrize("shorten", [lambda one: one, lambda one: one[-6:], lambda one: one[:20], lambda one: "last"])
def test_an_id_may_be_shortened(run_id: str, capsys: pytest.CaptureFixture[str], shorten: object) -> None:
    assert obs(["explain", shorten(run_id)]) == 0  # type: ignore[operator]
    assert "night" in capsys.readouterr().out


def test_dump_prints_yaml_json_and_a_chrome_trace(run_id: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert obs(["dump", "last"]) == 0
    from_yaml = yaml.safe_load(capsys.readouterr().out)
    assert obs(["dump", "last", "--format", "json"]) == 0
    from_json = json.loads(capsys.readouterr().out)
    assert from_yaml == from_json
    (called,) = [one for one in from_json["spans"] if one["kind"] == "task"]
    assert called["spans"][0]["name"] == "sum"
    assert obs(["dump", "last", "--format", "chrome"]) == 0
    events = json.loads(capsys.readouterr().out)["traceEvents"]
    drawn = [event for event in events if event["ph"] == "X"]
    assert {event["name"] for event in drawn if event["cat"] != "obs"} == {"night", "add", "sum"}
    assert [event["cname"] for event in drawn if event["cat"] == "obs"] == ["grey", "grey"]


def test_export_writes_one_file(run_id: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "out.html"
    assert obs(["export", "last", "-o", str(target)]) == 0
    assert target.read_text().startswith("<!doctype html>")
    assert capsys.readouterr().out.startswith(f"{target} (")


def test_doctor_finds_the_store_and_the_versions(run_id: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert obs(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "obs-core 0." in out
    assert "can be written and read" in out
    assert f"newest execution: {run_id}" in out


def test_doctor_says_what_does_not_work(capsys: pytest.CaptureFixture[str]) -> None:
    assert obs(["doctor", "--store", "/dev/null/store"]) == 1
    assert "does not work: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "a command is needed: ls, show, explain, "),
        (["lss"], "invalid choice: 'lss'"),
        (["explain"], "arguments are required: ID (try: obs explain --help)"),
        (["explain", "nonsense"], "no execution 'nonsense' in the store"),
        (["explain", "20"], "'20' is short for 2 executions"),
        (["explain", ""], "no execution ''"),
        (["show", "last", "--task", "x"], "no task 'x' in execution"),
        (["dump", "last", "--format", "xml"], "invalid choice: 'xml'"),
        (["gc", "--older-than", "soon"], "'soon' is no age: type a number and s, m, h, d or w, such as 30d"),
        (["ls", "--limit", "-1"], "--limit counts executions, got -1"),
        (["ls", "--store", "nosuchprotocol://x"], "cannot open the store 'nosuchprotocol://x'"),
        (
            ["export", "last", "-o", "/no/such/folder/out.html"],
            "No such file or directory: '/no/such/folder/out.html'",
        ),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(
    arguments: list[str], message: str, run_id: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with execution("another", store=folder):
        pass
    assert obs(arguments) == 2
    complaint = capsys.readouterr().err
    assert message in complaint
    assert complaint.startswith("obs: ")
    assert complaint.count("\n") == 1


def test_python_m_obs_core_is_the_same_command(run_id: str) -> None:
    result = subprocess.run([sys.executable, "-m", "obs_core", "ls"], capture_output=True, text=True, check=True)
    assert run_id in result.stdout


def test_a_reader_that_stops_reading_is_no_error(run_id: str) -> None:
    command = f"{sys.executable} -m obs_core dump last | head -c 1"
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert result.stderr == ""


# gc


def test_gc_removes_what_is_old_and_nothing_else(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with FixedClock() as clock:
        with execution("old", store=folder) as old:
            add(1, 2)
        clock.advance(3600)
        with execution("new", store=folder) as new:
            pass
        assert obs(["gc", "--older-than", "30m", "--dry-run"]) == 0
        assert capsys.readouterr().out.startswith(f"{old.id}\nwould remove 1 executions")
        assert (folder / "executions" / old.id).exists()
        assert obs(["gc", "--older-than", "30m"]) == 0
    assert [path.name for path in (folder / "executions").iterdir()] == [new.id]


def test_gc_never_touches_a_running_execution(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with execution("running", store=folder) as running:
        add(1, 2)
        time.sleep(0.1)
        assert obs(["gc", "--older-than", "0s"]) == 0
        assert (folder / "executions" / running.id).exists()
    assert "1 running ones left alone" in capsys.readouterr().out


def test_gc_removes_shared_content_only_when_it_is_old_and_unneeded(folder: Path) -> None:
    with execution("kept", store=folder):
        add(1, 2)
    unneeded = folder / "shared" / f"{'0' * 32}.gz"
    unneeded.write_bytes(b"")
    fresh = folder / "shared" / f"{'1' * 32}.gz"
    fresh.write_bytes(b"")
    needed = set((folder / "shared").iterdir()) - {unneeded, fresh}
    two_days_ago = time.time() - 2 * 86400
    for path in {unneeded, *needed}:
        os.utime(path, (two_days_ago, two_days_ago))
    assert obs(["gc", "--older-than", "1d"]) == 0
    assert set((folder / "shared").iterdir()) == needed | {fresh}
    assert len(needed) == 2

"""The ``obs`` command."""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import logging
import os
import re
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from obs_core import Deck, ObsWarning, check, current_context, execution, list_executions, load_execution, span, task
from obs_core.assembly.loading import find_execution
from obs_core.commands import main as obs
from obs_core.commands.builtin import NAMES, OF_AN_EXECUTION
from obs_core.commands.main import _parser_for
from obs_core.journal import flusher
from obs_core.provenance import command_name
from obs_core.reading.garbage import Keep, sweep
from obs_core.store import open_store
from obs_core.store.packing import member, unpacked
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


@pytest.mark.parametrize("command", ["explain", "why", "logs", "show"])
def test_the_last_one_is_the_newest_that_can_be_read(
    command: str,
    run_id: str,
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A shared store has folders that are not ours to read."""
    monkeypatch.setenv("OBS_STRICT", "0")
    with execution("elsewhere", store=folder) as newer:
        add(1, 2)
    (folder / "executions" / newer.id).rename(tmp_path / "elsewhere")
    (folder / "executions" / newer.id).symlink_to(tmp_path / "elsewhere")
    with pytest.warns(ObsWarning, match=f"execution '{newer.id}' cannot be read: .* symbolic link"):
        assert obs([command, "last"]) == 0
    with pytest.warns(ObsWarning, match="cannot be read"):
        assert find_execution("last", folder) == run_id
    capsys.readouterr()
    assert obs([command, newer.id]) == 2
    assert "symbolic link" in capsys.readouterr().err


def test_what_is_missing_at_the_end_of_a_record_is_told_before_any_cause(
    folder: Path, run_script: Callable[..., object], capsys: pytest.CaptureFixture[str]
) -> None:
    run_script("""
from obs_core import execution, task
@task
def work():
    pass
with execution("night"):
    work()
""")
    (journal,) = folder.glob("executions/*/main-*.jsonl")
    os.truncate(journal, journal.stat().st_size * 2 // 3)
    assert obs(["why", "last"]) == 0
    assert capsys.readouterr().out.startswith("Its record is damaged: at least ")
    assert obs(["ls"]) == 0
    assert "(at least " in capsys.readouterr().out
    os.truncate(journal, 0)
    assert obs(["why", "last"]) == 0
    assert "0 record" not in capsys.readouterr().out


def test_an_empty_store_is_told_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OBS_STORE", raising=False)
    assert obs(["ls"]) == 0
    assert obs(["why"]) == 2
    told = capsys.readouterr()
    where = f"the store '.obs', which is {tmp_path / '.obs'}"
    assert told.out == f"no executions yet in {where}: call a function decorated with @task\n"
    assert told.err == f"obs: no executions in {where}; OBS_STORE, or --store of a command, names another\n"


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


def test_show_as_text_tells_what_the_decks_say(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    @task
    def join(rows: int) -> int:
        table = "<table><tr><th><span>speed</span><span>float64</span></th></tr><tr><td>NA</td></tr></table>"
        Deck("Table").append(f"{table}<style>th {{color: red}}</style><pre>def f():\n    pass</pre>")
        return rows

    with execution("flights", store=folder):
        join(5)
        add(1, 2)
    assert obs(["show", "--task", "join", "--text"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("task join succeeded in ")
    assert "[Table]\n  speed float64\n  NA\ndef f():\n    pass\n" in told
    assert "[Input]\nrows  int\n5\n" in told
    assert told.count("color: red") == 1  # in the source alone
    assert obs(["show", "--text"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("flights succeeded in ")  # which is longer than any of its tasks
    assert "\ntask join succeeded in " in told
    assert "\ntask add succeeded in " in told


def test_show_as_text_tells_a_long_source_to_its_last_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = "\n".join(f'<span class="k">line</span> <span class="n">{number}</span>' for number in range(300))

    @task
    def join() -> None:
        Deck("Code").append(f"<pre>{code}</pre>")

    with execution("flights", store=folder):
        join()
    assert obs(["show", "--text", "--deck", "Code"]) == 0
    assert capsys.readouterr().out.splitlines()[-300:] == [f"line {number}" for number in range(300)]
    assert obs(["show", "--text"]) == 0
    assert "line 39\n… and 260 more lines; --deck 'Code' shows all" in capsys.readouterr().out


def test_show_as_text_names_the_summary_as_its_tab_and_tells_notes(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    @task
    def join() -> None:
        current_context().default_deck.append("<p>12 rows</p>")
        current_context().state.note("the tracker is away")

    with execution("flights", store=folder):
        join()
    for name in ("Summary", "default"):
        assert obs(["show", "--text", "--deck", name]) == 0
        assert "[Summary]\n12 rows\n" in capsys.readouterr().out
    assert obs(["show", "--text"]) == 0
    assert "\nNote: the tracker is away\n" in capsys.readouterr().out


def test_show_as_text_tells_defaults_and_of_a_deck_that_is_an_argument_its_name(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    @task
    def join(deck: Deck, /, rows: int = 5, *rest: int, how: str = "left", **more: int) -> None:
        pass

    with execution("flights", store=folder):
        join(Deck("Speeds", "<p>fast</p>"), how="inner")
    assert obs(["show", "--text", "--deck", "Input"]) == 0
    assert capsys.readouterr().out.splitlines()[-6:] == [
        "deck  Deck", "(page: Speeds)", "rows  int, default", "5", "how  str", "inner",
    ]  # fmt: skip


def test_show_as_text_puts_the_cells_of_a_table_below_each_other(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    @task
    def join() -> None:
        head = "<caption>Speeds</caption><thead><tr><th><p>name</p></th><th>speed<div>float64</div></th></tr></thead>"
        body = f"<tr><td>東京</td><td>1.5</td></tr><tr><td>{'x' * 50}</td><td>2</td></tr>"
        Deck("Speeds").append(f"<p>before</p><table>{head}{body}</table>after")

    with execution("flights", store=folder):
        join()
    assert obs(["show", "--text", "--deck", "Speeds"]) == 0
    assert capsys.readouterr().out.splitlines()[-6:] == [
        "before",
        "Speeds",
        f"  {'name':40}  speed float64",
        f"  東京{' ' * 36}  1.5",
        f"  {'x' * 50}  2",
        "after",
    ]


def test_show_as_text_knows_a_table_by_its_roles(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    @task
    def join() -> None:
        head = '<div role="row"><div role="columnheader">column</div><div role=columnheader>found</div></div>'
        cells = '<div role="cell"><div>delay</div></div><div role="cell">5</div>'
        body = f'<div class="row"><div role="row">{cells}</div></div>'
        Deck("Checked").append(f'<p>before</p><div class="rows" role="table">{head}{body}</div><div>after</div></div>')

    with execution("flights", store=folder):
        join()
    assert obs(["show", "--text", "--deck", "Checked"]) == 0
    assert capsys.readouterr().out.splitlines()[-4:] == ["before", "  column  found", "  delay   5", "after"]


def test_show_as_text_writes_a_space_of_the_layout_as_a_space(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    @task
    def join() -> None:
        Deck("Shares").append("<p>50\u00a0% → 3&nbsp;%</p>")

    with execution("flights", store=folder):
        join()
    assert obs(["show", "--text", "--deck", "Shares"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "50 % → 3 %"


def test_show_as_text_tells_one_deck_whole(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    @task
    def join() -> None:
        Deck("Rows").append("".join(f"<p>row {number}</p>" for number in range(50)))

    with execution("flights", store=folder):
        join()
        add(1, 2)
    assert obs(["show", "--text"]) == 0
    told = capsys.readouterr().out
    assert "row 39\n… and 10 more lines; --deck 'Rows' shows all\n" in told
    assert obs(["show", "--text", "--deck", "Rows"]) == 0
    only = capsys.readouterr().out
    assert only.startswith("task join succeeded in ")
    assert only.endswith("\n[Rows]\n" + "".join(f"row {number}\n" for number in range(50)))
    assert obs(["show", "--text", "--deck", "Columns"]) == 2
    assert obs(["show", "--deck", "Rows"]) == 2
    no_deck, no_text = capsys.readouterr().err.splitlines()
    assert no_deck.startswith("obs: no deck 'Columns'; there are: Rows, ")
    assert no_text.startswith("obs: --deck needs --text")


def test_show_as_text_keeps_apart_what_only_the_style_keeps_apart(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    @task
    def join() -> None:
        moved = '<ul><li><span><q>27.4</q></span><span class="meter"><i></i></span><b>0 % → 37 %</b></li></ul>'
        tile = "<ul><li><b>500,000</b><span>rows</span></li></ul>"
        code = "<pre><code><span>de</span><span>f</span> x</code></pre>"
        Deck("Drift").append(f"{moved}{tile}{code}")

    with execution("flights", store=folder):
        join()
    assert obs(["show", "--text", "--deck", "Drift"]) == 0
    told = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert told[-3:] == ["27.4 0 % → 37 %", "500,000 rows", "def x"]


def test_show_as_text_tells_the_lines_that_a_task_logged(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    @task
    def join() -> None:
        logging.getLogger("flights").warning("7 rows < 8 & dropped")
        print("joined")

    with execution("flights", store=folder):
        join()
    capsys.readouterr()
    assert obs(["show", "--text", "--deck", "Logs"]) == 0
    assert capsys.readouterr().out.endswith("\n[Logs]\nWARNING 7 rows < 8 & dropped\njoined\n")


def test_show_as_text_leaves_out_controls_and_what_a_browser_hides_and_lists_no_dependencies(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    @task
    def join() -> None:
        bar = (
            '<div class="bar"><b>Rows</b><span class="note">3 lines</span><button data-copy="code">Copy</button></div>'
        )
        bar += "<label>sorted by <select><option>name</option></select></label><label><input> new</label>"
        Deck("Rows").append(f'{bar}<p><span>seen</span><span class="path" hidden>/home/x.py</span></p>')

    with execution("flights", store=folder):
        join()
    assert obs(["show", "--text"]) == 0
    told = capsys.readouterr().out
    assert "\n[Rows]\nRows 3 lines\nseen\n" in told
    assert len(told.partition("[Dependencies]\n")[2].splitlines()) == 2


def test_why_says_how_to_see_what_the_task_was_given(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    @task
    def join(table: str) -> None:
        raise ValueError("no rows")

    with contextlib.suppress(ValueError), execution("flights", store=folder):
        join("delays")
    assert obs(["why"]) == 0
    typed = re.search(r"obs (show \w+ --task join --text)", capsys.readouterr().out)
    assert typed
    assert obs(typed[1].split()) == 0
    told = capsys.readouterr().out
    assert "delays" in told
    assert 'raise ValueError("no rows")' in told


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


def test_doctor_leaves_no_folder_that_was_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert obs(["doctor", "--store", str(tmp_path / "store")]) == 0
    assert "no executions yet" in capsys.readouterr().out
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "a command is needed: ls, show, open, "),
        (["lss"], "there is no command 'lss'; did you mean "),
        (["version"], "there is no command 'version'; did you mean obs --version? (try: obs --help)"),
        (["ls", "flights"], " ls --help)"),
        (["ls", "--stauts", "failed"], "unrecognized arguments: --stauts failed; did you mean --status? (try: "),
        (["why", "--jsno"], "unrecognized arguments: --jsno; did you mean --json? (try: "),
        (["completion"], "the following arguments are required: SHELL (try: "),
        (["completion", "tcsh"], "obs completes in bash, zsh, fish, not in 'tcsh'"),
        (["export", "-o", "/"], "cannot write '/': it is a folder"),
        (["why", "--store", "/typo"], "there is no folder '/typo'"),
        (["diff", "--store", "/typo"], "there is no folder '/typo'"),
        (["open", "--store", "/typo"], "there is no folder '/typo'"),
        (["gc", "--older-than", "1d", "--store", "/typo"], "there is no folder '/typo'"),
        (["export"], "arguments are required: -o/--output (try: obs export --help)"),
        (["explain", "nonsense"], "no execution with the id or the name 'nonsense' in the store"),
        (["why", "anohter"], "; did you mean 'another'? `obs ls` shows them"),
        (["export", "-o", "x" * 300], f"obs: '{'x' * 300}': File name too long"),
        (["explain", "20"], "'20' matches 2 executions"),
        (["explain", ""], "no execution with the id or the name ''"),
        (["show", "last", "--task", "x"], "no task 'x' in execution"),
        (["dump", "last", "--format", "xml"], "invalid choice: 'xml'"),
        (["gc", "--older-than", "soon"], "'soon' is not an age: write a number and s, m, h, d or w, such as 30d"),
        (["ls", "--limit", "-1"], "--limit must be 0 (all) or more, got -1"),
        (["ls", "--store", "nosuchprotocol://x"], "cannot open the store 'nosuchprotocol://x'"),
        (
            ["export", "last", "-o", "/no/such/folder/out.html"],
            "cannot write '/no/such/folder/out.html': there is no folder '/no/such/folder'",
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


@pytest.mark.parametrize("command", ["ui", "site"])
def test_a_command_of_a_package_that_is_not_there_says_what_to_install(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("obs_core.values.registry.declared", lambda _: ())
    assert obs([command]) == 2
    said = capsys.readouterr().err
    assert said == f"obs: there is no command '{command}': it comes with the package obs-ui (pip install obs-ui)\n"


def test_python_m_obs_core_is_the_same_command(run_id: str) -> None:
    result = subprocess.run([sys.executable, "-m", "obs_core", "ls"], capture_output=True, text=True, check=True)
    assert run_id in result.stdout


def in_a_shell(command: str) -> tuple[int, str]:
    """The exit code of `obs` in a shell's command, and what it complained of; output is buffered, as a user's is."""
    flusher.finish_before_reading()
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    typed = command.replace("obs ", f"{sys.executable} -m obs_core ") + "; echo ${PIPESTATUS[0]} >&2"
    complained = subprocess.run(
        ["bash", "-c", typed], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True
    ).stderr
    said, _, code = complained.rstrip("\n").rpartition("\n")
    return int(code), said


@pytest.mark.parametrize("command", ["dump", "ls", "explain", "ls --json", "--help", "--version"])
def test_a_reader_that_stops_reading_is_no_error(command: str, run_id: str) -> None:
    assert in_a_shell(f"obs {command} | true") == (0, "")


def test_check_tells_by_its_exit_code_though_nobody_reads(folder: Path) -> None:
    with execution("flights", store=folder):
        check("rows > 0", False)
    assert in_a_shell("obs check | true") == (1, "")
    assert in_a_shell("obs check >&-") == (1, "")


@pytest.mark.parametrize("command", ["ls", "explain", "logs", "dump", "dump --format json", "--help"])
def test_output_that_is_closed_is_no_error(command: str, run_id: str) -> None:
    nothing = f"obs: no line was logged or printed in {run_id}" if command == "logs" else ""
    assert in_a_shell(f"obs {command} >&-") == (0, nothing)


def test_wrong_input_is_exit_code_2_though_no_complaint_can_be_written(run_id: str) -> None:
    assert in_a_shell("obs show nothing 2>&-") == (2, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")
@pytest.mark.parametrize("command", ["ls", "dump", "--version"])
def test_output_that_cannot_be_written_is_one_line_and_exit_code_2(command: str, run_id: str) -> None:
    assert in_a_shell(f"obs {command} >/dev/full") == (2, "obs: [Errno 28] No space left on device")


# gc


def test_gc_removes_what_is_old_and_nothing_else(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with FixedClock() as clock:
        with execution("old", store=folder) as old:
            add(1, 2)
        clock.advance(3600)
        with execution("new", store=folder) as new:
            pass
        assert obs(["gc", "--older-than", "30m", "--dry-run"]) == 0
        assert capsys.readouterr().out.startswith(f"{old.id}\nwould remove 1 execution and 0 shared files, ")
        assert (folder / "executions" / old.id).exists()
        assert obs(["gc", "--older-than", "30m"]) == 0
    assert [path.name for path in (folder / "executions").iterdir()] == [new.id]


@pytest.mark.posix
def test_a_warning_of_a_command_shows_no_code(
    folder: Path, run_script: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    with execution("kept", store=folder) as run:
        add(1, 2)
    (folder / "executions" / run.id / "run-0000.jsonl").symlink_to("run-0000.jsonl")
    source = "from obs_core.commands.main import main; main(['gc', '--older-than', '1d'])"
    said = run_script(source, env={"OBS_STRICT": "0"}).stderr.splitlines()
    assert len(said) == 1
    assert said[0].startswith("obs: shared content is left as it is")


def test_gc_never_touches_a_running_execution(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with execution("running", store=folder) as running:
        add(1, 2)
        time.sleep(0.1)
        assert obs(["gc", "--older-than", "0s"]) == 0
        assert (folder / "executions" / running.id).exists()
    assert capsys.readouterr().out == "removed 0 executions and 0 shared files, 0 B; left 1 running one alone\n"


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
    assert len(needed) == 3  # the source, the dependencies, and what it ran in


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("damage", [flipped, lambda content: bytes(len(content)), lambda content: b""])
def test_gc_removes_no_shared_content_that_a_damaged_part_may_name(
    folder: Path, damage: Callable[[bytes], bytes], compressed: bool
) -> None:
    with execution("kept", store=folder) as run:
        add(1, 2)
    (segment,) = (folder / "executions" / run.id).glob("main-0000.jsonl*")
    content = segment.read_bytes()
    segment.unlink()
    whole = unpacked(content) if segment.suffix == ".gz" else content
    segment = segment.with_name("main-0000.jsonl.gz" if compressed else "main-0000.jsonl")
    segment.write_bytes(damage(member(whole) if compressed else whole))
    needed = set((folder / "shared").iterdir())
    two_days_ago = time.time() - 2 * 86400
    for path in needed:
        os.utime(path, (two_days_ago, two_days_ago))
    with pytest.warns(ObsWarning, match=r"shared content is left as it is.* a part of .* is damaged"):
        sweep(open_store(str(folder)), Keep(count=100))
    assert set((folder / "shared").iterdir()) == needed != set()


def make(folder: Path, clock: FixedClock, name: str, ends: str = "well") -> str:
    run = execution(name, store=folder)
    with contextlib.suppress(ValueError), run:
        if ends == "checked":
            check("rows > 0", False, "0 rows")
        if ends == "badly":
            raise ValueError("no such airport")
    clock.advance(86_400)
    flusher.flush_all()
    return run.id


def there(folder: Path) -> set[str]:
    return {path.name for path in (folder / "executions").iterdir()}


def test_gc_keeps_as_many_of_each_name_as_it_is_told(folder: Path) -> None:
    with FixedClock() as clock:
        flights = [make(folder, clock, "flights") for _ in range(4)]
        weather = make(folder, clock, "weather")
        flights += [make(folder, clock, "flights") for _ in range(2)]
        assert obs(["gc", "--keep", "3"]) == 0
    assert there(folder) == {*flights[-3:], weather}


def test_gc_removes_what_is_too_old_or_too_many(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with FixedClock() as clock:
        ids = [make(folder, clock, "flights") for _ in range(6)]
        monkeypatch.setenv("OBS_KEEP", "4d,5")
        assert obs(["gc"]) == 0
        assert there(folder) == set(ids[-4:])
        monkeypatch.setenv("OBS_KEEP", "90d,2")
        assert obs(["gc"]) == 0
    assert there(folder) == set(ids[-2:])


def test_gc_never_removes_the_last_good_run_of_a_pipeline(folder: Path) -> None:
    with FixedClock() as clock:
        ids = [make(folder, clock, "flights", ends) for ends in ("well", "well", "checked", "badly", "badly")]
        assert obs(["gc", "--keep", "1"]) == 0
        assert there(folder) == {ids[1], ids[4]}
        clock.advance(365 * 86_400)
        assert obs(["gc", "--keep", "30d"]) == 0
    assert there(folder) == {ids[1]}


def test_gc_never_removes_what_is_pinned(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with FixedClock() as clock:
        ids = [make(folder, clock, "flights") for _ in range(3)]
        assert obs(["pin", ids[0]]) == 0
        assert obs(["pin"]) == 0
        assert capsys.readouterr().out.splitlines()[-1] == ids[0]
        assert obs(["gc", "--older-than", "0s"]) == 0
        assert there(folder) == {ids[0]}
        assert obs(["pin", ids[0], "--remove"]) == 0
        assert obs(["gc", "--older-than", "0s"]) == 0
    assert there(folder) == set()


def test_gc_keeps_what_the_next_run_is_compared_with(folder: Path) -> None:
    @task
    def profiled() -> None:
        current_context().keep("reference", {"rows": 3})

    with FixedClock() as clock:
        with execution("profiles", store=folder) as reference:
            profiled()
        clock.advance(86_400)
        newest = make(folder, clock, "profiles")
        assert obs(["gc", "--keep", "1"]) == 0
    assert there(folder) == {reference.id, newest}


def test_gc_counts_what_obs_run_made_with_what_it_ran(folder: Path) -> None:
    for number in range(3):
        source = f"from obs_core import execution\nwith execution('flights', tags={{'n': '{number}'}}): pass"
        command = [sys.executable, "-m", "obs_core", "run", "--name", "flights", "--", sys.executable, "-c", source]
        assert subprocess.run(command, env={**os.environ, "OBS_STORE": str(folder)}, check=False).returncode == 0
    before = sorted(there(folder))
    assert len(before) == 3
    assert obs(["gc", "--keep", "2"]) == 0
    assert there(folder) == set(before[1:])


def test_gc_keeps_what_obs_run_made_around_an_execution_and_counts_it(folder: Path) -> None:
    for source in ("pass", "from obs_core import execution\nwith execution('train'): pass"):
        command = [sys.executable, "-m", "obs_core", "run", "--name", "job", "--", sys.executable, "-c", source]
        assert subprocess.run(command, env={**os.environ, "OBS_STORE": str(folder)}, check=False).returncode == 0
    before = sorted(there(folder))
    assert len(before) == 3
    assert obs(["pin", before[2]]) == 0
    assert obs(["gc", "--keep", "1"]) == 0
    assert there(folder) == set(before[1:])
    assert obs(["gc", "--older-than", "0s"]) == 0
    assert there(folder) == set(before[1:]), "the one inside is pinned"


@pytest.mark.parametrize("keep", ["", "0", "-5", "30", "x", "30d,30d", "5,5", "1000,30d,", "30 days"])
def test_gc_takes_nothing_for_what_is_to_be_kept_by_mistake(
    keep: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with FixedClock() as clock:
        kept = make(folder, clock, "flights")
    monkeypatch.setenv("OBS_KEEP", keep)
    assert obs(["gc"]) == (0 if keep == "30" else 2)
    assert (keep == "30") == (capsys.readouterr().err == "")
    assert there(folder) == {kept}


def test_a_name_means_its_newest_execution(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ids = []
    for name in ("flights", "flights", "weather"):
        with execution(name, store=folder) as run:
            ids.append(run.id)
    assert load_execution("flights").id == ids[1]
    assert obs(["show", "flights"]) == 0
    assert ids[1] in capsys.readouterr().out
    assert obs(["explain", "flight"]) == 2
    assert "no execution with the id or the name 'flight'" in capsys.readouterr().err


def test_without_an_id_the_last_execution_is_meant(run_id: str, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("show", "explain", "dump", "logs", "why"):
        assert obs([command]) == 0, command
    assert run_id in capsys.readouterr().out


@pytest.fixture
def three(folder: Path) -> list[str]:
    """A failed execution of the name "flights", one that succeeded with a tag, and one of the name "weather"."""
    failing = execution("flights", store=folder)
    with pytest.raises(ValueError, match="airport"), failing:
        raise ValueError("no such airport")
    ids = [load_execution("last", folder).id]
    for name, tags in (("flights", {"team": "ops", "year": "2013"}), ("weather", {"team": "sky"})):
        with execution(name, store=folder, tags=tags) as run:
            ids.append(run.id)
    load_execution("last", folder)  # waits until all is written, for processes that read it
    return ids


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        (["--status", "failed"], [0]),
        (["--status", "failed", "--status", "succeeded"], [2, 1, 0]),
        (["--name", "FLIGHT"], [1, 0]),
        (["--tag", "team"], [2, 1]),
        (["--tag", "team=ops", "--tag", "year=2013"], [1]),
        (["--name", "flights", "--status", "succeeded", "--since", "1h"], [1]),
        (["--since", "0s"], []),
        (["--limit", "1", "--tag", "team"], [2]),
    ],
)
def test_ls_shows_what_was_asked_for(
    three: list[str], options: list[str], shown: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert obs(["ls", *options]) == 0
    lines = capsys.readouterr().out.splitlines()
    found = [line.split()[0] for line in lines if line[0].isdigit()]
    assert found == [three[number] for number in shown]
    assert found or lines == ["no execution matches"]


def test_what_may_mean_several_names_them_and_says_when_there_are_more(folder: Path) -> None:
    ids = []
    for _ in range(4):
        with execution("night", store=folder) as run:
            ids.append(run.id)
        if len(ids) == 3:
            with pytest.raises(LookupError, match=rf"matches 3 executions \({', '.join(ids)}\);"):
                find_execution("20", folder)
    with pytest.raises(LookupError, match=rf"matches 4 executions \(\.\.\., {', '.join(ids[1:])}\);"):
        find_execution("20", folder)


def test_text_of_a_deck_has_no_colours_of_a_terminal(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    @task
    def fit() -> None:
        print("\x1b[31mred\x1b[0m  67%\x1b[K")

    fit()
    assert obs(["show", "--text", "--deck", "Logs"]) == 0
    assert capsys.readouterr().out.endswith("\n[Logs]\nred  67%\n")


def test_ls_says_that_there_are_more_than_it_shows(three: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    for options, more in (
        ([], ""),
        (["--limit", "2"], "the newest 2 are shown"),
        (["--limit", "1"], "the newest is shown"),
        (["--limit", "0"], ""),
    ):
        assert obs(["ls", *options]) == 0
        said = capsys.readouterr().out.splitlines()[-1]
        assert said == f"… and older ones: only {more}, -n 0 shows all" if more else "older ones" not in said
    assert obs(["ls", "--json", "--limit", "2"]) == 0
    assert [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()] == three[:0:-1]


def in_a_terminal(width: int, *arguments: str) -> list[str]:
    """The lines that `obs` draws in a terminal without colours."""
    fcntl, termios = pytest.importorskip("fcntl"), pytest.importorskip("termios")
    flusher.finish_before_reading()
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    environment = {**os.environ, "NO_COLOR": "1"}
    environment.pop("COLUMNS", None)
    subprocess.run([sys.executable, "-m", "obs_core", *arguments], stdout=theirs, env=environment, check=True)
    os.close(theirs)
    drawn = b""
    with contextlib.suppress(OSError):  # which ends what the other side wrote
        while chunk := os.read(ours, 65536):
            drawn += chunk
    os.close(ours)
    return drawn.decode().splitlines()


@pytest.mark.parametrize(
    ("width", "headings"),
    [
        (100, ["ID", "STATUS", "STARTED", "DURATION", "NAME"]),
        (80, ["ID", "STATUS", "STARTED", "DURATION", "NAME"]),
        (40, ["ID", "STATUS", "STARTED", "NAME"]),
    ],
)
def test_ls_is_as_wide_as_the_terminal(three: list[str], width: int, headings: list[str]) -> None:
    heads, newest, *others = in_a_terminal(width, "ls")
    assert heads.split() == headings
    assert max(map(len, (heads, newest, *others))) <= width
    assert newest.split()[0] == (three[-1] if width == 100 else three[-1].rpartition("-")[2])


def test_ls_as_json_is_an_object_a_line(three: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert obs(["ls", "--json"]) == 0
    newest, _, failed = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (newest["id"], newest["tags"], newest["error"]) == (three[2], {"team": "sky"}, None)
    assert (failed["name"], failed["status"], failed["error"]) == ("flights", "failed", "ValueError: no such airport")
    assert 0 < failed["duration"] < 60
    assert datetime.datetime.fromisoformat(failed["started"]).tzinfo is not None


def test_a_folder_that_is_not_there_is_no_empty_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert obs(["ls", "--store", str(tmp_path / "typo")]) == 2
    assert "there is no folder" in capsys.readouterr().err
    assert not (tmp_path / "typo").exists()


def test_export_into_a_folder_that_is_not_there(run_id: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert obs(["export", "-o", "/no/such/folder/x.html"]) == 2
    assert capsys.readouterr().err == (
        "obs: cannot write '/no/such/folder/x.html': there is no folder '/no/such/folder'\n"
    )


def test_what_failed_says_how_to_learn_why_and_where_its_report_is(
    three: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    failed, good = three[0], three[1]
    obs(["explain", failed])
    said = capsys.readouterr().out.splitlines()[-1]
    assert said.endswith(f" why {failed[-6:]} says why, {command_name()} open {failed[-6:]} shows the report")
    obs(["explain", good])
    assert "says why" not in capsys.readouterr().out
    obs(["show", failed])
    report = capsys.readouterr().out.strip()
    obs(["explain", failed])
    assert capsys.readouterr().out.splitlines()[-1].endswith(f" says why, the report is {report}")


def test_explain_names_the_report_of_the_task_that_failed_and_none_from_before_the_end(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    @task
    def fit() -> None:
        Deck("Rows", "100")
        Deck.publish()
        raise ValueError("no rows")

    def told() -> str:
        obs(["explain", "--json"])
        return str(json.loads(capsys.readouterr().out)["report"])

    with pytest.raises(ValueError, match="no rows"), execution("night", store=folder):
        fit()
    report = told()
    assert (os.path.basename(report), "no rows" in Path(report).read_text()) == ("fit-2.html", True)
    os.utime(report, (1, 1))
    assert told() == ""


def test_open_shows_the_newest_failure(
    three: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    assert obs(["open"]) == 0
    assert obs(["open", "weather"]) == 0
    assert [address.split("/")[-3] for address in opened] == [three[0], three[2]]
    assert capsys.readouterr().out.splitlines() == [address.removeprefix("file://") for address in opened]


def test_open_says_that_what_failed_is_not_the_newest(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened: list[str] = []

    def opens(address: str) -> bool:
        opened.append(address)
        return True

    monkeypatch.setattr("webbrowser.open", opens)
    with pytest.raises(KeyError), execution("flights", store=folder) as failed:
        raise KeyError("BQN")
    assert obs(["open", "--store", str(folder)]) == 0
    assert capsys.readouterr().err == ""
    for _ in range(2):
        with execution("flights", store=folder) as newest:
            pass
    assert obs(["open", "--store", str(folder)]) == 0
    said = capsys.readouterr().err
    assert re.fullmatch(r"flights failed .+ ago; since then, 2 succeeded: .+ open last opens the newest\n", said), said
    with execution("night", store=folder):
        flusher.flush_all()
        assert obs(["open", "--store", str(folder)]) == 0
        assert "; since then, 2 succeeded and 1 still runs: " in capsys.readouterr().err
    assert obs(["open", newest.id, "--store", str(folder)]) == 0
    assert capsys.readouterr().err == ""
    assert [address.split("/")[-3] for address in opened] == [failed.id] * 3 + [newest.id]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["exp"], ["explain", "export"]),
        (["ls", "--st"], ["--store", "--status"]),
        (["ls", "--status", "f"], ["failed"]),
        (["why", "flig"], ["flights"]),
        (["nonsense", ""], []),
    ],
)
def test_shells_complete(
    three: list[str], words: list[str], offered: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert obs(["completion", "words", *words]) == 0
    assert capsys.readouterr().out.split() == offered


def test_logs_without_lines_say_so_beside_the_lines(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with execution("night", store=folder) as run:
        task(lambda: print("three rows"), name="fit")()
    capsys.readouterr()
    for options, said in (([], ""), (["-n", "0"], ""), (["--grep", "airport"], f"obs: no line matches in {run.id}\n")):
        assert obs(["logs", *options]) == 0
        assert capsys.readouterr().err == said
    with execution("night", store=folder) as run:
        pass
    assert obs(["logs", "--json"]) == 0
    assert capsys.readouterr() == ("", "")
    assert obs(["logs"]) == 0
    assert capsys.readouterr() == ("", f"obs: no line was logged or printed in {run.id}\n")


@pytest.mark.parametrize(
    ("options", "texts"),
    [
        ([], ["read 3 files", "a file is empty", "no such airport", "fitted"]),
        (["--task", "fit"], ["no such airport", "fitted"]),
        (["--level", "warning"], ["a file is empty", "no such airport"]),
        (["--level", "error"], ["no such airport"]),
        (["--grep", "file"], ["read 3 files", "a file is empty"]),
        (["-n", "1"], ["fitted"]),
        (["--task", "load", "--level", "warning", "--grep", "empty"], ["a file is empty"]),
    ],
    ids=" ".join,
)
def test_logs_are_chosen_by_task_level_and_text(
    folder: Path, options: list[str], texts: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    load_log, fit_log = logging.getLogger("load"), logging.getLogger("fit")

    @task
    def load() -> None:
        load_log.warning("a file is empty")

    @task
    def fit() -> None:
        with span("join"):
            fit_log.error("no such airport")
        print("fitted")

    with execution("night", store=folder):
        print("read 3 files")
        load()
        fit()
    capsys.readouterr()
    assert obs(["logs", "--json", *options]) == 0
    assert [json.loads(line)["text"] for line in capsys.readouterr().out.splitlines()] == texts


@pytest.mark.parametrize(("age", "count"), [("30m", 0), ("2h", 1)])
def test_logs_are_chosen_by_age(
    folder: Path, age: str, count: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with execution("night", store=folder):
        print("read 3 files")
    capsys.readouterr()
    an_hour_later = time.time_ns() + 3600 * 10**9
    monkeypatch.setattr("obs_core.clock.epoch", lambda: an_hour_later)
    assert obs(["logs", "--json", "--since", age]) == 0
    assert len(capsys.readouterr().out.splitlines()) == count


def test_explain_marks_spans_in_which_warnings_and_errors_were_logged(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = logging.getLogger("join")

    @task
    def fit() -> None:
        with span("join"):
            log.error("no such airport")
            log.warning("a file is empty")
        with span("quiet"):
            log.info("fitted")

    with execution("night", store=folder):
        fit()
    assert obs(["explain"]) == 0
    (marked,) = [line for line in capsys.readouterr().out.splitlines() if "1 error, 1 warning logged" in line]
    assert "─ join " in marked


FOLLOWED = """
import sys
from obs_core import execution

with execution("night"):
    print("first", flush=True)
    sys.stdin.readline()
    print("second")
"""


def test_logs_are_followed_until_the_execution_ends(folder: Path) -> None:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", FOLLOWED], **pipes) as program:  # type: ignore[call-overload]
        assert program.stdout.readline() == "first\n"
        while not list(list_executions(folder)):
            time.sleep(0.01)
        with subprocess.Popen(
            [sys.executable, "-m", "obs_core", "logs", "-f", "--json"], stdout=subprocess.PIPE, text=True
        ) as follower:
            assert follower.stdout is not None
            assert json.loads(follower.stdout.readline())["text"] == "first"
            program.communicate("\n")
            assert [json.loads(line)["text"] for line in follower.stdout] == ["second"]
    assert follower.returncode == 0


def test_shells_complete_the_last_part_of_an_id(three: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    short = three[0].rpartition("-")[2]
    assert obs(["completion", "words", "why", short[:5]]) == 0
    assert short in capsys.readouterr().out.split()
    assert obs(["why", short]) == 0


def test_shells_complete_names_of_old_executions_levels_and_tasks(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with execution("nightly", store=folder):
        task(lambda: None, name="fit")()
    with execution("it's $5", store=folder), execution("it's", store=folder):
        pass
    for _ in range(30):
        with execution("hourly", store=folder):
            task(lambda: None, name="load")()
    for words, offered in (
        (["show", "nig"], ["nightly"]),
        (["show", "it"], []),  # a shell would take the quotes away
        (["logs", "nightly", "--task", ""], ["fit"]),
        (["logs", "--task", "l"], ["load"]),
        (["logs", "--level", "warning", "--task", ""], ["load"]),
        (["logs", "--level", "w"], ["warning"]),
        (["logs", "nonsense", "--task", ""], []),
    ):
        assert obs(["completion", "words", *words]) == 0
        assert capsys.readouterr().out.split() == offered


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
def test_bash_completes_what_the_script_tells_it(three: list[str], tmp_path: Path) -> None:
    (tmp_path / "obs").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m obs_core "$@"\n')
    (tmp_path / "obs").chmod(0o755)
    typed = 'COMP_WORDS=(obs show wea); COMP_CWORD=2; _obs obs wea show; echo "${COMPREPLY[@]}"'
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    told = subprocess.run(
        ["bash", "-c", f'eval "$(obs completion bash)"; {typed}'],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout == "weather\n"


def test_another_program_called_obs_is_not_completed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "obs").write_text("#!/bin/sh\necho OBS Studio\n")
    (tmp_path / "obs").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    for shell in ("bash", "zsh", "fish"):
        assert obs(["completion", shell]) == 2
        told = capsys.readouterr()
        assert told.out == ""
        assert f"`obs` is another program here ({tmp_path / 'obs'})" in told.err


def test_examples_are_as_one_types_them_here(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [os.path.join("obs_core", "__main__.py")])
    for arguments in ([], ["run"], ["completion"]):
        with pytest.raises(SystemExit):
            obs([*arguments, "--help"])
        typed = [line.strip() for line in capsys.readouterr().out.partition("examples:\n")[2].splitlines()]
        assert typed
        assert all("python -m obs_core " in line for line in typed)


def test_doctor_ends_in_a_verdict_and_knows_another_obs(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "obs").write_text("#!/bin/sh\necho OBS Studio\n")
    (tmp_path / "obs").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert obs(["doctor"]) == 0
    verdict = capsys.readouterr().out.splitlines()[-1]
    assert verdict.startswith("verdict: obs works here")
    assert f"another program ({tmp_path / 'obs'}), so type `python -m obs_core`" in verdict


EVERY_COMMAND = (*NAMES, "completion")

OF_ONE_EXECUTION = {
    "show": [],
    "open": [],
    "explain": [],
    "why": [],
    "diff": [],
    "check": [],
    "logs": [],
    "dump": [],
    "export": ["-o", "out.html"],
    "pin": [],
}


@pytest.mark.parametrize("command", EVERY_COMMAND)
def test_help_has_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    for typed in (["help", command], [command, "--help"]):
        with pytest.raises(SystemExit):
            obs(typed)
        _, _, examples = capsys.readouterr().out.partition("examples:\n")
        assert f"obs {command}" in examples


@pytest.mark.parametrize("command", EVERY_COMMAND)
def test_a_shell_knows_which_commands_are_told_an_execution(command: str) -> None:
    parser = _parser_for(command)
    (commands,) = (one for one in parser._actions if isinstance(one, argparse._SubParsersAction))
    takes_one = any(action.dest == "id" for action in commands.choices[command]._actions)
    assert takes_one == (command in OF_AN_EXECUTION)


@pytest.mark.parametrize("command", OF_ONE_EXECUTION)
def test_every_command_names_an_execution_in_the_same_ways(
    command: str,
    three: list[str],
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("webbrowser.open", lambda _: True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OBS_STORE", str(tmp_path / "another"))
    rest = OF_ONE_EXECUTION[command]
    weather = three[2]
    told = set()
    for meant in ("weather", weather, weather[:-1], weather[-6:], "last"):
        for typed in ([command, meant, "--store", str(folder)], ["--store", str(folder), command, meant]):
            assert obs([*typed, *rest]) == 0, typed
            told.add(capsys.readouterr().out)
    assert len(told) == 1
    assert obs([command, "sunshine", "--store", str(folder), *rest]) == 2
    assert "no execution with the id or the name 'sunshine'" in capsys.readouterr().err


# JSON


PAGE = Path(__file__).parents[4] / "docs" / "command.md"
"""It is in the checkout; a release tries the package alone."""


def documented_keys() -> dict[str, set[str]]:
    """The keys that the page names, by command."""
    text = PAGE.read_text() if PAGE.exists() else ""
    rows = re.findall(r"^\| `obs (\w+) --json`[^|]*\| ([^|]*) \|$", text, re.MULTILINE)
    return {command: set(re.findall(r"`(\w+)`", keys)) for command, keys in rows}


def commands_with_json() -> set[str]:
    found = set()
    for command in EVERY_COMMAND:
        (commands,) = (one for one in _parser_for(command)._actions if isinstance(one, argparse._SubParsersAction))
        if "--json" in commands.choices[command]._option_string_actions:
            found.add(command)
    return found


@pytest.mark.skipif(not PAGE.exists(), reason="the page is in the checkout")
def test_the_page_names_each_command_that_prints_json() -> None:
    assert set(documented_keys()) == commands_with_json()


@pytest.mark.parametrize("command", sorted(documented_keys()))
def test_json_is_what_the_page_says(
    command: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("webbrowser.open", lambda _: True)
    logging.getLogger("obs-test").setLevel(logging.INFO)
    with execution("flights", store=folder):
        check("rows > 0", True)
    failing = execution("flights", store=folder)
    with pytest.raises(ValueError, match="airport"), failing:
        log_and_fail()
    if command == "stacks":
        add_stacks(folder)
    options = {
        "gc": ["--older-than", "1d", "--dry-run"],
        "export": ["-o", str(tmp_path / "out.html")],
        "pin": ["last"],
    }.get(command, [])
    assert obs([command, "--json", *options, "--store", str(folder)]) == (command == "check")
    printed = capsys.readouterr().out
    lines = printed.splitlines() if command in ("ls", "logs", "pin") else [printed]
    assert lines
    for line in lines:
        told = json.loads(line)
        assert told.pop("schema") == f"obs.{command}/1"
        assert set(told) == documented_keys()[command]
        for key in ("execution", "other"):
            if key in told:
                assert set(told[key]) == {"id", "name", "status", "started", "duration", "git_commit"}
        for key in ("at", "started"):
            if key in told:
                assert datetime.datetime.fromisoformat(told[key]).tzinfo is not None


def test_explain_as_json_tells_what_the_text_tells(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with execution("flights", store=folder):
        for _ in range(5):
            with contextlib.suppress(ValueError), span("fit"):
                raise ValueError
        with span("save"):
            pass
    assert obs(["explain", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    fit, save = told["trace"]["children"]
    assert (fit["name"], fit["count"], fit["failed"], fit["error"]) == ("fit", 5, 5, "ValueError")
    assert (save["name"], save["count"], save["failed"], save["children"]) == ("save", 1, 0, [])
    assert told["trace"]["duration"] == told["execution"]["duration"]
    assert {one["name"]: one["count"] for one in told["hottest"]} == {"flights": 1, "fit": 5, "save": 1}
    steps = {tuple(step["path"]): step["count"] for step in told["critical_path"]}
    assert steps == {("flights",): 1, ("fit",): 5, ("save",): 1}
    assert sum(step["duration"] for step in told["critical_path"]) == pytest.approx(told["execution"]["duration"])
    assert obs(["explain", "--json", "--depth", "0"]) == 0
    assert json.loads(capsys.readouterr().out)["trace"]["children"] == []


def test_explain_as_json_tells_where_the_exception_was_raised(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def fails() -> None:
        raise ValueError("no such airport")

    with execution("flights", store=folder):
        pass
    with contextlib.suppress(ValueError), execution("flights", store=folder):
        fails()
    place = f"{__file__}:{fails.__code__.co_firstlineno + 1}"
    newest, before = (one.id for one in list_executions(folder))
    for which, told in ((newest, ("ValueError: no such airport", place)), (before, (None, ""))):
        assert obs(["explain", which, "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert (found["error"], found["place"]) == told


def test_what_is_pinned_is_a_line_of_json_each(three: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert obs(["pin", "--json"]) == 0
    for typed in (["pin", three[0]], ["pin", three[1]], ["pin", three[1], "--remove", "--json"], ["pin", "--json"]):
        assert obs(typed) == 0
    _, _, let_go, kept = capsys.readouterr().out.splitlines()
    assert json.loads(let_go) == {"schema": "obs.pin/1", "id": three[1], "pinned": False}
    assert json.loads(kept) == {"schema": "obs.pin/1", "id": three[0], "pinned": True}


def test_doctor_as_json_says_whether_it_works_and_hides_passwords(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("OBS_STORE", "memory://user:hunter22secret@host/obs")
    assert obs(["doctor", "--json", "--store", str(tmp_path / "file")]) == 1
    printed = capsys.readouterr().out
    told = json.loads(printed)
    assert "hunter22secret" not in printed
    assert not told["store"]["works"]
    assert "FileExistsError" in told["store"]["error"]
    assert told["verdict"].startswith("obs cannot record here")


def log_and_fail() -> None:
    logging.getLogger("obs-test").info("3 airports")
    raise ValueError("no such airport")


UNTIL_STACKS_ARE_TAKEN = """
import os, pathlib, time
from obs_core import execution
segments = pathlib.Path(os.environ["OBS_STORE"])
end = time.monotonic() + 60  # so that a test that fails ends
with execution("waits"):
    while time.monotonic() < end:
        time.sleep(0.05)
        if any(b'["stacks"' in path.read_bytes() for path in segments.glob("executions/*/*.jsonl")):
            break
"""


def add_stacks(folder: Path) -> None:
    """Record an execution of which the stacks of a thread are known."""
    pytest.importorskip("obs_resources", reason="stacks are taken by obs-resources")
    environment = {**os.environ, "OBS_STORE": str(folder), "OBS_RESOURCES": "1"}
    subprocess.run([sys.executable, "-c", UNTIL_STACKS_ARE_TAKEN], env=environment, check=True)

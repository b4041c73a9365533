"""Why an execution ended, told from what real processes leave that end in each way, with and without ``obs run``."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import itertools
import json
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from obs_core import (
    Deck,
    Execution,
    execution,
    executions,
    identity,
    list_executions,
    load_execution,
    log_params,
    span,
    task,
    track,
)
from obs_core.assembly.assembly import Assembly
from obs_core.assembly.loading import assembled
from obs_core.commands import main as obs
from obs_core.journal.reader import decode, read_segments, segment_names, writer_of
from obs_core.reading import endings
from obs_core.reading.fault_files import Frame, innermost_own
from obs_core.reading.why import SpanAtEnd, Why, sections_of, why
from obs_core.rendering import verdict_mark
from obs_core.store import open_store
from obs_core.testing import RecordingStore
from obs_core.text.durations import format_duration, format_moment

SOURCE = """
import ctypes, os, signal, sys, time
from obs_core import current_context, execution, list_executions, load_execution, span, task, track

@task
def fit(rows):
    with span("merge"):
        print("ready", flush=True)
        HOW

with execution("train"):
    fit([1, 2])
"""

OF_SEGFAULT = "ctypes.string_at(0)"
OF_EXIT = "os._exit(3)"
WRITES = "while not current_context().state.journal.flush(wait=True): pass"
"""Goes on once all is written, which another thread may be in the midst of."""
OF_KILL = f"{WRITES}\n        os.kill(os.getpid(), signal.SIGKILL)"
OF_TERM = "os.kill(os.getpid(), signal.SIGTERM)"
WAITS = "for _ in range(3000): time.sleep(0.1)"
LINE = SOURCE[: SOURCE.index("HOW")].count("\n") + 1
"""The line of the script in which it ends."""


@pytest.fixture
def train(tmp_path: Path, folder: Path) -> Callable[..., subprocess.Popen[str]]:
    """Start a script that ends in a way of its own, under ``obs run`` or not."""

    def start(how: str, *, run: bool = False, options: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        script = tmp_path / "train.py"
        script.write_text(SOURCE.replace("HOW", how))
        before = [sys.executable, "-m", "obs_core", "run", *options, "--"] if run else []
        return subprocess.Popen(
            [*before, sys.executable, str(script)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "OBS_STORE": str(folder), "OBS_STRICT": "0"},
        )

    return start


def newest(folder: Path) -> Why:
    """What is said of the last execution."""
    return load_execution("last", folder).why()


@pytest.mark.parametrize("run", [False, True], ids=["alone", "obs run"])
@pytest.mark.parametrize(
    ("how", "status", "alone", "seen"),
    [
        (OF_SEGFAULT, -signal.SIGSEGV, "crashed", "crashed"),
        (OF_TERM, -signal.SIGTERM, "terminated", "terminated"),
        (OF_KILL, -signal.SIGKILL, "vanished", "killed"),
        (OF_EXIT, 3, "vanished", "exit"),
        ("sys.exit(1)", 1, "exit", "exit"),
        ("raise ValueError('no such airport')", 1, "exception", "exception"),
    ],
    ids=["segfault", "SIGTERM", "SIGKILL", "os._exit", "exit 1", "exception"],
)
def test_the_cause_is_told(
    train: Callable[..., subprocess.Popen[str]], folder: Path, how: str, status: int, alone: str, seen: str, run: bool
) -> None:
    process = train(how, run=run)
    process.communicate(timeout=120)
    assert process.returncode == status
    found = newest(folder)
    assert (found.cause, found.task) == (seen if run else alone, "fit"), found.paragraph
    assert found.known == (run or alone != "vanished")
    assert "fit of train" in found.paragraph


@pytest.mark.parametrize("run", [False, True], ids=["alone", "obs run"])
@pytest.mark.parametrize(
    ("how", "seen"),
    [
        (OF_SEGFAULT, "was ended by SIGSEGV"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "was ended by SIGKILL"),
        (OF_EXIT, "ended with exit code 3"),
    ],
    ids=["segfault", "SIGKILL", "os._exit"],
)
def test_all_that_shows_one_that_was_cut_short_says_what_is_known_of_its_end(
    train: Callable[..., subprocess.Popen[str]],
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    how: str,
    seen: str,
    run: bool,
) -> None:
    train(how, run=run).communicate(timeout=120)
    found = load_execution("last", folder)
    ended = seen if run else "ended"
    note = f"This task did not come to its end: its process {ended} before. Shown is what was recorded until then."
    assert [(task.notes, task.cut) for task in found.tasks] == [([note], seen.removeprefix("was ") if run else "")]
    assert obs(["explain", "--store", str(folder)]) == 0
    explained = capsys.readouterr().out
    assert obs(["show", "--text", "--store", str(folder)]) == 0
    shown = capsys.readouterr().out
    assert note in " ".join(shown.split())
    assert obs(["check", "--store", str(folder)]) == 1
    assert "note" not in capsys.readouterr().out
    for text in (
        explained,
        shown,
        found.report(),
        found._repr_html_(),
        found.tasks._repr_html_(),
        newest(folder).paragraph,
    ):
        assert "machine went away" not in text
        assert not re.search(r"(≥|&gt;=|at least) 0 s", text)
    says = found.why().paragraph.removeprefix("fit of train ").removeprefix("was ").partition(" at ")[0].split(":")[0]
    assert f"{found.status}: {says}" in explained


def test_explain_tells_where_the_exception_was_raised_that_ended_it(
    train: Callable[..., subprocess.Popen[str]], folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train("raise ValueError('no such airport')").communicate(timeout=120)
    assert obs(["explain", "--store", str(folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "Status     failed: ValueError: no such airport" in lines
    place = next(line for line in lines if line.startswith("Place"))
    assert place.endswith(f"train.py:{LINE}"), place


def test_the_execution_of_obs_run_names_one_of_another_name_that_tells_more(
    train: Callable[..., subprocess.Popen[str]], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train("raise ValueError('no such airport')", run=True, options=("--name", "night")).communicate(timeout=120)
    inner, outer = list_executions(folder)
    of_program = load_execution(inner.id, folder).why()
    assert (of_program.cause, of_program.known) == ("exception", True)
    assert any(one.startswith("obs run saw its process end") for one in of_program.evidence)
    found = load_execution(outer.id, folder).why()
    assert (found.cause, found.known, found.error) == (of_program.cause, True, of_program.error)
    assert "failed" in found.paragraph
    assert f"It ran the execution train ({inner.id}), which tells more." in found.paragraph
    assert obs(["ls", "--store", str(folder)]) == 0
    of_inner, of_outer = capsys.readouterr().out.splitlines()[1:]
    assert of_inner.endswith(f"train (in {outer.id})")
    assert of_outer.endswith("night")


@pytest.mark.parametrize(
    ("how", "alone", "seen"),
    [
        (OF_KILL, "", "killed by SIGKILL"),
        (OF_EXIT, "", "ended with exit code 3"),
        (OF_SEGFAULT, "crashed", "crashed"),
    ],
    ids=["SIGKILL", "os._exit", "segfault"],
)
def test_the_list_says_of_a_lost_execution_how_it_ended_if_somebody_saw_that(
    train: Callable[..., subprocess.Popen[str]],
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    how: str,
    alone: str,
    seen: str,
) -> None:
    def listed() -> str:
        assert obs(["ls", "-n", "1", "--status", "lost", "--store", str(folder)]) == 0
        return capsys.readouterr().out.splitlines()[1].partition("  train")[2]

    train(how).communicate(timeout=120)
    assert listed() == (f" ({alone})" if alone else "")
    train(how, run=True, options=("--name", "night")).communicate(timeout=120)
    inner, outer = itertools.islice(list_executions(folder), 2)
    assert (inner.status, listed()) == ("lost", f" ({seen}, in {outer.id})")
    assert seen in newest(folder).paragraph
    assert obs(["show", "--text", "--store", str(folder)]) == 0
    assert re.match(f"train lost( in ≥ [^:]+)?: {seen}", capsys.readouterr().out)
    shutil.rmtree(folder / "executions" / outer.id)
    assert listed() == (f" ({alone}, in {outer.id})" if alone else f" (in {outer.id})")


def test_a_killed_task_is_not_said_to_show_its_source_and_traceback(
    train: Callable[..., subprocess.Popen[str]], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for how, shows in (
        (OF_KILL, "what it was given"),
        ("raise ValueError('no such airport')", "what it was given, its source and the traceback"),
    ):
        train(how).communicate(timeout=120)
        assert obs(["why", "--store", str(folder)]) == 0
        *_, title, more = capsys.readouterr().out.splitlines()
        assert (title, more.partition("  shows ")[2]) == ("More", shows)


def test_a_task_that_shows_nothing_has_what_was_recorded_of_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    @task(enable_deck=False)
    def fit() -> None:
        raise ValueError("no such airport")

    with pytest.raises(ValueError, match="airport"), execution("train", store=folder):
        fit()
    assert obs(["why", "--store", str(folder)]) == 0
    assert capsys.readouterr().out.endswith("--task fit --text  shows what was recorded of it\n")


def test_the_failed_tasks_own_report_says_why_too(folder: Path) -> None:
    @task
    def fine() -> None:
        print("fine")

    @task
    def fit() -> None:
        raise ValueError("no such airport")

    @execution("train", store=folder)
    def train() -> None:
        fine()
        fit()

    with pytest.raises(ValueError, match="no such"):
        train()
    found = load_execution("last", folder)
    paragraph = "fit of train failed at "
    assert paragraph in found.report(found.task("fit"))
    assert paragraph not in found.report(found.task("fine"))


def test_a_segfault_and_sigterm_leave_where_they_came(
    train: Callable[..., subprocess.Popen[str]], folder: Path, tmp_path: Path
) -> None:
    for how in (OF_SEGFAULT, OF_TERM):
        train(how).communicate(timeout=120)
        found = newest(folder)
        assert found.place == f"{tmp_path}/train.py:{LINE}"
        assert f"at train.py:{LINE}" in found.paragraph
        assert "fit" in [frame.function for frame in found.stack]
        assert found.task == "fit"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks at /proc")
def test_one_that_hangs_in_c_code_leaves_its_stack_when_it_is_told_to_end(
    train: Callable[..., subprocess.Popen[str]], folder: Path
) -> None:
    # No handler of Python's ever runs: the thread holds the interpreter and waits for a mutex that it has locked.
    process = train("c = ctypes.PyDLL(None); m = bytes(64); c.pthread_mutex_lock(m); c.pthread_mutex_lock(m)")
    assert process.stdout is not None
    process.stdout.readline()
    asleep = 0
    while asleep < 20:  # for longer than any thread of obs's holds the interpreter
        state = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0]
        asleep = asleep + 1 if state == "S" else 0
        time.sleep(0.02)
    process.terminate()
    while not any(f"line {LINE} in fit" in file.read_text() for file in folder.glob("executions/*/faults-*")):
        time.sleep(0.02)
    process.kill()
    process.communicate(timeout=120)
    found = newest(folder)
    assert (found.status, found.cause) == ("lost", "terminated")
    assert found.place.endswith(f"train.py:{LINE}")


def test_an_exception_is_told_with_its_place_its_span_and_the_inputs(
    train: Callable[..., subprocess.Popen[str]], folder: Path, tmp_path: Path
) -> None:
    train("raise ValueError('no such airport')").communicate(timeout=120)
    found = newest(folder)
    assert found.error == [("ValueError: no such airport", f"{tmp_path}/train.py:{LINE}")]
    assert found.span == "merge"
    assert [name for name, _ in found.inputs] == ["rows"]
    assert f'It was raised at train.py:{LINE}, in the span "merge".' in found.paragraph


def test_a_span_that_may_have_ended_in_the_last_silence_is_said_to_be_seen_last(
    train: Callable[..., subprocess.Popen[str]], folder: Path
) -> None:
    train(f"time.sleep(1.3)\n        {OF_KILL}", run=True).communicate(timeout=120)
    run = load_execution("last", folder)
    end = run.why().at
    for known, told in ((50_000_000, "was last seen in"), (650_000_000, "was in")):
        seen = [SpanAtEnd("main.9", "epoch", start=end - known - 600_000_000, duration=known)]
        found = why(run.store, assembled(run.store, run.id), seen)
        assert f'It {told} "epoch"' in found.paragraph
        assert ("600 ms before the end" in found.paragraph) == (known < 600_000_000)
        assert found.open[0].duration == (known if known < 600_000_000 else known + 600_000_000)


def test_what_was_not_seen_after_it_began_is_said_to_have_begun_before_the_end(
    train: Callable[..., subprocess.Popen[str]], folder: Path
) -> None:
    train(OF_KILL, run=True).communicate(timeout=120)
    run = load_execution("last", folder)
    seen = [SpanAtEnd("main.9", "epoch", start=run.why().at - 200_000_000, duration=0)]
    told = dict(sections_of(why(run.store, assembled(run.store, run.id), seen)))
    assert told["Open at the end"] == ["epoch, which had begun 200 ms before the end"]


def test_a_difference_is_told_once_and_a_message_ends_in_one_full_stop(folder: Path) -> None:
    @task
    def fit(epochs: int) -> None:
        log_params(epochs=epochs)
        if epochs < 50:
            raise ValueError("Too few epochs.")

    with execution("train", store=folder):
        fit(60)
    with pytest.raises(ValueError, match="Too few"), execution("train", store=folder):
        fit(30)
    found = newest(folder)
    assert found.differences == ["fit's epochs was 60, now 30"]
    assert "ValueError: Too few epochs. It was raised at " in found.paragraph


def test_what_was_noted_with_the_exception_and_its_cause_is_told_once(folder: Path) -> None:
    @task
    def load() -> None:
        error = ValueError("price is negative")
        error.add_note("row 5 of flights.csv")
        raise error

    @task
    def fit() -> None:
        try:
            load()
        except ValueError as error:
            error.add_note("while the model of 2024 was fitted")
            raise

    with pytest.raises(ValueError, match="price"), execution("train", store=folder):
        fit()
    found = newest(folder)
    assert found.notes == ["row 5 of flights.csv", "while the model of 2024 was fitted"]
    assert found.error[0][0] == "ValueError: price is negative"
    assert 'Noted with it: "row 5 of flights.csv" and 1 more note.' in found.paragraph
    assert found.beyond.startswith("Noted with it: ")
    assert ("Notes added to it", found.notes) in list(sections_of(found))


def test_of_each_note_is_told_to_which_of_several_exceptions_it_was_added(folder: Path) -> None:
    @task
    def parse(row: str) -> None:
        try:
            try:
                int(row)
            except ValueError as error:
                error.add_note("row 5 of flights.csv")
                raise KeyError("delay") from error
        except KeyError as error:
            for number in range(7):
                error.add_note(f"column {number}")
            raise RuntimeError("cannot parse flights") from error

    with pytest.raises(RuntimeError), execution("train", store=folder):
        parse("abc")
    found = newest(folder)
    of_value = "ValueError: invalid literal for int() with base 10: 'abc'"
    assert [text for text, _ in found.error] == ["RuntimeError: cannot parse flights", "KeyError: 'delay'", of_value]
    columns = [f"column {number}" for number in range(5)]
    assert found.notes == [*columns, "row 5 of flights.csv"]
    assert found.notes_of == [*["KeyError: 'delay'"] * 5, of_value]
    assert found.notes_left_out == 2
    assert 'Noted with KeyError: "column 0" and 7 more notes.' in found.paragraph
    assert dict(sections_of(found))["Notes added to them"] == [
        "KeyError: 'delay'",
        *(f"  {column}" for column in columns),
        of_value,
        "  row 5 of flights.csv",
        "… 2 more notes, not recorded",
    ]


def test_the_note_of_the_exception_itself_is_told_before_those_of_its_group(folder: Path) -> None:
    first, second = ValueError("no such airport"), ValueError("no such carrier")
    for error in (first, second):
        error.add_note(f"row of {error}")
    with pytest.raises(ExceptionGroup), execution("train", store=folder):
        raise ExceptionGroup("two rows", [first, second])
    found = newest(folder)
    assert 'Noted with "ValueError: no such airport": "row of no such airport" and 1 more note.' in found.paragraph
    group = ExceptionGroup("two rows", [first, second])
    group.add_note("in flights.csv")
    with pytest.raises(ExceptionGroup), execution("train", store=folder):
        raise group
    found = newest(folder)
    assert 'Noted with it: "in flights.csv" and 2 more notes.' in found.paragraph
    assert found.notes_of == [f"ExceptionGroup: {group}", "ValueError: no such airport", "ValueError: no such carrier"]


def test_notes_that_a_part_of_a_group_took_over_are_counted_once(folder: Path) -> None:
    group = ExceptionGroup("two rows", [ValueError("no such airport"), KeyError("delay")])
    for number in range(7):
        group.add_note(f"note {number}")
    part = group.subgroup(ValueError)
    assert part is not None
    with pytest.raises(ExceptionGroup), execution("train", store=folder):
        raise ExceptionGroup("all", [part])
    found = newest(folder)
    assert (found.notes, found.notes_left_out) == ([f"note {number}" for number in range(5)], 2)


@pytest.mark.parametrize("fields", ['["row 5"]', '["row 5"],[7],0', '["row 5"],[-1],0', '["row 5"],[],0'])
def test_a_note_of_which_the_exception_is_not_known_is_told_all_the_same(store: RecordingStore, fields: str) -> None:
    """An older version did not record it."""
    with pytest.raises(RuntimeError), execution("train") as run:
        raise RuntimeError("cannot parse flights") from ValueError("no such airport")
    assembly = assembled(store, run.id)
    raised = '[["RuntimeError: cannot parse flights",""],["ValueError: no such airport",""]]'
    assembly.add("main", decode(f'["raised",1,{raised},[],[],[],false,{fields}]'.encode()))
    assembly.finish()
    found = why(store, assembly)
    assert (found.notes, found.notes_of, found.notes_left_out) == (["row 5"], [""], 0)
    assert 'Noted with it: "row 5".' in found.paragraph
    assert dict(sections_of(found))["Notes added to them"] == ["row 5"]


def test_the_difference_comes_first_that_the_exception_names_then_what_the_failed_task_was_given(folder: Path) -> None:
    @task
    def load(year: int, limit: int) -> int:
        return year + limit

    @task
    def fit(rows: int, depth: int, seed: int, kind: str) -> None:
        if kind == "ridge":
            raise KeyError("no such kind: 'ridge'")

    def run(seed: int, limit: int, kind: str) -> None:
        with execution("train", {"nightly": str(seed)}, store=folder):
            load(2013, limit)
            fit(10 * limit, limit, seed, kind)

    run(11_111, 50, "lasso")
    run(22_222, 50, "lasso")
    with pytest.raises(KeyError):
        run(33_333, 70, "ridge")
    found = newest(folder)
    assert found.differences == [
        "fit's kind was lasso, now ridge",
        "fit's rows was 500, now 700",
        "fit's depth was 50, now 70 (and load's limit)",
        "the tag nightly was 22222, now 33333",
        "fit's seed was 22222, now 33333",  # it was another one in both good runs, too
    ]
    assert f": {'; '.join(found.differences)}. That one took " in found.paragraph


def test_the_number_of_the_line_that_raised_names_no_argument(folder: Path) -> None:
    source = "\n" * 332 + "def join(): raise ValueError('no such airport')"
    namespace: dict[str, Callable[[], None]] = {}
    exec(compile(source, "join.py", "exec"), namespace)

    @task
    def fit(depth: int, rows: int) -> None:
        if rows == 333:
            namespace["join"]()

    with execution("train", store=folder):
        fit(50, 444)
    with pytest.raises(ValueError, match="no such airport"), execution("train", store=folder):
        fit(70, 333)
    found = newest(folder)
    assert found.place.endswith("join.py:333")
    assert found.differences == ["fit's depth was 50, now 70", "fit's rows was 444, now 333"]


SCORES = """
import sys
from obs_core import execution, task
import scores

@task
def fit(rows):
    if rows == 20:
        DOES

with execution("train"):
    fit(int(sys.argv[1]))
"""


@pytest.mark.parametrize(
    ("package_does", "program_does"),
    [
        ("raise ValueError('no best')", "scores.best(rows)"),
        ("return None", "raise ValueError(f'scores.best gave {scores.best(rows)}')"),
    ],
    ids=["raised there", "names its module"],
)
def test_a_distribution_comes_first_whose_code_raised_the_exception_or_that_it_names(
    package_does: str, program_does: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site-packages"
    package, script = site / "scores" / "__init__.py", tmp_path / "train.py"
    package.parent.mkdir(parents=True)
    script.write_text(SCORES.replace("DOES", program_does))
    monkeypatch.syspath_prepend(str(site))

    def run(version: str, rows: int, body: str) -> None:
        for old in site.glob("*.dist-info"):
            shutil.rmtree(old)
        about = site / f"table_scores-{version}.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: table-scores\nVersion: {version}\n")
        (about / "top_level.txt").write_text("scores\n")
        package.write_text(f"def best(rows):\n    {body}\n")
        path = os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])
        environment = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
        subprocess.run([sys.executable, str(script), str(rows)], env=environment, stderr=subprocess.PIPE, check=False)

    run("1.0", 10, "return rows")
    run("2.0", 20, package_does)
    found = newest(folder)
    assert found.differences[0] == "table-scores was 1.0, now 2.0"
    assert "fit's rows was 10, now 20" in found.differences


def test_differences_that_the_paragraph_has_no_room_for_are_counted_and_a_command_lists_them(folder: Path) -> None:
    for year in (2012, 2013):
        with contextlib.suppress(ValueError), execution("train", {f"t{n}": str(year) for n in range(8)}, store=folder):
            if year == 2013:
                raise ValueError("no such airport")
    found = newest(folder)
    short = found.execution.rpartition("-")[2]
    assert len(found.differences) == 8
    assert f"; the tag t5 was 2012, now 2013; and 2 more (obs diff {short} lists all). That one" in found.paragraph


def test_of_a_long_error_the_sentence_has_the_beginning_and_the_list_all(folder: Path) -> None:
    def lookup() -> None:
        try:
            raise KeyError("no row " * 40)
        except KeyError as error:
            raise ValueError("no airport " * 30) from error

    with pytest.raises(ValueError, match="no airport"), execution("train", store=folder):
        task(lookup, name="lookup")()
    found = newest(folder)
    failed, _, rest = found.paragraph.partition(" It was raised at ")
    assert failed.endswith("no airport no…"), failed
    assert len(failed) < 250
    assert "It was caused by KeyError: 'no row" in rest
    assert len(found.paragraph) < 700
    assert found.error[0][0] == f"ValueError: {('no airport ' * 30).strip()}"


def test_of_a_message_that_is_one_long_word_the_beginning_is_told(folder: Path) -> None:
    address = f"s3://flights/{'year=2026/' * 30}part.parquet"
    with pytest.raises(FileNotFoundError), execution("train", store=folder):
        raise FileNotFoundError(address)
    (told,) = re.findall(r"FileNotFoundError: (\S+)…", newest(folder).paragraph)
    assert address.startswith(told)
    assert len(told) > 100


def test_a_list_tells_when_one_that_was_killed_was_last_heard_of(
    train: Callable[..., subprocess.Popen[str]], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # It says so much that it writes no sign of life beside, and more than is read whole.
    says = "[span('epoch').__enter__().__exit__(None, None, None) for _ in range(2000)]"
    train(f"{says}\n        {OF_KILL}").communicate()
    (view,) = list_executions(folder)
    assert view.status == "lost"
    assert view.duration == load_execution(view.id, folder).view.duration > 0
    capsys.readouterr()
    assert obs(["ls", "--store", str(folder)]) == 0
    assert f"≥ {format_duration(view.duration)}" in capsys.readouterr().out


def test_how_long_one_that_was_killed_took_is_a_lower_bound_everywhere(
    train: Callable[..., subprocess.Popen[str]], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with execution("train", store=folder):
        task(lambda: None, name="fit")()
    train(OF_KILL).communicate()
    lost = load_execution("last", folder)
    took, of_task = (f"≥ {format_duration(one.duration)}" for one in (lost.view, lost.task("fit")))
    table = executions(folder)
    above_the_trace = lost._repr_html_().partition("<pre")[0]
    for told in (repr(lost.span), above_the_trace, repr(table), table._repr_html_()):
        assert told.count(took) == 1, told
    assert "lost, ≥ " in repr(lost.task("fit"))
    assert of_task in lost._repr_html_()
    assert "this one at least " in lost.why().paragraph
    capsys.readouterr()
    for command, found in (("diff", f"(lost, {took})"), ("show --text", f"in {of_task}")):
        assert obs([*command.split(), "--store", str(folder)]) == 0
        assert found in " ".join(capsys.readouterr().out.split())


def test_of_an_input_that_is_shown_as_a_table_the_cells_are_not_told(folder: Path) -> None:
    class Frame:
        def _repr_html_(self) -> str:
            return "<p>2 rows × 1 column</p><table><tr><td>first cell</td></tr></table>"

    @task
    def fit(rows: Frame) -> None:
        raise ValueError(rows)

    with pytest.raises(ValueError, match="Frame"), execution("train", store=folder):
        fit(Frame())
    assert newest(folder).inputs == [("rows", "2 rows × 1 column")]


def test_one_that_hangs_is_ended_after_its_time(train: Callable[..., subprocess.Popen[str]], folder: Path) -> None:
    process = train(WAITS, run=True, options=("--timeout", "1"))
    process.communicate(timeout=120)
    assert process.returncode == 124
    found = newest(folder)
    assert (found.cause, found.known) == ("timed-out", True)


@pytest.mark.parametrize(
    ("how", "told"),
    [("raise SystemExit(3)", "raised while handling"), ("raise SystemExit(3) from error", "caused by")],
)
def test_an_exception_is_only_said_to_be_caused_by_what_it_was_raised_from(
    train: Callable[..., subprocess.Popen[str]], folder: Path, how: str, told: str
) -> None:
    source = f"""try: int("x")
        except ValueError as error: {how}"""
    train(source).communicate(timeout=120)
    assert f"It was {told} ValueError: invalid literal" in newest(folder).paragraph


def test_of_one_that_hangs_in_a_loop_the_task_is_told_after_its_time_too(
    train: Callable[..., subprocess.Popen[str]], folder: Path
) -> None:
    hangs = f"""for part in track(range(40), 'parts'):
            if part == 9:
                {WRITES}
                print("hangs", flush=True)
                time.sleep(300)"""
    for seconds in ("2", "20", "100"):  # a busy machine needs more until it hangs
        said, _ = train(hangs, run=True, options=("--timeout", seconds)).communicate(timeout=120)
        if "hangs" in said:
            break
    found = newest(folder)
    assert found.paragraph.startswith("fit of train had not ended after")
    assert [loop.partition(" it, ")[0] for loop in found.loops] == ["parts: 9 of 40"]
    assert [name for name, _ in found.inputs] == ["rows"]
    assert (found.task, found.lines) == ("fit", ["ready", "hangs"])


def test_one_that_hangs_and_is_told_to_end_from_outside_leaves_its_stack(
    train: Callable[..., subprocess.Popen[str]], folder: Path
) -> None:
    process = train(WAITS)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.terminate()
    process.communicate(timeout=120)
    found = newest(folder)
    assert found.cause == "terminated"
    assert found.place.endswith((f"train.py:{LINE - 1}", f"train.py:{LINE}"))  # it may still be printing


def test_one_that_runs_is_said_to_run(train: Callable[..., subprocess.Popen[str]], folder: Path) -> None:
    process = train(WAITS)
    assert process.stdout is not None
    process.stdout.readline()
    assert newest(folder).cause == "running"
    process.kill()
    process.communicate(timeout=120)


OF_MEMORY = "hold = []\n        while True: hold.append(b'x' * 4_000_000)"


@pytest.fixture
def memory_cgroup() -> Iterator[Path]:
    """A memory cgroup of 200 MB below this process's own; skipped where none can be made."""
    own = {
        controllers: path
        for _, controllers, path in (line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines())
    }
    version_1 = "memory" in own
    above = Path("/sys/fs/cgroup/memory" if version_1 else "/sys/fs/cgroup") / own.get("memory", own.get("", "")).strip(
        "/"
    )
    made = above / f"obs-test-{os.getpid()}"
    try:
        made.mkdir()
        limit = made / ("memory.limit_in_bytes" if version_1 else "memory.max")
        limit.write_text("200000000")
    except OSError as error:
        if made.exists():
            made.rmdir()
        pytest.skip(f"no memory cgroup can be made here: {error}")
    yield made
    deadline = time.monotonic() + 60
    while True:
        try:
            made.rmdir()
            break
        except OSError:  # the kernel is still taking its processes out
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


@pytest.mark.parametrize("run", [False, True], ids=["alone", "obs run"])
def test_a_real_out_of_memory_kill_is_told(
    memory_cgroup: Path, train: Callable[..., subprocess.Popen[str]], folder: Path, tmp_path: Path, run: bool
) -> None:
    script = tmp_path / "train.py"
    script.write_text(SOURCE.replace("HOW", OF_MEMORY))
    command = [sys.executable, str(script)]
    if run:
        command = [sys.executable, "-m", "obs_core", "run", "--", *command]
    entered = ["sh", "-c", 'echo $$ > "$0"/cgroup.procs && exec "$@"', str(memory_cgroup), *command]
    env = {**os.environ, "OBS_STORE": str(folder), "OBS_STRICT": "0"}
    done = subprocess.run(entered, capture_output=True, check=False, env=env, timeout=120)
    assert done.returncode == -signal.SIGKILL
    found = newest(folder)
    if run:
        assert (found.cause, found.known) == ("out-of-memory", True)
        assert found.memory is not None
        assert "was killed by the kernel for its memory" in found.paragraph
        assert "of 200 MB (" in found.paragraph
    else:
        assert (found.cause, found.known) == ("vanished", False)
        assert "by somebody or for its memory" in found.paragraph


SAMPLED = """
from obs_core.journal import records
from obs_core.recording import samplers

class Sampling:
    def sample(self, runs):
        for run in runs:
            journal = run.journal
            for at, memory in ((journal.now() - 10**9, BEFORE), (journal.now(), MEMORY)):
                used = {"container.memory": memory, "container.limit": 2**30, "rss": 5e7}
                journal.append(records.Sample(at, used))
            journal.append(records.Calls(1, [(-1, "main", "/jobs/train.py", 4), (1, "merged", "/jobs/join.py", 88)]))
            journal.append(records.Stacks(journal.now(), [("Other", None, 1), ("MainThread", None, 2)]))
            while not journal.flush(wait=True):
                pass
        sampled.append(1)

sampled = []
samplers._made = lambda: [Sampling()]
"""


@pytest.mark.parametrize(
    ("before", "memory", "cause"),
    [
        (1003 * 2**20, 1003 * 2**20, "out-of-memory"),
        (500 * 2**20, 500 * 2**20, "vanished"),
        (300 * 2**20, 700 * 2**20, "out-of-memory"),  # the next sample would have been beyond the limit
        (500 * 2**20, 700 * 2**20, "vanished"),
        (1000 * 2**20, 700 * 2**20, "vanished"),
    ],
)
def test_memory_near_its_limit_makes_it_the_probable_cause(
    run_script: Callable[..., subprocess.CompletedProcess[str]],
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    before: int,
    memory: int,
    cause: str,
) -> None:
    monkeypatch.delenv("OBS_RESOURCES", raising=False)
    how = "while not sampled: time.sleep(0.02)\n        print('row 17', flush=True); os.kill(os.getpid(), 9)"
    run_script(
        SAMPLED.replace("MEMORY", str(memory)).replace("BEFORE", str(before)) + SOURCE.replace("HOW", how), check=False
    )
    found = newest(folder)
    assert (found.cause, found.known) == (cause, False)
    assert found.memory is not None
    assert found.memory.limit == 2**30
    assert found.place == "/jobs/join.py:88"
    assert found.lines == ["ready", "row 17"]
    assert "at join.py:88" in found.paragraph
    assert 'Its last line was "row 17".' in found.paragraph
    if cause == "out-of-memory":
        used, grew = (
            ("0.7 of 1.1 GB (68.4 %)", ", and each second 419 MB more")
            if memory > before
            else (
                "1.1 of 1.1 GB (97.9 %)",
                "",
            )
        )
        told = f"was killed, probably for its memory: {used} were in use at its last sign of life{grew}."
        assert told in found.paragraph


STANDS = """
from obs_core.journal import records
from obs_core.recording import samplers

class Sampling:
    def sample(self, runs):
        for run in [] if sampled else runs:
            journal = run.journal
            journal.append(records.Calls(1, [(-1, "main", "/jobs/train.py", 4)]))
            for before in LOOKS:
                journal.append(records.Stacks(journal.now() - before * 10**9, [("MainThread", None, 1)]))
            journal.flush()
        sampled.append(1)

    def decks(self, task):
        return []

sampled = []
samplers._made = lambda: [Sampling()]
"""


@pytest.mark.parametrize(("looks", "told"), [((12, 0), "12.0 s"), ((1, 0), "")], ids=["hangs", "just came"])
def test_of_one_that_hangs_it_is_told_for_how_long_it_was_seen_there(
    run_script: Callable[..., subprocess.CompletedProcess[str]],
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    looks: tuple[int, ...],
    told: str,
) -> None:
    monkeypatch.delenv("OBS_RESOURCES", raising=False)
    how = """while not sampled: time.sleep(0.02)
        found = load_execution("last").why()
        while not found.stack: time.sleep(0.02); found = load_execution("last").why()
        print(found)"""
    said = run_script(STANDS.replace("LOOKS", str(looks)) + SOURCE.replace("HOW", how)).stdout
    assert "fit of train is still running." in said
    assert "at train.py:4" in said
    assert re.findall(r"It was seen at the same place for (\S+ s)\.", said) == ([told] if told else [])


@pytest.fixture
def killed(train: Callable[..., subprocess.Popen[str]], folder: Path) -> Execution:
    train(OF_KILL).communicate(timeout=120)
    return load_execution("last", folder)


def test_of_another_machine_nothing_is_guessed(killed: Execution, monkeypatch: pytest.MonkeyPatch) -> None:
    _silent(killed)
    monkeypatch.setattr(identity, "this_machine", lambda: "elsewhere/boot/pid")
    monkeypatch.setattr(identity, "host_name", lambda: "elsewhere")
    found = Execution(killed.store, killed.id).why()
    assert (found.status, found.cause, found.known) == ("lost", "unknown", False)
    assert "why is unknown" in found.paragraph


def test_a_restart_of_the_machine_is_told(killed: Execution, monkeypatch: pytest.MonkeyPatch) -> None:
    _silent(killed)
    host, _, rest = identity.this_machine().split("/", 2)
    monkeypatch.setattr(identity, "this_machine", lambda: f"{host}/another-boot/{rest}")
    for minutes, cause in ((1, "machine-restarted"), (600, "unknown")):
        started = time.time_ns() + minutes * 60 * 10**9
        monkeypatch.setattr(endings, "_machine_started", lambda started=started: started)
        assert Execution(killed.store, killed.id).why().cause == cause


def _silent(killed: Execution) -> None:
    """Let it be long ago that its journal was written."""
    for segment in Path(killed.store.address(f"executions/{killed.id}")).glob("*.jsonl"):
        os.utime(segment, (1, 1))


def test_it_is_compared_with_the_last_good_run(folder: Path) -> None:
    @task
    def fit(rows: list[int]) -> float:
        with span("share"):
            return 1 / len(rows)

    with execution("train", {"year": 2012}, store=folder) as good:
        fit([1, 2])
    with execution("other", store=folder):
        pass
    with pytest.raises(ZeroDivisionError), execution("train", {"year": 2013}, store=folder):
        fit([])
    found = newest(folder)
    assert found.last_success == good.id
    assert "the tag year was 2012, now 2013" in found.differences
    assert any(one.startswith("fit's rows was") for one in found.differences), found.differences
    assert "Since the last good run, " in found.paragraph


def test_a_good_execution_is_said_to_be_good(folder: Path) -> None:
    with execution("train", store=folder):
        pass
    found = newest(folder)
    assert (found.cause, found.known) == ("succeeded", True)
    assert found.paragraph.startswith("train succeeded after ")


def test_of_a_good_execution_checks_that_failed_or_warned_are_told(folder: Path) -> None:
    @task
    def look() -> None:
        Deck("Delays").append(verdict_mark("warned", "Drift: 1 column"))
        Deck("Rules").append(verdict_mark("failed", "1 of 5 failed"))
        Deck("Rows").append(verdict_mark("passed", "all of them"))

    with execution("train", store=folder):
        look()
    paragraph = newest(folder).paragraph
    assert "The check 'Rules' failed: 1 of 5 failed. The check 'Delays' warned: Drift: 1 column." in paragraph
    assert "Rows" not in paragraph


def test_a_check_of_an_execution_of_several_tasks_is_told_with_its_task(folder: Path) -> None:
    @task
    def checked() -> None:
        Deck("Rules").append(verdict_mark("failed", "1 of 5 failed"))

    @task
    def loaded() -> None: ...

    with execution("checks", store=folder):
        loaded()
        checked()
    assert "The check 'Rules' of checked failed: 1 of 5 failed." in newest(folder).paragraph


def test_a_good_execution_is_compared_once_there_is_another(folder: Path) -> None:
    for number in range(2):
        with execution("train", store=folder):
            pass
        assert (" diff " in newest(folder).paragraph) == (number == 1)


SPANS = """
import os, signal, subprocess, sys
from obs_core import span
OTHER = "from obs_core import span; span('other')(lambda: 1 / 0)()"

def load():
    HOW

with span("read"):
    pass
with span("read"): load()
"""


@pytest.mark.parametrize("run", [False, True], ids=["alone", "obs run"])
@pytest.mark.parametrize(
    ("how", "error"),
    [
        ("raise ValueError('no such airport')", "ValueError: no such airport"),
        ("sys.exit(3)", "SystemExit: 3"),
        ("sys.exit('no input')", "SystemExit: no input"),
        # A failure that the program goes on after is not its own.
        ("subprocess.run([sys.executable, '-c', OTHER]); sys.exit(5)", "SystemExit: 5"),
    ],
)
def test_a_program_of_spans_alone_fails_with_its_place_under_obs_run_too(
    folder: Path, tmp_path: Path, run: bool, how: str, error: str
) -> None:
    script = tmp_path / "rows.py"
    script.write_text(SPANS.replace("HOW", how))
    before = [sys.executable, "-m", "obs_core", "run", "--"] if run else []
    environment = {**os.environ, "OBS_STORE": str(folder), "OBS_STRICT": "0"}
    done = subprocess.run([*before, sys.executable, str(script)], env=environment, check=False, capture_output=True)
    assert done.returncode in (1, 3, 5)
    (listed,) = (one for one in list_executions(folder) if one.name == "rows")
    recorded = load_execution(listed.id, folder)
    assert listed.error == recorded.view.error == error
    if sys.version_info >= (3, 12) or "exit" not in how:  # Python 3.11 does not tell where an exit was
        found = recorded.why()
        assert found.error[0][0] == error
        line = SPANS[: SPANS.index("HOW")].count("\n") + 1
        assert found.place == f"{script}:{line}"
        assert f'It was raised at rows.py:{line}, in the span "read".' in found.paragraph


def test_sigterm_outside_any_task_is_told_with_its_place(folder: Path, tmp_path: Path) -> None:
    script = tmp_path / "rows.py"
    script.write_text(SPANS.replace("HOW", "pass") + "os.kill(os.getpid(), signal.SIGTERM)\nprint(len('1'))\n")
    environment = {**os.environ, "OBS_STORE": str(folder)}
    done = subprocess.run([sys.executable, str(script)], env=environment, check=False)
    assert done.returncode == -signal.SIGTERM
    found = newest(folder)
    assert found.cause == "terminated"
    assert found.place.startswith(f"{script}:{SPANS.count(chr(10)) + 1}")
    assert "at rows.py:" in found.paragraph


SURVIVES = """
import os, signal, time
from obs_core import execution, span

signal.signal(signal.SIGTERM, lambda *_: print("not now"))
with execution("night"):
    os.kill(os.getpid(), signal.SIGTERM)
    came = time.monotonic()
    while time.monotonic() < came + 0.8:
        with span("step"):
            time.sleep(0.01)
    os._exit(7)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="faulthandler chains there")
def test_one_that_was_heard_of_after_sigterm_is_not_said_to_have_ended_by_it(folder: Path, tmp_path: Path) -> None:
    script = tmp_path / "survives.py"
    script.write_text(SURVIVES)
    done = subprocess.run([sys.executable, str(script)], env={**os.environ, "OBS_STORE": str(folder)}, check=False)
    assert done.returncode == 7
    found = newest(folder)
    assert (found.status, found.known) == ("lost", False)
    assert "did not end by SIGTERM and was last heard of" in found.paragraph


STAYS = """
import os, signal, sys, time
from obs_core import execution, span
from obs_core.journal import records
from obs_core.recording.run import live

signal.signal(signal.SIGTERM, lambda *_: print("after this"))
with execution("night"):
    os.kill(os.getpid(), signal.SIGTERM)  # here
    with span("save"):
        time.sleep(0.7)
        for run in live.values():
            run.journal.append(records.Beat(run.journal.now()))
            if "sampled" in sys.argv:
                run.journal.append(records.Calls(1, [(-1, "upload", "/jobs/store.py", 88)]))
                run.journal.append(records.Stacks(run.journal.now(), [("MainThread", None, 1)]))
            run.journal.flush(wait=True)
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="faulthandler chains there")
@pytest.mark.parametrize("run", [False, True], ids=["alone", "obs run"])
def test_where_one_was_at_sigterm_is_not_where_it_was_killed_later(folder: Path, tmp_path: Path, run: bool) -> None:
    script = tmp_path / "night.py"
    script.write_text(STAYS)
    before = [sys.executable, "-m", "obs_core", "run", "--"] if run else []
    line = STAYS[: STAYS.index("# here")].count("\n") + 1
    environment = {**os.environ, "OBS_STORE": str(folder)}
    for how in ("", "sampled"):
        subprocess.run([*before, sys.executable, str(script), how], env=environment, capture_output=True, check=False)
        found = newest(folder)
        assert (found.cause, found.span) == ("killed", "save"), found.paragraph
        if how:
            assert [str(frame) for frame in found.stack] == ["/jobs/store.py:88 in upload"]
            assert '"save" at store.py:88' in found.paragraph
        else:
            assert found.place == f"{script}:{line}"
            assert 'in "save", which had run for ' in found.paragraph
            assert re.search(rf"At SIGTERM, .+ before .+, it was at night\.py:{line}\.", found.paragraph)


def test_the_last_lines_are_without_colours_and_other_commands_to_a_terminal(folder: Path) -> None:
    def shows_progress() -> None:
        print("\x1b[1mepoch\x1b[0m  67%\x1b[K")
        bad()

    with pytest.raises(ValueError, match="bad"), execution("train", store=folder):
        shows_progress()
    assert newest(folder).lines == ["epoch  67%"]


def test_the_last_lines_keep_their_indentation_and_lose_what_all_have(folder: Path) -> None:
    def shows_rows() -> None:
        print("    rows\n      3  LHR\n\n     12  JFK")
        bad()

    with pytest.raises(ValueError, match="bad"), execution("train", store=folder):
        shows_rows()
    assert newest(folder).lines == ["rows", "  3  LHR", "", " 12  JFK"]


def test_one_that_was_open_at_the_end_of_its_process_is_said_to_have_been(folder: Path) -> None:
    source = """
import threading, time
from obs_core import task
began = threading.Event()
@task
def serve():
    began.set()
    time.sleep(60)
threading.Thread(target=serve, daemon=True).start()
began.wait()
"""
    subprocess.run([sys.executable, "-c", source], env={**os.environ, "OBS_STORE": str(folder)}, check=True)
    found = newest(folder)
    assert (found.status, found.cause, found.known, found.task) == ("lost", "exit", True, "serve")
    assert found.paragraph.startswith("serve was open when its process ended: a thread ran it")


def test_an_exception_outside_any_task_is_told(folder: Path) -> None:
    with pytest.raises(KeyError), execution("train", store=folder):
        raise KeyError("JFK") from ValueError("no such airport")
    found = newest(folder)
    assert (found.cause, found.task) == ("exception", "")
    assert found.error[0][0] == "KeyError: 'JFK'"
    assert "It was caused by ValueError: no such airport." in found.paragraph


OF_OBS = """
def look_up():
    try:
        {}["kind"]
    except KeyError:
        raise KeyboardInterrupt
"""


def test_an_interrupt_of_obss_own_code_is_told_with_the_users_line_and_not_what_obs_handled(folder: Path) -> None:
    of_obs: dict[str, Callable[[], None]] = {}
    exec(compile(OF_OBS, endings.__file__, "exec"), of_obs)

    def fails() -> None:
        try:
            bad()
        except ValueError:
            of_obs["look_up"]()

    with pytest.raises(KeyboardInterrupt), execution("train", store=folder):
        fails()
    found = newest(folder)
    assert [text for text, _ in found.error] == ["KeyboardInterrupt", "ValueError: bad"]
    assert found.place == f"{__file__}:{fails.__code__.co_firstlineno + 4}"


def test_a_stack_of_obss_own_calls_has_no_place_of_the_users() -> None:
    of_obs, of_python = Frame(endings.__file__, 7, "end"), Frame("/usr/lib/python3.13/threading.py", 8, "wait")
    own = Frame("/jobs/train.py", 9, "fit")
    assert innermost_own([of_obs]) is None
    assert innermost_own([of_obs, of_python]) == of_python
    assert innermost_own([of_obs, of_python, own]) == own


def test_the_command_prints_a_paragraph_and_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="evil"), execution("train\x1b[2J", store=folder):
        raise ValueError("evil \x1b[2J")
    assert obs(["why", "--store", str(folder)]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "failed at 20" in out
    assert obs(["why", "last", "--json", "--store", str(folder)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["cause"], found["known"], found["execution"]["status"]) == ("exception", True, "failed")
    (view,) = list_executions(folder)
    assert found["execution"]["id"] == view.id


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL here")
def test_the_last_sign_of_life_of_what_wrote_only_its_beginning_is_that(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = "import os\nfrom obs_core import execution\nwith execution('night'): os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", source], cwd=tmp_path, check=False)
    began = load_execution("last", folder).view.started
    assert obs(["why", "last", "--store", str(folder)]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert f"last sign of life came at {format_moment(began, 0)}" in shown
    assert f"Its last sign of life came at {format_moment(began)}" in shown


OF_LOOP = """
import os, signal
from obs_core import current_context, task, track

@task
def fit(rows):
    for row in track(range(rows), "rows"):
        pass
    for epoch in track(range(30), "epoch"):
        if epoch == 20:
            while not current_context().state.journal.flush(wait=True):
                pass
            os.kill(os.getpid(), signal.SIGKILL)

@task
def night():
    for number in track(range(3), "model"):
        fit(5)

night()
"""


def test_how_far_the_loops_were_when_last_heard_of_is_told(
    run_script: Callable[..., subprocess.CompletedProcess[str]], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_script(OF_LOOP, check=False)
    found = newest(folder)
    assert [loop.split(" it, ")[0].removesuffix(" it") for loop in found.loops] == [
        "epoch: 20 of 30",
        "model: 0 of 3",
    ]
    assert "Its loop had reached epoch: 20 of 30 it, 66 %" in found.paragraph
    assert all(" when last heard of after " in loop for loop in found.loops)
    assert obs(["show", "--text", "--task", "fit", "--store", str(folder)]) == 0
    for told in (capsys.readouterr().out, found.paragraph, load_execution("last", folder).report()):
        assert re.search(r"20 of 30 it, 66 %, [\d,.]+ it/s,? when last heard of after", " ".join(told.split()))
    assert dict(sections_of(found))["Unfinished loops"] == found.loops


def test_of_a_loop_that_hangs_no_time_to_go_is_told(train: Callable[..., subprocess.Popen[str]], folder: Path) -> None:
    process = train("for part in track(range(40), 'parts'): part < 9 or time.sleep(300)")
    try:
        deadline = time.monotonic() + 60
        while not (loops := newest_loops(folder)) or "no progress" not in loops[0]:
            assert time.monotonic() < deadline, loops
            time.sleep(0.2)
    finally:
        process.kill()
        process.communicate()
    assert re.fullmatch(r"parts: 9 of 40 it, 22 %, no progress for [\d.]+ s", loops[0])


def newest_loops(folder: Path) -> list[str]:
    """What is said of the loops of the last execution; nothing before there is one."""
    return newest(folder).loops if folder.is_dir() and any(list_executions(folder)) else []


def test_how_far_the_loop_of_a_task_that_failed_came_is_told(folder: Path) -> None:
    @task
    def fit() -> None:
        for epoch in track(range(30), "epoch"):
            if epoch == 20:
                raise ValueError("the loss is infinite")

    with pytest.raises(ValueError, match="infinite"), execution("night", store=folder):
        fit()
    assert [loop.split(" it, ")[0] for loop in newest(folder).loops] == ["epoch: 20 of 30"]


BECOMES = """
import contextlib, os, sys
from obs_core import task
@task
def fit():
    with contextlib.suppress(OSError):
        os.execv("/no/such/program", ["no"])
    if sys.argv[1:]:
        os.execv(sys.executable, [sys.executable, "-c", "print('other', flush=True); input()"])
fit()
"""


@pytest.mark.posix
def test_a_process_that_becomes_another_program_is_over_while_that_runs(folder: Path) -> None:
    environment = {**os.environ, "OBS_STORE": str(folder)}
    command = [sys.executable, "-c", BECOMES, "becomes"]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"other\n"
        (view,) = list_executions(folder)
        found = newest(folder)
        (fit,) = load_execution(view.id, folder).tasks
        process.communicate(b"\n")
    assert (view.status, view.error) == ("lost", "the process became another program (os.execv)")
    assert (found.status, found.cause, found.known, found.task) == ("lost", "replaced", True, "fit")
    assert found.paragraph.startswith("fit did not end: its process became another program (os.execv) at ")
    assert (fit.status, len(fit.notes)) == ("lost", 1)


@pytest.mark.posix
def test_a_program_that_could_not_become_another_one_goes_on(folder: Path) -> None:
    subprocess.run([sys.executable, "-c", BECOMES], env={**os.environ, "OBS_STORE": str(folder)}, check=True)
    assert newest(folder).status == "succeeded"


def test_the_exception_that_ended_the_run_is_told_beside_the_one_that_it_was_raised_from(folder: Path) -> None:
    class PriceError(ValueError):
        pass

    @task
    def parse(text: str) -> float:
        return float(text)

    @task
    def price(text: str) -> float:
        try:
            return parse(text)
        except ValueError as error:
            raise PriceError(f"the price {text!r} is no number") from error

    def wrapped() -> None:
        try:
            parse("free")
        except ValueError as error:
            raise PriceError("the price 'free' is no number") from error

    for fails, within in ((lambda: price("free"), ' in the task "price"'), (wrapped, "")):
        with pytest.raises(PriceError), execution("night", store=folder):
            fails()
        found = newest(folder)
        assert found.task == "parse"
        assert [text for text, _ in found.error] == [
            "PriceError: the price 'free' is no number",
            "ValueError: could not convert string to float: 'free'",
        ]
        assert found.place == found.error[1][1]
        (cause,) = found.causes
        assert cause.startswith("ValueError: could not convert string to float: 'free' at test_why.py:")
        first, _, rest = found.paragraph.partition(" It was raised again as ")
        assert "parse of night failed" in first
        assert "ValueError: could not convert" in first
        line = found.error[0][1].rpartition(":")[2]
        assert rest == f"PriceError: the price 'free' is no number at test_why.py:{line}{within}."


def _layer(depth: int) -> None:
    if not depth:
        raise FileNotFoundError("prices.csv is gone")
    try:
        _layer(depth - 1)
    except Exception as error:
        raise RuntimeError(f"layer {depth} failed") from error


@pytest.mark.parametrize(("depth", "between"), [(5, []), (6, ["… 1 more exception"]), (40, ["… 35 more exceptions"])])
def test_of_a_long_chain_the_exception_that_caused_all_is_told(depth: int, between: list[str], folder: Path) -> None:
    @task
    def fit() -> None:
        _layer(depth)

    with pytest.raises(RuntimeError), execution("night", store=folder):
        fit()
    found = newest(folder)
    root = "FileNotFoundError: prices.csv is gone"
    assert f"It was caused by {root} at test_why.py:" in found.paragraph
    first = [f"RuntimeError: layer {depth - place} failed" for place in range(5)]
    assert [text for text, _ in found.error] == [*first, *between, root]


def _loop_of_two() -> Exception:
    first, second = ValueError("first"), KeyError("second")
    first.__cause__, second.__context__ = second, first
    return first


def _of_itself() -> Exception:
    error = ValueError("first")
    error.__cause__ = error
    return error


class _Empty(ValueError):
    def __len__(self) -> int:
        return 0


def _by_an_empty_one() -> Exception:
    error = ValueError("first")
    error.__cause__ = _Empty("second")
    return error


@pytest.mark.parametrize(
    ("make", "causes"),
    [(_loop_of_two, ["KeyError: 'second'"]), (_of_itself, []), (_by_an_empty_one, ["_Empty: second"])],
)
def test_each_exception_of_a_chain_is_told_once(make: Callable[[], Exception], causes: list[str], folder: Path) -> None:
    with contextlib.suppress(ValueError), execution("night", store=folder):
        raise make()
    assert [text for text, _ in newest(folder).error] == ["ValueError: first", *causes]


def test_of_a_group_of_exceptions_each_is_told_with_its_place_and_its_span_or_task(folder: Path) -> None:
    @task
    async def load() -> None:
        raise OSError("no disk")

    async def parse() -> None:
        with span("parse"):
            raise ValueError("bad row")

    async def all_of_it() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(parse())
            group.create_task(load())

    with pytest.raises(ExceptionGroup), execution("night", store=folder):
        asyncio.run(all_of_it())
    found = newest(folder)
    first, second = found.causes
    assert first.startswith("ValueError: bad row at test_why.py:")
    assert first.endswith(' in the span "parse"')
    assert second.startswith("OSError: no disk at test_why.py:")
    assert second.endswith(' in the task "load"')
    assert f"It was caused by {first}. Raised together with it: {second}." in found.paragraph


def bad() -> None:
    raise ValueError("bad")


def handled_in_another_span() -> None:
    with contextlib.suppress(ValueError), span("handled"):
        bad()
    bad()


def raised_again_in_an_outer_span() -> None:
    with span("outer"):
        try:
            with span("inner"):
                bad()
        except ValueError as error:
            raise ValueError("again") from error


def kept_and_raised_in_another_span() -> None:
    kept: Exception | None = None
    try:
        with span("first"):
            bad()
    except ValueError as error:
        kept = error
    with span("second"):
        assert kept is not None
        raise kept


def failing(number: int) -> None:
    with span(f"try {number}"):
        bad()


def tried_three_times() -> None:
    for number in range(3):
        try:
            failing(number)
        except ValueError:
            if number == 2:
                raise


def turned_into_another_in_an_outer_span() -> None:
    with contextlib.suppress(ValueError), span("handled"):
        bad()
    with span("outer"):
        try:
            bad()
        except ValueError as error:
            raise RuntimeError("again") from error


def test_no_span_is_named_that_another_exception_of_the_type_of_the_cause_had_ended(folder: Path) -> None:
    with pytest.raises(RuntimeError), execution("night", store=folder):
        task(turned_into_another_in_an_outer_span)()
    found = newest(folder)
    assert found.span == "outer"
    assert found.causes == [f"ValueError: bad at test_why.py:{bad.__code__.co_firstlineno + 1}"]


def test_each_exception_of_a_group_is_told_with_the_span_that_it_left(folder: Path) -> None:
    @task
    def all_of_them() -> None:
        errors = []
        for number in range(3):
            try:
                failing(number)
            except ValueError as error:
                errors.append(error)
        with span("sum"):
            raise ExceptionGroup("three", errors)

    with pytest.raises(ExceptionGroup), execution("night", store=folder):
        all_of_them()
    found = newest(folder)
    assert found.span == "sum"
    assert [one.rpartition(" in the ")[2] for one in found.causes] == [f'span "try {number}"' for number in range(3)]


@pytest.mark.parametrize(
    ("function", "inside"),
    [
        (handled_in_another_span, ""),
        (raised_again_in_an_outer_span, "outer"),
        (kept_and_raised_in_another_span, "first"),
        (tried_three_times, "try 2"),
    ],
)
@pytest.mark.parametrize("is_task", [True, False])
def test_the_span_that_is_named_is_the_one_that_the_exception_left_first(
    folder: Path, function: Callable[[], None], inside: str, is_task: bool
) -> None:
    with pytest.raises(ValueError, match=r"bad|again"), execution("night", store=folder):
        (task(function) if is_task else function)()
    found = newest(folder)
    assert (found.span, found.task) == (inside, function.__name__ if is_task else "")
    name, line = found.place.rsplit(":", 1)
    raising = raised_again_in_an_outer_span if inside == "outer" else bad
    assert name == raising.__code__.co_filename
    assert int(line) in {line for _, _, line in raising.__code__.co_lines()}


@task
def failing_with(text: str) -> None:
    raise KeyError(text)


def handled(text: str) -> None:
    with contextlib.suppress(KeyError):
        failing_with(text)


@task
async def late(text: str, wait: asyncio.Event) -> None:
    await wait.wait()
    raise KeyError(text)


def of_one_that_began_earlier() -> None:
    """Leave by the exception of a task, while one that began after it was ended by the like, which is handled."""

    async def both() -> None:
        wait = asyncio.Event()
        first = asyncio.create_task(late("price", wait), name="late")
        await asyncio.sleep(0)
        handled("price")
        wait.set()
        await first

    asyncio.run(both())


def raised_outside_any_task() -> None:
    handled("price")
    raise KeyError("price")


def raised_again_alike() -> None:
    try:
        failing_with("price")
    except KeyError:
        raise KeyError("price") from None


@pytest.mark.parametrize(
    ("fails", "named"),
    [(of_one_that_began_earlier, "late"), (raised_outside_any_task, ""), (raised_again_alike, "")],
    ids=lambda one: getattr(one, "__name__", None),
)
def test_a_task_that_was_ended_by_another_exception_of_the_same_text_is_not_named(
    folder: Path, fails: Callable[[], None], named: str
) -> None:
    with pytest.raises(KeyError), execution("night", store=folder):
        fails()
    found = newest(folder)
    assert found.task == named
    line = int(found.place.rpartition(":")[2])
    raising = late.__wrapped__ if named else fails  # type: ignore[attr-defined]
    assert line in {line for _, _, line in raising.__code__.co_lines()}


def raised_from_the_like() -> None:
    try:
        failing_with("price")
    except KeyError as error:
        raise KeyError("price") from error


def test_of_an_exception_that_was_raised_from_one_of_the_same_text_both_are_told(folder: Path) -> None:
    with pytest.raises(KeyError), execution("night", store=folder):
        raised_from_the_like()
    found = newest(folder)
    assert found.task == "failing_with"
    assert "It was raised again as KeyError: 'price' at test_why.py:" in found.paragraph


FAILS_ALIKE = """
import sys
from obs_core import execution, task

@task
def load(name):
    raise KeyError(name)

def handled():
    try:
        load("price")
    except KeyError:
        pass

handled()
with execution("train"):
    pass
if sys.argv[1] == "task":
    load("price")
raise KeyError("price")
"""


@pytest.mark.parametrize(("how", "named", "line"), [("task", "load", 7), ("none", "", 20)], ids=["task", "none"])
def test_what_left_the_program_under_obs_run_is_told_by_what_it_was(
    folder: Path, tmp_path: Path, how: str, named: str, line: int
) -> None:
    script = tmp_path / "train.py"
    script.write_text(FAILS_ALIKE)
    command = [sys.executable, "-m", "obs_core", "run", "--", sys.executable, str(script), how]
    subprocess.run(command, env={**os.environ, "OBS_STORE": str(folder)}, capture_output=True, check=False)
    found = load_execution("train", folder).why()
    assert (found.task, found.place) == (named, f"{script}:{line}")


def _fail_in_a_worker() -> None:
    failing_with("price")


@pytest.mark.posix
def test_of_a_copy_that_came_from_another_process_the_task_is_told_by_the_text(folder: Path) -> None:
    context = multiprocessing.get_context("fork")
    with (
        pytest.raises(KeyError),
        execution("night", store=folder),
        concurrent.futures.ProcessPoolExecutor(1, context) as pool,
    ):
        pool.submit(_fail_in_a_worker).result()
    assert newest(folder).task == "failing_with"


def test_an_exception_that_another_task_raises_again_is_told_of_the_task_that_raised_it(folder: Path) -> None:
    @task
    def load() -> None:
        bad()

    @task
    def report(error: Exception) -> None:
        raise error

    @execution("night", store=folder)
    def night() -> None:
        kept: Exception | None = None
        try:
            load()
        except ValueError as error:
            kept = error
        assert kept is not None
        report(kept)

    with pytest.raises(ValueError, match="bad"):
        night()
    found = newest(folder)
    assert found.task == "load"
    assert found.place.endswith(f":{bad.__code__.co_firstlineno + 1}")


ENDS = """
import atexit, os, signal, sys
from obs_core import execution, task

what, when = sys.argv[1:]

def come(moment):
    if when != moment:
        return
    if moment == "survived":
        before = signal.signal(signal.SIGTERM, lambda *_: None)
        os.kill(os.getpid(), signal.SIGTERM)
        signal.signal(signal.SIGTERM, before)
    elif moment == "os._exit":
        os._exit(3)
    else:
        os.kill(os.getpid(), signal.SIGTERM if "SIGTERM" in moment else signal.SIGKILL)

@task
def load():
    come("survived")
    if what != "nothing":
        raise ValueError("no rows")

atexit.register(come, "SIGTERM at exit")  # it comes before obs has its last word
try:
    with execution("over before"):
        raise KeyError("handled")
except KeyError:
    pass
try:
    with execution("ends"):
        load()
except ValueError:
    if what == "unhandled":
        raise
come("SIGTERM")
come("SIGKILL")
come("os._exit")
"""


@pytest.mark.parametrize(
    ("what", "when", "cause", "error"),
    [
        ("nothing", "survived", "succeeded", None),
        ("nothing", "SIGTERM", "terminated", "Terminated: SIGTERM"),
        ("nothing", "SIGTERM at exit", "terminated", "Terminated: SIGTERM"),
        ("nothing", "SIGKILL", "killed", "Terminated: SIGKILL"),
        ("nothing", "os._exit", "exit", "SystemExit: 3"),
        ("handled", "survived", "exception", "ValueError: no rows"),
        ("handled", "SIGTERM", "terminated", "Terminated: SIGTERM"),
        ("handled", "SIGTERM at exit", "terminated", "Terminated: SIGTERM"),
        ("handled", "SIGKILL", "killed", "Terminated: SIGKILL"),
        ("handled", "os._exit", "exception", "ValueError: no rows"),
        ("unhandled", "survived", "exception", "ValueError: no rows"),
        ("unhandled", "SIGTERM at exit", "exception", "ValueError: no rows"),
    ],
)
def test_of_all_that_came_to_a_program_what_ended_it_is_told(
    folder: Path, tmp_path: Path, what: str, when: str, cause: str, error: str | None
) -> None:
    script = tmp_path / "ends.py"
    script.write_text(ENDS)
    program = [sys.executable, str(script), what, when]
    before = [sys.executable, "-m", "obs_core", "run", "--"]
    environment = {**os.environ, "OBS_STORE": str(folder)}
    for command in (program, [*before, *program]):
        subprocess.run(command, env=environment, capture_output=True, check=False, timeout=120)
    of_other, seen, alone, of_other_alone = list_executions(folder)
    assert (seen.name, alone.name) == ("ends", "ends")
    found = load_execution(seen.id, folder).why()
    assert (found.cause, found.known, seen.error) == (cause, True, error), found.paragraph
    assert (found.task == "load") == (cause == "exception")
    # Without obs run an execution is its block, and what comes after that is none of it.
    assert load_execution(alone.id, folder).why().cause == ("succeeded" if what == "nothing" else "exception")
    for one in (of_other, of_other_alone):
        found = load_execution(one.id, folder).why()
        assert (found.cause, found.error[0][0]) == ("exception", "KeyError: 'handled'"), found.paragraph


@pytest.mark.parametrize(
    ("what", "when", "cause"),
    [
        ("nothing", "SIGTERM at exit", "terminated"),
        ("handled", "SIGTERM", "terminated"),
        ("unhandled", "SIGTERM at exit", "exception"),
    ],
)
def test_what_ended_a_program_of_spans_alone_is_told_likewise(
    folder: Path, tmp_path: Path, what: str, when: str, cause: str
) -> None:
    script = tmp_path / "ends.py"
    script.write_text(ENDS.replace("@task", "@span('load')").replace("task\n", "span\n", 1).replace(
        'with execution("ends"):', "if True:"
    ))  # fmt: skip
    environment = {**os.environ, "OBS_STORE": str(folder)}
    command = [sys.executable, str(script), what, when]
    subprocess.run(command, env=environment, capture_output=True, check=False, timeout=120)
    (view,) = [one for one in list_executions(folder) if one.name == "ends"]
    assert load_execution(view.id, folder).why().cause == cause


HANDLES = """
import signal, sys
from obs_core import execution, span, task

@task
def fit():
    raise KeyError("boom")  # in fit

@task
def save():
    with span("upload"):
        raise KeyError("boom")  # in save

handled = None
try:
    with execution("train"):
        fit()
except KeyError as error:
    handled = error
HOW  # last
"""


@pytest.mark.parametrize(
    ("how", "error", "task", "place"),
    [
        ("raise handled", "KeyError: 'boom'", "fit", "in fit"),
        ("raise RuntimeError('failed') from handled", "RuntimeError: failed", "fit", "in fit"),
        ("signal.raise_signal(signal.SIGINT)", "KeyboardInterrupt", "", "last"),
        ("save()", "KeyError: 'boom'", "save", "in save"),
        ("sys.exit(3)", "KeyError: 'boom'", "fit", "in fit"),
        ("signal.raise_signal(signal.SIGTERM)", "", "", ""),
    ],
    ids=["the same", "another", "Ctrl-C", "alike in another task", "exit", "SIGTERM"],
)
def test_what_left_the_program_is_told_in_whatever_order_its_writers_are_read(
    folder: Path, tmp_path: Path, how: str, error: str, task: str, place: str
) -> None:
    script = tmp_path / "train.py"
    source = HANDLES.replace("HOW", how)
    script.write_text(source)
    command = [sys.executable, "-m", "obs_core", "run", "--", sys.executable, str(script)]
    subprocess.run(command, env={**os.environ, "OBS_STORE": str(folder)}, capture_output=True, check=False, timeout=120)
    store, (view,) = open_store(folder), list_executions(folder)
    paths = segment_names(store, view.id)
    segments = [(writer_of(path), path, lines) for path, lines in read_segments(store, paths)]
    assert len(segments) == (3 if error else 2)
    numbered = [(text.partition("  # ")[2], number) for number, text in enumerate(source.splitlines(), 1)]
    places = {what: f"{script}:{number}" for what, number in numbered if what}
    told = set()
    for order in itertools.permutations(segments):  # the program's other writer has a name by chance
        assembly = Assembly(store, view.id)
        for writer, path, written in order:
            assembly.add(writer, decode(written), path)
        assembly.finish()
        found = why(store, assembly)
        told.add((found.paragraph, *found.causes))
        assert [text for text, _ in found.error[:1]] == ([error] if error else [])
        assert (found.task, found.place) == (task, places.get(place, ""))
    assert len(told) == 1


INTERRUPTED = """
import asyncio, contextlib, signal
from obs_core import execution, task

@task
async def load():
    signal.raise_signal(signal.SIGINT)
    await asyncio.sleep(60)  # here

async def within():
    with execution("ends"):
        await load()

async def waits_for_others():
    with execution("ends"):
        async with asyncio.TaskGroup() as group:
            group.create_task(load())

async def cancels_itself():
    with execution("ends"):
        running = asyncio.create_task(asyncio.sleep(60))
        running.cancel()
        await running

async def goes_on():
    with contextlib.suppress(asyncio.CancelledError):
        await load()
    asyncio.current_task().uncancel()
    await cancels_itself()

async def is_told_why():
    with execution("ends"):
        signal.raise_signal(signal.SIGINT)
        raise asyncio.CancelledError("the model has converged")

with AROUND:
    asyncio.run(WHAT())
"""
BY_CTRL_C = "CancelledError: interrupted by Ctrl-C (SIGINT)"


@pytest.mark.parametrize(
    ("what", "around", "error"),
    [
        ("within", "contextlib.nullcontext()", [BY_CTRL_C]),
        ("waits_for_others", "contextlib.nullcontext()", [BY_CTRL_C]),
        ("load", "execution('ends')", ["KeyboardInterrupt", BY_CTRL_C]),
        ("cancels_itself", "contextlib.nullcontext()", ["CancelledError"]),
        ("goes_on", "contextlib.nullcontext()", ["CancelledError"]),
        ("is_told_why", "contextlib.nullcontext()", ["CancelledError: the model has converged"]),
    ],
)
def test_a_coroutine_that_ctrl_c_has_cancelled_is_said_to_be_interrupted(
    folder: Path, tmp_path: Path, what: str, around: str, error: list[str]
) -> None:
    script = tmp_path / "ends.py"
    script.write_text(INTERRUPTED.replace("WHAT", what).replace("AROUND", around))
    environment = {**os.environ, "OBS_STORE": str(folder)}
    subprocess.run([sys.executable, str(script)], env=environment, capture_output=True, check=False, timeout=120)
    (view,) = [one for one in list_executions(folder) if one.name == "ends"]
    found = load_execution(view.id, folder).why()
    assert [text for text, _ in found.error] == error
    assert found.paragraph.startswith("load of ends failed") is (what in ("within", "load"))


def test_an_exit_that_a_signal_interrupts_is_not_what_ended_the_program(folder: Path, tmp_path: Path) -> None:
    script = tmp_path / "ends.py"
    script.write_text(ENDS.replace('come("SIGTERM")', "sys.exit(3)"))
    environment = {**os.environ, "OBS_STORE": str(folder)}
    command = [sys.executable, "-m", "obs_core", "run", "--", sys.executable, str(script), "nothing", "SIGTERM at exit"]
    subprocess.run(command, env=environment, capture_output=True, check=False, timeout=120)
    (view,) = [one for one in list_executions(folder) if one.name == "ends"]
    assert (view.error, load_execution(view.id, folder).why().cause) == ("Terminated: SIGTERM", "terminated")


@pytest.mark.parametrize("run", [False, True], ids=["alone", "obs run"])
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("SystemExitRefused", "by the user"),
        ("TerminatedEarly", "by the user"),
        ("Terminated", "by the user"),
        ("Terminated", "SIGKILL, says the scheduler"),
    ],
)
def test_an_exception_is_no_exit_or_signal_for_its_name(
    train: Callable[..., subprocess.Popen[str]], folder: Path, name: str, says: str, run: bool
) -> None:
    train(f"raise type('{name}', (Exception,), {{}})('{says}')", run=run).communicate(timeout=120)
    found = newest(folder)
    assert (found.cause, found.error[0][0]) == ("exception", f"{name}: {says}"), found.paragraph


@task
def rows() -> Iterator[int]:
    yield 1
    yield 2


def of_its_own_while_a_generator_pauses(kept: list[Iterator[int]]) -> None:
    kept.append(rows())
    next(kept[0])
    raise ValueError("price")


def test_a_generator_that_pauses_is_not_told_as_what_failed(folder: Path) -> None:
    """It never ended, since somebody keeps it; the exception was raised elsewhere."""
    kept: list[Iterator[int]] = []
    with pytest.raises(ValueError, match="price"), execution("night", store=folder):
        of_its_own_while_a_generator_pauses(kept)
    found = newest(folder)
    assert (found.task, [text for text, _ in found.error]) == ("", ["ValueError: price"])
    line = int(found.place.rpartition(":")[2])
    assert line in {line for _, _, line in of_its_own_while_a_generator_pauses.__code__.co_lines()}


BROKEN = """
import os, sys
from obs_core import execution, task
if os.path.exists("broken"):
    import not_there

@task
def fit():
    pass

with execution("train"):
    fit()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="obs run needs Linux")
@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (["train.py", "--fast"], ["-u", "train.py", "--fast"], []),
        (["-m", "train", "a b"], ["train.py", "a b"], []),
        (["train.py"], ["-W", "ignore", "train.py", "--fast"], ["the command was train.py, now train.py --fast"]),
    ],
    ids=["option", "module", "argument"],
)
def test_the_command_of_a_program_that_came_to_no_execution_is_compared_with_the_like(
    folder: Path, tmp_path: Path, before: list[str], after: list[str], told: list[str]
) -> None:
    (tmp_path / "train.py").write_text(BROKEN)
    environment = {**os.environ, "OBS_STORE": str(folder)}
    for given in (before, after):
        command = [sys.executable, "-m", "obs_core", "run", "--name", "train", "--", sys.executable, *given]
        subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, check=False, timeout=120)
        (tmp_path / "broken").touch()
    found = newest(folder)
    assert (found.status, found.last_success is None) == ("failed", False)
    assert found.differences == told
    changes = load_execution(found.execution, folder).changes().found
    assert [one.what for one in changes if one.kind == "command"] == ["command"] * len(told)


@pytest.mark.skipif(sys.platform != "linux", reason="obs run needs Linux")
@pytest.mark.skipif(sys.version_info < (3, 12), reason="Python 3.11 does not tell where an exit was")
@pytest.mark.parametrize(
    ("message", "lines"),
    [
        ("no input", ["working"]),
        ("no input\n\n  files\n", ["working"]),
        ("working", ["working"]),
        ("", ["working"]),
        (1, ["working"]),
    ],
)
def test_what_python_printed_of_an_exit_is_not_told_as_the_last_line_too(
    folder: Path, tmp_path: Path, message: object, lines: list[str]
) -> None:
    script = tmp_path / "train.py"
    script.write_text(f"import sys\nfrom obs_core import span\nwith span('s'): print('working')\nsys.exit({message!r})")
    command = [sys.executable, "-m", "obs_core", "run", "--", sys.executable, str(script)]
    subprocess.run(command, env={**os.environ, "OBS_STORE": str(folder)}, capture_output=True, check=False, timeout=120)
    found = newest(folder)
    assert [line for line in found.lines if line.strip()] == lines
    assert found.paragraph.endswith('The last line kept of it was "working".')


def _told_of(folder: Path, tmp_path: Path, source: str, *, run: bool = False) -> Why:
    """Return what is said of a script, with or without ``obs run``."""
    script = tmp_path / "train.py"
    script.write_text(source)
    before = [sys.executable, "-m", "obs_core", "run", "--"] if run else []
    command = [*before, sys.executable, str(script)]
    subprocess.run(command, env={**os.environ, "OBS_STORE": str(folder)}, capture_output=True, check=False, timeout=120)
    return newest(folder)


HANDLES_ONE = """
import os, sys
from obs_core import task

@task
def optional():
    raise ConnectionError("cache is down")

@task
def real_work():
    return 3

def main():
    try:
        optional()
    except ConnectionError:
        pass
    return real_work()

HOW
"""


@pytest.mark.skipif(sys.platform != "linux", reason="obs run needs Linux")
@pytest.mark.parametrize(
    "how",
    ["main(); sys.exit('no rows in the input')", "main(); sys.exit(3)", "sys.exit(main())", "os._exit(main())"],
    ids=["message", "code", "result", "os._exit"],
)
def test_a_task_whose_failure_was_handled_is_not_what_an_exit_was_caused_by(
    folder: Path, tmp_path: Path, how: str
) -> None:
    found = _told_of(folder, tmp_path, HANDLES_ONE.replace("HOW", how), run=True)
    assert (found.cause, found.task) == ("exit", "")
    assert "ConnectionError: cache is down" not in [text for text, _ in found.error]
    assert 'Before that, the task "optional" failed at train.py:7: ConnectionError: cache is down.' in found.paragraph
    if sys.version_info >= (3, 12) and "os._exit" not in how:  # Python 3.11 does not tell where an exit was
        assert found.place.endswith("train.py:20")


WORKER_FAILS = """
import concurrent.futures, multiprocessing, sys
from obs_core import attach, carrier, span, task

def check(n):
    with span("check"):
        if n == 2:
            raise ValueError("n is 2")

@task
def part(n):
    check(n)

@task
def main():
    context = multiprocessing.get_context("fork")
    HOW

if __name__ == "__main__":
    main()
"""
OF_POOL = "with context.Pool(2) as pool: pool.map(FUNCTION, range(4))"
OF_EXECUTOR = (
    "with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool: list(pool.map(FUNCTION, range(4)))"
)
WRAPPED = f"""try:
        {OF_POOL}
    except ValueError as error:
        raise RuntimeError("no parts") from error"""


@pytest.mark.posix
@pytest.mark.parametrize("run", [False, True], ids=["alone", "obs run"])
@pytest.mark.parametrize("how", [OF_POOL, OF_EXECUTOR, WRAPPED], ids=["Pool", "ProcessPoolExecutor", "raised again"])
def test_a_task_that_failed_in_a_worker_of_another_task_is_told(
    folder: Path, tmp_path: Path, how: str, run: bool
) -> None:
    if run and sys.platform != "linux":
        pytest.skip("obs run needs Linux")
    found = _told_of(folder, tmp_path, WORKER_FAILS.replace("HOW", how.replace("FUNCTION", "part")), run=run)
    assert (found.task, found.span) == ("part", "check")
    assert [text for text, _ in found.error[-1:]] == ["ValueError: n is 2"]
    assert "raised at train.py:8" in found.paragraph
    assert ("raised again as RuntimeError: no parts" in found.paragraph) == (how is WRAPPED)
    assert "RemoteTraceback" not in f"{found.paragraph} {found.error} {found.lines}"


@pytest.mark.posix
def test_what_no_task_raised_in_a_worker_is_told_with_its_place_there(folder: Path, tmp_path: Path) -> None:
    found = _told_of(folder, tmp_path, WORKER_FAILS.replace("HOW", OF_POOL.replace("FUNCTION", "check")))
    assert found.task == "main"
    assert found.error == [("ValueError: n is 2", f"{tmp_path}/train.py:8")]


@pytest.mark.posix
def test_a_task_that_was_lost_with_a_worker_of_the_one_that_failed_is_told(folder: Path, tmp_path: Path) -> None:
    source = """
import multiprocessing, os, signal
from obs_core import task

@task
def part():
    os.kill(os.getpid(), signal.SIGKILL)

@task
def main():
    process = multiprocessing.get_context("fork").Process(target=part)
    process.start()
    process.join()
    raise RuntimeError(f"worker ended with {process.exitcode}")

main()
"""
    found = _told_of(folder, tmp_path, source)
    assert (found.task, found.error[0][0]) == ("main", "RuntimeError: worker ended with -9")
    assert 'The task "part", in another process, did not come to its end.' in found.paragraph


@pytest.mark.posix
def test_a_task_that_failed_in_a_subprocess_of_the_one_that_failed_is_told(folder: Path, tmp_path: Path) -> None:
    source = """
import json, os, subprocess, sys
from obs_core import carrier, task

@task
def inner():
    raise ValueError("inner bad")

@task
def outer():
    environment = {**os.environ, "OBS_CARRIER": json.dumps(carrier())}
    subprocess.run([sys.executable, __file__, "inner", "x" * 200], env=environment, check=True)

inner() if sys.argv[1:] else outer()
"""
    found = _told_of(folder, tmp_path, source)
    assert found.task == "outer"
    assert "… returned non-zero exit status 1. It was raised at train.py:12." in found.paragraph
    inside = 'Before that, the task "inner", in another process, failed at train.py:7: ValueError: inner bad.'
    assert inside in found.paragraph


@pytest.mark.skipif(sys.platform != "linux", reason="obs run needs Linux")
@pytest.mark.parametrize(("program", "code"), [("true", 0), ("false", 1)])
def test_one_that_becomes_another_program_ends_as_that_does(
    folder: Path, tmp_path: Path, program: str, code: int
) -> None:
    source = f"""
import os
from obs_core import execution
with execution("handover"):
    os.execvp("{program}", ["{program}"])
"""
    found = _told_of(folder, tmp_path, source, run=True)
    assert (found.name, found.cause, found.known) == ("handover", "exit", True)
    says = f"handover became another program (os.execv), which ended with exit code {code} at "
    assert found.paragraph.startswith(says)


def test_the_place_where_sigterm_came_is_not_told_with_the_stack_of_another_thread(
    folder: Path, tmp_path: Path
) -> None:
    source = """
import os, signal, threading
from obs_core import execution, task

begun = threading.Event()

@task
def work():
    begun.set()
    threading.Event().wait(300)

with execution("train"):
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    begun.wait()
    os.kill(os.getpid(), signal.SIGTERM)
    thread.join()
"""
    found = _told_of(folder, tmp_path, source)
    assert (found.cause, found.task) == ("terminated", "work")
    assert found.place in {f"{tmp_path}/train.py:{line}" for line in (9, 10)}
    assert found.stack == []


@pytest.mark.skipif(sys.platform != "linux", reason="obs run needs Linux")
def test_obs_run_hears_what_left_the_program_however_many_processes_wrote_beside_it(
    folder: Path, tmp_path: Path
) -> None:
    source = """
import multiprocessing
from obs_core import span, task

def write():
    with span("part"):
        pass

@task
def main():
    context = multiprocessing.get_context("fork")
    for process in [context.Process(target=write) for _ in range(8)]:
        process.start()
        process.join()
    raise ValueError("no rows")

main()
"""
    found = _told_of(folder, tmp_path, source, run=True)
    (view,) = list_executions(folder)
    assert (view.error, found.cause, found.task) == ("ValueError: no rows", "exception", "main")


@pytest.mark.posix
def test_a_worker_that_is_ended_since_the_program_failed_is_not_told_as_what_came_before(
    folder: Path, tmp_path: Path
) -> None:
    source = """
import multiprocessing, time
from obs_core import task

context = multiprocessing.get_context("fork")
begun = context.Event()

@task
def part():
    begun.set()
    time.sleep(300)

@task
def main():
    process = context.Process(target=part)
    process.start()
    begun.wait()
    try:
        raise RuntimeError("no rows")
    finally:
        process.terminate()
        process.join()

main()
"""
    found = _told_of(folder, tmp_path, source)
    assert (found.task, found.error[0][0]) == ("main", "RuntimeError: no rows")
    assert '"part"' not in found.paragraph

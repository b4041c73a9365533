"""Journals: what is written, and what is read from damaged ones."""

from __future__ import annotations

import contextlib
import contextvars
import datetime
import gzip
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from obs_core import current_context, execution, load_execution, span, task
from obs_core.journal import flusher, records
from obs_core.journal.reader import decode, segment_names
from obs_core.recording.here import innermost
from obs_core.secrets import forget_secret_values, register_secret_value
from obs_core.store.base import Outliner
from obs_core.store.packing import inflated, unpacked
from obs_core.testing import FixedClock, RecordingStore, counted_ids


@task(enable_deck=False)
def work() -> None:
    with span("step", rows=2):
        pass


def lines(store: RecordingStore, execution_id: str) -> list[list[object]]:
    """What stands in a journal, without the lines that check its batches."""
    journal = store.files[f"executions/{execution_id}/main-0000.jsonl"]
    return [line for line in map(json.loads, journal.splitlines()) if line[0] != "check"]


def without_batches(journal: bytes) -> bytes:
    """A journal as obs-core wrote it before its lines stood in batches."""
    head, *rest = [line for line in journal.splitlines(keepends=True) if not line.startswith(b'["check"')]
    return b"".join([head.replace(b",1]\n", b"]\n"), *rest])


def test_the_journal_is_what_the_format_says(store: RecordingStore) -> None:
    with FixedClock() as clock, counted_ids(), execution("night", tags={"year": 2013}):
        clock.advance(1)
        work()
    written = lines(store, "execution-1")
    # The background thread writes it once the execution has lasted for a second, whenever it comes to that.
    (surroundings,) = [line for line in written if line[0] == "surroundings"]
    head, start, *rest, end = [line for line in written if line is not surroundings]
    assert (head[:5], start[:5]) == (
        ["head", 1, "execution-1", "main", 1_767_225_600_000_000_000],
        ["execution", 1, "night", 0, {"year": "2013"}],
    )
    assert rest == [
        ["task", 2, 1, "work", 1_000_000_000, 1, f"{__name__}.work", False],
        ["span", 3, 2, "step", 1_000_000_000, 0, 0, None, {"rows": 2}],
        ["output", 2, "json", "null", None],
        ["task-end", 2, 0, 0, "succeeded", None, 1_000_000_000],
    ]
    assert surroundings[:2] == ["surroundings", os.getcwd()]
    assert f"shared/{surroundings[2]}.gz" in store.files
    assert end == ["execution-end", 1_000_000_000, "succeeded", None, 1_000_000_000, 0]


def test_a_journal_is_read_whatever_the_year_until_2116(store: RecordingStore) -> None:
    begins = datetime.datetime(2116, 1, 1, tzinfo=datetime.UTC)
    with FixedClock(begins.timestamp()) as clock, execution("night") as run:
        clock.advance(1)
        work()
    read = load_execution(run.id)
    assert read.status == "succeeded"
    assert [child.start for child in read.span.children] == [begins + datetime.timedelta(seconds=1)]


def test_no_time_of_a_line_goes_beyond_what_64_bits_hold() -> None:
    longest = 2**61
    latest = b'["head",1,"night","main",%d,["","",0,0],"",""]'
    assert not [record for record in decode(latest % 2**62) if isinstance(record, records.Head)]
    (head,) = decode(latest % (2**62 - 1))
    (record,) = decode(b'["span",3,2,"step",%d,%d,0]' % (longest, longest))
    assert isinstance(head, records.Head)
    assert isinstance(record, records.SpanRecord)
    assert head.clock + record.start + record.duration == 2**63 - 1


def test_it_says_where_an_exception_was_raised_and_what_caused_it(store: RecordingStore) -> None:
    @task(enable_deck=False)
    def parse() -> None:
        try:
            json.loads("nothing")
        except ValueError as error:
            raise RuntimeError("no such airport") from error

    with counted_ids(), pytest.raises(RuntimeError), execution("night"):
        parse()
    (of_task, of_root) = [line for line in lines(store, "execution-1") if line[0] == "raised"]
    (_, number, chain, *more) = of_task
    assert (number, more) == (2, [[], [], [], False, [], [], 0])
    told_of_root = ["raised", 1, chain, [], [], ["main.2", None], False, [], [], 0]
    assert of_root == told_of_root, "the task that it ended; its cause ended none"
    line = parse.__wrapped__.__code__.co_firstlineno  # type: ignore[attr-defined]
    assert chain == [
        ["RuntimeError: no such airport", f"{__file__}:{line + 5}"],
        ["JSONDecodeError: Expecting value: line 1 column 1 (char 0)", f"{__file__}:{line + 3}"],
    ]


def test_an_unknown_newer_record_and_newer_fields_are_skipped(store: RecordingStore) -> None:
    with counted_ids(), execution("night"):
        work()
    path = "executions/execution-1/main-0000.jsonl"
    head, *rest = without_batches(store.files[path]).splitlines(keepends=True)
    store.files[path] = (
        head
        + b'["hologram",1,{"of":"the future"}]\n'
        + b"".join(line.replace(b'{"rows":2}]', b'{"rows":2},null,null,"newer field"]') for line in rest)
    )
    recorded = store.last()
    assert recorded.status == "succeeded"
    assert recorded.span.children[0].children[0].attributes == {"rows": 2}


@pytest.mark.parametrize("torn", [b'["span",9,2,"half', b"\x00\xff\xfe", b"[", b'"text"', b'["span"]'])
def test_a_torn_line_is_skipped(store: RecordingStore, torn: bytes) -> None:
    with counted_ids(), execution("night"):
        work()
    path = "executions/execution-1/main-0000.jsonl"
    store.files[path] += torn
    assert [found.name for found in store.last().tasks] == ["work"]
    assert store.last().status == "succeeded"


def test_a_journal_without_its_beginning_can_be_read(store: RecordingStore) -> None:
    with counted_ids(), execution("night"):
        work()
    path = "executions/execution-1/main-0000.jsonl"
    _, of_head, rest = store.files[path].partition(b'["check",')
    assert of_head
    store.files[path] = rest.partition(b"\n")[2]
    recorded = store.last()
    assert [child.name for child in recorded.span.children] == ["work"]


def test_an_empty_journal_can_be_read(store: RecordingStore) -> None:
    store.put("executions/empty/main-0000.jsonl", b"")
    recorded = store.last()
    assert (recorded.name, recorded.status, recorded.tasks) == ("empty", "lost", [])


def test_a_broken_off_gzip_gives_what_came_before_the_break() -> None:
    whole = b"".join(b'["beat",%d]\n' % number for number in range(50_000))
    broken = gzip.compress(whole)[:-1000]
    lines, unused = inflated(broken)
    found = decode(lines[: lines.rfind(b"\n")])
    assert 10_000 < len(found) < 50_000
    assert found[0] == records.Beat(0)
    assert unused > 0
    assert unpacked(gzip.compress(b"a") + gzip.compress(b"b")) == b"ab"


def test_a_large_journal_goes_on_in_a_new_segment_and_closed_ones_are_compressed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from obs_core.store.folder import FolderStore

    monkeypatch.setattr(FolderStore, "segment_limit", 100_000)
    with execution("night", store=folder) as run:
        for number in range(20_000):
            with span("step", number=number):
                pass
    names = sorted(path.name for path in (folder / "executions" / run.id).iterdir())
    assert len(names) > 3
    assert all(name.endswith(".jsonl.gz") for name in names[:-1])
    steps = load_execution(run.id, folder).span.children
    assert [step.attributes["number"] for step in steps] == list(range(20_000))


def test_an_execution_ends_after_the_segment_that_the_background_thread_compresses(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from obs_core.store import folder as folders

    began, go_on = threading.Event(), threading.Event()
    compress = folders._compress

    def compress_slowly(path: str, outline: Outliner | None) -> None:
        began.set()
        assert go_on.wait(60)
        compress(path, outline)

    with execution("what is imported at the end of one", store=folder):
        pass
    monkeypatch.setattr(folders.FolderStore, "segment_limit", 70_000)
    monkeypatch.setattr(folders, "_compress", compress_slowly)
    with execution("night", store=folder) as run:
        journal = current_context().state.journal
        for number in range(4_000):
            with span("step", number=number):
                pass
        journal.flush()
        with span("last"):
            pass
        journal.flush()  # the segment before is full now
        background = threading.Thread(target=journal.beat)
        background.start()
        assert began.wait(60)
        threading.Timer(0.2, go_on.set).start()
    names = [path.name for path in (folder / "executions" / run.id).iterdir()]
    background.join()
    assert any(name.endswith("-0000.jsonl.gz") for name in names)


def test_what_a_thread_appends_after_the_execution_ended_is_written(folder: Path) -> None:
    def outlive() -> str:
        with execution("night", store=folder) as run:
            late = span("late")
            late.__enter__()
        late.__exit__(None, None, None)
        return run.id

    run_id = contextvars.copy_context().run(outlive)
    flusher.flush_all()
    (found,) = load_execution(run_id, folder).span.children
    assert (found.name, found.is_open) == ("late", False)


def test_silence_is_broken_by_a_sign_of_life(store: RecordingStore) -> None:
    with FixedClock() as clock, counted_ids(), execution("night") as run:
        journal = run._run.journal  # type: ignore[union-attr]
        journal.beat()
        clock.advance(11)
        journal.beat()
    assert ["beat", 11_000_000_000] in lines(store, "execution-1")


def test_what_is_open_gives_a_sign_of_life_a_second_after_it_was_written(folder: Path) -> None:
    with FixedClock() as clock, execution("night", store=folder) as run, span("read"):
        journal = run._run.journal  # type: ignore[union-attr]
        journal.beat()  # writes what began, as a task does between two rounds of the flusher
        clock.advance(0.5)
        journal.beat()
        clock.advance(1)
        journal.beat()
    (segment,) = (folder / "executions" / run.id).glob("main-*.jsonl")
    beats = [json.loads(line)[1] for line in segment.read_text().splitlines() if line.startswith('["beat"')]
    assert beats[1] - beats[0] == 1_000_000_000


def test_segments_in_the_folder_where_they_lay_before_are_read_with_those_of_today(folder: Path) -> None:
    with execution("night", store=folder) as run, span("step"):
        pass
    flusher.flush_all()
    place = folder / "executions" / run.id
    (place / "journal").mkdir()
    (place / "main-0000.jsonl").rename(place / "journal" / "main-0000.jsonl")
    recorded = load_execution(run.id, folder)
    assert (recorded.status, [one.name for one in recorded.span.walk()]) == ("succeeded", ["night", "step"])
    (place / "other-0000.jsonl").write_bytes(b"")
    assert segment_names(recorded.store, run.id) == [
        f"executions/{run.id}/journal/main-0000.jsonl",
        f"executions/{run.id}/other-0000.jsonl",
    ]


@pytest.mark.parametrize("code", ["EIO", "ENOSPC", "EAGAIN"])
@pytest.mark.parametrize("tries", [1, 3])
def test_an_error_of_the_last_write_that_passes_costs_nothing(
    run_script: Callable[..., subprocess.CompletedProcess[str]], folder: Path, code: str, tries: int
) -> None:
    result = run_script(f"""
import errno, os, warnings
from obs_core import execution, span

warnings.simplefilter("ignore")
write, left = os.write, [0]

def failing(descriptor, content):
    if left[0] and descriptor > 2:
        left[0] -= 1
        raise OSError(errno.{code}, "for a moment")
    return write(descriptor, content)

os.write = failing
with execution("night") as run:
    for _ in range(20):
        with span("step"):
            pass
    run._run.journal.flush()
    left[0] = {tries}
assert left == [0]
""", env={"OBS_STRICT": "0"})  # fmt: skip
    recorded = load_execution("last", folder)
    assert (recorded.status, recorded.view.lost_records, result.stderr) == ("succeeded", 0, "")
    assert sum(one.name == "step" for one in recorded.span.walk()) == 20


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no such limit")
def test_a_full_disk_delays_one_end_and_says_why_records_are_lost(
    run_script: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    result = run_script("""
import resource, time, warnings
from obs_core import execution, span
from obs_core.journal import writer

warnings.simplefilter("ignore")
waited = []
writer.time = type("time", (), {"sleep": staticmethod(waited.append)})
resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
for name in ("first", "second", "third"):
    with execution(name) as run:
        with span("step"):
            pass
        run._run.journal.flush()
print(waited)
""", env={"OBS_STRICT": "0"})  # fmt: skip
    assert result.stdout == "[0.01, 0.05, 0.2]\n"
    assert result.stderr.count("File too large") == 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no such limit")
def test_what_a_child_could_not_write_before_os_exit_is_counted(
    run_script: Callable[..., subprocess.CompletedProcess[str]], folder: Path
) -> None:
    run_script("""
import os, resource, signal
from obs_core import execution, span

with execution("night"):
    child = os.fork()
    if not child:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
        for number in range(3000):
            with span("step", text="x" * 50):
                pass
        os._exit(0)
    os.waitpid(child, 0)
""", env={"OBS_STRICT": "0"})  # fmt: skip
    recorded = load_execution("last", folder)
    steps = sum(one.name == "step" for one in recorded.span.walk())
    assert steps + recorded.view.lost_records >= 3000
    assert any("could not be written" in note for note in recorded.missing)


@pytest.mark.parametrize("damaged", ["execution", "head"])
def test_an_execution_whose_beginning_is_damaged_is_shown_as_far_as_its_id_tells(
    damaged: str, store: RecordingStore
) -> None:
    with execution("night") as run:
        work()
    path = f"executions/{run.id}/main-0000.jsonl"
    start = load_execution(run.id, store).view.started
    store.files[path] = store.files[path].replace(f'["{damaged}",'.encode(), f'["{damaged.upper()}",'.encode(), 1)
    recorded = load_execution(run.id, store)
    assert recorded.name == (run.id if damaged == "execution" else "night")
    assert abs(recorded.view.started - start) < 10_000_000_000
    assert 0 < recorded.view.duration < 60_000_000_000
    assert [one.name for one in recorded.tasks] == ["work"]
    assert recorded.missing[0].startswith("The beginning of its record is damaged or missing")
    assert recorded.missing[0] in recorded.report()


@pytest.mark.parametrize("masks", [False, True])
def test_what_cannot_be_encoded_for_want_of_room_on_the_stack_waits_until_there_is_some(
    store: RecordingStore, monkeypatch: pytest.MonkeyPatch, masks: bool
) -> None:
    monkeypatch.setenv("OBS_STRICT", "0")
    # The collector may run at the limit, where no finalizer has room, nor has pytest to tell of that.
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)
    noted = 0

    @task
    def deep() -> None:
        here = innermost().task

        def down() -> None:
            nonlocal noted
            with contextlib.suppress(RecursionError):
                down()
            with contextlib.suppress(RecursionError):  # at each depth, from the limit up
                here.append(records.Note(here.own_ref(), "far down"))
                noted += 1
                here.journal.flush()

        down()

    try:
        if masks:
            register_secret_value("k9-very-secret")
        deep()
    finally:
        forget_secret_values()
    assert noted > 100
    assert store.last().missing == []
    assert store.last().tasks[0].notes == ["far down"] * noted

"""Stores that were damaged at random: what is shown was recorded, and what is missing is said to be."""

from __future__ import annotations

import json
import logging
import os
import random
import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from obs_core import Deck, current_context, execution, log_metric, log_params, span, task, track
from obs_core.assembly import deck_files
from obs_core.commands import main as obs
from obs_core.failsafe import ObsError
from obs_core.journal import reader, records
from obs_core.journal.batches import sealed
from obs_core.journal.batches import sound as sound_batches
from obs_core.journal.log_damage import damaged_lines
from obs_core.journal.log_files import checked_parts, doubtful
from obs_core.reading import Execution, list_executions, load_execution
from obs_core.store import Store, open_store
from obs_core.store.content import blob_at, digest_of
from obs_core.store.folder import FolderStore
from obs_core.store.packing import SEGMENT, Bounds, inflated, member
from obs_core.testing import RecordingStore
from obs_core.testing.segments import UNBATCHED_HEAD

MUTATIONS = int(os.environ.get("OBS_MUTATIONS", "20000"))
"""How many stores are damaged by night."""

BY_DAY = 260

ROWS = 100
"""How much an execution holds of each kind: enough for several batches and segments."""

PARTS = 2
"""In how many tests the many are: several workers can share them."""

Damage = Callable[[bytes, random.Random], bytes]


def flip_a_bit(content: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(content))
    return content[:at] + bytes([content[at] ^ (1 << chance.randrange(8))]) + content[at + 1 :]


def flip_bits(content: bytes, chance: random.Random) -> bytes:
    for _ in range(chance.randrange(2, 30)):
        content = flip_a_bit(content, chance)
    return content


def cut_the_end(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content))]


def zero_the_end(content: bytes, chance: random.Random) -> bytes:
    kept = chance.randrange(len(content))
    return content[:kept] + bytes(len(content) - kept)


def zero_a_part(content: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(content))
    size = min(chance.choice((1, 16, 512, 4096)), len(content) - start)
    return content[:start] + bytes(size) + content[start + size :]


def take_out_a_part(content: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(content))
    return content[:start] + content[start + chance.choice((1, 10, 100, 1000, 4096)) :]


def repeat_a_part(content: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(content))
    end = start + chance.choice((1, 10, 100, 1000, 4096))
    return content[:end] + content[start:]


def put_noise_in(content: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(content) + 1)
    return content[:at] + chance.randbytes(chance.choice((1, 10, 100, 5000))) + content[at:]


def take_out_a_line(content: bytes, chance: random.Random) -> bytes:
    lines = content.split(b"\n")
    del lines[chance.randrange(len(lines))]
    return b"\n".join(lines)


def repeat_a_line(content: bytes, chance: random.Random) -> bytes:
    lines = content.split(b"\n")
    lines.insert(chance.randrange(len(lines)), chance.choice(lines))
    return b"\n".join(lines)


def empty(content: bytes, chance: random.Random) -> bytes:
    return b""


DAMAGES: list[Damage] = [
    flip_a_bit,
    flip_bits,
    cut_the_end,
    zero_the_end,
    zero_a_part,
    take_out_a_part,
    repeat_a_part,
    put_noise_in,
    take_out_a_line,
    repeat_a_line,
    empty,
]


class Truth:
    """What an execution held before it was damaged."""

    def __init__(self, recorded: Execution) -> None:
        self.view = recorded.view
        table = recorded.table
        self.spans = {table.ids[row]: span_at(recorded, row) for row in range(len(table.ids))}
        self.tasks = {one.id: one for one in recorded.tasks}
        self.items = {one.id: items_of(one) for one in recorded.tasks}
        self.output = recorded.output("outer")
        self.kept = kept_of(recorded)
        self.log = {(line.task, line.level, line.text) for line in recorded.log()}


def kept_of(recorded: Execution) -> dict[str, list[Any]]:
    """Return what else an execution holds, kind by kind."""
    samples = recorded.table.samples.items()
    return {
        "points": [
            point for name in recorded.metrics().names for point in zip(*points_of(recorded, name), strict=True)
        ],
        "parameters": list(recorded.params().items()),
        "links": [(one.id, link) for one in recorded.tasks for link in one.links],
        "notes": [
            (one.id, note)
            for one in recorded.tasks
            for note in one.notes
            if not note.startswith("This task did not come to its end")
        ],
        "verdicts": [
            (one.id, deck.name, verdict) for one in recorded.tasks for deck in one.decks for verdict in deck.verdicts
        ],
        "samples": [
            (writer, name, *each)
            for writer, of_writer in samples
            for name, series in of_writer.items()
            for each in zip(series.times, series.values, strict=True)
        ],
        "profile": [(seen.thread, call) for seen in recorded.profile for call in seen.calls],
    }


def points_of(recorded: Execution, name: str) -> tuple[Any, Any, Any]:
    metric = recorded.metrics(name)
    return metric.step, metric.time, metric.value


def span_at(recorded: Execution, row: int) -> tuple[Any, ...]:
    table = recorded.table
    attributes = json.dumps(table.attributes.get(row), sort_keys=True)
    ended = (table.durations[row], table.process_times[row], table.errors.get(row))
    return (table.names[row], table.kinds[row], table.starts[row], attributes, ended)


def items_of(one: Any) -> list[str]:
    return [item for deck in one.decks if deck.name == "Rows" for item in deck.items]


@task
def inner(number: int) -> int:
    with span("parse", file=f"part-{number}.csv", rows=number), span("read"):
        pass
    return number


@task
def outer() -> dict[str, int]:
    deck = Deck("Rows")
    context, journal = current_context(), current_context().state.journal
    context.link("Run", "https://example.org/run")
    context.note("A note.")
    log_params(rate=0.1, depth=3)
    journal.append(records.Calls(0, [(-1, "main", "night.py", 3), (0, "fit", "night.py", 9)]))
    journal.append(records.VerdictMade(deck.ref_in(journal), 0, "failed", "3 of 100 rows"))
    for number in track(range(ROWS), "rows"):
        deck.append(f"<p>row {number}</p>")
        with span("step", number=number):
            pass
        log_metric("loss", 1 / (number + 1))
        if number % 10 == 0:
            logging.getLogger("night").warning("row %d is odd", number)
            print("row", number)
            journal.append(records.Sample(number, {"rss": 1e6 * number, "cpu_total": number / 10}))
            journal.append(records.Stacks(number, [("MainThread", 2, 1)]))
            journal.append(records.Profile(number, 0, 10**7, [("MainThread", 2, 1, 5, 3)]))
        if number % 33 == 0:
            inner(number)
            current_context().state.journal.flush()
    deck.append(f"<p>{'large ' * 5_000}</p>")
    return {"rows": ROWS}


def in_a_process_of_its_own(work: Callable[[], None]) -> None:
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(0)
    os.waitpid(child, 0)


def record_as_a_child() -> None:
    for number in range(50):
        with span("of a child", number=number):
            pass
    current_context().state.journal.flush()


def record(folder: Path, with_child: bool) -> None:
    with execution("night", tags={"year": 2013}, store=folder):
        outer()
        if with_child:
            in_a_process_of_its_own(record_as_a_child)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Truth]:
    """Executions of several shapes: small, of several compressed segments, of two writers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OBS_STRICT", "1")
        found = {}
        for shape, limit in (("small", 8 << 20), ("large", 7_000)):
            folder = tmp_path_factory.mktemp(shape) / "store"
            patch.setattr(FolderStore, "segment_limit", limit)
            patch.setattr("obs_core.store.folder._COMPRESS_FROM", 64 * 1024 if shape == "small" else 1_000)
            patch.setattr("obs_core.store.folder._MEMBER", 2_000)
            in_a_process_of_its_own(lambda: record(folder, with_child=shape == "large"))  # noqa: B023
            found[str(folder)] = Truth(load_execution("last", folder))
    return found


def assert_true(truth: Truth, folder: Path, damaged: str) -> None:
    """Compare a damaged execution with what it was."""
    recorded = load_execution("last", folder)
    view, table = recorded.view, recorded.table
    assert view.name == truth.view.name or (view.damaged_beginning and view.name == view.id)
    assert view.error in (None, truth.view.error)
    for row, one in enumerate(table.ids):
        if row:
            found, was = span_at(recorded, row), truth.spans[one]
            assert (found[:2], found[3]) == (was[:2], was[3])
            # When a task's function began stands in the record of its end; without that it is when the call began.
            assert found[2] == was[2] or (row in table.open and was[1] == "task" and found[2] < was[2])
            assert row in table.open or found[4] == was[4], f"{one} ended in another way"
    items_missing = False
    for shown_task in recorded.tasks:
        if shown_task.id not in truth.tasks:
            assert shown_task.name == view.name, f"task {shown_task.name!r} was never called"
            continue
        before = truth.tasks[shown_task.id]
        assert shown_task.status in (before.status, "lost")
        shown = items_of(shown_task)
        missing = [item for item in truth.items[shown_task.id] if item not in shown]
        added = [item for item in shown if item not in truth.items[shown_task.id]]
        assert all("<em>This part " in item for item in added), f"{added[:3]} was never appended"
        assert len(shown) <= len(truth.items[shown_task.id]), "something is shown twice"
        items_missing = items_missing or len(missing) > len(added)
    kept_missing = False
    for kind, kept in kept_of(recorded).items():
        assert all(each in known_of(truth, recorded, kind) for each in kept), f"{kind} that were never recorded"
        kept_missing = kept_missing or len(kept) < len(truth.kept[kind])
    if len(table.ids) < len(truth.spans) or table.open or items_missing or kept_missing:
        assert view.damaged_records or view.status == "lost", f"something is missing without a word in {damaged}"
    if "/logs/" not in damaged:  # lines of a log carry no checksum: a damaged one may be shown as it stands
        log = {(line.task, line.level, line.text) for line in recorded.log()}
        assert log == truth.log
        assert damaged_lines(recorded.store, recorded.id) == 0
    try:
        assert recorded.output("outer") == truth.output
    except (KeyError, ObsError, OSError):
        assert damaged


def known_of(truth: Truth, recorded: Execution, kind: str) -> list[Any]:
    """What may be shown of a kind: what was, where it was, or at the execution if the beginning of its task is gone."""
    known = truth.kept[kind]
    if kind not in ("links", "notes", "verdicts"):
        return known
    there = {task.id for task in recorded.tasks}
    return [*known, *((recorded.table.ids[0], *rest) for task, *rest in known if task not in there)]


def damage(folder: Path, chance: random.Random) -> str:
    files = [path for path in (folder / "executions").rglob("*") if path.is_file() and path.parent.name != "reports"]
    files += [path for path in (folder / "shared").rglob("*") if path.is_file()] if chance.random() < 0.1 else []
    path = chance.choice([file for file in sorted(files) if chance.random() < 0.8 or ".jsonl" in file.name] or files)
    content = path.read_bytes()
    how = chance.choice(DAMAGES)
    if content:
        path.write_bytes(how(content, chance))
        os.utime(path, (0, 0))  # not just now, when a writer may be writing it
    return f"{how.__name__} {path.relative_to(folder)}"


def check_mutation(sound: dict[str, Truth], number: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chance = random.Random(number)
    origin, truth = chance.choice(list(sound.items()))
    folder = tmp_path / str(number)
    shutil.copytree(origin, folder)
    damaged = damage(folder, chance)
    try:
        assert_true(truth, folder, damaged)
        assert len(list(list_executions(folder))) <= 1
        commands = [
            ["ls", *chance.choice(([], ["--json"]))],
            ["explain", "last"],
            ["logs", "last", *chance.choice(([], ["--json"], ["-n", "3"], ["--level", "warning"], ["--grep", "row"]))],
            chance.choice((["why", "last"], ["stacks", "last"])),
            ["dump", "last", "--format", chance.choice(("yaml", "json", "chrome", "speedscope", "collapsed"))],
        ]
        if number % 20 == 0:
            commands += [
                ["show", "last"],
                ["export", "last", "-o", str(tmp_path / "out.html")],
                ["gc", "--older-than", "1h"],
            ]
        for command in commands:
            assert obs([*command, "--store", str(folder)]) in (0, 2), command
    except BaseException as error:
        raise AssertionError(f"mutation {number} ({damaged} of {origin}): {error}") from error
    finally:
        shutil.rmtree(folder)
        capsys.readouterr()


@pytest.mark.filterwarnings("ignore::obs_core.ObsWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a second writer")
def test_a_damaged_store_shows_what_was_recorded_and_says_what_is_missing(
    sound: dict[str, Truth], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(60):
        check_mutation(sound, number, tmp_path, capsys)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::obs_core.ObsWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a second writer")
@pytest.mark.parametrize("part", range(PARTS))
def test_so_does_each_of_many(
    part: int, sound: dict[str, Truth], tmp_path: Path, capsys: pytest.CaptureFixture[str], nightly: bool
) -> None:
    for number in range(60 + part, MUTATIONS if nightly else BY_DAY, PARTS):
        check_mutation(sound, number, tmp_path, capsys)


ODD: list[Any] = [-1, 0, 2**53, 2**61, -(2**61), 2**63 - 1, -(2**63), 10**30, 1e308, 0.5, None, True, [], {}, [None]]
ODD += ["", "a.b.c", ".", "main.1", "main.99999999999999999999", "../../etc/passwd", "\0", "\x1b[31m", "x" * 5000]


def made_odd(value: Any, chance: random.Random, depth: int = 0) -> Any:
    """Return a part of a record with one value in it that makes no sense."""
    if depth < 4 and chance.random() < 0.7 and isinstance(value, list | dict) and value:
        at = chance.choice(list(value) if isinstance(value, dict) else range(len(value)))
        changed: Any = value.copy()
        changed[at] = made_odd(value[at], chance, depth + 1)
        return changed
    alike = [each for each in ODD if type(each) is type(value)]
    return chance.choice(alike if alike and chance.random() < 0.7 else ODD)


def put_odd_values_in(folder: Path, chance: random.Random) -> str:
    """Write odd values into whole records with right checksums: a writer that is not ours, or means harm."""
    path = chance.choice(sorted((folder / "executions").rglob("*.jsonl")))
    lines = [line for line in path.read_bytes().split(b"\n") if line and not line.startswith(b'["check"')]
    rows = [json.loads(line) for line in lines]
    kinds = sorted({str(row[0]) if isinstance(row[0], str) else "line" for row in rows})
    changed = []
    for kind in chance.sample(kinds, min(3, len(kinds))):
        at = chance.choice(
            [at for at, row in enumerate(rows) if row[0] == kind or (kind, type(row[0])) == ("line", int)]
        )
        place = chance.randrange(kind != "line", len(rows[at]))
        rows[at][place] = made_odd(rows[at][place], chance)
        if chance.random() < 0.1:
            del rows[at][place + 1 :]
        changed.append(repr(rows[at])[:200])
    lines = [json.dumps(row).encode() + b"\n" for row in rows]
    clock = next((row[4] for row in rows if row[0] == "head" and len(row) > 4 and type(row[4]) is int), 0)
    if path.parent.name == "logs":
        path.write_bytes(b"".join(lines))
    else:
        path.write_bytes(sealed(b"".join(lines), len(lines) - 1, 0, clock))
    return f"{path.relative_to(folder)}: {changed}"


def check_odd_values(sound: dict[str, Truth], number: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chance = random.Random(number)
    folder = tmp_path / str(number)
    shutil.copytree(chance.choice(list(sound)), folder)
    changed = put_odd_values_in(folder, chance)
    try:
        for command in (
            ["ls"],
            ["explain", "last"],
            ["why", "last"],
            ["stacks", "last"],
            ["logs", "last", *chance.choice(([], ["--json"], ["--level", "warning"]))],
            ["dump", "last", "--format", chance.choice(("yaml", "json", "chrome", "speedscope", "collapsed"))],
            ["show", "last"],
        ):
            assert obs([*command, "--store", str(folder)]) in (0, 2), command
    except BaseException as error:
        raise AssertionError(f"odd values {number} ({changed}): {error!r}") from error
    finally:
        shutil.rmtree(folder)
        capsys.readouterr()


@pytest.mark.filterwarnings("ignore::obs_core.ObsWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a second writer")
def test_values_that_make_no_sense_end_no_command(
    sound: dict[str, Truth], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(30):
        check_odd_values(sound, number, tmp_path, capsys)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::obs_core.ObsWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a second writer")
def test_nor_do_many_more(
    sound: dict[str, Truth], tmp_path: Path, capsys: pytest.CaptureFixture[str], nightly: bool
) -> None:
    for number in range(30, MUTATIONS // 10 if nightly else 50):
        check_odd_values(sound, number, tmp_path, capsys)


def test_the_store_is_sound_before(sound: dict[str, Truth]) -> None:
    for folder, truth in sound.items():
        assert truth.view.damaged_records == 0
        assert len(truth.items["main.2"]) == ROWS + 1
        assert len(truth.spans) > ROWS
        assert len(truth.log) >= ROWS // 5
        assert all(truth.kept.values())
        assert len(truth.kept["points"]) == ROWS
        paths = open_store(folder).names(f"executions/{truth.view.id}")
        names = [name for name in paths if ".jsonl" in name]
        assert len(names) == 1 or any(name.endswith(".gz") for name in names)


def test_a_batch_whose_clock_is_damaged_does_not_move_what_comes_after_a_lost_head() -> None:
    clock = 1_795_934_828_797_614_861
    head = b'["head",1,"id","main",%d,["","",0,0],"","",1]\n' % clock
    first, second, third = (
        sealed(lines, count, before, clock)
        for lines, count, before in ((head, 0, 0), (b'["a"]\n', 1, 0), (b'["b"]\n', 1, 1))
    )
    lost = first.replace(b'"main"', b'"mail"')
    moved = second.replace(b",179", b",979")
    read = sound_batches(lost + moved + third)
    assert read.startswith(b'["head",1,"","",%d,' % clock)
    assert read.endswith(moved + third)
    nobody_knows = sound_batches(lost.replace(b",179", b",879") + moved)
    assert b'["a"]' not in nobody_knows
    assert nobody_knows.startswith(b'["torn",')


@pytest.mark.parametrize("damage", [(b'["head"', b'["hea\xe4"'), (b",1]", b",1U"), (b",1]\n", b",1]K")])
def test_of_lines_whose_head_and_checks_are_all_damaged_none_is_shown(damage: tuple[bytes, bytes]) -> None:
    batch = sealed(b'["head",1,"id","main",7,["","",0,0],"","",1]\n["beat",5]\n["beat",6]\n', 2, 0, 7)
    damaged = batch.replace(*damage).replace(b'["check"', b'["chec\xeb"')
    assert sound_batches(damaged) == b'["torn",%d,%d]\n' % (damaged.count(b"\n"), len(damaged))


def test_lines_that_were_written_in_no_batches_are_taken_as_they_stand() -> None:
    earlier = b'["head",1,"id","main",7,["","",0,0],"",""]\n["beat",5]\n'
    assert sound_batches(earlier) == earlier, "obs-core 0.1 wrote no batches"
    assert sound_batches(b'["beat",5]\n', whole=False) == b'["beat",5]\n', "nor did it here, maybe"


def nested_checks(size: int) -> bytes:
    """A segment of lines that each claim to check all that is before them."""
    lines = bytearray(UNBATCHED_HEAD)
    while len(lines) < size:
        lines += b'["check",%d,1,1,9999,0]\n' % len(lines)
    return bytes(lines)


def test_lines_that_claim_to_check_all_before_them_cost_no_more_than_others(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at = [0]

    def counted(content: bytes, value: int = 0) -> int:
        looked_at[0] += len(content)
        return crc32(content, value)

    monkeypatch.setattr("obs_core.journal.batches.crc32", counted)
    monkeypatch.setattr("obs_core.journal.log_files.crc32", counted)
    segment = nested_checks(200_000)
    sound_batches(segment)
    assert 0 < looked_at[0] <= len(segment)

    looked_at[0] = 0
    log = b"".join(b'["check",0,%d,1,1]\n' % size for size in range(100_000, 110_000))
    assert sum(said for _, said in doubtful(log, checked_parts(log))) == 10_000
    assert 0 < looked_at[0] <= 9 * len(log)


def test_parts_of_a_log_that_claim_the_same_bytes_are_given_once() -> None:
    line = b'[1,"out",2]\n'
    good = b'["check",0,%d,1,%d]\n' % (len(line), crc32(line))
    log = line + (good + b'["check",1,1,1,7]\n') * 1000
    assert sum(len(part) for part, _ in doubtful(log, checked_parts(log))) <= len(log)


def test_members_that_fail_only_at_their_ends_are_inflated_within_the_same_bounds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each header begins a member that inflates to the limit, and is damaged only at its end."""
    written = [0]
    made = zlib.decompressobj

    class Counted:
        def __init__(self, wbits: int) -> None:
            self._inflate = made(wbits=wbits)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._inflate, name)

        def decompress(self, content: bytes, most: int) -> bytes:
            part = self._inflate.decompress(content, most)
            written[0] += len(part)
            return part

    monkeypatch.setattr(zlib, "decompressobj", Counted)
    stored = b"\0" + struct.pack("<HH", 20, 20 ^ 0xFFFF)
    header = member(b"")[:20]
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = packer.compress(bytes(8 * 1024 * 1024) + b"\n") + packer.flush() + struct.pack("<II", 0, 0)
    file = (header + stored) * 100 + header + bomb
    assert inflated(file, Bounds(16 * 1024 * 1024, 16)) == (b"", len(file))
    assert written[0] <= 20 * 1024 * 1024


@pytest.mark.parametrize("unit", [b'["of-a-newer-obs"]\n', b'["span"]\n', b"[1\n", b'["a]\n', b"[[[\n", b"\n"])
def test_lines_that_cannot_be_read_are_not_looked_at_one_by_one_for_ever(
    unit: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at = [0]

    class Counted:
        def __init__(self, decoder: Any) -> None:
            self._decoder = decoder

        def __getattr__(self, name: str) -> Any:
            looked_at[0] += 1
            return getattr(self._decoder, name)

    monkeypatch.setattr(reader, "_decoder", Counted(reader._decoder))
    monkeypatch.setattr(reader, "_any_line", Counted(reader._any_line))
    lines = b'["beat",1]\n%b["beat",2]\n' % (unit * (SEGMENT.most // len(unit)))
    first, *others = reader.decode(lines)
    assert first == records.Beat(1)
    is_newer = unit.startswith(b'["of')
    if unit == b"\n" or is_newer:
        assert others == [records.Beat(2)]
    else:
        (torn,) = others
        assert isinstance(torn, records.Torn)
        assert torn.count >= SEGMENT.most // len(unit)
    assert looked_at[0] < 250_000


def test_lines_of_newer_kinds_hide_none_of_the_others() -> None:
    beats = [records.Beat(number) for number in range(20_000)]
    lines = b"".join(b'["beat",%d]\n["from-the-future",{"a":[%d]}]\n' % (one.at, one.at) for one in beats)
    assert reader.decode(lines) == beats
    damaged = lines.replace(b'["beat",777]\n', b'["beat",777\n').replace(b'{"a":[778]}', b'{"a":[778}')
    assert reader.decode(damaged) == [*beats[:777], *beats[778:], records.Torn(2, 11 + 30)]


def test_a_file_that_a_deck_names_very_often_is_read_a_few_times(
    store: RecordingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = [0]

    def read(of: Store, path: str) -> bytes:
        times[0] += 1
        return blob_at(of, path)

    monkeypatch.setattr(deck_files, "blob_at", read)
    place = "executions/e1"
    alpha, beta = (f"{place}/blobs/{digest_of(content)}.gz" for content in (b"alpha", b"beta"))
    rows: list[list[Any]] = [
        ["head", 1, "e1", "main", 10**18, ["h", "elsewhere", 1, 1], "", ""],
        ["execution", 1, "night", 0, {}, "", "", ""],
        ["task", 2, 1, "fit", 1, 1, "", True],
        ["deck", 3, 2, "Rows"],
        *[["blob", 3, 2, alpha, [], ""] for _ in range(20_000)],
        ["blob", 3, 2, beta, [], ""],
    ]
    store.put(f"{place}/main-0000.jsonl", b"".join(json.dumps(row).encode() + b"\n" for row in rows))
    store.put(alpha, zlib.compress(b"alpha", wbits=31))
    store.put(beta, zlib.compress(b"beta", wbits=31))
    run = store.last()
    (deck,) = run.task("fit").decks
    assert deck.items[:2] == ["alpha", "alpha"]
    assert "it stands above already" in deck.items[-2]
    assert deck.items[-1] == "beta"
    assert times[0] < 2_000


def test_a_file_that_many_decks_have_in_common_stands_in_each(store: RecordingStore) -> None:
    @task
    def one(number: int) -> int:
        return number

    with execution("many"):
        for number in range(1_200):
            one(number)
    drawn = [deck.items for each in store.last().tasks for deck in each.decks if deck.name == "Source Code"]
    assert len(drawn) == 1_200
    assert all(items == drawn[0] for items in drawn)


def test_an_item_that_got_its_file_gets_it_whenever_it_is_shown(store: RecordingStore) -> None:
    path = f"executions/e1/blobs/{digest_of(b'alpha')}.gz"
    store.put(path, zlib.compress(b"alpha", wbits=31))
    files = deck_files.DeckFiles(store)
    items = [records.DeckBlob(3, 2, path) for _ in range(2_000)]
    first = [files.html_of(item) for item in items]
    shown = first.count("alpha")
    assert 1_000 < shown < 1_100
    assert [files.html_of(item) for item in items] == first
    assert [files.html_of(items[0]) for _ in range(2_000)] == ["alpha"] * 2_000

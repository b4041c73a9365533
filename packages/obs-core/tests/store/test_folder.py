"""A store in a folder: what leads out of it is refused, and time is told by its own clock."""

from __future__ import annotations

import gzip
import json
import os
import socket
import stat
import time
import zlib
from pathlib import Path

import pytest

from obs_core import execution, list_executions, load_execution, task
from obs_core.commands import main as obs
from obs_core.identity import Process, is_alive, is_dated, later, this_machine
from obs_core.journal import liveness
from obs_core.journal.batches import sealed
from obs_core.store import folder_of, open_store
from obs_core.store.base import StoreError
from obs_core.store.descriptors import close_what_is_left
from obs_core.store.fetching import fetch_each
from obs_core.store.folder import FolderStore
from obs_core.store.packing import CONTENT, SEGMENT, Bounds, compressed, inflated, member, outlined, unpacked
from obs_core.store.paths import belongs_to
from obs_core.testing import RecordingStore

DAY = 86_400.0


@task(enable_deck=False)
def work() -> int:
    return 1


@pytest.mark.parametrize("path", ["../out", "executions/../../out", "/etc/passwd", "a//b", "a/./b", "a\0b", "a\\..\\b"])
def test_a_path_that_leads_out_of_the_store_is_refused(path: str, folder: Path) -> None:
    for store in (open_store(folder), open_store("memory://paths")):
        for refused in (store.get, store.names, store.exists, store.remove, store.size_of):
            with pytest.raises(StoreError):
                refused(path)
        with pytest.raises(StoreError):
            store.put(path, b"x")


@pytest.mark.skipif(os.name != "posix", reason="these are paths of Posix")
@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("~/runs", "/home/ann/runs"),
        ("file:///var/my%20runs", "/var/my runs"),
        ("file:/var/runs", "/var/runs"),
        ("FILE://localhost/var/runs", "/var/runs"),
        ("file://~/runs", "/home/ann/runs"),
        ("file:runs", "file:runs"),
        ("my%20runs", "my%20runs"),
        ("s3://bucket/runs", None),
    ],
)
def test_an_address_means_what_it_means_elsewhere(
    monkeypatch: pytest.MonkeyPatch, address: str, path: str | None
) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    assert folder_of(address) == path


@pytest.mark.skipif(os.name != "posix", reason="needs device files")
def test_a_device_that_stands_where_a_segment_should_be_is_never_removed(tmp_path: Path) -> None:
    full = tmp_path / "full"
    try:
        os.mknod(full, 0o600 | stat.S_IFCHR, os.makedev(1, 7))  # as /dev/full
    except OSError:
        pytest.skip("needs the right to make devices")
    segment = open_store(tmp_path).segment("full")
    with pytest.raises(OSError, match="No space left"):
        segment.append(b"line\n")
    assert stat.S_ISCHR(os.lstat(full).st_mode)


@pytest.mark.skipif(os.name != "posix", reason="needs links")
def test_a_link_in_a_store_is_not_followed_but_for_the_top_folders(folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "e1" / "blobs").mkdir(parents=True)
    (elsewhere / "secret").write_bytes(b"secret")
    folder.mkdir()
    (folder / "executions").symlink_to(elsewhere)  # on another disk, as its owner wants it
    (elsewhere / "e1" / "blobs" / "file").write_bytes(b"own")
    (elsewhere / "e1" / "blobs" / "link").symlink_to(elsewhere / "secret")
    (elsewhere / "e2").symlink_to(elsewhere / "e1")
    store = open_store(folder)
    assert store.get("executions/e1/blobs/file") == b"own"
    for path in ("executions/e1/blobs/link", "executions/e2/blobs/file"):
        with pytest.raises(StoreError, match="symbolic link"):
            store.get(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_a_pipe_in_a_store_is_not_waited_for(folder: Path) -> None:
    folder.mkdir()
    os.mkfifo(folder / "pipe")
    with pytest.raises(StoreError, match="not a file"):
        open_store(folder).get("pipe")


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="needs sockets in folders")
def test_a_socket_in_a_store_is_not_a_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir()
    monkeypatch.chdir(folder)  # its name may only be short
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("socket")
    with pytest.raises(StoreError, match="not a file"):
        open_store(folder).get("socket")


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="counts Linux's descriptors")
def test_a_segment_that_nobody_closed_gives_its_descriptor_back(folder: Path) -> None:
    path = "executions/20260101-000000-000000-aaaaaa/main-0000.jsonl"

    def is_open() -> bool:
        files = [Path("/proc/self/fd", name) for name in os.listdir("/proc/self/fd")]
        return any(os.readlink(file).endswith(path) for file in files if file.is_symlink())

    segment = open_store(folder).segment(path)
    segment.append(b'["x"]\n')
    close_what_is_left()
    assert is_open()
    del segment
    close_what_is_left()
    assert not is_open()
    assert (folder / path).read_bytes() == b'["x"]\n'


def test_records_may_name_files_of_their_own_execution_and_shared_content_only() -> None:
    assert belongs_to("executions/a/blobs/x.gz", "a")
    assert belongs_to("shared/x.gz", "a")
    others = (
        "executions/b/blobs/x.gz",
        "latest/x.json",
        "executions/a/main-0000.jsonl",
        "shared/../x",
        "executions/a/blobs",
    )
    for path in others:
        assert not belongs_to(path, "a")


def test_an_outline_is_taken_instead_of_its_member_unless_either_is_damaged() -> None:
    parts = [os.urandom(3_000) for _ in range(3)]
    content = member(parts[0]) + member(parts[1], outline=b"what it is about") + member(parts[2])
    assert gzip.decompress(content) == b"".join(parts)
    assert inflated(content) == (b"".join(parts), 0)
    assert outlined(content) == (parts[0] + b"what it is about" + parts[2], 0, 9_000)
    for place in (30, 200):  # in the outline, in the member
        at = len(member(parts[0])) + place
        damaged = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
        assert outlined(damaged)[:2] == inflated(damaged)


def test_members_of_gzip_are_found_behind_a_damaged_one_and_read_by_any_gzip() -> None:
    parts = [os.urandom(3_000) for _ in range(3)]
    content = b"".join(map(member, parts))
    assert gzip.decompress(content) == b"".join(parts)
    at = len(member(parts[0])) + 200
    damaged = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
    found, unused = inflated(damaged)
    assert found == parts[0] + parts[2]
    assert unused == len(member(parts[1]))
    with pytest.raises(StoreError, match="damaged"):
        unpacked(damaged)


@pytest.mark.parametrize("url", ["folder", "memory://fetching"])
def test_many_compressed_segments_are_fetched_in_their_order(url: str, tmp_path: Path) -> None:
    store = open_store(tmp_path / "store" if url == "folder" else url)
    paths = [f"executions/20260101-000000-000000-aaaaaa/main-{number:04}.jsonl.gz" for number in range(40)]
    for number, path in enumerate(paths):
        store.put(path, member(b"%d" % number * 1_000))
    fetched = list(fetch_each(store, lambda path: unpacked(store.get(path)), paths))
    assert fetched == [b"%d" % number * 1_000 for number in range(40)]

    def missing(path: str) -> bytes:
        raise FileNotFoundError(path)

    with pytest.raises(FileNotFoundError, match=r"main-0000"):
        list(fetch_each(store, missing, paths))


def test_a_small_file_cannot_fill_the_memory() -> None:
    bomb = zlib.compress(bytes(50_000_000), 9, wbits=31)
    for bounds in (Bounds(1_000_000, 16), SEGMENT, CONTENT):
        assert inflated(bomb, bounds) == (b"", len(bomb))
    with pytest.raises(StoreError, match=f"{len(bomb)} of {len(bomb)} stored bytes are damaged, or hold more than"):
        unpacked(bomb)


def test_what_is_large_and_all_alike_stays_readable() -> None:
    """No reader takes for an attack what obs wrote itself."""
    for size in (CONTENT.most, CONTENT.most + 1, 3 * CONTENT.most):
        content = compressed(bytes(size))
        assert len(content) < size // 50
        assert unpacked(content) == bytes(size)


@pytest.mark.parametrize("url", ["folder", "memory://alike"])
def test_a_segment_of_lines_that_are_all_alike_stays_readable(url: str, tmp_path: Path) -> None:
    store = FolderStore(str(tmp_path / "store")) if url == "folder" else open_store(url)
    path = "executions/20260101-000000-000000-aaaaaa/main-0000.jsonl"
    segment = store.segment(path)
    batch = sealed(b'["beat",1]\n' * 400_000, 400_000, 0, 0)
    for _ in range(6):
        segment.append(batch)
        segment.size += len(batch)
    segment.close()
    content = store.get(f"{path}.gz")
    assert len(content) < 2 * len(batch)
    assert inflated(content) == (6 * batch, 0)


def test_a_million_small_members_take_linear_time() -> None:
    content = zlib.compress(b"x", wbits=31) * 50_000
    assert unpacked(content) == b"x" * 50_000


def test_times_are_compared_by_the_clock_of_the_store(store: RecordingStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader whose clock is an hour ahead does not take a running execution of another machine for lost."""
    head = [
        ["head", 1, "e1", "main", 10**18, ["h", "elsewhere", 1, 1], "", ""],
        ["execution", 1, "night", 0, {}, "", "", ""],
    ]

    store.put("executions/e1/main-0000.jsonl", b"".join(json.dumps(row).encode() + b"\n" for row in head))
    monkeypatch.setattr(time, "time", lambda now=time.time: now() + 3600)
    monkeypatch.setattr(store, "now", lambda: store.modified("executions/e1/main-0000.jsonl") + 1)
    assert store.last().status == "running"
    monkeypatch.setattr(store, "now", lambda: store.modified("executions/e1/main-0000.jsonl") + liveness.SILENCE + 1)
    assert store.last().status == "lost"
    store.put("executions/e1/main-0001.jsonl", b'["beat",5]\n')
    monkeypatch.setattr(store, "now", lambda: store.modified("executions/e1/main-0001.jsonl") + 1)
    assert store.last().status == "running", "a sign of life takes it back"


def test_a_folder_tells_the_time_of_its_file_system(folder: Path) -> None:
    folder.mkdir()
    for store in (open_store(folder), open_store("memory://clocks")):
        before = time.time()
        now = store.now()
        assert before - 1 < now < time.time() + 1  # a file system's clock ticks in steps
    assert list(folder.iterdir()) == []


def lost_execution(folder: Path, silent_for: float) -> str:
    """An execution of another machine that began long ago, and was heard of some time ago."""
    name = "20250101-000000-000000-aaaaaa"
    journal = folder / "executions" / name
    journal.mkdir(parents=True)
    rows = [
        ["head", 1, name, "main", 10**18, ["h", "elsewhere", 1, 1], "", ""],
        ["execution", 1, "night", 0, {}, "", "", ""],
    ]
    (journal / "main-0000.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    heard = time.time() - silent_for
    os.utime(journal / "main-0000.jsonl", (heard, heard))
    return name


@pytest.mark.parametrize(("silent_for", "left"), [(120.0, True), (DAY - 600, True), (DAY + 600, False)])
def test_gc_waits_a_day_before_it_removes_what_seems_lost(silent_for: float, left: bool, folder: Path) -> None:
    name = lost_execution(folder, silent_for)
    assert [one.status for one in list_executions(folder)] == ["lost"]
    assert obs(["gc", "--older-than", "1h", "--store", str(folder)]) == 0
    assert (folder / "executions" / name).exists() is left


@pytest.mark.parametrize("pid", [10**12, 0, -1, -(10**12), 2**31])
def test_an_absurd_process_id_is_of_no_living_process(pid: int) -> None:
    assert is_alive(Process("h", this_machine(), pid, 1)) is False


def test_a_clock_that_was_set_back_does_not_make_the_old_execution_the_last_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from obs_core.recording import naming

    with execution("old", store=folder):
        work()
    monkeypatch.setattr(naming, "_newest", "")  # as in another process
    monkeypatch.setattr(naming, "_looked_at", -(2**62))
    monkeypatch.setattr(time, "time_ns", lambda now=time.time_ns: now() - 3600 * 10**9)
    for name in ("new", "newest"):
        with execution(name, store=folder):
            work()
    assert [one.name for one in list_executions(folder)] == ["newest", "new", "old"]
    assert load_execution("last", folder).name == "newest"


def test_an_id_is_moved_behind_another_one() -> None:
    assert later("20260101-000000-000000-aaaaaa", "20251231-235959-999999-zzzzzz") == "20260101-000000-000000-aaaaaa"
    assert later("20250101-000000-000000-aaaaaa", "20251231-235959-999999-zzzzzz") == "20260101-000000-000000-aaaaaa"
    assert not is_dated("execution-1")


@pytest.mark.skipif(os.name != "posix" or not hasattr(os, "fsencode"), reason="needs names of bytes")
def test_one_execution_that_cannot_be_read_spoils_nothing_for_the_others(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OBS_STRICT", "0")
    with execution("good", store=folder):
        work()
    executions = os.fsencode(folder / "executions")
    os.makedirs(os.path.join(executions, b"\xff\xfe-not-utf-8"))
    with open(os.path.join(executions, b"\xff\xfe-not-utf-8", b"main-0000.jsonl"), "wb") as file:
        file.write(b'["head",1,"x","main",1,["","",0,0],"",""]\n')
    (folder / "executions" / "a-folder" / "main-0000.jsonl").mkdir(parents=True)
    (folder / "executions" / "a-file").write_bytes(b"")
    assert obs(["ls", "--store", str(folder)]) == 0
    assert "good" in capsys.readouterr().out
    assert obs(["gc", "--older-than", "1h", "--dry-run", "--store", str(folder)]) == 0
    assert "would remove 0 executions" in capsys.readouterr().out


@pytest.mark.skipif(os.name == "nt", reason="making a link needs a privilege there")
def test_a_folder_that_becomes_a_link_is_followed_no_more(tmp_path: Path) -> None:
    store, outside = open_store(tmp_path / "store"), tmp_path / "outside"
    outside.mkdir()
    (outside / "a.raw").write_bytes(b"theirs")
    store.put("executions/e/logs/a.raw", b"mine")
    assert store.get("executions/e/logs/a.raw") == b"mine"
    logs = tmp_path / "store/executions/e/logs"
    logs.rename(tmp_path / "moved")
    logs.symlink_to(outside)
    with pytest.raises(StoreError, match="symbolic link: not followed"):
        store.get("executions/e/logs/a.raw")
    with pytest.raises(StoreError, match="symbolic link: not followed"):
        store.put("executions/e/logs/a.raw", b"mine")


@pytest.mark.posix
def test_only_a_file_is_read_ahead(tmp_path: Path) -> None:
    store = FolderStore(str(tmp_path))
    store.put("executions/e/main-0000.jsonl", b"a line\n")
    if hasattr(os, "posix_fadvise"):
        store.read_ahead("executions/e/main-0000.jsonl", 1_000_000)
    assert store.get("executions/e/main-0000.jsonl") == b"a line\n"
    (tmp_path / "executions/e/main-0001.jsonl").symlink_to(tmp_path / "own")
    os.mkfifo(tmp_path / "executions/e/main-0002.jsonl")
    for name, error in (("main-0001", "symbolic link"), ("main-0002", "not a file"), ("main-0003", "No such file")):
        with pytest.raises(OSError, match=error):
            store.read_ahead(f"executions/e/{name}.jsonl", 1_000)


@pytest.mark.skipif(os.name == "nt", reason="making a link needs a privilege there")
def test_a_segment_is_never_written_or_read_through_a_link(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.write_bytes(b"mine")
    store = open_store(tmp_path / "store")
    folder = tmp_path / "store/executions/e"
    folder.mkdir(parents=True)
    segment = store.segment("executions/e/main-0001.jsonl")
    (folder / "main-0001.jsonl").symlink_to(own)
    with pytest.raises(OSError, match="symbolic link"):
        segment.append(b"a line\n")
    other = store.segment("executions/e/main-0002.jsonl")
    other.append(b"x" * 100_000)
    other.size += 100_000
    (folder / "main-0002.jsonl.gz.tmp").symlink_to(own)
    other.close()
    assert own.read_bytes() == b"mine"
    assert (folder / "main-0002.jsonl.gz").exists()

"""A journal is read as it grows, each line once."""

from __future__ import annotations

import gzip
import os
import socket
from pathlib import Path

import pytest

from obs_core.store import Store, open_store
from obs_core.store.paths import segment_path
from obs_core.testing.segments import UNBATCHED_HEAD as HEAD
from obs_ui.tailing import JournalTail

RUN = "20260101-000000-000000-aaaaaa"


def added(tail: JournalTail) -> list[tuple[str, bytes]]:
    return [(one.writer, one.lines) for one in tail.read()]


def write(folder: Path, name: str, content: bytes) -> Path:
    file = folder / "executions" / RUN / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


def test_only_what_was_added_is_read(folder: Path) -> None:
    tail = JournalTail(open_store(), RUN)
    assert added(tail) == []
    write(folder, "main-0000.jsonl", HEAD)
    assert added(tail) == [("main", HEAD)]
    assert added(tail) == []
    write(folder, "main-0000.jsonl", HEAD + b"[2]\n[3]\n")
    write(folder, "other-0000.jsonl", HEAD)
    assert added(tail) == [("main", b"[2]\n[3]\n"), ("other", HEAD)]


def test_half_a_line_waits_for_its_other_half(folder: Path) -> None:
    tail = JournalTail(open_store(), RUN)
    write(folder, "main-0000.jsonl", HEAD + b"[2")
    assert added(tail) == [("main", HEAD)]
    write(folder, "main-0000.jsonl", HEAD + b"[22]\n")
    assert added(tail) == [("main", b"[22]\n")]


def test_a_segment_that_was_compressed_is_not_read_twice(folder: Path) -> None:
    tail = JournalTail(open_store(), RUN)
    plain = write(folder, "main-0000.jsonl", HEAD)
    assert added(tail) == [("main", HEAD)]
    write(folder, "main-0000.jsonl.gz", gzip.compress(HEAD + b"[2]\n"))
    assert added(tail) == [("main", b"[2]\n")]
    plain.unlink()
    write(folder, "main-0001.jsonl", HEAD)
    assert added(tail) == [("main", HEAD)]


@pytest.mark.parametrize("url", ["memory://tailing", "folder"])
def test_a_segment_of_several_members_grows(url: str, tmp_path: Path) -> None:
    store: Store = open_store(str(tmp_path / "store") if url == "folder" else url)
    tail = JournalTail(store, RUN)
    path = segment_path(RUN, "main", 0) + ".gz"
    store.put(path, gzip.compress(HEAD))
    assert added(tail) == [("main", HEAD)]
    store.put(path, gzip.compress(HEAD) + gzip.compress(b"[2]\n"))
    assert added(tail) == [("main", b"[2]\n")]
    assert added(tail) == []
    store.remove("executions")


def test_what_was_read_beside_a_segment_that_cannot_be_read_is_given_later(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"main-{number:04}.jsonl.gz" for number in range(8)]
    for number, name in enumerate(names):
        write(folder, name, gzip.compress(HEAD + b"[%d]\n" % number))
    store = open_store()
    get, broken = store.get, [True]

    def failing(path: str, *where: int) -> bytes:
        if broken and path.endswith(names[3]):
            raise OSError(5, "the disk failed", path)
        return get(path, *where)

    monkeypatch.setattr(store, "get", failing)
    tail = JournalTail(store, RUN)
    given: list[bytes] = []

    def read() -> None:
        given.extend(one.lines for one in tail.read())

    with pytest.raises(OSError, match="the disk failed"):
        read()
    broken.clear()
    read()
    assert given == [HEAD + b"[%d]\n" % number for number in range(8)]


@pytest.mark.parametrize("kind", ["a link", "a folder", "a pipe", "a socket"])
def test_what_is_no_segment_hides_no_others_and_is_told_once(
    folder: Path, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = write(folder, "main-0000.jsonl", HEAD).with_name("other-0000.jsonl")
    if kind == "a link":
        (tmp_path / "secret").write_text("[9]\n")
        place.symlink_to(tmp_path / "secret")
    elif kind == "a folder":
        place.mkdir()
    elif kind == "a pipe" and hasattr(os, "mkfifo"):
        os.mkfifo(place)
    elif kind == "a socket" and hasattr(socket, "AF_UNIX"):
        monkeypatch.chdir(place.parent)  # its name may only be short
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(place.name)
    else:
        pytest.skip(f"there is nothing like {kind} here")
    tail = JournalTail(open_store(), RUN)
    assert added(tail) == [("main", HEAD), ("other", b'["torn",1,0]\n')]
    assert added(tail) == []

from __future__ import annotations

import os
from pathlib import Path

import pytest

from obs_resources.files import KeptOpen, number_in, read_whole

STATUS = b"Name:\tVmRSS: 7 kB\nVmRSSx:\t1 kB\nVmRSS:\t    1024 kB\nThreads:\t3\nSigQ:\tnone\n"


@pytest.mark.parametrize(
    ("name", "number"), [(b"VmRSS:", 1024.0), (b"Threads:", 3.0), (b"SigQ:", None), (b"VmRS", None), (b"Swap:", None)]
)
def test_a_number_is_found_behind_its_whole_name_alone(name: bytes, number: float | None) -> None:
    assert number_in(STATUS, name) == number


@pytest.mark.posix
def test_reading_leaves_no_file_open(tmp_path: Path) -> None:
    file = tmp_path / "memory.stat"
    file.write_bytes(b"anon 5\n")
    before = os.listdir("/dev/fd")
    assert read_whole(str(file)) == b"anon 5\n"
    with pytest.raises(IsADirectoryError):
        read_whole(str(tmp_path))
    assert os.listdir("/dev/fd") == before


@pytest.mark.posix
def test_a_file_that_is_kept_open_tells_what_it_says_now(tmp_path: Path) -> None:
    file = tmp_path / "memory.stat"
    file.write_bytes(b"anon 5\n")
    kept = KeptOpen(str(tmp_path / "none"), str(file), "")
    assert kept.read() == [b"", b"anon 5\n", b""]
    with file.open("r+b") as changed:
        changed.write(b"anon 7")
    assert kept.read() == [b"", b"anon 7\n", b""]
    assert len(kept) == 1
    kept.close()


@pytest.mark.posix
def test_what_a_program_opens_in_its_place_is_neither_read_nor_closed(tmp_path: Path) -> None:
    file, other = tmp_path / "memory.stat", tmp_path / "other"
    file.write_bytes(b"anon 5\n")
    other.write_bytes(b"theirs")
    kept = KeptOpen(str(file))
    kept.read()
    (taken,) = kept._descriptors
    assert taken is not None
    os.close(taken)
    with other.open("rb") as theirs:
        assert theirs.fileno() == taken
        kept.close()
        assert theirs.read() == b"theirs"
        assert kept.read() == [b"anon 5\n"]
        assert theirs.read() == b""
    kept.close()


@pytest.mark.posix
def test_a_forked_child_has_none_of_what_its_parent_keeps_open(tmp_path: Path) -> None:
    file = tmp_path / "memory.stat"
    file.write_bytes(b"anon 5\n")
    kept = KeptOpen(str(file))
    kept.read()
    pid = os.fork()
    if not pid:
        os._exit(len(kept))
    assert os.waitpid(pid, 0)[1] == 0
    assert len(kept) == 1
    kept.close()
    assert len(kept) == 0

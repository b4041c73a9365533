from __future__ import annotations

import os
from pathlib import Path

import pytest

from obs_resources.files import number_in, read_whole

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

"""Memory that a profile takes besides its data: bounded, however large the data is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("pyarrow")
resource = pytest.importorskip("resource")

MOST = 150
"""Megabytes; a column of 60 MB took 300 to 1,100 before it was read piece by piece."""

PROGRAM = """
import os, pathlib, resource, sys
import numpy as np, pyarrow as pa
from obs_profiles import profile

def peak():
    # What getrusage tells of a process begins with what the one that started it took.
    status = pathlib.Path("/proc/self/status")
    if status.exists():
        lines = status.read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)

def texts(count, size):
    return ["x" * (size - 12) + f"{number:010d}é" for number in range(count)]

profile({"it": [1, "x", [1], b"x"]}), profile(pa.table({"it": [[1.0]], "also": ["é"]}))
{make}
before = peak()
known = profile(data)
print(known.rows, round(peak() - before), round(before))
"""

COLUMNS = {
    "lists": "ends = np.arange(0, 7_500_001, 1_000, np.int32)\n"
    "data = pa.table({'it': pa.ListArray.from_arrays(ends, np.arange(7.5e6))})",
    "rows that are lists": "data = {'it': np.arange(7.5e6).reshape(-1, 1_000)}",
    "long texts": "data = pa.table({'it': texts(60_000, 1_000)})",
    "long texts of Python": "data = {'it': texts(60_000, 1_000)}",
    "long texts of polars": "import polars as pl\ndata = pl.DataFrame({'it': texts(60_000, 1_000)})",
    "one text": "data = {'it': ['é' * 60_000_000]}",
    "one text of arrow": "data = pa.table({'it': ['é' + 'x' * 60_000_000]})",
    "images": "data = {'it': [os.urandom(100_000) for _ in range(600)]}",
    "images of arrow": "data = pa.table({'it': [os.urandom(100_000) for _ in range(600)]})",
    "bytes of one width": "values = [os.urandom(1_000) for _ in range(60_000)]\n"
    "data = pa.table({'it': pa.array(values, pa.binary(1_000))})",
    "bytes of numpy": "data = np.frombuffer(os.urandom(60_000_000), 'S1000')",
    "texts of numpy": "data = np.array(texts(15_000, 1_000))",
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(make, id=name, marks=pytest.mark.nightly if number % 2 else ())
        for number, (name, make) in enumerate(COLUMNS.items())
    ],
)
def test_a_large_column_takes_no_more_memory(make: str) -> None:
    if "polars" in make:
        pytest.importorskip("polars")
    assert extra(make) < MOST


@pytest.mark.slow
def test_a_file_takes_as_much_memory_however_long_it_is(tmp_path: Path) -> None:
    write = """
import pyarrow.parquet as pq
with pq.ParquetWriter({path!r}, pa.schema({{"it": pa.string()}})) as writer:
    for group in range({groups}):
        writer.write_table(pa.table({{"it": texts(8_000, 1_000)}}))
data = {path!r}
"""
    path = str(tmp_path / "flights.parquet")
    sizes = [extra(write.format(path=path, groups=groups)) for groups in (4, 16)]
    assert max(sizes) < MOST


def test_a_data_set_and_a_reader_are_read_in_batches(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.dataset
    import pyarrow.parquet

    from obs_profiles import profile

    table = pa.table({"it": [f"{number:04d}" for number in range(1_000)]})
    for part in range(3):
        pyarrow.parquet.write_table(table.slice(part * 300, 300 + 100 * (part == 2)), tmp_path / f"{part}.parquet")
    data = pyarrow.dataset.dataset(tmp_path)
    known = profile(table)["it"].distinct
    for given in (data, data.scanner(), data.scanner().to_reader(), table.to_reader(7)):
        column = profile(given)["it"]
        assert (column.rows, dict(column.types), column.distinct.estimate) == (1_000, {"text": 1_000}, known.estimate)
    empty = profile(data.scanner(filter=pyarrow.dataset.field("it") == ""))
    assert (empty.rows, list(empty)) == (0, ["it"])


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system counts what started a process")
def test_what_is_measured_does_not_depend_on_the_process_that_measures() -> None:
    ballast = b"x" * 600_000_000
    _, before = measured("data = {'it': [1]}")
    assert before < len(ballast) / 1e6


def extra(make: str) -> int:
    """Megabytes that a process takes at most for the profile of some data, besides what it takes for these."""
    return measured(make)[0]


def measured(make: str) -> tuple[int, int]:
    """Return that, and the megabytes that the process took before."""
    program = PROGRAM.replace("{make}", make)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found, before = map(int, done.stdout.split()[1:])
    print(f"{found} MB")  # `-rP` shows it
    return found, before

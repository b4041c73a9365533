"""Profiles and drift of obs-profiles beside obs-whylogs, bare whylogs, DataSketches and exact numpy.

Run it twice: ``./scripts/hatch run bench:run profiles`` has numpy 2 and pandas 3, as users have them, and
``./scripts/hatch run bench-profiles:run profiles`` bare whylogs, which wants numpy 1 and pandas 2. Its sort is half as
fast on processors without AVX-512. What is measured is CPU time, so that a busy machine disturbs less; what is not
installed is left out. `BENCH_PROFILES` chooses parts of it: ``BENCH_PROFILES=memory,alarms``.
"""

from __future__ import annotations

import json
import os
import platform
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.benchmarks.measuring import installed, print_table, run_fresh
from tests.benchmarks.mixed_frame import MIXED

DATA = (
    """
import json, os, time
os.environ["WHYLOGS_NO_ANALYTICS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = os.environ["POLARS_MAX_THREADS"] = "1"
import numpy as np, pandas as pd
"""
    + MIXED
    + """def measured(work, rounds=3):
    found = []
    for _ in range(rounds):
        began = time.process_time()
        result = work()
        found.append(time.process_time() - began)
    return min(found), result
def tell(*found):
    print(json.dumps(found))
ROWS = {rows}
"""
)

OURS = """
from obs_profiles import profile
frame = mixed(ROWS, 0)
profile(frame.head(100))
"""

PROFILES = {
    "obs-profiles, pandas (texts as objects)": (
        "obs_profiles",
        OURS + "seconds, made = measured(lambda: profile(frame)); tell(seconds, len(made.to_bytes()))",
    ),
    "obs-profiles, pyarrow": (
        "pyarrow",
        OURS
        + "import pyarrow as pa; table = pa.Table.from_pandas(frame)\n"
        + "seconds, made = measured(lambda: profile(table)); tell(seconds, len(made.to_bytes()))",
    ),
    "obs-profiles, polars": (
        "polars",
        OURS
        + "import polars as pl; table = pl.from_pandas(frame)\n"
        + "seconds, made = measured(lambda: profile(table)); tell(seconds, len(made.to_bytes()))",
    ),
    "obs-whylogs": (
        "whylogs",
        "from obs_whylogs import profile\nframe = mixed(ROWS, 0); profile(frame.head(100))\n"
        "seconds, made = measured(lambda: profile(frame)); tell(seconds, len(made.serialize()))",
    ),
    "bare whylogs": (
        "whylogs",
        "import whylogs\nframe = mixed(ROWS, 0); whylogs.log(frame.head(100))\n"
        "seconds, made = measured(lambda: whylogs.log(frame).view(), 1); tell(seconds, len(made.serialize()))",
    ),
    "exact, with numpy and pandas": (
        "pandas",
        """
def exact(frame):
    for name in frame:
        column = frame[name]
        counts = column.value_counts()
        if column.dtype.kind in "ifM":
            values = np.sort(column.dropna().to_numpy())
            values[(np.linspace(0, 1, 101) * (len(values) - 1)).astype(int)]
            column.mean(), column.std()
        elif column.dtype == object:
            column.str.len().value_counts()
frame = mixed(ROWS, 0)
seconds, _ = measured(lambda: exact(frame), 1); tell(seconds, 0)
""",
    ),
}

MERGES = {
    "obs-profiles": (
        "obs_profiles",
        "from obs_profiles import merge, profile\nframe = mixed(100_000, 0)\n"
        "parts = [profile(frame.iloc[start : start + 100]) for start in range(0, 100_000, 100)]\n"
        "tell(measured(lambda: merge(parts))[0])",
    ),
    "obs-profiles, of 10,000 rows each": (
        "obs_profiles",
        "from obs_profiles import merge, profile\nfrom copy import copy\n"
        "parts = [profile(mixed(10_000, seed)) for seed in range(100)] * 10\n"
        "tell(measured(lambda: merge(parts))[0])",
    ),
    "obs-whylogs": (
        "whylogs",
        "from obs_whylogs import merge_profiles, profile\nframe = mixed(100_000, 0)\n"
        "parts = [profile(frame.iloc[start : start + 100]) for start in range(0, 100_000, 100)]\n"
        "tell(measured(lambda: merge_profiles(parts), 1)[0])",
    ),
}

DRIFTS = {
    "obs-profiles": (
        "obs_profiles",
        "from obs_profiles import drift, profile\nparts = profile(mixed(ROWS, 0)), profile(mixed(ROWS, 1))\n"
        "drift(*parts); seconds, found = measured(lambda: drift(*parts), 10)\n"
        "tell(seconds, measured(lambda: found._repr_html_(), 10)[0])",
    ),
    "of whylogs' profiles, which are read first": (
        "whylogs",
        "from obs_profiles import drift\nfrom obs_whylogs import profile\n"
        "parts = profile(mixed(ROWS, 0)), profile(mixed(ROWS, 1))\n"
        "drift(*parts); seconds, found = measured(lambda: drift(*parts), 10)\n"
        "tell(seconds, measured(lambda: found._repr_html_(), 10)[0])",
    ),
}

WIDE = """
from obs_profiles import profile
rng = np.random.default_rng(1)
columns = {f"n{k}": rng.normal(size=ROWS) for k in range(6_000)}
columns |= {f"i{k}": rng.integers(0, 50, ROWS) for k in range(2_000)}
words = np.array(["EWR", "JFK", "LGA"], object)
frame = pd.DataFrame(columns | {f"w{k}": words[rng.integers(0, 3, ROWS)] for k in range(2_000)})
profile(frame.iloc[:, :10])
seconds, made = measured(lambda: profile(frame)); tell(seconds, len(made.to_bytes()), len(made))
"""

BATCHES = """
import resource
from obs_profiles import profile
def batches(count):
    rng = np.random.default_rng(1)
    for _ in range(count):
        wide, small = (rng.integers(0, most, 1_000_000) for most in (10**12, 50))
        yield {"number": rng.normal(size=1_000_000), "wide": wide, "small": small}
profile(batches(5))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
seconds, made = measured(lambda: profile(batches(ROWS // 1_000_000)), 1)
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
tell(seconds, before, after, made.rows, made["number"].numbers.quantiles.rank_error)
"""

ERRORS = """
import datasketches
from obs_profiles.sketches import DistinctSketch, QuantileSketch
from obs_profiles.sketches.hashing import coupons_of_numbers
rng = np.random.default_rng(1)
at = np.linspace(0.05, 0.95, 19)
found = {"ours": [], "theirs": [], "merged": [], "their merged": [], "distinct": [], "their distinct": []}
def worst(ranks, exact):
    return float(np.abs(np.asarray(ranks) - exact).max())
for _ in range(ROWS):
    parts = [rng.lognormal(0, 2, 5_000) for _ in range(20)]
    whole = np.sort(np.concatenate(parts))
    points = whole[(at * len(whole)).astype(int)]
    exact = np.searchsorted(whole, points, "right") / len(whole)
    found["ours"].append(worst(QuantileSketch.of(whole).shares_below(points, inclusive=True), exact))
    kll = datasketches.kll_doubles_sketch(256); kll.update(np.concatenate(parts))
    found["theirs"].append(worst([kll.get_rank(float(point), True) for point in points], exact))
    folded = QuantileSketch.of(np.sort(parts[0])); union = datasketches.kll_doubles_sketch(256); union.update(parts[0])
    for part in parts[1:]:
        folded = QuantileSketch.merged([folded, QuantileSketch.of(np.sort(part))])
        other = datasketches.kll_doubles_sketch(256); other.update(part); union.merge(other)
    found["merged"].append(worst(folded.shares_below(points, inclusive=True), exact))
    found["their merged"].append(worst([union.get_rank(float(point), True) for point in points], exact))
    numbers = rng.integers(0, 2**62, 20_000)
    found["distinct"].append(DistinctSketch.of(coupons_of_numbers(numbers)).estimate / 20_000 - 1)
    union = datasketches.hll_union(12)
    for part in np.array_split(numbers, 2):
        sketch = datasketches.hll_sketch(12)
        for number in part.tolist():
            sketch.update(number)
        union.update(sketch)
    found["their distinct"].append(union.get_estimate() / 20_000 - 1)
tell({name: np.quantile(np.abs(values), [0.5, 0.99]).tolist() for name, values in found.items()})
"""

ALARMS = """
from obs_profiles import drift
rng = np.random.default_rng(5)
rare = 1 / np.arange(1, 31); rare /= rare.sum()
def sample(size):
    return {
        "normal": rng.normal(size=size),
        "heavy": rng.lognormal(0, 3, size),
        "dice": rng.integers(0, 6, size),
        "wide": rng.integers(0, 5000, size),
        "word": [f"w{k}" for k in rng.choice(30, size, p=rare)],
        "many": [f"w{k}" for k in rng.integers(0, 1000, size)],
        "id": [f"id{k}" for k in rng.integers(0, 10**9, size)],
        "gaps": np.where(rng.random(size) > 0.1, 1.0, np.nan),
        "flag": rng.random(size) > 0.02,
        "zeros": np.where(rng.random(size) > 0.3, 0, rng.normal(size=size)),
    }
pairs = 1000
alarms = sum(len(drift(sample(ROWS), sample(ROWS)).drifted) for _ in range(pairs))
def shifted(before, after):
    return sum(bool(drift({"it": before()}, {"it": after()}).drifted) for _ in range(100))
letters = lambda: rng.choice(["a", "b", "c"], 10_000)
normal = lambda mean=0.0: rng.normal(mean, 1, 10_000)
found = {
    "mean moved by 0.2 standard deviations": shifted(normal, lambda: normal(0.2)),
    "a new category of 1 %": shifted(letters, lambda: np.where(rng.random(10_000) < 0.01, "new", letters())),
    "5 % missing": shifted(normal, lambda: np.where(rng.random(10_000) < 0.05, np.nan, normal())),
} if ROWS == 1_000 else {}
tell(alarms, pairs * 10, found)
"""

VARIOUS = """
def various(rows):
    rng = np.random.default_rng(5)
    def objects(texts):
        return np.array(list(texts), object)
    columns = {
        "normal": rng.normal(size=rows),
        "lognormal": rng.lognormal(3, 1, rows),
        "price": np.round(rng.gamma(2, 20, rows), 2),
        "rate": np.round(rng.random(rows), 4),
        "float32": rng.normal(size=rows).astype("f4"),
        "gaps": np.where(rng.random(rows) < 0.1, np.nan, rng.normal(size=rows)),
        "integer": rng.integers(0, 1_000_000, rows),
        "small": rng.integers(0, 100, rows),
        "count": rng.poisson(4, rows),
        "key": np.arange(rows),
        "wide": rng.integers(0, 2**62, rows),
        "second": pd.to_datetime(rng.integers(1_600_000_000, 1_700_000_000, rows), unit="s"),
        "moment": pd.to_datetime(rng.integers(1_600_000_000_000, 1_700_000_000_000, rows), unit="ms"),
        "day": pd.to_datetime(rng.integers(18_000, 19_000, rows), unit="D"),
        "user": objects(f"user_{k}" for k in rng.integers(0, 500_000, rows)),
        "token": objects(f"{k:016x}" for k in rng.integers(0, 2**62, rows)),
        "origin": rng.choice(objects(["EWR", "JFK", "LGA", "BOS", "ORD"]), rows),
        "city": objects(f"city of {k}" for k in range(1_000))[rng.zipf(1.3, rows) % 1_000],
        "flag": rng.random(rows) < 0.3,
        "sentence": objects(f"The {k} foxes jump over {k * 7919 % 100_003} dogs" for k in range(50_000))[
            rng.integers(0, 50_000, rows)
        ],
    }
    return pd.DataFrame(columns)
"""

MEMORY = """
import pyarrow as pa, pyarrow.parquet as pq
from obs_profiles import profile
SIZE = 50_000_000
rng = np.random.default_rng(1)
def memory(name):
    lines = open("/proc/self/status").read().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) / 1e3
def texts(size, count=SIZE):
    return ["x" * (size - 12) + f"{number:010d}é" for number in range(count // size)]
profile({"it": [1, "x", [1], b"x"]}), profile(pa.table({"it": [[1.0]], "also": ["é"]}))
{make}
# What making the data took at most is forgotten, or it would hide what the profile takes.
open("/proc/self/clear_refs", "w").write("5")
before = memory("VmRSS"); profile(data); tell(round(memory("VmHWM") - before))
"""

IN_MEMORY = {
    "lists of 1,000 numbers, arrow": "data = pa.table({'it': pa.ListArray.from_arrays("
    "np.arange(0, SIZE // 8 + 1, 1_000, np.int32), rng.random(SIZE // 8))})",
    "texts of 1,000 characters, arrow": "data = pa.table({'it': texts(1_000)})",
    "the same, Python": "data = {'it': texts(1_000)}",
    "the same, polars": "import polars as pl; data = pl.DataFrame({'it': texts(1_000)})",
    "4,000,000 texts of 12 characters in 4 batches, arrow": "data = pa.Table.from_batches("
    "[pa.record_batch({'it': texts(12, SIZE // 4)}) for _ in range(4)])",
    "images of 100 kB, Python": "data = {'it': [rng.bytes(100_000) for _ in range(SIZE // 100_000)]}",
    "the same, arrow": "data = pa.table({'it': [rng.bytes(100_000) for _ in range(SIZE // 100_000)]})",
    "bytes of one width, arrow": "data = pa.table({'it': pa.array("
    "[rng.bytes(1_000) for _ in range(SIZE // 1_000)], pa.binary(1_000))})",
    "the same, numpy": "data = np.frombuffer(rng.bytes(SIZE), 'S1000')",
}

IN_FILES = """
with pq.ParquetWriter("{path}", pa.schema({"it": pa.string()})) as writer:
    for _ in range({groups}):
        writer.write_table(pa.table({"it": texts(1_000, 8_000_000)}))
data = "{path}"
"""


def main() -> None:
    """Measure and print."""
    print(f"{_processor()}, numpy {version('numpy')}, pandas {version('pandas')}, Python {platform.python_version()}")
    parts = {
        "profiles": _profiles,
        "sizes": _sizes,
        "merges": _merges,
        "drifts": _drifts,
        "many": _many,
        "memory": _memory,
        "errors": _errors,
        "alarms": _alarms,
    }
    for name in filter(None, os.environ.get("BENCH_PROFILES", ",".join(parts)).split(",")):
        parts[name]()


def _many() -> None:
    seconds, size, columns = _run(WIDE, 1_000)
    print_table(
        "Many columns", ("", "CPU", "file"), [(f"1,000 x {columns:,}", f"{seconds:.2f} s", f"{size / 1e6:.1f} MB")]
    )
    rows = []
    for count in (10_000_000, 100_000_000):
        seconds, before, after, made, error = _run(BATCHES, count)
        rows.append(
            (
                f"{made:,} x 3",
                f"{seconds:.1f} s",
                f"{before / 1e3:.0f} MB",
                f"{after / 1e3:.0f} MB",
                f"{100 * error:.2f} %",
            )
        )
    print_table(
        "In batches",
        ("", "CPU, making the data too", "memory of 5 batches", "memory of all", "rank error stated"),
        rows,
    )


def _processor() -> str:
    """Name the processor, as Linux calls it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


def _profiles() -> None:
    rows = []
    for name, (module, source) in PROFILES.items():
        if name == "bare whylogs" and not version("numpy").startswith("1."):
            continue  # it wants numpy 1
        if installed(module):
            seconds, size = _run(source, 1_000_000)
            rows.append((name, f"{seconds:.2f} s", f"{size / 1e3:.1f} kB" if size else ""))
    print_table("A profile of 1,000,000 x 20", ("", "CPU", "file"), rows)


def _sizes() -> None:
    """Measure the files of two tables: that of which profiles are measured, and one of many values in most columns."""
    tables = {"as above": "mixed(ROWS, 0)", "of many values in 15 columns": "various(ROWS)"}
    source = VARIOUS + "from obs_profiles import profile\ntell(len(profile(TABLE).to_bytes()))"
    rows = [
        (f"1,000,000 x 20, {name}", f"{_run(source.replace('TABLE', table), 1_000_000)[0] / 1e3:.1f} kB")
        for name, table in tables.items()
    ]
    print_table("Sizes of files", ("", "file"), rows)


def _merges() -> None:
    rows = [(name, f"{_run(source, 0)[0]:.2f} s") for name, (module, source) in MERGES.items() if installed(module)]
    print_table("Merging 1,000 profiles of 20 columns", ("", "CPU"), rows)


def _drifts() -> None:
    found = {name: _run(source, 100_000) for name, (module, source) in DRIFTS.items() if installed(module)}
    rows = [(name, f"{1e3 * compare:.1f} ms", f"{1e3 * draw:.1f} ms") for name, (compare, draw) in found.items()]
    print_table("Drift of two profiles of 20 columns", ("", "CPU", "its page"), rows)


def _memory() -> None:
    """Measure the memory that a profile takes at most, besides what its data takes; Linux alone tells it."""
    if not installed("pyarrow") or not Path("/proc/self/clear_refs").exists():
        return
    rows = [
        (name, f"{_run(MEMORY.replace('{make}', make), 0)[0]} MB")
        for name, make in IN_MEMORY.items()
        if "polars" not in make or installed("polars")
    ]
    for groups in (4, 16, 48):
        with tempfile.TemporaryDirectory() as folder:
            make = IN_FILES.replace("{path}", f"{folder}/texts.parquet").replace("{groups}", str(groups))
            (most,) = _run(MEMORY.replace("{make}", make), 0)
        rows.append((f"a Parquet file of {groups} row groups of 8 MB", f"{most} MB"))
    print_table("Memory besides the data", ("50 MB of", "at most"), rows)


def _errors() -> None:
    if not installed("datasketches"):
        return
    (found,) = _run(ERRORS, 200)
    names = {
        "ours": "rank, obs-profiles, in one piece",
        "theirs": "rank, DataSketches KLL (k = 256), in one piece",
        "merged": "rank, obs-profiles, 20 parts merged one by one",
        "their merged": "rank, DataSketches KLL, 20 parts merged one by one",
        "distinct": "distinct values, obs-profiles",
        "their distinct": "distinct values, DataSketches HLL (lg k = 12), merged",
    }
    rows = [(names[name], f"{100 * middle:.2f} %", f"{100 * high:.2f} %") for name, (middle, high) in found.items()]
    print_table("Errors in 200 data sets, the worst of 19 ranks", ("", "median", "99th percentile"), rows)


def _alarms() -> None:
    rows = []
    shifts: dict[str, int] = {}
    for count in (50, 200, 1_000):
        alarms, pairs, found = _run(ALARMS, count)
        rows.append((f"{count:,}", f"{pairs:,}", alarms))
        shifts |= found
    print_table(
        "False alarms: pairs of samples of one distribution",
        ("rows of each", "pairs of columns", "said to have drifted"),
        rows,
    )
    print_table("Real shifts of 10,000 rows, 100 each", ("", "found"), list(shifts.items()))


def _run(source: str, rows: int) -> Any:
    return json.loads(run_fresh((DATA + source).replace("{rows}", str(rows))).splitlines()[-1])


if __name__ == "__main__":
    main()

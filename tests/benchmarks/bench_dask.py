"""obs on a Dask cluster: what observing costs, profiles of partitioned frames, a store with 1,000 writers.

`BENCH_DASK` chooses parts of it: ``BENCH_DASK=overhead,profile``. ``BENCH_DASK=keys`` runs as many keys as
`BENCH_DASK_KEYS` says (1,000,000, half an hour) through a scheduler, and is not run unless it is asked for.
"""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.benchmarks.measuring import chromium, interval, middle, print_table

TASKS, TASK_SECONDS = 20_000, 0.01
CLUSTERS, ROUNDS = 5, 8
BATCH = TASKS // CLUSTERS // ROUNDS
WRITERS, OPERATIONS = 1_000, 300
MILLION = 1_000_000


def main() -> None:
    """Measure and print."""
    parts = {"overhead": _overhead, "million": _million, "profile": _profile, "merge": _merge, "writers": _writers}
    chosen = os.environ.get("BENCH_DASK", ",".join(parts))
    parts["keys"] = _keys
    for name in filter(None, chosen.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            os.environ["OBS_STORE"] = f"{folder}/store"
            parts[name](Path(folder))


# what observing costs


def _overhead(folder: Path) -> None:
    """Compare pairs of short rounds, so that a noisy moment meets both, on fresh clusters, as processes differ too."""
    pairs: list[tuple[_Round, _Round]] = []
    for number in range(CLUSTERS):
        pairs += _pairs_of_rounds(folder / str(number))
    rows = []
    for column, what in enumerate(("wall time", "CPU time of the scheduler", "CPU time of a worker")):
        bare, ours = (sum(pair[side][column] for pair in pairs) for side in (0, 1))
        low, median, high = interval([100 * (there[column] / here[column] - 1) for here, there in pairs])
        rows.append((what, f"{bare:.2f} s", f"{ours:.2f} s", f"{median:+.1f} % ({low:+.1f} to {high:+.1f} %)"))
    title = f"{TASKS:,} tasks that sleep for {1000 * TASK_SECONDS:.0f} ms, on two workers of four threads"
    rounds = f"in {len(pairs)} pairs of rounds of {BATCH}"
    print_table(title, (rounds, "plain Dask", "observed", "median difference of a pair (95 % interval)"), rows)


def _pairs_of_rounds(folder: Path) -> list[tuple[_Round, _Round]]:
    from obs_core import execution
    from obs_dask import observe

    pairs = []
    with _cluster(folder / "plain", 2, 4) as plain, _cluster(folder / "observed", 2, 4) as observed:
        observe(observed[0])
        with execution("sleeping"):
            for number in range(1 + ROUNDS):
                sides = (plain, observed) if number % 2 else (observed, plain)
                rounds = [_sleeping(*side, number) for side in sides]
                pairs.append((rounds[0], rounds[1]) if number % 2 else (rounds[1], rounds[0]))
    return pairs[1:]  # the first warms up


_Round = tuple[float, float, float]
"""Seconds of wall time, of the scheduler's CPU and of a worker's."""


def _sleeping(client: Any, pids: list[int], number: int) -> _Round:
    from distributed import wait

    before = list(map(_cpu, pids))
    began = time.perf_counter()
    futures = client.map(_sleep, range(BATCH), [number] * BATCH)
    with client.as_current():  # another client's event loop would hear of the last future up to a second late
        wait(futures)
    wall = time.perf_counter() - began
    scheduler, *workers = [now - then for now, then in zip(map(_cpu, pids), before, strict=True)]
    del futures
    client.run(int)  # the release of the keys is behind us
    return wall, scheduler, sum(workers) / len(workers)


def _sleep(_task: int, _round: int) -> None:
    time.sleep(TASK_SECONDS)


def _keys(folder: Path) -> None:
    """Run very many keys through a scheduler, in graphs of 100,000, all below one span of one execution."""
    from obs_core import execution, load_execution, span
    from obs_dask import observe

    keys, graph = int(os.environ.get("BENCH_DASK_KEYS", MILLION)), 100_000
    with _cluster(folder / "cluster", 2, 4) as (client, pids), observe(client):
        with execution("many keys") as run, span("map"):
            _nothing_for(client, range(-1000, 0))
            before, began = [_resident_mb(pid) for pid in pids], time.perf_counter()
            for first in range(0, keys, graph):
                _nothing_for(client, range(first, min(first + graph, keys)))
            wall = time.perf_counter() - began
        extra = [_resident_mb(pid) - then for pid, then in zip(pids, before, strict=True)]
    size = sum(path.stat().st_size for path in Path(os.environ["OBS_STORE"]).rglob("*") if path.is_file())
    began = time.perf_counter()
    recorded = load_execution(run.id)
    recorded.span.explain(io.StringIO())
    read = time.perf_counter() - began
    counted = sum(one.count for one in recorded.table.counted.values())
    rows = [
        ("wall time", f"{wall / 60:.1f} min"),
        ("recorded whole", f"{len(recorded.table.keys):,}"),
        ("counted", f"{counted:,}"),
        ("on disk", f"{size / 1e6:.2f} MB"),
        ("read back and explained", f"{read:.2f} s"),
        ("the scheduler and the workers grew by", ", ".join(f"{one:.0f} MB" for one in extra)),
    ]
    print_table(f"{keys:,} keys of one name through a scheduler, on two workers of four threads", ("", ""), rows)


def _nothing_for(client: Any, numbers: range) -> None:
    from distributed import wait

    with client.as_current():
        wait(client.map(_nothing, numbers))


def _nothing(number: int) -> int:
    return number


def _million(_folder: Path) -> None:
    from obs_core import carrier, execution, load_execution, span
    from obs_core.recording.joining import joined
    from obs_core.recording.operations import OperationLog

    with execution("million") as run, span("map"):
        parent = joined(carrier(), source="worker")
        log = OperationLog(parent.task.run.journal)
        before = _resident_mb()
        began = time.perf_counter()
        for number in range(MILLION):
            with log.operation(parent, "resize", f"resize-{number}", {"worker": "worker", "waiting": 0.001}):
                pass
        seconds, extra = time.perf_counter() - began, _resident_mb() - before
    size = sum(path.stat().st_size for path in Path(os.environ["OBS_STORE"]).rglob("*") if path.is_file())
    began = time.perf_counter()
    load_execution(run.id).span.explain(io.StringIO())
    rows = [
        ("each task, on its worker", f"{1e6 * seconds / MILLION:.1f} µs"),
        ("extra memory", f"{extra:.0f} MB"),
        ("on disk", f"{size / 1e6:.2f} MB"),
        ("read back and explained", f"{time.perf_counter() - began:.2f} s"),
    ]
    print_table(f"{MILLION:,} keys of one name on one worker", ("", ""), rows)


# profiles


def _profile(folder: Path) -> None:
    from obs_dask import profile
    from obs_profiles import profile as profile_here

    partitions, rows_each = 32, 100_000
    frame = _frame(partitions, rows_each)
    one = frame.partitions[0].compute(scheduler="sync")
    profile_here(one)
    alone = middle([_seconds(profile_here, one) for _ in range(5)])
    rows = [("one partition, in this process", f"{alone:.2f} s", "")]
    for workers in (1, 2):
        with _cluster(folder / str(workers), workers, 1) as (client, _):
            held = client.persist(frame)
            held.map_partitions(len).compute()
            profile(held.partitions[:2])  # imports whylogs
            seconds = _seconds(profile, held)
            share = f"{100 * partitions * alone / workers / seconds:.0f} %"
            name = "one worker" if workers == 1 else "two workers"
            rows.append((f"all, on {name} of one thread", f"{seconds:.2f} s", share))
    title = f"The profile of {partitions} partitions of {rows_each:,} rows and 20 columns"
    print_table(title, ("", "time", "of what partitions by one's time would take"), rows)


def _merge(folder: Path) -> None:
    from dask.base import persist
    from distributed import wait

    from obs_dask.partitions import merged_as_tree, of_each
    from obs_dask.profiles import _of_partition
    from obs_profiles import merge as merge_profiles

    with _cluster(folder / "one", 1, 1):
        parts = persist(*of_each(_frame(1000, 1000), _of_partition, name="profile"))
        wait(parts)
        seconds = _seconds(merged_as_tree(list(parts), merge_profiles, "profile").compute)
    rows = [("as a tree, on one worker of one thread", f"{seconds:.2f} s")]
    here = [_of_partition(_part(number, 1000)) for number in range(100)]
    rows.append(("100 of them, in one process", f"{_seconds(merge_profiles, here):.2f} s"))
    rows.append(("size of one where it travels", f"{len(pickle.dumps(here[0])) / 1000:.0f} kB"))
    print_table("The merge of 1,000 partition profiles of 20 columns", ("", ""), rows)


def _frame(partitions: int, rows: int) -> Any:
    import dask.dataframe as dd

    return dd.from_map(_part, range(partitions), [rows] * partitions, meta=_part(0, 1))


def _part(number: int, rows: int) -> Any:
    import numpy as np
    import pandas as pd

    random = np.random.default_rng(number)
    columns: dict[str, Any] = {f"real{one}": random.normal(size=rows) for one in range(10)}
    columns |= {f"whole{one}": random.integers(0, 1000, rows) for one in range(5)}
    names = np.array([f"name {one}" for one in range(200)])
    columns |= {f"text{one}": names[random.integers(0, 200, rows)] for one in range(5)}
    return pd.DataFrame(columns)


# a store with many writers


def _writers(folder: Path) -> None:
    execution_id = _write_as_workers(folder / "store")
    from obs_core import load_execution

    began = time.perf_counter()
    recorded = load_execution(execution_id)
    spans = len(recorded.table.ids)
    read = time.perf_counter() - began
    recorded.span.explain(io.StringIO())
    explained = time.perf_counter() - began
    rows = [("read back", f"{read:.2f} s"), ("read back and explained", f"{explained:.2f} s")]
    rows += [(f"in the browser: {what}", f"{seconds:.2f} s") for what, seconds in _in_browser(folder, execution_id)]
    print_table(f"An execution of {WRITERS:,} writers, {spans:,} spans", ("", "time"), rows)


def _write_as_workers(store: Path) -> str:
    """Write journals as so many workers would, each through a journal of its own."""
    from obs_core import Deck, carrier, execution, span, task
    from obs_core.identity import new_writer_id
    from obs_core.journal import records
    from obs_core.recording.joining import RemoteSpan, joined
    from obs_core.recording.operations import OperationLog
    from obs_core.recording.run import Run, TaskState
    from obs_core.recording.scope import current
    from obs_core.store import open_store

    @task
    def clean() -> None:
        with span("map"):
            carried = joined(carrier())
        for number in range(WRITERS):
            name = f"tcp://10.0.{number // 250}.{number % 250}:40331"
            run = Run(open_store(str(store)), carried.task.run.id, "", new_writer_id())
            state = TaskState(run, "clean", None, number=carried.task.global_ref(), source=name)
            parent = RemoteSpan(str(carried.number), state)
            run.journal.append(records.WorkerJoined(name, run.journal.now(), 4))
            log = OperationLog(run.journal)
            for operation in range(OPERATIONS):
                with log.operation(parent, f"step {operation % 5}", f"{number}-{operation}", {"worker": name}):
                    if operation == 0:
                        Deck("Parts").append(f"<p>part {number}</p>")
            current.set(carried.task)
            run.journal.append(records.WorkerLeft(name, run.journal.now()))
            run.journal.close_now()

    with execution("many writers", store=store) as run:
        outside = current.get()
        clean()
        current.set(outside)
    return run.id


def _in_browser(folder: Path, execution_id: str) -> Iterator[tuple[str, float]]:
    from tests.benchmarks.bench_ui import _served

    with _served(folder) as server, chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(server.url)
        for when in ("first time", "again"):
            began = time.perf_counter()
            page.goto(f"{server.url}executions/{execution_id}")
            page.locator("[data-timeline][data-ready]").wait_for()
            page.locator(".hot").first.wait_for()
            yield f"timeline and operations drawn, {when}", time.perf_counter() - began


# helpers


@contextmanager
def _cluster(folder: Path, workers: int, threads: int) -> Iterator[tuple[Any, list[int]]]:
    """Start a scheduler and workers as processes of their own; yields a client and their process ids."""
    from distributed import Client

    folder.mkdir(parents=True)
    file, quiet = folder / "scheduler.json", {**os.environ, "DASK_LOGGING__DISTRIBUTED": "error"}
    common = ["--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(file)]
    scheduler = ["dask_scheduler", *common, "--port", "0"]
    worker = ["dask_worker", *common, "--no-nanny", "--nthreads", str(threads), "--local-directory", str(folder)]
    commands = [scheduler, *[worker] * workers]
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.{name}", *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=quiet,
        )
        for name, *options in commands
    ]
    try:
        while not (file.exists() and file.stat().st_size):
            time.sleep(0.05)
        with Client(scheduler_file=str(file)) as client:
            client.wait_for_workers(workers)
            yield client, [one.pid for one in processes]
    finally:
        for one in processes:
            one.kill()  # nothing of them is needed any more, and workers without a scheduler are slow to end
        for one in processes:
            one.wait()


def _seconds(work: Any, *arguments: Any) -> float:
    began = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - began


def _cpu(pid: int) -> float:
    """Return the CPU seconds of a process, to the microsecond."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9


def _resident_mb(pid: int | str = "self") -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    main()

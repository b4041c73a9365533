"""How busy the workers of an engine were, from columns of spans."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from obs_core.model import WorkerView
from obs_core.trace.busy_workers import BusyWorker, busiest_first
from obs_ui.trace import Trace

__all__ = ["busy_workers"]

Ints = NDArray[np.int64]


def busy_workers(trace: Trace, views: Iterable[WorkerView]) -> list[BusyWorker]:
    """Return the workers that took part in an execution, the busiest first, as `explain` has them.

    Args:
        trace: Its spans.
        views: What the workers said of themselves.
    """
    rows = np.array(sorted({*trace.keys, *trace.counted}), np.int64)
    if not len(rows) or not trace.workers:
        return []
    workers: dict[str, BusyWorker] = {}
    begun, ended = [], []
    for name, ran in _by_worker(trace, rows):
        worker = workers.setdefault(name, BusyWorker(name))
        worker.count += int(trace.stands_for[ran].sum())
        worker.busy += int(trace.ran_for[ran].sum())
        begun.append(int(trace.starts[ran].min()))
        ended.append(int(trace.ends[ran].max()))
    return busiest_first(workers, views, max(ended) - min(begun)) if workers else []


def _by_worker(trace: Trace, rows: Ints) -> Iterator[tuple[str, Ints]]:
    """Yield the rows of each worker: a writer is one, unless several of them share a process."""
    writers = trace.writer_numbers[rows]
    order = np.argsort(writers, kind="stable")
    for own in np.split(rows[order], np.flatnonzero(np.diff(writers[order])) + 1):
        names = trace.workers.get(int(trace.writer_numbers[own[0]]), ())
        if len(names) == 1:
            yield names[0], own
        elif names:
            yield from _by_name(trace.workers_of(own))


def _by_name(names: dict[int, str]) -> Iterator[tuple[str, Ints]]:
    rows_of: dict[str, list[int]] = {}
    for row, name in names.items():
        rows_of.setdefault(name, []).append(row)
    for name, rows in rows_of.items():
        yield name, np.array(rows, np.int64)

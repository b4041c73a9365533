"""How busy the workers of an engine were, from the operations that they ran."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from msgspec import Struct

from obs_core.model import WorkerView
from obs_core.trace.tree import SpanTree

__all__ = ["BusyWorker", "busiest_first", "busy_workers"]


class BusyWorker(Struct):
    """A worker, and what it did.

    Attributes:
        name: What the engine calls it.
        threads: How many operations it runs at a time; 0 if that is not known.
        count: Operations that it ran.
        busy: Sum of their durations in nanoseconds.
        capacity: What the sum could have been while operations ran on any worker.
        gone: When it was last heard of, nanoseconds since the epoch, if it went without saying so.
    """

    name: str
    threads: int = 0
    count: int = 0
    busy: int = 0
    capacity: int = 0
    gone: int | None = None


def busy_workers(tree: SpanTree, root: int) -> list[BusyWorker]:
    """Return the workers that took part below a span, the busiest first."""
    table = tree.table
    if not table.workers:
        return []
    workers: dict[str, BusyWorker] = {}
    wanted = None if root == 0 else set(tree.below(root))
    attributes, times = table.attributes, tree.times
    ran: list[int] = []
    for span in itertools.chain(table.keys, table.counted):
        name = attributes[span].get("worker") if span in attributes else None
        if not isinstance(name, str) or (wanted is not None and span not in wanted):
            continue
        worker = workers.get(name)
        if worker is None:
            worker = workers[name] = BusyWorker(name)
        worker.count += tree.count(span)
        worker.busy += times[span]
        ran.append(span)
    first = min(map(table.starts.__getitem__, ran), default=0)
    last = max(map(tree.ends.__getitem__, ran), default=0)
    return busiest_first(workers, table.workers, last - first)


def busiest_first(workers: dict[str, BusyWorker], views: Iterable[WorkerView], period: int) -> list[BusyWorker]:
    """Complete what is known of workers from what they said of themselves, and sort them.

    Args:
        workers: With their counts and busy times, by name.
        views: What they said of themselves.
        period: Nanoseconds from the first operation's start to the last one's end, on any worker.
    """
    for view in views:
        if view.name in workers:
            worker = workers[view.name]
            worker.threads = max(worker.threads, view.threads)
            worker.gone = view.left if view.status == "gone" else None
    for worker in workers.values():
        worker.capacity = max(worker.threads, 1) * period
    return sorted(workers.values(), key=lambda worker: (-worker.busy, worker.name))

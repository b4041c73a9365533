"""Let the workers of a cluster write what they hold back of an execution: somebody is about to read it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Protocol
from weakref import WeakKeyDictionary

from distributed import Worker

__all__ = ["Observer", "observers", "write_back"]


class Observer(Protocol):
    """What records the tasks of one worker."""

    def write_back(self, execution_ids: Iterable[str], ended: bool) -> None:
        """Write what is recorded of executions, and forget those that have ended."""


observers: WeakKeyDictionary[Worker, Observer] = WeakKeyDictionary()
"""The observed workers of this process."""


async def write_back(execution_ids: Iterable[str], ended: bool, dask_worker: Worker) -> None:
    """Write what a worker has recorded of executions; called on each worker by the client.

    Args:
        execution_ids: Which executions.
        ended: Whether nothing more is to come.
        dask_worker: Given by Dask.
    """
    observer = observers.get(dask_worker)
    if observer is not None:
        await asyncio.to_thread(observer.write_back, execution_ids, ended)

"""What the scheduler alone knows: which keys were given to a worker before."""

from __future__ import annotations

from typing import Any

from distributed import Scheduler, SchedulerPlugin

from obs_dask.submitting import AGAIN, ANNOTATION

_WITH_A_WORKER = ("processing", "memory")
"""States in which a key runs on a worker, or its result lies there: what is left of it may be lost with the worker."""


class MarkRepeated(SchedulerPlugin):
    """Mark observed keys that leave a worker without a result, so that their next run is recorded whole.

    They failed and are tried again, or their worker died. The mark reaches the next worker as an annotation.
    """

    name = "obs"
    idempotent = True

    async def start(self, scheduler: Scheduler) -> None:
        """Keep the scheduler to look keys up."""
        self._tasks = scheduler.tasks

    def transition(self, key: Any, start: str, finish: str, *_args: Any, **_kwargs: Any) -> None:
        """Look at a key that leaves a worker; called for every step of every key, so the rest is left at once."""
        if start not in _WITH_A_WORKER or finish == "memory":
            return
        task = self._tasks.get(key)
        if task is not None and task.annotations and ANNOTATION in task.annotations:
            task.annotations[AGAIN] = True

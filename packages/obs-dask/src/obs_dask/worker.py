"""Observe the tasks that a Dask worker runs: each is an operation of the execution that it was submitted in."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterable
from typing import Any
from weakref import WeakKeyDictionary

from dask.utils import key_split
from distributed import Worker, WorkerPlugin
from tornado.ioloop import PeriodicCallback

from obs_core import carriers, clock
from obs_core.carriers import RemoteSpan
from obs_core.executions import Run, live
from obs_core.failsafe import guarded
from obs_core.journal import records
from obs_core.operations import Operation, OperationLog
from obs_dask import submitting
from obs_dask.submitting import AGAIN, ANNOTATION, WHOLE

_TIDY_EACH = 60_000
"""Milliseconds between two looks for executions that have ended."""

_SILENCE = 600_000_000_000
"""Nanoseconds after which an execution that submits nothing is left; a later task joins it again."""


class ObserveTasks(WorkerPlugin):
    """Observe what a worker runs, from when it is registered; workers that join later have it too."""

    name = "obs"
    idempotent = True

    def setup(self, worker: Worker) -> None:
        """Begin; what this worker's tasks submit carries their span too."""
        self._observer = observers[worker] = WorkerObserver(worker)
        submitting.install()

    async def teardown(self, worker: Worker) -> None:
        """Write what is left."""
        observers.pop(worker, None)
        await asyncio.to_thread(self._observer.close)

    def transition(self, key: Any, start: str, finish: str, **_kwargs: Any) -> None:
        """Follow a key through the worker."""
        try:
            self._observer.follow(key, start, finish)
        except Exception:
            with guarded(f"observing the Dask task {key!r}"):
                raise


observers: WeakKeyDictionary[Worker, WorkerObserver] = WeakKeyDictionary()
"""The observed workers of this process."""


async def settle(execution_ids: Iterable[str], ended: bool, dask_worker: Worker) -> None:
    """Write what a worker has recorded of executions; called on each worker by the client.

    Args:
        execution_ids: Which executions.
        ended: Whether nothing more is to come.
        dask_worker: Given by Dask.
    """
    observer = observers.get(dask_worker)
    if observer is not None:
        await asyncio.to_thread(observer.settle, execution_ids, ended)


class WorkerObserver:
    """What is known of the tasks of one worker.

    Args:
        worker: The worker.
    """

    def __init__(self, worker: Worker) -> None:
        self.name = str(worker.name) if isinstance(worker.name, str) else worker.address
        self._worker = worker
        self._threads = worker.state.nthreads
        self._arrivals: dict[Any, _Arrival] = {}
        self._parts: dict[str, _Part] = {}
        self._lock = threading.Lock()
        self._tidying = PeriodicCallback(self._tidy, _TIDY_EACH)
        self._tidying.start()

    def follow(self, key: Any, start: str, finish: str) -> None:
        """Take note of when a task came, when its data was there, and put ourselves around it when it is to run."""
        if finish == "executing":
            self._surround(key)
        elif finish == "waiting":
            self._arrivals[key] = _Arrival(clock.wall())
        elif finish in ("ready", "constrained"):
            arrival = self._arrivals.get(key)
            if arrival is not None:
                arrival.ready = clock.wall()
        elif start != "constrained":
            self._arrivals.pop(key, None)

    def operation(self, task: SurroundedTask) -> Operation:
        """Return the operation that a task is."""
        part = self._part(task.carried)
        return part.log.operation(part.span, task.name, task.key, task.attributes, task.again)

    def settle(self, execution_ids: Iterable[str], ended: bool) -> None:
        """Write what is recorded of executions, and forget those that have ended."""
        for execution_id in execution_ids:
            with guarded(f"writing what worker {self.name} recorded"):
                for part in self._parts_of(execution_id):
                    part.ended = part.ended or ended
                    part.run.journal.flush(wait=True)
                self._leave_if_done(execution_id)

    def close(self) -> None:
        """Write everything: the worker is closing."""
        self._tidying.stop()
        for execution_id in {part.run.id for part in list(self._parts.values())}:
            with guarded(f"writing what worker {self.name} recorded"):
                self._leave(execution_id)

    def _surround(self, key: Any) -> None:
        task: Any = self._worker.state.tasks[key]
        annotations = task.annotations or {}
        carried = annotations.get(ANNOTATION)
        arrival = self._arrivals.pop(key, None)
        if carried is None or task.run_spec is None or isinstance(task.run_spec, SurroundedTask):
            return
        attributes = {"worker": self.name, **(arrival.times() if arrival is not None else {})}
        task.run_spec = SurroundedTask(task.run_spec, self, key, carried, attributes, AGAIN in annotations)

    def _part(self, carried: str) -> _Part:
        part = self._parts.get(carried)
        if part is None or live.get(part.run.id) is not part.run:
            with self._lock:
                part = self._parts.get(carried)
                if part is None or live.get(part.run.id) is not part.run:
                    part = self._parts[carried] = self._joined(json.loads(carried))
        part.used = clock.wall()
        return part

    def _joined(self, carried: dict[str, str]) -> _Part:
        span = carriers.joined(carried, source=self.name)
        run = span.context.run
        known = self._parts_of(run.id)
        if known and known[0].run is run:
            return _Part(run, span, known[0].log)
        journal = run.journal
        journal.append(records.WorkerJoined(self.name, journal.now(), self._threads))
        return _Part(run, span, OperationLog(journal, int(carried.get(WHOLE, "0"))))

    def _parts_of(self, execution_id: str) -> list[_Part]:
        return [part for part in list(self._parts.values()) if part.run.id == execution_id]

    def _leave_if_done(self, execution_id: str) -> None:
        parts = self._parts_of(execution_id)
        if parts and any(part.ended for part in parts) and parts[0].log.idle:
            self._leave(execution_id)

    def _leave(self, execution_id: str) -> None:
        with self._lock:
            parts = self._parts_of(execution_id)
            self._parts = {carried: part for carried, part in self._parts.items() if part not in parts}
        if parts:
            journal = parts[0].run.journal
            journal.append(records.WorkerLeft(self.name, journal.now()))
            journal.flush(wait=True)
        if not any(other is not self and other._parts_of(execution_id) for other in list(observers.values())):
            carriers.leave(execution_id)

    async def _tidy(self) -> None:
        """Leave executions that have ended since, or of which nothing was heard for long."""
        await asyncio.to_thread(self._leave_silent)

    def _leave_silent(self) -> None:
        for execution_id in {part.run.id for part in list(self._parts.values())}:
            with guarded(f"writing what worker {self.name} recorded"):
                parts = self._parts_of(execution_id)
                for part in parts:
                    part.ended = part.ended or clock.wall() - max(one.used for one in parts) > _SILENCE
                self._leave_if_done(execution_id)


class _Arrival:
    """When a task came to the worker, and when all its data was there."""

    __slots__ = ("came", "ready")

    def __init__(self, came: int) -> None:
        self.came = came
        self.ready = came

    def times(self) -> dict[str, float]:
        """Return the seconds for which it waited for its data and then for a thread."""
        return {"transfer": _seconds(self.ready - self.came), "waiting": _seconds(clock.wall() - self.ready)}


class _Part:
    """A worker's part of an execution: the span that was carried here, and where its operations go."""

    __slots__ = ("ended", "log", "run", "span", "used")

    def __init__(self, run: Run, span: RemoteSpan, log: OperationLog) -> None:
        self.run = run
        self.span = span
        self.log = log
        self.used = clock.wall()
        self.ended = False


class SurroundedTask:
    """A Dask task that is recorded when it runs; in all else it is the task itself.

    Args:
        task: What Dask runs: called with the values of its dependencies.
        observer: Of the worker.
        key: Its key.
        carried: Under what it runs.
        attributes: What is known of it already.
        again: Whether it ran, or was about to, before.
    """

    def __init__(
        self, task: Any, observer: WorkerObserver, key: Any, carried: str, attributes: dict[str, Any], again: bool
    ) -> None:
        self._task = task
        self._observer = observer
        self.carried = carried
        self.name = key_split(key)
        self.key = key if isinstance(key, str) else str(key)
        self.attributes = attributes
        self.again = again

    def __call__(self, values: Any = ()) -> Any:
        """Run the task, recorded; a coroutine task's result is awaited."""
        if self._task.is_coro:
            return self._awaited(values)
        operation = self._operation()
        if operation is None:
            return self._task(values)
        with operation:
            return self._task(values)

    async def _awaited(self, values: Any) -> Any:
        operation = self._operation()
        if operation is None:
            return await self._task(values)
        with operation:
            return await self._task(values)

    def _operation(self) -> Operation | None:
        with guarded(f"observing the Dask task {self.key!r}"):
            self.attributes["thread"] = threading.current_thread().name
            return self._observer.operation(self)
        return None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._task, name)

    def __reduce__(self) -> tuple[Callable[[Any], Any], tuple[Any]]:
        """Go to another process, of a worker's process pool, as the task alone."""
        return _itself, (self._task,)


def _itself(task: Any) -> Any:
    return task


def _seconds(nanoseconds: int) -> float:
    return round(nanoseconds / 1e9, 6)

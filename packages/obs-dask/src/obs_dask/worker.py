"""Observe the tasks that a Dask worker runs: each is an operation of the execution that it was submitted in."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from distributed import Reschedule, Worker, WorkerPlugin
from tornado.ioloop import PeriodicCallback

from obs_core import clock
from obs_core.engines import Operation, OperationLog, RemoteSpan, Run, joined, leave, live, worker_joined, worker_left
from obs_core.failsafe import guarded
from obs_dask import submitting
from obs_dask.collecting import observers
from obs_dask.submitting import AGAIN, ANNOTATION, WHOLE

_TIDY_EACH = 60_000
"""Milliseconds between two looks for executions that have ended."""

_SILENCE = 600_000_000_000
"""Nanoseconds after which an execution that submits nothing is left; a later task joins it again."""

_MOST_PLACES = 10_000
"""Carried spans that are remembered at a time."""

_RAN = frozenset({"executing", "long-running", "memory", "cancelled", "resumed"})
"""States of a key that has begun to run: what comes then is known by the operation."""


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
        """Follow a key through the worker until it runs; called for every step of every key."""
        if start in _RAN or finish == "forgotten":
            return
        try:
            self._observer.follow(key, finish)
        except Exception:
            with guarded(f"observing the Dask task {key!r}"):
                raise


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
        self._places: dict[str, _Place] = {}
        self._lock = threading.Lock()
        self._tidying = PeriodicCallback(self._tidy, _TIDY_EACH)
        self._tidying.start()

    def follow(self, key: Any, finish: str) -> None:
        """Take note of when a task came, when its data was there, and put ourselves around it when it is to run."""
        if finish == "executing":
            self._surround(key)
        elif finish == "waiting":
            self._arrivals[key] = _Arrival(clock.wall())
        elif finish in ("ready", "constrained"):
            arrival = self._arrivals.get(key)
            if arrival is not None:
                arrival.ready = clock.wall()
        else:
            self._arrivals.pop(key, None)

    def operation(self, task: SurroundedTask) -> Operation:
        """Return the operation that a task is."""
        place = self._places.get(task.carried)
        if place is None or live.get(place.part.run.id) is not place.part.run:
            place = self._arrive(task.carried)
        return place.part.log.operation(place.span, task.name, task.key, task.attributes, task.again)

    def write_back(self, execution_ids: Iterable[str], ended: bool) -> None:
        """Write what is recorded of executions, and forget those that have ended."""
        for execution_id in execution_ids:
            part = self._parts.get(execution_id)
            if part is not None:
                with guarded(f"writing what worker {self.name} recorded"):
                    part.ended = part.ended or ended
                    part.run.journal.flush(wait=True)
                    self._leave_if_done(part)

    def close(self) -> None:
        """Write everything: the worker is closing."""
        self._tidying.stop()
        for part in list(self._parts.values()):
            with guarded(f"writing what worker {self.name} recorded"):
                self._leave(part)

    def _surround(self, key: Any) -> None:
        task: Any = self._worker.state.tasks[key]
        annotations = task.annotations or {}
        carried = annotations.get(ANNOTATION)
        arrival = self._arrivals.pop(key, None)
        if carried is None or task.run_spec is None or isinstance(task.run_spec, SurroundedTask):
            return
        attributes = {"worker": self.name, **(arrival.times() if arrival is not None else {})}
        kind = SurroundedCoroutine if task.run_spec.is_coro else SurroundedTask
        task.run_spec = kind(task.run_spec, self, task.prefix, key, carried, attributes, AGAIN in annotations)

    def _arrive(self, carried: str) -> _Place:
        """Take part in the execution that was carried here."""
        with self._lock:
            if len(self._places) >= _MOST_PLACES:
                self._places.clear()
            place = self._places[carried] = self._joined(json.loads(carried))
        return place

    def _joined(self, carried: dict[str, str]) -> _Place:
        span = joined(carried, source=self.name)
        run = span.task.run
        part = self._parts.get(run.id)
        if part is None or part.run is not run:
            worker_joined(run, self.name, self._threads)
            log = OperationLog(run.journal, int(carried.get(WHOLE, "0")), signals=(Reschedule,))
            part = self._parts[run.id] = _Part(run, log)
        return _Place(part, span)

    def _leave_if_done(self, part: _Part) -> None:
        if part.ended and part.log.idle:
            self._leave(part)

    def _leave(self, part: _Part) -> None:
        execution_id = part.run.id
        with self._lock:
            if self._parts.pop(execution_id, None) is None:
                return  # somebody else did
            self._places = {carried: place for carried, place in self._places.items() if place.part is not part}
        worker_left(part.run, self.name)
        part.log.close()
        if not any(
            isinstance(other, WorkerObserver) and execution_id in other._parts for other in list(observers.values())
        ):
            leave(execution_id)

    async def _tidy(self) -> None:
        """Leave executions that have ended since, or of which nothing was heard for long."""
        await asyncio.to_thread(self._leave_silent)

    def _leave_silent(self) -> None:
        for part in list(self._parts.values()):
            with guarded(f"writing what worker {self.name} recorded"):
                part.ended = part.ended or clock.wall() - part.log.used > _SILENCE
                self._leave_if_done(part)


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
    """A worker's part of an execution.

    Attributes:
        run: The execution, as this process takes part in it.
        log: Where the worker's operations go.
        ended: Whether nothing more is to come.
    """

    __slots__ = ("ended", "log", "run")

    def __init__(self, run: Run, log: OperationLog) -> None:
        self.run = run
        self.log = log
        self.ended = False


class _Place(NamedTuple):
    """Where in an execution tasks run: its part, and the span that was carried here."""

    part: _Part
    span: RemoteSpan


class SurroundedTask:
    """A Dask task that is recorded when it runs; in all else it is the task itself.

    Args:
        task: What Dask runs: called with the values of its dependencies.
        observer: Of the worker.
        name: What tasks of its kind are called.
        key: Its key.
        carried: Under what it runs.
        attributes: What is known of it already.
        again: Whether it ran, or was about to, before.
    """

    is_coro = False
    """Whether Dask awaits what it returns; looked up by Dask for each task."""

    def __init__(
        self,
        task: Any,
        observer: WorkerObserver,
        name: str,
        key: Any,
        carried: str,
        attributes: dict[str, Any],
        again: bool,
    ) -> None:
        self._task = task
        self._observer = observer
        self.carried = carried
        self.name = name
        self.key = key if isinstance(key, str) else str(key)
        self.attributes = attributes
        self.again = again

    def __call__(self, values: Any = ()) -> Any:
        """Run the task, recorded."""
        operation = self._operation()
        if operation is None:
            return self._task(values)
        with operation:
            return self._task(values)

    def _operation(self) -> Operation | None:
        try:
            self.attributes["thread"] = threading.current_thread().name
            return self._observer.operation(self)
        except Exception:
            with guarded(f"observing the Dask task {self.key!r}"):
                raise
        return None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._task, name)

    def __repr__(self) -> str:
        return repr(self._task)  # Dask's log of a failed task shows it

    def __reduce__(self) -> tuple[Callable[[Any], Any], tuple[Any]]:
        """Go to another process, of a worker's process pool, as the task alone."""
        return _itself, (self._task,)


class SurroundedCoroutine(SurroundedTask):
    """A Dask task that is a coroutine, recorded from when it is awaited until it is done."""

    is_coro = True

    async def __call__(self, values: Any = ()) -> Any:
        """Run the task, recorded."""
        operation = self._operation()
        if operation is None:
            return await self._task(values)
        with operation:
            return await self._task(values)


def _itself(task: Any) -> Any:
    return task


def _seconds(nanoseconds: int) -> float:
    return nanoseconds // 1000 / 1e6

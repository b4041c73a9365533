"""How the tasks of executions went, by name: read once for each that has ended, when somebody looks at its pipeline."""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import threading
import time
from collections.abc import Container, Iterable, Sequence

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Engine

from obs_core.assembly.assembly import Assembly
from obs_core.assembly.loading import assembled
from obs_core.background import Background
from obs_core.interruptions import let_pass
from obs_core.journal import records
from obs_core.journal.reader import chosen, decode, read_segments, segment_names, writer_of
from obs_core.model import Status, TaskView
from obs_core.outcomes import worst_first
from obs_core.reading.changes.parts import numbers_in
from obs_core.store import Store
from obs_ui.index import schema
from obs_ui.index.database import insertion, storable

__all__ = ["TaskIndex", "TaskRow"]

_MOST_NAMES = 200
_LARGE = 3
"""Segments of a journal from which on nobody waits for it; in a folder a full one holds some 130,000 spans."""

_WORST_FIRST = ("failed", "lost", "running", "handled", "succeeded")
_LINES = (
    b'["execution"',
    b'["execution-end"',
    b'["task"',
    b'["task-begun"',
    b'["task-end"',
    b'["raised"',
    b'["verdict"',
    b'["deck"',
    b'["beat"',
    b'["output"',
    b'["artifact"',
)


class TaskRow(Struct, array_like=True):
    """All calls of one task in one execution.

    Attributes:
        name: The task's name.
        status: How they stand: the worst of them.
        duration: How long they took in all, in nanoseconds.
        calls: How many there were.
        id: The id of the call to look at: one that stands worst.
        verdict: The worst that its checks found; empty if nothing was checked.
        numbers: The numbers in what its last good call returned and kept, by where they are.
        handled: Whether `status` is failed, and callers handled the exceptions of all that failed.
    """

    name: str
    status: Status
    duration: int
    calls: int
    id: str
    verdict: str = ""
    numbers: dict[str, float] = {}
    handled: bool = False


class TaskIndex:
    """Tasks of executions by name, from the index or from their journals.

    Args:
        engine: The index.
        store: The store.
        number: The store's number in the index.

    Attributes:
        version: Grows when something was read in the background.
        patience: Seconds that are spent on reading before an answer; with infinity nothing is left for the background.
    """

    def __init__(self, engine: Engine, store: Store, number: int) -> None:
        self.version = 0
        self.patience = 0.25
        self._engine = engine
        self._store = store
        self._number = number
        self._lock = threading.Lock()
        self._wanted: list[str] = []
        self._reading = False

    def of(
        self, ended: Sequence[str], going_on: Sequence[str] = (), patience: float | None = None
    ) -> dict[str, list[TaskRow]]:
        """Return the tasks of executions, by id; what is missing is read in the background.

        Args:
            ended: Ids of executions that have ended, the most wanted first.
            going_on: Ids of those that have not.
            patience: Seconds that are spent on reading now. Default: `patience`.
        """
        found = self._known(ended)
        deadline = time.monotonic() + (self.patience if patience is None else patience)
        for execution_id in going_on:
            if time.monotonic() < deadline:
                with contextlib.suppress(OSError):
                    found[execution_id] = self._read(execution_id)
        later: list[str] = []
        for execution_id in ended:
            if execution_id in found:
                continue
            if time.monotonic() >= deadline or self._is_large(execution_id):
                later.append(execution_id)
            else:
                found.update(self._read_and_keep([execution_id]))
        if later:
            self._read_later(later)
        return found

    def _is_large(self, execution_id: str) -> bool:
        try:
            return self.patience < math.inf and len(segment_names(self._store, execution_id)) > _LARGE
        except OSError:
            return False

    def _known(self, ids: Iterable[str]) -> dict[str, list[TaskRow]]:
        table = schema.tasks.c
        query = sa.select(table.execution, table.rows).where(
            table.store == self._number, table.execution.in_(list(ids))
        )
        with self._engine.connect() as connection:
            return {row.execution: _decoder.decode(row.rows) for row in connection.execute(query)}

    def _read_and_keep(self, ids: Sequence[str]) -> dict[str, list[TaskRow]]:
        found: dict[str, list[TaskRow]] = {}
        for execution_id in ids:
            try:
                found[execution_id] = self._read(execution_id)
            except Exception as error:
                let_pass(error)
                found[execution_id] = []  # it cannot be read: its page says why
        rows = [
            {"store": self._number, "execution": one, "rows": msgspec.json.encode(tasks).decode()}
            for one, tasks in found.items()
        ]
        with self._engine.begin() as connection:
            connection.execute(insertion(self._engine, schema.tasks).on_conflict_do_nothing(), rows)
        return found

    def _read(self, execution_id: str) -> list[TaskRow]:
        assembly = Assembly(self._store, execution_id)
        for path, lines in read_segments(self._store, segment_names(self._store, execution_id)):
            assembly.add(writer_of(path), decode(chosen(lines, _LINES)), path)
        assembly.finish()
        if any(task.status == "lost" or _may_be_handled(task, assembly) for task in assembly.tasks):
            # Whatever it wrote last tells how long it was heard of, and spans tell which task called one within them.
            assembly = assembled(self._store, execution_id)
        rows = _rows(assembly.tasks, assembly.root_id, assembly.failures.handled_calls)
        returned = {task.name: _numbers(assembly, task.id) for task in assembly.tasks if task.status == "succeeded"}
        for row in rows:
            row.numbers = returned.get(row.name, {})
        return rows

    def _read_later(self, ids: list[str]) -> None:
        with self._lock:
            self._wanted = [*ids, *(one for one in self._wanted if one not in set(ids))][:2_000]
            if self._reading:
                return
            self._reading = True
        Background(self._read_wanted, "obs-ui-tasks").start()

    def _read_wanted(self) -> None:
        while True:
            with self._lock:
                batch, self._wanted = self._wanted[:10], self._wanted[10:]
                if not batch:
                    self._reading = False
                    return
            with contextlib.suppress(OSError, sa.exc.SQLAlchemyError):
                known = self._known(batch)  # it may have been asked for twice
                if unknown := [one for one in batch if one not in known]:
                    self._read_and_keep(unknown)
            self.version += 1


def _numbers(assembly: Assembly, task_id: str) -> dict[str, float]:
    """Return the numbers in what a task returned and kept under names; what lies in files is not read for it."""
    returned = assembly.outputs.get(task_id)
    kept: dict[str, records.Output | records.Artifact] = {} if returned is None else {"": returned}
    found: dict[str, float] = {}
    for name, value in (kept | dict(assembly.artifacts.get(task_id, {}))).items():
        if value.text is None or value.transformer not in _PLAIN:
            continue
        with contextlib.suppress(ValueError, RecursionError):
            numbers = numbers_in(json.loads(value.text), _MOST_NUMBERS)
            found |= {storable(f"{name}: {path}" if name else path)[:100]: float(one) for path, one in numbers.items()}
    return dict(itertools.islice(found.items(), 2 * _MOST_NUMBERS))


_PLAIN = ("json", "json.tuple")
_MOST_NUMBERS = 12
"""Numbers that are taken of one value; twice as many of a task."""


def _may_be_handled(task: TaskView, assembly: Assembly) -> bool:
    """Tell whether only the calls around a task tell what became of its exception: of a good run it was handled."""
    return assembly.view.status in ("failed", "lost") and task.status == "failed" and task.id != assembly.root_id


def _rows(tasks: Iterable[TaskView], root_id: str, handled: Container[str]) -> list[TaskRow]:
    """Return the tasks by name, in the order in which their first calls began."""
    found: dict[str, TaskRow] = {}
    for task in tasks:
        if task.id == root_id:
            continue
        name = storable(task.name[:200])
        verdict = min((one.outcome for one in task.verdicts), key=worst_first, default="")
        row = found.get(name)
        is_handled = task.id in handled
        if row is None:
            if len(found) < _MOST_NAMES:
                row = found[name] = TaskRow(name, task.status, max(task.duration, 0), 1, task.id, verdict)
                row.handled = is_handled
            continue
        row.calls += 1
        row.duration += max(task.duration, 0)
        if _badness(task.status, is_handled) < _badness(row.status, row.handled):
            row.status, row.id, row.handled = task.status, task.id, is_handled
        row.verdict = min(row.verdict, verdict, key=worst_first)
    return list(found.values())


def _badness(status: Status, is_handled: bool) -> int:
    return _WORST_FIRST.index("handled" if is_handled else status)


_decoder = msgspec.json.Decoder(list[TaskRow])

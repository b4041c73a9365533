"""Keep the index as the store is: new executions are read, running ones again, ended ones never again."""

from __future__ import annotations

import functools
import itertools
import math
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from obs_core import clock, identity
from obs_core.assembly.assembly import Assembly
from obs_core.assembly.summary import LEFT_OPEN_LINE
from obs_core.assembly.writers import Writer
from obs_core.background import Background
from obs_core.interruptions import let_pass
from obs_core.journal import records
from obs_core.journal.numbering import MAIN, SUPERVISOR
from obs_core.journal.reader import decode, writer_of
from obs_core.journal.records import AnyRecord
from obs_core.journal.signs_of_life import last_moment
from obs_core.model import ExecutionView
from obs_core.reading.endings import ended_by, ending_of
from obs_core.store import Store
from obs_core.store.fetching import fetch_each
from obs_core.store.paths import EXECUTIONS
from obs_core.text.bounded_repr import describe_error
from obs_core.text.durations import format_duration
from obs_core.text.failures import is_end_of_process
from obs_ui.index import metric_values, schema
from obs_ui.index.database import insertion, storable, store_number
from obs_ui.tailing import JournalTail

__all__ = ["Indexer", "SummaryReader"]

IndexRow = dict[str, Any]

_BATCH = 500
_SHOWN_EVERY = 0.5
"""Seconds after which what was read is written, while a store is read for the first time."""

_PATIENCE = 10.0
"""Seconds after which it is told that a store does not answer."""

_MOST_METRICS = 20
_MOST_VERDICTS = 30
_MAY_STILL_RISE = 15 * 60 * 10**9
"""Nanoseconds since its beginning for which an execution that seems lost is looked at again: its machine may have been
silent for a while only."""

_SUMMARY_KINDS = (
    b'["head"',
    b'["execution"',
    b'["execution-end"',
    b'["replaced"',
    b'["metrics"',
    b'["verdicts"',
    b'["lost"',
    b'["process-ended"',
    LEFT_OPEN_LINE,
    b'["raised",1,',
    b'["raised","main.1",',
)
"""Of exceptions only the one that ended the execution itself counts."""


class Indexer:
    """Brings an index up to date with a store, again and again.

    Args:
        engine: The index.
        store: The store.

    Attributes:
        store_number: The store's number in the index.
        version: Grows with each change of the index that was made here.
        complete: Whether every execution of the store has been looked at once.
        only: The executions that are indexed; None for all.
    """

    def __init__(self, engine: Engine, store: Store) -> None:
        self.engine = engine
        self.store = store
        self.store_number = store_number(engine, store)
        self.version = 0
        self.complete = False
        self.only: frozenset[str] | None = None
        self._going_on: dict[str, SummaryReader] = {}
        self._failure = ""
        self._asked: float | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def trouble(self) -> str:
        """Why the store or the index cannot be read or written just now; empty if it can."""
        asked = self._asked
        if asked is not None and time.monotonic() - asked > _PATIENCE:
            return f"it has not answered for {format_duration(int((time.monotonic() - asked) // 10 * 10 * 1e9))}"
        return self._failure

    def start(self) -> None:
        """Follow the store in a thread, until `stop`."""
        self._thread = Background(self._follow, "obs-ui-index")
        self._thread.start()

    def stop(self) -> None:
        """Stop following."""
        self._stop.set()

    def join(self) -> None:
        """Wait until it no longer follows; for a store that does not answer, not for ever."""
        if self._thread is not None:
            self._thread.join(timeout=10)

    def _follow(self) -> None:
        while not self._stop.is_set():
            begun = time.monotonic()
            self.try_update()
            # A store that takes long to list is listed less often: at most a twentieth of the time.
            self._stop.wait(max(1.0, 20 * (time.monotonic() - begun)) if self.complete else 1.0)

    def try_update(self) -> None:
        """Look at the store once; what is wrong becomes `trouble`."""
        try:
            self.update()
            self._failure = ""
        except (OSError, sa.exc.SQLAlchemyError) as error:
            self._failure = " ".join(str(error).split())[:500]

    def update(self) -> None:
        """Look at the store once.

        Raises:
            OSError: The store cannot be read.
            sqlalchemy.exc.SQLAlchemyError: The index cannot be read or written.
        """
        known = self._known()
        self._asked = time.monotonic()
        try:
            self._read_all(known)
        finally:
            self._asked = None

    def _read_all(self, known: dict[str, bool]) -> None:
        there = set(self.store.names(EXECUTIONS))
        if self.only is not None:
            there &= self.only
        self._forget(known.keys() - there)
        wanted = [one for one in there if not known.get(one, False)]
        # Of a shared store several are read at a time: each takes some round trips.
        found = fetch_each(self.store, self._row, sorted(wanted, reverse=True))
        rows: list[IndexRow] = []
        written = -math.inf
        for row in found:
            if self._stop.is_set():
                found.close()
                return
            if row is not None:
                rows.append(row)
            # Who looks at a store for the first time sees the newest at once, and the rest as it is read.
            if len(rows) >= _BATCH or (not self.complete and time.monotonic() - written > _SHOWN_EVERY):
                self._write(rows)
                rows, written = [], time.monotonic()
        self._write(rows)
        self.complete = True

    def _known(self) -> dict[str, bool]:
        """Return the ids that are in the index, and whether each has ended."""
        table = schema.executions.c
        query = sa.select(table.id, table.ended).where(table.store == self.store_number)
        with self.engine.connect() as connection:
            return {row.id: row.ended for row in connection.execute(query)}

    def _forget(self, gone: Iterable[str]) -> None:
        for batch in _batches(sorted(gone)):
            for execution_id in batch:
                self._going_on.pop(execution_id, None)
            with self.engine.begin() as connection:
                metric_values.forget(connection, self.store_number, batch)
                tables = ((schema.executions, "id"), (schema.tags, "execution"), (schema.tasks, "execution"))
                for table, column in tables:
                    here = table.c.store == self.store_number
                    connection.execute(sa.delete(table).where(here, table.c[column].in_(batch)))
            self.version += 1

    def _row(self, execution_id: str) -> IndexRow | None:
        summary = self._going_on.pop(execution_id, None) or SummaryReader(self.store, execution_id)
        self._asked = time.monotonic()
        try:
            view = summary.read()
        except OSError:
            raise  # the next ones would fail too
        except Exception as error:  # damage that nobody thought of hides no other execution
            let_pass(error)
            view = _unreadable(execution_id, error)
        if view is None:
            return None
        row = {"store": self.store_number, **_columns(view)}
        if not row["ended"]:
            self._going_on[execution_id] = summary
        return row

    def _write(self, rows: list[IndexRow]) -> None:
        if not rows:
            return
        with self.engine.begin() as connection:
            before = self._as_stored(connection, [row["id"] for row in rows])
            changed = [row for row in rows if before.get(row["id"]) != _state(row)]
            metric_values.forget(connection, self.store_number, [row["id"] for row in changed if row["id"] in before])
            self._upsert(connection, changed)
        self.version += bool(changed)

    def _as_stored(self, connection: Connection, ids: list[str]) -> dict[str, Any]:
        table = schema.executions
        found = connection.execute(sa.select(table).where(table.c.store == self.store_number, table.c.id.in_(ids)))
        return {row.id: _state(row._asdict()) for row in found}

    def _upsert(self, connection: Connection, rows: list[IndexRow]) -> None:
        if not rows:
            return
        insert = insertion(self.engine, schema.executions)
        update = {name: insert.excluded[name] for name in rows[0] if name not in ("store", "id")}
        connection.execute(insert.on_conflict_do_update(index_elements=["store", "id"], set_=update), rows)
        metric_values.keep(self.engine, connection, rows)
        tags = [tag for row in rows for tag in _tag_rows(row)]
        if tags:
            connection.execute(insertion(self.engine, schema.tags).on_conflict_do_nothing(), tags)


class _Ends:
    """What a list shows of one of the processes that an execution begins and ends with."""

    def __init__(self) -> None:
        self._kept: list[AnyRecord] = []
        self._last: int | None = None
        self._summary: list[AnyRecord] = []

    def take(self, record: AnyRecord) -> None:
        """Take the next record."""
        if isinstance(record, records.MetricSummary):
            self._summary = [record]
        else:
            self._kept.append(record)

    def hear(self, lines: bytes) -> None:
        """Take note of when the lines that follow tell that the writer was heard of."""
        at = last_moment(lines)
        if at is not None:
            self._last = at if self._last is None else max(self._last, at)

    def all(self) -> list[AnyRecord]:
        """Return what counts of it."""
        last = [] if self._last is None else [records.Beat(self._last)]
        return [*self._kept, *self._summary, *last]


class SummaryReader:
    """What a list shows of an execution: the beginning and the end of its program's journal, read as it grows.

    Args:
        store: Where it is kept.
        execution_id: Which execution.
    """

    def __init__(self, store: Store, execution_id: str) -> None:
        self._store = store
        self._id = execution_id
        others = _MOST_OTHERS[store.local]
        self._tail = JournalTail(store, execution_id, functools.partial(_ends_of_main_and_others, others), ends=True)
        self._ends: dict[str, _Ends] = {}
        self._verdicts: dict[str, AnyRecord] = {}
        self._seen_by_another: str | None = None

    def read(self) -> ExecutionView | None:
        """Return how it stands; None if there is nothing to read."""
        for addition in self._tail.read():
            if addition.writer not in _OWN:
                self._take_verdicts(addition.writer, addition.lines.split(b"\n"))
                continue
            ends = self._ends.setdefault(addition.writer, _Ends())
            ends.hear(addition.lines)
            lines = [line for line in addition.lines.split(b"\n") if line.startswith(_SUMMARY_KINDS)]
            for record in decode(b"\n".join(lines)):
                if isinstance(record, records.VerdictSummary):
                    self._verdicts[addition.writer] = record
                else:
                    ends.take(record)
        if not any(writer in self._tail.newest for writer in _OWN):
            return None
        assembly = Assembly(self._store, self._id)
        for writer, record in self._verdicts.items():
            if isinstance(record, records.VerdictSummary):
                assembly.verdicts.take_summary(Writer(writer), record)
        for writer, ends in self._ends.items():
            assembly.add(writer, ends.all(), self._tail.newest[writer])
        assembly.finish()
        view = assembly.view
        if view.status == "failed" and is_end_of_process(view.error):
            view.error, _ = ended_by(self._store, assembly)  # in words, as its page says it
        elif view.status == "lost" and view.within and not view.error:
            self._seen_by_another = view.error = self._seen_by_another or self._cause_of(assembly)
        return view

    def _cause_of(self, assembly: Assembly) -> str | None:
        """Tell how an execution was lost whose process another one supervised; None if nothing is known of that yet."""
        ending = ending_of(self._store, assembly)
        return ended_by(self._store, assembly)[0] if ending.known else None

    def _take_verdicts(self, writer: str, lines: list[bytes]) -> None:
        """Keep what the checks of another process found: it says that again from time to time, and at its end."""
        told = [line for line in lines if line.startswith(b'["verdicts"')]
        for record in decode(told[-1]) if told else ():
            self._verdicts[writer] = record


_OWN = (MAIN, SUPERVISOR)

_MOST_OTHERS = {True: 32, False: 4}
"""Other processes that are asked for their verdicts, in a folder and in a shared store."""


def _ends_of_main_and_others(most: int, paths: list[str]) -> list[str]:
    """Return the first and the last segment of the program and of what supervises it, and the last of others."""
    first = {writer_of(path): path for path in reversed(paths)}
    last = {writer_of(path): path for path in paths}
    own = [path for writer in _OWN if writer in last for path in (first[writer], last[writer])]
    others = [path for writer, path in last.items() if writer not in _OWN]
    return list(dict.fromkeys((*own, *others[:most]))) if own else []


def _unreadable(execution_id: str, error: Exception) -> ExecutionView:
    """Return what a list shows of an execution that cannot be read."""
    view = ExecutionView(execution_id, execution_id, "lost", identity.made_at(execution_id), 0)
    view.error, view.damaged_beginning = f"It cannot be read: {describe_error(error)}", True
    return view


def _batches(ids: list[str]) -> Iterator[list[str]]:
    return (ids[start : start + _BATCH] for start in range(0, len(ids), _BATCH))


def _columns(view: ExecutionView) -> IndexRow:
    names = {name: storable(getattr(view, name)) for name in ("name", "host", "user", "command", "git_commit")}
    given = {storable(str(key)): storable(str(value)) for key, value in view.tags.items()}
    error = None if view.error is None else storable(view.error)
    old = clock.epoch() - view.started > _MAY_STILL_RISE
    return {
        "id": view.id,
        **names,
        "status": view.status,
        "started": _bounded(view.started),
        # A running one moves by itself on the page; here its duration would be a change at each look.
        "duration": 0 if view.status == "running" else _bounded(view.duration),
        "error": error,
        "tags": msgspec.json.encode(given).decode(),
        "metrics": msgspec.json.encode(_summary(view)).decode(),
        "verdict": view.verdicts.outcome,
        "verdicts": msgspec.json.encode(_verdicts(view)).decode(),
        "within": storable(view.within)[:100],
        "lost_records": _bounded(view.lost_records),
        "searched": _searched(view.id, error or "", *names.values(), *itertools.chain(*given.items())),
        "name_key": names["name"][:100].lower(),
        "ended": view.status in ("succeeded", "failed") or (view.status == "lost" and old),
    }


def _summary(view: ExecutionView) -> dict[str, tuple[float | None, float | None, float | None]]:
    return {storable(name)[:100]: values for name, values in itertools.islice(view.metrics.items(), _MOST_METRICS)}


def _verdicts(view: ExecutionView) -> tuple[int, int, int, list[tuple[str, ...]]]:
    found = view.verdicts
    said = [tuple(storable(text)[:200] for text in one) for one in found.said[:_MOST_VERDICTS]]
    return _bounded(found.passed), _bounded(found.warned), _bounded(found.failed), said


def _searched(*texts: str) -> str:
    return "\n".join(text[:2000] for text in texts).lower()


def _tag_rows(row: IndexRow) -> list[IndexRow]:
    given: dict[str, str] = msgspec.json.decode(row["tags"])
    cut = {name[:200]: value[:400] for name, value in given.items()}
    return [
        {"store": row["store"], "execution": row["id"], "name": name, "value": value} for name, value in cut.items()
    ]


def _state(row: IndexRow) -> Any:
    return tuple(
        row[name]
        for name in ("name", "status", "duration", "ended", "error", "tags", "metrics", "verdicts", "lost_records")
    )


def _bounded(number: int) -> int:
    return max(-(2**63), min(number, 2**63 - 1))

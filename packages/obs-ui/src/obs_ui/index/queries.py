"""Ask the index: a page of the list of executions, and the ids that a person may mean."""

from __future__ import annotations

import collections
import datetime
from collections.abc import Collection
from typing import Any

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Connection, Engine

from obs_core.model import ExecutionView, VerdictCounts
from obs_ui.index import metric_values, schema

__all__ = [
    "METRIC_SORTS",
    "SORTS",
    "ListPage",
    "ListQuery",
    "Place",
    "counts_of",
    "find",
    "list_executions",
    "names_of",
    "place_of",
    "runs_of",
    "tag_names",
]

_table = schema.executions.c
_COUNTED = 2_000

SORTS = {"started": "id", "duration": "duration", "name": "name_key"}
"""What the list can be sorted by, and the columns for it; ids sort by time."""

METRIC_SORTS = metric_values.VALUES
"""What of a metric the list can be sorted by, as ``last:loss``; the index has them in this order."""


class ListQuery(Struct, frozen=True):
    """What a reader of the list asks for.

    Attributes:
        text: Words that must all be in the name, id, host, user, command, commit, error or tags; case does not matter.
        status: One of the four; empty for all.
        verdict: The worst that its checks found: ``"failed"``, ``"warned"``, ``"passed"``; empty for all.
        tag: ``name`` or ``name=value``; empty for all.
        since: Only those that began then or later; aware.
        until: Only those that began before then.
        sort: `SORTS`, or a value of a metric (`METRIC_SORTS`), and then only those that have one; with a ``-``
            before it the largest first.
        before: The id of the first execution after this page's end, that is of the last one of the page before.
        after: The id of the first execution of the next page.
        store: The name of the store whose executions are listed, of several; empty for all.
        name: The whole name that they have, which may be empty; None for all.
    """

    text: str = ""
    status: str = ""
    tag: str = ""
    since: datetime.datetime | None = None
    until: datetime.datetime | None = None
    sort: str = "-started"
    before: str = ""
    after: str = ""
    verdict: str = ""
    store: str = ""
    name: str | None = None

    @property
    def filters(self) -> bool:
        """Whether anything is left out."""
        return bool(self.status or self.store or self.narrows)

    @property
    def of_any_status(self) -> ListQuery:
        """The list's first page with all statuses: all that counts depend on."""
        sort = self.sort.removeprefix("-") if self.metric else ""
        return ListQuery(
            self.text, "", self.tag, self.since, self.until, sort=sort, verdict=self.verdict, name=self.name
        )

    @property
    def metric(self) -> str:
        """The metric by which the list is sorted; empty if it is none."""
        value, _, name = self.sort.removeprefix("-").partition(":")
        return name if value in METRIC_SORTS else ""

    @property
    def place_of_value(self) -> int:
        """Which of the metric's values the list is sorted by."""
        return METRIC_SORTS.index(self.sort.removeprefix("-").partition(":")[0])

    @property
    def narrows(self) -> bool:
        """Whether anything but the status is asked for."""
        return bool(
            self.text or self.tag or self.since or self.until or self.verdict or self.metric or self.name is not None
        )


class Place(Struct, frozen=True):
    """A place in the order of the list.

    Attributes:
        key: What an execution there would be sorted by.
        included: Whether an execution that stands exactly there is on the far side of it.
    """

    key: tuple[Any, ...]
    included: bool = False


class ListPage(Struct):
    """A page of the list.

    Attributes:
        executions: Those of this page.
        counts: How many there are on all pages, by status, whatever status is asked for; of a narrowed list at most
            2,000 are counted.
        counted: Whether `counts` is exact.
        has_previous: Whether there are any before this page.
        has_next: Whether there are any after it.
        stores: Of several stores, the name of the one that holds each of `executions`.
        around: The names of the executions that any of `executions` began in, by id.
    """

    executions: list[ExecutionView]
    counts: dict[str, int]
    counted: bool
    has_previous: bool
    has_next: bool
    stores: list[str] = []
    around: dict[str, str] = {}

    @property
    def total(self) -> int:
        """How many there are of all statuses."""
        return sum(self.counts.values())


def list_executions(
    engine: Engine,
    store: int,
    query: ListQuery,
    count: int = 50,
    counts: dict[str, int] | None = None,
    place: Place | None = None,
) -> ListPage:
    """Return a page of the list of executions.

    Args:
        engine: The index.
        store: The store's number in it.
        query: Which ones.
        count: How many a page holds.
        counts: The counts of a page of the same list, of whatever status, that was asked for lately. Default: counted.
        place: Where the page begins or ends. Default: where the execution stands that the query names.
    """
    narrowed = [_table.store == store, *_conditions(store, query)]
    status = [_table.status == query.status] if query.status else []
    with engine.connect() as connection:
        rows, has_previous, has_next = _page(connection, store, [*narrowed, *status], query, count, place)
        if counts is None:
            if not (status or query.before or query.after or has_next):  # all of them are on this page
                counts = collections.Counter(row.status for row in rows)
            else:
                counts = _counts(connection, narrowed, query)
        around = _names(connection, store, {row.within for row in rows} - {""})
    counted = not query.narrows or sum(counts.values()) < _COUNTED
    return ListPage(list(map(_view, rows)), counts, counted, has_previous, has_next, around=around)


def _names(connection: Connection, store: int, ids: Collection[str]) -> dict[str, str]:
    """Return the names of executions by id, as far as they are known."""
    if not ids:
        return {}
    query = sa.select(_table.id, _table.name).where(_table.store == store, _table.id.in_(ids))
    return {row.id: row.name for row in connection.execute(query)}


def place_of(engine: Engine, store: int, query: ListQuery) -> tuple[Any, ...] | None:
    """Return by what the execution is sorted that a query names; None if there is none."""
    with engine.connect() as connection:
        return _place(connection, store, query)


def find(engine: Engine, store: int, execution_id: str) -> ExecutionView | None:
    """Return what the index holds of an execution."""
    query = sa.select(schema.executions).where(_table.store == store, _table.id == execution_id)
    with engine.connect() as connection:
        row = connection.execute(query).first()
    return None if row is None else _view(row)


def runs_of(engine: Engine, store: int, name: str, count: int, before: str = "") -> list[ExecutionView]:
    """Return the newest executions of one name, the newest first; if that is asked for, of those before one."""
    query = sa.select(schema.executions).where(*_named(store, name)).order_by(_table.id.desc()).limit(count)
    if before:
        query = query.where(_table.id < before)
    with engine.connect() as connection:
        return list(map(_view, connection.execute(query)))


def counts_of(engine: Engine, store: int, name: str) -> dict[str, int]:
    """Return how many executions of one name there are, by status."""
    with engine.connect() as connection:
        query = sa.select(_table.status, sa.func.count()).where(*_named(store, name))
        return _by_status(connection, query, _table.status)


def names_of(engine: Engine, store: int) -> dict[str, tuple[Any, ...]]:
    """Return the names of all executions, each with what changes whenever one of its executions does."""
    state = (
        sa.func.count(),
        sa.func.max(_table.id),
        sa.func.sum(_table.duration),
        sa.func.count(sa.case((_table.status == "running", 1))),
        sa.func.count(sa.case((_table.status == "lost", 1))),
        sa.func.count(sa.case((_table.verdict != "", 1))),
    )
    query = sa.select(_table.name, *state).where(_table.store == store).group_by(_table.name)
    with engine.connect() as connection:
        return {row[0]: tuple(row[1:]) for row in connection.execute(query)}


def _named(store: int, name: str) -> list[Any]:
    return [_table.store == store, _table.name_key == name[:100].lower(), _table.name == name]


def tag_names(engine: Engine, store: int) -> list[str]:
    """Return up to 50 tags as ``name=value``, those of the newest executions first."""
    tags = schema.tags.c
    newest = sa.select(tags.name, tags.value).where(tags.store == store).order_by(tags.execution.desc()).limit(400)
    with engine.connect() as connection:
        found = [f"{row.name}={row.value}" for row in connection.execute(newest)]
    return list(dict.fromkeys(found))[:50]


def _page(
    connection: Any, store: int, conditions: list[Any], query: ListQuery, count: int, named: Place | None
) -> tuple[list[Any], bool, bool]:
    """Return the rows of a page, and whether there are any before and after it."""
    key, descending = _sort_key(query)
    backwards = bool(query.after)  # from the place named, towards the beginning of the list
    included = named is not None and named.included
    place = named.key if named else _place(connection, store, query)
    labels = [f"key_{number}" for number in range(len(key))]
    keys = [column.label(label) for column, label in zip(key, labels, strict=True)]
    selected = sa.select(schema.executions, *keys).where(*conditions).limit(count + 1)
    if place is not None:
        selected = selected.where(_beyond(key, place, descending != backwards, included))
    elif backwards:
        backwards = False  # what it was named by is gone: the first page
    order = sa.desc if descending != backwards else sa.asc
    found = connection.execute(selected.order_by(*map(order, key))).all()
    rows, more = found[:count], len(found) > count
    if backwards:
        rows.reverse()
    other_side = False
    if place is not None and rows:
        edge = rows[-1] if backwards else rows[0]
        there = _beyond(key, tuple(edge._mapping[label] for label in labels), descending == backwards)
        other_side = connection.execute(sa.select(_table.id).where(*conditions, there).limit(1)).first() is not None
    return rows, (more if backwards else other_side), (other_side if backwards else more)


def _sort_key(query: ListQuery) -> tuple[list[Any], bool]:
    """Return the columns by which the list is sorted, the id as the last, and whether the largest come first."""
    if query.metric:
        return [_value_of_metric(query), schema.metrics.c.execution], query.sort.startswith("-")
    named = SORTS.get(query.sort.removeprefix("-"))
    if named is None:
        return [_table.id], True
    return ([_table.id] if named == "id" else [_table[named], _table.id]), query.sort.startswith("-")


def _value_of_metric(query: ListQuery) -> Any:
    return schema.metrics.c[METRIC_SORTS[query.place_of_value]]


def _measured(store: int, query: ListQuery) -> list[Any]:
    """Join the values of the metric by which the list is sorted, if it is one."""
    metrics = schema.metrics.c
    of_metric = [metrics.store == store, metrics.name == query.metric, metrics.execution == _table.id]
    return [*of_metric, _value_of_metric(query).is_not(None)] if query.metric else []


def _place(connection: Any, store: int, query: ListQuery) -> tuple[Any, ...] | None:
    """Return where the execution stands in the order that the query names; None if it is not there."""
    key, _ = _sort_key(query)
    execution_id = query.before or query.after
    if not execution_id or len(key) == 1:
        return (execution_id,) if execution_id else None  # an id tells its own place
    there = (_table.store == store, _table.id == execution_id, *_measured(store, query))
    found = connection.execute(sa.select(*key).where(*there)).first()
    return None if found is None else tuple(found)


def _beyond(key: list[Any], place: tuple[Any, ...], downwards: bool, included: bool = False) -> Any:
    columns = key[0] if len(key) == 1 else sa.tuple_(*key)
    value = place[0] if len(place) == 1 else sa.tuple_(*place)
    if included:
        return columns <= value if downwards else columns >= value
    return columns < value if downwards else columns > value


def _counts(connection: Any, conditions: list[Any], query: ListQuery) -> dict[str, int]:
    if not query.narrows:
        return _by_status(connection, sa.select(_table.status, sa.func.count()).where(*conditions), _table.status)
    # In an order, so that SQLite looks up what a tag or a metric names rather than going through all by status.
    newest = schema.metrics.c.execution if query.metric else _table.id
    found = sa.select(_table.status).where(*conditions).order_by(newest.desc()).limit(_COUNTED).subquery()
    return _by_status(connection, sa.select(found.c.status, sa.func.count()), found.c.status)


def _by_status(connection: Any, query: Any, status: Any) -> dict[str, int]:
    return {name: int(number) for name, number in connection.execute(query.group_by(status))}


def _conditions(store: int, query: ListQuery) -> list[Any]:
    found: list[Any] = [_searched(word) for word in query.text.lower().split()]
    if query.name is not None:
        found += _named(store, query.name)
    if query.verdict:
        found.append(_table.verdict == query.verdict)
    found += _measured(store, query)
    if query.tag:
        found.append(_tagged(store, query.tag))
    if query.since is not None:
        found.append(_table.id >= _first_id(query.since))
    if query.until is not None:
        found.append(_table.id < _first_id(query.until))
    return found


def _searched(word: str) -> Any:
    """Look for a word; tags are written with ``=`` everywhere, and in what is searched a line each: name, value."""
    found = _table.searched.contains(word, autoescape=True)
    if "=" not in word:
        return found
    return sa.or_(found, _table.searched.contains(word.replace("=", "\n", 1), autoescape=True))


def _tagged(store: int, tag: str) -> Any:
    """Look for a tag; a name may hold ``=`` itself, and then any of them may be what stands before the value."""
    parts = tag.split("=")
    tags = schema.tags.c
    wanted = _is(tags.name, tag, 200)
    if len(parts) > 1:
        splits = (("=".join(parts[:at]), "=".join(parts[at:])) for at in range(1, min(len(parts), _MOST_SPLITS)))
        wanted = sa.or_(*(sa.and_(_is(tags.name, name, 200), _is(tags.value, value, 400)) for name, value in splits))
    return _table.id.in_(sa.select(tags.execution).where(tags.store == store, wanted))


def _is(column: Any, text: str, longest: int) -> Any:
    """Tell whether a column, which the index cuts, holds a text, be it typed with spaces around it or not."""
    return column.in_(sorted({text[:longest], text.strip()[:longest]}))


_MOST_SPLITS = 20


def _first_id(moment: datetime.datetime) -> str:
    """Return where ids of a second begin: they start with their time in UTC."""
    return f"{moment.astimezone(datetime.UTC):%Y%m%d-%H%M%S}"


def _view(row: Any) -> ExecutionView:
    return ExecutionView(
        id=row.id,
        name=row.name,
        status=row.status,
        started=row.started,
        duration=row.duration,
        tags=msgspec.json.decode(row.tags),
        host=row.host,
        user=row.user,
        command=row.command,
        git_commit=row.git_commit,
        error=row.error,
        lost_records=row.lost_records,
        metrics=msgspec.json.decode(row.metrics),
        verdicts=VerdictCounts(*_verdicts.decode(row.verdicts)),
        within=row.within,
    )


_verdicts = msgspec.json.Decoder(tuple[int, int, int, list[tuple[str, str, str]]])

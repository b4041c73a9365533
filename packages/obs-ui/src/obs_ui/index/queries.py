"""Ask the index: a page of the list of executions, and the ids that a person may mean."""

from __future__ import annotations

import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Engine

from obs_core.model import ExecutionView
from obs_ui.index import schema

__all__ = ["ListPage", "ListQuery", "find", "list_executions", "tag_names"]

_table = schema.executions.c
_COUNTED = 10_000


class ListQuery(Struct, frozen=True):
    """What a reader of the list asks for.

    Attributes:
        text: Words that must all be in the name, id, host, user, command, commit, error or tags; case does not matter.
        status: One of the four; empty for all.
        tag: ``name`` or ``name=value``; empty for all.
        since: Only those that began on this day (UTC) or later.
        until: Only those that began on this day or before.
        before: Only ids before this one: the next page.
        after: Only ids after this one: the page before.
    """

    text: str = ""
    status: str = ""
    tag: str = ""
    since: datetime.date | None = None
    until: datetime.date | None = None
    before: str = ""
    after: str = ""

    @property
    def filters(self) -> bool:
        """Whether anything is left out."""
        return bool(self.text or self.status or self.tag or self.since or self.until)


class ListPage(Struct):
    """A page of the list, newest first.

    Attributes:
        executions: Those of this page.
        total: How many there are on all pages; at most 10,000 are counted when there is a filter.
        counted: Whether `total` is exact.
        newer: Whether there are any before this page.
        older: Whether there are any after it.
    """

    executions: list[ExecutionView]
    total: int
    counted: bool
    newer: bool
    older: bool


def list_executions(engine: Engine, store: int, query: ListQuery, count: int = 50) -> ListPage:
    """Return a page of the list of executions.

    Args:
        engine: The index.
        store: The store's number in it.
        query: Which ones.
        count: How many a page holds.
    """
    conditions = [_table.store == store, *_conditions(store, query)]
    with engine.connect() as connection:
        rows, more = _page(connection, conditions, query, count)
        first_page = not (query.before or query.after)
        # Where everything is on this page, the whole table need not be searched again.
        total = len(rows) if first_page and not more else _total(connection, conditions, exact=not query.filters)
        newer = more if query.after else bool(query.before and rows) and _any(connection, conditions, rows[0], "newer")
        older = bool(rows) and _any(connection, conditions, rows[-1], "older") if query.after else more
    return ListPage(list(map(_view, rows)), total, not query.filters or total < _COUNTED, newer, older)


def find(engine: Engine, store: int, execution_id: str) -> ExecutionView | None:
    """Return what the index holds of an execution."""
    query = sa.select(schema.executions).where(_table.store == store, _table.id == execution_id)
    with engine.connect() as connection:
        row = connection.execute(query).first()
    return None if row is None else _view(row)


def tag_names(engine: Engine, store: int) -> list[str]:
    """Return up to 50 tags as ``name=value``, those of the newest executions first."""
    tags = schema.tags.c
    newest = sa.select(tags.name, tags.value).where(tags.store == store).order_by(tags.execution.desc()).limit(400)
    with engine.connect() as connection:
        found = [f"{row.name}={row.value}" for row in connection.execute(newest)]
    return list(dict.fromkeys(found))[:50]


def _page(connection: Any, conditions: list[Any], query: ListQuery, count: int) -> tuple[list[Any], bool]:
    selected = sa.select(schema.executions).where(*conditions).limit(count + 1)
    if query.after:
        found = connection.execute(selected.where(_table.id > query.after).order_by(_table.id)).all()
        return found[:count][::-1], len(found) > count
    if query.before:
        selected = selected.where(_table.id < query.before)
    found = connection.execute(selected.order_by(_table.id.desc())).all()
    return found[:count], len(found) > count


def _conditions(store: int, query: ListQuery) -> list[Any]:
    found: list[Any] = [_table.searched.contains(word, autoescape=True) for word in query.text.lower().split()]
    if query.status:
        found.append(_table.status == query.status)
    if query.tag:
        found.append(_tagged(store, query.tag))
    if query.since is not None:
        found.append(_table.id >= f"{query.since:%Y%m%d}-")
    if query.until is not None:
        found.append(_table.id < f"{query.until:%Y%m%d}.")  # "." follows "-"
    return found


def _tagged(store: int, tag: str) -> Any:
    name, given, value = tag.partition("=")
    tags = schema.tags.c
    query = sa.select(tags.execution).where(tags.store == store, tags.name == name.strip()[:200])
    if given:
        query = query.where(tags.value == value.strip()[:400])
    return _table.id.in_(query)


def _total(connection: Any, conditions: list[Any], exact: bool) -> int:
    counted = sa.select(_table.id).where(*conditions)
    if not exact:
        counted = counted.limit(_COUNTED)
    return int(connection.scalar(sa.select(sa.func.count()).select_from(counted.subquery())) or 0)


def _any(connection: Any, conditions: list[Any], row: Any, which: str) -> bool:
    condition = _table.id > row.id if which == "newer" else _table.id < row.id
    return connection.execute(sa.select(_table.id).where(*conditions, condition).limit(1)).first() is not None


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
    )

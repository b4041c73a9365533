"""The values of metrics in columns, by which the list is sorted."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from obs_ui.index import schema
from obs_ui.index.database import insertion

__all__ = ["VALUES", "forget", "keep"]

VALUES = ("last", "least", "greatest")
"""What is kept of a metric, in this order."""


def keep(engine: Engine, connection: Connection, rows: Iterable[dict[str, Any]]) -> None:
    """Write the values of executions, given as rows of the index."""
    found = [one for row in rows for one in _rows(row)]
    if not found:
        return
    insert = insertion(engine, schema.metrics)
    update = {value: insert.excluded[value] for value in VALUES}
    connection.execute(insert.on_conflict_do_update(index_elements=["store", "name", "execution"], set_=update), found)


def forget(connection: Connection, store: int, ids: Collection[str]) -> None:
    """Remove the values of executions that are still in the index."""
    executions, metrics = schema.executions.c, schema.metrics.c
    asked = sa.select(executions.metrics).where(
        executions.store == store, executions.id.in_(ids), executions.metrics != "{}"
    )
    names = {name for found in connection.scalars(asked) for name in msgspec.json.decode(found)}
    if names:
        # Its key begins with the name: without names, all of the store's rows would be looked at.
        theirs = (metrics.store == store, metrics.name.in_(names), metrics.execution.in_(ids))
        connection.execute(sa.delete(schema.metrics).where(*theirs))


def _rows(row: dict[str, Any]) -> Iterable[dict[str, Any]]:
    known: dict[str, list[float | None]] = msgspec.json.decode(row["metrics"])
    for name, values in known.items():
        finite = (value if value is not None and math.isfinite(value) else None for value in values)
        yield {"store": row["store"], "name": name, "execution": row["id"], **dict(zip(VALUES, finite, strict=True))}

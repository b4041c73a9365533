"""The tables of the index, as the newest migration leaves them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, ForeignKey, Index, Integer, MetaData, String, Table, Text

metadata = MetaData()

_ID = String(100).with_variant(String(100, collation="C"), "postgresql")
"""Ids sort by time if they are compared byte by byte, which not every language's order does."""

stores = Table(
    "stores",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("address", Text, nullable=False, unique=True),
)
"""One index may serve several stores."""

executions = Table(
    "executions",
    metadata,
    Column("store", Integer, ForeignKey("stores.number"), primary_key=True),
    Column("id", _ID, primary_key=True),
    Column("name", Text, nullable=False),
    Column("status", String(10), nullable=False),
    Column("started", BigInteger, nullable=False),
    Column("duration", BigInteger, nullable=False),
    Column("host", Text, nullable=False),
    Column("user", Text, nullable=False),
    Column("command", Text, nullable=False),
    Column("git_commit", Text, nullable=False),
    Column("error", Text),
    Column("tags", Text, nullable=False),
    Column("lost_records", BigInteger, nullable=False),
    Column("searched", Text, nullable=False),
    Column("ended", Boolean, nullable=False),
    Column("name_key", String(100), nullable=False, server_default=""),
    Column("metrics", Text, nullable=False, server_default="{}"),
    Column("verdict", String(10), nullable=False, server_default=""),
    Column("verdicts", Text, nullable=False, server_default="[0,0,0,[]]"),
    Column("within", String(100), nullable=False, server_default=""),
    Index("executions_by_duration", "store", "duration", "id"),
    Index("executions_by_name", "store", "name_key", "id"),
    Index("executions_by_status", "store", "status", "id"),
    Index("executions_by_verdict", "store", "verdict", "id"),
)
"""Times are nanoseconds; `tags` and `metrics` are JSON objects; `searched` is all that a text filter looks at, in lower
case; `name_key` is the beginning of the name, by which the list is sorted; `verdict` is the worst that checks found,
`verdicts` a JSON list: how many passed, warned and failed, and the worst of them; `within` names what `obs run` made
around it."""

tags = Table(
    "tags",
    metadata,
    Column("store", Integer, primary_key=True),
    Column("execution", _ID, primary_key=True),
    Column("name", String(200), primary_key=True),
    Column("value", String(400), nullable=False),
    Index("tags_by_value", "store", "name", "value", "execution"),
)

metrics = Table(
    "metrics",
    metadata,
    Column("store", Integer, primary_key=True),
    Column("name", String(100), primary_key=True),
    Column("execution", _ID, primary_key=True),
    Column("last", Float),
    Column("least", Float),
    Column("greatest", Float),
    Index("metrics_by_last", "store", "name", "last", "execution"),
    Index("metrics_by_least", "store", "name", "least", "execution"),
    Index("metrics_by_greatest", "store", "name", "greatest", "execution"),
    sqlite_with_rowid=False,
)
"""What `executions` holds of each metric, by which the list is sorted; null what is not a finite number."""

tasks = Table(
    "tasks",
    metadata,
    Column("store", Integer, primary_key=True),
    Column("execution", _ID, primary_key=True),
    Column("rows", Text, nullable=False),
)
"""How the tasks of an execution went, by name; of executions that have ended and were looked at with their pipeline.
`rows` is a JSON list of `obs_ui.index.tasks.TaskRow`."""

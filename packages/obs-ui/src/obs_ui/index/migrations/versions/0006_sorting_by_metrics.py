"""Executions sorted by a metric: its values in columns that an index orders."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_ID = sa.String(100).with_variant(sa.String(100, collation="C"), "postgresql")
_VALUES = ("last", "least", "greatest")


def upgrade() -> None:
    """Take the values of metrics from where the list reads them."""
    op.create_table(
        "metrics",
        sa.Column("store", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(100), primary_key=True),
        sa.Column("execution", _ID, primary_key=True),
        *(sa.Column(value, sa.Float) for value in _VALUES),
        sqlite_with_rowid=False,
    )
    op.execute(_FROM_POSTGRESQL if op.get_context().dialect.name == "postgresql" else _FROM_SQLITE)
    for value in _VALUES:
        op.create_index(f"metrics_by_{value}", "metrics", ["store", "name", value, "execution"])


_FROM_SQLITE = """
INSERT INTO metrics SELECT one.store, each.key, one.id, json_extract(each.value, '$[0]'),
json_extract(each.value, '$[1]'), json_extract(each.value, '$[2]')
FROM executions AS one, json_each(one.metrics) AS each
"""

_FROM_POSTGRESQL = """
INSERT INTO metrics SELECT one.store, each.key, one.id, CAST(each.value ->> 0 AS double precision),
CAST(each.value ->> 1 AS double precision), CAST(each.value ->> 2 AS double precision)
FROM executions AS one, jsonb_each(CAST(one.metrics AS jsonb)) AS each
"""

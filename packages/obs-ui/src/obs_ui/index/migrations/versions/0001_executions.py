"""Stores, executions and their tags."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_ID = sa.String(100).with_variant(sa.String(100, collation="C"), "postgresql")


def upgrade() -> None:
    """Make the tables of obs-ui 0.1."""
    op.create_table(
        "stores",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("address", sa.Text, nullable=False, unique=True),
    )
    op.create_table(
        "executions",
        sa.Column("store", sa.Integer, sa.ForeignKey("stores.number"), primary_key=True),
        sa.Column("id", _ID, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("started", sa.BigInteger, nullable=False),
        sa.Column("duration", sa.BigInteger, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("user", sa.Text, nullable=False),
        sa.Column("command", sa.Text, nullable=False),
        sa.Column("git_commit", sa.Text, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("tags", sa.Text, nullable=False),
        sa.Column("lost_records", sa.BigInteger, nullable=False),
        sa.Column("searched", sa.Text, nullable=False),
        sa.Column("ended", sa.Boolean, nullable=False),
    )
    op.create_index("executions_by_status", "executions", ["store", "status", "id"])
    op.create_table(
        "tags",
        sa.Column("store", sa.Integer, primary_key=True),
        sa.Column("execution", _ID, primary_key=True),
        sa.Column("name", sa.String(200), primary_key=True),
        sa.Column("value", sa.String(400), nullable=False),
    )
    op.create_index("tags_by_value", "tags", ["store", "name", "value", "execution"])

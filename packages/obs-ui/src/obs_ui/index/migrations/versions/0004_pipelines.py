"""What checks found, and how the tasks of an execution went: what the page of a pipeline shows."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_ID = sa.String(100).with_variant(sa.String(100, collation="C"), "postgresql")


def upgrade() -> None:
    """Add what lists and pipelines show of checks and tasks."""
    op.add_column("executions", sa.Column("verdict", sa.String(10), nullable=False, server_default=""))
    op.add_column("executions", sa.Column("verdicts", sa.Text, nullable=False, server_default="[0,0,0,[]]"))
    op.add_column("executions", sa.Column("within", sa.String(100), nullable=False, server_default=""))
    op.create_index("executions_by_verdict", "executions", ["store", "verdict", "id"])
    op.create_table(
        "tasks",
        sa.Column("store", sa.Integer, primary_key=True),
        sa.Column("execution", _ID, primary_key=True),
        sa.Column("rows", sa.Text, nullable=False),
    )

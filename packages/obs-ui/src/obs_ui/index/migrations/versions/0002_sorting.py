"""Executions sorted by duration and by name."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add what the list is sorted by."""
    op.add_column("executions", sa.Column("name_key", sa.String(100), nullable=False, server_default=""))
    op.execute("UPDATE executions SET name_key = lower(substr(name, 1, 100))")
    op.create_index("executions_by_duration", "executions", ["store", "duration", "id"])
    op.create_index("executions_by_name", "executions", ["store", "name_key", "id"])

"""The last, least and greatest value of metrics, which the list shows."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add what executions recorded last of each metric."""
    op.add_column("executions", sa.Column("metrics", sa.Text, nullable=False, server_default="{}"))

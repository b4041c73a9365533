"""Ends of processes in words: what was read as it is recorded is read again."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Take what a signal or an exit ended for not read to its end."""
    op.execute("update executions set ended = false where error like 'Terminated: %' or error like 'SystemExit: %'")

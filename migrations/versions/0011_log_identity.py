"""Which log a position lies in: a topic that was made anew, or a file that was rotated, is another one.

Revision ID: 0011
Revises: 0010
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One column; empty means that it was never noted, and the next claim notes it."""
    op.add_column("partitions", sa.Column("log_id", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    """Identities are lost."""
    op.drop_column("partitions", "log_id")

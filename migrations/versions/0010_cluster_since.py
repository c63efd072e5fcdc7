"""When the last seven prompts of a large cluster began to come: a campaign is concentrated in time.

Revision ID: 0010
Revises: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One column; 0 where it was not kept."""
    op.add_column("clusters", sa.Column("since_ms", sa.BigInteger(), nullable=False, server_default="0"))


def downgrade() -> None:
    """The times are lost."""
    op.drop_column("clusters", "since_ms")

"""The type of trouble of findings and incidents; null for those found before there were types.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two columns on incidents, one on findings (the rest is in their document)."""
    op.add_column("incidents", sa.Column("trouble", sa.Text(), nullable=True))
    op.add_column("incidents", sa.Column("trouble_rule", sa.Text(), nullable=False, server_default=""))
    op.add_column("findings", sa.Column("trouble", sa.Text(), nullable=True))


def downgrade() -> None:
    """Types are lost; they are worked out anew when findings join."""
    op.drop_column("findings", "trouble")
    op.drop_column("incidents", "trouble_rule")
    op.drop_column("incidents", "trouble")

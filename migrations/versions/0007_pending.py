"""Indexes for what has not taken effect yet: the judge asks with every step.

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two partial indexes that are nearly always empty, and two for what takes effect from a tick on."""
    for table, column, waiting in (
        ("baselines", "id", "state = 'approved' AND effective_tick IS NULL"),
        ("dismissals", "finding_id", "effective_tick IS NULL"),
    ):
        where = sa.text(waiting)
        op.create_index(f"ix_{table}_pending", table, [column], postgresql_where=where, sqlite_where=where)
        op.create_index(f"ix_{table}_effective_tick", table, ["effective_tick"])


def downgrade() -> None:
    """The same rows, found more slowly."""
    for table in ("dismissals", "baselines"):
        op.drop_index(f"ix_{table}_effective_tick", table)
        op.drop_index(f"ix_{table}_pending", table)

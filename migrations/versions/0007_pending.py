"""Indexes for what has not taken effect yet: the judge asks with every step.

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One index each; rows without a tick are in it too."""
    for table in ("baselines", "dismissals"):
        op.create_index(f"ix_{table}_effective_tick", table, ["effective_tick"])


def downgrade() -> None:
    """The same rows, found more slowly."""
    for table in ("dismissals", "baselines"):
        op.drop_index(f"ix_{table}_effective_tick", table)

"""Who is paged next, and what is silenced.

Revision ID: 0012
Revises: 0011
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two tables, empty: incidents from before are not paged about until something happens to them."""
    op.create_table(
        "escalations",
        sa.Column("incident_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("wakes_ms", sa.BigInteger()),
        sa.Column("document", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name="fk_escalations_incident_id"),
        sa.PrimaryKeyConstraint("incident_id", name="pk_escalations"),
    )
    op.create_index("ix_escalations_wakes_ms", "escalations", ["wakes_ms"])
    op.create_table(
        "silences",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("begin_ms", sa.BigInteger(), nullable=False),
        sa.Column("end_ms", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_silences"),
    )
    op.create_index("ix_silences_end_ms", "silences", ["end_ms"])


def downgrade() -> None:
    """Nobody is paged, nothing is silenced; incidents and timelines stay."""
    op.drop_index("ix_silences_end_ms", "silences")
    op.drop_table("silences")
    op.drop_index("ix_escalations_wakes_ms", "escalations")
    op.drop_table("escalations")

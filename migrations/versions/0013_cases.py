"""What people decide about an incident: phase, triage, assignment, links.

Revision ID: 0013
Revises: 0012
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One table, empty: nothing has been decided about incidents from before."""
    op.create_table(
        "cases",
        sa.Column("incident_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name="fk_cases_incident_id"),
        sa.PrimaryKeyConstraint("incident_id", name="pk_cases"),
    )


def downgrade() -> None:
    """Decisions are lost; what was written to the timelines stays."""
    op.drop_table("cases")

"""What the response needs beside incidents: evidence as it was, measures, action items, alerts from elsewhere.

Revision ID: 0015
Revises: 0014
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """New tables are empty; entries from before keep the hash that covers their data as a whole."""
    op.add_column("incidents", sa.Column("exercise", sa.Boolean(), nullable=False, server_default=sa.text("false")))
    op.create_index("ix_incidents_guardrail", "incidents", ["guardrail", "status", "id"])
    op.create_index("ix_incidents_guardrail_newest", "incidents", ["guardrail", "id"])
    op.create_index("ix_incidents_status", "incidents", ["status", "id"])
    op.create_index("ix_incidents_key", "incidents", ["key"])
    op.add_column("timeline", sa.Column("content", sa.Text(), nullable=False, server_default=""))
    op.create_index("ix_timeline_at_ms", "timeline", ["at_ms"])
    op.create_table(
        "captures",
        sa.Column("incident_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("finding_id", sa.Text(), nullable=False),
        sa.Column("moment", sa.Text(), nullable=False),
        sa.Column("due_ms", sa.BigInteger(), nullable=True),
        sa.Column("seq", sa.BigInteger(), nullable=True),
        sa.Column("document", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name="fk_captures_incident_id"),
        sa.PrimaryKeyConstraint("incident_id", "finding_id", "moment", name="pk_captures"),
    )
    op.create_index("ix_captures_due_ms", "captures", ["due_ms"])
    for table in ("measures", "action_items"):
        op.create_table(
            table,
            sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
            sa.Column("incident_id", sa.BigInteger(), nullable=False),
            sa.Column("due_ms", sa.BigInteger(), nullable=True),
            sa.Column("document", sa.Text(), nullable=False),
            sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name=f"fk_{table}_incident_id"),
            sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
        )
        op.create_index(f"ix_{table}_incident_id", table, ["incident_id"])
        op.create_index(f"ix_{table}_due_ms", table, ["due_ms"])
    op.create_table(
        "inbound_alerts",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("incident_id", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name="fk_inbound_alerts_incident_id"),
        sa.PrimaryKeyConstraint("source", "fingerprint", name="pk_inbound_alerts"),
    )
    op.create_index("ix_inbound_alerts_incident_id", "inbound_alerts", ["incident_id"])
    op.create_table(
        "inbound_seen",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_inbound_seen"),
    )
    op.create_index("ix_inbound_seen_at_ms", "inbound_seen", ["at_ms"])
    op.create_table(
        "releases",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("seen_ms", sa.BigInteger(), nullable=False),
        sa.Column("told", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "name", "version", name="pk_releases"),
    )


def downgrade() -> None:
    """Evidence, measures and action items are lost; entries written since do not verify under the older version."""
    for table in ("releases", "inbound_seen", "inbound_alerts", "action_items", "measures", "captures"):
        op.drop_table(table)
    op.drop_index("ix_timeline_at_ms", "timeline")
    op.drop_column("timeline", "content")
    for name in ("key", "status", "guardrail_newest", "guardrail"):
        op.drop_index(f"ix_incidents_{name}", "incidents")
    op.drop_column("incidents", "exercise")

"""What each layout of columns means, so that counts outlive a change of one signal.

Until now a row knew its layout by a fingerprint alone, and counts of another one were not read. The fingerprint of
the last release is written down with its columns; rows of still older ones stay unread.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

FINGERPRINT = "2408be21ca3c7182"
WIDTH = 256
COLUMNS = (
    ("boundary_proximity", 1, 1, 14),
    ("verdict_mix", 1, 15, 20),
    ("coverage", 1, 35, 6),
    ("request_join", 1, 41, 4),
    ("layer_bypass", 1, 45, 4),
    ("spec_gaming", 1, 49, 2),
    ("contradictions", 1, 51, 3),
    ("score_shift", 1, 54, 20),
    ("input_length", 1, 74, 13),
    ("input_script", 1, 87, 10),
    ("input_disorder", 1, 97, 5),
    ("input_turn", 2, 102, 9),
    ("input_rules", 1, 111, 5),
    ("output_length", 1, 116, 13),
    ("output_refusal", 1, 129, 2),
    ("output_finish", 1, 131, 6),
    ("category_mix", 1, 137, 25),
    ("repetition", 1, 162, 2),
    ("campaign", 1, 164, 6),
    ("labels_harmful", 1, 170, 2),
    ("labels_benign", 1, 172, 2),
)
"""Signal, version, first column, bins."""


def upgrade() -> None:
    """One table, with one row."""
    table = op.create_table(
        "layouts",
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", name="pk_layouts"),
    )
    document = json.dumps({"width": WIDTH, "columns": COLUMNS}, separators=(",", ":"))
    op.bulk_insert(table, [{"fingerprint": FINGERPRINT, "document": document}])


def downgrade() -> None:
    """Counts stay; an earlier version reads those of its own layout."""
    op.drop_table("layouts")

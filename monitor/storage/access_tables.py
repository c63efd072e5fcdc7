"""The tables of access: credentials, the audit trail, answers under idempotency keys."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Table, Text, UniqueConstraint

from monitor.storage.schema import RowId, SafeText, metadata

credentials: Final = Table(
    "credentials",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("kind", SafeText, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("name", SafeText, nullable=False),
    Column("role", SafeText, nullable=False),
    Column("guardrails", Text, nullable=False),
    Column("made_by", SafeText, nullable=False),
    Column("made_at_ms", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
    Column("used_at_ms", BigInteger),
    Column("ended_at_ms", BigInteger),
    UniqueConstraint("digest"),
)

audit: Final = Table(
    "audit",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("by", SafeText, nullable=False),
    Column("through", SafeText, nullable=False),
    Column("act", SafeText, nullable=False),
    Column("subject", SafeText, nullable=False),
    Column("detail", SafeText, nullable=False),
)

answers: Final = Table(
    "answers",
    metadata,
    Column("key", LargeBinary, primary_key=True),
    Column("request", LargeBinary, nullable=False),
    Column("status", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Index("ix_answers_at_ms", "at_ms"),
)

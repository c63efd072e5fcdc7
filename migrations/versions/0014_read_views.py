"""What others may read: views in a schema of their own, and the length of a tick beside the judge's position.

Revision ID: 0014
Revises: 0013
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

SCHEMA = "driftline_read"

# Names in documents come from outside: the text of a NUL would fail the whole query when it is read.
DOCUMENT = "replace({0}.document, '\\u0000', '\\ufffd')::json"

# 10 s is the length of a tick by default; until the judge has made its first step since the upgrade, nothing says
# otherwise.
CLOCK = "(SELECT coalesce(max(j.tick_ms), 10000) AS tick_ms FROM judge j) clock"


def _time(milliseconds: str) -> str:
    return f"to_timestamp(({milliseconds}) / 1000.0)"


def _tick(column: str) -> str:
    return _time(f"{column} * clock.tick_ms")


UNIT = "s.guardrail, s.guardrail_version, s.category, s.stage, s.score_kind"
LABEL = (
    "concat_ws(' / ', s.guardrail, nullif(s.guardrail_version, ''), nullif(s.category, ''), nullif(s.stage, '')) "
    "AS stream"
)
THRESHOLD = "CASE WHEN s.threshold_milli >= 0 THEN s.threshold_milli / 1000.0::double precision END AS threshold"

VIEWS = {
    "streams": f"""
        SELECT s.id AS stream_id, {LABEL}, {UNIT}, {THRESHOLD}, s.state, {_tick("s.tick")} AS seen_at,
               (d.document ->> 'events')::bigint AS events,
               (d.document ->> 'wanted_events')::bigint AS wanted_events,
               {_tick("(d.document ->> 'watched_from')::bigint")} AS watched_from,
               {_tick("(d.document ->> 'last_tick')::bigint")} AS last_event_at,
               coalesce(json_array_length(d.document -> 'unavailable'), 0) AS unavailable
        FROM streams s CROSS JOIN {CLOCK} CROSS JOIN LATERAL (SELECT {DOCUMENT.format("s")} AS document) d
        WHERE s.document IS NOT NULL""",
    "evidence": f"""
        SELECT {_tick("p.tick")} AS at, p.stream_id, {LABEL}, {UNIT}, p.signal, p.question,
               CASE WHEN p.log_evidence > '-Infinity' THEN p.log_evidence END AS log_evidence, p.spent
        FROM evidence_points p JOIN streams s ON s.id = p.stream_id CROSS JOIN {CLOCK}""",
    "levels": f"""
        SELECT {_tick("l.tick")} AS at, l.stream_id, {LABEL}, {UNIT}, l.signal, l.question, l.events, l.mean,
               l.approved_level, l.page_limit
        FROM hour_levels l JOIN streams s ON s.id = l.stream_id CROSS JOIN {CLOCK}""",
    "incidents": f"""
        SELECT i.id AS incident_id, 'INC-' || i.id AS name, i.guardrail, i.status, i.severity, i.title,
               coalesce(i.trouble, 'unclassified') AS trouble, {_time("i.opened_at_ms")} AS opened_at,
               {_time("i.onset_low_ms")} AS onset_at, {_time("i.last_found_ms")} AS last_found_at,
               i.acknowledged_by, {_time("i.acknowledged_at_ms")} AS acknowledged_at,
               {_time("i.resolved_at_ms")} AS resolved_at, {_time("i.closed_at_ms")} AS closed_at,
               (i.acknowledged_at_ms - i.opened_at_ms) / 1000.0::double precision AS seconds_to_acknowledge,
               (i.resolved_at_ms - i.opened_at_ms) / 1000.0::double precision AS seconds_to_resolve
        FROM incidents i""",
    "findings": f"""
        SELECT f.id AS finding_id, f.guardrail, d.document ->> 'guardrail_version' AS guardrail_version,
               d.document ->> 'category' AS category, d.document ->> 'stage' AS stage,
               d.document ->> 'stratum' AS stratum, f.signal, d.document ->> 'question' AS question, f.kind,
               d.document ->> 'direction' AS direction, d.document ->> 'promise' AS promise,
               coalesce(f.trouble, 'unclassified') AS trouble, f.incident_id,
               {_time("f.onset_low_ms")} AS onset_at, {_time("f.detected_at_ms")} AS detected_at,
               {_time("(d.document ->> 'paged_at_ms')::bigint")} AS paged_at,
               {_time("f.ended_at_ms")} AS ended_at,
               (f.detected_at_ms - f.onset_low_ms) / 1000.0::double precision AS seconds_to_detect,
               d.document -> 'effect' ->> 'unit' AS unit,
               (d.document -> 'effect' ->> 'baseline')::double precision AS baseline,
               (d.document -> 'effect' ->> 'current')::double precision AS current
        FROM findings f CROSS JOIN LATERAL (SELECT {DOCUMENT.format("f")} AS document) d""",
    "timeline": f"""
        SELECT t.incident_id, 'INC-' || t.incident_id AS name, t.seq, {_time("t.at_ms")} AS at, t.kind
        FROM timeline t""",
    "notifications": f"""
        SELECT o.id AS notification_id, o.incident_id, 'INC-' || o.incident_id AS name, o.channel, o.deed AS action,
               o.state, o.attempts, {_time("o.due_at_ms")} AS due_at, {_time("o.delivered_at_ms")} AS delivered_at
        FROM outbox o""",
    "baselines": f"""
        SELECT s.id AS baseline_id, {LABEL}, {UNIT}, {THRESHOLD}, s.state, {_tick("s.from_tick")} AS from_at,
               {_tick("s.to_tick")} AS to_at, {_tick("s.effective_tick")} AS effective_at,
               {_time("s.created_at_ms")} AS created_at, s.approved_by
        FROM baselines s CROSS JOIN {CLOCK}""",
    "releases": f"""
        SELECT kind, name, version, at, row_number() OVER (PARTITION BY kind, name ORDER BY at, version) AS number
        FROM (
            SELECT 'guardrail' AS kind, seen.guardrail AS name, seen.guardrail_version AS version,
                   {_tick("min(seen.tick)")} AS at
            FROM (
                SELECT guardrail, guardrail_version, from_tick AS tick FROM baselines
                UNION ALL
                SELECT s.guardrail, s.guardrail_version, ({DOCUMENT.format("s")} ->> 'learning_from')::bigint
                FROM streams s WHERE s.document IS NOT NULL
            ) seen CROSS JOIN {CLOCK}
            WHERE seen.guardrail_version <> '' AND seen.tick IS NOT NULL
            GROUP BY seen.guardrail, seen.guardrail_version, clock.tick_ms
            UNION ALL
            SELECT 'model', e.model, e.version, {_time("min(e.recorded_at_ms)")}
            FROM eval_runs e GROUP BY e.model, e.version
        ) versions""",
    "partitions": f"""
        SELECT p.partition, p.source, p.active, p.ended, p.next_offset, {_tick("p.closed_before")} AS closed_before,
               {_time("p.committed_at_ms")} AS committed_at
        FROM partitions p CROSS JOIN {CLOCK}""",
    "commits": f"""
        SELECT {_time("c.committed_at_ms")} AS at, c.partition, c.from_offset, c.to_offset, c.events, c.duplicates,
               c.late, c.future, c.gap,
               coalesce((SELECT sum(each.value::bigint) FROM json_each_text(c.rejected::json) each), 0)::bigint
                   AS rejected
        FROM tick_ledger c""",
    "judge": f"""
        SELECT {_tick("j.judged_before")} AS judged_before, clock.tick_ms / 1000.0::double precision AS tick_seconds,
               l.holder, {_time("l.expires_at_ms")} AS lease_expires_at
        FROM judge j CROSS JOIN {CLOCK} LEFT JOIN leases l ON l.name = 'judge'""",
    "silences": f"""
        SELECT s.id AS silence_id, {_time("s.begin_ms")} AS begin_at, {_time("s.end_ms")} AS end_at
        FROM silences s""",
}


def upgrade() -> None:
    """A column, empty until the judge's next step; on PostgreSQL, where others read, the views."""
    op.add_column("judge", sa.Column("tick_ms", sa.BigInteger(), nullable=True))
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute(f"CREATE SCHEMA {SCHEMA}")
    for name, query in VIEWS.items():
        op.execute(sa.text(f"CREATE VIEW {SCHEMA}.{name} AS {query}".replace(":", "\\:")))


def downgrade() -> None:
    """Who reads the views loses them, with the rights on them."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"DROP SCHEMA {SCHEMA} CASCADE")
    with op.batch_alter_table("judge") as table:
        table.drop_column("tick_ms")

"""One stream: what did each question see, against which level?"""

from __future__ import annotations

from typing import Any

from monitor.grafana.names import STREAM
from monitor.grafana.panels import BAD, GOOD, NEUTRAL, TO_GUARDRAIL, WARN, Row, board, lines, one_number, rows, series
from monitor.grafana.queries import Sql, names

STREAM_ID = "stream_id = nullif(${stream:sqlstring}, '')::bigint"
"""Nothing is chosen where there is no stream yet: then no row, and no error."""
ITS_GUARDRAIL = f"(SELECT max(guardrail) FROM driftline_read.streams WHERE {STREAM_ID})"


def stream() -> dict[str, Any]:
    """The dashboard."""
    return board(
        STREAM,
        "Driftline: stream",
        "What has this stream shown, against its approved level and its threshold?",
        [
            _answer(),
            Row(10, [_evidence()]),
            Row(10, [_levels(), _limits()]),
            Row(8, [_spent(), _baselines()]),
            Row(8, [_findings()]),
        ],
        variables=[
            names(
                "stream",
                "Stream",
                """
                SELECT stream AS __text, stream_id AS __value FROM driftline_read.streams
                ORDER BY stream, stream_id LIMIT 1000""",
            )
        ],
        guardrail=ITS_GUARDRAIL,
    )


def _answer() -> Row:
    return Row(
        4,
        [
            one_number(
                "State",
                "Whether it is watched, or what is missing: learning, waiting for approval, retired, pooled.",
                "string",
                Sql(f"SELECT state FROM driftline_read.streams WHERE {STREAM_ID}"),
                width=6,
            ),
            one_number(
                "Largest evidence in the range",
                "Natural logarithm of the evidence of its strongest question; a finding is raised at 0.",
                "none",
                Sql(f"SELECT max(log_evidence) FROM driftline_read.evidence WHERE {STREAM_ID} AND $__timeFilter(at)"),
                steps=[(None, GOOD), (-2.3, WARN), (0, BAD)],
                width=6,
            ),
            one_number(
                "Furthest beyond the level",
                "The newest hour's mean divided by the limit that a page needs, of the question where it is largest.",
                "percentunit",
                Sql(f"""
                    SELECT max(mean / page_limit) FROM driftline_read.levels
                    WHERE {STREAM_ID} AND page_limit > 0
                      AND at = (SELECT max(at) FROM driftline_read.levels WHERE {STREAM_ID})"""),
                steps=[(None, GOOD), (0.9, WARN), (1, BAD)],
                width=6,
            ),
            one_number(
                "Events of the baseline",
                "Events that its baseline was learned from, or that are learned so far.",
                "none",
                Sql(f"SELECT events FROM driftline_read.streams WHERE {STREAM_ID}"),
                steps=[(None, NEUTRAL)],
                width=6,
            ),
        ],
    )


def _evidence() -> Any:
    return lines(
        "Evidence by question",
        "Natural logarithm of the evidence, the largest of each minute. A finding is raised at the dashed line.",
        "none",
        series(f"""
            SELECT at AS time, signal || ' ' || question AS metric, log_evidence
            FROM driftline_read.evidence
            WHERE {STREAM_ID} AND $__timeFilter(at) AND log_evidence IS NOT NULL ORDER BY 1"""),
        limit=0,
        width=24,
    )


def _levels() -> Any:
    return lines(
        "Mean by question",
        "The mean of each hour: a share or a weight from 0 to 1. Its approved level and limit are beside it.",
        "percentunit",
        series(f"""
            SELECT at AS time, signal || ' ' || question AS metric, mean FROM driftline_read.levels
            WHERE {STREAM_ID} AND $__timeFilter(at) ORDER BY 1"""),
        lowest=0,
    )


def _limits() -> Any:
    return rows(
        "Newest levels",
        "The newest hour's mean, the approved level, and the limit: a page means that the mean is beyond the limit.",
        Sql(f"""
            SELECT DISTINCT ON (signal, question) signal, question, at, events, mean, approved_level, page_limit
            FROM driftline_read.levels WHERE {STREAM_ID} AND $__timeFilter(at)
            ORDER BY signal, question, at DESC LIMIT 200"""),
        width=12,
        units={"mean": "percentunit", "approved_level": "percentunit", "page_limit": "percentunit"},
    )


def _spent() -> Any:
    return lines(
        "False alarms spent",
        "What its questions have spent of the budget: the bound on the false alarms expected of them so far.",
        "none",
        series(f"""
            SELECT at AS time, signal AS metric, sum(spent) AS spent FROM driftline_read.evidence
            WHERE {STREAM_ID} AND $__timeFilter(at) GROUP BY 1, 2 ORDER BY 1"""),
        lowest=0,
        stacked=True,
    )


def _baselines() -> Any:
    return rows(
        "Baselines",
        "What was taken as normal, when, by whom; the newest first.",
        Sql(f"""
            SELECT b.state, b.from_at, b.to_at, b.effective_at, b.approved_by
            FROM driftline_read.baselines b JOIN driftline_read.streams s USING (stream)
            WHERE s.{STREAM_ID} ORDER BY b.created_at DESC LIMIT 50"""),
        width=12,
    )


def _findings() -> Any:
    return rows(
        "Findings of its guardrail and category",
        "What changed here and beside it, the newest first.",
        Sql(f"""
            SELECT f.detected_at, f.guardrail, f.kind, f.signal, f.question, f.stratum, f.baseline, f.current, f.unit,
                   f.onset_at, f.ended_at
            FROM driftline_read.findings f JOIN driftline_read.streams s USING (guardrail, category)
            WHERE s.{STREAM_ID} AND $__timeFilter(f.detected_at) ORDER BY f.detected_at DESC LIMIT 100"""),
        link=TO_GUARDRAIL,
    )

"""One guardrail: which of its streams and signals changed, and since when?"""

from __future__ import annotations

from typing import Any

from monitor.grafana.names import GUARDRAIL
from monitor.grafana.panels import (
    BAD,
    GOOD,
    NEUTRAL,
    TO_INCIDENTS,
    TO_STREAM,
    WARN,
    Row,
    board,
    lines,
    one_number,
    rows,
    series,
)
from monitor.grafana.queries import Sql, names, promql

CHOSEN = "${guardrail:sqlstring}"
SELECTOR = '{guardrail="$guardrail"}'


def guardrail() -> dict[str, Any]:
    """The dashboard."""
    return board(
        GUARDRAIL,
        "Driftline: guardrail",
        "Has this guardrail changed: which signal, since when, and by how much?",
        [
            _answer(),
            Row(9, [_evidence(), _findings()]),
            Row(8, [_streams()]),
            Row(8, [_levels(), _labels()]),
            Row(8, [_joins(), _contradictions()]),
        ],
        variables=[
            names(
                "guardrail",
                "Guardrail",
                "SELECT DISTINCT guardrail FROM driftline_read.streams ORDER BY guardrail LIMIT 1000",
            )
        ],
        guardrail=CHOSEN,
    )


def _answer() -> Row:
    return Row(
        4,
        [
            one_number(
                "Incidents not resolved",
                "Incidents of this guardrail that are open or acknowledged.",
                "none",
                Sql(f"""
                    SELECT count(*) AS incidents FROM driftline_read.incidents
                    WHERE status IN ('open', 'acknowledged') AND guardrail = {CHOSEN}"""),
                steps=[(None, GOOD), (1, BAD)],
                link=TO_INCIDENTS,
                width=6,
            ),
            one_number(
                "Findings that go on",
                "Pages and notices of this guardrail that have not ended.",
                "none",
                Sql(f"""
                    SELECT count(*) AS findings FROM driftline_read.findings
                    WHERE ended_at IS NULL AND guardrail = {CHOSEN}"""),
                steps=[(None, GOOD), (1, WARN)],
                width=6,
            ),
            one_number(
                "Strongest evidence now",
                "Natural logarithm of the evidence of its strongest question; a finding is raised at 0.",
                "none",
                promql(f"max(driftline_log_evidence{SELECTOR})", instant=True),
                steps=[(None, GOOD), (-2.3, WARN), (0, BAD)],
                width=6,
            ),
            one_number(
                "Newest version",
                "The version whose first event is the newest.",
                "string",
                Sql(f"""
                    SELECT version FROM driftline_read.releases WHERE kind = 'guardrail' AND name = {CHOSEN}
                    ORDER BY at DESC, version DESC LIMIT 1"""),
                steps=[(None, NEUTRAL)],
                none="not in the log",
                width=6,
            ),
        ],
    )


def _evidence() -> Any:
    return lines(
        "Evidence by signal and question",
        "Natural logarithm of the evidence of each question. A finding is raised at the dashed line, which is 0.",
        "none",
        promql(
            f"max by (category, signal, question) (driftline_log_evidence{SELECTOR})",
            "{{category}} {{signal}} {{question}}",
        ),
        limit=0,
    )


def _findings() -> Any:
    return rows(
        "Findings",
        "What changed, since when, how large: the newest first.",
        Sql(f"""
            SELECT detected_at, kind, category, signal, question, stratum, baseline, current, unit, onset_at,
                   ended_at, 'INC-' || incident_id AS incident
            FROM driftline_read.findings WHERE guardrail = {CHOSEN} AND $__timeFilter(detected_at)
            ORDER BY detected_at DESC LIMIT 100"""),
        width=12,
    )


def _streams() -> Any:
    return rows(
        "Streams",
        "A stream is a guardrail, a version, a category and a stage. A click opens its evidence and levels.",
        Sql(f"""
            SELECT stream_id, stream, state, events, wanted_events, watched_from, last_event_at, threshold,
                   unavailable
            FROM driftline_read.streams WHERE guardrail = {CHOSEN} ORDER BY stream LIMIT 1000"""),
        link=TO_STREAM,
    )


def _levels() -> Any:
    return lines(
        "Furthest beyond the approved level",
        "Each hour's mean divided by the limit that a page needs; above the dashed line a page may come.",
        "percentunit",
        series(f"""
            SELECT at AS time, signal || ' ' || question AS metric, max(mean / page_limit) AS share
            FROM driftline_read.levels
            WHERE guardrail = {CHOSEN} AND $__timeFilter(at) AND page_limit > 0
            GROUP BY 1, 2 ORDER BY 1"""),
        limit=1,
        lowest=0,
    )


def _labels() -> Any:
    return lines(
        "Labels by outcome",
        "What people said later of its verdicts, per second: caught, missed, passed, false positive.",
        "cps",
        promql(f"sum by (outcome) (rate(driftline_labels_total{SELECTOR}[$__rate_interval]))", "{{outcome}}"),
        lowest=0,
    )


def _joins() -> Any:
    return lines(
        "Outputs whose request is not found",
        "Share of outputs that a signal which joins by request could not use. Above the dashed line it is paused.",
        "percentunit",
        promql(f"max by (category, signal) (driftline_join_miss_share{SELECTOR})", "{{category}} {{signal}}"),
        limit=0.2,
        lowest=0,
    )


def _contradictions() -> Any:
    return lines(
        "Verdicts against their own score",
        "Events per second whose verdict contradicts their own score and threshold.",
        "eps",
        promql(f"sum(rate(driftline_contradictions_total{SELECTOR}[$__rate_interval]))", "contradictions"),
        lowest=0,
    )

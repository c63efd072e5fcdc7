"""The fleet: is anything wrong, and is everything watched?"""

from __future__ import annotations

from typing import Any

from monitor.grafana.names import FLEET
from monitor.grafana.panels import (
    BAD,
    GOOD,
    TO_GUARDRAIL,
    TO_INCIDENTS,
    WARN,
    Row,
    board,
    lines,
    one_number,
    rows,
    series,
)
from monitor.grafana.queries import Sql, promql


def fleet() -> dict[str, Any]:
    """The dashboard."""
    return board(
        FLEET,
        "Driftline: fleet",
        "Is any guardrail drifting, and is all of the traffic watched?",
        [_answer(), Row(9, [_evidence(), _incidents()]), Row(9, [_guardrails()]), Row(8, [_events(), _findings()])],
    )


def _answer() -> Row:
    return Row(
        4,
        [
            one_number(
                "Incidents that need somebody",
                "Incidents that are open: nobody has acknowledged them.",
                "none",
                Sql("SELECT count(*) AS open FROM driftline_read.incidents WHERE status = 'open'"),
                steps=[(None, GOOD), (1, BAD)],
                link=TO_INCIDENTS,
            ),
            one_number(
                "Incidents in work",
                "Incidents that somebody has acknowledged and that are not resolved.",
                "none",
                Sql("SELECT count(*) AS acknowledged FROM driftline_read.incidents WHERE status = 'acknowledged'"),
                steps=[(None, GOOD), (1, WARN)],
                link=TO_INCIDENTS,
            ),
            one_number(
                "Streams watched",
                "Streams with a baseline, whose every tick is judged against it.",
                "none",
                Sql("SELECT count(*) AS watched FROM driftline_read.streams WHERE state = 'watched'"),
            ),
            one_number(
                "Streams not watched",
                "Streams that still learn or wait for approval of their baseline. Drift in them is not seen.",
                "none",
                Sql("""
                    SELECT count(*) AS unwatched FROM driftline_read.streams
                    WHERE state IN ('learning', 'waiting for approval')"""),
                steps=[(None, GOOD), (1, WARN)],
            ),
            one_number(
                "Newest judged time",
                "How long ago the newest event time lies that is judged: a page comes so much later.",
                "s",
                Sql("SELECT extract(epoch FROM now() - judged_before) AS behind FROM driftline_read.judge"),
                steps=[(None, GOOD), (120, WARN), (300, BAD)],
                none="nothing judged yet",
            ),
            one_number(
                "Messages that wait",
                "Notifications that are not delivered yet. More than none for minutes: somebody is not told.",
                "none",
                Sql("SELECT count(*) AS waiting FROM driftline_read.notifications WHERE state = 'waiting'"),
                steps=[(None, GOOD), (1, WARN)],
            ),
        ],
    )


def _evidence() -> Any:
    return lines(
        "Strongest evidence by guardrail",
        "Natural logarithm of the evidence for drift, of the strongest question of each guardrail. A finding is "
        "raised at the dashed line, which is 0; calm traffic stays far below.",
        "none",
        promql("max by (guardrail) (driftline_log_evidence)", "{{guardrail}}"),
        limit=0,
    )


def _incidents() -> Any:
    return rows(
        "Incidents that are not resolved",
        "The most severe first, then the oldest.",
        Sql("""
            SELECT name, severity, status, guardrail, title, acknowledged_by,
                   extract(epoch FROM now() - opened_at) AS age
            FROM driftline_read.incidents WHERE status IN ('open', 'acknowledged')
            ORDER BY array_position(ARRAY['critical', 'error', 'warning'], severity), opened_at LIMIT 100"""),
        width=12,
        link=TO_GUARDRAIL,
        units={"age": "s"},
    )


def _guardrails() -> Any:
    return rows(
        "Guardrails",
        "Each guardrail with its streams, those that are not watched, and its findings in the range of time.",
        Sql("""
            SELECT s.guardrail, count(*) AS streams, count(*) FILTER (WHERE s.state = 'watched') AS watched,
                   count(*) FILTER (WHERE s.state IN ('learning', 'waiting for approval')) AS unwatched,
                   max(s.last_event_at) AS newest_event, coalesce(max(f.pages), 0) AS pages,
                   coalesce(max(f.notices), 0) AS notices
            FROM driftline_read.streams s
            LEFT JOIN (
                SELECT guardrail, count(*) FILTER (WHERE kind = 'page') AS pages,
                       count(*) FILTER (WHERE kind = 'notice') AS notices
                FROM driftline_read.findings WHERE $__timeFilter(detected_at) GROUP BY guardrail
            ) f ON f.guardrail = s.guardrail
            GROUP BY s.guardrail ORDER BY pages DESC, notices DESC, s.guardrail LIMIT 1000"""),
        link=TO_GUARDRAIL,
    )


def _events() -> Any:
    return lines(
        "Events counted",
        "Events per second over all partitions, and what is left out of them.",
        "eps",
        promql("sum(rate(driftline_events_total[$__rate_interval]))", "counted"),
        promql("sum(rate(driftline_records_rejected_total[$__rate_interval]))", "not readable", "B"),
        promql("sum(rate(driftline_late_events_total[$__rate_interval]))", "late", "C"),
        lowest=0,
    )


def _findings() -> Any:
    return lines(
        "Findings by hour",
        "Pages and notices by the hour in which they were found. The budget says how many may be false.",
        "none",
        series("""
            SELECT date_trunc('hour', detected_at) AS time, kind AS metric, count(*) AS findings
            FROM driftline_read.findings WHERE $__timeFilter(detected_at) GROUP BY 1, 2 ORDER BY 1"""),
        lowest=0,
        stacked=True,
    )

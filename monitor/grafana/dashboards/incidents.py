"""Incidents: who has what, and how quickly were people told, and did they answer?"""

from __future__ import annotations

from typing import Any

from monitor.grafana.names import INCIDENTS
from monitor.grafana.panels import (
    BAD,
    GOOD,
    NEUTRAL,
    TO_GUARDRAIL,
    WARN,
    Row,
    board,
    lines,
    one_number,
    rows,
    series,
    spans,
)
from monitor.grafana.queries import Sql


def incidents() -> dict[str, Any]:
    """The dashboard."""
    return board(
        INCIDENTS,
        "Driftline: incidents",
        "Which incidents are there, who has them, and how long do detection, acknowledgement and resolution take?",
        [
            _answer(),
            Row(9, [_list()]),
            Row(9, [_spans()]),
            Row(8, [_times(), _trouble()]),
            Row(8, [_entries(), _messages()]),
        ],
        since="now-30d",
    )


def _median(of: str, where: str) -> Sql:
    return Sql(f"""
        SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY {of}) AS median
        FROM driftline_read.{where}""")


def _answer() -> Row:
    return Row(
        4,
        [
            one_number(
                "Open",
                "Incidents that nobody has acknowledged.",
                "none",
                Sql("SELECT count(*) AS open FROM driftline_read.incidents WHERE status = 'open'"),
                steps=[(None, GOOD), (1, BAD)],
            ),
            one_number(
                "In work",
                "Incidents that somebody has acknowledged and that are not resolved.",
                "none",
                Sql("SELECT count(*) AS acknowledged FROM driftline_read.incidents WHERE status = 'acknowledged'"),
                steps=[(None, GOOD), (1, WARN)],
            ),
            one_number(
                "Opened in the range",
                "Incidents that were opened in the range of time.",
                "none",
                Sql("SELECT count(*) AS opened FROM driftline_read.incidents WHERE $__timeFilter(opened_at)"),
                steps=[(None, NEUTRAL)],
            ),
            one_number(
                "Time to detect",
                "Median time from the earliest onset estimate of a page to its detection, in event time.",
                "s",
                _median("seconds_to_detect", "findings WHERE kind = 'page' AND $__timeFilter(detected_at)"),
            ),
            one_number(
                "Time to acknowledge",
                "Median time from the opening of an incident to its acknowledgement.",
                "s",
                _median("seconds_to_acknowledge", "incidents WHERE $__timeFilter(opened_at)"),
            ),
            one_number(
                "Time to resolve",
                "Median time from the opening of an incident to its resolution.",
                "s",
                _median("seconds_to_resolve", "incidents WHERE $__timeFilter(opened_at)"),
            ),
        ],
    )


def _list() -> Any:
    return rows(
        "Incidents",
        "Those that are not resolved, and those of the range of time; the newest first.",
        Sql("""
            SELECT name, severity, status, guardrail, trouble, title, opened_at, acknowledged_by,
                   seconds_to_acknowledge, seconds_to_resolve
            FROM driftline_read.incidents
            WHERE status IN ('open', 'acknowledged') OR $__timeFilter(opened_at)
            ORDER BY opened_at DESC LIMIT 200"""),
        link=TO_GUARDRAIL,
        units={"seconds_to_acknowledge": "s", "seconds_to_resolve": "s"},
    )


def _spans() -> Any:
    return spans(
        "Incidents over time",
        "One line for each incident: open, acknowledged, resolved.",
        series("""
            SELECT time, name AS metric, state FROM (
                SELECT name, opened_at AS time, 2 AS state FROM driftline_read.incidents
                UNION ALL
                SELECT name, acknowledged_at, 1 FROM driftline_read.incidents
                UNION ALL
                SELECT name, resolved_at, 0 FROM driftline_read.incidents
            ) steps
            WHERE $__timeFilter(time) ORDER BY time, name LIMIT 500"""),
        [(2, "open", BAD), (1, "acknowledged", WARN), (0, "resolved", GOOD)],
    )


def _times() -> Any:
    return lines(
        "Response times by week",
        "Median seconds from opening to acknowledgement and to resolution, of the incidents opened in a week.",
        "s",
        series("""
            SELECT date_trunc('week', opened_at) AS time,
                   percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds_to_acknowledge) AS acknowledge,
                   percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds_to_resolve) AS resolve
            FROM driftline_read.incidents WHERE $__timeFilter(opened_at) GROUP BY 1 ORDER BY 1"""),
        lowest=0,
    )


def _trouble() -> Any:
    return rows(
        "By type of trouble",
        "Incidents opened in the range of time, by type and severity.",
        Sql("""
            SELECT trouble, severity, count(*) AS incidents, count(*) FILTER (WHERE status = 'open') AS open
            FROM driftline_read.incidents WHERE $__timeFilter(opened_at)
            GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT 100"""),
        width=12,
    )


def _entries() -> Any:
    return rows(
        "Timeline",
        "What happened to incidents, the newest first; the whole record is in Driftline.",
        Sql("""
            SELECT at, name, kind FROM driftline_read.timeline WHERE $__timeFilter(at)
            ORDER BY at DESC, incident_id DESC, seq DESC LIMIT 200"""),
        width=12,
    )


def _messages() -> Any:
    return rows(
        "Messages by channel",
        "Notifications that are kept, by channel and state: waiting ones are tried again until they are delivered.",
        Sql("""
            SELECT channel, state, count(*) AS messages, max(attempts) AS most_attempts,
                   max(delivered_at) AS last_delivered
            FROM driftline_read.notifications GROUP BY channel, state ORDER BY channel, state LIMIT 200"""),
        width=12,
    )

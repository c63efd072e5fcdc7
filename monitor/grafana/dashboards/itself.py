"""Driftline itself: does it read, judge and deliver in time?"""

from __future__ import annotations

from typing import Any

from monitor.grafana.names import ITSELF
from monitor.grafana.panels import BAD, GOOD, WARN, WIDTH, Row, board, lines, one_number, rows
from monitor.grafana.queries import Sql, promql


def itself() -> dict[str, Any]:
    """The dashboard."""
    return board(
        ITSELF,
        "Driftline: itself",
        "Does Driftline read, judge and deliver in time?",
        [
            _answer(),
            Row(8, [_lags(), _reading()]),
            Row(8, [_outcomes(), _delivery()]),
            Row(8, [_steps(), _jobs()]),
            Row(8, [_budget(), _process()]),
            Row(8, [_partitions()]),
        ],
        since="now-6h",
    )


def _answer() -> Row:
    return Row(
        4,
        [
            one_number(
                "Processes that answer",
                "Processes of Driftline that Prometheus reaches.",
                "none",
                promql('sum(up{job="driftline"})', instant=True),
                steps=[(None, BAD), (1, GOOD)],
            ),
            one_number(
                "Judges",
                "Processes that hold the judge's lease: exactly one is right.",
                "none",
                promql("sum(driftline_judge_leader)", instant=True),
                steps=[(None, BAD), (1, GOOD), (2, BAD)],
            ),
            one_number(
                "Judging behind counting",
                "Event time that is counted and not judged yet.",
                "s",
                promql("max(driftline_judge_lag_seconds)", instant=True),
                steps=[(None, GOOD), (60, WARN), (120, BAD)],
            ),
            one_number(
                "Records not read yet",
                "Records of the log that are not counted, over all partitions.",
                "none",
                promql("sum(driftline_consumer_lag_records)", instant=True),
                steps=[(None, GOOD), (100_000, WARN)],
            ),
            one_number(
                "Counting paused",
                "1 where a worker waits for the log, the dead letters or the database.",
                "none",
                promql("max(driftline_counting_paused)", instant=True),
                steps=[(None, GOOD), (1, BAD)],
            ),
            one_number(
                "Messages that wait",
                "Notifications that are not delivered yet.",
                "none",
                promql("max(driftline_outbox_backlog)", instant=True),
                steps=[(None, GOOD), (1, WARN)],
            ),
        ],
    )


def _lags() -> Any:
    return lines(
        "How far behind",
        "Judging behind counting; the oldest partition's event time behind the clock; this clock ahead of the "
        "database's.",
        "s",
        promql("max(driftline_judge_lag_seconds)", "judging"),
        promql("max(driftline_watermark_age_seconds)", "oldest partition", "B"),
        promql("max(abs(driftline_clock_difference_seconds))", "clock", "C"),
    )


def _reading() -> Any:
    return lines(
        "Records not read yet by partition",
        "Records of the log that are not counted; the ten partitions with most of them.",
        "none",
        promql("topk(10, sum by (partition) (driftline_consumer_lag_records))", "{{partition}}"),
        lowest=0,
    )


def _outcomes() -> Any:
    return lines(
        "What became of records",
        "Records and events per second: counted, left out as repeated, late, unreadable, lost.",
        "rps",
        promql("sum(rate(driftline_events_total[$__rate_interval]))", "counted"),
        promql("sum(rate(driftline_duplicates_total[$__rate_interval]))", "repeated", "B"),
        promql("sum(rate(driftline_late_events_total[$__rate_interval]))", "late", "C"),
        promql("sum by (reason) (rate(driftline_records_rejected_total[$__rate_interval]))", "{{reason}}", "D"),
        promql("sum(rate(driftline_gap_records_total[$__rate_interval]))", "lost", "E"),
        promql("sum(rate(driftline_future_events_total[$__rate_interval]))", "in the future", "F"),
        lowest=0,
    )


def _delivery() -> Any:
    return lines(
        "Tries to deliver",
        "Tries per second by channel and outcome.",
        "cps",
        promql(
            "sum by (channel, result) (rate(driftline_notifications_total[$__rate_interval]))",
            "{{channel}} {{result}}",
        ),
        lowest=0,
    )


def _steps() -> Any:
    quantile = "histogram_quantile(0.99, sum by (le) (rate({}_bucket[$__rate_interval])))"
    return lines(
        "Slowest steps",
        "Time that 99 of 100 judging steps and commits stay below.",
        "s",
        promql(quantile.format("driftline_judge_seconds"), "judging"),
        promql(quantile.format("driftline_commit_seconds"), "commit", "B"),
        lowest=0,
    )


def _jobs() -> Any:
    return lines(
        "Jobs without progress",
        "Time since each job last showed progress; far above its period, it is late or stuck.",
        "s",
        # Prometheus itself labels a target by "job": the metric's own label then is "exported_job".
        promql("max by (exported_job) (driftline_job_age_seconds)", "{{exported_job}}"),
        lowest=0,
    )


def _budget() -> Any:
    return lines(
        "Budget spent per day",
        "False alarms per day that the tests spend, beside the budget as set. Spending never goes beyond it.",
        "none",
        promql("86400 * sum by (kind) (rate(driftline_spend_total[$__rate_interval]))", "{{kind}} spent"),
        promql("max by (kind) (driftline_budget_alarms)", "{{kind}} budget", "B"),
        lowest=0,
    )


def _process() -> Any:
    return lines(
        "Memory by process",
        "Memory in use by each process of Driftline.",
        "bytes",
        promql('process_resident_memory_bytes{job="driftline"}', "{{instance}}"),
        lowest=0,
    )


def _partitions() -> Any:
    return rows(
        "Partitions",
        "How far each partition is counted, as the database knows it.",
        Sql("""
            SELECT partition, source, active, ended, next_offset, closed_before, committed_at
            FROM driftline_read.partitions ORDER BY committed_at, partition LIMIT 500"""),
        width=WIDTH,
    )

"""The alerts about Driftline, once: as rules of Prometheus (deploy/prometheus) and as rules of Grafana.

Each alert is a query and a threshold: Grafana wants them apart, Prometheus takes them together. They are about what
Driftline cannot say of itself (it is down, behind, blind or mute); what drifts, Driftline pages by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from monitor.grafana.names import FOLDER, ITSELF, OWNER_LABEL, OWNER_VALUE, PROMETHEUS

GROUP: Final = "driftline"
EVERY_S: Final = 60
"""Seconds between evaluations in Grafana."""
LOOK_BACK_S: Final = 600
MARK: Final = "driftline_written"
"""Annotation of each rule in Grafana: what we wrote, so that a person's change is known as one."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert.

    Attributes:
        name: in CamelCase; the runbook's file name follows from it.
        query: PromQL of one or more series.
        beyond: fires where the value is ``>``, ``<`` or ``==`` the threshold.
        threshold: the number.
        minutes: how long it must last.
        severity: critical, warning or info.
        summary: one line, as a template of Prometheus: ``$value`` is the query's value.
        description: what it means for the guardrails.
        keep_minutes: how long it goes on after the last time that it was true, against flapping.
    """

    name: str
    query: str
    beyond: str
    threshold: float
    minutes: int
    severity: str
    summary: str
    description: str
    keep_minutes: int = 0

    @property
    def runbook(self) -> str:
        """Its file in deploy/runbooks."""
        words = "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in self.name)
        return f"{words.removeprefix('-')}.md"


_REJECTED: Final = "sum(increase(driftline_records_rejected_total[15m]))"

RECORDED: Final = {
    "driftline:judging_lag_seconds": "time() - max(driftline_judged_before_timestamp_seconds > 0)",
    "driftline:rejected_share": f"{_REJECTED} / ({_REJECTED} + sum(increase(driftline_events_total[15m])) > 0)",
    "driftline:log_evidence:max": "max by (guardrail) (driftline_log_evidence)",
}
"""What Prometheus records for graphs over months; alerts do not need it, so that Grafana can raise them, too."""

ALERTS: Final[Sequence[Alert]] = (
    Alert(
        name="DriftlineDown",
        query='absent(up{job="driftline"} == 1)',
        beyond=">",
        threshold=0,
        minutes=2,
        severity="critical",
        summary="No Driftline process answers",
        description="Prometheus has reached no Driftline process for two minutes. Nobody watches the guardrails.",
    ),
    Alert(
        name="DriftlineNobodyJudges",
        query="sum(driftline_judge_leader)",
        beyond="<",
        threshold=1,
        minutes=2,
        severity="critical",
        summary="No process holds the judge's lease",
        description="Counts are stored, and nobody turns them into findings.",
    ),
    Alert(
        name="DriftlineJudgingBehind",
        query=RECORDED["driftline:judging_lag_seconds"],
        beyond=">",
        threshold=300,
        minutes=5,
        severity="critical",
        summary="Judging is {{ $value | humanizeDuration }} behind",
        description="A page would come that late. Either no events arrive, or counting or judging is too slow.",
    ),
    Alert(
        name="DriftlineJudgeSlow",
        query="max(driftline_judge_lag_seconds)",
        beyond=">",
        threshold=120,
        minutes=5,
        severity="critical",
        summary="{{ $value | humanizeDuration }} of events are counted and not judged",
        description="Events are counted faster than the judge takes them. A page would come that late.",
    ),
    Alert(
        name="DriftlineReadingBehind",
        query="sum(driftline_consumer_lag_records) and deriv(sum(driftline_consumer_lag_records)[10m:1m]) > 0",
        beyond=">",
        threshold=100_000,
        minutes=10,
        severity="warning",
        summary="{{ $value | humanize }} records are unread, and there are more every minute",
        description=(
            "The workers read more slowly than the guardrails write. Start more of them, up to one per partition."
        ),
    ),
    Alert(
        name="DriftlineCountingPaused",
        query="max by (instance) (driftline_counting_paused)",
        beyond=">",
        threshold=0,
        minutes=5,
        severity="critical",
        summary="{{ $labels.instance }} has waited for five minutes and counts nothing",
        description="A worker waits for the log, the dead letters or the database; /readyz says for which.",
    ),
    Alert(
        name="DriftlineNoEvents",
        query="sum(increase(driftline_events_total[15m]))",
        beyond="==",
        threshold=0,
        minutes=5,
        severity="critical",
        summary="No guardrail has logged an event for 20 minutes",
        description="Either nobody uses the product, or the guardrails' log does not reach the topic.",
    ),
    Alert(
        name="DriftlineUnreadableRecords",
        query=RECORDED["driftline:rejected_share"],
        beyond=">",
        threshold=0.01,
        minutes=5,
        severity="warning",
        summary="{{ $value | humanizePercentage }} of the records cannot be read",
        description="They are in the dead-letter topic with the reason. Whatever they report is not watched.",
        keep_minutes=10,
    ),
    Alert(
        name="DriftlineRecordsLost",
        query="sum(increase(driftline_gap_records_total[15m]))",
        beyond=">",
        threshold=0,
        minutes=0,
        severity="warning",
        summary="{{ $value | humanize }} records are gone from the log before they were read",
        description="Retention removed them, or a batch could not be expanded.",
    ),
    Alert(
        name="DriftlineLogRenewed",
        query="sum by (partition) (increase(driftline_logs_renewed_total[15m]))",
        beyond=">",
        threshold=0,
        minutes=0,
        severity="warning",
        summary="{{ $labels.partition }} is another log under the same name",
        description="A topic made anew or a file replaced. It is read from its start; ask whether that was meant.",
    ),
    Alert(
        name="DriftlineClockWrong",
        query="max by (instance) (abs(driftline_clock_difference_seconds))",
        beyond=">",
        threshold=5,
        minutes=5,
        severity="warning",
        summary="The clock of {{ $labels.instance }} is {{ $value | humanizeDuration }} off the database's",
        description="Events may be taken for late or for future ones, and times in incidents are wrong by as much.",
    ),
    Alert(
        name="DriftlineNotDelivering",
        query="max(driftline_outbox_backlog)",
        beyond=">",
        threshold=0,
        minutes=10,
        severity="critical",
        summary="{{ $value | humanize }} notifications have waited for ten minutes",
        description="Somebody should have been paged, and was not.",
    ),
    Alert(
        name="DriftlineJobFailing",
        query="sum by (exported_job) (increase(driftline_job_failures_total[15m]))",
        beyond=">",
        threshold=10,
        minutes=0,
        severity="warning",
        summary="Job {{ $labels.exported_job }} has failed {{ $value | humanize }} times in 15 minutes",
        description="Judging, delivery, paging or clean-up does not get on; the log and /readyz give the reason.",
    ),
    Alert(
        name="DriftlineIncidentOpen",
        query="max(driftline_incidents_open)",
        beyond=">",
        threshold=0,
        minutes=1,
        severity="info",
        summary="{{ $value | humanize }} incidents are not resolved",
        description="The on-call person is notified by Driftline; this alert is for a wall board.",
    ),
)


def for_prometheus(alert: Alert) -> dict[str, Any]:
    """The alert as a rule in a rule file of Prometheus."""
    return {
        "alert": alert.name,
        "expr": f"{_operand(alert.query)} {alert.beyond} {alert.threshold:g}",
        **({"for": f"{alert.minutes}m"} if alert.minutes else {}),
        **({"keep_firing_for": f"{alert.keep_minutes}m"} if alert.keep_minutes else {}),
        "labels": {"severity": alert.severity},
        "annotations": {
            "summary": alert.summary,
            "description": alert.description,
            "runbook": f"deploy/runbooks/{alert.runbook}",
        },
    }


def for_grafana(alert: Alert, *, runbooks: str | None) -> dict[str, Any]:
    """The alert as /api/v1/provisioning/alert-rules knows it."""
    # Grafana's templates have the value of each step under its letter, once it is one number.
    summary = alert.summary.replace("$value", "$values.B.Value")
    return {
        "uid": f"driftline-{alert.runbook.removesuffix('.md').removeprefix('driftline-')}",
        "title": alert.name,
        "folderUID": FOLDER,
        "ruleGroup": GROUP,
        "condition": "C",
        "data": [
            _query(alert.query),
            # Old servers take an instant query for a series of one point, which is no number to compare.
            _expression("B", "reduce", expression="A", reducer="last"),
            _threshold(alert.beyond, alert.threshold),
        ],
        "noDataState": "OK",
        "execErrState": "Error",
        "for": f"{alert.minutes}m",
        **({"keep_firing_for": f"{alert.keep_minutes}m"} if alert.keep_minutes else {}),
        "isPaused": False,
        "labels": {"severity": alert.severity, OWNER_LABEL: OWNER_VALUE},
        "annotations": {
            "summary": summary,
            "description": alert.description,
            "runbook_url": f"{runbooks}/{alert.runbook}" if runbooks else f"deploy/runbooks/{alert.runbook}",
            "__dashboardUid__": ITSELF,
            "__panelId__": "1",
        },
    }


def _operand(query: str) -> str:
    """Comparison binds more tightly than ``and`` and more loosely than arithmetic."""
    left, _, right = query.partition(" and ")
    return f"({left} and {right})" if right else query


def _query(expr: str) -> dict[str, Any]:
    return {
        "refId": "A",
        "datasourceUid": PROMETHEUS,
        "queryType": "",
        "relativeTimeRange": {"from": LOOK_BACK_S, "to": 0},
        "model": {
            "refId": "A",
            "expr": expr,
            "instant": True,
            "range": False,
            "intervalMs": 1000,
            "maxDataPoints": 43200,
        },
    }


def _threshold(beyond: str, threshold: float) -> dict[str, Any]:
    # "== 0" of something that is never below: less than a half, since the oldest servers know only gt, lt and ranges.
    kind, limit = {">": ("gt", threshold), "<": ("lt", threshold), "==": ("lt", threshold + 0.5)}[beyond]
    conditions = [{"evaluator": {"type": kind, "params": [limit]}}]
    return _expression("C", "threshold", expression="B", conditions=conditions)


def _expression(letter: str, kind: str, **options: Any) -> dict[str, Any]:
    """A step that Grafana itself computes from an earlier one."""
    source = {"datasource": {"type": "__expr__", "uid": "__expr__"}}
    return {
        "refId": letter,
        "datasourceUid": "__expr__",
        "queryType": "",
        "relativeTimeRange": {"from": LOOK_BACK_S, "to": 0},
        "model": {"refId": letter, "type": kind, **source, **options, "intervalMs": 1000, "maxDataPoints": 43200},
    }

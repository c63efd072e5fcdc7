"""An incident as OCSF 1.9.0: one Incident Finding (2005) and a Detection Finding (2004) for each page.

Profiles: ``incident``, and ``record_integrity`` on the incident: the newest timeline entry's hash is its fingerprint,
the one before it the previous event. Times are epoch milliseconds, as OCSF has them.

Source: https://schema.ocsf.io/1.9.0/classes/incident_finding and detection_finding.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from monitor import __version__
from monitor.findings.model import Finding, Kind
from monitor.incidents.candidates import ATLAS_VERSION, CANDIDATES
from monitor.incidents.case import Case, Verdict
from monitor.incidents.model import Entry, Incident, Severity, Status
from monitor.incidents.words import Phrases, sentence, subject

OCSF: Final = "1.9.0"
_SEVERITY: Final = {Severity.warning: 3, Severity.error: 4, Severity.critical: 5}
_STATUS: Final = {Status.open: 1, Status.acknowledged: 2, Status.resolved: 4, Status.closed: 5}
_VERDICT: Final = {
    Verdict.false_positive: 1,
    Verdict.true_positive: 2,
    Verdict.benign: 5,
    Verdict.test: 6,
    Verdict.insufficient_data: 7,
    Verdict.duplicate: 10,
}
_PRIORITY: Final = {"P1": 4, "P2": 3, "P3": 2, "P4": 1}
_SHA256: Final = 3


def events(
    incident: Incident, case: Case, findings: Sequence[Finding], entries: Sequence[Entry], *, phrases: Phrases
) -> list[dict[str, Any]]:
    """The incident, then its pages by their time."""
    pages = sorted((each for each in findings if each.kind is Kind.page), key=lambda each: each.detected_at_ms)
    return [
        _incident(incident, case, pages, entries, phrases),
        *(_detection(incident, each, phrases) for each in pages),
    ]


def _incident(
    incident: Incident, case: Case, pages: Sequence[Finding], entries: Sequence[Entry], phrases: Phrases
) -> dict[str, Any]:
    ended = [each.ended_at_ms for each in pages]
    event: dict[str, Any] = {
        **_class(2005, 3 if incident.status is Status.closed else 1),
        "time": incident.opened_at_ms,
        "start_time": incident.onset_low_ms,
        "severity_id": _SEVERITY[incident.severity],
        "status_id": _STATUS[incident.status],
        "desc": incident.title,
        "metadata": _metadata(incident.key, ["incident", "record_integrity"]),
        "finding_info_list": [_info(each, phrases) for each in pages],
        "verdict_id": 0 if case.verdict is None else _VERDICT[case.verdict],
        "priority_id": _PRIORITY.get(case.priority, 0),
    }
    if ended and None not in ended:
        event["end_time"] = max(each for each in ended if each is not None)
    if case.assignee or incident.acknowledged_by:
        event["assignee"] = {"name": case.assignee or incident.acknowledged_by}
    techniques = [each for each in case.candidates if each.startswith("AML.")]
    if techniques:
        event["attacks"] = [
            {"version": ATLAS_VERSION, "technique": {"uid": each, "name": CANDIDATES[each]}} for each in techniques
        ]
    if entries:
        event["fingerprint"] = _fingerprint(entries[-1].hash)
    if len(entries) > 1:
        event["prev_event"] = {
            "uid": f"{incident.key}/{entries[-2].seq}",
            "fingerprint": _fingerprint(entries[-2].hash),
        }
    return event


def _detection(incident: Incident, finding: Finding, phrases: Phrases) -> dict[str, Any]:
    return {
        **_class(2004, 1 if finding.ended_at_ms is None else 3),
        "time": finding.detected_at_ms,
        "start_time": finding.onset_low_ms,
        "severity_id": _SEVERITY[incident.severity],
        "metadata": _metadata(finding.id, []),
        "finding_info": _info(finding, phrases),
        "message": f"{subject(finding)}: {sentence(finding, phrases)}",
        "count": max(1, finding.evidence.events),
    } | ({} if finding.ended_at_ms is None else {"end_time": finding.ended_at_ms})


def _class(uid: int, activity: int) -> dict[str, Any]:
    return {"class_uid": uid, "category_uid": 2, "activity_id": activity, "type_uid": uid * 100 + activity}


def _metadata(uid: str, profiles: list[str]) -> dict[str, Any]:
    product = {"name": "Driftline", "vendor_name": "Driftline", "version": __version__}
    return {"version": OCSF, "product": product, "uid": uid} | ({"profiles": profiles} if profiles else {})


def _info(finding: Finding, phrases: Phrases) -> dict[str, Any]:
    return {
        "uid": finding.id,
        "title": f"{subject(finding)}: {sentence(finding, phrases)}",
        "first_seen_time": finding.onset_low_ms,
        "created_time": finding.detected_at_ms,
        "types": [finding.trouble.value] if finding.trouble else [],
        "analytic": {"name": f"{finding.signal} {finding.question}", "type_id": 3},
    }


def _fingerprint(digest: str) -> dict[str, Any]:
    return {"algorithm_id": _SHA256, "value": digest}

"""The body of a notification: one versioned, plain document that every channel understands or translates.

There cannot be any text of a prompt in it: it is made of names, numbers and times of a finding, and what people wrote
into the timeline stays there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from monitor.alerting.ports import EventAction
from monitor.findings.model import Finding
from monitor.incidents.case import Case
from monitor.incidents.model import Entry, Incident
from monitor.incidents.next_steps import next_steps
from monitor.incidents.timeline import What
from monitor.incidents.words import Phrases, due_to, incident_name, phrase, plain, rfc3339, sentence

VERSION: Final = 1
MOST_SHARES: Final = 10
MOST_OFFSETS: Final = 100
LONGEST_DETAIL: Final = 500
_SUGGESTIONS: Final[Mapping[str, str]] = {
    What.all_ended: "all pages of this incident have ended: resolve it if you agree that it is over",
}


def body(
    *,
    deed: EventAction,
    incident: Incident,
    entry: Entry,
    finding: Finding | None,
    address: str | None,
    control: object,
    phrases: Phrases,
    page: Mapping[str, object] | None = None,
    deployment: str = "",
    case: Case | None = None,
) -> dict[str, object]:
    """The body of a notification, as the receiver gets it.

    Args:
        deed, incident, entry: what happened.
        finding: the one that caused it, None where a person did.
        address: where a person finds the incident.
        control: the guardrail's control statement as plain data; None where it is undefined.
        phrases: what the questions of the signals are called.
        page: who is paged, at which step and why; None where nobody is.
        deployment: name of this deployment; may be empty.
        case: what people have decided, for the next steps.
    """
    steps = next_steps(incident, [] if finding is None else [finding], case)
    return {
        "version": VERSION,
        "event_action": deed.value,
        "dedup_key": incident.key,
        "incident": {
            "id": incident.id,
            "name": incident_name(incident.id),
            "key": incident.key,
            "title": incident.title,
            "guardrail": plain(incident.guardrail),
            "severity": incident.severity.value,
            "trouble": _trouble(incident),
            "trouble_rule": plain(incident.trouble_rule, longest=LONGEST_DETAIL),
            "status": incident.status.value,
            "opened_at": rfc3339(incident.opened_at_ms),
            "onset_at": rfc3339(incident.onset_low_ms),
            "acknowledged_by": incident.acknowledged_by,
            "acknowledged_at": _time(incident.acknowledged_at_ms),
            "resolved_at": _time(incident.resolved_at_ms),
            "exercise": incident.exercise,
        },
        "control": control,
        "page": None if page is None else dict(page),
        "finding": None if finding is None else _finding(finding, phrases),
        "timeline": {
            "seq": entry.seq,
            "hash": entry.hash,
            "kind": entry.kind,
            "actor": entry.actor,
            "at": rfc3339(entry.at_ms),
        },
        "suggestion": _SUGGESTIONS.get(entry.kind),
        "next_steps": [plain(step, longest=LONGEST_DETAIL) for step in steps],
        "deployment": plain(deployment),
        "address": address,
    }


def _finding(finding: Finding, phrases: Phrases) -> dict[str, object]:
    return {
        "id": plain(finding.id),
        "sentence": sentence(finding, phrases),
        "kind": finding.kind.value,
        "trouble": _trouble(finding),
        "trouble_rule": plain(finding.trouble_rule, longest=LONGEST_DETAIL),
        "guardrail_version": plain(finding.guardrail_version),
        "category": plain(finding.category),
        "stratum": plain(finding.stratum),
        "signal": plain(finding.signal),
        "question": plain(finding.question),
        "direction": finding.direction.value,
        "promise": finding.promise.value,
        "onset": {"from": rfc3339(finding.onset_low_ms), "to": rfc3339(finding.onset_high_ms)},
        "detected_at": rfc3339(finding.detected_at_ms),
        "paged_at": _time(finding.paged_at_ms),
        "ended_at": _time(finding.ended_at_ms),
        "effect": {
            "baseline": finding.effect.baseline,
            "current": finding.effect.current,
            "ratio": finding.effect.ratio,
            "low": finding.effect.low,
            "high": finding.effect.high,
            "unit": finding.effect.unit.value,
            "what": phrase(finding, phrases),
            "near": _near(finding),
        },
        "evidence": {
            "log_evidence": finding.evidence.log_evidence,
            "events": finding.evidence.events,
            "level": finding.evidence.level,
            "detail": plain(finding.evidence.detail, longest=LONGEST_DETAIL),
        },
        "due_to": list(due_to(finding)),
        "attribution": [
            {"what": plain(share.what), "name": plain(share.name), "share": share.share}
            for share in finding.attribution[:MOST_SHARES]
        ],
        "offsets": {plain(name): list(span) for name, span in sorted(finding.offsets.items())[:MOST_OFFSETS]},
    }


def _near(finding: Finding) -> dict[str, object] | None:
    near = finding.effect.near
    return None if near is None else {"what": plain(near.what), "baseline": near.baseline, "current": near.current}


def _trouble(typed: Finding | Incident) -> str | None:
    return None if typed.trouble is None else typed.trouble.value


def _time(at_ms: int | None) -> str | None:
    return None if at_ms is None else rfc3339(at_ms)

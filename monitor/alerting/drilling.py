"""Drills (ID.IM-02): a marked exercise from the judge's door to the closed report, and how long each step took.

The finding is made up; everything behind it is the real thing: the incident, the channels, the people on call. Every
message begins with EXERCISE, nothing of it is booked, and a real page never joins it.
"""

from __future__ import annotations

from typing import Final

import msgspec

from monitor.alerting.policy import AlertPolicy
from monitor.alerting.ports import AlertStore
from monitor.alerting.respond import respond
from monitor.errors import NotFound, Refused
from monitor.findings.model import Direction, Effect, Evidence, Finding, IncidentType, Kind, Promise
from monitor.incidents import timeline
from monitor.incidents.lifecycle import actor_name, locked
from monitor.incidents.model import Incident
from monitor.incidents.timeline import What
from monitor.incidents.times import Times, times_of
from monitor.incidents.words import incident_name, moment

TELLS: Final[dict[IncidentType, tuple[str, str, str]]] = {
    IncidentType.data_fault: ("contradictions", "contradiction_rise", "input"),
    IncidentType.fail_open: ("coverage", "not_run_rise", "input"),
    IncidentType.spec_gaming: ("spec_gaming", "harmful_refusal_rise", "output"),
    IncidentType.guardrail_regression: ("verdict_mix", "adverse_fall", "input"),
    IncidentType.model_regression: ("release_delta", "model_version", "output"),
    IncidentType.probing: ("boundary_proximity", "near_threshold", "input"),
    IncidentType.attack_wave: ("verdict_mix", "adverse_rise", "input"),
    IncidentType.output_shift: ("output_length", "any_change", "output"),
    IncidentType.benign_shift: ("traffic_mix", "mix_change", ""),
    IncidentType.unclassified: ("exercise", "exercise", ""),
}
"""Type -> signal, question and stage of the finding that tells of it."""


def start(store: AlertStore, kind: IncidentType, *, actor: str, now_ms: int, policy: AlertPolicy) -> Incident:
    """Begin a drill: a page of a guardrail that exists for this exercise alone.

    Raises:
        StoreUnavailable: another change was committed first; run the transaction again.
    """
    signal, question, stage = TELLS[kind]
    guardrail = f"exercise {kind.words} {moment(now_ms)}"
    finding = Finding(
        id=f"exercise-{kind.value}-{now_ms}",
        guardrail=guardrail,
        guardrail_version="",
        category="",
        signal=signal,
        question=question,
        stratum="",
        kind=Kind.page,
        direction=Direction.rise,
        promise=Promise.rule,
        onset_low_ms=now_ms - 60_000,
        onset_high_ms=now_ms,
        detected_at_ms=now_ms,
        paged_at_ms=now_ms,
        effect=Effect(baseline=0.02, current=0.2, ratio=10.0, what="share of requests (made up for an exercise)"),
        evidence=Evidence(log_evidence=0.0, events=1000, level=0.04, detail=f"an exercise by {actor_name(actor)}"),
        stage=stage,
    )
    stored = respond(store, finding, now_ms=now_ms, policy=policy, exercise=True)
    if stored.incident_id is None:
        raise Refused("the exercise opened no incident")
    return locked(store, stored.incident_id)


def over(store: AlertStore, incident_id: int, *, now_ms: int, policy: AlertPolicy) -> int:
    """The made-up trouble ends, so that recovery can be exercised; returns how many findings ended.

    Raises:
        NotFound, Refused: no such incident, or it is no exercise.
    """
    _exercise(store, incident_id)
    standing = [each for each in store.findings(incident_id=incident_id) if each.ended_at_ms is None]
    for finding in standing:
        respond(store, msgspec.structs.replace(finding, ended_at_ms=now_ms), now_ms=now_ms, policy=policy)
    return len(standing)


def measure(store: AlertStore, incident_id: int, *, actor: str, now_ms: int) -> Times:
    """How long the steps of an exercise took; entered into its timeline.

    Raises:
        NotFound, Refused: no such incident, or it is no exercise.
    """
    incident = _exercise(store, incident_id)
    times = times_of(
        incident,
        store.case(incident_id),
        store.timeline(incident_id),
        delivered_ms=store.first_delivered(incident_id),
    )
    timeline.append(
        store,
        incident_id=incident_id,
        at_ms=now_ms,
        actor=actor_name(actor),
        kind=What.drill_measured,
        data={"lengths_ms": times.lengths()},
    )
    return times


def _exercise(store: AlertStore, incident_id: int) -> Incident:
    incident = locked(store, incident_id)
    if not incident.exercise:
        raise Refused(f"{incident_name(incident_id)} is no exercise; `driftline drill TYPE` begins one")
    return incident


def kind_of(name: str) -> IncidentType:
    """The type of a name, as playbooks spell it.

    Raises:
        NotFound: there is none.
    """
    try:
        return IncidentType(name)
    except ValueError:
        raise NotFound(
            f"there is no type {name[:40]!r}; there are {', '.join(each.value for each in TELLS)}"
        ) from None

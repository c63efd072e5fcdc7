"""Triage, phases, assignment and feedback: what people decide about an incident, and when it is allowed.

Every function runs inside the caller's transaction, with the incident locked, and writes case, incident and timeline
together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from monitor.errors import Refused
from monitor.findings.model import Finding, Kind
from monitor.incidents import timeline
from monitor.incidents.candidates import CANDIDATES
from monitor.incidents.case import PHASES, Case, Functional, Information, Noise, Phase, Recoverability, Verdict
from monitor.incidents.impact import meets_criteria, priority_from, severity_from
from monitor.incidents.lifecycle import Change, actor_name, locked, person, required_text, write
from monitor.incidents.model import Incident, Status
from monitor.incidents.phases import EXIT_CRITERIA
from monitor.incidents.ports import ResponseStore
from monitor.incidents.timeline import What
from monitor.incidents.words import incident_name, moment, plain

RECOVERED_FOR_MS: Final = 30 * 60_000
"""How long every page must have been over before recovery is complete."""
FACTORS: Final = ("asset_criticality", "stage", "threat_actor")
LONGEST_FACTOR: Final = 200


def triage(
    store: ResponseStore,
    incident_id: int,
    *,
    actor: str,
    now_ms: int,
    text: str,
    verdict: Verdict,
    functional: Functional = Functional.none,
    information: Information = Information.none,
    recoverability: Recoverability = Recoverability.regular,
    category: str = "",
    factors: Mapping[str, str] | None = None,
    candidates: Sequence[str] = (),
    serious: str = "",
) -> Change:
    """Record verdict and impact; a true positive takes its severity from the impact.

    Any other verdict keeps the severity of the pages. A false positive is booked against the promise. Triage
    may be done again; the last one holds, the timeline keeps them all.

    Raises:
        NotFound, Refused, StoreUnavailable: as for acknowledging; a closed incident is not triaged, candidates and
            factors must be known ones.
    """
    incident = _not_closed(locked(store, incident_id), "triaged")
    case = store.case(incident_id)
    unknown = [each for each in candidates if each not in CANDIDATES]
    if unknown:
        raise Refused(f"{unknown[0][:40]!r} is not a known technique; known are {', '.join(sorted(CANDIDATES))}")
    wrong = [name for name in factors or {} if name not in FACTORS]
    if wrong:
        raise Refused(f"{wrong[0][:40]!r} is not a risk factor; there are {', '.join(FACTORS)}")
    real = verdict is Verdict.true_positive
    severity = severity_from(functional, information, recoverability) if real else incident.severity
    going_on = any(page.ended_at_ms is None for page in _pages(store, incident_id))
    declared = real and case.declared_ms is None and meets_criteria(verdict, severity, information)
    after = msgspec.structs.replace(
        case,
        verdict=verdict,
        category=plain(category or (incident.trouble.value if incident.trouble else "")),
        functional=functional,
        information=information,
        recoverability=recoverability,
        priority=priority_from(severity, going_on=going_on),
        declared_ms=now_ms if declared else case.declared_ms,
        factors={name: plain(value, longest=LONGEST_FACTOR) for name, value in (factors or {}).items()},
        candidates=tuple(candidates),
        serious=serious or case.serious,
        aware_ms=now_ms if serious not in ("", "none") and case.aware_ms is None else case.aware_ms,
    )
    store.save_case(after)
    data = {
        **required_text(text, needed="a reason: the grounds for the verdict"),
        "verdict": verdict.value,
        "category": after.category,
        "functional": functional.value,
        "information": information.value,
        "recoverability": recoverability.value,
        "severity": severity.value,
        "priority": after.priority,
        "factors": after.factors,
        "candidates": list(candidates),
        "booked": verdict is Verdict.false_positive,
        **({"serious": serious} if serious else {}),
    }
    changed = msgspec.structs.replace(incident, severity=severity)
    change = write(store, incident, changed, actor=actor, now_ms=now_ms, kind=What.triaged, data=data)
    if declared:
        _entry(store, changed, What.declared, actor, now_ms, {"severity": severity.value})
    return change


def advance(
    store: ResponseStore,
    incident_id: int,
    *,
    actor: str,
    now_ms: int,
    text: str,
    phase: Phase,
    at_ms: int | None = None,
) -> Change:
    """Enter the next phase, or go back to an earlier one.

    Args:
        at_ms: when it was reached; now if not given. Not before the former phase, the onset, or after now.

    Raises:
        NotFound, Refused, StoreUnavailable: as for acknowledging; the criteria of leaving the present phase must be
            met, and times be in order.
    """
    incident = _not_closed(locked(store, incident_id), "moved to another phase")
    case = store.case(incident_id)
    at_ms = now_ms if at_ms is None else at_ms
    words = required_text(text, needed="a text: the action taken, and the proof that it works")
    here, there = PHASES.index(case.phase), PHASES.index(phase)
    name = incident_name(incident_id)
    if there == here:
        raise Refused(f"{name} is in {phase.words} already")
    if there > here + 1:
        raise Refused(f"{name} is in {case.phase.words}; next is {PHASES[here + 1].words}, one phase at a time")
    if there > here:
        _require_left(store, incident, case, now_ms=now_ms)
    earliest = max([incident.onset_low_ms, *(case.reached_ms.get(each.value, 0) for each in PHASES[:there])])
    if not earliest <= at_ms <= now_ms:
        raise Refused(
            f"{phase.words} cannot have been reached at {moment(at_ms)}: it must lie between {moment(earliest)} "
            f"and now, {moment(now_ms)}"
        )
    reached = {each.value: case.reached_ms[each.value] for each in PHASES[:there] if each.value in case.reached_ms}
    store.save_case(msgspec.structs.replace(case, phase=phase, reached_ms={**reached, phase.value: at_ms}))
    data = {**words, "phase": phase.value, "left": case.phase.value, "reached_ms": at_ms}
    return write(store, incident, incident, actor=actor, now_ms=now_ms, kind=What.phase_reached, data=data)


def assign(store: ResponseStore, incident_id: int, *, actor: str, now_ms: int, text: str, to: str) -> Change:
    """Assign an incident to a person; a snooze ends with it.

    Raises:
        NotFound, Refused, StoreUnavailable: as for acknowledging.
    """
    incident = _not_closed(locked(store, incident_id), "assigned")
    name = person(to)
    case = store.case(incident_id)
    store.save_case(msgspec.structs.replace(case, assignee=name))
    after = incident
    if incident.status is Status.acknowledged:
        after = msgspec.structs.replace(incident, acknowledged_by=name)
    data = {**required_text(text, needed=None), "to": name, "before": case.assignee}
    return write(store, incident, after, actor=actor, now_ms=now_ms, kind=What.assigned, data=data)


def say_noise(store: ResponseStore, incident_id: int, *, actor: str, now_ms: int, text: str, noise: Noise) -> Change:
    """Record a fault of its page; counted per guardrail beside the booked budget.

    Raises:
        NotFound, Refused, StoreUnavailable: as for acknowledging.
    """
    incident = locked(store, incident_id)
    case = store.case(incident_id)
    store.save_case(msgspec.structs.replace(case, noise=(*case.noise, noise)))
    data = {**required_text(text, needed=None), "noise": noise.value, "guardrail": incident.guardrail}
    return write(store, incident, incident, actor=actor, now_ms=now_ms, kind=What.noise, data=data)


def _require_left(store: ResponseStore, incident: Incident, case: Case, *, now_ms: int) -> None:
    why = ""
    if case.phase is Phase.detection and case.verdict is None:
        why = f"no verdict: driftline incidents triage {incident.id} --verdict ..."
    elif case.phase is Phase.detection and case.verdict is not Verdict.true_positive:
        why = f"the verdict is {case.verdict.value if case.verdict else ''}: resolve it; it needs no containment"
    elif case.phase is Phase.recovery:
        pages = _pages(store, incident.id)
        open_pages = sum(page.ended_at_ms is None for page in pages)
        last = max((page.ended_at_ms or 0 for page in pages), default=0)
        if open_pages:
            why = f"{open_pages} of {len(pages)} pages have not ended"
        elif now_ms - last < RECOVERED_FOR_MS:
            why = f"the last page ended at {moment(last)}"
    if why:
        raise Refused(
            f"{incident_name(incident.id)} cannot leave {case.phase.words} before {EXIT_CRITERIA[case.phase]}: {why}"
        )


def _pages(store: ResponseStore, incident_id: int) -> list[Finding]:
    return [each for each in store.findings(incident_id=incident_id) if each.kind is Kind.page]


def _not_closed(incident: Incident, done: str) -> Incident:
    if incident.status is Status.closed:
        raise Refused(f"{incident_name(incident.id)} is closed; it is not {done} any more, only notes are added")
    return incident


def _entry(
    store: ResponseStore, incident: Incident, kind: What, actor: str, now_ms: int, data: dict[str, object]
) -> None:
    timeline.append(store, incident_id=incident.id, at_ms=now_ms, actor=actor_name(actor), kind=kind, data=data)

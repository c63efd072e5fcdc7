"""The next steps of an incident: the status determines the command, the findings where to look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from monitor.findings.model import Finding, IncidentType, Kind
from monitor.incidents.case import PHASES, Case, Phase, Verdict
from monitor.incidents.model import Incident, Status
from monitor.incidents.phases import EXIT_CRITERIA

LOOKS: Final[Mapping[IncidentType, str]] = {
    IncidentType.data_fault: "find out which field of the log is wrong, or why it stopped, before you trust the rest",
    IncidentType.fail_open: "is the guardrail running? Decide whether to block requests while it is not",
    IncidentType.spec_gaming: "read answers that look like refusals and were judged harmful: is the harm real?",
    IncidentType.guardrail_regression: "was the guardrail, its threshold or its input changed? Roll it back if so",
    IncidentType.model_regression: "compare the answers of both versions of the model; roll back if they are worse",
    IncidentType.probing: "find the sessions that send the variants, and limit or block them",
    IncidentType.attack_wave: "find where these requests come from; check that the guardrails stop them",
    IncidentType.output_shift: "read answers from before and since: was the model, its prompt or a setting changed?",
    IncidentType.benign_shift: "which app, language or model has grown? If that is to stay, approve a new baseline",
}
"""Where to look first, by type."""


def next_steps(incident: Incident, findings: Sequence[Finding], case: Case | None = None) -> tuple[str, ...]:
    """In the order in which to do them; at most six. With the case also what triage and the phases still need."""
    number = incident.id
    match incident.status:
        case Status.open:
            first = (f"acknowledge it: driftline incidents ack {number}",)
            return (
                first
                + _looks(incident, findings)
                + (f"record your observations: driftline incidents note {number} TEXT",)
            )
        case Status.acknowledged:
            last = f'when it is over: driftline incidents resolve {number} --reason "..."'
            return (*_looks(incident, findings), *_casework(number, case), last)
        case Status.resolved:
            return (f'record the lessons learned: driftline incidents close {number} --learned "..."',)
    return ()


def _casework(number: int, case: Case | None) -> tuple[str, ...]:
    if case is None:
        return ()
    if case.verdict is None:
        return (
            f'record verdict and impact: driftline incidents triage {number} --verdict true_positive --reason "..."',
        )
    if case.verdict is not Verdict.true_positive or case.phase is Phase.post_incident:
        return ()
    following = PHASES[PHASES.index(case.phase) + 1]
    criteria = EXIT_CRITERIA[case.phase]
    return (f"{following.words}, once {criteria}: driftline incidents phase {number} {following.value}",)


def _looks(incident: Incident, findings: Sequence[Finding]) -> tuple[str, ...]:
    pages = [finding for finding in findings if finding.kind is Kind.page]
    if pages and all(page.ended_at_ms is not None for page in pages):
        return ("all pages have ended: check that it is over",)
    looks: list[str] = []
    if incident.trouble is not None and incident.trouble in LOOKS:
        looks.append(LOOKS[incident.trouble])
    if any(page.offsets for page in pages):
        looks.append("read the requests at the log offsets given, from the onset on")
    return tuple(looks)

"""What to do next with an incident: the status says which command, the findings say where to look."""

from __future__ import annotations

from collections.abc import Sequence

from monitor.findings.model import Finding, Kind
from monitor.incidents.model import Incident, Status

MOSTLY = 0.5
"""A share of the change above one half leads."""


def next_steps(incident: Incident, findings: Sequence[Finding]) -> tuple[str, ...]:
    """In the order in which to do them; at most six."""
    number = incident.id
    match incident.status:
        case Status.open:
            first = (f"say that you have it: driftline incidents ack {number}",)
            return first + _looks(findings) + (f"write down what you find: driftline incidents note {number} TEXT",)
        case Status.acknowledged:
            last = f'when it is over: driftline incidents resolve {number} --reason "..."'
            return (*_looks(findings), last)
        case Status.resolved:
            return (f'say what was learned: driftline incidents close {number} --learned "..."',)
    return ()


def _looks(findings: Sequence[Finding]) -> tuple[str, ...]:
    pages = [finding for finding in findings if finding.kind is Kind.page]
    if pages and all(page.ended_at_ms is not None for page in pages):
        return ("all findings have ended: look whether it really is over",)
    looks: list[str] = []
    if any(page.signal == "coverage" for page in pages):
        looks.append("is the guardrail running, and do requests pass while it is not? decide whether to block them")
    shares = {(share.what, share.name): share.share for page in pages for share in page.attribution}
    behaviour = max((share for (what, _), share in shares.items() if what == "behaviour"), default=0.0)
    mix = max((share for (what, _), share in shares.items() if what == "mix"), default=0.0)
    if behaviour > MOSTLY:
        looks.append(
            "the same kinds of requests are judged differently: was a guardrail, model or threshold changed, "
            "or is somebody probing it?"
        )
    if mix > MOSTLY:
        looks.append("other kinds of requests come in: which app, language or model has grown?")
    if pages:
        looks.append("read the requests at the log offsets given, from the onset on")
    return tuple(looks)

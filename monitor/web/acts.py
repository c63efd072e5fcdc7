"""What a person may do with an incident: once, for the forms of the page and for the API.

Each act names the function that does it, what it needs, and when it is offered. What is offered and not allowed after
all (somebody else was faster) is refused by the function itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from monitor.access.model import Principal, Role
from monitor.alerting.escalation.hand_over import escalate
from monitor.alerting.people import Act, Done, change
from monitor.alerting.ports import AlertStore
from monitor.errors import NotFound
from monitor.incidents import casework, lifecycle, regroup
from monitor.incidents.case import Case, Functional, Information, Noise, Phase, Recoverability, Verdict
from monitor.incidents.lifecycle import LONGEST_TEXT
from monitor.incidents.model import Incident, Status
from monitor.incidents.words import incident_name
from monitor.web.backend import Backend
from monitor.web.identity import require
from monitor.web.problems import Answered

LIVE: Final = frozenset({Status.open, Status.acknowledged})


class Body(BaseModel):
    """What an act needs."""

    model_config = ConfigDict(extra="forbid")


def _text(title: str, *, needed: bool) -> Any:
    return Field(... if needed else "", max_length=LONGEST_TEXT, min_length=1 if needed else 0, title=title)


class Said(Body):
    """Words that may be left out."""

    text: str = _text("What you are going to do", needed=False)


class Reason(Body):
    """Words that are needed."""

    text: str = _text("Reason", needed=True)


class Note(Body):
    """A note."""

    text: str = _text("Note", needed=True)


class Learned(Body):
    """The lessons of a closed incident."""

    text: str = _text("What happened, and what will be done differently", needed=True)


class Snooze(Body):
    """Until when, or for how long."""

    text: str = _text("Why it can wait", needed=True)
    minutes: int | None = Field(None, ge=1, le=10_080, title="For so long")
    until: AwareDatetime | None = Field(None, title="Until")

    @model_validator(mode="after")
    def _one(self) -> Snooze:
        if (self.minutes is None) == (self.until is None):
            raise ValueError("give minutes or until, one of them")
        return self


class Assign(Body):
    """To whom."""

    to: str = Field(min_length=1, max_length=80, title="To")
    text: str = _text("Why", needed=False)


class Triage(Body):
    """The verdict and the impact."""

    verdict: Verdict = Field(title="Verdict")
    functional: Functional = Field(Functional.none, title="Functional impact")
    information: Information = Field(Information.none, title="Data impact")
    recoverability: Recoverability = Field(Recoverability.regular, title="Recoverability")
    text: str = _text("The grounds for it", needed=True)


class Advance(Body):
    """The next phase."""

    phase: Phase = Field(title="Phase")
    text: str = _text("The action taken, and the proof that it works", needed=True)


class Fault(Body):
    """A fault of its page."""

    noise: Noise = Field(title="Fault of the page")
    text: str = _text("A better page in your words", needed=False)


class Merge(Body):
    """The incident that stays."""

    into: int = Field(ge=1, le=2**53, title="Into incident number")
    text: str = _text("Why it is the same incident", needed=True)


class Split(Body):
    """Findings that get an incident of their own."""

    findings: list[str] = Field(min_length=1, max_length=1000, title="Findings")
    text: str = _text("Why they are another incident", needed=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentAct:
    """One act.

    Attributes:
        name: its place in addresses: ``acknowledge``.
        label: on its button.
        apply: does it.
        body: what it needs.
        done: what has happened, in the words of a sentence.
        offered: whether it is offered for an incident in its present state.
        first: whether its button stands at the top of the page.
        arguments: of the body, those of ``apply`` beside the text.
    """

    name: str
    label: str
    apply: Act
    body: type[Body]
    done: str
    offered: Callable[[Incident, Case], bool]
    first: bool = False
    arguments: Callable[[Any, int], Mapping[str, object]] = field(default=lambda body, now_ms: {})


def _in(*status: Status) -> Callable[[Incident, Case], bool]:
    return lambda incident, case: incident.status in status


def _not_closed(incident: Incident, case: Case) -> bool:
    return incident.status is not Status.closed


def _until(body: Snooze, now_ms: int) -> Mapping[str, object]:
    if body.until is not None:
        return {"until_ms": round(body.until.timestamp() * 1000)}
    return {"until_ms": now_ms + (body.minutes or 0) * 60_000}


def _can_advance(incident: Incident, case: Case) -> bool:
    return incident.status is not Status.closed and case.verdict is Verdict.true_positive


ACTS: Final[Mapping[str, IncidentAct]] = {
    act.name: act
    for act in (
        IncidentAct(
            name="acknowledge",
            label="Acknowledge",
            apply=lifecycle.acknowledge,
            body=Said,
            done="acknowledged",
            offered=_in(Status.open),
            first=True,
        ),
        IncidentAct(
            name="escalate",
            label="Escalate",
            apply=escalate,
            body=Reason,
            done="escalated: the next step is paged",
            offered=_in(Status.open, Status.acknowledged),
            first=True,
        ),
        IncidentAct(
            name="snooze",
            label="Snooze",
            apply=lifecycle.snooze,
            body=Snooze,
            done="snoozed",
            offered=_in(Status.acknowledged),
            first=True,
            arguments=_until,
        ),
        IncidentAct(
            name="resolve",
            label="Resolve",
            apply=lifecycle.resolve,
            body=Reason,
            done="resolved",
            offered=_in(Status.open, Status.acknowledged),
        ),
        IncidentAct(
            name="close",
            label="Close",
            apply=lifecycle.close,
            body=Learned,
            done="closed",
            offered=_in(Status.resolved),
            first=True,
        ),
        IncidentAct(
            name="reopen",
            label="Re-open",
            apply=regroup.reopen,
            body=Reason,
            done="re-opened",
            offered=_in(Status.resolved, Status.closed),
        ),
        IncidentAct(
            name="note",
            label="Note",
            apply=lifecycle.note,
            body=Note,
            done="noted",
            offered=lambda incident, case: True,
        ),
        IncidentAct(
            name="assign",
            label="Assign",
            apply=casework.assign,
            body=Assign,
            done="assigned",
            offered=_not_closed,
            arguments=lambda body, now_ms: {"to": body.to},
        ),
        IncidentAct(
            name="triage",
            label="Triage",
            apply=casework.triage,
            body=Triage,
            done="triaged",
            offered=_not_closed,
            arguments=lambda body, now_ms: body.model_dump(exclude={"text"}),
        ),
        IncidentAct(
            name="phase",
            label="Next phase",
            apply=casework.advance,
            body=Advance,
            done="moved to another phase",
            offered=_can_advance,
            arguments=lambda body, now_ms: {"phase": body.phase},
        ),
        IncidentAct(
            name="noise",
            label="Fault of the page",
            apply=casework.say_noise,
            body=Fault,
            done="recorded as a fault of its page",
            offered=lambda incident, case: True,
            arguments=lambda body, now_ms: {"noise": body.noise},
        ),
        IncidentAct(
            name="merge",
            label="Merge",
            apply=regroup.merge,
            body=Merge,
            done="merged",
            offered=_not_closed,
            arguments=lambda body, now_ms: {"into": body.into},
        ),
        IncidentAct(
            name="split",
            label="Split",
            apply=regroup.split,
            body=Split,
            done="split",
            offered=_not_closed,
            arguments=lambda body, now_ms: {"findings": tuple(body.findings)},
        ),
    )
}
"""By name, in the order in which they are offered."""


def act_on(
    backend: Backend,
    act: IncidentAct,
    incident_id: int,
    body: Body,
    *,
    principal: Principal,
    now_ms: int,
    expected: Callable[[AlertStore], None] = lambda store: None,
) -> Done:
    """Do it, in the name of whoever asks.

    Args:
        backend: the stored state.
        act: what.
        incident_id: to which incident.
        body: what the act needs.
        principal: who.
        now_ms: the service's clock.
        expected: called at the beginning of the transaction; an exception of it ends it.

    Raises:
        NotFound, Refused, StoreUnavailable: by the act.
        Answered: 403, the incident's guardrail is not one of theirs.
    """
    named = [incident_id] + ([body.into] if isinstance(body, Merge) else [])

    def first(store: AlertStore) -> None:
        for number in named:
            incident = store.incident(number)
            if incident is None:
                raise NotFound(f"there is no {incident_name(number)}")
            require(principal, Role.responder, incident.guardrail)
        expected(store)

    return change(
        backend.alerts,
        act.apply,
        incident_id,
        actor=principal.name,
        now_ms=now_ms,
        text=getattr(body, "text", ""),
        first=first,
        more=act.arguments(body, now_ms),
    )


def known_act(name: str) -> IncidentAct:
    """The act of this name.

    Raises:
        Answered: 404, there is none.
    """
    if name not in ACTS:
        raise Answered(HTTPStatus.NOT_FOUND, f"there is no act {name[:40]!r}; there is {', '.join(ACTS)}")
    return ACTS[name]

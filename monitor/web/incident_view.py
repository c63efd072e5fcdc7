"""An incident as its page shows it: read once, worded with the sentences that commands and reports use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from monitor.access.model import Principal, Role
from monitor.alerting.announce import ADDRESS, CONTROL, DEPLOYMENT, NOTIFIED, PLAYBOOK
from monitor.alerting.escalation.model import Escalation
from monitor.alerting.ports import Sent
from monitor.clock import HOUR_MS
from monitor.errors import NotFound
from monitor.findings.model import EVERY_GUARDRAIL, Finding, IncidentType, Kind
from monitor.incidents.case import PHASES, Case, Phase
from monitor.incidents.model import Entry, Incident
from monitor.incidents.naming import most_telling
from monitor.incidents.next_steps import LOOKS
from monitor.incidents.phases import EXIT_CRITERIA
from monitor.incidents.playbook import Playbook, PlaybookStep
from monitor.incidents.timeline import Broken, verify
from monitor.incidents.told import level_text, since_text, sure_text
from monitor.incidents.words import due_to, incident_name, moment, plain, sentence, subject, summary
from monitor.judging.curves import picture
from monitor.judging.drawn import of_picture
from monitor.render.over_time import Mark
from monitor.render.svg import Chart
from monitor.web.acts import ACTS, IncidentAct
from monitor.web.backend import Backend
from monitor.web.forms import FormField, fields_of

MOST_PAGES: Final = 20
MOST_RELEASES: Final = 10
MOST_STREAMS: Final = 200
RELATED: Final = 8
PARTS: Final[Mapping[Phase, tuple[str, ...]]] = {
    Phase.detection: ("detection", "triage"),
    Phase.containment: ("containment",),
    Phase.recovery: ("recovery",),
    Phase.post_incident: (),
}
"""The parts of a playbook that a phase follows."""
QUIET: Final = frozenset({NOTIFIED, ADDRESS, CONTROL, DEPLOYMENT, PLAYBOOK, "text", "sentence", "why", "from"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One page (or notice) of the incident in words."""

    finding: Finding
    subject: str
    sentence: str
    level: str
    sure: str
    causes: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One entry of the timeline in words."""

    entry: Entry
    what: str
    texts: Sequence[str]
    notified: Sequence[str]
    decided: bool
    """By a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """What the playbook says of the present phase."""

    reference: str
    phase: str
    leave: str
    steps: Sequence[tuple[str, PlaybookStep]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A version that appeared around the onset."""

    at_ms: int
    words: str
    stream: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentView:
    """Everything on the page."""

    incident: Incident
    case: Case
    lead: Told | None
    since: str
    where: Sequence[str]
    look: str
    pages: Sequence[Told]
    notices: Sequence[Told]
    more_pages: int
    chart: Chart | None
    releases: Sequence[Release]
    next: Next | None
    control: Mapping[str, object] | None
    escalation: Escalation | None
    sent: Sequence[Sent]
    lines: Sequence[Line]
    broken: Broken | None
    related: Sequence[Incident]
    acts: Sequence[tuple[IncidentAct, Sequence[FormField]]]

    @property
    def head(self) -> str:
        """Number and hash of the newest entry, by which nobody can rewrite the record unnoticed."""
        return f"{self.lines[-1].entry.seq}:{self.lines[-1].entry.hash}" if self.lines else ""


def view_of(backend: Backend, incident_id: int, *, principal: Principal, now_ms: int) -> IncidentView:
    """Read and word one incident.

    Raises:
        NotFound: there is none with this number.
        StoreUnavailable: the database is away.
    """
    phrases = backend.policy.phrases
    with backend.alerts.reading() as store:
        incident = store.incident(incident_id)
        if incident is None:
            raise NotFound(f"there is no {incident_name(incident_id)}")
        case = store.case(incident_id)
        findings = store.findings(incident_id=incident_id)
        entries = store.timeline(incident_id)
        sent, escalation = store.sent(incident_id), store.escalation(incident_id)
        near = store.incidents(guardrail=incident.guardrail, limit=RELATED + 1)
        linked = [store.incident(number) for number in case.linked[:RELATED]]
    pages = sorted((one for one in findings if one.kind is Kind.page), key=lambda one: (one.detected_at_ms, one.id))
    lead = most_telling(pages) if pages else None
    releases = _releases(backend, incident)
    related = {one.id: one for one in (*linked, *near) if one is not None and one.id != incident_id}
    told = [_told(one, backend) for one in pages[:MOST_PAGES]]
    return IncidentView(
        incident=incident,
        case=case,
        lead=None if lead is None else _told(lead, backend),
        since=since_text(pages) if pages else "",
        where=[] if lead is None else _where(lead),
        look="" if incident.trouble is None else LOOKS.get(incident.trouble, ""),
        pages=told,
        notices=[_told(one, backend) for one in findings if one.kind is Kind.notice][:MOST_PAGES],
        more_pages=max(0, len(pages) - MOST_PAGES),
        chart=None if lead is None else _chart(lead, backend, releases),
        releases=releases,
        next=_next(incident, case, backend.playbooks),
        control=_control(incident, entries),
        escalation=escalation,
        sent=sent,
        lines=[_line(entry) for entry in entries],
        broken=verify(entries),
        related=list(related.values())[:RELATED],
        acts=_acts(incident, case, findings, principal, {one.id: summary(one, phrases) for one in findings}),
    )


def _told(finding: Finding, backend: Backend) -> Told:
    return Told(
        finding=finding,
        subject=subject(finding),
        sentence=sentence(finding, backend.policy.phrases),
        level=level_text(finding),
        sure=sure_text(finding),
        causes=due_to(finding),
    )


def _where(lead: Finding) -> list[str]:
    version = f" {plain(lead.guardrail_version)}" if lead.guardrail_version else ""
    stage = f", stage {plain(lead.stage)}" if lead.stage else ""
    return [f"{subject(lead)}{version}{stage}", *due_to(lead)[:3]]


def _chart(lead: Finding, backend: Backend, releases: Sequence[Release]) -> Chart | None:
    """The level around the onset, from the counts; None where those are gone."""
    found = picture(lead, backend.judge, tick_ms=backend.rule.tick_ms)
    if found is None:
        return None
    ended = "not over yet" if lead.ended_at_ms is None else f"over {moment(lead.ended_at_ms)}"
    began = list(dict.fromkeys((moment(lead.onset_low_ms), moment(lead.onset_high_ms))))
    between = f"at {began[0]}" if len(began) == 1 else f"between {began[0]} and {began[1]}"
    words = f"It began {between}, was found {moment(found.detected_at_ms)}, and is {ended}."
    marks = [Mark(at_ms=one.at_ms, word="release", label=f"{one.words} {moment(one.at_ms)}") for one in releases]
    return of_picture(found, name="level", description=words, marks=marks)


def _releases(backend: Backend, incident: Incident) -> list[Release]:
    """Streams of the guardrail that began around the onset: a new version, threshold or kind of score."""
    if incident.guardrail == EVERY_GUARDRAIL:
        return []
    tick_ms = backend.rule.tick_ms
    low, high = incident.onset_low_ms - HOUR_MS, max(incident.last_found_ms, incident.onset_low_ms)
    known = backend.evidence.some_streams(guardrail=incident.guardrail, limit=MOST_STREAMS)
    began = [(one.stream.learning_from, one) for one in known]
    first = min((tick for tick, _ in began if tick is not None), default=None)
    found = []
    for tick, one in began:
        if tick is None or tick == first or not low <= tick * tick_ms <= high:
            continue
        unit = one.stream.unit
        threshold = "" if unit.threshold_milli < 0 else f", threshold {unit.threshold_milli / 1000:g}"
        words = f"{plain(unit.guardrail)} {plain(unit.guardrail_version) or 'without version'}{threshold}"
        found.append(Release(at_ms=tick * tick_ms, words=words, stream=one.id))
    return sorted(found, key=lambda one: one.at_ms)[:MOST_RELEASES]


def _next(incident: Incident, case: Case, playbooks: Mapping[IncidentType, Playbook]) -> Next | None:
    book = playbooks.get(incident.trouble or IncidentType.unclassified)
    if book is None or incident.closed_at_ms is not None:
        return None
    steps = [(part, step) for part in PARTS[case.phase] for step in book.parts[part]]
    return Next(reference=book.reference, phase=case.phase.words, leave=EXIT_CRITERIA[case.phase], steps=steps)


def _control(incident: Incident, entries: Sequence[Entry]) -> Mapping[str, object] | None:
    """The statement as it was when the incident was opened, or opened again; empty where it was undefined."""
    stated = [entry.data[CONTROL] for entry in entries if CONTROL in entry.data]
    if not stated or incident.guardrail == EVERY_GUARDRAIL:
        return None
    return stated[-1] if isinstance(stated[-1], dict) else {}


def _line(entry: Entry) -> Line:
    texts = []
    for name in ("text", "sentence", "why"):
        value = entry.data.get(name)
        if isinstance(value, str) and value:
            texts += [plain(line, longest=4000) for line in value.splitlines()]
    if not texts:
        more = {key: value for key, value in entry.data.items() if key not in QUIET}
        texts = [f"{plain(key).replace('_', ' ')}: {plain(str(value))}" for key, value in more.items()][:4]
    notified = entry.data.get(NOTIFIED)
    names = [plain(str(name)) for name in notified] if isinstance(notified, list) else []
    return Line(
        entry=entry,
        what=entry.kind.replace("_", " "),
        texts=texts,
        notified=names,
        decided=entry.actor != "driftline",
    )


def _acts(
    incident: Incident,
    case: Case,
    findings: Sequence[Finding],
    principal: Principal,
    words: Mapping[str, str],
) -> list[tuple[IncidentAct, Sequence[FormField]]]:
    if not principal.may(Role.responder, incident.guardrail):
        return []
    choices = [(one.id, words[one.id]) for one in findings][:MOST_PAGES]
    offered = [act for act in ACTS.values() if act.offered(incident, case)]
    if len(findings) < 2:
        offered = [act for act in offered if act.name != "split"]
    return [(act, fields_of(act, case, choices)) for act in offered]


def phase_steps(case: Case) -> list[tuple[str, bool, int | None]]:
    """The phases in order: name, whether it is the present one, when it was reached."""
    return [(phase.words, phase is case.phase, case.reached_ms.get(phase.value)) for phase in PHASES]

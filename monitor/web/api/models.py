"""What the API answers; times are RFC 3339 in UTC."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, Field

from monitor.access.credentials import digest_of
from monitor.alerting.silences import Silence
from monitor.findings.model import Finding, IncidentType, Kind
from monitor.incidents.case import Case, Phase, Verdict
from monitor.incidents.model import Entry, Incident, Severity, Status
from monitor.incidents.words import incident_name, sentence

T = TypeVar("T")


def at(ms: int | None) -> datetime | None:
    """Epoch milliseconds as a time."""
    return None if ms is None else datetime.fromtimestamp(ms / 1000, UTC)


def when(ms: int) -> datetime:
    """The same where there is one."""
    return datetime.fromtimestamp(ms / 1000, UTC)


class Page(BaseModel, Generic[T]):
    """A part of a list."""

    items: list[T]
    cursor: str | None = Field(description="Asks for what follows, as `?cursor=`; null at the end.")


class Problem(BaseModel):
    """An error (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str


class IncidentOut(BaseModel):
    """One incident."""

    id: int
    name: str
    guardrail: str
    status: Status
    severity: Severity
    title: str
    type: IncidentType | None
    opened_at: datetime
    onset_at: datetime
    last_found_at: datetime
    acknowledged_by: str | None
    acknowledged_at: datetime | None
    resolved_at: datetime | None
    closed_at: datetime | None

    @classmethod
    def of(cls, incident: Incident) -> IncidentOut:
        """As it is stored."""
        return cls(
            id=incident.id,
            name=incident_name(incident.id),
            guardrail=incident.guardrail,
            status=incident.status,
            severity=incident.severity,
            title=incident.title,
            type=incident.trouble,
            opened_at=when(incident.opened_at_ms),
            onset_at=when(incident.onset_low_ms),
            last_found_at=when(incident.last_found_ms),
            acknowledged_by=incident.acknowledged_by,
            acknowledged_at=at(incident.acknowledged_at_ms),
            resolved_at=at(incident.resolved_at_ms),
            closed_at=at(incident.closed_at_ms),
        )


class FindingOut(BaseModel):
    """One finding."""

    id: str
    kind: Kind
    guardrail: str
    guardrail_version: str
    category: str
    signal: str
    question: str
    sentence: str
    onset_from: datetime
    onset_to: datetime
    detected_at: datetime
    ended_at: datetime | None
    before: float
    since: float
    level: float | None
    events: int
    promise: str

    @classmethod
    def of(cls, finding: Finding, phrases: Mapping[tuple[str, str], str]) -> FindingOut:
        """As it is stored, with its sentence."""
        return cls(
            id=finding.id,
            kind=finding.kind,
            guardrail=finding.guardrail,
            guardrail_version=finding.guardrail_version,
            category=finding.category,
            signal=finding.signal,
            question=finding.question,
            sentence=sentence(finding, phrases),
            onset_from=when(finding.onset_low_ms),
            onset_to=when(finding.onset_high_ms),
            detected_at=when(finding.detected_at_ms),
            ended_at=at(finding.ended_at_ms),
            before=finding.effect.baseline,
            since=finding.effect.current,
            level=finding.evidence.level,
            events=finding.evidence.events,
            promise=finding.promise.value,
        )


class EntryOut(BaseModel):
    """One entry of a timeline."""

    seq: int
    at: datetime
    actor: str
    kind: str
    data: dict[str, Any]
    previous_hash: str
    hash: str

    @classmethod
    def of(cls, entry: Entry) -> EntryOut:
        """As it is stored."""
        return cls(
            seq=entry.seq,
            at=when(entry.at_ms),
            actor=entry.actor,
            kind=entry.kind,
            data=entry.data,
            previous_hash=entry.previous_hash,
            hash=entry.hash,
        )


class CaseOut(BaseModel):
    """What people have decided."""

    phase: Phase
    verdict: Verdict | None
    priority: str
    assignee: str
    merged_into: int | None
    linked: list[int]

    @classmethod
    def of(cls, case: Case) -> CaseOut:
        """As it is stored."""
        return cls(
            phase=case.phase,
            verdict=case.verdict,
            priority=case.priority,
            assignee=case.assignee,
            merged_into=case.merged_into,
            linked=list(case.linked),
        )


class IncidentWhole(IncidentOut):
    """One incident with its findings, its timeline, and what may be done with it."""

    case: CaseOut
    findings: list[FindingOut]
    timeline: list[EntryOut]
    acts: list[str] = Field(description="Acts that are offered now.")


class SilenceOut(BaseModel):
    """One silence."""

    id: int
    kind: str
    author: str
    reason: str
    begins_at: datetime
    ends_at: datetime
    guardrails: list[str]
    held_back: int

    @classmethod
    def of(cls, silence: Silence) -> SilenceOut:
        """As it is stored."""
        return cls(
            id=silence.id,
            kind=silence.kind.value,
            author=silence.author,
            reason=silence.reason,
            begins_at=when(silence.begin_ms),
            ends_at=when(silence.end_ms),
            guardrails=list(silence.guardrails),
            held_back=silence.matched,
        )


def etag_of(incident: Incident, entries: int) -> str:
    """Changes with every entry of the timeline, which every change writes."""
    return f'"{incident.id}-{entries}-{digest_of(repr(incident)).hex()[:12]}"'

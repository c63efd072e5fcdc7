"""People's decisions about an incident, beside the pager's status: phase, triage, assignment, links."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Phase(StrEnum):
    """Phases of the response, in order (NIST SP 800-61r2, 3; in r3 the functions DE, RS, RC and ID.IM)."""

    detection = "detection_and_analysis"
    containment = "containment"
    recovery = "eradication_and_recovery"
    post_incident = "post_incident"

    @property
    def words(self) -> str:
        """Its name for people: ``eradication and recovery``."""
        return self.value.replace("_", " ")


PHASES: tuple[Phase, ...] = tuple(Phase)


class Verdict(StrEnum):
    """The result of triage."""

    true_positive = "true_positive"
    false_positive = "false_positive"
    benign = "benign"
    insufficient_data = "insufficient_data"
    duplicate = "duplicate"
    test = "test"


class Functional(StrEnum):
    """Functional impact (SP 800-61r2, 3.2.6)."""

    none = "none"
    low = "low"
    medium = "medium"
    high = "high"


class Information(StrEnum):
    """Information impact (SP 800-61r2, 3.2.6)."""

    none = "none"
    privacy = "privacy_breach"
    proprietary = "proprietary_breach"
    integrity = "integrity_loss"


class Recoverability(StrEnum):
    """Recoverability (SP 800-61r2, 3.2.6)."""

    regular = "regular"
    supplemented = "supplemented"
    extended = "extended"
    not_recoverable = "not_recoverable"


class Noise(StrEnum):
    """A fault of a page, as recorded by the person whom it woke."""

    false_positive = "false_positive"
    not_actionable = "not_actionable"
    poor_text = "poor_text"
    duplicate = "duplicate"


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """The decisions of people about one incident.

    Attributes:
        reached_ms: when each phase was reached, as people stated it.
        priority: ``P1`` to ``P4``; empty until triage.
        declared_ms: when it met the criteria of a declared incident (DE.AE-08).
        factors: r3's risk factors that have no scale of their own: asset criticality, stage, threat actor.
        candidates: identifiers of MITRE ATLAS and OWASP that a person holds it consistent with.
        merged_into: the incident that has taken it over.
        keys: dedup keys of incidents that were merged into this one.
        linked: incidents that it was split from, follows, or took over.
        noise: the faults that people recorded of its pages.
        serious: class by Article 3(49) of the EU AI Act; empty: not asked.
        aware_ms: first awareness of a serious incident, from which Article 73's clocks run.
    """

    incident_id: int
    phase: Phase = Phase.detection
    reached_ms: dict[str, int] = {}
    verdict: Verdict | None = None
    category: str = ""
    functional: Functional = Functional.none
    information: Information = Information.none
    recoverability: Recoverability = Recoverability.regular
    priority: str = ""
    declared_ms: int | None = None
    factors: dict[str, str] = {}
    candidates: tuple[str, ...] = ()
    assignee: str = ""
    merged_into: int | None = None
    keys: tuple[str, ...] = ()
    linked: tuple[int, ...] = ()
    noise: tuple[Noise, ...] = ()
    serious: str = ""
    aware_ms: int | None = None

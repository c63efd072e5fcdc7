"""Ports of the response to storage. Implemented in monitor.storage; one transaction at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from monitor.findings.model import Finding, IncidentType
from monitor.incidents.case import Case
from monitor.incidents.model import Entry, Incident, Severity, Status

if TYPE_CHECKING:  # they use this port
    from monitor.incidents.actions import ActionItem
    from monitor.incidents.containment import Measure
    from monitor.incidents.evidence import Capture, Moment


class ResponseStore(Protocol):
    """Findings, incidents and timelines inside one open transaction."""

    def save_finding(self, finding: Finding) -> None:
        """Insert it, or replace the stored version with the same id."""

    def finding(self, finding_id: str) -> Finding | None:
        """The stored version."""

    def findings(
        self, *, incident_id: int | None = None, kind: str | None = None, limit: int = 1000
    ) -> Sequence[Finding]:
        """Newest first by detection, all or of one incident or kind."""

    def findings_around(
        self, guardrails: Sequence[str] | None, *, from_ms: int, to_ms: int, limit: int = 1000
    ) -> Sequence[Finding]:
        """Findings of these guardrails (or all), detected from ``from_ms``, onset up to ``to_ms``; newest first."""

    def new_incident(
        self,
        *,
        key: str,
        guardrail: str,
        severity: Severity,
        title: str,
        opened_at_ms: int,
        onset_low_ms: int,
        last_found_ms: int,
        trouble: IncidentType | None = None,
        trouble_rule: str = "",
        exercise: bool = False,
    ) -> Incident:
        """Store a new open incident and give it the next id."""

    def update_incident(self, incident: Incident, *, expected: Status) -> bool:
        """Replace the stored incident if its status still is ``expected``; False if another change came first."""

    def incident(self, incident_id: int) -> Incident | None:
        """One incident."""

    def incidents(
        self,
        *,
        guardrail: str | None = None,
        status: Sequence[Status] | None = None,
        before: int | None = None,
        limit: int = 1000,
    ) -> Sequence[Incident]:
        """Newest first, those with a number below ``before``."""

    def opened_since(self, since_ms: int) -> tuple[int, int | None]:
        """How many were opened since then, and when the first of all was; None where there is none. No exercises."""

    def count_incidents(self) -> Mapping[tuple[Status, Severity], int]:
        """How many there are, by status and severity."""

    def case(self, incident_id: int) -> Case:
        """People's decisions about it; the beginning of a case where there are none yet."""

    def save_case(self, case: Case) -> None:
        """Insert or replace it; the incident must be locked."""

    def cases(self, *, limit: int = 1000) -> Sequence[Case]:
        """The cases of all incidents with decisions, newest first."""

    def append_entry(self, entry: Entry) -> None:
        """Append to the timeline.

        Raises:
            StoreUnavailable: another writer took this seq; run the transaction again.
        """

    def last_entry(self, incident_id: int) -> Entry | None:
        """The newest entry of a timeline, locked against other writers where the database can."""

    def timeline(self, incident_id: int) -> Sequence[Entry]:
        """All entries by seq."""

    def recent_entries(self, since_ms: int, *, limit: int = 1000) -> Sequence[Entry]:
        """The newest entries of all timelines written since a time, oldest first."""

    def request_capture(self, capture: Capture) -> None:
        """Ask for a capture; one that was asked for before stays as it is."""

    def due_captures(self, *, now_ms: int, limit: int) -> Sequence[Capture]:
        """Captures to be made, the longest due first."""

    def capture(self, incident_id: int, finding_id: str, moment: Moment) -> Capture | None:
        """One capture, made or not."""

    def captures(self, incident_id: int) -> Sequence[Capture]:
        """The captures of an incident that are made, in the order of their entries."""

    def save_capture(self, capture: Capture) -> None:
        """Replace it; the incident must be locked."""

    def new_measure(self, measure: Measure) -> Measure:
        """Store it with the next number."""

    def measure(self, measure_id: int) -> Measure | None:
        """One measure."""

    def measures(self, incident_id: int | None = None, *, limit: int = 1000) -> Sequence[Measure]:
        """Newest first, all or of one incident."""

    def due_measures(self, *, now_ms: int, limit: int) -> Sequence[Measure]:
        """Measures for which something is due, the longest due first."""

    def save_measure(self, measure: Measure) -> None:
        """Replace it; the incident must be locked."""

    def new_action(self, item: ActionItem) -> ActionItem:
        """Store it with the next number."""

    def action(self, action_id: int) -> ActionItem | None:
        """One action item."""

    def actions(self, incident_id: int | None = None, *, limit: int = 1000) -> Sequence[ActionItem]:
        """Newest first, all or of one incident."""

    def due_actions(self, *, now_ms: int, limit: int) -> Sequence[ActionItem]:
        """Action items that their owners are to be reminded of, the longest due first."""

    def save_action(self, item: ActionItem) -> None:
        """Replace it; the incident must be locked."""

    def redact_entry(self, entry: Entry) -> None:
        """Replace the data of an entry, and nothing else of it; the incident must be locked."""

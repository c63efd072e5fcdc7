"""The steps of the response: the phase, the timeline entry, the notification, and the outcomes that it serves.

One table, from which announcing, reports and exports read. CSF 2.0 identifiers are of the Community Profile for
incident response (NIST SP 800-61r3), the others of the AI Risk Management Framework 1.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from monitor.incidents.case import Phase
from monitor.incidents.timeline import What

EVERY_PHASE: Final = frozenset(Phase)
D, C, R, P = Phase.detection, Phase.containment, Phase.recovery, Phase.post_incident


@dataclass(frozen=True, slots=True)
class ResponseStep:
    """One kind of entry.

    Attributes:
        phases: in which it belongs.
        action: the event action sent to channels that know the incident; empty: none is sent.
        csf: subcategories of CSF 2.0.
        ai_rmf: subcategories of the AI RMF 1.0.
    """

    phases: frozenset[Phase]
    action: str
    csf: tuple[str, ...]
    ai_rmf: tuple[str, ...]


def _step(phases: set[Phase] | frozenset[Phase], action: str, csf: str, ai_rmf: str) -> ResponseStep:
    return ResponseStep(frozenset(phases), action, tuple(csf.split()), tuple(_measures(ai_rmf)))


def _measures(text: str) -> list[str]:
    return [each.strip() for each in text.split(",") if each.strip()]


STEPS: Final[Mapping[What, ResponseStep]] = MappingProxyType(
    {
        What.opened: _step({D}, "trigger", "DE.CM-09 DE.AE-02 DE.AE-06", "MEASURE 2.4, MANAGE 4.1"),
        What.finding_added: _step({D, C, R}, "update", "DE.AE-03", "MEASURE 2.4"),
        What.finding_upgraded: _step({D, C, R}, "update", "DE.AE-04", "MEASURE 2.4"),
        What.finding_continued: _step({D, C, R}, "update", "DE.AE-02", "MEASURE 2.4"),
        What.finding_ended: _step(EVERY_PHASE, "update", "RC.RP-05", "MEASURE 4.3"),
        What.all_ended: _step(EVERY_PHASE, "update", "RC.RP-05 RS.MA-05", "MEASURE 4.3"),
        What.notice_added: _step(EVERY_PHASE, "update", "DE.AE-03", "MEASURE 3.1"),
        What.typed: _step(EVERY_PHASE, "update", "RS.MA-03", "MEASURE 3.1"),
        What.found_by_backfill: _step({D}, "", "DE.AE-02", "MEASURE 2.4"),
        What.still_going_on: _step({D}, "trigger", "DE.AE-06", "MANAGE 4.3"),
        What.paged: _step(EVERY_PHASE, "page", "DE.AE-06 RS.MA-04", "MANAGE 1.3"),
        What.nobody_on_call: _step(EVERY_PHASE, "", "GV.RR-02", "GOVERN 2.1"),
        What.nobody_reached: _step(EVERY_PHASE, "page", "RS.MA-04 GV.RR-02", "GOVERN 2.1"),
        What.deadline_missed: _step(EVERY_PHASE, "update", "RS.MA-04", "MANAGE 1.3"),
        What.silenced: _step(EVERY_PHASE, "", "GV.PO-02", "GOVERN 1.5"),
        What.silence_ended: _step(EVERY_PHASE, "trigger", "DE.AE-06", "GOVERN 1.5"),
        What.acknowledged: _step(EVERY_PHASE, "acknowledge", "RS.MA-01", "MANAGE 1.3, GOVERN 2.1"),
        What.acknowledgement_expired: _step(EVERY_PHASE, "", "RS.MA-04", "MANAGE 1.3"),
        What.snoozed: _step(EVERY_PHASE, "update", "RS.MA-03", "MANAGE 1.2"),
        What.snooze_ended: _step(EVERY_PHASE, "", "RS.MA-04", "MANAGE 1.2"),
        What.escalated: _step(EVERY_PHASE, "update", "RS.MA-04", "GOVERN 2.1"),
        What.assigned: _step(EVERY_PHASE, "update", "RS.MA-01", "GOVERN 2.1"),
        What.triaged: _step({D}, "update", "RS.MA-02 RS.MA-03 DE.AE-04", "MANAGE 1.2, MEASURE 2.13"),
        What.declared: _step({D}, "update", "DE.AE-08", "MANAGE 1.3, MANAGE 4.3"),
        What.phase_reached: _step(EVERY_PHASE, "update", "RS.MI-01 RS.MI-02 RC.RP-01", "MANAGE 2.3, MANAGE 4.1"),
        What.noise: _step(EVERY_PHASE, "", "ID.IM-03", "MEASURE 2.13, MANAGE 4.2"),
        What.evidence: _step(EVERY_PHASE, "", "RS.AN-06 RS.AN-07", "MANAGE 4.3, MEASURE 2.4"),
        What.redacted: _step(EVERY_PHASE, "", "RS.AN-06 RS.CO-03", "MEASURE 2.10"),
        What.measure_proposed: _step({D, C, R}, "update", "RS.MI-01 RC.RP-02", "MANAGE 1.3, MANAGE 2.4"),
        What.measure_tried: _step({D, C, R}, "", "RS.MI-01", "MANAGE 2.4"),
        What.measure_approved: _step({D, C, R}, "update", "RS.MI-01 GV.RR-02", "MANAGE 2.4, GOVERN 2.1"),
        What.measure_refused: _step({D, C, R}, "update", "RS.MI-01 GV.RR-02", "MANAGE 2.4"),
        What.measure_taken: _step({D, C, R}, "update", "RS.MI-01", "MANAGE 2.4"),
        What.measure_failed: _step({D, C, R}, "update", "RS.MI-01", "MANAGE 2.4"),
        What.measure_undone: _step({D, C, R, P}, "update", "RC.RP-02 RC.RP-05", "MANAGE 2.4, MANAGE 4.1"),
        What.action_added: _step(EVERY_PHASE, "", "ID.IM-03", "MANAGE 4.2"),
        What.action_done: _step(EVERY_PHASE, "", "ID.IM-03", "MANAGE 4.2"),
        What.action_due: _step(EVERY_PHASE, "update", "ID.IM-03", "MANAGE 4.2, GOVERN 2.1"),
        What.alert_received: _step({D, C, R}, "update", "DE.AE-03 DE.CM-09", "MEASURE 2.4"),
        What.alert_resolved: _step(EVERY_PHASE, "update", "RC.RP-05", "MEASURE 4.3"),
        What.drill_measured: _step(EVERY_PHASE, "", "ID.IM-02", "MANAGE 4.2, GOVERN 4.3"),
        What.note: _step(EVERY_PHASE, "", "RS.AN-06", "MANAGE 4.3"),
        What.merged: _step(EVERY_PHASE, "resolve", "DE.AE-03 RS.AN-06", "MANAGE 4.3"),
        What.merged_in: _step(EVERY_PHASE, "update", "DE.AE-03 RS.AN-06", "MANAGE 4.3"),
        What.split_off: _step(EVERY_PHASE, "update", "RS.AN-06", "MANAGE 4.3"),
        What.split_from: _step({D}, "trigger", "RS.AN-06", "MANAGE 4.3"),
        What.follows: _step({D}, "trigger", "RC.RP-05 RS.AN-06", "MANAGE 4.3"),
        What.reopened: _step({D}, "trigger", "RC.RP-05", "MANAGE 4.3"),
        What.resolved: _step({R, P}, "resolve", "RS.MA-05 RC.RP-06", "MANAGE 2.3, MANAGE 4.3"),
        What.closed: _step({P}, "", "ID.IM-01 ID.IM-03 RC.RP-06", "MANAGE 4.2"),
    }
)

EXIT_CRITERIA: Final[Mapping[Phase, str]] = MappingProxyType(
    {
        Phase.detection: "triage has given a verdict",
        Phase.containment: "a note or the phase's text records the containment and its end",
        Phase.recovery: "every page has ended, the last one at least 30 minutes ago",
        Phase.post_incident: "the lessons learned are recorded",
    }
)
"""The conditions for leaving a phase."""


def identifiers(kind: str) -> tuple[str, ...]:
    """The outcomes that an entry of this kind serves; none for kinds of other versions."""
    try:
        step = STEPS[What(kind)]
    except ValueError:
        return ()
    return step.csf + step.ai_rmf

"""EU AI Act: serious incidents of high-risk systems (Article 3(49)), their clocks (Article 73), a draft for a lawyer.

Regulation (EU) 2024/1689. The clocks are those of Article 73(2) to (4): 15 days from awareness, 2 days for a
widespread infringement or critical infrastructure, 10 days for a death. The Commission's guidance was a draft when
this was written, so nothing here decides anything: a person classifies, a lawyer reads the draft.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from monitor.clock import DAY_MS
from monitor.incidents.report import OPEN, Item, Part, Record
from monitor.incidents.timeline import What
from monitor.incidents.words import duration, moment


class Serious(StrEnum):
    """The classes of Article 3(49), and that it is none of them."""

    none = "none"
    death = "death"
    health = "serious_harm_to_health"
    infrastructure = "critical_infrastructure"
    rights = "fundamental_rights"
    property_or_environment = "property_or_environment"
    widespread = "widespread_infringement"


DAYS: Final[Mapping[Serious, int]] = {
    Serious.death: 10,
    Serious.health: 15,
    Serious.infrastructure: 2,
    Serious.rights: 15,
    Serious.property_or_environment: 15,
    Serious.widespread: 2,
}
"""Days from awareness in which the provider reports."""
DRAFT: Final = "DRAFT for a lawyer; nothing in it has been sent or decided"
DUTIES: Final = ("GDPR Art. 33", "NIS2 Art. 23", "DORA Art. 19", "AI Act Art. 55, for GPAI with systemic risk")


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """What the settings declare of a high-risk system."""

    name: str = ""
    version: str = ""
    database_number: str = ""
    role: str = ""
    contact: str = ""
    member_states: tuple[str, ...] = ()
    intended_use: str = ""


def report_by_ms(serious: str, aware_ms: int | None) -> int | None:
    """When the provider must have reported; None: it is not a serious incident."""
    if aware_ms is None or not serious or Serious(serious) is Serious.none:
        return None
    return aware_ms + DAYS[Serious(serious)] * DAY_MS


def clock(serious: str, aware_ms: int | None, now_ms: int) -> str:
    """The clock in one sentence; empty where there is none."""
    by_ms = report_by_ms(serious, aware_ms)
    if by_ms is None or aware_ms is None:
        return ""
    left = by_ms - now_ms
    state = f"{duration(left)} left" if left > 0 else f"overdue by {duration(-left)}"
    return f"Art. 73: report by {moment(by_ms)} ({DAYS[Serious(serious)]} days from {moment(aware_ms)}; {state})"


def draft(record: Record, system: System, *, now_ms: int) -> list[Part]:
    """The fields that a report of a serious incident needs, filled where the record knows them."""
    incident, case = record.incident, record.case
    taken = [each for each in record.measures if each.taken_ms is not None]
    classified = case.serious.replace("_", " ") if case.serious else OPEN
    rows = {
        "Report kind": "initial; follow-up and final reports may complete it (Art. 73(5))",
        "Report reference": OPEN,
        "System": system.name or OPEN,
        "Version": system.version or OPEN,
        "EU database number": system.database_number or OPEN,
        "Provider or deployer": system.role or OPEN,
        "Contact": system.contact or OPEN,
        "Member states": ", ".join(system.member_states) or OPEN,
        "Intended use at that time": system.intended_use or OPEN,
        "First awareness": OPEN if case.aware_ms is None else moment(case.aware_ms),
        "Occurred": moment(incident.onset_low_ms),
        "Class (Art. 3(49))": classified,
        "Clock": clock(case.serious, case.aware_ms, now_ms) or "none: not classified as serious",
        "People affected": OPEN,
        "Description": incident.title,
        "Causal link (established, reasonably likely, not)": OPEN,
        "Immediate measures": "; ".join(f"{each.rule} {moment(each.taken_ms or 0)}" for each in taken) or OPEN,
        "Corrective measures": "; ".join(each.text for each in record.actions) or OPEN,
        "Root cause": _cause(record) or OPEN,
    }
    keep = (
        "Art. 73(6): investigate, assess the risk, correct; do not alter the system in a way that spoils a later "
        "evaluation before the authority is told."
    )
    return [
        Part(heading="Serious incident", rows=rows, note=keep),
        Part(heading="Parallel duties to check", items=[Item(text=each) for each in DUTIES]),
    ]


def _cause(record: Record) -> str:
    texts = [each.data.get("text") for each in record.entries if each.kind in (What.resolved, What.closed)]
    return "; ".join(each for each in texts if isinstance(each, str))

"""The post-incident report, filled from the record: its parts, which Markdown and HTML lay out.

It holds the minimum fields of AI 600-1's GV-4.3-002 (system, title, reporter, source, data, date, description,
impact, stakeholders) and the tracking record of SP 800-61r2, 3.2.5. What the record does not hold is left open in
words, so that a person sees the gaps; it is a draft until the incident is closed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from monitor.findings.model import Finding
from monitor.incidents.actions import ActionItem
from monitor.incidents.candidates import ATLAS_VERSION, CANDIDATES, OWASP_YEAR
from monitor.incidents.case import PHASES, Case, Functional, Information
from monitor.incidents.containment import Measure
from monitor.incidents.evidence import Capture, changed
from monitor.incidents.model import Entry, Incident, Status
from monitor.incidents.phases import identifiers
from monitor.incidents.timeline import What, is_redacted, verify
from monitor.incidents.words import Phrases, incident_name, moment, number, plain, sentence, subject

OPEN: Final = "open: to be written by a person"
MOST_FINDINGS: Final = 50
MOST_PICTURES: Final = 20
_BY_TEXT: Final = frozenset({What.note, What.phase_reached, What.triaged, What.resolved})
CAPTIONS: Final[Mapping[str, str]] = {
    "before_and_after": "before and after the onset",
    "evidence": "evidence over time",
}
QUESTIONS: Final = (
    "What happened, and when?",
    "How well did people and procedures do?",
    "What would have helped to see it sooner?",
    "What will be done otherwise, by whom, until when?",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What a report is made of."""

    incident: Incident
    case: Case
    findings: Sequence[Finding]
    entries: Sequence[Entry]
    captures: Sequence[Capture] = ()
    measures: Sequence[Measure] = ()
    actions: Sequence[ActionItem] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One entry of a list: what it is about, in bold, and what is said of it; with points below."""

    lead: str = ""
    text: str = ""
    points: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One section; what is empty is left out.

    Attributes:
        rows: name -> value.
        table: the head and the rows.
        pictures: caption and SVG.
    """

    heading: str
    rows: Mapping[str, str] | None = None
    items: Sequence[Item] | None = None
    table: tuple[Sequence[str], Sequence[Sequence[str]]] | None = None
    pictures: Sequence[tuple[str, str]] = ()
    note: str = ""


def title(incident: Incident) -> str:
    """``INC-1: post-incident report``."""
    exercise = "EXERCISE " if incident.exercise else ""
    return f"{exercise}{incident_name(incident.id)}: post-incident report"


def state(incident: Incident) -> str:
    """Whether it is final."""
    return "Final" if incident.status is Status.closed else "DRAFT: the incident is not closed"


def parts(record: Record, *, phrases: Phrases, now_ms: int) -> list[Part]:
    """The whole report."""
    return [
        Part(heading="", rows=_head(record)),
        Part(heading="Times", rows=_times(record)),
        _impact(record),
        _findings(record, phrases),
        *_pictures(record),
        Part(heading="What was done", items=_said(record.entries, _BY_TEXT)),
        *_measures(record),
        _lessons(record),
        *_actions(record, now_ms),
        _timeline(record.entries),
        _integrity(record),
    ]


def _head(record: Record) -> dict[str, str]:
    incident, case = record.incident, record.case
    opened = next((entry.data for entry in record.entries if entry.kind == What.opened), {})
    source = _of(opened, "source")
    return {
        "System": _of(opened, "deployment") or OPEN,
        "Guardrail": incident.guardrail,
        "Title": incident.title,
        "Reporter": f"an alert of {source}" if source else "driftline, by the finding below",
        "Date": moment(incident.onset_low_ms),
        "Type": incident.trouble.words if incident.trouble else "unclassified",
        "Playbook": _of(opened, "playbook") or "none",
        "Severity": incident.severity.value,
        "Status": f"{incident.status.value}, {case.phase.words}",
        "Related incidents": ", ".join(incident_name(each) for each in case.linked) or "none",
        "Handled by": case.assignee or incident.acknowledged_by or OPEN,
    }


def _times(record: Record) -> dict[str, str]:
    """Each with how long after the onset it was."""
    incident, case = record.incident, record.case
    first = {what: next((each.at_ms for each in record.entries if each.kind == what), None) for what in What}
    found: dict[str, int | None] = {
        "Onset": incident.onset_low_ms,
        "Detected": incident.opened_at_ms,
        "Acknowledged first": first[What.acknowledged],
        "Triaged first": first[What.triaged],
        "Declared": case.declared_ms,
    }
    found |= {f"Reached: {phase.words}": case.reached_ms.get(phase.value) for phase in PHASES[1:]}
    found |= {"Resolved": incident.resolved_at_ms, "Closed": incident.closed_at_ms}
    return {name: _after(at_ms, incident.onset_low_ms) for name, at_ms in found.items()}


def _after(at_ms: int | None, onset_ms: int) -> str:
    if at_ms is None:
        return "not"
    minutes = (at_ms - onset_ms) / 60_000
    return f"{moment(at_ms)} ({minutes:,.0f} min after the onset)"


def _impact(record: Record) -> Part:
    case = record.case
    judged = case.verdict is not None
    stakeholders = (
        OPEN if case.information is not Information.none or case.functional is not Functional.none else "none"
    )
    rows = {
        "Verdict": case.verdict.value.replace("_", " ") if case.verdict else OPEN,
        "Category": case.category or OPEN,
        "Functional impact": case.functional.value if judged else OPEN,
        "Information impact": case.information.value if judged else OPEN,
        "Recoverability": case.recoverability.value if judged else OPEN,
        "Priority": case.priority or OPEN,
        "Declared": "yes" if case.declared_ms is not None else "no",
        "Stakeholders": stakeholders if judged else OPEN,
        **{name.replace("_", " ").capitalize(): value for name, value in case.factors.items()},
        "Consistent with": "; ".join(f"{each} {CANDIDATES.get(each, '')}".strip() for each in case.candidates)
        or "none",
    }
    source = f"Techniques: MITRE ATLAS {ATLAS_VERSION}, OWASP LLM Top 10 {OWASP_YEAR}; candidates, set by a person."
    return Part(heading="Impact", rows=rows, note=source)


def _findings(record: Record, phrases: Phrases) -> Part:
    found = sorted(record.findings, key=lambda each: each.onset_low_ms)
    items = [_finding(each, phrases) for each in found[:MOST_FINDINGS]]
    if len(found) > MOST_FINDINGS:
        items.append(Item(text=f"and {len(found) - MOST_FINDINGS} more"))
    alerts = [
        each for each in record.entries if each.kind in (What.opened, What.alert_received) and _of(each.data, "alert")
    ]
    items += [
        Item(lead=_of(each.data, "alert"), text=f"({_of(each.data, 'source')}): {_of(each.data, 'summary')}")
        for each in alerts[:MOST_FINDINGS]
    ]
    return Part(heading="What was found", items=items)


def _finding(finding: Finding, phrases: Phrases) -> Item:
    spans = "; ".join(f"{plain(name)} {low} to {high}" for name, (low, high) in sorted(finding.offsets.items())[:10])
    ended = "still going on" if finding.ended_at_ms is None else f"ended {moment(finding.ended_at_ms)}"
    effect = f"{number(finding.effect.baseline)} before, {number(finding.effect.current)} since"
    return Item(
        lead=subject(finding),
        text=f"({finding.kind.value}): {sentence(finding, phrases)}",
        points=(
            f"onset between {moment(finding.onset_low_ms)} and {moment(finding.onset_high_ms)}; {ended}",
            f"{effect}; {finding.evidence.events:,} requests; promise: {finding.promise.value}",
            f"log offsets: {spans or 'none'}",
        ),
    )


def _pictures(record: Record) -> list[Part]:
    """The pictures of the newest capture of each finding, and what was running then."""
    newest = {each.finding_id: each for each in record.captures if each.document is not None}
    if not newest:
        return []
    pictures: list[tuple[str, str]] = []
    running: dict[str, str] = {}
    for capture in newest.values():
        whole = json.loads(capture.document or "{}")
        finding = whole.get("finding", {})
        name = plain(f"{finding.get('guardrail', '')}: {finding.get('question', '')}")
        pictures += [
            (f"{name}, {CAPTIONS.get(each, each)}", svg) for each, svg in sorted(whole.get("pictures", {}).items())
        ]
        running[f"{name}, {capture.moment.value} {moment(int(whole.get('at_ms', 0)))}"] = (
            f"guardrail version {plain(str(whole.get('guardrail_version')) or 'none')}, "
            f"driftline {plain(str(whole.get('driftline')))}, settings {str(whole.get('settings_sha256'))[:12]}"
        )
    return [Part(heading="Evidence as it was", rows=running, pictures=pictures[:MOST_PICTURES])]


def _said(entries: Sequence[Entry], of: frozenset[What]) -> list[Item]:
    return [
        Item(text=f"{moment(entry.at_ms)}, {entry.actor} ({entry.kind.replace('_', ' ')}): {_of(entry.data, 'text')}")
        for entry in entries
        if entry.kind in of and _of(entry.data, "text")
    ]


def _measures(record: Record) -> list[Part]:
    if not record.measures:
        return []
    items = [
        Item(
            lead=f"{each.name} {each.rule}",
            text=f"({each.action.value.replace('_', ' ')}): {each.state.value}; {each.reason}",
            points=(
                f"proposed by {each.proposed_by} {moment(each.proposed_ms)}; "
                f"approved by {each.approved_by or 'nobody'}"
                + (f"; taken {moment(each.taken_ms)}" if each.taken_ms is not None else "")
                + (f"; {each.error}" if each.error else ""),
            ),
        )
        for each in reversed(record.measures)
    ]
    return [Part(heading="Containment", items=items)]


def _lessons(record: Record) -> Part:
    if record.incident.closed_at_ms is None:
        return Part(heading="What was learned", items=[Item(text=each, points=(OPEN,)) for each in QUESTIONS])
    return Part(heading="What was learned", items=_said(record.entries, frozenset({What.closed})))


def _actions(record: Record, now_ms: int) -> list[Part]:
    if not record.actions:
        return []
    rows = [
        [
            each.name,
            each.text,
            each.owner,
            moment(each.due_ms),
            f"done {moment(each.done_ms)}"
            if each.done_ms is not None
            else "OVERDUE"
            if each.overdue(now_ms)
            else "open",
        ]
        for each in reversed(record.actions)
    ]
    return [Part(heading="Action items", table=(("", "what", "owner", "due", "state"), rows))]


def _timeline(entries: Sequence[Entry]) -> Part:
    rows = [
        [
            str(entry.seq),
            moment(entry.at_ms),
            entry.actor,
            entry.kind.replace("_", " ") + (" (redacted)" if _is_redacted(entry) else ""),
            ", ".join(identifiers(entry.kind)),
        ]
        for entry in entries
    ]
    return Part(heading="Timeline", table=(("#", "at", "who", "what", "outcomes served"), rows))


def _is_redacted(entry: Entry) -> bool:
    return any(is_redacted(value) for value in entry.data.values())


def _integrity(record: Record) -> Part:
    broken = verify(record.entries)
    touched = changed(record.captures, record.entries)
    if broken is not None:
        note = f"BROKEN: entry {broken.seq} {broken.why.value}."
    elif touched is not None:
        note = f"BROKEN: the evidence of finding {plain(touched.finding_id)} is not what entry {touched.seq} names."
    elif not record.entries:
        note = "The timeline has no entries."
    else:
        last = record.entries[-1]
        note = f"The chain of {len(record.entries)} entries fits; its head is {last.seq}:{last.hash}."
    return Part(heading="Integrity", note=note)


def _of(data: Mapping[str, object], name: str) -> str:
    found = data.get(name)
    return "(redacted)" if is_redacted(found) else found if isinstance(found, str) else ""

"""The post-incident report in Markdown, filled from the record.

It holds the minimum fields of AI 600-1's GV-4.3-002 (system, title, reporter, source, data, date, description,
impact, stakeholders) and the tracking record of SP 800-61r2, 3.2.5. What the record does not hold is left open in
words, so that a person sees the gaps; it is a draft until the incident is closed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from monitor.findings.model import Finding
from monitor.incidents.candidates import ATLAS_VERSION, CANDIDATES, OWASP_YEAR
from monitor.incidents.case import PHASES, Case, Functional, Information
from monitor.incidents.model import Entry, Incident, Status
from monitor.incidents.phases import identifiers
from monitor.incidents.timeline import What, verify
from monitor.incidents.words import Phrases, incident_name, moment, number, plain, sentence, subject

OPEN: Final = "**open: to be written by a person**"
LONGEST: Final = 2000
MOST_FINDINGS: Final = 50
_BY_TEXT: Final = frozenset({What.note, What.phase_reached, What.triaged, What.resolved, What.closed})


def markdown(
    incident: Incident, case: Case, findings: Sequence[Finding], entries: Sequence[Entry], *, phrases: Phrases
) -> str:
    """The whole report."""
    parts = [
        _head(incident, case, entries),
        _table("Times", _times(incident, case, entries)),
        _impact(incident, case),
        _findings(findings, phrases),
        _said("What was done", entries, phrase_of=_BY_TEXT - {What.closed}),
        _said("What was learned", entries, phrase_of=frozenset({What.closed}))
        if incident.closed_at_ms
        else _unlearned(),
        _timeline(entries),
        _integrity(entries),
    ]
    return "\n\n".join(parts) + "\n"


def _head(incident: Incident, case: Case, entries: Sequence[Entry]) -> str:
    final = incident.status is Status.closed
    opened = next((entry.data for entry in entries if entry.kind == What.opened), {})
    rows = {
        "System": _of(opened, "deployment") or OPEN,
        "Guardrail": incident.guardrail,
        "Title": incident.title,
        "Reporter": "driftline, by the finding below",
        "Date": moment(incident.onset_low_ms),
        "Type": incident.trouble.words if incident.trouble else "unclassified",
        "Playbook": _of(opened, "playbook") or "none",
        "Severity": incident.severity.value,
        "Status": f"{incident.status.value}, {case.phase.words}",
        "Related incidents": ", ".join(incident_name(each) for each in case.linked) or "none",
        "Handled by": case.assignee or incident.acknowledged_by or OPEN,
    }
    state = "Final" if final else "DRAFT: the incident is not closed"
    title = f"# {incident_name(incident.id)}: post-incident report"
    return f"{title}\n\n{state}.\n\n{_rows(rows)}"


def _times(incident: Incident, case: Case, entries: Sequence[Entry]) -> Mapping[str, str]:
    """Each with how long after the onset it was."""
    first = {what: next((each.at_ms for each in entries if each.kind == what), None) for what in What}
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


def _impact(incident: Incident, case: Case) -> str:
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
    return f"{_table('Impact', rows)}\n\n{source}"


def _findings(findings: Sequence[Finding], phrases: Phrases) -> str:
    lines = ["## What was found", ""]
    for finding in sorted(findings, key=lambda each: each.onset_low_ms)[:MOST_FINDINGS]:
        spans = "; ".join(
            f"{plain(name)} {low} to {high}" for name, (low, high) in sorted(finding.offsets.items())[:10]
        )
        ended = "still going on" if finding.ended_at_ms is None else f"ended {moment(finding.ended_at_ms)}"
        effect = f"{number(finding.effect.baseline)} before, {number(finding.effect.current)} since"
        lines += [
            f"- **{_safe(subject(finding))}** ({finding.kind.value}): {_safe(sentence(finding, phrases))}",
            f"  - onset between {moment(finding.onset_low_ms)} and {moment(finding.onset_high_ms)}; {ended}",
            f"  - {effect}; {finding.evidence.events:,} requests; promise: {finding.promise.value}",
            f"  - log offsets: {_safe(spans) or 'none'}",
        ]
    more = len(findings) - MOST_FINDINGS
    return "\n".join(lines + ([f"- and {more} more"] if more > 0 else []))


def _said(heading: str, entries: Sequence[Entry], *, phrase_of: frozenset[What]) -> str:
    lines = []
    for entry in entries:
        text = _of(entry.data, "text")
        if entry.kind in phrase_of and text:
            what = entry.kind.replace("_", " ")
            lines.append(f"- {moment(entry.at_ms)}, {_safe(entry.actor)} ({what}): {_safe(text)}")
    return f"## {heading}\n\n" + ("\n".join(lines) or OPEN)


def _unlearned() -> str:
    questions = (
        "What happened, and when?",
        "How well did people and procedures do?",
        "What would have helped to see it sooner?",
        "What will be done otherwise, by whom, until when?",
    )
    return "## What was learned\n\n" + "\n".join(f"- {each} {OPEN}" for each in questions)


def _timeline(entries: Sequence[Entry]) -> str:
    lines = ["## Timeline", "", "| # | at | who | what | outcomes served |", "| --- | --- | --- | --- | --- |"]
    lines += [
        f"| {entry.seq} | {moment(entry.at_ms)} | {_safe(entry.actor)} | {entry.kind.replace('_', ' ')} | "
        f"{', '.join(identifiers(entry.kind))} |"
        for entry in entries
    ]
    return "\n".join(lines)


def _integrity(entries: Sequence[Entry]) -> str:
    broken = verify(entries)
    if broken is not None:
        return f"## Integrity\n\nBROKEN: entry {broken.seq} {broken.why.value}."
    head = f"{entries[-1].seq}:{entries[-1].hash}" if entries else "none"
    return f"## Integrity\n\nThe chain of {len(entries)} entries fits; its head is `{head}`."


def _table(heading: str, rows: Mapping[str, str]) -> str:
    return f"## {heading}\n\n{_rows(rows)}"


def _rows(rows: Mapping[str, str]) -> str:
    body = [f"| {name} | {value if value == OPEN else _safe(value)} |" for name, value in rows.items()]
    return "\n".join(["| | |", "| --- | --- |", *body])


def _of(data: Mapping[str, object], name: str) -> str:
    found = data.get(name)
    return found if isinstance(found, str) else ""


def _safe(text: str) -> str:
    """One line that can be neither a table cell's end, nor a link, an image, HTML or a heading."""
    line = plain(text, longest=LONGEST)
    for mark in ("\\", "|", "[", "]", "`", "*", "_", "#"):
        line = line.replace(mark, f"\\{mark}")
    return line.replace("<", "&lt;").replace(">", "&gt;")

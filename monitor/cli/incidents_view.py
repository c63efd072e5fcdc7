"""Incidents as text of at most 80 columns; click drops colours where the output is no terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import click

from monitor.cli.wrapping import field, wrapped
from monitor.findings.model import EVERY_GUARDRAIL, Finding, IncidentType, Kind
from monitor.incidents.model import Entry, Incident, Severity, Status
from monitor.incidents.next_steps import next_steps
from monitor.incidents.timeline import What
from monitor.incidents.told import level_text, sure_text
from monitor.incidents.words import (
    Phrases,
    due_to,
    incident_name,
    moment,
    plain,
    rfc3339,
    sentence,
    subject,
)

WIDTH: Final = 80
_MOST_OFFSETS: Final = 8
_COLOURS: Final = {Severity.critical: "red", Severity.error: "yellow", Severity.warning: "blue"}


def table(incidents: Sequence[Incident]) -> str:
    """One line per incident and its title below it."""
    lines = [click.style(f"{'ID':<9} {'STATUS':<13} {'SEVERITY':<9} {'OPENED':<21} WHO HAS IT", bold=True)]
    for incident in incidents:
        severity = click.style(f"{incident.severity.value:<9}", fg=_COLOURS[incident.severity])
        lines.append(
            f"{incident_name(incident.id):<9} {incident.status.value:<13} {severity} "
            f"{moment(incident.opened_at_ms):<21} {plain(incident.acknowledged_by or '-', longest=23)}"
        )
        exercise = "EXERCISE: " if incident.exercise else ""
        lines += _wrapped(exercise + _with_type(incident.trouble, incident.title), indent=10)
    return "\n".join(lines)


def finding_table(findings: Sequence[Finding], phrases: Phrases) -> str:
    """One line per finding and its sentence below it."""
    lines = [click.style(f"{'DETECTED':<21} {'KIND':<7} {'STATE':<12} INCIDENT", bold=True)]
    for finding in findings:
        incident = "-" if finding.incident_id is None else incident_name(finding.incident_id)
        state = _state(finding)
        lines.append(f"{moment(finding.detected_at_ms):<21} {finding.kind.value:<7} {state:<12} {incident}")
        lines += _wrapped(_with_type(finding.trouble, f"{subject(finding)}: {sentence(finding, phrases)}"), indent=4)
    return "\n".join(lines)


def finding_text(finding: Finding, phrases: Phrases) -> str:
    """One finding with its evidence and causes."""
    return "\n".join(_finding(finding, phrases))


def whole(incident: Incident, findings: Sequence[Finding], timeline: Sequence[Entry], *, phrases: Phrases) -> str:
    """Everything that is known of an incident: each finding with its evidence, and the timeline."""
    lines = [*heading(incident), *_wrapped(incident.title)]
    lines += [*_typed(incident), *control_lines(incident, timeline), ""]
    for finding in sorted(findings, key=lambda finding: (finding.kind is Kind.notice, finding.detected_at_ms)):
        lines += [*_finding(finding, phrases), ""]
    steps = next_steps(incident, findings)
    if steps:
        lines.append(click.style("Next steps", bold=True))
        for place, step in enumerate(steps, start=1):
            lines += _wrapped(f"{place}. {step}", indent=2, hanging=3)
        lines.append("")
    lines.append(click.style("Timeline (UTC)", bold=True))
    for entry in timeline:
        lines += _entry(entry)
    return "\n".join(lines)


def heading(incident: Incident) -> list[str]:
    """``INC-1  critical  open since 2026-11-23 03:14 UTC``."""
    severity = click.style(incident.severity.value, fg=_COLOURS[incident.severity], bold=True)
    name = f"EXERCISE {incident_name(incident.id)}" if incident.exercise else incident_name(incident.id)
    return [f"{name}  {severity}  {_status(incident)}"]


def _with_type(trouble: IncidentType | None, text: str) -> str:
    return text if trouble is None else f"[{trouble.words}] {text}"


def _typed(typed: Incident | Finding) -> list[str]:
    if typed.trouble is None:
        return []
    return _field("Type", f"{typed.trouble.words} ({plain(typed.trouble_rule, longest=400)})")


def control_lines(incident: Incident, timeline: Sequence[Entry], *, most: int | None = None) -> list[str]:
    """The statement as it was when the incident was opened, or opened again."""
    stated = [entry.data["control"] for entry in timeline if "control" in entry.data]
    if not stated or incident.guardrail == EVERY_GUARDRAIL:
        return []
    control = stated[-1]
    if not isinstance(control, dict):
        return _field("Control", "this guardrail has no control statement: driftline controls", most=most)
    lines = _field("Control", f"prohibits {plain(str(control.get('prohibits', '')), longest=1000)}", most=most)
    return lines + _field("Owner", plain(str(control.get("owner") or "no owner named"), longest=1000), most=most)


def _state(finding: Finding) -> str:
    """Only pages are watched for their end."""
    if finding.kind is Kind.notice:
        return "-"
    return "going on" if finding.ended_at_ms is None else "ended"


def _status(incident: Incident) -> str:
    match incident.status:
        case Status.acknowledged:
            at = moment(incident.acknowledged_at_ms or incident.opened_at_ms)
            return f"acknowledged by {plain(incident.acknowledged_by or '?', longest=25)}, {at}"
        case Status.resolved:
            return f"resolved {moment(incident.resolved_at_ms or incident.opened_at_ms)}"
        case Status.closed:
            return f"closed {moment(incident.closed_at_ms or incident.opened_at_ms)}"
    return f"open since {moment(incident.opened_at_ms)}"


def _finding(finding: Finding, phrases: Phrases) -> list[str]:
    first = f"{finding.kind.value.capitalize()}: {subject(finding)}"
    lines = [click.style(line, bold=True) for line in _wrapped(first)]
    lines += _field("What", sentence(finding, phrases)) + _typed(finding)
    paged = "" if finding.paged_at_ms is None else f"; paged {moment(finding.paged_at_ms)}"
    lines += _field(
        "Since",
        f"{moment(finding.onset_low_ms)} at the earliest, {moment(finding.onset_high_ms)} at the latest; "
        f"first seen {moment(finding.detected_at_ms)}{paged}",
    )
    if finding.kind is Kind.page:
        lines += _field("Ended", "not yet" if finding.ended_at_ms is None else moment(finding.ended_at_ms))
    lines += _field("Level", level_text(finding))
    lines += _field("Evidence", f"{plain(finding.evidence.detail, longest=400)} ({sure_text(finding)})")
    if finding.tells:
        fields = ", ".join(f"{plain(one.field)} {one.auc:.2f}" for one in finding.tells)
        lines += _field(
            "Set apart", f"by {fields} (AUC: 0.5 is chance, 1 separates all events before from those since)"
        )
    lines += log_lines(finding)
    for place, cause in enumerate(due_to(finding)):
        lines += _field("Due to" if place == 0 else "", cause)
    return lines


def log_lines(finding: Finding, *, most: int = _MOST_OFFSETS) -> list[str]:
    """Place of its events in the log."""
    spans = sorted(finding.offsets.items())
    lines = []
    for partition, (start, end) in spans[:most]:
        lines += _field("Log", f"{plain(partition)} offsets {start} to {end - 1}")
    if len(spans) > most:
        lines += _field("", f"and {len(spans) - most} more partitions; --json has all")
    return lines


def _entry(entry: Entry) -> list[str]:
    head = f"{entry.seq:>4}  {rfc3339(entry.at_ms)[:19].replace('T', ' ')}  {plain(entry.actor, longest=24)}"
    lines = [f"{head}  {plain(entry.kind.replace('_', ' '), longest=20)}"]
    if entry.kind == What.typed:
        now, rule = entry.data.get("incident_trouble"), entry.data.get("incident_rule")
        lines += _wrapped(plain(f"the incident is {now} now: {rule}".replace("_", " "), longest=4000), indent=6)
    for name in ("text", "sentence", "why"):
        text = entry.data.get(name)
        if isinstance(text, str):
            for line in text.splitlines():
                lines += _wrapped(plain(line, longest=4000), indent=6)
    notified = entry.data.get("notified")
    if isinstance(notified, list) and notified:
        lines += _wrapped(f"notified: {', '.join(plain(str(name)) for name in notified)}", indent=6)
    return lines


def _field(name: str, value: str, *, most: int | None = None) -> list[str]:
    return field(name, value, WIDTH, most=most)


def _wrapped(text: str, *, indent: int = 0, hanging: int = 0) -> list[str]:
    return wrapped(text, WIDTH, indent=indent, hanging=hanging)

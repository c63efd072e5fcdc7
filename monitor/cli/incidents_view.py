"""Incidents as text of at most 80 columns; colours are dropped by click where nobody sees them."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Final

import click

from monitor.findings.model import EVERY_GUARDRAIL, Finding, IncidentType, Kind
from monitor.incidents.model import Entry, Incident, Severity, Status
from monitor.incidents.next_steps import next_steps
from monitor.incidents.timeline import What
from monitor.incidents.words import Phrases, incident_name, moment, number, plain, rfc3339, sentence, subject

WIDTH: Final = 80
_BAR: Final = 30
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
        lines += _wrapped(_with_type(incident.trouble, incident.title), indent=10)
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
    """One finding with its evidence and what it is due to."""
    return "\n".join(_finding(finding, phrases))


def whole(incident: Incident, findings: Sequence[Finding], timeline: Sequence[Entry], *, phrases: Phrases) -> str:
    """All that a person needs to work on an incident."""
    severity = click.style(incident.severity.value, fg=_COLOURS[incident.severity], bold=True)
    lines = [f"{incident_name(incident.id)}  {severity}  {_status(incident)}", *_wrapped(incident.title)]
    lines += [*_typed(incident), *_control(incident, timeline), ""]
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


def _with_type(trouble: IncidentType | None, text: str) -> str:
    return text if trouble is None else f"[{trouble.words}] {text}"


def _typed(typed: Incident | Finding) -> list[str]:
    if typed.trouble is None:
        return []
    return _field("Type", f"{typed.trouble.words} ({plain(typed.trouble_rule, longest=400)})")


def _control(incident: Incident, timeline: Sequence[Entry]) -> list[str]:
    """The statement as it was when the incident was opened, or opened again."""
    said = [entry.data["control"] for entry in timeline if "control" in entry.data]
    if not said or incident.guardrail == EVERY_GUARDRAIL:
        return []
    control = said[-1]
    if not isinstance(control, dict):
        return _field("Control", "undefined: nobody has stated what this guardrail prohibits; see driftline controls")
    lines = _field("Control", f"prohibits {plain(str(control.get('prohibits', '')), longest=1000)}")
    return lines + _field("Owner", plain(str(control.get("owner") or "nobody is named"), longest=1000))


def bars(finding: Finding) -> list[str]:
    """The attribution: who or what contributes how much of the change."""
    lines = []
    for share in finding.attribution:
        filled = round(max(0.0, min(1.0, share.share)) * _BAR)
        name = plain(f"{share.what}: {share.name}", longest=34)
        lines.append(f"    {name:<34} {'#' * filled:<{_BAR}} {share.share:>5.0%}")
    return lines


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
    heading = f"{finding.kind.value.capitalize()}: {subject(finding)}"
    lines = [click.style(line, bold=True) for line in _wrapped(heading)]
    lines += _field("What", sentence(finding, phrases)) + _typed(finding)
    found = finding.paged_at_ms or finding.detected_at_ms
    lines += _field(
        "Since",
        f"{moment(finding.onset_low_ms)} at the earliest, {moment(finding.onset_high_ms)} at the latest; "
        f"found {moment(found)}",
    )
    if finding.kind is Kind.page:
        lines += _field("Ended", "not yet" if finding.ended_at_ms is None else moment(finding.ended_at_ms))
    effect = finding.effect
    ratio = "" if effect.ratio is None else f" ({number(effect.ratio)} x)"
    level = finding.evidence.level
    limit = "" if level is None else f"; the limit is {number(level)}"
    between = ""
    if effect.low is not None and effect.high is not None:
        between = f" ({number(effect.low)} to {number(effect.high)} with 95 % confidence)"
    lines += _field("Effect", f"{number(effect.current)}{between}, baseline {number(effect.baseline)}{ratio}{limit}")
    lines += _field(
        "Evidence",
        f"{plain(finding.evidence.detail, longest=400)} ({finding.evidence.events:,} events; "
        f"false-alarm promise: {finding.promise.value})",
    )
    if finding.tells:
        told = ", ".join(f"{plain(tell.field)} {tell.auc:.2f}" for tell in finding.tells)
        lines += _field("Told by", f"{told} (AUC of telling what came since from what came before)")
    spans = sorted(finding.offsets.items())
    for partition, (start, end) in spans[:_MOST_OFFSETS]:
        lines += _field("Log", f"{plain(partition)} offsets {start} to {end - 1}")
    if len(spans) > _MOST_OFFSETS:
        lines += _field("Log", f"and {len(spans) - _MOST_OFFSETS} more partitions; --json shows all")
    if finding.attribution:
        lines += ["  Due to", *bars(finding)]
    return lines


def _entry(entry: Entry) -> list[str]:
    head = f"{entry.seq:>4}  {rfc3339(entry.at_ms)[:19].replace('T', ' ')}  {plain(entry.actor, longest=24)}"
    lines = [f"{head}  {plain(entry.kind.replace('_', ' '), longest=20)}"]
    if entry.kind == What.typed:
        now, rule = entry.data.get("incident_trouble"), entry.data.get("incident_rule")
        lines += _wrapped(plain(f"the incident is {now} now: {rule}".replace("_", " "), longest=4000), indent=6)
    for name in ("text", "sentence", "why"):
        said = entry.data.get(name)
        if isinstance(said, str):
            for line in said.splitlines():
                lines += _wrapped(plain(line, longest=4000), indent=6)
    notified = entry.data.get("notified")
    if isinstance(notified, list) and notified:
        lines += _wrapped(f"notified: {', '.join(plain(str(name)) for name in notified)}", indent=6)
    return lines


def _field(name: str, value: str) -> list[str]:
    lines = _wrapped(value, indent=13)
    return [f"  {name:<10} {lines[0].lstrip()}", *lines[1:]] if lines else []


def _wrapped(text: str, *, indent: int = 0, hanging: int = 0) -> list[str]:
    space = " " * indent
    return textwrap.wrap(
        text, WIDTH, initial_indent=space, subsequent_indent=space + " " * hanging, break_on_hyphens=False
    )

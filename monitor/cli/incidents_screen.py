"""The first screen of an incident, 24 lines of 80 columns: what, since when, how sure and large, where, what next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import click

from monitor.cli.incidents_view import WIDTH, control_lines, heading, log_lines
from monitor.cli.wrapping import field, wrapped
from monitor.findings.model import Finding, Kind
from monitor.incidents.model import Entry, Incident
from monitor.incidents.naming import most_telling
from monitor.incidents.next_steps import next_steps
from monitor.incidents.told import level_text, since_text, sure_text
from monitor.incidents.words import Phrases, due_to, incident_name, moment, plain, subject, summary

LINES: Final = 24
_ALSO: Final = 3


def first_screen(
    incident: Incident, findings: Sequence[Finding], timeline: Sequence[Entry], *, phrases: Phrases
) -> str:
    """The incident at a glance; ``driftline incidents show --all`` has everything."""
    pages = sorted(
        (finding for finding in findings if finding.kind is Kind.page),
        key=lambda page: (page.detected_at_ms, page.id),
    )
    lines = [*heading(incident), *wrapped(incident.title, WIDTH, most=3)]
    if incident.trouble is not None:
        lines += field("What", f"{incident.trouble.words}: {_reason(incident.trouble_rule)}", WIDTH, most=2)
    if pages:
        page = most_telling(pages)
        lines += field("Since", since_text(pages), WIDTH, most=2)
        lines += field("How sure", sure_text(page), WIDTH, most=2)
        lines += field("How large", level_text(page), WIDTH, most=2)
        lines += _where(page)
        lines += _also(page, pages, phrases)
    lines += control_lines(incident, timeline, most=1)
    more = f"All findings and the timeline: driftline incidents show {incident_name(incident.id)} --all"
    steps = next_steps(incident, findings)
    room = LINES - len(lines) - 2
    if steps and room > 0:
        lines.append(click.style("Next steps", bold=True))
        for place, step in enumerate(steps, start=1):
            lines += wrapped(f"{place}. {step}", WIDTH, indent=2, hanging=3, most=2)
        lines = lines[: LINES - 1]
    return "\n".join([*lines, more])


def _reason(rule: str) -> str:
    """The sentence of a rule without its name."""
    name, colon, sentence = rule.partition(": ")
    return plain(sentence if colon else name, longest=300)


def _where(page: Finding) -> list[str]:
    stage = f", stage {plain(page.stage)}" if page.stage else ""
    version = f" {plain(page.guardrail_version)}" if page.guardrail_version else ""
    carried = "".join(f"; {cause}" for cause in due_to(page)[:2])
    return [
        *field("Where", f"{subject(page)}{version}{stage}{carried}", WIDTH, most=2),
        *log_lines(page, most=1)[:2],
    ]


def _also(page: Finding, pages: Sequence[Finding], phrases: Phrases) -> list[str]:
    others = [other for other in pages if other.id != page.id]
    lines = []
    for place, other in enumerate(others[:_ALSO]):
        since = moment(other.onset_low_ms, day_of_ms=page.onset_low_ms)
        text = f"{since}, {_apart(other, page)}{summary(other, phrases)}"
        lines += field("Also" if place == 0 else "", text, WIDTH, most=1)
    if (more := len(others) - _ALSO) > 0:
        lines += field("", f"and {more} more page{'s' * (more > 1)}", WIDTH, most=1)
    return lines


def _apart(other: Finding, page: Finding) -> str:
    """The stream of another page where it is not that of the first one."""
    names = [f"{subject(one)} {plain(one.guardrail_version)}".strip() for one in (other, page)]
    return "" if names[0] == names[1] else f"{names[0]}: "

"""The body as a person reads it at 3 a.m.: a headline and labelled facts; each channel escapes them for its medium.

What, since when, how large, where, why this person, what to do next, which deployment, where in the log, and a link.
All values were made safe when the body was built (:mod:`monitor.alerting.body`); nothing here holds text of a prompt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

LONGEST_HEADLINE: Final = 250
LONGEST_FACT: Final = 600
MOST_OFFSETS: Final = 5
_DONE: Final = {"acknowledge": "acknowledged", "resolve": "resolved"}


@dataclass(frozen=True, slots=True)
class Message:
    """The message that every channel shows.

    Attributes:
        headline: one line: severity, number, what.
        facts: label and value, the most important first.
        link: where the incident opens; empty where there is only a command.
        severity: critical, error or warning.
    """

    headline: str
    facts: tuple[tuple[str, str], ...]
    link: str
    severity: str

    @property
    def text(self) -> str:
        """Headline and facts, one a line."""
        return "\n".join([self.headline, "", *(f"{label}: {value}" for label, value in self.facts)])


def message(body: Mapping[str, object]) -> Message:
    """The body of a notification for people."""
    incident, finding, page = (_part(body, name) for name in ("incident", "finding", "page"))
    address = _text(body, "address")
    facts = [
        ("What", _text(finding, "sentence") or _text(incident, "title")),
        ("Since", _text(incident, "onset_at")),
        ("How large", _size(finding)),
        ("Where", _where(incident, finding)),
        ("Type", _text(incident, "trouble").replace("_", " ")),
        ("Paged", _paged(page)),
        ("Next", " | ".join(_list(body.get("next_steps"))[:3])),
        ("Suggestion", _text(body, "suggestion")),
        ("Deployment", _text(body, "deployment")),
        ("Log offsets", _offsets(finding)),
        ("Open", address),
        ("Record", _head(_part(body, "timeline"))),
    ]
    return Message(
        headline=_headline(body, incident, page)[:LONGEST_HEADLINE],
        facts=tuple((label, value[:LONGEST_FACT]) for label, value in facts if value),
        link=address if address.startswith(("https://", "http://")) else "",
        severity=_text(incident, "severity"),
    )


def _headline(body: Mapping[str, object], incident: Mapping[str, object], page: Mapping[str, object]) -> str:
    name, title = _text(incident, "name"), _text(incident, "title")
    if incident.get("exercise") is True:
        name = f"EXERCISE {name}"
    done = _DONE.get(_text(body, "event_action"))
    if done is not None:
        actor = _text(_part(body, "timeline"), "actor")
        return f"{name} {done}{f' by {actor}' if actor else ''}: {title}"
    severity = _text(incident, "severity").upper()
    nobody = "NOBODY REACHED: " if _text(page, "why").startswith("NOBODY REACHED") else ""
    return f"{nobody}[{severity}] {name} {title}"


def _size(finding: Mapping[str, object]) -> str:
    effect, evidence = _part(finding, "effect"), _part(finding, "evidence")
    events = evidence.get("events")
    if not effect or not isinstance(events, int):
        return ""
    levels = _part(effect, "near") or effect  # what the headline names
    return f"{levels.get('baseline'):.3g} before, {levels.get('current'):.3g} now; {events:,} requests affected since"


def _where(incident: Mapping[str, object], finding: Mapping[str, object]) -> str:
    parts = [_text(incident, "guardrail"), _text(finding, "category"), _text(finding, "stratum")]
    version = _text(finding, "guardrail_version")
    return ", ".join([part for part in parts if part] + ([f"version {version}"] if version else []))


def _paged(page: Mapping[str, object]) -> str:
    if not page:
        return ""
    people = ", ".join(_list(page.get("people")))
    opened = _text(page, "opened")
    told = [people, _text(page, "why"), f"opened {opened}" if opened else ""]
    return "; ".join(part for part in told if part)


def _offsets(finding: Mapping[str, object]) -> str:
    offsets = _part(finding, "offsets")
    shown = [
        f"{name} {span[0]} to {span[1]}"
        for name, span in sorted(offsets.items())[:MOST_OFFSETS]
        if isinstance(span, list | tuple) and len(span) == 2
    ]
    more = len(offsets) - MOST_OFFSETS
    return "; ".join(shown + ([f"and {more} more partitions"] if more > 0 else []))


def _head(timeline: Mapping[str, object]) -> str:
    return f"{timeline.get('seq')}:{timeline.get('hash')}" if timeline else ""


def _part(of: Mapping[str, object], name: str) -> Mapping[str, object]:
    found = of.get(name)
    return found if isinstance(found, dict) else {}


def _text(of: Mapping[str, object], name: str) -> str:
    found = of.get(name)
    return found if isinstance(found, str) else ""


def _list(found: object) -> list[str]:
    return [each for each in found if isinstance(each, str)] if isinstance(found, list | tuple) else []

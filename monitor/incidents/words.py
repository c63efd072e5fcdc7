"""The words of findings and incidents for people: names made safe, times, levels, a finding in one sentence."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from monitor.findings.model import ANY_CHANGE, Effect, Finding, Unit

Phrases = Mapping[tuple[str, str], str]
"""(signal, question) -> what its level is, for people: ``share of requests judged unsafe``."""

RULES: Final[Phrases] = MappingProxyType(
    {
        ("coverage", "volume_rise"): "traffic",
        ("coverage", "volume_fall"): "traffic",
        ("release_delta", "model_version"): "largest difference between the two models",
        ("release_delta", "guardrail_version"): "largest difference between the two versions",
        ("traffic_mix", "mix_change"): "share of requests of the kind whose share moved most",
        ("traffic_mix", "new_slice"): "share of requests of kinds never seen before",
        ("traffic_mix", "new_slices_surge"): "share of requests of kinds never seen before",
        ("intake", "new_unit"): "events of a category, threshold or kind of score without a baseline",
        ("intake", "new_units"): "first events of names never seen before, within an hour",
        ("campaign", "cluster_rise"): "near-duplicates of one prompt among those remembered",
    }
)
"""Phrases of the rules, beside the questions of the signals."""
JOINS: Final = "join_misses"
JOINS_PHRASE: Final = "share of outputs whose request is not found"
DUE: Final = "no verdicts where {due} were due by the traffic of the other guardrails"
WORTH_A_WORD: Final = 0.05
"""A part that carries less of a change than this is not named."""
EVEN: Final = 0.01
"""Parts whose shares differ by less carry the change alike."""
PARTS: Final = ("stratum", "bin")
"""Kinds of attribution that are parts of the whole; others name something and share nothing."""
LONGEST_NAME: Final = 80
LONGEST_TITLE: Final = 250
_UNPRINTABLE: Final = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ud800-\udfff]+"
)
"""Controls (terminal escapes, line breaks), bidirectional overrides, invisible characters, lone surrogates."""


def plain(text: str, *, longest: int = LONGEST_NAME) -> str:
    """A name from outside as one safe line: no controls, no invisible characters, cut with an ellipsis."""
    line = " ".join(_UNPRINTABLE.sub(" ", text[: 4 * longest]).split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def incident_name(incident_id: int) -> str:
    """``INC-1``."""
    return f"INC-{incident_id}"


def rfc3339(at_ms: int) -> str:
    """``2026-11-23T03:12:00.000Z``."""
    return _utc(at_ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(at_ms: int, *, day_of_ms: int | None = None) -> str:
    """``03:12 UTC``, with the day in front unless it is that of ``day_of_ms``."""
    at = _utc(at_ms)
    if day_of_ms is not None and _utc(day_of_ms).date() == at.date():
        return f"{at:%H:%M} UTC"
    return f"{at:%Y-%m-%d %H:%M} UTC"


def duration(length_ms: float) -> str:
    """``45 s``, ``12 min``, ``4.6 h``, ``3.5 days``.

    >>> [duration(ms) for ms in (800, 45_000, 720_000, 16_560_000, 302_400_000)]
    ['1 s', '45 s', '12 min', '4.6 h', '3.5 days']
    """
    seconds = length_ms / 1000
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.2g} h"
    return f"{seconds / 86400:.2g} days"


def number(value: float) -> str:
    """Two significant digits where it matters: ``14``, ``1.4``, ``0.032``, ``1,200``."""
    if value != 0 and abs(value) < 0.0001:
        return f"{value:.1e}"
    if abs(value) >= 10:
        return f"{value:,.0f}"
    return f"{value:.2g}"


def percent(share: float) -> str:
    """A share with the digits that distinguish it from 0 % and from 100 %: ``1.1 %``, ``10.3 %``, ``0.042 %``,
    ``99.98 %``.

    >>> [percent(share) for share in (0.0, 0.00042, 0.0111, 0.5, 0.1034, 0.9998, 1.0)]
    ['0 %', '0.042 %', '1.1 %', '50 %', '10.3 %', '99.98 %', '100 %']
    """
    parts = 100 * share
    rest = min(abs(parts), abs(100 - parts))
    digits = 1 if rest >= 1 or rest < 1e-9 else min(6, 1 - math.floor(math.log10(rest)))
    text = f"{parts:.{digits}f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} %"


def amount(value: float, unit: Unit) -> str:
    """A level with its unit: ``10.3 %``, ``12 events per second``."""
    match unit:
        case Unit.share:
            return percent(value)
        case Unit.per_second:
            return f"{number(value)} events per second"
        case Unit.events:
            return f"{value:,.0f} events"
    return number(value)


def change(effect: Effect, *, events: int = 0) -> str:
    """Both levels, and the events behind a share: ``1.1 % -> 10.3 % (21 of 204)``."""
    if effect.unit is Unit.share:
        return f"{percent(effect.baseline)} -> {percent(effect.current)}{_counted(effect.current, events)}"
    return f"{number(effect.baseline)} -> {amount(effect.current, effect.unit)}"


def _counted(share: float, events: int) -> str:
    """Left out where the share is not one of so many events, as in records without a total."""
    counted = share * events
    return f" ({round(counted):,} of {events:,})" if events and abs(counted - round(counted)) < 0.01 else ""


def subject(finding: Finding) -> str:
    """``prompt-injection (jailbreak)``."""
    category = f" ({plain(finding.category)})" if finding.category else ""
    return f"{plain(finding.guardrail)}{category}"


def phrase(finding: Finding, phrases: Phrases) -> str:
    """The quantity whose level the finding reports; signal and question where it has no phrase."""
    if finding.effect.what:
        return plain(finding.effect.what, longest=LONGEST_TITLE)
    key = (finding.signal, finding.question)
    known = phrases.get(key) or RULES.get(key)
    if known is not None:
        return known
    if finding.question == JOINS:
        return JOINS_PHRASE
    if finding.question == ANY_CHANGE:
        return f"share of the part of {plain(finding.signal).replace('_', ' ')} that moved most"
    return plain(f"{finding.signal} ({finding.question})".replace("_", " "))


def summary(finding: Finding, phrases: Phrases) -> str:
    """The event without its time: ``share of requests judged unsafe 1.1 % -> 10.3 % (21 of 204)``."""
    effect = finding.effect
    if effect.summary:
        return plain(effect.summary, longest=LONGEST_TITLE)
    match (finding.signal, finding.question):
        case (_, "silence"):
            return DUE.format(due=f"about {effect.baseline:,.0f}")
        case ("coverage", "source_silent"):
            return "no event of any guardrail"
        case ("contradictions", _):
            counted = _counted(effect.current, finding.evidence.events)
            return f"{percent(effect.current)} of verdicts contradict their own score and threshold{counted}"
    return f"{phrase(finding, phrases)} {change(effect, events=finding.evidence.events)}"


def sentence(finding: Finding, phrases: Phrases) -> str:
    """The event with its time: ``share of requests judged unsafe 1.1 % -> 10.3 % since 03:12 UTC``."""
    most = ", most clearly" if finding.signal == "release_delta" else ""
    where = f"{most} in {plain(finding.stratum)}" if finding.stratum else ""
    since = moment(finding.onset_low_ms, day_of_ms=finding.paged_at_ms or finding.detected_at_ms)
    return f"{summary(finding, phrases)}{where} since {since}"


def due_to(finding: Finding) -> tuple[str, ...]:
    """The carriers of the change, most telling kind first; facts that are true of any change are left out.

    That all of it is behaviour, that one slice or bin carries everything, or that every part has the same share does
    not discriminate.
    """
    causes = []
    of = {what: [share for share in finding.attribution if share.what == what] for what in ("mix", *PARTS)}
    mix = max((share.share for share in of["mix"]), default=0.0)
    if WORTH_A_WORD <= mix <= 1 - WORTH_A_WORD:
        causes.append(f"change in traffic mix {_whole(mix)}, in judging the same kinds {_whole(1 - mix)}")
    for what in PARTS:
        if what == "bin" and finding.effect.unit is Unit.weight:
            continue  # steps of the weight, which mean nothing to a person
        sizes = [share.share for share in of[what]]
        even = len(sizes) > 1 and max(sizes) - min(sizes) < EVEN
        if sizes and not even and (len(sizes) > 1 or what == "stratum"):
            telling = [share for share in of[what] if share.share >= WORTH_A_WORD]
            causes.append(", ".join(f"{plain(share.name)} {_whole(share.share)}" for share in telling))
    return tuple(causes)


def _whole(share: float) -> str:
    return f"{100 * share:.0f} %"


def title(finding: Finding, phrases: Phrases) -> str:
    """Place and event in one line."""
    return plain(f"{subject(finding)}: {sentence(finding, phrases)}", longest=LONGEST_TITLE)


def _utc(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, tz=UTC)

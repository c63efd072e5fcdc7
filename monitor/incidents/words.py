"""What a person reads at 3 a.m.: names made safe, times, and a finding in one sentence."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from monitor.findings.model import ANY_CHANGE, Direction, Effect, Finding

Phrases = Mapping[tuple[str, str], str]
"""(signal, question) -> how a person says it, continued by "is 14 x its baseline"."""

RULES: Final[Phrases] = MappingProxyType(
    {
        ("coverage", "silence"): "number of verdicts, while others keep judging,",
        ("coverage", "volume_rise"): "traffic in events per second",
        ("coverage", "volume_fall"): "traffic in events per second",
        ("contradictions", "contradiction_share"): "share of verdicts that contradict their own score and threshold",
        ("coverage", "source_silent"): "traffic of all guardrails together",
        ("release_delta", "model_version"): "what moved most since the new model",
        ("release_delta", "guardrail_version"): "what moved most since the new version",
        ("traffic_mix", "mix_change"): "share of requests of the kind that moved most",
        ("traffic_mix", "new_slice"): "share of requests of kinds never seen before",
        ("traffic_mix", "new_slices_surge"): "share of requests of kinds never seen before",
    }
)
"""The judge's plain rules, which are no questions of a signal."""
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


def number(value: float) -> str:
    """Two significant digits where it matters: ``14``, ``1.4``, ``0.032``, ``1,200``."""
    if value != 0 and abs(value) < 0.0001:
        return f"{value:.1e}"
    if abs(value) >= 10:
        return f"{value:,.0f}"
    return f"{value:.2g}"


def change(effect: Effect, direction: Direction) -> str:
    """The size of a change, as a verb: ``is 14 x its baseline``."""
    if effect.current == 0 and effect.baseline > 0:
        return f"has fallen to zero (baseline {number(effect.baseline)})"
    if effect.ratio is None:
        return f"is {number(effect.current)} where its baseline is {number(effect.baseline)}"
    if direction is Direction.change and 0.95 < effect.ratio < 1.05:
        return "has changed its distribution"
    return f"is {number(effect.ratio)} x its baseline"


def subject(finding: Finding) -> str:
    """``prompt-injection (jailbreak)``."""
    category = f" ({plain(finding.category)})" if finding.category else ""
    return f"{plain(finding.guardrail)}{category}"


def phrase(finding: Finding, phrases: Phrases) -> str:
    """How a person says what was asked; the names themselves where nobody has put it into words."""
    key = (finding.signal, finding.question)
    known = phrases.get(key) or RULES.get(key)
    if known is not None:
        return known
    if finding.question == ANY_CHANGE:
        return f"{plain(finding.signal).replace('_', ' ')}, in the part that moved most,"
    return plain(f"{finding.signal} ({finding.question})".replace("_", " "))


def sentence(finding: Finding, phrases: Phrases) -> str:
    """What happened, without where: ``share of scores near the threshold is 14 x its baseline since 03:12 UTC``."""
    where = f" in {plain(finding.stratum)}" if finding.stratum else ""
    since = moment(finding.onset_low_ms, day_of_ms=finding.paged_at_ms or finding.detected_at_ms)
    return f"{phrase(finding, phrases)}{where} {change(finding.effect, finding.direction)} since {since}"


def title(finding: Finding, phrases: Phrases) -> str:
    """Where and what, in one line."""
    return plain(f"{subject(finding)}: {sentence(finding, phrases)}", longest=LONGEST_TITLE)


def _utc(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, tz=UTC)

"""Sentences on how large and how sure a finding is, as commands, reports and pages show them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from monitor.findings.model import Direction, Finding, Promise, Unit
from monitor.incidents.words import amount, moment, percent

LIMITED: Final = frozenset({"contradictions", "campaign"})
"""Held to a plain limit: they have no baseline."""
PROMISES: Final = {
    Promise.proved: "proved, if requests are independent: false alarms stay within the budget",
    Promise.calibrated: "calibrated, if requests hang together as in the baseline: within the budget",
    Promise.provisional: "provisional: the baseline spans too little time to promise a rate",
    Promise.rule: "a plain rule: no rate of false alarms is promised",
    Promise.uncalibrated: "not ours: no rate of false alarms is promised",
}


def level_text(finding: Finding) -> str:
    """Size of the change: the level since the onset with its limits, the baseline and the approved level."""
    effect, level = finding.effect, finding.evidence.level
    weight = "mean weight " if effect.unit is Unit.weight else ""
    near = effect.near
    shares = "" if near is None else f"{percent(near.current)}, baseline {percent(near.baseline)}; "
    parts = [f"{weight}{amount(effect.current, effect.unit)}"]
    if effect.low is not None and effect.high is not None:
        parts[0] += f" ({amount(effect.low, effect.unit)} to {amount(effect.high, effect.unit)} with 95 % confidence)"
    if finding.signal not in LIMITED:
        parts.append(f"baseline {amount(effect.baseline, effect.unit)}")
    if level is not None:
        parts.append(
            f"at {'least' if finding.direction is Direction.fall else 'most'} {amount(level, effect.unit)} approved"
        )
    return shares + ", ".join(parts)


def sure_text(finding: Finding) -> str:
    """Certainty: the events behind the finding, and the promise about false alarms."""
    return f"{finding.evidence.events:,} events; {PROMISES[finding.promise]}"


def since_text(pages: Sequence[Finding]) -> str:
    """When it began at the earliest and at the latest, when the first page was found, and whether all are over."""
    first = min(pages, key=lambda page: (page.paged_at_ms or page.detected_at_ms, page.id))
    paged = first.paged_at_ms or first.detected_at_ms
    day = first.onset_low_ms
    began, latest = moment(day), moment(first.onset_high_ms, day_of_ms=day)
    onset = began if latest in began else f"{began} to {latest}"
    ends = [page.ended_at_ms for page in pages]
    over = f"all ended {moment(max(end or 0 for end in ends), day_of_ms=day)}" if None not in ends else "not over yet"
    return f"{onset}; first page {moment(paged, day_of_ms=day)}; {over}"

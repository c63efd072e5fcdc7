"""Which findings fire together: those that concern each other and have their evidence at the same time, or nearly so.

    F   [onset ========== found]
    G              [onset == found]            overlaps: together
    H                            [onset = found]          a gap shorter than F is long: together
    I                                                         [onset = found]  too far away

The stretch of a finding runs from the earliest onset to the moment at which it was found. A slow test finds the same
trouble later than a quick one and knows its onset less well, so a gap of at most the longer stretch is allowed, up to
:data:`WIDEST_GAP_MS`. Event times alone decide, so it does not matter how a replay is cut into steps.
"""

from __future__ import annotations

from typing import Final

from monitor.incidents.model import EVERY_GUARDRAIL, Finding

WIDEST_GAP_MS: Final = 30 * 60_000
"""As for incidents: troubles further apart than half an hour are two."""


TRAFFIC: Final = "traffic_mix"
ATTACKS: Final = frozenset({"boundary_proximity", "verdict_mix", "repetition", "campaign", "layer_bypass"})
"""Signals by which any guardrail may say that a change of the traffic is an attack."""
ALONE: Final = frozenset({"source_silent"})
"""A quiet night comes before many a morning: it says nothing about what is found then."""


def concerns(other: Finding, finding: Finding) -> bool:
    """Whether ``other`` has a say in what ``finding`` is.

    Findings of one guardrail have. Who asks concerns all guardrails; what the traffic is (no guardrail's own)
    is said by every guardrail's signs of an attack.
    """
    if other.question in ALONE or finding.question in ALONE:
        return False
    related = (
        other.guardrail == finding.guardrail
        or (other.guardrail == EVERY_GUARDRAIL and other.signal == TRAFFIC)
        or (finding.guardrail == EVERY_GUARDRAIL and other.signal in ATTACKS)
    )
    return related and coincide(other, finding)


def stretch(finding: Finding) -> tuple[int, int]:
    """Event times between which the finding's evidence lies, epoch milliseconds."""
    return finding.onset_low_ms, max(finding.onset_low_ms, finding.detected_at_ms, finding.paged_at_ms or 0)


def coincide(one: Finding, other: Finding) -> bool:
    """Whether two findings have their evidence at the same time; symmetric."""
    (a, b), (c, d) = stretch(one), stretch(other)
    gap = max(a, c) - min(b, d)
    return gap <= min(WIDEST_GAP_MS, max(b - a, d - c))

"""Which findings fire together: those that concern each other and have their evidence at the same time, or nearly so.

    F   [onset ========== found]
    G              [onset == found]            overlaps: together
    H                            [onset = found]          a gap shorter than F is long: together
    I                                                         [onset = found]  too far away

The stretch of a finding runs from the latest onset that is likely to the moment at which it was found: a chance
finding whose onset is unknown must not reach back over half a day. A slow test finds the same change later than
a quick one and knows its onset less well, so a gap is allowed of at most the longer time from earliest onset to
finding, up to :data:`WIDEST_GAP_MS`. Event times alone decide, so it does not matter how a replay is cut into steps.
"""

from __future__ import annotations

from typing import Final

from monitor.findings.model import EVERY_GUARDRAIL, Finding, Kind

WIDEST_GAP_MS: Final = 30 * 60_000
"""The same as for incidents: findings further apart than half an hour are two incidents."""

LONGEST_MS: Final = 60 * 60_000
"""Evidence that took longer to gather may be the sum of several changes and chance: such a finding goes only with
what fires when it is found, or it would go with whatever happened in between."""
TRAFFIC: Final = "traffic_mix"
ATTACKS: Final = frozenset({"boundary_proximity", "verdict_mix", "repetition", "layer_bypass", "output_refusal"})
"""Signals by which any guardrail may show that a change of the traffic is an attack."""
PROMPTS: Final = ATTACKS | {
    "score_shift",
    "input_length",
    "input_script",
    "input_disorder",
    "input_turn",
    "input_rules",
}
"""Signals by which a guardrail on the prompts shows what the answers were given to."""
REPEATED: Final = frozenset({"repetition", "campaign"})
"""Signals that are about the prompts alone: which of the guardrails on one prompt logs it first is up to chance."""
BEFORE: Final = frozenset({"input", "retrieval", "tool"})
ALONE: Final = frozenset({"source_silent"})
"""A quiet night comes before many a morning: it is no evidence about what is found then."""


def concerns(other: Finding, finding: Finding) -> bool:
    """Whether the type of ``finding`` depends on ``other``.

    It does where both are of one guardrail. Findings about the traffic concern all guardrails, and every guardrail's
    signs of an attack concern the findings about the traffic. Changed prompts concern the guardrails on the answers:
    more refusals are a wave of attacks where the prompts have changed, and the model's doing where they have not. And
    a model that refuses more is evidence about the prompts. Prompts that repeat are typed by what any guardrail
    on the prompts shows of them: one person's variants are one story, whichever guardrail finds which of them.
    """
    if other.question in ALONE or finding.question in ALONE:
        return False
    related = (
        other.guardrail == finding.guardrail
        or (other.guardrail == EVERY_GUARDRAIL and other.signal == TRAFFIC)
        or (finding.guardrail == EVERY_GUARDRAIL and other.signal in ATTACKS and _overlap(other, finding))
        or (finding.stage == "output" and other.stage in BEFORE and other.signal in PROMPTS)
        or (finding.signal in REPEATED and other.stage in BEFORE and other.signal in PROMPTS)
        or (finding.stage in BEFORE and other.signal == "output_refusal" and other.kind is Kind.page)
    )
    return related and coincide(other, finding)


def _overlap(one: Finding, other: Finding) -> bool:
    """Without a gap: what comes after an attack is not explained by it."""
    (a, b), (c, d) = stretch(one), stretch(other)
    return max(a, c) <= min(b, d)


def stretch(finding: Finding) -> tuple[int, int]:
    """Event times between which the finding's evidence lies, epoch milliseconds."""
    found = max(finding.detected_at_ms, finding.paged_at_ms or 0)
    start = min(finding.onset_high_ms, found)
    return (start if found - start <= LONGEST_MS else found), found


def coincide(one: Finding, other: Finding) -> bool:
    """Whether two findings have their evidence at the same time; symmetric."""
    (a, b), (c, d) = stretch(one), stretch(other)
    gap = max(a, c) - min(b, d)
    patience = (_patience(one, b), _patience(other, d))
    return gap <= (min(WIDEST_GAP_MS, max(patience)) if all(patience) else 0)


def _patience(finding: Finding, found_ms: int) -> int:
    """The reach of a finding's stretch for coincidence: its own length, 0 where that was too long."""
    return found_ms - finding.onset_low_ms if found_ms - finding.onset_high_ms <= LONGEST_MS else 0

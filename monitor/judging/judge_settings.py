"""The judge's settings: all that its decisions depend on, as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from monitor.clock import DAY_MS

TRAFFIC_SHARE: Final = 0.05
"""Share of both budgets for the traffic mix (traffic_mix)."""
RELEASE_SHARE: Final = 0.1
"""Share of the pages' budget for comparisons of releases; the notices' is unused: a release's verdict is no alarm."""
UNITS_SHARE: Final = 1 - TRAFFIC_SHARE - RELEASE_SHARE
"""The rest, split over units, signals and questions. Held apart for good, so that what the others do never changes
the spend of a unit's tests in the middle of a stretch; it costs those log(1 / .85) = .16 of evidence."""

OURS: Final = "driftline"
"""The any-change test of this project."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalRule:
    """The rule of judging one signal.

    Attributes:
        enabled: whether it is.
        weight: its share of both budgets, against those of the other signals of a stream.
        detector: what looks for any change: :data:`OURS`, or the name of a river detector, without ``river.``.
        parameters: of a river detector.
    """

    enabled: bool = True
    weight: float = 1.0
    detector: str = OURS
    parameters: tuple[tuple[str, float | int | bool | str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeSettings:
    """Lengths are in milliseconds or events; defaults are those of the settings.

    Attributes:
        tick_ms: length of a tick.
        pages, page_period_ms: at most so many false pages per period, on average, over everything.
        notices, notice_period_ms: the same for notices.
        ends_per_day: false ends that the tests for "it ended" may say per day and open finding, on average.
        automatic: whether the stated policy approves a baseline as soon as it is large enough and agrees with
            itself; otherwise a person does.
        baseline_events: size of an automatic baseline. 1,600 events are the fewest for which the proposed level
            (99 % limit x 1.25 + .005) held its promise at base rates down to .4 %.
        baseline_ticks: ticks with events that it spans at least: fewer say nothing about how the level wanders.
        baseline_span_ms: time that a baseline spans at least; a shorter one is provisional. 0: any length will do.
        stratum_events: baseline events that let a stratum stand on its own.
        strata: how many strata of a unit may; the rest is pooled.
        reopen_ms: a page this soon after an end continues the finding.
        lookback_ticks: how far back an onset is looked for.
        silence, volume, contradictions, campaign: what the rules say.
        contradiction_share: share of verdicts that may contradict their own score and threshold.
        silent_ms: a guardrail is not silent before that.
        source_silent_ms: nor is the whole source.
        volume_window_ms: length of the windows of the volume rule.
        signals: what is judged otherwise than by default, by the signal's name, in order of names.
        weights: share of both budgets of each stream of a guardrail, against 1 of the others, in order of names.
    """

    tick_ms: int = 10_000
    pages: float = 1.0
    page_period_ms: int = 30 * DAY_MS
    notices: float = 1.0
    notice_period_ms: int = DAY_MS
    ends_per_day: float = 1.0
    automatic: bool = True
    baseline_events: int = 1_600
    baseline_ticks: int = 20
    baseline_span_ms: int = DAY_MS
    stratum_events: int = 200
    strata: int = 15
    reopen_ms: int = 15 * 60_000
    lookback_ticks: int = 8_640
    silence: Literal["page", "notice", "off"] = "page"
    volume: Literal["notice", "off"] = "notice"
    contradictions: Literal["page", "notice", "off"] = "notice"
    contradiction_share: float = 0.05
    campaign: Literal["page", "notice", "off"] = "notice"
    silent_ms: int = 5 * 60_000
    source_silent_ms: int = 15 * 60_000
    volume_window_ms: int = 5 * 60_000
    signals: tuple[tuple[str, SignalRule], ...] = ()
    weights: tuple[tuple[str, float], ...] = ()

    def weight(self, guardrail: str) -> float:
        """Share of the budgets of a stream of this guardrail, against 1 of most others."""
        return dict(self.weights).get(guardrail, 1.0)

    def signal(self, name: str) -> SignalRule:
        """The rule of this signal."""
        return dict(self.signals).get(name, SignalRule())

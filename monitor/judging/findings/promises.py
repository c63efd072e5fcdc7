"""The promise of each finding: the null that its test holds to its share of the budget, and the basis of that.

Every finding takes its promise from here, so a question without a stated promise cannot be reported, and the table in
README.md is rendered from the same rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Final

from monitor.findings.model import ANY_CHANGE, Promise
from monitor.signals.registry import SIGNALS


class Null(StrEnum):
    """The null hypothesis: it holds while an alarm is false."""

    mean = "given the past, the mean keeps to the approved level with its margin and floor, in each stratum"
    exchangeable = "the events of a stratum are exchangeable with its own history"
    mix = "the slices of requests (of conversations, where turns are numbered) are exchangeable with their history"
    unseen = "given the past, never-seen slices keep to their share of the requests"
    release = "in each slice, the mean is no worse than the approved release's"
    none = "none: a plain limit"


@dataclass(frozen=True, slots=True)
class Stated:
    """One question, and what backs the promise of its findings."""

    signal: str
    question: str
    may: str
    """``page``, ``notice``, or the setting that decides."""
    null: Null
    promise: Promise


def _rule(signal: str, question: str, may: str = "notice") -> Stated:
    return Stated(signal, question, may, Null.none, Promise.rule)


RULES: Final = (
    _rule("coverage", "silence", "`rules.silence`"),
    _rule("coverage", "source_silent"),
    _rule("coverage", "volume_rise"),
    _rule("coverage", "volume_fall"),
    _rule("contradictions", "contradiction_share", "`rules.contradictions`"),
    _rule("campaign", "cluster_rise", "`rules.campaign`"),
    *(_rule(signal.name, "join_misses") for signal in SIGNALS if signal.misses),
)
OTHERS: Final = (
    Stated("traffic_mix", "mix_change", "notice", Null.mix, Promise.proved),
    _rule("traffic_mix", "new_slice"),
    Stated("traffic_mix", "new_slices_surge", "page", Null.unseen, Promise.proved),
    Stated("release_delta", "model_version", "page", Null.release, Promise.proved),
    Stated("release_delta", "guardrail_version", "page", Null.release, Promise.proved),
)


@cache
def stated() -> tuple[Stated, ...]:
    """Every question that may have findings, by signal, in the order of the registry."""
    of_signals: list[Stated] = []
    for signal in SIGNALS:
        asked = [Stated(signal.name, one.name, "page", Null.mean, one.promise) for one in signal.questions]
        if signal.alternatives:
            # Where repeats come in bursts that outgrow a margin, they are not exchangeable either.
            weak = Promise.rule in {one.promise for one in asked}
            backed = Promise.rule if weak else Promise.proved
            asked.append(Stated(signal.name, ANY_CHANGE, "notice", Null.exchangeable, backed))
        of_signals += [*asked, *(rule for rule in RULES if rule.signal == signal.name)]
    return (*of_signals, *OTHERS)


def promise_of(signal: str, question: str, *, bursts: float = 1.0, provisional: bool = False) -> Promise:
    """The basis of the promise of a finding of this question, on a stream with such a baseline.

    Args:
        signal, question: what was asked.
        bursts: how many events of the baseline come together. Bets on a mean are discounted by it, which is
            simulated; such traffic is not exchangeable, whatever it does.
        provisional: the baseline spans too little time to tell.

    Raises:
        LookupError: no promise is stated for it.
    """
    one = next((one for one in stated() if (one.signal, one.question) == (signal, question)), None)
    if one is None:
        raise LookupError(f"no promise is stated for {signal}/{question}")
    if one.promise is Promise.rule or one.null not in (Null.mean, Null.exchangeable):
        return one.promise
    if bursts > 1 and one.null is Null.exchangeable:
        return Promise.rule
    if provisional:
        return Promise.provisional
    return Promise.calibrated if bursts > 1 else one.promise

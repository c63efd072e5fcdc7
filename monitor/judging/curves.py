"""A finding as a curve: the signal around the onset, beside the level that it was held to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.counts.cuts import observations, of_slices
from monitor.counts.model import LoadedCounts, Slice
from monitor.counts.units import RECORDS, WHOLE, is_scoreless, stratum_of, unit_of
from monitor.findings.model import ANY_CHANGE, EVERY_GUARDRAIL, Finding, Unit
from monitor.incidents.words import JOINS, phrase
from monitor.judging.history import kept_counts
from monitor.judging.ports import JudgeStore
from monitor.judging.some_counts import counts_of
from monitor.signals import campaign, contradictions, request_join
from monitor.signals.registry import COLUMNS, EVENTS_COLUMN, OFFSETS, SIGNALS
from monitor.signals.signal import Signal

POINTS: Final = 60
EVENTS_PER_POINT: Final = 20
"""A point of fewer events shows chance rather than the signal."""
FEWEST_POINTS: Final = 24
RELEASE: Final = "release_delta"
AROUND: Final = 30
"""Ticks that are shown before the onset at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A curve; all lengths n but for the marks.

    Attributes:
        what: what the values are.
        start_ms: event time of the first point; point i begins ``i * step_ms`` later.
        values: None where there are no events.
        events: events behind each value.
        unit: of the values, the baseline and the level.
        baseline, level: what is normal, and what it was held to; None where there is no such thing on this scale.
    """

    what: str
    start_ms: int
    step_ms: int
    values: Sequence[float | None]
    events: Sequence[int]
    unit: Unit
    baseline: float | None
    level: float | None
    onset_low_ms: int
    onset_high_ms: int
    detected_at_ms: int
    ended_at_ms: int | None


def picture(finding: Finding, store: JudgeStore, *, tick_ms: int) -> Picture | None:
    """The finding's curve; None where the counts of its time are gone."""
    slices = _slices_of(finding, store)
    onset, seen = finding.onset_low_ms // tick_ms, (finding.paged_at_ms or finding.detected_at_ms) // tick_ms
    first, last = store.first_tick(), store.judged_before()
    if first is None or last is None or not slices:
        return None
    span = max(seen - onset, AROUND)
    low, high = max(first, onset - 2 * span), min(last, seen + span)
    counts, low = counts_of(store, slices, (low, high))
    per_tick = max(_events(counts) / max(1, high - low), 1e-9)
    thin = max(1, round(EVENTS_PER_POINT / per_tick))
    if (high - low) // thin < FEWEST_POINTS:  # thin traffic: look at more of it
        wanted = thin * FEWEST_POINTS
        low, high = max(first, onset - wanted), min(last, max(high, seen + wanted // 2))
        counts, low = counts_of(store, slices, (low, high))
    step = max(1, thin if (high - low) // thin <= POINTS else -(-(high - low) // POINTS))
    points = max(1, -(-(high - low) // step))
    at = (counts.tick - low) // step
    asked = _asked(finding, counts, store, slices, onset)
    column = counts.cell % COLUMNS
    if asked is None:
        sums = np.bincount(at, np.where(column == EVENTS_COLUMN, counts.count, 0), points)
        number = sums
        values = sums / (step * tick_ms / 1000)
        values_or_none: list[float | None] = [float(value) for value in values]
    else:
        first_column = OFFSETS[asked.signal.name]
        mine = (column >= first_column) & (column < first_column + len(asked.weights))
        bins = column[mine] - first_column
        number = np.bincount(at[mine], counts.count[mine], points)
        sums = np.bincount(at[mine], counts.count[mine] * asked.weights[bins], points)
        values_or_none = [float(s / n) if n else None for s, n in zip(sums, number, strict=True)]
    # A level is drawn only on its own scale: a campaign's limit is one of sizes, a silence's baseline one of events.
    level_too = asked is not None and finding.signal != campaign.SIGNAL.name
    rate = asked is None and finding.effect.unit is Unit.per_second
    unit, baseline = finding.effect.unit, finding.effect.baseline
    level = finding.evidence.level if level_too else None
    if finding.effect.near is not None:  # the limit is one of weights
        unit, baseline, level = Unit.share, finding.effect.near.baseline, None
    return Picture(
        what="events per second" if asked is None else asked.what,
        start_ms=low * tick_ms,
        step_ms=step * tick_ms,
        values=values_or_none,
        events=[int(n) for n in number],
        unit=Unit.per_second if asked is None else unit,
        baseline=baseline if level_too or rate else None,
        level=level,
        onset_low_ms=finding.onset_low_ms,
        onset_high_ms=finding.onset_high_ms,
        detected_at_ms=finding.paged_at_ms or finding.detected_at_ms,
        ended_at_ms=finding.ended_at_ms,
    )


def _slices_of(finding: Finding, store: JudgeStore) -> dict[int, Slice]:
    """The slices whose events the finding is about; of a slice that leads, only those.

    A release is shown beside what was there before it, so that the step is seen.
    """
    every = store.slices()
    if finding.guardrail in ("", EVERY_GUARDRAIL):
        of_records = {number: piece for number, piece in every.items() if piece == RECORDS}
        return dict(every) if finding.signal == "coverage" else of_records if finding.signal == "intake" else {}
    release = finding.signal == RELEASE
    mine = {
        number: piece
        for number, piece in every.items()
        if piece.guardrail == finding.guardrail
        and (release or finding.guardrail_version in ("", piece.guardrail_version))
        and finding.category in ("", WHOLE, piece.category)
    }
    if finding.stratum and not release:
        leading = {number: piece for number, piece in mine.items() if stratum_of(piece) == finding.stratum}
        return leading or mine
    return mine


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """The values of a curve: the mean of a signal's ``weights``, on the scale of the finding's level and baseline."""

    what: str
    signal: Signal
    weights: NDArray[np.float64]


def _asked(
    finding: Finding, counts: LoadedCounts, store: JudgeStore, slices: dict[int, Slice], onset: int
) -> _Asked | None:
    """None where the finding is about how many events there are."""
    signal = next((one for one in SIGNALS if one.name == finding.signal), None)
    if finding.question == JOINS and signal is not None:
        missed = np.isin(request_join.SIGNAL.bins, signal.misses).astype(np.float64)
        return _Asked(phrase(finding, {}), request_join.SIGNAL, missed)
    if finding.signal == contradictions.SIGNAL.name:
        wrong = np.array([0.0] + [1.0] * (len(contradictions.BINS) - 1))
        return _Asked("share of verdicts that contradict score and threshold", contradictions.SIGNAL, wrong)
    if finding.signal == campaign.SIGNAL.name:
        many = (np.arange(len(campaign.BINS)) >= campaign.YOUNG_BIN).astype(np.float64)
        return _Asked(f"share of prompts with {campaign.YOUNG} or more near-duplicates", campaign.SIGNAL, many)
    name, question = finding.signal, finding.question
    if finding.signal == RELEASE:
        name, _, question = next((one.name for one in finding.attribution if one.what == "question"), "").partition(
            "/"
        )
    for one in SIGNALS:
        for asked in one.questions:
            if (one.name, asked.name) == (name, question):
                values, near = np.asarray(asked.values), finding.effect.near
                shown = values if near is None else (values > 0).astype(np.float64)
                return _Asked(asked.phrase if near is None else near.what, one, shown)
    if finding.question == ANY_CHANGE and signal is not None:
        bins = np.isin(signal.bins, finding.effect.bins)
        if not bins.any():  # of a version that did not say which
            bins = np.arange(len(signal.bins)) == _moved(signal, counts, store, slices, onset)
        first, last = int(bins.argmax()), len(bins) - 1 - int(bins[::-1].argmax())
        return _Asked(finding.effect.what or signal.share_of(first, last), signal, bins.astype(np.float64))
    return None


def _moved(signal: Signal, counts: LoadedCounts, store: JudgeStore, slices: dict[int, Slice], onset: int) -> int:
    """The bin whose share since the onset differs most from its share in the baseline."""
    first = OFFSETS[signal.name]
    units = {unit_of(piece) for piece in slices.values() if not is_scoreless(piece)} or {
        unit_of(piece) for piece in slices.values()
    }
    before = np.zeros(len(signal.bins))
    for baseline in store.baselines():
        if baseline.unit in units:
            before += _bins(of_slices(kept_counts(baseline), slices), first, len(signal.bins))
    after = counts.tick >= onset
    now = _bins(counts.where(after), first, len(signal.bins))
    return int(np.argmax(np.abs(now / max(now.sum(), 1) - before / max(before.sum(), 1))))


def _bins(counts: LoadedCounts, first: int, size: int) -> NDArray[np.float64]:
    column = counts.cell % COLUMNS - first
    mine = (column >= 0) & (column < size)
    return np.bincount(column[mine], counts.count[mine], size).astype(np.float64)


def _events(counts: LoadedCounts) -> float:
    return float(observations(counts).count.sum())

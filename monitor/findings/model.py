"""A finding and its nouns: evidence over its threshold, with onset, effect and attribution.

Times are epoch milliseconds (UTC) of event time.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

EVERY_GUARDRAIL: Final = "(all guardrails)"
"""Stands for the guardrail in findings about the traffic itself, which is no guardrail's."""
ANY_CHANGE: Final = "any_change"


class Kind(StrEnum):
    """Whether a finding pages a person."""

    notice = "notice"
    page = "page"


class Direction(StrEnum):
    """Which way the signal moved."""

    rise = "rise"
    fall = "fall"
    change = "change"


class Promise(StrEnum):
    """The basis of the false-alarm promise of a finding's test."""

    proved = "proved"
    calibrated = "calibrated"
    provisional = "provisional"
    """Not yet: the baseline spans too little time to show how the stream's events hang together."""
    rule = "rule"
    uncalibrated = "uncalibrated"
    """None: a detector from elsewhere, whose rate of false alarms is not controlled."""


class Unit(StrEnum):
    """The unit of the two levels of an effect."""

    share = "share"
    """A share of events or requests, in [0, 1]."""
    weight = "weight"
    """A mean of weights in [0, 1]."""
    per_second = "per_second"
    """Events per second."""
    events = "events"
    """A number of events."""


class IncidentType(StrEnum):
    """The type of incident to which findings point that fire together; the more specific one first."""

    data_fault = "data_fault"
    """The log contradicts itself or has stopped: nothing else in it can be trusted."""
    fail_open = "fail_open"
    """Requests pass without the guardrail's judgement, or against it."""
    spec_gaming = "specification_gaming"
    """Answers look like refusals and deliver the harm all the same."""
    guardrail_regression = "guardrail_regression"
    """The guardrail judges the same traffic worse than it did."""
    model_regression = "model_regression"
    """A new version of the model gives worse answers."""
    probing = "probing"
    """Somebody probes where the guardrail's decision changes."""
    attack_wave = "attack_wave"
    """Many more attacks come in."""
    output_shift = "output_shift"
    """The model's answers have changed."""
    benign_shift = "benign_traffic_shift"
    """Other requests come in; the guardrail judges each kind of them as before."""
    unclassified = "unclassified"
    """No rule fits what fired."""

    @property
    def words(self) -> str:
        """Its name for people: ``attack wave``."""
        return self.value.replace("_", " ")


class Near(msgspec.Struct, frozen=True, kw_only=True):
    """The share of events that weigh anything at all, where an effect's levels are mean weights: easier to read."""

    what: str
    baseline: float
    current: float


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """The size of the change: a level before, a level since, and the quantity that they measure."""

    baseline: float
    current: float
    ratio: float | None
    """current / baseline; None where the baseline is 0."""
    low: float | None = None
    high: float | None = None
    """95 % confidence limits of the present mean, whichever onset was chosen; None where there are none."""
    unit: Unit = Unit.share
    what: str = ""
    """The quantity that the levels measure, for people (``share of prompts of 256 characters and more``); empty
    where the question's own phrase is right."""
    bins: tuple[str, ...] = ()
    """The bins of the signal that make up ``what``; empty where the question's values do."""
    summary: str = ""
    """The event in one clause, without place and time; empty where the two levels suffice."""
    near: Near | None = None
    """The shares that ``summary`` names, where the unit is a weight; None where it names the levels themselves."""


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """The running statistic at the moment of the alarm, and the limit that it was compared with."""

    log_evidence: float
    """Natural logarithm of M; the alarm is at 0."""
    events: int
    """Events of the stream from the onset estimate to the alarm."""
    level: float | None
    """Approved level times margin plus floor that the mean had to exceed (pages); None for notices."""
    detail: str
    """The test in one sentence: null, alternative that leads, budget share."""


class Contribution(msgspec.Struct, frozen=True, kw_only=True):
    """One contributor to the change and its share of it (shares of one kind sum to 1)."""

    what: str
    """``mix``, ``behaviour``, ``stratum`` or ``bin``."""
    name: str
    share: float


class Discriminator(msgspec.Struct, frozen=True, kw_only=True):
    """A field that separates the events since the onset from those before it."""

    field: str
    """A signal, or a part of the stratum: ``language``, ``app``, ..."""
    auc: float
    """Chance that an event since scores higher than one before, in ticks held out; .5 is a guess."""
    standard_error: float
    """The standard error of the AUC of a field that separates nothing."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Evidence over its threshold: a change of one signal of one stream.

    ``id`` is derived from stream, epoch, signal, question and tick, so a replay gives the same id.
    """

    id: str
    guardrail: str
    guardrail_version: str
    category: str
    signal: str
    question: str
    """Which question of the signal, e.g. ``near_threshold``, ``deny_rise``, ``any_change``."""
    stratum: str
    """Slice whose own test leads; empty when the pooled test does."""
    kind: Kind
    direction: Direction
    promise: Promise
    onset_low_ms: int
    onset_high_ms: int
    detected_at_ms: int
    """End of the tick in which it was first seen, as a notice or as a page."""
    paged_at_ms: int | None = None
    ended_at_ms: int | None = None
    effect: Effect
    evidence: Evidence
    attribution: tuple[Contribution, ...] = ()
    tells: tuple[Discriminator, ...] = ()
    """Best first; empty where no field separates them, and for notices."""
    offsets: dict[str, tuple[int, int]] = {}
    """Per partition, the half-open range of log offsets from the onset estimate to the alarm."""
    incident_id: int | None = None
    stage: str = ""
    """The guardrail's stage; empty where the log does not record it."""
    trouble: IncidentType | None = None
    """Its type, by everything that fired together with it; None in records of versions that did not type."""
    trouble_rule: str = ""
    """The rule that typed it, as a sentence."""

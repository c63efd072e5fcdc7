"""The course of the evidence as it is stored: points by the minute and at alarms, levels by the hour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from monitor.counts.model import Slice
from monitor.judging.view import StreamView


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidencePoint:
    """The evidence of one question of one stream after one tick."""

    tick: int
    unit: Slice
    signal: str
    question: str
    log_evidence: float
    """Natural logarithm, less the threshold: the alarm is at 0."""
    spent: float
    """False alarms that the question's tests have spent of the budget so far; of an alarm inside a minute that was
    judged at once, by the end of that minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HourLevel:
    """The mean of one question of one stream in one hour, against what was approved."""

    tick: int
    """First of the hour."""
    unit: Slice
    signal: str
    question: str
    events: int
    mean: float
    level: float
    """Approved level."""
    limit: float
    """Bound that the mean must leave before anything pages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The points of one stretch of ticks for storage."""

    tick: int
    """Its last."""
    streams: Sequence[StreamView] = ()
    """Streams that differ from their last stored state."""
    points: Sequence[EvidencePoint] = ()
    levels: Sequence[HourLevel] = ()

"""The judge's view after a step, as one frozen value: the streams, and every test of every engine.

Metrics, the demo, ``driftline try``, the comparison and the evidence that is stored read this value and nothing
behind it: a test of a new kind reaches all of them by being listed once, in :mod:`monitor.judging.view_builder`.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Final

import msgspec

from monitor.counts.model import Slice
from monitor.findings.model import EVERY_GUARDRAIL, Kind

ALL_TRAFFIC: Final = Slice.of_guardrail(EVERY_GUARDRAIL)
"""The stream of tests that look at all requests together."""


class StreamState(StrEnum):
    """State of a stream."""

    learning = "learning"
    """It has no baseline yet, and takes one by itself as soon as it has enough events."""
    waiting = "waiting for approval"
    """It has no baseline yet, and a person has to approve one."""
    watched = "watched"
    retired = "retired"
    """It was watched, and brings no events while others do; its budget is with the others until it comes back."""
    pooled = "counted with its scored stream"
    """Its events carry no score; they count as those of the watched stream of the same name."""


class TestKind(StrEnum):
    """Kind of a test."""

    __test__ = False  # pytest takes names that begin so for its own

    page = "page"
    any_change = "any_change"
    dense = "dense"
    """The dense tests beside an any-change test, or beside the test of the traffic mix."""
    river = "river"
    """A river detector: it has neither evidence nor a spend."""
    end = "end"
    """Looks for the end of an open page."""
    traffic_mix = "traffic_mix"
    surge = "surge"
    """Never-seen slices together, against their limit."""
    release = "release"
    """One question of one comparison of a release."""


def alarm_of(kind: TestKind) -> Kind | None:
    """Kind of the alarm of such a test: a page, a notice, or neither (the end of a page)."""
    if kind in (TestKind.page, TestKind.surge, TestKind.release):
        return Kind.page
    return None if kind is TestKind.end else Kind.notice


class TestView(msgspec.Struct, frozen=True, gc=False):
    """One test. A fleet has many thousands, and each step makes them anew: hence no garbage collection of each."""

    __test__ = False

    unit: Slice
    """The stream that it belongs to; :data:`ALL_TRAFFIC` for those of all requests."""
    stream: int
    """Its place among the view's streams; -1 for all requests."""
    signal: str
    question: str
    kind: TestKind
    alarm: Kind | None
    """Kind of its alarm, and so the budget that it spends; None for the end of a page."""
    key: str
    """The same for as long as the test lives, and never that of another."""
    level: float | None = None
    """Approved level of the question; None where it has none."""
    limit: float | None = None
    """Bound that the mean must leave; None where there is none."""
    log_threshold: float = 0.0
    """Log evidence of an alarm."""
    log_evidence: float = -math.inf
    """Natural logarithm; -inf before the first evidence."""
    spent: float = 0.0
    """False alarms that it has spent of the budget so far: the bound on the number expected of it."""
    spend: float = 0.0
    """Spend of its next full tick; 0 while it may not alarm."""
    finding: str | None = None
    """Id of the finding that is open."""


class JoinView(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """State of the joins that one signal of a stream needs."""

    signal: str
    missed: float
    """Share of the outputs of which the signal learned nothing, in the newest block of ticks."""
    paused: bool
    """Too much was missed: the signal is not tested until the joins go well again."""


class StreamView(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One stream: guardrail, version, category, stage, kind of score and threshold. Ticks are ticks of event time."""

    unit: Slice
    state: StreamState
    wanted_events: int
    """Events that make a baseline."""
    wanted_ticks: int
    """Ticks with events that it spans at least."""
    events: int = 0
    """Events of the baseline, or learned so far."""
    ticks: int = 0
    """With events, learned so far."""
    learning_from: int | None = None
    """First tick of the baseline's window; None before the first event."""
    restarts: int = 0
    """Number of times that the window was moved on because its halves did not agree."""
    watched_from: int | None = None
    """First tick that is judged against the baseline."""
    window: tuple[int, int] | None = None
    """Ticks [from, to) of the baseline."""
    by_person: bool = False
    """A person has approved the baseline."""
    provisional: bool = False
    """The baseline spans too little time: its limits are wider, and nothing is said to be proved."""
    wanted_span: int = 0
    """Ticks that a baseline spans at least."""
    last_tick: int | None = None
    """Newest tick with an event since it is watched."""
    unavailable: tuple[tuple[str, str], ...] = ()
    """Signal, or signal/question, and why it is not tested."""
    scarce: tuple[tuple[str, float], ...] = ()
    """Signal/question and the events of the rarer kind in its baseline, where they are too few for a firm level."""
    joins: tuple[JoinView, ...] = ()


class JudgeView(msgspec.Struct, frozen=True, kw_only=True):
    """Everything after the ticks below ``judged_before``."""

    judged_before: int
    tick_ms: int
    guardrails: tuple[str, ...]
    streams: tuple[StreamView, ...]
    tests: tuple[TestView, ...]

    @property
    def watched(self) -> tuple[StreamView, ...]:
        """Streams that have a baseline, retired ones too."""
        return tuple(stream for stream in self.streams if stream.watched_from is not None)

    def stream(self, unit: Slice) -> StreamView | None:
        """The stream of a unit; None where the judge has seen no event of it."""
        return next((stream for stream in self.streams if stream.unit == unit), None)

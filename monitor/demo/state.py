"""State of the demo at one moment: plain numbers and strings, so that every form of output shows the same story."""

from __future__ import annotations

from dataclasses import dataclass

HISTOGRAM_BINS = 34  # two columns each at a width of 80; even, so that a threshold of one half is a bin's edge


@dataclass(frozen=True, slots=True)
class Step:
    """One phase of the demo and how much of it is done.

    Attributes:
        name: such as ``baseline``.
        done: share of it that is over, 0..1.
    """

    name: str
    done: float


@dataclass(frozen=True, slots=True)
class Histogram:
    """Score distributions of one guardrail, in equal bins over 0..1.

    Attributes:
        guardrail: its name.
        threshold: scores at or above it are denied.
        near: distance from the threshold that counts as near it.
        baseline: share of the baseline's events in each bin; empty while the baseline is being learned.
        recent: share of the recent events in each bin, as many bins.
        recent_events: how many events `recent` is made of.
        baseline_near: share of the baseline's events near the threshold; None while it is being learned.
        recent_near: share of the recent events near the threshold.
    """

    guardrail: str
    threshold: float
    near: float
    baseline: tuple[float, ...]
    recent: tuple[float, ...]
    recent_events: int
    baseline_near: float | None
    recent_near: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """One running test: natural logarithms of its evidence and of the threshold at which it pages."""

    name: str
    log_evidence: float
    log_threshold: float


@dataclass(frozen=True, slots=True)
class Page:
    """The page that was sent.

    Attributes:
        title: one line: which guardrail, what happened.
        detail: one line: how large, since when.
        after: how long after the change began, such as ``after 41 probing requests``.
    """

    title: str
    detail: str
    after: str


@dataclass(frozen=True, slots=True)
class Incident:
    """The incident that the page opened, the command that shows it, and the link to its page where that stays up."""

    name: str
    severity: str
    address: str
    link: str = ""


@dataclass(frozen=True, slots=True)
class DemoState:
    """Everything that the demo shows.

    Attributes:
        clock: simulated time of day, as text.
        speed: simulated seconds per real second.
        steps: all phases in order; the current one is the first that is not done.
        message: one line about what happens now.
        events: events read so far.
        events_per_second: of real time.
        promise: the false-alarm promise in force, as text.
        histogram: None before the first events.
        evidence: running tests in a fixed order; empty before there is a baseline.
        page: None while all is calm.
        incident: None while there is none.
    """

    clock: str
    speed: float
    steps: tuple[Step, ...]
    message: str
    events: int
    events_per_second: float
    promise: str
    histogram: Histogram | None = None
    evidence: tuple[Evidence, ...] = ()
    page: Page | None = None
    incident: Incident | None = None

    @property
    def step(self) -> str:
        """Name of the current phase; the last one's when all are done, "" without phases."""
        for step in self.steps:
            if step.done < 1.0:
                return step.name
        return self.steps[-1].name if self.steps else ""

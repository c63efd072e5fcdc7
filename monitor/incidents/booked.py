"""False pages as people have booked them, against the promise: "promised 1 a month, booked .4"."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from monitor.incidents.case import Verdict
from monitor.incidents.ports import ResponseStore

MOST: int = 100_000
"""Incidents that are looked at, newest first."""


@dataclass(frozen=True, slots=True)
class Book:
    """The booked false pages.

    Attributes:
        span_ms: from the later of the beginning asked for and the first incident there is, to now.
        noise: per guardrail, the number of each fault that people recorded of its pages.
    """

    false_pages: int
    incidents: int
    span_ms: int
    noise: Mapping[str, Mapping[str, int]]

    def per(self, period_ms: int) -> float:
        """False pages in a period of this length."""
        return self.false_pages * period_ms / self.span_ms if self.span_ms > 0 else 0.0


def book(store: ResponseStore, *, since_ms: int, now_ms: int) -> Book:
    """Count the verdicts and the noise of incidents opened since a time; exercises are left out."""
    incidents = {each.id: each for each in store.incidents(limit=MOST) if not each.exercise}
    first = min((each.opened_at_ms for each in incidents.values()), default=now_ms)
    recent = {number: each for number, each in incidents.items() if each.opened_at_ms >= since_ms}
    cases = [case for case in store.cases(limit=MOST) if case.incident_id in recent]
    noise: dict[str, Counter[str]] = {}
    for case in cases:
        for each in case.noise:
            noise.setdefault(recent[case.incident_id].guardrail, Counter())[each.value] += 1
    return Book(
        false_pages=sum(case.verdict is Verdict.false_positive for case in cases),
        incidents=len(recent),
        span_ms=max(0, now_ms - max(first, since_ms)),
        noise=noise,
    )

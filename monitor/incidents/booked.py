"""False pages as people have booked them, against the promise: "promised 1 a month, booked .4"."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from monitor.incidents.case import Verdict
from monitor.incidents.ports import ResponseStore

MOST: int = 100_000
"""Cases that are looked at, newest first."""


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
    number, first = store.opened_since(since_ms)
    booked = []
    for case in store.cases(limit=MOST):
        if case.noise or case.verdict is Verdict.false_positive:
            incident = store.incident(case.incident_id)
            if incident is not None and not incident.exercise and incident.opened_at_ms >= since_ms:
                booked.append((case, incident.guardrail))
    noise: dict[str, Counter[str]] = {}
    for case, guardrail in booked:
        for each in case.noise:
            noise.setdefault(guardrail, Counter())[each.value] += 1
    return Book(
        false_pages=sum(case.verdict is Verdict.false_positive for case, _ in booked),
        incidents=number,
        span_ms=max(0, now_ms - max(now_ms if first is None else first, since_ms)),
        noise=noise,
    )

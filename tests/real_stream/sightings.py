"""Findings held against the truth: which stretch each belongs to, how long after its onset, and what is false."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass

from monitor.findings.model import Finding, Kind
from tests.real_stream.schedule import LEARNING, NULL
from tests.real_stream.stream import Span, Stream

AFTERMATH_MS = 45 * 60_000
"""A change that has ended is a change again, and a slow test may still be summing up: for so long, or until the next
eventful stretch, what is found belongs to the stretch before."""


@dataclass(frozen=True)
class Sighting:
    """A finding in the light of the truth.

    Attributes:
        finding: as the replay left it.
        place: index of the eventful stretch that it is about; -1 for a false one.
        requests, minutes: after that stretch's first request; of pages, when they paged.
        after_end: seen only when the stretch was over.
    """

    finding: Finding
    place: int
    requests: int
    minutes: float
    after_end: bool

    @property
    def name(self) -> str:
        """Signal and question."""
        return f"{self.finding.signal}/{self.finding.question}"

    @property
    def page(self) -> bool:
        """Whether it paged."""
        return self.finding.kind is Kind.page

    @property
    def trouble(self) -> str:
        """How it was typed."""
        return "" if self.finding.trouble is None else self.finding.trouble.value


def seen_at_ms(finding: Finding) -> int:
    """When somebody was told: of a page that was a notice first, when it paged."""
    return finding.paged_at_ms or finding.detected_at_ms


def sightings(stream: Stream, findings: Sequence[Finding]) -> list[Sighting]:
    """Every finding with its place in the truth, in order of time."""
    found = [_sighting(stream, finding) for finding in findings]
    return sorted(found, key=lambda s: (seen_at_ms(s.finding), s.finding.id))


def is_eventful(span: Span) -> bool:
    """Whether something happens in it."""
    return span.name not in (NULL, LEARNING)


def _sighting(stream: Stream, finding: Finding) -> Sighting:
    at = seen_at_ms(finding)
    begun = [i for i, span in enumerate(stream.spans) if is_eventful(span) and span.begin_ms < at]
    if not begun:
        return Sighting(finding, -1, 0, 0.0, after_end=False)
    span = stream.spans[begun[-1]]
    over = at > span.end_ms
    # A page says since when: one whose whole onset lies after the end is about something that was not there.
    unfounded = finding.kind is Kind.page and finding.onset_low_ms > span.end_ms
    if at > span.end_ms + AFTERMATH_MS or unfounded:
        return Sighting(finding, -1, 0, 0.0, after_end=over)
    requests = bisect.bisect_right(stream.request_ms, at) - span.first
    return Sighting(finding, begun[-1], requests, (at - span.begin_ms) / 60_000, after_end=over)

"""How long each step of a response took: the one place that reports, drills and audits take it from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles

from monitor.incidents.case import Case, Phase
from monitor.incidents.model import Entry, Incident
from monitor.incidents.timeline import What


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Moments of one incident, epoch milliseconds; None: not yet, or not recorded.

    Attributes:
        onset: event time.
        detected: when it was opened.
        notified: when the first message was delivered.
        contained: when containment was left, or the first measure was taken.
        recovered: when recovery was left, or it was resolved.
    """

    onset: int
    detected: int
    notified: int | None
    acknowledged: int | None
    triaged: int | None
    contained: int | None
    recovered: int | None
    closed: int | None

    def lengths(self) -> dict[str, int | None]:
        """Milliseconds: to detect from the onset, everything else from detection."""
        later = {
            "notify": self.notified,
            "acknowledge": self.acknowledged,
            "triage": self.triaged,
            "contain": self.contained,
            "recover": self.recovered,
            "close": self.closed,
        }
        return {"detect": max(0, self.detected - self.onset)} | {
            name: None if at is None else max(0, at - self.detected) for name, at in later.items()
        }


def times_of(incident: Incident, case: Case, entries: Sequence[Entry], *, delivered_ms: int | None) -> Times:
    """The moments of an incident.

    Args:
        delivered_ms: when the first of its messages was delivered; None where that is not kept.
    """
    first: dict[str, int] = {}
    for entry in entries:
        first.setdefault(entry.kind, entry.at_ms)
    contained = [case.reached_ms.get(Phase.recovery.value), first.get(What.measure_taken)]
    return Times(
        onset=incident.onset_low_ms,
        detected=incident.opened_at_ms,
        notified=delivered_ms,
        acknowledged=first.get(What.acknowledged),
        triaged=first.get(What.triaged),
        contained=min((each for each in contained if each is not None), default=None),
        recovered=case.reached_ms.get(Phase.post_incident.value) or incident.resolved_at_ms,
        closed=incident.closed_at_ms,
    )


@dataclass(frozen=True, slots=True)
class Spread:
    """Lengths of one step over many incidents, in milliseconds."""

    known: int
    median_ms: float | None
    p90_ms: float | None


def spread(lengths: Sequence[int]) -> Spread:
    """Median and 90th percentile; of one length both are that one."""
    if not lengths:
        return Spread(0, None, None)
    high = quantiles(lengths, n=10, method="inclusive")[-1] if len(lengths) > 1 else float(lengths[0])
    return Spread(len(lengths), float(median(lengths)), high)

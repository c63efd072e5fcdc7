"""What a deployment came to, without what may differ between two runs: clocks, row numbers, batch borders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from monitor.counts.model import Slice
from monitor.findings.model import Finding
from monitor.incidents import timeline
from monitor.incidents.timeline import What
from monitor.signals.registry import COLUMNS, LAYOUT
from monitor.storage.reads import Totals
from monitor.storage.stores import Stores, open_stores

# Batch borders decide which commits hold a tick; the service's clock dates the record and the incident.
NOT_COMPARED = {"offsets", "partitions", "notified", "address", "incident_id"}
MOST = 100_000


@dataclass(frozen=True)
class Outcome:
    """All that is to be the same however the log was read, cut and interrupted."""

    counts: Mapping[tuple[int, Slice, int], int]
    findings: Mapping[str, Mapping[str, Any]]
    incidents: Mapping[str, tuple[str, ...]]
    timelines: Mapping[str, list[tuple[int, str, Mapping[str, Any]]]]
    notifications: Mapping[tuple[str, int], str]
    """By incident and entry; the number of an entry is up to when evidence was captured, see :func:`announced`."""
    judged: bool
    """Everything that is closed is judged."""


def outcome_of(url: str) -> Outcome:
    """Read it off the database; the timelines must verify.

    Raises:
        AssertionError: a timeline's chain is broken.
    """
    with open_stores(url, layout=LAYOUT) as stores:
        with stores.alerts.transaction() as store:
            incidents = {one.id: one for one in store.incidents(limit=MOST)}
            findings = {one.id: one for one in store.findings(limit=MOST)}
            entries = {number: store.timeline(number) for number in incidents}
        # evidence is captured by a job of its own, some seconds later: where it stands is up to chance
        told = {number: [one for one in each if one.kind != What.evidence] for number, each in entries.items()}
        broken = {number: flaw for number, each in entries.items() if (flaw := timeline.verify(each)) is not None}
        assert not broken, f"timelines do not verify: {broken}"
        closed, judged = stores.judge.closed_before(), stores.judge.judged_before()
        return Outcome(
            counts=_counts(stores),
            findings={key: _plain_finding(one, incidents) for key, one in findings.items()},
            incidents={
                one.key: (one.guardrail, one.status, one.severity, one.title, str(one.onset_low_ms))
                for one in incidents.values()
            },
            timelines={
                incidents[number].key: [(place, entry.kind, _plain(entry.data)) for place, entry in enumerate(each)]
                for number, each in told.items()
            },
            notifications={
                (incidents[number].key, entry.seq): entry.kind
                for number, each in told.items()
                for entry in each
                if entry.data.get("notified")
            },
            judged=closed is not None and closed == judged,
        )


def announced(outcome: Outcome) -> list[tuple[str, str]]:
    """Incident and kind of each notification, whichever numbers their entries have."""
    return sorted((key, kind) for (key, _), kind in outcome.notifications.items())


def totals_of(url: str) -> Totals:
    """The tallies of all commits."""
    with open_stores(url, layout=LAYOUT) as stores:
        return stores.reads.totals()


def accounted(totals: Totals) -> int:
    """Records that are in exactly one of the tallies."""
    return totals.events + totals.duplicates + totals.gap + sum(totals.rejected.values())


def _counts(stores: Stores) -> Mapping[tuple[int, Slice, int], int]:
    loaded, slices = stores.judge.counts(-(2**40), 2**40), stores.judge.slices()
    rows = zip(loaded.tick.tolist(), loaded.cell.tolist(), loaded.count.tolist(), strict=True)
    sums: Counter[tuple[int, Slice, int]] = Counter()
    for tick, cell, count in rows:
        sums[tick, slices[cell // COLUMNS], cell % COLUMNS] += count
    return dict(sums)


def _plain_finding(finding: Finding, incidents: Mapping[int, Any]) -> Mapping[str, Any]:
    plain = _plain(msgspec.to_builtins(finding))
    number = finding.incident_id
    return {**plain, "incident": None if number is None else incidents[number].key}


def _plain(document: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: _rounded(value) for name, value in document.items() if name not in NOT_COMPARED}


def _rounded(value: Any) -> Any:
    """Sums of floats depend on their order in the last digits: six significant ones are compared."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, Mapping):
        return {name: _rounded(each) for name, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, list | tuple) else value

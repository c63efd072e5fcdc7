"""What judging needs stored. Implemented in monitor.storage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from monitor.alerting.ports import AlertStore
from monitor.counts.model import Cluster, LoadedCounts, Slice


class BaselineState(StrEnum):
    """A baseline is proposed by somebody, approved by a person or the stated policy, then replaced."""

    proposed = "proposed"
    approved = "approved"
    replaced = "replaced"


@dataclass(frozen=True, slots=True)
class Baseline:
    """The counts that a team has approved as normal for one unit (Slice without its stratum), as an epoch."""

    id: int
    """0 until stored."""
    unit: Slice
    """With empty stratum fields."""
    state: BaselineState
    from_tick: int
    """First tick of the window."""
    to_tick: int
    """First tick after the window."""
    effective_tick: int | None
    """First tick judged against it; set by the judge, None until then."""
    counts: Mapping[int, int]
    """Cell (slice id * COLUMNS + column) -> events, excluded windows left out."""
    layout: str
    approved_by: str
    reason: str
    created_at_ms: int


@dataclass(frozen=True, slots=True)
class Dismissal:
    """A person says that a notice was about nothing: the history from before it is kept."""

    finding_id: str
    by: str
    reason: str
    at_ms: int
    """The service's clock."""
    effective_tick: int | None = None
    """First tick judged with the history whole; set by the judge, None until then."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The judge's whole state after all ticks below ``tick``."""

    tick: int
    fingerprint: str
    """Of the code's bins, banks and settings: one of another fingerprint is not used: counts are replayed."""
    blob: bytes


class BaselineStore(Protocol):
    """What a person's approval or dismissal writes."""

    def save_dismissal(self, dismissal: Dismissal) -> Dismissal:
        """Insert, or update its effective tick; the first dismissal of a finding stands."""

    def save_baseline(self, baseline: Baseline) -> Baseline:
        """Insert (id 0) or update; an approved baseline replaces the unit's earlier approved one."""


class JudgementStore(AlertStore, BaselineStore, Protocol):
    """One judging transaction: evidence, findings, incidents, outbox commit together under the fencing token."""

    def advance(self, judged_before: int) -> None:
        """All ticks below this are judged."""

    def save_snapshot(self, snapshot: Snapshot) -> None:
        """Keep it; only the newest few are kept."""


class JudgeStore(Protocol):
    """The judging side: lease, closed counts, baselines, snapshots."""

    def acquire(self, *, holder: str, now_ms: int, ttl_ms: int) -> int | None:
        """Take or renew the judge's lease; the fencing token, or None while somebody else holds it.

        A new holder always gets a larger token; renewing keeps it.
        """

    def release(self, *, holder: str) -> None:
        """Give the lease back, so that the next holder need not wait for it to run out."""

    def closed_before(self) -> int | None:
        """Ticks below this are closed for every active partition; None while one of them is unknown."""

    def judged_before(self) -> int | None:
        """Ticks below this are judged; None before the first judgement."""

    def first_tick(self, *, since: int | None = None) -> int | None:
        """The oldest tick with counts, or the oldest from ``since`` on."""

    def counts(self, from_tick: int, to_tick: int) -> LoadedCounts:
        """Counts of ticks in [from_tick, to_tick)."""

    def clusters(self, from_tick: int, to_tick: int) -> Sequence[Cluster]:
        """Clusters of ticks in [from_tick, to_tick), the same whatever was committed together; in order."""

    def slices(self, after_id: int = 0) -> Mapping[int, Slice]:
        """Slices with an id above ``after_id``."""

    def offsets(self, from_tick: int, to_tick: int) -> Mapping[str, tuple[int, int]]:
        """Per partition the half-open offset range of the commits that hold counts of these ticks."""

    def baselines(self, *, state: BaselineState | None = None) -> Sequence[Baseline]:
        """By id, all or of one state."""

    def dismissals(self) -> Sequence[Dismissal]:
        """By finding."""

    def snapshot(self, fingerprint: str) -> Snapshot | None:
        """The newest snapshot of this fingerprint."""

    def judgement(self, token: int) -> AbstractContextManager[JudgementStore]:
        """Open a judging transaction; leaving it commits.

        Raises:
            Fenced: the token is not the lease's any more; nothing was written.
        """

    def approval(self) -> AbstractContextManager[BaselineStore]:
        """Open a transaction on the baselines for a person; the judge takes note of it with its next tick."""

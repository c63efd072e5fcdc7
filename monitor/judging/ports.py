"""Ports of judging to storage. Implemented in monitor.storage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from monitor.alerting.ports import AlertStore
from monitor.counts.model import Cluster, LoadedCounts, Slice
from monitor.findings.model import Finding
from monitor.judging.evidence_points import EvidencePoint, HourLevel, Record
from monitor.judging.view import StreamState, StreamView
from monitor.signals.layout import Layout


class BaselineState(StrEnum):
    """A baseline is proposed, then approved by a person or the stated policy, then replaced."""

    proposed = "proposed"
    approved = "approved"
    added = "added"
    """By the policy: counts of a signal that the unit's approved baseline lacks, because it is newer than that."""
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
    layout: Layout
    """Which signals were counted in the window; of an added one the first is what it adds."""
    approved_by: str
    reason: str
    created_at_ms: int


@dataclass(frozen=True, slots=True)
class Dismissal:
    """A person's dismissal of a false notice: the history from before it is kept."""

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
    """Fingerprint of the code's bins, banks and settings: with another, counts are replayed."""
    blob: bytes


class BaselineStore(Protocol):
    """The record of a person's approval or dismissal."""

    def save_dismissal(self, dismissal: Dismissal) -> Dismissal:
        """Insert, or update its effective tick; the first dismissal of a finding stands."""

    def save_baseline(self, baseline: Baseline) -> Baseline:
        """Insert (id 0) or update; an approved baseline replaces the unit's earlier approved one."""


class JudgementStore(AlertStore, BaselineStore, Protocol):
    """One judging transaction: evidence, findings, incidents, outbox commit together under the fencing token."""

    def advance(self, judged_before: int, *, tick_ms: int) -> None:
        """All ticks below this are judged; they last ``tick_ms`` milliseconds each."""

    def open_pages(self) -> Sequence[Finding]:
        """Open pages, as stored."""

    def roll_up_hour(self, before: int, *, per_hour: int) -> bool:
        """Roll up the oldest hour of ticks that lies below ``before``; whether there was one."""

    def forget_counts(self, before: int) -> None:
        """Counts of ticks below ``before`` go, but for those that an approved baseline was taken of."""

    def roll_up_ledger(self, before_ms: int) -> int:
        """Add the oldest commits from before ``before_ms`` to their days; how many there were."""

    def forget_delivered(self, before_ms: int) -> int:
        """Notifications that were delivered before ``before_ms`` go; how many there were."""

    def save_snapshot(self, snapshot: Snapshot) -> None:
        """Keep it; only the newest few are kept."""

    def save_record(self, record: Record) -> None:
        """Keep evidence, levels and what is known of streams; what is there already is replaced."""


class JudgeStore(Protocol):
    """The judging side: lease, closed counts, baselines, snapshots."""

    def acquire(self, *, holder: str, now_ms: int, ttl_ms: int) -> int | None:
        """Take or renew the judge's lease; the fencing token, or None while another process holds it.

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

    def uncounted(self, from_tick: int, to_tick: int) -> Mapping[str, int]:
        """Signals that some counts of ticks in [from_tick, to_tick) lack: by name the newest such tick."""

    def clusters(self, from_tick: int, to_tick: int) -> Sequence[Cluster]:
        """Clusters of ticks in [from_tick, to_tick), independent of the grouping of commits; in order."""

    def slices(self, after_id: int = 0) -> Mapping[int, Slice]:
        """Slices with an id above ``after_id``."""

    def offsets(self, from_tick: int, to_tick: int) -> Mapping[str, tuple[int, int]]:
        """Per partition the half-open offset range of the commits that hold counts of these ticks."""

    def baselines(self, *, state: BaselineState | None = None) -> Sequence[Baseline]:
        """By id, all or of one state."""

    def some_baselines(
        self,
        *,
        unit: Slice | None = None,
        states: Sequence[BaselineState] | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> Sequence[Baseline]:
        """Newest first, those with an id below ``before``: of a unit, or in one of these states."""

    def baseline(self, baseline_id: int) -> Baseline | None:
        """One by its id."""

    def pending_baselines(self) -> Sequence[Baseline]:
        """Approvals that have not taken effect, by id."""

    def effective_baselines(self, since: int, *, before_too: bool) -> Sequence[Baseline]:
        """Those that took effect in tick ``since`` or later, whatever became of them, by id.

        Args:
            since: the tick.
            before_too: with them those that took effect earlier and hold to this day.
        """

    def dismissals(self, *, since: int | None = None) -> Sequence[Dismissal]:
        """By finding; with ``since`` those that took effect in that tick or later."""

    def pending_dismissals(self) -> Sequence[Dismissal]:
        """Those that have not taken effect, by finding."""

    def dismissal(self, finding_id: str) -> Dismissal | None:
        """Of one finding."""

    def snapshot(self, fingerprint: str) -> Snapshot | None:
        """The newest snapshot of this fingerprint."""

    def judgement(self, token: int) -> AbstractContextManager[JudgementStore]:
        """Open a judging transaction; leaving it commits.

        Raises:
            Fenced: the token is not the lease's any more; nothing was written.
        """

    def approval(self) -> AbstractContextManager[BaselineStore]:
        """Open a transaction on the baselines for a person; the judge takes note of it with its next tick."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strongest:
    """The strongest evidence of one signal of one guardrail, over its streams and questions."""

    guardrail: str
    signal: str
    log_evidence: float
    """Less the threshold: the alarm is at 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """False alarms that the tests of a guardrail's category have spent of the budgets so far."""

    guardrail: str
    category: str
    false_alarms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownStream:
    """A stream with its number, by which pages and the API name it."""

    id: int
    stream: StreamView


class EvidenceLog(Protocol):
    """The course of the evidence as the judge has stored it: for any process."""

    def streams(self) -> Sequence[StreamView]:
        """The last known state of each stream, in order of their names."""

    def points(
        self,
        *,
        guardrail: str | None = None,
        unit: Slice | None = None,
        signal: str | None = None,
        from_tick: int | None = None,
        to_tick: int | None = None,
        limit: int = 10_000,
    ) -> Sequence[EvidencePoint]:
        """The newest points in [from_tick, to_tick), oldest first: of a guardrail, a stream, a signal, or all."""

    def levels(
        self,
        *,
        guardrail: str | None = None,
        unit: Slice | None = None,
        signal: str | None = None,
        from_tick: int | None = None,
        to_tick: int | None = None,
        limit: int = 10_000,
    ) -> Sequence[HourLevel]:
        """The newest hours in [from_tick, to_tick), oldest first."""

    def stream(self, stream_id: int) -> KnownStream | None:
        """One stream by its number."""

    def some_streams(
        self,
        *,
        guardrail: str | None = None,
        states: Sequence[StreamState] | None = None,
        after: int = 0,
        limit: int = 100,
    ) -> Sequence[KnownStream]:
        """By number, those with a number above ``after``: of a guardrail, or in one of these states."""

    def count_streams(self) -> Mapping[StreamState, int]:
        """How many streams there are, by state."""

    def newest_tick(self) -> int | None:
        """The tick of the newest evidence; None where there is none."""

    def strongest(self, from_tick: int) -> Sequence[Strongest]:
        """By guardrail and signal, of the points from this tick on; the strongest first."""

    def spent(self, from_tick: int) -> Sequence[Spent]:
        """By guardrail and category, of the streams with points from this tick on; the most first."""

    def forget(self, *, points_before: int, levels_before: int) -> int:
        """Remove what is older than these ticks; how many rows went."""

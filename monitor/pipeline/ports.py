"""What counting and judging need stored. Implemented in monitor.storage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from monitor.alerting.ports import AlertStore


@dataclass(frozen=True, slots=True, order=True)
class Slice:
    """What counts are kept by: one epoch of one stream, in one stratum. Strings are empty where missing.

    The first seven fields are the *unit* (a stream in an epoch): a change of version, threshold or score semantics
    opens a new one. The last five are the *stratum*.
    """

    guardrail: str
    guardrail_version: str
    category: str
    stage: str
    score_kind: str
    semantics: str
    threshold_milli: int
    """Threshold in thousandths, rounded; -1 where there is none."""
    language: str
    app: str
    model: str
    model_version: str
    format: str


class Mark(StrEnum):
    """Why a partition's ticks closed."""

    data = "data"
    """Event time moved on."""
    idle = "idle"
    """The partition was caught up at ``clock_ms``."""
    end = "end"
    """It will never bring another record."""
    new_log = "new_log"
    """None did: behind the name lies another log from here on, and it is read from its start. The row's offsets are
    the position that was reached in the former one."""


@dataclass(frozen=True, slots=True, eq=False)
class TickCounts:
    """Counts of one tick in one commit. ``cell = slice id * COLUMNS + column`` (see monitor.pipeline.signals)."""

    tick: int
    cells: NDArray[np.int64]
    counts: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Cluster:
    """Near-duplicate prompts of one partition that have become many, as seen in one tick."""

    tick: int
    name: str
    """Fingerprint of the oldest one, 16 hexadecimal digits; fingerprints are keyed hashes."""
    slice_id: int
    """Where the prompt was counted whose cluster was largest."""
    hits: int
    """Prompts of the cluster in memory, that one among them."""
    senders: int
    """Sessions that they came from; 0 if none is known."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What happened to the records of a commit; every record is in exactly one of the first four."""

    events: int = 0
    duplicates: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)
    """Dead-lettered records by reason."""
    gap: int = 0
    """Records that the log no longer has or could not hand out (retention, corruption)."""
    late: int = 0
    """Events counted in a later tick than their own."""
    future: int = 0
    """Events whose clock was not believed, counted in the tick that was open."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a partition stands. ``generation`` fences off earlier owners."""

    partition: str
    next_offset: int
    """-1 before the first commit: start at the beginning of the log."""
    closed_before: int | None
    """Ticks below this one are closed for the partition; None while nothing is known."""
    generation: int
    state: bytes
    """What the tick assignment needs to go on exactly; empty at the start."""
    left_at: int | None = None
    """Position that was reached in the former log, if this claim found another log behind the name."""


@dataclass(frozen=True, slots=True)
class LogIdentity:
    """Which log lies behind a partition's name: a topic that was deleted and made anew, or a file that was rotated,
    is another log under the same name, and a position in the one means nothing in the other."""

    now: str
    """What tells this log from all others; empty where the source has nothing that does."""
    was: str = ""
    """What was stored, and compared with it."""
    renewed: bool = False
    """Whether it is another log than the stored one."""


@dataclass(frozen=True, slots=True)
class Commit:
    """One atomic step of one partition: counts, ledger row and position together."""

    partition: str
    generation: int
    from_offset: int
    to_offset: int
    closed_before: int | None
    mark: Mark
    clock_ms: int | None
    state: bytes
    layout: str
    """Fingerprint of the column layout of the cells."""
    counts: Sequence[TickCounts]
    tally: Tally
    clusters: Sequence[Cluster] = ()


class CountStore(Protocol):
    """The counting side: positions, slices, tick counts."""

    def register(self, source: str, partitions: Sequence[str]) -> None:
        """Make these partitions known and active: no tick closes without them. Idempotent."""

    def retire_sources_except(self, sources: Sequence[str]) -> None:
        """Partitions of other sources hold no tick open any more."""

    def log_id(self, partition: str) -> str:
        """What is stored of the log behind a registered partition, see :class:`LogIdentity`; empty if nothing is."""

    def claim(self, partition: str, *, owner: str, now_ms: int, log: LogIdentity | None = None) -> Position:
        """Take the partition over: generation + 1, so that every earlier owner is fenced off.

        Of a log that was renewed since ``log.was`` was stored, the position is the beginning, and the ledger says so
        (:attr:`Mark.new_log`); event time and closed ticks stay.
        """

    def slice_ids(self, slices: Sequence[Slice]) -> Sequence[int]:
        """The ids of slices, new ones for new slices; safe against other workers doing the same."""

    def commit(self, commit: Commit, *, now_ms: int) -> None:
        """Store counts and ledger row and move the position, if it still is (from_offset, generation).

        Raises:
            Fenced: the position has moved or belongs to another generation; nothing was written.
            StoreUnavailable: nothing was written, or the answer was lost; claim again before going on.
        """


@dataclass(frozen=True, slots=True, eq=False)
class LoadedCounts:
    """Sums over partitions and commits, sorted by (tick, cell); one entry per (tick, cell)."""

    tick: NDArray[np.int64]
    cell: NDArray[np.int64]
    count: NDArray[np.int64]


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

"""Memory of releases: plain structs in the judge's snapshot, bounded for any number of versions."""

from __future__ import annotations

import msgspec

from monitor.findings.model import Kind
from monitor.judging.findings.lifecycle import Case


class Verdict(msgspec.Struct, kw_only=True):
    """The verdict on one question of one release."""

    signal: int
    question: int
    margin: float
    """Differences of means up to this are no difference."""
    outcome: str = "undecided"
    log_evidence: float = 0.0


class Comparing(msgspec.Struct, kw_only=True):
    """One release of one stream: seen, then compared, then left."""

    what: str
    """``model_version`` or ``guardrail_version``."""
    unit: int
    """Number of the stream that the new release's events count in."""
    old_unit: int
    """Number of the stream whose approved baseline is the old side; the same one for a model."""
    release: str
    previous: str
    first_tick: int
    events: int = 0
    """Events of the release, in all slices."""
    last_tick: int = 0
    start_tick: int | None = None
    """Its comparison began; None while too little was seen of it."""
    alpha: float = 0.0
    slices: list[str] = []
    """The kinds of requests: the slices that the old side has."""
    old: list[list[int]] = []
    """Counts by slice and column."""
    new: list[list[int]] = []
    next_look: int = 0
    verdicts: list[Verdict] = []
    case: Case = msgspec.field(default_factory=Case)

    @property
    def paging(self) -> bool:
        """It has regressed and is still there."""
        return self.case.open is not None and self.case.open.kind is Kind.page


class Grant(msgspec.Struct, kw_only=True):
    """The most that one release may spend on all its comparisons together."""

    alpha: float
    tick: int
    comparisons: int = 0


class ReleaseState(msgspec.Struct, kw_only=True):
    """All releases that are followed."""

    following: dict[str, Comparing] = {}
    left: dict[str, Comparing] = {}
    """Those that had regressed when they went; one that comes back is still worse."""
    grants: dict[str, Grant] = {}
    """Release -> its grant."""
    granted: list[int] = []
    """Ticks of the grants of the last period, independent of their outcome."""
    known: dict[int, list[str]] = {}
    """Unit number -> models that its baseline, or an earlier comparison, has seen."""
    seen: dict[int, bool] = {}
    """Units that have had an event."""

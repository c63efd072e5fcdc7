"""What is remembered of releases: plain structs in the judge's snapshot, bounded whatever versions come in."""

from __future__ import annotations

import msgspec

from monitor.findings.model import Finding


class Verdict(msgspec.Struct, kw_only=True):
    """What is said of one question of one release."""

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
    """Of the release, in all slices."""
    last_tick: int = 0
    start_tick: int | None = None
    """Its comparison began; None while too little was seen of it."""
    alpha: float = 0.0
    slices: list[str] = []
    """Who asks: the slices that the old side has."""
    old: list[list[int]] = []
    """Counts by slice and column."""
    new: list[list[int]] = []
    next_look: int = 0
    verdicts: list[Verdict] = []
    finding: Finding | None = None


class Grant(msgspec.Struct, kw_only=True):
    """What one release may spend on all its comparisons together."""

    alpha: float
    tick: int
    comparisons: int = 0


class ReleaseState(msgspec.Struct, kw_only=True):
    """All releases that are followed."""

    following: dict[str, Comparing] = {}
    grants: dict[str, Grant] = {}
    """Release -> its grant."""
    granted: list[int] = []
    """Ticks of the grants of the last period, whatever became of them."""
    known: dict[int, list[str]] = {}
    """Unit number -> models that its baseline, or an earlier comparison, has seen."""
    seen: dict[int, bool] = {}
    """Units that have had an event."""

"""Memory of the traffic mix: plain structs in the judge's snapshot, bounded for any number of names."""

from __future__ import annotations

import msgspec

from monitor.findings.model import Finding
from monitor.judging.findings.lifecycle import Case


class Recent(msgspec.Struct, kw_only=True):
    """Requests of one tick, kept for a while: an onset is looked for in them."""

    tick: int
    named: list[int]
    """By named slice; the last one is everything else, never-seen slices included."""
    mixed: list[int]
    """The same of what the mix is counted by."""
    new: dict[str, int]
    """By never-seen slice."""

    @property
    def unseen(self) -> int:
        """Requests of never-seen slices."""
        return sum(self.new.values())


class Surge(msgspec.Struct, kw_only=True):
    """The question that may page: is the share of never-seen slices above its limit?"""

    test: int
    limit: float
    expected: float
    """Share of requests that fell into slices never seen before, in the baseline itself."""
    armed_tick: int
    end_test: int = -1
    case: Case = msgspec.field(default_factory=Case)


class MixState(msgspec.Struct, kw_only=True):
    """Traffic against the mix that was learned."""

    effective_tick: int
    window: tuple[int, int]
    references: dict[str, str]
    """App -> the stream that counts its requests."""
    known: dict[str, int]
    """Slices of the baseline (and of later approvals) -> requests."""
    named: list[str]
    """The largest of them; the last name pools the rest."""
    by_conversation: bool
    """Whether the mix is one of conversations, where the log numbers their turns, or of requests: the requests of one
    conversation are alike, and a test that takes them for independent sees a change in every long talk."""
    baseline: list[int]
    """Baseline counts (requests or conversations) by named slice."""
    before: list[float]
    """Shares by named slice at the last alarm: at first the baseline's."""
    reported: list[list[float]]
    """Mixes that are known: the baseline's, then those reported, the one seen last at the end."""
    reported_requests: list[int]
    """Requests (conversations) that each of them was measured by."""
    row: int
    """Row of the recoupler."""
    test: int
    """The any-change test."""
    dense: int
    """Its dense tests, in the panel's."""
    armed_tick: int
    n_ref: float
    surge: Surge
    recent: list[Recent] = []
    fresh: dict[str, int] = {}
    """Never-seen slices -> requests so far."""
    announced: dict[str, int] = {}
    """Never-seen slices that a finding has named -> its tick."""
    notice: Finding | None = None
    """The last notice of never-seen slices; a page soon after upgrades it in place."""
    noticed_tick: int | None = None
    uncounted: int = 0
    """Events since the last one of a reference stream."""


class TrafficState(msgspec.Struct, kw_only=True):
    """Learning, then watched."""

    learning_from: int | None = None
    ticks: int = 0
    """With events, while learning."""
    votes: dict[str, dict[str, int]] = {}
    """App -> stream -> events, while learning."""
    mix: MixState | None = None

"""The judge's memory between ticks: plain structs that a snapshot writes down and reads back."""

from __future__ import annotations

import msgspec

from monitor.counts.model import Slice
from monitor.findings.model import Finding
from monitor.judging.findings.lifecycle import Case
from monitor.judging.release.state import ReleaseState
from monitor.judging.traffic.state import TrafficState
from monitor.judging.watching.rivers import RiverId


class PageTest(msgspec.Struct, kw_only=True):
    """One material question of one unit, with the level that it defends.

    It is *armed* while its case is closed, *alarmed* while a finding is open (then ``end_test`` looks for the end),
    and re-armed with evidence 0 when that has ended.
    """

    signal: int
    """Index into the registry of signals."""
    question: int
    """Index into the signal's questions."""
    test: int
    """Id in the evidence engine."""
    strata: list[int]
    """Strata of the epoch that the test looks at, in the test's own order."""
    limits: list[float]
    """Per stratum the bound m that the mean must leave; NaN where the stratum cannot be tested."""
    rate: float
    """Baseline mean, all strata."""
    level: float
    """Approved level, all strata."""
    limit: float
    """Bound m of all strata, as shown to people."""
    n_ref: float
    """Events of a full tick."""
    bursts: float = 1.0
    """Size of bursts; e-values are discounted by it."""
    end_test: int = -1
    end_stratum: int = -1
    """Stratum that the end is looked for in; -1 for all of them."""
    case: Case = msgspec.field(default_factory=Case)
    armed_tick: int = 0
    """Evidence began at 0 with this tick; no onset is looked for before it."""


class AnyChangeTest(msgspec.Struct, kw_only=True):
    """The any-change test of one signal of one unit."""

    signal: int
    test: int | RiverId
    """Id in the evidence engine, or the river detector in its place."""
    rows: list[int]
    """Per stratum the row of the recoupler."""
    dense: list[int] = []
    """Per stratum the dense test beside the test; empty where the signal makes none."""
    bursts: float = 1.0
    """Size of bursts in the baseline; such events are not exchangeable, and nothing is promised."""
    finding: Finding | None = None
    """The last notice; a page soon after upgrades it in place."""
    held_back: list[list[int]] = []
    """Per stratum the reference held back since the last notice; a dismissal merges it again."""
    armed_tick: int = 0


class JoinState(msgspec.Struct, kw_only=True):
    """State of the joins that one signal of one unit needs: outputs in the block of ticks being filled."""

    signal: int
    from_tick: int
    tested: bool
    """The baseline's joins were good enough for the signal to be tested at all."""
    outputs: int = 0
    missed: int = 0
    judged: int = 0
    """Outputs of the last block."""
    share: float = 0.0
    """Share of them that was missed; the baseline's before the first block."""
    case: Case = msgspec.field(default_factory=Case)
    """Open while the signal is unavailable because its joins are lost."""


class NewSignal(msgspec.Struct, kw_only=True):
    """A signal that is newer than the epoch's baseline and learns by itself."""

    signal: int
    from_tick: int
    """First tick of its window."""
    learned: int = 0
    """Events of the unit in the window so far."""
    learned_ticks: int = 0
    restarts: int = 0


class Epoch(msgspec.Struct, kw_only=True):
    """A unit against its approved baseline."""

    effective_tick: int
    window: tuple[int, int]
    """Ticks of the baseline, half-open."""
    events: int
    """Events of the baseline."""
    by_person: bool
    """A person approved it, not the policy."""
    provisional: bool = False
    """Its baseline spans too little time: wider limits, and nothing that it finds is said to be proved."""
    since: int = -1
    """First tick that the unit is watched against a baseline, where provisional ones came before; -1: this one."""
    strata: list[str]
    """Names of the tested strata; the last one pools the rest if there are several."""
    baseline: list[list[list[int]]]
    """Counts of the baseline: signal x stratum x bin; empty for a signal that the stream does not carry."""
    page_tests: list[PageTest]
    any_change_tests: list[AnyChangeTest]
    unavailable: dict[str, str]
    """Signal or question -> why it is not tested."""
    new_signals: list[NewSignal] = []
    """Signals that the baseline lacks because they were not counted then."""
    joins: list[JoinState] = []
    """State per signal that joins a request's events, where the baseline has outputs."""

    @property
    def watched_from(self) -> int:
        """First tick since which the unit is watched, against this baseline or a provisional one before it."""
        return self.since if self.since >= 0 else self.effective_tick

    def page_test(self, signal: int, question: int) -> PageTest | None:
        """The test of a question; None where it is not tested."""
        return next((one for one in self.page_tests if (one.signal, one.question) == (signal, question)), None)


class UnitState(msgspec.Struct, kw_only=True):
    """One stream in one epoch of its guardrail: learning, then watched."""

    unit: Slice
    learning_from: int
    """First tick of the baseline window; of the next one, while the present one is provisional."""
    learned: int = 0
    """Events in the window so far."""
    learned_ticks: int = 0
    """Ticks with events in the window so far."""
    restarts: int = 0
    """Number of times that the window was moved because its halves did not agree."""
    by_hand: bool = False
    """A person has approved a baseline for it: the policy does not."""
    epoch: Epoch | None = None
    last_event_tick: int = -1
    """Newest tick with an event of it; -1 before the first."""
    retired: bool = False
    """It has stopped: its share of the budgets is with the others until its events are back."""


class GuardrailState(msgspec.Struct, kw_only=True):
    """The rules' memory of one guardrail."""

    share: float = 0.0
    """Baseline events per sibling event; 0 before a baseline."""
    last_tick: int = 0
    """Tick of its newest event."""
    siblings: int = 0
    """Events of the other guardrails since then."""
    silence: Case = msgspec.field(default_factory=Case)
    gone: bool = False
    """Its silence has ended because it has stopped; nothing is reported of it before its next event."""
    window: int | None = None
    """Number of the volume window being filled."""
    in_window: int = 0
    windows: list[int] = []
    """Counts of the past windows, newest last."""
    hours: list[float] = []
    """Number, sum and squares of its windows by hour of the week (3 x 168); empty before the first."""
    volume: Case = msgspec.field(default_factory=Case)
    """Open while windows are unusual, too large or too small."""


class ContradictionState(msgspec.Struct, kw_only=True):
    """The contradictions rule's memory of a guardrail: the block being filled, and its case."""

    first_tick: int | None = None
    """First tick of the block; None between blocks."""
    counts: list[int] = []
    """Events of the block so far, by bin of the signal ``contradictions``."""
    case: Case = msgspec.field(default_factory=Case)


class CampaignState(msgspec.Struct, kw_only=True):
    """A cluster of prompts that is known: a campaign, or a favourite from before the baseline was complete."""

    name: str
    latest: str
    """Its name when it was last seen: the oldest prompt of a cluster leaves the memory some day."""
    last_tick: int
    case: Case = msgspec.field(default_factory=Case)
    """Never opened where it was there before anything was watched."""

    @property
    def favourite(self) -> bool:
        """It was there before anything was watched, and is never reported."""
        return self.case.open is None and self.case.last is None


class JudgeState(msgspec.Struct, kw_only=True):
    """Everything but the evidence and the references, which are arrays."""

    judged_before: int
    units: list[UnitState]
    guardrails: dict[str, GuardrailState]
    contradictions: dict[str, ContradictionState] = {}
    """By guardrail; those that contradict themselves now, or did a moment ago."""
    campaigns: dict[str, list[CampaignState]] = {}
    """Guardrail -> its known clusters."""
    last_tick: int | None = None
    """Newest tick with any event."""
    source: Case = msgspec.field(default_factory=Case)
    """Open while no guardrail has any event."""
    reviewed: int = -1
    """Stretch of ticks at whose start references and shares of the budgets were last looked at."""
    traffic: TrafficState = msgspec.field(default_factory=TrafficState)
    releases: ReleaseState = msgspec.field(default_factory=ReleaseState)

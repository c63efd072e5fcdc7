"""Campaigns: a cluster of near-duplicate prompts that has become large is told of, once, by name.

A plain rule on a declared cap: no query makes up seven of the prompts that a partition remembers. Clusters that were
there while the guardrail was still learning are favourites, known and never told; every other one is told when its
seventh prompt comes, and has ended when it has not been of that size for :data:`QUIET_MS`. Two clusters are the same
when their names differ in few bits: names are fingerprints, and the oldest prompt of a cluster leaves the memory some
day.

The rule promises no rate, since popular questions come and go. It says from how many sessions the prompts came: a
campaign has few, a piece of news has many.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import msgspec
import numpy as np

from monitor.counts.model import Cluster, LoadedCounts
from monitor.findings.model import Direction, Effect, Evidence, Finding, Kind
from monitor.judging.findings.describe import finding_id
from monitor.judging.findings.promises import promise_of
from monitor.judging.state import CampaignState
from monitor.judging.watching.fleet import Fleet
from monitor.signals import campaign
from monitor.signals.registry import COLUMNS, OFFSETS

QUIET_MS: Final = 60 * 60_000
SAME: Final = 14
"""Bits: both names are within 7 of the prompt that ties them."""
KNOWN: Final = 64
"""Clusters remembered per guardrail; beyond, the one seen longest ago is forgotten."""
OPEN: Final = 8
"""Campaigns told of at a time, per guardrail: a flood of clusters is one story, not a thousand."""
TEXTS: Final = 8_192
_COLUMN: Final = OFFSETS[campaign.SIGNAL.name] + campaign.YOUNG_BIN

Clusters = Callable[[int, int], Sequence[Cluster]]
"""Clusters of the ticks in [from, to), by tick and name."""


class Campaigns:
    """Follows the clusters of every guardrail."""

    def __init__(self, fleet: Fleet, clusters: Clusters) -> None:
        self._fleet = fleet
        self._clusters = clusters
        self._quiet = max(1, QUIET_MS // fleet.rule.tick_ms)

    def follow(self, counts: LoadedCounts, to_tick: int) -> list[Finding]:
        """What the ticks just judged say; ``to_tick`` is the one after the last."""
        found: list[Finding] = []
        ticks = np.unique(counts.tick[counts.cell % COLUMNS == _COLUMN])
        if len(ticks):
            for seen in self._clusters(int(ticks[0]), int(ticks[-1]) + 1):
                found += self._end(seen.tick)
                told = self._see(seen)
                if told is not None:
                    found.append(told)
        return found + self._end(to_tick - 1)

    def _see(self, seen: Cluster) -> Finding | None:
        piece = self._fleet.slices[seen.slice_id]
        everywhere = self._fleet.state.campaigns
        known = everywhere.setdefault(piece.guardrail, [])
        # Which guardrail logs a prompt first is up to chance: what is told of one is not told of the next.
        told = [state for name in sorted(everywhere) for state in everywhere[name] if state.finding is not None]
        for state in [*told, *known]:
            if min(_differing(state.name, seen.name), _differing(state.latest, seen.name)) <= SAME:
                state.last_tick, state.latest = seen.tick, seen.name
                return None
        finding = self._finding(seen)
        if finding is not None and sum(state.finding is not None for state in known) >= OPEN:
            return None
        known.append(CampaignState(name=seen.name, latest=seen.name, last_tick=seen.tick, finding=finding))
        if len(known) > KNOWN:
            # What is told of stays, or it would be told twice.
            known.remove(min((s for s in known if s.finding is None), key=lambda s: (s.last_tick, s.name)))
        return finding

    def _end(self, tick: int) -> list[Finding]:
        """End what has been quiet for long before ``tick``."""
        ended = []
        for known in self._fleet.state.campaigns.values():
            for state in [s for s in known if s.finding is not None and tick - s.last_tick > self._quiet]:
                known.remove(state)
                if state.finding is not None:
                    at_ms = (state.last_tick + 1 + self._quiet) * self._fleet.rule.tick_ms
                    ended.append(msgspec.structs.replace(state.finding, ended_at_ms=at_ms))
        return sorted(ended, key=lambda finding: (finding.ended_at_ms or 0, finding.id))

    def _finding(self, seen: Cluster) -> Finding | None:
        """None while the guardrail learns what is normal, and where the rule is off."""
        rule = self._fleet.rule
        number = int(self._fleet.panel.units_of(np.array([seen.slice_id]))[0])
        if rule.campaign == "off" or number < 0 or self._fleet.state.units[number].epoch is None:
            return None
        unit = self._fleet.state.units[number].unit
        paged = (seen.tick + 1) * rule.tick_ms
        cap, share = (campaign.YOUNG + 1) / TEXTS, seen.hits / TEXTS
        senders = (
            f"from {seen.senders} session{'s' * (seen.senders > 1)}"
            if seen.senders
            else "from sessions that the log does not tell"
        )
        return Finding(
            id=finding_id(unit, campaign.SIGNAL.name, f"cluster_rise {seen.name}", seen.tick),
            guardrail=unit.guardrail,
            guardrail_version=unit.guardrail_version,
            category=unit.category,
            signal=campaign.SIGNAL.name,
            question="cluster_rise",
            stratum="",
            kind=Kind.page if rule.campaign == "page" else Kind.notice,
            direction=Direction.rise,
            promise=promise_of(campaign.SIGNAL.name, "cluster_rise"),
            onset_low_ms=seen.tick * rule.tick_ms,
            onset_high_ms=paged,
            detected_at_ms=paged,
            paged_at_ms=paged if rule.campaign == "page" else None,
            effect=Effect(baseline=cap, current=share, ratio=share / cap),
            evidence=Evidence(
                log_evidence=0.0,
                events=seen.hits,
                level=cap,
                detail=(
                    f"{seen.hits} near-duplicates of one prompt (cluster {seen.name}) among the last {TEXTS:,} of a "
                    f"partition at most, {senders}; {campaign.YOUNG + 1} are a campaign"
                ),
            ),
        )


def _differing(one: str, other: str) -> int:
    return (int(one, 16) ^ int(other, 16)).bit_count()

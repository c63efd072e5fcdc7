"""Campaigns: a cluster of near-duplicate prompts that has become large is reported, once, by name.

A plain rule on a declared cap: no query makes up seven of the prompts that a partition remembers, unless they are
spread: an ordinary question of one template comes seven times a day, from seven people or from one who asks it every
morning. So the last seven must have come within :data:`TOGETHER_MS`; slower variants show in `repetition`.
Clusters that were there while the guardrail was still learning are favourites, known and never reported; every other
one is reported when seven such prompts have come, and has ended when it has not been of that size for
:data:`QUIET_MS`. Two clusters are the same when their names differ in few bits: names are fingerprints, and the
oldest prompt of a cluster leaves the memory some day.

The rule promises no rate, since popular questions come and go. The finding states how long the prompts took and from
how many sessions they came: a campaign has few, a piece of news has many.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from monitor.counts.model import Cluster
from monitor.findings.model import Direction, Effect, Evidence, Finding, Kind
from monitor.incidents.words import duration
from monitor.judging.findings.build import build
from monitor.judging.follower import Follower, Stretch
from monitor.judging.state import CampaignState
from monitor.judging.watching.fleet import Fleet
from monitor.signals import campaign
from monitor.signals.registry import COLUMNS, OFFSETS

QUIET_MS: Final = 60 * 60_000
TOGETHER_MS: Final = 60 * 60_000
"""The longest pause of a campaign: one with longer pauses would end between any two of its prompts."""
SAME: Final = 14
"""Bits: both names are within 7 of the prompt that ties them."""
KNOWN: Final = 64
"""Clusters remembered per guardrail; beyond, the one seen longest ago is forgotten."""
OPEN: Final = 8
"""Campaigns open at a time, per guardrail: a flood of clusters is one story, not a thousand."""
TEXTS: Final = 8_192
_COLUMN: Final = OFFSETS[campaign.SIGNAL.name] + campaign.YOUNG_BIN


class Campaigns(Follower):
    """Follows the clusters of every guardrail."""

    def __init__(self, fleet: Fleet) -> None:
        super().__init__(fleet)
        self._quiet = max(1, QUIET_MS // fleet.rule.tick_ms)

    def follow(self, stretch: Stretch) -> list[Finding]:
        """Clusters that have become campaigns, and campaigns that have ended."""
        found: list[Finding] = []
        if self._rule.campaign == "off":
            at_ms = stretch.from_tick * self._rule.tick_ms
            found += [one for state in self._campaigns() for one in state.case.end(at_ms)]
        counts = stretch.counts
        ticks = np.unique(counts.tick[counts.cell % COLUMNS == _COLUMN])
        if len(ticks):
            for seen in self._fleet.clusters(int(ticks[0]), int(ticks[-1]) + 1):
                found += self._end(seen.tick)
                found += self._see(seen)
        return found + self._end(stretch.to_tick - 1)

    def open(self) -> Iterator[Finding]:
        """Campaigns that go on."""
        for state in self._campaigns():
            if state.case.open is not None:
                yield state.case.open

    def _campaigns(self) -> list[CampaignState]:
        """Campaigns of all guardrails, by name: the open ones and those that ended a moment ago."""
        everywhere = self._fleet.state.campaigns
        return [state for name in sorted(everywhere) for state in everywhere[name] if not state.favourite]

    def _see(self, seen: Cluster) -> list[Finding]:
        piece = self._fleet.slices[seen.slice_id]
        known = self._fleet.state.campaigns.setdefault(piece.guardrail, [])
        # Which guardrail logs a prompt first is up to chance: what one has reported is not reported by the next.
        for state in [*self._campaigns(), *known]:
            if min(_differing(state.name, seen.name), _differing(state.latest, seen.name)) <= SAME:
                state.last_tick, state.latest = seen.tick, seen.name
                return [] if state.favourite or state.case.open is not None else self._raise(state, known, seen)
        state = CampaignState(name=seen.name, latest=seen.name, last_tick=seen.tick)
        found = self._raise(state, known, seen)
        if not found and self._finding(seen) is not None:
            return []  # it is spread over time, or enough campaigns are open
        known.append(state)
        if len(known) > KNOWN:
            # What is open stays, or it would be reported twice.
            closed = [one for one in known if one.case.open is None]
            known.remove(min(closed, key=lambda one: (one.last_tick, one.name)))
        return found

    def _raise(self, state: CampaignState, known: list[CampaignState], seen: Cluster) -> list[Finding]:
        finding = self._finding(seen)
        if finding is None or not _concentrated(seen, (seen.tick + 1) * self._rule.tick_ms):
            return []
        if sum(one.case.open is not None for one in known) >= OPEN:
            return []
        return [state.case.raise_(finding, reopen_ms=self._rule.reopen_ms)]

    def _end(self, tick: int) -> list[Finding]:
        """Close campaigns with no match for an hour before ``tick``; forget those that were closed long ago."""
        ended: list[Finding] = []
        tick_ms = self._rule.tick_ms
        for known in self._fleet.state.campaigns.values():
            for state in [one for one in known if not one.favourite]:
                if tick - state.last_tick > self._quiet:
                    ended += state.case.end((state.last_tick + 1 + self._quiet) * tick_ms)
                if state.case.open is None and not state.case.recent((tick + 1) * tick_ms, self._rule.reopen_ms):
                    known.remove(state)
        return sorted(ended, key=lambda finding: (finding.ended_at_ms or 0, finding.id))

    def _finding(self, seen: Cluster) -> Finding | None:
        """None while the guardrail learns what is normal, and where the rule is off."""
        rule = self._fleet.rule
        number = int(self._fleet.panel.units_of(np.array([seen.slice_id]))[0])
        if rule.campaign == "off" or number < 0 or self._fleet.state.units[number].epoch is None:
            return None
        unit = self._fleet.state.units[number].unit
        until_ms = (seen.tick + 1) * rule.tick_ms
        share = seen.hits / TEXTS
        summary = _summary(seen, until_ms)
        return build(
            unit,
            campaign.SIGNAL.name,
            "cluster_rise",
            name=f"cluster_rise {seen.name}",
            tick=seen.tick,
            tick_ms=rule.tick_ms,
            kind=Kind.page if rule.campaign == "page" else Kind.notice,
            direction=Direction.rise,
            onset_ms=(min(seen.since_ms or seen.tick * rule.tick_ms, seen.tick * rule.tick_ms), until_ms),
            effect=Effect(
                baseline=0.0,
                current=share,
                ratio=None,
                what="share of near-duplicates of one prompt",
                summary=summary,
            ),
            evidence=Evidence(
                log_evidence=0.0,
                events=seen.hits,
                level=None,
                detail=(
                    f"{summary} (cluster {seen.name}), among the last {TEXTS:,} prompts of a partition at most; "
                    f"{campaign.YOUNG + 1} within {duration(TOGETHER_MS)} are a campaign"
                ),
            ),
        )


def _concentrated(seen: Cluster, until_ms: int) -> bool:
    """Whether the last seven came within an hour."""
    return until_ms - seen.since_ms <= TOGETHER_MS


def _summary(seen: Cluster, until_ms: int) -> str:
    """``7 near-duplicates of one prompt from 7 sessions in 4.6 h``."""
    sessions = (
        f"{seen.senders} session{'s' * (seen.senders > 1)}" if seen.senders else "sessions that the log does not name"
    )
    what = f"{seen.hits} near-duplicates of one prompt from {sessions}"
    if not seen.since_ms:
        return what
    last = f", the last {campaign.YOUNG + 1}" if seen.hits > campaign.YOUNG + 1 else ""
    return f"{what}{last} in {duration(until_ms - seen.since_ms)}"


def _differing(one: str, other: str) -> int:
    return (int(one, 16) ^ int(other, 16)).bit_count()

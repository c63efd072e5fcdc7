"""release_delta: a new model or guardrail version against the approved baseline of the one before. Starts by itself.

    seen --30 events--> compared --> regressed: a page, until the release is gone or a person approves it
                                 |     `-> back again: a page at once, by the evidence that there was
                                 `-> improved, equivalent, or undecided in the end: the notice reports it and ends

It ends undecided after 28 days, or when the release has brought four times the events of the old side (from then on
it is the old side's size that limits what can be shown, and what happens later is not the release's doing), or when a
new guardrail version has a baseline of its own to be watched against.

One question per release, with a fixed start: the chance of ever paging for a release that is no worse is at most its
alpha. A tenth of the pages' budget is for releases. The k-th release of the last period gets 1 / k (k + 1) of that,
5 % at most: the j-th release in any stretch of one period has k >= j, and so they never sum to more than the whole,
while whoever invents versions costs the real ones logarithms only. Its k-th comparison (one for each stream
that shows it) gets a part by the same series, and the questions of a comparison share evenly.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np

from monitor.clock import DAY_MS
from monitor.counts.cuts import between, events_only, of_slices
from monitor.counts.model import LoadedCounts, Slice
from monitor.findings.model import Finding, Kind
from monitor.judging.follower import Approval, Follower, Stretch
from monitor.judging.judge_settings import RELEASE_SHARE
from monitor.judging.release import findings
from monitor.judging.release.appear import LATER, come_back, model_of, release_of
from monitor.judging.release.compare import add, begin, look, overall
from monitor.judging.release.state import Comparing, Grant, ReleaseState
from monitor.judging.watching.fleet import Fleet
from monitor.judging.watching.spending import PAGE
from monitor.signals.registry import EVENTS_COLUMN

START: Final = 30
"""Events of a release before its comparison begins. They are not lost: it begins with all of them."""
COMPARED: Final = 64
"""Comparisons at a time; a release beyond that waits, still counting nothing but its events."""
GRANTS: Final = 256
"""Releases whose grant is kept for the streams that show them later."""
REMEMBERED: Final = 4_096
"""Grants that are counted; one more costs 6e-8 of the share."""
LEFT: Final = 64
"""Releases that had regressed when they went and are known again if they come back."""
LARGEST_ALPHA: Final = 0.05
DAYS: Final = 28
"""Most days of a comparison; then it is left undecided."""
ENOUGH: Final = 4
"""Times the old side's events: the difference's variance is within a quarter of what it can come down to."""
QUIET_GAPS: Final = 20
"""A release without events for as many times its usual gap has been rolled back (never before ``reopen_ms``)."""


class Releases(Follower):
    """Follows the releases of all streams, tick by tick, beside the panel's tests."""

    def __init__(self, fleet: Fleet) -> None:
        super().__init__(fleet)
        self._key_of: dict[int, str | None] = {}
        """Slice -> what it is followed under, None where it is no new release's."""
        self._epochs: dict[int, int] = {}
        """Unit -> the epoch for which its slices were looked at."""

    @property
    def _state(self) -> ReleaseState:
        return self._fleet.state.releases

    def open(self) -> Iterator[Finding]:
        """Releases that are compared, and those that have regressed and are still there."""
        for one in self._state.following.values():
            if one.case.open is not None:
                yield one.case.open

    def approve(self, approval: Approval, tick: int) -> list[Finding]:
        """A person has approved a new baseline for a stream: its present state is normal now."""
        if not approval.by_person:
            return []
        state, number = self._state, approval.number
        state.left = {key: one for key, one in state.left.items() if number not in (one.unit, one.old_unit)}
        mine = [key for key, one in state.following.items() if number in (one.unit, one.old_unit)]
        return [finding for key in self._ordered(mine) for finding in self._leave(key, tick, normal=True)]

    def follow(self, stretch: Stretch) -> list[Finding]:
        """The state of the comparisons that these ticks have advanced."""
        counts, events = stretch.counts, stretch.events
        out: list[tuple[int, Finding]] = []
        if len(self._state.following) + len(self._unsettled(events)) > COMPARED:
            # There may not be room for all: who comes first is decided tick by tick, however many come at once.
            for tick in np.unique(events.tick).tolist():
                out += self._stretch(between(counts, tick, tick + 1), tick + 1)
            counts = between(counts, stretch.to_tick, stretch.to_tick)
        out += self._stretch(counts, stretch.to_tick)
        return [finding for _, finding in sorted(out, key=lambda item: (item[0], item[1].id))]

    def _stretch(self, counts: LoadedCounts, to_tick: int) -> list[tuple[int, Finding]]:
        events = events_only(counts)
        out: list[tuple[int, Finding]] = []
        for key in self._ordered(list(self._state.following)):
            taken_over = self._taken_over(self._state.following[key])
            if taken_over is not None:
                out += [(taken_over, finding) for finding in self._leave(key, taken_over)]
        for key in self._ordered(list(self._state.following)):
            gone = self._gone_at(self._state.following[key], int(events.tick[0]) if len(events.tick) else to_tick)
            if gone is not None:
                out += [(gone, finding) for finding in self._leave(key, gone)]
        by_key = self._resolve(events)
        self._start(events, by_key)
        for key in self._ordered(list(self._state.following)):
            out += self._advance(key, counts, events, by_key.get(key, []), to_tick)
        return out

    def _ordered(self, keys: list[str]) -> list[str]:
        """Keys ordered by stream and release, independent of a stream's number."""
        units, following = self._fleet.state.units, self._state.following
        return sorted(keys, key=lambda key: (units[following[key].unit].unit, following[key].release))

    def _resolve(self, events: LoadedCounts) -> dict[str, list[int]]:
        """Slices with events here, by what they are followed under; each slice is looked up once per epoch."""
        for tick, piece, number, unit in sorted(self._unsettled(events)):
            key = release_of(self._fleet, self._state, unit, piece, tick)
            if key != LATER:
                self._key_of[number] = key
        out: dict[str, list[int]] = {}
        for number in np.unique(events.cell).tolist():
            key = self._key_of.get(number)
            if key is not None and key in self._state.following:
                out.setdefault(key, []).append(number)
        return out

    def _unsettled(self, events: LoadedCounts) -> list[tuple[int, Slice, int, int]]:
        """(first tick, slice, its id, its unit) of what has events here and must be looked up."""
        ids, first = np.unique(events.cell, return_index=True)
        units = self._fleet.panel.units_of(ids)
        for unit in np.unique(units[units >= 0]).tolist():
            self._forget_older_epoch(unit)
        return [
            (int(events.tick[at]), self._fleet.slices[number], number, unit)
            for number, at, unit in zip(ids.tolist(), first.tolist(), units.tolist(), strict=True)
            if unit >= 0 and number not in self._key_of
        ]

    def _forget_older_epoch(self, unit: int) -> None:
        """What a unit's slices were looked up under ends with its epoch, which changes only between stretches."""
        epoch = self._fleet.state.units[unit].epoch
        effective = -1 if epoch is None else epoch.effective_tick
        if self._epochs.get(unit) != effective:
            self._epochs[unit] = effective
            for number in self._fleet.slices_of(unit):
                self._key_of.pop(number, None)

    def _start(self, events: LoadedCounts, by_key: Mapping[str, list[int]]) -> None:
        """Begin the comparisons of releases that have brought enough, in order of time, as far as there is room."""
        ready = []
        for key in self._ordered(list(by_key)):
            one = self._state.following[key]
            if one.start_tick is None:
                mine = of_ids(events, by_key[key])
                enough = np.flatnonzero(one.events + mine.count.cumsum() >= START)
                if len(enough):
                    ready.append((int(mine.tick[enough[0]]), key))
        running = sum(one.start_tick is not None for one in self._state.following.values())
        for tick, key in sorted(ready, key=lambda item: item[0])[: max(0, COMPARED - running)]:
            one = self._state.following[key]
            begin(self._fleet, one, tick=tick, alpha=self._grant(one, tick))
            if one.verdicts:
                self._fleet.panel.spending.add(PAGE, one.alpha)

    def _grant(self, one: Comparing, tick: int) -> float:
        """The spend of this comparison; depends on time and names only, never on counts."""
        state, rule = self._state, self._fleet.rule
        name = f"{one.what}\x1f{one.release}"
        if one.what == "guardrail_version":
            name += "\x1f" + self._fleet.state.units[one.unit].unit.guardrail
        if name not in state.grants:
            since = tick - rule.page_period_ms // rule.tick_ms
            state.granted = [*(at for at in state.granted if at > since), tick][-REMEMBERED:]
            k = len(state.granted)
            alpha = min(LARGEST_ALPHA, RELEASE_SHARE * rule.pages / (k * (k + 1)))
            state.grants[name] = Grant(alpha=alpha, tick=tick)
            for oldest in sorted(state.grants, key=lambda n: (state.grants[n].tick, n))[: -GRANTS or None]:
                del state.grants[oldest]
        grant = state.grants[name]
        grant.comparisons += 1
        return grant.alpha / (grant.comparisons * (grant.comparisons + 1))

    def _advance(
        self, key: str, counts: LoadedCounts, events: LoadedCounts, slice_ids: list[int], to_tick: int
    ) -> Iterator[tuple[int, Finding]]:
        one = self._state.following[key]
        ticks, at = np.unique(of_ids(events, slice_ids).tick, return_inverse=True)
        number = np.bincount(at, weights=of_ids(events, slice_ids).count).astype(np.int64)
        pieces = {i: self._fleet.slices[i] for i in slice_ids}
        mine = of_slices(counts, slice_ids)
        for tick, n in zip(ticks.tolist(), number.tolist(), strict=True):
            gone = self._gone_at(one, tick)
            if gone is not None:
                yield from ((gone, finding) for finding in self._leave(key, gone))
                if key not in self._state.left:
                    return
                come_back(self._state, key, tick)
            one.events, one.last_tick = one.events + n, tick
            if one.case.open is None and one.case.last is not None:
                yield tick, self._came_back(one, tick)
            if one.start_tick is not None and tick >= one.start_tick:
                yield from ((tick, finding) for finding in self._compare(one, key, mine, pieces, tick))
                if key not in self._state.following:
                    return
        gone = self._gone_at(one, to_tick)
        if gone is not None:
            yield from ((gone, finding) for finding in self._leave(key, gone))

    def _compare(
        self, one: Comparing, key: str, mine: LoadedCounts, pieces: Mapping[int, Slice], tick: int
    ) -> Iterator[Finding]:
        first, last = np.searchsorted(mine.tick, (tick, tick + 1))
        if tick == one.start_tick:
            add(one, self._since_first_seen(one, tick), self._slices_of(one))
            one.case.raise_(self._opened(one, tick), reopen_ms=self._rule.reopen_ms)
        else:
            add(one, mine.where(slice(first, last)), pieces)
        finding = one.case.open
        if finding is None or finding.kind is Kind.page or one.events < one.next_look:
            return
        before = [verdict.outcome for verdict in one.verdicts]
        looks = look(one)
        said = overall(one)
        enough = sum(map(events_of, one.new)) >= ENOUGH * sum(map(events_of, one.old))
        if tick != one.start_tick and before == [verdict.outcome for verdict in one.verdicts] and not enough:
            return
        at = {"tick": tick, "tick_ms": self._rule.tick_ms}
        finding = one.case.update(findings.judged(one, finding, looks, **at))
        if said in ("improved", "equivalent") or (enough and said != "regressed"):
            self._drop(key)
            yield from one.case.end((tick + 1) * self._rule.tick_ms)
        else:
            yield finding

    def _opened(self, one: Comparing, tick: int) -> Finding:
        unit = self._fleet.state.units[one.unit].unit
        return findings.opened(one, unit, tick=tick, tick_ms=self._rule.tick_ms)

    def _came_back(self, one: Comparing, tick: int) -> Finding:
        """A release that had regressed when it went is here again: it needs no evidence but what there was."""
        at = {"tick": tick, "tick_ms": self._rule.tick_ms}
        found = findings.judged(one, self._opened(one, tick), [], **at)
        return one.case.raise_(found, reopen_ms=self._rule.reopen_ms)

    def _since_first_seen(self, one: Comparing, tick: int) -> LoadedCounts:
        return of_slices(self._fleet.counts_of(one.unit, one.first_tick, tick + 1), self._slices_of(one))

    def _slices_of(self, one: Comparing) -> dict[int, Slice]:
        slices = self._fleet.slices_of(one.unit)
        if one.what == "guardrail_version":
            return slices
        return {number: piece for number, piece in slices.items() if model_of(piece) == one.release}

    def _taken_over(self, one: Comparing) -> int | None:
        """The tick from which on a new guardrail version is watched against a baseline of its own."""
        epoch = self._fleet.state.units[one.unit].epoch
        return None if one.what != "guardrail_version" or epoch is None or one.paging else epoch.effective_tick

    def _gone_at(self, one: Comparing, tick: int) -> int | None:
        """The tick before ``tick`` in which a release counts as gone, or has been followed for long enough."""
        rule = self._fleet.rule
        if one.events == 0:
            return None
        if one.start_tick is None:
            limit = one.first_tick + DAY_MS // rule.tick_ms
        else:
            gap = (one.last_tick - one.first_tick + 1) / one.events
            quiet = max(rule.reopen_ms // rule.tick_ms, int(QUIET_GAPS * gap))
            limit = min(one.last_tick + quiet + 1, one.start_tick + DAYS * DAY_MS // rule.tick_ms)
            if one.paging:
                limit = one.last_tick + quiet + 1
        return limit if limit < tick else None

    def _leave(self, key: str, tick: int, *, normal: bool = False) -> list[Finding]:
        """The release is gone, followed for long enough, or normal by a person's approval: over with ``tick``."""
        one, tick_ms = self._state.following[key], self._rule.tick_ms
        self._drop(key, known=one.start_tick is not None)
        if one.case.open is None:
            return []
        if one.paging and not normal:
            self._state.left[key] = one
            for oldest in list(self._state.left)[: -LEFT or None]:
                del self._state.left[oldest]
        elif not one.paging:
            one.case.update(findings.judged(one, one.case.open, [], tick=tick, tick_ms=tick_ms))
        return one.case.end(tick * tick_ms)

    def _drop(self, key: str, *, known: bool = True) -> None:
        one = self._state.following.pop(key)
        models = self._state.known.setdefault(one.unit, [])
        if known and one.what == "model_version" and one.release not in models:
            models.append(one.release)
        for number in [number for number, other in self._key_of.items() if other == key]:
            del self._key_of[number]


def events_of(row: list[int]) -> int:
    """Events of a row of columns."""
    return row[EVENTS_COLUMN]


def of_ids(events: LoadedCounts, slice_ids: list[int]) -> LoadedCounts:
    """The events of these slices; ``cell`` holds the slice's id."""
    use = np.isin(events.cell, slice_ids)
    return events.where(use)

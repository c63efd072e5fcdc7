"""traffic_mix: the kinds of requests, apart from their judgement. It explains a shift without a guardrail's fault.

| question | test | result |
| --- | --- | --- |
| `mix_change` | are shares exchangeable with their own history, and 5 points from any reported mix? | notice |
| `new_slice` | has a slice that the baseline never saw sent 50 requests? once an hour (a rule) | notice |
| `new_slices_surge` | do never-seen slices exceed their limit, 3 % or what the baseline itself showed? | page |

A slice here is language x app x format: what the asker brings. The model and its version are the team's, and
belong to release_delta. Names are an attacker's to choose, so the surge is asked of all never-seen slices together:
spreading an attack over many names hides nothing, and inventing names costs no memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.clock import DAY_MS
from monitor.counts.cuts import column_only, events_only
from monitor.counts.model import LoadedCounts
from monitor.findings.model import Finding
from monitor.judging.follower import Approval, Follower, Stretch
from monitor.judging.traffic import findings
from monitor.judging.traffic.mix import DENSE_SHARE, FIRST_TURNS, SURGE_VALUES, forget, learn, spends, surge_bank
from monitor.judging.traffic.requests import MOST_APPS, Requests, elected
from monitor.judging.traffic.state import MixState, Recent, TrafficState
from monitor.judging.watching.battery import NONE
from monitor.judging.watching.fleet import Fleet
from monitor.judging.watching.pages import end_bank, end_spend

HOUR_MS: Final = 3_600_000
MOVED: Final = 0.05
"""Smallest total-variation distance from every reported mix: shares come and go with the hour."""
TOLD: Final = 32
"""Mixes that are remembered; the one that was not seen for longest is forgotten."""
RECENT: Final = 360
"""Ticks with requests that are kept to look for an onset: an hour of 10 s ticks."""
FRESH: Final = 64
"""Never-seen slices that are counted by name; what is beyond is pooled."""
MORE: Final = "(more never-seen slices)"
WORTH_A_WORD: Final = 50
"""Requests of a never-seen slice before it is reported."""
FORGET_AFTER: Final = 10
"""Baselines' worth of events without one that stands for a request: the streams that counted are gone."""


class Traffic(Follower):
    """Follows the traffic mix, tick by tick, beside the panel's tests and with a share of the budget of its own."""

    def __init__(self, fleet: Fleet) -> None:
        super().__init__(fleet)
        self._requests = Requests()
        self._slices = 0
        mix = self._state.mix
        if mix is not None:  # the budget may be another than when the state was written
            pages, notices = spends(self._rule)
            fleet.panel.evidence.set_spend(mix.test, notices * (1 - DENSE_SHARE))
            fleet.panel.dense.set_spend(mix.dense, notices * DENSE_SHARE)
            fleet.panel.evidence.set_spend(mix.surge.test, pages)
            fleet.panel.battery.place_row(mix.row, test=mix.test, stratum=0, dense=mix.dense)

    @property
    def _state(self) -> TrafficState:
        return self._fleet.state.traffic

    def open(self) -> Iterator[Finding]:
        """The surge, while it lasts."""
        mix = self._state.mix
        if mix is not None and mix.surge.case.open is not None:
            yield mix.surge.case.open

    def _learn_slices(self) -> None:
        """Record the slices that have become known since the last time."""
        slices = self._fleet.slices
        if len(slices) > self._slices:
            self._requests.learn_slices(dict(islice(slices.items(), self._slices, None)))
            self._slices = len(slices)

    def approve(self, approval: Approval, tick: int) -> list[Finding]:
        """A person has approved a baseline: its slices are known from ``tick`` on, from any learner of the mix."""
        mix = self._state.mix
        if not approval.by_person:
            return []
        self._learn_slices()
        if mix is None:
            sums = self._fleet.events_by_slice(*approval.span)
            ids = np.flatnonzero(sums)
            votes = self._requests.busiest(LoadedCounts(np.zeros(len(ids), np.int64), ids, sums[ids]))
            if votes:
                learn(self._fleet, self._requests, elected(votes), approval.span, tick)
            return []
        for code in np.unique(self._requests.askers_of(events_only(approval.counts).cell)).tolist():
            name = self._requests.askers[code]
            mix.known.setdefault(name, 1)
            mix.fresh.pop(name, None)
            for one in mix.recent:
                one.new.pop(name, None)
        requests = sum(sum(one.named) for one in mix.recent)
        within = sum(one.unseen for one in mix.recent) <= mix.surge.limit * requests
        return self._surge_over(mix, tick - 1) if within else []

    def follow(self, stretch: Stretch) -> list[Finding]:
        """Another mix, new slices, a surge of them, and its end."""
        self._learn_slices()
        events, begun = stretch.events, column_only(stretch.counts, FIRST_TURNS)
        out: list[Finding] = []
        while len(events.tick):
            mix = self._state.mix
            events = self._learn(events) if mix is None else self._watch(mix, events, begun, out)
        return out

    def _learn(self, events: LoadedCounts) -> LoadedCounts:
        """Count votes until enough requests were seen; returns what is left of the ticks."""
        state, rule = self._state, self._rule
        if not rule.automatic:
            return _after(events, int(events.tick[-1]))
        for tick in np.unique(events.tick).tolist():
            state.learning_from = tick if state.learning_from is None else state.learning_from
            state.ticks += 1
            for app, streams in self._requests.busiest(_of(events, tick)).items():
                votes = state.votes.setdefault(app, {}) if len(state.votes) < MOST_APPS else state.votes.get(app, {})
                for stream, n in streams.items():
                    votes[stream] = votes.get(stream, 0) + n
            requests = sum(max(streams.values()) for streams in state.votes.values())
            if requests >= rule.baseline_events and state.ticks >= rule.baseline_ticks:
                window = state.learning_from, tick + 1
                learn(self._fleet, self._requests, elected(state.votes), window, tick + 1)
                state.votes = {}
                return _after(events, tick)
        return _after(events, int(events.tick[-1]))

    def _watch(self, mix: MixState, events: LoadedCounts, begun: LoadedCounts, out: list[Finding]) -> LoadedCounts:
        """Judge the ticks, or those before the traffic is forgotten; returns what is left of them."""
        self._refer(mix, events)
        requests = self._requests.counted(events, mix.references)
        last = self._forgotten(mix, events, requests)
        if last is not None:
            requests = requests.where(requests.tick <= last)
        ticks = self._ticks(mix, requests, self._requests.counted(begun, mix.references))
        while ticks:
            done = self._advance(mix, ticks, out)
            ticks = ticks[done:]
        if last is None:
            return _after(events, int(events.tick[-1]))
        out += self._surge_over(mix, last)
        forget(self._fleet, mix)
        return _after(events, last)

    def _refer(self, mix: MixState, events: LoadedCounts) -> None:
        """An app without a reference gets the stream that judged most of it in the first tick it was seen."""
        pairs = self._requests.pairs
        unknown = np.array([app not in mix.references for app, _ in pairs], np.bool_)
        if len(mix.references) >= MOST_APPS or not unknown.any():
            return
        use = unknown[self._requests.pairs_of(events.cell)]
        rest = events.where(use)
        for tick in np.unique(rest.tick).tolist():
            votes = self._requests.busiest(_of(rest, tick))
            for app, stream in sorted(elected(votes).items()):
                if len(mix.references) < MOST_APPS:
                    mix.references.setdefault(app, stream)

    def _forgotten(self, mix: MixState, events: LoadedCounts, requests: LoadedCounts) -> int | None:
        """The tick in which nothing has been counted for so long that the mix must be learned anew."""
        ticks, at = np.unique(events.tick, return_inverse=True)
        number = np.bincount(at, weights=events.count).astype(np.int64)
        heard = np.isin(ticks, requests.tick)
        if heard.all():
            mix.uncounted = 0
            return None
        for tick, n, counted in zip(ticks.tolist(), number.tolist(), heard.tolist(), strict=True):
            mix.uncounted = 0 if counted else mix.uncounted + n
            if mix.uncounted >= FORGET_AFTER * self._rule.baseline_events:
                return int(tick)
        return None

    def _ticks(self, mix: MixState, requests: LoadedCounts, begun: LoadedCounts) -> list[Recent]:
        place = {name: i for i, name in enumerate(mix.named)}
        names = self._requests.askers
        out: list[Recent] = []
        askers = self._requests.askers_of(requests.cell).tolist()
        for tick, code, n in zip(requests.tick.tolist(), askers, requests.count.tolist(), strict=True):
            if not out or out[-1].tick != tick:
                out.append(Recent(tick=tick, named=[0] * len(mix.named), mixed=[0] * len(mix.named), new={}))
            name = names[code]
            out[-1].named[place.get(name, len(mix.named) - 1)] += n
            if name not in mix.known:
                out[-1].new[name] = out[-1].new.get(name, 0) + n
        if not mix.by_conversation:
            for one in out:
                one.mixed = one.named
            return out
        at = {one.tick: one for one in out}
        askers = self._requests.askers_of(begun.cell).tolist()
        for tick, code, n in zip(begun.tick.tolist(), askers, begun.count.tolist(), strict=True):
            if tick in at:
                at[tick].mixed[place.get(names[code], len(mix.named) - 1)] += n
        return out

    def _advance(self, mix: MixState, ticks: list[Recent], out: list[Finding]) -> int:
        """Feed all tests until one alarms; returns how many ticks were consumed."""
        surge = mix.surge
        numbers = np.array([one.tick for one in ticks], np.int64)
        # Nothing else is asked of the mix while never-seen slices surge.
        row = mix.row if surge.case.open is None else NONE
        at, bins, count = _cells(np.array([one.mixed for one in ticks], np.int64))
        unseen = np.array([[sum(one.named) - one.unseen, one.unseen] for one in ticks], np.int64)
        place, kind, requests = _cells(unseen)
        done, alarmed = self._fleet.panel.battery.advance(
            numbers,
            direct=[
                (place, np.full(len(place), test), np.zeros(len(place), np.int64), kind, requests)
                for test in (surge.test, surge.end_test)
                if test != NONE
            ],
            rows=(at, np.full(len(at), row), bins, count),
        )
        for one in ticks[:done]:
            out += self._note(mix, one)
        for test in (mix.test, surge.test, surge.end_test):
            if test in alarmed:
                out += self._alarm(mix, test, ticks[done - 1].tick)
        return done

    def _note(self, mix: MixState, one: Recent) -> list[Finding]:
        """Keep the tick; report never-seen slices once they are large enough."""
        for name in sorted(one.new):
            key = name if name in mix.fresh or len(mix.fresh) < FRESH else MORE
            mix.fresh[key] = mix.fresh.get(key, 0) + one.new[name]
            if key is MORE and name != MORE:
                one.new[MORE] = one.new.get(MORE, 0) + one.new.pop(name)
        mix.recent = [*mix.recent, one][-RECENT:]
        day = max(1, DAY_MS // self._rule.tick_ms)
        if one.tick % day == 0:  # names that stayed small make room
            mix.fresh = {name: n for name, n in mix.fresh.items() if name in mix.announced or n >= WORTH_A_WORD}
        waiting = {n: k for n, k in mix.fresh.items() if k >= WORTH_A_WORD and n not in mix.announced}
        hour = HOUR_MS // self._rule.tick_ms
        lately = mix.noticed_tick is not None and one.tick < mix.noticed_tick + hour
        if not waiting or lately or mix.surge.case.open is not None:
            return []
        mix.announced |= dict.fromkeys(waiting, one.tick)
        mix.noticed_tick = one.tick
        since = next((r.tick for r in mix.recent if any(name in r.new for name in waiting)), one.tick)
        mix.notice = findings.new_slices(
            waiting,
            requests=sum(sum(r.named) for r in mix.recent if r.tick >= since),
            onset_tick=since,
            tick=one.tick,
            tick_ms=self._rule.tick_ms,
            expected=mix.surge.expected,
        )
        return [mix.notice]

    def _alarm(self, mix: MixState, test: int, tick: int) -> list[Finding]:
        if test == mix.surge.end_test:
            return self._surge_over(mix, tick)
        if test == mix.surge.test:
            return [self._surge(mix, tick)]
        return self._mix_change(mix, tick) if mix.surge.case.open is None else []

    def _mix_change(self, mix: MixState, tick: int) -> list[Finding]:
        recent = [one for one in mix.recent if one.tick >= mix.armed_tick]
        table = np.array([one.mixed for one in recent], np.int64)
        panel = self._fleet.panel
        history = panel.recoupler.reference(mix.row)
        start = findings.parted(history, table)
        evidence = max(panel.evidence.log_evidence_of(mix.test), panel.dense.log_evidence_of(mix.dense))
        self._rearm(mix, tick)
        after = table[start[1] :].sum(axis=0)
        share = after / max(1, after.sum())
        earlier = history - after
        before = earlier / earlier.sum() if earlier.sum() else np.asarray(mix.before)
        moved = share - before
        said = self._said_as_new(mix, moved, recent[start[0]].tick)
        _measure(mix, table[: start[1]].sum(axis=0))
        known = _known(mix, share, int(after.sum()))
        notice = findings.mix_changed(mix, recent, start, before, log_evidence=evidence, tick_ms=self._rule.tick_ms)
        mix.before = share.tolist()
        if known or said:
            return []
        mix.reported = [*mix.reported, share.tolist()][-TOLD:]
        mix.reported_requests = [*mix.reported_requests, int(after.sum())][-TOLD:]
        named = [share.name for share in notice.attribution if share.name in mix.fresh]
        if named:
            mix.announced |= dict.fromkeys(named, tick)
            mix.notice = notice
        return [notice]

    def _said_as_new(self, mix: MixState, moved: NDArray[np.float64], onset_tick: int) -> bool:
        """Whether the growth is that of never-seen slices, which a notice has named since the onset."""
        seen_since = mix.noticed_tick is not None and mix.noticed_tick >= onset_tick
        return seen_since and bool(moved[-1] >= np.abs(moved).sum() / 2 - MOVED)

    def _rearm(self, mix: MixState, tick: int) -> None:
        """Reset the evidence and start a new reference after every alarm: the test must not depend on reports."""
        self._fleet.panel.recoupler.reset_reference(mix.row)
        self._fleet.panel.evidence.reset(mix.test)
        self._fleet.panel.dense.reset(mix.dense)
        mix.armed_tick = tick + 1

    def _surge(self, mix: MixState, tick: int) -> Finding:
        surge, engine = mix.surge, self._fleet.panel.evidence
        recent = [one for one in mix.recent if one.tick >= surge.armed_tick]
        table = np.array([[sum(one.named) - one.unseen, one.unseen] for one in recent], np.int64)
        start = findings.since(recent, surge_bank(surge.limit), table)
        page = findings.surged(
            mix, recent, start, log_evidence=engine.log_evidence_of(surge.test), tick_ms=self._rule.tick_ms
        )
        page = surge.case.raise_(page, reopen_ms=self._rule.reopen_ms, notice=mix.notice)
        mix.notice = None
        mix.announced |= {share.name: tick for share in page.attribution if share.what == "stratum"}
        bank = end_bank(page, surge.limit, SURGE_VALUES, page.direction)
        if bank is None:  # nothing but new slices: a person ends it with a new baseline
            return page
        surge.end_test = engine.add([bank], spend=end_spend(self._rule), n_ref=mix.n_ref)
        engine.disarm(mix.test)
        self._fleet.panel.dense.disarm(mix.dense)
        return page

    def _surge_over(self, mix: MixState, tick: int) -> list[Finding]:
        """The surge, if there is one, is over with ``tick``."""
        surge, engine = mix.surge, self._fleet.panel.evidence
        ended = surge.case.end((tick + 1) * self._rule.tick_ms)
        if ended:
            if surge.end_test != NONE:
                engine.remove(surge.end_test)
            surge.end_test, surge.armed_tick = NONE, tick + 1
            engine.reset(surge.test)
            self._rearm(mix, tick)
        return ended


def _measure(mix: MixState, requests: NDArray[np.int64]) -> None:
    """Requests between two alarms measure the last mix better than the few requests that revealed it."""
    if requests.sum() > mix.reported_requests[-1]:
        mix.reported[-1], mix.reported_requests[-1] = (requests / requests.sum()).tolist(), int(requests.sum())


def _known(mix: MixState, share: NDArray[np.float64], requests: int) -> bool:
    """Whether the mix was reported before: traffic has its hours and its weekends, and each is reported once.

    A share measured by n requests is off by up to 1 / sqrt(n), two standard errors at one half.
    """
    apart = np.round(np.abs(np.asarray(mix.reported) - share).sum(axis=1) / 2, 9)
    nearest = int(np.argmin(apart))
    if apart[nearest] >= MOVED + 1 / np.sqrt(max(1, requests)):
        return False
    mix.reported.append(mix.reported.pop(nearest))
    mix.reported_requests.append(mix.reported_requests.pop(nearest))
    return True


def _after(counts: LoadedCounts, tick: int) -> LoadedCounts:
    keep = int(np.searchsorted(counts.tick, tick, side="right"))
    return counts.where(slice(keep, None))


def _of(counts: LoadedCounts, tick: int) -> LoadedCounts:
    first, last = np.searchsorted(counts.tick, (tick, tick + 1))
    return counts.where(slice(first, last))


def _cells(table: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """(row, column, count) of what is not zero, row by row."""
    row, column = np.nonzero(table)
    return row.astype(np.int64), column.astype(np.int64), table[row, column]

"""Floods of new units: more new versions, categories or thresholds of a guardrail than a release brings.

A new unit has no baseline, and is watched only as a part of its guardrail; a new guardrail is not even that. Who can
name them splits an attack into parts that never learn, or fills the room that the next release needs. So they are
counted: a guardrail that is watched may have twice as many new units within an hour as it had before, and at least
:data:`FEW`; the log as a whole may have so many new guardrails. It is over when an hour has fewer again.

One new unit alone is named, too, once it has brought :data:`NAMED` events, at most once an hour for each guardrail: a
kind of score or a threshold that nobody announced. A new version is not, which `release_delta` follows.

A rule: it promises no rate. A release brings each unit that there is once more, and two may come within an hour.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.clock import HOUR_MS, NEVER
from monitor.counts.cuts import by_unit
from monitor.counts.model import Slice
from monitor.counts.units import is_whole, whole_of
from monitor.findings.model import EVERY_GUARDRAIL, Direction, Effect, Evidence, Finding, Kind, Unit
from monitor.judging.findings.build import build
from monitor.judging.follower import Follower, Stretch
from monitor.judging.state import ArrivalState
from monitor.signals.intake import SIGNAL

QUESTION: Final = "new_units"
FEW: Final = 20
"""New units within an hour that are never a flood: three languages of a policy, each with half a dozen categories."""
TIMES: Final = 2
ONE: Final = "new_unit"
NAMED: Final = 30
"""Events after which a new unit is named, as a release is."""


class NewUnits(Follower):
    """Follows the first events of units, by guardrail, and those of guardrails."""

    def follow(self, stretch: Stretch) -> list[Finding]:
        """Guardrails that are flooded with new units, and those that no longer are."""
        known = self._fleet.state.arrivals
        on = self._rule.new_units != "off"
        arrivals: dict[str, list[int]] = {}
        for tick, guardrail, stranger in self._first_events(stretch):
            for name in (guardrail,) if guardrail in known else (guardrail, EVERY_GUARDRAIL):
                memory = known.setdefault(name, ArrivalState())
                if stranger and on:
                    arrivals.setdefault(name, []).append(tick)
                else:
                    memory.before += 1
        if not on:
            at_ms = stretch.from_tick * self._rule.tick_ms
            return [one for memory in known.values() for one in memory.case.end(at_ms)]
        ticks = stretch.by_guardrail[0].tolist()
        names = arrivals.keys() | {name for name, memory in known.items() if memory.case.open is not None}
        floods = [found for name in sorted(names) for found in self._follow(name, arrivals.get(name, []), ticks)]
        return floods + self._named(stretch)

    def retire(self, number: int, tick: int) -> list[Finding]:
        """Nothing new will ever come of a guardrail of which nothing is left."""
        guardrail = self._fleet.state.units[number].unit.guardrail
        memory = self._fleet.state.arrivals.get(guardrail)
        if memory is None or not self._fleet.has_stopped(guardrail):
            return []
        return memory.case.end(tick * self._rule.tick_ms)

    def open(self) -> Iterator[Finding]:
        """Floods that are not over."""
        for memory in self._fleet.state.arrivals.values():
            if memory.case.open is not None:
                yield memory.case.open

    def _first_events(self, stretch: Stretch) -> list[tuple[int, str, bool]]:
        """(tick, guardrail, without a baseline?) of each unit that has its first event here, in order.

        After a replay that begins late, what has a baseline was there before.
        """
        found = []
        units = self._fleet.state.units
        strange = [n for n, unit in enumerate(units) if not unit.arrived]
        for number, ticks, _ in by_unit(stretch.events, self._units_of(stretch), strange):
            unit = units[number]
            unit.arrived = True
            found.append((int(ticks[0]), unit.unit.guardrail, unit.epoch is None))
        return sorted(found)

    def _units_of(self, stretch: Stretch) -> NDArray[np.int64]:
        return self._fleet.panel.units_of(stretch.events.cell)

    def _named(self, stretch: Stretch) -> list[Finding]:
        """Notices of new units, in order."""
        units = self._fleet.state.units
        waiting = [n for n, unit in enumerate(units) if unit.epoch is None and unit.arrived and unit.brought < NAMED]
        enough = []
        for number, ticks, count in by_unit(stretch.events, self._units_of(stretch), waiting):
            unit = units[number]
            brought = unit.brought + count.cumsum()
            unit.brought = int(brought[-1])
            if brought[-1] >= NAMED:
                enough.append((int(ticks[np.searchsorted(brought, NAMED)]), unit.unit))
        found = []
        hour = max(1, HOUR_MS // self._rule.tick_ms)
        for tick, name in sorted(enough):
            memory = self._fleet.state.arrivals[name.guardrail]
            if self._is_news(name, tick) and (memory.named is None or tick - memory.named >= hour):
                memory.named = tick
                found.append(self._one(name, tick))
        return found

    def _is_news(self, unit: Slice, tick: int) -> bool:
        """Whether its guardrail is watched, and its version is known: a new one is followed already."""
        versions = {
            one.unit.guardrail_version
            for one in self._fleet.state.units
            if one.epoch is not None and one.unit.guardrail == unit.guardrail and not is_whole(one.unit)
        }
        return self._watched_since(unit.guardrail) <= tick and unit.guardrail_version in versions

    def _follow(self, name: str, arrivals: list[int], ticks: list[int]) -> list[Finding]:
        memory = self._fleet.state.arrivals[name]
        since = self._watched_since(name)
        fresh = [tick for tick in arrivals if tick >= since]
        memory.before += len(arrivals) - len(fresh)
        if not fresh and memory.case.open is None:
            return []
        limit = max(FEW, TIMES * memory.before)
        hour = max(1, HOUR_MS // self._rule.tick_ms)
        found: list[Finding] = []
        recent = memory.recent
        may_end = memory.case.open is not None or len(recent) + len(fresh) > limit
        for tick in sorted({*fresh, *(ticks if may_end else ())}):
            recent += [tick] * (bisect_right(fresh, tick) - bisect_right(fresh, tick - 1))
            recent = [one for one in recent if one > tick - hour][-limit - 1 :]
            if len(recent) <= limit:
                found += memory.case.end(tick * self._rule.tick_ms)
            elif memory.case.open is None:
                seen = self._finding(name, recent, tick, limit)
                found.append(memory.case.raise_(seen, reopen_ms=self._rule.reopen_ms))
        memory.recent = recent
        return found

    def _watched_since(self, name: str) -> int:
        """The tick from which the guardrail (or any) is watched as a whole: what was there before is no news."""
        units = self._fleet.state.units
        if name != EVERY_GUARDRAIL:
            epoch = units[self._fleet.number_of(whole_of(name))].epoch
            return NEVER if epoch is None else epoch.effective_tick
        return min((unit.epoch.effective_tick for unit in units if unit.epoch is not None), default=NEVER)

    def _one(self, unit: Slice, tick: int) -> Finding:
        at_ms = (tick + 1) * self._rule.tick_ms
        score = f"{unit.score_kind or 'no'} scores"
        score += "" if unit.threshold_milli < 0 else f", threshold {unit.threshold_milli / 1000:g}"
        return build(
            unit,
            SIGNAL.name,
            ONE,
            tick=tick,
            tick_ms=self._rule.tick_ms,
            kind=Kind.notice,
            direction=Direction.rise,
            onset_ms=(tick * self._rule.tick_ms, at_ms),
            effect=Effect(baseline=0.0, current=float(NAMED), ratio=None, unit=Unit.events),
            evidence=Evidence(
                log_evidence=0.0,
                events=NAMED,
                level=None,
                detail=f"{score}: until this has a baseline it is held to the level of its guardrail as a whole",
            ),
            stage=unit.stage,
        )

    def _finding(self, name: str, recent: list[int], tick: int, limit: int) -> Finding:
        what = "guardrails" if name == EVERY_GUARDRAIL else "versions, categories, thresholds or kinds of score"
        return build(
            Slice.of_guardrail(name),
            SIGNAL.name,
            QUESTION,
            tick=tick,
            tick_ms=self._rule.tick_ms,
            kind=Kind.page if self._rule.new_units == "page" else Kind.notice,
            direction=Direction.rise,
            onset_ms=(recent[0] * self._rule.tick_ms, (recent[0] + 1) * self._rule.tick_ms),
            effect=Effect(
                baseline=float(limit), current=float(len(recent)), ratio=len(recent) / limit, unit=Unit.events
            ),
            evidence=Evidence(
                log_evidence=0.0,
                events=len(recent),
                level=float(limit),
                detail=f"more than {limit} new {what} within an hour; none of them has a baseline",
            ),
        )

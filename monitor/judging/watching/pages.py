"""The page test of one question of one stream: started, fed, silenced, armed again, and how a page's end is found.

The counterpart of ``any_change.py``. A page test is a bank of alternatives to an approved level, one per stratum, fed
the counts as they are. While its page is open, a test of its own looks for the end: of the level halfway, on a log
scale, between the bound and the drift.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from detectors.alternatives import Bank, Unavailable, material
from monitor.clock import DAY_MS
from monitor.findings.model import Direction, Finding
from monitor.judging.judge_settings import JudgeSettings
from monitor.judging.state import AnyChangeTest, PageTest
from monitor.judging.watching.battery import NONE
from monitor.judging.watching.from_baseline import Window, material_test
from monitor.judging.watching.panel import Panel
from monitor.judging.watching.spending import END, PAGE
from monitor.signals.registry import SIGNALS

ALL_STRATA: Final = NONE
LEAST: Final = 1e-6
"""A level is this far from 0 and 1 at least: a bank needs room on both sides."""

Tests = dict[int, tuple[int, PageTest | AnyChangeTest]]
"""Test id -> unit number and what it serves, as its test or as its test for the end."""


class Pages:
    """Page tests on one panel; ``tests`` is kept up with them."""

    def __init__(self, panel: Panel, rule: JudgeSettings, tests: Tests) -> None:
        self._panel = panel
        self._rule = rule
        self._tests = tests

    def start(self, window: Window, signal: int, question: int, tick: int) -> PageTest:
        """A test against this baseline, from this tick on; it is fed once it is placed.

        Raises:
            NotTested: the baseline holds nothing of the signal, or leaves the level no room.
        """
        test = material_test(window, signal, question)
        return PageTest(
            signal=signal,
            question=question,
            test=self._panel.evidence.add(test.banks, spend=0.0, n_ref=test.n_ref),
            strata=test.strata,
            limits=test.limits,
            rate=test.whole.rate,
            level=test.whole.level,
            limit=test.limit,
            n_ref=test.n_ref,
            bursts=test.whole.bursts,
            armed_tick=tick,
        )

    def register(self, number: int, test: PageTest) -> None:
        """Let an alarm of its ids be known as its own, fed or not."""
        self._tests[test.test] = (number, test)
        self._panel.spending.book(test.test, PAGE)
        if test.end_test != NONE:
            self._tests[test.end_test] = (number, test)
            self._panel.spending.book(test.end_test, END)

    def place(self, number: int, test: PageTest) -> None:
        """Feed it, and the test for the end if its page is open."""
        self._panel.place_material(number, test.signal, test.question, test.test, test.strata)
        if test.end_test != NONE:
            self._panel.place_end(number, test.signal, test.question, test.end_test, test.end_stratum)

    def mute(self, number: int, test: PageTest) -> None:
        """Feed neither: what is not fed spends nothing."""
        self._panel.place_material(number, test.signal, test.question, NONE, [])
        self._panel.place_end(number, test.signal, test.question, NONE, ALL_STRATA)

    def rearm(self, test: PageTest, tick: int) -> None:
        """M = 0 from this tick on; no onset is looked for before it."""
        self._panel.evidence.reset(test.test)
        test.armed_tick = tick

    def look_for_end(self, number: int, test: PageTest, found: Finding, stratum: int) -> None:
        """From now on, test whether the page is over, in one stratum or in :data:`ALL_STRATA`.

        Where the drifted level leaves no room for a test, nothing asks: a person ends it with a new baseline.
        """
        question = SIGNALS[test.signal].questions[test.question]
        limit = test.limit if found.evidence.level is None else found.evidence.level
        bank = end_bank(found, limit, question.values, question.direction, bursts=test.bursts)
        if bank is None:
            return
        test.end_test = self._panel.evidence.add([bank], spend=end_spend(self._rule), n_ref=test.n_ref)
        test.end_stratum = stratum
        self.register(number, test)
        self._panel.place_end(number, test.signal, test.question, test.end_test, stratum)

    def end(self, number: int, test: PageTest, tick: int) -> None:
        """The page is over: nothing looks for its end any more, and the test is armed again from ``tick`` on."""
        self._drop_end(number, test)
        self.rearm(test, tick)

    def remove(self, number: int, test: PageTest) -> None:
        """End it for good."""
        self._drop_end(number, test)
        self._panel.place_material(number, test.signal, test.question, NONE, [])
        self._drop(test.test)

    def _drop_end(self, number: int, test: PageTest) -> None:
        self._panel.place_end(number, test.signal, test.question, NONE, ALL_STRATA)
        if test.end_test != NONE:
            self._drop(test.end_test)
        test.end_test, test.end_stratum = NONE, ALL_STRATA

    def _drop(self, test: int) -> None:
        self._panel.spending.end(test)
        del self._tests[test]


def end_bank(
    found: Finding, limit: float, values: Sequence[float], direction: Direction, *, bursts: float = 1.0
) -> Bank | None:
    """Bets that a page is over: that the mean has left the drifted level again. None where that leaves no room."""
    level = min(max(end_level(found, limit), LEAST), 1 - LEAST)
    try:
        return material(
            values, level=level, direction="rise" if direction is Direction.fall else "fall", bursts=bursts
        )
    except Unavailable:
        return None


def end_level(finding: Finding, limit: float) -> float:
    """The drifted level that a test for the end must reject: halfway, on a log scale, from the bound to the drift."""
    if finding.direction is Direction.fall:
        return float(1.0 - np.sqrt((1.0 - limit) * (1.0 - min(limit, finding.effect.current))))
    return float(np.sqrt(limit * max(limit, finding.effect.current)))


def end_spend(rule: JudgeSettings) -> float:
    """Spend of a full tick of a test for the end."""
    return rule.ends_per_day * rule.tick_ms / DAY_MS

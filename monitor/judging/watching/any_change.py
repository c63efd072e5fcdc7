"""The any-change test of one signal of one stream, with any engine: started, fed, silenced, begun anew.

Ours are a bank of alternatives and dense tests behind recoupled counts, one row per stratum. A river detector takes
their place where the settings say so: it is fed the counts of all strata together, and spends nothing of the budget.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Final

import numpy as np

from detectors.recoupling import seed_of
from monitor.counts.model import Slice
from monitor.judging.judge_settings import OURS, JudgeSettings
from monitor.judging.state import AnyChangeTest
from monitor.judging.watching.alternatives import dense_share
from monitor.judging.watching.from_baseline import NotTested, Window, notice_test
from monitor.judging.watching.panel import Panel
from monitor.judging.watching.rivers import RiverId, RiverTest
from monitor.signals.registry import SIGNALS

FULL_REFERENCE: Final = 500_000_000
"""Half of what a reference can hold: an hour of 100,000 events/s still fits on top."""
NOTHING: Final[list[int]] = []


class Notices:
    """Any-change tests on one panel."""

    def __init__(self, panel: Panel, rule: JudgeSettings) -> None:
        self._panel = panel
        self._rule = rule

    def start(self, unit: Slice, window: Window, signal: int, tick: int) -> AnyChangeTest:
        """A test against this baseline, from this tick on; it is fed once it is placed.

        Raises:
            NotTested: the baseline holds nothing of the signal, or the detector cannot be asked.
        """
        if self._rule.signal(SIGNALS[signal].name).detector != OURS:
            if not window.signal(SIGNALS[signal]).any():
                raise NotTested(SIGNALS[signal].unavailable)
            return AnyChangeTest(
                signal=signal,
                test=RiverId(self._panel.rivers.add(self._river_test(unit, signal, tick))),
                rows=[],
                armed_tick=tick,
            )
        test = notice_test(window, signal)
        key = dataclasses.astuple(unit)
        return AnyChangeTest(
            signal=signal,
            test=self._panel.evidence.add(
                test.banks,
                spend=0.0,
                n_ref=test.n_ref,
                history=[int(reference.sum()) for reference in test.references],
            ),
            rows=[
                self._panel.recoupler.add(
                    law, seed=seed_of(*key, stratum, SIGNALS[signal].name, tick), reference=reference
                )
                for stratum, law, reference in zip(window.strata, test.laws, test.references, strict=True)
            ],
            dense=[
                self._panel.dense.add(law, spend=0.0, n_ref=n_ref)
                for law, n_ref in zip(test.laws, test.dense_n_ref, strict=bool(test.dense_n_ref))
            ],
            bursts=test.bursts,
            armed_tick=tick,
        )

    def put_back(self, watches: list[tuple[Slice, AnyChangeTest]]) -> None:
        """The river detectors of a snapshot; each is to be rebuilt from counts before it is fed."""
        self._panel.rivers.put_back(
            {
                watch.test.number: self._river_test(unit, watch.signal, watch.armed_tick)
                for unit, watch in watches
                if isinstance(watch.test, RiverId)
            }
        )

    def place(self, number: int, watch: AnyChangeTest) -> None:
        """Feed it."""
        if isinstance(watch.test, RiverId):
            self._panel.place_river(number, watch.signal, watch.test)
        else:
            self._panel.place_rows(number, watch.signal, watch.rows, watch.test, watch.dense)

    def mute(self, number: int, watch: AnyChangeTest) -> None:
        """Feed it no more, and spend nothing on it."""
        if isinstance(watch.test, RiverId):
            self._panel.place_river(number, watch.signal, None)
            return
        self._panel.place_rows(number, watch.signal, NOTHING, watch.test, NOTHING)
        self._panel.evidence.disarm(watch.test)
        for test in watch.dense:
            self._panel.dense.disarm(test)

    def rearm(self, watch: AnyChangeTest, tick: int, *, held_back: bool = False) -> None:
        """M = 0 and a fresh reference: history starts after this tick, so that a second change is seen.

        Args:
            held_back: keep the old reference, in case that somebody dismisses what was found.
        """
        watch.armed_tick = tick + 1
        watch.held_back = [self._panel.recoupler.reference(row).tolist() for row in watch.rows] if held_back else []
        if isinstance(watch.test, RiverId):
            self._panel.rivers.reset(watch.test.number, since=tick + 1)
            return
        for row in watch.rows:
            self._panel.recoupler.reset_reference(row)
        self._panel.evidence.reset(watch.test)
        self.count_on(watch)
        for test in watch.dense:
            self._panel.dense.reset(test)

    def ignore(self, watch: AnyChangeTest) -> None:
        """M = 0 after an alarm that cannot be true: the history stays, for nothing has changed."""
        if isinstance(watch.test, RiverId):
            self._panel.rivers.reset(watch.test.number, since=watch.armed_tick)
            return
        self._panel.evidence.reset(watch.test)
        for test in watch.dense:
            self._panel.dense.reset(test)

    def dismiss(self, watch: AnyChangeTest) -> None:
        """Nothing had changed: the history from before the notice is history again, beside what came since.

        M was set to 0 with the notice. What it has gathered since stands: its transforms are as good as any.
        """
        for row, reference in zip(watch.rows, watch.held_back, strict=False):
            self._panel.recoupler.merge_reference(row, reference)
        watch.held_back, watch.finding = [], None
        self.count_on(watch)

    def reset_full(self, tests: Iterable[AnyChangeTest]) -> None:
        """Start a fresh reference where one has grown large: sums stay exact, and the null does not change.

        It looks at how much was counted, never at what, so the transforms stay uniform.
        """
        full = set(self._panel.recoupler.larger_than(FULL_REFERENCE).tolist())
        if not full:
            return
        for row in sorted(full):
            self._panel.recoupler.reset_reference(row)
        for test in tests:
            if not full.isdisjoint(test.rows):
                self.count_on(test)

    def count_on(self, watch: AnyChangeTest) -> None:
        """Let the evidence count on from the references as they are: how its weights move goes by their sizes."""
        if not isinstance(watch.test, RiverId):
            sizes = [int(self._panel.recoupler.reference(row).sum()) for row in watch.rows]
            self._panel.evidence.set_history(watch.test, sizes)

    def remove(self, number: int, watch: AnyChangeTest) -> None:
        """End it for good."""
        self.mute(number, watch)
        if isinstance(watch.test, RiverId):
            self._panel.rivers.remove(watch.test.number)
            return
        for row in watch.rows:
            self._panel.recoupler.remove(row)
        for test in watch.dense:
            self._panel.spending.end_dense(test)
        self._panel.spending.end(watch.test)

    def set_spend(self, watch: AnyChangeTest, share: float) -> None:
        """Its spend in a full tick, the dense tests' part of it included."""
        if isinstance(watch.test, RiverId):
            return
        dense = dense_share(SIGNALS[watch.signal])
        self._panel.evidence.set_spend(watch.test, share * (1 - dense))
        for test in watch.dense:
            self._panel.dense.set_spend(test, share * dense / len(watch.dense))

    def _river_test(self, unit: Slice, signal: int, since: int) -> RiverTest:
        kind, rule = SIGNALS[signal], self._rule.signal(SIGNALS[signal].name)
        if not kind.questions:
            raise NotTested(f"river detectors watch a mean, and the signal {kind.name} has none")
        seed = seed_of(*dataclasses.astuple(unit), kind.name, rule.detector)
        return RiverTest(
            detector=rule.detector,
            parameters=rule.parameters,
            values=tuple(np.asarray(kind.questions[0].values).tolist()),
            seed=seed,
            since=since,
        )

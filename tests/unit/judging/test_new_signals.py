"""A signal that the approved baseline lacks learns by itself, from the first tick that all workers counted it in."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import pytest

from monitor.counts.cuts import between
from monitor.counts.model import LoadedCounts, Slice
from monitor.counts.units import is_whole
from monitor.judging.assess import Assessor
from monitor.judging.judge_settings import JudgeSettings
from monitor.judging.ports import Baseline, BaselineState
from monitor.judging.state import Epoch, JudgeState
from monitor.signals.registry import COLUMNS, EVENTS_COLUMN, LAYOUT, OFFSETS, SIGNALS

UNIT = Slice("g", "1", "", "input", "continuous", "p_unsafe", 500, "", "", "", "", "")
RULE = JudgeSettings()
END = 1_500
EVENTS = 40
STRETCH = 360
"""Ticks of a stretch: whether enough is learned is looked at once in each."""
MIX, ALLOWED, DENIED = OFFSETS["verdict_mix"], 0, 11
PLACE = next(s for s, one in enumerate(SIGNALS) if one.name == "verdict_mix")


def a_log(*, denied_from: int = END) -> LoadedCounts:
    """40 events a tick, a twentieth of them denied; from some tick on, half."""
    rng = np.random.RandomState(3)
    denied = [rng.binomial(EVENTS, 0.5 if tick >= denied_from else 0.05) for tick in range(END)]
    cells = [COLUMNS + EVENTS_COLUMN, COLUMNS + MIX + ALLOWED, COLUMNS + MIX + DENIED]
    counts = np.array([[EVENTS, EVENTS - n, n] for n in denied], np.int64)
    return LoadedCounts(np.repeat(np.arange(END), 3), np.tile(np.array(cells, np.int64), END), counts.ravel())


def approved(log: LoadedCounts, *, lacking: str | None) -> Baseline:
    """The first 100 ticks, approved by a person in a release that may have had no such signal."""
    part = between(log, 0, 100)
    layout = LAYOUT.without([lacking] if lacking else [])
    part = part.where(LAYOUT.mask(layout)[part.cell % COLUMNS])
    sums = {int(cell): int(part.count[part.cell == cell].sum()) for cell in np.unique(part.cell)}
    return Baseline(1, UNIT, BaselineState.approved, 0, 100, 100, sums, layout, "ana", "a calm day", 1)


class Run:
    """The log judged in steps of so many ticks, while workers before ``upgraded`` did not count the signal."""

    def __init__(self, log: LoadedCounts, *, step: int, upgraded: int, added: tuple[Baseline, ...] = ()) -> None:
        def history(from_tick: int, to_tick: int) -> LoadedCounts:
            return between(log, from_tick, to_tick)

        def uncounted(from_tick: int, to_tick: int) -> Mapping[str, int]:
            last = min(to_tick, upgraded) - 1
            return {"verdict_mix": last} if last >= from_tick else {}

        first = approved(log, lacking="verdict_mix")
        self.assessor = Assessor(
            RULE,
            history,
            state=JudgeState(judged_before=0, units=[], guardrails={}),
            uncounted=uncounted,
            approved=[first, *added],
        )
        self.assessor.learn_slices({1: UNIT})
        self.baselines: list[Baseline] = []
        for start in range(0, END, step):
            stop = min(start + step, END)
            learned = self.assessor.advance(between(log, start, stop), stop).baselines
            self.baselines += [one for one in learned if not is_whole(one.unit)]

    @property
    def epoch(self) -> Epoch:
        """The unit's."""
        epoch = self.assessor.fleet.state.units[0].epoch
        assert epoch is not None
        return epoch

    @property
    def asked(self) -> set[str]:
        """Signals that may page."""
        return {SIGNALS[test.signal].name for test in self.epoch.page_tests}


@pytest.mark.parametrize(("upgraded", "learned_at"), [(0, STRETCH), (350, 2 * STRETCH), (800, 3 * STRETCH)])
def test_it_learns_once_all_workers_have_counted_it_for_long_enough(upgraded: int, learned_at: int) -> None:
    run = Run(a_log(), step=50, upgraded=upgraded)
    (added,) = run.baselines
    assert (added.state, added.effective_tick, added.to_tick) == (BaselineState.added, learned_at, learned_at)
    assert added.from_tick == max(upgraded, 100)
    assert [columns.signal for columns in added.layout.columns] == ["verdict_mix", "request_join"]
    assert run.epoch.effective_tick == 100
    assert run.asked == {"verdict_mix"}
    assert run.epoch.new_signals == []
    assert "verdict_mix" not in run.epoch.unavailable


def test_until_then_it_is_unavailable_and_says_why() -> None:
    run = Run(a_log(), step=50, upgraded=END)
    assert run.baselines == []
    assert run.asked == set()
    assert run.epoch.unavailable["verdict_mix"].startswith("newer than the baseline")


def test_how_ticks_are_grouped_does_not_show() -> None:
    first, *others = (Run(a_log(), step=step, upgraded=350) for step in (1_500, 97, 13))
    for other in others:
        assert other.baselines == first.baselines
        assert other.epoch.page_tests == first.epoch.page_tests


def test_a_rebuilt_judge_takes_what_was_added_at_its_tick_and_learns_nothing_twice() -> None:
    log = a_log()
    run = Run(log, step=50, upgraded=350)
    again = Run(log, step=80, upgraded=350, added=(dataclasses.replace(run.baselines[0], id=2),))
    assert again.baselines == []
    assert again.epoch.page_tests == run.epoch.page_tests
    assert again.epoch.any_change_tests == run.epoch.any_change_tests


def test_what_is_learned_is_watched() -> None:
    run = Run(a_log(denied_from=1_200), step=50, upgraded=350)
    (page,) = [test.case.open for test in run.epoch.page_tests if test.case.open is not None]
    assert (page.signal, page.question) == ("verdict_mix", "adverse_rise")
    assert page.onset_low_ms == 1_200 * RULE.tick_ms


def test_what_was_added_for_an_older_version_of_the_signal_is_left_out() -> None:
    run = Run(a_log(), step=50, upgraded=350)
    (added,) = run.baselines
    older = dataclasses.replace(added, layout=added.layout.without(["verdict_mix"]), id=2)
    assert Run(a_log(), step=50, upgraded=350, added=(older,)).baselines == run.baselines
    assert PLACE in [test.signal for test in run.epoch.page_tests]

"""The order that carries the proof: all engines stop after the first alarm of any of them, as if fed no further."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.alternatives import material, swings
from monitor.judging.watching.battery import NONE, Battery
from monitor.judging.watching.rivers import RiverId, RiverTest

LAW = np.array([0.7, 0.2, 0.1])
TICKS = 40


class Rig:
    """A page test, an any-change test with a dense test beside it, and a river detector, on the same counts."""

    def __init__(self, *, page=1e-12, change=1e-12, dense=1e-12, river=False) -> None:
        self.battery = battery = Battery()
        self.page = battery.evidence.add([material([0, 0, 1], level=0.2)], spend=page, n_ref=100)
        self.change = battery.evidence.add([swings(LAW)], spend=change, n_ref=100)
        self.dense = battery.dense.add(LAW, spend=dense, n_ref=100)
        self.row = battery.recoupler.add(LAW, seed=5, reference=np.array([140, 40, 20]))
        battery.place_row(self.row, test=self.change, stratum=0, dense=self.dense)
        pair = RiverTest(detector="PageHinkley", parameters=(), values=(0.0, 0.0, 1.0), seed=7, since=0)
        self.river = battery.rivers.add(pair) if river else NONE

    def feed(self, counts: np.ndarray, first: int = 0) -> tuple[int, set]:
        at, bins = np.nonzero(counts)
        number = counts[at, bins]
        zeros = np.zeros(len(at), np.int64)
        use = np.full(len(at), self.river != NONE)
        return self.battery.advance(
            np.arange(first, first + len(counts)),
            direct=[(at, np.full(len(at), self.page), zeros, bins, number)],
            rows=(at, np.full(len(at), self.row), bins, number),
            rivers=(at[use], np.full(int(use.sum()), self.river), bins[use], number[use]),
        )

    def state(self) -> list[object]:
        engine = self.battery.evidence
        return [
            round(engine.log_evidence_of(self.page), 6),
            round(engine.log_evidence_of(self.change), 6),
            round(self.battery.dense.log_evidence_of(self.dense), 6),
            round(float(engine.total_spend().sum()), 12),
            self.battery.recoupler.reference(self.row).tolist(),
        ]


def drifting(begun: int = 10) -> np.ndarray:
    rng = np.random.default_rng(3)
    after = np.array([0.45, 0.2, 0.35])
    return np.array([rng.multinomial(100, LAW if t < begun else after) for t in range(TICKS)])


@pytest.mark.parametrize("loud", [{"page": 1e-2}, {"change": 1e-2}, {"dense": 1e-2}, {"river": True}])
def test_everything_stops_after_the_first_alarm_as_if_it_had_been_fed_no_further(loud):
    counts, rig, other = drifting(), Rig(**loud), Rig(**loud)
    done, alarmed = rig.feed(counts)
    assert 10 < done < TICKS
    (one,) = alarmed
    expected = {"page": rig.page, "change": rig.change, "dense": rig.change, "river": RiverId(rig.river)}
    assert one == expected[next(iter(loud))]
    for tick in range(done):
        assert other.feed(counts[tick : tick + 1], tick) == (1, alarmed if tick == done - 1 else set())
    assert other.state() == rig.state()


def test_without_an_alarm_all_ticks_are_consumed_and_are_history():
    counts, rig = drifting(TICKS), Rig()
    assert rig.feed(counts) == (TICKS, set())
    assert sum(rig.battery.recoupler.reference(rig.row)) == 200 + 100 * TICKS


def test_a_row_that_is_not_given_is_left_out():
    rig = Rig(change=1e-2, dense=1e-2)
    rig.row = NONE
    assert rig.feed(drifting())[1] <= {rig.page}
    assert rig.battery.evidence.log_evidence_of(rig.change) == -np.inf

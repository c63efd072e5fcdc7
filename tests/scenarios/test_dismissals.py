"""A notice that is dismissed costs no history; one that is not begins a new one."""

from __future__ import annotations

import pytest

from monitor.counts.units import is_whole
from monitor.errors import NotFound, Refused
from monitor.findings.model import Kind
from monitor.judging.dismissals import dismiss, dismissals
from tests.scenarios.service import Judging, Service, service
from tests.scenarios.story import at, log_of

TICK_MS = 10_000
STORY = """
00:00 injection: rate=600/min
00:20 injection: near=3%
00:26 injection: near=1%
00:32 injection: near=3%
00:45 end
"""
"""Six minutes of a little more, which a notice says; and soon after again a little more."""


def dismissing(at_clock: str, *, done: list[str]):
    """Dismisses the first notice once the judge has come that far."""

    def before_step(built: Service) -> None:
        judged = built.stores.judge.judged_before()
        if done or judged is None or judged * TICK_MS < at(at_clock):
            return
        with built.stores.alerts.transaction() as store:
            first = min(store.findings(kind="notice"), key=lambda f: f.detected_at_ms)
        dismiss(built.stores, first.id[:10], by="ana", reason="a load test", now_ms=built.clock.now_ms())
        done.append(first.id)

    return before_step


def references(judge) -> list[list[int]]:
    fleet = judge.assessor.fleet
    (unit,) = [one for one in fleet.state.units if not is_whole(one.unit)]
    return [
        fleet.panel.recoupler.reference(row).tolist() for notice in unit.epoch.any_change_tests for row in notice.rows
    ]


def run(*, dismissed: bool, judging: Judging | None = None):
    done: list[str] = []
    with service([log_of(STORY, seed=3)], block_records=500, judging=judging) as built:
        if dismissed:
            built.before_step = dismissing("00:27", done=done)
        outcome = built.run()
        said = dict(dismissals(built.stores))
        built.judge = built._new_judge("one that begins from nothing")
        built.clock.advance(60_000)
        built.step_judge()
        return outcome, said, references(outcome.judge), references(built.judge)


def test_a_dismissed_notice_keeps_history_so_that_the_next_change_is_found_and_without_it_history_is_short():
    (kept, said, whole, again), (believed, none, _, _) = run(dismissed=True), run(dismissed=False)
    first = kept.findings[0]
    assert first.id == believed.findings[0].id
    assert (first.kind, said[first.id].by, said[first.id].reason) == (Kind.notice, "ana", "a load test")
    assert at("00:27") <= said[first.id].effective_tick * TICK_MS <= at("00:30")
    assert not none
    again_found = [[f.detected_at_ms for f in o.findings if f.detected_at_ms > at("00:32")] for o in (kept, believed)]
    assert min(again_found[0]) < min(again_found[1], default=at("00:45"))
    assert again == whole  # a judge that replays everything puts it back at the same tick


@pytest.mark.parametrize("seed", [1])
def test_a_dismissal_survives_the_death_of_the_judge(seed):
    _, said, whole, again = run(dismissed=True, judging=Judging(deaths=seed, snapshot_ticks=30))
    assert next(iter(said.values())).effective_tick is not None
    assert again == whole


def test_only_a_notice_that_is_there_can_be_dismissed_and_only_once():
    with service([log_of("00:00 a: rate=120/min\n 00:30 a: unsafe=40%\n 00:40 end")]) as built:
        page = next(f for f in built.run().findings if f.kind is Kind.page)
        with pytest.raises(Refused, match="is a page: it ends by itself"):
            dismiss(built.stores, page.id, by="ana", reason="x", now_ms=0)
        with pytest.raises(NotFound, match="no finding 'zzz'"):
            dismiss(built.stores, "zzz", by="ana", reason="x", now_ms=0)

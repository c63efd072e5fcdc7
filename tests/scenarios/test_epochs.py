"""Versions, baselines by hand, and signals that cannot be asked."""

from __future__ import annotations

import dataclasses

import numpy as np
from sqlalchemy import delete

from monitor.counts.cuts import of_slices
from monitor.counts.units import WHOLE, is_whole, unit_of
from monitor.judging.judge_settings import JudgeSettings
from monitor.judging.ports import Baseline, BaselineState
from monitor.signals.registry import LAYOUT
from monitor.storage.tables import tick_counts
from tests.scenarios.service import Judging, Service, service, told
from tests.scenarios.story import at, log_of

TICK_MS = 10_000
PAIR = """
00:00 injection: rate=60/min
00:00 toxicity:  rate=60/min
"""


def tick(clock: str) -> int:
    return at(clock) // TICK_MS


def test_a_new_version_learns_for_itself_and_does_not_raise_the_old_ones_alarm():
    outcome = told(log_of(PAIR + "01:30 injection: version=2 near=15% unsafe=20%\n 03:00 end"))
    assert [page.signal for page in outcome.pages()] == ["release_delta"]  # of the new version, and of no other
    assert outcome.pages()[0].guardrail_version == "2"
    learned = {(b.unit.guardrail, b.unit.guardrail_version) for b in outcome.baselines}
    assert sorted(learned) == [("injection", "1"), ("injection", "2"), ("toxicity", "1")]


def test_a_new_version_is_watched_against_its_own_baseline():
    outcome = told(log_of(PAIR + "01:30 injection: version=2\n 02:30 injection: near=20%\n 02:45 end"))
    (page,) = [one for one in outcome.pages() if one.category != WHOLE]  # the guardrail as a whole may be first
    assert page.guardrail_version == "2"
    assert at("02:30") < page.paged_at_ms < at("02:32")


def approve(built: Service, guardrail: str, window: tuple[str, str]) -> None:
    """As a person does it: the counts of a window, approved; the judge gives it its tick."""
    store = built.stores.judge
    from_tick, to_tick = tick(window[0]), tick(window[1])
    own = {i: piece for i, piece in store.slices().items() if piece.guardrail == guardrail}
    counts = of_slices(store.counts(from_tick, to_tick), own)
    cells = np.unique(counts.cell)
    sums = {int(cell): int(counts.count[counts.cell == cell].sum()) for cell in cells}
    with store.approval() as transaction:
        transaction.save_baseline(
            Baseline(
                id=0,
                unit=unit_of(next(iter(own.values()))),
                state=BaselineState.approved,
                from_tick=from_tick,
                to_tick=to_tick,
                effective_tick=None,
                counts=sums,
                layout=LAYOUT,
                approved_by="ana",
                reason="the new normal",
                created_at_ms=at(window[1]),
            )
        )


def approving(at_clock: str, guardrail: str, window: tuple[str, str]):
    """Approves once the judge has come that far."""
    done = []

    def before_step(built: Service) -> None:
        judged = built.stores.judge.judged_before()
        if not done and judged is not None and judged >= tick(at_clock):
            done.append(judged)
            approve(built, guardrail, window)

    return before_step


def run_with(story: str, before_step, **options):
    with service([log_of(story)], block_records=200, **options) as built:
        built.before_step = before_step
        return built.run()


NEW_NORMAL = PAIR + "01:30 injection: near=20%\n 03:00 injection: near=45%\n 03:20 end"


def test_an_approval_takes_effect_with_the_next_tick_and_ends_what_was_found_against_the_old_level():
    outcome = run_with(NEW_NORMAL, approving("02:30", "injection", ("01:40", "02:30")))
    first, second = outcome.pages("injection")
    (baseline,) = [b for b in outcome.baselines if b.approved_by == "ana"]
    assert tick("02:30") <= baseline.effective_tick <= tick("02:30") + 24
    assert at("01:30") < first.paged_at_ms < at("01:32")
    assert first.ended_at_ms == baseline.effective_tick * TICK_MS
    assert at("03:00") < second.paged_at_ms < at("03:08")
    assert abs(second.effect.baseline - 0.2) < 0.05


def test_an_approval_survives_the_death_of_the_judge():
    calm = run_with(NEW_NORMAL, approving("02:30", "injection", ("01:40", "02:30")))
    shaken = run_with(NEW_NORMAL, approving("02:30", "injection", ("01:40", "02:30")), judging=Judging(deaths=3))
    assert shaken.deaths > 0
    assert [(f.id, f.ended_at_ms) for f in shaken.findings] == [(f.id, f.ended_at_ms) for f in calm.findings]


def test_what_was_excluded_from_a_window_is_not_in_its_level():
    done = []

    def before_step(built: Service) -> None:
        judged = built.stores.judge.judged_before()
        if done or judged is None or judged < tick("02:30"):
            return
        done.append(judged)
        approve(built, "injection", ("00:00", "01:30"))
        store = built.stores.judge
        kept = next(b for b in store.baselines() if b.approved_by == "ana")
        with store.approval() as transaction:  # the window reaches into the attack, the counts do not
            transaction.save_baseline(dataclasses.replace(kept, to_tick=tick("02:30")))

    outcome = run_with(PAIR + "01:30 injection: near=20%\n 03:00 end", before_step)
    first, again = outcome.pages("injection")
    assert first.ended_at_ms < again.paged_at_ms < at("02:40")  # measured by the calm part alone, it is still on
    assert again.effect.baseline < 0.02


def test_with_manual_approval_nobody_is_watched_before_it():
    story = PAIR + "01:30 injection: near=20%\n 02:00 end"
    assert told(log_of(story), rule=JudgeSettings(automatic=False)).findings == []


def test_a_baseline_by_hand_watches_from_its_tick_on():
    story = PAIR + "01:30 injection: near=20%\n 02:00 end"
    rule = JudgeSettings(automatic=False)
    outcome = run_with(story, approving("01:00", "injection", ("00:00", "01:00")), rule=rule)
    (page,) = outcome.pages()
    assert at("01:30") < page.paged_at_ms < at("01:32")


def test_a_baseline_outlives_the_counts_that_it_was_learned_from():
    with service([log_of(PAIR + "02:00 end")]) as built:
        before = built.run().judge.assessor
        with built.stores.judge._database.writing() as connection:
            connection.execute(delete(tick_counts).where(tick_counts.c.tick < tick("01:30")))
        built.judge = built._new_judge("after the upgrade")
        built.clock.advance(60_000)
        built.step_judge()
        after = built.judge.assessor
    units, same = before.fleet.state.units, after.fleet.state.units
    assert {u.unit: u.epoch.baseline for u in same} == {u.unit: u.epoch.baseline for u in units}
    assert {u.epoch.effective_tick for u in after.fleet.state.units} == {tick("01:30")}


def unavailable(outcome, guardrail: str) -> dict[str, str]:
    units = [u for u in outcome.judge.assessor.fleet.state.units if not is_whole(u.unit)]
    (unit,) = [u for u in units if u.unit.guardrail == guardrail]
    return unit.epoch.unavailable


def test_boolean_scores_make_the_boundary_unavailable_not_zero():
    outcome = told(log_of("00:00 flags: scores=boolean near=30%\n 01:00 flags: near=90%\n 01:10 end"))
    reasons = unavailable(outcome, "flags")
    assert "boolean" in reasons["boundary_proximity"]
    assert "boolean" in reasons["boundary_proximity/near_threshold"]
    assert [page for page in outcome.pages() if page.signal == "boundary_proximity"] == []


def test_a_fall_of_a_rare_rate_is_reported_as_not_testable():
    outcome = told(log_of("00:00 calm: unsafe=0.3%\n 01:00 end"))
    assert "below zero" in unavailable(outcome, "calm")["verdict_mix/adverse_fall"]

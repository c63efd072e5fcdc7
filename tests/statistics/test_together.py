"""False pages of traffic whose events hang together, by the judge's own tests of a baseline that spans a day.

Each kind runs 32 streams, each with a baseline of its own, for a day of ticks of 10 s. The spend is set so that eight
false pages are promised over the kind; the upper 95 % Poisson limit of those raised must be below. All of the judge
with the first day, in which baselines are provisional, and its notices: `python -m tests.benchmarks.promise`.
"""

from dataclasses import replace

import numpy as np
import pytest

from detectors.budget import poisson_upper_limit
from detectors.evidence import Evidence
from monitor.counts.model import LoadedCounts, Slice
from monitor.findings.model import Promise
from monitor.judging.findings.promises import promise_of
from monitor.judging.judge_settings import JudgeSettings
from monitor.judging.watching.from_baseline import MaterialTest, material_test, notice_test, window_of
from monitor.signals.registry import COLUMNS, EVENTS_COLUMN, OFFSETS, SIGNALS
from tests.statistics.streams import alarms_of, cells_of
from tests.statistics.together import DAY_TICKS, KINDS

VERDICT = next(s for s, signal in enumerate(SIGNALS) if signal.name == "verdict_mix")
RISE = next(q for q, question in enumerate(SIGNALS[VERDICT].questions) if question.name == "adverse_rise")
ALLOW, DENY = (SIGNALS[VERDICT].bins.index(name) for name in ("allow/allow", "deny/block"))
STREAMS, PROMISE, SPAN = 32, 8.0, 320
UNIT = Slice("a", "1", "", "input", "continuous", "p_unsafe", 500, "", "", "", "", "")
SHORT = ("single turns, .049", "20 turns, .014", "bursts of 20 over 6 ticks, .011", "night .02, day .06")
"""The others take as long again, and are run by name."""


def window(number, adverse, rule=None):
    """The counts of one stream as a baseline."""
    columns = [EVENTS_COLUMN, OFFSETS["verdict_mix"] + ALLOW, OFFSETS["verdict_mix"] + DENY]
    table = np.stack((number, number - adverse, adverse), axis=1)
    tick, column = np.nonzero(table)
    counts = LoadedCounts(tick, COLUMNS + np.asarray(columns)[column], table[tick, column])
    return window_of(counts, {1: UNIT}, rule or JudgeSettings(), span=(0, len(number)))


def raised(tests: list[MaterialTest], counts) -> tuple[int, float]:
    """False pages, and what was spent."""
    engine = Evidence()
    for test in tests:
        engine.add(test.banks, spend=PROMISE / STREAMS / DAY_TICKS, n_ref=test.n_ref)
    bins = np.zeros((*counts[0].shape, 1, len(SIGNALS[VERDICT].bins)), np.int64)
    bins[:, :, 0, ALLOW], bins[:, :, 0, DENY] = counts[0] - counts[1], counts[1]
    return len(alarms_of(engine, cells_of(bins))), float(engine.total_spend().sum())


def streams(traffic, baseline, seed=11):
    """(events, adverse verdicts) of each stream, each (ticks,): its baseline, then a day."""
    rng = np.random.default_rng(seed)
    drawn = [traffic(rng, baseline + DAY_TICKS) for _ in range(STREAMS)]
    after = tuple(np.stack([one[i][baseline:] for one in drawn], axis=1) for i in (0, 1))
    return [(number[:baseline], adverse[:baseline]) for number, adverse in drawn], after


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=() if kind in SHORT else pytest.mark.slow) for kind in KINDS]
)
def test_after_a_day_false_pages_are_within_their_spend(kind):
    baselines, after = streams(KINDS[kind], DAY_TICKS)
    windows = [window(*one) for one in baselines]
    tests = [material_test(one, VERDICT, RISE) for one in windows]
    pages, spent = raised(tests, after)
    bursts = [test.whole.bursts for test in tests]
    promises = {promise_of("verdict_mix", "adverse_rise", bursts=one) for one in bursts}
    print(f"{kind}: {pages} pages of {spent:.1f}, {np.median(bursts):.1f} events come together, {promises}")
    assert not any(one.provisional for one in windows)
    # a tick with few events spends little, so of uneven traffic none may come where less than three are spent
    assert poisson_upper_limit(pages) <= max(spent, poisson_upper_limit(0))
    assert promises <= {Promise.proved, Promise.calibrated}


@pytest.mark.parametrize(
    "kind",
    [
        "20 turns, .014",
        pytest.param("20 turns, .049", marks=pytest.mark.slow),
        pytest.param("bursts of 20 over 6 ticks, .011", marks=pytest.mark.slow),
    ],
)
def test_an_hour_taken_for_all_there_is_would_page_many_times_as_often(kind):
    # what a provisional baseline is wider for, and why nothing is said to be proved of it
    baselines, after = streams(KINDS[kind], SPAN)
    windows = [window(*one) for one in baselines]
    assert all(one.provisional for one in windows)
    tests = [material_test(replace(one, provisional=False), VERDICT, RISE) for one in windows]
    assert raised(tests, after)[0] > 2 * PROMISE


@pytest.mark.parametrize("kind", [name for name in KINDS if "turns" in name and "single" not in name])
def test_notices_of_conversations_are_a_rule(kind):
    number, adverse = KINDS[kind](np.random.default_rng(3), DAY_TICKS)
    bursts = notice_test(window(number, adverse), VERDICT).bursts
    assert promise_of("verdict_mix", "any_change", bursts=bursts) is Promise.rule


def test_notices_of_single_turns_stay_proved_and_those_of_seasons_do_not():
    rng = np.random.default_rng(4)
    found = {
        kind: notice_test(window(*KINDS[kind](rng, DAY_TICKS)), VERDICT).bursts
        for kind in ("single turns, .049", "night .02, day .06")
    }
    assert found["single turns, .049"] == 1.0
    assert found["night .02, day .06"] > 1.0

"""A signal whose events all lie in one bin, before and since, cannot have changed: chance alarms are dropped."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.counts.cuts import between
from monitor.counts.model import LoadedCounts, Slice
from monitor.findings.model import Finding
from monitor.judging.assess import Assessor
from monitor.judging.judge_settings import JudgeSettings
from monitor.judging.state import JudgeState
from monitor.signals import coverage
from monitor.signals.registry import COLUMNS, EVENTS_COLUMN, OFFSETS

OK, ERROR = (OFFSETS["coverage"] + coverage.SIGNAL.bins.index(name) for name in ("ok", "error"))
RULE = JudgeSettings(
    baseline_events=2_000, baseline_ticks=20, silence="off", volume="off", notices=1.0, notice_period_ms=600_000
)
"""A notice in sixty ticks is allowed: chance alarms come soon."""


def notices(error: np.ndarray, number: int) -> list[Finding]:
    """Of a stream with 100 events a tick, so many of which are errors."""
    ticks = len(error)
    table = np.stack((np.full(ticks, 100), 100 - error, error), axis=1)
    columns = np.array((EVENTS_COLUMN, OK, ERROR))
    cell = np.tile(columns + COLUMNS, ticks).astype(np.int64)
    counts = LoadedCounts(np.repeat(np.arange(ticks), 3), cell, table.ravel()).where(table.ravel() > 0)
    state = JudgeState(judged_before=0, units=[], guardrails={})
    assessor = Assessor(RULE, lambda start, end: between(counts, start, end), state=state)
    assessor.learn_slices({1: Slice(f"g{number}", "1", "", "input", "", "", -1, "", "", "", "", "")})
    found = assessor.advance(counts, ticks).findings
    return [one for one in found if (one.signal, one.question) == ("coverage", "any_change")]


@pytest.mark.parametrize("number", range(4))
def test_a_guardrail_that_always_ran_is_not_reported(number: int) -> None:
    assert notices(np.zeros(1_500, np.int64), number) == []


def test_a_guardrail_that_errs_is_reported_and_so_is_that_it_runs_again() -> None:
    error = np.zeros(1_500, np.int64)
    error[300:500] = 12
    found = notices(error, 0)
    assert [one.effect.what for one in found] == ["share of requests that the guardrail did not judge"] * len(found)
    assert (found[0].effect.baseline, found[0].effect.current) == (0.0, pytest.approx(0.12, abs=0.03))
    assert found[0].effect.bins == ("error", "timeout", "not_run", "skipped", "bypassed")
    assert all(one.effect.baseline != one.effect.current for one in found)

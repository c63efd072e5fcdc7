"""What the judge still reads tick by tick follows from its state alone."""

from __future__ import annotations

import msgspec
import pytest

from monitor.counts.model import Slice
from monitor.findings.model import Direction, Effect, Evidence, Finding, Kind, Promise
from monitor.judging.findings.lifecycle import Case
from monitor.judging.retention import safe_before
from monitor.judging.state import Epoch, GuardrailState, JudgeState, NewSignal, PageTest, UnitState

TICK_MS = 10_000
UNIT = Slice.of_guardrail("toxicity")


def a_finding(**other: object) -> Finding:
    usual = {
        "id": "f",
        "guardrail": "toxicity",
        "guardrail_version": "",
        "category": "",
        "signal": "s",
        "question": "q",
        "stratum": "",
        "kind": Kind.page,
        "direction": Direction.rise,
        "promise": Promise.proved,
        "onset_low_ms": 500 * TICK_MS,
        "onset_high_ms": 510 * TICK_MS,
        "detected_at_ms": 600 * TICK_MS,
        "effect": Effect(baseline=0.1, current=0.2, ratio=2.0),
        "evidence": Evidence(log_evidence=0.0, events=1, level=0.1, detail=""),
    }
    return Finding(**(usual | other))  # type: ignore[arg-type]


def an_epoch(finding: Finding | None = None, new_signals: list[NewSignal] | None = None) -> Epoch:
    levels = {"limits": [0.1], "rate": 0.1, "level": 0.1, "limit": 0.1}
    test = PageTest(signal=0, question=0, test=0, strata=[0], n_ref=1.0, case=Case(open=finding), **levels)
    return Epoch(
        effective_tick=100,
        window=(10, 100),
        events=1,
        by_person=False,
        strata=[""],
        baseline=[[[1, 2]], []],
        page_tests=[test],
        any_change_tests=[],
        unavailable={},
        new_signals=new_signals or [],
    )


def state(*units: UnitState, **other: object) -> JudgeState:
    values: dict[str, object] = {"judged_before": 1_000, "units": list(units), "guardrails": {}}
    return JudgeState(**(values | other))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("judged", "safe"),
    [
        (state(), 1_000),
        (state(UnitState(unit=UNIT, learning_from=-1)), 1_000),
        (state(UnitState(unit=UNIT, learning_from=300)), 300),
        (state(UnitState(unit=UNIT, learning_from=300, by_hand=True)), 1_000),
        (state(UnitState(unit=UNIT, learning_from=10, epoch=an_epoch())), 1_000),
        (state(UnitState(unit=UNIT, learning_from=10, epoch=an_epoch(a_finding()))), 500),
        (state(UnitState(unit=UNIT, learning_from=10, epoch=an_epoch(a_finding(ended_at_ms=700 * TICK_MS)))), 1_000),
        (state(UnitState(unit=UNIT, learning_from=10, epoch=an_epoch(a_finding(kind=Kind.notice)))), 1_000),
        (
            state(UnitState(unit=UNIT, learning_from=10, epoch=an_epoch(None, [NewSignal(signal=0, from_tick=400)]))),
            400,
        ),
        (state(guardrails={"toxicity": GuardrailState(silence=Case(open=a_finding()))}), 500),
    ],
)
def test_the_oldest_tick_that_is_needed_bounds_it(judged: JudgeState, safe: int) -> None:
    assert safe_before(judged, tick_ms=TICK_MS) == safe
    assert safe_before(msgspec.structs.replace(judged, judged_before=200), tick_ms=TICK_MS) == min(safe, 200)

"""A change of what is asked is one notice, however many guardrails log the same requests."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.counts.cuts import between
from monitor.counts.model import LoadedCounts, Slice
from monitor.findings.model import Finding
from monitor.judging.assess import Assessor
from monitor.judging.judge_settings import JudgeSettings
from monitor.judging.state import JudgeState
from monitor.signals.registry import COLUMNS, EVENTS_COLUMN, OFFSETS, SIGNALS

RULE = JudgeSettings(baseline_events=2_000, baseline_ticks=20, silence="off", volume="off")
LENGTHS = next(signal for signal in SIGNALS if signal.name == "input_length").bins
TICKS, CHANGED = 200, 100
RNG = np.random.default_rng(3)


def lengths(*, longer: bool, per_tick: int = 50) -> np.ndarray:
    """int64 (ticks, bins): short prompts, and after the change long ones among them."""
    short, long_ = np.zeros(len(LENGTHS)), np.zeros(len(LENGTHS))
    short[[1, 2, 3]], long_[[2, 7, 8]] = (0.3, 0.5, 0.2), (0.4, 0.3, 0.3)
    mixed = short if not longer else 0.6 * short + 0.4 * long_
    return np.array([RNG.multinomial(per_tick, mixed if tick >= CHANGED else short) for tick in range(TICKS)])


def notices(*guardrails: tuple[str, np.ndarray]) -> list[Finding]:
    rows = []
    slices = {}
    for number, (name, table) in enumerate(guardrails, 1):
        slices[number] = Slice(name, "1", "", "input", "", "", -1, "", "", "", "", "")
        for tick, bins in enumerate(table.tolist()):
            cell = number * COLUMNS
            rows.append((tick, cell + EVENTS_COLUMN, sum(bins)))
            rows += [(tick, cell + OFFSETS["input_length"] + at, n) for at, n in enumerate(bins) if n]
    counts = LoadedCounts(*np.array(sorted(rows), np.int64).T)
    state = JudgeState(judged_before=0, units=[], guardrails={})
    assessor = Assessor(RULE, lambda start, end: between(counts, start, end), state=state)
    assessor.learn_slices(slices)
    newest = {one.id: one for one in assessor.advance(counts, TICKS).findings if one.signal == "input_length"}
    return list(newest.values())


def test_guardrails_on_the_same_requests_report_their_change_once() -> None:
    same = lengths(longer=True)
    late = same.copy()
    late[CHANGED + 1] -= np.minimum(late[CHANGED + 1], 1)  # not every event is there
    (found,) = notices(("injection", same), ("toxicity", late), ("pii", same))
    assert found.guardrail in ("injection", "toxicity", "pii")
    others = sorted({"injection", "toxicity", "pii"} - {found.guardrail})
    assert sorted(found.evidence.detail.partition("; the same requests at ")[2].split(", ")) == others
    assert found.effect.what == "share of prompts of 1,024 to 4,095 characters"


@pytest.mark.parametrize("per_tick", [50, 20])
def test_guardrails_on_requests_of_their_own_report_for_themselves(per_tick: int) -> None:
    found = notices(("injection", lengths(longer=True)), ("elsewhere", lengths(longer=True, per_tick=per_tick)))
    assert sorted(one.guardrail for one in found) == ["elsewhere", "injection"]
    assert not any("the same requests" in one.evidence.detail for one in found)


def test_a_change_that_only_one_guardrail_sees_is_its_own() -> None:
    found = notices(("injection", lengths(longer=True)), ("toxicity", lengths(longer=False)))
    assert [one.guardrail for one in found] == ["injection"]

"""The part of a signal by which a change is shown: what people care about, then what has grown."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.judging.findings.moved import moved
from monitor.signals.registry import SIGNALS
from monitor.signals.signal import Signal

BY_NAME = {signal.name: signal for signal in SIGNALS}
INPUT_LENGTH = BY_NAME["input_length"]


def counts(signal: Signal, **of: int) -> np.ndarray:
    """Counts by bin; keyword names are the bins with ``_`` for whatever is no letter."""
    names = ["".join(c if c.isalnum() else "_" for c in name) for name in signal.bins]
    assert set(of) <= set(names)
    return np.array([of.get(name, 0) for name in names], np.int64)


def test_of_verdicts_the_share_judged_unsafe_is_shown_not_that_allowed() -> None:
    signal = BY_NAME["verdict_mix"]
    part = moved(signal, counts(signal, allow_allow=98, deny_block=2), counts(signal, allow_allow=95, deny_block=5))
    assert part.what == "share of requests judged unsafe"
    assert part.values[signal.bins.index("allow/allow")] == 0


def test_of_verdicts_that_are_no_longer_enforced_the_share_let_through_is_shown() -> None:
    signal = BY_NAME["verdict_mix"]
    part = moved(signal, counts(signal, allow_allow=90, deny_block=10), counts(signal, allow_allow=90, deny_allow=10))
    assert part.what == "share of requests judged unsafe and let through all the same"


def test_where_no_question_asks_for_it_the_bin_that_grew_is_shown() -> None:
    signal = BY_NAME["verdict_mix"]
    part = moved(signal, counts(signal, allow_allow=98, deny_block=2), counts(signal, allow_audit=98, deny_block=2))
    assert part.what == "share of requests with verdict allow and action audit"


def test_of_scores_near_the_threshold_both_sides_are_shown_together() -> None:
    signal = BY_NAME["boundary_proximity"]
    part = moved(
        signal, counts(signal, far_below=980, above_1=20), counts(signal, far_below=760, below_1=100, above_1=140)
    )
    assert part.what == "share of scores within 0.1 of the decision threshold"
    assert part.values.sum() == len(signal.bins) - 2


def test_where_far_scores_go_from_one_side_to_the_other_that_is_shown() -> None:
    signal = BY_NAME["boundary_proximity"]
    part = moved(
        signal, counts(signal, far_below=980, above_1=20), counts(signal, far_below=760, above_1=20, far_above=220)
    )
    assert part.what == "share of scores above 0.1 above the threshold"


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        ([10] * 13, [10] * 10 + [30, 30, 30], "share of prompts of 8,192 characters or more"),
        ([10] * 13, [10, 10, 10, 40, 40, *[10] * 8], "share of prompts of 64 to 255 characters"),
        (
            [0, 20, 40, 20, 5, *[0] * 8],
            [0, 18, 35, 18, 4, 1, 1, 0, 0, 8, *[0] * 3],
            "share of prompts of 256 to 8,191 characters",
        ),
        ([10] * 13, [40, *[10] * 12], "share of prompts of up to 15 characters"),
        ([*[10] * 12, 120], [10] * 13, "share of prompts of 32,768 characters or more"),
    ],
)
def test_of_lengths_the_range_that_grew_is_shown_or_the_one_that_went_away(
    before: list[int], after: list[int], what: str
) -> None:
    assert moved(INPUT_LENGTH, np.array(before), np.array(after)).what == what


@pytest.mark.parametrize(("before", "after"), [([90, 10], [60, 40]), ([60, 40], [90, 10])])
def test_of_what_is_worse_above_the_upper_end_is_shown_whichever_way_it_went(
    before: list[int], after: list[int]
) -> None:
    rules = BY_NAME["input_rules"]
    rest = [0] * (len(rules.bins) - 2)
    assert (
        moved(rules, np.array(before + rest), np.array(after + rest)).what == "share of prompts hit by 1 rule or more"
    )
    scores = BY_NAME["score_shift"]
    rest = [0] * (len(scores.bins) - 2)
    assert moved(scores, np.array(before + rest), np.array(after + rest)).what == "share of scores of 0.05 or more"


def test_what_shows_a_change_has_moved_and_where_nothing_moved_nothing_is_shown_to_have() -> None:
    rng = np.random.default_rng(3)
    for signal in SIGNALS:
        before, after = rng.integers(1, 100, (2, len(signal.bins)))
        values = moved(signal, before, after).values
        assert before @ values / before.sum() != pytest.approx(after @ values / after.sum())
        still = moved(signal, before, before).values
        assert 0 < still.sum() <= len(signal.bins)


@pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: signal.name)
def test_every_part_of_every_signal_has_a_name_of_its_own(signal: Signal) -> None:
    bins = range(len(signal.bins))
    names = [
        signal.share_of(first, last) for first in bins for last in bins[first:] if signal.ordered or first == last
    ]
    whole = signal.share_of(0, len(signal.bins) - 1) if signal.ordered else None
    parts = [name for name in names if name != whole]
    assert len(set(parts)) == len(parts)
    assert all(name.startswith("share of ") for name in parts)

"""Thresholds of the settings, for canonical events that carry none."""

from __future__ import annotations

import json

import numpy as np

from monitor.events.formats.threshold_filler import ThresholdFiller
from monitor.events.formats.thresholds import Thresholds
from tests.unit.events.blocks import block_of, new_decoder


def thresholds(lines: list[str], *events: dict[str, object]) -> list[float]:
    filler = ThresholdFiller(new_decoder(), Thresholds.parse(lines))
    values = [json.dumps({"v": 1, "time": 1_750_000_000_000, "score": 0.2, **event}).encode() for event in events]
    decoded = filler.decode(block_of(values))
    assert decoded.rejected == []
    return [round(value, 6) for value in np.nan_to_num(decoded.batch.threshold, nan=-1.0).tolist()]


def test_the_category_s_line_goes_before_the_guardrail_s_and_the_event_s_own_before_both() -> None:
    events = [
        {"guardrail": "g", "category": "a"},
        {"guardrail": "g", "category": "b"},
        {"guardrail": "g"},
        {"guardrail": "g", "threshold": 0.9},
        {"guardrail": "other"},
    ]
    assert thresholds(["g/a >= 0.4", "g >= 0.6"], *events) == [0.4, 0.6, 0.6, 0.9, -1.0]


def test_of_an_inverted_score_the_line_says_from_which_end() -> None:
    inverted = {"guardrail": "g", "score_semantics": "inverted"}
    assert thresholds(["g <= 0.7"], inverted, {"guardrail": "g"}) == [0.3, -1.0]
    assert thresholds(["g >= 0.7"], inverted, {"guardrail": "g"}) == [-1.0, 0.7]


def test_a_number_beyond_the_scale_and_an_event_without_a_score_get_none() -> None:
    assert thresholds(["g >= 4"], {"guardrail": "g"}) == [-1.0]
    assert thresholds(["g >= 0.4"], {"guardrail": "g", "score": None, "verdict": "allow"}) == [-1.0]

"""Rules from one event to a bin: bands, edges, what does not apply, values out of a log's control."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.counting.memory import MemoryRule, PartitionMemory
from monitor.events.batch import FinishReason, Script, Stage
from monitor.signals import input_shape, score_shift
from monitor.signals.bands import band_names, banded
from monitor.signals.registry import COLUMNS, OFFSETS, SIGNALS, USED_COLUMNS, columns_of
from tests.unit.batches import batch

INPUT, OUTPUT, TOOL, RETRIEVAL, NO_STAGE = Stage.input, Stage.output, Stage.tool, Stage.retrieval, -1
BY_NAME = {signal.name: signal for signal in SIGNALS}
COLUMN_OF = {
    "input_length": "input_length", "input_script": "script", "input_disorder": "disorder", "input_turn": "turn",
    "input_rules": "rules", "output_length": "output_length", "output_refusal": "refusal",
    "output_finish": "finish_reason",
}  # fmt: skip


def bins(name: str, **columns) -> list[str | None]:
    """The bins' names; None where the signal does not apply."""
    signal = BY_NAME[name]
    codes = signal.code(batch(**columns))
    assert codes.dtype == np.int16
    return [None if code < 0 else signal.bins[code] for code in codes.tolist()]


def recalled(events):
    return PartitionMemory(MemoryRule()).recall(events, np.zeros(len(events), np.bool_))


def test_scores_fall_into_twenty_bins_and_a_missing_one_into_none():
    scores = [0.0, 0.049, 0.05, 0.5, 0.999, 1.0, np.nan]
    codes = score_shift.SIGNAL.code(batch(score=scores)).tolist()
    assert codes == [0, 0, 1, 10, 19, 19, -1]
    assert score_shift.SIGNAL.bins[1] == "0.05 to 0.10"


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(st.floats(0, 1), st.just(np.nan)), min_size=1, max_size=50))
def test_a_score_s_bin_holds_the_score(scores):
    for score, code in zip(scores, score_shift.SIGNAL.code(batch(score=scores)).tolist(), strict=True):
        if np.isnan(score):
            assert code == -1
        else:
            assert code == min(int(score * 20), 19)


@pytest.mark.parametrize("name", [name for name in COLUMN_OF if name.startswith("input_")])
def test_a_facet_of_the_input_applies_to_every_stage_but_output_where_the_event_carries_it(name):
    stages = [INPUT, TOOL, RETRIEVAL, NO_STAGE, OUTPUT]
    carried = bins(name, stage=stages, **{COLUMN_OF[name]: [1] * 5})
    assert [found is not None for found in carried] == [True, True, True, True, False]
    assert bins(name, stage=stages, **{COLUMN_OF[name]: [-1] * 5}) == [None] * 5


@pytest.mark.parametrize("name", [name for name in COLUMN_OF if name.startswith("output_")])
def test_a_facet_of_the_output_applies_to_outputs_that_carry_it(name):
    stages = [INPUT, TOOL, RETRIEVAL, NO_STAGE, OUTPUT]
    carried = bins(name, stage=stages, **{COLUMN_OF[name]: [1] * 5})
    assert [found is not None for found in carried] == [False, False, False, False, True]
    assert bins(name, stage=stages, **{COLUMN_OF[name]: [-1] * 5}) == [None] * 5


def test_lengths_double_from_band_to_band():
    lengths = [0, 15, 16, 31, 32, 8_000, 32_767, 32_768, 1_000_000_000]
    bands = ["0 to 15", "0 to 15", "16 to 31", "16 to 31", "32 to 63", "4096 to 8191", "16384 to 32767"]
    assert bins("input_length", input_length=lengths) == [*bands, "32768 and more", "32768 and more"]
    assert bins("output_length", stage=[OUTPUT] * 9, output_length=lengths) == [
        *bands, "32768 and more", "32768 and more",
    ]  # fmt: skip


def test_a_conversation_is_counted_when_it_reaches_twice_as_many_turns_and_not_in_between():
    turns = [1, 2, 3, 4, 5, 255, 256, 257, 512, -1]
    assert bins("input_turn", turn=turns) == ["1", "2", None, "4", None, None, "256", None, None, None]


def test_rules_and_disorder_count_from_none():
    assert bins("input_rules", rules=[0, 1, 2, 4, 256]) == ["0", "1", "2", "3 to 4", "5 and more"]
    assert bins("input_disorder", disorder=[0, 1, 2, 3, 6, 11, 12, 64]) == [
        "0", "1 to 2", "1 to 2", "3 to 5", "6 to 11", "6 to 11", "12 and more", "12 and more",
    ]  # fmt: skip


def test_words_of_closed_vocabularies_are_their_own_bins():
    assert bins("input_script", script=list(Script)) == [one.name for one in Script]
    outputs = [OUTPUT] * len(FinishReason)
    assert bins("output_finish", stage=outputs, finish_reason=list(FinishReason)) == [
        one.name for one in FinishReason
    ]
    assert bins("output_refusal", stage=[OUTPUT] * 2, refusal=[0, 1]) == ["answer", "refusal"]


def test_refusals_page_in_both_directions_and_no_other_facet_pages():
    asked = {name: BY_NAME[name].questions for name in (*COLUMN_OF, "score_shift")}
    assert [name for name, questions in asked.items() if questions] == ["output_refusal"]
    assert [(q.name, q.direction.value) for q in asked["output_refusal"]] == [
        ("refusal_rise", "rise"),
        ("refusal_fall", "fall"),
    ]


def test_every_question_s_values_are_shares_of_its_bins():
    for signal in SIGNALS:
        assert len(set(signal.bins)) == len(signal.bins)
        for question in signal.questions:
            assert len(question.values) == len(signal.bins)
            assert 0 <= min(question.values) < max(question.values) <= 1


def test_the_columns_are_those_of_the_signals_that_apply_to_some_event():
    events = batch(stage=[INPUT, OUTPUT], refusal=[-1, 1], score=np.nan, threshold=np.nan, verdict=-1)
    columns = columns_of(events, recalled(events))
    assert columns.tolist() == [
        [OFFSETS["coverage"], OFFSETS["coverage"]],
        [-1, OFFSETS["output_refusal"] + 1],
    ]
    nothing = batch(offset=[], score=[])
    assert columns_of(nothing, recalled(nothing)).shape == (0, 0)


def test_the_layout_has_room_for_every_bin():
    firsts = [OFFSETS[signal.name] for signal in SIGNALS]
    lasts = [first + len(signal.bins) for first, signal in zip(firsts, SIGNALS, strict=True)]
    assert firsts == [1, *lasts[:-1]]
    assert lasts[-1] == USED_COLUMNS <= COLUMNS


def test_bands_refuse_nothing_and_leave_out_what_is_negative():
    values = np.array([-(2**31), -1, 0, 2**31 - 1], np.int32)
    assert banded(values, np.ones(4, np.bool_), (1, 2)).tolist() == [-1, -1, 0, 2]
    assert band_names((1, 2, 4)) == ("0", "1", "2 to 3", "4 and more")
    assert len(band_names(input_shape.LENGTHS)) == len(input_shape.LENGTHS) + 1

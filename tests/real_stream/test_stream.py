"""The stream is what its labels say, valid, ordered and repeatable; its scores are the classifiers' own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest

from tests.real_stream.materials import load_materials
from tests.real_stream.schedule import EVENTFUL, NULL, Segment
from tests.real_stream.stream import ANSWERS, INJECTION, TOXICITY, Span, Stream, make_stream, real_stream

SEED = 1
NAMES = (INJECTION, TOXICITY, ANSWERS)


@pytest.fixture(scope="module")
def stream() -> Stream:
    return real_stream(SEED)


@pytest.fixture(scope="module")
def events(stream: Stream) -> list[dict]:
    return [json.loads(line) for _, _, line in stream.lines]


def number(event: dict) -> int:
    """The request's place in the stream."""
    return int(event["request_id"].rpartition("-")[2])


def of(events: Sequence[dict], stream: Stream, name: str, guardrail: str) -> list[dict]:
    spans = [span for span in stream.spans if span.name == name]
    return [e for e in events if e["guardrail"] == guardrail and any(s.first <= number(e) <= s.last for s in spans)]


def share(events: Sequence[dict], field: str, value: object) -> float:
    return float(np.mean([event[field] == value for event in events]))


def test_it_has_every_segment_between_quiet_ones_and_at_least_30_000_events(stream: Stream) -> None:
    names = [span.name for span in stream.spans]
    assert [name for name in names if name != NULL][1:] == [segment.name for segment in EVENTFUL]
    assert names[1::2] == [NULL] * (len(EVENTFUL) + 1)
    assert len(stream.lines) >= 30_000
    assert all(one.last + 1 == two.first for one, two in pairwise(stream.spans))


def test_time_goes_on_and_answers_come_after_their_prompts(stream: Stream, events: list[dict]) -> None:
    assert all(one[0] <= two[0] for one, two in pairwise(stream.lines))
    assert all(one <= two for one, two in pairwise(stream.request_ms))
    asked = {e["request_id"]: e["time"] for e in events if e["guardrail"] == INJECTION}
    assert all(e["time"] > asked[e["request_id"]] for e in events if e["guardrail"] == ANSWERS)


def test_both_inputs_judge_each_request_and_only_what_passed_is_answered(events: list[dict]) -> None:
    denied = {e["request_id"] for e in events if e["stage"] == "input" and e["verdict"] == "deny"}
    judged = {name: {e["request_id"] for e in events if e["guardrail"] == name} for name in NAMES}
    assert judged[INJECTION] == judged[TOXICITY] == judged[ANSWERS] | denied
    assert not judged[ANSWERS] & denied


def test_scores_are_what_the_classifiers_say_about_the_text(stream: Stream, events: list[dict]) -> None:
    materials = load_materials(SEED)
    for guardrail, name, segment in (
        (materials.injection, INJECTION, NULL),
        (materials.retrained, INJECTION, "retrained guardrail"),
        (materials.quantised, INJECTION, "library update"),
        (materials.toxicity, ANSWERS, "output-toxicity shift"),
    ):
        own = of(events, stream, segment, name)[:300]
        np.testing.assert_allclose([e["score"] for e in own], guardrail.score([e["text"] for e in own]), rtol=1e-9)


def test_probing_crowds_the_threshold_and_the_library_update_hardly_moves_a_score(
    stream: Stream, events: list[dict]
) -> None:
    def near(name: str) -> float:
        scores = np.array([e["score"] for e in of(events, stream, name, INJECTION)])
        return float(np.mean(np.abs(scores - 0.5) < 0.1))

    assert near("probing") > 0.10 > 0.01 > near(NULL)
    materials = load_materials(SEED)
    texts = [prompt.text for prompt in materials.prompts]
    before, after = materials.injection.score(texts), materials.quantised.score(texts)
    assert 0 < np.abs(before - after).max() < 0.029
    assert np.mean((before >= 0.5) != (after >= 0.5)) < 0.001


def test_attacks_that_hardly_move_scores_show_in_language_length_and_the_text(
    stream: Stream, events: list[dict]
) -> None:
    quiet = of(events, stream, NULL, INJECTION)
    for name in ("multilingual injection", "long-context injection"):
        assert share(of(events, stream, name, INJECTION), "verdict", "deny") < 0.03
    lengths = [e["input_length"] for e in of(events, stream, "long-context injection", INJECTION)]
    assert np.quantile(lengths, 0.95) > 5_000 > np.quantile([e["input_length"] for e in quiet], 0.999)

    def english(events: list[dict]) -> float:
        return share([event for event in events if event["app"] == "assistant"], "language", "en")

    assert english(of(events, stream, "multilingual injection", INJECTION)) < 0.9 < english(quiet)


def test_the_fine_tuned_model_refuses_less_and_the_retrained_guardrail_blocks_what_is_harmless(
    stream: Stream, events: list[dict]
) -> None:
    refused = [share(of(events, stream, name, ANSWERS), "refusal", True) for name in (NULL, "fine-tuned model")]
    assert refused[0] > 5 * refused[1]
    denied = [share(of(events, stream, name, INJECTION), "verdict", "deny") for name in (NULL, "retrained guardrail")]
    assert denied[1] > 5 * denied[0]
    versions = {e["guardrail_version"] for e in of(events, stream, "retrained guardrail", INJECTION)}
    assert versions == {"2.0.0"}


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_stream() -> None:
    short = (Segment(name="probing", requests=60, attack="probing", share=1 / 3),)
    one = make_stream(SEED, short)
    assert one == make_stream(SEED, short)
    assert one.lines != make_stream(SEED + 1, short).lines


def test_spread_by_conversation_a_conversation_stays_together_and_in_turn_it_does_not(stream: Stream) -> None:
    def places(keyed: bool) -> list[int]:
        keys = [{record.key for record in part} for part in stream.partitions(3, keyed=keyed)]
        return [len(keys[0] & keys[1]), len(keys[1] & keys[2])]

    assert places(keyed=True) == [0, 0]
    assert min(places(keyed=False)) > 1_000


def test_an_unknown_segment_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"no segments .*weekend"):
        real_stream(SEED, only=("weekend",))


def test_a_span_knows_its_moments(stream: Stream) -> None:
    span: Span = stream.spans[1]
    assert stream.request_ms[span.first] == span.begin_ms <= stream.request_ms[span.last] == span.end_ms

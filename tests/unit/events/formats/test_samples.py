"""Every golden sample is recognised as one format only, and gives the expected events and columns."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest

from monitor.events.batch import Vocabulary
from monitor.events.columns import WORDS
from monitor.events.decode import Decoder
from monitor.events.envelopes.registry import ENVELOPES
from monitor.events.formats.registry import FORMATS
from tests.unit.events.blocks import KEY, block_of, comparable
from tests.unit.events.formats.samples import SAMPLES, Sample, every_sample, new_decoder, new_reader, read, sample


def test_every_format_and_every_envelope_of_json_has_a_sample() -> None:
    named = {sample.format for sample in SAMPLES} | {sample.name.split(".")[0] for sample in SAMPLES}
    assert {one.name for one in FORMATS} <= named
    assert {"cloudevents", "bedrock-invocation-log"} <= named & {one.name for one in ENVELOPES}


@every_sample
def test_a_sample_is_recognised_as_its_format_and_as_no_other(sample: Sample) -> None:
    found = new_reader().recognise(sample.value)
    assert found.name == sample.format
    assert found.why
    fitting = [one for one in FORMATS if one.fits(found.record)]
    assert [one.name for one in fitting] in ([sample.format], [])
    assert all(set(one.keys) & set(found.record) for one in fitting if isinstance(found.record, dict))


@every_sample
def test_a_sample_gives_its_events(sample: Sample) -> None:
    assert read(sample.value) == sample.events


@every_sample
def test_the_columns_are_those_of_the_same_events_sent_as_canonical_ones(sample: Sample) -> None:
    decoded = new_decoder().decode(block_of([sample.value]))
    assert decoded.rejected == []
    events = [json.dumps({"v": 1, **event}).encode() for event in sample.events]
    canonical = Decoder(Vocabulary.bounded(), KEY).decode(block_of(events)).batch
    assert decoded.batch.offset.tolist() == [0] * len(events)
    ours, theirs = comparable(decoded.batch), comparable(canonical)
    del ours["offset"], theirs["offset"]
    assert ours == theirs


@every_sample
def test_events_of_one_record_have_different_ids_and_the_same_ones_again(sample: Sample) -> None:
    batch = new_decoder().decode(block_of([sample.value, sample.value])).batch
    half = len(batch) // 2
    first, second = batch.event_id[:half], batch.event_id[half:]
    assert np.array_equal(first, second)
    known = first[first != 0]
    assert len(set(known.tolist())) == len(known)


def test_all_samples_in_one_block_give_what_each_gives_alone() -> None:
    decoded = new_decoder().decode(block_of([sample.value for sample in SAMPLES]))
    assert decoded.rejected == []
    expected = [row for row, sample in enumerate(SAMPLES) for _ in sample.events]
    assert decoded.batch.offset.tolist() == expected
    names = [decoded.batch.vocabulary.guardrail.text(code) for code in decoded.batch.guardrail.tolist()]
    assert names == [event["guardrail"] for sample in SAMPLES for event in sample.events]


def test_p_unsafe_is_on_the_right_side_whatever_the_vendor_calls_high() -> None:
    """A clear attack is above a clear non-attack on our scale, though some vendors write it the other way round."""
    expected = {
        "cloudflare.attack": 1.0,
        "prompt-guard.benign": 0.03,
        "prompt-guard.malicious": 0.97,
        "llm-guard.api": 0.85,
        "lakera.results": 1.0,
        "llama-firewall.block": 0.95,
        "llama-guard.completion": 0.1,
        "azure-content-safety.four-levels": 2 / 7,
    }
    for name, score in expected.items():
        scores = new_decoder().decode(block_of([sample(name).value])).batch.score
        assert scores[~np.isnan(scores)][0] == pytest.approx(score), name
    grounding = new_decoder().decode(block_of([sample("bedrock-apply-guardrail.blocked").value])).batch
    rows = [i for i, code in enumerate(grounding.category) if "RELEVANCE" in grounding.vocabulary.category.text(code)]
    assert grounding.score[rows] == pytest.approx([0.69])
    assert grounding.threshold[rows] == pytest.approx([0.5])


def test_boolean_verdicts_have_no_score_and_say_so() -> None:
    for one in SAMPLES:
        for event in one.events:
            if event.get("score_kind") == "boolean":
                assert "score" not in event
                assert "threshold" not in event
            else:
                assert ("score" in event) == ("score_kind" in event) or one.format == "canonical", one.name


def test_only_words_of_allowlisted_fields_reach_the_vocabulary() -> None:
    decoder = new_decoder()
    batch = decoder.decode(block_of([sample.value for sample in SAMPLES])).batch
    known = Counter(
        text
        for name in WORDS
        for code in range(1, len(getattr(batch.vocabulary, name)))
        for text in [getattr(batch.vocabulary, name).text(code)]
    )
    said = {str(value) for sample in SAMPLES for event in sample.events for value in event.values()}
    assert set(known) <= said

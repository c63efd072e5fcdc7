"""What was once misread in silence: records that look alike, values in other spellings, calls without a guardrail."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from monitor.events.envelopes.registry import ENVELOPES
from monitor.events.formats.allowlist import leaves
from monitor.events.formats.format import Context, Format
from monitor.events.formats.reader import Reader
from monitor.events.formats.registry import BY_NAME, FORMATS
from monitor.events.reasons import Reason, Rejection
from tests.unit.events.blocks import block_of
from tests.unit.events.formats.marked import put, spots
from tests.unit.events.formats.samples import Sample, every_sample, new_decoder, new_reader, read, sample


def rejected(record: Any) -> Rejection:
    with pytest.raises(Rejection) as why:
        read(record)
    return why.value


@pytest.mark.parametrize(
    "record",
    [
        {"decision": "block", "score": 0.12, "threshold": 0.1, "policy": "refund"},
        {"event": "moderation", "flagged": True, "payload": {"model": "omni-moderation-latest"}},
        {"job": "etl-orders", "validation_passed": False, "rows": 10},
        {"action": "deleted", "outputs": [], "usage": {}},
        {"results": [{"category_scores": {"spam": 0.9}}]},
    ],
)
def test_a_record_that_only_looks_like_a_guardrail_s_is_refused(record: dict[str, Any]) -> None:
    assert rejected(record).reason == Reason.unknown_format


@pytest.mark.parametrize("labels", [["INJECTION"], ["SAFE"], ["LABEL_1"], ["LABEL_0", "LABEL_1"], ["POSITIVE"]])
def test_labels_that_are_not_meta_s_alone_are_refused_with_the_way_out(labels: list[str]) -> None:
    why = rejected([{"label": label, "score": 1 / len(labels)} for label in labels])
    assert why.reason == Reason.unknown_format
    assert "source.format to prompt-guard" in why.sentence


def test_labels_of_one_text_are_not_taken_for_records_of_their_own() -> None:
    """One of them is Meta's, and says nothing of the model: the smaller of two scores was read as an attack."""
    why = rejected([{"label": "SAFE", "score": 0.9}, {"label": "MALICIOUS", "score": 0.1}])
    assert why.reason == Reason.unknown_format
    assert "source.format to prompt-guard" in why.sentence


def test_labels_of_meta_s_models_are_read_if_the_settings_name_the_format() -> None:
    only = Reader((BY_NAME["prompt-guard"],), ENVELOPES, Context(), max_depth=32)
    events = only.events(only.recognise(b'[{"label": "LABEL_1", "score": 0.9}]'))
    assert events is not None
    assert (events[0]["verdict"], events[0]["score"]) == ("flag", 0.9)


def test_a_number_under_v_does_not_make_a_record_canonical_also_in_a_block_of_canonical_events() -> None:
    canonical = b'{"v":1,"guardrail":"g"}'
    decoded = new_decoder().decode(block_of([canonical, sample("azure-openai.key-v").value, b'{"v":2}']))
    assert [(why.row, why.reason) for why in decoded.rejected] == [(2, Reason.wrong_version)]
    assert decoded.batch.offset.tolist() == [0] + [1] * len(sample("azure-openai.key-v").events)


@pytest.mark.parametrize(
    "record",
    [
        {"id": "c", "trace_id": "t", "call_type": "acompletion", "guardrail_information": None},
        {"request_id": "c", "call_type": "acompletion", "metadata": '{"guardrail_information": null}'},
        {"id": "c", "object": "chat.completion.chunk", "choices": [{"index": 0, "content_filter_results": {}}]},
        {"schemaType": "ModelInvocationLog", "requestId": "r", "output": {"outputBodyJson": {"stop_reason": "stop"}}},
    ],
)  # fmt: skip
def test_a_call_that_no_guardrail_looked_at_is_counted_as_that(record: dict[str, Any]) -> None:
    assert rejected(record).reason == Reason.not_judged


def kept(one: Sample) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """The values of a record that are read: (path, value)."""
    found = new_reader().recognise(one.value)
    if found.format is None or found.envelopes or isinstance(found.record, str) or found.record != one.record:
        return
    for path, (_, is_kept) in zip(spots(one.record), leaves(one.record, found.format.keep), strict=False):
        value = one.record
        for key in path:
            value = value[key]
        if is_kept:
            yield path, value


@every_sample
def test_booleans_as_text_are_read_as_what_they_spell(sample: Sample) -> None:
    for path, value in kept(sample):
        if isinstance(value, bool):
            for said in (str(value), str(value).lower(), int(value)):
                assert read(put(sample.record, path, said)) == sample.events, path


@every_sample
def test_numbers_as_text_are_read_as_what_they_spell(sample: Sample) -> None:
    for path, value in kept(sample):
        if isinstance(value, int | float) and not isinstance(value, bool):
            assert read(put(sample.record, path, json.dumps(value))) == sample.events, path


OPEN = {"guardrailCoverage", "doubleValue"}
"""Where a large number is none of nonsense: how much was looked at, and a score on a scale that nobody knows."""


@every_sample
@pytest.mark.parametrize("nonsense", ["high", "yes please", 7e9])
def test_a_score_or_flag_that_cannot_be_read_is_no_event_with_less_in_it(sample: Sample, nonsense: Any) -> None:
    """A value that is read and is nonsense makes no event of another verdict, and none without its score."""
    told = [(event.get("score"), event.get("threshold"), event.get("verdict")) for event in sample.events]
    for path, value in kept(sample):
        if isinstance(value, bool | int | float) and not (
            nonsense == 7e9 and (OPEN & set(path) or sample.format in ("evaluation-scores", "datadog"))
        ):
            try:
                events = read(put(sample.record, path, nonsense))
            except Rejection:
                continue
            assert [(event.get("score"), event.get("threshold"), event.get("verdict")) for event in events] == told, (
                path
            )


def test_percentages_are_shares() -> None:
    record = sample("openai-moderation.flagged").record
    scores = {"violence": "61 %", "hate": "0.5%", "self-harm": 0.25}
    told = read(record | {"results": [{"category_scores": scores}]})
    assert [event["score"] for event in told] == [0.61, 0.005, 0.25]
    assert rejected(record | {"results": [{"category_scores": {"violence": "161%"}}]}).reason == Reason.out_of_range


@pytest.mark.parametrize(("score", "read_as"), [(1.0000001192092896, 1.0), (-1.4e-9, 0.0)])
def test_a_rounding_error_outside_of_the_scale_is_its_end(score: float, read_as: float) -> None:
    assert read({"label": "JAILBREAK", "score": score})[0]["score"] == read_as
    assert rejected({"label": "JAILBREAK", "score": 1.2}).sentence == "score is 1.2; allowed is 0 to 1"


def test_an_entry_of_an_unknown_status_loses_no_other_entry() -> None:
    good = {"guardrail_name": "a", "guardrail_status": "success"}
    odd = {"guardrail_name": "b", "guardrail_status": "guardrail_pondered"}
    assert [(event["guardrail"], event.get("verdict")) for event in read({"guardrail_information": [good, odd]})] == [
        ("a", "allow"),
        ("b", None),
    ]
    assert rejected({"guardrail_information": [odd]}).reason == Reason.unknown_value


def test_chunks_of_one_stream_are_one_look() -> None:
    chunk = sample("azure-openai.chunk").record
    later = chunk | {"created": chunk["created"] + 1}
    first, second = (new_decoder().decode(block_of([json.dumps(one).encode()])).batch for one in (chunk, later))
    assert first.event_id.tolist() == second.event_id.tolist()
    assert 0 not in first.event_id.tolist()


@pytest.mark.parametrize(
    ("name", "score", "label", "semantics", "read_as"),
    [
        ("Toxicity", 0.9, "fail", None, 0.9),
        ("Toxicity", 0.1, "pass", None, 0.1),
        ("Groundedness", 0.9, "pass", "inverted", 0.9),
        ("own-quality", 0.9, "pass", "inverted", 0.9),
        ("own-quality", 0.2, "fail", "inverted", 0.2),
        ("Ungroundedness", 0.9, "fail", None, 0.9),
        ("Groundedness", 1, "fail", None, None),
        ("Groundedness", 4, "pass", None, None),
    ],
)
def test_label_and_score_together_say_which_end_of_an_evaluation_is_bad(
    name: str, score: float, label: str, semantics: str | None, read_as: float | None
) -> None:
    said = {
        "name": {"stringValue": name},
        "score.value": {"doubleValue": score},
        "score.label": {"stringValue": label},
    }
    attributes = [{"key": f"gen_ai.evaluation.{key}", "value": value} for key, value in said.items()]
    (event,) = read({"eventName": "gen_ai.evaluation.result", "attributes": attributes})
    assert (event.get("score_semantics"), event.get("score")) == (semantics, read_as)


@pytest.mark.parametrize("form", [one for one in FORMATS if one.guardrail], ids=lambda form: form.name)
@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"error": {"code": 401, "message": "Unauthorized"}}, "error"),
        ({"error": "Rate limit exceeded: 100 per 1 minute"}, "error"),
        ({"detail": "Invalid API key"}, "error"),
        ({"statusCode": 429, "message": "Rate limit is exceeded. Try again in 5 seconds."}, "error"),
        ({"code": 504, "message": "upstream"}, "timeout"),
        ({"errorType": "x", "errorMessage": "2026-01-01 Task timed out after 3.00 seconds"}, "timeout"),
    ],
)
def test_an_error_in_place_of_an_answer_is_an_error_of_the_guardrail_that_the_settings_name(
    form: Format, body: dict[str, Any], status: str
) -> None:
    only = Reader((form,), ENVELOPES, Context(), max_depth=32)
    assert only.events(only.recognise(json.dumps(body).encode())) == [{"guardrail": form.guardrail, "status": status}]


@pytest.mark.parametrize(
    "body", [{"error": "no such table"}, {"error": {"code": "E42", "message": "x"}}, {"message": "x"}]
)
def test_an_error_that_does_not_say_whose_it_is_is_of_no_format(body: dict[str, Any]) -> None:
    assert rejected(body).reason == Reason.unknown_format


def test_of_several_records_in_one_each_is_read_or_has_its_own_reason() -> None:
    """As LiteLLM's generic API writes them: an array of calls, of which some had no guardrail."""
    entry = {"guardrail_name": "a", "guardrail_status": "success"}
    call = {"id": "c", "trace_id": "t", "call_type": "acompletion"}
    batch = [
        call | {"guardrail_information": [entry]},
        call,
        call | {"guardrail_information": [entry | {"duration": 1}]},
    ]
    batch.append(call | {"guardrail_information": [{"guardrail_name": "b", "guardrail_status": "pondered"}]})
    decoded = new_decoder().decode(block_of([json.dumps(batch).encode()]))
    assert decoded.batch.offset.tolist() == [0, 0]
    assert sorted(why.reason for why in decoded.rejected) == [Reason.not_judged, Reason.unknown_value]


def test_choices_of_one_chunk_are_looks_of_their_own() -> None:
    results = {"hate": {"filtered": False, "severity": "safe"}}
    choices = [{"index": place, "content_filter_results": results} for place in (0, 1)]
    chunk = sample("azure-openai.chunk").record | {"choices": choices}
    assert len({event["event_id"] for event in read(chunk)}) == 2


def test_an_intervention_that_no_assessment_explains_is_kept() -> None:
    """A response is contradictory or cut: what is certain is that the guardrail stopped something."""
    seen = {"invocationMetrics": {"guardrailProcessingLatency": 1}}
    answer = {"action": "GUARDRAIL_INTERVENED", "assessments": [seen, seen], "outputs": [], "usage": {}}
    assert [event["verdict"] for event in read(answer)] == ["deny", "allow", "allow"]
    trace = {
        "amazon-bedrock-guardrailAction": "INTERVENED",
        "amazon-bedrock-trace": {"guardrail": {"input": {"g": seen}}},
    }
    assert [event["verdict"] for event in read(trace)] == ["deny", "allow"]


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ({"outputBodyS3Path": "s3://b/k"}, Reason.no_verdict),
        ({"outputBodyJson": {"type": "message", "stop_reason": "end_turn"}}, Reason.not_judged),
        ({"outputBodyJson": "text"}, Reason.not_judged),
    ],
)
def test_an_invocation_log_without_a_guardrail_s_report_has_its_reason(
    output: dict[str, Any], reason: Reason
) -> None:
    assert rejected({"schemaType": "ModelInvocationLog", "requestId": "r", "output": output}).reason == reason


def test_a_score_whose_bad_end_is_not_known_is_refused_with_the_way_out() -> None:
    score = sample("evaluation-scores.langfuse-quality").record | {"name": "toxicity", "value": 0.9}
    why = rejected(score)
    assert (why.reason, "source.thresholds" in why.sentence) == (Reason.no_verdict, True)
    assert [(event["score"], event["threshold"]) for event in read(score, "toxicity >= 0.5")] == [(0.9, 0.5)]
    (event,) = read(score, "toxicity <= 0.5")
    assert event["score_semantics"] == "inverted"


AZURE = {
    "model": "gpt-x",
    "choices": [],
    "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {"hate": {"filtered": False}}}],
}


@pytest.mark.parametrize("unit", [1, 1_000, 1_000_000, 1_000_000_000])
def test_a_source_that_changes_its_unit_of_time_is_read_right(unit: int) -> None:
    seconds = 1_767_225_601
    otel = sample("otel.evaluation").record
    said = {"timeUnixNano": str(seconds * unit), "observedTimeUnixNano": "0"}
    logs = otel["resourceLogs"][0]["scopeLogs"][0]["logRecords"] if "resourceLogs" in otel else [otel]
    for log in (json.loads(json.dumps(logs[0])) | said, {"created": seconds * unit} | AZURE):
        assert {event["time"] for event in read(log)} == {seconds * 1_000}

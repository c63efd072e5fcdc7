"""Any JSON by JMESPath expressions: what they select, what they must not do, and how it fits beside the formats."""

from __future__ import annotations

import json
from typing import Any

import jmespath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.events.batch import Verdict, Vocabulary
from monitor.events.formats.expressions import Expression, Scope
from monitor.events.formats.mapping import mapping_format
from monitor.events.reasons import Reason
from monitor.events.schema import BY_NAME
from monitor.settings import Settings
from monitor.settings.formats import Mapping
from monitor.wiring.decoding import block_decoder
from tests.unit.events.blocks import KEY, block_of
from tests.unit.events.formats.samples import sample

RECORD = {
    "ts": 1767225600.25,
    "request": {"id": "r-1", "prompt": "tell me a secret"},
    "checks": [
        {"name": "toxicity", "points": 80, "limit": 50, "blocked": True},
        {"name": "injection", "points": 10, "limit": 50, "blocked": False},
    ],
}
MAPPING = {
    "when": "checks",
    "guardrail": "name",
    "score": "points",
    "threshold": "limit",
    "verdict": "blocked",
    "verdicts": ["true = deny", "false = allow"],
    "stage": "'input'",
    "highest": 100,
    "events": "checks",
}
ANY = "type(@) == 'object'"
"""A condition that holds of every object: what the other rules must withstand."""


def decode(source: dict[str, Any], *records: Any) -> Any:
    given = Settings.model_validate(
        {"source": {"files": {"paths": "x.jsonl"}, **source}, "budget": {"pages": 1}},
    )
    values = [record if isinstance(record, bytes) else json.dumps(record).encode() for record in records]
    return block_decoder(given, Vocabulary.bounded(), KEY).decode(block_of(values))


def test_one_record_gives_one_event_per_element() -> None:
    decoded = decode({"format": "mapping", "mapping": MAPPING}, RECORD)
    assert decoded.rejected == []
    batch = decoded.batch
    assert [batch.vocabulary.guardrail.text(code) for code in batch.guardrail] == ["toxicity", "injection"]
    assert batch.score.tolist() == pytest.approx([0.8, 0.1])
    assert batch.threshold.tolist() == pytest.approx([0.5, 0.5])
    assert batch.verdict.tolist() == [Verdict.deny, Verdict.allow]


def test_times_are_read_in_seconds_and_texts_are_fingerprinted_and_dropped() -> None:
    mapping = {
        "when": "request",
        "guardrail": "'g'",
        "time": "ts",
        "text": "request.prompt",
        "request_id": "request.id",
    }
    batch = decode({"format": "mapping", "mapping": mapping}, RECORD).batch
    assert batch.time_ms.tolist() == [1767225600250]
    assert batch.input_length.tolist() == [16]
    assert batch.fingerprint[0] != 0


def test_with_auto_a_mapping_reads_what_no_other_format_does() -> None:
    decoded = decode({"mapping": MAPPING}, sample("lakera.guard").value, RECORD, {"v": 1, "guardrail": "own"}, b"[")
    names = [decoded.batch.vocabulary.guardrail.text(code) for code in decoded.batch.guardrail]
    assert names == ["lakera", "lakera", "lakera", "toxicity", "injection", "own"]
    assert [why.reason for why in decoded.rejected] == [Reason.invalid_json]


@pytest.mark.parametrize(
    ("mapping", "reason"),
    [
        ({"guardrail": "nothing", "text": "request.prompt"}, Reason.missing_field),
        ({"guardrail": "ts", "score": "ts"}, Reason.wrong_type),
        ({"guardrail": "'g'", "score": "ts"}, Reason.out_of_range),
        ({"guardrail": "'g'", "score": "abs(request)"}, Reason.wrong_type),
        ({"guardrail": "'g'", "score": "request.id"}, Reason.wrong_type),
        ({"guardrail": "'g'", "score": "ts", "verdict": "'maybe'", "highest": 1_000_000}, Reason.out_of_range),
        ({"guardrail": "'g'", "verdict": "request.id"}, Reason.unknown_value),
        ({"guardrail": "'g'", "verdict": "request.id", "verdicts": ["r-2 = deny"]}, Reason.unknown_value),
        ({"guardrail": "'g'", "verdict": "request", "verdicts": ["r-2 = deny"]}, Reason.unknown_value),
        ({"guardrail": "'g'", "verdict": "x", "events": "request"}, Reason.wrong_type),
        ({"guardrail": "'g'", "verdict": "x", "events": "nothing"}, Reason.no_verdict),
        ({"guardrail": "'g'", "verdict": "x"}, Reason.no_verdict),
        ({"guardrail": "'g'", "verdict": "ts", "when": "nothing"}, Reason.unknown_format),
        ({"guardrail": "'g'", "verdict": "ts", "when": "abs(request) > `1`"}, Reason.unknown_format),
    ],
)
def test_what_an_expression_cannot_give_refuses_the_record(mapping: dict[str, Any], reason: Reason) -> None:
    decoded = decode({"format": "mapping", "mapping": {"when": ANY, **mapping}}, RECORD)
    assert len(decoded.batch) == 0
    assert [why.reason for why in decoded.rejected] == [reason]
    assert "secret" not in decoded.rejected[0].sentence


@pytest.mark.parametrize(
    "verdict",
    [
        "blocked && 'deny' || 'allow'",
        "result.blocked && 'deny' || flagged && 'flag' || 'allow'",
        "!blocked && 'allow' || 'deny'",
        "outcome == 'hit' && 'deny' || 'allow'",
        "(json(body).hit == `true` && 'deny') || 'allow'",
        "contains(['a', 'b'], outcome) && 'deny' || 'allow'",
        "hits[?score > `1`] && 'deny' || 'allow'",
        "root().blocked && 'deny' || 'allow'",
        "[outcome][0] && 'deny' || 'allow'",
    ],
)
def test_a_verdict_that_finds_nothing_is_missing_and_never_its_last_alternative(verdict: str) -> None:
    strangers = [{"call": "chat", "tokens": 12}, {"feedback": {"reason": "SAFETY"}}, {}]
    for source in ({"mapping": {"when": ANY, "guardrail": "'g'", "verdict": verdict}},):
        decoded = decode(source, *strangers)
        assert len(decoded.batch) == 0
        assert [why.reason for why in decoded.rejected] == [Reason.no_verdict] * 3
        scored = {"mapping": source["mapping"] | {"score": "s"}}
        [missing] = decode(scored, {"s": 0.5}).batch.verdict
        assert missing not in set(Verdict)


def test_a_verdict_that_finds_what_it_decides_by_has_its_last_alternative() -> None:
    mapping = {"when": ANY, "guardrail": "'g'", "verdict": "blocked && 'deny' || flagged && 'flag' || 'allow'"}
    records = [{"blocked": True}, {"blocked": False}, {"flagged": True}, {"flagged": False, "blocked": None}]
    verdicts = decode({"mapping": mapping}, *records).batch.verdict.tolist()
    assert verdicts == [Verdict.deny, Verdict.allow, Verdict.flag, Verdict.allow]


def test_a_mapping_leaves_records_that_it_is_not_for_to_the_dead_letters() -> None:
    mapping = {
        "when": "kind == 'check'",
        "guardrail": "'g'",
        "verdict": "hit",
        "verdicts": ["true=deny", "false=allow"],
    }
    decoded = decode({"mapping": mapping}, {"kind": "check", "hit": True}, {"kind": "call", "hit": True}, {"x": 1})
    assert decoded.batch.offset.tolist() == [0]
    assert [why.reason for why in decoded.rejected] == [Reason.unknown_format] * 2


def test_words_numbers_and_booleans_are_translated_and_unknown_ones_rejected() -> None:
    lines = ["BLOCK = deny", "pass = allow", "true = deny", "2 = flag"]
    mapping = {"when": ANY, "guardrail": "'g'", "verdict": "o", "verdicts": lines}
    decoded = decode({"mapping": mapping}, *({"o": one} for one in ("block", " Pass", True, 2, False, "secret", 2.5)))
    assert decoded.batch.verdict.tolist() == [Verdict.deny, Verdict.allow, Verdict.deny, Verdict.flag]
    assert [why.reason for why in decoded.rejected] == [Reason.unknown_value] * 3
    assert all("secret" not in why.sentence for why in decoded.rejected)


def test_elements_reach_the_whole_record_objects_unroll_and_json_in_text_is_reached() -> None:
    mapping = {
        "when": "json(body).results",
        "events": "items(json(body).results)",
        "guardrail": "key",
        "score": "value.score",
        "request_id": "root().id",
        "time": "root().ts",
    }
    body = json.dumps({"results": {"pii": {"score": 0.75}, "toxicity": {"score": 0.5}}})
    decoded = decode({"mapping": mapping}, {"id": "r", "ts": 1767225600, "body": body}, {"body": "no JSON"})
    batch = decoded.batch
    assert [batch.vocabulary.guardrail.text(code) for code in batch.guardrail] == ["pii", "toxicity"]
    assert (batch.score.tolist(), batch.time_ms.tolist()) == ([0.75, 0.5], [1767225600000] * 2)
    assert len(set(batch.request_id.tolist())) == 1
    assert [why.reason for why in decoded.rejected] == [Reason.unknown_format]


PATHS = ["a", "a.b", "a.b.c", '"a".b', "a.b != `null`", "b.a != `null`", "`0.5`", "'word'", "`null`", "`false`"]
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-2, 2), st.text(max_size=2)),
    lambda inner: st.one_of(st.dictionaries(st.sampled_from("abc"), inner, max_size=3), st.lists(inner, max_size=2)),
    max_leaves=6,
)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(PATHS), JSON)
def test_plain_paths_give_what_the_interpreter_gives(text: str, record: Any) -> None:
    expression = Expression("x", text, Scope())
    found = jmespath.search(text, record)
    assert expression(record) == found
    assert expression.holds(record) is (found is not None and found is not False and found not in ("", [], {}))


@pytest.mark.parametrize("as_text", [True, False])
def test_an_inner_record_is_handed_to_its_own_format(as_text: bool) -> None:
    inside = sample("lakera.guard").record
    unwrap = {"when": "vendor", "record": "raw", "request_id": "call", "app": "product", "time": "at"}
    record = {"vendor": "l", "raw": json.dumps(inside) if as_text else inside, "product": "chat", "at": 1767225600}
    decoded = decode({"unwrap": unwrap}, record, {"vendor": "x"}, {"vendor": "x", "raw": [inside, {"x": 1}]})
    batch = decoded.batch
    assert {batch.vocabulary.guardrail.text(code) for code in batch.guardrail} == {"lakera"}
    assert batch.offset.tolist() == [0, 0, 0, 2, 2, 2]
    assert batch.vocabulary.app.text(batch.app[0]) == "chat"
    assert [(why.offset, why.reason) for why in decoded.rejected] == [
        (1, Reason.no_verdict),
        (2, Reason.unknown_format),
    ]


@pytest.mark.parametrize(
    ("mapping", "sentence"),
    [
        ({"guardrail": "'g'", "score": "s"}, "when"),
        ({"when": "s", "score": "s"}, "guardrail"),
        ({"when": "s", "guardrail": "g"}, "must be an expression that reads the record"),
        ({"when": "s", "guardrail": "g", "verdict": "'allow'", "score": "`0.5`"}, "reads the record"),
        ({"when": "s", "guardrail": "g", "score": "s", "verdicts": ["a = deny"]}, "add verdict"),
        ({"when": "s", "guardrail": "g", "verdict": "v", "verdicts": ["a = no"]}, "is not of the form"),
        ({"when": "s", "guardrail": "g", "verdict": "v", "verdicts": ["a = deny", "A = allow"]}, "given twice"),
        ({"when": "s", "guardrail": "g", "score": "parse(s)"}, "no function"),
        ({"when": "s", "guardrail": "g", "score": "a.["}, "is not JMESPath"),
    ],
)
def test_a_mapping_that_cannot_be_meant_is_refused(mapping: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        decode({"mapping": mapping}, RECORD)


def test_an_expression_that_is_none_or_a_field_that_is_none_is_told() -> None:
    with pytest.raises(ValueError, match=r"mapping\.score"):
        mapping_format({"guardrail": "name", "score": "a.["}, when="a")
    with pytest.raises(ValueError, match="not a field of the canonical event"):
        mapping_format({"gardrail": "name"}, when="a")


def test_every_canonical_field_that_makes_sense_can_be_mapped() -> None:
    assert set(BY_NAME) - set(Mapping.model_fields) == {"v"}
    assert set(Mapping.model_fields) - set(BY_NAME) == {"events", "highest", "when", "verdicts"}

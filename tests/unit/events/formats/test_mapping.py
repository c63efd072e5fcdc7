"""Any JSON by JMESPath expressions: what they select, what they must not do, and how it fits beside the formats."""

from __future__ import annotations

import json
from typing import Any

import pytest

from monitor.events.batch import Verdict, Vocabulary
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
    "guardrail": "name",
    "score": "points",
    "threshold": "limit",
    "verdict": "blocked && 'deny' || 'allow'",
    "stage": "'input'",
    "highest": 100,
    "events": "checks",
}


def decode(source: dict[str, Any], *records: Any) -> Any:
    settings = Settings.model_validate(
        {"source": {"files": {"paths": "x.jsonl"}, **source}, "budget": {"pages": 1}},
    )
    values = [record if isinstance(record, bytes) else json.dumps(record).encode() for record in records]
    return block_decoder(settings, Vocabulary.bounded(), KEY).decode(block_of(values))


def test_one_record_gives_one_event_per_element() -> None:
    decoded = decode({"format": "mapping", "mapping": MAPPING}, RECORD)
    assert decoded.rejected == []
    batch = decoded.batch
    assert [batch.vocabulary.guardrail.text(code) for code in batch.guardrail] == ["toxicity", "injection"]
    assert batch.score.tolist() == pytest.approx([0.8, 0.1])
    assert batch.threshold.tolist() == pytest.approx([0.5, 0.5])
    assert batch.verdict.tolist() == [Verdict.deny, Verdict.allow]


def test_times_are_read_in_seconds_and_texts_are_fingerprinted_and_dropped() -> None:
    mapping = {"guardrail": "'g'", "time": "ts", "text": "request.prompt", "request_id": "request.id"}
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
        ({"guardrail": "nothing"}, Reason.missing_field),
        ({"guardrail": "ts"}, Reason.wrong_type),
        ({"guardrail": "'g'", "score": "ts"}, Reason.out_of_range),
        ({"guardrail": "'g'", "score": "abs(request)"}, Reason.wrong_type),
        ({"guardrail": "'g'", "verdict": "'maybe'"}, Reason.unknown_value),
        ({"guardrail": "'g'", "events": "request"}, Reason.wrong_type),
        ({"guardrail": "'g'", "events": "nothing"}, Reason.no_verdict),
    ],
)
def test_what_an_expression_cannot_give_refuses_the_record(mapping: dict[str, str], reason: Reason) -> None:
    decoded = decode({"format": "mapping", "mapping": mapping}, RECORD)
    assert len(decoded.batch) == 0
    assert [why.reason for why in decoded.rejected] == [reason]
    assert "secret" not in decoded.rejected[0].sentence


def test_an_expression_that_is_none_or_a_field_that_is_none_is_told() -> None:
    with pytest.raises(ValueError, match=r"mapping\.score"):
        mapping_format({"guardrail": "name", "score": "a.["})
    with pytest.raises(ValueError, match="not a field of the canonical event"):
        mapping_format({"gardrail": "name"})


def test_every_canonical_field_that_makes_sense_can_be_mapped() -> None:
    assert set(BY_NAME) - set(Mapping.model_fields) == {"v", "fingerprint", "labels"}
    assert set(Mapping.model_fields) - set(BY_NAME) == {"events", "highest"}

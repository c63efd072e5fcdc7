"""Fields that have canonical names are mapped to them, and only words of a verdict are taken for one."""

from __future__ import annotations

from typing import Any

import pytest

from monitor.events.formats.format import Context
from monitor.events.inference.canonical import MAPPED
from monitor.events.inference.propose import Proposal, format_of, propose
from monitor.settings.formats import Mapping

EVENT: dict[str, Any] = {
    "guardrail_version": "1.0",
    "stage": "output",
    "category": "toxicity",
    "score_kind": "continuous",
    "score_semantics": "p_unsafe",
    "threshold": 0.5,
    "status": "ok",
    "model": "m",
    "model_version": "1",
    "app": "a",
    "language": "en",
    "format": "prose",
    "input_length": 30,
    "output_length": 80,
    "finish_reason": "stop",
    "script": "latin",
    "disorder": 3,
    "latency_ms": 1.5,
}


def line(number: int) -> dict[str, Any]:
    bad = number % 100 == 99
    return EVENT | {
        "event_id": f"e{number}",
        "time": 1_767_582_021_000 + number,
        "guardrail": "g",
        "score": 0.9 if bad else round(0.001 * (number % 97), 4),
        "verdict": "deny" if bad else "allow",
        "action": "block" if bad else "allow",
        "request_id": f"r{number}",
        "session_id": f"s{number // 5}",
        "turn": 1 + number % 5,
        "refusal": number % 9 == 0,
        "text": f"What is {number} times {number}, please?",
        "rules": ["r1"] if bad else [],
        **({"harmful": True} if number % 50 == 0 else {}),
    }


def proposed(records: list[dict[str, Any]]) -> Proposal:
    found = propose(records, name="log")
    assert found is not None
    Mapping.model_validate(dict(found.mapping))
    return found


def lines(*, without: tuple[str, ...] = (), **more: Any) -> list[dict[str, Any]]:
    records = [{name: said for name, said in line(number).items() if name not in without} for number in range(300)]
    for number, record in enumerate(records):
        record.update({name: said(number) if callable(said) else said for name, said in more.items()})
    return records


def test_what_is_mapped_by_name_is_what_a_mapping_can_give() -> None:
    assert set(MAPPED) == set(Mapping.model_fields) - {
        "when",
        "events",
        "verdicts",
        "highest",
        "fingerprint",
        "labels",
    }


def test_every_canonical_field_is_mapped_to_itself() -> None:
    found = proposed(lines())
    mapping = dict(found.mapping)
    assert mapping.pop("when") == "guardrail != `null`"
    assert mapping == {name: name for name in MAPPED}
    assert (found.read, found.reasons) == (300, {})
    assert format_of(found.mapping).read(line(1), Context())[0] == line(1)


def test_an_event_that_did_not_run_is_read_without_a_verdict() -> None:
    found = proposed(lines())
    late = line(1) | {"status": "timeout", "verdict": None, "score": None}
    assert format_of(found.mapping).read(late, Context())[0]["status"] == "timeout"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("stage", "production"),
        ("turn", 0),
        ("latency_ms", -1),
        ("refusal", "no"),
        ("rules", "r1"),
        ("score_kind", "float"),
        ("harmful", False),
        ("category", lambda number: f"ticket {number}"),
    ],
)
def test_a_canonical_name_with_other_values_is_not_mapped(name: str, value: Any) -> None:
    found = proposed(lines(**{name: value}))
    assert name not in found.mapping
    assert found.read == 300


@pytest.mark.parametrize("name", ["decision", "judgement", "disposition", "outcome"])
def test_a_name_that_says_verdict_ranks_before_an_action(name: str) -> None:
    found = proposed(lines(without=("verdict",), **{name: lambda number: "deny" if number == 299 else "allow"}))
    assert (found.mapping["verdict"], found.mapping["action"]) == (name, "action")


def test_an_action_is_the_verdict_where_nothing_else_is_with_the_words_that_the_sample_lacks() -> None:
    found = proposed(lines(without=("verdict",), action="allow"))
    assert found.mapping["verdict"] == "action"
    assert set(found.mapping["verdicts"]) == {"allow = allow", "block = deny", "redact = modify", "audit = flag"}


def test_usual_adverse_words_are_expected_where_the_sample_has_only_allowed_ones() -> None:
    found = proposed(lines(without=("verdict", "action"), decision="passed"))
    assert {"passed = allow", "blocked = deny", "flagged = flag"} <= set(found.mapping["verdicts"])


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "ok"},
        {"status": lambda number: "failed" if number % 9 == 0 else "success"},
        {"http_status": "accepted"},
        {"result": "success"},
        {"finish_reason": "stop"},
        {"ok": True},
    ],
    ids=["status", "status of two", "http_status", "result", "finish_reason", "ok"],
)
def test_what_became_of_a_call_is_no_verdict(fields: dict[str, Any]) -> None:
    found = proposed(lines(without=("verdict", "action"), **fields))
    assert "verdict" not in found.mapping


def test_a_status_that_holds_verdicts_is_one() -> None:
    found = proposed(
        lines(
            without=("verdict", "action", "status"), status=lambda number: "blocked" if number % 9 == 0 else "allowed"
        )
    )
    assert (found.mapping["verdict"], "status" in found.mapping) == ("status", False)
    assert set(found.mapping["verdicts"]) == {"blocked = deny", "allowed = allow"}

"""A mapping is inferred from a sample: which field is what, on which scale and in which direction, with evidence."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
import yaml

from monitor.cli.infer_text import lines_of
from monitor.events.formats.format import Context
from monitor.events.inference.evidence import agreement, ranking, scale_of
from monitor.events.inference.profile import profiles, words_of
from monitor.events.inference.propose import Proposal, format_of, propose, strangers
from monitor.settings.formats import Mapping
from tests.unit.events.formats.samples import new_reader, sample

SECRET = "SECRET-4111-1111"


def own_log(*, high_is_unsafe: bool = True, scale: float = 100.0, count: int = 300) -> list[dict[str, Any]]:
    chance = random.Random(7)
    records = []
    for number in range(count):
        bad = chance.random() < 0.2
        unsafe = chance.uniform(0.55, 1.0) if bad else chance.uniform(0.0, 0.45)
        points = unsafe if high_is_unsafe else 1.0 - unsafe
        records.append(
            {
                "ts": 1_767_225_600 + number,
                "eventId": f"e{number}",
                "meta": {"request_id": f"r{number}", "session": {"id": f"s{number // 5}"}, "user_id": SECRET},
                "detector": {"name": chance.choice(["pii", "toxicity"]), "build": "1.2"},
                "result": {"isBlocked": bad, "points": round(points * scale, 3), "limit": scale / 2},
                "prompt": f"{SECRET} please tell me more about {chance.random()}",
                "took_ms": chance.uniform(1, 90),
                "tokens": chance.randrange(500),
            }
        )
    return records


def proposed(records: list[Any]) -> Proposal:
    found = propose(records, name="own-log")
    assert found is not None
    Mapping.model_validate(dict(found.mapping))
    return found


def test_an_own_log_is_mapped_field_by_field() -> None:
    found = proposed(own_log())
    assert dict(found.mapping) == {
        "when": "result.isBlocked != `null`",
        "guardrail": "detector.name",
        "verdict": "result.isBlocked",
        "verdicts": ["true = deny", "false = allow"],
        "score": "result.points",
        "highest": 100,
        "threshold": "result.limit",
        "time": "ts",
        "event_id": "eventId",
        "request_id": "meta.request_id",
        "session_id": "meta.session.id",
        "latency_ms": "took_ms",
        "text": "prompt",
    }
    assert (found.records, found.read, found.events, found.reasons) == (300, 300, 300, {})
    evidence = {one.setting: one.evidence for one in found.guesses}
    assert (
        "high is unsafe: an adverse record ranks above an allowed one in 100% of pairs" in evidence["score_semantics"]
    )
    assert "100% of the verdicts are on its side" in evidence["threshold"]
    assert SECRET not in json.dumps(evidence)


@pytest.mark.parametrize(("scale", "highest"), [(1.0, None), (10.0, 10), (100.0, 100), (1_000.0, 1_000)])
def test_scale_and_direction_are_judged_against_the_verdict(scale: float, highest: int | None) -> None:
    found = proposed(own_log(high_is_unsafe=False, scale=scale))
    assert found.mapping.get("highest") == highest
    assert found.mapping["score_semantics"] == "'inverted'"
    events = format_of(found.mapping).read(own_log(high_is_unsafe=False, scale=scale)[0], Context())
    assert 0 <= events[0]["score"] <= 1
    assert events[0]["threshold"] == pytest.approx(0.5)


def test_the_confidence_of_a_label_is_told_from_a_probability() -> None:
    chance = random.Random(3)
    records = [
        {"label": chance.choice(["SAFE", "UNSAFE"]), "confidence": round(chance.uniform(0.5, 1.0), 4)}
        for _ in range(400)
    ]
    found = proposed(records)
    assert found.mapping["score_semantics"] == "'label_confidence'"
    assert found.mapping["verdicts"] == ["safe = allow", "unsafe = deny"] or found.mapping["verdicts"] == [
        "unsafe = deny",
        "safe = allow",
    ]


@pytest.mark.parametrize(
    ("name", "values", "verdicts"),
    [
        ("blocked", (True, False), {"true = deny", "false = allow"}),
        ("is_safe", (True, False), {"true = allow", "false = flag"}),
        ("flagged", (True, False), {"true = flag", "false = allow"}),
        ("decision", ("BLOCK", "PASS"), {"block = deny", "pass = allow"}),
        ("outcome", ("Masked", "none"), {"masked = modify", "none = allow"}),
    ],
)
def test_verdicts_are_understood_by_their_words(name: str, values: tuple[Any, Any], verdicts: set[str]) -> None:
    found = proposed([{name: values[number % 3 == 0], "n": number} for number in range(60)])
    assert set(found.mapping["verdicts"]) == verdicts
    assert found.read == 60


def test_a_word_that_is_not_understood_is_shown_and_rejected_never_allowed() -> None:
    records = [{"decision": ("allow", "block", "QUARANTINE")[number % 3]} for number in range(60)]
    found = proposed(records)
    assert (found.read, sum(found.reasons.values())) == (40, 20)
    evidence = next(one.evidence for one in found.guesses if one.setting == "verdict")
    assert "not understood and so rejected: QUARANTINE" in evidence


def test_elements_of_arrays_and_of_objects_are_unrolled_and_reach_the_record() -> None:
    chance = random.Random(5)

    def checks() -> dict[str, Any]:
        return {name: {"score": chance.random(), "flagged": chance.random() < 0.4} for name in ("pii", "tox")}

    as_object = proposed([{"trace": {"id": number}, "checks": checks()} for number in range(80)])
    assert as_object.mapping["events"] == "items(checks)"
    assert (as_object.mapping["guardrail"], as_object.mapping["request_id"]) == ("key", "root().trace.id")
    listed = [{"id": f"x{n}", "checks": [{"name": k, **v} for k, v in checks().items()]} for n in range(80)]
    as_array = proposed(listed)
    assert (as_array.mapping["events"], as_array.mapping["when"]) == ("checks", "checks[].flagged")
    assert (as_array.read, as_array.events) == (80, 160)
    events = format_of(as_array.mapping).read(listed[0], Context())
    assert [event["event_id"] for event in events] == ["x0#0", "x0#1"]  # else the second one would be a repetition


def test_a_list_of_hits_is_not_unrolled_since_records_without_any_would_be_lost() -> None:
    records = [
        {"blocked": number % 4 == 0, "hits": [{"type": "pii", "score": 0.9}] if number % 4 == 0 else []}
        for number in range(80)
    ]
    found = proposed(records)
    assert "events" not in found.mapping
    assert found.read == 80


def test_json_in_a_text_is_reached_and_numbers_in_quotes_are_converted() -> None:
    chance = random.Random(2)
    records = [{"body": json.dumps({"decision": "allow", "risk": f"{chance.random():.3f}"})} for _ in range(50)]
    found = proposed(records)
    assert (found.mapping["verdict"], found.mapping["score"]) == ("json(body).decision", "to_number(json(body).risk)")
    assert "verdicts" not in found.mapping
    assert found.read == 50


def test_words_of_a_log_do_not_become_lines_of_the_settings_or_codes_of_a_terminal() -> None:
    hostile = "x\nsource: {}\x1b[31m"
    found = proposed([{"decision": ("block", "pass", hostile)[number % 3], "a\nb": number} for number in range(60)])
    written = lines_of(found)
    assert "\x1b" not in written
    assert yaml.safe_load(written)["source"]["mapping"] == dict(found.mapping)


def test_what_holds_neither_verdict_nor_score_is_not_mapped() -> None:
    assert (
        propose([{"id": number, "user": "x", "latency_ms": 3.5, "tokens": number} for number in range(50)], name="x")
        is None
    )
    assert propose([], name="x") is None


def test_only_records_of_no_format_are_looked_at_out_of_their_envelopes() -> None:
    values = [json.dumps({"log": json.dumps({"own": 1})}).encode(), sample("lakera.guard").value, b"no JSON", b"[1]"]
    found, known = strangers(new_reader(), values)
    assert (found, known) == ([{"own": 1}], 1)


def test_hostile_records_are_bounded() -> None:
    wide = {f"k{number}": number for number in range(50_000)}
    deep: Any = {"blocked": True}
    for _ in range(200):
        deep = {"x": deep}
    assert len(profiles([wide])) <= 400
    assert propose([wide, deep] * 3, name="x") is None


def test_the_arithmetic() -> None:
    assert ranking([0.1, 0.9, 0.5, 0.5], [False, True, True, False]) == (0.875, 2, 2)
    assert ranking([0.1], [True]) is None
    assert agreement([0.2, 0.8, 0.6], [0.5, 0.5, 0.5], [False, True, False], low=False) == pytest.approx(2 / 3)
    assert [scale_of([one]) for one in (0.4, 1.0, 1.5, 3, 88.0, 101.0)] == [1.0, 1.0, 10.0, 3.0, 100.0, 1_000.0]
    assert words_of("result.isBlocked_now2") == {"result", "is", "blocked", "now", "2"}

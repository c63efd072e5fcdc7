"""The stream is valid, ordered, lazy and repeatable, and its scores are the classifiers' own."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice, pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from monitor.demo.classifiers import Guardrail
from monitor.demo.corpus import Prompt
from monitor.demo.traffic import MICRO_BATCH, Phase, TrafficSettings, traffic
from monitor.demo.wire import Record
from monitor.errors import SettingsError

START_MS = 1_750_000_000_000
PHASES = (
    Phase(name="baseline", requests=400),
    Phase(name="normal", requests=101),  # not a multiple of the micro-batch
    Phase(name="probing", requests=300, probe_share=0.5),
)
# The canonical event, version 1.
FIELDS = frozenset(
    {"v", "event_id", "time", "request_id", "session_id", "turn", "app", "language", "format", "text", "rules"}
    | {"guardrail", "guardrail_version", "stage", "category", "model", "model_version", "latency_ms"}
    | {"score", "score_kind", "score_semantics", "threshold", "verdict", "action", "status"}
    | {"input_length", "output_length", "refusal"}
)

Stream = Callable[..., Iterator[Record]]


@pytest.fixture(scope="module")
def stream(
    prompts: tuple[Prompt, ...], guardrails: tuple[Guardrail, Guardrail], language: Callable[[str], str]
) -> Stream:
    def build(*, seed: int = 7, rate: float = 2.0, phases: tuple[Phase, ...] = PHASES) -> Iterator[Record]:
        settings = TrafficSettings(seed=seed, start_ms=START_MS, rate=rate, phases=phases)
        return traffic(settings, prompts=prompts, guardrails=guardrails, language=language, timer=lambda: 0.0)

    return build


@pytest.fixture(scope="module")
def records(stream: Stream) -> list[Record]:
    return list(stream())


@pytest.fixture(scope="module")
def events(records: list[Record]) -> list[dict[str, Any]]:
    return [json.loads(record.value) for record in records]


def _near(events: Sequence[dict[str, Any]], guardrail: str) -> float:
    scores = np.array([event["score"] for event in events if event["guardrail"] == guardrail])
    return float(np.mean(np.abs(scores - 0.5) <= 0.1))


def test_every_event_has_exactly_the_canonical_fields(events: list[dict[str, Any]]) -> None:
    assert {frozenset(event) for event in events} == {FIELDS}


def test_values_are_in_their_ranges(events: list[dict[str, Any]]) -> None:
    for event in events:
        assert (event["v"], event["stage"], event["status"]) == (1, "input", "ok")
        assert (event["score_kind"], event["score_semantics"]) == ("continuous", "p_unsafe")
        assert 0.0 <= event["score"] <= 1.0
        denied = event["score"] >= event["threshold"]
        assert (event["verdict"], event["action"]) == (("deny", "block") if denied else ("allow", "allow"))
        assert event["input_length"] == len(event["text"]) > 0
        assert len(event["language"]) == 2
        assert event["turn"] >= 1
    assert len({event["event_id"] for event in events}) == len(events)


def test_time_never_goes_back_and_is_the_records_timestamp(
    records: list[Record], events: list[dict[str, Any]]
) -> None:
    assert all(one.time_ms <= two.time_ms for one, two in pairwise(records))
    assert records[0].time_ms >= START_MS
    assert all(record.time_ms == event["time"] for record, event in zip(records, events, strict=True))


def test_requests_arrive_at_the_rate(stream: Stream) -> None:
    phase = (Phase(name="baseline", requests=900),)
    ends = [list(stream(rate=rate, phases=phase))[-1].time_ms - START_MS for rate in (2.0, 20.0)]
    assert ends[0] == pytest.approx(450_000, rel=0.15)  # 900 exponential gaps: standard deviation 3.3 %
    assert ends[0] == pytest.approx(10 * ends[1], rel=1e-3)


def test_both_guardrails_judge_each_request_and_the_session_is_the_key(
    records: list[Record], events: list[dict[str, Any]]
) -> None:
    assert len(events) == 2 * sum(phase.requests for phase in PHASES)
    for one, two in zip(events[::2], events[1::2], strict=True):
        assert (one["guardrail"], two["guardrail"]) == ("prompt-injection", "toxicity")
        for field in ("request_id", "session_id", "time", "text", "turn", "app", "language"):
            assert one[field] == two[field]
    assert all(r.key.decode() == event["session_id"] for r, event in zip(records, events, strict=True))


def test_turns_of_a_session_count_up_in_order(events: list[dict[str, Any]]) -> None:
    last: dict[str, int] = {}
    for event in events[::2]:
        assert event["turn"] == last.get(event["session_id"], 0) + 1
        last[event["session_id"]] = event["turn"]


def test_scores_are_what_the_classifiers_say_about_the_text(
    events: list[dict[str, Any]], guardrails: tuple[Guardrail, Guardrail]
) -> None:
    for offset, guardrail in enumerate(guardrails):
        own = events[offset::2]
        again = guardrail.score([event["text"] for event in own])
        np.testing.assert_allclose([event["score"] for event in own], again, rtol=1e-12)


def test_the_campaign_has_exactly_its_share_and_three_sessions(
    records: list[Record], events: list[dict[str, Any]], prompts: tuple[Prompt, ...]
) -> None:
    published = {prompt.text for prompt in prompts}
    probing = [e for r, e in zip(records, events, strict=True) if r.phase == "probing"][::2]
    busiest = Counter(event["session_id"] for event in probing).most_common(3)
    assert [count for _, count in busiest] == [50, 50, 50]
    attackers = {session for session, _ in busiest}
    others = [event for event in probing if event["session_id"] not in attackers]
    assert all(event["text"] in published for event in others)


def test_probing_crowds_the_attacked_guardrail_and_leaves_the_other_alone(
    records: list[Record], events: list[dict[str, Any]]
) -> None:
    phased = list(zip(records, events, strict=True))
    before = [event for record, event in phased if record.phase != "probing"]
    during = [event for record, event in phased if record.phase == "probing"]
    assert _near(before, "prompt-injection") < 0.01
    assert _near(during, "prompt-injection") > 0.10
    assert _near(during, "toxicity") < 0.03


def test_the_same_settings_give_the_same_bytes(stream: Stream, records: list[Record]) -> None:
    assert list(stream()) == records


def test_another_seed_gives_another_stream(stream: Stream, records: list[Record]) -> None:
    assert [r.value for r in islice(stream(seed=8), 50)] != [r.value for r in records[:50]]


def test_nothing_is_scored_before_it_is_asked_for(
    prompts: tuple[Prompt, ...], guardrails: tuple[Guardrail, Guardrail], language: Callable[[str], str]
) -> None:
    scored = 0

    def counting(texts: Sequence[str]) -> NDArray[np.float64]:
        nonlocal scored
        scored += len(texts)
        return guardrails[0].score(texts)

    settings = TrafficSettings(seed=7, start_ms=START_MS, rate=2.0, phases=PHASES)
    records = traffic(
        settings, prompts=prompts, guardrails=(replace(guardrails[0], score=counting),), language=language
    )
    assert scored == 0
    list(islice(records, MICRO_BATCH))
    assert scored == MICRO_BATCH
    next(records)
    assert scored == 2 * MICRO_BATCH


def test_latency_is_measured_by_the_given_timer(
    prompts: tuple[Prompt, ...], guardrails: tuple[Guardrail, Guardrail], language: Callable[[str], str]
) -> None:
    reading = iter(range(10_000))
    settings = TrafficSettings(seed=7, start_ms=START_MS, rate=2.0, phases=PHASES[:1])
    records = traffic(
        settings, prompts=prompts, guardrails=guardrails, language=language, timer=lambda: next(reading) / 1000
    )
    assert {json.loads(record.value)["latency_ms"] for record in islice(records, 20)} == {1.0}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: TrafficSettings(seed=1, start_ms=0, rate=0.0), "rate .* got 0.0"),
        (lambda: TrafficSettings(seed=1, start_ms=0, rate=float("nan")), "rate .* got nan"),
        (lambda: Phase(name="x", requests=-1), "'x'.* got -1"),
        (lambda: Phase(name="x", requests=1, probe_share=0.6), "0..0.5, got 0.6"),
    ],
)
def test_impossible_settings_are_refused(wrong: Callable[[], object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        wrong()

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from monitor.findings.model import Contribution, Effect, Finding, Unit
from monitor.incidents.model import Severity
from monitor.incidents.severity import higher, severity_of
from monitor.incidents.words import change, due_to, moment, number, plain, rfc3339, sentence, title
from tests.unit.alerting.record import PHRASES, T0, notice, page


@pytest.mark.parametrize(
    ("baseline", "current", "events", "unit", "text"),
    [
        (0.011, 0.10294, 204, Unit.share, "1.1 % -> 10.3 % (21 of 204)"),
        (0.3, 0.06, 50, Unit.share, "30 % -> 6 % (3 of 50)"),
        (0.0, 0.032, 0, Unit.share, "0 % -> 3.2 %"),
        (1.0, 0.9998, 5_000, Unit.share, "100 % -> 99.98 % (4,999 of 5,000)"),
        (1e-6, 0.0123, 7, Unit.share, "0.0001 % -> 1.2 %"),
        (12.0, 48.2, 14_460, Unit.per_second, "12 -> 48 events per second"),
        (0.0074, 0.052, 204, Unit.weight, "0.0074 -> 0.052"),
    ],
)
def test_a_change_is_two_levels_with_their_unit_and_the_events_behind_a_share(
    baseline: float, current: float, events: int, unit: Unit, text: str
) -> None:
    assert change(Effect(baseline=baseline, current=current, ratio=None, unit=unit), events=events) == text


def test_a_title_says_where_what_how_much_and_since_when() -> None:
    assert title(page(), PHRASES) == (
        "prompt-injection (jailbreak): share of scores near the threshold 2 % -> 28 % since 03:12 UTC"
    )


def test_a_question_without_a_phrase_is_named() -> None:
    assert sentence(page(), {}).startswith("boundary proximity (near threshold) 2 % -> 28 %")


@pytest.mark.parametrize(
    ("signal", "question", "effect", "text"),
    [
        (
            "coverage",
            "silence",
            {"baseline": 118.6, "current": 0.0, "unit": Unit.events},
            "no verdicts where about 119",
        ),
        ("coverage", "source_silent", {"baseline": 1.0, "current": 0.0}, "no event of any guardrail since"),
        (
            "contradictions",
            "contradiction_share",
            {"baseline": 0.0, "current": 0.25},
            "25 % of verdicts contradict their own score and threshold (103 of 412) since",
        ),
        (
            "layer_bypass",
            "join_misses",
            {"baseline": 0.0, "current": 0.5},
            "share of outputs whose request is not found",
        ),
        (
            "input_length",
            "any_change",
            {"baseline": 0.0, "current": 0.5},
            "share of the part of input length that moved",
        ),
        (
            "x",
            "y",
            {"baseline": 0.0, "current": 0.5, "summary": "7 near-duplicates"},
            "7 near-duplicates since 03:12",
        ),
        (
            "x",
            "y",
            {"baseline": 0.0, "current": 0.5, "what": "share of long prompts"},
            "share of long prompts 0 % -> 50 %",
        ),
    ],
)
def test_each_rule_says_what_happened(signal: str, question: str, effect: dict[str, Any], text: str) -> None:
    finding = msgspec.structs.replace(page(signal=signal, question=question), effect=Effect(ratio=None, **effect))
    assert sentence(finding, {}).startswith(text)


def shares(*parts: tuple[str, str, float]) -> Finding:
    return msgspec.structs.replace(
        page(), attribution=tuple(Contribution(what=what, name=name, share=share) for what, name, share in parts)
    )


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ([("mix", "who asks", 0.0), ("behaviour", "how it is judged", 1.0)], ()),
        ([("bin", "allow/allow", 0.5), ("bin", "deny/block", 0.5)], ()),
        ([("bin", "deny/block", 1.0)], ()),
        ([("bin", "deny/block", 0.9), ("bin", "flag/allow", 0.07), ("bin", "deny/allow", 0.03)],
         ("deny/block 90 %, flag/allow 7 %",)),
        ([("mix", "who asks", 0.3), ("behaviour", "how", 0.7)],
         ("change in traffic mix 30 %, in judging the same kinds 70 %",)),
        ([("stratum", "app=chat", 1.0), ("release", "2, before: 1", 1.0)], ("app=chat 100 %",)),
    ],
)  # fmt: skip
def test_what_it_is_due_to_leaves_out_what_tells_nothing_apart(
    parts: list[tuple[str, str, float]], text: tuple[str, ...]
) -> None:
    assert due_to(shares(*parts)) == text


def test_an_onset_of_another_day_carries_its_date() -> None:
    assert moment(T0, day_of_ms=T0 + 3_600_000) == "03:12 UTC"
    assert moment(T0, day_of_ms=T0 + 24 * 3_600_000) == "2026-11-23 03:12 UTC"
    assert rfc3339(T0 + 5) == "2026-11-23T03:12:00.005Z"


@pytest.mark.parametrize(("value", "said"), [(0.0, "0"), (0.00002, "2.0e-05"), (0.0321, "0.032"), (9.96, "10")])
def test_numbers_have_two_digits_that_matter(value: float, said: str) -> None:
    assert number(value) == said


@pytest.mark.parametrize("text", ["a\x1b[31mb", "a\u202eb", "a\u200bb", "a\r\nb", "a\ud800b", "a\x00b"])
def test_a_name_becomes_one_printable_line(text: str) -> None:
    assert plain(text).isprintable()
    assert len(plain(text * 1000)) <= 80


def test_severity_follows_the_table_and_only_rises() -> None:
    assert severity_of(page()) is Severity.error
    assert severity_of(page(signal="coverage", question="not_run_rise")) is Severity.critical
    assert severity_of(page(signal="volume", question="silence")) is Severity.critical
    assert severity_of(notice()) is Severity.warning
    assert higher(Severity.critical, Severity.error) is Severity.critical
    assert higher(Severity.warning, Severity.error) is Severity.error

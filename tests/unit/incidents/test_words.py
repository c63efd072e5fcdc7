from __future__ import annotations

import pytest

from monitor.findings.model import Direction, Effect
from monitor.incidents.model import Severity
from monitor.incidents.severity import higher, severity_of
from monitor.incidents.words import change, moment, number, plain, rfc3339, sentence, title
from tests.unit.alerting.record import PHRASES, T0, notice, page


@pytest.mark.parametrize(
    ("baseline", "current", "ratio", "direction", "said"),
    [
        (0.02, 0.28, 14.0, Direction.rise, "is 14 x its baseline"),
        (0.2, 0.3, 1.5, Direction.rise, "is 1.5 x its baseline"),
        (0.3, 0.06, 0.2, Direction.fall, "is 0.2 x its baseline"),
        (0.0, 0.032, None, Direction.rise, "is 0.032 where its baseline is 0"),
        (1.2, 0.0, 0.0, Direction.fall, "has fallen to zero (baseline 1.2)"),
        (0.5, 0.5, 1.0, Direction.change, "has changed its distribution"),
        (1e-6, 0.0123, 12300.0, Direction.rise, "is 12,300 x its baseline"),
    ],
)
def test_a_change_is_said_as_a_person_would(
    baseline: float, current: float, ratio: float | None, direction: Direction, said: str
) -> None:
    assert change(Effect(baseline=baseline, current=current, ratio=ratio), direction) == said


def test_a_title_says_where_what_how_much_and_since_when() -> None:
    assert title(page(), PHRASES) == (
        "prompt-injection (jailbreak): share of scores near the threshold is 14 x its baseline since 03:12 UTC"
    )


def test_a_question_without_a_phrase_is_named() -> None:
    assert sentence(page(), {}).startswith("boundary proximity (near threshold) is 14 x")


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

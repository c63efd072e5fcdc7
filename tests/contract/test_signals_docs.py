"""The table of signals in the README is that of the registry."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import monitor.signals
from monitor.findings.model import ANY_CHANGE, Promise
from monitor.judging.findings.promises import promise_of, stated
from monitor.signals.registry import SIGNALS
from tests.contract import promise_tables

README = (Path(monitor.signals.__file__).parent / "README.md").read_text(encoding="utf-8")
SECTION = README.split("\n## ")[0]


def test_the_readme_s_table_has_every_signal_with_what_may_page() -> None:
    rows = [line.split("|")[1:-1] for line in SECTION.splitlines() if line.startswith("| `")]
    told = sorted((row[0].strip(" `"), re.findall(r"`(\w+)`", row[3])) for row in rows)
    assert told == sorted((signal.name, [question.name for question in signal.questions]) for signal in SIGNALS)


def test_the_table_of_promises_is_what_the_judge_states() -> None:
    assert promise_tables.written() == promise_tables.promises_table(), (
        "run python -m tests.contract.promise_tables and read the difference"
    )


def test_every_question_of_every_signal_is_stated_once_with_its_promise() -> None:
    said = [(one.signal, one.question) for one in stated()]
    assert len(set(said)) == len(said)
    for signal in SIGNALS:
        for question in signal.questions:
            assert promise_of(signal.name, question.name) is question.promise
        assert ((signal.name, ANY_CHANGE) in said) == bool(signal.alternatives)
        assert any(name == signal.name for name, _ in said)


def test_a_question_that_nobody_states_has_no_promise_and_bursts_are_promised_nothing() -> None:
    with pytest.raises(LookupError, match="boundary_proximity/nonsense"):
        promise_of("boundary_proximity", "nonsense")
    assert promise_of("repetition", ANY_CHANGE) is Promise.rule
    assert promise_of("verdict_mix", ANY_CHANGE) is Promise.proved
    assert promise_of("verdict_mix", ANY_CHANGE, bursts=3.0) is Promise.rule
    # a burst counts as one event: how well that does is simulated
    assert promise_of("verdict_mix", "adverse_rise", bursts=3.0) is Promise.calibrated


def test_of_a_baseline_that_spans_too_little_nothing_is_proved_yet() -> None:
    provisional = {one: promise_of(*one, provisional=True) for one in {(s.signal, s.question) for s in stated()}}
    assert provisional["verdict_mix", "adverse_rise"] is Promise.provisional
    assert provisional["verdict_mix", ANY_CHANGE] is Promise.provisional
    assert promise_of("verdict_mix", ANY_CHANGE, bursts=3.0, provisional=True) is Promise.rule
    proved = {one for one, promise in provisional.items() if promise is Promise.proved}
    assert {signal for signal, _ in proved} <= {"traffic_mix", "release_delta"}  # those rest on no such baseline

"""The control register: what is declared beside what was seen."""

from __future__ import annotations

from monitor.counts.model import Slice
from monitor.incidents.controls import Control, Entry, Seen, register, stated
from monitor.judging.control_register import newest


def seen(guardrail: str, *, threshold: float | None = 0.5, version: str = "1", category: str = "") -> Seen:
    return Seen(guardrail=guardrail, guardrail_version=version, category=category, stage="input", threshold=threshold)


def by_name(entries: list[Entry]) -> dict[str, Entry]:
    return {entry.guardrail: entry for entry in entries}


def test_a_guardrail_that_was_seen_without_a_statement_is_undefined() -> None:
    entries = by_name(register({"shield": Control(prohibits="x")}, [seen("shield"), seen("pii")]))
    assert list(entries) == ["pii", "shield"]
    assert entries["pii"].control is None
    assert not entries["pii"].in_order
    assert entries["shield"].in_order


def test_a_guardrail_that_is_declared_and_was_never_seen_is_listed_as_such() -> None:
    (entry,) = register({"shield": Control(prohibits="x", threshold=0.5)}, [])
    assert not entry.seen
    assert entry.in_order


def test_a_threshold_in_the_log_that_is_not_the_declared_one_disagrees() -> None:
    declared = {"shield": Control(prohibits="x", threshold=0.5)}
    logged = [
        seen("shield", category="a"),
        seen("shield", category="b", threshold=0.8),
        seen("shield", threshold=None),
    ]
    (entry,) = register(declared, logged)
    assert [(one.category, one.declared, one.logged) for one in entry.disagreements] == [("b", 0.5, 0.8)]
    assert entry.thresholds == (0.5, 0.8)
    assert not entry.in_order


def test_thresholds_are_compared_in_the_thousandths_in_which_they_are_kept() -> None:
    (entry,) = register({"shield": Control(prohibits="x", threshold=0.33333)}, [seen("shield", threshold=0.333)])
    assert entry.disagreements == ()


def test_only_the_newest_stream_counts_and_an_event_without_a_score_says_nothing() -> None:
    def piece(version: str, threshold_milli: int) -> Slice:
        return Slice("shield", version, "", "input", "continuous", "p_unsafe", threshold_milli, "", "", "", "", "")

    (found,) = newest({3: piece("2", 700), 1: piece("1", 500), 4: piece("2", -1)})
    assert (found.guardrail_version, found.threshold) == ("2", 0.7)


def test_a_statement_in_a_message_is_one_safe_line() -> None:
    said = stated(Control(prohibits="a\x1b[31m\nb", owner="o\u202e"))
    assert said == {"prohibits": "a [31m b", "evaluated": "", "threshold": None, "owner": "o"}
    assert stated(None) is None

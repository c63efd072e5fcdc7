"""The type of a finding follows its company, and the incident's follows its pages."""

from __future__ import annotations

from itertools import permutations

import msgspec
import pytest

from monitor.findings.model import EVERY_GUARDRAIL, Finding, IncidentType
from monitor.incidents import lifecycle
from tests.unit.alerting.record import HOUR, MINUTE, T0, Judge, ended, notice, page, sqlite_stores

CROWDING = page("f1")
DENIALS = page("f2", onset=T0 + MINUTE, signal="verdict_mix", question="adverse_rise", ratio=3.0)
LENGTH = notice("f3", onset=T0 + MINUTE, signal="input_length", question="any_change")
TIMEOUTS = page("f4", onset=T0 + 2 * MINUTE, signal="coverage", question="not_run_rise")


def stored(judge: Judge) -> dict[str, str]:
    with judge.stores.alerts.transaction() as store:
        return {each.id: each.trouble.value for each in store.findings() if each.trouble is not None}


def test_a_notice_that_belongs_to_no_incident_is_typed_too(judge: Judge) -> None:
    told = judge.finds(notice("n", signal="traffic_mix", question="any_change"))
    assert told.trouble is IncidentType.benign_shift
    assert told.trouble_rule.startswith("other_requests: ")
    assert stored(judge) == {"n": "benign_traffic_shift"}
    assert judge.incidents() == []


def test_a_page_that_joins_changes_the_type_of_the_findings_before_it_and_of_the_incident(judge: Judge) -> None:
    judge.finds(DENIALS)
    assert [incident.trouble for incident in judge.incidents()] == [IncidentType.attack_wave]
    judge.finds(TIMEOUTS)
    assert stored(judge) == {"f2": "fail_open", "f4": "fail_open"}
    (incident,) = judge.incidents()
    assert incident.trouble is IncidentType.fail_open
    assert incident.trouble_rule.startswith("not_judged: ")
    assert judge.kinds() == ["opened", "finding_added", "typed"]
    change = judge.timeline()[-1].data
    assert (change["was"], change["incident_trouble"]) == ("attack_wave", "fail_open")
    assert judge.deeds() == [(1, "trigger"), (1, "update")]  # the page that joined says it: one message, not two


def test_a_notice_that_changes_the_type_of_an_incident_is_told_of_as_an_update(judge: Judge) -> None:
    judge.finds(page("f", signal="verdict_mix", question="adverse_fall"))
    judge.sent(), judge.sent("chat")
    judge.finds(notice("n", signal="contradictions", question="contradiction_share"))
    assert judge.kinds() == ["opened", "notice_added", "typed"]
    (told,) = judge.sent()
    assert told.notification.body["incident"]["trouble"] == "data_fault"  # type: ignore[index]
    assert told.notification.body["timeline"]["kind"] == "typed"  # type: ignore[index]


def test_a_notice_that_changes_nothing_is_told_to_nobody(judge: Judge) -> None:
    judge.finds(DENIALS)
    judge.sent()
    judge.finds(LENGTH)
    assert judge.sent() == []
    assert judge.kinds() == ["opened", "notice_added"]
    (incident,) = judge.incidents()
    with judge.stores.alerts.transaction() as store:
        first = store.finding("f2")
    assert first is not None
    assert first.trouble_rule.startswith("more_unsafe_and_another_kind: ")  # another rule for the same type
    assert incident.trouble is IncidentType.attack_wave


def test_the_message_says_type_and_rule_of_incident_and_finding(judge: Judge) -> None:
    judge.finds(CROWDING)
    body = judge.sent()[0].notification.body
    for part in (body["incident"], body["finding"]):
        assert part["trouble"] == "probing"  # type: ignore[index]
        assert part["trouble_rule"].startswith("crowding_outgrows_denials: ")  # type: ignore[index]


@pytest.mark.parametrize(
    "order", list(permutations([CROWDING, DENIALS, TIMEOUTS])), ids=lambda order: "-".join(f.id for f in order)
)
def test_in_whatever_order_findings_are_said_their_types_end_up_the_same(order: tuple[Finding, ...]) -> None:
    with sqlite_stores() as stores:
        judge = Judge(stores)
        for finding in order:
            judge.finds(finding, at=T0 + 10 * MINUTE)
        assert stored(judge) == dict.fromkeys(("f1", "f2", "f4"), "fail_open")
        assert [incident.trouble for incident in judge.incidents()] == [IncidentType.fail_open]


def test_what_fired_at_another_time_or_at_another_guardrail_has_no_say(judge: Judge) -> None:
    judge.finds(CROWDING)
    judge.finds(page("late", onset=T0 + 3 * HOUR, signal="coverage", question="not_run_rise"))
    judge.finds(page("other", guardrail="toxicity", signal="coverage", question="not_run_rise"))
    assert stored(judge) == {"f1": "probing", "late": "fail_open", "other": "fail_open"}


def test_who_asks_concerns_every_guardrail_and_signs_of_an_attack_at_any_of_them_concern_who_asks(
    judge: Judge,
) -> None:
    surge = notice("mix", guardrail=EVERY_GUARDRAIL, signal="traffic_mix", question="mix_change")
    judge.finds(surge)
    judge.finds(page("fall", guardrail="toxicity", signal="verdict_mix", question="any_change"))
    assert stored(judge) == {"mix": "unclassified", "fall": "unclassified"}
    judge.finds(page("wave", signal="verdict_mix", question="adverse_rise"))
    judge.finds(page("open", guardrail="pii", signal="coverage", question="not_run_rise"))
    assert stored(judge)["mix"] == "attack_wave"
    assert stored(judge)["open"] == "fail_open"
    with judge.stores.alerts.transaction() as store:
        wave = store.finding("wave")
    assert wave is not None
    assert wave.trouble_rule.startswith("more_unsafe_and_another_kind: ")


@pytest.mark.parametrize("signal", [("campaign", "cluster_rise"), ("repetition", "any_change")])
def test_variants_that_another_guardrail_on_the_prompts_finds_are_of_one_type(
    judge: Judge, signal: tuple[str, str]
) -> None:
    variants = notice("variants", guardrail="toxicity", signal=signal[0], question=signal[1])
    judge.finds(variants)
    assert stored(judge) == {"variants": "unclassified"}
    judge.finds(msgspec.structs.replace(DENIALS, stage="input"))
    assert stored(judge) == {"variants": "attack_wave", "f2": "attack_wave"}
    judge.finds(notice("scores", guardrail="toxicity", signal="score_shift", question="any_change"))
    assert stored(judge)["scores"] == "unclassified"  # scores are the guardrail's own


def test_a_quiet_night_says_nothing_about_the_morning(judge: Judge) -> None:
    judge.finds(notice("night", guardrail=EVERY_GUARDRAIL, signal="coverage", question="source_silent"))
    judge.finds(notice("mix", guardrail=EVERY_GUARDRAIL, signal="traffic_mix", question="mix_change"))
    judge.finds(DENIALS)
    assert stored(judge) == {"night": "data_fault", "mix": "attack_wave", "f2": "attack_wave"}


def test_the_end_of_a_finding_and_the_same_version_again_leave_the_type_alone(judge: Judge) -> None:
    judge.finds(DENIALS)
    judge.finds(LENGTH)
    before = judge.kinds()
    judge.finds(ended(DENIALS, T0 + HOUR))
    judge.finds(ended(DENIALS, T0 + HOUR))
    assert judge.kinds() == [*before, "finding_ended", "all_ended"]
    assert stored(judge) == {"f2": "attack_wave", "f3": "attack_wave"}


def test_the_type_of_a_closed_incident_stays_as_people_left_it(judge: Judge) -> None:
    judge.finds(DENIALS)
    judge.finds(ended(DENIALS, T0 + 4 * MINUTE))
    with judge.stores.alerts.transaction() as store:
        lifecycle.resolve(store, 1, actor="ana", now_ms=T0 + 5 * MINUTE, text="over")
        lifecycle.close(store, 1, actor="ana", now_ms=T0 + 6 * MINUTE, text="learned")
    before = judge.kinds()
    judge.finds(notice("n", signal="contradictions", question="contradiction_share"))
    assert judge.incidents()[0].trouble is IncidentType.attack_wave
    assert judge.kinds() == before
    assert stored(judge)["f2"] == "data_fault"


def test_an_upgraded_notice_is_typed_as_the_page_that_it_has_become(judge: Judge) -> None:
    judge.finds(notice("f", question="any_change"))
    assert stored(judge) == {"f": "unclassified"}
    judge.finds(msgspec.structs.replace(page("f"), trouble=None))
    assert stored(judge) == {"f": "probing"}

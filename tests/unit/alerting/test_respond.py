from __future__ import annotations

import dataclasses

import msgspec
import pytest

from monitor.alerting.announce import announce
from monitor.alerting.policy import AlertPolicy, Route
from monitor.alerting.respond import respond, still_going_on
from monitor.incidents import lifecycle, timeline
from monitor.incidents.model import Severity, Status
from monitor.storage.stores import open_stores
from tests.unit.alerting.record import HOUR, MINUTE, POLICY, T0, Judge, ended, notice, page


def _does(judge: Judge, act: str, incident_id: int = 1, *, at: int = T0 + 10 * MINUTE, text: str = "because") -> None:
    with judge.stores.alerts.transaction() as store:
        change = getattr(lifecycle, act)(store, incident_id, actor="ana", now_ms=at, text=text)
        announce(store, change)


def test_a_page_opens_an_incident_and_triggers_every_channel_once(judge: Judge) -> None:
    stored = judge.finds(page())
    (incident,) = judge.incidents()
    assert stored.incident_id == incident.id == 1
    assert incident.status is Status.open
    assert incident.severity is Severity.error
    assert incident.title == (
        "prompt-injection (jailbreak): share of scores near the threshold 2 % -> 28 % since 03:12 UTC"
    )
    assert judge.kinds() == ["opened"]
    sent = judge.stores.outbox.claim(now_ms=T0 + HOUR, lease_ms=1, limit=10)
    assert {(each.notification.channel, each.notification.deed.value) for each in sent} == {
        ("pager", "trigger"),
        ("chat", "trigger"),
    }


def test_the_body_names_the_incident_the_finding_the_head_of_the_timeline_and_the_address(judge: Judge) -> None:
    judge.finds(page())
    (entry,) = judge.timeline()
    (incident,) = judge.incidents()
    (pending,) = judge.sent()
    body = pending.notification.body
    assert body["version"] == 1
    assert body["event_action"] == "trigger"
    assert body["dedup_key"] == pending.notification.dedup_key == incident.key
    assert body["timeline"]["seq"] == pending.notification.seq == 1  # type: ignore[index]
    assert body["timeline"]["hash"] == entry.hash  # type: ignore[index]
    assert body["incident"]["name"] == "INC-1"  # type: ignore[index]
    assert body["finding"]["onset"]["from"] == "2026-11-23T03:12:00.000Z"  # type: ignore[index]
    assert body["address"] == "https://driftline.example/incidents/1"


def test_two_deployments_that_find_the_same_give_their_incidents_keys_of_their_own() -> None:
    keys = set()
    for name in ("", "eu", "us", "eu"):
        with open_stores("sqlite://") as stores, stores.alerts.transaction() as store:
            respond(store, page(), now_ms=T0, policy=dataclasses.replace(POLICY, deployment=name))
            keys |= {incident.key for incident in store.incidents()}
    assert len(keys) == 3


def test_a_notice_is_saved_and_opens_nothing(judge: Judge) -> None:
    assert judge.finds(notice()).incident_id is None
    assert judge.incidents() == []
    with judge.stores.alerts.transaction() as store:
        assert store.finding("f1") is not None


def test_a_notice_that_is_upgraded_opens_an_incident(judge: Judge) -> None:
    judge.finds(notice())
    assert judge.finds(page()).incident_id == 1
    assert judge.kinds() == ["opened"]


def test_a_notice_near_an_open_incident_is_told_only_to_channels_that_want_notices(judge: Judge) -> None:
    judge.finds(page())
    judge.sent()
    assert judge.finds(notice("f2", onset=T0 + 5 * MINUTE)).incident_id == 1
    assert judge.kinds() == ["opened", "notice_added"]
    assert judge.stores.outbox.backlog() == 1
    assert judge.deeds("chat") == [(1, "update")]


def test_a_notice_of_an_incident_that_is_upgraded_stays_in_it(judge: Judge) -> None:
    judge.finds(page())
    judge.finds(notice("f2", onset=T0 + 5 * MINUTE))
    judge.finds(page("f2", onset=T0 + 5 * MINUTE))
    assert judge.kinds() == ["opened", "notice_added", "finding_upgraded"]
    assert judge.deeds() == [(1, "trigger"), (1, "update")]


def test_a_second_page_of_the_same_guardrail_extends_the_incident(judge: Judge) -> None:
    judge.finds(page())
    judge.finds(page("f2", onset=T0 + 20 * MINUTE, signal="verdict_mix", question="adverse_rise"))
    (incident,) = judge.incidents()
    assert incident.last_found_ms == T0 + 22 * MINUTE
    assert judge.kinds() == ["opened", "finding_added"]
    assert judge.deeds() == [(1, "trigger"), (1, "update")]


def test_a_page_of_another_guardrail_opens_its_own_incident(judge: Judge) -> None:
    judge.finds(page())
    judge.finds(page("f2", guardrail="toxicity"))
    assert [incident.guardrail for incident in judge.incidents()] == ["prompt-injection", "toxicity"]
    assert judge.incidents()[0].key != judge.incidents()[1].key


def test_an_earlier_onset_found_later_moves_the_incident_s_onset_back(judge: Judge) -> None:
    judge.finds(page())
    judge.finds(page("f2", onset=T0 - 20 * MINUTE, paged=T0 + 5 * MINUTE))
    assert [incident.onset_low_ms for incident in judge.incidents()] == [T0 - 20 * MINUTE]


def test_a_coverage_page_makes_the_incident_critical_and_gives_it_its_title_for_good(judge: Judge) -> None:
    judge.finds(page())
    judge.finds(page("f2", onset=T0 + MINUTE, signal="coverage", question="not_run_rise"))
    judge.finds(page("f3", onset=T0 + 2 * MINUTE))
    (incident,) = judge.incidents()
    assert incident.severity is Severity.critical
    assert "did not judge" in incident.title


def test_the_same_version_a_second_time_changes_nothing(judge: Judge) -> None:
    for version in (notice(), page(), ended(page(), T0 + 30 * MINUTE)):
        judge.finds(version)
        before = (judge.incidents(), judge.timeline() if judge.incidents() else [], judge.stores.outbox.backlog())
        judge.finds(version, at=T0 + 50 * MINUTE)
        after = (judge.incidents(), judge.timeline() if judge.incidents() else [], judge.stores.outbox.backlog())
        assert before == after


def test_a_notice_that_comes_after_its_page_changes_nothing(judge: Judge) -> None:
    stored = judge.finds(page())
    assert judge.finds(notice()) == stored
    assert judge.kinds() == ["opened"]


def test_new_measurements_of_a_page_are_kept_and_nobody_is_told(judge: Judge) -> None:
    judge.finds(page())
    stored = judge.finds(page(ratio=21.0))
    assert stored.incident_id == 1
    assert stored.effect.ratio == 21.0
    with judge.stores.alerts.transaction() as store:
        assert store.finding("f1") == stored
    assert judge.kinds() == ["opened"]


def test_the_last_end_suggests_to_resolve_and_leaves_it_to_people(judge: Judge) -> None:
    judge.finds(page())
    judge.finds(page("f2", onset=T0 + MINUTE))
    judge.finds(ended(page(), T0 + 20 * MINUTE))
    judge.finds(ended(page("f2", onset=T0 + MINUTE), T0 + 25 * MINUTE))
    assert judge.kinds() == ["opened", "finding_added", "finding_ended", "finding_ended", "all_ended"]
    sent = judge.sent()
    assert [each.notification.deed.value for each in sent] == ["trigger", "update", "update", "update"]
    assert "resolve it" in str(sent[-1].notification.body["suggestion"])
    assert judge.incidents()[0].status is Status.open


def test_with_auto_resolve_the_last_end_resolves_as_driftline(judge: Judge) -> None:
    judge.policy = AlertPolicy(routes=(Route(channel="pager"),), auto_resolve=True)
    judge.finds(page())
    judge.finds(ended(page(), T0 + 20 * MINUTE))
    assert judge.incidents()[0].status is Status.resolved
    assert judge.timeline()[-1].actor == "driftline"
    assert judge.deeds() == [(1, "trigger"), (1, "resolve")]


def test_a_finding_that_goes_on_after_its_end_says_so(judge: Judge) -> None:
    judge.finds(page())
    judge.finds(ended(page(), T0 + 20 * MINUTE))
    judge.finds(page(), at=T0 + 30 * MINUTE)
    assert judge.kinds() == ["opened", "finding_ended", "all_ended", "finding_continued"]
    assert [deed for _, deed in judge.deeds()] == ["trigger", "update", "update"]


def test_a_finding_that_goes_on_reopens_a_resolved_incident(judge: Judge) -> None:
    judge.finds(page())
    _does(judge, "acknowledge")
    judge.finds(ended(page(), T0 + 20 * MINUTE))
    _does(judge, "resolve", at=T0 + 25 * MINUTE)
    judge.finds(page(), at=T0 + 30 * MINUTE)
    (incident,) = judge.incidents()
    assert (incident.status, incident.acknowledged_by, incident.resolved_at_ms) == (Status.open, None, None)
    assert judge.deeds()[-2:] == [(1, "resolve"), (1, "trigger")]


def test_a_finding_that_goes_on_after_its_incident_was_closed_opens_another_under_another_key(judge: Judge) -> None:
    judge.finds(page())
    judge.finds(ended(page(), T0 + 20 * MINUTE))
    _does(judge, "resolve", at=T0 + 25 * MINUTE)
    _does(judge, "close", at=T0 + 26 * MINUTE)
    assert judge.finds(page(), at=T0 + 30 * MINUTE).incident_id == 2
    first, second = judge.incidents()
    assert first.key != second.key
    assert (2, "trigger") in judge.deeds()


def test_after_resolution_a_new_onset_opens_a_new_incident(judge: Judge) -> None:
    judge.finds(page())
    _does(judge, "resolve", at=T0 + 10 * MINUTE)
    judge.finds(page("f2", onset=T0 + 15 * MINUTE))
    assert [incident.status for incident in judge.incidents()] == [Status.resolved, Status.open]
    assert judge.timeline(2)[0].data["why"] == "began after the incident before was resolved"


def test_a_page_that_began_before_the_resolution_reopens_the_incident(judge: Judge) -> None:
    judge.finds(page())
    _does(judge, "resolve", at=T0 + 10 * MINUTE)
    judge.finds(page("f2", onset=T0 + 5 * MINUTE, paged=T0 + 20 * MINUTE))
    (incident,) = judge.incidents()
    assert incident.status is Status.open
    assert judge.kinds() == ["opened", "resolved", "reopened"]
    assert [deed for _, deed in judge.deeds()] == ["trigger", "resolve", "trigger"]


def test_the_end_of_a_finding_after_resolution_is_written_down_and_not_sent(judge: Judge) -> None:
    judge.finds(page())
    _does(judge, "resolve")
    judge.finds(ended(page(), T0 + 30 * MINUTE))
    assert judge.kinds() == ["opened", "resolved", "finding_ended"]
    assert [deed for _, deed in judge.deeds()] == ["trigger", "resolve"]


def test_a_backfill_records_and_notifies_nobody_whatever_follows(judge: Judge) -> None:
    late = T0 + 5 * HOUR
    judge.finds(page(), at=late)
    judge.finds(ended(page(), T0 + 20 * MINUTE), at=late)
    _does(judge, "acknowledge", at=late)
    _does(judge, "resolve", at=late)
    assert judge.kinds()[:2] == ["opened", "found_by_backfill"]
    assert judge.incidents()[0].status is Status.resolved
    assert judge.stores.outbox.backlog() == 0


def test_what_a_backfill_found_and_is_not_over_is_told_of_once_judging_has_caught_up(judge: Judge) -> None:
    late = T0 + 5 * HOUR
    judge.finds(page(), at=late)
    assert judge.deeds() == []
    for _ in range(2):
        with judge.stores.alerts.transaction() as store:
            still_going_on(store, page(), now_ms=late, policy=judge.policy)
    assert judge.kinds() == ["opened", "found_by_backfill", "still_going_on"]
    assert judge.deeds() == [(1, "trigger")]


def test_what_a_backfill_found_and_is_over_stays_silent(judge: Judge) -> None:
    late = T0 + 5 * HOUR
    judge.finds(page(), at=late)
    judge.finds(ended(page(), T0 + 20 * MINUTE), at=late)
    with judge.stores.alerts.transaction() as store:
        still_going_on(store, page(), now_ms=late, policy=judge.policy)
    assert judge.stores.outbox.backlog() == 0


def test_live_trouble_that_joins_an_incident_of_a_backfill_triggers(judge: Judge) -> None:
    judge.finds(page(), at=T0 + 3 * HOUR)
    judge.finds(page("f2", onset=T0 + 3 * HOUR))
    assert judge.kinds() == ["opened", "found_by_backfill", "finding_added"]
    assert judge.deeds() == [(1, "trigger")]


def test_a_page_found_just_within_the_limit_is_live(judge: Judge) -> None:
    judge.finds(page(), at=T0 + 2 * MINUTE + HOUR)
    assert judge.deeds() == [(1, "trigger")]


def test_what_people_do_reaches_the_channels_that_know_the_incident(judge: Judge) -> None:
    judge.finds(page())
    _does(judge, "acknowledge")
    _does(judge, "note")
    _does(judge, "resolve")
    _does(judge, "close")
    sent = judge.sent()
    assert [each.notification.deed.value for each in sent] == ["trigger", "acknowledge", "resolve"]
    assert {each.notification.body["address"] for each in sent} == {"https://driftline.example/incidents/1"}
    assert "because" not in str([each.notification.body for each in sent])


def test_what_fails_in_the_transaction_leaves_no_trace(judge: Judge) -> None:
    def fails() -> None:
        with judge.stores.alerts.transaction() as store:
            respond(store, page(), now_ms=T0 + 3 * MINUTE, policy=POLICY)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert judge.incidents() == []
    assert judge.stores.outbox.backlog() == 0


def test_every_timeline_stays_verifiable_and_every_notification_carries_its_head(judge: Judge) -> None:
    judge.finds(page())
    judge.finds(page("f2", onset=T0 + MINUTE))
    _does(judge, "acknowledge")
    judge.finds(ended(page(), T0 + 20 * MINUTE))
    heads = [
        msgspec.convert({key: each.notification.body["timeline"][key] for key in ("seq", "hash")}, timeline.Head)  # type: ignore[index]
        for each in judge.sent()
    ]
    assert len(heads) == 4
    assert timeline.verify(judge.timeline(), heads=heads) is None


def test_hostile_names_reach_titles_and_bodies_as_one_harmless_line(judge: Judge) -> None:
    judge.finds(page(guardrail="\x1b[2Jevil\nINC-2 \u202efake" + "x" * 5000))
    (incident,) = judge.incidents()
    assert incident.title.isprintable()
    assert len(incident.title) <= 250
    (pending,) = judge.sent()
    assert len(msgspec.json.encode(pending.notification.body)) < 5000


@pytest.mark.parametrize("setting", [{"group_window_ms": -1}, {"address": "https://driftline.example"}])
def test_a_policy_that_makes_no_sense_is_refused(setting: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must"):
        AlertPolicy(**setting)  # type: ignore[arg-type]


def test_a_channel_has_one_route() -> None:
    with pytest.raises(ValueError, match="one route"):
        AlertPolicy(routes=(Route(channel="a"), Route(channel="a", notices=True)))


def test_channels_that_saw_a_resolution_are_triggered_anew_after_a_silent_reopening(judge: Judge) -> None:
    judge.finds(page())
    _does(judge, "resolve", at=T0 + 10 * MINUTE)
    judge.finds(page("f2", onset=T0 + 5 * MINUTE), at=T0 + 3 * HOUR)
    judge.finds(page("f3", onset=T0 + 3 * HOUR))
    assert judge.kinds() == ["opened", "resolved", "reopened", "found_by_backfill", "finding_added"]
    assert [deed for _, deed in judge.deeds()] == ["trigger", "resolve", "trigger"]

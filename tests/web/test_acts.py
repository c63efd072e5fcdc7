"""What people do on pages, without a script: forms, refusals, who may what."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from monitor.access.model import Role
from monitor.incidents.case import Verdict
from monitor.incidents.model import Status
from monitor.web.acts import ACTS
from tests.web.site import Place

HOUR_MS = 3_600_000


def secret_of(browser: httpx.Client) -> str:
    """What the forms of this session carry."""
    found = re.search(r'name="form" value="([0-9a-f]{64})"', browser.get("/").text)
    assert found is not None
    return found[1]


def act(browser: httpx.Client, path: str, **fields: object) -> httpx.Response:
    """Send a form, as the browser would."""
    return browser.post(path, data={"form": secret_of(browser), **fields})


def status(place: Place, number: int = 1) -> Status:
    with place.stores.alerts.reading() as store:
        incident = store.incident(number)
    assert incident is not None
    return incident.status


def kinds(place: Place, number: int = 1) -> list[str]:
    with place.stores.alerts.reading() as store:
        return [entry.kind for entry in store.timeline(number)]


def test_from_the_page_to_a_closed_report(own: Place) -> None:
    browser = own.browser(Role.responder, name="ann")
    assert act(browser, "/incidents/1/acknowledge").headers["location"] == "/incidents/1?done=acknowledge"
    assert "acknowledged." in browser.get("/incidents/1?done=acknowledge").text
    assert status(own) is Status.acknowledged
    act(browser, "/incidents/1/note", text="The sessions all come from one address.")
    act(browser, "/incidents/1/triage", verdict="true_positive", functional="low", text="seen in the log")
    act(browser, "/incidents/1/phase", phase="containment", text="the address is limited")
    act(browser, "/incidents/1/resolve", text="the prober was blocked")
    assert act(browser, "/incidents/1/close", text="limit new addresses earlier").status_code == 303
    assert status(own) is Status.closed
    assert [kind for kind in kinds(own) if kind in {"acknowledged", "note", "triaged", "resolved", "closed"}] == [
        "acknowledged",
        "note",
        "triaged",
        "resolved",
        "closed",
    ]
    report = browser.get("/incidents/1/report").text
    assert "limit new addresses earlier" in report
    assert "DRAFT" not in report
    with own.stores.alerts.reading() as store:
        assert store.case(1).verdict is Verdict.true_positive
        assert {entry.actor for entry in store.timeline(1)} == {"driftline", "ann"}


def test_snoozed_escalated_assigned_and_reopened(own: Place) -> None:
    browser = own.browser(Role.responder, name="ann")
    act(browser, "/incidents/1/acknowledge")
    act(browser, "/incidents/1/snooze", minutes="60", text="the vendor answers at nine")
    with own.stores.alerts.reading() as store:
        paging = store.escalation(1)
    assert paging is not None
    assert paging.due_ms == own.clock.now_ms() + HOUR_MS
    act(browser, "/incidents/1/assign", to="ben")
    act(browser, "/incidents/1/escalate", text="needs the model team")
    assert status(own) is Status.open
    act(browser, "/incidents/1/resolve", text="over")
    act(browser, "/incidents/1/reopen", text="it is not")
    assert status(own) is Status.open
    assert kinds(own)[-6:] == ["acknowledged", "snoozed", "assigned", "escalated", "resolved", "reopened"]


def test_what_is_not_allowed_now_is_refused_on_the_page_with_the_reason(own: Place) -> None:
    browser = own.browser(Role.responder)
    refused = act(browser, "/incidents/1/close", text="too early")
    assert refused.status_code == 409
    assert "close needs it resolved" in refused.text
    empty = act(browser, "/incidents/1/resolve", text=" ")
    assert empty.status_code == 422
    assert "Not done." in empty.text
    assert act(browser, "/incidents/1/explode").status_code == 404
    assert act(browser, "/incidents/99/acknowledge").status_code == 404
    assert status(own) is Status.open


def test_two_people_at_once_one_is_told_who_was_faster(own: Place) -> None:
    people = [own.browser(Role.responder, name=name) for name in ("ann", "ben", "kim")]
    with ThreadPoolExecutor() as pool:
        codes = sorted(pool.map(lambda one: act(one, "/incidents/1/acknowledge").status_code, people))
    assert codes == [303, 409, 409]
    assert kinds(own).count("acknowledged") == 1


@pytest.mark.parametrize(
    ("role", "path", "fields", "code"),
    [
        (Role.viewer, "/incidents/1/acknowledge", {}, 403),
        (Role.responder, "/incidents/1/acknowledge", {}, 303),
        (Role.viewer, "/silences", {"reason": "quiet", "minutes": "60"}, 403),
        (Role.responder, "/silences", {"reason": "quiet", "minutes": "60"}, 303),
        (Role.responder, "/baselines/1/approve", {"reason": "x"}, 403),
        (Role.approver, "/baselines/1/approve", {"reason": "x"}, 409),
        (Role.approver, "/credentials/1/revoke", {}, 403),
        (Role.admin, "/credentials/1/revoke", {}, 409),
    ],
)
def test_each_role_may_what_it_may(own: Place, role: Role, path: str, fields: dict[str, str], code: int) -> None:
    assert act(own.browser(role), path, **fields).status_code == code


def test_a_viewer_is_offered_nothing_that_would_be_refused(shown: Place) -> None:
    text = shown.browser(Role.viewer).get("/incidents/1").text
    assert 'action="/incidents' not in text
    assert shown.browser(Role.viewer).get("/audit").status_code == 403


def test_who_acts_on_one_guardrail_alone_is_refused_elsewhere(own: Place) -> None:
    other = own.browser(Role.responder, name="tox", guardrails=("toxicity",))
    assert act(other, "/incidents/1/acknowledge").status_code == 403
    assert act(other, "/silences", reason="all", minutes="60").status_code == 403
    assert act(other, "/silences", reason="mine", minutes="60", guardrail="toxicity").status_code == 303
    mine = own.browser(Role.responder, name="inj", guardrails=("prompt-injection",))
    assert act(mine, "/incidents/1/acknowledge").status_code == 303


def test_a_form_without_the_sessions_secret_or_from_another_site_changes_nothing(own: Place) -> None:
    browser = own.browser(Role.responder)
    good = secret_of(browser)
    bad = [
        browser.post("/incidents/1/acknowledge"),
        browser.post("/incidents/1/acknowledge", data={"form": "0" * 64}),
        browser.post("/incidents/1/acknowledge", data={"form": good}, headers={"Origin": "https://evil.example"}),
        browser.post("/incidents/1/acknowledge", data={"form": good}, headers={"Sec-Fetch-Site": "cross-site"}),
        browser.post("/api/v1/incidents/1/acknowledge", json={}),
        browser.post("/logout", data={"form": "no"}),
    ]
    assert [answer.status_code for answer in bad] == [403] * len(bad)
    assert status(own) is Status.open
    origin = own.address
    fine = browser.post("/incidents/1/acknowledge", data={"form": good}, headers={"Origin": origin})
    assert fine.status_code == 303


def test_a_login_link_works_once_and_a_session_ends(own: Place) -> None:
    code = own.link(Role.responder)
    first, second = own.client(), own.client()
    assert "works once" in first.get("/login", params={"code": code}).text
    answer = first.post("/login", data={"code": code})
    cookie = answer.headers["set-cookie"]
    assert answer.status_code == 303
    assert all(part in cookie for part in ("HttpOnly", "SameSite=strict", "Path=/"))
    assert second.post("/login", data={"code": code}).status_code == 403
    assert first.get("/").status_code == 200
    assert act(first, "/logout").status_code == 303
    assert first.get("/").status_code == 303
    late = own.browser(Role.viewer)
    own.clock.advance(13 * HOUR_MS)
    assert late.get("/").status_code == 303


def test_a_login_link_leads_to_a_page_of_this_site_alone(own: Place) -> None:
    code, client = own.link(Role.viewer), own.client()
    for goal in ("//evil.example", "https://evil.example", "/\\evil.example", "evil", "/a b"):
        assert client.get("/login", params={"code": code, "to": goal}).status_code == 422
        assert client.post("/login", data={"code": code, "to": goal}).status_code == 422
    assert 'name="to" value="/incidents/1"' in client.get("/login", params={"code": code, "to": "/incidents/1"}).text
    assert client.post("/login", data={"code": code, "to": "/incidents/1"}).headers["location"] == "/incidents/1"


def test_an_expired_or_guessed_link_is_refused_and_guessing_is_slowed_down(own: Place) -> None:
    code, client = own.link(), own.client()
    own.clock.advance(11 * 60_000)
    assert client.post("/login", data={"code": code}).status_code == 403
    codes = [client.post("/login", data={"code": f"dll_{number}"}).status_code for number in range(12)]
    assert codes.count(429) == 3
    assert set(codes) == {403, 429}


def test_changes_stand_in_the_audit_trail_under_the_name_of_who_made_them(own: Place) -> None:
    browser = own.browser(Role.admin, name="ann")
    act(browser, "/silences", reason="upgrade", minutes="60", guardrail="toxicity")
    assert act(browser, "/silences/1/end").status_code == 303
    text = browser.get("/audit").text
    for words in ("silence added", "upgrade", "silence ended", "logged in", "ann"):
        assert words in text


def test_a_baseline_is_proposed_approved_and_rolled_back(own: Place) -> None:
    browser = own.browser(Role.approver, name="ann")
    before = browser.get("/api/v1/baselines", params={"state": "approved"}).json()["items"]
    old = next(one for one in before if one["guardrail"] == "prompt-injection" and one["guardrail_version"] == "1")
    fields = {"guardrail": "prompt-injection", "start": "2026-01-01T00:08", "reason": "calm"}
    assert act(browser, "/baselines", end="2030-01-01T00:00", **fields).status_code == 409
    made = act(browser, "/baselines", end="2026-01-01T00:18", **fields)
    assert made.status_code == 303, made.text
    number = int(made.headers["location"].rpartition("/")[2])
    page = browser.get(f"/baselines/{number}").text
    assert "which is in force" in page
    assert act(browser, f"/baselines/{number}/approve", reason="quiet").status_code == 303
    assert f"/baselines/{old['id']}/rollback" in browser.get(f"/baselines/{old['id']}").text
    assert act(browser, f"/baselines/{old['id']}/rollback").status_code == 409
    back = act(browser, f"/baselines/{old['id']}/rollback", reason="the new one was too tight")
    assert back.status_code == 303
    again = own.stores.judge.baseline(int(back.headers["location"].rpartition("/")[2]))
    assert again is not None
    assert again.state.value == "approved"
    assert again.counts == own.stores.judge.baseline(old["id"]).counts  # type: ignore[union-attr]
    assert again.reason == f"back to baseline {old['id']}: the new one was too tight"


def test_every_act_has_a_form_that_its_body_takes(own: Place) -> None:
    offered: set[str] = set()
    browser = own.browser(Role.responder)
    for deed, more in ((None, {}), ("acknowledge", {}), ("triage", {"verdict": "true_positive"}), ("resolve", {})):
        if deed is not None:
            assert act(browser, f"/incidents/1/{deed}", text="because", **more).status_code == 303
        offered |= set(re.findall(r'action="/incidents/1/(\w+)"', browser.get("/incidents/1").text))
    assert offered == set(ACTS)

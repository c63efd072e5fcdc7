"""The API: what it answers, how it refuses, and that asking twice does nothing twice."""

from __future__ import annotations

import threading
import time

import httpx
import pytest

from monitor.access.model import Kind, Role
from monitor.incidents.model import Severity, Status
from monitor.web.acts import ACTS
from monitor.web.api.asking import cursor_of
from tests.web.site import END_MS, Place

MORE = 230


def test_the_document_is_openapi_3_1_and_has_every_act(shown: Place) -> None:
    document = shown.client().get("/api/v1/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert {f"/api/v1/incidents/{{incident_id}}/{name}" for name in ACTS} <= set(document["paths"])
    assert not [path for path in document["paths"] if not path.startswith(("/api/v1/", "/events"))]


def test_without_a_valid_token_there_is_nothing_but_a_problem(shown: Place) -> None:
    for headers in ({}, {"Authorization": "Bearer dlt_wrong"}, {"Authorization": "Basic eDp5"}):
        answer = shown.client(**headers).get("/api/v1/incidents")
        assert answer.status_code == 401
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json()["status"] == 401


def test_a_login_link_is_no_token_and_a_token_is_no_session(own: Place) -> None:
    assert own.client(Authorization=f"Bearer {own.link()}").get("/api/v1/me").status_code == 401
    cookie = own.client()
    cookie.cookies.set("driftline", own.token())
    assert cookie.get("/api/v1/me").status_code == 401


def test_lists_are_paged_by_cursor_and_nothing_is_left_out_or_doubled(own: Place) -> None:
    with own.stores.alerts.transaction() as store:
        for number in range(MORE):
            store.new_incident(
                key=f"more-{number}",
                guardrail="toxicity" if number % 2 else "prompt-injection",
                severity=Severity.warning,
                title=f"number {number}",
                opened_at_ms=END_MS,
                onset_low_ms=END_MS,
                last_found_ms=END_MS,
            )
    bot, found, cursor = own.bot(), [], ""
    while True:
        answer = bot.get("/api/v1/incidents", params={"limit": 50, "cursor": cursor}).json()
        found += [one["id"] for one in answer["items"]]
        cursor = answer["cursor"]
        if cursor is None:
            break
    assert found == list(range(MORE + 1, 0, -1))
    toxic = bot.get("/api/v1/incidents", params={"guardrail": "toxicity", "limit": 200}).json()["items"]
    assert {one["guardrail"] for one in toxic} == {"toxicity"}
    page = own.browser().get("/incidents", params={"before": 100}).text
    assert "INC-99" in page
    assert "/incidents?before=50" in page


@pytest.mark.parametrize("cursor", ["x", "////", cursor_of(7) + "!", "LTE", "MTIzNDU2Nzg5MDEyMzQ1Njc4OTA"])
def test_a_cursor_that_is_none_of_ours_is_refused(shown: Place, cursor: str) -> None:
    assert shown.bot().get("/api/v1/incidents", params={"cursor": cursor}).status_code == 422


def test_what_has_changed_since_it_was_read_is_not_changed_again(own: Place) -> None:
    bot = own.bot(Role.responder, name="ann")
    tag = bot.get("/api/v1/incidents/1").headers["etag"]
    assert bot.post("/api/v1/incidents/1/note", json={"text": "one"}, headers={"If-Match": tag}).status_code == 200
    stale = bot.post("/api/v1/incidents/1/note", json={"text": "two"}, headers={"If-Match": tag})
    assert stale.status_code == 412
    fresh = bot.get("/api/v1/incidents/1").headers["etag"]
    assert fresh != tag
    assert bot.post("/api/v1/incidents/1/note", json={"text": "two"}, headers={"If-Match": fresh}).status_code == 200


def test_the_same_key_again_answers_the_same_and_does_it_once(own: Place) -> None:
    bot = own.bot(Role.responder, name="ann")
    same = {"Idempotency-Key": "a1"}
    first = bot.post("/api/v1/incidents/1/acknowledge", json={"text": "mine"}, headers=same)
    again = bot.post("/api/v1/incidents/1/acknowledge", json={"text": "mine"}, headers=same)
    assert (first.status_code, first.content) == (again.status_code, again.content) == (200, first.content)
    other = bot.post("/api/v1/incidents/1/note", json={"text": "mine"}, headers=same)
    assert other.status_code == 409
    stranger = own.bot(Role.responder, name="ben").post("/api/v1/incidents/1/note", json={"text": "x"}, headers=same)
    assert stranger.status_code == 200
    silence = {"reason": "upgrade", "ends_at": "2026-01-02T00:00:00Z"}
    made = [bot.post("/api/v1/silences", json=silence, headers={"Idempotency-Key": "s"}).json() for _ in range(3)]
    assert made[0] == made[1] == made[2]
    assert len(bot.get("/api/v1/silences").json()["items"]) == 1


def test_errors_name_the_field_and_never_repeat_the_value(shown: Place) -> None:
    bot = shown.bot(Role.responder)
    answer = bot.post("/api/v1/incidents/1/triage", json={"verdict": "s3cret-value", "text": "x", "more": 1})
    assert answer.status_code == 422
    assert "verdict" in answer.json()["detail"]
    assert "more" in answer.json()["detail"]
    assert "s3cret-value" not in answer.text
    assert bot.post("/api/v1/incidents/1/note", content=b"{" * 9).status_code == 422
    assert bot.post("/api/v1/incidents/1/note", content=b" " * (600 * 1024)).status_code == 413
    assert bot.get("/api/v1/nothing").json()["status"] == 404


def test_roles_hold_for_tokens_too(own: Place) -> None:
    viewer, responder = own.bot(Role.viewer), own.bot(Role.responder)
    assert viewer.post("/api/v1/incidents/1/acknowledge", json={}).status_code == 403
    assert responder.post("/api/v1/baselines/1/approve", json={"reason": "x"}).status_code == 403
    assert viewer.get("/api/v1/incidents/1").json()["acts"] == []
    assert "acknowledge" in responder.get("/api/v1/incidents/1").json()["acts"]


def test_a_revoked_or_expired_token_opens_nothing(own: Place) -> None:
    bot = own.bot(Role.viewer)
    assert bot.get("/api/v1/me").json() == {"name": "bot", "role": "viewer", "guardrails": []}
    with own.stores.access.transaction() as store:
        (token,) = [one for one in store.credentials(Kind.token) if one.name == "bot"]
        assert token.used_at_ms == own.clock.now_ms()
        assert store.end_credential(token.id, now_ms=own.clock.now_ms())
    assert bot.get("/api/v1/me").status_code == 401
    late = own.bot(Role.viewer, name="late")
    own.clock.advance(11 * 60_000)
    assert late.get("/api/v1/me").status_code == 401


def test_changes_are_limited_and_say_when_to_come_back(own: Place) -> None:
    bot = own.bot(Role.responder)
    answers = [bot.post("/api/v1/incidents/1/note", json={"text": f"n{number}"}) for number in range(62)]
    assert [answer.status_code for answer in answers] == [200] * 60 + [429] * 2
    assert answers[-1].headers["retry-after"] == "1"
    own.clock.advance(60_000)
    assert bot.post("/api/v1/incidents/1/note", json={"text": "again"}).status_code == 200


def test_evidence_of_a_stream_is_read_with_bounds(shown: Place) -> None:
    bot = shown.bot()
    streams = bot.get("/api/v1/streams", params={"guardrail": "prompt-injection", "state": "watched"}).json()["items"]
    number = streams[0]["id"]
    evidence = bot.get(f"/api/v1/streams/{number}/evidence", params={"limit": 5}).json()
    assert len(evidence["points"]) == 5
    none = bot.get(f"/api/v1/streams/{number}/evidence", params={"since": "2030-01-01T00:00:00Z"}).json()
    assert none == {"points": [], "levels": []}
    assert bot.get(f"/api/v1/streams/{number}/evidence", params={"since": "2030-01-01"}).status_code == 422


def events_of(client: httpx.Client, wanted: int, *, last: str = "") -> list[dict[str, str]]:
    """The next events of the feed that have an id."""
    found: list[dict[str, str]] = []
    headers = {"Last-Event-ID": last} if last else {}
    with client.stream("GET", "/events", headers=headers) as stream:
        one: dict[str, str] = {}
        for line in stream.iter_lines():
            name, _, value = line.partition(": ")
            if line:
                one[name] = value
            else:
                found += [one] if "id" in one else []
                one = {}
            if len(found) == wanted:
                return found
    return found


def test_what_happens_is_told_live_and_after_a_break_from_the_last_id_on(own: Place) -> None:
    bot, listener = own.bot(Role.responder), own.bot(Role.viewer)
    got: list[dict[str, str]] = []
    thread = threading.Thread(target=lambda: got.extend(events_of(listener, 1)))
    thread.start()
    deadline = time.monotonic() + 20
    while own.site.feed.browsers == 0 and time.monotonic() < deadline:
        time.sleep(0.01)
    bot.post("/api/v1/incidents/1/acknowledge", json={})
    thread.join(20)
    assert '"kind":"acknowledged"' in got[0]["data"]
    bot.post("/api/v1/incidents/1/note", json={"text": "missed"})
    resumed = events_of(own.bot(), 1, last=got[0]["id"])
    assert '"kind":"note"' in resumed[0]["data"]
    with own.stores.alerts.reading() as store:
        assert store.incident(1).status is Status.acknowledged  # type: ignore[union-attr]


def test_a_stranger_hears_nothing(shown: Place) -> None:
    assert shown.client().get("/events").status_code == 303

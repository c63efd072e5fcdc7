"""Every channel of the registry against a receiver that behaves as its own does, and against the same mishaps."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
import trustme

from monitor.alerting.body import body
from monitor.alerting.channels import slack
from monitor.alerting.channels.base import Channel, ChannelError
from monitor.alerting.channels.email import EmailChannel, Mailbox
from monitor.alerting.channels.grafana import GrafanaChannel
from monitor.alerting.channels.json_post import Target
from monitor.alerting.channels.message import message
from monitor.alerting.channels.outbound import Outbound, Rules
from monitor.alerting.channels.registry import HTTP_CHANNELS
from monitor.alerting.ports import EventAction, Notification
from monitor.clock import ManualClock
from monitor.incidents.model import Entry, Incident, IncidentType, Severity, Status
from monitor.settings import alerts
from tests.unit.alerting.protocols import KEY, PROTOCOLS, MailServer, behaving, closed_port, mail_server
from tests.unit.alerting.receiver import HttpReceiver, answer, http_receiver
from tests.unit.alerting.record import PHRASES, T0, page

KINDS = sorted(HTTP_CHANNELS)
SAYS_NOTHING = {("grafana", EventAction.update)}
"""Marks on a curve: an incident that goes on gets no new one."""
HOSTILE = "<!channel> *x* [a](http://evil.example) &\r\nBcc: all@example.com\x1b[31m"
PAGE = {"people": ["ann"], "why": "step 1 of 2, round 1 of 3", "opened": "14 minutes ago"}


def notification(
    deed: EventAction = EventAction.trigger,
    *,
    guardrail: str = "prompt-injection",
    severity: Severity = Severity.error,
) -> Notification:
    """A notification as the service builds it."""
    incident = Incident(
        id=7,
        key="driftline-abc",
        guardrail=guardrail,
        status=Status.open,
        severity=severity,
        title="prompt-injection (jailbreak): share of scores near the threshold 0.9 % -> 12.6 % since 03:12 UTC",
        opened_at_ms=T0,
        onset_low_ms=T0,
        last_found_ms=T0,
        trouble=IncidentType.probing,
    )
    entry = Entry(
        incident_id=7, seq=3, at_ms=T0, actor="kim", kind="opened", data={}, previous_hash="0" * 64, hash="9f" * 32
    )
    finding = page(guardrail=guardrail)
    document = body(
        deed=deed,
        incident=incident,
        entry=entry,
        finding=None if deed in (EventAction.acknowledge, EventAction.resolve) else finding,
        address="https://driftline.example/incidents/7",
        control=None,
        phrases=PHRASES,
        page=PAGE if deed is EventAction.page else None,
        deployment="production",
    )
    stored = msgspec.json.decode(msgspec.json.encode(document))
    return Notification(incident_id=7, seq=3, channel="c", deed=deed, dedup_key="driftline-abc", body=stored)


def channel(kind: str, url: str, rules: Rules | None = None, **more: Any) -> Channel:
    rules = rules or Rules(allow_http=True, allow_private=True, timeout_s=5)
    outbound = Outbound(rules, **more)
    return HTTP_CHANNELS[kind](
        Target(url=url, secret=KEY.encode(), outbound=outbound, clock=ManualClock(T0 + 60_000))
    )


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with http_receiver() as running:
        yield running


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def at(receiver: HttpReceiver) -> str:
    return f"http://127.0.0.1:{receiver.port}/hook"


def test_every_type_of_the_settings_has_a_channel_and_a_receiver_here() -> None:
    types = {get_args(each.model_fields["type"].annotation)[0] for each in get_args(alerts.AnyChannel)}
    assert types == {*KINDS, "log", "email"}
    assert set(PROTOCOLS) == set(KINDS)


@pytest.mark.parametrize("deed", list(EventAction))
def test_its_own_receiver_takes_every_action(receiver: HttpReceiver, kind: str, deed: EventAction) -> None:
    receiver.reply = behaving(receiver, kind)
    channel(kind, at(receiver)).send(notification(deed), attempt=1)
    channel(kind, at(receiver)).send(notification(deed, guardrail=HOSTILE), attempt=2)
    assert len(receiver.requests) == (0 if (kind, deed) in SAYS_NOTHING else 2)


def test_a_page_says_what_since_when_how_large_where_what_next_and_links(receiver: HttpReceiver, kind: str) -> None:
    channel(kind, at(receiver)).send(notification(EventAction.page), attempt=1)
    said = receiver.requests[0].body.decode().replace("\\\\", "")
    for part in (
        "0.9 % -> 12.6 %",
        "2026-11-23T03:12:00.000Z",
        "412",
        "prompt-injection",
        "driftline incidents ack 7",
    ):
        assert part in said, part
    for part in (
        "guardrail-events-0",
        "1200",
        "production",
        "14 minutes ago",
        "https://driftline.example/incidents/7",
    ):
        assert part in said, part


@pytest.mark.parametrize(
    ("status", "permanent"), [(301, False), (400, True), (404, True), (429, False), (500, False), (503, False)]
)
def test_the_status_says_whether_trying_again_helps(
    receiver: HttpReceiver, kind: str, status: int, permanent: bool
) -> None:
    receiver.reply = lambda handler: answer(handler, status, b"no", Retry_After="30")
    with pytest.raises(ChannelError) as failure:
        channel(kind, at(receiver)).send(notification(), attempt=1)
    assert failure.value.permanent is permanent
    assert failure.value.retry_after_ms == 30_000
    assert "hook" not in str(failure.value)
    assert KEY not in str(failure.value)


def test_a_redirect_to_a_private_address_is_not_followed(receiver: HttpReceiver, kind: str) -> None:
    with http_receiver() as other:
        receiver.reply = lambda handler: answer(handler, 307, Location=f"http://127.0.0.1:{other.port}/latest")
        with pytest.raises(ChannelError, match="redirects are not followed"):
            channel(kind, at(receiver)).send(notification(), attempt=1)
        assert other.requests == []


def test_a_name_that_leads_to_a_private_address_gets_nothing(receiver: HttpReceiver, kind: str) -> None:
    rules = Rules(allow_http=True, timeout_s=1)
    with pytest.raises(ChannelError, match="nothing is sent there"):
        channel(kind, at(receiver), rules, resolve=lambda host, port: ["127.0.0.1"]).send(notification(), attempt=1)
    assert receiver.requests == []


def test_a_receiver_that_says_nothing_is_left_at_the_deadline(receiver: HttpReceiver, kind: str) -> None:
    receiver.reply = lambda handler: receiver.stopped.wait(10) and None
    rules = Rules(allow_http=True, allow_private=True, timeout_s=0.2)
    began = time.monotonic()
    with pytest.raises(ChannelError, match="no answer within") as failure:
        channel(kind, at(receiver), rules).send(notification(), attempt=1)
    assert not failure.value.permanent
    assert time.monotonic() - began < 2


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def tls(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


@pytest.mark.parametrize(("name", "delivered"), [("hook.example", True), ("other.example", False)])
def test_the_certificate_must_be_the_receiver_s(
    authority: trustme.CA, tmp_path: Path, kind: str, name: str, delivered: bool
) -> None:
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    rules = Rules(allow_private=True, timeout_s=5, ca_file=ca_file)
    with http_receiver(tls=tls(authority, name)) as secure:
        secure.reply = behaving(secure, kind)
        sending = channel(
            kind, f"https://hook.example:{secure.port}/hook", rules, resolve=lambda host, port: ["127.0.0.1"]
        )
        if delivered:
            sending.send(notification(), attempt=1)
        else:
            with pytest.raises(ChannelError, match=r"(?i)certificate verify failed") as failure:
                sending.send(notification(), attempt=1)
            assert not failure.value.permanent
        assert len(secure.requests) == int(delivered)


def documents(receiver: HttpReceiver) -> list[Any]:
    return [json.loads(request.body) for request in receiver.requests]


def test_pagerduty_folds_by_the_incident_s_key_from_trigger_to_resolve(receiver: HttpReceiver) -> None:
    receiver.reply = behaving(receiver, "pagerduty")
    sending = channel("pagerduty", at(receiver))
    for deed in (
        EventAction.trigger,
        EventAction.update,
        EventAction.page,
        EventAction.acknowledge,
        EventAction.resolve,
    ):
        sending.send(notification(deed), attempt=1)
    events = documents(receiver)
    assert [each["event_action"] for each in events] == ["trigger", "trigger", "trigger", "acknowledge", "resolve"]
    assert {(each["dedup_key"], each["routing_key"]) for each in events} == {("driftline-abc", KEY)}
    assert events[0]["payload"]["severity"] == "error"
    with pytest.raises(ChannelError, match="routing key"):
        HTTP_CHANNELS["pagerduty"](
            Target(url="https://events.example/", secret=None, outbound=Outbound(Rules()), clock=ManualClock(0))
        )


def test_alertmanager_fires_until_resolved_and_a_rise_of_severity_ends_the_alert_below(
    receiver: HttpReceiver,
) -> None:
    receiver.reply = behaving(receiver, "alertmanager")
    sending = channel("alertmanager", at(receiver).removesuffix("hook"))
    now = "2026-11-23T03:13:00.000Z"
    sending.send(notification(), attempt=1)
    sending.send(notification(severity=Severity.critical), attempt=1)
    sending.send(notification(EventAction.resolve, severity=Severity.critical), attempt=1)
    assert {request.path for request in receiver.requests} == {"/api/v2/alerts"}
    firing = [
        {alert["labels"]["severity"]: alert["endsAt"] > now for alert in alerts} for alerts in documents(receiver)
    ]
    assert firing == [
        {"error": True, "warning": False},
        {"critical": True, "error": False, "warning": False},
        {"critical": False, "error": False, "warning": False},
    ]
    names = [alerts[0]["labels"] for alerts in documents(receiver)[1:]]
    assert names[0] == names[1], "the resolution must carry the very labels of the alert"


def test_slack_gets_no_mention_and_no_link_out_of_a_guardrail_s_name(receiver: HttpReceiver) -> None:
    channel("slack", at(receiver)).send(notification(guardrail=HOSTILE), attempt=1)
    assert "<!channel>" not in receiver.requests[0].body.decode()
    assert "&lt;!channel&gt;" in receiver.requests[0].body.decode()


def test_teams_gets_no_link_out_of_a_guardrail_s_name(receiver: HttpReceiver) -> None:
    channel("teams", at(receiver)).send(notification(guardrail=HOSTILE), attempt=1)
    assert "[a](http" not in receiver.requests[0].body.decode()
    receiver.reply = lambda handler: answer(handler, 200, b"Microsoft Teams endpoint returned HTTP error 429")
    with pytest.raises(ChannelError, match="Teams did not") as failure:
        channel("teams", at(receiver)).send(notification(), attempt=1)
    assert not failure.value.permanent


def test_grafana_marks_the_moment_of_the_entry_and_shows_no_html_of_a_guardrail_s_name(
    receiver: HttpReceiver,
) -> None:
    receiver.reply = behaving(receiver, "grafana")
    for deed in (EventAction.trigger, EventAction.acknowledge, EventAction.resolve):
        channel("grafana", at(receiver).removesuffix("hook")).send(notification(deed, guardrail=HOSTILE), attempt=1)
    assert {request.path for request in receiver.requests} == {"/api/annotations"}
    assert {request.headers["Authorization"] for request in receiver.requests} == {f"Bearer {KEY}"}
    marks = documents(receiver)
    assert {mark["time"] for mark in marks} == {T0}
    assert [mark["tags"][2] for mark in marks] == ["trigger", "acknowledge", "resolve"]
    assert all({"driftline", "INC-7", "driftline-abc.3"} <= set(mark["tags"]) for mark in marks)
    assert "&lt;!channel>" in marks[0]["text"]
    release = {"kind": "guardrail", "name": HOSTILE, "release": "2", "summary": f"guardrail {HOSTILE} has version 2"}
    GrafanaChannel(
        Target(
            url=at(receiver).removesuffix("hook"),
            secret=KEY.encode(),
            outbound=Outbound(Rules(allow_http=True, allow_private=True)),
            clock=ManualClock(T0),
        )
    ).change(release | {"seen_at": "2026-11-23T03:12:00.000Z"})
    mark = documents(receiver)[-1]
    assert (mark["tags"][:3], mark["time"]) == (["driftline", "release", "guardrail"], T0)
    assert "<" not in mark["text"]
    with pytest.raises(ChannelError, match="token"):
        HTTP_CHANNELS["grafana"](
            Target(url="https://grafana.example/", secret=None, outbound=Outbound(Rules()), clock=ManualClock(0))
        )


@pytest.fixture
def mails() -> Iterator[MailServer]:
    with mail_server() as running:
        yield running


def email(port: int, *, security: str = "none", **more: Any) -> EmailChannel:
    given: dict[str, Any] = {"allow_private": True, "timeout_s": 3.0, "ca_file": None} | more
    box = Mailbox(
        host="mail.example",
        port=port,
        security=security,
        sender="driftline@example.com",
        recipients=("on-call@example.com", "team@example.com"),
        user=None,
        password=None,
        **given,
    )
    return EmailChannel(box, clock=ManualClock(T0), resolve=lambda host, port: ["127.0.0.1"])


def test_a_mail_reaches_all_recipients_in_one_thread_and_without_forged_headers(mails: MailServer) -> None:
    sending = email(mails.port)
    assert 0 < sending.longest_ms <= 61_000
    sending.send(notification(EventAction.page, guardrail=HOSTILE), attempt=1)
    sending.send(notification(EventAction.resolve), attempt=2)
    first, second = mails.mails
    assert mails.recipients == ["on-call@example.com", "team@example.com"] * 2
    assert first["References"] == second["References"] == "<driftline-abc@example.com>"
    assert first["Message-ID"] == "<driftline-abc.3@example.com>"
    assert "Bcc" not in first
    text = first.get_content()
    assert "driftline incidents ack 7" in text
    assert "guardrail-events-0 1200 to 1800" in text
    assert second["Subject"].startswith("INC-7 resolved by kim")


@pytest.mark.parametrize(
    ("command", "reply", "permanent"),
    [
        ("CONNECT", "421 too busy", False),
        ("MAIL", "451 later", False),
        ("RCPT", "450 greylisted", False),
        ("RCPT", "550 no such user", True),
        ("DATA", "554 no", True),
    ],
)
def test_the_mail_server_s_code_says_whether_trying_again_helps(
    mails: MailServer, command: str, reply: str, permanent: bool
) -> None:
    mails.replies[command] = reply
    with pytest.raises(ChannelError) as failure:
        email(mails.port).send(notification(), attempt=1)
    assert failure.value.permanent is permanent
    assert mails.mails == []


def test_a_mail_server_that_falls_silent_is_left_at_the_deadline(mails: MailServer) -> None:
    mails.silent_after = "RCPT"
    began = time.monotonic()
    with pytest.raises(ChannelError) as failure:
        email(mails.port, timeout_s=0.3).send(notification(), attempt=1)
    assert not failure.value.permanent
    assert time.monotonic() - began < 2


def test_a_mail_server_at_a_private_address_or_a_closed_port_gets_nothing(mails: MailServer) -> None:
    with pytest.raises(ChannelError, match="nothing is sent there"):
        email(mails.port, allow_private=False).send(notification(), attempt=1)
    with pytest.raises(ChannelError) as failure:
        email(closed_port()).send(notification(), attempt=1)
    assert not failure.value.permanent


@pytest.mark.parametrize(("name", "delivered"), [("mail.example", True), ("other.example", False)])
def test_starttls_checks_the_mail_server_s_certificate(
    authority: trustme.CA, tmp_path: Path, name: str, delivered: bool
) -> None:
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    with mail_server(tls(authority, name)) as secure:
        sending = email(secure.port, security="starttls", ca_file=str(ca_file))
        if delivered:
            sending.send(notification(), attempt=1)
        else:
            with pytest.raises(ChannelError, match=r"(?i)certificate"):
                sending.send(notification(), attempt=1)
        assert len(secure.mails) == int(delivered)


def test_starttls_is_never_given_up_for_plain_text(mails: MailServer) -> None:
    with pytest.raises(ChannelError):
        email(mails.port, security="starttls").send(notification(), attempt=1)
    assert mails.mails == []


def test_a_body_with_holes_still_makes_a_message() -> None:
    assert message({}).headline
    assert message({"finding": {"effect": {}, "evidence": {}}, "incident": None}).facts == ()


def test_a_slack_message_has_a_button_that_acknowledges_only_where_it_is_wanted_and_asks_for_it() -> None:
    def actions(deed: EventAction, *, buttons: bool) -> list[str]:
        blocks = slack.document(notification(deed), buttons=buttons)["blocks"]
        pressed = [each for block in blocks if block["type"] == "actions" for each in block["elements"]]
        return [each["value"] for each in pressed if each.get("action_id") == slack.ACKNOWLEDGE]

    assert actions(EventAction.page, buttons=True) == ["7"]
    assert actions(EventAction.page, buttons=False) == []
    assert actions(EventAction.acknowledge, buttons=True) == []

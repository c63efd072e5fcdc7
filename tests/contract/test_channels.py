"""Every channel keeps the promises of the port; the webhook and its guarded requests against real servers."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import structlog
import trustme

from monitor.alerting.channels.addresses import refusal
from monitor.alerting.channels.base import Channel, ChannelError
from monitor.alerting.channels.log import LogChannel
from monitor.alerting.channels.outbound import Outbound, Rules
from monitor.alerting.channels.webhook import WebhookChannel
from monitor.alerting.ports import EventAction, Notification
from monitor.clock import ManualClock
from tests.unit.alerting.receiver import HttpReceiver, answer, http_receiver

NOW_S = 1_795_403_520
SECRET = b"a secret of enough bytes"
NOTIFICATION = Notification(
    incident_id=1,
    seq=3,
    channel="hook",
    deed=EventAction.trigger,
    dedup_key="driftline-abc",
    body={"version": 1, "title": "Überlauf"},
)


def webhook(
    url: str, rules: Rules | None = None, resolve: Callable[[str, int], Sequence[str]] | None = None
) -> Channel:
    rules = rules or Rules(allow_http=True, allow_private=True, timeout_s=5)
    outbound = Outbound(rules) if resolve is None else Outbound(rules, resolve=resolve)
    return WebhookChannel(url=url, secret=SECRET, outbound=outbound, clock=ManualClock(NOW_S * 1000))


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with http_receiver() as running:
        yield running


@pytest.fixture(params=["log", "webhook"])
def channel(request: pytest.FixtureRequest, receiver: HttpReceiver) -> Channel:
    return LogChannel() if request.param == "log" else webhook(f"http://127.0.0.1:{receiver.port}/")


def test_every_channel_says_how_long_it_takes_and_sends_as_often_as_asked(channel: Channel) -> None:
    assert 0 < channel.longest_ms <= 60_000
    with structlog.testing.capture_logs():
        channel.send(NOTIFICATION, attempt=1)
        channel.send(NOTIFICATION, attempt=2)


def test_a_webhook_posts_the_body_with_stable_keys_and_a_signature_that_checks(receiver: HttpReceiver) -> None:
    channel = webhook(f"http://127.0.0.1:{receiver.port}/hook?team=a")
    channel.send(NOTIFICATION, attempt=1)
    channel.send(NOTIFICATION, attempt=2)
    first, second = receiver.requests
    assert first.path == "/hook?team=a"
    assert json.loads(first.body) == NOTIFICATION.body
    assert first.headers["Content-Type"] == "application/json"
    assert first.headers["Host"] == f"127.0.0.1:{receiver.port}"
    assert first.headers["X-Driftline-Dedup-Key"] == second.headers["X-Driftline-Dedup-Key"] == "driftline-abc"
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"] == "driftline-abc-3"
    assert [each.headers["X-Driftline-Attempt"] for each in receiver.requests] == ["1", "2"]
    right = hmac.new(SECRET, f"{NOW_S}.".encode() + first.body, hashlib.sha256).hexdigest()
    assert first.headers["X-Driftline-Signature"] == f"t={NOW_S},v1={right}"


def test_the_signature_check_in_the_readme_accepts_ours_and_nothing_else(receiver: HttpReceiver) -> None:
    readme = (Path(__file__).parents[2] / "monitor/alerting/README.md").read_text()
    example = readme.split("```python\n")[1].split("```")[0]
    names: dict[str, Callable[..., bool]] = {}
    exec(example, names)  # the documented example, as a reader would run it
    genuine = names["is_genuine"]
    webhook(f"http://127.0.0.1:{receiver.port}/").send(NOTIFICATION, attempt=1)
    (got,) = receiver.requests
    header = got.headers["X-Driftline-Signature"]
    assert genuine(header, got.body, SECRET, now_s=NOW_S + 10)
    assert not genuine(header, got.body, SECRET, now_s=NOW_S + 400)
    assert not genuine(header, got.body + b" ", SECRET, now_s=NOW_S)
    assert not genuine(header, got.body, b"another secret, long", now_s=NOW_S)
    assert not genuine(header.replace(f"t={NOW_S}", f"t={NOW_S + 1}"), got.body, SECRET, now_s=NOW_S)
    assert not genuine("v1=,t=x", got.body, SECRET, now_s=NOW_S)


def test_without_a_secret_nothing_is_signed(receiver: HttpReceiver) -> None:
    outbound = Outbound(Rules(allow_http=True, allow_private=True))
    url = f"http://127.0.0.1:{receiver.port}/"
    WebhookChannel(url=url, secret=None, outbound=outbound, clock=ManualClock(0)).send(NOTIFICATION, attempt=1)
    assert "X-Driftline-Signature" not in receiver.requests[0].headers


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_any_2xx_is_delivered(receiver: HttpReceiver, status: int) -> None:
    receiver.reply = lambda handler: answer(handler, status)
    webhook(f"http://127.0.0.1:{receiver.port}/").send(NOTIFICATION, attempt=1)


@pytest.mark.parametrize(
    ("status", "permanent"),
    [
        (301, False),
        (400, True),
        (401, True),
        (404, True),
        (408, False),
        (410, True),
        (413, True),
        (425, False),
        (429, False),
        (500, False),
        (502, False),
        (503, False),
        (504, False),
    ],
)
def test_the_status_says_whether_trying_again_helps(receiver: HttpReceiver, status: int, permanent: bool) -> None:
    receiver.reply = lambda handler: answer(handler, status, b"no \x1b[31mthanks")
    with pytest.raises(ChannelError, match=rf"127\.0\.0\.1 answered {status}.*: no \[31mthanks") as failure:
        webhook(f"http://127.0.0.1:{receiver.port}/secret-path").send(NOTIFICATION, attempt=1)
    assert failure.value.permanent is permanent
    assert "secret-path" not in str(failure.value)


@pytest.mark.parametrize(
    ("value", "wait_ms"),
    [
        ("30", 30_000),
        ("0", 0),
        ("999999999999", 3_600_000),
        ("Mon, 23 Nov 2026 03:13:00 GMT", 60_000),
        ("Mon, 23 Nov 2026 03:11:00 GMT", 0),
        ("-5", None),
        ("soon", None),
        ("٣", None),
    ],
)
def test_retry_after_is_honoured_within_reason(receiver: HttpReceiver, value: str, wait_ms: int | None) -> None:
    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 429 Slow\r\nContent-Length: 0\r\nRetry-After: " + value.encode() + b"\r\n\r\n")

    receiver.reply = reply
    with pytest.raises(ChannelError) as failure:
        webhook(f"http://127.0.0.1:{receiver.port}/").send(NOTIFICATION, attempt=1)
    assert failure.value.retry_after_ms == wait_ms


def test_a_redirect_is_not_followed(receiver: HttpReceiver) -> None:
    with http_receiver() as other:
        target = f"http://127.0.0.1:{other.port}/latest/meta-data"
        receiver.reply = lambda handler: answer(handler, 307, Location=target)
        with pytest.raises(ChannelError, match="answered 307; redirects are not followed"):
            webhook(f"http://127.0.0.1:{receiver.port}/").send(NOTIFICATION, attempt=1)
        assert other.requests == []


def test_a_proxy_in_the_environment_is_not_used(receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
    with http_receiver() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        webhook(f"http://127.0.0.1:{receiver.port}/").send(NOTIFICATION, attempt=1)
        assert proxy.requests == []
        assert len(receiver.requests) == 1


def _silent(handler: BaseHTTPRequestHandler, receiver: HttpReceiver) -> None:
    receiver.stopped.wait(10)


def _trickling(head: bytes) -> Callable[[BaseHTTPRequestHandler, HttpReceiver], None]:
    def reply(handler: BaseHTTPRequestHandler, receiver: HttpReceiver) -> None:
        handler.wfile.write(head)
        while not receiver.stopped.wait(0.02):
            handler.wfile.write(b"x")

    return reply


@pytest.mark.parametrize(
    "reply",
    [
        _silent,
        _trickling(b"HTTP/1.1 200 OK\r\nX-Long: "),
        _trickling(b"HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n"),
    ],
    ids=["says nothing", "trickles headers", "trickles a body"],
)
def test_a_receiver_that_takes_its_time_is_left_at_the_deadline(
    receiver: HttpReceiver, reply: Callable[[BaseHTTPRequestHandler, HttpReceiver], None]
) -> None:
    receiver.reply = lambda handler: reply(handler, receiver)
    rules = Rules(allow_http=True, allow_private=True, timeout_s=0.3)
    began = time.monotonic()
    with pytest.raises(ChannelError, match=r"no answer within 0\.3 s") as failure:
        webhook(f"http://127.0.0.1:{receiver.port}/", rules).send(NOTIFICATION, attempt=1)
    assert not failure.value.permanent
    assert time.monotonic() - began < 2


def test_an_endless_body_is_read_to_the_limit_and_no_further(receiver: HttpReceiver) -> None:
    def flood(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while not receiver.stopped.is_set():
            handler.wfile.write(b"x" * 65_536)

    receiver.reply = flood
    outbound = Outbound(Rules(allow_http=True, allow_private=True, most_bytes=1000))
    got = outbound.post(f"http://127.0.0.1:{receiver.port}/", body=b"{}", headers={})
    assert (got.status, got.body) == (200, b"x" * 1000)


def test_garbage_instead_of_http_is_a_passing_failure(receiver: HttpReceiver) -> None:
    receiver.reply = lambda handler: handler.wfile.write(b"SSH-2.0-OpenSSH\r\n\r\n") and None
    with pytest.raises(ChannelError) as failure:
        webhook(f"http://127.0.0.1:{receiver.port}/").send(NOTIFICATION, attempt=1)
    assert not failure.value.permanent


def test_a_closed_port_is_a_passing_failure() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(ChannelError, match=r"127\.0\.0\.1: .+") as failure:
            webhook(f"http://127.0.0.1:{unused.getsockname()[1]}/").send(NOTIFICATION, attempt=1)
    assert not failure.value.permanent


def test_a_name_that_cannot_be_resolved_is_a_passing_failure() -> None:
    def unknown(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.raises(ChannelError, match=r"cannot be resolved: .*not known") as failure:
        webhook("https://nowhere.example/", resolve=unknown).send(NOTIFICATION, attempt=1)
    assert not failure.value.permanent


def test_a_resolver_that_hangs_is_left_at_the_deadline(receiver: HttpReceiver) -> None:
    def hangs(host: str, port: int) -> Sequence[str]:
        receiver.stopped.wait(10)
        return ["127.0.0.1"]

    with pytest.raises(ChannelError, match="not resolved within"):
        webhook("https://slow.example/", Rules(timeout_s=0.2), resolve=hangs).send(NOTIFICATION, attempt=1)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "https:///x",
        "//example.com",
        "https://u:p@x.y/",
        "https://[::1",
        "nonsense",
        "",
    ],
)
def test_an_address_that_cannot_be_right_is_refused_at_once(url: str) -> None:
    with pytest.raises(ChannelError) as failure:
        webhook(url, Rules())
    assert failure.value.permanent


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.9.9.9",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "::1",
        "fc00::1",
        "198.18.0.1",
        "::ffff:10.0.0.1",
        "::ffff:127.0.0.1",
        "64:ff9b::a00:1",
        "2002:a00:1::",
        "192.0.2.1",
        "2001:db8::1",
        "fec0::1",
    ],
)
def test_private_addresses_need_the_setting(address: str) -> None:
    assert refusal(address, allow_private=False) is not None
    assert refusal(address, allow_private=True) is None


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "fe80::1",
        "fe80::1%eth0",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "fd00:ec2::254",
        "100.100.100.200",
        "168.63.129.16",
        "224.0.0.1",
        "ff02::1",
        "0.0.0.0",
        "::",
        "255.255.255.255",
        "240.0.0.1",
    ],
)
def test_some_addresses_are_never_talked_to(address: str) -> None:
    assert refusal(address, allow_private=True) is not None
    assert refusal(address, allow_private=False) is not None


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses_are_fine(address: str) -> None:
    assert refusal(address, allow_private=False) is None


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["93.184.216.34", "127.0.0.1"]], ids=["only loopback", "one of two"]
)
def test_a_name_with_any_forbidden_address_gets_nothing(receiver: HttpReceiver, addresses: list[str]) -> None:
    rules = Rules(allow_http=True, timeout_s=1)
    url = f"http://hook.example:{receiver.port}/"
    with pytest.raises(ChannelError, match=r"the machine itself: nothing is sent there; allow_private") as failure:
        webhook(url, rules, resolve=lambda host, port: addresses).send(NOTIFICATION, attempt=1)
    assert not failure.value.permanent
    assert receiver.requests == []


def test_a_name_that_answers_differently_a_moment_later_changes_nothing(receiver: HttpReceiver) -> None:
    """DNS rebinding: the first answer is judged, and the connection goes to it, not to a second one."""
    asked: list[str] = []

    def rebinding(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

    webhook(f"http://hook.example:{receiver.port}/", resolve=rebinding).send(NOTIFICATION, attempt=1)
    assert asked == ["hook.example"]
    assert receiver.requests[0].headers["Host"] == f"hook.example:{receiver.port}"


def test_a_dead_first_address_leaves_time_for_the_second(receiver: HttpReceiver) -> None:
    url = f"http://hook.example:{receiver.port}/"
    webhook(url, resolve=lambda host, port: ["127.0.0.9", "127.0.0.1"]).send(NOTIFICATION, attempt=1)
    assert len(receiver.requests) == 1


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def _tls(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


@pytest.mark.parametrize(
    ("certified", "trusted", "delivered"),
    [("hook.example", True, True), ("other.example", True, False), ("hook.example", False, False)],
    ids=["right", "another name", "unknown authority"],
)
def test_tls_checks_the_name_although_the_address_was_chosen_before(
    authority: trustme.CA, tmp_path: Path, certified: str, trusted: bool, delivered: bool
) -> None:
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    rules = Rules(allow_private=True, timeout_s=5, ca_file=ca_file if trusted else None)
    with http_receiver(tls=_tls(authority, certified)) as secure:
        channel = webhook(f"https://hook.example:{secure.port}/", rules, resolve=lambda host, port: ["127.0.0.1"])
        if delivered:
            channel.send(NOTIFICATION, attempt=1)
        else:
            with pytest.raises(ChannelError, match=r"(?i)certificate verify failed") as failure:
                channel.send(NOTIFICATION, attempt=1)
            assert not failure.value.permanent
        assert len(secure.requests) == int(delivered)

"""The server under hostile and many clients: slow, long, half-open, hundreds of live connections."""

from __future__ import annotations

import asyncio
import socket
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from prometheus_client import CollectorRegistry

from monitor.clock import ManualClock
from monitor.errors import SettingsError
from monitor.web import server
from monitor.web.feed import Feed, key_of
from monitor.web.health import MAX_REQUEST_BYTES, Check, Served
from monitor.web.server import serve_site
from monitor.wiring.pages import site_of
from tests.web.site import Place, copy_of, place, settings

STREAMS = 500


def connected(address: str) -> socket.socket:
    parts = urlsplit(address)
    assert parts.hostname is not None
    return socket.create_connection((parts.hostname, parts.port or 0), timeout=20)


def received(connection: socket.socket) -> bytes:
    """All that comes until the other side ends it."""
    found = b""
    try:
        while part := connection.recv(65_536):
            found += part
    except ConnectionResetError:
        pass
    return found


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n",
        b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\ncode=",
        b"",
    ],
    ids=["half a head", "half a body", "nothing"],
)
def test_a_request_that_does_not_become_whole_is_cut_off(
    shown: Place, sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "REQUEST_SECONDS", 0.3)
    with connected(shown.address) as connection:
        connection.sendall(sent)
        began = time.monotonic()
        received(connection)
        assert time.monotonic() - began < 15


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nX: " + b"x" * MAX_REQUEST_BYTES * 4,
        b"GET /" + b"x" * MAX_REQUEST_BYTES * 4 + b" HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00" * 100 + b"\r\n\r\n",
    ],
    ids=["long header", "long path", "TLS"],
)
def test_what_is_no_request_is_answered_400_and_the_next_client_is_served(shown: Place, sent: bytes) -> None:
    with connected(shown.address) as connection:
        connection.sendall(sent)
        assert received(connection).startswith(b"HTTP/1.1 400")
    assert shown.client().get("/healthz").status_code == 200


def test_a_body_without_a_length_is_bounded_too(shown: Place) -> None:
    def endless():
        for _ in range(700):
            yield b"x" * 1024

    browser = shown.browser()
    try:
        answer = browser.post("/login", content=endless(), headers={"Content-Type": "text/plain"})
    except httpx.HTTPError:
        return
    assert answer.status_code >= 400


def test_a_taken_port_is_a_mistake_in_the_settings(shown: Place) -> None:
    port = urlsplit(shown.address).port
    with (
        pytest.raises(SettingsError, match=r"cannot listen at 127\.0\.0\.1:\d+"),
        serve_site("127.0.0.1", port or 0, shown.site),
    ):
        pass


def test_before_the_database_is_open_health_is_served_and_pages_say_why_not() -> None:
    served = Served(CollectorRegistry(), list, lambda: [Check("database", lambda: "not opened yet")])
    site = site_of(settings(), served, ManualClock(0), backend=lambda: None)
    with serve_site("127.0.0.1", 0, site) as address:
        assert httpx.get(f"{address}/healthz").status_code == 200
        assert httpx.get(f"{address}/readyz").json()["checks"] == {"database": "not opened yet"}
        answer = httpx.get(f"{address}/incidents")
        assert answer.status_code == 503
        assert "the database is not open yet" in answer.text


def test_behind_https_the_cookie_is_for_https_and_this_host_alone(told: Path, tmp_path: Path) -> None:
    with place(copy_of(told, tmp_path), url="https://driftline.example") as built:
        answer = built.client().post("/login", data={"code": built.link()})
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-driftline=")
        assert "Secure" in cookie
        secret = cookie.split("=", 1)[1].split(";")[0]
        browser = built.client(Cookie=f"__Host-driftline={secret}")
        assert browser.get("/").status_code == 200


def test_hundreds_of_live_connections_share_one_reader_and_one_more_is_told_to_wait(own: Place) -> None:
    bearer = {"Authorization": f"Bearer {own.token()}"}

    async def listen() -> tuple[int, int]:
        limits = httpx.Limits(max_connections=STREAMS + 10)
        async with httpx.AsyncClient(base_url=own.address, headers=bearer, limits=limits, timeout=60) as client:
            open_streams = [client.stream("GET", "/events") for _ in range(STREAMS)]
            answers = [await one.__aenter__() for one in open_streams]
            codes = {answer.status_code for answer in answers}
            more = await client.get("/events")
            for one in open_streams:
                await one.__aexit__(None, None, None)
            assert codes == {200}
            return own.site.feed.browsers, more.status_code

    _, refused = asyncio.run(listen())
    assert refused == 503
    deadline = time.monotonic() + 20
    while own.site.feed.browsers and time.monotonic() < deadline:
        time.sleep(0.05)
    assert own.site.feed.browsers == 0


@pytest.mark.parametrize("text", ["", "1-2", "a-b-c", "1-2-3-4", "-1-2-3", "9" * 30 + "-1-1"])
def test_an_id_that_is_none_of_ours_begins_anew(text: str) -> None:
    assert key_of(text) is None


def test_closing_a_feed_that_nobody_hears_is_no_fault() -> None:
    feed = Feed()
    feed.close()
    assert feed.browsers == 0

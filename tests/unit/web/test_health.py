"""The health server, asked over real sockets."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from prometheus_client import CollectorRegistry

import monitor.web
from monitor.errors import SettingsError, StoreUnavailable
from monitor.metrics import Metrics
from monitor.web import health
from monitor.web.health import MAX_REQUEST_BYTES, MAX_THREADS, PAGES, Check, serve


class State:
    """What the checks say; tests change it."""

    def __init__(self) -> None:
        self.loop: str | None = None
        self.database: str | None = None
        self.error: Exception | None = None

    def ask_database(self) -> str | None:
        if self.error is not None:
            raise self.error
        return self.database


@contextmanager
def running(state: State, metrics: Metrics | None = None) -> Iterator[tuple[str, int]]:
    registry = CollectorRegistry() if metrics is None else metrics.registry
    alive = [Check("judge", lambda: state.loop)]
    ready = [Check("database", state.ask_database), Check("source", lambda: None)]
    with serve("127.0.0.1", 0, registry, alive=lambda: alive, ready=lambda: ready) as address:
        parts = urlsplit(address)
        assert parts.hostname == "127.0.0.1"
        assert parts.port
        yield parts.hostname, parts.port


def ask(address: tuple[str, int], path: str, method: str = "GET") -> tuple[int, http.client.HTTPMessage, bytes]:
    connection = http.client.HTTPConnection(*address, timeout=10)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def raw(address: tuple[str, int], sent: bytes) -> bytes:
    """Everything that comes back for these bytes, sent on a connection that stays open on our side."""
    with socket.create_connection(address, timeout=10) as connection:
        connection.sendall(sent)
        received = b""
        try:
            while part := connection.recv(65536):
                received += part
        except ConnectionResetError:
            pass  # it closed before it had read all of it
        return received


def test_metrics_are_served_in_the_text_format_and_in_open_metrics() -> None:
    metrics = Metrics(CollectorRegistry())
    metrics.events.add(7)
    with running(State(), metrics) as address:
        status, headers, body = ask(address, "/metrics?name=x")
        assert status == 200
        assert headers["Content-Type"].startswith("text/plain")
        assert b"driftline_events_total 7.0\n" in body
        wanted = b"GET /metrics HTTP/1.0\r\nAccept: application/openmetrics-text; version=1.0.0\r\n\r\n"
        assert raw(address, wanted).endswith(b"# EOF\n")


def test_a_process_whose_loops_move_is_healthy() -> None:
    with running(State()) as address:
        status, headers, body = ask(address, "/healthz")
    assert (status, json.loads(body)) == (200, {"status": "ok", "checks": {"judge": "ok"}})
    assert headers["Content-Type"] == "application/json"
    assert headers["Cache-Control"] == "no-store"


def test_a_stuck_loop_is_unhealthy_and_named() -> None:
    state = State()
    with running(state) as address:
        state.loop = "no heartbeat for 61 s"
        status, _, body = ask(address, "/healthz")
        assert (status, json.loads(body)["checks"]) == (503, {"judge": "no heartbeat for 61 s"})
        assert ask(address, "/readyz")[0] == 200
        state.loop = None
        assert ask(address, "/healthz")[0] == 200


def test_a_process_without_its_database_is_not_ready_and_says_why() -> None:
    state = State()
    with running(state) as address:
        state.error = StoreUnavailable("database postgresql://db/driftline: connection refused")
        status, _, body = ask(address, "/readyz")
        assert status == 503
        assert json.loads(body) == {
            "status": "failing",
            "checks": {"database": "database postgresql://db/driftline: connection refused", "source": "ok"},
        }
        assert ask(address, "/healthz")[0] == 200


def test_other_paths_are_not_found_and_other_methods_not_allowed() -> None:
    with running(State()) as address:
        assert ask(address, "/")[0] == 404
        assert ask(address, "/metrics/../etc/passwd")[0] == 404
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"):
            status, headers, _ = ask(address, "/metrics", method)
            assert (status, headers["Allow"]) == (405, "GET, HEAD")


def test_head_has_the_length_and_no_body() -> None:
    with running(State()) as address:
        answer = raw(address, b"HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert answer.startswith(b"HTTP/1.0 200 OK\r\n")
        assert b"Content-Length: " in answer
        assert answer.endswith(b"\r\n\r\n")


def test_the_answer_does_not_say_which_python_runs() -> None:
    with running(State()) as address:
        assert ask(address, "/healthz")[1]["Server"].strip() == "driftline"


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /healthz HTTP/1.1\r\n" + b"X: " + b"x" * MAX_REQUEST_BYTES * 4,
        b"GET /healthz HTTP/1.1\r\n" + b"X: x\r\n" * MAX_REQUEST_BYTES,
        b"GET /" + b"x" * MAX_REQUEST_BYTES * 4,
        b"\x16\x03\x01\x02\x00" * 100 + b"\r\n\r\n",
        b"GET\r\n\r\n",
    ],
    ids=["long header", "many headers", "long path", "TLS", "no path"],
)
def test_a_request_beyond_bounds_ends_and_the_next_one_is_served(sent: bytes) -> None:
    with running(State()) as address:
        assert b"judge" not in raw(address, sent)
        assert ask(address, "/healthz")[0] == 200


def test_a_client_that_sends_nothing_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "REQUEST_SECONDS", 0.1)
    with running(State()) as address:
        assert raw(address, b"GET /healthz HTTP/1.1\r\n") == b""


def test_more_clients_than_threads_are_told_to_come_again() -> None:
    entered, leave = threading.Semaphore(0), threading.Event()

    def slow() -> None:
        entered.release()
        leave.wait(30)

    with serve("127.0.0.1", 0, CollectorRegistry(), alive=lambda: [Check("slow", slow)], ready=list) as url:
        parts = urlsplit(url)
        address = (str(parts.hostname), int(parts.port or 0))
        statuses: list[int] = []
        clients = [
            threading.Thread(target=lambda: statuses.append(ask(address, "/healthz")[0])) for _ in range(MAX_THREADS)
        ]
        for client in clients:
            client.start()
        for _ in clients:
            assert entered.acquire(timeout=30)
        try:
            assert raw(address, b"").startswith(b"HTTP/1.0 503 Busy\r\n")
        finally:
            leave.set()
        for client in clients:
            client.join(30)
        assert statuses == [200] * MAX_THREADS


def test_half_open_requests_keep_no_probe_waiting() -> None:
    with running(State()) as address, contextlib.ExitStack() as opened:
        for _ in range(400):
            half = opened.enter_context(socket.create_connection(address, timeout=10))
            half.sendall(b"GET /healthz HTTP/1.1\r\n")
        began = time.monotonic()
        for _ in range(5):
            assert ask(address, "/healthz")[0] == 200
        assert time.monotonic() - began < health.REQUEST_SECONDS


def test_an_address_that_is_taken_is_told_with_the_setting() -> None:
    with (
        running(State()) as (host, port),
        pytest.raises(
            SettingsError, match=rf"cannot listen at {host}:{port}: Address already in use; set http\.host"
        ),
        serve(host, port, CollectorRegistry(), alive=list, ready=list),
    ):
        pass


def test_the_port_is_free_again_afterwards() -> None:
    with running(State()) as (host, port):
        pass
    with serve(host, port, CollectorRegistry(), alive=list, ready=list) as address:
        assert ask((host, port), "/readyz")[0] == 200
        assert address == f"http://{host}:{port}"


@pytest.mark.parametrize("path", PAGES)
def test_every_page_answers_and_is_documented(path: str) -> None:
    with running(State(), Metrics(CollectorRegistry())) as address:
        status, headers, body = ask(address, path)
    assert status == 200
    assert headers["Content-Type"]
    assert body
    readme = Path(monitor.web.__file__).parent / "README.md"
    assert path in readme.read_text(encoding="utf-8")


def test_an_unknown_page_lists_those_that_are_there() -> None:
    with running(State()) as address:
        status, _, body = ask(address, "/nothing")
    assert (status, body.decode().split()) == (404, list(PAGES))

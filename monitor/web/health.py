"""HTTP endpoints for metrics and health checks: ``/metrics``, ``/healthz``, ``/readyz``.

    with serve("127.0.0.1", 9464, metrics.registry, alive=[...], ready=[Check("database", ping)]) as address:
        ...

Healthy means: every loop has shown itself lately; else a restart may help. Ready means: it can do its work; the
database answers, a source is assigned. Both answer 200 or 503 with the reasons as JSON. Whatever clients send, they
get at most :data:`MAX_THREADS` threads, and each :data:`MAX_REQUEST_BYTES` bytes and :data:`REQUEST_SECONDS`. Other
tools post to ``/inbound/NAME``, where the settings name them; a body has at most :data:`MAX_BODY_BYTES`.
"""

from __future__ import annotations

import contextlib
import io
import json
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any, Final

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from monitor.errors import DriftlineError, SettingsError

MAX_THREADS: Final = 8
"""A scraper, a probe or two, a person; more is a mistake or an attack."""
MAX_REQUEST_BYTES: Final = 16 * 1024
MAKE_ROOM_SECONDS: Final = 1.0
"""A thread whose connection was cut off ends within microseconds; a busy machine takes longer to run it."""
REQUEST_SECONDS: Final = 5.0
"""For reading a whole request, however slowly its bytes trickle in; and for each write of the answer."""


@dataclass(frozen=True, slots=True)
class Check:
    """One condition of being healthy or ready.

    Attributes:
        name: its name in the answer.
        reason: None if it holds, else why not, as a sentence. Runs on a thread of the server, several at once; may
            block for seconds; a DriftlineError that it raises is the reason.
    """

    name: str
    reason: Callable[[], str | None]


Answer = tuple[HTTPStatus, str, bytes]
"""Status, content type, body."""
Inbound = Callable[[str, Mapping[str, str], bytes], tuple[int, Mapping[str, object]]]
"""(name, headers, body) -> status and JSON document. Runs on a thread of the server, several at once."""
INBOUND: Final = "/inbound/"
MAX_BODY_BYTES: Final = 512 * 1024


@dataclass(frozen=True, slots=True)
class Served:
    """What the pages show.

    Attributes:
        registry: metrics.
        alive: the probes behind ``/healthz``; looked up anew at each request, since jobs begin after the server.
        ready: the probes behind ``/readyz``.
    """

    registry: CollectorRegistry
    alive: Callable[[], Sequence[Check]]
    ready: Callable[[], Sequence[Check]]


def _metrics(served: Served, accept: str) -> Answer:
    encode, content_type = choose_encoder(accept)
    return HTTPStatus.OK, content_type, encode(served.registry)


PAGES: Final[Mapping[str, Callable[[Served, str], Answer]]] = {
    "/metrics": _metrics,
    "/healthz": lambda served, accept: _verdict(served.alive()),
    "/readyz": lambda served, accept: _verdict(served.ready()),
}
"""Path -> its answer, from what is served and the request's Accept header."""


@contextlib.contextmanager
def serve(
    host: str,
    port: int,
    registry: CollectorRegistry,
    *,
    alive: Callable[[], Sequence[Check]],
    ready: Callable[[], Sequence[Check]],
    inbound: Inbound | None = None,
) -> Iterator[str]:
    """Serve while the block runs; yields the address, such as ``http://127.0.0.1:9464``.

    Args:
        host: address to listen at.
        port: port to listen at; 0 takes a free one.
        registry, alive, ready: see :class:`Served`.
        inbound: takes what is posted to ``/inbound/NAME``; None: nothing may be posted.

    Raises:
        SettingsError: the address is taken or not ours.
    """

    served = Served(registry, alive, ready)

    def answer(path: str, accept: str) -> Answer:
        page = PAGES.get(path)
        if page is None:
            return HTTPStatus.NOT_FOUND, "text/plain; charset=utf-8", f"{' '.join(PAGES)}\n".encode()
        return page(served, accept)

    try:
        server = _Server((host, port), answer, inbound)
    except OSError as error:
        raise SettingsError(
            f"http: cannot listen at {host}:{port}: {error.strerror or error}; set http.host and http.port"
        ) from error
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="health", daemon=True)
    thread.start()
    try:
        yield f"http://{f'[{host}]' if ':' in host else host}:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _verdict(checks: Sequence[Check]) -> Answer:
    reasons = {check.name: _reason(check) for check in checks}
    bad = any(reason is not None for reason in reasons.values())
    body = {
        "status": "failing" if bad else "ok",
        "checks": {name: reason or "ok" for name, reason in reasons.items()},
    }
    status = HTTPStatus.SERVICE_UNAVAILABLE if bad else HTTPStatus.OK
    return status, "application/json", json.dumps(body).encode() + b"\n"


def _reason(check: Check) -> str | None:
    try:
        return check.reason()
    except DriftlineError as error:
        return str(error) or type(error).__name__


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """A thread per request, few at a time.

    When all are busy, whoever has been sending a request for longest makes room: connections that are opened and left
    half-open, however many, keep no probe waiting. Where all slots are busy, the newcomer gets that answer at once.
    """

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(
        self, address: tuple[str, int], answer: Callable[[str, str], Answer], inbound: Inbound | None
    ) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.answer = answer
        self.inbound = inbound
        self._free = threading.BoundedSemaphore(MAX_THREADS)
        self._reading: dict[socket.socket, None] = {}
        self._lock = threading.Lock()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        free = self._free.acquire(blocking=False) or (
            self._cut_off() and self._free.acquire(timeout=MAKE_ROOM_SECONDS)
        )
        if not free:
            request.setblocking(False)
            with contextlib.suppress(OSError):  # gone already
                request.send(b"HTTP/1.0 503 Busy\r\nContent-Length: 0\r\nRetry-After: 1\r\n\r\n")
            self.shutdown_request(request)
            return
        with self._lock:
            self._reading[request] = None
        try:
            super().process_request(request, client_address)
        except BaseException:
            self.is_read(request)
            self._free.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.is_read(request)
            self._free.release()

    def is_read(self, request: socket.socket) -> None:
        """A request is whole: from now on its thread works, and is not cut off."""
        with self._lock:
            self._reading.pop(request, None)

    def _cut_off(self) -> bool:
        """End the connection that has been sending its request for longest; False if none is."""
        with self._lock:
            oldest = next(iter(self._reading), None)
            if oldest is None:
                return False
            del self._reading[oldest]
            with contextlib.suppress(OSError):  # gone already
                oldest.shutdown(socket.SHUT_RDWR)
            return True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Client disconnects and timeouts are not logged."""


class _Handler(BaseHTTPRequestHandler):
    """One request per connection: GET and HEAD, and POST to the inbound addresses; never logs."""

    server: _Server
    server_version = "driftline"
    sys_version = ""

    def setup(self) -> None:
        super().setup()
        self._input = _Bounded(self.connection)
        self.rfile = io.BufferedReader(self._input)

    def parse_request(self) -> bool:
        if not super().parse_request():
            return False
        self.server.is_read(self.connection)
        if self.command == "POST" and self.server.inbound is not None and self.path.startswith(INBOUND):
            return True
        if self.command not in ("GET", "HEAD"):
            self._send(HTTPStatus.METHOD_NOT_ALLOWED, "text/plain; charset=utf-8", b"GET and HEAD only\n")
            return False
        return True

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self._send(*self.server.answer(path, self.headers.get("Accept", "")))

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        """Hand the body on as it arrived: a signature covers its bytes."""
        length = self.headers.get("Content-Length", "")
        if self.server.inbound is None or not (length.isascii() and length.isdigit() and len(length) < 9):
            self._send(HTTPStatus.LENGTH_REQUIRED, "text/plain; charset=utf-8", b"Content-Length is needed\n")
            return
        if int(length) > MAX_BODY_BYTES:
            self._send(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "text/plain; charset=utf-8", b"the body is too long\n")
            return
        self._input.allow(int(length))
        name = self.path.partition("?")[0].removeprefix(INBOUND)
        status, document = self.server.inbound(name, dict(self.headers.items()), self.rfile.read(int(length)))
        self._send(HTTPStatus(status), "application/json", json.dumps(document).encode() + b"\n")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Probes and scrapes come every few seconds; metrics count what matters."""

    def _send(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
        self.close_connection = True
        self.connection.settimeout(REQUEST_SECONDS)
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET, HEAD")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class _Bounded(io.RawIOBase):
    """A socket's input, up to so many bytes and seconds in all."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._left = MAX_REQUEST_BYTES
        self._deadline = time.monotonic() + REQUEST_SECONDS

    def readable(self) -> bool:
        return True

    def allow(self, more: int) -> None:
        """A body of so many bytes may follow."""
        self._left += more
        self._deadline = time.monotonic() + REQUEST_SECONDS

    def readinto(self, buffer: Any) -> int:
        seconds = self._deadline - time.monotonic()
        if seconds <= 0 or self._left <= 0:
            raise TimeoutError("the request is too slow or too long")  # http.server then closes the connection
        self._connection.settimeout(seconds)
        read = self._connection.recv_into(memoryview(buffer)[: self._left])
        self._left -= read
        return read

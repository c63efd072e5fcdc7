"""Serves pages, API, metrics and health on one port, on a thread beside the service's own work."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any, Final

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from monitor.errors import DriftlineError, SettingsError
from monitor.web.app import application
from monitor.web.backend import Site
from monitor.web.health import MAX_REQUEST_BYTES

MOST_CONNECTIONS: Final = 1_000
"""Open at once, live ones among them; more are answered 503."""
REQUEST_SECONDS: Final = 10.0
"""For sending a whole request, however slowly its bytes trickle in."""
KEEP_ALIVE_SECONDS: Final = 15
START_SECONDS: Final = 30.0
STOP_SECONDS: Final = 2


class Patient(H11Protocol):
    """Cuts off a connection whose request does not become whole in time: half-open ones hold nothing for long."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for the first request."""
        super().connection_made(transport)  # type: ignore[arg-type]
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """It has ended by itself."""
        self._waited()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """A part of a request, or all of it; between requests uvicorn's keep-alive counts."""
        super().data_received(data)
        self._watch()

    def _watch(self) -> None:
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._waited()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(REQUEST_SECONDS, self.transport.close)

    def _waited(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


@contextlib.contextmanager
def serve_site(host: str, port: int, site: Site) -> Iterator[str]:
    """Serve while the block runs; yields the address, such as ``http://127.0.0.1:9464``.

    Raises:
        SettingsError: the address is taken or not ours.
    """
    listening = _listening(host, port)
    server = uvicorn.Server(_config(site))
    thread = threading.Thread(target=server.run, args=([listening],), name="pages", daemon=True)
    thread.start()
    try:
        _wait_for(server, thread)
        yield f"http://{f'[{host}]' if ':' in host else host}:{listening.getsockname()[1]}"
    finally:
        site.feed.close()
        server.should_exit = True
        thread.join()
        listening.close()


def _config(site: Site) -> uvicorn.Config:
    options: dict[str, Any] = {
        "http": Patient,
        "ws": "none",
        "loop": "asyncio",
        "lifespan": "off",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,
        "limit_concurrency": MOST_CONNECTIONS,
        "timeout_keep_alive": KEEP_ALIVE_SECONDS,
        "timeout_graceful_shutdown": STOP_SECONDS,
        "h11_max_incomplete_event_size": MAX_REQUEST_BYTES,
        "headers": [("Server", "driftline")],
    }
    return uvicorn.Config(application(site), **options)


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise SettingsError(
            f"http: cannot listen at {host}:{port}: {error.strerror or error}; set http.host and http.port"
        ) from error
    return listening


def _wait_for(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise DriftlineError("the server of the pages did not start")
        time.sleep(0.01)

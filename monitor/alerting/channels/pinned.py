"""Network connections to addresses that were chosen before, with one deadline for everything."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import httpcore


class PinnedBackend(httpcore.NetworkBackend):
    """Connects to the given addresses, not to the host's name of the moment; the deadline replaces all timeouts."""

    def __init__(self, addresses: Sequence[str], *, deadline: float, monotonic: Callable[[], float]) -> None:
        self._addresses = addresses
        self._deadline = deadline
        self._monotonic = monotonic
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        failure: httpcore.ConnectError | httpcore.ConnectTimeout | None = None
        for number, address in enumerate(self._addresses):
            # A dead first address leaves time for the others.
            share = _left(self._deadline, self._monotonic, httpcore.ConnectTimeout) / (len(self._addresses) - number)
            try:
                stream = self._sockets.connect_tcp(
                    address, port, timeout=share, local_address=local_address, socket_options=socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _DeadlineStream(stream, deadline=self._deadline, monotonic=self._monotonic)
        raise failure or httpcore.ConnectError("no address")


class _DeadlineStream(httpcore.NetworkStream):
    """Every operation ends at the deadline of the whole request."""

    def __init__(self, stream: httpcore.NetworkStream, *, deadline: float, monotonic: Callable[[], float]) -> None:
        self._stream = stream
        self._deadline = deadline
        self._monotonic = monotonic

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(self._deadline, self._monotonic, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(self._deadline, self._monotonic, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left = _left(self._deadline, self._monotonic, httpcore.ConnectTimeout)
        stream = self._stream.start_tls(ssl_context, server_hostname, left)
        return _DeadlineStream(stream, deadline=self._deadline, monotonic=self._monotonic)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(deadline: float, monotonic: Callable[[], float], timeout: type[httpcore.TimeoutException]) -> float:
    left = deadline - monotonic()
    if left <= 0:
        raise timeout("the request took too long")
    return left

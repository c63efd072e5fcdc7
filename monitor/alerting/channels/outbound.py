"""Outbound requests that cannot reach where they should not, nor take longer or bring more than they may.

The host is resolved once, every address it has is judged, and the connection is made to one of exactly these: a name
that answers differently a moment later (DNS rebinding) changes nothing. TLS still checks the host's name. Redirects
are not followed, proxies from the environment not used. One deadline covers resolving, connecting, TLS, sending and
receiving, so that no trickle of bytes keeps a request alive.
"""

from __future__ import annotations

import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpcore
import httpx

from monitor.alerting.channels.addresses import refusal
from monitor.alerting.channels.base import ChannelError
from monitor.alerting.channels.pinned import PinnedBackend

Resolve = Callable[[str, int], Sequence[str]]
"""(host, port) -> IP addresses. May raise OSError."""
_MOST_ADDRESSES: Final = 16
SLACK_MS: Final = 1000
"""On top of the timeout: threads, closing the connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Limits of outbound requests."""

    allow_http: bool = False
    """Plain http:// too."""
    allow_private: bool = False
    """Loopback and private addresses too; link-local and metadata addresses never."""
    timeout_s: float = 10.0
    """For a whole request."""
    most_bytes: int = 65_536
    """Bytes of an answer that are read; the rest is not."""
    ca_file: Path | None = None
    """PEM file with more certificate authorities to trust."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The receiver's answer."""

    status: int
    headers: httpx.Headers
    body: bytes
    """At most ``most_bytes`` of it."""


def system_resolve(host: str, port: int) -> Sequence[str]:
    """The addresses that the operating system knows, in its order of preference."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[4][0]) for address in found))


class Outbound:
    """Makes requests under one set of rules. Safe to use from several threads."""

    def __init__(
        self, rules: Rules, *, resolve: Resolve = system_resolve, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._rules = rules
        self._resolve = resolve
        self._monotonic = monotonic
        self._tls = httpx.create_ssl_context()
        if rules.ca_file is not None:
            self._tls.load_verify_locations(cafile=rules.ca_file)

    @property
    def longest_ms(self) -> int:
        """The longest that one request takes."""
        return int(self._rules.timeout_s * 1000) + SLACK_MS

    def check(self, url: str) -> httpx.URL:
        """The URL, parsed.

        Raises:
            ChannelError: nothing may be sent there, regardless of the address that it resolves to. The text holds no
                path or query, where receivers put their secrets.
        """
        try:
            parsed = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise ChannelError("the address is not a URL", permanent=True) from error
        allowed = ("https", "http") if self._rules.allow_http else ("https",)
        if parsed.scheme not in allowed or not parsed.host:
            raise ChannelError(
                f"{parsed.scheme or '(nothing)'}://{parsed.host}: the address must begin with {' or '.join(allowed)}://"
                + ("" if self._rules.allow_http else "; allow_http: true permits http"),
                permanent=True,
            )
        if parsed.userinfo:
            raise ChannelError(f"{parsed.host}: the address may not hold a user name or password", permanent=True)
        return parsed

    def post(self, url: str, *, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send one POST request.

        Raises:
            ChannelError: nothing may be sent there, or there is no answer within the time.
        """
        parsed = self.check(url)
        deadline = self._monotonic() + self._rules.timeout_s
        port = parsed.port or (443 if parsed.scheme == "https" else 80)
        addresses = self._addresses(parsed.host, parsed.raw_host.decode("ascii"), port)
        backend = PinnedBackend(addresses, deadline=deadline, monotonic=self._monotonic)
        try:
            with httpcore.ConnectionPool(ssl_context=self._tls, network_backend=backend) as pool:
                return self._exchange(pool, parsed, body=body, headers=headers)
        except httpcore.TimeoutException as error:
            raise ChannelError(
                f"{parsed.host}: no answer within {self._rules.timeout_s:g} s", permanent=False
            ) from error
        except (httpcore.NetworkError, httpcore.ProtocolError, ssl.SSLError, OSError) as error:
            raise ChannelError(f"{parsed.host}: {_in_words(error)}", permanent=False) from error

    def _exchange(
        self, pool: httpcore.ConnectionPool, url: httpx.URL, *, body: bytes, headers: Mapping[str, str]
    ) -> Answer:
        all_headers = [("Host", url.netloc.decode("ascii")), *headers.items(), ("Connection", "close")]
        target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        with pool.stream("POST", target, headers=all_headers, content=body) as response:
            received = bytearray()
            for chunk in response.iter_stream():
                received += chunk
                if len(received) >= self._rules.most_bytes:
                    break
            return Answer(
                status=response.status,
                headers=httpx.Headers(response.headers),
                body=bytes(received[: self._rules.most_bytes]),
            )

    def _addresses(self, host: str, ascii_host: str, port: int) -> Sequence[str]:
        try:
            addresses = _within(self._rules.timeout_s, lambda: self._resolve(ascii_host, port))[:_MOST_ADDRESSES]
        except TimeoutError as error:
            raise ChannelError(
                f"{host}: its name was not resolved within {self._rules.timeout_s:g} s", permanent=False
            ) from error
        except (OSError, UnicodeError) as error:
            raise ChannelError(f"{host}: its name cannot be resolved: {error}", permanent=False) from error
        if not addresses:
            raise ChannelError(f"{host}: its name has no address", permanent=False)
        for address in addresses:
            why = refusal(address, allow_private=self._rules.allow_private)
            if why is not None:
                # Not permanent: the name may be put right, and then nothing is lost.
                raise ChannelError(
                    f"{host} is {address}, {why}: nothing is sent there"
                    + ("" if self._rules.allow_private else "; allow_private: true permits private receivers"),
                    permanent=False,
                )
        return addresses


def _within(seconds: float, call: Callable[[], Sequence[str]]) -> Sequence[str]:
    """The result of a call that has no timeout of its own; its thread is left behind when it takes longer."""
    results: queue.SimpleQueue[Sequence[str] | Exception] = queue.SimpleQueue()

    def run() -> None:
        try:
            results.put(call())
        except Exception as error:  # noqa: BLE001 - carried to the caller's thread
            results.put(error)

    threading.Thread(target=run, name="resolve", daemon=True).start()
    try:
        result = results.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(result, Exception):
        raise result
    return result


def _in_words(error: Exception) -> str:
    message = " ".join(str(error).split())[:200]
    return message or type(error).__name__

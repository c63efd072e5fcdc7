"""Circuit breakers: a receiver that is down is left alone for a while, so that it holds up nobody else's messages.

Each try at a dead receiver may take its whole timeout, and a deliverer sends one after the other: with many incidents
waiting for one receiver, everybody else would wait for minutes. After a few failures in a row a channel's circuit
opens; what is meant for it is put off without a try. When the time is over, one message goes out to see; if it
arrives the circuit closes. Nothing is given up by a breaker.

The state lives with the deliverer: a second process finds out by itself, in a few tries.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

FAILURES: Final = 3
"""In a row, of any messages, until the circuit opens."""
FIRST_MS: Final = 15_000
MOST_MS: Final = 300_000
"""It opens for 15 s, 30 s, 1 min ... 5 min."""


@dataclass(slots=True)
class _Circuit:
    failures: int = 0
    opened: int = 0
    until_ms: int = 0
    probing: bool = False


class Breakers:
    """One circuit for each channel."""

    def __init__(self) -> None:
        self._circuits: dict[str, _Circuit] = {}

    def wait_ms(self, channel: str, now_ms: int) -> int:
        """How long a message for this channel is put off; 0: it may go out now."""
        circuit = self._circuits.get(channel)
        if circuit is None or circuit.failures < FAILURES:
            return 0
        if now_ms < circuit.until_ms <= now_ms + MOST_MS:  # later than any can be: the clock was set back
            return circuit.until_ms - now_ms
        if circuit.probing:
            return FIRST_MS
        circuit.probing = True
        return 0

    def arrived(self, channel: str) -> None:
        """A message has arrived: the circuit is closed."""
        self._circuits.pop(channel, None)

    def failed(self, channel: str, now_ms: int) -> None:
        """A message has not arrived, for a passing reason."""
        circuit = self._circuits.setdefault(channel, _Circuit())
        circuit.failures += 1
        circuit.probing = False
        if circuit.failures >= FAILURES:
            circuit.until_ms = now_ms + min(MOST_MS, FIRST_MS * 2 ** min(circuit.opened, 10))
            circuit.opened += 1

    def open(self, now_ms: int) -> list[str]:
        """The channels that are left alone now, by name."""
        return sorted(
            name
            for name, each in self._circuits.items()
            if each.failures >= FAILURES and now_ms < each.until_ms <= now_ms + MOST_MS
        )

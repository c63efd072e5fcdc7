"""Dead letters into a Kafka topic."""

from __future__ import annotations

import hashlib
import json
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from kafka import KafkaProducer
from kafka.errors import KafkaError

from monitor.errors import Fenced, SourceUnavailable
from monitor.ingestion.deadletter import WAITING_AT_MOST, WAITING_BYTES, DeadLetter, Sealer
from monitor.ingestion.kafka_errors import to_driftline
from monitor.ingestion.kafka_options import KafkaConnection

FLUSH_SECONDS: Final = 30.0
KEY_BYTES: Final = 4_096  # a longer key is not a key; it would make the letter larger than a record may be


@dataclass(slots=True)
class _Waiting:
    value: bytes
    key: bytes | None
    headers: list[tuple[str, bytes]]
    answer: Any = None


class KafkaDeadLetters:
    """The topic gets one record per letter, with reason, source partition and offset as headers.

    With ``payload="drop"`` the value is the facts as JSON and there is no key; with ``payload="keep"`` key and value
    are the original's (the value cut to the bound), and the header ``sha256`` is that of the whole value.
    """

    def __init__(
        self, connection: KafkaConnection, *, topic: str, sealer: Sealer, flush_seconds: float = FLUSH_SECONDS
    ) -> None:
        self._topic = topic
        self._sealer = sealer
        self._flush_seconds = flush_seconds
        self._waiting: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        try:
            self._producer: Any = KafkaProducer(
                **connection.client_settings(),
                acks="all",
                enable_idempotence=True,
                compression_type="lz4",
                linger_ms=5,
                max_block_ms=int(flush_seconds * 1000),
                delivery_timeout_ms=int(flush_seconds * 1000),
                request_timeout_ms=int(flush_seconds * 500),
                metrics_enabled=False,
            )
        except (KafkaError, OSError) as error:
            raise to_driftline(error) from error

    def send(
        self, *, partition: str, offset: int, reason: str, detail: str, key: bytes | None, value: bytes | None
    ) -> None:
        """Hand one letter to the producer's own thread."""
        if len(self._waiting) >= WAITING_AT_MOST or self._waiting_bytes >= WAITING_BYTES:
            self.flush()
        letter = self._seal(DeadLetter(partition, offset, reason, detail, key, value))
        self._waiting.append(letter)
        self._waiting_bytes += len(letter.value)
        with suppress(KafkaError, OSError):  # no metadata or no room in the producer now: the next flush posts it
            self._post(letter)

    def flush(self) -> None:
        """Wait for the brokers' word on every letter; what failed is sent again by the next flush.

        Raises:
            SourceUnavailable: the brokers did not take them in time.
            SourceRefused: they never will (no such topic, not allowed).
        """
        try:
            for letter in self._waiting:
                if letter.answer is None:
                    self._post(letter)
            self._producer.flush(timeout=self._flush_seconds)
            while self._waiting:
                self._waiting[0].answer.get(timeout=self._flush_seconds)
                self._waiting_bytes -= len(self._waiting.popleft().value)
        except (KafkaError, OSError) as error:
            for letter in self._waiting:
                if letter.answer is not None and letter.answer.failed():
                    letter.answer = None
            ours = to_driftline(error)
            if isinstance(ours, Fenced):  # a producer that lost its sequence: nobody has taken over from us
                ours = SourceUnavailable(str(ours))
            raise ours from error

    def close(self) -> None:
        """Send what waits, as far as the brokers take it."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.close(timeout=self._flush_seconds)

    def _post(self, letter: _Waiting) -> None:
        letter.answer = self._producer.send(self._topic, value=letter.value, key=letter.key, headers=letter.headers)

    def _seal(self, letter: DeadLetter) -> _Waiting:
        facts = self._sealer.facts(letter)
        headers = [
            ("reason", letter.reason.encode()),
            ("partition", letter.partition.encode()),
            ("offset", str(letter.offset).encode()),
        ]
        if self._sealer.payload == "drop" or letter.value is None:
            return _Waiting(json.dumps(facts).encode(), None, headers)
        kept = self._sealer.kept(letter.value)
        headers.append(("sha256", hashlib.sha256(letter.value).hexdigest().encode()))
        headers.append(("truncated", b"true" if len(kept) < len(letter.value) else b"false"))
        key = letter.key if letter.key is not None and len(letter.key) <= KEY_BYTES else None
        return _Waiting(kept, key, headers)

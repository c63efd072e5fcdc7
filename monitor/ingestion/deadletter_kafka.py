"""Dead letters into a Kafka topic."""

from __future__ import annotations

import hashlib
import json
from collections import deque
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any, Final

import structlog
from kafka import KafkaAdminClient, KafkaProducer
from kafka.errors import KafkaError, MessageSizeTooLargeError, TopicAlreadyExistsError

from monitor.errors import SourceRefused, SourceUnavailable
from monitor.ingestion.deadletter import WAITING_AT_MOST, WAITING_BYTES, DeadLetter, Sealer
from monitor.ingestion.kafka_errors import to_driftline
from monitor.ingestion.kafka_options import KafkaConnection

FLUSH_SECONDS: Final = 10.0  # a broker that is well takes milliseconds; while it does not answer nothing is counted
BLOCK_SECONDS: Final = 3.0  # for metadata of the topic, or room in the client's buffer
CREATE_TIMEOUT_MS: Final = 10_000
KEY_BYTES: Final = 4_096  # a longer key is not a key; it would make the letter larger than a record may be


log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Waiting:
    value: bytes
    key: bytes | None
    headers: list[tuple[str, bytes]]
    facts: bytes = b""
    """The smaller message for a topic that refuses the value for its size; empty if it is that already."""
    answer: Any = None
    size: int = 0
    """Bytes that it was counted with."""

    def shrink(self) -> bool:
        """Leave the payload out; False if there is none to leave out."""
        if not self.facts:
            return False
        self.value, self.facts, self.key, self.answer = self.facts, b"", None, None
        kept = [header for header in self.headers if header[0] != "truncated"]
        self.headers = [*kept, ("dropped", b"too large for the topic")]
        return True


class KafkaDeadLetters:
    """The topic gets one record per letter, with reason, source partition and offset as headers.

    With ``payload="drop"`` the value is the facts as JSON and there is no key; with ``payload="keep"`` key and value
    are the original's (the value cut to the bound), and the header ``sha256`` is that of the whole value.
    """

    def __init__(
        self, connection: KafkaConnection, *, topic: str, sealer: Sealer, flush_seconds: float = FLUSH_SECONDS
    ) -> None:
        """
        Raises:
            SourceUnavailable: no broker answers.
            SourceRefused: the topic does not exist and may not be made; the text names the command that makes it.
        """
        self._topic = topic
        _make_sure_of(topic, connection)
        self._sealer = sealer
        self._flush_seconds = flush_seconds
        self._waiting: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._connection = connection
        self._producer: Any = self._new_producer()

    def send(
        self, *, partition: str, offset: int, reason: str, detail: str, key: bytes | None, value: bytes | None
    ) -> None:
        """Hand one letter to the producer's own thread."""
        if len(self._waiting) >= WAITING_AT_MOST or self._waiting_bytes >= WAITING_BYTES:
            self.flush()
        letter = self._seal(DeadLetter(partition, offset, reason, detail, key, value))
        self._waiting.append(letter)
        letter.size = len(letter.value)
        self._waiting_bytes += letter.size
        if len(self._waiting) > 1 and self._waiting[-2].answer is None:
            return  # the one before could not be posted: each try may block for seconds, and one is enough to know
        with suppress(KafkaError, OSError):  # no metadata or no room in the producer now: the next flush posts it
            self._post(letter)

    def flush(self) -> None:
        """Wait for the brokers' word on every letter; what failed is sent again by the next flush.

        Raises:
            SourceUnavailable: the brokers did not take them. Whatever the reason, they are held: without the letters
                nothing may be counted, and somebody can mend the topic.
        """
        try:
            for letter in self._waiting:
                if letter.answer is None:
                    self._post(letter)
            self._producer.flush(timeout=self._flush_seconds)
            while self._waiting:
                letter = self._waiting[0]
                try:
                    letter.answer.get(timeout=self._flush_seconds)
                except MessageSizeTooLargeError:
                    if not letter.shrink():
                        raise
                    self._begin_anew()
                    continue
                self._waiting_bytes -= letter.size
                self._waiting.popleft()
        except (KafkaError, OSError) as error:
            for letter in self._waiting:
                if letter.answer is not None and letter.answer.failed():
                    letter.answer = None
            raise SourceUnavailable(
                f"dead letters cannot be written to topic {self._topic}: {to_driftline(error)}"
            ) from error

    def close(self) -> None:
        """Send what waits, as far as the brokers take it."""
        producer, self._producer = self._producer, None
        if producer is not None:
            try:
                producer.close(timeout=self._flush_seconds)
            except (KafkaError, OSError) as error:
                # Their positions are not committed either: the records will be read, and lettered, again.
                log.warning("kafka.dead_letters_not_sent", topic=self._topic, error=str(error))
                _end(producer)

    def _new_producer(self) -> Any:
        try:
            return KafkaProducer(
                **self._connection.client_settings(),
                acks="all",
                enable_idempotence=True,
                compression_type="lz4",
                linger_ms=5,
                max_block_ms=int(min(self._flush_seconds, BLOCK_SECONDS) * 1000),
                delivery_timeout_ms=int(self._flush_seconds * 1000),
                request_timeout_ms=int(self._flush_seconds * 500),
                metrics_enabled=False,
            )
        except (KafkaError, OSError) as error:
            raise to_driftline(error) from error

    def _post(self, letter: _Waiting) -> None:
        try:
            self._send(letter)
        except MessageSizeTooLargeError:
            if not letter.shrink():
                raise
            self._send(letter)

    def _begin_anew(self) -> None:
        """Another producer, and everything that waits sent again: the client gives up for good after a refusal."""
        _end(self._producer)
        self._producer = self._new_producer()
        for letter in self._waiting:
            self._post(letter)

    def _send(self, letter: _Waiting) -> None:
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
        return _Waiting(kept, key, headers, json.dumps(facts).encode())


def _end(producer: Any) -> None:
    """Close a client that cannot send what it holds: its own close() raises then, and leaves its thread running."""
    producer._sender.force_close()
    producer._sender.join(1.0)
    with suppress(KafkaError, OSError):
        producer.close(timeout=0)


def _make_sure_of(topic: str, connection: KafkaConnection) -> None:
    """That the topic exists: letters that have nowhere to go would hold up everything once the first is written."""
    try:
        with closing(KafkaAdminClient(**connection.client_settings())) as admin:
            if topic in admin.list_topics():
                return
            try:
                # -1: the brokers' own number of replicas.
                admin.create_topics(
                    {topic: {"num_partitions": 1, "replication_factor": -1}}, timeout_ms=CREATE_TIMEOUT_MS
                )
            except TopicAlreadyExistsError:
                return  # another worker was first
            log.info("kafka.dead_letter_topic_created", topic=topic)
    except (KafkaError, OSError) as error:
        ours = to_driftline(error)
        if isinstance(ours, SourceUnavailable):
            raise ours from error
        raise SourceRefused(
            f"Kafka: the topic for dead letters, {topic}, does not exist or may not be described, and cannot be made "
            f"({ours}). Make it: kafka-topics.sh --create --topic {topic} --partitions 1 --bootstrap-server "
            f"{connection.bootstrap_servers[0]}; or name a file in dead_letter.file"
        ) from error

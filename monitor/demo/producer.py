"""Writes the demo's stream to a Kafka topic, each record when simulated time reaches it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from threading import Event
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError
from kafka.net.compat import KafkaNetClient

from monitor.demo.wire import Record
from monitor.errors import SourceUnavailable

# Real seconds between looks at the simulated clock. At 100 times real time that is half a simulated second, well
# inside a tick of 10 s.
LOOK_EVERY_SECONDS = 0.005
_LINGER_MS = 5
GIVE_UP_AFTER_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of the producer.

    Attributes:
        phase: of the last record sent.
        sent: records handed to Kafka so far.
        time_ms: simulated time of the last record sent, epoch milliseconds.
        behind_ms: simulated milliseconds by which that record was sent too late; stays small while the
            classifiers keep up with the clock's speed.
    """

    phase: str
    sent: int
    time_ms: int
    behind_ms: int


def due(records: Iterable[Record], *, now_ms: Callable[[], int], stop: Event) -> Iterator[Record]:
    """Each record once `now_ms()` has reached its time; ends early when `stop` is set."""
    for record in records:
        while record.time_ms > now_ms():
            if stop.wait(LOOK_EVERY_SECONDS):
                return
        if stop.is_set():
            return
        yield record


def produce(
    records: Iterable[Record],
    *,
    bootstrap_servers: str,
    topic: str,
    now_ms: Callable[[], int],
    stop: Event,
    on_progress: Callable[[Progress], None],
    give_up_after: float = GIVE_UP_AFTER_SECONDS,
) -> int:
    """Send records in time until they end or `stop` is set, flush, and return how many Kafka acknowledged.

    Args:
        records: in order of time.
        bootstrap_servers: host:port.
        topic: must exist, or be created by the broker on first use.
        now_ms: simulated clock, epoch milliseconds.
        stop: set it from another thread to end early; what was sent is still flushed.
        on_progress: called after each record, in this thread.
        give_up_after: real seconds to wait for the broker, at the start, for room and at the end.

    Raises:
        SourceUnavailable: the broker cannot be reached or did not acknowledge a record.
    """
    failures: list[Exception] = []
    acknowledged = 0

    def on_acknowledged(_: object) -> None:
        nonlocal acknowledged
        acknowledged += 1

    try:
        producer = _connect(bootstrap_servers, give_up_after=give_up_after)
        try:
            for sent, record in enumerate(due(records, now_ms=now_ms, stop=stop), start=1):
                future = producer.send(topic, key=record.key, value=record.value, timestamp_ms=record.time_ms)
                future.add_callback(on_acknowledged).add_errback(failures.append)
                if failures:
                    break
                behind = max(0, now_ms() - record.time_ms)
                on_progress(Progress(phase=record.phase, sent=sent, time_ms=record.time_ms, behind_ms=behind))
            producer.flush(give_up_after)
        finally:
            producer.close(give_up_after)
    except KafkaError as error:
        raise SourceUnavailable(f"cannot write to topic {topic!r} at {bootstrap_servers}: {error}") from error
    if failures:
        raise SourceUnavailable(
            f"{bootstrap_servers} did not acknowledge {len(failures)} records of topic {topic!r}: {failures[0]}"
        )
    return acknowledged


def _connect(bootstrap_servers: str, *, give_up_after: float) -> KafkaProducer:
    """A connected producer; a failed one leaves nothing open, which kafka-python by itself does not see to."""
    clients: list[KafkaNetClient] = []

    def client(**settings: Any) -> KafkaNetClient:
        clients.append(KafkaNetClient(**settings))
        return clients[-1]

    try:
        return KafkaProducer(
            bootstrap_servers=bootstrap_servers,
            compression_type="lz4",
            linger_ms=_LINGER_MS,
            max_block_ms=int(1000 * give_up_after),
            bootstrap_timeout_ms=int(1000 * give_up_after),
            kafka_client=client,
        )
    except KafkaError:
        for opened in clients:
            opened.close()
        raise

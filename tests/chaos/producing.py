"""Records into a real broker, quickly: librdkafka, one batch size for the whole log."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from confluent_kafka import KafkaException, Producer

from tests.chaos.traffic import Record

FLUSH_SECONDS = 60.0


def produce(servers: str, topic: str, records: Iterable[Record], *, batch: int = 10_000, codec: str = "lz4") -> int:
    """Write the records in order, at most `batch` of them in one record batch; how many they were.

    Raises:
        KafkaException: the broker did not take one.
    """
    failures: list[Any] = []
    producer = Producer(
        {
            "bootstrap.servers": servers,
            "enable.idempotence": True,
            "compression.type": codec,
            "log_level": 0,
            "linger.ms": 20,
            "batch.num.messages": batch,
            "batch.size": 256 * 1024,
            "message.max.bytes": 20_000_000,
            "queue.buffering.max.messages": 200_000,
        }
    )
    count = 0
    for record in records:
        while True:
            try:
                producer.produce(
                    topic,
                    value=record.value,
                    key=record.key,
                    partition=record.partition,
                    timestamp=record.time_ms,
                    on_delivery=lambda error, _: failures.append(error) if error else None,
                )
            except BufferError:
                producer.poll(0.1)
                continue
            break
        count += 1
        if count % 5_000 == 0:
            producer.poll(0)
    left = producer.flush(FLUSH_SECONDS)
    if failures or left:
        raise KafkaException(f"{left} records unsent, {len(failures)} refused: {failures[:1]}")
    return count

"""Secrets in every field of every format, through the whole service: found in nothing that it writes."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import zstandard
from kafka import KafkaConsumer, TopicPartition
from sqlalchemy import create_engine, inspect, text

from tests.acceptance.story import BOUND_SECONDS, driftline, driftline_json, get, metric, until
from tests.chaos.deployment import Deployment
from tests.chaos.producing import produce
from tests.chaos.traffic import INPUT, Change, Record, Story, records
from tests.servers.kafka import KafkaNode
from tests.servers.postgres import PostgresNode
from tests.unit.events.formats.marked import SECRET, marked, surrounded
from tests.unit.events.formats.samples import SAMPLES

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

MINUTE_MS = 60_000
MARK = SECRET.encode()


def test_a_secret_in_any_field_is_in_nothing_that_the_service_writes(
    kafka: KafkaNode, postgres: PostgresNode, tmp_path: Path
) -> None:
    topic = kafka.fresh_topic()
    kafka.create_topic(f"{topic}.dead")
    start_ms = int(time.time() * 1000) - 45 * MINUTE_MS
    probing = Change(what="probing", guardrail=INPUT, begin=0.7, end=1.0, share=0.3)
    story = Story(
        records=6_000,
        start_ms=start_ms,
        length_ms=40 * MINUTE_MS,
        partitions=1,
        guardrails=(INPUT,),
        changes=[probing],
    )
    log = chain(map(_talkative, records(story)), _marked_records(start_ms + 40 * MINUTE_MS))
    produced = produce(kafka.bootstrap_servers, topic, log)
    options = {"source": {"kafka": {"group": topic}}, "alerts": {"channels": [{"type": "log", "notices": True}]}}
    with (
        postgres.fresh_database() as url,
        Deployment(tmp_path, url, kafka.bootstrap_servers, topic, produced, settings=options) as deployment,
    ):
        service = deployment.add("service", "run")
        service.start()
        address = until(service.http_address, what="started", process=service)
        until(lambda: metric(address, "driftline_incidents_open") > 0, what="alarmed", process=service)
        deployment.wait_until(deployment.done, seconds=BOUND_SECONDS, what="at the end of the log")
        seen = {"metrics": get(address, "/metrics")[1].encode(), "health": get(address, "/readyz")[1].encode()}
        assert service.stop() == 0
        found = driftline_json("incidents", "list", "-c", deployment.file)
        seen |= {
            "log": service.log.read_bytes(),
            "incidents": b"".join(
                driftline("incidents", "show", str(one["name"]), "-c", deployment.file).encode() for one in found
            ),
            "baselines": driftline("baseline", "show", "--json", "-c", deployment.file).encode(),
            "dead letters": b"".join(_letters(kafka, f"{topic}.dead")),
            "database": b"".join(_cells(deployment.url)),
        }
    assert b"invalid_json" in seen["dead letters"]
    assert INPUT.encode() in seen["database"]
    assert {name for name, content in seen.items() if MARK in content} == set()


def _talkative(record: Record) -> Record:
    """A canonical event with the secret in every field that may hold text of a person, and in its key."""
    event = json.loads(record.value) if record.value.endswith(b"}") else {}
    for name in ("text", "session_id", "request_id"):
        event[name] = f"{event.get(name, '')} {SECRET}"
    event |= {"labels": {"reviewer": SECRET}, "rules": [SECRET], "x": {SECRET: [SECRET]}}
    return Record(record.partition, MARK, json.dumps(event).encode(), record.time_ms)


def _marked_records(time_ms: int) -> Iterator[Record]:
    values: list[Any] = [f'{{"v": 1, "guardrail": "{SECRET}', f'{SECRET} {{"a": 1}}', f"[{SECRET}", {SECRET: SECRET}]
    for sample in SAMPLES:
        if not isinstance(sample.record, str):
            values.append(
                {f"x-{SECRET}": SECRET} | sample.record if sample.format == "canonical" else surrounded(sample)
            )
            values += [record for _, record in marked(sample) if sample.format != "canonical"]
    for value in values:
        encoded = value if isinstance(value, str) else json.dumps(value)
        yield Record(0, MARK, encoded.encode(), time_ms)


def _letters(kafka: KafkaNode, topic: str) -> Iterator[bytes]:
    partition = TopicPartition(topic, 0)
    consumer = KafkaConsumer(bootstrap_servers=kafka.bootstrap_servers, enable_auto_commit=False)
    try:
        consumer.assign([partition])
        consumer.seek_to_beginning(partition)
        end = consumer.end_offsets([partition])[partition]
        while consumer.position(partition) < end:
            for letters in consumer.poll(timeout_ms=1_000).values():
                for letter in letters:
                    headers = b"".join(key.encode() + (value or b"") for key, value in letter.headers)
                    yield b"".join([letter.key or b"", letter.value or b"", headers])
    finally:
        consumer.close()


def _cells(url: str) -> Iterator[bytes]:
    """Every value of every table, and what is in it if it is compressed."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg2://"))
    try:
        with engine.connect() as connection:
            for table in inspect(engine).get_table_names():
                for row in connection.execute(text(f'SELECT * FROM "{table}"')):
                    for value in row:
                        yield from _expanded(value)
    finally:
        engine.dispose()


def _expanded(value: Any) -> Iterator[bytes]:
    raw = bytes(value) if isinstance(value, bytes | memoryview) else repr(value).encode()
    yield raw
    if raw.startswith(b"\x28\xb5\x2f\xfd"):
        yield zstandard.ZstdDecompressor().decompressobj().decompress(raw)
    if raw.startswith(b"\x1f\x8b"):
        yield gzip.decompress(raw)

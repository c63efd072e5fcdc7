"""Records reach a real Kafka-protocol broker when simulated time reaches them, and not before."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event

import pytest
from kafka import KafkaConsumer

from monitor.demo.broker import EmbeddedBroker, free_port
from monitor.demo.producer import Progress, due, produce
from monitor.demo.wire import Record
from monitor.errors import SourceUnavailable

START_MS = 1_750_000_000_000


def _records(count: int, *, apart_ms: int) -> list[Record]:
    return [
        Record(
            time_ms=START_MS + i * apart_ms, key=f"s-{i % 5}".encode(), value=f'{{"i":{i}}}'.encode(), phase="normal"
        )
        for i in range(count)
    ]


def _stepping_clock(step_ms: int) -> tuple[Callable[[], int], list[int]]:
    """A clock that moves by `step_ms` at each look, and what it showed."""
    shown = [START_MS - step_ms]

    def now_ms() -> int:
        shown.append(shown[-1] + step_ms)
        return shown[-1]

    return now_ms, shown


def test_a_record_waits_until_the_clock_reaches_its_time() -> None:
    now_ms, shown = _stepping_clock(40)
    for record in due(_records(20, apart_ms=100), now_ms=now_ms, stop=Event()):
        assert record.time_ms <= shown[-1] < record.time_ms + 100


def test_records_that_are_late_go_out_at_once_and_all_of_them() -> None:
    records = _records(50, apart_ms=100)
    assert list(due(records, now_ms=lambda: START_MS + 10**9, stop=Event())) == records


def test_stop_ends_the_stream_while_it_waits() -> None:
    stop = Event()
    seen = []
    for record in due(_records(50, apart_ms=100), now_ms=lambda: START_MS + 250, stop=stop):
        seen.append(record)
        if len(seen) == 3:
            stop.set()
    assert [record.time_ms - START_MS for record in seen] == [0, 100, 200]


def test_what_is_produced_can_be_consumed_with_key_time_and_order(embedded_broker: EmbeddedBroker) -> None:
    records = _records(200, apart_ms=100)
    told: list[Progress] = []
    now_ms, _ = _stepping_clock(1_000)
    acknowledged = produce(
        records,
        bootstrap_servers=embedded_broker.bootstrap_servers,
        topic="guardrail-events",
        now_ms=now_ms,
        stop=Event(),
        on_progress=told.append,
    )
    assert acknowledged == 200
    assert [progress.sent for progress in told] == list(range(1, 201))
    assert told[-1].time_ms == records[-1].time_ms
    consumer = KafkaConsumer(
        "guardrail-events",
        bootstrap_servers=embedded_broker.bootstrap_servers,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        group_id=None,
        consumer_timeout_ms=5_000,
        fetch_max_wait_ms=20,
    )
    try:
        got = [next(consumer) for _ in records]
    finally:
        consumer.close()
    assert {(r.timestamp, r.key, r.value) for r in got} == {(r.time_ms, r.key, r.value) for r in records}
    for key in {record.key for record in records}:
        assert [r.value for r in got if r.key == key] == [r.value for r in records if r.key == key]
        assert len({r.partition for r in got if r.key == key}) == 1


def test_a_broker_that_is_not_there_is_an_error_that_names_it() -> None:
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(SourceUnavailable, match=rf"topic 'guardrail-events' at {address}"):
        produce(
            _records(1, apart_ms=1),
            bootstrap_servers=address,
            topic="guardrail-events",
            now_ms=lambda: START_MS,
            stop=Event(),
            on_progress=lambda _: None,
            give_up_after=0.5,
        )

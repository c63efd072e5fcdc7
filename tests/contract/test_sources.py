"""One conformance suite for every source: memory, files, and Kafka by records and by raw batches.

The embedded broker takes part with the client settings that its known gaps ask for (short fetch waits, a short
session). What it cannot do at all (transactions) is not asked of sources here but in
tests/integration/test_kafka_source.py, of the real Kafka.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from monitor.clock import ManualClock
from monitor.ingestion.memory import MemoryRecord
from monitor.ingestion.source import Source
from tests.contract.source_logs import (
    POLL_SECONDS,
    Claims,
    Log,
    Reading,
    file_log,
    kafka_log,
    live_memory_log,
    memory_log,
)

START_MS = 1_750_000_000_000
FIRST = [
    MemoryRecord(b'{"n":%d,"pad":"%s"}' % (n, b"x" * (n % 40)), b"key-%d" % (n % 5), START_MS + 1000 * n)
    for n in range(100)
]
SECOND = [MemoryRecord(b'{"m":%d}' % n, None, START_MS + 7 * n) for n in range(33)]

FINITE = ["memory", "file", "file.gz", "file.zst"]
LIVE = [
    "live memory",
    pytest.param("kafka records", marks=pytest.mark.kafka),
    pytest.param("kafka raw", marks=pytest.mark.kafka),
    "embedded records",
    "embedded raw",
]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START_MS)


@pytest.fixture(params=FINITE + LIVE)
def log(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock) -> Log:
    return make_log(request, tmp_path, clock)


@pytest.fixture(params=FINITE)
def finite_log(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock) -> Log:
    return make_log(request, tmp_path, clock)


@pytest.fixture(params=LIVE)
def live_log(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock) -> Log:
    return make_log(request, tmp_path, clock)


def make_log(request: pytest.FixtureRequest, directory: Path, clock: ManualClock) -> Log:
    kind, _, variant = str(request.param).partition(" ")
    records = [FIRST, SECOND]
    if kind == "memory":
        return memory_log(records)
    if kind == "live":
        return live_memory_log(records, clock)
    if kind in {"kafka", "embedded"}:
        broker = request.getfixturevalue("kafka" if kind == "kafka" else "embedded_broker")
        gaps = {"session_timeout_ms": 1_200, "heartbeat_interval_ms": 300, "exact": False}
        changes = gaps if kind == "embedded" else {}
        return kafka_log(records, broker.bootstrap_servers, clock, raw=variant == "raw", **changes)
    return file_log(records, directory, kind.removeprefix("file"))


@contextmanager
def reading(log: Log, claims: Claims) -> Iterator[tuple[Source, Reading]]:
    source = log.open()
    try:
        source.start(claims)
        yield source, Reading()
    finally:
        source.close()


def expected(log: Log, records: list[MemoryRecord]) -> list[tuple[int, MemoryRecord]]:
    if log.carries_keys_and_times:
        return list(enumerate(records))
    return [(offset, MemoryRecord(record.value)) for offset, record in enumerate(records)]


def test_every_record_comes_once_in_order_with_its_key_and_time(log: Log) -> None:
    with reading(log, Claims()) as (source, read):
        read.to_the_end(source, log.names)
    assert read.rows == {log.names[0]: expected(log, FIRST), log.names[1]: expected(log, SECOND)}
    assert read.next_offset == {log.names[0]: 100, log.names[1]: 33}


@pytest.mark.parametrize("start", [0, 1, 50, 99])
def test_reading_starts_at_any_offset(log: Log, start: int) -> None:
    first, second = log.names
    with reading(log, Claims({first: start, second: 33})) as (source, read):
        read.to_the_end(source, log.names)
    assert read.rows == {first: expected(log, FIRST)[start:]}


def test_a_restart_where_reading_stopped_loses_and_repeats_nothing(log: Log) -> None:
    pieces: list[tuple[int, MemoryRecord]] = []
    at = 0
    for _ in range(3):
        with reading(log, Claims({log.names[0]: at})) as (source, read):
            read.until(source, lambda polled: any(block.partition == log.names[0] for block in polled.blocks))
        pieces += read.rows[log.names[0]]
        at = read.next_offset[log.names[0]]
        if at == len(FIRST):
            break
    assert pieces == expected(log, FIRST)[: len(pieces)]
    assert at == len(pieces)


def test_a_position_at_the_end_brings_nothing_more(log: Log) -> None:
    with reading(log, Claims({log.names[0]: 100, log.names[1]: 33})) as (source, read):
        read.to_the_end(source, log.names)
    assert read.rows == {}


def test_blocks_hold_their_promises(log: Log) -> None:
    with reading(log, Claims()) as (source, read):
        read.to_the_end(source, log.names)
    blocks = [block for polled in read.polls for block in polled.blocks]
    assert blocks
    for block in blocks:
        assert len(block) > 0
        assert (block.offset[1:] > block.offset[:-1]).all()
        assert block.next_offset > block.offset[-1]
        for column in (block.offset, block.timestamp_ms, block.value_start, block.value_end, block.key_start):
            assert column.dtype == "int64"
            assert len(column) == len(block)
        assert block.buffer.dtype == "uint8"
        assert (block.value_end <= len(block.buffer)).all()


def test_a_paused_partition_hands_out_nothing_until_it_is_resumed(log: Log) -> None:
    first, second = log.names
    with reading(log, Claims()) as (source, read):
        source.pause(frozenset({first}))
        read.to_the_end(source, [second])
        paused = source.poll(timeout_s=POLL_SECONDS)
        assert first not in read.rows
        assert first not in paused.ended | paused.caught_up
        source.resume(frozenset({first}))
        read.take(paused)
        read.to_the_end(source, log.names)
    assert read.rows[first] == expected(log, FIRST)


def test_a_partition_paused_in_the_middle_goes_on_there(log: Log) -> None:
    first, second = log.names
    with reading(log, Claims()) as (source, read):
        read.until(source, lambda polled: bool(polled.blocks))
        source.pause(frozenset(log.names))
        for _ in range(3):
            assert not source.poll(timeout_s=POLL_SECONDS).blocks
        source.resume(frozenset(log.names))
        read.to_the_end(source, log.names)
    assert read.rows == {first: expected(log, FIRST), second: expected(log, SECOND)}


def test_all_partitions_are_claimed_and_named(log: Log) -> None:
    claims = Claims()
    with reading(log, claims) as (source, read):
        read.to_the_end(source, log.names)
        assert source.partitions() == frozenset(log.names)
    assert sorted(claims.assigned_names) == sorted(log.names)


def test_committing_and_closing_twice_are_harmless(log: Log) -> None:
    with reading(log, Claims()) as (source, read):
        read.to_the_end(source, log.names)
        source.committed(read.next_offset)
        source.committed({"no-such-partition-0": 1})
        source.close()
        source.close()


def test_a_finite_log_ends_and_has_no_now(finite_log: Log) -> None:
    with reading(finite_log, Claims()) as (source, read):
        last = read.to_the_end(source, finite_log.names)
        after = source.poll(timeout_s=POLL_SECONDS)
    assert last.ended == after.ended == frozenset(finite_log.names)
    assert all(polled.clock_ms is None and not polled.caught_up for polled in read.polls)
    assert not after.blocks


def test_a_finite_log_reads_first_what_is_behind(finite_log: Log) -> None:
    first, second = finite_log.names
    with reading(finite_log, Claims()) as (source, read):
        read.until(source, lambda _: set(read.rows) == {first, second})
        after_both = len(read.rows[first])
        while second not in source_ended(source, read, second):
            pass
    assert len(read.rows[second]) == len(SECOND)
    assert len(read.rows[first]) == after_both


def source_ended(source: Source, read: Reading, behind: str) -> frozenset[str]:
    polled = source.poll(timeout_s=POLL_SECONDS, behind=behind)
    read.take(polled)
    return polled.ended


def test_a_live_log_is_caught_up_as_of_a_clock_read_before_the_poll(live_log: Log, clock: ManualClock) -> None:
    with reading(live_log, Claims()) as (source, read):
        last = read.to_the_end(source, live_log.names)
        assert last.clock_ms == START_MS
        assert not last.ended
        # Every record is handed out before or with the claim, never after it.
        assert sum(len(found) for found in read.rows.values()) == len(FIRST) + len(SECOND)
        clock.advance(1000)
        again = read.to_the_end(source, live_log.names)
        assert again.clock_ms == START_MS + 1000


def test_a_claim_to_be_caught_up_is_fresh(live_log: Log, clock: ManualClock) -> None:
    """A record that is in the log before a poll begins is handed out before or with that poll's claim."""
    assert live_log.extend is not None
    first = live_log.names[0]
    with reading(live_log, Claims()) as (source, read):
        read.to_the_end(source, live_log.names)
        for number in range(5):
            added = MemoryRecord(b'{"late":%d}' % number, b"k", START_MS + number)
            live_log.extend(first, [added])
            clock.advance(1000)
            # Polls that do not wait: no fetch has had the time to bring the record when the first one ends.
            wait = 0.0 if live_log.claims_are_exact else POLL_SECONDS
            read.until(source, lambda polled: first in polled.caught_up, timeout_s=wait)
            assert read.rows[first][-1] == (100 + number, added)


def test_null_values_and_empty_ones_are_told_apart(live_log: Log) -> None:
    assert live_log.extend is not None
    odd = [
        MemoryRecord(None, b"tombstone", START_MS),
        MemoryRecord(b"", b"", START_MS + 1),
        MemoryRecord(b"x", None, START_MS + 2),
    ]
    first = live_log.names[0]
    with reading(live_log, Claims({first: 100})) as (source, read):
        read.to_the_end(source, [first])
        live_log.extend(first, odd)
        read.until(source, lambda _: len(read.rows.get(first, [])) == len(odd))
    assert read.rows[first] == list(enumerate(odd, start=100))

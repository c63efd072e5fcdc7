"""The fast path gives what the client's own iteration gives, and survives what the client's would not."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kafka.consumer.fetcher import Fetcher
from kafka.errors import KafkaError
from kafka.protocol.consumer import IsolationLevel
from kafka.record import MemoryRecords
from kafka.record.memory_records import MemoryRecordsBuilder
from kafka.record.util import calc_crc32c
from kafka.structs import TopicPartition

from monitor.ingestion import kafka_raw
from monitor.ingestion.gaps import GapReason
from monitor.ingestion.kafka_raw import BatchRecords, FetchedBatch, UnreadableBatch, raw_fault, to_block
from monitor.ingestion.record_split import MalformedRecords, split_records

TP = TopicPartition("events", 3)
MEBI = 1 << 20
NOW = 1_750_000_000_000
ATTRIBUTES_AT, LAST_DELTA_AT, MAX_TIMESTAMP_AT, COUNT_AT = 21, 23, 35, 57

Row = tuple[int, int, bytes | None, bytes | None]
rows_strategy = st.lists(
    st.tuples(
        st.integers(-(2**40), 2**40),
        st.none() | st.binary(max_size=20),
        st.none() | st.binary(max_size=300),
        st.lists(st.tuples(st.text(max_size=5), st.none() | st.binary(max_size=5)), max_size=3),
        st.integers(0, 5),
    ),
    min_size=1,
    max_size=40,
)


def batch(rows: Any, *, codec: int = 0, base: int = 0, magic: int = 2, **state: Any) -> bytearray:
    builder = MemoryRecordsBuilder(magic=magic, compression_type=codec, batch_size=16 * MEBI, **state)
    for timestamp, key, value, headers, skip in rows:
        builder.append(NOW + timestamp, key, value, headers)
        if magic == 2:
            builder.skip(skip)
    builder.close()
    data = bytearray(builder.buffer())
    if magic == 2:
        struct.pack_into(">q", data, 0, base)
    return data


def simple(count: int, **changes: Any) -> bytearray:
    return batch([(n, None, b"value-%d" % n, [], 0) for n in range(count)], **changes)


def with_checksum(data: bytearray) -> bytearray:
    struct.pack_into(">I", data, 17, calc_crc32c(memoryview(data)[ATTRIBUTES_AT:]))
    return data


def by_records(log: bytes, position: int = 0, **settings_: Any) -> list[Row]:
    part = Fetcher.PartitionRecords(position, TP, MemoryRecords(log), **settings_)
    return [(r.offset, -1 if r.timestamp is None else r.timestamp, r.key, r.value) for r in part.take(100_000)]


def by_batches(log: bytes, position: int = 0, **settings_: Any) -> list[Row]:
    part = BatchRecords(position, TP, MemoryRecords(log), **settings_)
    blocks = [to_block("events-3", item, 16 * MEBI) for item in part.take(1000)]
    return [
        (int(b.offset[i]), int(b.timestamp_ms[i]), b.key(i), b.value(i)) for b in blocks if b for i in range(len(b))
    ]


def taken(log: bytes, position: int = 0) -> tuple[list[FetchedBatch], BatchRecords]:
    part = BatchRecords(position, TP, MemoryRecords(log))
    return part.take(1000), part


def test_the_self_check_passes_with_the_pinned_client() -> None:
    assert raw_fault() is None


def test_another_version_of_the_client_switches_the_fast_path_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_raw.kafka, "__version__", "3.1.0")
    assert "3.1.0" in str(raw_fault())


def test_a_changed_client_switches_the_fast_path_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Fetcher.PartitionRecords, "drain", lambda self: self.no_such_thing)
    assert "self-check" in str(raw_fault())


@settings(max_examples=150)
@given(rows_strategy, st.sampled_from([0, 1, 2, 3, 4]), st.integers(0, 60))
def test_both_paths_give_the_same_records_from_any_position(rows: Any, codec: int, position: int) -> None:
    log = bytes(batch(rows, codec=codec) + batch(rows, base=1000, codec=codec))
    assert by_batches(log, position) == by_records(log, position)


def message_set(*, magic: int, codec: int) -> bytes:
    builder = MemoryRecordsBuilder(magic=magic, compression_type=codec, batch_size=MEBI)
    for n in range(10):
        builder.append(NOW + n, b"k%d" % n, None if n == 3 else b"v" * 50 * n)
    builder.close()
    data = bytearray(builder.buffer())
    if codec:
        struct.pack_into(">q", data, 0, 9)  # the offset outside is that of the last record inside; brokers write it
    return bytes(data)


@pytest.mark.parametrize(
    ("magic", "codec"), [(magic, codec) for magic in (0, 1) for codec in (0, 1, 2, 3) if (magic, codec) != (0, 3)]
)
@pytest.mark.parametrize("position", [0, 4])
def test_old_message_sets_are_read_too(magic: int, codec: int, position: int) -> None:
    log = message_set(magic=magic, codec=codec)
    assert len(by_batches(log, position)) == 10 - position
    assert by_batches(log, position) == by_records(log, position)


def test_an_old_compressed_bomb_is_refused_too() -> None:
    builder = MemoryRecordsBuilder(magic=1, compression_type=1, batch_size=16 * MEBI)
    builder.append(NOW, None, b"\0" * 8 * MEBI)
    builder.close()
    items, _ = taken(bytes(builder.buffer()))
    with pytest.raises(UnreadableBatch) as refused:
        to_block("events-3", items[0], MEBI)
    assert refused.value.reason is GapReason.too_large


def test_log_append_time_stands_for_every_record() -> None:
    data = simple(5)
    struct.pack_into(">h", data, ATTRIBUTES_AT, 0x08)
    struct.pack_into(">q", data, MAX_TIMESTAMP_AT, NOW + 777)
    log = bytes(with_checksum(data))
    assert {row[1] for row in by_batches(log)} == {NOW + 777}
    assert by_batches(log) == by_records(log)


def transactional(count: int, producer: int, base: int) -> bytearray:
    return simple(count, base=base, transactional=True, producer_id=producer, producer_epoch=0, base_sequence=0)


def marker(producer: int, base: int, *, commit: bool) -> bytearray:
    data = batch(
        [(0, struct.pack(">hh", 0, int(commit)), struct.pack(">hi", 0, 0), [], 0)],
        base=base,
        transactional=True,
        producer_id=producer,
        producer_epoch=0,
        base_sequence=0,
    )
    struct.pack_into(">h", data, ATTRIBUTES_AT, 0x30)
    return with_checksum(data)


class Aborted:
    def __init__(self, producer_id: int, first_offset: int) -> None:
        self.producer_id = producer_id
        self.first_offset = first_offset


def test_aborted_transactions_and_markers_are_left_out_like_the_client_does() -> None:
    log = bytes(
        transactional(3, 7, 0)
        + transactional(2, 8, 3)
        + marker(7, 5, commit=False)
        + marker(8, 6, commit=True)
        + transactional(2, 7, 7)
        + marker(7, 9, commit=True)
    )
    committed = {"isolation_level": IsolationLevel.READ_COMMITTED, "aborted_transactions": [Aborted(7, 0)]}
    assert [row[0] for row in by_batches(log, **committed)] == [3, 4, 7, 8]
    assert by_batches(log, **committed) == by_records(log, **committed)
    assert [row[0] for row in by_batches(log)] == [0, 1, 2, 3, 4, 7, 8]
    _, part = taken(log)
    assert part.next_fetch_offset == 10


def test_a_batch_with_a_wrong_checksum_is_a_gap_up_to_the_next_sound_one() -> None:
    bad = simple(10, base=5)
    bad[-3] ^= 0xFF
    log = bytes(simple(5) + bad + simple(5, base=20))
    items, part = taken(log)
    assert [(item.from_offset, item.offset, item.batch is None) for item in items] == [
        (0, 4, False),
        (5, 19, True),
        (15, 24, False),
    ]
    assert part.next_fetch_offset == 25
    with pytest.raises(UnreadableBatch) as refused:
        to_block("events-3", items[1], MEBI)
    assert refused.value.reason is GapReason.corrupt


def test_a_corrupt_last_batch_does_not_wedge_the_partition() -> None:
    bad = simple(10, base=5)
    bad[-3] ^= 0xFF
    items, part = taken(bytes(simple(5) + bad))
    assert (items[-1].from_offset, items[-1].offset, part.next_fetch_offset) == (5, 14, 15)
    assert not part


def test_an_answer_that_is_no_log_is_an_error_that_can_be_tried_again() -> None:
    garbage = bytearray(simple(3))
    struct.pack_into(">i", garbage, 8, 2)  # a length below that of any batch
    part = BatchRecords(0, TP, MemoryRecords(bytes(garbage)))
    with pytest.raises(KafkaError, match="unreadable fetch response"):
        part.take(10)
    assert not part


def test_a_batch_that_expands_too_far_is_refused_with_the_reason() -> None:
    items, _ = taken(bytes(batch([(0, None, b"\0" * 8 * MEBI, [], 0)], codec=4)))
    with pytest.raises(UnreadableBatch, match="the limit is 1048576") as refused:
        to_block("events-3", items[0], MEBI)
    assert refused.value.reason is GapReason.too_large


@pytest.mark.parametrize("count", [-1, 4, 6, 2**31 - 1])
def test_a_wrong_record_count_is_corrupt_not_a_huge_allocation(count: int) -> None:
    data = simple(5)
    struct.pack_into(">i", data, COUNT_AT, count)
    items, _ = taken(bytes(with_checksum(data)))
    with pytest.raises(UnreadableBatch) as refused:
        to_block("events-3", items[0], MEBI)
    assert refused.value.reason is GapReason.corrupt


def test_offsets_beyond_the_batchs_own_range_are_corrupt() -> None:
    data = simple(5)
    struct.pack_into(">i", data, LAST_DELTA_AT, 3)
    items, _ = taken(bytes(with_checksum(data)))
    with pytest.raises(UnreadableBatch):
        to_block("events-3", items[0], MEBI)


@settings(max_examples=400)
@given(st.data())
def test_hostile_records_are_split_inside_the_buffer_or_refused(data: st.DataObject) -> None:
    records = bytearray(simple(8)[61:])
    for _ in range(data.draw(st.integers(0, 4))):
        records[data.draw(st.integers(0, len(records) - 1))] = data.draw(st.integers(0, 255))
    buffer = np.frombuffer(bytes(records[: data.draw(st.integers(0, len(records)))]), np.uint8)
    try:
        offset, _, *spans = split_records(
            buffer=buffer,
            begin=0,
            count=data.draw(st.integers(0, 20)),
            base_offset=100,
            last_offset=130,
            first_timestamp=NOW,
            append_timestamp=None,
        )
    except MalformedRecords:
        return
    assert (np.diff(offset) > 0).all()
    assert ((offset >= 100) & (offset <= 130)).all()
    for start, end in zip(spans[::2], spans[1::2], strict=True):
        assert ((start == -1) == (end == -1)).all()
        assert (start <= end).all()
        assert (end <= len(buffer)).all()
        assert (start >= -1).all()

"""How much of each partition is taken, and where a block is cut."""

from __future__ import annotations

from kafka.structs import TopicPartition

from monitor.ingestion.blocks import join_records
from monitor.ingestion.kafka_range import before, newest

A, B, C = (TopicPartition("events", number) for number in range(3))


def test_small_partitions_leave_their_share_to_large_ones() -> None:
    assert newest({A: 10, B: 1_000, C: 0}, 100) == {C: 0, A: 10, B: 90}
    assert newest({A: 10, B: 5}, 100) == {A: 10, B: 5}
    assert sum(newest({A: 50, B: 50, C: 50}, 100).values()) == 100


def test_a_block_is_cut_in_front_of_an_offset() -> None:
    block = join_records(
        partition="events-0",
        offsets=[3, 4, 7],
        timestamps=[1, 2, 3],
        keys=[None] * 3,
        values=[b"a", b"b", b"c"],
        next_offset=9,
    )
    cut = before(block, 7)
    assert (cut.offset.tolist(), cut.next_offset) == ([3, 4], 7)
    assert [cut.value(row) for row in range(len(cut))] == [b"a", b"b"]
    assert before(block, 9) is block

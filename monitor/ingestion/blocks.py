"""Building record blocks: from separate Python records, and from several neighbouring blocks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from monitor.events.headers import Header, encoded_headers
from monitor.events.records import RecordBlock

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1


def join_records(
    *,
    partition: str,
    offsets: Sequence[int],
    timestamps: Sequence[int],
    keys: Sequence[bytes | None],
    values: Sequence[bytes | None],
    next_offset: int,
    headers: Sequence[Sequence[Header]] = (),
) -> RecordBlock:
    """One block of records that arrive as separate byte strings; all sequences have the same length.

    ``headers`` may be left out where no record has any.
    """
    value_start, value_end, key_from = _spans(values, 0)
    key_start, key_end, headers_from = _spans(keys, key_from)
    encoded = [encoded_headers(some) if some else None for some in headers] if any(headers) else []
    headers_start, headers_end, _ = _spans(encoded, headers_from)
    joined = b"".join([piece for pieces in (values, keys, encoded) for piece in pieces if piece is not None])
    return RecordBlock(
        partition=partition,
        buffer=np.frombuffer(joined, np.uint8),
        offset=np.array(offsets, np.int64),
        timestamp_ms=np.array([min(max(t, INT64_MIN), INT64_MAX) for t in timestamps], np.int64),
        value_start=value_start,
        value_end=value_end,
        key_start=key_start,
        key_end=key_end,
        next_offset=next_offset,
        headers_start=headers_start if encoded else None,
        headers_end=headers_end if encoded else None,
    )


def concatenate(blocks: Sequence[RecordBlock]) -> RecordBlock:
    """One block of neighbouring blocks of one partition, in offset order; copies the buffers unless there is one."""
    if len(blocks) == 1:
        return blocks[0]
    sizes = np.array([len(block.buffer) for block in blocks], np.int64)
    by = np.repeat(
        np.cumsum(sizes) - sizes, [len(block) for block in blocks]
    )  # where each record's own buffer begins
    return RecordBlock(
        partition=blocks[0].partition,
        buffer=np.concatenate([block.buffer for block in blocks]),
        offset=np.concatenate([block.offset for block in blocks]),
        timestamp_ms=np.concatenate([block.timestamp_ms for block in blocks]),
        value_start=_shift(np.concatenate([block.value_start for block in blocks]), by),
        value_end=_shift(np.concatenate([block.value_end for block in blocks]), by),
        key_start=_shift(np.concatenate([block.key_start for block in blocks]), by),
        key_end=_shift(np.concatenate([block.key_end for block in blocks]), by),
        next_offset=blocks[-1].next_offset,
        headers_start=_joined_headers([block.headers_start for block in blocks], blocks, by),
        headers_end=_joined_headers([block.headers_end for block in blocks], blocks, by),
    )


def _joined_headers(
    spans: Sequence[NDArray[np.int64] | None], blocks: Sequence[RecordBlock], by: NDArray[np.int64]
) -> NDArray[np.int64] | None:
    if all(span is None for span in spans):
        return None
    whole = [
        np.full(len(block), -1, np.int64) if span is None else span for span, block in zip(spans, blocks, strict=True)
    ]
    return _shift(np.concatenate(whole), by)


def _spans(pieces: Sequence[bytes | None], origin: int) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Start and end of every piece when the non-null ones lie end to end from ``origin``; and where they end."""
    length = np.array([-1 if piece is None else len(piece) for piece in pieces], np.int64)
    end = origin + np.cumsum(np.maximum(length, 0))
    last = int(end[-1]) if len(end) else origin
    start = end - length
    start[length < 0] = -1
    end[length < 0] = -1
    return start, end, last


def _shift(spans: NDArray[np.int64], by: NDArray[np.int64]) -> NDArray[np.int64]:
    """Spans moved by so many bytes each; -1 (nothing there) stays."""
    return np.where(spans < 0, spans, spans + by)

"""Cells and their counts as a blob, and back for thousands of blobs at once.

A blob is a row of unsigned LEB128 varints: the format number, then, by ascending cell, the difference to the cell
before it and the count. Neighbouring cells and small counts take two or three bytes a pair, which a general
compressor hardly improves. Encoding and decoding work on all blobs of a commit or a query together, in numpy.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.errors import StoreRefused

Ints = NDArray[np.int64]

FORMAT: Final = 1
_MOST_BYTES: Final = 9
"""Most bytes of a varint: 7 bits each, 9 * 7 = 63 bits for the non-negative int64."""


def encode(tables: Sequence[tuple[Ints, Ints]]) -> list[bytes]:
    """One blob for each (cells, counts); cells may come in any order, a cell that comes twice keeps both entries.

    Raises:
        ValueError: arrays differ in length, or a cell or count is negative.
    """
    numbers = [_numbers(np.asarray(cells, np.int64), np.asarray(counts, np.int64)) for cells, counts in tables]
    if not numbers:
        return []
    data, sizes = _to_varints(np.concatenate(numbers))
    ends = np.cumsum([len(each) for each in numbers])
    borders = np.concatenate([[0], np.cumsum(sizes)])[np.concatenate([[0], ends])]
    whole = data.tobytes()
    return [whole[start:end] for start, end in pairwise(borders)]


def decode(blobs: Sequence[bytes]) -> tuple[Ints, Ints, Ints]:
    """All pairs of all blobs: the index of the blob, the cell, the count; each blob's cells ascend.

    Raises:
        StoreRefused: a blob is damaged or of a later format.
    """
    if not blobs:
        nothing = np.zeros(0, np.int64)
        return nothing, nothing, nothing
    lengths = np.fromiter((len(blob) for blob in blobs), np.int64, len(blobs))
    data = np.frombuffer(b"".join(blobs), np.uint8)
    borders = np.cumsum(lengths)
    last_bytes = data < 0x80
    if lengths.min() == 0 or not last_bytes[borders - 1].all():
        raise StoreRefused("stored cells are damaged: a blob is empty or cut off")
    values = _from_varints(data, last_bytes)
    ends = np.cumsum(last_bytes)[borders - 1]
    starts = np.concatenate([[0], ends[:-1]])
    pairs, odd = np.divmod(ends - starts - 1, 2)
    if odd.any() or (values[starts] != FORMAT).any():
        raise StoreRefused(f"stored cells are damaged or not of format {FORMAT}; was a newer Driftline here?")
    body = np.delete(values, starts)
    steps, counts = body[0::2], body[1::2]
    running = np.cumsum(steps)
    before = np.concatenate([[0], running])[np.cumsum(pairs) - pairs]
    index = np.repeat(np.arange(len(blobs)), pairs)
    return index, running - before[index], counts


def add_up(group: Ints, cell: Ints, count: Ints) -> tuple[Ints, Ints, Ints]:
    """Sum the counts of equal (group, cell); the result is sorted by both and holds each pair once."""
    if len(cell) == 0:
        return group, cell, count
    low = int(group.min())
    width = int(cell.max()) + 1
    if (int(group.max()) - low + 1) * width < 2**63:
        key = (group - low) * width + cell
        # Stable is merge sort: runs that are sorted already, as every blob is, cost next to nothing.
        order = np.argsort(key, kind="stable")
    else:
        order = np.lexsort((cell, group))
    group, cell, count = group[order], cell[order], count[order]
    first = np.flatnonzero(np.concatenate([[True], (np.diff(group) != 0) | (np.diff(cell) != 0)]))
    return group[first], cell[first], np.add.reduceat(count, first)


def _numbers(cells: Ints, counts: Ints) -> Ints:
    if cells.shape != counts.shape or cells.ndim != 1:
        raise ValueError(f"cells and counts must be equally long, got {cells.shape} and {counts.shape}")
    if len(cells) and (cells.min() < 0 or counts.min() < 0):
        raise ValueError("cells and counts must not be negative")
    order = np.argsort(cells, kind="stable")
    numbers = np.empty(1 + 2 * len(cells), np.int64)
    numbers[0] = FORMAT
    numbers[1::2] = np.diff(cells[order], prepend=0)
    numbers[2::2] = counts[order]
    return numbers


def _to_varints(values: Ints) -> tuple[NDArray[np.uint8], Ints]:
    sizes = np.ones(len(values), np.int64)
    for byte in range(1, _MOST_BYTES):
        sizes += values >= (1 << (7 * byte))
    starts = np.cumsum(sizes) - sizes
    data = np.empty(int(sizes.sum()), np.uint8)
    for byte in range(int(sizes.max())):
        here = np.flatnonzero(sizes > byte)
        more = np.where(sizes[here] > byte + 1, 0x80, 0)
        data[starts[here] + byte] = ((values[here] >> (7 * byte)) & 0x7F) | more
    return data, sizes


def _from_varints(data: NDArray[np.uint8], last_bytes: NDArray[np.bool_]) -> Ints:
    ends = np.flatnonzero(last_bytes)
    starts = np.concatenate([[0], ends[:-1] + 1])
    sizes = ends - starts + 1
    longest = int(sizes.max())
    if longest > _MOST_BYTES:
        raise StoreRefused("stored cells are damaged: a number has more than 63 bits")
    values = np.zeros(len(ends), np.int64)
    for byte in range(longest):
        here = np.flatnonzero(sizes > byte)
        values[here] |= (data[starts[here] + byte].astype(np.int64) & 0x7F) << (7 * byte)
    return values

"""Lines: any bytes, cut into any chunks."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from monitor.ingestion.lines import LineSplitter

Lines = list[tuple[int, bytes]]


def split(data: bytes, cuts: list[int], *, start: int = 0, longest: int = 1000) -> tuple[Lines, int]:
    splitter = LineSplitter(partition="log", start=start, max_line_bytes=longest)
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    blocks = [splitter.feed(data[a:b]) for a, b in pairwise(edges) if b > a]
    blocks.append(splitter.finish())
    found = [(int(b.offset[i]), b.value(i) or b"") for b in blocks if b is not None for i in range(len(b))]
    return found, splitter.lines


def reference(data: bytes, *, start: int = 0, longest: int = 1000) -> tuple[Lines, int]:
    """The same by Python's own split."""
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    bare = [line.removesuffix(b"\r") if len(line) <= longest else line[: longest + 1] for line in lines]
    kept = [(number, line) for number, line in enumerate(bare) if line.strip() and number >= start]
    return kept, len(lines)


@given(
    st.lists(st.sampled_from([b"{}", b"abc", b"\n", b"\r\n", b" ", b"\t", b"x" * 9, b"\xc3\xa9"]), max_size=60),
    st.lists(st.integers(0, 150), max_size=8),
    st.integers(0, 12),
)
@example([b"a", b"\n", b"b"], [1, 2], 0)
def test_chunks_do_not_change_the_lines(pieces: list[bytes], cuts: list[int], start: int) -> None:
    data = b"".join(pieces)
    assert split(data, cuts, start=start) == reference(data, start=start)


@given(st.lists(st.integers(0, 30), max_size=12), st.lists(st.integers(0, 200), max_size=10), st.booleans())
def test_an_over_long_line_is_cut_one_byte_beyond_the_bound(sizes: list[int], cuts: list[int], ended: bool) -> None:
    data = b"\n".join(b"x" * size for size in sizes) + (b"\n" if ended else b"")
    assert split(data, cuts, longest=10) == reference(data, longest=10)


def test_a_line_without_end_is_not_held_in_memory() -> None:
    splitter = LineSplitter(partition="log", start=0, max_line_bytes=100)
    for _ in range(1000):
        assert splitter.feed(b"x" * 10_000) is None
    assert len(splitter._carry) == 101
    block = splitter.feed(b"rest\nnext\n")
    assert block is not None
    assert [block.value(0), block.value(1)] == [b"x" * 101, b"next"]


def test_a_byte_order_mark_is_not_part_of_the_first_line() -> None:
    assert split(b"\xef\xbb\xbf{}\n", []) == ([(0, b"{}")], 1)


def test_a_bound_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="got 0"):
        LineSplitter(partition="log", start=0, max_line_bytes=0)

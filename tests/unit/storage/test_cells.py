"""The blob codec: what goes in comes out, damage is noticed, and it stays small and quick."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.errors import StoreRefused
from monitor.storage.cells import FORMAT, add_up, decode, encode

numbers = st.one_of(st.integers(0, 300), st.integers(0, 2**63 - 1))
tables = st.lists(st.lists(st.tuples(numbers, numbers), max_size=30), max_size=8)


def arrays(table: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([pair[0] for pair in table], np.int64), np.array([pair[1] for pair in table], np.int64)


@given(tables)
def test_what_goes_in_comes_out_sorted_by_cell(given_tables: list[list[tuple[int, int]]]) -> None:
    blobs = encode([arrays(table) for table in given_tables])
    assert len(blobs) == len(given_tables)
    index, cell, count = decode(blobs)
    got: list[list[tuple[int, int]]] = [[] for _ in given_tables]
    for row, one_cell, one_count in zip(index.tolist(), cell.tolist(), count.tolist(), strict=True):
        got[row].append((one_cell, one_count))
    assert got == [sorted(table, key=lambda pair: pair[0]) for table in given_tables]


@given(tables)
def test_a_blob_is_the_same_whatever_it_was_encoded_with(given_tables: list[list[tuple[int, int]]]) -> None:
    together = encode([arrays(table) for table in given_tables])
    assert together == [encode([arrays(table)])[0] for table in given_tables]


@given(st.lists(st.binary(max_size=30), min_size=1, max_size=5))
def test_any_bytes_decode_or_are_refused(blobs: list[bytes]) -> None:
    try:
        index, cell, count = decode(blobs)
    except StoreRefused:
        return
    assert len(index) == len(cell) == len(count)
    assert all(blob[:1] == bytes([FORMAT]) for blob in blobs)


@pytest.mark.parametrize(
    "damaged",
    [b"", b"\x02", b"\x01\x05", b"\x01\x05\x80", b"\x01" + b"\xff" * 10 + b"\x01\x01", b"\x00\x01\x01"],
    ids=["empty", "later format", "count missing", "cut off", "beyond 63 bits", "format 0"],
)
def test_damage_is_refused_not_guessed(damaged: bytes) -> None:
    with pytest.raises(StoreRefused, match="damaged"):
        decode([encode([arrays([(1, 1)])])[0], damaged])


def test_arrays_of_different_length_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="equally long"):
        encode([(np.arange(3), np.arange(2))])


@given(st.lists(st.tuples(st.integers(-(2**40), 2**40), numbers, st.integers(0, 2**40)), max_size=40))
def test_sums_equal_those_of_a_dictionary(rows: list[tuple[int, int, int]]) -> None:
    expected: dict[tuple[int, int], int] = {}
    for group, cell, count in rows:
        expected[group, cell] = expected.get((group, cell), 0) + count
    columns = (np.array([row[field] for row in rows], np.int64) for field in range(3))
    group, cell, count = add_up(*columns)
    got = dict(zip(zip(group.tolist(), cell.tolist(), strict=True), count.tolist(), strict=True))
    assert list(got.items()) == sorted(expected.items())


def test_fifty_usual_cells_take_under_three_bytes_each() -> None:
    chance = np.random.default_rng(3)
    cells = np.sort(chance.choice(4000, 50, replace=False))
    [blob] = encode([(cells, chance.integers(1, 100, 50))])
    assert len(blob) < 150 + 1

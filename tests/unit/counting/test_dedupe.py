"""Duplicates by distance in offsets, against a reference that remembers everything."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.counting.dedupe import DuplicateFilter


def reference(ids, offsets, window):
    """For each event, whether an event with its id stands less than `window` offsets before it."""
    seen, out = {}, []
    for key, offset in zip(ids, offsets, strict=True):
        out.append(key != 0 and key in seen and offset - seen[key] < window)
        seen[key] = offset
    return out


def marked(filter_, ids, offsets):
    return filter_.duplicates(np.array(ids, np.uint64), np.array(offsets, np.int64)).tolist()


LOGS = st.lists(st.tuples(st.integers(0, 6), st.integers(1, 9)), max_size=120)
"""(id, offsets since the record before): few ids, so that they repeat; gaps, as compaction leaves them."""


def unrolled(log):
    return [key * 0x9E3779B97F4A7C15 % 2**64 for key, _ in log], np.cumsum(
        [gap for _, gap in log], dtype=int
    ).tolist()


@given(log=LOGS, window=st.integers(1, 40))
def test_an_event_is_a_duplicate_if_its_id_stands_less_than_a_window_before_it(log, window):
    ids, offsets = unrolled(log)
    assert marked(DuplicateFilter(window), ids, offsets) == reference(ids, offsets, window)


@given(log=LOGS, window=st.integers(1, 40), cut=st.integers(0, 120))
def test_batches_do_not_matter(log, window, cut):
    ids, offsets = unrolled(log)
    filter_ = DuplicateFilter(window)
    parts = marked(filter_, ids[:cut], offsets[:cut]) + marked(filter_, ids[cut:], offsets[cut:])
    assert parts == reference(ids, offsets, window)


@given(log=LOGS, window=st.integers(1, 40), at=st.integers(0, 119))
def test_a_filter_rebuilt_from_the_window_before_decides_as_one_that_never_stopped(log, window, at):
    ids, offsets = unrolled(log)
    if at >= len(ids):
        return
    position = offsets[at]
    warm = DuplicateFilter(window).warm_from(position)
    first = next(i for i, offset in enumerate(offsets) if offset >= warm)
    rebuilt = marked(DuplicateFilter(window), ids[first:], offsets[first:])
    assert rebuilt[at - first :] == reference(ids, offsets, window)[at:]


def test_events_without_an_id_never_repeat_each_other():
    assert marked(DuplicateFilter(8), [0, 0, 0], [0, 1, 2]) == [False] * 3


def test_a_window_of_zero_turns_it_off():
    filter_ = DuplicateFilter(0)
    assert marked(filter_, [7, 7, 7], [0, 1, 2]) == [False] * 3
    assert filter_.warm_from(100) == 100


def test_a_negative_window_is_refused_by_name():
    with pytest.raises(ValueError, match="window must not be negative, got -1"):
        DuplicateFilter(-1)


def test_a_full_window_of_distinct_ids_that_collide_in_their_low_bits_is_exact():
    # ids are keyed hashes, so nobody can do this on purpose; it must still be right
    window = 256
    ids = [(i + 1) << 32 for i in range(window)] * 3
    offsets = list(range(3 * window))
    assert marked(DuplicateFilter(window), ids, offsets) == reference(ids, offsets, window)

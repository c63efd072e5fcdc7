"""Duplicates by distance in offsets, against a reference that remembers everything."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.counting.dedupe import DuplicateFilter, contents_of
from monitor.counting.memory import MemoryRule, PartitionMemory
from tests.unit.batches import batch


def reference(ids, contents, offsets, window):
    """For each event, whether the newest event with its id stands less than `window` offsets before it: saying the
    same (a duplicate), or something else (its id is reused)."""
    seen, duplicate, reused = {}, [], []
    for key, content, offset in zip(ids, contents, offsets, strict=True):
        known = key != 0 and key in seen and offset - seen[key][0] < window
        duplicate.append(known and seen[key][1] == content)
        reused.append(known and seen[key][1] != content)
        seen[key] = offset, content
    return duplicate, reused


def marked(filter_, ids, contents, offsets):
    found = filter_.look(np.array(ids, np.uint64), np.array(contents, np.uint64), np.array(offsets, np.int64))
    return tuple(each.tolist() for each in found)


LOGS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 1), st.integers(1, 9)), max_size=120)
"""(id, content, offsets since the record before): few ids, so that they repeat; gaps, as compaction leaves them."""


def unrolled(log):
    """Ids, contents, offsets."""
    ids = [key * 0x9E3779B97F4A7C15 % 2**64 for key, _, _ in log]
    return ids, [content for _, content, _ in log], np.cumsum([gap for _, _, gap in log], dtype=int).tolist()


@given(log=LOGS, window=st.integers(1, 40))
def test_an_event_is_a_duplicate_if_its_id_stands_less_than_a_window_before_it(log, window):
    log = unrolled(log)
    assert marked(DuplicateFilter(window), *log) == reference(*log, window)


@given(log=LOGS, window=st.integers(1, 40), cut=st.integers(0, 120))
def test_batches_do_not_matter(log, window, cut):
    log = unrolled(log)
    filter_ = DuplicateFilter(window)
    first = marked(filter_, *(column[:cut] for column in log))
    second = marked(filter_, *(column[cut:] for column in log))
    assert tuple(a + b for a, b in zip(first, second, strict=True)) == reference(*log, window)


@given(log=LOGS, window=st.integers(1, 40), at=st.integers(0, 119))
def test_a_filter_rebuilt_from_the_window_before_decides_as_one_that_never_stopped(log, window, at):
    log = unrolled(log)
    offsets = log[-1]
    if at >= len(offsets):
        return
    warm = DuplicateFilter(window).warm_from(offsets[at])
    first = next(i for i, offset in enumerate(offsets) if offset >= warm)
    rebuilt = marked(DuplicateFilter(window), *(column[first:] for column in log))
    whole = reference(*log, window)
    assert [part[at - first :] for part in rebuilt] == [part[at:] for part in whole]


def test_events_without_an_id_never_repeat_each_other():
    assert marked(DuplicateFilter(8), [0, 0, 0], [5, 5, 6], [0, 1, 2]) == ([False] * 3, [False] * 3)


def test_a_window_of_zero_turns_it_off():
    filter_ = DuplicateFilter(0)
    assert marked(filter_, [7, 7, 7], [5, 5, 6], [0, 1, 2]) == ([False] * 3, [False] * 3)
    assert filter_.warm_from(100) == 100


def test_a_negative_window_is_refused_by_name():
    with pytest.raises(ValueError, match="window must not be negative, got -1"):
        DuplicateFilter(-1)


def test_a_full_window_of_distinct_ids_that_collide_in_their_low_bits_is_exact():
    # ids are keyed hashes, so nobody can do this on purpose; it must still be right
    window = 256
    ids = [(i + 1) << 32 for i in range(window)] * 3
    offsets = list(range(3 * window))
    contents = [1] * len(ids)
    assert marked(DuplicateFilter(window), ids, contents, offsets) == reference(ids, contents, offsets, window)


def test_what_an_event_says_is_its_content_and_where_it_stands_is_not():
    said = batch(event_id=[7, 7, 7, 7], verdict=[1, 1, 2, 1], score=[0.5, 0.5, 0.5, 0.6])
    contents = contents_of(said).tolist()
    assert contents[0] == contents[1]
    assert len(set(contents)) == 3
    copied = replace(said, offset=said.offset + 100)
    assert contents_of(copied).tolist() == contents


def test_one_id_for_all_of_an_attack_does_not_make_it_disappear():
    attack = batch(event_id=[9] * 500, score=np.linspace(0.5, 1.0, 500).tolist(), verdict=[2] * 500)
    memory = PartitionMemory(MemoryRule())
    duplicate, reused = memory.duplicates(attack)
    assert duplicate.sum() == 0
    assert reused.sum() == 499

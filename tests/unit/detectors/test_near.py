"""Counts of near-duplicates, against a search over everything."""

import numpy as np
import pytest

from detectors.near import LATELY, MISSING, MOST, TOGETHER, RecentPrints


def fresh(rng, n):
    return rng.integers(1, 2**64, n, dtype=np.uint64)


def flipped(rng, value, bits):
    for bit in rng.choice(64, bits, replace=False):
        value = np.uint64(value) ^ (np.uint64(1) << np.uint64(bit))
    return value


def crowded(rng, n):
    """Few seeds, so that many are near each other, at distances around the limit."""
    seeds = fresh(rng, 30)
    prints = np.array([flipped(rng, rng.choice(seeds), int(bits)) for bits in rng.integers(0, 9, n)], np.uint64)
    prints[rng.random(n) < 0.1] = 0
    return prints, np.cumsum(rng.integers(1, 4, n)), rng.integers(0, 5, n).astype(np.uint64)


def looked(memory, columns):
    crowd = memory.look(*columns)
    return list(
        zip(crowd.near.tolist(), crowd.hits.tolist(), crowd.name.tolist(), crowd.senders.tolist(), strict=True)
    )


def reference(prints, at, senders, *, reach, texts, distance):
    out, known = [], []
    for i, value in enumerate(prints):
        if value == 0:
            out.append((MISSING, MISSING, 0, 0))
            continue
        memory = [j for j in known[-texts:] if at[j] > at[i] - reach]
        close = [j for j in memory if int(prints[j] ^ value).bit_count() <= distance]
        lately = memory[-LATELY:]
        near = MISSING if len(lately) < LATELY else int(any(j in lately for j in close))
        distinct = {int(senders[j]) for j in [*close, i]} - {0}
        out.append((near, len(close), int(prints[close[0]]) if close else int(value), len(distinct)))
        known.append(i)
    return out


@pytest.mark.parametrize("distance", [0, 3, 6, 7])
@pytest.mark.parametrize(("reach", "texts"), [(400, 1000), (10_000, 150)])
def test_it_finds_what_a_search_over_everything_finds(distance, reach, texts):
    columns = crowded(np.random.default_rng(distance), 700)
    memory = RecentPrints(reach=reach, texts=texts, distance=distance)
    expected = reference(*columns, reach=reach, texts=texts, distance=distance)
    assert max(hits for _, hits, *_ in expected) < MOST
    assert {near for near, *_ in expected} == {MISSING, 0, 1}
    assert looked(memory, columns) == expected


def test_the_span_of_the_last_seven_is_told_by_their_times_in_whatever_order_they_come():
    rng = np.random.default_rng(4)
    prints, at, senders = crowded(rng, 700)
    times = rng.permutation(700).astype(np.int64) * 1000
    crowd = RecentPrints(reach=10_000).look(prints, at, senders, times)
    for i, value in enumerate(prints):
        close = [j for j in range(i) if prints[j] and value and int(prints[j] ^ value).bit_count() <= 7]
        newest = sorted((times[j] for j in close), reverse=True)[: TOGETHER - 1]
        assert crowd.since[i] == (min([times[i], *newest]) if len(newest) == TOGETHER - 1 else times[i])


def test_batches_do_not_matter():
    columns = crowded(np.random.default_rng(1), 600)
    whole, pieces = RecentPrints(reach=500), RecentPrints(reach=500)
    got = []
    for start in range(0, 600, 7):
        got += looked(pieces, [column[start : start + 7] for column in columns])
    assert got == looked(whole, columns)


def test_a_memory_rebuilt_from_its_reach_answers_as_one_that_never_stopped():
    columns = crowded(np.random.default_rng(2), 600)
    prints, at, senders = columns
    expected = looked(RecentPrints(reach=350, texts=140), columns)
    for start in range(0, 600, 37):
        first = int(np.searchsorted(at, at[start] - 350))
        rebuilt = looked(RecentPrints(reach=350, texts=140), [c[first:] for c in (prints, at, senders)])
        assert rebuilt[start - first :] == expected[start:]


def test_a_flood_of_one_text_costs_no_more_than_the_bound_and_is_named():
    n = 20_000
    value = np.uint64(0x0123456789ABCDEF)
    crowd = RecentPrints(reach=n).look(np.full(n, value), np.arange(n), np.zeros(n, np.uint64))
    assert crowd.hits.tolist() == [*range(MOST), *[MOST] * (n - MOST)]
    assert set(crowd.name.tolist()) == {int(value)}
    assert set(crowd.senders.tolist()) == {0}


@pytest.mark.parametrize(("others", "hits"), [(1_000, 1), (4_000, 0)])
def test_lists_full_of_texts_that_only_share_a_band_are_left_after_a_bound(others, hits):
    rng = np.random.default_rng(3)
    prints = (fresh(rng, others + 2) & ~np.uint64(0xFFFF)) | np.uint64(0xBEEF)  # nobody can do this without the key
    prints[-1] = prints[0]
    crowd = RecentPrints(reach=len(prints)).look(prints, np.arange(len(prints)), np.zeros(len(prints), np.uint64))
    assert crowd.hits[-1] == hits


@pytest.mark.parametrize("wrong", [{"reach": 0}, {"reach": 9, "texts": 5}, {"reach": 9, "distance": 8}])
def test_a_memory_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match="need a reach of"):
        RecentPrints(**wrong)

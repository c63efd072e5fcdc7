import numpy as np
import pytest

from detectors.repetition import MISSING, NEAR, NEW, NearDuplicates, Offenders


def fresh(rng, n):
    return rng.integers(1, 2**64, n, dtype=np.uint64)


def flipped(rng, value, n, bits):
    out = np.full(n, value, dtype=np.uint64)
    for i in range(n):
        for bit in rng.choice(64, bits, replace=False):
            out[i] ^= np.uint64(1) << np.uint64(bit)
    return out


def test_variants_within_the_distance_are_near_and_others_are_new():
    rng = np.random.default_rng(0)
    leader = fresh(rng, 1)
    repeats = NearDuplicates(distance=8).update(
        np.concatenate((leader, flipped(rng, leader[0], 5, 8), flipped(rng, leader[0], 5, 30), [np.uint64(0)]))
    )
    assert repeats.codes.tolist() == [NEW] + [NEAR] * 5 + [NEW] * 5 + [MISSING]
    assert (repeats.leader[:6] == leader).all()
    assert repeats.leader[-1] == 0


def test_codes_agree_with_a_search_over_everything():
    rng = np.random.default_rng(1)
    seeds = fresh(rng, 40)
    prints = np.concatenate([flipped(rng, rng.choice(seeds), 1, int(b)) for b in rng.integers(0, 12, 600)])
    window = NearDuplicates(window=64, distance=5)
    codes = window.update(prints).codes
    for i in range(len(prints)):
        earlier = prints[max(0, i - 64) : i]
        near = bool((np.bitwise_count(earlier ^ prints[i]) <= 5).any()) if len(earlier) else False
        assert codes[i] == (NEAR if near else NEW)


def test_what_left_the_window_is_forgotten():
    rng = np.random.default_rng(2)
    first = fresh(rng, 1)
    window = NearDuplicates(window=16)
    window.update(first)
    window.update(fresh(rng, 16))
    assert window.update(first).codes.tolist() == [NEW]


@pytest.mark.parametrize("share", [0.001, 0.002, 0.01, 0.05])
def test_a_campaign_is_raised_within_eight_requests_and_named(share):
    rng = np.random.default_rng(3)
    hits, named = [], 0
    for _ in range(40):
        window = NearDuplicates(spend=2e-5)
        window.update(fresh(rng, 2000))
        prints = fresh(rng, 30_000)
        members = rng.random(30_000) < share
        leader = fresh(rng, 1)[0]
        prints[members] = flipped(rng, leader, int(members.sum()), 2)
        raised = window.update(prints).campaigns
        named += bool(raised) and (raised[0].leader ^ int(leader)).bit_count() == 2
        hits += [raised[0].hits] if raised else []
    assert named >= 38
    assert np.mean(hits) < 8


def test_clusters_at_the_cap_raise_no_more_campaigns_than_are_allowed():
    # 40 queries that each make up exactly the cap, for 60,000 events at one false campaign in 5,000: 12 allowed
    rng = np.random.default_rng(4)
    window = NearDuplicates(cap=5e-4, spend=2e-4)
    popular = fresh(rng, 40)
    prints = fresh(rng, 60_000)
    pick = rng.integers(0, 2000, 60_000)
    prints[pick < 40] = popular[pick[pick < 40]]
    repeats = window.update(prints)
    assert (repeats.codes == NEAR).sum() > 500
    assert len(repeats.campaigns) <= 12


def test_batches_are_single_events_and_a_restored_window_continues_exactly():
    rng = np.random.default_rng(5)
    prints = fresh(rng, 600)
    prints[rng.random(600) < 0.2] = prints[0]
    whole, pieces = NearDuplicates(window=100), NearDuplicates(window=100)
    expected = whole.update(prints)
    codes, campaigns = [], []
    for i in range(0, 600, 7):
        if i == 301:
            pieces = NearDuplicates.restore(pieces.snapshot())
        got = pieces.update(prints[i : i + 7])
        codes += got.codes.tolist()
        campaigns += got.campaigns
    assert codes == expected.codes.tolist()
    assert tuple(campaigns) == expected.campaigns
    assert len(campaigns) == 1


def test_a_cluster_that_is_hit_again_and_again_outlives_the_table():
    rng = np.random.default_rng(6)
    window = NearDuplicates(window=32, spend=1e-9)
    prints = fresh(rng, 5000)
    prints[::20] = prints[0]
    repeats = window.update(prints)
    assert (repeats.leader[::20] == prints[0]).all()
    assert [c.leader for c in repeats.campaigns] == [int(prints[0])]


@pytest.mark.parametrize("bad", [np.array([1.0, np.nan]), np.array([1, 2]), np.zeros((2, 2), np.uint64)])
def test_fingerprints_are_unsigned_words(bad):
    with pytest.raises(ValueError, match="uint64"):
        NearDuplicates().update(bad)


def test_offenders_are_named_in_bounded_memory():
    rng = np.random.default_rng(7)
    sketch = Offenders()
    ids = rng.integers(0, 10**9, 20_000)
    ids[rng.random(20_000) < 0.05] = 42
    sketch.update(ids.tolist())
    assert sketch.top(1)[0][0] == 42
    assert len(sketch.top(10_000)) < 1000

"""Fields that tell before from after, from counts."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.marginals import field_auc, rank_fields

LAW = np.array([0.5, 0.3, 0.15, 0.05])


def ticks(rng: np.random.Generator, number: int, law: np.ndarray = LAW, events: int = 30) -> np.ndarray:
    return rng.multinomial(events, law, number)


def test_the_field_that_changed_is_told_and_the_others_are_not():
    rng = np.random.default_rng(1)
    moved = np.array([0.3, 0.3, 0.2, 0.2])
    found = rank_fields(
        {
            "same": (ticks(rng, 200), ticks(rng, 20)),
            "moved": (ticks(rng, 200), ticks(rng, 20, moved)),
            "gone": (ticks(rng, 200), ticks(rng, 20, LAW[::-1])),
        }
    )
    assert list(found) == ["gone", "moved"]
    exact = sum(
        LAW[a] * moved[b] * ((r := moved / LAW)[b] > r[a]) + 0.5 * LAW[a] * moved[b] * (r[a] == r[b])
        for a in range(4)
        for b in range(4)
    )
    assert found["moved"].auc == pytest.approx(exact, abs=0.04)


@pytest.mark.parametrize(("wander", "late"), [(0.0, 4), (0.0, 40), (0.3, 10)])
def test_where_nothing_changed_it_is_silent_even_where_ticks_wander(wander, late):
    rng, said = np.random.default_rng(2), 0
    for _ in range(400):
        laws = LAW * np.exp(rng.normal(0, wander, (200 + late, 4)))
        table = np.stack([rng.multinomial(30, law / law.sum()) for law in laws])
        said += field_auc(table[:200], table[200:]) is not None
    assert said <= 4


def test_a_rule_learned_by_heart_is_not_an_explanation():
    """Many bins and few events: in training everything can be told apart, in the ticks held out nothing."""
    rng = np.random.default_rng(3)
    law = np.full(200, 1 / 200)
    assert sum(field_auc(ticks(rng, 50, law), ticks(rng, 5, law)) is not None for _ in range(100)) <= 2


def test_too_little_says_nothing_and_nonsense_is_refused():
    rng = np.random.default_rng(4)
    assert field_auc(ticks(rng, 50), ticks(rng, 1, LAW[::-1], events=500)) is None  # one tick cannot be held out
    assert field_auc(ticks(rng, 50), ticks(rng, 3, LAW[::-1], events=9)) is None
    with pytest.raises(ValueError, match="same bins"):
        field_auc(ticks(rng, 5), ticks(rng, 5)[:, :3])
    with pytest.raises(ValueError, match="integers"):
        field_auc(ticks(rng, 5) * 0.5, ticks(rng, 5))

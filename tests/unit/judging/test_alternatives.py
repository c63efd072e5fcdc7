"""What the any-change tests of signals look for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from monitor.findings.model import Direction
from monitor.judging.watching.alternatives import notice_bank
from monitor.signals.registry import SIGNALS
from monitor.signals.signal import Alternative, Signal

BOUNDARY = SIGNALS[0]


def uniform(signal: Signal) -> np.ndarray:
    return np.full(len(signal.bins), 1 / len(signal.bins))


@pytest.mark.parametrize(
    "signal", [signal for signal in SIGNALS if signal.alternatives], ids=lambda signal: signal.name
)
def test_every_alternative_of_every_signal_is_fair_under_the_declared_law(signal):
    q = np.arange(1, len(signal.bins) + 1) / np.arange(1, len(signal.bins) + 1).sum()
    assert q @ np.exp(notice_bank(signal, q).log_e) == pytest.approx(1)


def test_bets_share_the_evidence_evenly_however_many_alternatives_each_has():
    bank = notice_bank(replace(BOUNDARY, alternatives=(Alternative.boundary, Alternative.sparse)), uniform(BOUNDARY))
    weight = np.exp(bank.log_prior)
    near = np.array([name.startswith("near the threshold") for name in bank.names])
    assert weight[near].sum() == pytest.approx(0.5)


def test_a_bump_moves_two_neighbours_a_band_one_and_a_sparse_bet_none():
    bins = len(BOUNDARY.bins)
    grown = {
        one: np.exp(notice_bank(replace(BOUNDARY, alternatives=(one,)), uniform(BOUNDARY)).log_e) > 1
        for one in (Alternative.sparse, Alternative.bands, Alternative.bumps)
    }
    assert (grown[Alternative.sparse].sum(axis=0) == 1).all()
    assert (grown[Alternative.bands][:, 10:-10].sum(axis=0) == 3).all()
    assert (grown[Alternative.bumps][:, 10:-10].sum(axis=0) == 5).all()
    assert bins > 4


def test_a_signal_without_a_question_looks_at_its_bins_alone():
    quiet = replace(BOUNDARY, questions=())
    with_default = notice_bank(
        replace(quiet, alternatives=(Alternative.boundary, Alternative.sparse)), uniform(quiet)
    )
    assert (
        with_default.fingerprint
        == notice_bank(replace(quiet, alternatives=(Alternative.sparse,)), uniform(quiet)).fingerprint
    )


def test_where_a_fall_is_bad_the_bet_is_on_a_fall():
    asked = replace(BOUNDARY.questions[0], direction=Direction.fall)
    bank = notice_bank(replace(BOUNDARY, questions=(asked,), alternatives=(Alternative.boundary,)), uniform(BOUNDARY))
    far, near = 0, BOUNDARY.bins.index("above 1")
    assert (bank.log_e[far] > 0).all()
    assert (bank.log_e[near] < 0).all()


def test_a_signal_that_bets_on_nothing_but_dense_is_refused():
    with pytest.raises(ValueError, match="declares no alternative but dense"):
        notice_bank(replace(BOUNDARY, alternatives=(Alternative.dense,)), uniform(BOUNDARY))

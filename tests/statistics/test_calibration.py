"""Calibrated notices: more is spent than the bound allows, and the budget is still kept."""

import numpy as np
import pytest

from detectors.alternatives import boundary, sparse
from detectors.budget import poisson_lower_limit, poisson_upper_limit
from detectors.calibration import Plan, calibrate
from detectors.evidence import Evidence
from detectors.recoupling import Recoupler, declared, seed_of
from tests.statistics.streams import cells_of, part, recoupled_alarms

LABELS = np.array([0.5, 0.3, 0.15, 0.05])


def spent(law, bank_of, *, streams, ticks, n, seed, spacing):
    """(false alarms, promised) of recoupled streams at the calibrated spend, after a run-in of one spacing."""
    rng = np.random.default_rng(seed)
    engine, recoupler = Evidence(), Recoupler()
    factor = 1.0
    for i in range(streams):
        q = declared(rng.multinomial(1000, law))
        bank = bank_of(q)
        if i == 0:
            factor = calibrate(Plan(bank, q, np.array([n]), n), spend=1 / spacing, alarms=600).factor
        engine.add([bank], spend=factor / spacing, n_ref=n)
        recoupler.add(q, seed=seed_of("calibration", seed, i), reference=rng.multinomial(4000, law))
    cells = cells_of(rng.multinomial(n, law, size=(spacing + ticks, streams)))
    recoupled_alarms(engine, recoupler, part(cells, 0, spacing), keep_reference=True)
    alarms = recoupled_alarms(
        engine, recoupler, part(cells, spacing, spacing + ticks), first=spacing, keep_reference=True
    )
    assert factor > 1.1
    return len(alarms), streams * ticks / spacing


@pytest.mark.parametrize("n", [5, 50])
def test_calibrated_rate_notices_keep_their_budget(n):
    alarms, promised = spent(
        np.array([0.95, 0.05]), lambda q: boundary(q, [0, 1]), streams=80, ticks=375, n=n, seed=n, spacing=250
    )
    assert poisson_lower_limit(alarms, 0.999) <= promised
    assert poisson_upper_limit(alarms, 0.999) >= promised / 2  # and it is not wasted


def test_calibrated_label_notices_keep_their_budget():
    alarms, promised = spent(LABELS, sparse, streams=80, ticks=250, n=20, seed=3, spacing=125)
    assert poisson_lower_limit(alarms, 0.999) <= promised


@pytest.mark.slow
@pytest.mark.parametrize("n", [2, 20, 200])
def test_the_factor_holds_at_spacings_ten_times_longer_than_were_simulated(n):
    # extrapolation: simulated at 500 and 1,000 ticks, checked at 5,000
    law = np.array([0.95, 0.05])
    alarms, promised = spent(law, lambda q: boundary(q, [0, 1]), streams=100, ticks=10_000, n=n, seed=n, spacing=5000)
    assert poisson_lower_limit(alarms, 0.99) <= promised

"""The evidence of an any-change test counts on from its references, whatever happens to them."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.judging.watching import any_change
from tests.unit.judging.ticks import BASE, Lab, like, verdicts


def watched_lab() -> Lab:
    """A stream of two slices, watched for a while."""
    lab = Lab({1: BASE, 2: like(language="de")})
    for _ in range(12):
        lab.tick({1: verdicts(90, 10), 2: verdicts(45, 5)})
    return lab


def histories(lab: Lab) -> dict[int, list[float]]:
    """Test -> events that the engine takes each stratum's reference to have."""
    stored = lab.assessor.fleet.panel.evidence.snapshot()
    ends = np.cumsum(stored["strata"])
    parts = np.split(stored["history"], ends[:-1])
    return dict(zip(stored["id"].tolist(), (part.tolist() for part in parts), strict=True))


def references(lab: Lab) -> dict[int, list[float]]:
    """Test -> events that each stratum's reference has."""
    fleet = lab.assessor.fleet
    tests = [test for unit in fleet.state.units for test in unit.epoch.any_change_tests]
    return {t.test: [float(fleet.panel.recoupler.reference(row).sum()) for row in t.rows] for t in tests}


def agree(lab: Lab) -> bool:
    counted, engine = references(lab), histories(lab)
    return bool(counted) and {test: engine[test] for test in counted} == counted


def test_a_dismissed_notice_puts_the_old_reference_back_and_the_evidence_takes_note():
    lab = watched_lab()
    assert agree(lab)
    fleet = lab.assessor.fleet
    for test in fleet.state.units[0].epoch.any_change_tests:
        fleet.notices.rearm(test, lab.now - 1, held_back=True)
    lab.tick({1: verdicts(90, 10), 2: verdicts(45, 5)})
    assert agree(lab)
    before = references(lab)
    for test in fleet.state.units[0].epoch.any_change_tests:
        fleet.notices.dismiss(test)
    assert all(sum(now) > sum(before[test]) for test, now in references(lab).items())
    assert agree(lab)
    lab.tick({1: verdicts(90, 10), 2: verdicts(45, 5)})
    assert agree(lab)


def test_a_full_reference_begins_anew_and_the_evidence_takes_note(monkeypatch: pytest.MonkeyPatch):
    lab = watched_lab()
    monkeypatch.setattr(any_change, "FULL_REFERENCE", 400)
    fleet = lab.assessor.fleet
    fleet.notices.reset_full(fleet.state.units[0].epoch.any_change_tests)
    assert min(sum(sizes) for sizes in references(lab).values()) < 400
    assert agree(lab)

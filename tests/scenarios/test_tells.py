"""A page names the fields that tell since from before, and no others."""

from __future__ import annotations

from monitor.counts.units import WHOLE
from tests.scenarios.service import told
from tests.scenarios.story import log_of


def fields(story: str, signal: str, **options) -> dict[str, float]:
    pages = [page for page in told(log_of(story, **options)).pages() if page.category != WHOLE]
    page = next(page for page in pages if page.signal == signal)
    return {tell.field: tell.auc for tell in page.tells}


def test_an_attack_by_one_language_is_told_by_language_and_by_what_it_does():
    story = """
        00:00 injection: rate=120/min languages=en:70,de:30
        01:00 injection: languages=en:20,de:80 unsafe=40%
        01:10 end
        """
    found = fields(story, "verdict_mix")
    assert {"language", "verdict_mix"} <= found.keys()
    assert found["language"] > 0.65
    assert "coverage" not in found


def test_what_did_not_change_is_not_named():
    found = fields("00:00 a: rate=60/min languages=en:50,de:50\n 01:00 a: near=18%\n 01:20 end", "boundary_proximity")
    assert set() < found.keys() <= {"boundary_proximity", "score_shift"}

"""What is said of who asks explains what guardrails see, in whatever order they come."""

from __future__ import annotations

from itertools import permutations

import pytest

from monitor.findings.model import EVERY_GUARDRAIL, Finding
from tests.unit.alerting.record import Judge, notice, sqlite_stores

MIX = notice("mix", guardrail=EVERY_GUARDRAIL, signal="traffic_mix", question="mix_change")
SCORES = notice("scores", signal="score_shift", question="any_change")
OTHER = notice("other", guardrail="toxicity", signal="score_shift", question="any_change")


@pytest.mark.parametrize("order", list(permutations([MIX, SCORES, OTHER])))
def test_a_change_of_who_asks_types_what_every_guardrail_saw_at_that_time(order: tuple[Finding, ...]) -> None:
    with sqlite_stores() as stores:
        judge = Judge(stores)
        for finding in order:
            judge.finds(finding)
        with stores.alerts.transaction() as store:
            types = {name: store.finding(name).trouble.value for name in ("mix", "scores", "other")}
    assert types == dict.fromkeys(("mix", "scores", "other"), "benign_traffic_shift")


def test_a_silent_source_is_nobodys_explanation() -> None:
    with sqlite_stores() as stores:
        judge = Judge(stores)
        judge.finds(notice("silent", guardrail=EVERY_GUARDRAIL, signal="coverage", question="source_silent"))
        assert judge.finds(SCORES).trouble_rule.partition(":")[0] != "silent_log"

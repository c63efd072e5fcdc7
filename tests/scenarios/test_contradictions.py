"""A log that does not agree with itself."""

from __future__ import annotations

import dataclasses
import json

from monitor.findings.model import IncidentType, Kind
from monitor.ingestion.memory import MemoryRecord
from tests.scenarios.service import told
from tests.scenarios.story import at, log_of

CALM = """
00:00 injection: rate=60/min
00:00 toxicity:  rate=60/min
01:30 end
"""


def passed(record: MemoryRecord) -> MemoryRecord:
    """The same event with a score that should not have passed."""
    body = json.loads(record.value) | {"score": 0.93, "verdict": "allow", "action": "allow"}
    return dataclasses.replace(record, value=json.dumps(body).encode())


def test_verdicts_that_contradict_their_scores_are_a_notice_and_typed_as_a_data_fault():
    log = log_of(CALM)
    wrong = [
        n for n, record in enumerate(log) if record.timestamp_ms > at("01:00") and b'"injection"' in record.value
    ]
    for n in wrong[::8]:
        log[n] = passed(log[n])
    outcome = told(log)
    found = [finding for finding in outcome.findings if finding.signal == "contradictions"]
    assert [finding.kind for finding in found] == [Kind.notice]
    assert found[0].guardrail == "injection"
    assert found[0].trouble is IncidentType.data_fault
    assert found[0].trouble_rule.startswith("contradictory_log: ")
    assert at("01:00") < found[0].detected_at_ms < at("01:08")


def test_a_log_that_agrees_with_itself_says_nothing_of_it():
    assert [finding for finding in told(log_of(CALM)).findings if finding.signal == "contradictions"] == []

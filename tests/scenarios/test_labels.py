"""What people find out later: labels of earlier events, each with the verdict that the guardrail had given."""

from __future__ import annotations

import json

import numpy as np

from monitor.findings.model import IncidentType
from monitor.ingestion.memory import MemoryRecord
from tests.scenarios.service import told
from tests.scenarios.story import START_MS, at, log_of

CALM = """
00:00 injection: rate=60/min
00:00 toxicity:  rate=60/min
01:30 end
"""


def labelled(*, every_ms: int, missed_before: float, missed_after: float) -> list[MemoryRecord]:
    """The calm log, and labels that say that requests of `injection` were harmful: more are missed from 01:00 on."""
    rng = np.random.default_rng(5)
    records = log_of(CALM)
    for number, time in enumerate(range(START_MS + every_ms, at("01:30"), every_ms)):
        missed = rng.random() < (missed_after if time > at("01:00") else missed_before)
        body = {
            "v": 1,
            "event_id": f"injection-{number + 1}",
            "time": time,
            "guardrail": "injection",
            "guardrail_version": "1",
            "stage": "input",
            "language": "en",
            "verdict": "allow" if missed else "deny",
            "harmful": True,
        }
        records.append(MemoryRecord(json.dumps(body).encode(), key=b"injection-0", timestamp_ms=time))
    return sorted(records, key=lambda record: record.timestamp_ms)


def test_a_guardrail_that_misses_more_of_what_people_find_harmful_pages_as_a_regression():
    outcome = told(labelled(every_ms=6_000, missed_before=0.05, missed_after=0.4))
    (page,) = outcome.pages()
    assert (page.guardrail, page.signal, page.question) == ("injection", "labels_harmful", "miss_rate_rise")
    assert at("01:00") < page.paged_at_ms < at("01:15")
    assert page.trouble is IncidentType.guardrail_regression
    assert page.trouble_rule.startswith("wrong_by_people: ")

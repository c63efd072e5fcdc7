"""Without a live terminal, the same story: each thing once, or every state as JSON."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np

from monitor.demo.lines import Narrator, json_line
from monitor.demo.state import DemoState, Evidence, Incident, Page, Step

START = DemoState(
    clock="09:41:20",
    speed=60,
    steps=(Step("baseline", 0.4), Step("normal", 0.0)),
    message="Learning.",
    events=10,
    events_per_second=1.0,
    promise="at most one false page a month",
)


def _evidence(value: float) -> DemoState:
    return replace(START, evidence=(Evidence("boundary proximity", value, 18.0),))


def test_a_phase_is_told_when_it_begins_and_not_again() -> None:
    narrator = Narrator()
    assert list(narrator.tell(START)) == ["09:41:20  phase baseline: Learning."]
    assert list(narrator.tell(replace(START, events=500))) == []
    later = replace(START, steps=(Step("baseline", 1.0), Step("normal", 0.1)), message="Watching.")
    assert list(narrator.tell(later)) == ["09:41:20  phase normal: Watching."]


def test_evidence_is_told_at_each_new_quarter_of_its_threshold() -> None:
    narrator = Narrator()
    list(narrator.tell(START))
    told = [list(narrator.tell(_evidence(value))) for value in (4.4, 4.5, 3.0, 4.6, 14.0, math.nan, 18.0, 90.0)]
    assert [len(lines) for lines in told] == [0, 1, 0, 0, 1, 0, 1, 0]
    assert told[4] == ["09:41:20  evidence boundary proximity: 14.0 of 18.0, 75% of the threshold"]


def test_page_and_incident_are_told_once() -> None:
    narrator = Narrator()
    list(narrator.tell(START))
    paged = replace(START, page=Page(title="scores crowd", detail="21% near", after="after 41 requests"))
    opened = replace(paged, incident=Incident(name="Incident 1", severity="SEV2", address="http://127.0.0.1/i/1"))
    assert list(narrator.tell(paged)) == ["09:41:20  PAGE scores crowd: 21% near, after 41 requests"]
    assert list(narrator.tell(opened)) == ["09:41:20  Incident 1 (SEV2) http://127.0.0.1/i/1"]
    assert list(narrator.tell(opened)) == []


def test_a_state_is_one_line_of_json_even_with_numbers_that_json_lacks() -> None:
    line = json_line(replace(_evidence(math.nan), speed=np.float64(60.0)))
    assert "\n" not in line
    read = json.loads(line)
    assert read["evidence"] == [{"name": "boundary proximity", "log_evidence": None, "log_threshold": 18.0}]
    assert (read["speed"], read["page"], read["steps"][0]["name"]) == (60.0, None, "baseline")

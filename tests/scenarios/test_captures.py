"""A page of a story is captured: curve, evidence over time, detector, settings, offsets; and nobody changes it."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree

import msgspec

from monitor.incidents.evidence import Setup, changed
from monitor.incidents.timeline import verify
from monitor.judging.capture import capture_step
from monitor.judging.evidence_record import EvidenceRetention
from tests.scenarios.service import Judging, service
from tests.scenarios.story import log_of

STORY = """
00:00 injection: rate=120/min
00:40 injection: unsafe=30% near=20%
00:50 injection: unsafe=5% near=1%
01:20 end
"""
SETUP = Setup(version="9.9", settings={"database": "postgresql://me:***@db/x"})


def test_the_capture_of_a_page_holds_what_was_known_then() -> None:
    with service([log_of(STORY, seed=4)], judging=Judging(at_the_end=True, retention=EvidenceRetention())) as built:
        outcome = built.run()
        stores, now_ms = built.stores, built.clock.now_ms() + 60_000
        tick_ms = built.rule.tick_ms
        made = capture_step(stores.alerts, stores.judge, stores.evidence, now_ms=now_ms, tick_ms=tick_ms, setup=SETUP)
        again = capture_step(
            stores.alerts, stores.judge, stores.evidence, now_ms=now_ms, tick_ms=tick_ms, setup=SETUP
        )
        page = outcome.pages("injection")[0]
        assert page.incident_id is not None
        with stores.alerts.transaction() as store:
            entries, captures = store.timeline(page.incident_id), store.captures(page.incident_id)
    assert made >= 2, "found and ended"
    assert again == 0
    assert verify(entries) is None
    assert changed(captures, entries) is None
    assert {(each.finding_id, each.moment.value) for each in captures} >= {(page.id, "found"), (page.id, "ended")}

    document = json.loads(next(each.document or "" for each in captures if each.finding_id == page.id))
    assert document["finding"]["id"] == page.id
    assert document["offsets"] == {name: list(span) for name, span in page.offsets.items()}
    assert document["driftline"] == "9.9"
    assert document["settings"] == SETUP.settings
    assert document["detector"]["streams"][0]["state"] == "watched"
    assert document["detector"]["streams"][0]["baseline_events"] > 0
    own = [each for each in document["evidence"] if each["question"] == page.question]
    assert max(each["log_evidence"] for each in own if each["log_evidence"] is not None) >= 0, "the alarm itself"
    for name in ("before_and_after", "evidence"):
        root = ElementTree.fromstring(document["pictures"][name])
        assert root.tag.endswith("svg")
        assert root.findall("{*}polyline"), name

    touched = [msgspec.structs.replace(each, document=(each.document or "") + " ") for each in captures]
    assert changed(touched, entries) == touched[0]

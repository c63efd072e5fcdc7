"""The post-incident report and the OCSF events hold what the record holds, and say what it does not."""

from __future__ import annotations

from typing import Any

import msgspec

from monitor.incidents import casework, lifecycle
from monitor.incidents.case import Functional, Information, Verdict
from monitor.incidents.ocsf import events
from monitor.incidents.report import OPEN, Record, parts, state, title
from monitor.incidents.report_markdown import markdown as markdown_of
from tests.unit.alerting.record import HOUR, PHRASES, T0, Judge, ended, page, sqlite_stores


def markdown(incident: Any, case: Any, findings: Any, entries: Any, *, phrases: Any) -> str:
    record = Record(incident=incident, case=case, findings=findings, entries=entries)
    return markdown_of(title(incident), state(incident), parts(record, phrases=phrases, now_ms=T0))


HOSTILE = "x | [y](http://evil.example) <img src=x> # z"


def a_case(*, closed: bool) -> tuple[str, list[dict[str, Any]]]:
    """The report and the events of an incident with one page, triaged as real."""
    with sqlite_stores() as stores:
        judge = Judge(stores)
        found = judge.finds(page("f1"))
        with stores.alerts.transaction() as store:
            lifecycle.acknowledge(store, 1, actor="kim", now_ms=T0 + HOUR)
            casework.triage(
                store,
                1,
                actor="kim",
                now_ms=T0 + HOUR,
                text=HOSTILE,
                verdict=Verdict.true_positive,
                functional=Functional.medium,
                information=Information.privacy,
                candidates=["AML.T0054", "LLM01:2026"],
            )
        judge.finds(ended(found, T0 + HOUR))
        if closed:
            with stores.alerts.transaction() as store:
                lifecycle.resolve(store, 1, actor="kim", now_ms=T0 + 2 * HOUR, text="rolled back")
                lifecycle.close(store, 1, actor="kim", now_ms=T0 + 3 * HOUR, text="test thresholds first")
        with stores.alerts.transaction() as store:
            incident, case = lifecycle.locked(store, 1), store.case(1)
            parts = (incident, case, store.findings(incident_id=1), store.timeline(1))
        return markdown(*parts, phrases=PHRASES), events(*parts, phrases=PHRASES)


def test_a_closed_incident_has_a_final_report_with_times_impact_findings_and_lessons() -> None:
    text, _ = a_case(closed=True)
    for part in (
        "# INC-1: post-incident report\n\nFinal.",
        "| Acknowledged first | 2026-11-23 04:12 UTC (60 min after the onset) |",
        "| Functional impact | medium |",
        "| Information impact | privacy\\_breach |",
        "AML.T0054 LLM Jailbreak; LLM01:2026 Prompt Injection",
        "guardrail-events-0 1200 to 1800",
        "test thresholds first",
        "DE.AE-08",
        "MEASURE 2.4",
        "The chain of ",
    ):
        assert part in text, part


def test_a_report_before_the_end_is_a_draft_that_says_what_is_open() -> None:
    text, _ = a_case(closed=False)
    assert "DRAFT: the incident is not closed" in text
    assert text.count(OPEN) >= 5
    assert "| Resolved | not |" in text


def test_what_people_wrote_cannot_forge_the_report() -> None:
    text, _ = a_case(closed=True)
    assert "[y](http" not in text
    assert "<img" not in text
    assert "x \\| \\[y\\]" in text


def test_a_touched_timeline_is_said_in_the_report() -> None:
    with sqlite_stores() as stores:
        judge = Judge(stores)
        judge.finds(page("f1"))
        with stores.alerts.transaction() as store:
            incident, case, entries = lifecycle.locked(store, 1), store.case(1), list(store.timeline(1))
        entries[0] = msgspec.structs.replace(entries[0], actor="sam")
        assert "BROKEN: entry 1" in markdown(incident, case, [], entries, phrases=PHRASES)


def test_the_ocsf_events_have_what_the_schema_requires() -> None:
    _, (incident, detection) = a_case(closed=True)
    for event, uid in ((incident, 2005), (detection, 2004)):
        required = {"class_uid", "category_uid", "activity_id", "type_uid", "metadata", "severity_id", "time"}
        assert required <= set(event)
        assert (event["class_uid"], event["category_uid"]) == (uid, 2)
        assert event["type_uid"] == uid * 100 + event["activity_id"]
        assert event["metadata"]["version"] == "1.9.0"
        assert event["metadata"]["product"]["name"]
        assert 0 < event["time"] < 2**53
    assert incident["finding_info_list"][0]["uid"] == detection["finding_info"]["uid"] == "f1"
    assert "incident" in incident["metadata"]["profiles"]
    assert incident["status_id"] == 5
    assert incident["verdict_id"] == 2
    assert incident["severity_id"] == 5
    assert incident["attacks"] == [
        {"version": "5.6", "technique": {"uid": "AML.T0054", "name": "LLM Jailbreak"}},
    ]
    assert len(incident["fingerprint"]["value"]) == 64
    assert incident["prev_event"]["fingerprint"]["value"] != incident["fingerprint"]["value"]


def test_an_open_incident_has_no_end_and_is_created_not_closed() -> None:
    with sqlite_stores() as stores:
        judge = Judge(stores)
        judge.finds(page("f1"))
        with stores.alerts.transaction() as store:
            incident = lifecycle.locked(store, 1)
            found = events(incident, store.case(1), store.findings(incident_id=1), store.timeline(1), phrases=PHRASES)
    assert (found[0]["activity_id"], found[0]["status_id"], found[0]["verdict_id"]) == (1, 1, 0)
    assert "end_time" not in found[0]
    assert "prev_event" not in found[0], "the first of a chain has none"

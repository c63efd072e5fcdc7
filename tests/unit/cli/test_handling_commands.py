"""Measures, action items, evidence, redaction, reports, drills and the audit pack from the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from monitor.cli import main
from monitor.clock import DAY_MS, SystemClock
from monitor.incidents.evidence import Setup
from monitor.incidents.words import rfc3339
from monitor.judging.capture import capture_step
from tests.unit.alerting.record import Judge, page, sqlite_stores

Run = Callable[..., Result]
SETTINGS = """
source: {kafka: {servers: 127.0.0.1:9092, topics: [guardrail-events]}}
budget: {pages: 1, per: month}
response:
  high_risk: {name: loan assistant, member_states: [Austria]}
  measures:
    tighten:
      action: tighten_threshold
      url: https://deploy.example.com/guardrails
      secret_env: CONTAINMENT
      approvers: [ben]
"""
NOW_MS = SystemClock().now_ms()


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A database with one page and its evidence, two minutes old."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DRIFTLINE_CONFIG", raising=False)
    url = f"sqlite:///{tmp_path / 'driftline.db'}"
    (tmp_path / "driftline.yaml").write_text(f"{SETTINGS}database: {url}\n")
    with sqlite_stores(url) as stores:
        Judge(stores).finds(page("f1", onset=NOW_MS - 240_000))
        capture_step(
            stores.alerts, stores.judge, stores.evidence, now_ms=NOW_MS, tick_ms=10_000, setup=Setup(version="9.9")
        )
    return lambda *arguments: CliRunner().invoke(main, arguments)


def done(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.output


def test_a_measure_is_proposed_and_needs_a_named_person(run: Run) -> None:
    assert run("measures", "propose", "INC-1", "melt", "--reason", "x", "--as", "ann").exit_code == 1
    said = done(run("measures", "propose", "INC-1", "tighten", "--reason", "probing", "--as", "ann"))
    assert "M-1 tighten for INC-1: proposed; it waits for ben" in said
    refused = run("measures", "approve", "M-1", "--as", "ann")
    assert (refused.exit_code, "ann may not approve" in refused.output) == (1, True)
    assert json.loads(done(run("measures", "approve", "M-1", "--as", "ben", "--json")))["state"] == "approved"
    (listed,) = json.loads(done(run("measures", "list", "--json")))
    assert listed["approved_by"] == "ben"
    assert listed["proposed_at"].endswith("Z")


def test_an_action_item_has_an_owner_and_a_date(run: Run) -> None:
    due = rfc3339(NOW_MS + 3 * DAY_MS)
    assert "A-1    INC-1    kim, due" in done(
        run("actions", "add", "INC-1", "alarm on time-outs", "--owner", "kim", "--due", due, "--as", "ann")
    )
    past = run("actions", "add", "INC-1", "x", "--owner", "kim", "--due", "2020-01-01T00:00Z", "--as", "ann")
    assert (past.exit_code, "in the future" in past.output) == (1, True)
    assert done(run("actions", "list", "--overdue")) == "No action items.\n"
    assert "done by kim" in done(run("actions", "done", "A-1", "--reason", "it is there", "--as", "kim"))


def test_evidence_is_shown_drawn_and_checked(run: Run, tmp_path: Path) -> None:
    said = done(run("incidents", "evidence", "INC-1"))
    assert "log guardrail-events-0 1200 to 1800" in said
    (whole,) = json.loads(done(run("incidents", "evidence", "INC-1", "--json")))
    assert whole["driftline"] == "9.9"
    none = run("incidents", "evidence", "INC-1", "--finding", "f1", "--picture", "evidence")
    assert (none.exit_code, "has no picture" in none.output) == (1, True)
    with sqlite_stores(f"sqlite:///{tmp_path / 'driftline.db'}") as stores, stores.database.writing() as connection:
        connection.exec_driver_sql("UPDATE captures SET document = replace(document, '9.9', '9.8')")
    touched = run("incidents", "evidence", "INC-1")
    assert (touched.exit_code, "BROKEN: the evidence of f1" in touched.output) == (1, True)


def test_a_note_is_redacted(run: Run) -> None:
    done(run("incidents", "note", "INC-1", "my name is Kim", "--as", "ann"))
    done(run("incidents", "redact", "INC-1", "--entry", "3", "--reason", "a name", "--as", "kim"))
    assert "Kim" not in done(run("incidents", "report", "INC-1"))
    assert "entries fit" in done(run("incidents", "verify", "INC-1"))


def test_the_report_is_html_with_nothing_loaded_and_no_scripts(run: Run) -> None:
    done(run("incidents", "note", "INC-1", "<script>alert(1)</script>", "--as", "ann"))
    text = done(run("incidents", "report", "INC-1", "--as-format", "html"))
    assert text.startswith("<!doctype html>")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<script" not in text
    assert "default-src &#x27;none&#x27;" in text or "default-src 'none'" in text
    assert "https://" not in text.replace("https://deploy.example.com", "")


def test_triage_of_a_high_risk_system_asks_for_the_class_and_shows_the_clock(run: Run) -> None:
    triage = ("incidents", "triage", "INC-1", "--verdict", "true_positive", "--reason", "seen", "--as", "ann")
    asked = run(*triage)
    assert (asked.exit_code, "add --serious" in asked.output) == (1, True)
    assert "(10 days from" in done(run(*triage, "--serious", "death"))
    draft = done(run("incidents", "report", "INC-1", "--as-format", "eu-ai-act"))
    assert "DRAFT for a lawyer" in draft
    assert "| System | loan assistant |" in draft
    assert "| People affected | **open: to be written by a person** |" in draft


def test_a_drill_is_begun_ended_measured_and_only_that(run: Run) -> None:
    begun = json.loads(done(run("drill", "fail_open", "--as", "kim", "--json")))
    assert begun == {"incident": "INC-2", "type": "fail_open", "channels": ["log"]}
    done(run("incidents", "ack", "INC-2", "--as", "kim"))
    assert "1 ended" in done(run("drill", "--over", "INC-2", "--as", "kim"))
    assert (
        json.loads(done(run("drill", "--measure", "INC-2", "--as", "kim", "--json")))["seconds"]["acknowledge"] >= 0
    )
    real = run("drill", "--over", "INC-1", "--as", "kim")
    assert (real.exit_code, "is no exercise" in real.output) == (1, True)
    assert run("drill", "melt", "--as", "kim").exit_code == 1
    assert run("drill", "--as", "kim").exit_code == 2


def test_the_audit_pack_counts_what_is_real_and_names_what_is_missing(run: Run) -> None:
    done(run("drill", "probing", "--as", "kim"))
    done(run("incidents", "ack", "INC-1", "--as", "ann"))
    done(run("incidents", "triage", "INC-1", "--verdict", "false_positive", "--reason", "a release", "--as", "ann"))
    figures = json.loads(done(run("audit", "--json")))
    assert figures["incidents"] == 1
    assert figures["drills"] == ["INC-2"]
    assert figures["false_pages"]["count"] == 1
    assert figures["times_s"]["acknowledge"]["known"] == 1
    assert figures["times_s"]["contain"] == {"known": 0, "median": None, "p90": None}
    assert figures["broken_timelines"] == []
    for text in (done(run("audit")), done(run("audit", "--as-format", "html"))):
        for part in ("Promise against booked false pages", "MEASURE 2.13", "ID.IM-02", "all 2 timelines fit"):
            assert part in text, part
    assert run("audit", "--since", "2026-02-01T00:00Z", "--until", "2026-01-01T00:00Z").exit_code == 2

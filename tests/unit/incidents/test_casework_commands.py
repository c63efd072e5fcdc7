"""Triage, phases, merging, silences and reports from the command line, on a real database file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from monitor.cli import main
from monitor.clock import SystemClock
from monitor.incidents.words import rfc3339
from tests.unit.alerting.record import Judge, page, sqlite_stores

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DRIFTLINE_CONFIG", raising=False)
    (tmp_path / "driftline.yaml").write_text(
        "source: {kafka: {servers: 127.0.0.1:9092, topics: [guardrail-events]}}\nbudget: {pages: 1, per: month}\n"
        f"database: sqlite:///{tmp_path / 'driftline.db'}\n"
    )
    with sqlite_stores(f"sqlite:///{tmp_path / 'driftline.db'}") as stores:
        judge = Judge(stores)
        judge.finds(page("f1"))
        judge.finds(page("f2", guardrail="toxicity"))
    return lambda *arguments: CliRunner().invoke(main, arguments)


def done(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.output


def test_triage_shows_the_matrix_and_the_phase_follows(run: Run) -> None:
    refused = run("incidents", "phase", "INC-1", "containment", "--reason", "x", "--as", "kim")
    assert refused.exit_code == 1
    assert "no verdict: driftline incidents triage 1" in refused.output
    shown = done(
        run(
            "incidents",
            "triage",
            "INC-1",
            "--verdict",
            "true_positive",
            "--functional",
            "medium",
            "--information",
            "privacy_breach",
            "--factor",
            "stage=early",
            "--reason",
            "seen in the log",
            "--as",
            "kim",
        )
    )
    assert "[critical]" in shown
    assert "P1, declared" in shown
    assert "phase reached by kim" in done(
        run("incidents", "phase", "INC-1", "containment", "--reason", "tightened", "--as", "kim")
    )
    report = done(run("incidents", "report", "INC-1"))
    assert "DRAFT" in report
    assert "| Stage | early |" in report
    assert json.loads(done(run("incidents", "report", "INC-1", "--as-format", "ocsf")))[0]["class_uid"] == 2005


def test_a_factor_without_a_value_is_a_mistake_of_usage(run: Run) -> None:
    wrong = run("incidents", "triage", "1", "--verdict", "test", "--reason", "x", "--as", "kim", "--factor", "stage")
    assert wrong.exit_code == 2
    assert "--factor" in wrong.output


def test_a_booked_false_page_stands_beside_the_promise(run: Run) -> None:
    done(run("incidents", "triage", "2", "--verdict", "false_positive", "--reason", "a test set", "--as", "kim"))
    done(run("incidents", "noise", "2", "poor_text", "--as", "kim"))
    book = json.loads(done(run("incidents", "booked", "--days", "3650", "--json")))
    assert (book["promised"], book["false_pages"]) == (1, 1)
    assert book["noise"] == {"toxicity": {"poor_text": 1}}


def test_merge_and_reopen_say_what_became_of_both(run: Run) -> None:
    merged = done(run("incidents", "merge", "2", "--into", "1", "--reason", "one release", "--as", "kim"))
    assert "INC-2: merged by kim" in merged
    assert "INC-1: merged in by kim" in merged
    assert run("incidents", "reopen", "2", "--reason", "x", "--as", "kim").exit_code == 1
    done(run("incidents", "split", "1", "--finding", "f2", "--reason", "not the same", "--as", "kim"))
    verified = done(run("incidents", "verify"))
    assert all(f"INC-{number}: " in verified for number in (1, 2, 3))


def test_a_silence_is_made_listed_and_ended(run: Run) -> None:
    refused = run("silences", "add", "--reason", "x", "--until", "2020-01-01T00:00Z", "--as", "kim")
    assert refused.exit_code == 1
    assert "in the future" in refused.output
    until = rfc3339(SystemClock().now_ms() + 3_600_000)
    made = done(
        run("silences", "add", "--reason", "upgrade", "--until", until, "--guardrail", "toxicity", "--as", "kim")
    )
    assert made.startswith("silence 1 by kim until ")
    assert "kim: upgrade; held back 0" in done(run("silences", "list"))
    (plain,) = json.loads(done(run("silences", "list", "--json")))
    assert plain["end_at"].endswith("Z")
    assert "silence 1 ended; 0 incidents are due." in done(run("silences", "end", "1"))
    assert run("silences", "end", "1").exit_code == 1
    assert run("silences", "end", "9").exit_code == 1

"""Without Kafka: what recorded logs would have shown, and baselines that a person approves."""

from __future__ import annotations

import gzip
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.acceptance.story import driftline, driftline_json
from tests.chaos.process import write_settings
from tests.chaos.traffic import INPUT, OUTPUT, Change, Story, records

HOUR_MS = 3_600_000
START_MS = 1_790_000_000_000
FINDING_KEYS = {
    "signal",
    "guardrail",
    "category",
    "stratum",
    "kind",
    "direction",
    "onset_low_ms",
    "onset_high_ms",
    "detected_at_ms",
    "effect",
    "evidence",
    "attribution",
}
SUMMARY_KEYS = {"events", "ticks", "dead_lettered", "late", "findings", "pages", "seconds"}
PROBING = Change(what="probing", guardrail=INPUT, begin=0.6, end=0.9, share=0.3)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Four hours, probing in the third; ten lines that nobody can read."""
    story = Story(records=20_000, start_ms=START_MS, length_ms=4 * HOUR_MS, changes=[PROBING])
    path = tmp_path / "january.jsonl.gz"
    with gzip.open(path, "wb") as out:
        for number, record in enumerate(records(story)):
            out.write(record.value + b"\n")
            if number % 2_000 == 0:
                out.write(b'{"v":1,"guardrail"\n')
    return path


def test_a_backtest_tells_as_json_what_would_have_been_found(log: Path, tmp_path: Path) -> None:
    settings = write_settings(
        tmp_path / "driftline.yaml",
        {"source": {"files": {"paths": [str(log)]}}, "budget": {"pages": 1, "per": "week"}},
    )
    *findings, summary = [
        json.loads(line) for line in driftline("backtest", log, "-c", settings, "--json").splitlines()
    ]
    assert summary.keys() >= SUMMARY_KEYS
    assert (summary["events"], summary["dead_lettered"], summary["late"]) == (20_000, 10, 0)
    assert summary["findings"] == len(findings)
    assert summary["ticks"] in (1440, 1441)
    for finding in findings:
        assert finding.keys() >= FINDING_KEYS
        assert finding["effect"].keys() >= {"baseline", "current", "ratio"}
        assert finding["onset_low_ms"] <= finding["onset_high_ms"] <= finding["detected_at_ms"]
    pages = [finding for finding in findings if finding["kind"] == "page"]
    assert summary["pages"] == len(pages)
    began = START_MS + PROBING.begin * 4 * HOUR_MS
    probing = next(page for page in pages if page["signal"] == "boundary_proximity")
    assert (probing["guardrail"], probing["category"], probing["direction"]) == (INPUT, "jailbreak", "rise")
    assert began <= probing["detected_at_ms"] <= began + HOUR_MS / 4
    assert probing["onset_low_ms"] <= began + 60_000
    assert probing["effect"]["current"] > probing["effect"]["baseline"]
    assert not [page for page in pages if page["detected_at_ms"] < began]
    assert not (tmp_path / "driftline.db").exists()
    rows = {row["name"]: row for row in summary["comparison"]}
    assert list(rows) == [
        "driftline, pages",
        "driftline, with notices",
        "river ADWIN",
        "always fires",
        "never fires",
    ]
    assert rows["driftline, pages"]["findings"] == len(pages)
    assert rows["always fires"]["findings"] > 1_000 > rows["never fires"]["findings"] == 0
    assert summary["truth"] == []
    assert rows["river ADWIN"]["true"] is None


def test_a_backtest_without_settings_prints_whole_names_for_people(log: Path, tmp_path: Path) -> None:
    truth = tmp_path / "truth.jsonl"
    began, ended = at(0, minutes=144), at(0, minutes=216)
    truth.write_text(json.dumps({"from": began, "to": ended, "what": "probing", "guardrail": INPUT}))
    text = driftline("backtest", log, "--pages", "1", "--truth", truth)
    assert re.search(r"\bof 1\b", text)  # the heading is folded at 80 columns
    assert "labelled" in text
    assert "river ADWIN" in text
    assert "always fires" not in driftline("backtest", log, "--pages", "1", "--no-comparison")
    assert "20,000 events" in text
    assert "share of scores within 0.1 of the decision threshold" in " ".join(text.split())
    assert INPUT in text
    assert "10 dead-lettered" in text


def test_a_person_proposes_and_approves_what_is_normal(log: Path, tmp_path: Path) -> None:
    settings = write_settings(
        tmp_path / "driftline.yaml",
        {
            "source": {"files": {"paths": [str(log)]}},
            "budget": {"pages": 1, "per": "week"},
            "database": f"sqlite:///{tmp_path / 'driftline.db'}",
            "baseline": {"approval": "manual"},
            "dead_letter": {"file": str(tmp_path / "dead.jsonl")},
            "http": {"enabled": False},
        },
    )
    # The log is counted; without an approved baseline nothing is held against anything.
    driftline("run", "-c", settings)
    assert driftline_json("baseline", "show", "-c", settings) == []
    assert driftline_json("incidents", "list", "-c", settings) == []

    # Two hours are proposed, but for ten minutes of a load test; the levels that would follow are shown.
    window = ["--from", at(0), "--to", at(2), "--without", f"{at(1)}/{at(1, minutes=10)}", "--as", "owner"]
    proposed = driftline_json("baseline", "propose", "--guardrail", INPUT, *window, "-c", settings)
    assert [(one["state"], one["unit"]["guardrail"], one["homogeneous"]) for one in proposed] == [
        ("proposed", INPUT, True)
    ]
    levels = {(level["signal"], level["question"]): level for level in proposed[0]["levels"]}
    near = levels["boundary_proximity", "near_threshold"]
    assert near["rate"] < near["level"] < near["limit"]

    # The owner approves; a second time it is refused with a sentence.
    number = str(proposed[0]["id"])
    driftline("baseline", "approve", number, "--as", "owner", "--reason", "a quiet morning", "-c", settings)
    (approved,) = driftline_json("baseline", "show", "--guardrail", INPUT, "-c", settings)
    assert (approved["state"], approved["approved_by"], approved["reason"]) == (
        "approved",
        "owner",
        "a quiet morning",
    )
    assert driftline_json("baseline", "show", "--guardrail", OUTPUT, "-c", settings) == []
    driftline("baseline", "approve", number, "-c", settings, code=1)
    driftline("baseline", "propose", "--guardrail", "nobody", *window, "-c", settings, code=1)


def at(hours: int, *, minutes: int = 0) -> str:
    """RFC 3339."""
    return datetime.fromtimestamp((START_MS + hours * HOUR_MS + minutes * 60_000) / 1000, UTC).isoformat()

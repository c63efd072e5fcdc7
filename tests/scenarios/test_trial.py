"""What `driftline try` makes of logs that nobody has prepared: formats, thresholds, budgets, names, short logs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monitor.backtest.replay import replay
from monitor.backtest.trial import Trial, try_log
from monitor.cli.try_report import page
from monitor.cli.try_text import show
from monitor.findings.model import Kind
from monitor.ingestion.files import FileSource
from monitor.settings import Settings
from monitor.settings.yaml_file import read_yaml_file
from tests.chaos.traffic import INPUT, Change, Story, event, records
from tests.unit.events.formats.samples import SAMPLES, Sample

START_MS, HOUR_MS = 1_790_000_000_000, 3_600_000
PROBING = Change(what="probing", guardrail=INPUT, begin=0.6, end=0.9, share=0.1)
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)> [red] &"


def written(path: Path, lines: Iterable[bytes]) -> Path:
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def tried(log: Path, **source: Any) -> Trial:
    settings = Settings.model_validate(
        {"source": {"files": {"paths": [str(log)]}} | source, "budget": {"pages": 1, "per": "week"}}
    )
    return try_log(lambda: FileSource([log]), settings)


def told(trial: Trial, capsys: pytest.CaptureFixture[str]) -> str:
    show(trial, "a log", written=None, report=None)
    return capsys.readouterr().out


def test_half_and_double_the_budget_are_what_a_replay_with_that_budget_finds(tmp_path: Path) -> None:
    story = Story(records=12_000, start_ms=START_MS, length_ms=3 * HOUR_MS, changes=[PROBING])
    log = written(tmp_path / "log.jsonl", (record.value for record in records(story)))
    trial = tried(log)
    assert [one.pages_allowed for one in trial.budgets] == [0.5, 1, 2]
    for one in trial.budgets:
        tree = dict(trial.proposal.settings) | {
            "budget": {"pages": one.pages_allowed, "per": "week", "notices": one.notices_allowed}
        }
        again = replay(FileSource([log]), Settings.model_validate(tree))
        pages = [finding for finding in again.findings if finding.kind is Kind.page]
        assert [page.id for page in one.pages] == [page.id for page in pages]
        assert [page.paged_at_ms for page in one.pages] == [page.paged_at_ms for page in pages]
        assert (one.notices, one.incidents) == (len(again.findings) - len(pages), len(again.incidents))
    assert trial.budgets[1].pages


LINES = [one for one in SAMPLES if not isinstance(one.record, str)]
"""Samples that fit on a line of a file."""


@pytest.mark.parametrize("sample", LINES, ids=lambda sample: sample.name)
def test_every_golden_sample_is_told_by_its_shape_in_a_log_of_its_own(sample: Sample, tmp_path: Path) -> None:
    trial = tried(written(tmp_path / "log.jsonl", [sample.value] * 3))
    assert trial.formats[sample.format].why
    # Records without a time of their own have one in Kafka, not in a file.
    assert trial.formats[sample.format].records == 3 or sum(trial.replay.summary.rejected.values()) == 3


def test_a_log_whose_fields_are_nearly_canonical_gets_a_mapping_that_reads_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    story = Story(records=12_000, start_ms=START_MS, length_ms=3 * HOUR_MS, changes=[PROBING])
    lines = []
    for record in records(story):
        event_ = json.loads(record.value)
        del event_["v"]
        event_["timestamp"] = event_.pop("time")
        lines.append(json.dumps(event_).encode())
    log = written(tmp_path / "ours.jsonl", lines)
    trial = tried(log)
    assert (trial.replay.summary.events, trial.replay.summary.rejected) == (12_000, {})
    source = trial.proposal.settings["source"]
    assert (source["format"], source["mapping"]["time"], source["mapping"]["score"]) == (
        "mapping",
        "timestamp",
        "score",
    )
    settings = tmp_path / "driftline.yaml"
    settings.write_text(trial.proposal.text())
    again = replay(FileSource([log]), Settings.model_validate(read_yaml_file(settings)))
    assert again.summary.events == 12_000
    assert "v is required" not in told(trial, capsys)


def test_what_is_printed_fits_80_columns_and_names_stages_and_what_really_lacks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    story = Story(records=12_000, start_ms=START_MS, length_ms=3 * HOUR_MS, changes=[PROBING])
    trial = tried(written(tmp_path / "log.jsonl", (record.value for record in records(story))))
    text = told(trial, capsys)
    assert max(len(line) for line in text.splitlines() if str(tmp_path) not in line) <= 80  # a path stays whole
    assert f"{INPUT} (jailbreak)" in text
    assert re.search(rf"^  {INPUT} \(jailbreak\).*, input$", text, re.MULTILINE)
    assert re.search(rf"^1\. .*{INPUT} \(jailbreak\), input: ", text, re.MULTILINE)
    assert "too few events" not in text
    flat = " ".join(text.split())
    assert re.search(r"a wide guess: [\d.,]+ such events in the baseline, 15 are needed", flat)
    carried = {name for one in trial.streams for name, n in one.stream.carried.items() if n}
    for name in carried:
        assert f"the events carry no {name}" not in flat


def test_a_hostile_name_stays_a_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = []
    for number in range(4_000):
        score = 0.7 if number > 3_000 else 0.01
        at_ms = START_MS + number * 2_000
        line = json.loads(
            event(number=number, time_ms=at_ms, guardrail="x", session=number, language="en", score=score)
        )
        line |= {"guardrail": HOSTILE, "category": "\u202e{{7*7}} # b: c"}
        lines.append(json.dumps(line).encode())
    trial = tried(written(tmp_path / "hostile.jsonl", lines))
    assert trial.pages
    html, text = page(trial, "<b>name</b>"), told(trial, capsys)
    assert "&lt;script&gt;alert(1)" in html
    assert "{{7*7}}" in html
    assert not re.search(r"(?i)<script|<img|<b>", html)
    assert not re.search("[\x1b\u202e]", html + text)
    assert "[red]" in text
    settings = tmp_path / "driftline.yaml"
    settings.write_text(trial.proposal.text())
    assert Settings.model_validate(read_yaml_file(settings)).budget.per == "week"


def test_a_log_that_is_too_short_says_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    story = Story(records=300, start_ms=START_MS, length_ms=HOUR_MS // 4)
    trial = tried(written(tmp_path / "short.jsonl", (record.value for record in records(story))))
    assert (len(trial.shown), trial.replay.summary.events) == (0, 300)
    for one in trial.streams:
        assert one.missing is not None
        assert one.missing.events == 1_600 - one.stream.events
        assert one.per_day is not None
        assert one.missing.days == pytest.approx(one.missing.events / one.per_day)
    text = " ".join(told(trial, capsys).split())
    assert "too short to judge anything" in text
    assert re.search(r"needs 1,\d+ more events, [\d.]+ (minutes|hours) more at this traffic", text)
    assert "too short to judge anything" in page(trial, "a log")


def test_a_log_without_a_readable_record_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trial = tried(written(tmp_path / "other.jsonl", [b'{"message": "hello"}'] * 5))
    text = told(trial, capsys)
    assert "No record of this log could be read" in text
    assert "unknown_format: 5" in text
    assert "source.mapping" in text
    assert "No record of this log could be read" in page(trial, "a log")


def moderation(rng: np.random.Generator, count: int) -> Iterator[bytes]:
    """OpenAI moderation results in CloudEvents, as a gateway would log them; two categories with their own cuts."""
    for number in range(count):
        day, hour, minute = 1 + number // 2_400, number % 2_400 // 100, number % 100 * 6 // 10
        scores = {"violence": round(float(rng.beta(1, 3)), 4), "harassment": round(float(rng.beta(1, 5)), 4)}
        flags = {"violence": scores["violence"] >= 0.6, "harassment": scores["harassment"] >= 0.45}
        result = {"flagged": any(flags.values()), "categories": flags, "category_scores": scores}
        yield json.dumps(
            {
                "specversion": "1.0",
                "id": str(number),
                "source": "/gateway",
                "type": "moderation",
                "time": f"2026-01-0{day}T{hour:02d}:{minute:02d}:00Z",
                "data": {"id": f"modr-{number}", "model": "omni-moderation-latest", "results": [result]},
            }
        ).encode()


def test_a_vendor_s_thresholds_are_learned_per_category_and_used(tmp_path: Path) -> None:
    trial = tried(written(tmp_path / "gateway.jsonl", moderation(np.random.default_rng(5), 5_000)))
    assert {name: seen.records for name, seen in trial.formats.items()} == {"openai-moderation": 5_000}
    assert [one.line for one in trial.learned] == [
        "openai-moderation/harassment >= 0.45",
        "openai-moderation/violence >= 0.6",
    ]
    assert {one.threshold_from for one in trial.streams} == {"learned"}
    assert {one.stream.allowed_above + one.stream.stopped_below for one in trial.streams} == {0}
    assert trial.proposal.settings["source"]["format"] == "openai-moderation"


def severities(rng: np.random.Generator, count: int) -> Iterator[bytes]:
    """Scores of 0 to 3 with a verdict, by a mapping: levels, not a continuum."""
    for number in range(count):
        level = int(rng.choice(4, p=[0.85, 0.08, 0.05, 0.02]))
        yield json.dumps(
            {"name": "home-made", "at": START_MS + number * 1_000, "level": level, "ok": level < 2}
        ).encode()


def test_of_levels_the_lowest_one_that_is_stopped_is_learned_on_the_vendor_s_scale(tmp_path: Path) -> None:
    mapping = {
        "when": "level != `null`",
        "guardrail": "name",
        "time": "at",
        "score": "level",
        "highest": 3,
        "score_kind": "'ordinal'",
        "verdict": "ok",
        "verdicts": ["true = allow", "false = deny"],
    }
    trial = tried(written(tmp_path / "own.jsonl", severities(np.random.default_rng(7), 3_000)), mapping=mapping)
    (learned,) = trial.learned
    assert (learned.line, learned.low, learned.high) == ("home-made >= 2", 2.0, 2.0)
    (stream,) = trial.streams
    assert (stream.threshold_from, stream.stream.unit.threshold_milli) == ("learned", 667)


def cloudflare(rng: np.random.Generator, count: int) -> Iterator[bytes]:
    """Scores without verdicts: 1 is surely an injection, 99 surely none."""
    for number in range(count):
        yield json.dumps(
            {
                "RayID": f"r{number}",
                "EdgeStartTimestamp": f"2026-01-01T{number // 100:02d}:{number % 100 * 6 // 10:02d}:00Z",
                "FirewallForAIInjectionScore": int(99 - 98 * rng.beta(1, 6)),
            }
        ).encode()


def test_scores_without_verdicts_teach_no_threshold_and_a_given_one_is_used(tmp_path: Path) -> None:
    log = written(tmp_path / "edge.jsonl", cloudflare(np.random.default_rng(6), 2_000))
    (learned,) = tried(log).learned
    assert learned.line is None
    assert "without verdicts" in learned.reason
    given = tried(log, thresholds=["cloudflare-injection <= 20"])
    assert list(given.learned) == []
    (one,) = given.streams
    assert (one.stream.unit.threshold_milli, one.threshold_from) == (806, "settings")

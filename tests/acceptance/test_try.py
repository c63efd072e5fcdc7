"""A newcomer's first ten minutes: `driftline try` on logs that nobody has prepared."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.acceptance.story import driftline, driftline_json
from tests.chaos.process import COMMAND, RUN_WITHIN_SECONDS, environment
from tests.chaos.traffic import INPUT, OUTPUT, Change, Story, event, records

HOUR_MS = 3_600_000
START_MS = 1_790_000_000_000
PROBING = Change(what="probing", guardrail=INPUT, begin=0.6, end=0.9, share=0.3)
STORY = Story(records=20_000, start_ms=START_MS, length_ms=4 * HOUR_MS, changes=[PROBING])
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)> [red] &"


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Probing in the third hour; no event says its threshold; ten lines that nobody can read."""
    path = tmp_path_factory.mktemp("logs") / "january.jsonl.gz"
    with gzip.open(path, "wb") as out:
        for number, record in enumerate(records(STORY)):
            said = json.loads(record.value)
            del said["threshold"]
            out.write(json.dumps(said).encode() + b"\n")
            if number % 2_000 == 0:
                out.write(b'{"v":1,"guardrail"\n')
    return path


@pytest.fixture(scope="module")
def tried(log: Path) -> dict[str, Any]:
    """The log tried, with a report and settings beside it."""
    beside = ("--write", log.parent / "driftline.yaml", "--report", log.parent / "report.html")
    found: dict[str, Any] = driftline_json("try", log, *beside, "--pages", "1", "--per", "week")
    return found


def test_it_says_what_is_in_the_log(tried: dict[str, Any]) -> None:
    assert (tried["events"], tried["days"]) == (20_000, pytest.approx(1 / 6, rel=0.01))
    assert tried["unreadable"]["invalid_json"]["records"] == 10
    (canonical,) = [one for one in tried["formats"] if one["format"] == "canonical"]
    assert (canonical["records"], canonical["why"]) == (20_000, "has v or guardrail")
    assert [one["guardrail"] for one in tried["streams"]] == sorted([INPUT, OUTPUT])
    for stream in tried["streams"]:
        assert sum(stream["score"]["histogram"]) == stream["events"] == sum(stream["verdicts"].values())
        assert stream["baseline"]["events"] >= 1_600
        assert {level["signal"] for level in stream["baseline"]["levels"]} >= {"boundary_proximity", "verdict_mix"}


def test_a_threshold_is_learned_from_the_verdicts_and_used(tried: dict[str, Any]) -> None:
    learned = {one["name"]: one for one in tried["learned_thresholds"]}
    found = learned[f"{INPUT}/jailbreak"]
    assert found["line"] == f"{INPUT}/jailbreak >= 0.5"
    low, high = found["interval"]
    assert low <= 0.5 <= high < low + 0.05
    assert "20 are needed" in learned[f"{OUTPUT}/jailbreak"]["reason"]
    (stream,) = [one for one in tried["streams"] if one["guardrail"] == INPUT]
    assert stream["threshold"] == {"value": 0.5, "from": "learned"}
    began = START_MS + PROBING.begin * 4 * HOUR_MS
    pages = [one for one in tried["findings"] if one["kind"] == "page"]
    probing = next(page for page in pages if page["signal"] == "boundary_proximity")
    assert began <= probing["detected_at"] <= began + HOUR_MS / 4
    picture = probing["picture"]
    assert picture["level"] < max(value for value in picture["values"] if value is not None)
    assert (
        picture["start_ms"] < probing["onset_low"] < picture["start_ms"] + picture["step_ms"] * len(picture["values"])
    )


def test_the_settings_it_writes_are_valid_and_find_the_same(log: Path, tried: dict[str, Any]) -> None:
    settings = log.parent / "driftline.yaml"
    shown = driftline_json("config", "check", "-c", settings)["settings"]
    assert shown["source"]["thresholds"] == [f"{INPUT}/jailbreak >= 0.5"]
    assert shown["budget"]["per"] == "week"
    *findings, summary = [
        json.loads(line) for line in driftline("backtest", log, "-c", settings, "--json").splitlines()
    ]
    assert [one["id"] for one in findings] == [one["id"] for one in tried["findings"]]
    assert summary["pages"] == tried["pages"] == tried["budgets"][1]["pages"]


def test_half_and_double_the_budget_are_what_a_replay_with_that_budget_finds(
    log: Path, tried: dict[str, Any]
) -> None:
    settings = (log.parent / "driftline.yaml").read_text()
    for one in tried["budgets"]:
        other = log.parent / f"budget-{one['factor']}.yaml"
        budget = f"  pages: {one['pages_allowed']}\n  notices: {one['notices_allowed']}\n"
        other.write_text(re.sub(r"  pages: .*\n", budget, settings))
        *findings, _ = [json.loads(line) for line in driftline("backtest", log, "-c", other, "--json").splitlines()]
        assert one["paged_at"] == [page["paged_at_ms"] for page in findings if page["kind"] == "page"]
        assert one["notices"] == sum(page["kind"] == "notice" for page in findings)
    assert [one["pages_allowed"] for one in tried["budgets"]] == [0.5, 1, 2]


def test_people_read_the_same_with_a_picture(log: Path, tried: dict[str, Any]) -> None:
    text = driftline("try", log, "--per", "week")
    assert re.search(r"In 4 hours this would have paged you (once|twice|\d+ times)", text)
    assert f"{INPUT} (jailbreak): crowding of scores at the decision threshold" in text
    assert "┄ held to" in text
    assert f"{INPUT}/jailbreak >= 0.5 (95% interval" in text
    assert "found within a day" in text
    assert "cannot be read, invalid_json: 10" in text


def test_the_report_loads_nothing_and_tells_the_same(log: Path, tried: dict[str, Any]) -> None:
    page = (log.parent / "report.html").read_text()
    assert not re.search(r"(?i)https?://|<script|<link|<iframe|@import|url\(|\bsrc=|\bhref=", page)
    assert "In 4 hours this would have paged you" in page
    assert page.count('<polyline class="curve"') >= tried["pages"]
    assert f"{INPUT}/jailbreak &gt;= 0.5" in page
    assert "prefers-color-scheme: dark" in page


def test_a_hostile_name_stays_a_name(tmp_path: Path) -> None:
    path = tmp_path / "hostile.jsonl"
    with path.open("wb") as out:
        for number in range(4_000):
            line = json.loads(
                event(
                    number=number,
                    time_ms=START_MS + number * 2_000,
                    guardrail="x",
                    session=number,
                    language="en",
                    score=0.7 if number > 3_000 else 0.01,
                )
            )
            line |= {"guardrail": HOSTILE, "category": "\u202e{{7*7}} # b: c"}
            out.write(json.dumps(line).encode() + b"\n")
    report, settings = tmp_path / "report.html", tmp_path / "driftline.yaml"
    text = driftline("try", path, "--report", report, "--write", settings)
    page = report.read_text()
    assert "paged you" in page
    assert "&lt;script&gt;alert(1)" in page
    assert "{{7*7}}" in page
    assert not re.search(r"(?i)<script|<img", page)
    assert not re.search("[\x1b\u202e]", page + text)
    assert "[red]" in text
    driftline("config", "check", "-c", settings)


def test_a_log_that_is_too_short_says_what_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "short.jsonl"
    path.write_bytes(
        b"".join(
            record.value + b"\n" for record in records(Story(records=300, start_ms=START_MS, length_ms=HOUR_MS // 4))
        )
    )
    found = driftline_json("try", path)
    assert (found["pages"], found["events"]) == (0, 300)
    for stream in found["streams"]:
        assert stream["missing"]["events"] == 1_600 - stream["events"]
        assert stream["missing"]["days"] == pytest.approx(stream["missing"]["events"] / stream["per_day"])
    text = driftline("try", path)
    assert "too short to judge anything" in text
    assert re.search(r"needs 1,\d+ more events, [\d.]+ (minutes|hours) more at this traffic", text)


def test_standard_input_is_read_once_and_judged_twice(log: Path, tried: dict[str, Any]) -> None:
    done = subprocess.run(
        [*COMMAND, "try", "-", "--per", "week", "--json"],
        input=gzip.decompress(log.read_bytes()),
        capture_output=True,
        timeout=RUN_WITHIN_SECONDS,
        check=True,
        env=environment({}),
    )
    assert done.stderr == b""
    found = json.loads(done.stdout)
    assert [one["id"] for one in found["findings"]] == [one["id"] for one in tried["findings"]]


def test_nothing_is_overwritten_and_what_is_no_log_is_refused(log: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept.yaml"
    kept.write_text("mine\n")
    driftline("try", log, "--write", kept, code=2)
    assert kept.read_text() == "mine\n"
    driftline("try", tmp_path / "none.jsonl", code=2)
    driftline("try", log, "--since", "2026-01-01T00:00:00Z", code=2)
    driftline("try", log, "--format", "no-such-format", code=2)


def moderation(rng: np.random.Generator, count: int) -> Iterator[dict[str, Any]]:
    """OpenAI moderation results in CloudEvents, as a gateway would log them; two categories with their own cuts."""
    for number in range(count):
        scores = {"violence": round(float(rng.beta(1, 3)), 4), "harassment": round(float(rng.beta(1, 5)), 4)}
        flags = {"violence": scores["violence"] >= 0.6, "harassment": scores["harassment"] >= 0.45}
        result = {"flagged": any(flags.values()), "categories": flags, "category_scores": scores}
        yield {
            "specversion": "1.0",
            "id": str(number),
            "source": "/gateway",
            "type": "moderation",
            "time": f"2026-01-0{1 + number // 2_000}T{number % 2_000 // 100:02d}:{number % 100 * 60 // 100:02d}:00Z",
            "data": {"id": f"modr-{number}", "model": "omni-moderation-latest", "results": [result]},
        }


def cloudflare(rng: np.random.Generator, count: int) -> Iterator[dict[str, Any]]:
    """Scores without verdicts: 1 is surely an injection, 99 surely none."""
    for number in range(count):
        yield {
            "RayID": f"r{number}",
            "EdgeStartTimestamp": f"2026-01-01T{number // 100:02d}:{number % 100 * 60 // 100:02d}:00Z",
            "FirewallForAIInjectionScore": int(99 - 98 * rng.beta(1, 6)),
        }


def test_a_vendor_s_log_is_told_by_its_shape_and_its_thresholds_are_written_on_its_scale(tmp_path: Path) -> None:
    path, settings = tmp_path / "gateway.jsonl", tmp_path / "driftline.yaml"
    path.write_text("".join(json.dumps(one) + "\n" for one in moderation(np.random.default_rng(5), 6_000)))
    found = driftline_json("try", path, "--write", settings)
    (form,) = found["formats"]
    assert (form["format"], form["records"]) == ("openai-moderation", 6_000)
    lines = {one["name"]: one["line"] for one in found["learned_thresholds"]}
    assert lines == {
        "openai-moderation/harassment": "openai-moderation/harassment >= 0.45",
        "openai-moderation/violence": "openai-moderation/violence >= 0.6",
    }
    assert {stream["threshold"]["from"] for stream in found["streams"]} == {"learned"}
    assert driftline_json("config", "check", "-c", settings)["settings"]["source"]["format"] == "openai-moderation"


def test_scores_without_verdicts_teach_no_threshold_and_a_given_one_is_used(tmp_path: Path) -> None:
    path = tmp_path / "edge.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in cloudflare(np.random.default_rng(6), 2_400)))
    (learned,) = driftline_json("try", path)["learned_thresholds"]
    assert learned["line"] is None
    assert "without verdicts" in learned["reason"]
    given = tmp_path / "given.yaml"
    given.write_text('source: {thresholds: ["cloudflare-injection <= 20"]}\n')
    found = driftline_json("try", path, "-c", given)
    assert found["learned_thresholds"] == []
    (stream,) = found["streams"]
    assert stream["threshold"] == {"value": pytest.approx(79 / 98, abs=0.001), "from": "settings"}

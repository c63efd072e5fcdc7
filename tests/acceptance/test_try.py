"""A newcomer's first ten minutes: `driftline try` on logs that nobody has prepared."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.story import driftline, driftline_json
from tests.chaos.process import COMMAND, RUN_WITHIN_SECONDS, environment
from tests.chaos.traffic import INPUT, OUTPUT, Change, Story, records

HOUR_MS = 3_600_000
START_MS = 1_790_000_000_000
PROBING = Change(what="probing", guardrail=INPUT, begin=0.6, end=0.9, share=0.3)
STORY = Story(records=20_000, start_ms=START_MS, length_ms=4 * HOUR_MS, changes=[PROBING])


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
    assert (canonical["records"], canonical["why"]) == (20_000, "has v and guardrail")
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
    assert began <= probing["detected_at_ms"] <= began + HOUR_MS / 4
    picture = probing["picture"]
    normal = picture["baseline"] if picture["level"] is None else picture["level"]
    assert normal < max(value for value in picture["values"] if value is not None)
    assert (
        picture["start_ms"]
        < probing["onset_low_ms"]
        < picture["start_ms"] + picture["step_ms"] * len(picture["values"])
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


def test_the_report_loads_nothing_and_tells_the_same(log: Path, tried: dict[str, Any]) -> None:
    page = (log.parent / "report.html").read_text()
    assert not re.search(r"(?i)https?://|<script|<link|<iframe|@import|url\(|\bsrc=|\bhref=", page)
    assert "In 4 hours this would have paged you" in page
    assert page.count('<polyline class="curve"') >= tried["pages"]
    assert f"{INPUT}/jailbreak &gt;= 0.5" in page
    assert "prefers-color-scheme: dark" in page


def test_people_read_the_same_with_a_picture_also_from_standard_input(log: Path, tried: dict[str, Any]) -> None:
    done = subprocess.run(
        [*COMMAND, "try", "-", "--per", "week"],
        input=gzip.decompress(log.read_bytes()),
        capture_output=True,
        timeout=RUN_WITHIN_SECONDS,
        check=True,
        env=environment({}),
    )
    assert done.stderr == b""
    text = done.stdout.decode()
    times = {1: "once", 2: "twice"}.get(tried["pages"], f"{tried['pages']} times")
    assert f"In 4 hours this would have paged you {times}" in " ".join(text.split())
    flat = " ".join(text.split())
    assert f"{INPUT} (jailbreak), input: share of scores within 0.1 of the decision threshold" in flat
    assert "┄ held to" in flat or "┄ normal" in flat
    assert f"{INPUT}/jailbreak >= 0.5 (95% interval" in flat
    assert "in a day" in text
    assert "cannot be read, invalid_json: 10" in flat


def test_nothing_is_overwritten_and_what_is_no_log_is_refused(log: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept.yaml"
    kept.write_text("mine\n")
    driftline("try", log, "--write", kept, code=2)
    assert kept.read_text() == "mine\n"
    driftline("try", tmp_path / "none.jsonl", code=2)

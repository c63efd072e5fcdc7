"""README, settings, command line and registry speak of the same wire formats; both roles read them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from monitor.backtest.replay import replay
from monitor.events.envelopes.registry import ENVELOPES
from monitor.events.formats.mapping import NAME as MAPPING
from monitor.events.formats.reader import CANONICAL
from monitor.events.formats.registry import BY_NAME, FORMATS
from monitor.ingestion.memory import MemoryRecord, MemorySource
from monitor.settings import Settings
from monitor.settings.formats import FormatName
from monitor.wiring.decoding import AUTO
from tests.contract.format_tables import TABLES, written
from tests.unit.events.blocks import NOW_MS
from tests.unit.events.formats.samples import SAMPLES, sample

ROOT = Path(__file__).resolve().parents[2]
SECRET = "SECRET-4111-1111"


def driftline(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "monitor", *arguments],
        cwd=ROOT,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("name", TABLES)
def test_the_readme_tells_what_the_registry_has(name: str) -> None:
    assert written(name) == TABLES[name](), "run python -m tests.contract.format_tables"


def test_settings_name_every_format() -> None:
    assert set(get_args(FormatName)) == {AUTO, CANONICAL, MAPPING, *BY_NAME}
    names = [one.name for one in (*FORMATS, *ENVELOPES)]
    assert len(set(names)) == len(names)


def test_every_format_says_what_it_drops_and_what_its_scores_are() -> None:
    for one in FORMATS:
        assert one.title
        assert one.dropped
        assert one.scores


def test_the_list_is_the_registry_s() -> None:
    done = driftline("formats", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    names = [one["name"] for one in json.loads(done.stdout)]
    assert names == [CANONICAL, *BY_NAME, *(one.name for one in ENVELOPES)]
    assert "litellm" in driftline("formats").stdout


def test_a_file_is_shown_record_by_record_without_the_values_of_dropped_fields(tmp_path: Path) -> None:
    litellm = sample("litellm.list").record | {"messages": [{"role": "user", "content": SECRET}]}
    file = tmp_path / "events.jsonl"
    lines = [litellm, {"v": 1, "guardrail": "own", "text": SECRET}, {"what": SECRET}]
    file.write_text("\n".join(json.dumps(line) for line in lines))
    shown = driftline("formats", "test", str(file), "--json")
    assert shown.returncode == 1, shown.stderr
    first, second, third = json.loads(shown.stdout)["records"]
    assert (first["format"], first["why"]) == ("litellm", "has guardrail_information")
    assert first["events"] == sample("litellm.list").events
    assert "messages[].content" in first["dropped"]
    assert second["events"] == [{"v": 1, "guardrail": "own", "text": f"({len(SECRET)} long, dropped)"}]
    assert third["reason"] == "unknown_format"
    text = driftline("formats", "test", str(file))
    assert "33% litellm: has guardrail_information" in text.stdout
    assert SECRET not in shown.stdout + text.stdout


def test_a_verdict_that_contradicts_its_score_and_threshold_is_pointed_out() -> None:
    scored = {"v": 1, "guardrail": "own", "score": 0.9, "threshold": 0.5}
    lines = [
        scored | {"verdict": "allow"},
        scored | {"verdict": "deny"},
        scored | {"verdict": "deny", "score_semantics": "inverted"},
        scored | {"verdict": "allow", "score_semantics": "label_confidence"},
        scored | {"verdict": "allow", "status": "timeout"},
        scored | {"verdict": "allow", "score": 0.5001},
    ]
    log = "".join(json.dumps(line) + "\n" for line in lines)
    records = json.loads(driftline("formats", "test", "-", "--json", stdin=log).stdout)["records"]
    first = "score 0.9 is on the unsafe side of the threshold 0.5, but the verdict is allow"
    third = "score 0.9 is on the safe side of the threshold 0.5, but the verdict is deny"
    assert [record["contradictions"] for record in records] == [[first], [], [third], [], [], []]
    text = driftline("formats", "test", "-", stdin=log).stdout
    assert f"contradiction: {first}" in text
    assert "2 of 6 events contradict themselves" in text


def test_a_file_can_be_taken_for_one_format_and_for_a_mapping(tmp_path: Path) -> None:
    wrong = driftline("formats", "test", "-", "--format", "openai-moderation", "--json", stdin='{"flagged": true}\n')
    assert json.loads(wrong.stdout)["records"][0]["reason"] == "no_verdict"
    config = tmp_path / "driftline.yaml"
    source = "{files: {paths: x.jsonl}, format: mapping, mapping: {when: s, guardrail: name, score: s}}"
    config.write_text(f"source: {source}\nbudget: {{pages: 1}}\n")
    line = '{"name": "own", "s": 0.25, "prompt": "hidden"}\n'
    mapped = driftline("formats", "test", "-", "--config", str(config), "--json", stdin=line)
    assert json.loads(mapped.stdout)["records"][0]["events"] == [{"guardrail": "own", "score": 0.25}]
    unknown = driftline("formats", "test", "-", "--format", "nonsense")
    assert unknown.returncode == 2
    assert "driftline formats" in unknown.stderr


def _own_log(count: int) -> str:
    """Every tenth record is unsafe, with a risk of 90 instead of 10."""
    unsafe = [number % 10 == 0 for number in range(count)]
    lines = [
        {"at": NOW_MS + 1_000 * number, "safe": not bad, "risk": 90 if bad else 10, "say": SECRET}
        for number, bad in enumerate(unsafe)
    ]
    return "".join(json.dumps(line) + "\n" for line in lines)


def test_a_mapping_is_inferred_shown_with_evidence_written_and_read_back(tmp_path: Path) -> None:
    log, lines = tmp_path / "own-log.jsonl", tmp_path / "mapping.yaml"
    log.write_text(_own_log(60))
    shown = driftline("formats", "infer", str(log), "--write", str(lines))
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "# score: from 10 to 90" in shown.stdout
    assert "it reads 60 of 60 records, as 60 events" in shown.stdout
    assert SECRET not in shown.stdout
    mapping = yaml.safe_load(lines.read_text())["source"]["mapping"]
    assert json.loads(driftline("formats", "infer", str(log), "--json").stdout)["mapping"] == mapping
    assert mapping["verdicts"] == ["true = allow", "false = flag"]
    config = tmp_path / "driftline.yaml"
    source = {"files": {"paths": ["x.jsonl"]}, "mapping": mapping}
    config.write_text(yaml.safe_dump({"source": source, "budget": {"pages": 1}}))
    gate = driftline("formats", "test", str(log), "--records", "1000", "--config", str(config))
    assert (gate.returncode, gate.stderr) == (0, "")
    assert "100% mapping: mapping.when holds" in gate.stdout
    again = driftline("formats", "infer", str(log), "--write", str(lines))
    assert (again.returncode, "--force" in again.stderr) == (2, True)


def test_where_nothing_can_be_mapped_the_exit_status_says_so() -> None:
    nothing = driftline("formats", "infer", "-", stdin='{"user": "x"}\n' * 5)
    assert (nothing.returncode, nothing.stdout) == (1, "no mapping: nothing in them is like a verdict or a score\n")


def test_try_infers_a_mapping_where_no_format_fits(tmp_path: Path) -> None:
    log, written = tmp_path / "own-log.jsonl", tmp_path / "driftline.yaml"
    log.write_text(_own_log(400))
    done = driftline("try", str(log), "--write", str(written))
    assert done.returncode == 0, done.stderr
    assert yaml.safe_load(written.read_text())["source"]["mapping"]["score"] == "risk"
    assert "own-log" in done.stdout


@pytest.mark.parametrize(
    ("allowed", "status"), [([], 1), (["--allow-unread", "0.5"], 0), (["--allow-unread", "0.3"], 1)]
)
def test_a_share_of_unreadable_records_may_be_allowed(allowed: list[str], status: int) -> None:
    log = '{"v":1,"guardrail":"own"}\n{"no": "format"}\n'
    done = driftline("formats", "test", "-", *allowed, stdin=log)
    assert done.returncode == status
    assert "50% canonical: has v and guardrail" in done.stdout
    assert "1 of 2 could not be read: unknown_format" in done.stdout
    assert "100%" not in done.stdout


def test_no_record_at_all_is_not_a_passed_test() -> None:
    done = driftline("formats", "test", "-", stdin="")
    assert (done.returncode, done.stdout) == (1, "no records\n")


def _replayed(records: list[Any], **source: Any) -> Any:
    settings = Settings.model_validate(
        {"source": {"files": {"paths": "x.jsonl"}, **source}, "budget": {"pages": 1}},
    )
    log = [MemoryRecord(value, timestamp_ms=NOW_MS + 1_000 * i) for i, value in enumerate(records)]
    return replay(MemorySource([("events-0", log)]), settings)


def test_a_replay_counts_every_event_of_every_format_in_one_topic() -> None:
    result = _replayed([one.value for one in SAMPLES] + [b'{"v":1,"guardrail":"own"}', b"{}"])
    assert result.summary.rejected == {"unknown_format": 1}
    counted = result.summary.events + result.summary.duplicates
    assert counted == sum(len(one.events) for one in SAMPLES) + 1


def test_a_replay_of_one_format_leaves_out_what_is_of_another() -> None:
    result = _replayed([sample("lakera.guard").value, b'{"v":1,"guardrail":"own"}'], format="lakera")
    assert result.summary.events == 3
    assert result.summary.rejected == {"no_verdict": 1}


def test_a_call_that_no_guardrail_looked_at_is_counted_and_is_no_dead_letter(tmp_path: Path) -> None:
    call = json.dumps(
        {"id": "c", "trace_id": "t", "call_type": "acompletion", "guardrail_information": None}
    ).encode()
    result = _replayed([call, sample("litellm.list").value, b"{}"])
    assert result.summary.rejected == {"not_judged": 1, "unknown_format": 1}
    assert (result.summary.dead_lettered, set(result.dead_letters.first)) == (1, {"unknown_format"})
    file = tmp_path / "calls.jsonl"
    file.write_bytes(call + b"\n" + sample("litellm.list").value)
    shown = driftline("formats", "test", str(file))
    assert shown.returncode == 0, "a record that is as it should be is not unread"
    assert "skipped, not_judged" in shown.stdout
    assert "1 of 2 are skipped and counted: not_judged" in shown.stdout

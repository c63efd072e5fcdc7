"""`driftline try` on logs that are canonical but for `v` or a few names: no block is hidden and no signal is lost."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from monitor.backtest.trial import Trial
from tests.chaos.traffic import INPUT, OUTPUT, Change, Story, records
from tests.scenarios.test_trial import HOUR_MS, PROBING, START_MS, told, tried, written

RENAMED = {"time": "timestamp", "verdict": "decision", "text": "prompt"}
FAIL_OPEN = Change(what="fail_open", guardrail=OUTPUT, begin=0.7, end=0.9, share=0.2)


def log(path: Path, *, names: Mapping[str, str] | None = None, without: tuple[str, ...] = ()) -> Path:
    """Probing late in a log of two guardrails: the first thousands of its records are all allowed."""
    story = Story(records=12_000, start_ms=START_MS, length_ms=3 * HOUR_MS, changes=[PROBING, FAIL_OPEN])
    return written(
        path, (json.dumps(_line(record.value, names or {}, without)).encode() for record in records(story))
    )


def _line(value: bytes, names: Mapping[str, str], without: tuple[str, ...]) -> dict[str, Any]:
    event = json.loads(value)
    number = int(event["event_id"].split("-")[1])
    if event["guardrail"] == OUTPUT:
        event |= {"stage": "output", "refusal": number % 17 == 0, "output_length": 40 + number % 300}
    if event["status"] != "ok":
        event["verdict"] = None
    event["text"] = hashlib.sha256(value).hexdigest()  # no two of them are alike
    event |= {"model": "m", "model_version": "1", "turn": 1 + number % 5, "rules": ["r"] if number % 50 == 0 else []}
    return {names.get(name, name): said for name, said in event.items() if name not in without}


def verdicts(trial: Trial) -> Counter[str]:
    found: Counter[str] = Counter()
    for one in trial.streams:
        found.update(one.stream.verdicts)
    return found


def findings(trial: Trial) -> list[tuple[Any, ...]]:
    return [(one.finding.id, one.finding.kind, one.finding.detected_at_ms) for one in trial.shown]


@pytest.fixture(scope="module")
def canonical(tmp_path_factory: pytest.TempPathFactory) -> Trial:
    return tried(log(tmp_path_factory.mktemp("canonical") / "log.jsonl"))


@pytest.mark.parametrize("without", [("v",), ("v", "action")], ids=["with action", "without action"])
def test_a_decision_is_the_verdict_and_every_denied_event_stays_denied(
    without: tuple[str, ...], canonical: Trial, tmp_path: Path
) -> None:
    trial = tried(log(tmp_path / "renamed.jsonl", names=RENAMED, without=without))
    mapping = trial.proposal.settings["source"]["mapping"]
    assert (mapping["verdict"], mapping["status"]) == ("decision", "status")
    assert (mapping["time"], mapping["text"]) == ("timestamp", "prompt")
    assert mapping.get("action") == (None if "action" in without else "action")
    assert trial.replay.summary.rejected == {}
    assert verdicts(trial) == verdicts(canonical)
    assert verdicts(trial)["deny"] > 5


def test_a_rare_block_in_an_action_is_read_where_nothing_else_says_the_verdict(
    canonical: Trial, tmp_path: Path
) -> None:
    trial = tried(log(tmp_path / "action.jsonl", without=("v", "verdict")))
    mapping = trial.proposal.settings["source"]["mapping"]
    assert (mapping["verdict"], mapping["action"]) == ("action", "action")
    assert trial.replay.summary.rejected == {}
    assert verdicts(trial)["deny"] == verdicts(canonical)["deny"]


def test_a_log_that_lacks_only_v_gives_the_same_pages_and_incidents(
    canonical: Trial, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trial = tried(log(tmp_path / "ours.jsonl", without=("v",)))
    assert canonical.pages
    assert findings(trial) == findings(canonical)
    assert [one.id for one in trial.incidents] == [one.id for one in canonical.incidents]
    assert [one.stream.unit for one in trial.streams] == [one.stream.unit for one in canonical.streams]
    text = " ".join(told(trial, capsys).split())
    assert "with v: 1 in each record no mapping is needed" in text
    assert "refuses" not in text  # the log records it
    assert "(as set)" not in text
    assert "12,000 records of format mapping (proposed from the fields of" in text
    assert {INPUT, OUTPUT} == {one.stream.unit.guardrail for one in trial.streams}


def test_a_given_mapping_that_leaves_a_field_out_is_named_and_not_the_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = log(tmp_path / "ours.jsonl", without=("v",))
    fields = ("guardrail", "time", "stage", "score", "threshold", "verdict", "request_id")
    mapping = {"when": "guardrail != `null`"} | {name: name for name in fields}
    trial = tried(path, format="mapping", mapping=mapping)
    text = " ".join(told(trial, capsys).split())
    assert "source.mapping finds no refusal in the records" in text
    assert "do not record whether the answer refuses" not in text
    assert "of format mapping (as set)" in text

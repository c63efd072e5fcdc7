"""``driftline streams``, and what a back-test says of streams: watched since when, or why not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from monitor.cli import main
from monitor.cli.streams_text import SHOWN, unwatched
from monitor.clock import ManualClock
from monitor.counts.model import Slice
from monitor.judging.progress import Progress, sentence
from monitor.judging.view import JoinView, StreamState, StreamView
from monitor.settings.model import Settings
from monitor.wiring.service import Roles, Service

START_MS = 1_767_225_600_000  # 2026-01-01
UNIT = replace(Slice.of_guardrail("shield"), stage="input")


def events() -> Iterator[dict[str, Any]]:
    """An hour: one guardrail that learns and later gets another threshold, and one that is seldom asked."""
    for second in range(3_600):
        at = {"v": 1, "time": START_MS + 1_000 * second, "stage": "input"}
        threshold = 0.5 if second < 3_000 else 0.6
        score = 0.9 if second % 50 == 7 else 0.1
        verdict = "deny" if score > threshold else "allow"
        yield at | {"guardrail": "shield", "score": score, "threshold": threshold, "verdict": verdict}
        if second % 9 == 0:
            denied = second % 63 == 0
            yield at | {"guardrail": "seldom", "verdict": "deny" if denied else "allow"}


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("DRIFTLINE_CONFIG", "DRIFTLINE_DATABASE"):
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / "log.jsonl"
    file.write_text("\n".join(json.dumps(event) for event in events()))
    return file


def output(*arguments: str) -> str:
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    return done.output


def by_name(rows: list[dict[str, Any]]) -> dict[tuple[str, float | None], dict[str, Any]]:
    return {(row["guardrail"], row["threshold"]): row for row in rows}


def test_a_running_service_says_of_each_stream_how_far_it_is(log: Path) -> None:
    database = f"sqlite:///{log.parent / 'd.db'}"
    settings = Settings(
        source={"files": {"paths": [str(log)]}}, budget={"pages": 1}, database=database, http={"enabled": False}
    )
    Service(settings, Roles(), clock=ManualClock(START_MS + 3_600_000), env={}).run()
    rows = by_name(json.loads(output("streams", "--json", "--database", database)))
    assert set(rows) == {("shield", 0.5), ("shield", 0.6), ("seldom", None)}
    watched = rows["shield", 0.5]
    assert (watched["state"], watched["events"]) == ("watched", 1_600)
    assert watched["watched_since_ms"] == START_MS + 1_600_000
    assert watched["not_tested"]["layer_bypass"]
    new = rows["shield", 0.6]
    assert (new["state"], new["replaces"], new["events"]) == ("learning", "threshold 0.5 -> 0.6", 600)
    assert new["rare_events"]["verdict_mix/adverse_rise"] == 12
    text = output("streams", "--database", database)
    assert all(len(line) <= 80 for line in text.splitlines())
    assert "shield (input), threshold 0.5\n   watched since 2026-01-01 00:26 UTC, against a baseline of 1,600" in text
    assert "learning: 600 of 1,600 events, 12 of 15 rare ones (verdict_mix/adverse_rise)" in " ".join(text.split())
    assert "new: threshold 0.5 -> 0.6" in text
    assert "layer_bypass is not tested" not in text
    assert "layer_bypass is not tested" in output("streams", "--all", "--guardrail", "shield", "--database", database)
    only = output("streams", "--unwatched", "--database", database)
    assert ("threshold 0.6" in only, "threshold 0.5\n" in only) == (True, False)


def test_a_backtest_says_of_each_stream_why_nothing_could_be_found_in_it(log: Path) -> None:
    text = " ".join(output("backtest", "--no-comparison", str(log)).split())
    assert "1 of 3 streams were watched; these were not, so nothing was found in them: seldom (input)" in text
    assert "learning: 400 of 1,600 events" in text
    summary = json.loads(output("backtest", "--no-comparison", "--json", str(log)).splitlines()[-1])
    rows = by_name(summary["streams"])
    assert {name: row["state"] for name, row in rows.items()} == {
        ("seldom", None): "learning",
        ("shield", 0.5): "watched",
        ("shield", 0.6): "learning",
    }
    assert rows["seldom", None]["events_wanted"] == 1_600


def test_without_a_judge_there_are_no_streams_yet(log: Path) -> None:
    assert "No streams yet" in output("streams", "--database", f"sqlite:///{log.parent / 'none.db'}")


def a_stream(state: StreamState, **other: Any) -> StreamView:
    return StreamView(unit=UNIT, state=state, wanted_events=1_600, wanted_ticks=20, **other)


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        (a_stream(StreamState.learning, events=412, ticks=7), "learning: 412 of 1,600 events, in 7 of 20 ticks"),
        (
            a_stream(StreamState.learning, events=1_700, ticks=30, restarts=2),
            "learning: 1,700 of 1,600 events; its window moved on 2 times, as its halves disagreed",
        ),
        (
            a_stream(StreamState.waiting, events=9_000),
            "not watched: 9,000 events so far, and a person has to approve a baseline",
        ),
        (a_stream(StreamState.pooled), "counted with the stream of the same name that has scores"),
        (
            a_stream(StreamState.retired, events=1_600, watched_from=360, last_tick=719, by_person=True),
            (
                "watched since 1970-01-01 01:00 UTC, against a baseline of 1,600 events, approved by a person; "
                "retired: no event since 1970-01-01 02:00 UTC, and watched again from its next event on"
            ),
        ),
    ],
)
def test_each_state_is_said_in_a_sentence(stream: StreamView, said: str) -> None:
    assert sentence(Progress(stream=stream, rare={}), tick_ms=10_000) == said


def test_a_backtest_with_many_unwatched_streams_lists_some_and_counts_the_rest() -> None:
    streams = [a_stream(StreamState.learning, joins=(JoinView(signal="x", missed=0.5, paused=True),))] * 50
    told = list(unwatched([Progress(stream=one, rare={}) for one in streams], tick_ms=10_000))
    assert told[0].startswith("0 of 50 streams were watched")
    assert sum("shield (input)" in line for line in told) == SHOWN
    assert told[-1] == "  and 30 more; --json lists them all"
    assert list(unwatched([Progress(stream=a_stream(StreamState.pooled), rare={})], tick_ms=10_000)) == []

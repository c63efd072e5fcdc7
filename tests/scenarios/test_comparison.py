"""Other detectors beside ours, on the same counts, in a log whose truth is known."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from monitor.backtest import comparison
from monitor.backtest.comparison import Row, compared
from monitor.backtest.replay import replayed
from monitor.backtest.truth import Labels, Stretch
from monitor.ingestion.files import FileSource
from monitor.settings import Settings
from monitor.wiring.decoding import block_decoder
from tests.chaos.traffic import INPUT, Change, Story, records

START_MS, LENGTH_MS = 1_790_000_000_000, 3 * 3_600_000
PROBING = Change(what="probing", guardrail=INPUT, begin=0.6, end=0.9, share=0.3)
TRUTH = Stretch(START_MS + int(0.6 * LENGTH_MS), START_MS + int(0.9 * LENGTH_MS), "probing")


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Probing, and every event of its time labelled with it."""
    path = tmp_path_factory.mktemp("logs") / "labelled.jsonl"
    story = Story(records=12_000, start_ms=START_MS, length_ms=LENGTH_MS, changes=[PROBING])
    with path.open("wb") as out:
        for record in records(story):
            wrong = TRUTH.from_ms <= record.time_ms <= TRUTH.to_ms
            event = json.loads(record.value) | {"labels": {"segment": "probing" if wrong else "normal"}}
            out.write(json.dumps(event).encode() + b"\n")
    return path


def rows_of(log: Path) -> tuple[list[Row], list[Stretch], int]:
    settings = Settings.model_validate({"source": {"files": {"paths": [str(log)]}}, "budget": {"pages": 1}})
    labels = Labels()
    watching = lambda *given: labels.watching(block_decoder(*given))  # noqa: E731
    with replayed(FileSource([log]), settings, decoder_of=watching) as done:
        truth = labels.stretches()
        rows = compared(done.findings, done.judge, done.stores.judge, truth, tick_ms=10_000)
        return rows, truth, done.summary.pages


def test_labels_in_the_log_tell_true_findings_from_false_ones(log: Path) -> None:
    rows, truth, pages = rows_of(log)
    (stretch,) = truth
    assert stretch.what == "probing"
    assert TRUTH.from_ms <= stretch.from_ms < stretch.to_ms <= TRUTH.to_ms
    ours, _, adwin, always, never = rows
    assert ours.findings == pages >= 1
    assert (ours.true, ours.false, ours.stretches) == (pages, 0, 1)
    assert adwin.stretches == 1
    assert adwin.fed == "each event"
    assert ours.delay_s is not None
    assert 0 < ours.delay_s < 600
    assert always.true is not None
    assert always.false is not None
    assert 0 < always.false < always.findings == always.true + always.false
    assert (never.findings, never.stretches, never.delay_s) == (0, 0, None)


def test_a_long_log_feeds_adwin_means_and_says_so(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "MAX_FED", 20_000)
    assert rows_of(log)[0][2].fed == "the mean of each tick"
    monkeypatch.setattr(comparison, "MAX_FED", 3_000)
    pooled = rows_of(log)[0][2]
    assert re.fullmatch(r"the mean of [2-9] ticks", pooled.fed)
    assert pooled.findings <= 10

"""What people read in a pipe has 80 columns, no spaces at a line's end, and thousands separators."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from monitor.cli import baseline, findings
from monitor.cli.backtest import PIPE_COLUMNS, backtest
from monitor.counts.model import Slice
from monitor.judging.baselines import BaselineView, LevelView
from monitor.judging.judge_settings import JudgeSettings
from monitor.judging.ports import Baseline, BaselineState
from monitor.signals.registry import LAYOUT
from tests.unit.alerting.record import page

UNIT = Slice("shield-" + "x" * 30, "1", "c" * 20, "input", "", "", -1, "", "", "", "", "")
LEVEL = LevelView(
    signal="verdict_mix",
    question="adverse_fall",
    direction="fall",
    rate=None,
    level=None,
    limit=None,
    minimum_detectable=None,
    reason="a fall below the level minus its margin and floor would be below zero: level 0.01, margin 0.25",
)


def tidy(text: str) -> None:
    for line in text.splitlines():
        assert len(line) <= PIPE_COLUMNS, line
        assert line == line.rstrip(), repr(line)


def test_findings_are_listed_in_eighty_columns() -> None:
    text = findings._line(page(guardrail="shield-" + "x" * 60), {})
    tidy(text)
    assert re.fullmatch(r"f1  2026-11-23 03:14 UTC +page", text.splitlines()[0])


def test_baselines_are_shown_in_eighty_columns(capsys: pytest.CaptureFixture[str]) -> None:
    one = Baseline(
        id=1,
        unit=UNIT,
        state=BaselineState.approved,
        from_tick=0,
        to_tick=400,
        effective_tick=None,
        counts={},
        layout=LAYOUT,
        approved_by="ana",
        reason="a reason with words " * 8,
        created_at_ms=0,
    )
    tested = replace(
        LEVEL, rate=0.0123456, limit=0.04, because="at most 0.007 with 99% confidence " * 4, too_small=True
    )
    view = BaselineView(baseline=one, events=1603, strata=("",), homogeneous=False, levels=(LEVEL, tested))
    baseline._print([view], JudgeSettings(), as_json=False)
    baseline._print([], JudgeSettings(), as_json=False)
    text = capsys.readouterr().out
    tidy(text)
    assert "1,603 events" in text
    assert "not tested: a fall below" in text


def test_a_back_test_prints_eighty_columns_without_spaces_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DRIFTLINE_CONFIG", raising=False)
    event = {"v": 1, "guardrail": "shield " + "x" * 60, "stage": "input", "score": 0.9, "threshold": 0.5}
    lines = [json.dumps(event | {"verdict": "allow", "time": 1_767_225_600_000 + n}) for n in range(50)]
    (tmp_path / "log.jsonl").write_text("\n".join([*lines, "no JSON " + "x" * 100]))
    done = CliRunner().invoke(backtest, ["log.jsonl"])
    assert done.exit_code == 0, done.output
    assert "river ADWIN" in done.output
    assert "contradict" in done.output
    tidy(done.output)

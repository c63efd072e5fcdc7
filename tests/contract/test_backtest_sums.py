"""What `driftline backtest` adds up beside findings: what people found, and what contradicts itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from monitor.cli.backtest import backtest

EVENT = {"v": 1, "guardrail": "shield", "stage": "input", "score": 0.9, "threshold": 0.5}


def log(folder: Path) -> str:
    """Two verdicts of five contradict; one of three harmful requests was missed, none of two benign ones caught."""
    events = [EVENT | {"verdict": verdict} for verdict in ("deny", "allow", "deny", "allow", "deny")]
    found = [("deny", True), ("allow", True), ("deny", True), ("allow", False), ("allow", False)]
    labels = [{"v": 1, "guardrail": "shield", "stage": "input", "verdict": v, "harmful": h} for v, h in found]
    lines = [json.dumps(said | {"time": 1_767_225_600_000 + n}) for n, said in enumerate([*events, *labels])]
    file = folder / "log.jsonl"
    file.write_text("\n".join(lines))
    return str(file)


def test_error_rates_by_labels_and_contradictions_are_added_up_per_guardrail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DRIFTLINE_CONFIG", raising=False)
    text = CliRunner().invoke(backtest, [log(tmp_path)])
    assert text.exit_code == 0, text.output
    said = " ".join(text.output.split())  # however wide the screen is
    assert "shield, by its labels: missed 33.3% of 3 harmful, false positive 0.0% of 2 benign" in said
    assert "shield: 2 verdicts contradict their own score and threshold" in said
    answer = CliRunner().invoke(backtest, [log(tmp_path), "--json"])
    summary = json.loads(answer.output.splitlines()[-1])
    assert summary["labels"] == {"shield": {"caught": 2, "missed": 1, "passed": 2}}
    assert summary["contradictions"] == {"shield": 2}

"""When something really was wrong, and how much of what a detector says is about it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from monitor.backtest.truth import PAUSE_MS, Labels, Score, Stretch, read_truth
from monitor.errors import SettingsError

MINUTE = 60_000


def said(*minutes: int) -> np.ndarray:
    return np.array(minutes, np.int64) * MINUTE


def test_findings_inside_a_stretch_or_soon_after_are_true_and_each_counts_once() -> None:
    truth = [Stretch(10 * MINUTE, 20 * MINUTE), Stretch(15 * MINUTE, 30 * MINUTE), Stretch(90 * MINUTE, 95 * MINUTE)]
    score = Score(truth)
    score.add(said(9, 10, 17, 45, 46), "shield")
    assert (score.findings, score.true) == (5, 3)
    assert list(score.delays_ms) == [0, 2 * MINUTE]


def test_a_stretch_of_one_guardrail_is_not_found_by_another() -> None:
    score = Score([Stretch(10 * MINUTE, 20 * MINUTE, "probing", "shield")])
    score.add(said(12), "filter")
    assert (score.true, list(score.delays_ms)) == (0, [])
    score.add(said(14), "shield")
    assert (score.true, list(score.delays_ms)) == (1, [4 * MINUTE])


def test_the_earliest_finding_of_any_stream_is_the_delay() -> None:
    score = Score([Stretch(0, 20 * MINUTE)])
    score.add(said(9, 11), "a")
    score.add(said(3), "b")
    assert list(score.delays_ms) == [3 * MINUTE]


def test_labels_make_stretches_and_the_same_name_after_a_pause_makes_another() -> None:
    labels = Labels()
    for at_ms, name in ((0, "normal"), (5, "probing"), (9, "wave"), (8, "probing"), (9 + PAUSE_MS, "probing")):
        labels.add(name, at_ms)
    assert labels.stretches() == [
        Stretch(5, 8, "probing"),
        Stretch(9, 9, "wave"),
        Stretch(9 + PAUSE_MS, 9 + PAUSE_MS, "probing"),
    ]


def test_a_file_gives_stretches_in_either_way_of_writing_time(tmp_path: Path) -> None:
    path = tmp_path / "truth.jsonl"
    path.write_text(
        '{"from": "1970-01-01T00:00:01Z", "to": "1970-01-01T01:00:02+01:00", "what": "probing", "guardrail": "g"}\n\n'
        '{"from": 3000, "to": 4000}\n'
    )
    assert read_truth(path) == [Stretch(1_000, 2_000, "probing", "g"), Stretch(3_000, 4_000)]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("nonsense", "line 1: no JSON object"),
        ("[1]", "no JSON object"),
        ('{"from": 1}', "line 1: to: must be RFC 3339"),
        ('{"from": "2026-01-01T10:00:00", "to": 5}', "from: must be RFC 3339"),
        ('{"from": 5, "to": 4}', "to is before from"),
        ('{"from": 1, "to": 2, "what": 3}', "what and guardrail are text"),
    ],
)
def test_a_line_that_is_no_stretch_is_refused_by_its_number(tmp_path: Path, line: str, words: str) -> None:
    path = tmp_path / "truth.jsonl"
    path.write_text(line)
    with pytest.raises(SettingsError, match=words):
        read_truth(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        read_truth(tmp_path / "none.jsonl")

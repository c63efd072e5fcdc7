"""Thresholds of the settings: on the vendor's scale, on the right side, and used where records carry none."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.events.formats.thresholds import Threshold, Thresholds
from tests.unit.events.blocks import block_of
from tests.unit.events.formats.samples import new_decoder, read, sample


def test_lines_are_read_and_the_category_s_own_goes_first() -> None:
    known = Thresholds.parse(["a >= 4", "a/b <= 0.5", " guardrails/toxic language>=1 "])
    assert known.of("a") == known.of("a", "other") == Threshold(4.0)
    assert known.of("a", "b") == Threshold(0.5, low_is_unsafe=True)
    assert known.of("guardrails/toxic language") == Threshold(1.0)
    assert known.of("c") is None


@pytest.mark.parametrize("lines", [["a > 4"], ["a >= x"], [">= 4"], ["a >= -1"], ["a >= 1", "a <= 1"], ["a >= 1e3"]])
def test_other_lines_are_refused(lines: list[str]) -> None:
    with pytest.raises(ValueError, match=r"form|twice"):
        Thresholds.parse(lines)


@pytest.mark.parametrize(
    ("name", "line", "row", "threshold"),
    [
        ("azure-content-safety.four-levels", "azure-content-safety/Violence >= 4", 1, 4 / 7),
        ("azure-openai.completion", "azure-openai-filter >= 2", 1, 2 / 3),
        ("openai-moderation.flagged", "openai-moderation/violence >= 0.5", 0, 0.5),
        ("llm-guard.api", "llm-guard/PromptInjection >= 0.92", 1, 0.92),
        ("prompt-guard.benign", "prompt-guard >= 0.5", 0, 0.5),
        ("llama-firewall.block", "llama-firewall >= 0.8", 0, 0.8),
        ("lakera.results", "lakera <= 2", 0, 0.75),
        ("otel.evaluation", "prompt_injection >= 0.6", 0, 0.6),
        ("cloudflare.attack", "cloudflare-injection <= 20", 0, 1 - 19 / 98),
        ("bedrock-checks.scores", "bedrock-checks/pii/EMAIL >= 0.9", 3, 0.9),
    ],
)
def test_a_threshold_of_the_settings_is_put_on_the_scale_of_p_unsafe(
    name: str, line: str, row: int, threshold: float
) -> None:
    batch = new_decoder(line).decode(block_of([sample(name).value])).batch
    assert batch.threshold[row] == pytest.approx(threshold)
    assert np.isnan(new_decoder().decode(block_of([sample(name).value])).batch.threshold[row]) or name.startswith(
        "ll"
    )


def test_llm_guard_risk_is_turned_back_into_the_raw_score() -> None:
    """Against calculate_risk_score: round((s - t) / (1 - t), 1) above the threshold, round((s - t) / t, 1) below."""
    for threshold in (0.5, 0.7, 0.92):
        for raw in (0.05, 0.3, 0.6, 0.75, 0.93, 0.99):
            above = raw > threshold
            risk = round((raw - threshold) / ((1 - threshold) if above else threshold), 1)
            if risk == 0:
                continue
            event = read(
                {"is_valid": not above, "scanners": {"Toxicity": risk}}, f"llm-guard/Toxicity >= {threshold}"
            )[1]
            step = 0.05 * ((1 - threshold) if above else threshold)
            assert event["score"] == pytest.approx(raw, abs=step + 1e-9)
            assert event["threshold"] == threshold
            assert event["verdict"] == ("deny" if above else "allow")


def test_an_evaluation_whose_low_end_is_bad_is_turned_round() -> None:
    record = sample("otel.evaluation").record
    batch = new_decoder("prompt_injection <= 0.7").decode(block_of([sample("otel.evaluation").value])).batch
    assert record["eventName"] == "gen_ai.evaluation.result"
    assert batch.score.tolist() == pytest.approx([0.13])
    assert batch.threshold.tolist() == pytest.approx([0.3])


@pytest.mark.parametrize(
    ("strength", "blocks_from"), [("LOW", "HIGH"), ("MEDIUM", "MEDIUM"), ("HIGH", "LOW"), ("NONE", None)]
)
def test_bedrock_strength_is_a_cut_in_the_order_of_confidences(strength: str, blocks_from: str | None) -> None:
    order = ["NONE", "LOW", "MEDIUM", "HIGH"]
    for confidence in order:
        hit = {
            "type": "HATE",
            "confidence": confidence,
            "filterStrength": strength,
            "action": "NONE",
            "detected": False,
        }
        event = read({"action": "NONE", "assessments": [{"contentPolicy": {"filters": [hit]}}]})[1]
        if blocks_from is None:
            assert "threshold" not in event
        else:
            blocked = order.index(confidence) >= order.index(blocks_from)
            assert (event["score"] >= event["threshold"]) == blocked

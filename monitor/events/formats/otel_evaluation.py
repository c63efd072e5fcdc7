"""Evaluation results of OpenTelemetry GenAI (``gen_ai.evaluation.result``), whose score has no declared scale.

Source: open-telemetry/semantic-conventions-genai, docs/gen-ai/gen-ai-events.md. Which end is the bad one is found out
in this order: a threshold of the settings (``<=`` says that low is); the name, where it measures quality, of which
more is better; the label, which goes with the score's half of the scale. A score outside of 0 to 1 is on another
scale, as is 0 or 1 where the label says the opposite of certain: the label remains.
"""

from __future__ import annotations

import re
from typing import Any, Final

from monitor.events.formats.format import Context, Event
from monitor.events.formats.otel_guardrail import failure
from monitor.events.formats.values import number, share, word
from monitor.events.schema import ROUNDING

_EVALUATION: Final = "gen_ai.evaluation."
_LETTERS: Final = re.compile(r"[^a-z]")
_LABELS: Final = {
    **dict.fromkeys(("fail", "failed", "unsafe", "flagged", "malicious", "deny", "block", "blocked"), "flag"),
    **dict.fromkeys(("pass", "passed", "safe", "benign", "allow", "allowed"), "allow"),
}
_QUALITY: Final = frozenset(
    {
        *("groundedness", "groundednesspro", "relevance", "coherence", "fluency", "similarity", "retrieval"),
        *("responsecompleteness", "intentresolution", "taskadherence", "toolcallaccuracy"),
        *("faithfulness", "answerrelevancy", "answercorrectness", "contextprecision", "contextrecall"),
        *("correctness", "helpfulness"),
    }
)
"""Evaluators whose score says how good a text is: of azure-ai-evaluation, of Ragas, and names that say so."""


def evaluation_event(said: dict[str, Any], context: Context) -> Event | None:
    """The event of an evaluation; None if the attributes are of something else.

    Raises:
        Rejection: the score is no number.
    """
    guardrail = word(said.get(_EVALUATION + "name"))
    if guardrail is None:
        return None
    if "error.type" in said:
        return {"guardrail": guardrail, "status": failure(said["error.type"])}
    label = said.get(_EVALUATION + "score.label")
    verdict = _LABELS.get(label.lower()) if isinstance(label, str) else None
    rule = context.thresholds.of(guardrail)
    raw = said.get(_EVALUATION + "score.value")
    value = number(raw)
    if value is None:
        value = share(raw, "score.value")
    if value is None or not -ROUNDING <= value <= 1.0 + ROUNDING:
        return {"guardrail": guardrail, "verdict": verdict}
    if rule is not None:
        inverted = rule.low_is_unsafe
    else:
        inverted = _LETTERS.sub("", guardrail.lower()) in _QUALITY or (
            verdict is not None and (value > 0.5) == (verdict == "allow")
        )
    certain = (0.0 if inverted else 1.0) if verdict == "flag" else (1.0 if inverted else 0.0)
    if rule is None and verdict is not None and value in (0.0, 1.0) and value != certain:
        return {"guardrail": guardrail, "verdict": verdict}
    return {
        "guardrail": guardrail,
        "verdict": verdict,
        "score": value,
        "score_kind": "continuous",
        "score_semantics": "inverted" if inverted else None,
        "threshold": context.thresholds.scaled(guardrail, None),
    }

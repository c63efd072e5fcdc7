"""A score that an evaluation gave a text under a name of its own: which end is bad, and what it amounts to.

Which end is the bad one is found out in this order: a threshold of the settings (``<=``: low is); the name, where it
measures quality, of which more is better; the label, which goes with the score's half of the scale. A score outside
of 0 to 1 is on another scale, as is 0 or 1 where the label is the opposite of certain: the label remains.
"""

from __future__ import annotations

import re
from typing import Any, Final

from monitor.events.formats.format import Context, Event
from monitor.events.formats.values import numeral, share
from monitor.events.schema import ROUNDING

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
"""Evaluators whose score is how good a text is: of azure-ai-evaluation, of Ragas, and names that mean it."""


def low_is_bad(name: str, context: Context) -> bool | None:
    """Which end of the scores under a name is bad, by the settings or by the name; None if that is not known."""
    rule = context.thresholds.of(name)
    if rule is not None:
        return rule.low_is_unsafe
    return True if _LETTERS.sub("", name.lower()) in _QUALITY else None


def evaluated(name: str, value: Any, label: Any, context: Context) -> Event:
    """The event of an evaluation.

    Args:
        name: of the evaluation, which becomes the guardrail.
        value: the score, a number or text that spells it; None for none.
        label: a word such as pass or fail; all others are none.
        context: thresholds of the settings.

    Raises:
        Rejection: the score is no number.
    """
    verdict = _LABELS.get(label.strip().lower()) if isinstance(label, str) else None
    score = numeral(value)
    if score is None:
        score = share(value, "score")
    if score is None or not -ROUNDING <= score <= 1.0 + ROUNDING:
        return {"guardrail": name, "verdict": verdict}
    known = low_is_bad(name, context)
    inverted = (verdict is not None and (score > 0.5) == (verdict == "allow")) if known is None else known
    certain = float((verdict == "flag") is not inverted)
    if context.thresholds.of(name) is None and verdict is not None and score == 1.0 - certain:
        return {"guardrail": name, "verdict": verdict}
    return {
        "guardrail": name,
        "verdict": verdict,
        "score": score,
        "score_kind": "continuous",
        "score_semantics": "inverted" if inverted else None,
        "threshold": context.thresholds.scaled(name, None),
    }

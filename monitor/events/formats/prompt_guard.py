"""Meta Prompt Guard as a classifier's answer: the score belongs to the predicted label, not to the attack."""

from __future__ import annotations

from typing import Any, Final

from monitor.events.batch import ScoreKind
from monitor.events.formats.allowlist import VALUE
from monitor.events.formats.format import Context, Event, Format, Orientation, Score, ThresholdFrom, has
from monitor.events.formats.values import choose, number, required_number

_GUARDRAIL: Final = "prompt-guard"
_VERDICT: Final = {
    "benign": "allow",
    "label_0": "allow",
    "malicious": "flag",
    "label_1": "flag",
    "injection": "flag",
    "jailbreak": "flag",
}
"""Version 2 has BENIGN and MALICIOUS (LABEL_0, LABEL_1); version 1 also INJECTION and JAILBREAK."""


def _fits(record: Any) -> str | None:
    if isinstance(record, list):
        flat = record[0] if len(record) == 1 and isinstance(record[0], list) else record
        return "an array of label and score" if flat and _is_answer(flat[0]) else None
    return "has label and score" if _is_answer(record) and len(record) == 2 else None


def _is_answer(one: Any) -> bool:
    return has(one, "label", "score") and isinstance(one["label"], str) and one["label"].lower() in _VERDICT


def _read(record: list[Any], context: Context) -> list[Event]:
    return [_event(answers, context) for answers in _texts(record) if answers]


def _texts(record: list[Any]) -> list[list[dict[str, Any]]]:
    """The answers text by text: arrays are texts; single answers are one text each, or the labels of one text.

    Labels of one text differ from each other, and their scores add up to 1.
    """
    single = [item for item in record if isinstance(item, dict)]
    several = [item for item in record if isinstance(item, list)]
    labels = {one.get("label") for one in single}
    total = sum(number(one.get("score")) or 0.0 for one in single)
    one_text = len(labels) == len(single) and abs(total - 1.0) < 0.02
    return [*([single] if one_text else [[one] for one in single]), *several]


def _event(answers: list[dict[str, Any]], context: Context) -> Event:
    """The prediction is the best label; pipelines put it first, but not all do."""
    scored = [(required_number(one.get("score"), "score", low=0.0, high=1.0), one) for one in answers]
    score, best = max(scored, key=lambda pair: pair[0])
    return {
        "guardrail": _GUARDRAIL,
        "stage": "input",
        "score": score,
        "score_kind": "continuous",
        "score_semantics": "label_confidence",
        "threshold": context.thresholds.scaled(_GUARDRAIL, None),
        "verdict": choose(best.get("label"), _VERDICT, "label"),
    }


_ANSWER: Final = {"label": VALUE, "score": VALUE}
FORMAT: Final = Format(
    name="prompt-guard",
    title="Meta Prompt Guard",
    keys=("label",),
    fits=_fits,
    keep=[(_ANSWER, [_ANSWER])],
    read=_read,
    scores=(Score("the predicted label's", ScoreKind.continuous, Orientation.label, ThresholdFrom.settings),),
    dropped="everything else",
)

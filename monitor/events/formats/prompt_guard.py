"""Meta Prompt Guard as a classifier's answer: the score belongs to the predicted label, not to the attack.

Sources: the model cards of Prompt-Guard-86M and Llama-Prompt-Guard-2; transformers, text-classification pipeline (one
label of a text, or all of them).
"""

from __future__ import annotations

from typing import Any, Final

from monitor.events.batch import ScoreKind
from monitor.events.formats.allowlist import VALUE
from monitor.events.formats.format import Context, Detail, Event, Format, Orientation, Score, ThresholdFrom, has
from monitor.events.formats.values import choose, numeral, required_number

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
_OWN: Final = frozenset({"benign", "malicious", "jailbreak"})
"""INJECTION is also a label of other people's classifiers, and LABEL_0 and LABEL_1 are of everybody's."""


def _fits(record: Any) -> str | None:
    labels = _labels(record)
    if not labels or not labels <= _VERDICT.keys() or not labels & _OWN:
        return None
    return "an array of label and score" if isinstance(record, list) else "has label and score"


def _unsure(record: Any) -> str | None:
    if not _labels(record):
        return None
    return (
        "label and score of a classifier that its labels do not name: set source.format to prompt-guard if it is"
        " Meta's, or translate its labels with source.mapping"
    )


def _labels(record: Any) -> set[str]:
    """The labels of a classifier's answer, in lower case; none if it is something else."""
    answers = (
        [one for item in record for one in (item if isinstance(item, list) else [item])]
        if isinstance(record, list)
        else [record]
    )
    if not all(has(one, "label", "score") and isinstance(one["label"], str) for one in answers):
        return set()
    if isinstance(record, dict) and len(record) != 2:
        return set()
    return {one["label"].lower() for one in answers}


def _read(record: list[Any], context: Context) -> list[Event]:
    return [_event(answers, context) for answers in _texts(record) if answers]


def _texts(record: list[Any]) -> list[list[dict[str, Any]]]:
    """The answers text by text: arrays are texts; single answers are one text each, or the labels of one text.

    Labels of one text differ from each other, and their scores add up to 1.
    """
    single = [item for item in record if isinstance(item, dict)]
    several = [item for item in record if isinstance(item, list)]
    labels = {one.get("label") for one in single}
    total = sum(numeral(one.get("score")) or 0.0 for one in single)
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
    source="model cards of Prompt Guard 1 and 2",
    carries=(
        Detail.verdict,
        Detail.stage,
    ),
    title="Meta Prompt Guard",
    keys=("label",),
    fits=_fits,
    keep=[(_ANSWER, [_ANSWER])],
    guardrail=_GUARDRAIL,
    read=_read,
    scores=(Score("the predicted label's", ScoreKind.continuous, Orientation.label, ThresholdFrom.settings),),
    dropped="everything else",
    unsure=_unsure,
)

"""Meta Llama Guard: its bare answer, or a chat completion with it.

``safe``, or ``unsafe`` and a line of category codes; blank lines may come first. Boolean, unless the completion
carries the log-probability of the first word: then the score is P("unsafe") of that word.
"""

from __future__ import annotations

import math
import re
from typing import Any, Final

from monitor.events.batch import ScoreKind
from monitor.events.formats.allowlist import VALUE
from monitor.events.formats.format import (
    Context,
    Event,
    Format,
    Identity,
    Orientation,
    Score,
    ThresholdFrom,
    at,
    identified,
)
from monitor.events.formats.values import identifier, required_number, seconds_ms, word
from monitor.events.formats.verdicts import BOOLEAN
from monitor.events.reasons import Reason, Rejection

_GUARDRAIL: Final = "llama-guard"
_ANSWER: Final = re.compile(r"\s*(?:(safe)|(unsafe)\s*\n\s*(S\d{1,2}(?:\s*,\s*S\d{1,2}){0,31})|(unsafe))\s*")
_LEAST: Final = -1e5
"""Servers write -9999 for a token without a probability worth telling."""
_MODEL: Final = re.compile(r"(?i)llama[-_ ]?guard")


def _fits(record: Any) -> str | None:
    if isinstance(record, str):
        return "safe or unsafe" if _ANSWER.fullmatch(record[:512]) else None
    model = at(record, "model")
    if isinstance(model, str) and isinstance(at(record, "choices"), list) and _MODEL.search(model[:256]):
        return "a chat completion of Llama Guard"
    return None


def _read(record: Any, context: Context) -> list[Event]:
    if not isinstance(record, dict):
        return [_event(record, None, context)]
    events = [
        _event(at(choice, "message", "content") or choice.get("text"), at(choice, "logprobs", "content"), context)
        for choice in record.get("choices") or []
    ]
    request = identifier(record.get("id"))
    version = word(record.get("model"))
    identity = Identity(record=request, request=request, time=seconds_ms(record.get("created")))
    return identified([event | {"guardrail_version": version} for event in events], identity, format_name=FORMAT.name)


def _event(answer: Any, tokens: list[dict[str, Any]] | None, context: Context) -> Event:
    match = _ANSWER.fullmatch(answer[:512]) if isinstance(answer, str) else None
    if match is None:
        raise Rejection(Reason.unknown_value, "the answer is neither safe nor unsafe with codes such as S1,S10")
    event: Event = {"guardrail": _GUARDRAIL, "verdict": "allow" if match[1] else "flag"}
    codes = sorted(set(re.findall(r"S\d{1,2}", match[3] or "")))
    if codes:  # rules, not categories: a safe answer has none, and a stream of hits alone has no rate
        event["rules"] = codes
    score = _probability(tokens or [])
    if score is None:
        return event | BOOLEAN
    return event | {
        "score": score,
        "score_kind": "continuous",
        "threshold": context.thresholds.scaled(_GUARDRAIL, None),
    }


def _probability(tokens: list[dict[str, Any]]) -> float | None:
    """P(unsafe) of the first word that is no white space."""
    for token in tokens[:4]:
        text = token.get("token")
        if not isinstance(text, str) or not text.strip():
            continue
        for one in [token, *(token.get("top_logprobs") or [])]:
            if (
                one.get("token") is not None
                and str(one["token"]).strip() == "unsafe"
                and one.get("logprob") is not None
            ):
                return math.exp(required_number(one["logprob"], "logprob", low=_LEAST, high=0.0))
        return None
    return None


_CHOICE: Final = {
    "message": {"content": VALUE},
    "text": VALUE,
    "logprobs": {
        "content": [{"token": VALUE, "logprob": VALUE, "top_logprobs": [{"token": VALUE, "logprob": VALUE}]}]
    },
}
FORMAT: Final = Format(
    name="llama-guard",
    title="Meta Llama Guard",
    keys=("choices",),
    fits=_fits,
    keep=({"id": VALUE, "model": VALUE, "created": VALUE, "choices": [_CHOICE]}, VALUE),
    guardrail=_GUARDRAIL,
    read=_read,
    scores=(
        Score("the first word's log-probability", ScoreKind.continuous, Orientation.high, ThresholdFrom.settings),
        Score("the answer alone", ScoreKind.boolean, Orientation.none, ThresholdFrom.none, ""),
    ),
    dropped="anything but the answer",
)

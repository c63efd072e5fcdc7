"""Meta Llama Guard: its bare answer, or an answer of a server that runs it.

Source: github.com/meta-llama/PurpleLlama, Llama-Guard3 and Llama-Guard4, MODEL_CARD.md: ``safe``, or ``unsafe`` and a
line of category codes; blank lines may come first. Boolean, unless a completion carries the log-probability of the
first word: then the score is P("unsafe") of that word. Workers AI can make an object of the answer, safe and
categories.
"""

from __future__ import annotations

import re
from typing import Any, Final

from monitor.events.batch import ScoreKind
from monitor.events.formats.allowlist import VALUE
from monitor.events.formats.completion import (
    KEEP,
    KEYS,
    Answer,
    answers,
    identity_of,
    is_answer,
    latency_ms,
    probability,
)
from monitor.events.formats.format import (
    Context,
    Detail,
    Event,
    Format,
    Orientation,
    Score,
    ThresholdFrom,
    at,
    has,
    identified,
)
from monitor.events.formats.values import flag, names, word
from monitor.events.formats.verdicts import BOOLEAN
from monitor.events.reasons import Reason, Rejection

_GUARDRAIL: Final = "llama-guard"
_ANSWER: Final = re.compile(r"\s*(?:(safe)|(unsafe)\s*\n\s*(S\d{1,2}(?:\s*,\s*S\d{1,2}){0,31})|(unsafe))\s*")
_MODEL: Final = re.compile(r"(?i)llama[-_ ]?guard")


def _fits(record: Any) -> str | None:
    if isinstance(record, str):
        return "safe or unsafe" if _ANSWER.fullmatch(record[:512]) else None
    model = at(record, "model")
    if isinstance(model, str) and _MODEL.search(model[:256]) and is_answer(record):
        return "an answer of Llama Guard"
    reply = at(record, "result", "response")
    bare = isinstance(reply, str) and _ANSWER.fullmatch(reply[:512]) is not None
    return "has result.response, safe or unsafe" if bare or has(reply, "safe", "categories") else None


def _read(record: Any, context: Context) -> list[Event]:
    if not isinstance(record, dict):
        return [_event(Answer(record, []), context)]
    common = {"guardrail_version": word(record.get("model")), "latency_ms": latency_ms(record)}
    events = [_event(answer, context) | common for answer in answers(record)]
    return identified(events, identity_of(record), format_name=FORMAT.name)


def _event(answer: Answer, context: Context) -> Event:
    if isinstance(answer.reply, dict):
        safe = flag(answer.reply.get("safe"), "safe")
        rules = names(answer.reply.get("categories")) or None
        return {"guardrail": _GUARDRAIL, "verdict": "allow" if safe else "flag", "rules": rules, **BOOLEAN}
    match = _ANSWER.fullmatch(answer.reply[:512]) if isinstance(answer.reply, str) else None
    if match is None:
        raise Rejection(Reason.unknown_value, "the answer is neither safe nor unsafe with codes such as S1,S10")
    event: Event = {"guardrail": _GUARDRAIL, "verdict": "allow" if match[1] else "flag"}
    codes = sorted(set(re.findall(r"S\d{1,2}", match[3] or "")))
    if codes:  # rules, not categories: a safe answer has none, and a stream of hits alone has no rate
        event["rules"] = codes
    score = probability(answer, "unsafe")
    if score is None:
        return event | BOOLEAN
    return event | {
        "score": score,
        "score_kind": "continuous",
        "threshold": context.thresholds.scaled(_GUARDRAIL, None),
    }


FORMAT: Final = Format(
    name="llama-guard",
    source="model cards of Llama Guard 3 and 4; Ollama, Workers AI",
    carries=(
        Detail.verdict,
        Detail.version,
        Detail.time,
        Detail.latency,
    ),
    title="Meta Llama Guard",
    keys=KEYS,
    fits=_fits,
    keep=(KEEP, VALUE),
    guardrail=_GUARDRAIL,
    read=_read,
    scores=(
        Score("the first word's log-probability", ScoreKind.continuous, Orientation.high, ThresholdFrom.settings),
        Score("the answer alone", ScoreKind.boolean, Orientation.none, ThresholdFrom.none, ""),
    ),
    dropped="anything but the answer",
)

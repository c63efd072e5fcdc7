"""Answers of other guard models, recognised by the model's name: Granite Guardian, ShieldGemma, Qwen3Guard,
NemoGuard content safety, gpt-oss-safeguard.

Sources, the model cards: ibm-granite/granite-guardian-3.2-5b (Yes or No first, then a confidence in words; 3.3 writes
``<score>``); google/shieldgemma-2b (Yes or No: whether a policy is violated); Qwen/Qwen3Guard-Gen-8B (``Safety:``
Safe, Unsafe or Controversial); nvidia/llama-3.1-nemoguard-8b-content-safety (JSON with ``User Safety`` and
``Response Safety``); OpenAI's guide to gpt-oss-safeguard (0 or 1, or JSON with ``violation`` and
``policy_category``, as the policy in the prompt asks for). The score of the former two is P("yes") of the first word,
where it is reported.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from monitor.events.batch import ScoreKind
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
    identified,
)
from monitor.events.formats.parse import parsed_text
from monitor.events.formats.values import choose, flag, names, word
from monitor.events.formats.verdicts import BOOLEAN
from monitor.events.reasons import Reason, Rejection

_YES_NO: Final = re.compile(r"(?is)\s*(?:<think>.{0,9000}</think>\s*)?(?:<score>\s*)?(yes|no)\b.{0,400}")
_SAFETY: Final = re.compile(r"(?is)\s*safety:\s*(safe|unsafe|controversial)\b.{0,400}")
_FENCED: Final = re.compile(r"(?is)\s*(?:```(?:json)?\s*)?([^`]{1,9000}?)\s*(?:```\s*)?")
_SAFE: Final = {"safe": "allow", "unsafe": "flag", "controversial": "flag"}
_SIDES: Final = (("User Safety", "input"), ("Response Safety", "output"))
_DEPTH: Final = 4


def _yes_no(guardrail: str, answer: Answer, context: Context) -> list[Event]:
    match = _YES_NO.fullmatch(answer.reply[:10_000]) if isinstance(answer.reply, str) else None
    if match is None:
        raise Rejection(Reason.unknown_value, "the answer does not begin with Yes or No")
    event: Event = {"guardrail": guardrail, "verdict": "flag" if match[1].lower() == "yes" else "allow"}
    score = probability(answer, "yes")
    if score is None:
        return [event | BOOLEAN]
    threshold = context.thresholds.scaled(guardrail, None)
    return [event | {"score": score, "score_kind": "continuous", "threshold": threshold}]


def _safety(guardrail: str, answer: Answer, context: Context) -> list[Event]:
    match = _SAFETY.fullmatch(answer.reply[:1_000]) if isinstance(answer.reply, str) else None
    if match is None:
        raise Rejection(Reason.unknown_value, "the answer does not begin with Safety: Safe, Unsafe or Controversial")
    return [{"guardrail": guardrail, "verdict": _SAFE[match[1].lower()], **BOOLEAN}]


def _sides(guardrail: str, answer: Answer, context: Context) -> list[Event]:
    found = parsed_text(answer.reply, max_depth=_DEPTH)
    events = [
        {"guardrail": guardrail, "stage": stage, "verdict": choose(found[side], _SAFE, side), **BOOLEAN}
        for side, stage in _SIDES
        if at(found, side) is not None
    ]
    if not events:
        raise Rejection(Reason.unknown_value, "the answer is not JSON with User Safety or Response Safety")
    return events


def _policy(guardrail: str, answer: Answer, context: Context) -> list[Event]:
    match = _FENCED.fullmatch(answer.reply[:10_000]) if isinstance(answer.reply, str) else None
    found = parsed_text(match[1], max_depth=_DEPTH) if match else None
    violated = at(found, "violation") if isinstance(found, dict) else found
    if isinstance(violated, str) or violated is None:
        raise Rejection(Reason.unknown_value, "the answer is neither 0 nor 1, nor JSON with violation")
    broken = names([at(found, "policy_category")]) or None
    verdict = "flag" if flag(violated, "violation") else "allow"
    return [{"guardrail": guardrail, "verdict": verdict, "rules": broken, **BOOLEAN}]


_Reader = Callable[[str, Answer, Context], list[Event]]
_MODELS: Final[tuple[tuple[re.Pattern[str], str, _Reader], ...]] = (
    (re.compile(r"(?i)granite.{0,8}guardian"), "granite-guardian", _yes_no),
    (re.compile(r"(?i)shieldgemma"), "shieldgemma", _yes_no),
    (re.compile(r"(?i)qwen3guard-gen"), "qwen3guard", _safety),
    (re.compile(r"(?i)gpt-oss-safeguard"), "gpt-oss-safeguard", _policy),
    (re.compile(r"(?i)nemoguard.{0,8}content-safety"), "nemoguard-content-safety", _sides),
)


def _model(record: Any) -> tuple[str, _Reader] | None:
    model = at(record, "model")
    name = model[:256] if isinstance(model, str) else ""
    return next(((guardrail, read) for pattern, guardrail, read in _MODELS if pattern.search(name)), None)


def _fits(record: Any) -> str | None:
    known = _model(record)
    return f"an answer of {known[0]}" if known is not None and is_answer(record) else None


def _read(record: dict[str, Any], context: Context) -> list[Event]:
    known = _model(record)
    if known is None:
        raise Rejection(Reason.unknown_value, "the model is none of those that are read; see the format's row")
    guardrail, read = known
    common = {"guardrail_version": word(record.get("model")), "latency_ms": latency_ms(record)}
    events = [event | common for answer in answers(record) for event in read(guardrail, answer, context)]
    return identified(events, identity_of(record), format_name=FORMAT.name)


FORMAT: Final = Format(
    name="guard-models",
    source="model cards",
    carries=(
        Detail.verdict,
        Detail.stage,
        Detail.version,
        Detail.time,
        Detail.latency,
    ),
    title="Granite Guardian, ShieldGemma, Qwen3Guard, NemoGuard content safety, gpt-oss-safeguard",
    keys=KEYS,
    fits=_fits,
    keep=KEEP,
    guardrail="guard-models",
    read=_read,
    scores=(
        Score("P(yes) of the first word", ScoreKind.continuous, Orientation.high, ThresholdFrom.settings),
        Score("the answer alone", ScoreKind.boolean, Orientation.none, ThresholdFrom.none, ""),
    ),
    dropped="anything but the answer's first word and its categories",
)

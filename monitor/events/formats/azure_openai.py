"""Azure OpenAI content filter results, of a completion or of a blocked call.

``severity`` (safe, low, medium, high) is ordinal; the filter's setting is not in the record, so there is no
threshold unless the settings give one. ``detected`` filters are boolean. Chunks of a stream share their ``id``: they
are events of their own and not repetitions, so they get no ``event_id``.
"""

from __future__ import annotations

from typing import Any, Final

from monitor.events.batch import ScoreKind
from monitor.events.formats.allowlist import ANY_KEY, VALUE, Keep
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
from monitor.events.formats.values import choose, identifier, seconds_ms, word
from monitor.events.formats.verdicts import ALLOWED, AUDITED, BLOCKED, BOOLEAN

_GUARDRAIL: Final = "azure-openai-filter"
_SEVERITY: Final = {"safe": 0, "low": 1, "medium": 2, "high": 3}
_GRADED: Final = ("hate", "sexual", "violence", "self_harm")
_FILTER: Final[Keep] = {"filtered": VALUE, "detected": VALUE, "severity": VALUE, "code": VALUE}
_FILTERS: Final[Keep] = {ANY_KEY: _FILTER}


def _fits(record: Any) -> str | None:
    if isinstance(at(record, "prompt_filter_results"), list):
        return "has prompt_filter_results[]"
    choices = at(record, "choices")
    if isinstance(choices, list) and any("content_filter_results" in one for one in choices if isinstance(one, dict)):
        return "has choices[].content_filter_results"
    return "has error.innererror.content_filter_result" if _blocked_call(record) is not None else None


def _blocked_call(record: Any) -> Any:
    inner = at(record, "error", "innererror")
    found = at(inner, "content_filter_result")
    return at(inner, "content_filter_results") if found is None else found


def _read(record: dict[str, Any], context: Context) -> list[Event]:
    events = []
    for prompt in record.get("prompt_filter_results") or []:
        events += _filters(prompt.get("content_filter_results"), "input", context)
    for choice in record.get("choices") or []:
        finish = {"finish_reason": word(choice.get("finish_reason"))}
        events += [one | finish for one in _filters(choice.get("content_filter_results"), "output", context)]
    events += _filters(_blocked_call(record), "input", context)
    request = identifier(record.get("id"))
    chunk = record.get("object") == "chat.completion.chunk"
    identity = Identity(
        record=None if chunk else request,
        request=request,
        time=seconds_ms(record.get("created")),
        model=word(record.get("model")),
    )
    return identified(events, identity, format_name=FORMAT.name)


def _filters(results: dict[str, Any] | None, stage: str, context: Context) -> list[Event]:
    found = []
    for category, result in (results or {}).items():
        event = {"guardrail": _GUARDRAIL, "category": word(category), "stage": stage}
        if category == "error":  # the filter itself failed: an answer that nobody looked at
            found += [event | {"category": name, "status": "error"} for name in _GRADED]
        elif result is not None:
            found.append(event | _filter(result, category, context))
    return found


def _filter(result: dict[str, Any], category: str, context: Context) -> Event:
    filtered = result.get("filtered") is True
    if result.get("severity") is not None:
        rank = choose(result["severity"], _SEVERITY, "severity")
        return {
            "score": rank / 3,
            "score_kind": "ordinal",
            "threshold": context.thresholds.scaled(_GUARDRAIL, category, high=3.0),
        } | (BLOCKED if filtered else ALLOWED)
    detected = filtered or result.get("detected") is True
    return BOOLEAN | (BLOCKED if filtered else AUDITED if detected else ALLOWED)


FORMAT: Final = Format(
    name="azure-openai",
    title="Azure OpenAI content filter",
    keys=("prompt_filter_results", "choices", "error"),
    fits=_fits,
    keep={
        "id": VALUE,
        "object": VALUE,
        "created": VALUE,
        "model": VALUE,
        "prompt_filter_results": [{"content_filter_results": _FILTERS}],
        "choices": [{"finish_reason": VALUE, "content_filter_results": _FILTERS}],
        "error": {"innererror": {"content_filter_result": _FILTERS, "content_filter_results": _FILTERS}},
    },
    read=_read,
    scores=(
        Score(
            "hate, sexual, violence, self_harm",
            ScoreKind.ordinal,
            Orientation.high,
            ThresholdFrom.settings,
            "0 safe, 1 low, 2 medium, 3 high",
        ),
        Score("jailbreak and other detections", ScoreKind.boolean, Orientation.none, ThresholdFrom.none, ""),
    ),
    dropped="prompts and answers, citations, blocklist details, usage",
)

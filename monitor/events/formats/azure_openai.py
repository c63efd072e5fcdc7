"""Azure OpenAI content filter results: of a completion, of a Response, of a blocked call.

Sources: learn.microsoft.com/azure/ai-services/openai/concepts/content-filter, -annotations and content-streaming.
``severity`` (safe, low, medium, high) is ordinal; the filter's setting is not in the record, so there is no threshold
unless the settings give one. ``detected`` filters are boolean. Chunks of a stream share their ``id``: equal
reports of them count once.
"""

from __future__ import annotations

from typing import Any, Final

from monitor.events.batch import ScoreKind
from monitor.events.formats.allowlist import ANY_KEY, VALUE, Keep
from monitor.events.formats.format import (
    Context,
    Detail,
    Event,
    Format,
    Identity,
    Orientation,
    Score,
    ThresholdFrom,
    at,
    has,
    identified,
)
from monitor.events.formats.values import choose, identifier, optional_flag, seconds_ms, word
from monitor.events.formats.verdicts import ALLOWED, AUDITED, BLOCKED, BOOLEAN, MASKED
from monitor.events.reasons import Reason, Rejection

_GUARDRAIL: Final = "azure-openai-filter"
_SEVERITY: Final = {"safe": 0, "low": 1, "medium": 2, "high": 3}
_GRADED: Final = ("hate", "sexual", "violence", "self_harm")
_FILTER: Final[Keep] = dict.fromkeys(("filtered", "detected", "redacted", "severity", "code"), VALUE)
_FILTERS: Final[Keep] = {ANY_KEY: (_FILTER | {"details": ({"error": {}}, [_FILTER])}, [_FILTER])}
"""``custom_blocklists`` is an array of filters, or an object with them in ``details``."""
_INNER: Final[Keep] = {"content_filter_result": _FILTERS, "content_filter_results": _FILTERS}
_CODE: Final = "content_filter"
_PROMPTS: Final = ("prompt_filter_results", "prompt_annotations")
"""The latter is the name in API versions up to 2023-06-01-preview."""
_REFUSALS: Final = (
    ("error", "innererror"),
    ("innererror",),
    ("error", "provider_specific_fields", "innererror"),
    ("provider_specific_fields", "innererror"),
)
"""In the answer, as the SDK hands it over, and as LiteLLM passes it on."""
_SOURCE: Final = {"prompt": "input", "completion": "output"}


def _fits(record: Any) -> str | None:
    for key in _PROMPTS:
        if isinstance(at(record, key), list):
            return f"has {key}[]"
    choices = at(record, "choices")
    if isinstance(choices, list) and any("content_filter_results" in one for one in choices if isinstance(one, dict)):
        return "has choices[].content_filter_results"
    filters = at(record, "content_filters")
    if isinstance(filters, list) and any(has(one, "content_filter_results") for one in filters):
        return "has content_filters[].content_filter_results"
    images = at(record, "data")
    if isinstance(images, list) and any(has(one, "content_filter_results") for one in images):
        return "has data[].content_filter_results"
    for path in _REFUSALS:
        if _filters_of(at(record, *path)) is not None:
            return f"has {'.'.join(path)}.content_filter_result"
    return "error.code is content_filter" if at(record, "error", "code") == _CODE else None


def _filters_of(inner: Any) -> Any:
    found = at(inner, "content_filter_result")
    return at(inner, "content_filter_results") if found is None else found


def _read(record: dict[str, Any], context: Context) -> list[Event]:
    events = []
    for key in _PROMPTS:
        for prompt in record.get(key) or []:
            events += _filters(prompt.get("content_filter_results"), "input", context)
    for choice in record.get("choices") or []:
        events += [one | {"event_id": word(choice.get("index"))} for one in _choice(choice, context)]
    for one in record.get("content_filters") or []:
        found = _filters(one.get("content_filter_results"), _SOURCE.get(str(one.get("source_type"))), context)
        events += _stopped(found, one.get("source_type")) if optional_flag(one.get("blocked"), "blocked") else found
    for image in record.get("data") or []:
        events += _filters(image.get("prompt_filter_results"), "input", context)
        events += _filters(image.get("content_filter_results"), "output", context)
    events += _refused(record, context)
    if not events and _is_chunk(record):
        raise Rejection(Reason.not_judged, "a chunk of a stream on which no filter reports")
    return _identified(record, events)


def _choice(choice: dict[str, Any], context: Context) -> list[Event]:
    found = _filters(choice.get("content_filter_results"), "output", context)
    if choice.get("finish_reason") == _CODE:
        found = _stopped(found, "completion")
    finish = {"finish_reason": word(choice.get("finish_reason"))}
    return [one | finish for one in found]


def _refused(record: dict[str, Any], context: Context) -> list[Event]:
    """A call that was refused: its filters are in the error, which the SDK hands over without its wrapper."""
    found = [_filters(_filters_of(at(record, *path)), "input", context) for path in _REFUSALS]
    events = next((one for one in found if one), [])
    refused = _CODE in (at(record, "error", "code"), record.get("code"))
    return _stopped(events, "prompt") if refused or events else []


def _stopped(events: list[Event], source: Any) -> list[Event]:
    """Something was blocked; if no filter reports that it did, that alone is certain."""
    if any(event.get("action") == "block" for event in events):
        return events
    return [{"guardrail": _GUARDRAIL, "stage": _SOURCE.get(str(source)), **BOOLEAN, **BLOCKED}, *events]


def _is_chunk(record: dict[str, Any]) -> bool:
    return record.get("object") in ("chat.completion.chunk", "")


def _identified(record: dict[str, Any], events: list[Event]) -> list[Event]:
    """Chunks of one answer are one look: equal reports of them have one id, and count once."""
    request = identifier(record.get("id"))
    chunk = _is_chunk(record)
    for event in events:
        choice = event.pop("event_id", None)
        if chunk and request:
            parts = (choice, *(event.get(name) for name in ("stage", "category", "verdict", "action", "status")))
            event["event_id"] = f"{FORMAT.name}:{request}#{':'.join(str(one or '') for one in parts)}"
    identity = Identity(
        record=None if chunk else request,
        request=request,
        time=seconds_ms(record.get("created")) or seconds_ms(record.get("created_at")),
        model=word(record.get("model")),
    )
    return identified(events, identity, format_name=FORMAT.name)


def _filters(results: dict[str, Any] | None, stage: str | None, context: Context) -> list[Event]:
    found = []
    for category, result in (results or {}).items():
        event = {"guardrail": _GUARDRAIL, "category": word(category), "stage": stage}
        if category == "error":  # the filter itself failed: an answer that nobody looked at
            found += [event | {"category": name, "status": "error"} for name in _GRADED]
        elif result is not None:
            found.append(event | _filter(result, category, context))
    return found


def _filter(result: dict[str, Any] | list[dict[str, Any]], category: str, context: Context) -> Event:
    if isinstance(result, list):
        result = {"filtered": False, "details": result}
    details = result.get("details")
    if isinstance(details, dict) and "error" in details:
        return {"status": "error"}  # of this one filter, whatever else it reports
    filtered, detected, redacted = (
        optional_flag(result.get(name), name) for name in ("filtered", "detected", "redacted")
    )
    if isinstance(details, list) and any(optional_flag(one.get("filtered"), "filtered") for one in details):
        filtered = True
    severity = result.get("severity")
    if severity is None and filtered is None and detected is None and redacted is None:
        raise Rejection(Reason.missing_field, "a filter's result is none of filtered, detected and severity")
    outcome = BLOCKED if filtered else MASKED if redacted else AUDITED if detected else ALLOWED
    if severity is None:
        return BOOLEAN | outcome
    return {
        "score": choose(severity, _SEVERITY, "severity") / 3,
        "score_kind": "ordinal",
        "threshold": context.thresholds.scaled(_GUARDRAIL, category, high=3.0),
    } | outcome


FORMAT: Final = Format(
    name="azure-openai",
    source="learn.microsoft.com, content filtering and annotations",
    carries=(
        Detail.verdict,
        Detail.action,
        Detail.status,
        Detail.stage,
        Detail.time,
    ),
    title="Azure OpenAI content filter",
    keys=(*_PROMPTS, "choices", "content_filters", "data", "error", "innererror", "provider_specific_fields"),
    fits=_fits,
    keep={
        "id": VALUE,
        "object": VALUE,
        "created": VALUE,
        "model": VALUE,
        "created_at": VALUE,
        "code": VALUE,
        **{key: [{"content_filter_results": _FILTERS}] for key in _PROMPTS},
        "choices": [{"index": VALUE, "finish_reason": VALUE, "content_filter_results": _FILTERS}],
        "data": [{"prompt_filter_results": _FILTERS, "content_filter_results": _FILTERS}],
        "content_filters": [{"blocked": VALUE, "source_type": VALUE, "content_filter_results": _FILTERS}],
        "error": {"code": VALUE, "innererror": _INNER, "provider_specific_fields": {"innererror": _INNER}},
        "innererror": _INNER,
        "provider_specific_fields": {"innererror": _INNER},
    },
    guardrail=_GUARDRAIL,
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

"""Error bodies that name their vendor: the moment when a guardrail does not judge.

Sources: platform.openai.com/docs/guides/error-codes (``error`` with message, type, param and code); Azure's REST
errors (``error`` with a code in a string), whose message names the service; botocore, bedrock-runtime (names of
exceptions); llm_guard_api/app/app.py (``message`` and ``details``); docs.anthropic.com (``type`` error);
google.rpc.Status, which names its service. Lakera's errors have no mark of their own: they, and all others, are read
where the settings name the format.
"""

from __future__ import annotations

import re
from typing import Any, Final

from monitor.events.batch import ScoreKind
from monitor.events.formats.allowlist import VALUE
from monitor.events.formats.bedrock import METADATA, RESPONSE, response_identity
from monitor.events.formats.failures import KEEP, KEYS, failure_of
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

_OPENAI: Final = frozenset({"message", "type", "param", "code"})
_AZURE: Final = (
    (re.compile(r"(?i)openai|chatcompletions|embeddings_create"), "azure-openai-filter"),
    (re.compile(r"(?i)shield_?prompt"), "azure-prompt-shields"),
    (re.compile(r"(?i)content ?safety|text:analyze|analyzetext"), "azure-content-safety"),
)
_AZURE_CODE: Final = re.compile(
    r"[45][0-9]{2}|TooManyRequests|Unauthorized|PermissionDenied|Forbidden|InternalError|InternalServerError|ServerBusy"
    r"|ServiceUnavailable|Timeout|OperationTimeout|InvalidRequest|InvalidRequestBody|NotFound|ResourceNotFound"
)
_GATEWAY: Final = re.compile(r"Rate limit is exceeded|Access denied due to|Out of call volume quota")
"""Of Azure API Management, which is in front of Azure's services."""
_BEDROCK: Final = re.compile(
    r"(?:.{0,80}#)?(?:Throttling|AccessDenied|Validation|ModelTimeout|ModelNotReady|ModelError|ModelStreamError"
    r"|ServiceUnavailable|ServiceQuotaExceeded|InternalServer|ResourceNotFound|ExpiredToken|UnrecognizedClient"
    r"|Conflict)(?:Exception)?(?::.{0,200})?"
)
_ALONE: Final = frozenset(KEEP) | {
    *("type", "name", "$fault", "$metadata", "$service", "details", "ResponseMetadata", "Message"),
    *("requestId", "request_id", "timestamp"),
}
"""Keys that may be beside each other in an error body; with others it is more than that."""
_GOOGLE: Final = {"modelarmor": "model-armor", "generativelanguage": "gemini", "aiplatform": "gemini"}


def guardrail_of(record: Any) -> str | None:
    """The vendor of an error body; None if it is not one, or names no vendor."""
    if failure_of(record) is None:
        return None
    thrown = record.get("name") if has(record, "$fault", "$metadata") else None
    name = at(record, "Error", "Code") or record.get("__type") or record.get("errorCode") or thrown
    if isinstance(name, str) and _BEDROCK.fullmatch(name):
        return "bedrock"
    if set(record) == {"message", "details"} and isinstance(record["details"], list | None):
        return "llm-guard"
    if set(record) == {"statusCode", "message"} and _GATEWAY.match(str(record["message"])):
        return "azure"
    error = record.get("error")
    if record.get("type") == "error" and str(at(error, "type")).endswith("_error"):
        return "anthropic-refusal"
    return _of_error(error) if isinstance(error, dict) else None


def _of_error(error: dict[str, Any]) -> str | None:
    if has(error, "status", "details"):
        return _google(error["details"])
    if error.keys() >= _OPENAI:
        return _named(_AZURE, error.get("message")) or "openai-moderation"
    code = error.get("code")
    if isinstance(code, str) and _AZURE_CODE.fullmatch(code):
        return _named(_AZURE, error.get("message")) or "azure"
    return None


def _named(services: tuple[tuple[re.Pattern[str], str], ...], message: Any) -> str | None:
    said = message[:2_000] if isinstance(message, str) else ""
    return next((name for pattern, name in services if pattern.search(said)), None)


def _google(details: Any) -> str | None:
    for one in details[:8] if isinstance(details, list) else ():
        service = at(one, "metadata", "service")
        if isinstance(service, str):
            return _GOOGLE.get(service.split(".", maxsplit=1)[0])
    return None


def _fits(record: Any) -> str | None:
    error = at(record, "error")
    if not isinstance(record, dict) or not record.keys() <= _ALONE:
        return None
    if at(error, "code") == "content_filter" or has(error, "innererror") or has(error, "provider_specific_fields"):
        return None  # may be a verdict, though it comes as an error
    guardrail = guardrail_of(record)
    return f"an error body of {guardrail}" if guardrail else None


def _read(record: dict[str, Any], context: Context) -> list[Event]:
    status, guardrail = failure_of(record), guardrail_of(record)
    events = [{"guardrail": guardrail, "status": status}] if guardrail else []
    return identified(events, response_identity(record), format_name=FORMAT.name)


FORMAT: Final = Format(
    name="vendor-error",
    source="API references of the vendors",
    carries=(
        Detail.status,
        Detail.time,
    ),
    title="error bodies of OpenAI, Azure, AWS Bedrock, Anthropic, Google and LLM Guard",
    keys=(*KEYS, "$fault"),
    fits=_fits,
    keep=KEEP
    | {
        "error": ({**KEEP["error"][0], "param": VALUE, "details": [{"metadata": {"service": VALUE}}]}, VALUE),
        "details": VALUE,
        "name": VALUE,
        "type": VALUE,
        "$fault": VALUE,
        "ResponseMetadata": RESPONSE,
        "$metadata": METADATA,
    },
    read=_read,
    scores=(Score("none: the guardrail did not judge", ScoreKind.boolean, Orientation.none, ThresholdFrom.none, ""),),
    dropped="messages, but for whether they are about time and of which service",
)

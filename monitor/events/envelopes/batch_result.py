"""A line of a batch job's results, the answer to one of its requests: of OpenAI and Azure, Anthropic, or Vertex AI.

Sources: platform.openai.com/docs/guides/batch (``custom_id``, ``response.body``, ``error``); docs.anthropic.com,
batch processing (``custom_id``, ``result.type`` succeeded, errored, canceled or expired); cloud.google.com/vertex-ai,
batch prediction for Gemini (``request``, ``response``, ``processed_time``). ``custom_id`` is of its batch.
"""

from __future__ import annotations

from typing import Any, Final

from monitor.events.formats.allowlist import VALUE
from monitor.events.formats.format import Envelope, Identity, Inner, at, has
from monitor.events.formats.values import identifier, instant
from monitor.events.reasons import Reason, Rejection


def _fits(record: Any) -> str | None:
    if has(record, "custom_id", "error") and has(record.get("response"), "body"):
        return "has custom_id and response.body"
    if has(record, "custom_id", "error") and record.get("response", 0) is None:
        return "has custom_id and an error in place of a response"
    if has(record, "custom_id", "result") and has(record["result"], "type"):
        return "has custom_id and result.type"
    if has(record, "request", "response", "processed_time"):
        return "has request, response and processed_time"
    return None


def _open(record: dict[str, Any]) -> Inner:
    result = record.get("result") or {}
    places = (at(record, "response", "body"), result.get("message"), result.get("error"))
    inner = next((one for one in places if one is not None), None)
    if "processed_time" in record:
        inner = record["response"] or None
    if inner is None:
        raise Rejection(Reason.not_judged, "batch-result: a request of a batch without an answer")
    return inner, Identity(
        record=identifier(record.get("id")),
        request=identifier(at(record, "response", "request_id")),
        time=instant(record.get("processed_time")),
    )


ENVELOPE: Final = Envelope(
    name="batch-result",
    title="a line of a batch's results: OpenAI, Azure OpenAI, Anthropic, Vertex AI",
    keys=("custom_id", "processed_time"),
    fits=_fits,
    keep=dict.fromkeys(("id", "processed_time"), VALUE) | {"response": {"request_id": VALUE}},
    open=_open,
    dropped="the request, its custom id, HTTP status",
    fills="time, event_id, request_id",
)

"""AWS Bedrock model invocation logging: the envelope around Converse and InvokeModel answers."""

from __future__ import annotations

from typing import Any, Final

from monitor.events.formats.allowlist import VALUE, allowed
from monitor.events.formats.format import Envelope, Identity, at
from monitor.events.formats.values import identifier, instant, word
from monitor.events.reasons import Reason, Rejection

_KEEP: Final = {"timestamp": VALUE, "requestId": VALUE, "modelId": VALUE}


def _fits(record: Any) -> str | None:
    return "schemaType is ModelInvocationLog" if at(record, "schemaType") == "ModelInvocationLog" else None


def _open(record: dict[str, Any]) -> tuple[Any, Identity]:
    head = allowed(record, _KEEP)
    request = identifier(head.get("requestId"))
    identity = Identity(
        record=request, request=request, time=instant(head.get("timestamp")), model=word(head.get("modelId"))
    )
    body = at(record, "output", "outputBodyJson")
    if isinstance(body, list):  # chunks of a stream; the trace comes with the last one that has it
        body = next((one for one in reversed(body) if _reports(one)), None)
    if body is None and at(record, "output", "outputBodyS3Path") is not None:
        raise Rejection(Reason.no_verdict, "the answer is not in the log: it is in Amazon S3, at outputBodyS3Path")
    error = record.get("errorCode")
    if isinstance(error, str) and at(record, "input", "inputBodyJson", "guardrailConfig") is not None:
        return {"Error": {"Code": error}}, identity  # a guardrail was asked for, and did not judge
    if not _reports(body):
        raise Rejection(Reason.not_judged, "an invocation on whose answer no guardrail reports")
    return body, identity


def _reports(body: Any) -> bool:
    """Whether an answer, or a chunk of one, reports what a guardrail did."""
    return (
        at(body, "metadata", "trace") is not None
        or at(body, "trace", "guardrail") is not None
        or at(body, "amazon-bedrock-guardrailAction") is not None
        or at(body, "stopReason") == "guardrail_intervened"
    )


ENVELOPE: Final = Envelope(
    name="bedrock-invocation-log",
    title="AWS Bedrock model invocation log (around the Bedrock formats)",
    keys=("schemaType",),
    fits=_fits,
    keep=_KEEP,
    open=_open,
    dropped="prompts, answers, account, identity, region",
    fills="time, event_id, request_id, model",
)

"""Anthropic Messages: ``stop_reason`` refusal, which is the verdict of the streaming classifiers.

Source: docs.anthropic.com, Messages API and "handle streaming refusals": an answer that the classifiers stop ends
with stop_reason ``refusal``. Every answer has a reason, so the share of refusals is a rate.
"""

from __future__ import annotations

from typing import Any, Final

from monitor.events.batch import ScoreKind
from monitor.events.formats.allowlist import VALUE
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
from monitor.events.formats.values import identifier, word
from monitor.events.formats.verdicts import ALLOWED, BLOCKED, BOOLEAN
from monitor.events.reasons import Reason, Rejection

_GUARDRAIL: Final = "anthropic-refusal"


def _fits(record: Any) -> str | None:
    if at(record, "type") == "message" and has(record, "stop_reason", "role", "content"):
        return "is a message with stop_reason"
    delta = at(record, "type") == "message_delta" and has(at(record, "delta"), "stop_reason")
    return "is a message_delta with stop_reason" if delta else None


def _read(record: dict[str, Any], context: Context) -> list[Event]:
    reason = word(record.get("stop_reason") or at(record, "delta", "stop_reason"))
    if reason is None:
        raise Rejection(Reason.not_judged, "an answer that has not ended yet")
    event: Event = {
        "guardrail": _GUARDRAIL,
        "stage": "output",
        "finish_reason": reason,
        **BOOLEAN,
        **(BLOCKED if reason == "refusal" else ALLOWED),
    }
    request = identifier(record.get("id"))
    identity = Identity(record=request, request=request, model=word(record.get("model")))
    return identified([event], identity, format_name=FORMAT.name)


FORMAT: Final = Format(
    name="anthropic",
    source="docs.anthropic.com, streaming refusals",
    carries=(
        Detail.verdict,
        Detail.action,
        Detail.stage,
    ),
    title="Anthropic Messages, refusals",
    keys=("stop_reason", "delta"),
    fits=_fits,
    keep={**dict.fromkeys(("type", "id", "model", "stop_reason"), VALUE), "delta": {"stop_reason": VALUE}},
    guardrail=_GUARDRAIL,
    read=_read,
    scores=(Score("stop_reason", ScoreKind.boolean, Orientation.none, ThresholdFrom.none, ""),),
    dropped="prompts and answers, tools, usage",
)

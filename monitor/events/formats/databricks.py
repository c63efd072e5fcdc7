"""Databricks AI Gateway: the answer of an endpoint whose guardrails stepped in.

Source: answers of endpoints with AI guardrails as published notebooks show them: ``input_guardrail[]`` or
``output_guardrail[]`` with ``flagged``, ``categories`` and ``pii_detection``, and ``finishReason`` such as
input_guardrail_triggered. In an inference table the answer is text in the column ``response``: ``source.unwrap``.
"""

from __future__ import annotations

from typing import Any, Final

from monitor.events.batch import ScoreKind
from monitor.events.formats.allowlist import ANY_KEY, VALUE
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
from monitor.events.formats.values import flag, identifier, optional_flag, word
from monitor.events.formats.verdicts import BLOCKED, BOOLEAN

_GUARDRAIL: Final = "databricks-ai-gateway"
_SIDES: Final = ("input", "output")


def _fits(record: Any) -> str | None:
    for side in _SIDES:
        found = at(record, f"{side}_guardrail")
        if isinstance(found, list) and found and has(found[0], "flagged"):
            return f"has {side}_guardrail[].flagged"
    return None


def _read(record: dict[str, Any], context: Context) -> list[Event]:
    events = []
    for side in _SIDES:
        stopped = record.get("finishReason") == f"{side}_guardrail_triggered"
        for one in record.get(f"{side}_guardrail") or []:
            events += [{"guardrail": _GUARDRAIL, "stage": side, **event} for event in _judged(one, stopped=stopped)]
    request = identifier(record.get("id"))
    identity = Identity(record=request, request=request, model=word(record.get("model")))
    return identified(events, identity, format_name=FORMAT.name)


def _judged(one: dict[str, Any], *, stopped: bool) -> list[Event]:
    """The whole, and each category."""
    flagged = flag(one.get("flagged"), "flagged")
    whole = BOOLEAN | (
        {"verdict": "flag"} if flagged and not stopped else BLOCKED if flagged else {"verdict": "allow"}
    )
    hits = {name: flag(hit, "categories") for name, hit in (one.get("categories") or {}).items()}
    private = optional_flag(one.get("pii_detection"), "pii_detection")
    if private is not None:
        hits["pii"] = private
    return [
        whole,
        *(BOOLEAN | {"category": word(name), "verdict": "flag" if hit else "allow"} for name, hit in hits.items()),
    ]


_LOOK: Final = [{"flagged": VALUE, "categories": {ANY_KEY: VALUE}, "pii_detection": VALUE}]
FORMAT: Final = Format(
    name="databricks",
    source="published notebooks of Databricks AI Gateway",
    carries=(Detail.verdict, Detail.action, Detail.stage),
    title="Databricks AI Gateway, guardrails",
    keys=("input_guardrail", "output_guardrail"),
    fits=_fits,
    keep={
        **dict.fromkeys(("id", "model", "finishReason"), VALUE),
        "input_guardrail": _LOOK,
        "output_guardrail": _LOOK,
    },
    guardrail=_GUARDRAIL,
    read=_read,
    scores=(Score("flagged, categories", ScoreKind.boolean, Orientation.none, ThresholdFrom.none, ""),),
    dropped="prompts and answers, also with personal data taken out, usage",
)

"""Kong AI Gateway: the guard plugins' part of an entry of Kong's log.

Source: developer.konghq.com, AI Gateway audit log reference: ``ai.proxy.lakera-guard``, ``ai.proxy.aws-guardrails``
(which says that it ran, and no more), ``ai.sanitizer``, ``ai.audit.azure_content_safety`` (a level by category) and
``ai.mcp.audit``. ``started_at`` and ``request.id`` are of Kong's log serialiser.
"""

from __future__ import annotations

from collections.abc import Iterator
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
from monitor.events.formats.values import choose, flag, identifier, instant, numeral, required_number, word
from monitor.events.formats.verdicts import ALLOWED, AUDITED, BLOCKED, BOOLEAN, MASKED, by_category, worst
from monitor.events.reasons import Reason, Rejection

_LAKERA, _AWS, _AZURE = "kong-lakera-guard", "kong-aws-guardrails", "kong-azure-content-safety"
_PLUGINS: Final = ("proxy", "sanitizer", "audit", "mcp", "compressor", "payload")
_SIDES: Final = ("input", "output")
_LEVELS: Final = {"safe": 0.0, "low": 1.0, "medium": 2.0, "high": 3.0}
_HIGHEST: Final = 3.0
_MOST: Final = 1e9
"""Findings in a text."""
_DECISIONS: Final = {"allow": ALLOWED, "deny": BLOCKED}


def _fits(record: Any) -> str | None:
    ai = at(record, "ai")
    if not isinstance(ai, dict) or not any(isinstance(ai.get(name), dict) for name in _PLUGINS):
        return None
    logged = has(record, "started_at") or has(record, "latencies") or has(record, "request")
    known = has(at(ai, "proxy"), "meta") or any(part in ai for part in ("sanitizer", "audit", "mcp"))
    return "has ai with the plugins of Kong" if logged or known or _guards(ai) else None


def _guards(ai: dict[str, Any]) -> bool:
    return any(has(at(ai, "proxy"), name) for name in ("lakera-guard", "aws-guardrails"))


def _read(record: dict[str, Any], context: Context) -> list[Event]:
    ai = record.get("ai") or {}
    proxy = ai.get("proxy") or {}
    events = [
        *_lakera(proxy.get("lakera-guard") or {}),
        *_aws(proxy.get("aws-guardrails") or {}),
        *_sanitizer(ai.get("sanitizer") or {}),
        *_azure(at(ai, "audit", "azure_content_safety") or {}, context),
        *_access(at(ai, "mcp", "audit") or []),
    ]
    if not events:
        raise Rejection(Reason.not_judged, "a call that no guard plugin of Kong looked at")
    request = identifier(at(record, "request", "id"))
    identity = Identity(
        record=request,
        request=request,
        time=instant(record.get("started_at")),
        model=word(at(proxy, "meta", "request_model")),
        session=identifier(at(ai, "mcp", "mcp_session_id")),
    )
    return identified(events, identity, format_name=FORMAT.name)


def _lakera(said: dict[str, Any]) -> Iterator[Event]:
    """The whole of each side that was looked at; where it was blocked, also what was found."""
    for side in _SIDES:
        latency, found = numeral(said.get(f"{side}_processing_latency")), said.get(f"{side}_block_detail") or []
        blocked = bool(found or said.get(f"{side}_block_reason"))
        if not blocked and latency is None and said.get(f"{side}_request_uuid") is None:
            continue
        common: Event = {"guardrail": _LAKERA, "stage": side, **BOOLEAN}
        yield common | (BLOCKED if blocked else ALLOWED) | {"latency_ms": latency}
        yield from by_category(
            [
                common | {"category": word(one.get("detector_type")), "verdict": "flag"}
                for one in found
                if flag(one.get("detected"), "detected")
            ]
        )


def _aws(said: dict[str, Any]) -> Iterator[Event]:
    for side in _SIDES:
        latency = said.get(f"{side}_processing_latency")
        if latency is None and side == "input":
            latency = said.get("inputput_processing_latency")  # so in the documentation's example
        if latency is not None:
            version = word(said.get("guardrails_version"))
            yield {"guardrail": _AWS, "guardrail_version": version, "stage": side, "latency_ms": numeral(latency)}


def _sanitizer(said: dict[str, Any]) -> Iterator[Event]:
    counts = [said.get(name) for name in ("pii_identified", "pii_sanitized")]
    if counts != [None, None]:
        found, masked = (0.0 if one is None else required_number(one, "pii", low=0.0, high=_MOST) for one in counts)
        outcome = MASKED if masked else AUDITED if found else ALLOWED
        latency = numeral(said.get("duration"))
        yield {"guardrail": "kong-ai-sanitizer", "stage": "input", **BOOLEAN, **outcome, "latency_ms": latency}


def _azure(levels: dict[str, Any], context: Context) -> Iterator[Event]:
    for category, level in levels.items():
        name = word(category)
        yield {
            "guardrail": _AZURE,
            "category": name,
            "score": choose(level, _LEVELS, "the level") / _HIGHEST,
            "score_kind": "ordinal",
            "threshold": context.thresholds.scaled(_AZURE, name, high=_HIGHEST),
        }


def _access(decisions: list[dict[str, Any]]) -> Iterator[Event]:
    """Who may use which tool; of several, what was done in the end."""
    found = [choose(one.get("action"), _DECISIONS, "ai.mcp.audit[].action") for one in decisions]
    if found:
        yield {"guardrail": "kong-mcp-access", "stage": "tool", **BOOLEAN, **worst(found)}


_FOUND: Final = [{"detector_type": VALUE, "detected": VALUE}]
_OF_A_SIDE: Final = ("processing_latency", "request_uuid", "block_reason")
FORMAT: Final = Format(
    name="kong",
    source="developer.konghq.com, AI Gateway audit log reference",
    carries=(
        Detail.verdict,
        Detail.action,
        Detail.stage,
        Detail.version,
        Detail.time,
        Detail.latency,
    ),
    title="Kong AI Gateway, guard plugins",
    keys=("ai",),
    fits=_fits,
    keep={
        "started_at": VALUE,
        "request": {"id": VALUE},
        "ai": {
            "proxy": {
                "meta": {"request_model": VALUE},
                "lakera-guard": dict.fromkeys((f"{side}_{name}" for side in _SIDES for name in _OF_A_SIDE), VALUE)
                | {f"{side}_block_detail": _FOUND for side in _SIDES},
                "aws-guardrails": dict.fromkeys(
                    (
                        *("guardrails_version", "inputput_processing_latency"),
                        *(f"{side}_processing_latency" for side in _SIDES),
                    ),
                    VALUE,
                ),
            },
            "sanitizer": dict.fromkeys(("pii_identified", "pii_sanitized", "duration"), VALUE),
            "audit": {"azure_content_safety": {ANY_KEY: VALUE}},
            "mcp": {"mcp_session_id": VALUE, "audit": [{"action": VALUE}]},
        },
    },
    guardrail="kong",
    read=_read,
    scores=(
        Score(
            "azure_content_safety",
            ScoreKind.ordinal,
            Orientation.high,
            ThresholdFrom.settings,
            "0 safe, 1 low, 2 medium, 3 high",
        ),
        Score("all other plugins", ScoreKind.boolean, Orientation.none, ThresholdFrom.none, ""),
    ),
    dropped="payloads, blocked prompts and answers, sanitised items, consumers, addresses, headers, projects, usage",
)

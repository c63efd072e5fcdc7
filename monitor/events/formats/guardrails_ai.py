"""Guardrails AI: ``ValidatorLogs`` (one validator) and ``ValidationOutcome`` (a whole guard).

Sources: github.com/guardrails-ai/guardrails, classes/validation_outcome.py and classes/validation/validator_logs.py.
A ValidationOutcome's summaries hold failures only, so no rate of a single validator can be had from them: it gives
one event for the guard, and the number of failed validators. A guard that passed although a validator failed has put
something right (``on_fail=fix``): it has modified. Rates per validator need ValidatorLogs.
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
from monitor.events.formats.values import choose, duration_ms, flag, identifier, instant, names, word
from monitor.events.formats.verdicts import BOOLEAN, MASKED

_OUTCOME: Final = {"pass": "allow", "fail": "flag"}

_OUTCOMES: Final = (
    ("validationPassed", "validationSummaries", "callId", "rawLlmOutput", "validatedOutput"),
    ("validation_passed", "validation_summaries", "call_id", "raw_llm_output", "validated_output"),
)
"""Fields of a ValidationOutcome (guardrails/classes/validation_outcome.py), not ``validation_passed`` alone."""


def _either(record: dict[str, Any], camel: str, snake: str) -> Any:
    """The JSON aliases are camel case, a dump of the Python objects is not."""
    return record.get(camel) if record.get(camel) is not None else record.get(snake)


def _fits(record: Any) -> str | None:
    if has(record, "validatorName", "validationResult") or has(record, "validator_name", "validation_result"):
        return "has validatorName and validationResult"
    for passed, *beside in _OUTCOMES:
        if has(record, passed) and any(has(record, key) for key in beside):
            return f"has {passed} and {next(key for key in beside if has(record, key))}"
    return None


def _read(record: dict[str, Any], context: Context) -> list[Event]:
    result = _either(record, "validationResult", "validation_result")
    if isinstance(result, dict):
        start, end = _either(record, "startTime", "start_time"), _either(record, "endTime", "end_time")
        event: Event = {
            "guardrail": word(_either(record, "validatorName", "validator_name")),
            "time": instant(end) or instant(start),
            "latency_ms": duration_ms(start, end),
            "verdict": choose(result.get("outcome"), _OUTCOME, "outcome"),
        }
        return [event | BOOLEAN]
    if at(record, "error") is not None:
        event = {"guardrail": "guardrails-ai", "status": "error"}
    else:
        passed = flag(_either(record, "validationPassed", "validation_passed"), "validationPassed")
        summaries = _either(record, "validationSummaries", "validation_summaries") or []
        failed = [one.get("validatorName") or one.get("validator_name") for one in summaries]
        outcome = {"verdict": "flag"} if not passed else MASKED if failed else {"verdict": "allow"}
        event = {"guardrail": "guardrails-ai", **BOOLEAN, **outcome, "rules": names(failed)}
    call = identifier(_either(record, "callId", "call_id"))
    return identified([event], Identity(record=call, request=call), format_name=FORMAT.name)


_SUMMARY: Final = [{"validatorName": VALUE, "validator_name": VALUE}]
FORMAT: Final = Format(
    name="guardrails-ai",
    source="guardrails-ai sources",
    carries=(
        Detail.verdict,
        Detail.action,
        Detail.time,
        Detail.latency,
    ),
    title="Guardrails AI",
    keys=("validationResult", "validation_result", "validationPassed", "validation_passed"),
    fits=_fits,
    keep={
        **dict.fromkeys(("validatorName", "validator_name", "startTime", "start_time", "endTime", "end_time"), VALUE),
        **dict.fromkeys(("callId", "call_id", "validationPassed", "validation_passed"), VALUE),
        "error": ({}, VALUE),
        "validationResult": {"outcome": VALUE},
        "validation_result": {"outcome": VALUE},
        "validationSummaries": _SUMMARY,
        "validation_summaries": _SUMMARY,
    },
    guardrail="guardrails-ai",
    read=_read,
    scores=(Score("pass or fail", ScoreKind.boolean, Orientation.none, ThresholdFrom.none, ""),),
    dropped="values before and after validation, messages, error spans, fixes, raw output",
)

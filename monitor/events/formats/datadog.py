"""Datadog LLM Observability: evaluations as they are submitted, and as spans are exported with them.

Source: docs.datadoghq.com, LLM Observability HTTP API (``data.attributes.metrics[]`` with label, metric_type, a value
by its type, and assessment pass or fail) and Export API (``data[].attributes.evaluation``, a map by name with
eval_metric_type, value, assessment and status).
"""

from __future__ import annotations

from typing import Any, Final

from monitor.events.batch import ScoreKind
from monitor.events.formats.allowlist import ANY_KEY, VALUE
from monitor.events.formats.evaluation import evaluated, low_is_bad
from monitor.events.formats.evaluation_scores import WAY_OUT
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
from monitor.events.formats.values import flag, identifier, instant, word
from monitor.events.formats.verdicts import BOOLEAN
from monitor.events.reasons import Reason, Rejection

_TYPES: Final = ("categorical", "score", "boolean")


def _fits(record: Any) -> str | None:
    if has(record, "metric_type", "label", "ml_app") and record["metric_type"] in _TYPES:
        return "has metric_type, label and ml_app"
    data = at(record, "data")
    if has(data, "type") and data["type"] == "evaluation_metric":
        return "has data.type evaluation_metric"
    spans = data if isinstance(data, list) else [data]
    evaluation = at(spans[0], "attributes", "evaluation") if spans else None
    if isinstance(evaluation, dict) and all(has(one, "eval_metric_type") for one in evaluation.values()):
        return "has data[].attributes.evaluation"
    return None


def _read(record: dict[str, Any], context: Context) -> list[Event]:
    data = record.get("data") or []
    events = [_submitted(one, context) for one in ([record] if record.get("metric_type") is not None else [])]
    for one in data:
        attributes = one.get("attributes") or {}
        events += [_submitted(metric, context) for metric in attributes.get("metrics") or []]
        events += _exported(attributes, context)
    if not events:
        raise Rejection(Reason.not_judged, "a span without an evaluation")
    return events


def _submitted(metric: dict[str, Any], context: Context) -> Event:
    kind = metric.get("metric_type")
    event = _event(metric.get("label"), kind, metric.get(f"{kind}_value"), metric.get("assessment"), context)
    span, trace = _joined(metric)
    record = identifier(metric.get("id"))
    identity = Identity(
        record=None if record is None else f"{record}:{event['guardrail']}",
        request=trace or span,
        time=instant(metric.get("timestamp_ms")),
        app=word(metric.get("ml_app")),
    )
    return identified([event], identity, format_name=FORMAT.name)[0]


def _joined(metric: dict[str, Any]) -> tuple[str | None, str | None]:
    """Span and trace that it is about."""
    places = (metric, at(metric, "join_on", "span") or {})
    found = [next((known for one in places if (known := identifier(one.get(name)))), None) for name in _IDS]
    return found[0], found[1]


def _exported(span: dict[str, Any], context: Context) -> list[Event]:
    events = []
    for name, one in (span.get("evaluation") or {}).items():
        if isinstance(one.get("status"), str) and one["status"].upper() == "ERROR":
            events.append({"guardrail": word(name), "status": "error"})
        else:
            events.append(_event(name, one.get("eval_metric_type"), one.get("value"), one.get("assessment"), context))
    identity = Identity(
        record=identifier(span.get("span_id")),
        request=identifier(span.get("trace_id")) or identifier(span.get("span_id")),
        time=instant(span.get("start_ns")),
        model=word(span.get("model_name")),
        app=word(span.get("ml_app")),
    )
    return identified(events, identity, format_name=FORMAT.name)


def _event(label: Any, kind: Any, value: Any, assessment: Any, context: Context) -> Event:
    name = word(label)
    if name is None:
        raise Rejection(Reason.missing_field, "the evaluation has no label")
    if kind == "score":
        event = evaluated(name, value, assessment, context)
    else:
        event = evaluated(name, None, assessment, context) | BOOLEAN
        low = low_is_bad(name, context)
        if kind == "boolean" and event.get("verdict") is None and low is not None:
            event["verdict"] = "allow" if flag(value, "boolean_value") is low else "flag"
    if event.get("verdict") is None and (event.get("score") is None or low_is_bad(name, context) is None):
        raise Rejection(Reason.no_verdict, WAY_OUT)
    return event


_IDS: Final = ("span_id", "trace_id")
_METRIC: Final = dict.fromkeys(
    (
        *("id", "metric_type", "label", "ml_app", "timestamp_ms", "assessment"),
        *(f"{kind}_value" for kind in _TYPES),
        *_IDS,
    ),
    VALUE,
) | {"join_on": {"span": dict.fromkeys(_IDS, VALUE)}}
_EVALUATION: Final = dict.fromkeys(("eval_metric_type", "value", "assessment", "status"), VALUE)
FORMAT: Final = Format(
    name="datadog",
    source="docs.datadoghq.com, LLM Observability HTTP and Export APIs",
    carries=(Detail.verdict, Detail.status, Detail.time),
    title="Datadog LLM Observability, evaluations",
    keys=("metric_type", "data"),
    fits=_fits,
    keep=_METRIC
    | {
        "data": [
            {
                "type": VALUE,
                "attributes": {
                    **dict.fromkeys((*_IDS, "ml_app", "model_name", "start_ns"), VALUE),
                    "metrics": [_METRIC],
                    "evaluation": {ANY_KEY: _EVALUATION},
                },
            }
        ]
    },
    guardrail="datadog",
    read=_read,
    scores=(
        Score("score_value", ScoreKind.continuous, Orientation.declared, ThresholdFrom.settings),
        Score("assessment of other values", ScoreKind.boolean, Orientation.none, ThresholdFrom.none, ""),
    ),
    dropped="inputs and outputs, categories, reasoning, tags, metadata, costs, tools",
)

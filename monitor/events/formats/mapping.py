"""Any JSON by the settings: one JMESPath expression per canonical field (https://jmespath.org/specification.html).

The expressions are the allowlist: what none of them selects is not read. Constants are written as JMESPath literals,
``'prompt-guard'``; words are translated by its operators, ``blocked && 'deny' || 'allow'``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import jmespath
from jmespath.exceptions import JMESPathError

from monitor.events.batch import ScoreKind
from monitor.events.formats.allowlist import EVERYTHING
from monitor.events.formats.format import Context, Detail, Event, Format, Orientation, Score, ThresholdFrom
from monitor.events.formats.values import instant, number
from monitor.events.reasons import Reason, Rejection
from monitor.events.schema import BY_NAME

NAME: Final = "mapping"
_SCORES: Final = (
    Score("as mapped", ScoreKind.continuous, Orientation.declared, ThresholdFrom.event, "0 to mapping.highest"),
)
_DROPPED: Final = "everything that no expression selects"
_FAULTS: Final = (JMESPathError, ValueError, TypeError, ArithmeticError, AttributeError, LookupError)
"""What JMESPath raises on values that an expression did not expect; its messages quote the values."""


def mapping_format(expressions: Mapping[str, str], *, events: str | None = None, highest: float = 1.0) -> Format:
    """The format of a mapping.

    Args:
        expressions: canonical field -> JMESPath expression; text is always fingerprinted and dropped.
        events: expression of an array whose elements are one event each; None: the record is one event.
        highest: upper end of the scale of ``score`` and ``threshold``; the lower end is 0.

    Raises:
        ValueError: a field is not canonical, or an expression is not JMESPath.
    """
    unknown = sorted(set(expressions) - set(BY_NAME))
    if unknown:
        raise ValueError(f"{unknown[0]!r} is not a field of the canonical event; there are {', '.join(BY_NAME)}")
    compiled = {name: _compile(name, expression) for name, expression in expressions.items()}
    items = None if events is None else _compile("events", events)

    def read(record: Any, context: Context) -> list[Event]:
        found = [record] if items is None else _search("events", items, record)
        if found is None:
            return []
        if not isinstance(found, list):
            raise Rejection(Reason.wrong_type, "mapping.events selects no array")
        return [_event(compiled, item, highest, context) for item in found]

    return Format(
        name=NAME,
        title="any JSON, by JMESPath expressions in source.mapping",
        keys=(),
        fits=lambda record: "is JSON" if isinstance(record, dict | list) else None,
        keep=EVERYTHING,
        read=read,
        scores=_SCORES,
        dropped=_DROPPED,
        source="source.mapping",
        carries=tuple(Detail),
    )


def _event(compiled: Mapping[str, Any], item: Any, highest: float, context: Context) -> Event:
    event = {name: _search(name, expression, item) for name, expression in compiled.items()}
    event.pop("v", None)
    if event.get("time") is not None:
        event["time"] = instant(event["time"]) or event["time"]
    for name in ("score", "threshold"):
        value = number(event.get(name))
        if value is not None:
            event[name] = value / highest
    if event.get("score") is not None and event.get("threshold") is None:
        event["threshold"] = context.thresholds.scaled(event.get("guardrail"), event.get("category"), high=highest)
    return event


def _compile(name: str, expression: str) -> Any:
    try:
        return jmespath.compile(expression)
    except JMESPathError as error:
        raise ValueError(f"mapping.{name}: {str(error).splitlines()[0]}") from None


def _search(name: str, expression: Any, record: Any) -> Any:
    try:
        return expression.search(record)
    except _FAULTS:
        raise Rejection(Reason.wrong_type, f"mapping.{name} cannot be evaluated on this record") from None

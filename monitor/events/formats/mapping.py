"""Any JSON by the settings: one JMESPath expression per canonical field.

The expressions are the allowlist: what none of them selects is not read. Constants are written as JMESPath literals,
``'prompt-guard'``. ``when`` selects the records that the mapping is for; all others stay what they are without it.
What a
verdict, status, action or score decides by must be in the record: an expression that finds nothing gives nothing,
also if its last alternative is a constant, and a record of which only constants are known gives no event.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from monitor.events.batch import ScoreKind
from monitor.events.formats.allowlist import EVERYTHING
from monitor.events.formats.expressions import Expression, Scope
from monitor.events.formats.format import Context, Detail, Event, Format, Orientation, Score, ThresholdFrom
from monitor.events.formats.values import identifier, instant, number
from monitor.events.reasons import Reason, Rejection
from monitor.events.schema import BY_NAME

NAME: Final = "mapping"
JUDGED: Final = ("verdict", "action", "status", "score", "refusal", "harmful")
"""Fields whose expression must find something in the record, even if it has constants."""
EVIDENCE: Final = ("verdict", "action", "status", "score", "harmful", "text", "rules")
"""Fields of which at least one must come from the record: a name and a time are no event."""
_SCORES: Final = (
    Score("as mapped", ScoreKind.continuous, Orientation.declared, ThresholdFrom.event, "0 to mapping.highest"),
)
_DROPPED: Final = "everything that no expression selects"
_NOT_FOR_IT: Final = "mapping.when does not hold of this record, so it is of no format"


@dataclass(frozen=True, slots=True)
class Rules:
    """A mapping ready to be evaluated.

    Attributes:
        fields: canonical field -> its expression.
        words: words of a verdict, in lower case, and what they mean.
        highest: upper end of the score's scale.
        scope: shared by the expressions.
    """

    fields: Mapping[str, Expression]
    words: Mapping[str, str]
    highest: float
    scope: Scope


def mapping_format(
    expressions: Mapping[str, str],
    *,
    when: str,
    events: str | None = None,
    highest: float = 1.0,
    verdicts: Sequence[tuple[str, str]] = (),
) -> Format:
    """The format of a mapping.

    Args:
        expressions: canonical field -> JMESPath expression; text is always fingerprinted and dropped.
        when: expression that holds of the records that the mapping is for.
        events: expression of an array whose elements are one event each; None: the record is one event.
        highest: upper end of the scale of ``score`` and ``threshold``; the lower end is 0.
        verdicts: (word of the record, verdict) pairs; none: the record has the canonical words.

    Raises:
        ValueError: a field is not canonical, an expression is not JMESPath, or all of them are constants.
    """
    unknown = sorted(set(expressions) - set(BY_NAME))
    if unknown:
        raise ValueError(f"{unknown[0]!r} is not a field of the canonical event; there are {', '.join(BY_NAME)}")
    scope = Scope()
    fields = {name: Expression(name, text, scope) for name, text in expressions.items() if name != "v"}
    if all(fields[name].constant for name in EVIDENCE if name in fields):
        raise ValueError(f"at least one of {', '.join(EVIDENCE)} must read the record; constants make no event")
    condition = Expression("when", when, scope)
    items = None if events is None else Expression("events", events, scope)
    rules = Rules(fields, {said.lower(): verdict for said, verdict in verdicts}, highest, scope)

    def fits(record: Any) -> str | None:
        if not isinstance(record, dict | list):
            return None
        scope.enter(record)
        return "mapping.when holds" if condition.holds(record) else None

    def read(record: Any, context: Context) -> list[Event]:
        if fits(record) is None:
            raise Rejection(Reason.unknown_format, _NOT_FOR_IT)
        found = [record] if items is None else items(record)
        if found is None:
            return []
        if not isinstance(found, list):
            raise Rejection(Reason.wrong_type, "mapping.events selects no array")
        return _with_own_ids([_event(rules, item, context) for item in found])

    return Format(
        name=NAME,
        title="any JSON, by JMESPath expressions in source.mapping",
        keys=(),
        fits=fits,
        keep=EVERYTHING,
        read=read,
        scores=_SCORES,
        dropped=_DROPPED,
        source="source.mapping",
        carries=tuple(Detail),
    )


def _event(rules: Rules, item: Any, context: Context) -> Event:
    event: Event = {}
    evident = False
    for name, field in rules.fields.items():
        if name in JUDGED and not field.constant and not field.finds(item):
            continue
        value = field(item)
        found = value is not None and not field.constant
        event[name] = value
        evident = evident or (found and name in EVIDENCE)
    if event.get("guardrail") is not None and not evident:
        raise Rejection(
            Reason.no_verdict,
            f"none of {', '.join(name for name in EVIDENCE if name in rules.fields)} is in the record",
        )
    event = _in_our_words(rules, event)
    if event.get("score") is not None and event.get("threshold") is None:
        event["threshold"] = context.thresholds.scaled(
            event.get("guardrail"), event.get("category"), high=rules.highest
        )
    return event


def constants_of(rules: Rules) -> Event:
    """The fields that are the same in every event.

    Raises:
        Rejection: the verdict is none of the words.
    """
    known = {name: one(None) for name, one in rules.fields.items() if one.constant}
    return _in_our_words(rules, {name: value for name, value in known.items() if value is not None})


def _in_our_words(rules: Rules, event: Event) -> Event:
    """The fields on the scales of the canonical event."""
    if rules.words and event.get("verdict") is not None:
        event["verdict"] = _translated(event["verdict"], rules.words)
    for name in ("event_id", "request_id", "session_id"):
        if isinstance(event.get(name), int) and not isinstance(event[name], bool):
            event[name] = identifier(event[name])
    if event.get("time") is not None:
        event["time"] = instant(event["time"]) or event["time"]
    for name in ("score", "threshold"):
        value = number(event.get(name))
        if value is not None:
            event[name] = value / rules.highest
    return event


def _with_own_ids(events: list[Event]) -> list[Event]:
    """Elements that share the record's id have their place in it: the same id twice would be a repetition."""
    ids = [event["event_id"] for event in events if event.get("event_id")]
    if len(set(map(str, ids))) < len(ids):
        for place, event in enumerate(events):
            if event.get("event_id"):
                event["event_id"] = f"{event['event_id']}#{place}"
    return events


def spelled(value: Any) -> str | None:
    """A word, a whole number, true or false as mapping.verdicts spells it; None for everything else."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = identifier(value)
    return None if text is None else text.strip().lower()


def _translated(value: Any, words: Mapping[str, str]) -> str:
    verdict = words.get(spelled(value) or "")
    if verdict is None:
        raise Rejection(
            Reason.unknown_value, "mapping.verdict gives a word that mapping.verdicts does not list; add it there"
        )
    return verdict

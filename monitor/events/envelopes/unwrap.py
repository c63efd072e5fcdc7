"""An envelope of the user's own: ``source.unwrap`` gives the place of a record in their JSON by JMESPath."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from monitor.events.formats.allowlist import VALUE
from monitor.events.formats.expressions import Expression, Scope
from monitor.events.formats.format import Envelope, Identity, Inner
from monitor.events.formats.values import identifier, instant, word
from monitor.events.reasons import Reason, Rejection

NAME: Final = "unwrap"


def unwrap_envelope(expressions: Mapping[str, str], *, when: str, record: str) -> Envelope:
    """The envelope of ``source.unwrap``.

    Args:
        expressions: event_id, time, request_id, session_id, model, app: they fill what the record inside lacks.
        when: expression that holds of what is to be opened.
        record: expression of the record inside, of an array of them, or of text that holds one.

    Raises:
        ValueError: an expression is not JMESPath.
    """
    scope = Scope()
    fields = {name: Expression(name, text, scope) for name, text in expressions.items()}
    condition, selected = Expression("when", when, scope), Expression("record", record, scope)

    def fits(outer: Any) -> str | None:
        scope.enter(outer)
        return "unwrap.when holds" if isinstance(outer, dict) and condition.holds(outer) else None

    def opened(outer: Any) -> Inner | list[Inner]:
        scope.enter(outer)
        found = selected(outer)
        if found is None or found is outer:
            raise Rejection(Reason.no_verdict, "unwrap.record finds no record inside of this one")
        known = {name: field(outer) for name, field in fields.items()}
        identity = Identity(
            record=identifier(known.get("event_id")),
            request=identifier(known.get("request_id")),
            time=instant(known.get("time")),
            model=word(known.get("model")),
            app=word(known.get("app")),
            session=identifier(known.get("session_id")),
        )
        if not isinstance(found, list):
            return found, identity
        named = identity.record is not None and len(found) > 1
        return [
            (one, replace(identity, record=f"{identity.record}/{i}") if named else identity)
            for i, one in enumerate(found)
        ]

    return Envelope(
        name=NAME,
        title="your own JSON around a record, by source.unwrap",
        keys=(),
        fits=fits,
        keep=VALUE,
        open=opened,
        dropped="everything that no expression selects",
        fills="fields named in source.unwrap",
    )

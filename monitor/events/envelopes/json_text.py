"""JSON inside of a JSON string: a producer has encoded the record twice."""

from __future__ import annotations

from typing import Any, Final

from monitor.events.envelopes.contents import is_json_text
from monitor.events.formats.allowlist import VALUE
from monitor.events.formats.format import Envelope, Identity, Inner
from monitor.events.formats.parse import parsed_text

MAX_DEPTH: Final = 64


def _fits(record: Any) -> str | None:
    if not is_json_text(record) or not isinstance(parsed_text(record, max_depth=MAX_DEPTH), dict | list):
        return None
    return "a string that holds JSON"


def _open(record: str) -> Inner:
    return parsed_text(record, max_depth=MAX_DEPTH), Identity()


ENVELOPE: Final = Envelope(
    name="json-text",
    title="JSON inside of a JSON string",
    keys=(),
    fits=_fits,
    keep=VALUE,
    open=_open,
    dropped="nothing",
    weak=True,
)

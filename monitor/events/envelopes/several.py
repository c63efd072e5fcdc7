"""Several JSON documents in one record: NDJSON, JSON text sequences (RFC 7464), or objects one after another, as
Kinesis and Firehose concatenate them, also printed over several lines."""

from __future__ import annotations

from typing import Any, Final

from monitor.events.envelopes.documents import documents
from monitor.events.formats.allowlist import VALUE
from monitor.events.formats.format import Envelope, Identity, Inner
from monitor.events.formats.parse import parse

_DEEPEST: Final = 64
_LOOKS_AT: Final = 8
"""Documents of which one must be whole: bytes of another kind may have brackets in them too."""


def _text(record: Any) -> bytes | None:
    if not isinstance(record, bytes | str):
        return None
    text = record.encode("utf-8", "replace") if isinstance(record, str) else record
    return text if text.lstrip(b" \t\r\n\x1e")[:1] in (b"{", b"[") else None


def _fits(record: Any) -> str | None:
    text = _text(record)
    if text is None:
        return None
    found = documents(text)
    if len(found) < 2 or not any(
        isinstance(parse(one, max_depth=_DEEPEST), dict | list) for one in found[:_LOOKS_AT]
    ):
        return None
    return "JSON documents one after another"


def _open(record: Any) -> list[Inner]:
    return [(one, Identity()) for one in documents(_text(record) or b"")]


ENVELOPE: Final = Envelope(
    name="several",
    title="several JSON documents in one record: NDJSON, text sequences, concatenated objects",
    keys=(),
    fits=_fits,
    keep=VALUE,
    open=_open,
    dropped="nothing",
)

"""Splunk's HTTP event collector: the record is ``event``, as an object or as text.

Source: docs.splunk.com, Format events for HTTP Event Collector (``time`` in seconds, ``host``, ``source``,
``sourcetype``, ``index``, ``fields``).
"""

from __future__ import annotations

from typing import Any, Final

from monitor.events.envelopes.contents import is_record
from monitor.events.formats.allowlist import VALUE
from monitor.events.formats.format import Envelope, Identity, Inner
from monitor.events.formats.values import instant

_BESIDE: Final = frozenset({"event", "time", "host", "source", "sourcetype", "index", "fields"})


def _fits(record: Any) -> str | None:
    if not isinstance(record, dict) or not record.keys() <= _BESIDE or not is_record(record.get("event")):
        return None
    return "has event, and nothing but what Splunk's collector takes"


def _open(record: dict[str, Any]) -> Inner:
    time = record.get("time")
    if isinstance(time, str):
        try:
            time = float(time[:32])
        except ValueError:
            time = None
    return record["event"], Identity(time=instant(time))


ENVELOPE: Final = Envelope(
    name="splunk-hec",
    title="Splunk HTTP event collector",
    keys=("event",),
    fits=_fits,
    keep={"time": VALUE},
    open=_open,
    dropped="host, source, source type, index, fields",
    fills="time",
    weak=True,
)

"""A line of a log under ``message``, as Vector, Logstash, Filebeat and Datadog hand it on.

Sources: vector.dev/docs/reference/configuration/sources/file (``message``, ``timestamp``, ``host``); Elastic Common
Schema (``message``, ``@timestamp``, ``service.name``); docs.datadoghq.com, attributes and aliasing and log archives
(``message``, ``service``, ``timestamp`` or ``date``; archives keep a parsed line under ``attributes``).
"""

from __future__ import annotations

from typing import Any, Final

from monitor.events.envelopes.contents import app_of, is_record_text
from monitor.events.formats.allowlist import VALUE
from monitor.events.formats.format import Envelope, Identity, Inner, at
from monitor.events.formats.values import instant, word

_DATADOG: Final = ("service", "status", "tags", "ddsource", "source", "ddtags")


def _fits(record: Any) -> str | None:
    if is_record_text(at(record, "message")):
        return "has a record in message"
    if _is_datadog(record):
        return "has attributes beside service and source or status"
    return None


def _is_datadog(record: Any) -> bool:
    return isinstance(at(record, "attributes"), dict) and sum(name in record for name in _DATADOG) > 1


def _open(record: dict[str, Any]) -> Inner:
    inner = record["message"] if is_record_text(record.get("message")) else record["attributes"]
    times = (instant(record.get(name)) for name in ("@timestamp", "timestamp", "date", "time"))
    time = next((ms for ms in times if ms is not None), None)
    service = record.get("service")
    app = word(service) or word(at(service, "name")) or app_of(record.get("kubernetes"))
    return inner, Identity(time=time, app=app)


ENVELOPE: Final = Envelope(
    name="message",
    title="a line under `message`: Vector, Logstash, Filebeat, Datadog",
    keys=("message", "attributes"),
    fits=_fits,
    keep={"message": VALUE, "@timestamp": VALUE, "timestamp": VALUE, "date": VALUE, "time": VALUE, "service": VALUE},
    open=_open,
    dropped="host, source, tags, level, all other attributes",
    fills="time; app, by the service",
    weak=True,
)

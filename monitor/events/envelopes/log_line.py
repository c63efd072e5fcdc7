"""Container logs as Fluent Bit, Fluentd and Docker's json-file driver hand them on: the line is text under ``log``.

Sources: docs.docker.com/engine/logging/drivers/json-file (``log``, ``stream``, ``time``); docs.fluentbit.io,
kubernetes filter (``kubernetes``, ``log_processed`` for a parsed line). Fluent Bit's Kafka output adds ``@timestamp``
as a number of seconds.
"""

from __future__ import annotations

from typing import Any, Final

from monitor.events.envelopes.contents import app_of, is_record
from monitor.events.formats.allowlist import VALUE
from monitor.events.formats.format import Envelope, Identity, Inner, at
from monitor.events.formats.values import instant


def _fits(record: Any) -> str | None:
    if is_record(at(record, "log_processed")):
        return "has log_processed"
    return "has a record in log" if is_record(at(record, "log")) else None


def _open(record: dict[str, Any]) -> Inner:
    inner = record["log_processed"] if is_record(record.get("log_processed")) else record["log"]
    times = (instant(record.get(name)) for name in ("time", "@timestamp", "timestamp"))
    time = next((ms for ms in times if ms is not None), None)
    return inner, Identity(time=time, app=app_of(record.get("kubernetes")))


ENVELOPE: Final = Envelope(
    name="log-line",
    title="a container's line under `log`: Fluent Bit, Fluentd, Docker",
    keys=("log", "log_processed"),
    fits=_fits,
    keep={"log": VALUE, "time": VALUE, "@timestamp": VALUE, "timestamp": VALUE, "kubernetes": {"labels": {}}},
    open=_open,
    dropped="stream, tag, pod, host and image names, annotations",
    fills="time; app, by the pod's labels or its container",
    weak=True,
)

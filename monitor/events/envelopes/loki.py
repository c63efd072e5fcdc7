"""Grafana Loki's push: streams of lines, each line with its time in nanoseconds.

Source: grafana.com/docs/loki/latest/reference/loki-http-api, POST /loki/api/v1/push (``streams[].stream`` labels,
``streams[].values`` pairs of time and line).
"""

from __future__ import annotations

from typing import Any, Final

from monitor.events.formats.allowlist import VALUE
from monitor.events.formats.format import Envelope, Identity, Inner, at
from monitor.events.formats.values import nanoseconds_ms, word

_APPS: Final = ("service_name", "app", "job", "container")


def _fits(record: Any) -> str | None:
    streams = at(record, "streams")
    if not isinstance(streams, list) or not streams:
        return None
    return "has streams[].values" if isinstance(at(streams[0], "values"), list) else None


def _open(record: dict[str, Any]) -> list[Inner]:
    inner: list[Inner] = []
    for stream in record["streams"]:
        app = next((name for key in _APPS if (name := word(at(stream, "stream", key)))), None)
        values = at(stream, "values")
        for pair in values if isinstance(values, list) else [None]:
            if isinstance(pair, list) and len(pair) > 1:
                inner.append((pair[1], Identity(time=nanoseconds_ms(pair[0]), app=app)))
            else:
                inner.append((None, Identity()))
    return inner


ENVELOPE: Final = Envelope(
    name="loki",
    title="Grafana Loki push",
    keys=("streams",),
    fits=_fits,
    keep={"streams": VALUE},
    open=_open,
    dropped="labels, structured metadata",
    fills="time; app, by the labels",
    weak=True,
)

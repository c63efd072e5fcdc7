"""A JSON array of records, of any formats: each is read, or has its own reason.

An array of a time and one record is what Fluentd's forward protocol and its JSON outputs make of an entry.
"""

from __future__ import annotations

from typing import Any, Final

from monitor.events.formats.allowlist import VALUE
from monitor.events.formats.format import Envelope, Identity, Inner
from monitor.events.formats.values import instant, number


def _fits(record: Any) -> str | None:
    return (
        "an array of objects" if isinstance(record, list) and any(isinstance(one, dict) for one in record) else None
    )


def _open(record: list[Any]) -> Inner | list[Inner]:
    if len(record) == 2 and number(record[0]) is not None and isinstance(record[1], dict):
        return record[1], Identity(time=instant(record[0]))
    return [(one, Identity()) for one in record]


ENVELOPE: Final = Envelope(
    name="array",
    title="JSON array of records, or of a time and one record",
    keys=(),
    fits=_fits,
    keep=VALUE,
    open=_open,
    dropped="nothing",
    fills="time, of a pair",
    weak=True,
)

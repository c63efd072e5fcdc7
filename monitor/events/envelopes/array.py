"""A JSON array of records, of whatever formats: each is read, or has its own reason."""

from __future__ import annotations

from typing import Any, Final

from monitor.events.formats.allowlist import VALUE
from monitor.events.formats.format import Envelope, Identity


def _fits(record: Any) -> str | None:
    return (
        "an array of objects" if isinstance(record, list) and any(isinstance(one, dict) for one in record) else None
    )


ENVELOPE: Final = Envelope(
    name="array",
    title="JSON array of records",
    keys=(),
    fits=_fits,
    keep=VALUE,
    open=lambda record: [(one, Identity()) for one in record],
    dropped="nothing",
    weak=True,
)

"""A line as the container runtimes of Kubernetes (CRI) write it: time, stream, F for full or P for partial, the line.

Source: kubernetes/design-proposals-archive, node/kubelet-cri-logging.md.
"""

from __future__ import annotations

from typing import Any, Final

from monitor.events.envelopes.contents import CRI_LINE
from monitor.events.formats.allowlist import VALUE
from monitor.events.formats.format import Envelope, Identity, Inner
from monitor.events.formats.values import instant
from monitor.events.reasons import Reason, Rejection

_LONGEST_HEAD: Final = 64


def _head(record: Any) -> tuple[str, str, int] | None:
    """Time, tag, and where the line begins, in bytes: the head is ASCII."""
    if not isinstance(record, bytes | str):
        return None
    start = record[:_LONGEST_HEAD]
    match = CRI_LINE.match(start.decode("ascii", "replace") if isinstance(start, bytes) else start)
    return None if match is None else (match[1], match[2], match.end())


def _fits(record: Any) -> str | None:
    return "time, stream and F or P before the line" if _head(record) else None


def _open(record: Any) -> Inner:
    head = _head(record)
    if head is None:
        raise AssertionError("only what fits is opened")
    time, tag, begin = head
    if tag == "P":
        raise Rejection(
            Reason.invalid_json,
            "cri: a partial line (P), whose rest is in the next ones; let the log collector join them",
        )
    return record[begin:], Identity(time=instant(time))


ENVELOPE: Final = Envelope(
    name="cri",
    title="a line of a Kubernetes container runtime: time, stream, F or P, line",
    keys=(),
    fits=_fits,
    keep=VALUE,
    open=_open,
    dropped="stream",
    fills="time",
)

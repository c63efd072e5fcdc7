"""Gzip: what CloudWatch Logs puts into Kinesis, and what producers compress by themselves."""

from __future__ import annotations

import zlib
from typing import Any, Final

from monitor.events.envelopes.peel import MAX_EXPANDED
from monitor.events.formats.allowlist import VALUE
from monitor.events.formats.format import Envelope, Identity, Inner
from monitor.events.reasons import Reason, Rejection

_MAGIC: Final = b"\x1f\x8b\x08"


def _fits(record: Any) -> str | None:
    return "begins as gzip does" if isinstance(record, bytes) and record[: len(_MAGIC)] == _MAGIC else None


def _open(record: bytes) -> Inner:
    """Members one after another count as one stream.

    Raises:
        Rejection: damaged, or more than :data:`MAX_EXPANDED` bytes.
    """
    pieces: list[bytes] = []
    room = MAX_EXPANDED + 1
    rest = record
    while rest.strip(b"\0"):
        member = zlib.decompressobj(wbits=31)
        try:
            pieces.append(member.decompress(rest, room))
        except zlib.error:
            raise Rejection(Reason.invalid_json, "gzip: damaged") from None
        room -= len(pieces[-1])
        if room <= 0:
            raise Rejection(Reason.too_large, f"gzip: expands to more than {MAX_EXPANDED} bytes")
        if not member.eof:
            raise Rejection(Reason.invalid_json, "gzip: ends early")
        rest = member.unused_data
    return b"".join(pieces), Identity()


ENVELOPE: Final = Envelope(
    name="gzip",
    title="gzip",
    keys=(),
    fits=_fits,
    keep=VALUE,
    open=_open,
    dropped="nothing",
)

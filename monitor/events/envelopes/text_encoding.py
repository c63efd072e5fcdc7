"""Text that is not plain UTF-8: with a byte-order mark, UTF-16 or UTF-32; recognised as in RFC 4627, section 3."""

from __future__ import annotations

import codecs
from typing import Any, Final

from monitor.events.formats.allowlist import VALUE
from monitor.events.formats.format import Envelope, Identity, Inner
from monitor.events.reasons import Reason, Rejection

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""UTF-32's mark begins with that of UTF-16."""


def encoding_of(head: bytes) -> tuple[str, int] | None:
    """The encoding of a text and the length of its mark; None for what may be plain UTF-8, or no text at all."""
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name, len(mark)
    if len(head) >= 4 and head[:1] in (b"{", b"[") and head[1:2] == b"\0" and head[2:4] != b"\0\0":
        return "utf-16-le", 0
    if len(head) >= 4 and head[:1] == b"\0" and head[1:2] in (b"{", b"[") and head[2:3] == b"\0":
        return "utf-16-be", 0
    return None


def _fits(record: Any) -> str | None:
    found = encoding_of(record[:4]) if isinstance(record, bytes) else None
    return None if found is None else f"{found[0].upper()} text" + (" with a byte-order mark" if found[1] else "")


def _open(record: bytes) -> Inner:
    name, mark = encoding_of(record[:4]) or ("utf-8", 0)
    try:
        return record[mark:].decode(name).encode(), Identity()
    except UnicodeError:
        raise Rejection(Reason.invalid_json, f"not {name.upper()}, although it begins so") from None


ENVELOPE: Final = Envelope(
    name="text-encoding",
    title="UTF-8 with a byte-order mark, UTF-16, UTF-32",
    keys=(),
    fits=_fits,
    keep=VALUE,
    open=_open,
    dropped="nothing",
)

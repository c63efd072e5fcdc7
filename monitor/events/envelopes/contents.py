"""The common part of several envelopes: whether a value may be a record, base64, and a container's name."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, Final

from monitor.events.formats.format import at
from monitor.events.formats.values import word
from monitor.events.reasons import Reason, Rejection

CRI_LINE: Final = re.compile(
    r"\s*(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)) (?:stdout|stderr) ([FP])(?::\S*)? ",
    re.ASCII,
)
"""The head of a line that a container runtime writes: time, stream, and full or partial."""
_LOOKS_AT: Final = 64
"""Characters of a text that are checked for a record."""


def is_json_text(value: Any) -> bool:
    """Whether a text may be JSON by its first character; it is read later."""
    return isinstance(value, str) and value[:_LOOKS_AT].lstrip(" \t\r\n\ufeff")[:1] in ("{", "[")


def is_record_text(value: Any) -> bool:
    """Whether a text may be a record: JSON, or a container runtime's line around it."""
    return is_json_text(value) or (isinstance(value, str) and CRI_LINE.match(value, 0, _LOOKS_AT) is not None)


def is_record(value: Any) -> bool:
    """Whether a value may be a record, or text with a record in it."""
    return isinstance(value, dict) or is_record_text(value)


def from_base64(value: Any, name: str) -> bytes:
    """The bytes that a text holds in base64, of the standard or the URL alphabet.

    Raises:
        Rejection: it is none.
    """
    try:
        return base64.b64decode(value.translate(_URL_ALPHABET), validate=True)
    except (binascii.Error, ValueError, AttributeError):
        raise Rejection(Reason.wrong_type, f"{name} is not base64") from None


_URL_ALPHABET: Final = str.maketrans("-_", "+/")


def is_base64(value: Any) -> bool:
    """Whether a text may be base64, by its beginning."""
    return isinstance(value, str) and _BASE64.fullmatch(value, 0, _LOOKS_AT) is not None and len(value) >= 4


_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")


def app_of(kubernetes: Any) -> str | None:
    """The app that a pod runs, by its labels, or else the name of its container."""
    labels = at(kubernetes, "labels")
    for key in ("app.kubernetes.io/name", "app_kubernetes_io/name", "k8s-app", "app"):
        if name := word(at(labels, key)):
            return name
    return word(at(kubernetes, "container_name")) or word(at(kubernetes, "container", "name"))

"""Documents field by field: what differs, and a short fingerprint of a whole one."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

ABSENT: Final = "(absent)"
REDACTED: Final = "[REDACTED]"
"""In place of a secret that a server does not show."""
_DURATIONS: Final = frozenset(
    {"for", "keep_firing_for", "interval", "group_wait", "group_interval", "repeat_interval"}
)
_UNITS: Final = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
LONGEST: Final = 120


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that is not as wished."""

    field: str
    """Its path: ``data[0].model.expr``."""
    wanted: str
    found: str

    @property
    def absent(self) -> bool:
        """Whether the server has nothing there at all."""
        return self.found == ABSENT


def differences(wanted: Any, found: Any, *, at: str = "") -> Iterator[Difference]:
    """Fields of ``wanted`` that ``found`` has otherwise or lacks; what it has beyond them is its own affair."""
    if found == REDACTED:
        return
    if isinstance(wanted, dict) and isinstance(found, dict):
        for key in wanted:
            path = f"{at}.{key}" if at else key
            if key in found:
                yield from differences(wanted[key], found[key], at=path)
            elif not _is_nothing(wanted[key], key):
                yield Difference(path, _short(wanted[key]), ABSENT)
    elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        for place, (left, right) in enumerate(zip(wanted, found, strict=True)):
            yield from differences(left, right, at=f"{at}[{place}]")
    elif not _same(wanted, found, at.rpartition(".")[2]):
        yield Difference(at, _short(wanted), _short(found))


def fingerprint(document: Any) -> str:
    """Sixteen hex digits that change with any field."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def seconds(duration: str) -> int | None:
    """Seconds of ``2m``, ``2m0s`` or ``1h30m``; None for another text."""
    parts = re.findall(r"(\d{1,9})([dhms])", duration)
    if not parts or "".join(number + unit for number, unit in parts) != duration:
        return None
    return sum(int(number) * _UNITS[unit] for number, unit in parts)


def _is_nothing(value: Any, key: str) -> bool:
    """Whether leaving it out means the same."""
    return value in (None, "", False, [], {}) or (key in _DURATIONS and seconds(value) == 0)


def _same(wanted: Any, found: Any, key: str) -> bool:
    if key in _DURATIONS and isinstance(wanted, str) and isinstance(found, str):
        return wanted == found or (seconds(wanted) is not None and seconds(wanted) == seconds(found))
    return bool(wanted == found) and isinstance(wanted, bool) == isinstance(found, bool)


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"

"""Records that nobody should have to read, each kind with what must become of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from tests.chaos.traffic import event

SECRET = "my-password-is-hunter2"
"""Stands in texts and in broken records; may turn up nowhere."""
YEAR_MS = 365 * 86_400_000
MEBI = 1 << 20


@dataclass(frozen=True, slots=True)
class Hostile:
    """Records of one kind.

    Attributes:
        reason: of their dead letters; None if they are events all the same.
        parts: of one record that are read apart; with a reason, it is the last one's, and the others are events.
    """

    kind: str
    values: Sequence[bytes | None]
    reason: str | None
    parts: int = 1

    @property
    def more(self) -> int:
        """Parts beyond one per record."""
        return (self.parts - 1) * len(self.values)

    @property
    def events(self) -> int:
        """What can be counted of it."""
        return self.more + (len(self.values) if self.reason is None else 0)


def kinds(*, time_ms: int, many: int) -> list[Hostile]:
    """All kinds; `many` is how many distinct guardrails nobody has heard of."""
    base = json.loads(event(number=0, time_ms=time_ms, guardrail="x", session=1, language="en", score=0.1))
    base |= {"guardrail": "hostile", "text": SECRET}
    del base["event_id"], base["time"]  # the record's own time counts

    def having(**changes: object) -> bytes:
        return json.dumps(base | changes).encode()

    def without(name: str) -> bytes:
        return json.dumps({key: value for key, value in base.items() if key != name}).encode()

    whole = having()
    return [
        Hostile("cut off", [whole[:cut] for cut in range(1, len(whole) - 1, 37)], "invalid_json"),
        Hostile(
            "not text",
            [bytes([0xFF, 0xFE]) + whole, b"\x00" * 400, whole.replace(b"en", b"\xc3\x28")],
            "invalid_json",
        ),
        Hostile("two in one", [whole + whole], None, parts=2),
        Hostile("one, and then a text", [whole + b" " + SECRET.encode()], "unknown_format", parts=2),
        Hostile("empty", [b"", b"   "], "invalid_json"),
        Hostile("NaN and infinity", [having(score=float(n)) for n in ("nan", "inf", "-inf")], "invalid_json"),
        Hostile("no object", [b"[1,2]", b'"' + SECRET.encode() + b'"', b"17", b"null", b"true"], "not_an_object"),
        Hostile(
            "wrong types",
            [having(score="high"), having(guardrail=7), having(text=[SECRET]), having(labels=3), having(time=[1])],
            "wrong_type",
        ),
        Hostile("scores out of range", [having(score=n) for n in (-0.01, 1.01, 1e308, 7)], "out_of_range"),
        Hostile(
            "seconds for milliseconds", [having(time=time_ms // 1000), having(time=time_ms * 1000)], "out_of_range"
        ),
        Hostile("long names", [having(guardrail="g" * n) for n in (129, 100_000)], "out_of_range"),
        Hostile("unknown words", [having(verdict="perhaps"), having(stage="kitchen")], "unknown_value"),
        Hostile("other versions", [having(v=2), having(v=0)], "wrong_version"),
        Hostile("no guardrail", [without("guardrail")], "missing_field"),
        Hostile(
            "deep",
            [whole[:-1] + b', "labels":' + b"[" * n + b"]" * n + b"}" for n in (40, 1_000, 100_000)],
            "too_deep",
        ),
        Hostile("brackets only", [b"[" * 500_000, b'{"a":' * 100_000], "too_deep"),
        Hostile("10 MB of text", [having(text=SECRET * (10 * MEBI // len(SECRET)))] * 6, "too_large"),
        Hostile("10 MB of nothing", [b" " * 10 * MEBI] * 6, "too_large"),
        Hostile("tombstones", [None] * 25, "null_value"),
        Hostile("a year ahead", [having(guardrail="ahead", time=time_ms + YEAR_MS + n) for n in range(60)], None),
        Hostile("a year behind", [having(guardrail="behind", time=time_ms - YEAR_MS - n) for n in range(60)], None),
        Hostile("again and again", [having(guardrail="again", event_id="same")] * 50, None),
        Hostile("nobody's guardrails", [having(guardrail=f"unknown-{n:06d}") for n in range(many)], None),
        Hostile(
            "strata to choose", [having(language=f"l{n}", app=f"a{n}", model=f"m{n}") for n in range(many)], None
        ),
    ]

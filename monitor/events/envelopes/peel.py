"""Takes the envelopes off a record until what is inside is a record itself; one record may hold several.

Bounds: at most :data:`MAX_ENVELOPES` around one record, :data:`MAX_PARTS` records in one, :data:`MAX_EXPANDED` bytes
out of compression and base64 altogether. What is beyond is a rejection of that part; the other parts are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from monitor.events.formats.format import Envelope, Identity, Inner
from monitor.events.formats.parse import parse
from monitor.events.reasons import Reason, Rejection

MAX_ENVELOPES: Final = 4
"""Gzip around a CloudWatch subscription around text around a Bedrock invocation log is four."""
MAX_PARTS: Final = 16_384
_MAP: Final = b'"kvlistValue"'
_DEEPEST: Final = 64
"""Of OTLP with maps in it, whatever the settings allow: the record inside is a quarter as deep."""
MAX_EXPANDED: Final = 16 << 20
"""Bytes; 16 records of the longest length that is read by default."""


@dataclass(frozen=True, slots=True)
class Part:
    """One of the records that were inside of a record; of a bare record the record itself.

    Attributes:
        record: parsed; text or bytes if it is no JSON.
        envelopes: around it, outermost first, each with what it was opened from.
        identities: what they say, innermost first.
        fault: why it could not be taken out.
    """

    record: Any
    envelopes: list[tuple[Envelope, Any]] = field(default_factory=list)
    identities: list[Identity] = field(default_factory=list)
    fault: Rejection | None = None


class Peeler:
    """Peels records.

    Args:
        envelopes_of: the envelopes that may be around a record, in the order in which they are tried.
        stands: whether a record is canonical or of a format as it stands, so that no weak envelope is taken off it.
        max_depth: deepest nesting of JSON.
    """

    def __init__(
        self,
        envelopes_of: Callable[[Any], Iterable[Envelope]],
        stands: Callable[[Any], bool],
        *,
        max_depth: int,
    ) -> None:
        self._envelopes_of = envelopes_of
        self._stands = stands
        self._max_depth = max_depth

    def parts(self, value: bytes, around: Sequence[Identity] = ()) -> list[Part]:
        """The records inside of a record, in their order: each with what is around it, or with its own fault."""
        bare = Part(self._parsed(value), identities=list(around))
        envelope = self._envelope(bare.record)
        if envelope is None:  # nearly every record
            return [bare]
        try:
            waiting = self._opened(bare, envelope, others=0)
        except Rejection as why:
            return [replace(bare, fault=why)]
        found: list[Part] = []
        room = MAX_EXPANDED
        while waiting:
            outer = waiting.pop()
            try:
                part = outer
                if isinstance(outer.record, bytes | str):
                    room -= len(outer.record)
                    _check(
                        room >= 0, Reason.too_large, f"more than {MAX_EXPANDED} bytes in the envelopes of a record"
                    )
                    part = Part(self._parsed(outer.record), outer.envelopes, outer.identities)
                envelope = self._envelope(part.record)
                if envelope is None:
                    found.append(part)
                else:
                    waiting += self._opened(part, envelope, others=len(waiting) + len(found))
            except Rejection as why:
                found.append(replace(outer, fault=why))
        return found

    def _opened(self, part: Part, envelope: Envelope, *, others: int) -> list[Part]:
        """The contents of an envelope, last first.

        Raises:
            Rejection: there are none, or too many with the ``others``, or it is one envelope too deep.
        """
        _check(
            len(part.envelopes) < MAX_ENVELOPES,
            Reason.too_deep,
            f"more than {MAX_ENVELOPES} envelopes around a record",
        )
        inside = envelope.open(part.record)
        inner = inside if isinstance(inside, list) else [inside]
        _check(bool(inner), Reason.no_verdict, f"{envelope.name}: nothing in it")
        _check(
            len(inner) + others <= MAX_PARTS,
            Reason.out_of_range,
            f"{envelope.name}: more than {MAX_PARTS} records in one",
        )
        below = _below(part, envelope, inner)
        below.reverse()
        return below

    def _parsed(self, record: bytes | str) -> Any:
        value = record.encode("utf-8", "replace") if isinstance(record, str) else record
        deep = _MAP in value  # OTLP writes four levels for each one of a record in it
        return parse(value, max_depth=_DEEPEST if deep else self._max_depth)

    def _envelope(self, record: Any) -> Envelope | None:
        for envelope in self._envelopes_of(record):
            if envelope.fits(record):
                return None if envelope.weak and self._stands(record) else envelope
        return None


def _below(part: Part, envelope: Envelope, inner: list[Inner]) -> list[Part]:
    """The contents, as parts. Where there are several, the envelope names each by its place."""
    opened = [*part.envelopes, (envelope, part.record)]
    below = []
    for place, (record, identity) in enumerate(inner):
        around = part.identities
        if len(inner) > 1:
            around = [
                one if one.record is None else replace(one, record=f"{one.record}/{place}") for one in part.identities
            ]
        below.append(Part(record, opened, [identity, *around]))
    return below


def _check(holds: bool, reason: Reason, sentence: str) -> None:
    if not holds:
        raise Rejection(reason, sentence)

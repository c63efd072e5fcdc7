"""One record, whatever its format: recognised by its shape, allowlisted, read."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from monitor.events.formats.allowlist import allowed
from monitor.events.formats.format import MAX_EVENTS, Context, Envelope, Event, Format, Identity, identified
from monitor.events.formats.parse import parse
from monitor.events.reasons import Reason, Rejection
from monitor.events.schema import VERSION

MAX_ENVELOPES: Final = 2
"""A CloudEvent around a Bedrock invocation log is two."""
CANONICAL: Final = "canonical"
F = TypeVar("F", bound=Format | Envelope)


@dataclass(frozen=True, slots=True)
class Recognised:
    """What a record is.

    Attributes:
        format: the format; None for canonical events, and for what cannot be read at all.
        why: what in the record says so.
        record: the record inside of its envelopes.
        envelopes: the envelopes around it, outermost first, each with what it was opened from.
        identities: what they say, innermost first.
    """

    format: Format | None
    why: str
    record: Any
    envelopes: list[tuple[Envelope, Any]] = field(default_factory=list)
    identities: list[Identity] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The format's name."""
        return CANONICAL if self.format is None else self.format.name


class _Index(Generic[F]):
    """Formats by the keys of which a record must have one."""

    def __init__(self, formats: Sequence[F]) -> None:
        self._formats: tuple[F, ...] = tuple(formats)
        self._by_key: dict[str, list[int]] = {}
        for place, one in enumerate(formats):
            for key in one.keys:
                self._by_key.setdefault(key, []).append(place)
        self._keyless = [place for place, one in enumerate(formats) if not one.keys]

    def __call__(self, record: Any) -> Iterable[F]:
        """The formats that a record may be of, in their order; of what is no object, all."""
        if not isinstance(record, dict):
            return self._formats
        hits = self._by_key.keys() & record.keys()
        if not hits and not self._keyless:
            return ()
        places = {place for key in hits for place in self._by_key[key]}
        return [self._formats[place] for place in sorted(places.union(self._keyless))]


class Reader:
    """Reads records of any of the given formats. What a record is depends on the record alone, never on the others.

    Args:
        formats: in the order in which a record is tried; with a single one every record is taken for it.
        envelopes: what may be around it.
        context: what readers know beside the record.
        max_depth: deepest nesting.
    """

    def __init__(
        self, formats: Sequence[Format], envelopes: Sequence[Envelope], context: Context, *, max_depth: int
    ) -> None:
        self._only = formats[0] if len(formats) == 1 else None
        self._formats_of = _Index(formats)
        self._envelopes_of = _Index(envelopes)
        self._context = dataclasses.replace(context, named=self._only is not None)
        self._unsure = [one.unsure for one in formats if one.unsure is not None]
        self._max_depth = max_depth

    def recognise(self, value: bytes, *, around: Identity | None = None) -> Recognised:
        """What a record is.

        Args:
            value: the record.
            around: what an envelope outside the value says about it.

        Raises:
            Rejection: it is no known format.
        """
        record = parse(value, max_depth=self._max_depth)
        opened: list[tuple[Envelope, Any]] = []
        identities: list[Identity] = [] if around is None else [around]
        while len(opened) <= MAX_ENVELOPES:
            envelope = next((one for one in self._envelopes_of(record) if one.fits(record)), None)
            if envelope is None:
                return self._inside(record, opened, identities)
            opened.append((envelope, record))
            record, identity = envelope.open(record)
            identities.insert(0, identity)
        raise Rejection(Reason.too_deep, f"more than {MAX_ENVELOPES} envelopes around a record")

    def events(self, recognised: Recognised) -> list[Event] | None:
        """The canonical events of a record; None if it is one to begin with, to be decoded as it stands.

        Raises:
            Rejection: it cannot be read.
        """
        if recognised.format is None:
            if not recognised.identities:
                return None
            events = [dict(recognised.record)]
        else:
            prepare = recognised.format.prepare
            kept = allowed(prepare(recognised.record) if prepare else recognised.record, recognised.format.keep)
            if kept is None:
                raise Rejection(Reason.not_an_object, f"{recognised.name}: not the kind of JSON that this format is")
            events = recognised.format.read(kept, self._context)
        if not events:
            raise Rejection(Reason.no_verdict, f"{recognised.name}: no guardrail's verdict in it")
        if len(events) > MAX_EVENTS:
            raise Rejection(Reason.out_of_range, f"{recognised.name}: {len(events)} verdicts; at most {MAX_EVENTS}")
        for identity in recognised.identities:
            identified(events, identity, format_name=recognised.name)
        return events

    def _inside(self, record: Any, opened: list[tuple[Envelope, Any]], identities: list[Identity]) -> Recognised:
        if self._only is not None:
            if isinstance(record, bytes | str) and not opened and not self._only.fits(record):
                return Recognised(None, "not JSON", record)  # the canonical decoder says what is wrong with it
            return Recognised(self._only, "as set", record, opened, identities)
        named = isinstance(record, dict) and isinstance(record.get("guardrail"), str)
        if named and record.get("v") == VERSION:
            return Recognised(None, "has v and guardrail", record, opened, identities)
        for candidate in self._formats_of(record):
            why = candidate.fits(record)
            if why:
                return Recognised(candidate, why, record, opened, identities)
        if named or (isinstance(record, dict) and record.get("v") is not None):
            return Recognised(None, "has v or guardrail", record, opened, identities)
        for unsure in self._unsure:
            if sentence := unsure(record):
                raise Rejection(Reason.unknown_format, sentence)
        if not isinstance(record, dict) and not opened:
            return Recognised(None, "no object", record)  # the canonical decoder says what is wrong with it
        raise Rejection(
            Reason.unknown_format,
            "neither a canonical event (v is missing) nor of a known format; see `driftline formats`, or map its"
            " fields with source.mapping",
        )

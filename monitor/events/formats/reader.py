"""One record of any format: taken out of its envelopes, recognised by its shape, allowlisted, read."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from monitor.events.envelopes.peel import Part, Peeler
from monitor.events.envelopes.unwrap import NAME as UNWRAP
from monitor.events.formats.allowlist import allowed
from monitor.events.formats.failures import failure_of
from monitor.events.formats.format import MAX_EVENTS, Context, Envelope, Event, Format, Identity, identified
from monitor.events.general import nesting_depth
from monitor.events.reasons import Reason, Rejection

CANONICAL: Final = "canonical"
_REMEMBERED: Final = 1_024
"""Sets of keys whose formats are remembered; which keys a record has is the sender's to choose."""


@dataclass(frozen=True, slots=True)
class Recognised:
    """The kind of a record.

    Attributes:
        format: the format; None for canonical events, and for what cannot be read at all.
        why: the evidence in the record.
        record: the record inside of its envelopes.
        envelopes: the envelopes around it, outermost first, each with what it was opened from.
        identities: what they say, innermost first.
        fault: why it is of no format, or could not be taken out of its envelopes.
    """

    format: Format | None
    why: str
    record: Any
    envelopes: list[tuple[Envelope, Any]] = field(default_factory=list)
    identities: list[Identity] = field(default_factory=list)
    fault: Rejection | None = None

    @property
    def name(self) -> str:
        """The format's name."""
        return CANONICAL if self.format is None else self.format.name


class _Formats:
    """Formats by the keys of which a record must have one."""

    def __init__(self, formats: Sequence[Format]) -> None:
        self._formats = tuple(formats)
        self._by_key: dict[str, list[int]] = {}
        for place, one in enumerate(formats):
            for key in one.keys:
                self._by_key.setdefault(key, []).append(place)
        self._keyless = [place for place, one in enumerate(formats) if not one.keys]
        self._known: dict[frozenset[str], tuple[Format, ...]] = {}

    def __call__(self, record: Any) -> Iterable[Format]:
        """The formats that a record may be of, in their order; of what is no object, all."""
        if not isinstance(record, dict):
            return self._formats
        hits = self._by_key.keys() & record.keys()
        if not hits and not self._keyless:
            return ()
        asked = frozenset(hits)
        known = self._known.get(asked)
        if known is None:
            places = {place for key in hits for place in self._by_key[key]}
            known = tuple(self._formats[place] for place in sorted(places.union(self._keyless)))
            if len(self._known) < _REMEMBERED:
                self._known[asked] = known
        return known


class _Envelopes:
    """Envelopes by key: those with keys are around objects, those without around everything else.

    The user's own, which has none, is tried first, whatever the record is.
    """

    def __init__(self, envelopes: Sequence[Envelope]) -> None:
        self._own = tuple(one for one in envelopes if one.name == UNWRAP)
        self._place = {id(one): place for place, one in enumerate(envelopes)}
        self._by_key = {
            key: tuple(one for one in envelopes if key in one.keys) for one in envelopes for key in one.keys
        }
        self._keyless = tuple(one for one in envelopes if not one.keys)

    def __call__(self, record: Any) -> Iterable[Envelope]:
        """The envelopes that may be what a record is, in their order."""
        if not isinstance(record, dict):
            return self._keyless
        hits = self._by_key.keys() & record.keys()
        if not hits:
            return self._own
        if len(hits) == 1 and not self._own:
            return self._by_key[hits.pop()]
        found = {id(one): one for key in hits for one in self._by_key[key]}
        return [*self._own, *sorted(found.values(), key=lambda one: self._place[id(one)])]


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
        self._formats_of = _Formats(formats)
        self._peeler = Peeler(_Envelopes(envelopes), self._stands, max_depth=max_depth)
        self._context = dataclasses.replace(context, named=self._only is not None)
        self._unsure = [one.unsure for one in formats if one.unsure is not None]
        self._max_depth = max_depth

    def parts(self, value: bytes, *, around: Identity | None = None) -> list[Recognised]:
        """The kind of a record, or of each of the records inside of it; at least one.

        Args:
            value: the record.
            around: the facts of an envelope outside the value.
        """
        return [self._recognised(part) for part in self._peeler.parts(value, () if around is None else (around,))]

    def recognise(self, value: bytes, *, around: Identity | None = None) -> Recognised:
        """The kind of a single record, not of several in an envelope.

        Raises:
            Rejection: it is no known format, or several records.
        """
        parts = self.parts(value, around=around)
        if len(parts) > 1:
            raise Rejection(Reason.wrong_type, f"{len(parts)} records in one")
        if parts[0].fault is not None:
            raise parts[0].fault
        return parts[0]

    def events(self, recognised: Recognised) -> list[Event] | None:
        """The canonical events of a record; None if it is one to begin with, to be decoded as it stands.

        Raises:
            Rejection: it cannot be read.
        """
        if recognised.fault is not None:
            raise recognised.fault
        if recognised.format is None:
            if not recognised.identities:
                return None
            events = [dict(recognised.record)]
        elif (status := self._failure(recognised)) is not None:
            events = [{"guardrail": recognised.format.guardrail, "status": status}]
        else:
            kept = allowed(recognised.record, recognised.format.keep)
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

    def _failure(self, recognised: Recognised) -> str | None:
        """The status of a record that is an error in place of an answer of the format that the settings name."""
        if self._only is None or not self._only.guardrail or self._only.fits(recognised.record):
            return None
        return failure_of(recognised.record)

    def _stands(self, record: Any) -> bool:
        if _is_canonical(record):
            return True
        candidates = self._formats_of(record) if self._only is None else (self._only,)
        return any(one.fits(record) for one in candidates) or self._hint(record) != ""

    def _hint(self, record: Any) -> str:
        """Why a record is not taken for a format that it looks like, and the way out; empty if it looks like none."""
        return next((found for unsure in self._unsure if (found := unsure(record))), "")

    def _recognised(self, part: Part) -> Recognised:  # noqa: PLR0911 - one line per case
        record, around = part.record, (part.envelopes, part.identities)
        if part.fault is not None:
            return Recognised(None, "cannot be taken out of its envelope", record, *around, part.fault)
        if self._only is not None:
            if isinstance(record, bytes | str) and not self._only.fits(record):
                return self._no_json(record, "not JSON", part)
            return Recognised(self._only, "as set", _prepared(record, self._only), *around)
        form, why = self._told_apart(record)
        if why:
            return Recognised(form, why, _prepared(record, form), *around)
        if hint := self._hint(record):
            return Recognised(None, "no format fits", record, *around, Rejection(Reason.unknown_format, hint))
        if isinstance(record, bytes | str) or (not isinstance(record, dict) and not part.envelopes):
            return self._no_json(record, "no object", part)
        return Recognised(None, "no format fits", record, *around, Rejection(Reason.unknown_format, _UNKNOWN))

    def _told_apart(self, record: Any) -> tuple[Format | None, str]:
        """The format, None for canonical; and the evidence for it, empty if there is none."""
        if _is_canonical(record):
            return None, "has v and guardrail"
        for candidate in self._formats_of(record):
            why = candidate.fits(record)
            if why:
                return candidate, why
        if isinstance(record, dict) and (record.get("v") is not None or isinstance(record.get("guardrail"), str)):
            return None, "has v or guardrail, and no format fits"
        return None, ""

    def _no_json(self, record: Any, why: str, part: Part) -> Recognised:
        """Bare, the canonical decoder reports what is wrong with it; inside of an envelope it is reported here."""
        if not part.envelopes:
            return Recognised(None, why, record)
        raw = record.encode("utf-8", "replace") if isinstance(record, str) else record
        fault = Rejection(Reason.invalid_json, f"what is inside of {part.envelopes[-1][0].name} is not JSON")
        if nesting_depth(np.frombuffer(raw, np.uint8)) > self._max_depth:
            fault = Rejection(Reason.too_deep, f"nested more than {self._max_depth} deep")
        return Recognised(None, why, record, part.envelopes, part.identities, fault)


_UNKNOWN: Final = (
    "neither a canonical event (v is missing) nor of a known format; see `driftline formats`, or map its fields with"
    " source.mapping"
)


def _prepared(record: Any, form: Format | None) -> Any:
    """The record as the format's allowlist knows it."""
    return record if form is None or form.prepare is None else form.prepare(record)


def _is_canonical(record: Any) -> bool:
    """Both together are no vendor's; one alone may be, and is canonical only if no format fits."""
    return isinstance(record, dict) and record.get("v") is not None and isinstance(record.get("guardrail"), str)

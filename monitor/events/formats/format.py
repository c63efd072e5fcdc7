"""Declaration of a wire format, and the input and output of its reader.

A reader turns one record into plain canonical events (:mod:`monitor.events.schema`); checking and normalising them is
the canonical decoder's work, so that no format has rules of its own. A reader never sees more of a record than the
format's allowlist: everything else is taken away before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from monitor.events.batch import ScoreKind
from monitor.events.formats.allowlist import Keep
from monitor.events.formats.thresholds import Thresholds

MAX_EVENTS: Final = 16_384
"""Events that one record may give: an OpenTelemetry batch is 8,192 records by default."""

Event = dict[str, Any]
"""A canonical event as plain JSON; ``v`` is added by the decoder, None is the same as absent."""


class Detail(StrEnum):
    """Parts of an event that records of a format can hold; a score and its threshold are in :class:`Score`."""

    verdict = "verdict"
    """The guardrail's own decision, and not its score alone."""
    action = "action"
    """The enforced action."""
    status = "status"
    """That a guardrail did not judge: a fault, a time-out, skipped."""
    stage = "stage"
    version = "version"
    """A version of the guardrail: a version, a model, a profile."""
    time = "time"
    latency = "latency"


class Orientation(StrEnum):
    """Which end of a score is the bad one, as the vendor writes it."""

    high = "high is unsafe"
    low = "low is unsafe"
    label = "confidence of the label"
    declared = "as the settings say"
    none = "no score"


class ThresholdFrom(StrEnum):
    """The source of the decision threshold of a score."""

    event = "event"
    settings = "settings"
    vendor = "vendor's fixed value, or settings"
    none = "none"


@dataclass(frozen=True, slots=True)
class Score:
    """One sort of score in a format.

    Attributes:
        of: what carries it.
        kind: how finely it resolves; boolean is a verdict without a score, so without boundary proximity.
        orientation: which end is bad.
        threshold: where its threshold comes from.
        scale: the vendor's own scale, in which a threshold of the settings is given.
    """

    of: str
    kind: ScoreKind
    orientation: Orientation
    threshold: ThresholdFrom
    scale: str = "0 to 1"


@dataclass(frozen=True, slots=True)
class Context:
    """A reader's context beside the record.

    Attributes:
        thresholds: thresholds of the settings.
        named: whether the settings name the format, so that a record needs no mark of its own.
    """

    thresholds: Thresholds = field(default_factory=Thresholds)
    named: bool = False


@dataclass(frozen=True, slots=True)
class Identity:
    """Facts of a record, or of the envelope around it, about all of its events.

    Attributes:
        record: names the record; ``event_id`` is made of it and the event's place in the record.
        request: the request that was judged.
        time: integer epoch milliseconds or RFC 3339.
        model: the model that the product calls.
        app: the product or service that wrote the record.
        session: the conversation.
    """

    record: str | None = None
    request: str | None = None
    time: int | str | None = None
    model: str | None = None
    app: str | None = None
    session: str | None = None


@dataclass(frozen=True, slots=True)
class Format:
    """One wire format.

    Attributes:
        name: as in ``source.format`` and in the documentation.
        title: for people.
        keys: top-level keys of which a record has at least one; none: it need not be an object. Only records with one
            of them are shown to ``fits``, so telling a record costs the same however many formats there are.
        fits: why a record is of this format, or None if it is not; looks at a few keys only, never raises.
        keep: the allowlist; the reader sees nothing else.
        read: events of an allowlisted record; raises Rejection. Never part of the events: all or none.
        scores: what scores it has.
        dropped: what the allowlist leaves out and why, for people.
        source: where the shape is from, for people; the fields are in the module's docstring.
        carries: what its records can hold.
        unsure: of a record that no format fits: why it is not taken for this one although it looks like it, and the
            way out; None if it does not look like it.
        prepare: the record as the allowlist knows it, where a part is JSON in a string or keys have other spellings.
        guardrail: whose status an error body is where the settings name the format; empty: nobody's.
    """

    name: str
    title: str
    keys: tuple[str, ...]
    fits: Callable[[Any], str | None]
    keep: Keep
    read: Callable[[Any, Context], list[Event]]
    scores: tuple[Score, ...]
    dropped: str
    source: str
    carries: tuple[Detail, ...]
    unsure: Callable[[Any], str | None] | None = None
    prepare: Callable[[Any], Any] | None = None
    guardrail: str = ""


Inner = tuple[Any, Identity]
"""A record inside of an envelope, and the envelope's facts about it. Bytes and text are read on: as JSON,
or as another envelope."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A format that only carries records of other formats.

    Attributes:
        open: the record inside, or a list where there may be several; raises Rejection.
        fills: what it knows that its records may lack, for people.
        weak: its shape is not its own alone: a record that is of a format or canonical as it stands is left so.
    """

    name: str
    title: str
    keys: tuple[str, ...]
    fits: Callable[[Any], str | None]
    keep: Keep
    open: Callable[[Any], Inner | list[Inner]]
    dropped: str
    fills: str = ""
    weak: bool = False


def identified(events: list[Event], identity: Identity, *, format_name: str) -> list[Event]:
    """The events with the record's facts about all of them; an event's own facts go first.

    An ``event_id`` is format, record and place, so that the events of one record differ, a record that is delivered
    again gives the same ones, and two formats that name a request alike do not collide.
    """
    for place, event in enumerate(events):
        if identity.record and not event.get("event_id"):
            event["event_id"] = f"{format_name}:{identity.record}#{place}"
        for name, value in (
            ("request_id", identity.request),
            ("time", identity.time),
            ("model", identity.model),
            ("app", identity.app),
            ("session_id", identity.session),
        ):
            if value is not None and event.get(name) is None:
                event[name] = value
    return events


def has(record: Any, *keys: str) -> bool:
    """Whether the record is an object with all these keys."""
    return isinstance(record, dict) and all(key in record for key in keys)


def at(record: Any, *path: str) -> Any:
    """The value at a path of keys; None where there is none."""
    for key in path:
        if not isinstance(record, dict):
            return None
        record = record.get(key)
    return record

"""How a record is read, for people: recognised as what and why, its events, and what was dropped."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Final

import msgspec

from monitor.events.batch import TOLERANCE, ScoreSemantics, Status, Verdict
from monitor.events.formats.allowlist import leaves, listed
from monitor.events.formats.format import Event, Score
from monitor.events.formats.reader import CANONICAL, Reader, Recognised
from monitor.events.formats.registry import ENVELOPES, FORMATS
from monitor.events.general import read
from monitor.events.reasons import Rejection
from monitor.events.schema import BY_NAME

UNREADABLE: Final = "unreadable"
MAX_PATHS: Final = 200
_BECAUSE: Final = "only listed fields are read; see the format's row in monitor/events/formats/README.md"
_HIDDEN: Final = ("text", "labels")
_MAX_DEPTH: Final = 64
_ENCODE: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Explained:
    """One record.

    Attributes:
        format: its format; ``unreadable`` if it is none.
        why: what in it says so.
        events: canonical events, absent fields left out; empty if the record is rejected.
        dropped: paths of fields that are not read; never their values.
        because: why they are not.
        contradictions: of the events, where the verdict contradicts score and threshold.
        reason, sentence: why it is rejected; empty if it is not.
    """

    format: str
    why: str
    events: list[Event] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    because: str = ""
    contradictions: list[str] = field(default_factory=list)
    reason: str = ""
    sentence: str = ""

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def explain(reader: Reader, value: bytes) -> Explained:
    """How one record is read. Its time is taken to be known, as it is in Kafka."""
    try:
        found = reader.recognise(value)
    except Rejection as why:
        return Explained(UNREADABLE, "no format fits", reason=why.reason.value, sentence=why.sentence)
    dropped, because = _dropped(found)
    try:
        events = reader.events(found)
        shown = [_plain(event) for event in events] if events is not None else [_canonical(value, found)]
        for event in shown:
            _check(event)
    except Rejection as why:
        return Explained(
            found.name, found.why, dropped=dropped, because=because, reason=why.reason.value, sentence=why.sentence
        )
    return Explained(
        found.name,
        found.why,
        events=[_hidden(event) for event in shown],
        dropped=dropped,
        because=because,
        contradictions=[said for event in shown if (said := contradiction(event))],
    )


def contradiction(event: Event) -> str:
    """How the event's verdict contradicts its score and threshold, as they are on the event; empty if it does not."""
    score, threshold, verdict = event.get("score"), event.get("threshold"), event.get("verdict")
    if score is None or threshold is None or not verdict or event.get("status") not in (None, "", Status.ok.name):
        return ""
    caught = verdict != Verdict.allow.name
    semantics = event.get("score_semantics") or ScoreSemantics.p_unsafe.name
    if semantics == ScoreSemantics.label_confidence.name and not caught:
        score = 1 - score
    above = score - threshold if semantics != ScoreSemantics.inverted.name else threshold - score
    if abs(above) <= TOLERANCE or (above > 0) is caught:
        return ""
    where = "unsafe" if above > 0 else "safe"
    return f"score {event['score']} is on the {where} side of the threshold {threshold}, but the verdict is {verdict}"


def catalogue() -> list[dict[str, Any]]:
    """All formats and envelopes as plain data, the canonical one first."""
    canonical = {
        "name": CANONICAL,
        "title": "Driftline's own event, version 1",
        "scores": [],
        "reads": list(BY_NAME),
        "dropped": "text, after its fingerprint; labels; unknown fields",
    }
    return [
        canonical,
        *(
            {
                "name": one.name,
                "title": one.title,
                "scores": [_score(score) for score in one.scores],
                "reads": sorted(set(listed(one.keep))),
                "dropped": one.dropped,
            }
            for one in FORMATS
        ),
        *(
            {
                "name": one.name,
                "title": one.title,
                "scores": [],
                "reads": sorted(set(listed(one.keep))),
                "dropped": one.dropped,
            }
            for one in ENVELOPES
        ),
    ]


def _score(score: Score) -> dict[str, str]:
    return {
        "of": score.of,
        "kind": score.kind.name,
        "orientation": score.orientation.value,
        "threshold": score.threshold.value,
        "scale": score.scale,
    }


def _dropped(found: Recognised) -> tuple[list[str], str]:
    if found.format is None:
        record = found.record if isinstance(found.record, dict) else {}
        return sorted(set(record) - set(BY_NAME) | set(record) & set(_HIDDEN))[:MAX_PATHS], (
            "text and labels are measured and dropped, unknown fields are not read"
        )
    paths = [path for path, kept in leaves(found.record, found.format.keep) if not kept]
    return sorted(set(paths))[:MAX_PATHS], f"{_BECAUSE}: {found.format.dropped}"


def _plain(event: Event) -> Event:
    return {name: value for name, value in event.items() if value is not None}


def _canonical(value: bytes, found: Recognised) -> Event:
    """The event as it stands; reading it says whether it is one."""
    read(value, has_timestamp=True, max_depth=_MAX_DEPTH)
    return {name: said for name, said in found.record.items() if name in BY_NAME and said is not None}


def _check(event: Event) -> None:
    """The canonical decoder's own checks.

    Raises:
        Rejection: it would not be accepted.
    """
    read(_ENCODE({"v": 1, **event}), has_timestamp=True, max_depth=_MAX_DEPTH)


def _hidden(event: Event) -> Event:
    """Without what the decoder drops after having looked at it."""
    return {name: f"({len(value)} long, dropped)" if name in _HIDDEN else value for name, value in event.items()}

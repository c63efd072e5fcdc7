"""Explains the reading of a record: its format and the reason, its events, and the dropped parts."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Final

from monitor.events.batch import TOLERANCE, ScoreSemantics, Status, Verdict
from monitor.events.envelopes.registry import ENVELOPES
from monitor.events.formats.allowlist import leaves, listed
from monitor.events.formats.decoder import canonical_json
from monitor.events.formats.format import Event, Score
from monitor.events.formats.reader import CANONICAL, Reader, Recognised
from monitor.events.formats.registry import FORMATS
from monitor.events.general import read
from monitor.events.reasons import NO_FAULT, Rejection
from monitor.events.schema import BY_NAME

UNREADABLE: Final = "unreadable"
MAX_PATHS: Final = 200
_BECAUSE: Final = "only listed fields are read; see the format's row in monitor/events/formats/README.md"
_HIDDEN: Final = ("text", "labels")
_MAX_DEPTH: Final = 64


@dataclass(frozen=True, slots=True)
class Explained:
    """One record, or one of the records inside of one.

    Attributes:
        format: its format; ``unreadable`` if it is none.
        why: the evidence in it.
        envelopes: what is around it, outermost first.
        events: canonical events, absent fields left out; empty if the record is rejected.
        dropped: paths of fields that are not read; never their values.
        because: why they are not.
        contradictions: of the events, where the verdict contradicts score and threshold.
        reason, sentence: why it is rejected; empty if it is not.
    """

    format: str
    why: str
    envelopes: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    because: str = ""
    contradictions: list[str] = field(default_factory=list)
    reason: str = ""
    sentence: str = ""

    @property
    def unread(self) -> bool:
        """Whether it is rejected for a fault, and not for having nothing to read."""
        return bool(self.reason) and self.reason not in NO_FAULT

    def plain(self) -> dict[str, Any]:
        """The explanation as JSON."""
        return asdict(self)


def explain(reader: Reader, value: bytes) -> list[Explained]:
    """The reading of a record: one answer, or one for each of the records inside of it.

    Their time is taken to be known, as it is in Kafka.
    """
    return [_explained(reader, value, found) for found in reader.parts(value)]


def _explained(reader: Reader, value: bytes, found: Recognised) -> Explained:
    envelopes = [one.name for one, _ in found.envelopes]
    if found.fault is not None:
        reason, sentence = found.fault.reason.value, found.fault.sentence
        return Explained(UNREADABLE, found.why, envelopes, reason=reason, sentence=sentence)
    dropped, because = _dropped(found)
    try:
        events = reader.events(found)
        if events is None:
            read(value, has_timestamp=True, max_depth=_MAX_DEPTH)
        shown = [_plain(event) for event in events or [_canonical(found)]]
        for event in shown if events is not None else ():
            read(canonical_json(event), has_timestamp=True, max_depth=_MAX_DEPTH)
    except Rejection as why:
        name = found.name if isinstance(found.record, dict | list) or found.format is not None else UNREADABLE
        return Explained(
            name,
            found.why,
            envelopes,
            dropped=dropped,
            because=because,
            reason=why.reason.value,
            sentence=why.sentence,
        )
    return Explained(
        found.name,
        found.why,
        envelopes,
        events=[_hidden(event) for event in shown],
        dropped=dropped,
        because=because,
        contradictions=[said for event in shown if (said := contradiction(event))],
    )


def contradiction(event: Event) -> str:
    """The contradiction of the event's verdict with its score and threshold, as on the event; else empty."""
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
        return _shown(set(record) - set(BY_NAME) | set(record) & set(_HIDDEN)), (
            "text and labels are measured and dropped, unknown fields are not read"
        )
    paths = {path for path, kept in leaves(found.record, found.format.keep) if not kept}
    return _shown(paths), f"{_BECAUSE}: {found.format.dropped}"


def _shown(paths: set[str]) -> list[str]:
    """Names of fields are the producer's to choose: half of a surrogate pair in one must not stop the output."""
    return [path.encode("utf-8", "backslashreplace").decode() for path in sorted(paths)[:MAX_PATHS]]


def _plain(event: Event) -> Event:
    return {name: value for name, value in event.items() if value is not None}


def _canonical(found: Recognised) -> Event:
    return {name: said for name, said in found.record.items() if name in BY_NAME and said is not None}


def _hidden(event: Event) -> Event:
    """Without what the decoder drops after having looked at it."""
    return {name: f"({len(value)} long, dropped)" if name in _HIDDEN else value for name, value in event.items()}

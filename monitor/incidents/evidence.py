"""Evidence as it was: what was known of a finding when it paged and when it ended, kept beside the incident.

Counts and evidence over time are removed after their retention, settings change, releases go by; the record of an
incident must not depend on them. A capture is one JSON document per finding and moment. The timeline has an entry
with its SHA-256, so that the chain covers the document too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

import msgspec

from monitor.errors import Refused
from monitor.findings.model import Finding
from monitor.incidents.model import Entry
from monitor.incidents.timeline import What

VERSION: Final = 1
MOST_BYTES: Final = 512 * 1024
"""Of a document; longer ones lose the settings, which are the only part without a bound of its own."""
NO_REQUEST_IDS: Final = "identifiers of requests are not kept; the log offsets lead to the requests"


class Moment(StrEnum):
    """When it was captured."""

    found = "found"
    ended = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What was running.

    Attributes:
        version: of Driftline.
        settings: the settings in force, secrets masked.
    """

    version: str = ""
    settings: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def digest(self) -> str:
        """SHA-256 of the settings, in the order of their names."""
        return hashlib.sha256(json.dumps(dict(self.settings), sort_keys=True, default=str).encode()).hexdigest()


class Capture(msgspec.Struct, frozen=True, kw_only=True):
    """A capture that was asked for, or made.

    Attributes:
        due_ms: when it is to be made; None: it is made.
        seq: the entry that has its hash.
        document: JSON; None until it is made.
    """

    incident_id: int
    finding_id: str
    moment: Moment
    due_ms: int | None = None
    seq: int | None = None
    document: str | None = None


def document(
    finding: Finding,
    moment: Moment,
    *,
    at_ms: int,
    setup: Setup,
    detector: Mapping[str, object],
    evidence: Sequence[Mapping[str, object]],
    pictures: Mapping[str, str],
) -> str:
    """The document of a capture.

    Args:
        finding: as stored at that moment, with onset, effect, attribution and log offsets.
        moment, at_ms: which, and when by the service's clock.
        setup: settings and version of that moment.
        detector: what is known of the stream's state.
        evidence: the course of the evidence: ``at_ms``, ``question``, ``log_evidence``, ``spent``.
        pictures: name -> SVG.
    """
    whole: dict[str, Any] = {
        "version": VERSION,
        "moment": moment.value,
        "at_ms": at_ms,
        "finding": msgspec.to_builtins(finding),
        "offsets": {name: list(span) for name, span in sorted(finding.offsets.items())},
        "request_ids": NO_REQUEST_IDS,
        "driftline": setup.version,
        "guardrail_version": finding.guardrail_version,
        "settings_sha256": setup.digest,
        "settings": dict(setup.settings),
        "detector": dict(detector),
        "evidence": list(evidence),
        "pictures": dict(pictures),
    }
    text = _plain(whole)
    if len(text.encode()) > MOST_BYTES:
        text = _plain(whole | {"settings": None})
    return text


def entry_data(text: str) -> dict[str, object]:
    """What the timeline keeps of a document: its hash and length, and the parts that one looks for first."""
    whole = json.loads(text)
    return {
        "sha256": digest(text),
        "bytes": len(text.encode()),
        "finding": whole["finding"]["id"],
        "moment": whole["moment"],
        "driftline": whole["driftline"],
        "guardrail_version": whole["guardrail_version"],
        "settings_sha256": whole["settings_sha256"],
        "partitions": len(whole["offsets"]),
        "points": len(whole["evidence"]),
        "pictures": sorted(whole["pictures"]),
    }


def digest(text: str) -> str:
    """Hex SHA-256 of a document."""
    return hashlib.sha256(text.encode()).hexdigest()


def changed(captures: Sequence[Capture], entries: Sequence[Entry]) -> Capture | None:
    """The first capture whose document is not the one that the timeline names; None: all are."""
    named = {entry.seq: entry.data.get("sha256") for entry in entries if entry.kind == What.evidence}
    for capture in captures:
        if capture.document is not None and named.get(capture.seq or 0) != digest(capture.document):
            return capture
    return None


def picture(capture: Capture, name: str) -> str:
    """One of its pictures, as SVG.

    Raises:
        Refused: it has none of this name.
    """
    pictures = json.loads(capture.document or "{}").get("pictures", {})
    if name not in pictures:
        raise Refused(
            f"finding {capture.finding_id[:80]} has no picture {name!r}; it has {', '.join(pictures) or 'none'}"
        )
    return str(pictures[name])


def _plain(whole: Mapping[str, object]) -> str:
    return json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=str)
